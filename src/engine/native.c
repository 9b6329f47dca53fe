// Native tier: a function as printed, built and loaded C, with the interpreter for the rest.
// SPDX-License-Identifier: Apache-2.0
//
// Values that only printed code reads lie in an arena, planned anew when a size changes. Those that
// the interpreter, a variable or a caller reads are tensors; a variable's next value is written
// over its present one where nobody reads that any more and nothing can fail, else into the buffer
// of the value before: a step allocates nothing and a failed one changes nothing.
#include "engine/native.h"

#include "engine/build.h"
#include "engine/lower.h"
#include "engine/plan.h"
#include "engine/vec.h"

#include <stdio.h>
#include <stdlib.h>

typedef void entry_fn(void *const *v, const long long *d);

// What printed code finds before its slots: context and kernel of dots, a free place.
enum { HEAD = 3 };

// A variable's next value: made by printed code in a slot, or by the interpreter.
typedef struct update {
  const leat_node *next;
  int slot;       // -1: none
  bool in_place;  // may be written over the present value
} update;

struct leat_native {
  leat_lower lower;
  leat_build *build;       // until it is ready
  leat_object *object;     // NULL: not ready
  entry_fn **entries;      // by group: the run of printed groups that starts there
  int *outside;            // slots beyond the arena that entries touch
  int *outside_of;         // by group: where those of its entry begin
  void **pointers;         // HEAD of them for the kernels, then one a slot
  long long *sizes;        // values of lower.dims
  long long *planned_for;  // sizes that the plan holds for
  bool planned;
  bool sized;          // all sizes of this run are known, and planned for
  leat_planned *plan;  // by slot; bytes 0 = not in the arena
  char *arena;
  int64_t arena_bytes;
  float *scratch;
  int64_t scratch_bytes;
  leat_tensor **held;  // by slot: a dense copy or a reference, for one run
  bool holds;          // some of them are there
  bool alone;          // no group is the interpreter's: what is read stays as it is for a whole run
  uint64_t version;    // of the variables that `pointers` hold; 0: of none
  bool steady;         // in this run they hold them
  leat_tensor **spare;                // by slot: a variable's buffer of the step before
  LEAT_VEC(const leat_node *) reads;  // of variables
  bool read_crosses;                  // the caller sees one
  LEAT_VEC(update) updates;
  leat_pool *pool;        // of the run
  leat_profile *profile;  // NULL: none
};

static const char *const kinds[] = {"host", "elem", "reduce", "dot", "concat"};

static const leat_node *slot_node(const leat_native *n, size_t slot) {
  return n->lower.slots.at[slot].node;
}

static const leat_lower_node *role_of(const leat_native *n, const leat_node *node) {
  return &n->lower.nodes[node->id];
}

// --- Making -------------------------------------------------------------------------------------
static bool find_entries(leat_native *n) {
  for (size_t i = 0; i < n->lower.groups.count; i++) {
    bool native = n->lower.groups.at[i].kind != GROUP_HOST;
    bool goes_on = i > 0 && !n->lower.apart && n->lower.groups.at[i - 1].kind != GROUP_HOST;
    if (!native || goes_on) continue;
    char name[40];
    snprintf(name, sizeof name, "leat_run_%zu", i);
    *(void **)(void *)&n->entries[i] = leat__object_find(n->object, name);
    if (!n->entries[i]) return false;
  }
  return true;
}

// In place goes what no later group reads, where no later group can fail: those of the interpreter.
static bool lasts_longer(const leat_native *n, const update *u, const int *last) {
  const leat_func *f = n->lower.func;
  int group = role_of(n, u->next->inputs[0].node)->group;
  for (size_t g = (size_t)group; g < n->lower.groups.count; g++)
    if (n->lower.groups.at[g].kind == GROUP_HOST) return true;
  for (int i = 0; i < f->node_count; i++) {
    const leat_node *read = f->nodes[i];
    if (read->op != LEAT_OP_var_read || read->attrs[0].var != u->next->attrs[0].var) continue;
    if (last[i] > group || role_of(n, read)->crosses) return true;
  }
  return false;
}

static bool find_updates(leat_native *n, const int *last) {
  const leat_func *f = n->lower.func;
  bool good = true;
  for (int i = 0; good && i < f->node_count; i++) {
    update u = {.next = f->nodes[i], .slot = -1};
    if (u.next->op != LEAT_OP_var_next) continue;
    if (role_of(n, u.next->inputs[0].node)->role == ROLE_STORED) {
      u.slot = leat__lower_slot(&n->lower, u.next->inputs[0]);
      u.in_place = leat__lower_in_place(&n->lower, u.next) && !lasts_longer(n, &u, last);
    }
    for (size_t k = 0; k < n->updates.count; k++)
      if (u.slot >= 0 && n->updates.at[k].slot == u.slot) u.in_place = false;
    good = leat_vec_push(&n->updates, u);
  }
  return good;
}

// The last group that reads each node's value, through those that have no loops of their own.
static bool find_lives(leat_native *n) {
  const leat_func *f = n->lower.func;
  int *last = leat__calloc((size_t)f->node_count + 1, sizeof *last);
  if (!last) return false;
  for (int i = f->node_count - 1; i >= 0; i--) {
    const leat_lower_node *own = &n->lower.nodes[i];
    bool inner = own->role == ROLE_VIRTUAL || own->role == ROLE_ALIAS;
    for (int k = 0; k < f->nodes[i]->input_count; k++) {
      int *in = &last[f->nodes[i]->inputs[k].node->id], at = inner ? last[i] : own->group;
      if (at > *in) *in = at;
    }
  }
  for (size_t s = 0; s < n->lower.slots.count; s++) {
    const leat_node *node = slot_node(n, s);
    int group = role_of(n, node)->group;
    n->plan[s] =
        (leat_planned){.first = group, .last = last[node->id] > group ? last[node->id] : group};
  }
  bool good = find_updates(n, last);
  leat__free(last);
  return good;
}

static bool in_arena(const leat_native *n, const leat_node *node) {
  const leat_lower_node *own = role_of(n, node);
  return own->role == ROLE_STORED && !own->crosses;
}

// Touches come by entry; each slot once in each.
static bool find_outside(leat_native *n) {
  const leat_lower *l = &n->lower;
  int *last = leat__calloc(l->slots.count + 1, sizeof *last);
  int count = 0;
  n->outside = leat__calloc(l->touches.count + 1, sizeof *n->outside);
  n->outside_of = leat__calloc(l->groups.count + 2, sizeof *n->outside_of);
  if (!last || !n->outside || !n->outside_of) return leat__free(last), false;
  size_t t = 0;
  for (size_t g = 0; g <= l->groups.count; g++) {
    n->outside_of[g] = count;
    for (; t < l->touches.count && l->touches.at[t].entry == (int)g; t++) {
      int slot = l->touches.at[t].slot;
      if (last[slot] == (int)g + 1 || in_arena(n, slot_node(n, (size_t)slot))) continue;
      last[slot] = (int)g + 1;
      n->outside[count++] = slot;
    }
  }
  leat__free(last);
  return true;
}

static bool find_reads(leat_native *n) {
  const leat_func *f = n->lower.func;
  n->alone = true;
  for (size_t g = 0; g < n->lower.groups.count; g++)
    if (n->lower.groups.at[g].kind == GROUP_HOST) n->alone = false;
  for (int i = 0; i < f->node_count; i++)
    if (f->nodes[i]->op == LEAT_OP_var_read) {
      n->read_crosses |= n->lower.nodes[i].crosses;
      if (!leat_vec_push(&n->reads, f->nodes[i])) return false;
    }
  return true;
}

static bool make_tables(leat_native *n) {
  size_t slots = n->lower.slots.count + 1, dims = n->lower.dims.count + 1,
         groups = n->lower.groups.count + 1;
  n->entries = leat__calloc(groups, sizeof *n->entries);
  n->pointers = leat__calloc(slots + HEAD, sizeof *n->pointers);
  n->sizes = leat__calloc(dims, sizeof *n->sizes);
  n->planned_for = leat__calloc(dims, sizeof *n->planned_for);
  n->plan = leat__calloc(slots, sizeof *n->plan);
  n->held = leat__calloc(slots, sizeof(leat_tensor *));
  n->spare = leat__calloc(slots, sizeof(leat_tensor *));
  return n->entries && n->pointers && n->sizes && n->planned_for && n->plan && n->held &&
         n->spare && find_reads(n) && find_lives(n) && find_outside(n);
}

// Printed code's way to the kernels. Rows are shared out where each thread gets work for longer
// than it takes to wake.
enum { ROWS_OF_A_TILE = 12 };
static const double flops_of_a_thread = 2e6;

typedef struct shared_dot {
  const leat_dot *dot;
  long parts;
} shared_dot;

static void run_part(void *context, int64_t part) {
  const shared_dot *s = context;
  leat_dot own = *s->dot;
  long tiles = (own.m + ROWS_OF_A_TILE - 1) / ROWS_OF_A_TILE;
  long from = tiles * (long)part / s->parts * ROWS_OF_A_TILE,
       to = tiles * (long)(part + 1) / s->parts * ROWS_OF_A_TILE;
  own.m = (to < own.m ? to : own.m) - from;
  own.first += from;
  own.a = (const float *)own.a + from * own.a_row;
  if (own.c) own.c = (float *)own.c + from * own.c_row;
  leat__vec()->dot_f32(&own);
}

static void run_dot(void *context, const leat_dot *dot) {
  leat_native *n = context;
  const leat_vec *vec = leat__vec();
  if (dot->m < 4 && !dot->lanes16 && !leat__dot_packs(dot)) {
    vec->dot_f32(dot);
    return;
  }
  leat_dot packed = *dot;
  packed.scratch = n->scratch;
  if (!dot->lanes16 && leat__dot_packs(dot)) {
    vec->dot_pack_f32(dot, n->scratch);
    packed.b = n->scratch;
    packed.packed = 1;
  }
  shared_dot s = {&packed, leat_pool_threads(n->pool)};
  double parts = 2.0 * (double)dot->m * (double)dot->n * (double)dot->k / flops_of_a_thread;
  if (parts < (double)s.parts) s.parts = (long)parts;
  if (s.parts < 2 || dot->lanes16 || dot->m < s.parts * ROWS_OF_A_TILE)
    vec->dot_f32(&packed);
  else
    leat_pool_run(n->pool, s.parts, run_part, &s);
}

static leat_status attach(leat_native *n, leat_error *err) {
  n->object = leat__build_take(n->build);
  if (!n->object) return LEAT_OK;
  leat__build_free(n->build);
  n->build = NULL;
  n->pointers[0] = n;
  *(void (**)(void *, const leat_dot *))(void *)&n->pointers[1] = run_dot;
  return find_entries(n) ? LEAT_OK
                         : leat_error_set(err, LEAT_INTERNAL, "a built object lacks its entry");
}

static leat_status need_groups(const leat_lower *l, leat_error *err) {
  for (size_t i = 0; i < l->groups.count; i++)
    if (l->groups.at[i].kind != GROUP_HOST) return LEAT_OK;
  return leat_error_set(err, LEAT_UNIMPLEMENTED, "no part of '%s' has native code", l->func->name);
}

// All but the object; `text` gets the printed C.
static leat_status prepare(leat_native **out, const leat_func *func, bool apart, leat_buf *text,
                           leat_error *err) {
  leat_native *n = *out = leat__calloc(1, sizeof *n);
  if (!n) return leat__oom(err, sizeof *n);
  leat_status status = leat__lower(&n->lower, func, err);
  n->lower.apart = apart;
  if (!status) status = leat__print_c(&n->lower, text, err);
  if (!status && !make_tables(n)) status = leat__oom(err, sizeof *n);
  return status ? status : leat_buf_status(text, err);
}

static leat_status add_rows(leat_native *n, leat_error *err) {
  for (size_t i = 0; n->profile && i < n->lower.groups.count; i++) {
    const leat_group *g = &n->lower.groups.at[i];
    leat_profile_row row = {.node = g->anchor ? g->anchor : g->roots[0], .kind = kinds[g->kind]};
    if (!leat_vec_push(&n->profile->rows, row)) return leat__oom(err, sizeof row);
  }
  return LEAT_OK;
}

leat_status leat__native_ahead(const leat_func *func, const char *dir, const char *isa,
                               leat_error *err) {
  leat_native *n = NULL;
  leat_buf text = {0};
  leat_status status = prepare(&n, func, false, &text, err);
  if (!status) status = need_groups(&n->lower, err);
  if (!status) status = leat__build_ahead(leat_buf_view(&text), dir, isa, err);
  leat_buf_deinit(&text);
  leat__native_free(n);
  return status;
}

leat_status leat__native_new(leat_native **out, const leat_func *func, const char *prebuilt,
                             leat_profile *profile, leat_error *err) {
  leat_buf text = {0};
  leat_status status = prepare(out, func, profile != NULL, &text, err);
  if (!status) status = need_groups(&(*out)->lower, err);
  if (!status) status = leat__build_new(&(*out)->build, leat_buf_view(&text), prebuilt, err);
  if (!status) status = attach(*out, err);
  if (!status) (*out)->profile = profile;
  if (!status) status = add_rows(*out, err);
  leat_buf_deinit(&text);
  if (!status) return LEAT_OK;
  leat__native_free(*out);
  *out = NULL;
  return status;
}

leat_status leat__native_start(leat_native *n, leat_error *err) {
  return n->object ? LEAT_OK : leat__build_start(n->build, err);
}

leat_status leat__native_poll(leat_native *n, bool wait, leat_error *err) {
  if (n->object) return LEAT_OK;
  leat_status status = leat__build_poll(n->build, wait, err);
  return status ? status : attach(n, err);
}

bool leat__native_ready(const leat_native *n) { return n->object != NULL; }

void leat__native_free(leat_native *n) {
  if (!n) return;
  for (size_t i = 0; n->spare && i < n->lower.slots.count; i++) leat_tensor_unref(n->spare[i]);
  leat__build_free(n->build);
  leat__object_free(n->object);
  leat__free(n->entries);
  leat__free(n->outside);
  leat__free(n->outside_of);
  leat__free(n->pointers);
  leat__free(n->sizes);
  leat__free(n->planned_for);
  leat__free(n->plan);
  leat__free(n->held);
  leat__free(n->spare);
  leat_vec_deinit(&n->reads);
  leat_vec_deinit(&n->updates);
  free(n->arena);
  free(n->scratch);
  leat__lower_deinit(&n->lower);
  leat__free(n);
}

// --- Planning -----------------------------------------------------------------------------------
static int64_t bytes_of(const leat_native *n, const leat_node *node, const int64_t *env) {
  const leat_type *type = &node->types[0];
  int64_t count = 1;
  for (int i = 0; i < type->shape.rank; i++) {
    int64_t dim = leat__dim_eval(n->lower.func->graph, type->shape.dims[i], env);
    if (dim < 0 || (dim && count > ((int64_t)1 << 56) / dim)) return -1;
    count *= dim;
  }
  return count * (int64_t)leat_dtype_bytes(type->dtype);
}

static bool grow(void **memory, int64_t *have, int64_t want) {
  if (*memory && want <= *have) return true;
  free(*memory);
  *have = want + 64;
  *memory = aligned_alloc(64, ((size_t)*have + 127) / 64 * 64);
  return *memory != NULL;
}

// Bytes for the operand of a dot that is packed.
static int64_t scratch_wanted(const leat_native *n, const int64_t *env) {
  int64_t most = 0;
  for (size_t i = 0; i < n->lower.groups.count; i++) {
    const leat_group *g = &n->lower.groups.at[i];
    if (g->kind != GROUP_DOT) continue;
    leat_shape shape = leat__in(g->anchor, 1).shape;
    int64_t at[2];
    for (int k = 0; k < 2; k++) at[k] = leat__dim_eval(n->lower.func->graph, shape.dims[k], env);
    int b_k = (int)g->anchor->attrs[3].ints[0];
    int64_t bytes = 4 * leat__dot_scratch(at[!b_k], at[b_k]);
    if (g->anchor->attrs[4].i == ORDER_LANES16)
      bytes += 4 * at[b_k] *
               leat__dim_eval(n->lower.func->graph, g->anchor->types[0].shape.dims[0], env);
    if (bytes > most) most = bytes;
  }
  return most;
}

static leat_status plan(leat_native *n, const int64_t *env, leat_error *err) {
  size_t count = n->lower.dims.count;
  n->sized = true;
  for (size_t i = 0; i < count; i++) {
    n->sizes[i] = (long long)leat__dim_eval(n->lower.func->graph, n->lower.dims.at[i], env);
    if (n->sizes[i] < 0) n->sized = false;
  }
  if (n->planned && memcmp(n->sizes, n->planned_for, count * sizeof *n->sizes) == 0) return LEAT_OK;
  for (size_t s = 0; s < n->lower.slots.count; s++) {
    const leat_node *node = slot_node(n, s);
    n->plan[s].bytes = in_arena(n, node) ? bytes_of(n, node, env) : 0;
    if (n->plan[s].bytes < 0)
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "a size is not known before the call");
  }
  int64_t bytes = leat__plan(n->plan, (int)n->lower.slots.count), scratch = scratch_wanted(n, env);
  if (bytes < 0 || !grow((void **)&n->arena, &n->arena_bytes, bytes))
    return leat__oom(err, (size_t)bytes);
  if (!grow((void **)&n->scratch, &n->scratch_bytes, scratch))
    return leat__oom(err, (size_t)scratch);
  memcpy(n->planned_for, n->sizes, count * sizeof *n->sizes);
  n->planned = true;
  for (size_t s = 0; s < n->lower.slots.count; s++)
    if (in_arena(n, slot_node(n, s))) n->pointers[HEAD + s] = n->arena + n->plan[s].offset;
  return LEAT_OK;
}

// --- Running ------------------------------------------------------------------------------------
static bool unshared(const leat_tensor *t) {
  return atomic_load_explicit(&t->refs, memory_order_acquire) == 1 &&
         atomic_load_explicit(&t->buffer->refs, memory_order_acquire) == 1 && !t->buffer->release &&
         leat_tensor_is_dense(t);
}

// A tensor for a value that others read: the spare one of a variable, or a new one.
static leat_status make_tensor(leat_native *n, size_t slot, const leat_native_frame *f,
                               leat_error *err) {
  const leat_node *node = slot_node(n, slot);
  const leat_type *type = &node->types[0];
  leat_tensor **value = &f->values[f->first[node->id]];
  if (*value) {
    n->pointers[HEAD + slot] = (*value)->data;
    return LEAT_OK;
  }
  if (n->spare[slot] && unshared(n->spare[slot])) {
    *value = n->spare[slot];
    n->spare[slot] = NULL;
  } else {
    int64_t dims[LEAT_MAX_RANK];
    for (int i = 0; i < type->shape.rank; i++) {
      dims[i] = leat__dim_eval(n->lower.func->graph, type->shape.dims[i], f->env);
      if (dims[i] < 0)
        return leat_error_set(err, LEAT_INVALID_ARGUMENT, "axis %d of a result has no size", i);
    }
    *value = leat__take_spare(&f->spares[f->first[node->id]], type->dtype, type->shape.rank, dims);
    leat_status status =
        *value ? LEAT_OK : leat_tensor_new(value, type->dtype, type->shape.rank, dims, err);
    if (status) return status;
  }
  n->pointers[HEAD + slot] = (*value)->data;
  return LEAT_OK;
}

// What printed code reads and others made, dense.
static leat_status point_at(leat_native *n, size_t slot, const leat_native_frame *f,
                            leat_error *err) {
  const leat_node *node = slot_node(n, slot);
  leat_tensor *from = f->values[f->first[node->id] + n->lower.slots.at[slot].index];
  if (n->held[slot] || (n->steady && node->op == LEAT_OP_var_read)) return LEAT_OK;
  if (node->op == LEAT_OP_var_read) {
    from = f->state ? leat_state_get(f->state, node->attrs[0].var) : NULL;
    if (!from)
      return leat_error_set(err, LEAT_FAILED_PRECONDITION, "variable '%s' has no value",
                            node->attrs[0].var->name);
  }
  if (!from) return LEAT_OK;  // the interpreter has not come to it
  if (n->alone && leat_tensor_is_dense(from)) {
    n->pointers[HEAD + slot] = from->data;
    return LEAT_OK;
  }
  n->holds = true;
  leat_status status = leat_tensor_dense(&n->held[slot], from, err);
  if (!status) n->pointers[HEAD + slot] = n->held[slot]->data;
  return status;
}

static leat_status run_entry(leat_native *n, size_t group, const leat_native_frame *f,
                             leat_error *err) {
  leat_status status = n->sized ? LEAT_OK : plan(n, f->env, err);
  for (int i = n->outside_of[group]; !status && i < n->outside_of[group + 1]; i++) {
    size_t slot = (size_t)n->outside[i];
    bool made_here = role_of(n, slot_node(n, slot))->role == ROLE_STORED;
    status = made_here ? make_tensor(n, slot, f, err) : point_at(n, slot, f, err);
  }
  if (!status) n->entries[group](n->pointers + HEAD, n->sizes);
  return status;
}

// Next values that are written over the present ones; not where others hold those.
static void begin_in_place(leat_native *n, const leat_native_frame *f) {
  for (size_t i = 0; i < n->updates.count; i++) {
    const update *u = &n->updates.at[i];
    leat_tensor *now =
        u->in_place && f->state ? leat_state_get(f->state, u->next->attrs[0].var) : NULL;
    if (now && unshared(now))
      f->values[f->first[u->next->inputs[0].node->id]] = leat_tensor_ref(now);
  }
}

// The value that a variable had becomes the buffer of its value after next.
static leat_status put_variables(leat_native *n, const leat_native_frame *f, leat_error *err) {
  leat_status status = LEAT_OK;
  for (size_t i = 0; !status && i < n->updates.count; i++) {
    const update *u = &n->updates.at[i];
    const leat_var *var = u->next->attrs[0].var;
    leat_value from = u->next->inputs[0];
    leat_tensor *old = leat_state_get(f->state, var),
                *new = f->values[f->first[from.node->id] + from.index];
    if (old == new) continue;
    bool keeps = old && u->slot >= 0 && !n->spare[u->slot];
    if (keeps) leat_tensor_ref(old);
    status = leat_state_set(f->state, var, new, err);
    if (keeps) n->spare[u->slot] = old;
  }
  return status;
}

// Reads of variables that the interpreter or the caller sees.
static leat_status read_variables(leat_native *n, const leat_native_frame *f, leat_error *err) {
  for (size_t i = 0; i < n->reads.count; i++) {
    const leat_node *node = n->reads.at[i];
    leat_tensor *value = f->state ? leat_state_get(f->state, node->attrs[0].var) : NULL;
    if (!value)
      return leat_error_set(err, LEAT_FAILED_PRECONDITION, "variable '%s' has no value",
                            node->attrs[0].var->name);
    if (role_of(n, node)->crosses) f->values[f->first[node->id]] = leat_tensor_ref(value);
  }
  return LEAT_OK;
}

// Whether a value is read by updates of rows or by the caller, which come after everything else.
static bool is_read_late(const leat_func *func, const leat_node *node) {
  for (int i = 0; i < func->output_count; i++)
    if (func->outputs[i].node == node) return true;
  for (int i = node->id + 1; i < func->node_count; i++)
    for (int k = 0; func->nodes[i]->op == LEAT_OP_row_update && k < func->nodes[i]->input_count;
         k++)
      if (func->nodes[i]->inputs[k].node == node) return true;
  return false;
}

// Nobody else reads the variables whose rows are updated next: without these references the rows
// are written in place, with them the whole variable would be copied.
static void let_go(leat_native *n, const leat_native_frame *f, const leat_node *writer) {
  for (size_t i = 0; i < n->reads.count; i++) {
    const leat_node *read = n->reads.at[i];
    bool written = false;
    for (int64_t k = 0; k < writer->attrs[0].count; k++)
      written |= writer->attrs[0].vars[k] == read->attrs[0].var;
    if (!written || is_read_late(n->lower.func, read)) continue;
    leat_tensor **value = &f->values[f->first[read->id]];
    leat_tensor_unref(*value);
    *value = NULL;
    for (size_t s = 0; s < n->lower.slots.count; s++) {
      if (slot_node(n, s) != read) continue;
      leat_tensor_unref(n->held[s]);
      n->held[s] = NULL;
    }
  }
}

static leat_status run_group(leat_native *n, size_t g, const leat_native_frame *f,
                             leat_error *err) {
  const leat_group *group = &n->lower.groups.at[g];
  if (group->kind == GROUP_HOST) {
    if (group->anchor->op == LEAT_OP_row_update) let_go(n, f, group->anchor);
    return f->host(f->context, group->anchor, err);
  }
  return n->entries[g] ? run_entry(n, g, f, err) : LEAT_OK;
}

static void record(leat_native *n, size_t g, const leat_native_frame *f, int64_t start) {
  const leat_group *group = &n->lower.groups.at[g];
  int64_t ns = leat_clock_ns() - start;
  leat_profile_row cost = {0};
  if (group->kind == GROUP_HOST) {
    leat__node_cost(group->anchor, f->env, &cost);
    cost.nodes = 1;
  } else {
    leat__group_cost(&n->lower, group, f->env, &cost);
  }
  leat__profile_add(n->profile, (int)g, start, ns, &cost);
}

leat_status leat__native_run(leat_native *n, const leat_native_frame *f, leat_error *err) {
  n->pool = f->pool;
  uint64_t version = n->alone && f->state ? leat__state_version(f->state) : 0;
  n->steady = version && version == n->version;
  n->version = 0;
  begin_in_place(n, f);
  leat_status status = n->steady && !n->read_crosses ? LEAT_OK : read_variables(n, f, err);
  n->sized = false;
  for (size_t g = 0; !status && g < n->lower.groups.count; g++) {
    int64_t start = n->profile ? leat_clock_ns() : 0;
    status = run_group(n, g, f, err);
    if (n->profile && !status) record(n, g, f, start);
  }
  for (size_t s = 0; n->holds && s < n->lower.slots.count; s++) {
    leat_tensor_unref(n->held[s]);
    n->held[s] = NULL;
  }
  if (!n->holds && !status) n->version = version;
  n->holds = false;
  return status ? status : put_variables(n, f, err);
}

// --- Texts --------------------------------------------------------------------------------------
static void print_groups(const leat_lower *l, leat_buf *out) {
  for (size_t i = 0; i < l->groups.count; i++) {
    const leat_group *g = &l->groups.at[i];
    leat_buf_fmt(out, "group %zu %s:", i, kinds[g->kind]);
    if (g->kind == GROUP_HOST) leat_buf_char(out, ' '), leat__print_node_name(g->anchor, out);
    for (int k = 0; k < g->root_count; k++)
      leat_buf_char(out, ' '), leat__print_node_name(g->roots[k], out);
    leat_buf_char(out, '\n');
  }
}

static void print_plan(const leat_native *n, leat_buf *out) {
  const leat_lower *l = &n->lower;
  for (size_t s = 0; s < l->slots.count; s++) {
    const leat_node *node = slot_node(n, s);
    const leat_planned *at = &n->plan[s];
    if (!in_arena(n, node)) continue;
    leat__print_node_name(node, out);
    leat_buf_fmt(out, ": %lld bytes at %lld, groups %d to %d\n", (long long)at->bytes,
                 (long long)at->offset, at->first, at->last);
  }
  int count = (int)l->slots.count;
  long long least = (long long)leat__plan_bound(n->plan, count), most = 0;
  for (int i = 0; i < count; i++) {
    long long end = (long long)(n->plan[i].offset + n->plan[i].bytes + 63) / 64 * 64;
    if (n->plan[i].bytes && end > most) most = end;
  }
  leat_buf_fmt(out, "arena: %lld bytes; alive at once: %lld\n", most, least);
}

static leat_status plan_text(leat_native *n, int64_t size, leat_buf *out, leat_error *err) {
  size_t symbols = leat__dim_count(n->lower.func->graph);
  int64_t *env = leat__alloc(sizeof *env * (symbols + 1));
  if (!env) return leat__oom(err, sizeof *env * (symbols + 1));
  for (size_t i = 0; i < symbols; i++) env[i] = size;
  leat_status status = plan(n, env, err);
  if (!status) print_plan(n, out);
  leat__free(env);
  return status;
}

leat_status leat__native_text(const leat_func *func, leat_stage stage, int64_t size, leat_buf *out,
                              leat_error *err) {
  leat_native *n = NULL;
  leat_buf text = {0};
  leat_status status = prepare(&n, func, false, &text, err);
  if (!status && stage == LEAT_STAGE_FUSE) print_groups(&n->lower, out);
  if (!status && stage == LEAT_STAGE_PLAN) status = plan_text(n, size, out, err);
  if (stage == LEAT_STAGE_UNIT) leat__build_head(out);
  if (stage >= LEAT_STAGE_C) leat_buf_str(out, leat_buf_view(&text));
  leat_buf_deinit(&text);
  leat__native_free(n);
  return status ? status : leat_buf_status(out, err);
}
