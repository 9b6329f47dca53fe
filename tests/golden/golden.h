// Golden cases: what the groups share.
// SPDX-License-Identifier: Apache-2.0
//
// A case names input tensors and expected outputs (f64, with tolerances); a result r passes where
// |r - ref| <= atol + rtol * |ref|.
#ifndef LEAT_TESTS_GOLDEN_H
#define LEAT_TESTS_GOLDEN_H

#include "base/arena.h"
#include "base/file.h"
#include "formats/json.h"
#include "formats/number.h"
#include "formats/safetensors.h"
#include "leat/engine.h"
#include "leat/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

// --- JSON as a tree -----------------------------------------------------------------------------
typedef struct node node;
struct node {
  leat_json_event kind;
  leat_str key, text;
  node *child, *next;
};

extern leat_arena arena;  // of everything that lives until the end
extern leat_error err;

node *read_tree(const char *path);  // NULL and a line on stdout where it cannot be read
node *get(const node *n, const char *key);
double number_of(const node *n);  // of a number or of NaN, Infinity; true is 1
double number(const node *n, const char *key, double fallback);
bool text_is(const node *n, const char *key, const char *want);
const char *c_text(leat_str s);
int numbers(const node *n, const char *key, int64_t *out);  // a list, or one number twice

// --- One case -----------------------------------------------------------------------------------
// NOT_HERE: of things that Leat does not have yet; counted apart.
typedef enum verdict { PASSED, FAILED, NOT_HERE } verdict;

typedef struct scene {
  const node *c, *params;
  const char *name;
  leat_safetensors *st;
  leat_graph *g;
  leat_builder *b;
  leat_tensor *in[40];
  leat_value values[40];
  const char *names[40];
  int count;
  char problem[1100];
} scene;

bool starts(const scene *s, const char *prefix);
bool is(const scene *s, const char *name);
leat_tensor *input_tensor(scene *s, const char *arg);
leat_value arg(scene *s, const char *name);
double element(const leat_tensor *t, int64_t i);
bool close_to(scene *s, const char *result, leat_tensor *got);
// Ends the function with named results and runs it against the case's outputs.
verdict finish(scene *s, const char *const *names, const leat_value *results, int count);

verdict layer_case(scene *s);
verdict loss_case(scene *s);
verdict optimizer_case(scene *s);
verdict metric_case(scene *s);
verdict feature_case(scene *s);
verdict whole_case(scene *s);
verdict keras_case(scene *s);
// The shelves of the formats group, each a folder with its own index; false where there are none.
bool formats_folder(const char *dir, int counts[3]);

#endif
