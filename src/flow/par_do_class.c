// ParDo's class: {dofn: NAME, config: text, key: [fields]}; side inputs are its further inputs.
// SPDX-License-Identifier: Apache-2.0
#include "flow/dofn_impl.h"
#include "flow/transforms.h"

static leat_status find_dofn(const leat_flow_transform *t, const leat_dofn **out, leat_error *err) {
  const leat_yaml_node *name = t->config ? leat_yaml_get(t->config, "dofn") : NULL;
  if (!name) return leat_flow_fail(t, NULL, err, "expected dofn: NAME");
  if ((*out = leat_dofn_find(name->text))) return LEAT_OK;
  leat_str near = leat_dofn_nearest(name->text);
  return leat_flow_fail(t, name, err,
                        "no DoFn '" LEAT_STR_FMT "' is registered%s" LEAT_STR_FMT "%s",
                        LEAT_STR_ARG(name->text), near.len ? "; did you mean '" : "",
                        LEAT_STR_ARG(near), near.len ? "'?" : "");
}

static leat_status read_key(leat_flow *flow, const leat_flow_transform *t, const int **fields,
                            int *count, leat_error *err) {
  const leat_yaml_node *key = leat_yaml_get(t->config, "key");
  bool list = key && key->kind == LEAT_YAML_SEQUENCE;
  *count = !key ? 0 : list ? (int)key->count : 1;
  int *found = leat_arena_alloc(&flow->arena, (size_t)(*count + 1) * sizeof *found);
  if (!found) return leat__oom(err, sizeof *found);
  *fields = found;
  for (int i = 0; i < *count; i++) {
    leat_status status =
        leat_flow_field_of(t, t->inputs.at[0]->schema, list ? key->items[i] : key, &found[i], err);
    if (status) return status;
  }
  return LEAT_OK;
}

static leat_status add_outputs(leat_flow *flow, leat_flow_transform *t, const leat_dofn *fn,
                               leat_error *err) {
  const leat_flow_collection *in = t->inputs.at[0];
  static const leat_dofn_output same = {"", NULL};
  int count = fn->output_count ? fn->output_count : 1;
  leat_status status = LEAT_OK;
  for (int i = 0; !status && i < count; i++) {
    const leat_dofn_output *o = fn->output_count ? &fn->outputs[i] : &same;
    const leat_flow_schema *schema = in->schema;
    if (o->schema)
      status = leat_flow_schema_read(&flow->arena, leat_str_of(o->schema), &schema, err);
    if (!status)
      status = leat_flow_add_output(flow, t, leat_str_of(o->tag), schema, in->strategy, in->bounded,
                                    NULL, err);
  }
  return status;
}

// Rows of a key meet; side inputs go to all.
static leat_status set_routes(leat_flow *flow, leat_flow_transform *t, const leat_dofn_plan *plan,
                              leat_error *err) {
  size_t count = t->inputs.count;
  if (!plan->stateful && count == 1) return LEAT_OK;
  const int **fields = leat_arena_alloc(&flow->arena, count * sizeof *fields);
  leat_flow_route *routes = leat_arena_alloc(&flow->arena, count * sizeof *routes);
  if (!fields || !routes) return leat__oom(err, count * sizeof *routes);
  for (size_t i = 1; i < count; i++) routes[i] = LEAT_FLOW_TO_ALL;
  routes[0] = plan->stateful ? LEAT_FLOW_BY_KEY : LEAT_FLOW_STAYS;
  fields[0] = plan->key_fields;
  t->key_fields = fields;
  t->key_count = plan->key_count;
  t->routes = routes;
  return LEAT_OK;
}

static leat_status apply(leat_flow *flow, leat_flow_transform *t, leat_error *err) {
  const leat_dofn *fn = NULL;
  const int *fields = NULL;
  int count = 0;
  leat_dofn_plan *plan;
  leat_error why = {0};
  leat_status status = find_dofn(t, &fn, err);
  if (!status) status = read_key(flow, t, &fields, &count, err);
  if (status) return status;
  const leat_yaml_node *config = leat_yaml_get(t->config, "config");
  leat_str text = config ? config->text : (leat_str){0};
  status = leat_dofn_plan_new(&flow->arena, fn, text, t->inputs.at, (int)t->inputs.count, fields,
                              count, &plan, &why);
  if (!status) t->plan = plan, status = set_routes(flow, t, plan, &why);
  if (!status) status = add_outputs(flow, t, fn, &why);
  if (!status) return LEAT_OK;
  leat_flow_fail(t, NULL, err, "%s", why.message);
  if (err) err->status = status;
  return status;
}

const leat_flow_class leat_flow_par_do = {
    .type = "ParDo",
    .urn = "beam:transform:pardo:v1",
    .help = "A DoFn of the program's, by its name, applied to each row",
    .inputs_min = 1,
    .inputs_max = -1,
    .fields = (const char *const[]){"dofn", "config", "key", NULL},
    .apply = apply,
    .start = leat__par_do_start,
    .keyed = true,
};
