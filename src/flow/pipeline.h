// Pipeline: collections and the transforms between them, as they were applied.
// SPDX-License-Identifier: Apache-2.0
//
//   transform: class (a row of the table in transforms.c), config, inputs -> outputs
//   collection: schema, window strategy, bounded; the output `tag` of its producer
//
// What a class's `apply` finds right is not checked again when it runs. A composite's `apply`
// applies its parts ("Parent/Part") and names their collections as its outputs; it has no `start`.
#ifndef LEAT_FLOW_PIPELINE_H
#define LEAT_FLOW_PIPELINE_H

#include "base/map.h"
#include "base/vec.h"
#include "flow/batch.h"
#include "flow/group.h"
#include "formats/yaml.h"
#include "leat/flow.h"

typedef struct leat_flow_class leat_flow_class;
typedef struct leat_flow_transform leat_flow_transform;
typedef struct leat_flow_op leat_flow_op;                // op.h
typedef struct leat_flow_worker leat_flow_worker;        // op.h
typedef struct leat_flow_run_state leat_flow_run_state;  // run.c

typedef enum leat_flow_route {  // of an input's rows to workers
  LEAT_FLOW_BY_KEY,
  LEAT_FLOW_TO_ALL,  // each has them
  LEAT_FLOW_STAYS,   // where they are
} leat_flow_route;

typedef struct leat_flow_user {  // of a collection
  leat_flow_transform *transform;
  int input;  // index of its inputs
} leat_flow_user;

typedef struct leat_flow_collection {
  int id;
  const leat_flow_schema *schema;
  const leat_flow_strategy *strategy;  // its trigger is in the pipeline's arena
  bool bounded;
  leat_flow_transform *producer;
  leat_str tag;  // "" is the main output
  bool errors;   // its rows are dead letters
  LEAT_VEC(leat_flow_user) users;
} leat_flow_collection;

struct leat_flow_transform {
  const leat_flow_class *class;
  leat_str name;                 // "Parent/Part"
  leat_flow_transform *parent;   // NULL: at the top
  const leat_yaml *yaml;         // that the config is from, for messages
  const leat_yaml_node *config;  // may be NULL
  LEAT_VEC(leat_flow_collection *) inputs;
  LEAT_VEC(leat_str) input_tags;  // "" of the main input
  LEAT_VEC(leat_flow_collection *) outputs;
  void *plan;  // what `apply` made of the config, in the pipeline's arena
  int id;      // index in leat_flow.transforms
  // Of a keyed class, set by `apply`: rows of equal key meet in one worker. NULL: none need to.
  const int *const *key_fields;   // [input]: indices of the fields of its schema
  const leat_flow_route *routes;  // [input]; NULL: all by key
  int key_count;                  // of each input
};

struct leat_flow_class {
  const char *type;  // "MapToFields"
  const char *urn;   // "beam:transform:group_by_key:v1", "leat:transform:map_to_fields:v1"
  const char *help;  // a line, for docs and `leat flow --help`
  int inputs_min, inputs_max;  // -1: any number
  const char *const *fields;   // of the config, ends with NULL; another one is an error
  // Reads config and inputs, sets t->plan, adds the outputs (leat_flow_add_output).
  leat_status (*apply)(leat_flow *flow, leat_flow_transform *t, leat_error *err);
  // An instance for one worker; NULL: a composite.
  leat_status (*start)(const leat_flow_transform *t, leat_flow_worker *worker, leat_flow_op **out,
                       leat_error *err);
  void (*stop)(leat_flow_transform *t);  // frees what `plan` holds beyond the arena; may be NULL
  bool keyed;                            // rows of one key must meet in one worker (t->key_fields)
  bool whole;   // one instance, in the first worker, gets all rows (an ordered sink)
  bool alone;   // the flow runs in one worker (a source that moves time)
  bool splits;  // a source whose instances read parts of it; else only the first worker reads
};

struct leat_flow {
  leat_arena arena;
  LEAT_VEC(leat_flow_transform *) transforms;  // in order of application
  LEAT_VEC(leat_flow_collection *) collections;
  leat_map by_name;             // transforms
  LEAT_VEC(leat_yaml *) texts;  // configs that were parsed
  int draining;                 // atomic; set by leat_flow_drain
  leat_flow_options options;    // of pipeline.yaml: what a run's own do not say
  leat_flow_run_state *run;     // of the run, for metrics; NULL before it
};

const leat_flow_class *leat_flow_class_find(leat_str type);  // NULL: none
const leat_flow_class *leat_flow_class_at(size_t index);     // NULL: not so many
extern const leat_flow_class *const leat_flow_classes[];     // ends with NULL
// The transforms of lower floors, besides: a list that ends with NULL and lives for ever. Before
// any flow is made; once more with the same list changes nothing.
void leat_flow_add_classes(const leat_flow_class *const *classes);

// As leat_flow_apply, with a config that is parsed already. The transform's parent is `parent`.
leat_status leat_flow_apply_node(leat_flow *flow, leat_flow_transform *parent, leat_str name,
                                 leat_str type, const leat_yaml *yaml, const leat_yaml_node *config,
                                 leat_flow_collection *const *inputs, const leat_str *input_tags,
                                 int count, leat_flow_transform **out, leat_error *err);
leat_status leat_flow_add_output(leat_flow *flow, leat_flow_transform *t, leat_str tag,
                                 const leat_flow_schema *schema, const leat_flow_strategy *strategy,
                                 bool bounded, leat_flow_collection **out, leat_error *err);
leat_flow_collection *leat_flow_output_of(const leat_flow_transform *t, leat_str tag);
// "NAME (FILE:LINE:COLUMN): message"; node NULL: of the transform itself.
leat_status leat_flow_fail(const leat_flow_transform *t, const leat_yaml_node *node,
                           leat_error *err, const char *fmt, ...) LEAT_PRINTF(4, 5);
// The field of the input's schema that a node names; the error names the nearest one.
leat_status leat_flow_field_of(const leat_flow_transform *t, const leat_flow_schema *schema,
                               const leat_yaml_node *node, int *out, leat_error *err);
// The same, for a name from elsewhere than the config: fails.
leat_status leat_flow_no_field(const leat_flow_transform *t, const leat_flow_schema *schema,
                               const leat_yaml_node *node, leat_str name, leat_error *err);
// All keys of a mapping (NULL: none) are among `known`, which ends with NULL; else the error is
// "no WHAT 'key'" with the nearest one.
leat_status leat_flow_known(const leat_flow_transform *t, const leat_yaml_node *node,
                            const char *what, const char *const *known, leat_error *err);
// "10s", "1.5m", "200ms", "2h", "1d" or a number (seconds), in ms.
leat_status leat_flow_duration(const leat_flow_transform *t, const leat_yaml_node *node,
                               int64_t *out_ms, leat_error *err);
void leat__flow_run_free(leat_flow_run_state *run);  // NULL allowed

#endif
