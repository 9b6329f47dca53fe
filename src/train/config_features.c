// model.yaml: features, and which part of the model takes them.
// SPDX-License-Identifier: Apache-2.0
#include "train/config_read.h"

#include "base/file.h"
#include "base/map.h"
#include "formats/date.h"
#include "formats/number.h"

#include <stdlib.h>

typedef struct reader {  // of one feature
  leat_config *c;
  const leat_yaml_node *key, *node;
  leat_feature *f;
  leat_error *err;
} reader;

static leat_status fail_at(const reader *r, const leat_yaml_node *at, const char *what) {
  return leat_yaml_fail(&r->c->yaml, at, r->err, "feature '" LEAT_STR_FMT "': %s",
                        LEAT_STR_ARG(r->key->text), what);
}

// --- Numbers ------------------------------------------------------------------------------------
static leat_status read_normalize(reader *r, const leat_yaml_node *node) {
  static const char *const ways[] = {"none", "z_score", "min_max", "log1p"};
  int way = 0;
  leat_status status = leat__config_choose(r->c, node, ways, 4, &way, r->err);
  r->f->normalizer = (leat_normalizer)way;
  return status;
}

static leat_status read_impute(reader *r, const leat_yaml_node *node) {
  static const char *const ways[] = {"none", "value", "mean", "median"};
  double value;
  int way = 0;
  if (node->kind == LEAT_YAML_SCALAR && leat_parse_f64(node->text, &value)) {
    r->f->impute = LEAT_IMPUTE_VALUE;
    r->f->impute_value = value;
    return LEAT_OK;
  }
  leat_status status = leat__config_choose(r->c, node, ways, 4, &way, r->err);
  if (!status && way == LEAT_IMPUTE_VALUE)
    status = fail_at(r, node, "impute: a number, mean or median");
  r->f->impute = (leat_impute)way;
  return status;
}

static leat_status read_statistic(reader *r, const leat_yaml_node *node, double *out) {
  r->f->given = true;
  return leat_yaml_f64(&r->c->yaml, node, out, r->err);
}

static leat_status read_numeric(reader *r, const leat_yaml_node *node) {
  static const leat_str known[] = {{"normalize", 9}, {"impute", 6}, {"mean", 4},  {"stddev", 6},
                                   {"min", 3},       {"max", 3},    {"values", 6}};
  r->f->kind = LEAT_FEATURE_NUMERIC;
  r->f->dtype = LEAT_DTYPE_F32;
  if (leat_yaml_is_null(node)) return LEAT_OK;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat_yaml_fail(&r->c->yaml, node, r->err,
                          "numeric: {normalize: z_score} or {} was expected");
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    int which = -1;
    for (int k = 0; k < 7; k++)
      if (leat_str_eq(node->keys[i]->text, known[k])) which = k;
    switch (which) {
      case 0: status = read_normalize(r, node->items[i]); break;
      case 1: status = read_impute(r, node->items[i]); break;
      case 2: status = read_statistic(r, node->items[i], &r->f->mean); break;
      case 3: status = read_statistic(r, node->items[i], &r->f->stddev); break;
      case 4: status = read_statistic(r, node->items[i], &r->f->least); break;
      case 5: status = read_statistic(r, node->items[i], &r->f->greatest); break;
      case 6: status = leat__config_count(r->c, node, "values", 1, &r->f->values, r->err); break;
      default: status = leat__config_unknown(r->c, node->keys[i], "numeric", known, 7, r->err);
    }
  }
  return status;
}

static leat_status read_buckets(reader *r, const leat_yaml_node *node) {
  r->f->kind = LEAT_FEATURE_BUCKETS;
  r->f->dtype = LEAT_DTYPE_F32;
  if (node->kind != LEAT_YAML_SEQUENCE || !node->count)
    return leat_yaml_fail(&r->c->yaml, node, r->err, "buckets: a list of boundaries was expected");
  for (size_t i = 0; i < node->count; i++) {
    double edge;
    leat_status status = leat_yaml_f64(&r->c->yaml, node->items[i], &edge, r->err);
    if (status) return status;
    if (i && !(edge > r->f->boundaries.at[i - 1]))
      return leat_yaml_fail(&r->c->yaml, node->items[i], r->err, "boundaries must ascend");
    if (!leat_vec_push(&r->f->boundaries, edge)) return leat__oom(r->err, sizeof edge);
  }
  return LEAT_OK;
}

static leat_status read_quantiles(reader *r) {
  r->f->kind = LEAT_FEATURE_BUCKETS;
  r->f->dtype = LEAT_DTYPE_F32;
  return leat__config_count(r->c, r->node, "quantiles", 2, &r->f->quantiles, r->err);
}

// --- Categories ---------------------------------------------------------------------------------
static leat_status check_words(reader *r, const leat_yaml_node *at) {
  leat_map seen = {0};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < r->f->vocabulary.count; i++) {
    bool made;
    leat_str word = r->f->vocabulary.at[i];
    if (!leat_map_insert(&seen, word, &made))
      status = leat__oom(r->err, word.len);
    else if (!made)
      status = leat_yaml_fail(&r->c->yaml, at, r->err,
                              "feature '" LEAT_STR_FMT "': '" LEAT_STR_FMT
                              "' is twice in the vocabulary",
                              LEAT_STR_ARG(r->key->text), LEAT_STR_ARG(word));
  }
  leat_map_deinit(&seen);
  return status;
}

// A word a line; the path is taken from the directory of model.yaml.
static leat_status read_words_file(reader *r, const leat_yaml_node *node) {
  leat_str name;
  leat_buf path = {0}, text = {0};
  leat_status status = leat_yaml_str(&r->c->yaml, node, &name, r->err);
  const char *slash = strrchr(r->c->yaml.file, '/');
  if (!status && name.len && name.ptr[0] != '/' && slash)
    leat_buf_add(&path, r->c->yaml.file, (size_t)(slash + 1 - r->c->yaml.file));
  if (!status) leat_buf_str(&path, name), status = leat_buf_status(&path, r->err);
  if (!status) status = leat_file_read(path.ptr ? path.ptr : "", 1 << 30, &text, r->err);
  leat_str rest = leat_buf_view(&text);
  while (!status && rest.len) {
    leat_str line = leat_str_cut(&rest, '\n');
    if (line.len && line.ptr[line.len - 1] == '\r') line.len--;
    char *kept = leat_arena_str(&r->c->arena, line);
    if (!kept || !leat_vec_push(&r->f->vocabulary, (leat_str){kept, line.len}))
      status = leat__oom(r->err, line.len);
  }
  leat_buf_deinit(&text);
  leat_buf_deinit(&path);
  return status ? status : check_words(r, node);
}

static leat_status read_vocabulary_fields(reader *r, const leat_yaml_node *node) {
  static const leat_str known[] = {{"file", 4}, {"auto", 4}, {"top_k", 5}, {"min_count", 9}};
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    if (leat_str_eq(node->keys[i]->text, known[0]))
      status = read_words_file(r, node->items[i]);
    else if (leat_str_eq(node->keys[i]->text, known[1]))
      status = leat_yaml_bool(&r->c->yaml, node->items[i], &r->f->auto_vocabulary, r->err);
    else if (leat_str_eq(node->keys[i]->text, known[2]))
      status = leat__config_count(r->c, node, "top_k", 1, &r->f->top_k, r->err);
    else if (leat_str_eq(node->keys[i]->text, known[3]))
      status = leat__config_count(r->c, node, "min_count", 1, &r->f->min_count, r->err);
    else
      status = leat__config_unknown(r->c, node->keys[i], "vocabulary", known, 4, r->err);
  }
  if (!status && !leat_yaml_get(node, "file")) r->f->auto_vocabulary = true;
  return status;
}

static leat_status read_vocabulary(reader *r, const leat_yaml_node *node) {
  leat_feature *f = r->f;
  f->kind = LEAT_FEATURE_VOCABULARY;
  f->auto_vocabulary = node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, LEAT_STR("auto"));
  if (f->auto_vocabulary) return LEAT_OK;
  if (node->kind == LEAT_YAML_MAPPING) return read_vocabulary_fields(r, node);
  if (node->kind != LEAT_YAML_SEQUENCE || !node->count)
    return leat_yaml_fail(&r->c->yaml, node, r->err,
                          "vocabulary: 'auto', a list of words, {file: PATH} or "
                          "{top_k: N, min_count: N} was expected");
  leat_status status = leat__config_strings(r->c, node, &f->vocabulary, r->err);
  return status ? status : check_words(r, node);
}

// --- Crosses ------------------------------------------------------------------------------------
// A name is that of a column of the data, whose raw strings enter, else that of a feature, whose
// ids enter; {feature: name} is always the latter. Features are resolved when all are known.
static leat_status read_cross(reader *r, const leat_yaml_node *node) {
  r->f->kind = LEAT_FEATURE_CROSS;
  r->f->dtype = LEAT_DTYPE_STRING;
  if (node->kind != LEAT_YAML_SEQUENCE || node->count < 2)
    return fail_at(r, node, "cross: a list of at least two columns or features was expected");
  for (size_t i = 0; i < node->count; i++) {
    const leat_yaml_node *item = node->items[i], *name = leat_yaml_get(item, "feature");
    leat_cross_key key = {.feature = name ? -2 : -1};
    leat_status status = leat_yaml_str(&r->c->yaml, name ? name : item, &key.name, r->err);
    if (!status && !leat_vec_push(&r->f->keys, key)) status = leat__oom(r->err, sizeof key);
    if (status) return status;
  }
  return LEAT_OK;
}

static int find_feature(const leat_config *c, leat_str name) {
  for (size_t i = 0; i < c->features.count; i++)
    if (leat_str_eq(c->features.at[i].name, name)) return (int)i;
  return -1;
}

static leat_status resolve_key(leat_config *c, const leat_yaml_node *at, leat_feature *f,
                               leat_cross_key *key, leat_error *err) {
  if (key->feature == -1 && leat__config_column(c, key->name) >= 0) return LEAT_OK;
  key->feature = find_feature(c, key->name);
  if (key->feature < 0 && c->open_columns) return LEAT_OK;
  if (key->feature < 0) return leat__config_no_column(c, at, key->name, err);
  const leat_feature *of = &c->features.at[key->feature];
  if (of->kind == LEAT_FEATURE_NUMERIC)
    return leat_yaml_fail(&c->yaml, at, err,
                          "feature '" LEAT_STR_FMT "' crosses the number '" LEAT_STR_FMT
                          "'; cross buckets of it",
                          LEAT_STR_ARG(f->name), LEAT_STR_ARG(key->name));
  if (of >= f)  // earlier ones only, so that no cross contains itself
    return leat_yaml_fail(&c->yaml, at, err,
                          "feature '" LEAT_STR_FMT "' crosses '" LEAT_STR_FMT
                          "', which must be described before it",
                          LEAT_STR_ARG(f->name), LEAT_STR_ARG(key->name));
  return LEAT_OK;
}

static leat_status resolve_crosses(leat_config *c, const leat_yaml_node *features,
                                   leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < c->features.count; i++) {
    leat_feature *f = &c->features.at[i];
    const leat_yaml_node *list = leat_yaml_get(features->items[i], "cross");
    for (size_t k = 0; !status && k < f->keys.count; k++)
      status = resolve_key(c, list->items[k], f, &f->keys.at[k], err);
  }
  return status;
}

// --- One feature --------------------------------------------------------------------------------
static leat_status read_embedding(reader *r, const leat_yaml_node *node) {
  static const leat_str known[] = {
      {"dimension", 9}, {"combiner", 8}, {"max_norm", 8}, {"shared", 6}};
  static const char *const combiners[] = {"mean", "sum", "sqrtn"};
  leat_feature *f = r->f;
  if (node->kind != LEAT_YAML_MAPPING)
    return leat__config_count(r->c, r->node, "embedding", 1, &f->embedding, r->err);
  leat_status status = LEAT_OK;
  int combiner = 0;
  for (size_t i = 0; !status && i < node->count; i++) {
    const leat_yaml_node *key = node->keys[i], *value = node->items[i];
    if (leat_str_eq(key->text, known[0]))
      status = leat__config_count(r->c, node, "dimension", 1, &f->embedding, r->err);
    else if (leat_str_eq(key->text, known[1]))
      status = leat__config_choose(r->c, value, combiners, 3, &combiner, r->err);
    else if (leat_str_eq(key->text, known[2]))
      status = leat_yaml_f64(&r->c->yaml, value, &f->max_norm, r->err);
    else if (leat_str_eq(key->text, known[3]))
      status = leat_yaml_str(&r->c->yaml, value, &f->shared, r->err);
    else
      status = leat__config_unknown(r->c, key, "embedding", known, 4, r->err);
  }
  f->combiner = (leat_combiner)combiner;
  return !status && !f->embedding ? fail_at(r, node, "embedding: no 'dimension'") : status;
}

static leat_status read_hash_key(reader *r, const leat_yaml_node *node) {
  if (node->kind == LEAT_YAML_SCALAR && leat_parse_u64(node->text, &r->f->hash_key)) return LEAT_OK;
  return fail_at(r, node, "hash_key: a whole number was expected");
}

static leat_status read_dtype(reader *r, const leat_yaml_node *node) {
  static const char *const names[] = {"string", "int64"};
  int which = 0;
  leat_status status = leat__config_choose(r->c, node, names, 2, &which, r->err);
  r->f->dtype = which ? LEAT_DTYPE_I64 : LEAT_DTYPE_STRING;
  return status;
}

typedef enum field {
  NUMERIC,
  BUCKETS,
  QUANTILES,
  VOCABULARY,
  HASH,
  IDENTITY,
  CROSS,  // the kinds
  COLUMN,
  EMBEDDING,
  DTYPE,
  DEFAULT,
  OOV,
  HASH_KEY,
  HASH_BUCKETS,
  WEIGHTS,
  SPLIT,
  STRIP,
  VALUES,
  PARSE,
  ORDER,
  FIELDS
} field;
static const leat_str fields[FIELDS] = {
    {"numeric", 7},   {"buckets", 7},       {"quantiles", 9}, {"vocabulary", 10},
    {"hash", 4},      {"identity", 8},      {"cross", 5},     {"column", 6},
    {"embedding", 9}, {"dtype", 5},         {"default", 7},   {"num_oov_buckets", 15},
    {"hash_key", 8},  {"hash_buckets", 12}, {"weights", 7},   {"split", 5},
    {"strip", 5},     {"values", 6},        {"parse", 5},     {"order", 5}};

static leat_status read_values(reader *r, const leat_yaml_node *node) {
  bool any = node->kind == LEAT_YAML_SCALAR && leat_str_eq(node->text, LEAT_STR("any"));
  if (any) return r->f->values = 0, LEAT_OK;
  return leat__config_count(r->c, r->node, "values", 1, &r->f->values, r->err);
}

static leat_status read_field(reader *r, field which, const leat_yaml_node *value) {
  leat_config *c = r->c;
  leat_feature *f = r->f;
  switch (which) {
    case NUMERIC: return read_numeric(r, value);
    case BUCKETS: return read_buckets(r, value);
    case QUANTILES: return read_quantiles(r);
    case VOCABULARY: return read_vocabulary(r, value);
    case HASH:
      f->kind = LEAT_FEATURE_HASH;
      return leat__config_count(c, r->node, "hash", 1, &f->buckets, r->err);
    case IDENTITY:
      f->kind = LEAT_FEATURE_IDENTITY;
      f->dtype = LEAT_DTYPE_I64;
      return leat__config_count(c, r->node, "identity", 1, &f->buckets, r->err);
    case CROSS: return read_cross(r, value);
    case COLUMN: return leat_yaml_str(&c->yaml, value, &f->column, r->err);
    case EMBEDDING: return read_embedding(r, value);
    case DTYPE: return read_dtype(r, value);
    case DEFAULT: return leat__config_count(c, r->node, "default", -1, &f->default_id, r->err);
    case OOV: return leat__config_count(c, r->node, "num_oov_buckets", 0, &f->oov_buckets, r->err);
    case HASH_KEY: return read_hash_key(r, value);
    case HASH_BUCKETS:
      return leat__config_count(c, r->node, "hash_buckets", 1, &f->buckets, r->err);
    case WEIGHTS: return leat_yaml_str(&c->yaml, value, &f->weights, r->err);
    case SPLIT: return leat_yaml_str(&c->yaml, value, &f->split, r->err);
    case PARSE: return leat_yaml_str(&c->yaml, value, &f->parse, r->err);
    case ORDER: return leat_yaml_str(&c->yaml, value, &f->parse_order, r->err);
    case STRIP: return leat_yaml_str(&c->yaml, value, &f->strip, r->err);
    case VALUES: return read_values(r, value);
    case FIELDS: break;
  }
  return LEAT_OK;
}

// More ids than this are refused: a table of them would not fit any machine.
static const int64_t most_ids = INT64_C(1) << 31;

static leat_status check_feature(reader *r, int kinds) {
  const leat_feature *f = r->f;
  bool numeric = f->kind == LEAT_FEATURE_NUMERIC, buckets = f->kind == LEAT_FEATURE_BUCKETS;
  if (kinds != 1)
    return fail_at(r, r->node,
                   "exactly one of numeric, buckets, quantiles, vocabulary, hash, identity, cross "
                   "is needed");
  if (f->parse.len && !(numeric || buckets))
    return fail_at(r, r->node, "parse is of numbers: numeric, buckets or quantiles");
  if (!f->parse.len && leat_yaml_get(r->node, "order"))
    return fail_at(r, r->node, "order is of a date: parse says what of it");
  if (f->parse.len && !leat_text_part_known(f->parse, f->parse_order))
    return fail_at(r, r->node,
                   "parse is number, days, year, month, day, weekday or hour; order ymd, dmy, mdy");
  if (numeric && f->embedding) return fail_at(r, r->node, "a number has no embedding");
  if (f->kind == LEAT_FEATURE_CROSS && !f->buckets)
    return fail_at(r, r->node, "a cross needs hash_buckets");
  if (f->kind != LEAT_FEATURE_CROSS && leat_yaml_get(r->node, "hash_buckets"))
    return fail_at(r, leat_yaml_get(r->node, "hash_buckets"), "hash_buckets are of crosses");
  if (f->buckets > most_ids) return fail_at(r, r->node, "more buckets than 2147483648");
  if ((numeric || buckets) && (f->split.len || f->weights.len))
    return fail_at(r, r->node, "split and weights are of categories");
  if ((numeric || buckets) && f->values == 0)
    return fail_at(r, r->node, "numbers have a fixed count of values");
  if (f->split.len && f->values != 1) return fail_at(r, r->node, "split makes the values");
  if (f->split.len && f->weights.len) return fail_at(r, r->node, "split values have no weights");
  if (f->split.len && f->dtype != LEAT_DTYPE_STRING)
    return fail_at(r, r->node, "split needs strings");
  if (f->oov_buckets && f->default_id != -1)
    return fail_at(r, r->node, "either default or num_oov_buckets");
  if (f->kind == LEAT_FEATURE_VOCABULARY && !f->auto_vocabulary && f->default_id >= 0 &&
      f->default_id >= (int64_t)f->vocabulary.count)
    return fail_at(r, r->node, "the default is outside of the vocabulary");
  if (f->kind == LEAT_FEATURE_IDENTITY && f->default_id >= f->buckets)
    return fail_at(r, r->node, "the default is outside of the ids");
  return LEAT_OK;
}

static leat_status read_feature(leat_config *c, const leat_yaml_node *key,
                                const leat_yaml_node *node, leat_feature *f, leat_error *err) {
  reader r = {c, key, node, f, err};
  *f = (leat_feature){.name = key->text,
                      .column = key->text,
                      .strip = LEAT_STR(" \t"),
                      .parse_order = LEAT_STR("ymd"),
                      .dtype = LEAT_DTYPE_STRING,
                      .values = 1,
                      .stddev = 1,
                      .greatest = 1,
                      .default_id = -1,
                      .hash_key = UINT64_C(0xDECAFCAFFE)};
  if (node->kind != LEAT_YAML_MAPPING || !node->count)
    return fail_at(&r, node,
                   "{numeric: ...}, {vocabulary: ...}, {hash: ...}, {buckets: ...} or another kind "
                   "was expected");
  int kinds = 0;
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    field which = FIELDS;
    for (int k = 0; k < FIELDS; k++)
      if (leat_str_eq(node->keys[i]->text, fields[k])) which = (field)k;
    kinds += which <= CROSS;
    status = which == FIELDS
                 ? leat__config_unknown(c, node->keys[i], "a feature", fields, FIELDS, err)
                 : read_field(&r, which, node->items[i]);
  }
  if (f->kind == LEAT_FEATURE_CROSS) f->column = (leat_str){0};
  if (f->parse.len) f->dtype = LEAT_DTYPE_STRING;
  return status ? status : check_feature(&r, kinds);
}

// --- Parts --------------------------------------------------------------------------------------
static bool belongs(const leat_config *c, const leat_feature *f, leat_part part) {
  bool both = c->has_part[LEAT_PART_DNN] && c->has_part[LEAT_PART_LINEAR];
  if (!both) return true;
  if (part == LEAT_PART_LINEAR) return f->kind != LEAT_FEATURE_NUMERIC;
  return f->embedding || (f->kind != LEAT_FEATURE_CROSS && f->kind != LEAT_FEATURE_BUCKETS);
}

static leat_status name_features(leat_config *c, const leat_yaml_node *list, leat_part part,
                                 leat_error *err) {
  LEAT_VEC(leat_str) names = {0};
  leat_status status = leat__config_strings(c, list, &names, err);
  for (size_t i = 0; !status && i < names.count; i++) {
    int at = find_feature(c, names.at[i]);
    const leat_yaml_node *where = list->kind == LEAT_YAML_SEQUENCE ? list->items[i] : list;
    if (at < 0)
      status = leat_yaml_fail(&c->yaml, where, err, "no feature '" LEAT_STR_FMT "'",
                              LEAT_STR_ARG(names.at[i]));
    else if (!leat_vec_push(&c->part_features[part], at))
      status = leat__oom(err, sizeof at);
  }
  leat_vec_deinit(&names);
  return status;
}

static leat_status read_part(leat_config *c, const char *key, leat_part part, leat_error *err) {
  const leat_yaml_node *list = leat_yaml_get(c->yaml.root, key);
  leat_status status = LEAT_OK;
  if (list && !c->has_part[part])
    return leat_yaml_fail(&c->yaml, list, err, "the estimator has no such part");
  if (list) return name_features(c, list, part, err);
  for (size_t i = 0; !status && c->has_part[part] && i < c->features.count; i++)
    if (belongs(c, &c->features.at[i], part) && !leat_vec_push(&c->part_features[part], (int)i))
      status = leat__oom(err, sizeof(int));
  return status;
}

// TensorFlow's layers sort by the columns' names.
static leat_status sort_part(leat_config *c, leat_part part, leat_error *err) {
  leat_buf x = {0}, y = {0};
  void (*name)(const leat_features *, const leat_feature *, leat_buf *) =
      part == LEAT_PART_DNN ? leat_feature_dense_name : leat_feature_column_name;
  int *at = c->part_features[part].at;
  for (size_t i = 1; i < c->part_features[part].count; i++)
    for (size_t k = i; k > 0; k--) {
      leat_buf_clear(&x), leat_buf_clear(&y);
      name(&c->features, &c->features.at[at[k - 1]], &x);
      name(&c->features, &c->features.at[at[k]], &y);
      if (x.failed || y.failed) break;
      if (leat_str_cmp(leat_buf_view(&x), leat_buf_view(&y)) <= 0) break;
      int kept = at[k];
      at[k] = at[k - 1];
      at[k - 1] = kept;
    }
  leat_status status = leat_buf_status(&x, err);
  if (!status) status = leat_buf_status(&y, err);
  leat_buf_deinit(&x);
  leat_buf_deinit(&y);
  return status;
}

static leat_status check_shared(const leat_config *c, const leat_yaml_node *features,
                                leat_error *err) {
  for (size_t i = 0; i < c->features.count; i++)
    for (size_t k = 0; k < i; k++) {
      const leat_feature *f = &c->features.at[i], *g = &c->features.at[k];
      if (!f->shared.len || !leat_str_eq(f->shared, g->shared)) continue;
      if (f->embedding != g->embedding || leat_feature_ids(f) != leat_feature_ids(g))
        return leat_yaml_fail(&c->yaml, features->items[i], err,
                              "feature '" LEAT_STR_FMT "' shares its embedding with '" LEAT_STR_FMT
                              "', which has another size",
                              LEAT_STR_ARG(f->name), LEAT_STR_ARG(g->name));
    }
  return LEAT_OK;
}

leat_status leat__config_features(leat_config *c, leat_error *err) {
  const leat_yaml_node *node = leat_yaml_get(c->yaml.root, "features");
  bool baseline = !c->has_part[LEAT_PART_DNN] && !c->has_part[LEAT_PART_LINEAR];
  if (!node && baseline) return LEAT_OK;
  if (!node || node->kind != LEAT_YAML_MAPPING || !node->count)
    return leat_yaml_fail(&c->yaml, node ? node : c->yaml.root, err, "no 'features'");
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < node->count; i++) {
    leat_feature f;
    status = read_feature(c, node->keys[i], node->items[i], &f, err);
    if (!leat_vec_push(&c->features, f) && !status) status = leat__oom(err, sizeof f);
  }
  if (!status) status = resolve_crosses(c, node, err);
  if (!status) status = leat_features_name(&c->features, err);
  if (!status) status = check_shared(c, node, err);
  if (!status) status = read_part(c, "dnn_feature_columns", LEAT_PART_DNN, err);
  if (!status) status = read_part(c, "linear_feature_columns", LEAT_PART_LINEAR, err);
  for (int part = 0; !status && part < LEAT_PART_COUNT; part++)
    status = sort_part(c, (leat_part)part, err);
  return status ? status : leat_features_columns(&c->features, &c->inputs, err);
}
