// Evaluates expressions over the rows that the lines of stdin give: a driver for comparison.
// SPDX-License-Identifier: Apache-2.0
//
//   s NAME TYPE[?] NAME TYPE[?] ...   the schema; rows are none then
//   r VALUE TAB VALUE ...             a row, in hex for texts; \N: null
//   x EXPRESSION | g EXPRESSION       sql or generic: its type, a line a row, then "."
//
// Rows that do not fail are evaluated again, many times over in one batch, which is enough for the
// graph: where that gives other bits, "differs", and where it was used, "graph" behind the type.
#include "flow/expr.h"
#include "formats/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct driver {
  leat_arena arena;
  leat_flow_schema schema;
  leat_flow_field fields[32];
  leat_flow_rows *rows;
  leat_flow_batch *batch;
} driver;

static void die(const char *what, const leat_error *err) {
  fprintf(stderr, "%s: %s\n", what, err ? err->message : "");
  exit(2);
}

static void clear(driver *d) {
  leat_flow_batch_unref(d->batch);
  d->batch = NULL;
  leat_flow_rows_free(d->rows);
  d->rows = NULL;
}

static void set_schema(driver *d, leat_str line) {
  leat_error err;
  clear(d);
  d->schema = (leat_flow_schema){d->fields, 0};
  while (line.len) {
    leat_flow_field f = {0};
    leat_str name = leat_str_cut(&line, ' '), type = leat_str_cut(&line, ' ');
    f.name = (leat_str){leat_arena_str(&d->arena, name), name.len};
    f.nullable = leat_str_ends(type, LEAT_STR("?"));
    if (f.nullable) type.len--;
    while (f.type < LEAT_FLOW_TYPES && !leat_str_eq(type, leat_str_of(leat_flow_type_name(f.type))))
      f.type++;
    if (f.type == LEAT_FLOW_TYPES || d->schema.count == 32) die("schema", NULL);
    d->fields[d->schema.count++] = f;
  }
  if (leat_flow_rows_new(&d->rows, &d->schema, &err)) die("rows", &err);
}

static int hex_digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

static void put(driver *d, const leat_flow_field *f, leat_str v) {
  double real = 0;
  int64_t whole = 0;
  char text[4096];
  size_t n = 0;
  if (leat_str_eq(v, LEAT_STR("\\N"))) {
    leat_flow_rows_null(d->rows);
    return;
  }
  switch (f->type) {
    case LEAT_FLOW_TYPE_BOOL: leat_flow_rows_bool(d->rows, *v.ptr == '1'); return;
    case LEAT_FLOW_TYPE_FLOAT:
    case LEAT_FLOW_TYPE_DOUBLE:
      if (!leat_parse_f64(v, &real)) die("number", NULL);
      leat_flow_rows_double(d->rows, real);
      return;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES:
      for (size_t i = 0; i + 1 < v.len && n < sizeof text; i += 2)
        text[n++] = (char)(hex_digit(v.ptr[i]) * 16 + hex_digit(v.ptr[i + 1]));
      leat_flow_rows_text(d->rows, (leat_str){text, n});
      return;
    default:
      if (!leat_parse_i64(v, &whole)) die("number", NULL);
      leat_flow_rows_int(d->rows, whole);
  }
}

static void put_row(driver *d, leat_str line) {
  leat_error err;
  for (int i = 0; i < d->schema.count; i++) put(d, &d->fields[i], leat_str_cut(&line, '\t'));
  if (leat_flow_rows_end(d->rows, 0, NULL, NULL, &err)) die("row", &err);
}

static void print_text(leat_str s) {
  for (size_t i = 0; i < s.len; i++) printf("%02x", (unsigned char)s.ptr[i]);
}

static void print_list(const leat_flow_column *c, int row) {
  const int32_t *ends = c->values;
  for (int32_t i = ends[row]; i < ends[row + 1]; i++) {
    printf(i > ends[row] ? ",=" : "=");
    print_text(leat_flow_text(c->children, i));
  }
}

static void print(const leat_flow_field *f, const leat_flow_column *c, int row) {
  switch (f->type) {
    case LEAT_FLOW_TYPE_BOOL: printf("%d", leat_flow_bool(c, row)); break;
    case LEAT_FLOW_TYPE_INT32: printf("%d", ((const int32_t *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_FLOAT: printf("%.9g", (double)((const float *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_DOUBLE: printf("%.17g", ((const double *)c->values)[row]); break;
    case LEAT_FLOW_TYPE_STRING:
    case LEAT_FLOW_TYPE_BYTES: print_text(leat_flow_text(c, row)); break;
    case LEAT_FLOW_TYPE_LIST: print_list(c, row); break;
    default: printf("%" PRId64, ((const int64_t *)c->values)[row]);
  }
}

static bool same(const leat_flow_field *f, const leat_flow_column *a, int i,
                 const leat_flow_column *b, int k) {
  size_t size = leat_flow_type_bytes(f->type);
  if (leat_flow_is_valid(a, i) != leat_flow_is_valid(b, k)) return false;
  if (f->type == LEAT_FLOW_TYPE_BOOL) return leat_flow_bool(a, i) == leat_flow_bool(b, k);
  return !memcmp((const char *)a->values + size * (size_t)i,
                 (const char *)b->values + size * (size_t)k, size);
}

enum { MANY = 300 };

// The batch's rows that did not fail, in turn, as one of MANY rows.
static const char *again(driver *d, leat_flow_eval *e, const leat_flow_field *type,
                         const leat_flow_column *out) {
  int32_t rows[MANY];
  int good = 0;
  leat_error err;
  for (int i = 0; i < d->batch->rows && good < MANY; i++)
    if (!leat_flow_eval_failure(e, i)) rows[good++] = i;
  if (!good) return "";
  for (int i = good; i < MANY; i++) rows[i] = rows[i - good];
  leat_flow_batch *many = leat_flow_batch_take(d->batch, rows, MANY);
  leat_flow_column two;
  if (!many || leat_flow_eval_run(e, many, &two, &err)) die("run", &err);
  const char *what = leat_flow_eval_used_graph(e) ? " graph" : "";
  for (int i = 0; *what && i < MANY; i++)
    if (!same(type, out, rows[i], &two, i)) what = " differs";
  leat_flow_block_unref(two.owner);
  return leat_flow_batch_unref(many), what;
}

static void evaluate(driver *d, leat_str text, leat_flow_language language) {
  leat_arena arena = {0};
  leat_error err;
  size_t at;
  const leat_flow_expr *x;
  leat_flow_eval *e;
  leat_flow_column out;
  if (!d->batch && !(d->batch = leat_flow_rows_take(d->rows))) die("memory", NULL);
  if (leat_flow_expr_parse(&arena, text, language, &d->schema, &x, &at, &err)) {
    printf("refused %zu %s\n.\n", at, err.message);
    leat_arena_deinit(&arena);
    return;
  }
  const leat_flow_field *type = leat_flow_expr_type(x);
  if (leat_flow_eval_new(&e, &x, 1, &err)) {
    printf("refused 0 %s\n.\n", err.message);
    leat_arena_deinit(&arena);
    return;
  }
  if (leat_flow_eval_run(e, d->batch, &out, &err)) die("run", &err);
  printf("%s%s%s\n", leat_flow_type_name(type->type), type->nullable ? "?" : "",
         again(d, e, type, &out));
  leat_flow_block_unref(out.owner);
  if (leat_flow_eval_run(e, d->batch, &out, &err)) die("run", &err);
  for (int i = 0; i < d->batch->rows; i++) {
    const char *why = leat_flow_eval_failure(e, i);
    if (why)
      printf("! %s", why);
    else if (leat_flow_is_valid(&out, i))
      printf("= "), print(type, &out, i);
    else
      printf("null");
    printf("\n");
  }
  printf(".\n");
  leat_flow_block_unref(out.owner);
  leat_flow_eval_free(e);
  leat_arena_deinit(&arena);
}

int main(void) {
  driver d = {0};
  char *line = NULL;
  size_t cap = 0;
  ssize_t n;
  while ((n = getline(&line, &cap, stdin)) > 1) {
    leat_str rest = {line + 2, (size_t)n - 2 - (line[n - 1] == '\n')};
    switch (*line) {
      case 's': set_schema(&d, rest); break;
      case 'r': put_row(&d, rest); break;
      case 'x': evaluate(&d, rest, LEAT_FLOW_SQL); break;
      case 'g': evaluate(&d, rest, LEAT_FLOW_GENERIC); break;
      default: die("line", NULL);
    }
    fflush(stdout);
  }
  free(line);
  clear(&d);
  leat_arena_deinit(&d.arena);
  return 0;
}
