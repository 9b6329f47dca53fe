// leat runs: the runs below a log directory as a table.
// SPDX-License-Identifier: Apache-2.0
#include "board/store.h"
#include "cli/cli.h"
#include "cli/terminal.h"
#include "formats/json.h"
#include "formats/number.h"

#include <math.h>
#include <regex.h>
#include <stdlib.h>
#include <unistd.h>

static const option runs_options[] = {
    {"--logdir", OPTION_VALUE, "DIR", "directory of event files; all below it are runs", NULL},
    {"--logdir_spec", OPTION_VALUE, "NAME:DIR,...", "several directories, with names in front",
     NULL},
    {"--tags", OPTION_VALUE, "REGEX", "the columns: scalars whose tags match [all, up to 8]", NULL},
    {"--sort", OPTION_VALUE, "COLUMN", "name, steps, points, start or a tag; ~ in front: downwards",
     NULL},
    {"--value", OPTION_VALUE, "last|min|max|mean", "what of a scalar is shown [last]", NULL},
    {"--format", OPTION_VALUE, "table|json|csv", "what is printed [table]", NULL},
    {0},
};

enum { COLUMNS_SHOWN = 8, CELL = 12 };

typedef struct row {
  char *name;
  double start;
  int64_t points, steps;
  double *values;  // by column; NaN: none
} row;

typedef struct listing {
  args *a;
  leat_store *store;
  LEAT_VEC(leat_str) tags;  // of the columns
  LEAT_VEC(row) rows;
  const char *what;  // last, min, max, mean
  int sort_column;   // of the tags; -1 name, -2 steps, -3 points, -4 start
  bool down;
  regex_t pattern;
  bool has_pattern;
  leat_error err;
} listing;

// --- Reading ------------------------------------------------------------------------------------
static double summary_of(const leat_points *p, const char *what) {
  leat_point part[LEAT_BLOCK_POINTS];
  size_t got, finite = 0;
  double sum = 0, low = INFINITY, high = -INFINITY, last = NAN;
  for (size_t at = 0; (got = leat_points_read(p, at, LEAT_BLOCK_POINTS, part)); at += got)
    for (size_t i = 0; i < got; i++) {
      double v = last = (double)part[i].value;
      if (!isfinite(v)) continue;
      sum += v, finite++;
      low = v < low ? v : low;
      high = v > high ? v : high;
    }
  if (strcmp(what, "last") == 0) return last;
  if (!finite) return NAN;
  return strcmp(what, "min") == 0 ? low : strcmp(what, "max") == 0 ? high : sum / (double)finite;
}

static int by_text(const void *a, const void *b) {
  return leat_str_cmp(*(const leat_str *)a, *(const leat_str *)b);
}

static void add_tags(listing *l, leat_run *run) {
  leat_run_read(run);
  for (const leat_series *s = run->first; s; s = s->next) {
    if (s->data_class != LEAT_CLASS_SCALAR) continue;
    if (l->has_pattern && regexec(&l->pattern, s->tag.ptr ? s->tag.ptr : "", 0, NULL, 0) != 0)
      continue;
    bool known = false;
    for (size_t i = 0; i < l->tags.count && !known; i++) known = leat_str_eq(l->tags.at[i], s->tag);
    if (known) continue;
    leat_str own = {leat_arena_str(&l->a->arena, s->tag), s->tag.len};
    leat_vec_push(&l->tags, own);
  }
  leat_run_unlock(run);
}

static bool read_run(listing *l, leat_run *run) {
  row r = {.name = leat_arena_str(&l->a->arena, leat_str_of(run->name)),
           .values = leat_arena_alloc(&l->a->arena, (l->tags.count + 1) * sizeof *r.values)};
  leat_point last;
  if (!r.name || !r.values) return false;
  leat_run_read(run);
  r.start = run->start;
  r.points = run->points;
  for (const leat_series *s = run->first; s; s = s->next) {
    size_t count = leat_points_count(&s->points);
    if (!count) continue;
    leat_points_read(&s->points, count - 1, 1, &last);
    if (last.step > r.steps) r.steps = last.step;
  }
  for (size_t i = 0; i < l->tags.count; i++) {
    const leat_series *s = leat_run_series(run, l->tags.at[i]);
    r.values[i] = s && leat_points_count(&s->points) ? summary_of(&s->points, l->what) : NAN;
  }
  leat_run_unlock(run);
  return leat_vec_push(&l->rows, r);
}

static int by_column(const void *a, const void *b, void *context) {
  const listing *l = context;
  const row *p = a, *q = b;
  double x = 0, y = 0;
  if (l->sort_column >= 0) x = p->values[l->sort_column], y = q->values[l->sort_column];
  if (l->sort_column == -2) x = (double)p->steps, y = (double)q->steps;
  if (l->sort_column == -3) x = (double)p->points, y = (double)q->points;
  if (l->sort_column == -4) x = p->start, y = q->start;
  if (isnan(x) != isnan(y)) return isnan(x) ? 1 : -1;  // runs without it come last
  int order = x < y ? -1 : x > y;
  if (!order) order = strcmp(p->name, q->name);
  return l->down ? -order : order;
}

static bool read_sort(listing *l) {
  static const char *const own[] = {"name", "steps", "points", "start"};
  const char *text = args_get(l->a, "--sort");
  l->sort_column = -1;
  if (!text) return true;
  if (*text == '~') l->down = true, text++;
  for (int i = 0; i < 4; i++)
    if (strcmp(text, own[i]) == 0) return l->sort_column = -1 - i, true;
  for (size_t i = 0; i < l->tags.count; i++)
    if (leat_str_eq(l->tags.at[i], leat_str_of(text))) return l->sort_column = (int)i, true;
  leat_str nearest = leat_str_nearest(leat_str_of(text), l->tags.at, l->tags.count);
  leat_error_set(&l->err, LEAT_INVALID_ARGUMENT,
                 "--sort: no column '%s'%s" LEAT_STR_FMT
                 "%s; name, steps, points, start and the "
                 "tags are columns",
                 text, nearest.len ? "; did you mean '" : "", LEAT_STR_ARG(nearest),
                 nearest.len ? "'?" : "");
  return false;
}

static bool collect(listing *l) {
  int count;
  leat_run **runs = leat_store_runs(l->store, &count);
  bool good = true;
  for (int i = 0; i < count; i++) add_tags(l, runs[i]);
  if (l->tags.count) qsort(l->tags.at, l->tags.count, sizeof *l->tags.at, by_text);
  for (int i = 0; i < count && good; i++) good = read_run(l, runs[i]);
  leat__free(runs);
  if (!good) leat__oom(&l->err, 1);
  good = good && read_sort(l);
  if (good && l->rows.count) qsort_r(l->rows.at, l->rows.count, sizeof *l->rows.at, by_column, l);
  return good;
}

// --- Printing -----------------------------------------------------------------------------------
static void print_json(const listing *l) {
  leat_buf out = {0};
  leat_json_writer w = {.out = &out, .indent = 1};
  leat_json_open(&w, '[');
  for (size_t i = 0; i < l->rows.count; i++) {
    const row *r = &l->rows.at[i];
    leat_json_open(&w, '{');
    leat_json_key(&w, LEAT_STR("name"));
    leat_json_string(&w, leat_str_of(r->name));
    leat_json_key(&w, LEAT_STR("start"));
    leat_json_f64(&w, r->start);
    leat_json_key(&w, LEAT_STR("steps"));
    leat_json_i64(&w, r->steps);
    leat_json_key(&w, LEAT_STR("points"));
    leat_json_i64(&w, r->points);
    leat_json_key(&w, LEAT_STR("scalars"));
    leat_json_open(&w, '{');
    for (size_t k = 0; k < l->tags.count; k++) {
      if (isnan(r->values[k])) continue;
      leat_json_key(&w, l->tags.at[k]);
      leat_json_f32(&w, (float)r->values[k]);
    }
    leat_json_close(&w, '}');
    leat_json_close(&w, '}');
  }
  leat_json_close(&w, ']');
  printf(LEAT_STR_FMT "\n", LEAT_STR_ARG(leat_buf_view(&out)));
  leat_buf_deinit(&out);
}

static void put_csv(leat_str text) {
  bool quoted = false;
  for (size_t i = 0; i < text.len; i++) quoted |= strchr(",\"\r\n", text.ptr[i]) != NULL;
  if (quoted) putchar('"');
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '"') putchar('"');
    putchar(text.ptr[i]);
  }
  if (quoted) putchar('"');
}

static void print_csv(const listing *l) {
  char text[LEAT_NUMBER_MAX];
  printf("name,start,steps,points");
  for (size_t k = 0; k < l->tags.count; k++) {
    putchar(',');
    put_csv(l->tags.at[k]);
  }
  putchar('\n');
  for (size_t i = 0; i < l->rows.count; i++) {
    const row *r = &l->rows.at[i];
    put_csv(leat_str_of(r->name));
    printf(",%.*s,%lld,%lld", (int)leat_format_f64(text, r->start), text, (long long)r->steps,
           (long long)r->points);
    for (size_t k = 0; k < l->tags.count; k++) {
      int length = isnan(r->values[k]) ? 0 : (int)leat_format_f32(text, (float)r->values[k]);
      printf(",%.*s", length, text);
    }
    putchar('\n');
  }
}

static void print_table(const listing *l) {
  size_t columns = l->tags.count < COLUMNS_SHOWN || l->has_pattern ? l->tags.count : COLUMNS_SHOWN;
  int widest = 4;
  char text[32];
  for (size_t i = 0; i < l->rows.count; i++) {
    int width = text_columns(leat_str_of(l->rows.at[i].name));
    if (width > widest) widest = width < 48 ? width : 48;
  }
  printf("%s%-*s %10s", style_on(stdout, STYLE_BOLD), widest, "run", "steps");
  for (size_t k = 0; k < columns; k++) {
    int width = text_columns(l->tags.at[k]);
    printf("  ");
    print_cell(stdout, l->tags.at[k], width > CELL ? -width : -CELL);
  }
  printf("%s\n", style_off(stdout));
  for (size_t i = 0; i < l->rows.count; i++) {
    const row *r = &l->rows.at[i];
    print_cell(stdout, leat_str_of(r->name), widest);
    printf(" %10lld", (long long)r->steps);
    for (size_t k = 0; k < columns; k++) {
      int width = text_columns(l->tags.at[k]);
      snprintf(text, sizeof text, isnan(r->values[k]) ? "-" : "%.6g", r->values[k]);
      printf("  %*s", width > CELL ? width : CELL, text);
    }
    putchar('\n');
  }
  if (columns < l->tags.count)
    fprintf(stderr, "%zu further tags; --tags REGEX chooses\n", l->tags.count - columns);
}

// --- The command --------------------------------------------------------------------------------
static int print_runs(listing *l, const char *format) {
  if (!collect(l)) return usage_error(l->a, "%s", l->err.message);
  if (!l->rows.count)
    fprintf(stderr, "leat: runs: no event files below '%s'\n", leat_store_logdir(l->store));
  if (strcmp(format, "json") == 0)
    print_json(l);
  else if (strcmp(format, "csv") == 0)
    print_csv(l);
  else if (l->rows.count)
    print_table(l);
  return EXIT_GOOD;
}

static void say(void *context, const leat_notice *n) {
  fprintf(stderr, "leat: runs: %s: %s\n", n->path, n->text);
}

static int run_runs(args *a) {
  listing l = {.a = a};
  const char *format = args_get(a, "--format"), *what = args_get(a, "--value");
  const char *tags = args_get(a, "--tags");
  leat_store_options options = {.logdir = args_get(a, "--logdir"),
                                .logdir_spec = args_get(a, "--logdir_spec"),
                                .reload_interval = -1};
  l.what = what ? what : "last";
  if (!format) format = "table";
  if (a->words.count) return usage_error(a, "'%s' is not expected", a->words.at[0]);
  if (!options.logdir == !options.logdir_spec)
    return usage_error(a, "--logdir DIR is needed (or --logdir_spec NAME:DIR,...)");
  if (strcmp(format, "table") != 0 && strcmp(format, "json") != 0 && strcmp(format, "csv") != 0 &&
      strcmp(format, "text") != 0)
    return usage_error(a, "--format is table, json or csv, not '%s'", format);
  if (strcmp(l.what, "last") != 0 && strcmp(l.what, "min") != 0 && strcmp(l.what, "max") != 0 &&
      strcmp(l.what, "mean") != 0)
    return usage_error(a, "--value is last, min, max or mean, not '%s'", l.what);
  if (tags && regcomp(&l.pattern, tags, REG_EXTENDED | REG_NOSUB))
    return usage_error(a, "--tags: '%s' is no regular expression", tags);
  l.has_pattern = tags != NULL;
  int code = EXIT_FAILED;
  if (options.logdir && access(options.logdir, F_OK) != 0)
    leat_error_set(&l.err, LEAT_NOT_FOUND, "%s: no such directory", options.logdir);
  if (l.err.status || leat_store_open(&l.store, &options, &l.err))
    code = fail_with(a, &l.err);
  else {
    while (!leat_store_wait_loaded(l.store, 1000)) continue;
    leat_store_notices(l.store, say, NULL);
    code = print_runs(&l, format);
  }
  leat_store_close(l.store);
  if (l.has_pattern) regfree(&l.pattern);
  leat_vec_deinit(&l.tags);
  leat_vec_deinit(&l.rows);
  return code;
}

const command command_runs = {
    "runs",
    "--logdir DIR [options]",
    "Compares the runs below a log directory as a table: a row a run, a column a scalar. Reads the "
    "event files that `leat board` shows.",
    runs_options,
    false,
    run_runs};
