// Lineage: what an exported model came from, beside its weights (lineage.json).
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "formats/json.h"
#include "train/job_impl.h"

// A pattern stands as it is: its files may change, the name of what was asked for does not.
static void put_file(leat_json_writer *w, leat_str file, leat_arena *arena) {
  const char *path = leat_arena_str(arena, file);
  int64_t bytes = -1;
  leat_json_open(w, '{');
  leat_json_key(w, LEAT_STR("file"));
  leat_json_string(w, file);
  if (path && !leat_file_size(path, &bytes, NULL)) {
    leat_json_key(w, LEAT_STR("bytes"));
    leat_json_i64(w, bytes);
  }
  leat_json_close(w, '}');
}

leat_status leat__job_lineage(const leat_job *job, const char *dir, leat_error *err) {
  const leat_config *c = job->config;
  leat_buf text = {0};
  leat_arena arena = {0};
  leat_json_writer w = {.out = &text, .indent = 1};
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("jobDir"));
  leat_json_string(&w, leat_str_of(job->dir));
  leat_json_key(&w, LEAT_STR("step"));
  leat_json_i64(&w, job->progress.step);
  leat_json_key(&w, LEAT_STR("seed"));
  leat_json_i64(&w, (int64_t)job->progress.seed);
  leat_json_key(&w, LEAT_STR("data"));
  leat_json_open(&w, '[');
  for (size_t i = 0; i < c->train_files.count; i++) put_file(&w, c->train_files.at[i], &arena);
  leat_json_close(&w, ']');
  leat_json_close(&w, '}');
  leat_buf_char(&text, '\n');
  char *path = leat_path_join(dir, "lineage.json");
  leat_status status = path ? leat_buf_status(&text, err) : leat__oom(err, 1);
  if (!status) status = leat_file_write(path, leat_buf_view(&text), err);
  leat__free(path);
  leat_buf_deinit(&text);
  leat_arena_deinit(&arena);
  return status;
}
