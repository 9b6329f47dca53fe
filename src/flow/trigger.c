// Trigger: the state machines, by recursion over the nodes of the plan.
// SPDX-License-Identifier: Apache-2.0
#include "flow/trigger.h"

#include <string.h>

#include <inttypes.h>

enum { MAX_DEPTH = 32, MANY = 1 << 16 };

static const struct {
  const char *name;
  size_t least, most;  // parts
} kinds[] = {{"Default", 0, 0},
             {"Always", 0, 0},
             {"Never", 0, 0},
             {"AfterWatermark", 0, 2},
             {"AfterProcessingTime", 0, 0},
             {"AfterSynchronizedProcessingTime", 0, 0},
             {"AfterCount", 0, 0},
             {"Repeatedly", 1, 1},
             {"OrFinally", 2, 2},
             {"AfterAny", 1, MANY},
             {"AfterAll", 1, MANY},
             {"AfterEach", 1, MANY}};

// --- Compiling ----------------------------------------------------------------------------------
static leat_status check(const leat_flow_trigger *t, int depth, leat_error *err) {
  const char *name = kinds[t->kind].name;
  size_t count = t->part_count;
  if (depth > MAX_DEPTH)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: triggers nested deeper than %d", name,
                          MAX_DEPTH);
  if (count < kinds[t->kind].least || count > kinds[t->kind].most ||
      (t->kind == LEAT_FLOW_AFTER_WATERMARK && count == 1))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: %zu triggers inside, expected %s%zu",
                          name, count, kinds[t->kind].most == MANY ? "at least " : "",
                          kinds[t->kind].most == MANY ? kinds[t->kind].least : kinds[t->kind].most);
  if (t->kind == LEAT_FLOW_AFTER_COUNT && t->count < 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "AfterCount: %" PRId64 ", expected more than 0", t->count);
  if (t->delay_ms < 0 || t->delay_ms > LEAT_FLOW_TIME_MAX || t->align_ms < 0 ||
      t->align_ms > LEAT_FLOW_TIME_MAX || t->align_to < LEAT_FLOW_TIME_MIN ||
      t->align_to > LEAT_FLOW_TIME_MAX)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: a time out of bounds", name);
  return LEAT_OK;
}

static leat_status compile(const leat_flow_trigger *t, int depth, leat_flow_trigger_plan *plan,
                           leat_error *err) {
  static const leat_flow_trigger never = {.kind = LEAT_FLOW_NEVER};
  static const leat_flow_trigger *const none[] = {NULL, NULL};
  leat_status status = check(t, depth, err);
  if (status) return status;
  leat_flow_trigger_node node = {.kind = t->kind,
                                 .count = t->count,
                                 .delay_ms = t->delay_ms,
                                 .align_ms = t->align_ms,
                                 .align_to = t->align_to};
  bool watermark = t->kind == LEAT_FLOW_AFTER_WATERMARK;
  const leat_flow_trigger *const *parts = watermark && !t->part_count ? none : t->parts;
  node.late = watermark && parts[1];
  size_t at = plan->count;
  if (!leat_vec_push(plan, node)) return leat__oom(err, sizeof node);
  for (size_t i = 0; i < (watermark ? 2 : t->part_count); i++)
    if ((status = compile(watermark && !parts[i] ? &never : parts[i], depth + 1, plan, err)))
      return status;
  plan->at[at].end = plan->count;
  return LEAT_OK;
}

leat_status leat_flow_trigger_compile(const leat_flow_trigger *trigger,
                                      leat_flow_trigger_plan *plan, leat_error *err) {
  return compile(trigger, 1, plan, err);
}

// --- The machines -------------------------------------------------------------------------------
typedef leat_flow_trigger_state node_state;

typedef struct machine {
  const leat_flow_trigger_node *nodes;
  node_state *state;
  const leat_flow_trigger_now *now;
} machine;

#define FOR_PARTS(m, n, p) for (size_t p = (n) + 1; p < (m)->nodes[n].end; p = (m)->nodes[p].end)

static size_t early_of(size_t n) { return n + 1; }
static size_t late_of(const machine *m, size_t n) { return m->nodes[n + 1].end; }

static void reset(const machine *m, size_t n) {
  memset(&m->state[n], 0, (m->nodes[n].end - n) * sizeof *m->state);
}

// What was gathered for the pane goes; what is finished stays so.
static void clear(const machine *m, size_t n) {
  for (size_t i = n; i < m->nodes[n].end; i++) m->state[i] = (node_state){.done = m->state[i].done};
}

// The first part that is not done; the node's end when all are.
static size_t current(const machine *m, size_t n) {
  FOR_PARTS(m, n, p)
  if (!m->state[p].done) return p;
  return m->nodes[n].end;
}

static int64_t target_of(const leat_flow_trigger_node *node, int64_t time) {
  int64_t target = time + node->delay_ms;
  int64_t past = node->align_ms ? (target - node->align_to) % node->align_ms : 0;
  if (past < 0) past += node->align_ms;
  return past ? target + node->align_ms - past : target;
}

static void element(const machine *m, size_t n) {
  const leat_flow_trigger_node *node = &m->nodes[n];
  node_state *own = &m->state[n];
  switch (node->kind) {
    case LEAT_FLOW_AFTER_COUNT: own->count++; break;
    case LEAT_FLOW_AFTER_PROCESSING_TIME:
      if (!own->timed) own->target = target_of(node, m->now->time);
      own->timed = true;
      break;
    case LEAT_FLOW_AFTER_WATERMARK: {  // a merge may bring back the time before the end
      bool ended = m->state[early_of(n)].done;
      if (m->now->merging || !ended) element(m, early_of(n));
      if (m->now->merging || ended) element(m, late_of(m, n));
      break;
    }
    case LEAT_FLOW_AFTER_EACH:
      if (!m->now->merging) {
        if (current(m, n) < node->end) element(m, current(m, n));
        break;
      }  // fall through
    default: FOR_PARTS(m, n, p) element(m, p);
  }
}

static bool ready(const machine *m, size_t n) {
  const leat_flow_trigger_node *node = &m->nodes[n];
  const node_state *own = &m->state[n];
  switch (node->kind) {
    case LEAT_FLOW_DEFAULT: return m->now->passed;
    case LEAT_FLOW_ALWAYS:
    case LEAT_FLOW_AFTER_SYNCHRONIZED: return true;
    case LEAT_FLOW_NEVER: return false;
    case LEAT_FLOW_AFTER_COUNT: return own->count >= node->count;
    case LEAT_FLOW_AFTER_PROCESSING_TIME: return own->timed && m->now->time > own->target;
    case LEAT_FLOW_AFTER_WATERMARK:
      if (m->state[early_of(n)].done) return ready(m, late_of(m, n));
      return m->now->passed || ready(m, early_of(n));
    case LEAT_FLOW_REPEATEDLY: return ready(m, n + 1);
    case LEAT_FLOW_AFTER_EACH: return current(m, n) < node->end && ready(m, current(m, n));
    case LEAT_FLOW_OR_FINALLY:
    case LEAT_FLOW_AFTER_ANY:
      FOR_PARTS(m, n, p)
      if ((node->kind == LEAT_FLOW_AFTER_ANY && m->state[p].done) || ready(m, p)) return true;
      return false;
    case LEAT_FLOW_AFTER_ALL:
      FOR_PARTS(m, n, p)
      if (!m->state[p].done && !ready(m, p)) return false;
      return true;
  }
  leat_bug("a trigger of no kind");
}

static void fire(const machine *m, size_t n);

static void fire_again(const machine *m, size_t part) {
  fire(m, part);
  if (m->state[part].done) reset(m, part);
}

static void fire_watermark(const machine *m, size_t n) {
  size_t early = early_of(n), late = late_of(m, n);
  if (m->state[early].done) {
    fire_again(m, late);
  } else if (!m->now->passed) {
    fire_again(m, early);
  } else {  // on time, whether the early part is ready or not
    reset(m, early);
    m->state[early].done = true;
    reset(m, late);
    m->state[n].done = !m->nodes[n].late;
  }
}

static void fire_any(const machine *m, size_t n) {
  FOR_PARTS(m, n, p)
  if (!m->state[p].done && ready(m, p))
    fire(m, p);
  else
    clear(m, p);
  m->state[n].done = true;
}

static void fire_or_finally(const machine *m, size_t n) {
  size_t main = n + 1, last = m->nodes[main].end;
  if (ready(m, last)) {
    fire(m, last);
    clear(m, main);
    m->state[n].done = true;
  } else {
    fire(m, main);
    m->state[n].done = m->state[main].done || m->state[last].done;
  }
}

static void fire(const machine *m, size_t n) {
  node_state *own = &m->state[n];
  switch (m->nodes[n].kind) {
    case LEAT_FLOW_DEFAULT:
    case LEAT_FLOW_ALWAYS:
    case LEAT_FLOW_NEVER: break;
    case LEAT_FLOW_AFTER_SYNCHRONIZED:
    case LEAT_FLOW_AFTER_COUNT:
    case LEAT_FLOW_AFTER_PROCESSING_TIME: *own = (node_state){.done = true}; break;
    case LEAT_FLOW_AFTER_WATERMARK: fire_watermark(m, n); break;
    case LEAT_FLOW_REPEATEDLY: fire_again(m, n + 1); break;
    case LEAT_FLOW_OR_FINALLY: fire_or_finally(m, n); break;
    case LEAT_FLOW_AFTER_ANY: fire_any(m, n); break;
    case LEAT_FLOW_AFTER_ALL:
      FOR_PARTS(m, n, p)
      if (!m->state[p].done) fire(m, p);
      own->done = current(m, n) == m->nodes[n].end;
      break;
    case LEAT_FLOW_AFTER_EACH:
      fire(m, current(m, n));
      if (m->now->merging) FOR_PARTS(m, n, p) clear(m, p);  // all ran beside each other
      own->done = current(m, n) == m->nodes[n].end;
      break;
  }
}

// --- Merging ------------------------------------------------------------------------------------
typedef struct sources {
  const node_state *const *at;
  size_t count;
} sources;

static bool done_in_any(sources from, size_t n) {
  for (size_t i = 0; i < from.count; i++)
    if (from.at[i][n].done) return true;
  return false;
}

static bool done_in_all(sources from, size_t n) {
  for (size_t i = 0; i < from.count; i++)
    if (!from.at[i][n].done) return false;
  return true;
}

// Counts add up, the earliest target stays; finished in any is finished.
static void merge_leaf(const machine *m, size_t n, sources from) {
  node_state *own = &m->state[n];
  *own = (node_state){.done = done_in_any(from, n)};
  for (size_t i = 0; !own->done && i < from.count; i++) {
    const node_state *old = &from.at[i][n];
    own->count += old->count;
    if (old->timed && (!own->timed || old->target < own->target)) own->target = old->target;
    own->timed |= old->timed;
  }
}

static void merge(const machine *m, size_t n, sources from);

// Early again if it was so in any window, or if the new end is still to come.
static void merge_watermark(const machine *m, size_t n, sources from) {
  size_t early = early_of(n), late = late_of(m, n);
  if (m->now->passed && done_in_all(from, early)) {
    m->state[early].done = true;
    if (m->nodes[n].late) merge(m, late, from);
    m->state[n].done = !m->nodes[n].late;
  } else {
    merge(m, early, from);
    m->state[early].done = false;
  }
}

static void merge_parts(const machine *m, size_t n, sources from) {
  node_state *own = &m->state[n];
  bool any = false;
  FOR_PARTS(m, n, p) {
    merge(m, p, from);
    any |= m->state[p].done;
    if (m->nodes[n].kind == LEAT_FLOW_AFTER_EACH && !m->state[p].done) break;
  }
  switch ((int)m->nodes[n].kind) {
    case LEAT_FLOW_OR_FINALLY:
    case LEAT_FLOW_AFTER_ANY: own->done = any; break;
    case LEAT_FLOW_AFTER_ALL:
    case LEAT_FLOW_AFTER_EACH: own->done = current(m, n) == m->nodes[n].end; break;
  }
}

static void merge(const machine *m, size_t n, sources from) {
  switch (m->nodes[n].kind) {
    case LEAT_FLOW_AFTER_WATERMARK: merge_watermark(m, n, from); break;
    case LEAT_FLOW_AFTER_SYNCHRONIZED:
    case LEAT_FLOW_AFTER_COUNT:
    case LEAT_FLOW_AFTER_PROCESSING_TIME: merge_leaf(m, n, from); break;
    default: merge_parts(m, n, from);
  }
}

// --- What others call ---------------------------------------------------------------------------
void leat_flow_trigger_element(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                               const leat_flow_trigger_now *now) {
  element(&(machine){plan->at, state, now}, 0);
}

bool leat_flow_trigger_ready(const leat_flow_trigger_plan *plan,
                             const leat_flow_trigger_state *state,
                             const leat_flow_trigger_now *now) {
  return ready(&(machine){plan->at, (leat_flow_trigger_state *)state, now}, 0);
}

void leat_flow_trigger_fire(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                            const leat_flow_trigger_now *now) {
  fire(&(machine){plan->at, state, now}, 0);
}

void leat_flow_trigger_merge(const leat_flow_trigger_plan *plan, leat_flow_trigger_state *state,
                             const leat_flow_trigger_state *const *from, size_t count,
                             const leat_flow_trigger_now *now) {
  merge(&(machine){plan->at, state, now}, 0, (sources){from, count});
}

bool leat_flow_trigger_next(const leat_flow_trigger_plan *plan,
                            const leat_flow_trigger_state *state, int64_t time, int64_t *target) {
  bool found = false;
  for (size_t n = 0; n < plan->count; n++) {
    if (!state[n].timed || state[n].target < time) continue;
    if (!found || state[n].target < *target) *target = state[n].target;
    found = true;
  }
  return found;
}
