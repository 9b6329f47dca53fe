// Row bytes: values out of columns and back into rows.
// SPDX-License-Identifier: Apache-2.0
#include "flow/row_bytes.h"

#include <string.h>

static void pack_value(const leat_flow_field *field, const leat_flow_column *c, int row,
                       leat_buf *out);

static void pack_parts(const leat_flow_field *field, const leat_flow_column *c, int row,
                       leat_buf *out) {
  if (field->type == LEAT_FLOW_TYPE_ROW) {
    for (int i = 0; i < field->field_count; i++)
      pack_value(&field->fields[i], &c->children[i], row, out);
    return;
  }
  const int32_t *ends = c->values;
  uint32_t count = (uint32_t)(ends[row + 1] - ends[row]);
  leat_buf_add(out, &count, sizeof count);
  for (int32_t i = ends[row]; i < ends[row + 1]; i++)
    pack_value(field->fields, c->children, i, out);
}

static void pack_number(const leat_flow_field *field, const leat_flow_column *c, int row,
                        leat_buf *out) {
  size_t size = leat_flow_type_bytes(field->type);
  uint64_t bits = 0;
  memcpy(&bits, (const char *)c->values + (size_t)row * size, size);
  leat_buf_add(out, &bits, sizeof bits);
}

static void pack_value(const leat_flow_field *field, const leat_flow_column *c, int row,
                       leat_buf *out) {
  bool valid = leat_flow_is_valid(c, row);
  if (field->nullable) leat_buf_char(out, (char)valid);
  if (!valid) return;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_buf_char(out, (char)leat_flow_bool(c, row)); break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: {
      leat_str text = leat_flow_text(c, row);
      uint32_t length = (uint32_t)text.len;
      leat_buf_add(out, &length, sizeof length);
      leat_buf_str(out, text);
      break;
    }
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: pack_parts(field, c, row, out); break;
    default: pack_number(field, c, row, out); break;
  }
}

void leat_flow_row_pack(const leat_flow_batch *batch, int row, const int *fields, int count,
                        leat_buf *out) {
  for (int i = 0; i < count; i++)
    pack_value(&batch->schema->fields[fields[i]], &batch->columns[fields[i]], row, out);
}

// --- Back ---------------------------------------------------------------------------------------
static void take(leat_str *from, void *to, size_t bytes) {
  if (from->len < bytes) leat_bug("a packed row is cut short");
  memcpy(to, from->ptr, bytes);
  from->ptr += bytes;
  from->len -= bytes;
}

static void unpack_value(const leat_flow_field *field, leat_str *bytes, leat_flow_rows *out);

static void unpack_number(const leat_flow_field *field, leat_str *bytes, leat_flow_rows *out) {
  int64_t bits;
  double wide;
  float single;
  take(bytes, &bits, sizeof bits);
  memcpy(&wide, &bits, sizeof wide);
  memcpy(&single, &bits, sizeof single);
  switch (field->type) {
    case LEAT_FLOW_TYPE_DOUBLE: leat_flow_rows_double(out, wide); break;
    case LEAT_FLOW_TYPE_FLOAT: leat_flow_rows_double(out, (double)single); break;
    case LEAT_FLOW_TYPE_INT32: leat_flow_rows_int(out, (int32_t)bits); break;
    default: leat_flow_rows_int(out, bits); break;
  }
}

static void unpack_text(leat_str *bytes, leat_flow_rows *out) {
  uint32_t length;
  take(bytes, &length, sizeof length);
  if (bytes->len < length) leat_bug("a packed row is cut short");
  leat_flow_rows_text(out, (leat_str){bytes->ptr, length});
  bytes->ptr += length;
  bytes->len -= length;
}

static void unpack_parts(const leat_flow_field *field, leat_str *bytes, leat_flow_rows *out) {
  uint32_t count = (uint32_t)field->field_count;
  if (field->type == LEAT_FLOW_TYPE_LIST) take(bytes, &count, sizeof count);
  leat_flow_rows_open(out);
  for (uint32_t i = 0; i < count; i++)
    unpack_value(&field->fields[field->type == LEAT_FLOW_TYPE_LIST ? 0 : i], bytes, out);
  leat_flow_rows_close(out);
}

static void unpack_value(const leat_flow_field *field, leat_str *bytes, leat_flow_rows *out) {
  char byte = 1;
  if (field->nullable) take(bytes, &byte, 1);
  if (!byte) {
    leat_flow_rows_null(out);
    return;
  }
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL:
      take(bytes, &byte, 1);
      leat_flow_rows_bool(out, byte);
      break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: unpack_text(bytes, out); break;
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: unpack_parts(field, bytes, out); break;
    default: unpack_number(field, bytes, out); break;
  }
}

void leat_flow_row_unpack(const leat_flow_schema *schema, const int *fields, int count,
                          leat_str *bytes, leat_flow_rows *out) {
  for (int i = 0; i < count; i++) unpack_value(&schema->fields[fields[i]], bytes, out);
}
