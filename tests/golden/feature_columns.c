// Golden feature columns: dense outputs, ids and linear models of raw values.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "base/fingerprint.h"
#include "features/features.h"

enum { MOST = 8 };

typedef struct table {
  scene *s;
  leat_features features;
  leat_raw_columns columns;
  leat_value raw[MOST];
  leat_tensor *values[40];  // arguments of the function: the case's inputs, then raw columns
} table;

// --- Raw columns --------------------------------------------------------------------------------
static const node *rows_of(const table *t, leat_str column) {
  return get(get(t->s->c, "features"), c_text(column));
}

static int64_t length_of(const node *list) {
  int64_t count = 0;
  for (const node *n = list ? list->child : NULL; n; n = n->next) count++;
  return count;
}

static int64_t width_of(const node *rows) {
  int64_t width = 1;
  for (const node *row = rows->child; row; row = row->next)
    if (row->kind == LEAT_JSON_ARRAY && length_of(row) > width) width = length_of(row);
  return width;
}

// Whether some row lacks a value or has several.
static bool is_ragged(const node *rows) {
  for (const node *row = rows->child; row; row = row->next)
    if (row->kind == LEAT_JSON_ARRAY && length_of(row) != 1) return true;
  return false;
}

// (rows) or, padded, (rows, width).
static leat_tensor *raw_tensor(const table *t, const leat_raw_column *c) {
  const node *rows = rows_of(t, c->name);
  int64_t dims[] = {length_of(rows), width_of(rows)}, count = dims[0] * dims[1], at = 0;
  int rank = c->values == 1 ? 1 : 2;
  leat_str *text = leat_arena_alloc(&arena, sizeof *text * (size_t)(count + 1));
  double *numbers_of = leat_arena_alloc(&arena, sizeof *numbers_of * (size_t)(count + 1));
  for (const node *row = rows->child; row; row = row->next) {
    const node *n = row->kind == LEAT_JSON_ARRAY ? row->child : row;
    for (int64_t i = 0; i < dims[1]; i++, at++) {
      text[at] = n ? n->text : (leat_str){0};
      numbers_of[at] = n ? number_of(n) : c->dtype == LEAT_DTYPE_I64 ? -1 : 0;
      n = n && row->kind == LEAT_JSON_ARRAY ? n->next : NULL;
    }
  }
  leat_tensor *out;
  if (c->dtype == LEAT_DTYPE_STRING)
    return leat_tensor_new_strings(&out, rank, dims, text, &err) ? NULL : out;
  if (leat_tensor_new(&out, c->dtype, rank, dims, &err)) return NULL;
  for (int64_t i = 0; i < count; i++)
    if (c->dtype == LEAT_DTYPE_I64)
      ((int64_t *)leat_tensor_data(out))[i] = (int64_t)numbers_of[i];
    else
      ((float *)leat_tensor_data(out))[i] = (float)numbers_of[i];
  return out;
}

// --- Features from parameters -------------------------------------------------------------------
static void add_words(leat_feature *f, const node *list) {
  for (const node *n = list ? list->child : NULL; n; n = n->next)
    leat_vec_push(&f->vocabulary, n->text);
}

static void add_edges(leat_feature *f, const node *list) {
  for (const node *n = list ? list->child : NULL; n; n = n->next)
    leat_vec_push(&f->boundaries, number_of(n));
}

static leat_feature *add_feature(table *t, const char *column, leat_feature_kind kind) {
  const node *rows = get(get(t->s->c, "features"), column);
  leat_str name = {leat_arena_str(&arena, leat_str_of(column)), strlen(column)};
  leat_feature f = {.name = name,
                    .column = name,
                    .kind = kind,
                    .values = rows && is_ragged(rows) ? 0 : 1,
                    .dtype = kind == LEAT_FEATURE_NUMERIC || kind == LEAT_FEATURE_BUCKETS
                                 ? LEAT_DTYPE_F32
                                 : LEAT_DTYPE_STRING,
                    .default_id = -1,
                    .stddev = 1,
                    .hash_key = 0xDECAFCAFFE};
  leat_vec_push(&t->features, f);
  return &t->features.at[t->features.count - 1];
}

static bool has_integers(const table *t, const char *column) {
  const node *row = get(get(t->s->c, "features"), column)->child, *n = row;
  if (row && row->kind == LEAT_JSON_ARRAY) n = row->child;
  return n && n->kind == LEAT_JSON_NUMBER;
}

// "(x-30)/12.5"
static void read_normalizer(leat_feature *f, const node *n) {
  if (!n) return;
  char *end;
  f->normalizer = LEAT_NORMALIZE_Z_SCORE;
  f->mean = strtod(n->text.ptr + 3, &end);
  f->stddev = strtod(end + 2, NULL);
}

static void read_vocabulary(table *t, leat_feature *f) {
  add_words(f, get(t->s->params, "vocabulary"));
  f->default_id = (int64_t)number(t->s->params, "default_value", -1);
  f->oov_buckets = (int64_t)number(t->s->params, "num_oov_buckets", 0);
  if (has_integers(t, c_text(f->column))) f->dtype = LEAT_DTYPE_I64;
}

static const char *first_column(const table *t) {
  return c_text(get(t->s->c, "features")->child->key);
}

// A key of a cross: a raw column, age_buckets, or vocabulary(a).
static leat_cross_key cross_key(table *t, const char *key) {
  leat_cross_key k = {.feature = -1};
  const char *raw = strcmp(key, "age_buckets") == 0 ? "age" : key;
  char inner[64] = "";
  if (sscanf(key, "vocabulary(%60[^)])", inner) == 1) raw = inner;
  k.name = (leat_str){leat_arena_str(&arena, leat_str_of(raw)), strlen(raw)};
  if (raw == key) {
    if (has_integers(t, raw)) {  // an identity makes the column one of integers
      leat_feature *f = add_feature(t, raw, LEAT_FEATURE_IDENTITY);
      f->dtype = LEAT_DTYPE_I64;
      f->buckets = 1 << 30;
    }
    return k;
  }
  leat_feature *f = add_feature(t, raw, inner[0] ? LEAT_FEATURE_VOCABULARY : LEAT_FEATURE_BUCKETS);
  if (inner[0])
    read_vocabulary(t, f);
  else
    add_edges(f, get(t->s->params, "boundaries"));
  k.feature = (int)t->features.count - 1;
  return k;
}

// Raw keys of a cross whose rows are ragged need columns with several values.
static void widen_keys(table *t) {
  for (size_t i = 0; i < t->columns.count; i++)
    if (t->columns.at[i].values < 2 && rows_of(t, t->columns.at[i].name) &&
        is_ragged(rows_of(t, t->columns.at[i].name))) {
      t->columns.at[i].values = 0;
      if (!t->columns.at[i].dim.len) t->columns.at[i].dim = t->columns.at[i].name;
    }
}

static int cross_feature(table *t) {
  leat_cross_key keys[MOST];
  size_t count = 0;
  for (node *n = get(t->s->params, "keys")->child; n && count < MOST; n = n->next)
    keys[count++] = cross_key(t, c_text(n->text));
  leat_feature *f = add_feature(t, "cross", LEAT_FEATURE_CROSS);
  f->column = (leat_str){0};
  f->buckets = (int64_t)number(t->s->params, "hash_bucket_size", 1);
  f->hash_key = (uint64_t)number(t->s->params, "hash_key", 956888297470.0);
  if (!get(t->s->params, "hash_key") || number(t->s->params, "hash_key", 0) == 0)
    f->hash_key = 0xDECAFCAFFE;
  for (size_t i = 0; i < count; i++) leat_vec_push(&f->keys, keys[i]);
  return (int)t->features.count - 1;
}

// The categorical column named by "column" or "inner".
static int category(table *t) {
  const node *p = t->s->params;
  if (text_is(p, "column", "crossed")) return cross_feature(t);
  leat_feature *f;
  if (text_is(p, "column", "bucketized")) {
    f = add_feature(t, first_column(t), LEAT_FEATURE_BUCKETS);
    add_edges(f, get(p, "boundaries"));
    int64_t shape[8];
    if (numbers(p, "shape", shape)) f->values = shape[0];
  } else if (get(p, "hash_bucket_size")) {
    f = add_feature(t, first_column(t), LEAT_FEATURE_HASH);
    f->buckets = (int64_t)number(p, "hash_bucket_size", 1);
    if (text_is(p, "dtype", "int64")) f->dtype = LEAT_DTYPE_I64;
  } else if (get(p, "num_buckets")) {
    f = add_feature(t, first_column(t), LEAT_FEATURE_IDENTITY);
    f->buckets = (int64_t)number(p, "num_buckets", 1);
    f->default_id = (int64_t)number(p, "default_value", -1);
    f->dtype = LEAT_DTYPE_I64;
  } else {
    f = add_feature(t, first_column(t), LEAT_FEATURE_VOCABULARY);
    read_vocabulary(t, f);
  }
  if (get(p, "weight_key")) f->weights = get(p, "weight_key")->text;
  return (int)t->features.count - 1;
}

// --- Running ------------------------------------------------------------------------------------
static bool open_table(table *t) {
  if (leat_features_columns(&t->features, &t->columns, &err)) return false;
  widen_keys(t);
  leat_dim batch = leat_dim_symbol(t->s->g, "batch", 0);
  leat_raw_inputs(t->s->b, &t->columns, batch, t->raw);
  for (size_t i = 0; i < t->columns.count; i++)
    t->s->in[t->s->count++] = raw_tensor(t, &t->columns.at[i]);
  return true;
}

static leat_feature_scene scene_of(table *t) {
  return (leat_feature_scene){&t->features, &t->columns, t->raw};
}

static verdict check_ids(scene *s, leat_tensor *got) {
  const node *row = get(s->c, "expected_ids")->child;
  int64_t rows = leat_tensor_dims(got)[0], width = rows ? leat_tensor_count(got) / rows : 0;
  const int64_t *id = leat_tensor_data(got);
  for (int64_t i = 0; i < rows; i++, row = row ? row->next : NULL) {
    const node *want = row && row->kind == LEAT_JSON_ARRAY ? row->child : row;
    for (int64_t k = 0; k < width; k++, id++) {
      if (*id == LEAT_ID_MISSING) continue;
      if (!want || number_of(want) != (double)*id) {
        snprintf(s->problem, sizeof s->problem, "row %lld: id %lld, expected %s", (long long)i,
                 (long long)*id, want ? c_text(want->text) : "none");
        return FAILED;
      }
      want = row->kind == LEAT_JSON_ARRAY ? want->next : NULL;
    }
    if (want)
      return snprintf(s->problem, sizeof s->problem, "row %lld: an id is missing", (long long)i),
             FAILED;
  }
  return PASSED;
}

static verdict run_ids(table *t, leat_value id) {
  leat_func *f;
  leat_exec *exec = NULL;
  leat_tensor *out = NULL;
  scene *s = t->s;
  leat_output(s->b, "ids", id);
  leat_status status = leat_builder_finish(s->b, &f, &err);
  s->b = NULL;
  if (!status) status = leat_exec_new(&exec, f, NULL, &err);
  if (!status) status = leat_exec_run(exec, NULL, s->in, s->count, &out, &err);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  verdict v = status ? FAILED : check_ids(s, out);
  leat_tensor_unref(out);
  leat_exec_free(exec);
  return v;
}

static leat_combiner combiner_of(const scene *s, const char *key) {
  if (text_is(s->params, key, "sqrtn")) return LEAT_COMBINER_SQRTN;
  return text_is(s->params, key, "sum") ? LEAT_COMBINER_SUM : LEAT_COMBINER_MEAN;
}

static verdict column(table *t) {
  static const char *const dense[] = {"dense"};
  const node *p = t->s->params;
  int at;
  if (text_is(p, "column", "numeric")) {
    leat_feature *f = add_feature(t, first_column(t), LEAT_FEATURE_NUMERIC);
    int64_t shape[8];
    if (numbers(p, "shape", shape)) f->values = shape[0];
    read_normalizer(f, get(p, "normalizer"));
    at = (int)t->features.count - 1;
  } else
    at = category(t);
  leat_feature *f = &t->features.at[at];
  f->embedding = (int64_t)number(p, "dimension", 0);
  f->combiner = combiner_of(t->s, "combiner");
  f->max_norm = number(p, "max_norm", 0);
  if (!open_table(t)) return FAILED;
  leat_feature_scene view = scene_of(t);
  if (get(t->s->c, "expected_ids")) return run_ids(t, leat_feature_id(t->s->b, &view, at));
  leat_value y = f->embedding
                     ? leat_feature_embed(t->s->b, &view, at, arg(t->s, "embedding_weights"))
                     : leat_feature_dense(t->s->b, &view, at);
  return finish(t->s, dense, &y, 1);
}

// --- Several columns ----------------------------------------------------------------------------
static verdict linear(table *t) {
  static const char *const names[] = {"y"};
  leat_feature *f = add_feature(t, "s", LEAT_FEATURE_VOCABULARY);
  add_words(f, get(t->s->params, "vocabulary"));
  add_feature(t, "x", LEAT_FEATURE_NUMERIC);
  if (!open_table(t)) return FAILED;
  leat_feature_scene view = scene_of(t);
  leat_builder *b = t->s->b;
  leat_combiner combiner = combiner_of(t->s, "sparse_combiner");
  leat_value y = leat_add(b, leat_feature_linear(b, &view, 0, arg(t->s, "w_s"), combiner),
                          leat_feature_linear(b, &view, 1, arg(t->s, "w_x"), combiner));
  y = leat_add(b, y, arg(t->s, "bias"));
  return finish(t->s, names, &y, 1);
}

static int named(const table *t, leat_str want) {
  int found = -1;
  for (size_t i = 0; i < t->features.count; i++) {
    leat_buf name = {0};
    leat_feature_dense_name(&t->features, &t->features.at[i], &name);
    if (leat_str_eq(want, leat_buf_view(&name))) found = (int)i;
    leat_buf_deinit(&name);
  }
  return found;
}

// Columns by their names, which the case lists in order: "a_indicator" and "z_bucketized" are made
// of a and z.
static verdict order(table *t) {
  static const char *const dense[] = {"dense"};
  leat_value pieces[MOST];
  int count = 0;
  for (const node *n = get(t->s->c, "features")->child; n; n = n->next) {
    bool words = !has_integers(t, c_text(n->key));
    leat_feature *f =
        add_feature(t, c_text(n->key), words ? LEAT_FEATURE_VOCABULARY : LEAT_FEATURE_NUMERIC);
    if (!words) continue;
    leat_vec_push(&f->vocabulary, LEAT_STR("p"));
    leat_vec_push(&f->vocabulary, LEAT_STR("q"));
  }
  leat_feature *f = add_feature(t, "z", LEAT_FEATURE_BUCKETS);
  leat_vec_push(&f->boundaries, 0);  // three buckets; the case does not name the boundaries
  leat_vec_push(&f->boundaries, 10);
  if (!open_table(t)) return FAILED;
  leat_feature_scene view = scene_of(t);
  for (const node *want = get(t->s->params, "sorted")->child; want; want = want->next) {
    int at = named(t, want->text);
    if (at < 0) return snprintf(t->s->problem, 99, "no column '%s'", c_text(want->text)), FAILED;
    pieces[count++] = leat_feature_dense(t->s->b, &view, at);
  }
  leat_value y = leat_concat(t->s->b, pieces, count, 1);
  return finish(t->s, dense, &y, 1);
}

// --- Hashes of strings --------------------------------------------------------------------------
static verdict hashes(scene *s) {
  const node *text = get(s->c, "strings")->child, *hex = get(s->c, "expected_hex"),
             *ids = get(s->c, "expected_ids");
  uint64_t buckets = (uint64_t)number(s->params, "num_buckets", 1000);
  hex = hex ? hex->child : NULL;
  ids = ids ? ids->child : NULL;
  if (!hex && !ids) return NOT_HERE;
  for (; text; text = text->next, hex = hex ? hex->next : NULL, ids = ids ? ids->next : NULL) {
    uint64_t print = leat_fingerprint64(text->text);
    bool good = hex ? strtoull(c_text(hex->text), NULL, 16) == print
                    : ids && (double)(print % buckets) == number_of(ids);
    if (good) continue;
    snprintf(s->problem, sizeof s->problem, "'%s': %016llx", c_text(text->text),
             (unsigned long long)print);
    return FAILED;
  }
  return PASSED;
}

// SipHash-2-4 with the case's key, as graph.
static verdict strong_hashes(scene *s) {
  const node *key = get(s->params, "key")->child, *strings = get(s->c, "strings");
  leat_str text[256], params[] = {get(s->params, "num_buckets")->text, key->text, key->next->text};
  int64_t count = 0;
  for (const node *n = strings->child; n && count < 256; n = n->next) text[count++] = n->text;
  leat_value x = leat_const_strings(s->b, text, count);
  table t = {.s = s};
  return run_ids(&t, leat_host_call(s->b, "hash_bucket_strong", &x, 1, params, 3));
}

verdict feature_case(scene *s) {
  table t = {.s = s};
  verdict v;
  if (get(s->c, "strings")) {
    return get(s->params, "key") ? strong_hashes(s) : hashes(s);
  }
  if (starts(s, "linear_model"))
    v = linear(&t);
  else if (get(s->params, "sorted"))
    v = order(&t);
  else
    v = column(&t);
  if (v == FAILED && !s->problem[0]) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  for (int i = s->count - (int)t.columns.count; i < s->count; i++) leat_tensor_unref(s->in[i]);
  s->count -= (int)t.columns.count;
  leat_features_deinit(&t.features);
  leat_vec_deinit(&t.columns);
  return v;
}
