// Values of flows: a field's, a row's, a window's and a pane's, as functions and coders see them.
// SPDX-License-Identifier: Apache-2.0
//
// A value is a small tagged tree; its bytes and items are views of somebody's memory. Event and
// processing time are int64 milliseconds since 1970.
#ifndef LEAT_FLOW_VALUE_H
#define LEAT_FLOW_VALUE_H

#include "leat/str.h"

LEAT_BEGIN

// --- Time, windows, panes -----------------------------------------------------------------------
// What lies outside is an error where it enters; the watermark's end is MAX.
#define LEAT_FLOW_TIME_MAX INT64_C(9223372036854775)
#define LEAT_FLOW_TIME_MIN (-LEAT_FLOW_TIME_MAX)
#define LEAT_FLOW_GLOBAL_MAX INT64_C(9223371950454775)  // the global window's max_timestamp

typedef struct leat_flow_window {
  int64_t start, end;  // ms, end exclusive, never beyond the global window's
} leat_flow_window;

typedef enum leat_flow_timing {  // the numbers of the pane byte
  LEAT_FLOW_EARLY,
  LEAT_FLOW_ON_TIME,
  LEAT_FLOW_LATE,
  LEAT_FLOW_TIMING_UNKNOWN,  // before any grouping
} leat_flow_timing;

typedef struct leat_flow_pane {
  bool first, last;         // of its key and window
  leat_flow_timing timing;  // against the watermark
  int64_t index;            // from 0
  int64_t on_time_index;    // among those that are not early, from 0; -1: early
} leat_flow_pane;

// --- Values -------------------------------------------------------------------------------------
typedef enum leat_flow_kind {
  LEAT_FLOW_NULL,           // an absent nullable
  LEAT_FLOW_BOOL,           // flag
  LEAT_FLOW_INT,            // num
  LEAT_FLOW_DOUBLE,         // real
  LEAT_FLOW_BYTES,          // bytes
  LEAT_FLOW_STRING,         // bytes, UTF-8
  LEAT_FLOW_KV,             // items: key, value
  LEAT_FLOW_ITERABLE,       // items; flag: its length goes unsaid (blocks); more: not 0, then bytes
                            // is the token by which a runner's state gives the items that follow
  LEAT_FLOW_GLOBAL_WINDOW,  //
  LEAT_FLOW_INTERVAL,       // num: end, exclusive (ms); more: its length (ms)
  LEAT_FLOW_WINDOWED,       // items: value, windows (an iterable); num: timestamp (ms); pane
  LEAT_FLOW_TIMER,  // items: key, tag, windows; flag: a cleared timer, else num: fires at, more:
                    // holds the watermark at (ms); pane
  LEAT_FLOW_ROW,    // items: one a field, in the schema's order; a map is an iterable of kv's
} leat_flow_kind;

typedef struct leat_flow_value leat_flow_value;
struct leat_flow_value {  // which fields count: see the kinds
  leat_flow_kind kind;
  bool flag;
  int64_t num, more;
  double real;
  leat_str bytes;
  leat_flow_pane pane;
  leat_flow_value *items;
  size_t count;
};

static inline leat_flow_value leat_flow_of(leat_flow_kind kind) {  // of that kind, all else zero
  leat_flow_value v;
  memset(&v, 0, sizeof v);
  v.kind = kind;
  return v;
}
static inline leat_flow_value leat_flow_null(void) { return leat_flow_of(LEAT_FLOW_NULL); }
static inline leat_flow_value leat_flow_of_bool(bool flag) {
  leat_flow_value v = leat_flow_of(LEAT_FLOW_BOOL);
  return v.flag = flag, v;
}
static inline leat_flow_value leat_flow_of_int(int64_t num) {  // a timestamp, too
  leat_flow_value v = leat_flow_of(LEAT_FLOW_INT);
  return v.num = num, v;
}
static inline leat_flow_value leat_flow_of_double(double real) {
  leat_flow_value v = leat_flow_of(LEAT_FLOW_DOUBLE);
  return v.real = real, v;
}
static inline leat_flow_value leat_flow_of_str(leat_str text) {  // UTF-8
  leat_flow_value v = leat_flow_of(LEAT_FLOW_STRING);
  return v.bytes = text, v;
}
static inline leat_flow_value leat_flow_of_text(const char *text) {
  return leat_flow_of_str(leat_str_of(text));
}
static inline leat_flow_value leat_flow_of_bytes(leat_str bytes) {
  leat_flow_value v = leat_flow_of(LEAT_FLOW_BYTES);
  return v.bytes = bytes, v;
}
static inline leat_flow_value leat_flow_of_items(leat_flow_kind kind, leat_flow_value *items,
                                                 size_t count) {  // ITERABLE, ROW
  leat_flow_value v = leat_flow_of(kind);
  return v.items = items, v.count = count, v;
}

LEAT_END

#endif
