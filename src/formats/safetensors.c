// safetensors: u64 header length, JSON header, data.
// SPDX-License-Identifier: Apache-2.0
#include "formats/safetensors.h"

#include "base/arena.h"
#include "base/file.h"
#include "base/map.h"
#include "formats/json.h"
#include "formats/number.h"

#include <stdlib.h>

enum { MAX_HEADER = 100000000 };

static const struct {
  const char *name;
  leat_dtype dtype;
} dtypes[] = {{"BOOL", LEAT_DTYPE_BOOL}, {"I8", LEAT_DTYPE_I8},     {"I16", LEAT_DTYPE_I16},
              {"I32", LEAT_DTYPE_I32},   {"I64", LEAT_DTYPE_I64},   {"U8", LEAT_DTYPE_U8},
              {"U16", LEAT_DTYPE_U16},   {"U32", LEAT_DTYPE_U32},   {"U64", LEAT_DTYPE_U64},
              {"F16", LEAT_DTYPE_F16},   {"BF16", LEAT_DTYPE_BF16}, {"F32", LEAT_DTYPE_F32},
              {"F64", LEAT_DTYPE_F64}};
enum { DTYPES = sizeof dtypes / sizeof *dtypes };

// --- Reading ------------------------------------------------------------------------------------
typedef struct entry {
  leat_str name;
  leat_dtype dtype;
  int rank;
  int64_t dims[LEAT_MAX_RANK];
  uint64_t begin, end;
  bool has_dtype, has_shape, has_offsets;
} entry;

typedef struct reader {
  leat_json json;
  leat_arena names;
  LEAT_VEC(entry) entries;
  leat_map seen;
  leat_safetensors *out;
} reader;

static leat_status expect(reader *r, leat_json_event got, leat_json_event want, const char *what,
                          leat_error *err) {
  return got == want ? LEAT_OK : leat_json_fail(&r->json, err, "%s was expected", what);
}

static leat_status read_u64(reader *r, uint64_t *out, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_NUMBER, "a whole number", err);
  if (!status && (!leat_parse_u64(r->json.text, out) || r->json.text.ptr[0] == '+'))
    status = leat_json_fail(&r->json, err, "'" LEAT_STR_FMT "' is not a size",
                            LEAT_STR_ARG(r->json.text));
  return status;
}

static leat_status read_shape(reader *r, entry *e, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_ARRAY, "a list of sizes", err);
  e->has_shape = true;
  while (!status) {
    uint64_t size;
    if ((status = leat_json_next(&r->json, &event, err)) || event == LEAT_JSON_ARRAY_END) break;
    if ((status = expect(r, event, LEAT_JSON_NUMBER, "a whole number", err))) break;
    if (e->rank == LEAT_MAX_RANK)
      return leat_json_fail(&r->json, err, "'" LEAT_STR_FMT "': more than %d axes",
                            LEAT_STR_ARG(e->name), LEAT_MAX_RANK);
    if (!leat_parse_u64(r->json.text, &size) || size > INT64_MAX)
      return leat_json_fail(&r->json, err, "'" LEAT_STR_FMT "' is not a size",
                            LEAT_STR_ARG(r->json.text));
    e->dims[e->rank++] = (int64_t)size;
  }
  return status;
}

static leat_status read_offsets(reader *r, entry *e, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_ARRAY, "a list of two offsets", err);
  if (!status) status = read_u64(r, &e->begin, err);
  if (!status) status = read_u64(r, &e->end, err);
  if (!status) status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_ARRAY_END, "a list of two offsets", err);
  e->has_offsets = true;
  return status;
}

static leat_status read_dtype(reader *r, entry *e, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_STRING, "a dtype", err);
  for (int i = 0; !status && i < DTYPES; i++)
    if (leat_str_eq(r->json.text, leat_str_of(dtypes[i].name))) e->dtype = dtypes[i].dtype;
  if (!status && !e->dtype)
    status = leat_json_fail(&r->json, err,
                            "tensor '" LEAT_STR_FMT "' is of dtype '" LEAT_STR_FMT
                            "', which is not supported",
                            LEAT_STR_ARG(e->name), LEAT_STR_ARG(r->json.text));
  e->has_dtype = true;
  return status;
}

static leat_status read_entry(reader *r, entry *e, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_OBJECT, "an object", err);
  while (!status) {
    if ((status = leat_json_next(&r->json, &event, err)) || event == LEAT_JSON_OBJECT_END) break;
    leat_str key = r->json.text;
    if (leat_str_eq(key, LEAT_STR("dtype")))
      status = read_dtype(r, e, err);
    else if (leat_str_eq(key, LEAT_STR("shape")))
      status = read_shape(r, e, err);
    else if (leat_str_eq(key, LEAT_STR("data_offsets")))
      status = read_offsets(r, e, err);
    else if (!(status = leat_json_next(&r->json, &event, err)))
      status = leat_json_skip(&r->json, event, err);
  }
  if (!status && !(e->has_dtype && e->has_shape && e->has_offsets))
    status = leat_json_fail(&r->json, err,
                            "tensor '" LEAT_STR_FMT "' lacks dtype, shape or data_offsets",
                            LEAT_STR_ARG(e->name));
  return status;
}

static leat_status read_metadata(reader *r, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status && event == LEAT_JSON_NULL) return LEAT_OK;
  if (!status) status = expect(r, event, LEAT_JSON_OBJECT, "an object of strings", err);
  while (!status) {
    if ((status = leat_json_next(&r->json, &event, err)) || event == LEAT_JSON_OBJECT_END) break;
    leat_named_str pair;
    pair.key = (leat_str){leat_arena_str(&r->names, r->json.text), r->json.text.len};
    if ((status = leat_json_next(&r->json, &event, err))) break;
    if ((status = expect(r, event, LEAT_JSON_STRING, "text in the metadata", err))) break;
    pair.value = (leat_str){leat_arena_str(&r->names, r->json.text), r->json.text.len};
    if (!pair.key.ptr || !pair.value.ptr || !leat_vec_push(&r->out->metadata, pair))
      status = leat__oom(err, sizeof pair);
  }
  return status;
}

static leat_status read_header(reader *r, leat_error *err) {
  leat_json_event event;
  leat_status status = leat_json_next(&r->json, &event, err);
  if (!status) status = expect(r, event, LEAT_JSON_OBJECT, "an object", err);
  while (!status) {
    if ((status = leat_json_next(&r->json, &event, err)) || event == LEAT_JSON_OBJECT_END) break;
    if (leat_str_eq(r->json.text, LEAT_STR("__metadata__"))) {
      status = read_metadata(r, err);
      continue;
    }
    entry e = {.name = {leat_arena_str(&r->names, r->json.text), r->json.text.len}};
    if (!e.name.ptr) return leat__oom(err, 1);
    if ((status = read_entry(r, &e, err))) break;
    bool made;
    leat_map_entry *slot = leat_map_insert(&r->seen, e.name, &made);
    if (!slot) return leat__oom(err, sizeof *slot);
    if (made) {
      slot->value.num = (int64_t)r->entries.count;
      if (!leat_vec_push(&r->entries, e)) return leat__oom(err, sizeof e);
    } else {
      r->entries.at[slot->value.num] = e;  // a repeated name: the last one counts
    }
  }
  if (!status) status = leat_json_next(&r->json, &event, err);
  return status ? status : expect(r, event, LEAT_JSON_END, "the header's end", err);
}

static int by_begin(const void *a, const void *b) {
  const entry *x = *(entry *const *)a, *y = *(entry *const *)b;
  if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
  return x->end < y->end ? -1 : x->end > y->end;
}

// Extents must follow each other from 0 to the end of the data.
static leat_status check_extents(reader *r, uint64_t bytes, const char *name, leat_error *err) {
  size_t count = r->entries.count;
  entry **order = leat__alloc(sizeof *order * (count + 1));
  if (!order) return leat__oom(err, sizeof *order * count);
  for (size_t i = 0; i < count; i++) order[i] = &r->entries.at[i];
  if (count) qsort(order, count, sizeof *order, by_begin);
  leat_status status = LEAT_OK;
  uint64_t at = 0;
  for (size_t i = 0; !status && i < count; i++) {
    const entry *e = order[i];
    int64_t elements = 1;
    for (int k = 0; k < e->rank; k++)
      if (__builtin_mul_overflow(elements, e->dims[k], &elements)) elements = -1, k = e->rank;
    int64_t want = 0;
    bool fits = elements >= 0 &&
                !__builtin_mul_overflow(elements, (int64_t)leat_dtype_bytes(e->dtype), &want) &&
                e->end >= e->begin && e->end - e->begin == (uint64_t)want;
    if (!fits)
      status = leat_error_set(err, LEAT_DATA_LOSS,
                              "%s: tensor '" LEAT_STR_FMT
                              "': its shape needs another number of bytes than [%llu, %llu)",
                              name, LEAT_STR_ARG(e->name), (unsigned long long)e->begin,
                              (unsigned long long)e->end);
    else if (e->begin != at)
      status = leat_error_set(
          err, LEAT_DATA_LOSS, "%s: tensor '" LEAT_STR_FMT "' starts at %llu, expected %llu", name,
          LEAT_STR_ARG(e->name), (unsigned long long)e->begin, (unsigned long long)at);
    at = e->end;
  }
  leat__free(order);
  if (!status && at != bytes)
    status =
        leat_error_set(err, LEAT_DATA_LOSS, "%s: the tensors take %llu bytes, the file has %llu",
                       name, (unsigned long long)at, (unsigned long long)bytes);
  return status;
}

static leat_status make_tensors(reader *r, const char *data, leat_error *err) {
  for (size_t i = 0; i < r->entries.count; i++) {
    const entry *e = &r->entries.at[i];
    leat_named_tensor named = {.name = e->name};
    leat_status status =
        leat_tensor_copy_of(&named.tensor, e->dtype, e->rank, e->dims, data + e->begin, err);
    if (!status && !leat_vec_push(&r->out->tensors, named)) {
      leat_tensor_unref(named.tensor);
      status = leat__oom(err, sizeof named);
    }
    if (status) return status;
  }
  return LEAT_OK;
}

leat_status leat_safetensors_parse(leat_safetensors *out, leat_str bytes, const char *name,
                                   leat_error *err) {
  *out = (leat_safetensors){0};
  uint64_t length = 0;
  if (bytes.len < 8)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: %zu bytes are too few for a header", name,
                          bytes.len);
  memcpy(&length, bytes.ptr, 8);
  if (length > MAX_HEADER || length > bytes.len - 8)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: header is %llu bytes, file has %zu", name,
                          (unsigned long long)length, bytes.len);
  leat_str header = {bytes.ptr + 8, length};
  if (!header.len || header.ptr[0] != '{')
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: the header does not start with '{'", name);
  reader r = {.out = out};
  leat_json_init(&r.json, header, name);
  leat_status status = read_header(&r, err);
  if (!status) status = check_extents(&r, bytes.len - 8 - length, name, err);
  if (!status) status = make_tensors(&r, bytes.ptr + 8 + length, err);
  leat_json_deinit(&r.json);
  leat_map_deinit(&r.seen);
  leat_vec_deinit(&r.entries);
  // Names live in the arena, which the result takes over.
  leat_arena *kept = status ? NULL : leat__alloc(sizeof *kept);
  if (!status && !kept) status = leat__oom(err, sizeof *kept);
  if (kept) {
    *kept = r.names;
    out->text = (char *)kept;
  } else {
    leat_arena_deinit(&r.names);
    leat_safetensors_deinit(out);
  }
  return status;
}

leat_status leat_safetensors_read(leat_safetensors *out, const char *path, leat_error *err) {
  leat_buf bytes = {.max = (size_t)1 << 46};
  *out = (leat_safetensors){0};
  leat_status status = leat_file_read(path, 0, &bytes, err);
  if (!status) status = leat_safetensors_parse(out, leat_buf_view(&bytes), path, err);
  leat_buf_deinit(&bytes);
  return status;
}

void leat_safetensors_deinit(leat_safetensors *st) {
  for (size_t i = 0; i < st->tensors.count; i++) leat_tensor_unref(st->tensors.at[i].tensor);
  leat_vec_deinit(&st->tensors);
  leat_vec_deinit(&st->metadata);
  if (st->text) leat_arena_deinit((leat_arena *)(void *)st->text);
  leat__free(st->text);
  *st = (leat_safetensors){0};
}

leat_tensor *leat_safetensors_find(const leat_safetensors *st, leat_str name) {
  for (size_t i = 0; i < st->tensors.count; i++)
    if (leat_str_eq(st->tensors.at[i].name, name)) return st->tensors.at[i].tensor;
  return NULL;
}

// --- Writing ------------------------------------------------------------------------------------
static int by_tensor_name(const void *a, const void *b) {
  const leat_named_tensor *x = a, *y = b;
  int xb = leat_dtype_bits(leat_tensor_dtype(x->tensor)),
      yb = leat_dtype_bits(leat_tensor_dtype(y->tensor));
  return xb != yb ? yb - xb : leat_str_cmp(x->name, y->name);
}

static const char *dtype_name(leat_dtype dtype) {
  for (int i = 0; i < DTYPES; i++)
    if (dtypes[i].dtype == dtype) return dtypes[i].name;
  return NULL;
}

static void canonical_nans(leat_dtype dtype, char *data, size_t count) {
  for (size_t i = 0; i < count; i++) {
    uint32_t f;
    uint64_t d;
    uint16_t h;
    switch (dtype) {
      case LEAT_DTYPE_F32:
        memcpy(&f, data + 4 * i, 4);
        if ((f & 0x7FFFFFFF) > 0x7F800000) f = 0x7FC00000, memcpy(data + 4 * i, &f, 4);
        break;
      case LEAT_DTYPE_F64:
        memcpy(&d, data + 8 * i, 8);
        if ((d & INT64_MAX) > 0x7FF0000000000000)
          d = 0x7FF8000000000000, memcpy(data + 8 * i, &d, 8);
        break;
      case LEAT_DTYPE_F16:
        memcpy(&h, data + 2 * i, 2);
        if ((h & 0x7FFF) > 0x7C00) h = 0x7E00, memcpy(data + 2 * i, &h, 2);
        break;
      case LEAT_DTYPE_BF16:
        memcpy(&h, data + 2 * i, 2);
        if ((h & 0x7FFF) > 0x7F80) h = 0x7FC0, memcpy(data + 2 * i, &h, 2);
        break;
      default: return;
    }
  }
}

static void put_header(leat_buf *header, const leat_named_tensor *tensors, size_t count,
                       const leat_named_str *metadata, size_t metadata_count) {
  leat_json_writer w = {.out = header};
  leat_json_open(&w, '{');
  if (metadata_count) {
    leat_json_key(&w, LEAT_STR("__metadata__"));
    leat_json_open(&w, '{');
    for (size_t i = 0; i < metadata_count; i++)
      leat_json_key(&w, metadata[i].key), leat_json_string(&w, metadata[i].value);
    leat_json_close(&w, '}');
  }
  int64_t at = 0;
  for (size_t i = 0; i < count; i++) {
    const leat_tensor *t = tensors[i].tensor;
    int64_t bytes = leat_tensor_count(t) * (int64_t)leat_dtype_bytes(leat_tensor_dtype(t));
    leat_json_key(&w, tensors[i].name);
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("dtype"));
    leat_json_string(&w, leat_str_of(dtype_name(leat_tensor_dtype(t))));
    leat_json_key(&w, LEAT_STR("shape"));
    leat_json_open(&w, '[');
    for (int k = 0; k < leat_tensor_rank(t); k++) leat_json_i64(&w, leat_tensor_dims(t)[k]);
    leat_json_close(&w, ']');
    leat_json_key(&w, LEAT_STR("data_offsets"));
    leat_json_open(&w, '[');
    leat_json_i64(&w, at);
    leat_json_i64(&w, at + bytes);
    leat_json_close(&w, ']');
    leat_json_close(&w, '}');
    at += bytes;
  }
  leat_json_close(&w, '}');
  while (header->len % 8 && !header->failed) leat_buf_char(header, ' ');
}

leat_status leat_safetensors_format(const leat_named_tensor *tensors, size_t count,
                                    const leat_named_str *metadata, size_t metadata_count,
                                    leat_buf *out, leat_error *err) {
  leat_named_tensor *order = leat__alloc(sizeof *order * (count + 1));
  if (!order) return leat__oom(err, sizeof *order * count);
  leat_status status = LEAT_OK;
  if (count) memcpy(order, tensors, sizeof *order * count);
  for (size_t i = 0; i < count; i++)
    if (!dtype_name(leat_tensor_dtype(order[i].tensor)))
      status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                              "safetensors: '" LEAT_STR_FMT "': strings cannot be stored",
                              LEAT_STR_ARG(order[i].name));
  if (!status && count) qsort(order, count, sizeof *order, by_tensor_name);
  leat_buf header = {0};
  out->max = (size_t)1 << 46;
  if (!status) put_header(&header, order, count, metadata, metadata_count);
  uint64_t length = header.len;
  leat_buf_add(out, &length, 8);
  leat_buf_str(out, leat_buf_view(&header));
  for (size_t i = 0; !status && i < count; i++) {
    leat_tensor *dense;
    if ((status = leat_tensor_dense(&dense, order[i].tensor, err))) break;
    size_t elements = (size_t)leat_tensor_count(dense), at = out->len;
    leat_buf_add(out, leat_tensor_data(dense),
                 elements * leat_dtype_bytes(leat_tensor_dtype(dense)));
    if (!out->failed) canonical_nans(leat_tensor_dtype(dense), out->ptr + at, elements);
    leat_tensor_unref(dense);
  }
  if (!status) status = leat_buf_status(&header, err);
  if (!status) status = leat_buf_status(out, err);
  leat_buf_deinit(&header);
  leat__free(order);
  return status;
}
