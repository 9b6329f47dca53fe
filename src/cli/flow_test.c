// Runs the tests of a pipeline.yaml: parts of it on rows that the file gives.
// SPDX-License-Identifier: Apache-2.0
#include "cli/flow.h"
#include "cli/terminal.h"
#include "flow/yaml.h"
#include "formats/json.h"

#include <stdlib.h>

// One test; *there false: there are not so many.
static leat_status run_one(args *a, const char *text, size_t index, leat_buf *name, leat_buf *more,
                           bool *there, leat_error *err) {
  const char *path = a->words.at[1];
  leat_flow *flow = NULL;
  leat_str of;
  leat_flow_use_features();
  leat_status status = leat_flow_new(&flow, err);
  *there = true;
  if (!status)
    status = leat_flow_load_test(flow, text, strcmp(path, "-") == 0 ? "stdin" : path, index, &of,
                                 there, err);
  leat_buf_clear(name), leat_buf_clear(more);
  if (*there) leat_buf_str(name, of);
  if (!status && *there) {
    status = leat_flow_run(flow, NULL, err);
    leat_flow_differences(flow, more);
  }
  leat_flow_free(flow);
  return status;
}

static void tell(leat_json_writer *w, const args *a, leat_str name, leat_status status,
                 const char *why, leat_str more) {
  if (!a->json) {
    printf("%s%s%s " LEAT_STR_FMT "\n", style_on(stdout, status ? STYLE_RED : STYLE_GREEN),
           status ? "not ok" : "ok", style_off(stdout), LEAT_STR_ARG(name));
    if (status && more.len)
      printf(LEAT_STR_FMT, LEAT_STR_ARG(more));
    else if (status)
      printf("  %s\n", why);
    return;
  }
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("name"));
  leat_json_string(w, name);
  leat_json_key(w, LEAT_STR("ok"));
  leat_json_bool(w, !status);
  if (status) {
    leat_json_key(w, LEAT_STR("error"));
    leat_json_string(w, leat_str_of(why));
  }
  leat_json_close(w, '}');
}

int flow_test(args *a) {
  leat_error err;
  leat_buf text = {0}, name = {0}, more = {0}, json = {0};
  leat_json_writer w = {.out = &json};
  size_t failed = 0, count = 0;
  bool there = true;
  leat_status status = flow_read(a, a->words.at[1], &text, &err);
  leat_json_open(&w, '[');
  while (!status && there) {
    leat_status one = run_one(a, text.ptr, count, &name, &more, &there, &err);
    if (one && !name.len) status = one;  // the file itself is wrong
    if (status || !there) break;
    tell(&w, a, leat_buf_view(&name), one, err.message, leat_buf_view(&more));
    failed += one != LEAT_OK;
    count++;
  }
  leat_json_close(&w, ']');
  if (!status && !count)
    status = leat_error_set(&err, LEAT_NOT_FOUND, "%s has no tests", a->words.at[1]);
  if (!status && a->json) printf(LEAT_STR_FMT "\n", LEAT_STR_ARG(leat_buf_view(&json)));
  if (!status && !a->json) printf("%zu test%s, %zu failed\n", count, count == 1 ? "" : "s", failed);
  leat_buf_deinit(&text), leat_buf_deinit(&name), leat_buf_deinit(&more);
  leat_buf_deinit(&json);
  if (status) return fail_with(a, &err);
  return failed ? EXIT_FAILED : EXIT_GOOD;
}
