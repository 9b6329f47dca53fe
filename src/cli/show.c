// Printing resources: a table's cells, and documents with their keys in order.
// SPDX-License-Identifier: Apache-2.0
#include "cli/show.h"

#include "base/vec.h"
#include "formats/json_filter.h"
#include "formats/number.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

// --- Documents ----------------------------------------------------------------------------------
typedef LEAT_VEC(const leat_jnode *) node_list;

static int by_key(const void *a, const void *b) {
  const leat_jnode *const *x = a, *const *y = b;
  return leat_str_cmp((*x)->key, (*y)->key);
}

// The members of an object in the order of their keys, the items of a list as they are.
static bool in_order(const leat_jnode *node, node_list *out) {
  for (const leat_jnode *m = node->first; m; m = m->next)
    if (!leat_vec_push(out, m)) return false;
  if (node->kind == LEAT_JSON_OBJECT && out->count)
    qsort(out->at, out->count, sizeof *out->at, by_key);
  return true;
}

static bool is_holder(const leat_jnode *node) {
  return node->kind == LEAT_JSON_OBJECT || node->kind == LEAT_JSON_ARRAY;
}

static bool write_sorted(leat_json_writer *w, const leat_jnode *node) {
  node_list list = {0};
  if (!is_holder(node) || !node->count) {
    leat_jnode_write(w, node);
    return true;
  }
  bool good = in_order(node, &list), object = node->kind == LEAT_JSON_OBJECT;
  leat_json_open(w, object ? '{' : '[');
  for (size_t i = 0; good && i < list.count; i++) {
    if (object) leat_json_key(w, list.at[i]->key);
    good = write_sorted(w, list.at[i]);
  }
  leat_json_close(w, object ? '}' : ']');
  leat_vec_deinit(&list);
  return good;
}

static bool print_json(const leat_jnode *what, leat_buf *out) {
  leat_json_writer w = {.out = out, .indent = 2};
  bool good = write_sorted(&w, what);
  leat_buf_char(out, '\n');
  return good;
}

// Whether a plain scalar of YAML would be something else, or nothing at all.
static bool needs_quotes(leat_str s) {
  static const char *const words[] = {"true", "false", "null", "yes", "no", "on", "off", "~"};
  double number;
  if (!s.len || leat_parse_f64(s, &number)) return true;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (strcasecmp(s.ptr, words[i]) == 0) return true;
  if (isspace((unsigned char)s.ptr[0]) || isspace((unsigned char)s.ptr[s.len - 1])) return true;
  if (strchr("-?:,[]{}#&*!|>'\"%@`", s.ptr[0])) return true;
  bool date = s.len >= 10 && isdigit((unsigned char)s.ptr[0]) && s.ptr[4] == '-' && s.ptr[7] == '-';
  return date || strstr(s.ptr, ": ") || strstr(s.ptr, " #") || s.ptr[s.len - 1] == ':';
}

static void print_yaml_scalar(const leat_jnode *node, leat_buf *out) {
  leat_json_writer w = {.out = out};
  bool control = false;
  for (size_t i = 0; i < node->text.len; i++) control |= (unsigned char)node->text.ptr[i] < 0x20;
  if (is_holder(node))
    leat_buf_c(out, node->kind == LEAT_JSON_OBJECT ? "{}" : "[]");
  else if (node->kind != LEAT_JSON_STRING || control)
    leat_jnode_write(&w, node);
  else if (needs_quotes(node->text)) {
    leat_buf_char(out, '\'');
    for (size_t i = 0; i < node->text.len; i++)
      leat_buf_fmt(out, node->text.ptr[i] == '\'' ? "''" : "%c", node->text.ptr[i]);
    leat_buf_char(out, '\'');
  } else
    leat_buf_str(out, node->text);
  leat_buf_char(out, '\n');
}

// The lines of a map or list; the first continues the line that is there.
static bool print_yaml(const leat_jnode *node, int indent, leat_buf *out) {
  node_list list = {0};
  if (!is_holder(node) || !node->count) {
    print_yaml_scalar(node, out);
    return true;
  }
  bool good = in_order(node, &list), object = node->kind == LEAT_JSON_OBJECT;
  for (size_t i = 0; good && i < list.count; i++) {
    const leat_jnode *m = list.at[i];
    bool deeper = is_holder(m) && m->count;
    leat_buf_fmt(out, "%*s", i ? indent : 0, "");
    if (object) leat_buf_str(out, m->key);
    leat_buf_c(out, object ? ":" : "-");
    if (object && deeper) {
      int inner = indent + (m->kind == LEAT_JSON_OBJECT ? 2 : 0);
      leat_buf_fmt(out, "\n%*s", inner, "");
      good = print_yaml(m, inner, out);
    } else {
      leat_buf_char(out, ' ');
      good = print_yaml(m, indent + 2, out);
    }
  }
  leat_vec_deinit(&list);
  return good;
}

// --- Columns ------------------------------------------------------------------------------------
enum { COLUMNS_MAX = 32 };

typedef struct column {
  leat_str path;   // "metadata.operationType"
  leat_str label;  // empty = made of the path
  bool basename;
} column;

typedef struct columns {
  column at[COLUMNS_MAX];
  int count;
  bool heading;
} columns;

static bool read_column(leat_str text, column *out) {
  text = leat_str_strip(text, LEAT_STR(" \t\n"));
  leat_str key = leat_str_cut(&text, ':');
  *out = (column){.path = key};
  if (leat_str_starts(text, LEAT_STR("label=")))
    out->label = (leat_str){text.ptr + 6, text.len - 6};
  else if (text.len)
    return false;
  if (leat_str_ends(key, LEAT_STR(".basename()"))) {
    out->basename = true;
    out->path.len -= strlen(".basename()");
  }
  return out->path.len && !memchr(out->path.ptr, '(', out->path.len);
}

// Behind the format's name: "[no-heading](a, b.basename())".
static bool read_columns(leat_str text, columns *out) {
  out->heading = true;
  if (leat_str_starts(text, LEAT_STR("[no-heading]"))) {
    out->heading = false;
    text.ptr += 12, text.len -= 12;
  }
  if (!leat_str_starts(text, LEAT_STR("(")) || !leat_str_ends(text, LEAT_STR(")"))) return false;
  leat_str rest = {text.ptr + 1, text.len - 2};
  while (rest.len) {
    if (out->count == COLUMNS_MAX) return false;
    if (!read_column(leat_str_cut(&rest, ','), &out->at[out->count++])) return false;
  }
  return out->count > 0;
}

// defaultVersion.name, with two parts: DEFAULT_VERSION_NAME.
static void add_label(const column *col, int parts, leat_buf *out) {
  leat_str path = col->path;
  size_t from = path.len;
  for (int dots = 0; from > 0; from--)
    if (path.ptr[from - 1] == '.' && ++dots == parts) break;
  for (size_t i = from; i < path.len; i++) {
    char c = path.ptr[i];
    bool hump = i > from && isupper((unsigned char)c) && islower((unsigned char)path.ptr[i - 1]);
    if (hump) leat_buf_char(out, '_');
    leat_buf_char(out, isalnum((unsigned char)c) ? (char)toupper((unsigned char)c) : '_');
  }
}

// As many parts of the path as tell it from the columns before.
static void make_label(const columns *c, int index, leat_buf *out) {
  const column *col = &c->at[index];
  if (col->label.len) {
    leat_buf_str(out, col->label);
    return;
  }
  for (int parts = 1; parts <= 8; parts++) {
    bool taken = false;
    leat_buf_clear(out);
    add_label(col, parts, out);
    for (int i = 0; i < index && !taken; i++) {
      leat_buf other = {0};
      add_label(&c->at[i], parts, &other);
      taken = leat_str_eq(leat_buf_view(out), leat_buf_view(&other));
      leat_buf_deinit(&other);
    }
    if (!taken) return;
  }
}

static void add_scalar(const leat_jnode *node, bool basename, leat_buf *out) {
  const char *slash = basename && node->text.len ? strrchr(node->text.ptr, '/') : NULL;
  if (node->kind == LEAT_JSON_TRUE || node->kind == LEAT_JSON_FALSE)
    leat_buf_c(out, node->kind == LEAT_JSON_TRUE ? "True" : "False");
  else if (slash)
    leat_buf_c(out, slash + 1);
  else
    leat_buf_str(out, node->text);
}

static void add_cell(const leat_jnode *row, const column *col, leat_buf *out) {
  const leat_jnode *node = leat_jnode_at(row, col->path);
  leat_json_writer w = {.out = out};
  leat_buf_c(out, "");
  if (!node) return;
  if (!is_holder(node)) {
    add_scalar(node, col->basename, out);
    return;
  }
  for (const leat_jnode *m = node->first; m; m = m->next) {
    if (m != node->first) leat_buf_char(out, ';');
    if (node->kind == LEAT_JSON_OBJECT) leat_buf_str(out, m->key), leat_buf_char(out, '=');
    if (is_holder(m))
      leat_jnode_write(&w, m);
    else
      add_scalar(m, col->basename, out);
  }
}

static void print_csv_cell(leat_buf *out, leat_str cell) {
  bool quoted = false;
  for (size_t i = 0; i < cell.len; i++) quoted |= strchr(",\"\n", cell.ptr[i]) != NULL;
  if (quoted) leat_buf_char(out, '"');
  for (size_t i = 0; i < cell.len; i++)
    leat_buf_fmt(out, cell.ptr[i] == '"' ? "\"\"" : "%c", cell.ptr[i]);
  if (quoted) leat_buf_char(out, '"');
}

typedef enum cells { CELLS_TABLE, CELLS_VALUE, CELLS_CSV } cells;

static void print_row(const leat_buf *row, int count, const size_t *width, cells how,
                      leat_buf *out) {
  for (int i = 0; i < count; i++) {
    leat_str cell = leat_buf_view(&row[i]);
    if (how == CELLS_CSV)
      print_csv_cell(out, cell);
    else
      leat_buf_str(out, cell);
    if (i + 1 == count) break;
    if (how == CELLS_TABLE)
      leat_buf_fmt(out, "%*s", (int)(width[i] - cell.len) + 2, "");
    else
      leat_buf_char(out, how == CELLS_CSV ? ',' : '\t');
  }
  while (how == CELLS_TABLE && out->len && out->ptr[out->len - 1] == ' ') out->len--;
  leat_buf_char(out, '\n');
}

// A single resource is a list of one.
static bool print_cells(const leat_jnode *what, const columns *c, cells how, leat_buf *out) {
  bool list = what->kind == LEAT_JSON_ARRAY;
  size_t rows = (list ? what->count : 1) + 1, width[COLUMNS_MAX] = {0};
  leat_buf *cell = leat__calloc(rows * (size_t)c->count, sizeof *cell);
  if (!cell) return false;
  for (int i = 0; i < c->count; i++) {
    make_label(c, i, &cell[i]);
    for (size_t k = 0; how == CELLS_CSV && k < cell[i].len; k++)
      cell[i].ptr[k] = (char)tolower((unsigned char)cell[i].ptr[k]);
  }
  const leat_jnode *row = list ? what->first : what;
  for (size_t r = 1; r < rows; r++, row = row->next)
    for (int i = 0; i < c->count; i++)
      add_cell(row, &c->at[i], &cell[r * (size_t)c->count + (size_t)i]);
  for (size_t r = c->heading ? 0 : 1; r < rows; r++)
    for (int i = 0; i < c->count; i++) {
      size_t length = cell[r * (size_t)c->count + (size_t)i].len;
      if (length > width[i]) width[i] = length;
    }
  bool heading = c->heading && how != CELLS_VALUE && rows > 1;
  for (size_t r = heading ? 0 : 1; r < rows; r++)
    print_row(&cell[r * (size_t)c->count], c->count, width, how, out);
  for (size_t i = 0; i < rows * (size_t)c->count; i++) leat_buf_deinit(&cell[i]);
  leat__free(cell);
  return true;
}

// --- Formats ------------------------------------------------------------------------------------
static leat_status print(const leat_jnode *what, const char *format, leat_buf *out,
                         leat_error *err) {
  static const char *const names[] = {"table", "value", "csv"};
  bool good = true;
  if (strcmp(format, "none") == 0) return LEAT_OK;
  if (strcmp(format, "json") == 0)
    good = print_json(what, out);
  else if (strcmp(format, "yaml") == 0) {
    bool list = what->kind == LEAT_JSON_ARRAY;
    for (const leat_jnode *m = list ? what->first : what; good && m; m = list ? m->next : NULL) {
      if (list && what->count > 1) leat_buf_c(out, "---\n");
      good = print_yaml(m, 0, out);
    }
  } else {
    for (int how = 0; how < 3; how++) {
      columns c = {0};
      leat_str rest = leat_str_of(format);
      if (!leat_str_starts(rest, leat_str_of(names[how]))) continue;
      rest.ptr += strlen(names[how]), rest.len -= strlen(names[how]);
      if (!read_columns(rest, &c)) break;
      good = print_cells(what, &c, (cells)how, out);
      return good ? LEAT_OK : leat__oom(err, 1);
    }
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--format is %s, not '%s'", SHOW_FORMATS,
                          format);
  }
  return good ? LEAT_OK : leat__oom(err, 1);
}

leat_status show(const leat_jnode *what, const char *format, leat_error *err) {
  leat_buf out = {0};
  leat_status status = print(what, format, &out, err);
  if (!status) status = leat_buf_status(&out, err);
  if (!status && out.len) fwrite(out.ptr, 1, out.len, stdout);
  leat_buf_deinit(&out);
  return status;
}

// --- Selecting ----------------------------------------------------------------------------------
typedef struct sortable {
  leat_jnode *node;
  size_t place;
  const char *keys;
} sortable;

static int compare_values(const leat_jnode *a, const leat_jnode *b) {
  double x, y;
  leat_str left = a ? a->text : (leat_str){0}, right = b ? b->text : (leat_str){0};
  if (!a || !b || is_holder(a) || is_holder(b)) return (a != NULL) - (b != NULL);
  if (a->kind != b->kind) return (a->kind > b->kind) - (a->kind < b->kind);
  if (leat_parse_f64(left, &x) && leat_parse_f64(right, &y)) return (x > y) - (x < y);
  return leat_str_cmp(left, right);
}

static int by_keys(const void *a, const void *b) {
  const sortable *x = a, *y = b;
  for (leat_str rest = leat_str_of(x->keys); rest.len;) {
    leat_str key = leat_str_strip(leat_str_cut(&rest, ','), LEAT_STR(" "));
    bool down = leat_str_starts(key, LEAT_STR("~"));
    if (down) key.ptr++, key.len--;
    int order = compare_values(leat_jnode_at(x->node, key), leat_jnode_at(y->node, key));
    if (order) return down ? -order : order;
  }
  return (x->place > y->place) - (x->place < y->place);
}

leat_status show_select(leat_jnode *list, const char *filter, const char *sort_by, int64_t limit,
                        leat_error *err) {
  size_t count = 0;
  leat_status status = LEAT_OK;
  sortable *rows = leat__calloc(list->count + 1, sizeof *rows);
  if (!rows) return leat__oom(err, sizeof *rows);
  for (leat_jnode *m = list->first; !status && m; m = m->next) {
    bool accepts = true;
    if (filter) status = leat_json_filter(m, leat_str_of(filter), &accepts, err);
    if (accepts) rows[count] = (sortable){m, count, sort_by}, count++;
  }
  if (sort_by && count) qsort(rows, count, sizeof *rows, by_keys);
  list->first = list->last = NULL;
  list->count = 0;
  for (size_t i = 0; !status && i < count && (limit <= 0 || (int64_t)i < limit); i++)
    leat_jnode_push(list, rows[i].node);
  leat__free(rows);
  return status;
}
