// What a DoFn needs where it is applied: its key, the coders of its state, its side inputs'
// windows. SPDX-License-Identifier: Apache-2.0
#include "flow/dofn_impl.h"

static leat_status bad(const leat_dofn_plan *plan, leat_status status, leat_error *err,
                       const char *what, const char *name) {
  return leat_error_set(err, status, "DoFn '%s': %s%s%s%s", plan->dofn->name, what,
                        name ? " '" : "", name ? name : "", name ? "'" : "");
}

static leat_status read_type(leat_arena *arena, const char *type, const leat_flow_field **field,
                             const leat_flow_coder **coder, leat_error *err) {
  leat_status status = leat_flow_field_read(arena, leat_str_of(type), field, err);
  return status ? status : leat_flow_field_coder(arena, *field, coder, err);
}

static leat_status plan_state(leat_arena *arena, leat_dofn_plan *plan, int i, leat_error *err) {
  const leat_dofn_state *state = &plan->dofn->states[i];
  leat_dofn_cell *cell = &plan->cells[i];
  leat_status status = read_type(arena, state->type, &cell->type, &cell->value, err);
  if (!status && state->key)
    status = read_type(arena, state->key, &cell->key_type, &cell->key, err);
  if (status)
    return leat_error_prepend(err, status, "DoFn '%s': state '%s'", plan->dofn->name, state->name);
  leat_flow_type type = cell->type->type;
  bool number = type == LEAT_FLOW_TYPE_INT64 || type == LEAT_FLOW_TYPE_DOUBLE;
  if (state->kind == LEAT_CELL_COMBINING && (!number || cell->type->nullable))
    return bad(plan, LEAT_INVALID_ARGUMENT, err, "only int64 and double combine: state",
               state->name);
  return LEAT_OK;
}

static leat_status plan_key(leat_arena *arena, leat_dofn_plan *plan, const leat_flow_schema *in,
                            leat_error *err) {
  leat_flow_schema *schema = leat_arena_alloc(arena, sizeof *schema);
  leat_flow_field *fields = leat_arena_alloc(arena, LEAT_DOFN_KEYS * sizeof *fields);
  if (!schema || !fields) return leat__oom(err, sizeof *schema);
  for (int i = 0; i < plan->key_count; i++) fields[i] = in->fields[plan->key_fields[i]];
  *schema = (leat_flow_schema){fields, plan->key_count};
  plan->key_schema = schema;
  if (plan->key_count == 1) return leat_flow_field_coder(arena, fields, &plan->key_coder, err);
  return leat_flow_schema_coder(arena, schema, &plan->key_coder, err);
}

static leat_status plan_side(leat_dofn_plan *plan, int i, const leat_flow_collection *main,
                             const leat_flow_collection *side, leat_error *err) {
  const leat_dofn_side *s = &plan->dofn->sides[i];
  leat_flow_window_kind kind = side->strategy->window.kind;
  plan->side_keys[i] = s->key ? leat_flow_schema_find(side->schema, leat_str_of(s->key)) : -1;
  if (s->key && plan->side_keys[i] < 0)
    return bad(plan, LEAT_INVALID_ARGUMENT, err, "no field in its side input, that is the key of",
               s->name);
  if (kind == LEAT_FLOW_SESSIONS)
    return bad(plan, LEAT_FAILED_PRECONDITION, err,
               "sessions belong to no other window: put WindowInto before the side input", s->name);
  if (main->strategy->window.kind == LEAT_FLOW_GLOBAL && kind != LEAT_FLOW_GLOBAL)
    return bad(plan, LEAT_FAILED_PRECONDITION, err,
               "the main input is in the global window: so must be the side input", s->name);
  return LEAT_OK;
}

static leat_status check(const leat_dofn_plan *plan, const leat_flow_collection *main,
                         int input_count, leat_error *err) {
  const leat_dofn *fn = plan->dofn;
  if (input_count != 1 + fn->side_count)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': %d inputs, expected %d", fn->name,
                          input_count, 1 + fn->side_count);
  if (plan->stateful && !plan->key_count)
    return bad(plan, LEAT_INVALID_ARGUMENT, err,
               "state and timers are kept by key: give the fields as `key`", NULL);
  if (plan->key_count > LEAT_DOFN_KEYS)
    return bad(plan, LEAT_INVALID_ARGUMENT, err, "a key of more than 16 fields", NULL);
  if (plan->stateful && main->strategy->window.kind == LEAT_FLOW_SESSIONS &&
      !main->strategy->settled)
    return bad(plan, LEAT_FAILED_PRECONDITION, err,
               "state does not merge, and sessions do: group first, or take other windows", NULL);
  return LEAT_OK;
}

leat_status leat_dofn_plan_new(leat_arena *arena, const leat_dofn *dofn, leat_str config,
                               leat_flow_collection *const *inputs, int input_count,
                               const int *key_fields, int key_count, leat_dofn_plan **out,
                               leat_error *err) {
  leat_dofn_plan *plan = leat_arena_alloc(arena, sizeof *plan);
  if (!plan) return leat__oom(err, sizeof *plan);
  *plan = (leat_dofn_plan){.dofn = dofn,
                           .config = config,
                           .key_fields = key_fields,
                           .key_count = key_count,
                           .stateful = dofn->state_count || dofn->timer_count};
  plan->by_window = plan->stateful || dofn->side_count || dofn->windows;
  plan->cells = leat_arena_alloc(arena, ((size_t)dofn->state_count + 1) * sizeof *plan->cells);
  plan->side_keys = leat_arena_alloc(arena, ((size_t)dofn->side_count + 1) * sizeof(int));
  if (!plan->cells || !plan->side_keys) return leat__oom(err, sizeof *plan->cells);
  leat_status status = check(plan, inputs[0], input_count, err);
  if (!status && key_count) status = plan_key(arena, plan, inputs[0]->schema, err);
  for (int i = 0; !status && i < dofn->state_count; i++) status = plan_state(arena, plan, i, err);
  for (int i = 0; !status && i < dofn->side_count; i++)
    status = plan_side(plan, i, inputs[0], inputs[i + 1], err);
  return *out = plan, status;
}
