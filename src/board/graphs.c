// TensorBoard's API for graphs, and the board's own.
// SPDX-License-Identifier: Apache-2.0
#include "board/graphs.h"

#include "formats/number.h"
#include "formats/proto.h"

static bool is_traced(const leat_series *s) {
  return leat__eq(s->plugin, "graph_run_metadata") ||
         leat__eq(s->plugin, "graph_run_metadata_graph");
}

// --- What there is ------------------------------------------------------------------------------
static void write_tag(leat_json_writer *w, const leat_series *s) {
  bool graph = is_traced(s), keras = leat__eq(s->plugin, "graph_keras_model");
  bool profile =
      leat__eq(s->plugin, "graph_run_metadata") || leat__eq(s->plugin, "graph_tagged_run_metadata");
  if (!graph && !keras && !profile) return;
  if ((graph || keras) && !leat__eq(s->content, "1")) return;  // of another version
  leat_json_key(w, s->tag);
  leat_json_open(w, '{');
  leat__key_str(w, "tag", s->tag);
  leat__key_bool(w, "conceptual_graph", keras);
  leat__key_bool(w, "op_graph", graph);
  leat__key_bool(w, "profile", profile);
  leat_json_close(w, '}');
}

static void write_run(leat_json_writer *w, const leat_run *run) {
  bool graph = false, any = false;
  for (const leat_series *s = run->first; s; s = s->next) {
    graph |= leat__eq(s->plugin, "graphs") && leat__eq(s->tag, "__run_graph__");
    any |= leat_str_starts(s->plugin, LEAT_STR("graph"));
  }
  if (!any) return;
  leat_json_key(w, leat_str_of(run->name));
  leat_json_open(w, '{');
  leat__key_str(w, "run", leat_str_of(run->name));
  leat_json_key(w, LEAT_STR("tags"));
  leat_json_open(w, '{');
  for (const leat_series *s = run->first; s; s = s->next) write_tag(w, s);
  leat_json_close(w, '}');
  leat__key_bool(w, "run_graph", graph);
  leat_json_close(w, '}');
}

static void answer_info(leat_board *b, leat_exchange *x) {
  int count;
  leat_run **runs = leat__board_runs(b, &count);
  leat_json_writer w = {.out = &x->reply};
  leat_json_open(&w, '{');
  for (int i = 0; i < count; i++) {
    leat_run_read(runs[i]);
    write_run(&w, runs[i]);
    leat_run_unlock(runs[i]);
  }
  leat_json_close(&w, '}');
  leat__free(runs);
  leat__board_json(x);
}

// --- Reading ------------------------------------------------------------------------------------
// The newest value of a series of one of the plugins, up to a NULL; NOT_FOUND.
static leat_status read_newest(leat_board *b, leat_str name, leat_str tag,
                               const char *const *plugins, leat_buf *out, leat_error *err) {
  int64_t id;
  leat_run *run = leat_store_run(b->store, name);
  if (!run && leat_parse_i64(name, &id)) run = leat_store_run_at(b->store, id);
  const leat_series *s = NULL;
  leat_tensor *t = NULL;
  bool fits = false;
  if (run) {
    leat_store_want(b->store, run);
    leat_run_read(run);
    s = leat_run_series(run, tag);
    for (; s && *plugins && !fits; plugins++) fits = leat__eq(s->plugin, *plugins);
  }
  leat_status status =
      fits && s->blobs.count
          ? leat__blob_tensor(run, &s->blobs.at[s->blobs.count - 1], &t, err)
          : leat_error_set(err, LEAT_NOT_FOUND,
                           "Not found: run '" LEAT_STR_FMT "' has no graph '" LEAT_STR_FMT "'",
                           LEAT_STR_ARG(name), LEAT_STR_ARG(tag));
  if (run) leat_run_unlock(run);
  if (!status && (leat_tensor_dtype(t) != LEAT_DTYPE_STRING || leat_tensor_count(t) < 1))
    status = leat_error_set(err, LEAT_DATA_LOSS, "the value holds no bytes");
  if (!status) leat_buf_str(out, leat_tensor_str(t, 0));
  if (!status) status = leat_buf_status(out, err);
  leat_tensor_unref(t);
  return status;
}

// The GraphDef that a request names: of the run, of a traced function, or of a Keras model.
static leat_status read_graph(leat_board *b, leat_exchange *x, leat_arena *arena, leat_buf *out,
                              leat_error *err) {
  static const char *const whole[] = {"graphs", NULL}, *const keras[] = {"graph_keras_model", NULL},
                           *const traced[] = {"graph_run_metadata", "graph_run_metadata_graph",
                                              NULL};
  leat_str run = leat__board_param(x, arena, "run"), tag = leat__board_param(x, arena, "tag");
  bool conceptual = leat__eq(leat__board_param(x, arena, "conceptual"), "true");
  leat_buf bytes = {0};
  if (!tag.len && !conceptual)
    return read_newest(b, run, LEAT_STR("__run_graph__"), whole, out, err);
  leat_status status = read_newest(b, run, tag, conceptual ? keras : traced, &bytes, err);
  if (!status && conceptual)
    status = leat__keras_graph(leat_buf_view(&bytes), out, err);
  else if (!status && !leat__merged_graph(leat_buf_view(&bytes), out))
    status = leat_error_set(err, LEAT_DATA_LOSS, "the run's metadata is damaged");
  leat_buf_deinit(&bytes);
  return status;
}

static leat_status limit(leat_exchange *x, leat_arena *arena, leat_buf *graph, leat_error *err) {
  leat_str most = leat__board_param(x, arena, "limit_attr_size");
  leat_str key = leat__board_param(x, arena, "large_attrs_key");
  leat_buf cut = {0};
  int64_t size;
  if (!most.len) return LEAT_OK;
  if (!leat_parse_i64(most, &size) || size <= 0 || !key.len)
    return leat_error_set(
        err, LEAT_INVALID_ARGUMENT,
        "limit_attr_size is a number of bytes above 0; large_attrs_key goes with it");
  if (!leat__limited_graph(leat_buf_view(graph), (size_t)size, key, &cut)) {
    leat_buf_deinit(&cut);
    return leat_error_set(err, LEAT_DATA_LOSS, "the graph is damaged");
  }
  leat_buf_deinit(graph);
  *graph = cut;
  return LEAT_OK;
}

static void answer_text(leat_exchange *x, leat_status status, const leat_error *err) {
  if (status)
    leat__board_fail(x, leat_http_status(status), "%s", err->message);
  else
    leat__board_bytes(x, "text/x-protobuf", (leat_str){0});
}

static void answer_graph(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_buf graph = {0};
  leat_error err;
  leat_status status =
      leat__board_param(x, &arena, "run").ptr
          ? read_graph(b, x, &arena, &graph, &err)
          : leat_error_set(&err, LEAT_INVALID_ARGUMENT, "query parameter \"run\" is required");
  if (!status) status = limit(x, &arena, &graph, &err);
  if (!status && !leat__graph_text(leat_buf_view(&graph), &x->reply))
    status = leat_error_set(&err, LEAT_DATA_LOSS, "the graph is damaged");
  answer_text(x, status, &err);
  leat_buf_deinit(&graph);
  leat_arena_deinit(&arena);
}

static leat_status read_metadata(leat_board *b, leat_exchange *x, leat_arena *arena, leat_buf *out,
                                 leat_error *err) {
  static const char *const plugins[] = {"graph_tagged_run_metadata", "graph_run_metadata", NULL};
  leat_str run = leat__board_param(x, arena, "run"), tag = leat__board_param(x, arena, "tag");
  if (!run.ptr || !tag.ptr)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "query parameter \"%s\" is required",
                          tag.ptr ? "run" : "tag");
  return read_newest(b, run, tag, plugins, out, err);
}

static void answer_metadata(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_buf bytes = {0};
  leat_error err;
  leat_status status = read_metadata(b, x, &arena, &bytes, &err);
  if (!status && !leat__metadata_text(leat_buf_view(&bytes), &x->reply))
    status = leat_error_set(&err, LEAT_DATA_LOSS, "the run's metadata is damaged");
  answer_text(x, status, &err);
  leat_buf_deinit(&bytes);
  leat_arena_deinit(&arena);
}

// --- As the page draws them ---------------------------------------------------------------------
enum { SHORT_TEXT = 120 };

// "2x3"; "?" for a dimension or a rank that is not known, "" for a single number.
static void put_shape(leat_buf *out, leat_str shape) {
  leat_proto p = {shape, false}, size;
  leat_proto_field f, of;
  bool any = false;
  while (leat_proto_next(&p, &f)) {
    if (f.number == 3 && f.bits) leat_buf_char(out, '?');
    if (f.number != 2 || f.wire != LEAT_WIRE_BYTES) continue;
    int64_t extent = 0;
    size = (leat_proto){f.bytes, false};
    while (leat_proto_next(&size, &of))
      if (of.number == 1) extent = (int64_t)of.bits;
    if (any) leat_buf_c(out, "x");
    if (extent < 0)
      leat_buf_char(out, '?');
    else
      leat_buf_fmt(out, "%lld", (long long)extent);
    any = true;
  }
}

static const char *type_name(uint64_t type) {
  static const char *const names[] = {"invalid", "float32", "float64", "int32",     "uint8",
                                      "int16",   "int8",    "string",  "complex64", "int64",
                                      "bool",    "qint8",   "quint8",  "qint32",    "bfloat16"};
  return type < sizeof names / sizeof *names ? names[type] : type == 19 ? "float16" : "other";
}

static void put_short(leat_buf *out, leat_str text) {
  size_t n = text.len < SHORT_TEXT ? text.len : SHORT_TEXT;
  leat_buf_add(out, text.ptr, n);
  if (n < text.len) leat_buf_c(out, "...");
}

// An attribute's value in a few words.
static void put_attr(leat_buf *out, leat_str value, int depth) {
  leat_proto p = {value, false};
  leat_proto_field f;
  int items = 0;
  while (leat_proto_next(&p, &f)) {
    if (depth && items++) leat_buf_c(out, ", ");
    if (out->len > 4 * SHORT_TEXT) return;
    switch (f.number) {
      case 1:
        leat_buf_char(out, '[');
        if (depth < 4) put_attr(out, f.bytes, depth + 1);
        leat_buf_char(out, ']');
        break;
      case 2: put_short(out, f.bytes); break;
      case 3: leat_buf_fmt(out, "%lld", (long long)(int64_t)f.bits); break;
      case 4: leat_buf_fmt(out, "%g", (double)leat_proto_as_f32(&f)); break;
      case 5: leat_buf_c(out, f.bits ? "true" : "false"); break;
      case 6: leat_buf_c(out, type_name(f.bits)); break;
      case 7: put_shape(out, f.bytes); break;
      case 8: leat_buf_fmt(out, "tensor of %zu bytes", f.bytes.len); break;
      default: leat_buf_c(out, "..."); break;
    }
  }
}

static void write_shapes(leat_json_writer *w, leat_str value) {
  leat_proto p = {value, false}, list;
  leat_proto_field f, of;
  while (leat_proto_next(&p, &f)) {
    if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) continue;
    list = (leat_proto){f.bytes, false};
    while (leat_proto_next(&list, &of)) {
      leat_buf shape = {0};
      if (of.number != 7 || of.wire != LEAT_WIRE_BYTES) continue;
      put_shape(&shape, of.bytes);
      leat_json_string(w, leat_buf_view(&shape));
      leat_buf_deinit(&shape);
    }
  }
}

// A map's entry: 1 key, 2 value.
static void entry_of(leat_str entry, leat_str *key, leat_str *value) {
  leat_proto p = {entry, false};
  leat_proto_field f;
  *key = *value = (leat_str){0};
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) *key = f.bytes;
    if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) *value = f.bytes;
  }
}

static void write_attrs(leat_json_writer *w, leat_str node, bool shapes) {
  leat_proto p = {node, false};
  leat_proto_field f;
  leat_str key, value;
  while (leat_proto_next(&p, &f)) {
    if (f.number != 5 || f.wire != LEAT_WIRE_BYTES) continue;
    entry_of(f.bytes, &key, &value);
    bool of_shapes = leat__eq(key, "_output_shapes");
    if (shapes && of_shapes) write_shapes(w, value);
    if (shapes || of_shapes) continue;
    leat_buf text = {0};
    put_attr(&text, value, 0);
    leat_json_key(w, key);
    leat_json_string(w, leat_buf_view(&text));
    leat_buf_deinit(&text);
  }
}

static void write_node(leat_json_writer *w, leat_str node) {
  static const char *const names[] = {NULL, "name", "op", NULL, "device"};
  leat_proto_field f;
  leat_json_open(w, '{');
  for (int i = 1; i <= 4; i++) {
    leat_proto p = {node, false};
    leat_str text = {0};
    if (!names[i]) continue;
    while (leat_proto_next(&p, &f))
      if (f.number == i && f.wire == LEAT_WIRE_BYTES) text = f.bytes;
    leat__key_str(w, names[i], text);
  }
  leat_json_key(w, LEAT_STR("inputs"));
  leat_json_open(w, '[');
  leat_proto p = {node, false};
  while (leat_proto_next(&p, &f))
    if (f.number == 3 && f.wire == LEAT_WIRE_BYTES) leat_json_string(w, f.bytes);
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("shapes"));
  leat_json_open(w, '[');
  write_attrs(w, node, true);
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("attrs"));
  leat_json_open(w, '{');
  write_attrs(w, node, false);
  leat_json_close(w, '}');
  leat_json_close(w, '}');
}

static void answer_own_graph(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_buf graph = {0};
  leat_error err;
  leat_status status = read_graph(b, x, &arena, &graph, &err);
  if (status)
    leat__board_fail(x, leat_http_status(status), "%s", err.message);
  else {
    leat_json_writer w = {.out = &x->reply};
    leat_proto p = {leat_buf_view(&graph), false};
    leat_proto_field f;
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("nodes"));
    leat_json_open(&w, '[');
    while (leat_proto_next(&p, &f))
      if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) write_node(&w, f.bytes);
    leat_json_close(&w, ']');
    leat_json_close(&w, '}');
    leat__board_json(x);
  }
  leat_buf_deinit(&graph);
  leat_arena_deinit(&arena);
}

// --- Time and memory of nodes -------------------------------------------------------------------
// NodeExecStats: 1 name, 2 start, 3 and 4 begin and end of the op, 5 end, in microseconds; 6
// memory; 7 outputs.
static void write_times(leat_json_writer *w, leat_str stats) {
  leat_proto p = {stats, false}, in, tensor;
  leat_proto_field f, of, deep;
  leat_str name = {0};
  int64_t start = 0, end = 0, bytes = 0;
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("shapes"));
  leat_json_open(w, '[');
  while (leat_proto_next(&p, &f)) {
    if (f.number == 1 && f.wire == LEAT_WIRE_BYTES) name = f.bytes;
    if (f.number == 2) start = (int64_t)f.bits;
    if (f.number == 5 || (f.number == 4 && !end)) end = (int64_t)f.bits;
    if (f.wire != LEAT_WIRE_BYTES) continue;
    in = (leat_proto){f.bytes, false};
    while ((f.number == 6 || f.number == 7) && leat_proto_next(&in, &of)) {
      if (f.number == 6 && of.number == 2) bytes += (int64_t)of.bits;
      if (f.number == 6 || of.number != 3 || of.wire != LEAT_WIRE_BYTES) continue;
      tensor = (leat_proto){of.bytes, false};
      while (leat_proto_next(&tensor, &deep)) {
        leat_buf shape = {0};
        if (deep.number != 2 || deep.wire != LEAT_WIRE_BYTES) continue;
        put_shape(&shape, deep.bytes);
        leat_json_string(w, leat_buf_view(&shape));
        leat_buf_deinit(&shape);
      }
    }
  }
  leat_json_close(w, ']');
  leat__key_str(w, "name", name);
  leat__key_i64(w, "start_us", start);
  leat__key_i64(w, "time_us", end);
  leat__key_i64(w, "bytes", bytes);
  leat_json_close(w, '}');
}

static void write_device(leat_json_writer *w, leat_str device) {
  leat_proto p = {device, false};
  leat_proto_field f;
  while (leat_proto_next(&p, &f))
    if (f.number == 2 && f.wire == LEAT_WIRE_BYTES) write_times(w, f.bytes);
}

static void answer_own_metadata(leat_board *b, leat_exchange *x) {
  leat_arena arena = {0};
  leat_buf bytes = {0};
  leat_error err;
  leat_status status = read_metadata(b, x, &arena, &bytes, &err);
  if (status)
    leat__board_fail(x, leat_http_status(status), "%s", err.message);
  else {
    leat_json_writer w = {.out = &x->reply};
    leat_proto p = {leat_buf_view(&bytes), false}, steps;
    leat_proto_field f, of;
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("nodes"));
    leat_json_open(&w, '[');
    while (leat_proto_next(&p, &f)) {
      if (f.number != 1 || f.wire != LEAT_WIRE_BYTES) continue;
      steps = (leat_proto){f.bytes, false};
      while (leat_proto_next(&steps, &of))
        if (of.number == 1 && of.wire == LEAT_WIRE_BYTES) write_device(&w, of.bytes);
    }
    leat_json_close(&w, ']');
    leat_json_close(&w, '}');
    leat__board_json(x);
  }
  leat_buf_deinit(&bytes);
  leat_arena_deinit(&arena);
}

const leat_route leat__routes_graphs[] = {
    {"GET", "/data/plugin/graphs/info", answer_info},
    {"GET", "/data/plugin/graphs/graph", answer_graph},
    {"GET", "/data/plugin/graphs/run_metadata", answer_metadata},
    {"GET", "/data/leat/graph", answer_own_graph},
    {"GET", "/data/leat/run_metadata", answer_own_metadata},
    {0},
};
