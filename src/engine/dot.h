// A dot with what is computed on the way out, as printed C asks for it. No headers: printed C
// includes this text. SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_DOT_H
#define LEAT_ENGINE_DOT_H

// Takes results (rows, cols) that start at row i and column j of the whole: c, rows c_row elements
// apart, is scratch memory. v and d are those of the dot. Called for disjoint parts, perhaps by
// several threads.
typedef void leat_dot_end(void *const *v, const long long *d, const void *c, long c_row, long i,
                          long rows, long j, long cols);

// c (m, n) = a (m, k) times b (k, n), each element in the order of clause N2. Strides in
// elements. Without `end` the results go to c; with it, to nothing else.
typedef struct leat_dot {
  const void *a, *b;
  long a_row, a_col, b_row, b_col;
  long m, n, k;
  void *c;
  long c_row;
  leat_dot_end *end;
  void *const *v;
  const long long *d;
  long first;     // what row 0 is called for `end`
  int lines;      // `end` is one loop over whole rows, c_row = n = cols, or over a piece of one row
  int packed;     // b is what the table's dot_pack made of it
  int lanes16;    // each element in sixteen lanes instead of one chain
  void *scratch;  // lanes16: room for (m + n) k elements
} leat_dot;

#endif
