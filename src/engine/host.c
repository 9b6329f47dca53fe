// Host functions: strings and tables.
// SPDX-License-Identifier: Apache-2.0
#include "engine/host.h"

#include "base/fingerprint.h"
#include "formats/date.h"
#include "formats/number.h"

#define HOST(name, ...) static leat_status eval_##name(leat_call *c, leat_tensor *const *in);
#include "graph/host.def"
#undef HOST

// Operands arrive dense.
leat_status leat__host_eval(leat_call *c, leat_host host) {
  static leat_status (*const evals[])(leat_call * c, leat_tensor *const *in) = {
#define HOST(name, ...) eval_##name,
#include "graph/host.def"
#undef HOST
  };
  leat_tensor *in[4] = {NULL};
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < c->node->input_count; i++) status = leat__call_dense(c, i, &in[i]);
  if (!status) status = evals[host](c, in);
  for (int i = 0; i < 4; i++) leat_tensor_unref(in[i]);
  return status ? leat_error_prepend(c->err, status, "%s", leat__hosts[host].name) : status;
}

static leat_str param(const leat_call *c, int i) { return c->node->attrs[1].strs[i]; }

// --- String to string: the result is built front to back ----------------------------------------
typedef struct string_writer {
  leat_tensor *out;
  int64_t *offsets, at;
} string_writer;

static leat_status writer_init(leat_call *c, const leat_tensor *like, int64_t bytes,
                               string_writer *w) {
  leat_status status = leat_tensor_alloc_strings(&c->out[0], like->rank, like->dims, bytes, c->err);
  *w = (string_writer){.out = c->out[0]};
  if (!status) w->offsets = w->out->data;
  return status;
}

static void writer_add(string_writer *w, leat_str s) {
  if (s.len) memcpy(w->out->buffer->chars + w->offsets[w->at], s.ptr, s.len);
  w->offsets[w->at + 1] = w->offsets[w->at] + (int64_t)s.len;
  w->at++;
}

static int64_t total_bytes(const leat_tensor *x) {
  int64_t bytes = 0;
  for (int64_t i = 0; i < x->count; i++) bytes += (int64_t)leat_tensor_str(x, i).len;
  return bytes;
}

static leat_status eval_string_strip(leat_call *c, leat_tensor *const *in) {
  string_writer w;
  leat_status status = writer_init(c, in[0], total_bytes(in[0]), &w);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    writer_add(&w, leat_str_strip(leat_tensor_str(in[0], i), param(c, 0)));
  return status;
}

static leat_status change_case(leat_call *c, const leat_tensor *x, char first, char last,
                               char flip) {
  string_writer w;
  leat_status status = writer_init(c, x, total_bytes(x), &w);
  for (int64_t i = 0; !status && i < x->count; i++) {
    writer_add(&w, leat_tensor_str(x, i));
    for (int64_t k = w.offsets[i]; k < w.offsets[i + 1]; k++) {
      char *at = w.out->buffer->chars + k;
      if (*at >= first && *at <= last) *at ^= flip;
    }
  }
  return status;
}

static leat_status eval_string_lower(leat_call *c, leat_tensor *const *in) {
  return change_case(c, in[0], 'A', 'Z', 0x20);
}
static leat_status eval_string_upper(leat_call *c, leat_tensor *const *in) {
  return change_case(c, in[0], 'a', 'z', 0x20);
}

static leat_status eval_string_join(leat_call *c, leat_tensor *const *in) {
  leat_buf joined = {0};
  string_writer w;
  leat_str separator = param(c, 0);
  int64_t bytes = total_bytes(in[0]) + total_bytes(in[1]) + in[0]->count * (int64_t)separator.len;
  leat_status status = writer_init(c, in[0], bytes, &w);
  for (int64_t i = 0; !status && i < in[0]->count; i++) {
    leat_buf_clear(&joined);
    leat_buf_str(&joined, leat_tensor_str(in[0], i));
    leat_buf_str(&joined, separator);
    leat_buf_str(&joined, leat_tensor_str(in[1], i));
    status = leat_buf_status(&joined, c->err);
    if (!status) writer_add(&w, leat_buf_view(&joined));
  }
  leat_buf_deinit(&joined);
  return status;
}

static size_t format_element(leat_dtype dtype, const leat_tensor *x, int64_t i, char *out) {
  leat_buf text = {0};
  uint8_t u8 = 0;
  switch (dtype) {
    case LEAT_DTYPE_F32: return leat_format_f32(out, ((float *)x->data)[i]);
    case LEAT_DTYPE_F64: return leat_format_f64(out, ((double *)x->data)[i]);
    case LEAT_DTYPE_BOOL:
      memcpy(&u8, (char *)x->data + i, 1);
      memcpy(out, u8 ? "true" : "false", 5);
      return u8 ? 4 : 5;
    case LEAT_DTYPE_I64: leat_buf_fmt(&text, "%lld", (long long)((int64_t *)x->data)[i]); break;
    case LEAT_DTYPE_I32: leat_buf_fmt(&text, "%d", ((int32_t *)x->data)[i]); break;
    case LEAT_DTYPE_I16: leat_buf_fmt(&text, "%d", ((int16_t *)x->data)[i]); break;
    case LEAT_DTYPE_I8: leat_buf_fmt(&text, "%d", ((int8_t *)x->data)[i]); break;
    case LEAT_DTYPE_U64:
      leat_buf_fmt(&text, "%llu", (unsigned long long)((uint64_t *)x->data)[i]);
      break;
    case LEAT_DTYPE_U32: leat_buf_fmt(&text, "%u", ((uint32_t *)x->data)[i]); break;
    case LEAT_DTYPE_U16: leat_buf_fmt(&text, "%u", ((uint16_t *)x->data)[i]); break;
    case LEAT_DTYPE_U8: leat_buf_fmt(&text, "%u", ((uint8_t *)x->data)[i]); break;
    default: break;
  }
  size_t length = text.len < LEAT_NUMBER_MAX ? text.len : LEAT_NUMBER_MAX;
  if (length) memcpy(out, text.ptr, length);
  leat_buf_deinit(&text);
  return length;
}

static leat_status eval_as_string(leat_call *c, leat_tensor *const *in) {
  if (in[0]->dtype == LEAT_DTYPE_STRING) return c->out[0] = leat_tensor_ref(in[0]), LEAT_OK;
  string_writer w;
  leat_status status = writer_init(c, in[0], in[0]->count * LEAT_NUMBER_MAX, &w);
  for (int64_t i = 0; !status && i < in[0]->count; i++) {
    char text[LEAT_NUMBER_MAX];
    writer_add(&w, (leat_str){text, format_element(in[0]->dtype, in[0], i, text)});
  }
  return status;
}

// --- String to number ---------------------------------------------------------------------------
static leat_status eval_string_length(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((int64_t *)c->out[0]->data)[i] = (int64_t)leat_tensor_str(in[0], i).len;
  return status;
}

static leat_status eval_string_eq(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((uint8_t *)c->out[0]->data)[i] =
        leat_str_eq(leat_tensor_str(in[0], i), leat_tensor_str(in[1], i));
  return status;
}

static bool parse_as(leat_dtype dtype, leat_str s, leat_tensor *out, int64_t i) {
  int64_t whole;
  switch (dtype) {
    case LEAT_DTYPE_F32: return leat_parse_f32(s, (float *)out->data + i);
    case LEAT_DTYPE_F64: return leat_parse_f64(s, (double *)out->data + i);
    case LEAT_DTYPE_I64: return leat_parse_i64(s, (int64_t *)out->data + i);
    default:
      if (!leat_parse_i64(s, &whole) || whole != (int32_t)whole) return false;
      ((int32_t *)out->data)[i] = (int32_t)whole;
      return true;
  }
}

static leat_status eval_string_parse(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((float *)c->out[0]->data)[i] =
        (float)leat_text_part(leat_tensor_str(in[0], i), param(c, 0), param(c, 1));
  return status;
}

static leat_status eval_string_to_number(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++) {
    leat_str s = leat_str_strip(leat_tensor_str(in[0], i), LEAT_STR(" \t"));
    if (!s.len) s = param(c, 1);
    if (!parse_as(c->out[0]->dtype, s, c->out[0], i))
      status = leat_error_set(c->err, LEAT_INVALID_ARGUMENT,
                              "'" LEAT_STR_FMT "' (element %lld) is not %s", LEAT_STR_ARG(s),
                              (long long)i, leat_dtype_name(c->out[0]->dtype));
  }
  return status;
}

static leat_status eval_fingerprint(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((uint64_t *)c->out[0]->data)[i] = leat_fingerprint64(leat_tensor_str(in[0], i));
  return status;
}

static leat_status eval_hash_bucket(leat_call *c, leat_tensor *const *in) {
  uint64_t buckets;
  if (!leat_parse_u64(param(c, 0), &buckets) || buckets == 0)
    return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "'" LEAT_STR_FMT "' buckets",
                          LEAT_STR_ARG(param(c, 0)));
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((int64_t *)c->out[0]->data)[i] =
        (int64_t)(leat_fingerprint64(leat_tensor_str(in[0], i)) % buckets);
  return status;
}

static leat_status eval_hash_bucket_strong(leat_call *c, leat_tensor *const *in) {
  uint64_t params[3];
  for (int i = 0; i < 3; i++)
    if (!leat_parse_u64(param(c, i), &params[i]) || params[0] == 0)
      return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "'" LEAT_STR_FMT "' as parameter %d",
                            LEAT_STR_ARG(param(c, i)), i);
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((int64_t *)c->out[0]->data)[i] =
        (int64_t)(leat_siphash(leat_tensor_str(in[0], i), params[1], params[2]) % params[0]);
  return status;
}

static leat_status eval_fingerprint_cat(leat_call *c, leat_tensor *const *in) {
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++)
    ((uint64_t *)c->out[0]->data)[i] =
        leat_fingerprint_cat64(((uint64_t *)in[0]->data)[i], ((uint64_t *)in[1]->data)[i]);
  return status;
}

// --- One string to several ----------------------------------------------------------------------
// The next piece of *rest, which is at its end after the last one.
static leat_str next_piece(leat_str *rest, leat_str separator) {
  const char *at =
      separator.len ? memmem(rest->ptr, rest->len, separator.ptr, separator.len) : NULL;
  leat_str piece = {rest->ptr, at ? (size_t)(at - rest->ptr) : rest->len};
  size_t taken = piece.len + (at ? separator.len : 0);
  *rest = (leat_str){rest->ptr + taken, rest->len - taken};
  return piece;
}

static int64_t most_pieces(const leat_tensor *x, leat_str separator) {
  int64_t most = 1;
  for (int64_t i = 0; i < x->count; i++) {
    leat_str rest = leat_tensor_str(x, i);
    int64_t count = 0;
    while (rest.len) next_piece(&rest, separator), count++;
    if (count > most) most = count;
  }
  return most;
}

static leat_status eval_string_split(leat_call *c, leat_tensor *const *in) {
  int64_t width = most_pieces(in[0], param(c, 0)), dims[] = {in[0]->count, width};
  c->env[leat__dim_slot(c->node->types[0].shape.dims[1])] = width;
  leat_status status = leat_tensor_alloc_strings(&c->out[0], 2, dims, total_bytes(in[0]), c->err);
  string_writer w = {.out = c->out[0]};
  if (!status) w.offsets = w.out->data;
  for (int64_t i = 0; !status && i < in[0]->count; i++) {
    leat_str rest = leat_tensor_str(in[0], i);
    for (int64_t k = 0; k < width; k++) writer_add(&w, next_piece(&rest, param(c, 0)));
  }
  return status;
}

// --- Vocabularies: an index made once for each table --------------------------------------------
typedef struct vocabulary {
  leat_cache head;
  leat_tensor *table;
  leat_map map;
} vocabulary;

static void free_vocabulary(leat_cache *cache) {
  vocabulary *v = (vocabulary *)cache;
  leat_map_deinit(&v->map);
  leat_tensor_unref(v->table);
  leat__free(v);
}

static vocabulary *index_of(leat_call *c, leat_tensor *table) {
  vocabulary *v = *c->cache;
  if (v && v->table == table) return v;
  if (v) free_vocabulary(&v->head);
  *c->cache = v = leat__calloc(1, sizeof *v);
  if (!v) return NULL;
  v->head.free = free_vocabulary;
  v->table = leat_tensor_ref(table);
  for (int64_t i = 0; i < table->count; i++) {
    bool made;
    leat_map_entry *entry = leat_map_insert(&v->map, leat_tensor_str(table, i), &made);
    if (!entry) {
      free_vocabulary(&v->head);
      return *c->cache = NULL;
    }
    if (made) entry->value.num = i;
  }
  return v;
}

static leat_status eval_vocab_lookup(leat_call *c, leat_tensor *const *in) {
  vocabulary *v = index_of(c, in[1]);
  if (!v) return leat__oom(c->err, sizeof *v);
  leat_status status = leat__call_new(c, 0);
  for (int64_t i = 0; !status && i < in[0]->count; i++) {
    leat_map_entry *entry = leat_map_find(&v->map, leat_tensor_str(in[0], i));
    ((int64_t *)c->out[0]->data)[i] = entry ? entry->value.num : -1;
  }
  return status;
}

static leat_status eval_string_range_check(leat_call *c, leat_tensor *const *in) {
  for (int64_t i = 0; i < in[0]->count; i++)
    if (((int64_t *)in[0]->data)[i] < 0) {
      leat_str s = leat_tensor_str(in[1], i);
      return leat_error_set(c->err, LEAT_INVALID_ARGUMENT,
                            LEAT_STR_FMT ": '" LEAT_STR_FMT "' (row %lld of the batch)",
                            LEAT_STR_ARG(param(c, 0)), LEAT_STR_ARG(s), (long long)i);
    }
  c->out[0] = leat_tensor_ref(in[0]);
  return LEAT_OK;
}
