// Rows: a batch built value by value.
// SPDX-License-Identifier: Apache-2.0
//
//   part (one a field, as a tree): valid byte and value of each; LIST: ends of its items in
//   parts[0]; ROW: its fields in parts
//   stack: the LISTs and ROWs that are open, the row itself first
#include "flow/batch.h"

#include "base/vec.h"

#include <string.h>

typedef struct part part;
struct part {
  const leat_flow_field *field;
  LEAT_VEC(uint8_t) valid;
  LEAT_VEC(uint64_t) numbers;  // bits of the values, or ends of texts and items
  LEAT_VEC(char) bytes;
  part *parts;
  size_t mark, mark_bytes;  // sizes when the row began
};

typedef struct level {
  part *parts;  // the next value is of parts[at]; of a LIST always parts[0]
  int at, count;
  part *list;  // NULL: of a ROW
} level;

enum { DEPTH = 32 };

struct leat_flow_rows {
  const leat_flow_schema *schema;
  part *parts;
  level stack[DEPTH];
  int depth;
  bool begun, out_of_memory;
  leat_error bad;  // of the row begun; code LEAT_OK: nothing
  bool is_bad;
  LEAT_VEC(int64_t) timestamps;
  LEAT_VEC(leat_flow_window) windows;
  LEAT_VEC(leat_flow_pane) panes;
  bool any_window, any_pane;
};

// --- Life ---------------------------------------------------------------------------------------
static void parts_free(part *parts, int count) {
  for (int i = 0; parts && i < count; i++) {
    leat_vec_deinit(&parts[i].valid);
    leat_vec_deinit(&parts[i].numbers);
    leat_vec_deinit(&parts[i].bytes);
    if (parts[i].field) parts_free(parts[i].parts, parts[i].field->field_count);
  }
  leat__free(parts);
}

static part *parts_new(const leat_flow_field *fields, int count) {
  part *parts = leat__calloc((size_t)count + 1, sizeof *parts);
  for (int i = 0; parts && i < count; i++) {
    parts[i].field = &fields[i];
    if (!fields[i].field_count) continue;
    parts[i].parts = parts_new(fields[i].fields, fields[i].field_count);
    if (!parts[i].parts) return parts_free(parts, count), NULL;
  }
  return parts;
}

leat_status leat_flow_rows_new(leat_flow_rows **out, const leat_flow_schema *schema,
                               leat_error *err) {
  leat_flow_rows *r = leat__calloc(1, sizeof *r);
  *out = NULL;
  if (!r || !(r->parts = parts_new(schema->fields, schema->count)))
    return leat__free(r), leat__oom(err, sizeof *r);
  r->schema = schema;
  return *out = r, LEAT_OK;
}

void leat_flow_rows_free(leat_flow_rows *r) {
  if (!r) return;
  parts_free(r->parts, r->schema->count);
  leat_vec_deinit(&r->timestamps);
  leat_vec_deinit(&r->windows);
  leat_vec_deinit(&r->panes);
  leat__free(r);
}

int leat_flow_rows_count(const leat_flow_rows *r) { return (int)r->timestamps.count; }

// --- Values -------------------------------------------------------------------------------------
static void mark(part *parts, int count) {
  for (int i = 0; i < count; i++) {
    parts[i].mark = parts[i].valid.count;
    parts[i].mark_bytes = parts[i].bytes.count;
    mark(parts[i].parts, parts[i].field->field_count);
  }
}

static void back_to_mark(part *parts, int count) {
  for (int i = 0; i < count; i++) {
    parts[i].valid.count = parts[i].numbers.count = parts[i].mark;
    parts[i].bytes.count = parts[i].mark_bytes;
    back_to_mark(parts[i].parts, parts[i].field->field_count);
  }
}

static void begin(leat_flow_rows *r) {
  if (r->begun) return;
  r->begun = true;
  r->depth = 1;
  r->stack[0] = (level){.parts = r->parts, .count = r->schema->count};
  mark(r->parts, r->schema->count);
}

static void fail(leat_flow_rows *r, const part *p, const char *what) {
  if (r->is_bad) return;
  r->is_bad = true;
  if (p)
    leat_error_set(&r->bad, LEAT_INVALID_ARGUMENT, "field '" LEAT_STR_FMT "' (%s): %s",
                   LEAT_STR_ARG(p->field->name), leat_flow_type_name(p->field->type), what);
  else
    leat_error_set(&r->bad, LEAT_INVALID_ARGUMENT, "%s", what);
}

// The part that the next value is of; NULL: none, or the row is bad already.
static part *next_part(leat_flow_rows *r) {
  begin(r);
  if (r->is_bad) return NULL;
  level *l = &r->stack[r->depth - 1];
  if (l->list) return l->parts;
  if (l->at < l->count) return &l->parts[l->at++];
  return fail(r, NULL, "more values than fields"), NULL;
}

static void put(leat_flow_rows *r, part *p, bool valid, uint64_t number) {
  if (!leat_vec_push(&p->valid, valid) || !leat_vec_push(&p->numbers, number))
    r->out_of_memory = true;
}

static uint64_t end_before(const part *p) {  // of texts and items
  return p->numbers.count ? p->numbers.at[p->numbers.count - 1] : 0;
}

static bool has_ends(leat_flow_type type) {
  return type == LEAT_FLOW_TYPE_STRING || type == LEAT_FLOW_TYPE_BYTES ||
         type == LEAT_FLOW_TYPE_LIST;
}

static void put_null(leat_flow_rows *r, part *p) {
  put(r, p, false, has_ends(p->field->type) ? end_before(p) : 0);
  if (p->field->type != LEAT_FLOW_TYPE_ROW) return;
  for (int i = 0; i < p->field->field_count; i++) put_null(r, &p->parts[i]);
}

void leat_flow_rows_null(leat_flow_rows *r) {
  part *p = next_part(r);
  if (!p) return;
  if (p->field->nullable)
    put_null(r, p);
  else
    fail(r, p, "null, and the field is not nullable");
}

void leat_flow_rows_bool(leat_flow_rows *r, bool value) {
  part *p = next_part(r);
  if (!p) return;
  if (p->field->type == LEAT_FLOW_TYPE_BOOL)
    put(r, p, true, value);
  else
    fail(r, p, "the value is a bool");
}

void leat_flow_rows_int(leat_flow_rows *r, int64_t value) {
  part *p = next_part(r);
  if (!p) return;
  switch (p->field->type) {
    case LEAT_FLOW_TYPE_INT32:
      if (value < INT32_MIN || value > INT32_MAX) return fail(r, p, "the value has over 32 bits");
      break;
    case LEAT_FLOW_TYPE_TIMESTAMP:
    case LEAT_FLOW_TYPE_INT64: break;
    default: fail(r, p, "the value is an integer"); return;
  }
  put(r, p, true, (uint64_t)value);
}

void leat_flow_rows_double(leat_flow_rows *r, double value) {
  part *p = next_part(r);
  if (!p) return;
  uint64_t bits = 0;
  float single = (float)value;
  if (p->field->type == LEAT_FLOW_TYPE_DOUBLE)
    memcpy(&bits, &value, sizeof value);
  else if (p->field->type == LEAT_FLOW_TYPE_FLOAT)
    memcpy(&bits, &single, sizeof single);
  else
    return fail(r, p, "the value is a floating-point number");
  put(r, p, true, bits);
}

void leat_flow_rows_text(leat_flow_rows *r, leat_str value) {
  part *p = next_part(r);
  if (!p) return;
  if (p->field->type != LEAT_FLOW_TYPE_STRING && p->field->type != LEAT_FLOW_TYPE_BYTES)
    return fail(r, p, "the value is text");
  if (value.len > INT32_MAX - p->bytes.count) return fail(r, p, "over 2 GB of text in a batch");
  if (!leat_vec_reserve(&p->bytes, value.len)) {
    r->out_of_memory = true;
    return;
  }
  if (value.len) memcpy(p->bytes.at + p->bytes.count, value.ptr, value.len);
  p->bytes.count += value.len;
  put(r, p, true, p->bytes.count);
}

void leat_flow_rows_open(leat_flow_rows *r) {
  part *p = next_part(r);
  if (!p) return;
  bool list = p->field->type == LEAT_FLOW_TYPE_LIST;
  if (!list && p->field->type != LEAT_FLOW_TYPE_ROW) return fail(r, p, "it has no parts to open");
  if (r->depth == DEPTH) return fail(r, p, "nested deeper than 32");
  put(r, p, true, 0);
  r->stack[r->depth++] =
      (level){.parts = p->parts, .count = p->field->field_count, .list = list ? p : NULL};
}

void leat_flow_rows_close(leat_flow_rows *r) {
  begin(r);
  if (r->is_bad) return;
  if (r->depth == 1) return fail(r, NULL, "close without open");
  const level *l = &r->stack[--r->depth];
  if (!l->list && l->at < l->count) return fail(r, &l->parts[l->at], "no value");
  if (!l->list || r->out_of_memory) return;
  if (l->parts->valid.count > INT32_MAX) return fail(r, l->list, "over 2^31 items in a batch");
  l->list->numbers.at[l->list->numbers.count - 1] = l->parts->valid.count;
}

static int64_t int_of(const leat_flow_field *field, const leat_flow_column *from, int row) {
  if (field->type == LEAT_FLOW_TYPE_INT32) return ((const int32_t *)from->values)[row];
  return ((const int64_t *)from->values)[row];
}

static double double_of(const leat_flow_field *field, const leat_flow_column *from, int row) {
  if (field->type == LEAT_FLOW_TYPE_FLOAT) return (double)((const float *)from->values)[row];
  return ((const double *)from->values)[row];
}

static void copy_parts(leat_flow_rows *r, const leat_flow_field *field,
                       const leat_flow_column *from, int row) {
  leat_flow_rows_open(r);
  const int32_t *ends = from->values;
  if (field->type == LEAT_FLOW_TYPE_LIST)
    for (int32_t i = ends[row]; i < ends[row + 1]; i++)
      leat_flow_rows_copy(r, field->fields, from->children, i);
  else
    for (int i = 0; i < field->field_count; i++)
      leat_flow_rows_copy(r, &field->fields[i], &from->children[i], row);
  leat_flow_rows_close(r);
}

void leat_flow_rows_copy(leat_flow_rows *r, const leat_flow_field *field,
                         const leat_flow_column *from, int row) {
  if (!leat_flow_is_valid(from, row)) {
    leat_flow_rows_null(r);
    return;
  }
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_flow_rows_bool(r, leat_flow_bool(from, row)); break;
    case LEAT_FLOW_TYPE_INT32:
    case LEAT_FLOW_TYPE_TIMESTAMP:
    case LEAT_FLOW_TYPE_INT64: leat_flow_rows_int(r, int_of(field, from, row)); break;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE: leat_flow_rows_double(r, double_of(field, from, row)); break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: leat_flow_rows_text(r, leat_flow_text(from, row)); break;
    case LEAT_FLOW_TYPE_LIST:
    case LEAT_FLOW_TYPE_ROW: copy_parts(r, field, from, row); break;
    case LEAT_FLOW_TYPES: break;
  }
}

// --- Rows ---------------------------------------------------------------------------------------
void leat_flow_rows_drop(leat_flow_rows *r) {
  if (r->begun) back_to_mark(r->parts, r->schema->count);
  r->begun = r->is_bad = r->out_of_memory = false;
}

static const leat_flow_pane no_pane = {
    .first = true, .last = true, .timing = LEAT_FLOW_TIMING_UNKNOWN};

leat_status leat_flow_rows_end(leat_flow_rows *r, int64_t timestamp, const leat_flow_window *window,
                               const leat_flow_pane *pane, leat_error *err) {
  begin(r);
  const level *l = &r->stack[0];
  if (r->depth > 1) fail(r, NULL, "a list or row is not closed");
  if (l->at < l->count) fail(r, &l->parts[l->at], "no value");
  if (!window != !r->any_window && r->timestamps.count)
    fail(r, NULL, "rows of a batch have windows, or none has");
  if (r->is_bad) {
    if (err) *err = r->bad;
    return leat_flow_rows_drop(r), LEAT_INVALID_ARGUMENT;
  }
  bool room = !r->out_of_memory && leat_vec_reserve(&r->timestamps, 1) &&
              leat_vec_reserve(&r->windows, 1) && leat_vec_reserve(&r->panes, 1);
  if (!room) return leat_flow_rows_drop(r), leat__oom(err, sizeof timestamp);
  r->any_window = window;
  r->any_pane |= pane != NULL;
  r->timestamps.at[r->timestamps.count++] = timestamp;
  r->windows.at[r->windows.count++] = window ? *window : (leat_flow_window){0};
  r->panes.at[r->panes.count++] = pane ? *pane : no_pane;
  r->begun = false;
  return LEAT_OK;
}

// --- Taking -------------------------------------------------------------------------------------
static void *copy_in(leat_flow_block *block, const void *from, size_t bytes) {
  void *to = leat_flow_block_alloc(block, bytes);
  if (to && bytes) memcpy(to, from, bytes);
  return to;
}

static bool take_validity(leat_flow_block *block, const part *p, leat_flow_column *to) {
  size_t count = p->valid.count, bytes = (count + 7) / 8;
  if (!count || !memchr(p->valid.at, 0, count)) return true;
  to->validity = leat_flow_block_alloc(block, bytes);
  if (!to->validity) return false;
  memset(to->validity, 0, bytes);
  for (size_t i = 0; i < count; i++) to->validity[i >> 3] |= (uint8_t)(p->valid.at[i] << (i & 7));
  return true;
}

static bool take_values(leat_flow_block *block, const part *p, leat_flow_column *to) {
  size_t count = p->numbers.count, size = leat_flow_type_bytes(p->field->type);
  bool ends = has_ends(p->field->type), bits = p->field->type == LEAT_FLOW_TYPE_BOOL;
  if (size == 8) return (to->values = copy_in(block, p->numbers.at, count * 8));
  size_t bytes = bits ? (count + 7) / 8 : (count + ends) * 4;
  char *values = to->values = leat_flow_block_alloc(block, bytes);
  if (!values) return false;
  if (bits || ends) memset(values, 0, bits ? bytes : 4);
  for (size_t i = 0; i < count; i++) {
    uint32_t low = (uint32_t)p->numbers.at[i];
    if (bits)
      values[i >> 3] = (char)(values[i >> 3] | (int)low << (i & 7));
    else
      memcpy(values + (i + ends) * 4, &low, 4);
  }
  return true;
}

static bool take_parts(leat_flow_block *block, part *parts, int count, leat_flow_column *to) {
  for (int i = 0; i < count; i++) {
    part *p = &parts[i];
    to[i] = (leat_flow_column){.owner = block};
    if (!take_validity(block, p, &to[i])) return false;
    if (p->field->type != LEAT_FLOW_TYPE_ROW && !take_values(block, p, &to[i])) return false;
    if (p->bytes.count && !(to[i].bytes = copy_in(block, p->bytes.at, p->bytes.count)))
      return false;
    if (!p->parts) continue;
    size_t n = (size_t)p->field->field_count;
    to[i].children = leat_flow_block_alloc(block, n * sizeof *to);
    if (!to[i].children || !take_parts(block, p->parts, (int)n, to[i].children)) return false;
  }
  return true;
}

static void clear(part *parts, int count) {
  for (int i = 0; i < count; i++) {
    parts[i].valid.count = parts[i].numbers.count = parts[i].bytes.count = 0;
    clear(parts[i].parts, parts[i].field->field_count);
  }
}

leat_flow_batch *leat_flow_rows_take(leat_flow_rows *r) {
  leat_flow_rows_drop(r);
  size_t rows = r->timestamps.count;
  leat_flow_batch *b = leat_flow_batch_new(r->schema, (int)rows);
  leat_flow_block *values = b ? leat_flow_block_new() : NULL;  // columns outlive the batch
  bool done = values && take_parts(values, r->parts, r->schema->count, b->columns);
  for (int i = 0; b && values && i < r->schema->count; i++)
    if (b->columns[i].owner) leat_flow_block_ref(values);
  leat_flow_block_unref(values);
  if (done && rows) memcpy(b->timestamps, r->timestamps.at, rows * sizeof *b->timestamps);
  if (done && r->any_window)
    done = (b->windows = copy_in(b->owner, r->windows.at, rows * sizeof *b->windows));
  if (done && r->any_pane)
    done = (b->panes = copy_in(b->owner, r->panes.at, rows * sizeof *b->panes));
  if (!done) return leat_flow_batch_unref(b), NULL;
  clear(r->parts, r->schema->count);
  r->timestamps.count = r->windows.count = r->panes.count = 0;
  r->any_window = r->any_pane = false;
  return b;
}
