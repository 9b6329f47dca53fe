// DoFn: a function over the rows of a collection, written in C and called by its name in pipelines.
// SPDX-License-Identifier: Apache-2.0
//
// A class is registered once, before pipelines name it: ParDo with {dofn: NAME}. Each worker has an
// instance of its own (setup ... teardown) and calls it from one thread; instances share nothing.
//
//   setup (start_bundle (process | on_timer | on_window_expiration)* finish_bundle)* teardown
//
// What a function keeps between calls it keeps in its state, by key and window, or it is lost: a
// bundle may come anywhere. With state or timers the transform needs `key`, the fields whose rows
// meet; rows of one key and window come one after the other. Text and items that are given to a
// function last until it returns, what a function gives is copied.
#ifndef LEAT_DOFN_H
#define LEAT_DOFN_H

#include "leat/error.h"
#include "leat/flow_value.h"

LEAT_BEGIN

// Types are written as schemas are: int64, string?, [double], {word: string, n: int64}.
typedef struct leat_dofn_output {
  const char *tag;     // "" of the main one, which is the first
  const char *schema;  // NULL: that of the input
} leat_dofn_output;

typedef enum leat_cell_kind {
  LEAT_CELL_VALUE,      // one value
  LEAT_CELL_BAG,        // values in order of arrival
  LEAT_CELL_COMBINING,  // the sum, least or greatest of what was added: int64 or double
  LEAT_CELL_MAP,        // values by key, in the order of the keys' bytes
  LEAT_CELL_SET,        // values, each once, in the order of their bytes
  LEAT_CELL_ORDERED,    // values by time, those of one time in order of arrival
} leat_cell_kind;

typedef enum leat_cell_combine { LEAT_CELL_SUM, LEAT_CELL_MIN, LEAT_CELL_MAX } leat_cell_combine;

typedef struct leat_dofn_state {
  const char *name;
  leat_cell_kind kind;
  const char *type;           // of a value
  const char *key;            // MAP: the type of its keys
  leat_cell_combine combine;  // COMBINING
} leat_dofn_state;

typedef enum leat_time_domain { LEAT_EVENT_TIME, LEAT_PROCESSING_TIME } leat_time_domain;

typedef struct leat_dofn_timer {
  const char *name;
  leat_time_domain domain;
} leat_dofn_timer;

typedef enum leat_side_view {
  LEAT_SIDE_ITERABLE,
  LEAT_SIDE_SINGLETON,
  LEAT_SIDE_MAP
} leat_side_view;

// Side inputs are the transform's further inputs, in this order. A row waits until the window of
// each that belongs to its own (the one that holds its last moment) has been given out.
typedef struct leat_dofn_side {
  const char *name;
  leat_side_view view;
  const char *key;  // MAP: the field that rows are looked up by
} leat_dofn_side;

typedef enum leat_metric_kind {
  LEAT_METRIC_COUNTER,
  LEAT_METRIC_DISTRIBUTION,
  LEAT_METRIC_GAUGE
} leat_metric_kind;

typedef struct leat_dofn_metric {
  const char *name;
  leat_metric_kind kind;
} leat_dofn_metric;

// A column in Arrow's layout, as flow batches have it.
typedef struct leat_flow_array leat_flow_array;
struct leat_flow_array {
  const uint8_t *validity;  // bit i & 7 of byte i / 8: row i has a value; NULL: all have
  const void *values;       // bool: bits; numbers; string, bytes, list: int32 offsets, rows + 1
  const char *bytes;        // string, bytes
  const leat_flow_array *children;  // list: its items; row: one a field
};

typedef struct leat_dofn_call leat_dofn_call;  // the function's view of what is at hand

typedef struct leat_dofn {  // static memory; the counts of what is NULL are 0
  const char *name;         // "wordcount:split"; letters, digits, '_', ':', '.', '-'
  const char *help;         // a line
  const leat_dofn_output *outputs;
  int output_count;  // 0: one, as the input
  const leat_dofn_state *states;
  int state_count;
  const leat_dofn_timer *timers;
  int timer_count;
  const leat_dofn_side *sides;
  int side_count;
  const leat_dofn_metric *metrics;
  int metric_count;
  bool windows;  // process is called once a window; it is so with state, timers or side inputs
  // `config` is the transform's, as text; *self is leat_dofn_self's. May be NULL.
  leat_status (*setup)(leat_dofn_call *call, leat_str config, void **self, leat_error *err);
  leat_status (*start_bundle)(leat_dofn_call *call, leat_error *err);
  leat_status (*process)(leat_dofn_call *call, leat_error *err);  // one row
  // In its place, without state, timers and side inputs: whole columns, one a field.
  leat_status (*process_batch)(leat_dofn_call *call, const leat_flow_array *columns, int rows,
                               leat_error *err);
  leat_status (*on_timer)(leat_dofn_call *call, int timer, leat_str tag, leat_error *err);
  leat_status (*on_window_expiration)(leat_dofn_call *call,
                                      leat_error *err);  // before its state goes
  leat_status (*finish_bundle)(leat_dofn_call *call, leat_error *err);
  void (*teardown)(void *self);
} leat_dofn;

// ALREADY_EXISTS: the name is taken by another class. INVALID_ARGUMENT: what is wrong in it. May be
// called from any thread; the same class again is no error.
LEAT_API leat_status leat_dofn_register(const leat_dofn *dofn, leat_error *err);

// --- The row, timer or bundle at hand -----------------------------------------------------------
LEAT_API void *leat_dofn_self(const leat_dofn_call *call);
LEAT_API int leat_dofn_index(const leat_dofn_call *call, const char *field);  // -1: no such field
LEAT_API leat_flow_value leat_dofn_field(leat_dofn_call *call, int index);  // of the row; else null
LEAT_API leat_flow_value leat_dofn_key(leat_dofn_call *call, int index);    // of `key`; else null
// Of the row; in on_timer the timer's output time; in on_window_expiration the window's last
// moment.
LEAT_API int64_t leat_dofn_timestamp(const leat_dofn_call *call);
LEAT_API leat_flow_window leat_dofn_window(const leat_dofn_call *call);
LEAT_API leat_flow_pane leat_dofn_pane(const leat_dofn_call *call);
LEAT_API int64_t leat_dofn_watermark(const leat_dofn_call *call);  // of the input
LEAT_API int64_t leat_dofn_now(const leat_dofn_call *call);        // processing time

// --- Output -------------------------------------------------------------------------------------
// A row of output number `output`, one value a field, at the time and in the windows of what is at
// hand. INVALID_ARGUMENT: a value that is not its field's; in start_bundle and finish_bundle, and
// in process_batch, where nothing is at hand.
LEAT_API leat_status leat_dofn_emit(leat_dofn_call *call, int output, const leat_flow_value *values,
                                    leat_error *err);
// At another time, which must not be before that of what is at hand; window NULL: those at hand.
LEAT_API leat_status leat_dofn_emit_at(leat_dofn_call *call, int output,
                                       const leat_flow_value *values, int64_t timestamp,
                                       const leat_flow_window *window, leat_error *err);
// process_batch: whole columns; row i at the time of row from[i] of those that came (NULL: as many,
// in their order). The columns are those that came or lie in leat_dofn_memory.
LEAT_API leat_status leat_dofn_emit_columns(leat_dofn_call *call, int output,
                                            const leat_flow_array *columns, int rows,
                                            const int32_t *from, leat_error *err);
LEAT_API void *leat_dofn_memory(leat_dofn_call *call, size_t bytes);  // NULL: there is none

// --- State: of the key and window at hand -------------------------------------------------------
// INVALID_ARGUMENT for a state of another kind, a value of another type. Reading what was never
// written answers false, null or no items.
LEAT_API bool leat_cell_read(leat_dofn_call *call, int state,
                             leat_flow_value *out);  // VALUE, COMBINING
LEAT_API leat_status leat_cell_write(leat_dofn_call *call, int state, const leat_flow_value *value,
                                     leat_error *err);
LEAT_API leat_status leat_cell_add(leat_dofn_call *call, int state, const leat_flow_value *value,
                                   leat_error *err);  // BAG, COMBINING, SET
LEAT_API leat_status leat_cell_put(leat_dofn_call *call, int state, const leat_flow_value *key,
                                   const leat_flow_value *value, leat_error *err);  // MAP
LEAT_API leat_status leat_cell_add_at(leat_dofn_call *call, int state, int64_t time,
                                      const leat_flow_value *value,
                                      leat_error *err);  // ORDERED
LEAT_API bool leat_cell_get(leat_dofn_call *call, int state, const leat_flow_value *key,
                            leat_flow_value *out);  // MAP; SET: whether it is there
LEAT_API leat_status leat_cell_remove(leat_dofn_call *call, int state, const leat_flow_value *key,
                                      leat_error *err);  // MAP, SET
// All values; of a MAP kv's; of an ORDERED those with from <= time < to, num of their time in
// `times` (may be NULL).
LEAT_API leat_status leat_cell_list(leat_dofn_call *call, int state, const leat_flow_value **items,
                                    size_t *count, leat_error *err);
LEAT_API leat_status leat_cell_range(leat_dofn_call *call, int state, int64_t from, int64_t to,
                                     const leat_flow_value **items, const int64_t **times,
                                     size_t *count, leat_error *err);
LEAT_API void leat_cell_clear(leat_dofn_call *call, int state);
LEAT_API void leat_cell_clear_range(leat_dofn_call *call, int state, int64_t from,
                                    int64_t to);  // ORDERED

// --- Timers: of the key and window at hand ------------------------------------------------------
typedef struct leat_timer_at {
  int64_t time;   // ms; it fires when the watermark, or processing time, is beyond it
  bool relative;  // to now; in event time to the row's time or, in on_timer, to when that was due;
                  // not beyond the window's end of life, where such a one is not set again
  leat_str tag;   // timers of several tags are apart; empty: one more
  bool has_output;
  int64_t output;  // the time at which it gives out, and holds the watermark; default: `time`; of
                   // processing time that of what is at hand
  bool no_hold;    // it holds nothing
} leat_timer_at;

// Sets it, in place of an earlier one of the same tag. INVALID_ARGUMENT: in event time after the
// window's end of life (its last moment and the allowed lateness); an output time before that of
// what is at hand or after the end of life.
LEAT_API leat_status leat_timer_set(leat_dofn_call *call, int timer, leat_timer_at at,
                                    leat_error *err);
LEAT_API void leat_timer_clear(leat_dofn_call *call, int timer, leat_str tag);

// --- Side inputs: of the window at hand ---------------------------------------------------------
// Rows as values of kind ROW. A singleton of no row or several is an error; that of a map with no
// row of the key answers false.
LEAT_API leat_status leat_side_list(leat_dofn_call *call, int side, const leat_flow_value **rows,
                                    size_t *count, leat_error *err);
LEAT_API leat_status leat_side_one(leat_dofn_call *call, int side, leat_flow_value *row,
                                   leat_error *err);
LEAT_API bool leat_side_get(leat_dofn_call *call, int side, const leat_flow_value *key,
                            leat_flow_value *row);

// Adds to a counter or a distribution, sets a gauge.
LEAT_API void leat_dofn_metric_add(leat_dofn_call *call, int metric, int64_t value);

LEAT_END

#endif
