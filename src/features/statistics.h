// Statistics of columns whose types are not known yet: mergeable, in bounded memory.
// SPDX-License-Identifier: Apache-2.0
//
//   exact:      every different text and how often it came; all else follows at the end
//   streaming:  once these are too many: kinds, moments, sketches, and the most frequent texts
//
// A column starts exact. While it is, a value costs one look-up.
#ifndef LEAT_FEATURES_STATISTICS_H
#define LEAT_FEATURES_STATISTICS_H

#include "flow/accumulate.h"
#include "features/table.h"
#include "formats/date.h"

typedef enum leat_text_kind {
  LEAT_TEXT_MISSING,  // empty, or a word for "missing": ?, NA, N/A, null, None, nan, -, ...
  LEAT_TEXT_INT,
  LEAT_TEXT_FLOAT,  // a finite number that is not an integer's text
  LEAT_TEXT_DATE,   // in some order
  LEAT_TEXT_OTHER,
  LEAT_TEXT_KINDS
} leat_text_kind;
// Of text without spaces around it; *number is set for INT and FLOAT.
leat_text_kind leat_text_kind_of(leat_str text, double *number);

typedef enum leat_column_type {
  LEAT_COLUMN_EMPTY,  // no value at all
  LEAT_COLUMN_INT,
  LEAT_COLUMN_FLOAT,
  LEAT_COLUMN_DATE,
  LEAT_COLUMN_STRING,
  LEAT_COLUMN_TYPES
} leat_column_type;
extern const char *const leat_column_type_names[LEAT_COLUMN_TYPES];

// A short text seen lately, with how often since; counted in `words` when another takes its place.
typedef struct leat_recent {
  uint64_t text[4];  // padded with zeros
  uint32_t length, times;
} leat_recent;
enum { LEAT_RECENT_TEXT = 32 };

typedef struct leat_column_stats {
  leat_str name;  // the caller's
  size_t budget;  // bytes for texts; 0 = 1 MiB
  bool streaming;
  int64_t rows;         // values added, missing ones too
  leat_recent *recent;  // (recent_size) by hash; NULL: too many different texts come for it to help
  size_t recent_size;   // a power of two; grows while many texts miss
  int recent_adds, recent_misses;
  leat_recent next;  // the newest text; it waits while its place is fetched from memory
  leat_recent *next_at;
  leat_counts words;  // exact: all texts; streaming: frequent ones that are not numbers
  // Streaming, and all after leat_column_stats_finish.
  int64_t kinds[LEAT_TEXT_KINDS];    // DATE: in `order`
  int64_t zeros, negative, padded;   // padded: integers that start with a 0, as codes do
  int64_t orders[LEAT_DATE_ORDERS];  // texts that are dates in each order
  leat_column_type type;             // what nearly all values are
  leat_date_order order;             // of dates
  int64_t wrong;                     // present values that are not of the type
  leat_moments numbers;              // dates: days since 1970
  leat_quantiles quantiles;          // of the same
  leat_moments lengths;              // bytes of texts that are not missing
  leat_distinct *sketch;             // of texts that are not missing; streaming only
  double distinct;                   // how many different values; exact unless streaming
  double pending[256];               // numbers that wait for `numbers` and `quantiles`
  size_t pending_count;
} leat_column_stats;

leat_status leat_column_stats_add(leat_column_stats *c, leat_str text, leat_error *err);
// The same for text with LEAT_RECENT_TEXT readable bytes from its start, as leat_csv_text has.
leat_status leat_column_stats_add_padded(leat_column_stats *c, leat_str text, leat_error *err);
// Afterwards `from` is empty. Neither may be finished.
leat_status leat_column_stats_merge(leat_column_stats *into, leat_column_stats *from,
                                    leat_error *err);
leat_status leat_column_stats_finish(leat_column_stats *c, leat_error *err);
void leat_column_stats_deinit(leat_column_stats *c);

// Of a finished one:
static inline int64_t leat_column_stats_present(const leat_column_stats *c) {
  return c->rows - c->kinds[LEAT_TEXT_MISSING];
}
static inline bool leat_column_stats_is_number(const leat_column_stats *c) {
  return c->type == LEAT_COLUMN_INT || c->type == LEAT_COLUMN_FLOAT || c->type == LEAT_COLUMN_DATE;
}
// Number of a text by the column's type: the number, or days of the date. false: it is none.
bool leat_column_stats_number(const leat_column_stats *c, leat_str text, double *number);

// --- All columns of a set of files --------------------------------------------------------------
typedef struct leat_statistics {
  leat_table table;  // its names are those of the columns
  leat_column_stats *columns;
  int64_t rows, bytes;
  int64_t ragged;               // rows with too few or too many fields
  leat_csv_position ragged_at;  // the first of them
  leat_covariance covariance;   // of numeric columns, where it was asked for
  int *numeric;                 // (covariance.size): which columns these are
} leat_statistics;

typedef struct leat_statistics_options {
  leat_table_options table;
  bool covariance;  // needs a second pass
  // Called now and then with the bytes read; returning false ends with CANCELLED.
  bool (*progress)(void *context, int64_t bytes);
  void *context;
} leat_statistics_options;

leat_status leat_statistics_of(leat_statistics *s, const char *const *paths, size_t count,
                               const leat_statistics_options *options, leat_error *err);
const leat_column_stats *leat_statistics_find(const leat_statistics *s, leat_str name);
void leat_statistics_deinit(leat_statistics *s);

#endif
