// Profiles of training steps, for people, for Perfetto and for TensorBoard.
// SPDX-License-Identifier: Apache-2.0
#include "train/profile.h"

#include "formats/json.h"
#include "formats/proto.h"
#include "train/graph_def.h"

#include <stdlib.h>

// --- Table --------------------------------------------------------------------------------------
static int slowest_first(const void *a, const void *b) {
  const leat_profile_row *x = *(leat_profile_row *const *)a, *y = *(leat_profile_row *const *)b;
  if (x->ns != y->ns) return x->ns < y->ns ? 1 : -1;
  return x < y ? -1 : 1;
}

static void table_row(const leat_profile_row *r, int64_t total, leat_buf *out) {
  double ns = r->ns ? (double)r->ns : 1, calls = r->calls ? (double)r->calls : 1;
  leat_buf_fmt(out, "%6.1f %10.2f %8.2f %8.2f %9.1f  %-6s %3d  ",
               100.0 * (double)r->ns / (double)(total ? total : 1), ns / calls * 1e-3,
               r->flops / ns, r->bytes / ns, r->bytes / calls * 1e-3, r->kind, r->nodes);
  leat__print_node_name(r->node, out);
  leat_buf_fmt(out, "%s%s\n", r->node->scope ? " @" : "", r->node->scope ? r->node->scope : "");
}

void leat_profile_table(const leat_profile *p, leat_buf *out) {
  const leat_profile_row **order = leat__alloc(sizeof *order * (p->rows.count + 1));
  leat_profile_row all = {0};
  if (!order) {
    out->failed = true;
    return;
  }
  for (size_t i = 0; i < p->rows.count; i++) {
    order[i] = &p->rows.at[i];
    all.ns += order[i]->ns;
    all.flops += order[i]->flops;
    all.bytes += order[i]->bytes;
    if (order[i]->calls > all.calls) all.calls = order[i]->calls;
  }
  qsort(order, p->rows.count, sizeof *order, slowest_first);
  leat_buf_fmt(out, "%6s %10s %8s %8s %9s  %-6s %3s  %s\n", "%", "us/call", "GFLOP/s", "GB/s",
               "KB/call", "group", "ops", "named after");
  for (size_t i = 0; i < p->rows.count; i++) {
    leat_op op = order[i]->node->op;
    if (order[i]->calls && op != LEAT_OP_input && op != LEAT_OP_const)
      table_row(order[i], all.ns, out);
  }
  double ns = all.ns ? (double)all.ns : 1;
  leat_buf_fmt(out, "%lld runs, %.2f us each in its groups, %.2f GFLOP/s, %.2f GB/s\n",
               (long long)all.calls, ns * 1e-3 / (double)(all.calls ? all.calls : 1),
               all.flops / ns, all.bytes / ns);
  if (p->lost) leat_buf_c(out, "(memory ran out: calls are missing)\n");
  leat__free(order);
}

// --- Trace --------------------------------------------------------------------------------------
static void trace_event(leat_json_writer *w, const leat_profile_row *r, double start, double us,
                        const leat_func *func) {
  leat_buf name = {0};
  leat_graph_def_name(func, r->node, &name);
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name")), leat_json_string(w, leat_buf_view(&name));
  leat_json_key(w, LEAT_STR("cat")), leat_json_string(w, leat_str_of(r->kind));
  leat_json_key(w, LEAT_STR("ph")), leat_json_string(w, LEAT_STR("X"));
  leat_json_key(w, LEAT_STR("ts")), leat_json_f64(w, start);
  leat_json_key(w, LEAT_STR("dur")), leat_json_f64(w, us);
  leat_json_key(w, LEAT_STR("pid")), leat_json_i64(w, 1);
  leat_json_key(w, LEAT_STR("tid")), leat_json_i64(w, 1);
  leat_json_key(w, LEAT_STR("args"));
  leat_json_open(w, '{');
  double calls = r->calls ? (double)r->calls : 1;
  leat_json_key(w, LEAT_STR("ops")), leat_json_i64(w, r->nodes);
  leat_json_key(w, LEAT_STR("flops")), leat_json_f64(w, r->flops / calls);
  leat_json_key(w, LEAT_STR("bytes")), leat_json_f64(w, r->bytes / calls);
  leat_json_close(w, '}');
  leat_json_close(w, '}');
  leat_buf_deinit(&name);
}

void leat_profile_trace(const leat_profile *p, leat_buf *out) {
  leat_json_writer w = {.out = out};
  int64_t first = p->events.count ? p->events.at[0].start : 0;
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("displayTimeUnit")), leat_json_string(&w, LEAT_STR("ns"));
  leat_json_key(&w, LEAT_STR("traceEvents"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < p->events.count; i++) {
    const leat_profile_event *e = &p->events.at[i];
    const leat_profile_row *row = &p->rows.at[e->row];
    trace_event(&w, row, (double)(e->start - first) * 1e-3, (double)e->ns * 1e-3, row->node->owner);
  }
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
}

// --- Run metadata -------------------------------------------------------------------------------
// NodeExecStats, which TensorBoard colours nodes by.
static void put_stats(leat_buf *device, const leat_profile_event *e, const leat_profile_row *row,
                      const leat_func *func, int64_t from) {
  leat_buf name = {0}, stats = {0};
  int64_t us = (e->ns + 500) / 1000;
  leat_graph_def_name(func, row->node, &name);
  leat_proto_bytes(&stats, 1, leat_buf_view(&name));
  leat_proto_i64(&stats, 2, (int64_t)(leat_clock_wall() * 1e6) + (e->start - from) / 1000);
  leat_proto_i64(&stats, 3, 0);
  leat_proto_i64(&stats, 4, us);
  leat_proto_i64(&stats, 5, us);
  leat_buf_clear(&name);
  leat_buf_fmt(&name, "%s of %d ops, %.0f flops, %.0f bytes", row->kind, row->nodes,
               row->flops / (double)row->calls, row->bytes / (double)row->calls);
  leat_proto_bytes(&stats, 8, leat_buf_view(&name));
  leat_proto_i64(&stats, 14, 0);
  leat_proto_i64(&stats, 15, e->ns);
  leat_proto_i64(&stats, 16, e->ns);
  leat_proto_bytes(device, 2, leat_buf_view(&stats));
  if (name.failed || stats.failed) device->failed = true;
  leat_buf_deinit(&name);
  leat_buf_deinit(&stats);
}

// The second run where there is one: the first has cold caches.
void leat_profile_run_metadata(const leat_profile *p, const leat_func *func, leat_buf *out) {
  leat_buf device = {0}, steps = {0};
  size_t count = 0, run = p->rows.count, seen = 0;
  for (size_t i = 0; i < p->rows.count; i++) count += p->rows.at[i].calls > 0;
  if (p->events.count >= 2 * count) seen = count;
  leat_proto_bytes(&device, 1, LEAT_STR("/job:localhost/replica:0/task:0/device:CPU:0"));
  for (size_t i = seen; i < p->events.count && i < seen + run && i < seen + count; i++) {
    const leat_profile_event *e = &p->events.at[i];
    put_stats(&device, e, &p->rows.at[e->row], func, p->events.at[seen].start);
  }
  leat_proto_bytes(&steps, 1, leat_buf_view(&device));
  leat_proto_bytes(out, 1, leat_buf_view(&steps));
  if (device.failed || steps.failed) out->failed = true;
  leat_buf_deinit(&device);
  leat_buf_deinit(&steps);
}
