// Batch: counted blocks of memory, schemas, and rows picked out of columns.
// SPDX-License-Identifier: Apache-2.0
#include "flow/batch.h"

#include <string.h>

// --- Schema -------------------------------------------------------------------------------------
static const struct {
  const char *name;
  size_t bytes;
} types[LEAT_FLOW_TYPES] = {
    [LEAT_FLOW_TYPE_BOOL] = {"bool", 0},     [LEAT_FLOW_TYPE_INT32] = {"int32", 4},
    [LEAT_FLOW_TYPE_INT64] = {"int64", 8},   [LEAT_FLOW_TYPE_FLOAT] = {"float", 4},
    [LEAT_FLOW_TYPE_DOUBLE] = {"double", 8}, [LEAT_FLOW_TYPE_STRING] = {"string", 0},
    [LEAT_FLOW_TYPE_BYTES] = {"bytes", 0},   [LEAT_FLOW_TYPE_TIMESTAMP] = {"timestamp", 8},
    [LEAT_FLOW_TYPE_LIST] = {"list", 0},     [LEAT_FLOW_TYPE_ROW] = {"row", 0},
};

const char *leat_flow_type_name(leat_flow_type type) { return types[type].name; }
size_t leat_flow_type_bytes(leat_flow_type type) { return types[type].bytes; }

int leat_flow_schema_find(const leat_flow_schema *schema, leat_str name) {
  for (int i = 0; i < schema->count; i++)
    if (leat_str_eq(schema->fields[i].name, name)) return i;
  return -1;
}

static bool fields_eq(const leat_flow_field *a, const leat_flow_field *b, int count) {
  for (int i = 0; i < count; i++)
    if (!leat_flow_field_eq(&a[i], &b[i])) return false;
  return true;
}

bool leat_flow_field_eq(const leat_flow_field *a, const leat_flow_field *b) {
  return a->type == b->type && a->nullable == b->nullable && leat_str_eq(a->name, b->name) &&
         a->field_count == b->field_count && fields_eq(a->fields, b->fields, a->field_count);
}

bool leat_flow_schema_eq(const leat_flow_schema *a, const leat_flow_schema *b) {
  return a == b || (a->count == b->count && fields_eq(a->fields, b->fields, a->count));
}

static const leat_flow_field *fields_copy(leat_arena *arena, const leat_flow_field *from,
                                          int count) {
  leat_flow_field *to = leat_arena_alloc(arena, (size_t)(count + 1) * sizeof *to);
  for (int i = 0; to && i < count; i++) {
    to[i] = from[i];
    to[i].name.ptr = leat_arena_str(arena, from[i].name);
    if (!to[i].name.ptr) return NULL;
    if (!from[i].field_count) continue;
    to[i].fields = fields_copy(arena, from[i].fields, from[i].field_count);
    if (!to[i].fields) return NULL;
  }
  return to;
}

leat_flow_schema *leat_flow_schema_copy(leat_arena *arena, const leat_flow_schema *from) {
  leat_flow_schema *to = leat_arena_alloc(arena, sizeof *to);
  if (!to || !(to->fields = fields_copy(arena, from->fields, from->count))) return NULL;
  to->count = from->count;
  return to;
}

static void print_type(const leat_flow_field *f, leat_buf *out);

static void print_fields(const leat_flow_field *fields, int count, leat_buf *out) {
  leat_buf_char(out, '{');
  for (int i = 0; i < count; i++) {
    if (i) leat_buf_c(out, ", ");
    leat_buf_str(out, fields[i].name);
    leat_buf_c(out, ": ");
    print_type(&fields[i], out);
  }
  leat_buf_char(out, '}');
}

static void print_type(const leat_flow_field *f, leat_buf *out) {
  if (f->type == LEAT_FLOW_TYPE_ROW) {
    print_fields(f->fields, f->field_count, out);
  } else if (f->type == LEAT_FLOW_TYPE_LIST) {
    leat_buf_char(out, '[');
    print_type(f->fields, out);
    leat_buf_char(out, ']');
  } else {
    leat_buf_c(out, leat_flow_type_name(f->type));
  }
  if (f->nullable) leat_buf_char(out, '?');
}

void leat_flow_schema_print(const leat_flow_schema *schema, leat_buf *out) {
  print_fields(schema->fields, schema->count, out);
}

// --- Blocks -------------------------------------------------------------------------------------
typedef struct chunk chunk;
struct chunk {
  chunk *next;
  size_t size, used;  // bytes, from the chunk's start
};

typedef struct kept kept;
struct kept {
  kept *next;
  leat_flow_block *block;
};

struct leat_flow_block {  // at the start of its first chunk
  int refs;
  chunk *head;  // newest
  kept *kept;
};

enum { ALIGN = 64, FIRST_CHUNK = 8 << 10, LAST_CHUNK = 1 << 20 };

static size_t aligned(size_t bytes) { return (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1); }

static chunk *chunk_new(size_t size) {
  chunk *c = leat__alloc_aligned(size);
  if (c) *c = (chunk){.size = size, .used = aligned(sizeof *c)};
  return c;
}

leat_flow_block *leat_flow_block_new(void) {
  chunk *c = chunk_new(FIRST_CHUNK);
  if (!c) return NULL;
  leat_flow_block *block = (leat_flow_block *)((char *)c + c->used);
  c->used += aligned(sizeof *block);
  *block = (leat_flow_block){.refs = 1, .head = c};
  return block;
}

leat_flow_block *leat_flow_block_ref(leat_flow_block *block) {
  __atomic_fetch_add(&block->refs, 1, __ATOMIC_RELAXED);
  return block;
}

void leat_flow_block_unref(leat_flow_block *block) {
  if (!block || __atomic_sub_fetch(&block->refs, 1, __ATOMIC_ACQ_REL)) return;
  for (kept *k = block->kept; k; k = k->next) leat_flow_block_unref(k->block);
  for (chunk *c = block->head, *next; c;
       c = next) {  // the block goes with its first, the last here
    next = c->next;
    leat__free(c);
  }
}

void *leat_flow_block_alloc(leat_flow_block *block, size_t bytes) {
  if (bytes > SIZE_MAX / 2) return NULL;
  size_t room = aligned(bytes) + ALIGN;  // the slack behind it
  chunk *c = block->head;
  if (c->size - c->used < room) {
    size_t size = c->size * 2 < LAST_CHUNK ? c->size * 2 : LAST_CHUNK;
    if (size < room + ALIGN) size = room + ALIGN;
    chunk *more = chunk_new(size);
    if (!more) return NULL;
    more->next = c;
    block->head = c = more;
  }
  void *at = (char *)c + c->used;
  c->used += room;
  return at;
}

bool leat_flow_block_keep(leat_flow_block *block, leat_flow_block *other) {
  if (!other || other == block || (block->kept && block->kept->block == other)) return true;
  kept *k = leat_flow_block_alloc(block, sizeof *k);
  if (!k) return false;
  *k = (kept){block->kept, leat_flow_block_ref(other)};
  block->kept = k;
  return true;
}

// --- Batches ------------------------------------------------------------------------------------
leat_flow_batch *leat_flow_batch_new(const leat_flow_schema *schema, int rows) {
  leat_flow_block *block = leat_flow_block_new();
  if (!block) return NULL;
  leat_flow_batch *b = leat_flow_block_alloc(block, sizeof *b);
  size_t columns = (size_t)schema->count * sizeof *b->columns;
  if (!b) return leat_flow_block_unref(block), NULL;
  *b = (leat_flow_batch){.refs = 1, .rows = rows, .schema = schema, .owner = block};
  b->columns = leat_flow_block_alloc(block, columns);
  b->timestamps = leat_flow_block_alloc(block, (size_t)rows * sizeof *b->timestamps);
  if (!b->columns || !b->timestamps) return leat_flow_block_unref(block), NULL;
  memset(b->columns, 0, columns);
  return b;
}

leat_flow_batch *leat_flow_batch_ref(leat_flow_batch *batch) {
  __atomic_fetch_add(&batch->refs, 1, __ATOMIC_RELAXED);
  return batch;
}

void leat_flow_batch_unref(leat_flow_batch *batch) {
  if (!batch || __atomic_sub_fetch(&batch->refs, 1, __ATOMIC_ACQ_REL)) return;
  for (int i = 0; i < batch->schema->count; i++) leat_flow_block_unref(batch->columns[i].owner);
  leat_flow_block_unref(batch->owner);
}

void leat_flow_column_share(leat_flow_column *to, const leat_flow_column *from) {
  *to = *from;
  if (to->owner) leat_flow_block_ref(to->owner);
}

leat_flow_batch *leat_flow_batch_like(const leat_flow_batch *from, const leat_flow_schema *schema) {
  leat_flow_batch *to = leat_flow_batch_new(schema, 0);
  if (!to || !leat_flow_block_keep(to->owner, from->owner)) return leat_flow_batch_unref(to), NULL;
  to->rows = from->rows;
  to->timestamps = from->timestamps;
  to->windows = from->windows;
  to->panes = from->panes;
  return to;
}

leat_flow_batch *leat_flow_batch_again(const leat_flow_batch *from) {
  leat_flow_batch *to = leat_flow_batch_like(from, from->schema);
  for (int i = 0; to && i < from->schema->count; i++)
    leat_flow_column_share(&to->columns[i], &from->columns[i]);
  return to;
}

// --- Taking rows --------------------------------------------------------------------------------
static uint8_t *take_bits(leat_flow_block *block, const uint8_t *from, const int32_t *rows,
                          int count) {
  size_t bytes = ((size_t)count + 7) / 8;
  uint8_t *to = leat_flow_block_alloc(block, bytes);
  if (!to) return NULL;
  memset(to, 0, bytes);
  for (int i = 0; i < count; i++)
    to[i >> 3] |= (uint8_t)((from[rows[i] >> 3] >> (rows[i] & 7) & 1) << (i & 7));
  return to;
}

static void *take_numbers(leat_flow_block *block, const void *from, size_t size,
                          const int32_t *rows, int count) {
  void *to = leat_flow_block_alloc(block, (size_t)count * size);
  if (!to) return NULL;
  if (size == 4)
    for (int i = 0; i < count; i++) ((uint32_t *)to)[i] = ((const uint32_t *)from)[rows[i]];
  else
    for (int i = 0; i < count; i++) ((uint64_t *)to)[i] = ((const uint64_t *)from)[rows[i]];
  return to;
}

// Offsets of the rows' texts or items, close together; NULL also when they pass 2^31.
static int32_t *take_offsets(leat_flow_block *block, const int32_t *from, const int32_t *rows,
                             int count) {
  int32_t *to = leat_flow_block_alloc(block, ((size_t)count + 1) * sizeof *to);
  if (!to) return NULL;
  int64_t total = to[0] = 0;
  for (int i = 0; i < count; i++) {
    total += from[rows[i] + 1] - from[rows[i]];
    if (total > INT32_MAX) return NULL;
    to[i + 1] = (int32_t)total;
  }
  return to;
}

static bool take_text(leat_flow_column *to, const leat_flow_column *from, const int32_t *rows,
                      int count) {
  const int32_t *old = from->values;
  int32_t *offsets = to->values = take_offsets(to->owner, old, rows, count);
  if (!offsets || !(to->bytes = leat_flow_block_alloc(to->owner, (size_t)offsets[count])))
    return false;
  for (int i = 0; i < count; i++) {
    size_t len = (size_t)(offsets[i + 1] - offsets[i]);
    if (len) memcpy(to->bytes + offsets[i], from->bytes + old[rows[i]], len);
  }
  return true;
}

static bool take_column(leat_flow_block *block, const leat_flow_field *field,
                        const leat_flow_column *from, const int32_t *rows, int count,
                        leat_flow_column *to);

static bool take_list(leat_flow_column *to, const leat_flow_field *field,
                      const leat_flow_column *from, const int32_t *rows, int count) {
  const int32_t *old = from->values;
  int32_t *offsets = to->values = take_offsets(to->owner, old, rows, count);
  to->children = leat_flow_block_alloc(to->owner, sizeof *to->children);
  if (!offsets || !to->children) return false;
  int32_t *items = leat__alloc((size_t)offsets[count] * sizeof *items);
  if (!items) return false;
  for (int i = 0, at = 0; i < count; i++)
    for (int32_t j = old[rows[i]]; j < old[rows[i] + 1]; j++) items[at++] = j;
  bool done =
      take_column(to->owner, field->fields, from->children, items, offsets[count], to->children);
  leat__free(items);
  return done;
}

static bool take_row(leat_flow_column *to, const leat_flow_field *field,
                     const leat_flow_column *from, const int32_t *rows, int count) {
  size_t n = (size_t)field->field_count;
  to->children = leat_flow_block_alloc(to->owner, n * sizeof *to->children);
  if (!to->children) return false;
  for (size_t i = 0; i < n; i++)
    if (!take_column(to->owner, &field->fields[i], &from->children[i], rows, count,
                     &to->children[i]))
      return false;
  return true;
}

// Everything into `block`, without a reference to it.
static bool take_column(leat_flow_block *block, const leat_flow_field *field,
                        const leat_flow_column *from, const int32_t *rows, int count,
                        leat_flow_column *to) {
  *to = (leat_flow_column){.owner = block};
  if (from->validity && !(to->validity = take_bits(block, from->validity, rows, count)))
    return false;
  switch (field->type) {
    case LEAT_FLOW_TYPE_BOOL: return (to->values = take_bits(block, from->values, rows, count));
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: return take_text(to, from, rows, count);
    case LEAT_FLOW_TYPE_LIST: return take_list(to, field, from, rows, count);
    case LEAT_FLOW_TYPE_ROW: return take_row(to, field, from, rows, count);
    default: break;
  }
  size_t size = leat_flow_type_bytes(field->type);
  return (to->values = take_numbers(block, from->values, size, rows, count));
}

static bool take_marks(leat_flow_batch *to, const leat_flow_batch *from, const int32_t *rows) {
  size_t count = (size_t)to->rows;
  for (size_t i = 0; i < count; i++) to->timestamps[i] = from->timestamps[rows[i]];
  if (from->windows) {
    to->windows = leat_flow_block_alloc(to->owner, count * sizeof *to->windows);
    if (!to->windows) return false;
    for (size_t i = 0; i < count; i++) to->windows[i] = from->windows[rows[i]];
  }
  if (from->panes) {
    to->panes = leat_flow_block_alloc(to->owner, count * sizeof *to->panes);
    if (!to->panes) return false;
    for (size_t i = 0; i < count; i++) to->panes[i] = from->panes[rows[i]];
  }
  return true;
}

leat_flow_batch *leat_flow_batch_take(const leat_flow_batch *from, const int32_t *rows, int count) {
  leat_flow_batch *to = leat_flow_batch_new(from->schema, count);
  leat_flow_block *values = to ? leat_flow_block_new() : NULL;  // columns outlive the batch
  bool done = values && take_marks(to, from, rows);
  for (int i = 0; done && i < from->schema->count; i++) {
    done = take_column(values, &from->schema->fields[i], &from->columns[i], rows, count,
                       &to->columns[i]);
    leat_flow_block_ref(values);  // of the column, whose owner is set in any case
  }
  leat_flow_block_unref(values);
  if (!done) return leat_flow_batch_unref(to), NULL;
  return to;
}
