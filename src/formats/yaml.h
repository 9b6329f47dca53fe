// YAML: a tree of nodes that know their line and column.
// SPDX-License-Identifier: Apache-2.0
//
// One document; duplicate keys are errors; anchors and aliases work within a limit. Plain scalars
// have YAML 1.2's core meaning: true/false, numbers, null (~, empty); `<=50K` and `yes` are
// strings.
#ifndef LEAT_FORMATS_YAML_H
#define LEAT_FORMATS_YAML_H

#include "base/arena.h"

typedef enum leat_yaml_kind {
  LEAT_YAML_SCALAR,
  LEAT_YAML_SEQUENCE,
  LEAT_YAML_MAPPING
} leat_yaml_kind;

typedef struct leat_yaml_node leat_yaml_node;
struct leat_yaml_node {
  leat_yaml_kind kind;
  int line, column;        // from 1
  leat_str text;           // scalar
  bool quoted;             // scalar: in quotes, so a string whatever it looks like
  leat_yaml_node **keys;   // mapping: scalars
  leat_yaml_node **items;  // mapping: values; sequence: items
  size_t count;
};

typedef struct leat_yaml {
  leat_arena arena;
  const char *file;      // for messages
  leat_yaml_node *root;  // NULL for an empty document
} leat_yaml;

leat_status leat_yaml_parse(leat_yaml *yaml, leat_str text, const char *file, leat_error *err);
void leat_yaml_deinit(leat_yaml *yaml);
// The value of a key, NULL if the mapping (or node) has none.
leat_yaml_node *leat_yaml_get(const leat_yaml_node *node, const char *key);
// Sets (or adds) key = value in a mapping; used for options given on a command line.
leat_status leat_yaml_set(leat_yaml *yaml, leat_yaml_node *node, const char *key,
                          leat_yaml_node *value, leat_error *err);
leat_yaml_node *leat_yaml_new(leat_yaml *yaml, leat_yaml_kind kind,
                              leat_str text);  // NULL: no memory
// "FILE:LINE:COLUMN: <message>" (line 0: the command line).
leat_status leat_yaml_fail(const leat_yaml *yaml, const leat_yaml_node *node, leat_error *err,
                           const char *fmt, ...) LEAT_PRINTF(4, 5);

bool leat_yaml_is_null(const leat_yaml_node *node);
leat_status leat_yaml_f64(const leat_yaml *yaml, const leat_yaml_node *node, double *out,
                          leat_error *err);
leat_status leat_yaml_i64(const leat_yaml *yaml, const leat_yaml_node *node, int64_t *out,
                          leat_error *err);
leat_status leat_yaml_bool(const leat_yaml *yaml, const leat_yaml_node *node, bool *out,
                           leat_error *err);
leat_status leat_yaml_str(const leat_yaml *yaml, const leat_yaml_node *node, leat_str *out,
                          leat_error *err);

#endif
