// Reading the options of commands that read tables.
// SPDX-License-Identifier: Apache-2.0
#include "cli/table_args.h"

#include "base/clock.h"
#include "cli/terminal.h"

static leat_status read_header(const args *a, leat_header *out, leat_error *err) {
  static const char *const names[] = {"auto", "yes", "no", "true", "false"};
  const char *text = args_get(a, "--header");
  for (int i = 0; text && i < 5; i++)
    if (strcmp(text, names[i]) == 0) return *out = (leat_header)(i < 3 ? i : i - 2), LEAT_OK;
  if (!text) return LEAT_OK;
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--header is yes, no or auto, not '%s'", text);
}

leat_status table_args_read(table_args *t, const args *a, size_t from, leat_error *err) {
  *t = (table_args){.first_count = 0};
  leat_status status = args_char(a, "--delimiter", &t->options.delimiter, err);
  if (!status) status = args_char(a, "--comment", &t->options.comment, err);
  if (!status) status = read_header(a, &t->options.header, err);
  leat_str rest = leat_str_of(args_get(a, "--columns"));
  while (!status && rest.len) {
    leat_str name = leat_str_strip(leat_str_cut(&rest, ','), LEAT_STR(" \t"));
    if (!leat_vec_push(&t->names, name)) status = leat__oom(err, sizeof name);
  }
  t->options.names = t->names.at;
  t->options.name_count = (int)t->names.count;
  for (size_t i = from; !status && i < a->words.count; i++) {
    status = leat_glob(a->words.at[i], &t->paths, err);
    if (i == from) t->first_count = t->paths.count;
  }
  if (status) table_args_deinit(t);
  return status;
}

void table_args_deinit(table_args *t) {
  leat_paths_deinit(&t->paths);
  leat_vec_deinit(&t->names);
}

typedef struct bar {
  int64_t total, shown_ns;
} bar;

static bool on_progress(void *context, int64_t bytes) {
  bar *b = context;
  int64_t now = leat_clock_ns();
  char text[64];
  if (now - b->shown_ns < 100000000) return true;
  b->shown_ns = now;
  snprintf(text, sizeof text, "%.0f of %.0f MB", (double)bytes / 1e6, (double)b->total / 1e6);
  terminal_bar((double)bytes / (double)(b->total + 1), text);
  return true;
}

leat_status table_statistics(leat_statistics *s, char *const *paths, size_t count,
                             const leat_statistics_options *options, leat_error *err) {
  leat_statistics_options o = *options;
  bar b = {.shown_ns = leat_clock_ns()};
  for (size_t i = 0; i < count; i++) {
    int64_t bytes = 0;
    leat_file_size(paths[i], &bytes, NULL);
    b.total += bytes;
  }
  o.progress = on_progress;
  o.context = &b;
  leat_status status = leat_statistics_of(s, (const char *const *)paths, count, &o, err);
  terminal_bar_end();
  return status;
}
