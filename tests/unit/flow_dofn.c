// Tests of DoFns in ParDo's op: state, timers, side inputs, outputs, bundles, one op driven by
// hand. SPDX-License-Identifier: Apache-2.0
//
// What is given out is written as text: TAGkey:n@timestamp[start,end), one word a row.
#include "flow/collect.h"
#include "flow/dofn_impl.h"
#include "test.h"

#include <inttypes.h>

#define T(text) leat_str_of(text)

// --- The op, with a Collect behind each of its outputs ------------------------------------------
static leat_arena arena;
static leat_flow *flow;
static leat_flow_pcollection inputs[3];
static leat_flow_strategy strategies[3];
static leat_flow_op *op;
static size_t seen[2];  // batches of each output that `said` has looked at
static int output_count;
static leat_error err;

static leat_flow_collection *collection(int i) { return flow->collections.at[inputs[i].id]; }

static void write_row(const leat_flow_batch *b, int row, leat_str tag, leat_buf *out) {
  if (out->len) leat_buf_char(out, ' ');
  leat_buf_str(out, tag);
  for (int f = 0; f < b->schema->count; f++) {
    leat_flow_value v = leat_flow_value_at(&b->schema->fields[f], &b->columns[f], row, &arena);
    leat_buf_c(out, f ? ":" : "");
    if (v.kind == LEAT_FLOW_INT) leat_buf_fmt(out, "%" PRId64, v.num);
    if (v.kind == LEAT_FLOW_STRING) leat_buf_str(out, v.bytes);
  }
  leat_buf_fmt(out, "@%" PRId64, b->timestamps[row]);
  if (b->windows[row].start == LEAT_FLOW_TIME_MIN) return;
  leat_buf_fmt(out, "[%" PRId64 ",%" PRId64 ")", b->windows[row].start, b->windows[row].end);
}

// What has come since the last time, the main output's rows first.
static void said(const char *want) {
  leat_buf out = {0};
  for (int i = 0; i < output_count; i++) {
    size_t count;
    const leat_flow_batch *const *all = leat_flow_collected(flow, i ? "Second" : "First", &count);
    leat_str tag = op->transform->outputs.at[i]->tag;
    for (; seen[i] < count; seen[i]++)
      for (int row = 0; row < all[seen[i]]->rows; row++) write_row(all[seen[i]], row, tag, &out);
  }
  leat_buf_char(&out, 0);
  CHECK_STR(out.ptr, want);
  leat_buf_deinit(&out);
}

// The flow starts anew with input 0.
static void input(int i, const char *schema, leat_flow_strategy strategy) {
  char name[8], config[160];
  if (!i) leat_flow_free(flow), CHECK_OK(leat_flow_new(&flow, &err));
  snprintf(name, sizeof name, "In%d", i);
  snprintf(config, sizeof config, "{schema: \"%s\", events: []}", schema);
  CHECK_OK(leat_flow_apply(flow, name, "TestStream", config, NULL, 0, &inputs[i], &err));
  strategies[i] = strategy;
  collection(i)->strategy = &strategies[i];
}

static leat_status start(const leat_dofn *fn, const char *key) {
  static int serial;
  leat_flow_pcollection out;
  char config[128], name[16];
  memset(seen, 0, sizeof seen);
  snprintf(name, sizeof name, "Do%d", serial++);
  snprintf(config, sizeof config, "{dofn: '%s', config: the config%s%s}", fn->name,
           key ? ", key: " : "", key ? key : "");
  leat_status status = leat_dofn_register(fn, &err);
  if (!status)
    status = leat_flow_apply(flow, name, "ParDo", config, inputs, fn->side_count + 1, &out, &err);
  if (status) return status;
  const leat_flow_transform *t = flow->transforms.at[flow->transforms.count - 1];
  output_count = (int)t->outputs.count;
  CHECK_OK(leat_flow_apply(flow, "First", "Collect", NULL, &out, 1, NULL, &err));
  if (output_count > 1) {
    CHECK_OK(leat_flow_tagged(flow, name, "odd", &out, &err));
    CHECK_OK(leat_flow_apply(flow, "Second", "Collect", NULL, &out, 1, NULL, &err));
  }
  status = leat__flow_start(flow, NULL, &err);
  return op = leat__flow_op(flow, 0, t->id), status;
}

static void stop(void) {
  leat_flow_free(flow);
  flow = NULL;
}

// "a 5 7": a row {k: a, n: 5} at 7, in a batch; "a 5 7; b 6 8" two.
static leat_status try_feed(int to, const char *text) {
  leat_flow_rows *rows;
  leat_str rest = T(text);
  CHECK_OK(leat_flow_rows_new(&rows, collection(to)->schema, &err));
  while (rest.len) {
    char key[16];
    int64_t n, at;
    leat_str one = leat_str_cut(&rest, ';');
    char line[64];
    snprintf(line, sizeof line, LEAT_STR_FMT, LEAT_STR_ARG(one));
    CHECK(sscanf(line, "%15s %" SCNd64 " %" SCNd64, key, &n, &at) == 3);
    leat_flow_rows_text(rows, T(key));
    leat_flow_rows_int(rows, n);
    CHECK_OK(leat_flow_rows_end(rows, at, NULL, NULL, &err));
  }
  leat_flow_batch *batch = leat_flow_rows_take(rows);
  leat_status status = op->class->batch(op, to, batch, &err);
  if (!status) status = op->class->finish_bundle(op, &err);
  leat_flow_batch_unref(batch);
  leat_flow_rows_free(rows);
  return status;
}

static void feed(int to, const char *text) { CHECK_OK(try_feed(to, text)); }

static leat_status try_watermark(int64_t to) {
  leat_status status = LEAT_OK;
  for (size_t i = 1; !status && i < op->transform->inputs.count; i++)
    status = op->class->side_watermark(op, (int)i, to, &err);
  op->input_watermark = to;
  return status ? status : op->class->watermark(op, to, &err);
}

static void watermark(int64_t to) { CHECK_OK(try_watermark(to)); }

static void advance(int64_t now) {
  op->worker->now = now;
  CHECK_OK(op->class->time(op, now, &err));
}

static const leat_flow_strategy global, fixed10 = {.window = {LEAT_FLOW_FIXED, 10, 0, 0}};
static const char row_type[] = "{k: string, n: int64}";

static leat_status give(leat_dofn_call *c, int to, leat_flow_value k, int64_t n, leat_error *e) {
  leat_flow_value row[] = {k, leat_flow_of_int(n)};
  return leat_dofn_emit(c, to, row, e);
}

// --- Outputs and bundles ------------------------------------------------------------------------
static int calls[5];  // set up, started, finished, torn down, a wrong config

static leat_status count_setup(leat_dofn_call *c, leat_str config, void **self, leat_error *e) {
  calls[0]++;
  calls[4] += !leat_str_eq(config, T("the config")) || leat_dofn_index(c, "n") != 1 ||
              leat_dofn_index(c, "m") != -1;
  return *self = calls, LEAT_OK;
}
static leat_status count_start(leat_dofn_call *c, leat_error *e) { return calls[1]++, LEAT_OK; }
static leat_status count_finish(leat_dofn_call *c, leat_error *e) {
  leat_flow_window w = {0, 10};
  leat_flow_value row[] = {leat_flow_of_text("end"), leat_flow_of_int(calls[2]++)};
  if (leat_dofn_emit(c, 0, row, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  return leat_dofn_emit_at(c, 0, row, 9, &w, e);
}
static void count_down(void *self) { ((int *)self)[3]++; }

static leat_status split(leat_dofn_call *c, leat_error *e) {
  int64_t n = leat_dofn_field(c, 1).num;
  leat_flow_value row[] = {leat_dofn_field(c, 0), leat_flow_of_int(-n)};
  if (n % 2) return leat_dofn_emit_at(c, 1, row, leat_dofn_timestamp(c) + n, NULL, e);
  return give(c, 0, row[0], n, e);
}

static const leat_dofn_output two[] = {{"", NULL}, {"odd", "{k: string, minus: int64}"}};
static const leat_dofn splitter = {.name = "test:split",
                                   .outputs = two,
                                   .output_count = 2,
                                   .setup = count_setup,
                                   .start_bundle = count_start,
                                   .process = split,
                                   .finish_bundle = count_finish,
                                   .teardown = count_down};

static void rows_go_to_tagged_outputs(void) {
  memset(calls, 0, sizeof calls);
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_SLIDING, 10, 5, 0}});
  CHECK_OK(start(&splitter, NULL));
  feed(0, "a 2 7;b 3 7;c 4 8");
  // at its own time a row keeps its windows unsaid; at another they are those of its first time
  said("a:2@7[5,15) c:4@8[5,15) end:0@9[0,10) oddb:-3@10[5,15) oddb:-3@10[0,10)");
  feed(0, "d 0 1");
  said("d:0@1[0,10) end:1@9[0,10)");
  watermark(LEAT_FLOW_TIME_MAX);
  said("");
  stop();
  CHECK(calls[0] == 1 && calls[1] == 2 && calls[2] == 2 && calls[3] == 1 && calls[4] == 0);
}

static leat_status wrong(leat_dofn_call *c, leat_error *e) {
  leat_flow_value row[] = {leat_flow_of_int(1), leat_flow_of_int(1)};
  int64_t n = leat_dofn_field(c, 1).num;
  if (n == 1) return leat_dofn_emit(c, 0, row, e);
  if (n == 2) return leat_dofn_emit(c, 7, row, e);
  row[0] = leat_flow_of_text("x");
  return leat_dofn_emit_at(c, 0, row, leat_dofn_timestamp(c) - 1, NULL, e);
}

static void wrong_rows_are_refused(void) {
  static const leat_dofn fn = {.name = "test:wrong", .process = wrong};
  input(0, row_type, global);
  CHECK_OK(start(&fn, NULL));
  CHECK(try_feed(0, "a 1 5") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message,
            "DoFn 'test:wrong': output 0: field 'k' (string): the value is an integer");
  CHECK(try_feed(0, "a 2 5") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "DoFn 'test:wrong': no output 7, there are 1");
  CHECK(try_feed(0, "a 3 5") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "DoFn 'test:wrong': a row at 4 ms, expected 5 to 9223371950454775");
  stop();
}

static leat_status double_columns(leat_dofn_call *c, const leat_flow_array *in, int rows,
                                  leat_error *e) {
  const int64_t *n = in[1].values;
  int64_t *twice = leat_dofn_memory(c, (size_t)rows * sizeof *twice);
  int32_t *from = leat_dofn_memory(c, (size_t)rows * sizeof *from);
  for (int i = 0; i < rows; i++) twice[i] = 2 * n[i], from[i] = rows - 1 - i;
  leat_flow_array columns[] = {in[0], {.values = twice}};
  leat_status status = leat_dofn_emit_columns(c, 0, columns, rows, NULL, e);
  return status ? status : leat_dofn_emit_columns(c, 0, columns, rows, from, e);
}

static void whole_columns_come_and_go(void) {
  static const leat_dofn fn = {.name = "test:columns", .process_batch = double_columns};
  input(0, row_type, fixed10);
  CHECK_OK(start(&fn, NULL));
  feed(0, "a 1 5;b 2 15");
  said("a:2@5[0,10) b:4@15[10,20) a:2@15[10,20) b:4@5[0,10)");
  stop();
}

// --- State --------------------------------------------------------------------------------------
enum { VALUE, BAG, SUM, LEAST, MAP, SET, LIST };
static const leat_dofn_state all_states[] = {
    {.name = "value", .kind = LEAT_CELL_VALUE, .type = "{at: timestamp, text: string?}"},
    {.name = "bag", .kind = LEAT_CELL_BAG, .type = "int64"},
    {.name = "sum", .kind = LEAT_CELL_COMBINING, .type = "int64"},
    {.name = "least", .kind = LEAT_CELL_COMBINING, .type = "double", .combine = LEAT_CELL_MIN},
    {.name = "map", .kind = LEAT_CELL_MAP, .type = "int64", .key = "string"},
    {.name = "set", .kind = LEAT_CELL_SET, .type = "int64"},
    {.name = "list", .kind = LEAT_CELL_ORDERED, .type = "int64"}};

static leat_status tell(leat_dofn_call *c, const char *what, const leat_flow_value *items,
                        size_t count, leat_error *e) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < count; i++) {
    const leat_flow_value *v = items[i].kind == LEAT_FLOW_KV ? &items[i].items[1] : &items[i];
    status = give(c, 0, leat_flow_of_text(what), v->num, e);
  }
  return status;
}

static leat_status remember(leat_dofn_call *c, leat_error *e) {
  leat_flow_value n = leat_dofn_field(c, 1), v, real = leat_flow_of_double((double)n.num / 2);
  leat_flow_value last[] = {leat_flow_of_int(n.num * 10), leat_flow_null()};
  leat_flow_value row = leat_flow_of_items(LEAT_FLOW_ROW, last, 2);
  leat_flow_value parity = leat_flow_of_text(n.num % 2 ? "odd" : "even");
  const leat_flow_value *items;
  const int64_t *times;
  size_t count;
  leat_status status = LEAT_OK;
  if (leat_cell_read(c, VALUE, &v)) status = tell(c, "was", &v.items[0], 1, e);
  if (!status) status = leat_cell_write(c, VALUE, &row, e);
  if (!status) status = leat_cell_add(c, BAG, &n, e);
  if (!status) status = leat_cell_add(c, SUM, &n, e);
  if (!status) status = leat_cell_add(c, LEAST, &real, e);
  if (!status) status = leat_cell_put(c, MAP, &parity, &n, e);
  if (!status) status = leat_cell_add(c, SET, &n, e);
  if (!status) status = leat_cell_add_at(c, LIST, -n.num, &n, e);
  if (status || n.num < 4) return status;
  status = leat_cell_list(c, BAG, &items, &count, e);
  if (!status) status = tell(c, "bag", items, count, e);
  if (!status) leat_cell_read(c, SUM, &v), status = tell(c, "sum", &v, 1, e);
  leat_cell_read(c, LEAST, &v);
  if (!status) status = give(c, 0, leat_flow_of_text("least"), (int64_t)(v.real * 100), e);
  if (!status) status = leat_cell_list(c, MAP, &items, &count, e);
  if (!status) status = tell(c, "map", items, count, e);
  if (!status) status = leat_cell_list(c, SET, &items, &count, e);
  if (!status) status = tell(c, "set", items, count, e);
  if (!status) status = leat_cell_range(c, LIST, -3, -1, &items, &times, &count, e);
  if (!status) status = tell(c, "range", items, count, e);
  if (!status && (count != 1 || times[0] != -3)) return LEAT_INTERNAL;
  v = leat_flow_of_int(3);
  if (!status) status = leat_cell_remove(c, SET, &v, e);
  if (!status && leat_cell_get(c, SET, &v, &real)) return LEAT_INTERNAL;
  if (!status && (!leat_cell_get(c, MAP, &parity, &v) || v.num != n.num)) return LEAT_INTERNAL;
  leat_cell_clear_range(c, LIST, -3, 0);
  if (!status) status = leat_cell_range(c, LIST, -10, 10, &items, NULL, &count, e);
  if (!status) status = tell(c, "left", items, count, e);
  leat_cell_clear(c, VALUE);
  return status;
}

static void state_is_kept_by_key_and_window(void) {
  static const leat_dofn fn = {
      .name = "test:states", .states = all_states, .state_count = 7, .process = remember};
  input(0, row_type, fixed10);
  CHECK_OK(start(&fn, "k"));
  feed(0, "a 3 1;a 1 2;a 3 12;b 2 3");
  said("was:30@2[0,10)");
  feed(0, "a 4 4");
  said(
      "was:10@4[0,10) bag:3@4[0,10) bag:1@4[0,10) bag:4@4[0,10) sum:8@4[0,10) "
      "least:50@4[0,10) map:1@4[0,10) map:4@4[0,10) set:1@4[0,10) set:3@4[0,10) "
      "set:4@4[0,10) range:3@4[0,10) left:4@4[0,10)");
  feed(0, "a 0 5");  // its value was cleared
  said("");
  watermark(10);  // the window's life ends beyond 9
  feed(0, "a 1 5;a 5 13");
  CHECK(op->counts.dropped_late == 1);
  said(
      "was:30@13[10,20) bag:3@13[10,20) bag:5@13[10,20) sum:8@13[10,20) least:150@13[10,20) "
      "map:5@13[10,20) set:3@13[10,20) set:5@13[10,20) range:3@13[10,20) left:5@13[10,20)");
  stop();
}

static leat_status misuse(leat_dofn_call *c, leat_error *e) {
  leat_flow_value v = leat_flow_of_text("x"), n;
  const leat_flow_value *items;
  size_t count;
  if (leat_cell_list(c, VALUE, &items, &count, e) || count) return LEAT_INTERNAL;
  if (leat_cell_read(c, BAG, &n)) return LEAT_INTERNAL;
  if (leat_cell_write(c, BAG, &v, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  if (leat_cell_put(c, SET, &v, &v, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  if (leat_cell_add(c, 99, &v, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  if (leat_timer_set(c, 0, (leat_timer_at){0}, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  return leat_cell_add(c, BAG, &v, e);
}

static void wrong_uses_of_state_are_refused(void) {
  static const leat_dofn fn = {
      .name = "test:misuse", .states = all_states, .state_count = 7, .process = misuse};
  static const leat_dofn_state odd = {.name = "odd", .kind = LEAT_CELL_COMBINING, .type = "string"};
  static const leat_dofn strings = {
      .name = "test:strings", .states = &odd, .state_count = 1, .process = misuse};
  input(0, row_type, fixed10);
  CHECK_OK(start(&fn, "k"));
  CHECK(try_feed(0, "a 1 1") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message,
            "DoFn 'test:misuse': state 'bag': beam:coder:varint:v1: the value is "
            "text, expected an integer");
  CHECK(start(&fn, NULL) == LEAT_INVALID_ARGUMENT);
  CHECK(strstr(err.message,
               "DoFn 'test:misuse': state and timers are kept by key: give the fields as `key`"));
  CHECK(start(&strings, "k") == LEAT_INVALID_ARGUMENT);
  CHECK(strstr(err.message, "DoFn 'test:strings': only int64 and double combine: state 'odd'"));
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_SESSIONS, 5, 0, 0}});
  CHECK(start(&fn, "k") == LEAT_FAILED_PRECONDITION);
  stop();
}

// --- Timers -------------------------------------------------------------------------------------
enum { EVENT, PROCESSING };
static const leat_dofn_timer both[] = {{"event", LEAT_EVENT_TIME},
                                       {"processing", LEAT_PROCESSING_TIME}};
static const leat_dofn_state one_sum[] = {
    {.name = "sum", .kind = LEAT_CELL_COMBINING, .type = "int64"}};

// Sets the timers that the key says; gives out "TIMER/TAG" of those that fire, and the sum.
static leat_status set_timers(leat_dofn_call *c, leat_error *e) {
  leat_str key = leat_dofn_field(c, 0).bytes;
  leat_flow_value n = leat_dofn_field(c, 1);
  leat_timer_at at = {.time = n.num};
  leat_status status = leat_cell_add(c, 0, &n, e);
  switch (status ? 0 : key.ptr[0]) {
    case 'e': return leat_timer_set(c, EVENT, at, e);
    case 't': at.tag = key; return leat_timer_set(c, EVENT, at, e);
    case 'p': return leat_timer_set(c, PROCESSING, at, e);
    case 'r': at.relative = true; return leat_timer_set(c, EVENT, at, e);
    case 'n': at.no_hold = true; return leat_timer_set(c, EVENT, at, e);
    case 'o':
      at.has_output = true;
      at.output = n.num - 2;
      return leat_timer_set(c, EVENT, at, e);
    case 'c':
      if (n.num) return leat_timer_set(c, EVENT, at, e);
      return leat_timer_clear(c, EVENT, at.tag), LEAT_OK;
    default: return status;
  }
}

static leat_status on_timer(leat_dofn_call *c, int timer, leat_str tag, leat_error *e) {
  leat_flow_value sum, row[2];
  char text[32];
  leat_cell_read(c, 0, &sum);
  snprintf(text, sizeof text, "%s/" LEAT_STR_FMT "/" LEAT_STR_FMT, timer ? "p" : "e",
           LEAT_STR_ARG(tag), LEAT_STR_ARG(leat_dofn_key(c, 0).bytes));
  row[0] = leat_flow_of_text(text);
  row[1] = sum;
  if (text[3] == 'r')  // again, until its window is over
    if (leat_timer_set(c, EVENT, (leat_timer_at){.time = 3, .relative = true}, e))
      return LEAT_INTERNAL;
  return leat_dofn_emit(c, 0, row, e);
}

static leat_status on_end(leat_dofn_call *c, leat_error *e) {
  leat_flow_value sum;
  leat_cell_read(c, 0, &sum);
  if (leat_timer_set(c, 0, (leat_timer_at){0}, e) != LEAT_INVALID_ARGUMENT) return LEAT_INTERNAL;
  return give(c, 0, leat_flow_of_text("gone"), sum.num, e);
}

static const leat_dofn timed = {.name = "test:timers",
                                .states = one_sum,
                                .state_count = 1,
                                .timers = both,
                                .timer_count = 2,
                                .process = set_timers,
                                .on_timer = on_timer};
static const leat_dofn ending = {.name = "test:ending",
                                 .states = one_sum,
                                 .state_count = 1,
                                 .timers = both,
                                 .timer_count = 2,
                                 .process = set_timers,
                                 .on_timer = on_timer,
                                 .on_window_expiration = on_end};

static void a_timer_fires_beyond_its_time_and_holds_the_watermark(void) {
  input(0, row_type, fixed10);
  CHECK_OK(start(&timed, "k"));
  feed(0, "e 5 1");
  CHECK(op->hold == 5);
  watermark(5);
  said("");
  watermark(6);
  said("e//e:5@5[0,10)");
  CHECK(op->hold == LEAT_FLOW_TIME_MAX);
  stop();
}

static void setting_again_replaces_and_tags_are_apart(void) {
  input(0, row_type, fixed10);
  CHECK_OK(start(&timed, "k"));
  feed(0, "e 5 1;e 7 2;t1 4 1;t2 8 1");
  CHECK(op->hold == 4);
  feed(0, "c 3 1;c 0 2");  // set and cleared
  watermark(10);
  said("e/t1/t1:4@4[0,10) e//e:12@7[0,10) e/t2/t2:8@8[0,10)");
  stop();
}

static void timers_of_a_leap_fire_in_order_of_their_times(void) {
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 10, 0, 0}, .lateness_ms = 5});
  CHECK_OK(start(&timed, "k"));
  feed(0, "e 8 1;r 0 1");  // r: at once, then every 3 ms up to the window's end of life, 14
  watermark(2);
  said("e//r:0@1[0,10)");
  watermark(LEAT_FLOW_TIME_MAX);
  CHECK(op->hold == LEAT_FLOW_TIME_MAX);
  said(
      "e//r:0@4[0,10) e//r:0@7[0,10) e//e:8@8[0,10) e//r:0@10[0,10) e//r:0@13[0,10) "
      "e//r:0@14[0,10)");
  stop();
}

static void processing_time_is_apart(void) {
  input(0, row_type, fixed10);
  CHECK_OK(start(&timed, "k"));
  feed(0, "p 100 3");
  CHECK(op->hold == 3);  // it gives out at the time of the row that set it
  watermark(9);
  advance(100);
  said("");
  advance(101);
  said("p//p:100@3[0,10)");
  feed(0, "p 200 4");
  watermark(10);  // its window is over, and it with it
  CHECK(op->hold == LEAT_FLOW_TIME_MAX);
  advance(300);
  said("");
  stop();
}

static void output_times_have_bounds(void) {
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 10, 0, 0}, .lateness_ms = 5});
  CHECK_OK(start(&timed, "k"));
  feed(0, "o 8 5;n 9 1");
  CHECK(op->hold == 6);  // `n` holds nothing
  watermark(10);
  said("e//o:8@6[0,10) e//n:9@9[0,10)");
  CHECK(try_feed(0, "o 13 12") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message,
            "DoFn 'test:timers': timer 'event': its output time is before what is "
            "at hand: 11 ms, the bound is 12 ms");
  CHECK(try_feed(0, "e 15 9") == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message,
            "DoFn 'test:timers': timer 'event': set after its window's end of "
            "life, to 15 ms, the bound is 14 ms");
  feed(0, "e 14 9");
  watermark(15);
  said("e//e:29@14[0,10)");
  stop();
}

static void state_goes_when_its_window_is_over(void) {
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 10, 0, 0}, .lateness_ms = 5});
  CHECK_OK(start(&ending, "k"));
  feed(0, "x 5 1;e 14 2");
  CHECK(op->hold == 9);  // what is given out at the end is not late
  watermark(14);
  feed(0, "x 2 3");
  said("");
  watermark(15);
  said("e//e:14@14[0,10) gone:7@9[0,10) gone:14@9[0,10)");
  CHECK(op->hold == LEAT_FLOW_TIME_MAX);
  feed(0, "x 2 3");
  CHECK(op->counts.dropped_late == 1);
  stop();
}

// --- Side inputs --------------------------------------------------------------------------------
static leat_status look(leat_dofn_call *c, leat_error *e) {
  const leat_flow_value *rows;
  leat_flow_value found, key = leat_dofn_field(c, 0);
  size_t count;
  int64_t sum = 0;
  leat_status status = leat_side_list(c, 0, &rows, &count, e);
  for (size_t i = 0; !status && i < count; i++) sum += rows[i].items[1].num;
  if (!status) status = give(c, 0, key, sum, e);
  if (!status && leat_side_get(c, 1, &key, &found))
    status = give(c, 0, leat_flow_of_text("map"), found.items[1].num, e);
  return status;
}

static const leat_dofn_side views[] = {{"all", LEAT_SIDE_ITERABLE, NULL},
                                       {"map", LEAT_SIDE_MAP, "k"}};
static const leat_dofn looking = {
    .name = "test:looking", .sides = views, .side_count = 2, .process = look};

static void rows_wait_for_their_side_inputs(void) {
  input(0, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 10, 0, 0}, .lateness_ms = 5});
  input(1, row_type, (leat_flow_strategy){.window = {LEAT_FLOW_FIXED, 20, 0, 0}});
  input(2, row_type, global);
  leat_flow_trigger always = {.kind = LEAT_FLOW_ALWAYS};
  strategies[2].trigger = &always;
  CHECK_OK(start(&looking, NULL));
  feed(0, "a 1 13");
  feed(1, "x 5 3;y 6 17;z 7 23");
  feed(2, "a 8 0");
  said("");
  watermark(12);
  CHECK(op->hold == 12 || op->hold == 13);  // the row that waits
  watermark(20);                            // the side's window [0, 20) is over
  said("a:11@13[10,20) map:8@13[10,20)");
  CHECK(op->hold == LEAT_FLOW_TIME_MAX);
  feed(2, "b 9 0");  // discarding: the last pane is what is seen
  feed(0, "b 1 19;a 1 19");
  said("b:11@19[10,20) map:9@19[10,20) a:11@19[10,20)");
  watermark(25);  // no row of the window is to come: its side input goes
  feed(0, "b 1 19");
  said("b:0@19[10,20) map:9@19[10,20)");
  stop();
}

static leat_status one(leat_dofn_call *c, leat_error *e) {
  leat_flow_value row;
  leat_status status = leat_side_one(c, 0, &row, e);
  return status ? status : give(c, 0, row.items[0], row.items[1].num, e);
}

static void a_singleton_is_one_row(void) {
  static const leat_dofn_side view = {"rate", LEAT_SIDE_SINGLETON, NULL};
  static const leat_dofn fn = {.name = "test:one", .sides = &view, .side_count = 1, .process = one};
  input(0, row_type, global);
  input(1, row_type, global);
  CHECK_OK(start(&fn, NULL));
  feed(1, "r 5 0");
  feed(0, "a 1 1");
  watermark(LEAT_FLOW_TIME_MAX);
  said("r:5@1");
  input(0, row_type, global);
  input(1, row_type, global);
  CHECK_OK(start(&fn, NULL));
  feed(0, "a 1 1");
  CHECK(try_watermark(LEAT_FLOW_TIME_MAX) == LEAT_FAILED_PRECONDITION);
  CHECK_STR(err.message,
            "DoFn 'test:one': side input 'rate' has 0 rows in the window, expected "
            "one");
  input(0, row_type, global);
  input(1, row_type, fixed10);
  CHECK(start(&fn, NULL) == LEAT_FAILED_PRECONDITION);
  stop();
}

// --- Classes ------------------------------------------------------------------------------------
static void classes_are_checked(void) {
  static const leat_dofn none = {.name = "test:none"}, odd = {.name = "te st", .process = one};
  static const leat_dofn again = {.name = "test:one", .process = one};
  static const leat_dofn untimed = {
      .name = "test:untimed", .process = one, .timers = both, .timer_count = 2};
  CHECK(leat_dofn_register(&none, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(leat_dofn_register(&odd, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(leat_dofn_register(&untimed, &err) == LEAT_INVALID_ARGUMENT);
  CHECK_STR(err.message, "DoFn 'test:untimed': timers without on_timer");
  CHECK(leat_dofn_register(&again, &err) == LEAT_ALREADY_EXISTS);
  CHECK_OK(leat_dofn_register(&splitter, &err));
  CHECK(leat_dofn_find(T("test:split")) == &splitter);
  CHECK(leat_str_eq(leat_dofn_nearest(T("test:splat")), T("test:split")));
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"rows_go_to_tagged_outputs", rows_go_to_tagged_outputs},
      {"wrong_rows_are_refused", wrong_rows_are_refused},
      {"whole_columns_come_and_go", whole_columns_come_and_go},
      {"state_is_kept_by_key_and_window", state_is_kept_by_key_and_window},
      {"wrong_uses_of_state_are_refused", wrong_uses_of_state_are_refused},
      {"a_timer_fires_beyond_its_time_and_holds_the_watermark",
       a_timer_fires_beyond_its_time_and_holds_the_watermark},
      {"setting_again_replaces_and_tags_are_apart", setting_again_replaces_and_tags_are_apart},
      {"timers_of_a_leap_fire_in_order_of_their_times",
       timers_of_a_leap_fire_in_order_of_their_times},
      {"processing_time_is_apart", processing_time_is_apart},
      {"output_times_have_bounds", output_times_have_bounds},
      {"state_goes_when_its_window_is_over", state_goes_when_its_window_is_over},
      {"rows_wait_for_their_side_inputs", rows_wait_for_their_side_inputs},
      {"a_singleton_is_one_row", a_singleton_is_one_row},
      {"classes_are_checked", classes_are_checked},
  };
  int rc = test_main(argc, argv, tests, sizeof tests / sizeof *tests);
  leat_arena_deinit(&arena);
  return rc;
}
