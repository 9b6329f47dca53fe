// Sort key: fields as bytes in their order.
// SPDX-License-Identifier: Apache-2.0
#include "flow/sort_key.h"

#include <string.h>

bool leat_flow_sort_can(const leat_flow_field *field) {
  return field->type != LEAT_FLOW_TYPE_LIST && field->type != LEAT_FLOW_TYPE_ROW;
}

// --- Config -------------------------------------------------------------------------------------
static bool cut_end(leat_str *text, const char *end) {
  size_t len = strlen(end);
  if (text->len <= len || memcmp(text->ptr + text->len - len, end, len) != 0) return false;
  return text->len -= len, true;
}

static leat_status read_term(const leat_flow_transform *t, const leat_yaml_node *node,
                             const leat_flow_schema *row, bool falling, leat_flow_sort_term *out,
                             leat_error *err) {
  if (node->kind != LEAT_YAML_SCALAR)
    return leat_flow_fail(t, node, err, "expected a field's name, or 'FIELD desc'");
  leat_str name = node->text;
  *out = (leat_flow_sort_term){leat_flow_schema_find(row, name), falling};
  if (out->field < 0) {
    if (cut_end(&name, " desc"))
      out->falling = true;
    else if (cut_end(&name, " asc"))
      out->falling = false;
    out->field = leat_flow_schema_find(row, name);
  }
  if (out->field < 0) return leat_flow_no_field(t, row, node, name, err);
  const leat_flow_field *field = &row->fields[out->field];
  if (leat_flow_sort_can(field)) return LEAT_OK;
  return leat_flow_fail(t, node, err, "field '" LEAT_STR_FMT "' is a %s, which has no order",
                        LEAT_STR_ARG(name), leat_flow_type_name(field->type));
}

leat_status leat_flow_sort_read(leat_flow *flow, const leat_flow_transform *t,
                                const leat_yaml_node *node, const leat_flow_schema *row,
                                bool falling, leat_flow_sort *out, leat_error *err) {
  bool list = node && node->kind == LEAT_YAML_SEQUENCE;
  size_t count = list ? node->count : 1;
  if (!node || !count) return leat_flow_fail(t, node, err, "expected by: FIELD, or a list of them");
  leat_flow_sort_term *terms = leat_arena_alloc(&flow->arena, count * sizeof *terms);
  if (!terms) return leat__oom(err, count * sizeof *terms);
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < count; i++)
    status = read_term(t, list ? node->items[i] : node, row, falling, &terms[i], err);
  *out = (leat_flow_sort){row->fields, terms, (int)count};
  return status;
}

// --- Bytes --------------------------------------------------------------------------------------
// The greatest byte first; the sign turned, so that negative numbers come before.
static void put_whole(uint64_t value, leat_buf *out) {
  char bytes[8];
  for (int i = 0; i < 8; i++) bytes[i] = (char)(value >> (56 - 8 * i));
  leat_buf_add(out, bytes, sizeof bytes);
}

static void put_real(double value, leat_buf *out) {
  uint64_t bits, sign = UINT64_C(1) << 63;
  memcpy(&bits, &value, sizeof bits);
  if (value != value) bits = ~sign;  // all NaNs alike
  put_whole(bits & sign ? ~bits : bits | sign, out);
}

// A zero byte as 0 255, the end as 0 0.
static void put_text(leat_str text, leat_buf *out) {
  for (const char *zero; (zero = memchr(text.ptr, 0, text.len));) {
    size_t before = (size_t)(zero - text.ptr) + 1;
    leat_buf_add(out, text.ptr, before);
    leat_buf_char(out, (char)0xff);
    text = (leat_str){text.ptr + before, text.len - before};
  }
  leat_buf_str(out, text);
  leat_buf_add(out, "\0", 2);
}

static void put_value(const leat_flow_field *field, const leat_flow_column *c, int row,
                      leat_buf *out) {
  const uint64_t sign = UINT64_C(1) << 63;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_buf_char(out, (char)leat_flow_bool(c, row)); break;
    case LEAT_FLOW_TYPE_INT32:
      put_whole((uint64_t)(int64_t)((const int32_t *)c->values)[row] ^ sign, out);
      break;
    case LEAT_FLOW_TYPE_FLOAT: put_real((double)((const float *)c->values)[row], out); break;
    case LEAT_FLOW_TYPE_DOUBLE: put_real(((const double *)c->values)[row], out); break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: put_text(leat_flow_text(c, row), out); break;
    default: put_whole((uint64_t)((const int64_t *)c->values)[row] ^ sign, out); break;
  }
}

void leat_flow_sort_pack(const leat_flow_sort *sort, const leat_flow_column *columns, int row,
                         leat_buf *out) {
  for (int i = 0; i < sort->count; i++) {
    const leat_flow_sort_term *term = &sort->terms[i];
    const leat_flow_column *c = &columns[term->field];
    bool valid = leat_flow_is_valid(c, row);
    leat_buf_char(out, (char)!valid);
    if (!valid) continue;
    size_t at = out->len;
    put_value(&sort->fields[term->field], c, row, out);
    for (; term->falling && at < out->len; at++) out->ptr[at] = (char)~out->ptr[at];
  }
}
