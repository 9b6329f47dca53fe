// Row JSON: values as JSON and as plain text.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_json.h"

#include "flow/expr_impl.h"
#include "formats/number.h"

size_t leat_flow_time_text(int64_t ms, char out[40]) {
  return leat__expr_format_timestamp(ms, out);
}

bool leat_flow_parse_time(leat_str text, int64_t *ms) {
  return leat__expr_parse_timestamp(text, ms);
}

static bool is_utf8(leat_str s) {
  for (size_t i = 0, n; i < s.len; i += n)
    if (!(n = leat_utf8_length((const unsigned char *)s.ptr + i, s.len - i))) return false;
  return true;
}

static void bytes_json(leat_json_writer *w, leat_str s) {
  leat_buf fixed = {0};
  if (is_utf8(s)) {
    leat_json_string(w, s);
    return;
  }
  for (size_t i = 0; i < s.len;) {
    size_t n = leat_utf8_length((const unsigned char *)s.ptr + i, s.len - i);
    leat_buf_str(&fixed, n ? (leat_str){s.ptr + i, n} : LEAT_STR("\xEF\xBF\xBD"));
    i += n ? n : 1;
  }
  leat_json_string(w, leat_buf_view(&fixed));
  leat_buf_deinit(&fixed);
}

static void parts_json(leat_json_writer *w, const leat_flow_field *f, const leat_flow_column *c,
                       int row) {
  const int32_t *ends = c->values;
  bool list = f->type == LEAT_FLOW_TYPE_LIST;
  leat_json_open(w, list ? '[' : '{');
  for (int32_t i = list ? ends[row] : 0; list && i < ends[row + 1]; i++)
    leat_flow_value_json(w, f->fields, c->children, i);
  for (int i = 0; !list && i < f->field_count; i++) {
    leat_json_key(w, f->fields[i].name);
    leat_flow_value_json(w, &f->fields[i], &c->children[i], row);
  }
  leat_json_close(w, list ? ']' : '}');
}

void leat_flow_value_json(leat_json_writer *w, const leat_flow_field *f, const leat_flow_column *c,
                          int row) {
  char text[40];
  if (!leat_flow_is_valid(c, row)) {
    leat_json_null(w);
    return;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_json_bool(w, leat_flow_bool(c, row)); break;
    case LEAT_FLOW_TYPE_INT32: leat_json_i64(w, ((const int32_t *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_INT64: leat_json_i64(w, ((const int64_t *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_FLOAT: leat_json_f32(w, ((const float *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_DOUBLE: leat_json_f64(w, ((const double *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: bytes_json(w, leat_flow_text(c, row)); break;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      leat_json_string(
          w, (leat_str){text, leat_flow_time_text(((const int64_t *)c->values)[row], text)});
      break;
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: parts_json(w, f, c, row); break;
    case LEAT_FLOW_TYPES: break;
  }
}

void leat_flow_row_json(leat_json_writer *w, const leat_flow_batch *b, int row) {
  leat_json_open(w, '{');
  for (int i = 0; i < b->schema->count; i++) {
    leat_json_key(w, b->schema->fields[i].name);
    leat_flow_value_json(w, &b->schema->fields[i], &b->columns[i], row);
  }
  leat_json_close(w, '}');
}

void leat_flow_value_text(leat_buf *out, const leat_flow_field *f, const leat_flow_column *c,
                          int row) {
  char text[LEAT_NUMBER_MAX];
  if (!leat_flow_is_valid(c, row)) return;
  leat_json_writer w = {.out = out};
  switch (f->type) {
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: leat_buf_str(out, leat_flow_text(c, row)); break;
    case LEAT_FLOW_TYPE_TIMESTAMP:
      leat_buf_add(out, text, leat_flow_time_text(((const int64_t *)c->values)[row], text));
      break;
    case LEAT_FLOW_TYPE_DOUBLE:
      leat_buf_add(out, text, leat_format_f64(text, ((const double *)c->values)[row]));
      break;
    case LEAT_FLOW_TYPE_FLOAT:
      leat_buf_add(out, text, leat_format_f32(text, ((const float *)c->values)[row]));
      break;
    default: leat_flow_value_json(&w, f, c, row);
  }
}
