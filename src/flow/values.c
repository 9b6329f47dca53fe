// Values: walks over fields, columns and text.
// SPDX-License-Identifier: Apache-2.0
#include "flow/values.h"

#include "base/vec.h"
#include "formats/proto.h"

#include <stdio.h>

enum { DEPTH = 16 };

// --- Columns to values --------------------------------------------------------------------------
static leat_flow_value list_at(const leat_flow_field *field, const leat_flow_column *column,
                               int row, leat_arena *arena) {
  const int32_t *ends = column->values;
  size_t count = (size_t)(ends[row + 1] - ends[row]);
  leat_flow_value v = {.kind = LEAT_FLOW_ITERABLE};
  if (!(v.items = leat_arena_alloc(arena, (count + 1) * sizeof v))) return leat_flow_null();
  v.count = count;
  for (size_t i = 0; i < count; i++)
    v.items[i] = leat_flow_value_at(field->fields, column->children, ends[row] + (int)i, arena);
  return v;
}

static leat_flow_value fields_at(const leat_flow_field *fields, int count,
                                 const leat_flow_column *columns, int row, leat_arena *arena) {
  leat_flow_value v = {.kind = LEAT_FLOW_ROW};
  if (!(v.items = leat_arena_alloc(arena, ((size_t)count + 1) * sizeof v))) return leat_flow_null();
  v.count = (size_t)count;
  for (int i = 0; i < count; i++)
    v.items[i] = leat_flow_value_at(&fields[i], &columns[i], row, arena);
  return v;
}

leat_flow_value leat_flow_value_at(const leat_flow_field *field, const leat_flow_column *column,
                                   int row, leat_arena *arena) {
  if (!leat_flow_is_valid(column, row)) return leat_flow_null();
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: return leat_flow_of_bool(leat_flow_bool(column, row));
    case LEAT_FLOW_TYPE_INT32: return leat_flow_of_int(((const int32_t *)column->values)[row]);
    case LEAT_FLOW_TYPE_INT64:
    case LEAT_FLOW_TYPE_TIMESTAMP: return leat_flow_of_int(((const int64_t *)column->values)[row]);
    case LEAT_FLOW_TYPE_FLOAT:
      return leat_flow_of_double((double)((const float *)column->values)[row]);
    case LEAT_FLOW_TYPE_DOUBLE: return leat_flow_of_double(((const double *)column->values)[row]);
    case LEAT_FLOW_TYPE_STRING: return leat_flow_of_str(leat_flow_text(column, row));
    case LEAT_FLOW_TYPE_BYTES: return leat_flow_of_bytes(leat_flow_text(column, row));
    case LEAT_FLOW_TYPE_LIST: return list_at(field, column, row, arena);
    case LEAT_FLOW_TYPE_ROW:
      return fields_at(field->fields, field->field_count, column->children, row, arena);
    case LEAT_FLOW_TYPES: break;
  }
  leat_bug("a field of no type");
}

leat_flow_value leat_flow_row_value(const leat_flow_batch *batch, int row, leat_arena *arena) {
  return fields_at(batch->schema->fields, batch->schema->count, batch->columns, row, arena);
}

leat_flow_value leat_flow_value_copy(leat_arena *arena, const leat_flow_value *value) {
  leat_flow_value v = *value;
  if (v.bytes.len && !(v.bytes.ptr = leat_arena_str(arena, value->bytes))) return leat_flow_null();
  if (!v.count) return v;
  if (!(v.items = leat_arena_alloc(arena, v.count * sizeof v))) return leat_flow_null();
  for (size_t i = 0; i < v.count; i++) v.items[i] = leat_flow_value_copy(arena, &value->items[i]);
  return v;
}

void leat_flow_rows_value(leat_flow_rows *rows, const leat_flow_value *value) {
  switch ((int)value->kind) {
    case LEAT_FLOW_NULL: leat_flow_rows_null(rows); break;
    case LEAT_FLOW_BOOL: leat_flow_rows_bool(rows, value->flag); break;
    case LEAT_FLOW_INT: leat_flow_rows_int(rows, value->num); break;
    case LEAT_FLOW_DOUBLE: leat_flow_rows_double(rows, value->real); break;
    case LEAT_FLOW_BYTES:
    case LEAT_FLOW_STRING: leat_flow_rows_text(rows, value->bytes); break;
    default:
      leat_flow_rows_open(rows);
      for (size_t i = 0; i < value->count; i++) leat_flow_rows_value(rows, &value->items[i]);
      leat_flow_rows_close(rows);
  }
}

// --- Text to schemas ----------------------------------------------------------------------------
typedef struct reader {
  leat_arena *arena;
  leat_str all, rest;
  leat_error *err;
} reader;

static leat_status expected(const reader *r, const char *what) {
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        "schema '" LEAT_STR_FMT "': byte %zu: expected %s", LEAT_STR_ARG(r->all),
                        r->all.len - r->rest.len, what);
}

static void skip_spaces(reader *r) {
  while (r->rest.len && strchr(" \n\t", r->rest.ptr[0])) r->rest.ptr++, r->rest.len--;
}

static bool take(reader *r, char c) {
  skip_spaces(r);
  if (!r->rest.len || r->rest.ptr[0] != c) return false;
  r->rest.ptr++;
  r->rest.len--;
  return true;
}

static leat_str word(reader *r) {
  skip_spaces(r);
  size_t n = 0;
  while (n < r->rest.len && !strchr(" \n\t,:{}[]?", r->rest.ptr[n])) n++;
  leat_str found = {r->rest.ptr, n};
  r->rest = (leat_str){r->rest.ptr + n, r->rest.len - n};
  return found;
}

static leat_status read_type(reader *r, leat_flow_field *to, int depth);

typedef LEAT_VEC(leat_flow_field) field_list;

static leat_status read_list(reader *r, field_list *list, int depth) {
  if (take(r, '}')) return LEAT_OK;
  do {
    leat_flow_field field = {.name = word(r)};
    if (!field.name.len) return expected(r, "a field's name");
    if (!(field.name.ptr = leat_arena_str(r->arena, field.name)))
      return leat__oom(r->err, field.name.len);
    if (!take(r, ':')) return expected(r, "':' and a type");
    leat_status status = read_type(r, &field, depth);
    if (status) return status;
    if (!leat_vec_push(list, field)) return leat__oom(r->err, sizeof field);
  } while (take(r, ','));
  return take(r, '}') ? LEAT_OK : expected(r, "',' or '}'");
}

static leat_status read_fields(reader *r, const leat_flow_field **fields, int *count, int depth) {
  field_list list = {0};
  leat_status status = read_list(r, &list, depth);
  if (!status) {
    *count = (int)list.count;
    *fields = leat_arena_copy(r->arena, list.at, list.count * sizeof *list.at);
    if (!*fields) status = leat__oom(r->err, sizeof *list.at);
  }
  leat_vec_deinit(&list);
  return status;
}

static leat_status read_item(reader *r, leat_flow_field *to, int depth) {
  leat_flow_field *item = leat_arena_alloc(r->arena, sizeof *item);
  if (!item) return leat__oom(r->err, sizeof *item);
  to->type = LEAT_FLOW_TYPE_LIST;
  to->fields = item;
  to->field_count = 1;
  leat_status status = read_type(r, item, depth);
  if (status) return status;
  return take(r, ']') ? LEAT_OK : expected(r, "']'");
}

static leat_status read_name(reader *r, leat_flow_field *to) {
  leat_str names[LEAT_FLOW_TYPES], name = word(r);
  for (int t = 0; t < LEAT_FLOW_TYPE_LIST; t++) {
    names[t] = leat_str_of(leat_flow_type_name((leat_flow_type)t));
    if (leat_str_eq(names[t], name)) return to->type = (leat_flow_type)t, LEAT_OK;
  }
  leat_str nearest = leat_str_nearest(name, names, LEAT_FLOW_TYPE_LIST);
  return leat_error_set(r->err, LEAT_INVALID_ARGUMENT,
                        "schema '" LEAT_STR_FMT "': no type '" LEAT_STR_FMT "'%s" LEAT_STR_FMT,
                        LEAT_STR_ARG(r->all), LEAT_STR_ARG(name),
                        nearest.len ? "; the nearest is " : "", LEAT_STR_ARG(nearest));
}

static leat_status read_type(reader *r, leat_flow_field *to, int depth) {
  leat_status status;
  if (depth > DEPTH) return expected(r, "fewer levels");
  if (take(r, '{')) {
    to->type = LEAT_FLOW_TYPE_ROW;
    status = read_fields(r, &to->fields, &to->field_count, depth + 1);
  } else {
    status = take(r, '[') ? read_item(r, to, depth + 1) : read_name(r, to);
  }
  to->nullable = !status && take(r, '?');
  return status;
}

leat_status leat_flow_field_read(leat_arena *arena, leat_str type, const leat_flow_field **out,
                                 leat_error *err) {
  reader r = {arena, type, type, err};
  leat_flow_field *field = leat_arena_alloc(arena, sizeof *field);
  if (!field) return leat__oom(err, sizeof *field);
  leat_status status = read_type(&r, field, 0);
  skip_spaces(&r);
  if (!status && r.rest.len) status = expected(&r, "the end");
  return *out = field, status;
}

leat_status leat_flow_schema_read(leat_arena *arena, leat_str text, const leat_flow_schema **out,
                                  leat_error *err) {
  const leat_flow_field *row;
  leat_flow_schema *schema = leat_arena_alloc(arena, sizeof *schema);
  if (!schema) return leat__oom(err, sizeof *schema);
  leat_status status = leat_flow_field_read(arena, text, &row, err);
  if (status) return status;
  if (row->type != LEAT_FLOW_TYPE_ROW || row->nullable)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "schema '" LEAT_STR_FMT "': expected {name: type, ...}",
                          LEAT_STR_ARG(text));
  *schema = (leat_flow_schema){row->fields, row->field_count};
  return *out = schema, LEAT_OK;
}

// --- Beam's form --------------------------------------------------------------------------------
static void put_fields(const leat_flow_field *fields, int count, leat_buf *out);

// FieldType: nullable 1, atomic 2, array 3, row 6, logical 7.
static void put_type(const leat_flow_field *f, int number, leat_buf *out) {
  static const char atomic[] = {8, 3, 4, 5, 6, 7, 9};  // by our type, up to BYTES
  size_t inner, at = leat_proto_begin(out, number);
  if (f->nullable) leat_proto_i64(out, 1, 1);
  if (f->type == LEAT_FLOW_TYPE_LIST) {
    inner = leat_proto_begin(out, 3);
    put_type(f->fields, 1, out);
    leat_proto_end(out, inner);
  } else if (f->type == LEAT_FLOW_TYPE_ROW) {
    inner = leat_proto_begin(out, 6);
    size_t schema = leat_proto_begin(out, 1);
    put_fields(f->fields, f->field_count, out);
    leat_proto_end(out, schema);
    leat_proto_end(out, inner);
  } else if (f->type == LEAT_FLOW_TYPE_TIMESTAMP) {
    inner = leat_proto_begin(out, 7);
    leat_proto_str(out, 1, LEAT_STR("beam:logical_type:millis_instant:v1"));
    put_type(&(leat_flow_field){.type = LEAT_FLOW_TYPE_INT64}, 3, out);
    leat_proto_end(out, inner);
  } else {
    leat_proto_i64(out, 2, atomic[f->type]);
  }
  leat_proto_end(out, at);
}

static void put_fields(const leat_flow_field *fields, int count, leat_buf *out) {
  for (int i = 0; i < count; i++) {
    size_t at = leat_proto_begin(out, 1);
    leat_proto_str(out, 1, fields[i].name);
    put_type(&fields[i], 3, out);
    leat_proto_i64(out, 4, i);
    leat_proto_i64(out, 5, i);
    leat_proto_end(out, at);
  }
}

void leat_flow_schema_proto(const leat_flow_schema *schema, leat_buf *out) {
  put_fields(schema->fields, schema->count, out);
}

static leat_status coder_of(leat_arena *arena, const char *name, const leat_flow_coder *part,
                            leat_str payload, const leat_flow_coder **out, leat_error *err) {
  char urn[64];
  snprintf(urn, sizeof urn, "beam:coder:%s:v1", name);
  leat_flow_coder_spec spec = {leat_str_of(urn), &part, part != NULL, payload};
  return leat_flow_coder_new(arena, &spec, out, err);
}

leat_status leat_flow_schema_coder(leat_arena *arena, const leat_flow_schema *schema,
                                   const leat_flow_coder **out, leat_error *err) {
  leat_buf payload = {0};
  leat_flow_schema_proto(schema, &payload);
  leat_status status = leat_buf_status(&payload, err);
  if (!status) status = coder_of(arena, "row", NULL, leat_buf_view(&payload), out, err);
  leat_buf_deinit(&payload);
  return status;
}

leat_status leat_flow_field_coder(leat_arena *arena, const leat_flow_field *field,
                                  const leat_flow_coder **out, leat_error *err) {
  static const char *const names[] = {"bool",   "varint",      "varint", "double",
                                      "double", "string_utf8", "bytes",  "varint"};
  const leat_flow_coder *coder = NULL, *item;
  leat_status status;
  if (field->type == LEAT_FLOW_TYPE_ROW) {
    leat_flow_schema schema = {field->fields, field->field_count};
    status = leat_flow_schema_coder(arena, &schema, &coder, err);
  } else if (field->type == LEAT_FLOW_TYPE_LIST) {
    status = leat_flow_field_coder(arena, field->fields, &item, err);
    if (!status) status = coder_of(arena, "iterable", item, (leat_str){0}, &coder, err);
  } else {
    status = coder_of(arena, names[field->type], NULL, (leat_str){0}, &coder, err);
  }
  if (status || !field->nullable) return *out = coder, status;
  return coder_of(arena, "nullable", coder, (leat_str){0}, out, err);
}
