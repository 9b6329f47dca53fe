// Golden files of every format: what they hold, and which of them must be refused.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

#include "formats/arrays.h"
#include "formats/crc32c.h"
#include "formats/event_read.h"
#include "formats/example.h"
#include "formats/proto.h"
#include "formats/tensor_proto.h"
#include "formats/tfrecord.h"

typedef struct shelf {  // one sub-folder
  const char *name;
  char *dir;
  node *index;
  int *counts;
} shelf;

static void score(shelf *s, const char *what, bool good, const char *problem) {
  s->counts[good ? PASSED : FAILED]++;
  if (!good) printf("# formats/%s/%s: %s\n", s->name, what, problem);
}

// --- Comparing ----------------------------------------------------------------------------------
static leat_str base64(leat_str text) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  char *out = leat_arena_alloc(&arena, text.len + 1);
  size_t n = 0;
  uint32_t bits = 0;
  int have = 0;
  for (size_t i = 0; i < text.len; i++) {
    const char *d = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
    if (!d) continue;
    bits = bits << 6 | (uint32_t)(d - digits);
    have += 6;
    if (have >= 8) out[n++] = (char)(bits >> (have -= 8));
  }
  return (leat_str){out, n};
}

static double special(const node *n) {
  static const struct {
    const char *name;
    double value;
  } names[] = {{"nan", NAN},           {"NaN", NAN},
               {"Infinity", INFINITY}, {"-Infinity", -INFINITY},
               {"inf", INFINITY},      {"-inf", -INFINITY}};
  for (size_t i = 0; n->kind == LEAT_JSON_STRING && i < sizeof names / sizeof *names; i++)
    if (leat_str_eq(n->text, leat_str_of(names[i].name))) return names[i].value;
  return number_of(n);
}

static bool same(double a, double b) { return a == b || (a != a && b != b); }
static bool same_f32(double a, float b) { return same((double)(float)a, (double)b); }

static int64_t length(const node *list) {
  int64_t n = 0;
  for (const node *c = list ? list->child : NULL; c; c = c->next) n++;
  return n;
}

static double f16(uint16_t h) {
  int exponent = h >> 10 & 31, mantissa = h & 1023;
  double value = exponent ? ldexp(1024 + mantissa, exponent - 25) : ldexp(mantissa, -24);
  return h >> 15 ? -value : value;
}

static double value_of(const leat_tensor *t, int64_t i) {
  const void *d = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_BOOL:
    case LEAT_DTYPE_U8: return ((const uint8_t *)d)[i];
    case LEAT_DTYPE_I8: return ((const int8_t *)d)[i];
    case LEAT_DTYPE_I16: return ((const int16_t *)d)[i];
    case LEAT_DTYPE_U16: return ((const uint16_t *)d)[i];
    case LEAT_DTYPE_U32: return ((const uint32_t *)d)[i];
    case LEAT_DTYPE_U64: return (double)((const uint64_t *)d)[i];
    case LEAT_DTYPE_F16: return f16(((const uint16_t *)d)[i]);
    default: return element(t, i);
  }
}

static bool same_element(const leat_tensor *t, int64_t i, const node *want, bool encoded) {
  if (leat_tensor_dtype(t) == LEAT_DTYPE_STRING)
    return leat_str_eq(leat_tensor_str(t, i), encoded ? base64(want->text) : want->text);
  int64_t whole;
  if (leat_tensor_dtype(t) == LEAT_DTYPE_I64 && leat_parse_i64(want->text, &whole))
    return ((const int64_t *)leat_tensor_data(t))[i] == whole;
  if (leat_tensor_dtype(t) == LEAT_DTYPE_F32)
    return same_f32(special(want), ((const float *)leat_tensor_data(t))[i]);
  return same(special(want), value_of(t, i));
}

// A tensor against {"shape", "values"}; values may be cut short.
static bool same_tensor(const leat_tensor *t, const node *shape, const node *values, bool encoded) {
  if (leat_tensor_rank(t) != length(shape)) return false;
  int i = 0;
  for (const node *d = shape->child; d; d = d->next)
    if ((double)leat_tensor_dims(t)[i++] != number_of(d)) return false;
  int64_t k = 0;
  for (const node *v = values->child; v; v = v->next, k++)
    if (k >= leat_tensor_count(t) || !same_element(t, k, v, encoded)) return false;
  return true;
}

// --- TFRecord -----------------------------------------------------------------------------------
static void tfrecord_file(shelf *s, const char *file, int64_t good, const char *problem_wanted,
                          leat_compression compression) {
  char *path = leat_path_join(s->dir, file), problem[1200] = "";
  leat_tfrecord reader;
  leat_str record;
  node *want = get(s->index, "records_b64")->child;
  int64_t count = 0;
  leat_status status = leat_tfrecord_open(&reader, path, compression, &err);
  if (!status) {
    while (!(status = leat_tfrecord_next(&reader, &record, &err)) && want) {
      bool equal = leat_str_eq(record, base64(want->text));
      if (!equal && count < good)
        snprintf(problem, sizeof problem, "record %lld", (long long)count);
      want = want->next;
      count++;
    }
    leat_tfrecord_close(&reader);
  }
  bool ended = status == LEAT_OUT_OF_RANGE, wrong = status == LEAT_DATA_LOSS;
  if (!problem[0] && count != good)
    snprintf(problem, sizeof problem, "%lld records, expected %lld: %s", (long long)count,
             (long long)good, err.message);
  bool fits = strcmp(problem_wanted, "either") == 0  ? ended || wrong
              : strcmp(problem_wanted, "error") == 0 ? wrong
                                                     : ended;
  if (!problem[0] && !fits) snprintf(problem, sizeof problem, "ended with %s", err.message);
  score(s, file, !problem[0], problem);
  leat__free(path);
}

static void crc_vector(shelf *s, const node *c) {
  leat_str data = base64(get(c, "data_b64")->text);
  char got[20];
  uint32_t crc = leat_crc32c(0, data.ptr, data.len);
  snprintf(got, sizeof got, "%08x", crc);
  bool good = text_is(c, "crc32c", got);
  snprintf(got, sizeof got, "%08x", leat_crc32c_mask(crc));
  score(s, "crc32c", good && text_is(c, "masked", got), "the checksum differs");
}

static void tfrecord_shelf(shelf *s) {
  int64_t all = length(get(s->index, "records_b64"));
  for (node *f = get(s->index, "ok")->child; f; f = f->next)
    tfrecord_file(s, c_text(f->text), all, "none", LEAT_COMPRESSION_AUTO);
  tfrecord_file(s, "ok.gzip.tfrecord", all, "none", LEAT_COMPRESSION_GZIP);
  tfrecord_file(s, "ok.zlib.tfrecord", all, "none", LEAT_COMPRESSION_ZLIB);
  for (node *c = get(s->index, "corrupt")->child; c; c = c->next) {
    node *error = get(c, "tensorflow_error");
    const char *wanted = get(c, "error_optional")          ? "either"
                         : error->kind == LEAT_JSON_STRING ? "error"
                                                           : "none";
    tfrecord_file(s, c_text(get(c, "file")->text), (int64_t)number(c, "good_records_before", 0),
                  wanted, LEAT_COMPRESSION_AUTO);
  }
  for (node *c = get(s->index, "crc32c")->child; c; c = c->next) crc_vector(s, c);
}

// --- Examples -----------------------------------------------------------------------------------
static bool same_list(const leat_example_list *list, const node *want) {
  static const char *const kinds[] = {NULL, "bytes_list", "float_list", "int64_list"};
  node *kind = get(want, "kind"), *values = get(want, "value");
  bool none = kind->kind == LEAT_JSON_NULL;
  if (none != !list->kind || (!none && !text_is(want, "kind", kinds[list->kind]))) return false;
  if ((int64_t)leat_example_count(list) != length(values)) return false;
  size_t i = 0;
  for (node *v = values->child; v; v = v->next, i++) {
    int64_t whole = 0;
    bool good = list->kind == LEAT_EXAMPLE_BYTES ? leat_str_eq(list->bytes.at[i], base64(v->text))
                : list->kind == LEAT_EXAMPLE_FLOAT
                    ? same_f32(special(v), list->floats.at[i])
                    : leat_parse_i64(v->text, &whole) && whole == list->ints.at[i];
    if (!good) return false;
  }
  return true;
}

static bool same_features(const leat_example *e, const node *want) {
  if ((int64_t)e->features.count != length(want)) return false;
  for (size_t i = 0; i < e->features.count; i++) {
    const node *w = want->child;
    while (w && !leat_str_eq(w->key, e->features.at[i].key)) w = w->next;
    if (!w || !same_list(&e->features.at[i].value, w)) return false;
  }
  return true;
}

static bool same_sequences(const leat_example *e, const node *want) {
  if ((int64_t)e->sequences.count != length(want)) return false;
  for (size_t i = 0; i < e->sequences.count; i++) {
    const leat_example_sequence *q = &e->sequences.at[i];
    const node *w = want->child;
    while (w && !leat_str_eq(w->key, q->key)) w = w->next;
    if (!w || length(w) != (int64_t)q->steps.count) return false;
    size_t k = 0;
    for (const node *step = w->child; step; step = step->next)
      if (!same_list(&q->steps.at[k++], step)) return false;
  }
  return true;
}

static bool same_example(const leat_example *e, const node *c, bool sequence) {
  if (!sequence) return same_features(e, get(c, "features"));
  return same_features(e, get(c, "context")) && same_sequences(e, get(c, "feature_lists"));
}

// Read, compared, written, read again.
static void example_case(shelf *s, const node *c) {
  bool sequence = text_is(c, "type", "SequenceExample"), refused = get(c, "error") != NULL;
  leat_example e, again;
  leat_buf bytes = {0};
  leat_status status = leat_example_parse(&e, base64(get(c, "bytes_b64")->text), sequence, &err);
  const char *problem = status ? err.message : "accepted";
  bool good = refused ? status == LEAT_DATA_LOSS : !status;
  if (good && !refused) {
    problem = "the features differ";
    good = same_example(&e, c, sequence);
    leat_example_format(&e, sequence, &bytes);
    if (good && leat_example_parse(&again, leat_buf_view(&bytes), sequence, &err))
      good = false, problem = err.message;
    else if (good) {
      problem = "written and read again, the features differ";
      good = same_example(&again, c, sequence);
      leat_example_deinit(&again);
    }
  }
  score(s, c_text(get(c, "note")->text), good, problem);
  leat_buf_deinit(&bytes);
  leat_example_deinit(&e);
}

static void example_shelf(shelf *s) {
  for (node *c = get(s->index, "cases")->child; c; c = c->next) example_case(s, c);
}

// --- Events -------------------------------------------------------------------------------------
static const leat_event *event_of(const leat_event_log *log, leat_event_kind kind, leat_str tag,
                                  int64_t nth) {
  for (size_t i = 0; i < log->events.count; i++) {
    const leat_event *e = &log->events.at[i];
    if (e->kind == kind && leat_str_eq(e->tag, tag) && nth-- == 0) return e;
  }
  return NULL;
}

// All of one kind: for each tag of `want`, each of its events by `match`.
static const char *match_kind(const leat_event_log *log, leat_event_kind kind, const node *want,
                              bool (*match)(const leat_event *e, const node *w)) {
  int64_t total = 0, here = 0;
  for (const node *tag = want ? want->child : NULL; tag; tag = tag->next) {
    const node *list = tag->kind == LEAT_JSON_OBJECT ? get(tag, "events") : tag;
    int64_t k = 0;
    for (const node *w = list->child; w; w = w->next, total++) {
      const leat_event *e = event_of(log, kind, tag->key, k++);
      if (!e || !match(e, w)) return c_text(tag->key);
    }
  }
  for (size_t i = 0; i < log->events.count; i++) here += log->events.at[i].kind == kind;
  return here == total ? NULL : "more or fewer events";
}

static bool match_scalar(const leat_event *e, const node *w) {
  const node *step = w->child->next, *value = step->next;
  return e->wall_time == number_of(w->child) && (double)e->step == number_of(step) &&
         same(special(value), (double)e->scalar);
}

static bool match_doubles(const double *list, size_t count, const node *want) {
  if ((int64_t)count != length(want)) return false;
  for (const node *w = want->child; w; w = w->next)
    if (!same(*list++, special(w))) return false;
  return true;
}

static bool match_histogram(const leat_event *e, const node *w) {
  const double have[] = {(double)e->step, e->min, e->max, e->num, e->sum, e->sum_squares};
  static const char *const names[] = {"step", "min", "max", "num", "sum", "sum_squares"};
  for (int i = 0; i < 6; i++)
    if (!same(have[i], special(get(w, names[i])))) return false;
  return match_doubles(e->limits, e->limit_count, get(w, "bucket_limit")) &&
         match_doubles(e->counts, e->bucket_count, get(w, "bucket"));
}

static bool match_image(const leat_event *e, const node *w) {
  return (double)e->step == number(w, "step", -1) && (double)e->width == number(w, "width", -1) &&
         (double)e->height == number(w, "height", -1) &&
         leat_str_eq(e->bytes, base64(get(w, "png_b64")->text));
}

static bool match_audio(const leat_event *e, const node *w) {
  return (double)e->step == number(w, "step", -1) &&
         (double)e->sample_rate == number(w, "sample_rate", -1) &&
         (double)e->frames == number(w, "length_frames", -1) &&
         (double)e->bytes.len == number(w, "bytes", -1) &&
         leat_str_eq(e->content_type, get(w, "content_type")->text);
}

static bool match_tensor(const leat_event *e, const node *w) {
  leat_tensor *t;
  if (leat_event_tensor(&t, e, &err)) return false;
  bool good = (double)e->step == number(w, "step", -1) &&
              same_tensor(t, get(w, "shape"), get(w, "values"), true);
  leat_tensor_unref(t);
  return good;
}

static const char *match_metadata(const leat_event_log *log, const node *want) {
  for (const node *tag = want ? want->child : NULL; tag; tag = tag->next) {
    const leat_event *e = event_of(log, LEAT_EVENT_TENSOR, tag->key, 0);
    bool good = e && leat_str_eq(e->plugin, get(tag, "plugin")->text) &&
                leat_str_eq(e->display_name, get(tag, "display_name")->text) &&
                leat_str_eq(e->description, get(tag, "description")->text) &&
                leat_str_eq(e->plugin_content, base64(get(tag, "plugin_content_b64")->text));
    if (!good) return c_text(tag->key);
  }
  return NULL;
}

// GraphDef: 1 node {1 name, 2 op, 3 input ...}
static const char *match_graph(const leat_event_log *log, const node *want) {
  const leat_event *e = event_of(log, LEAT_EVENT_GRAPH, (leat_str){0}, 0);
  if (!want) return e ? "a graph" : NULL;
  leat_proto graph = {e ? e->bytes : (leat_str){0}, false};
  leat_proto_field f, part;
  const node *w = want->child;
  while (leat_proto_next(&graph, &f)) {
    if (f.number != 1) continue;
    if (!w) return "more nodes";
    leat_proto in = {f.bytes, false};
    const node *input = w->child->next->next->child;
    while (leat_proto_next(&in, &part)) {
      const node *is = part.number == 1 ? w->child : part.number == 2 ? w->child->next : NULL;
      if (part.number == 3) is = input, input = input ? input->next : NULL;
      if (part.number <= 3 && (!is || !leat_str_eq(is->text, part.bytes)))
        return c_text(w->child->text);
    }
    if (input) return "inputs of a node";
    w = w->next;
  }
  return w || graph.damaged ? "fewer nodes" : NULL;
}

// What the plugins see: plugin, how many, the last step, and the last value of numbers.
static const char *match_plugins(const leat_event_log *log, const node *want) {
  for (const node *tag = want ? want->child : NULL; tag; tag = tag->next) {
    const leat_event *last = NULL;
    int64_t n = 0;
    bool graph = leat_str_eq(tag->key, LEAT_STR("__run_graph__"));
    for (size_t i = 0; i < log->events.count; i++) {
      const leat_event *e = &log->events.at[i];
      bool of = graph ? e->kind == LEAT_EVENT_GRAPH
                      : e->kind >= LEAT_EVENT_RUN_METADATA && leat_str_eq(e->tag, tag->key) &&
                            e->kind != LEAT_EVENT_START;
      if (of) last = e, n++;
    }
    // A plugin's name is in the first value of a tag only.
    const leat_event *first = last && last->kind == LEAT_EVENT_TENSOR
                                  ? event_of(log, LEAT_EVENT_TENSOR, tag->key, 0)
                                  : last;
    if (!last || !leat_str_eq(leat_event_plugin(first), get(tag, "plugin")->text) ||
        (double)n != number(tag, "n", -1) || (double)last->step != number(tag, "last_step", -1))
      return c_text(tag->key);
    leat_tensor *t = NULL;
    bool numbers = !text_is(tag, "last_dtype", "object");
    bool good = !numbers || (!leat_event_tensor(&t, last, &err) &&
                             same_tensor(t, get(tag, "last_shape"), get(tag, "last_values"), true));
    leat_tensor_unref(t);
    if (!good) return c_text(tag->key);
  }
  return NULL;
}

static void event_run(shelf *s, const node *run) {
  leat_event_log log = {0};
  char *dir = leat_path_join(s->dir, c_text(run->key));
  const char *problem = leat_event_log_dir(&log, dir, &err) ? err.message : NULL;
  if (!problem) problem = match_kind(&log, LEAT_EVENT_SCALAR, get(run, "scalars"), match_scalar);
  if (!problem)
    problem = match_kind(&log, LEAT_EVENT_HISTOGRAM, get(run, "histograms"), match_histogram);
  if (!problem) problem = match_kind(&log, LEAT_EVENT_IMAGE, get(run, "images"), match_image);
  if (!problem) problem = match_kind(&log, LEAT_EVENT_AUDIO, get(run, "audio"), match_audio);
  if (!problem) problem = match_kind(&log, LEAT_EVENT_TENSOR, get(run, "tensors"), match_tensor);
  if (!problem) problem = match_metadata(&log, get(run, "tensors"));
  if (!problem) problem = match_graph(&log, get(run, "graph_nodes"));
  if (!problem) problem = match_plugins(&log, get(run, "after_data_compat"));
  score(s, c_text(run->key), !problem, problem);
  leat_event_log_deinit(&log);
  leat__free(dir);
}

static void event_shelf(shelf *s) {
  for (node *run = get(s->index, "runs")->child; run; run = run->next) event_run(s, run);
}

// --- safetensors --------------------------------------------------------------------------------
static bool same_named(const leat_safetensors *st, const node *want) {
  leat_tensor *t = leat_safetensors_find(st, want->key);
  const node *bits = get(want, "bits_hex");
  if (!t) return false;
  if (!bits) return same_tensor(t, get(want, "shape"), get(want, "values"), true);
  int64_t i = 0;
  for (const node *b = bits->child; b; b = b->next) {
    char hex[8];
    snprintf(hex, sizeof hex, "%04x", ((const uint16_t *)leat_tensor_data(t))[i++]);
    if (!leat_str_eq(b->text, leat_str_of(hex))) return false;
  }
  return i == leat_tensor_count(t);
}

static void safetensors_ok(shelf *s, const node *file) {
  char *path = leat_path_join(s->dir, c_text(file->key));
  leat_safetensors st = {0};
  const char *problem = leat_safetensors_read(&st, path, &err) ? err.message : NULL;
  if (!problem && (int64_t)st.tensors.count != length(file)) problem = "more or fewer tensors";
  for (const node *t = file->child; !problem && t; t = t->next)
    if (!same_named(&st, t)) problem = c_text(t->key);
  const node *metadata = get(get(s->index, "metadata"), c_text(file->key));
  for (const node *m = metadata ? metadata->child : NULL; !problem && m; m = m->next) {
    bool found = false;
    for (size_t i = 0; i < st.metadata.count; i++)
      found |= leat_str_eq(st.metadata.at[i].key, m->key) &&
               leat_str_eq(st.metadata.at[i].value, m->text);
    if (!found) problem = "metadata";
  }
  score(s, c_text(file->key), !problem, problem);
  leat_safetensors_deinit(&st);
  leat__free(path);
}

static void safetensors_shelf(shelf *s) {
  for (node *f = get(s->index, "ok")->child; f; f = f->next) safetensors_ok(s, f);
  for (node *c = get(s->index, "other")->child; c; c = c->next) {
    char *path = leat_path_join(s->dir, c_text(get(c, "file")->text));
    leat_safetensors st = {0};
    bool accepted = !leat_safetensors_read(&st, path, &err);
    bool good = text_is(c, "verdict", "either") || accepted == text_is(c, "verdict", "accept");
    score(s, c_text(get(c, "file")->text), good, accepted ? "accepted" : err.message);
    leat_safetensors_deinit(&st);
    leat__free(path);
  }
}

// --- Arrays -------------------------------------------------------------------------------------
// "(1+2j)"
static bool same_complex(const leat_tensor *t, const node *values) {
  int64_t i = 0;
  const float *have = leat_tensor_data(t);
  for (const node *v = values->child; v; v = v->next, i += 2) {
    char *rest;
    double re = strtod(c_text(v->text) + 1, &rest), im = strtod(rest, NULL);
    if (have[i] != (float)re || have[i + 1] != (float)im) return false;
  }
  return i == leat_tensor_count(t);
}

static const node *case_of(const node *list, leat_str file) {
  const node *c = list->child;
  while (c && !leat_str_eq(get(c, "file")->text, file)) c = c->next;
  return c;
}

static bool same_array(const leat_tensor *t, const node *c) {
  if (leat_str_eq(get(c, "file")->text, LEAT_STR("complex64.npy")))
    return same_complex(t, get(c, "values"));
  return same_tensor(t, get(c, "shape"), get(c, "values"), text_is(c, "descr", "|S3"));
}

static void array_file(shelf *s, const node *c) {
  char *path = leat_path_join(s->dir, c_text(get(c, "file")->text));
  leat_arrays a = {0};
  const node *note = get(c, "note"), *error = get(c, "error");
  bool refused = (error && error->kind == LEAT_JSON_TRUE) ||
                 (note && leat_str_ends(note->text, LEAT_STR("refuse")));
  leat_status status = leat_arrays_read(&a, path, &err);
  const char *problem = status ? err.message : "accepted";
  bool good = refused ? status != LEAT_OK : !status;
  if (good && !refused) {
    problem = "the values differ";
    good = a.list.count == 1 && same_array(a.list.at[0].tensor, c);
  }
  score(s, c_text(get(c, "file")->text), good, problem);
  leat_arrays_deinit(&a);
  leat__free(path);
}

static void npz_file(shelf *s, const node *file) {
  char *path = leat_path_join(s->dir, c_text(file->key));
  leat_arrays a = {0};
  const char *problem = leat_arrays_read(&a, path, &err) ? err.message : NULL;
  if (!problem && (int64_t)a.list.count != length(file)) problem = "more or fewer arrays";
  for (const node *m = file->child; !problem && m; m = m->next) {
    const leat_tensor *t = leat_arrays_find(&a, m->key);
    if (!t || !same_array(t, case_of(get(s->index, "npy"), m->text))) problem = c_text(m->key);
  }
  score(s, c_text(file->key), !problem, problem);
  leat_arrays_deinit(&a);
  leat__free(path);
}

static void npy_shelf(shelf *s) {
  for (node *c = get(s->index, "npy")->child; c; c = c->next) array_file(s, c);
  for (node *f = get(s->index, "npz")->child; f; f = f->next) npz_file(s, f);
}

static void idx_shelf(shelf *s) {
  for (node *c = get(s->index, "idx")->child; c; c = c->next) array_file(s, c);
}

// --- The group ----------------------------------------------------------------------------------
bool formats_folder(const char *dir, int counts[3]) {
  static const struct {
    const char *name;
    void (*run)(shelf *s);
  } shelves[] = {{"tfrecord", tfrecord_shelf}, {"example", example_shelf},
                 {"events", event_shelf},      {"safetensors", safetensors_shelf},
                 {"npy", npy_shelf},           {"idx", idx_shelf}};
  bool found = false;
  for (size_t i = 0; i < sizeof shelves / sizeof *shelves; i++) {
    shelf s = {.name = shelves[i].name, .counts = counts};
    s.dir = leat_path_join(dir, s.name);
    char *index = leat_path_join(s.dir, "index.json");
    if (leat_file_exists(index)) {
      found = true;
      s.index = read_tree(index);
      if (s.index)
        shelves[i].run(&s);
      else
        counts[FAILED]++;
    }
    leat__free(index);
    leat__free(s.dir);
  }
  return found;
}
