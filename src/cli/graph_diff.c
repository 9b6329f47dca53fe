// leat graph diff: what differs between two graphs, as lines of their text form.
// SPDX-License-Identifier: Apache-2.0
//
// Lines are matched without the numbers of values (%12), which shift when a node is added; where
// only these differ, the wiring does, and it is shown too.
#include "cli/inspect.h"

#include "cli/terminal.h"

#include <stdio.h>
#include <stdlib.h>

typedef struct line {
  leat_str text;
  uint64_t hash;  // without the numbers of values
} line;
typedef LEAT_VEC(line) lines;

static uint64_t hash_line(leat_str text) {
  uint64_t hash = 0xcbf29ce484222325u;  // FNV-1a
  for (size_t i = 0; i < text.len; i++) {
    hash = (hash ^ (unsigned char)text.ptr[i]) * 0x100000001b3u;
    if (text.ptr[i] != '%') continue;
    while (i + 1 < text.len && (unsigned char)(text.ptr[i + 1] - '0') < 10) i++;
  }
  return hash;
}

static leat_status split(char *text, size_t length, lines *out, leat_error *err) {
  leat_str rest = {text, length};
  while (rest.len) {
    leat_str cut = leat_str_cut(&rest, '\n');
    if (!leat_vec_push(out, (line){cut, hash_line(cut)})) return leat__oom(err, sizeof(line));
  }
  return LEAT_OK;
}

// Lengths of longest common subsequences of what is behind (i, k); rows of y->count + 1.
static uint16_t *common_lengths(const lines *x, const lines *y, size_t from, size_t xe, size_t ye) {
  size_t n = xe - from, m = ye - from;
  uint16_t *table = leat__calloc((n + 1) * (m + 1), sizeof *table);
  for (size_t i = n; table && i-- > 0;)
    for (size_t k = m; k-- > 0;) {
      uint16_t *at = &table[i * (m + 1) + k], down = at[m + 1], right = at[1];
      bool same = x->at[from + i].hash == y->at[from + k].hash;
      *at = same ? (uint16_t)(at[m + 2] + 1) : down > right ? down : right;
    }
  return table;
}

static void print_line(char sign, leat_str text) {
  printf("%s%c " LEAT_STR_FMT "%s\n", style_on(stdout, sign == '-' ? STYLE_RED : STYLE_GREEN), sign,
         LEAT_STR_ARG(text), style_off(stdout));
}

enum { MOST_LINES = 5000 };

// Prints the lines of one only; the equal ends are passed over first.
static leat_status print_changes(const lines *x, const lines *y, int *differences,
                                 leat_error *err) {
  size_t from = 0, xe = x->count, ye = y->count;
  while (from < xe && from < ye && x->at[from].hash == y->at[from].hash) from++;
  while (xe > from && ye > from && x->at[xe - 1].hash == y->at[ye - 1].hash) xe--, ye--;
  if (xe - from > MOST_LINES || ye - from > MOST_LINES)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "more than %d lines differ", MOST_LINES);
  uint16_t *table = common_lengths(x, y, from, xe, ye);
  if (!table) return leat__oom(err, (xe - from + 1) * (ye - from + 1) * sizeof *table);
  size_t i = 0, k = 0, n = xe - from, m = ye - from;
  while (i < n || k < m) {
    bool same = i < n && k < m && x->at[from + i].hash == y->at[from + k].hash;
    if (same) {
      i++, k++;
      continue;
    }
    bool left = k == m || (i < n && table[(i + 1) * (m + 1) + k] >= table[i * (m + 1) + k + 1]);
    print_line(left ? '-' : '+', left ? x->at[from + i++].text : y->at[from + k++].text);
    ++*differences;
  }
  leat__free(table);
  return LEAT_OK;
}

static void print_wiring(const lines *x, const lines *y, int *differences) {
  for (size_t i = 0; i < x->count && i < y->count; i++) {
    if (leat_str_eq(x->at[i].text, y->at[i].text)) continue;
    print_line('-', x->at[i].text);
    print_line('+', y->at[i].text);
    ++*differences;
  }
}

leat_status graph_diff(const leat_graph *a, const leat_graph *b, int *differences,
                       leat_error *err) {
  const leat_graph *graphs[] = {a, b};
  char *texts[2] = {NULL, NULL};
  lines all[2] = {{0}, {0}};
  leat_status status = LEAT_OK;
  *differences = 0;
  for (int i = 0; !status && i < 2; i++) {
    size_t length = 0;
    status = leat_graph_print(graphs[i], NULL, &texts[i], &length, err);
    if (!status) status = split(texts[i], length, &all[i], err);
  }
  if (!status) status = print_changes(&all[0], &all[1], differences, err);
  if (!status && !*differences) print_wiring(&all[0], &all[1], differences);
  for (int i = 0; i < 2; i++) {
    leat_vec_deinit(&all[i]);
    leat_text_free(texts[i]);
  }
  return status;
}
