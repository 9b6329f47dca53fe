// Fuzz target: requests of ML Engine on a registry, and filters.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FUZZ_REGISTRY_H
#define LEAT_FUZZ_REGISTRY_H

#include "base/file.h"
#include "formats/json_filter.h"
#include "serve/mlengine.h"

#include <stdlib.h>

static char fuzz_registry_dir[] = "/tmp/leat-fuzz-XXXXXX";
static leat_registry *fuzz_registry_open;

static void fuzz_registry_remove(void) {
  leat_registry_close(fuzz_registry_open);
  leat_dir_remove(fuzz_registry_dir, NULL);
}

// Nothing is copied: a version that was begun ends as FAILED.
static void fuzz_registry_create(void *context, leat_creation *creation) {
  leat_creation_free(creation);
}

// "GET /v1/projects/p/models?filter=x\n{body}"
__attribute__((unused)) static void fuzz_mlengine(leat_str input) {
  leat_error err;
  leat_buf reply = {0};
  if (!fuzz_registry_open) {
    if (!mkdtemp(fuzz_registry_dir)) abort();
    if (leat_registry_open(&fuzz_registry_open, fuzz_registry_dir, NULL, &err)) abort();
    atexit(fuzz_registry_remove);
  }
  leat_mlengine m = {.registry = fuzz_registry_open, .create = fuzz_registry_create};
  leat_mlengine_request request = {0};
  leat_mlengine_target target;
  request.query = leat_str_cut(&input, '\n');
  request.method = leat_str_cut(&request.query, ' ');
  request.path = leat_str_cut(&request.query, '?');
  request.body = input;
  leat_status status = leat_mlengine_call(&m, &request, &reply, &err);
  if (reply.len) {  // what it writes, it reads
    leat_arena arena = {0};
    leat_jnode *tree;
    bool accepts;
    if (leat_json_tree(&tree, &arena, leat_buf_view(&reply), "reply", &err)) abort();
    leat_json_filter(tree, request.query, &accepts, &err);
    leat_arena_deinit(&arena);
  } else if (!status)
    abort();
  leat_mlengine_predicts(request.path, &target);
  leat_buf_deinit(&reply);
}

#endif
