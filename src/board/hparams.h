// Hyperparameters: what the metadata of their series says, and TensorBoard's view of it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_HPARAMS_H
#define LEAT_BOARD_HPARAMS_H

#include "board/values.h"

typedef enum leat_hkind { LEAT_H_NONE, LEAT_H_NUMBER, LEAT_H_STRING, LEAT_H_BOOL } leat_hkind;

typedef struct leat_hvalue {  // google.protobuf.Value, of the kinds that are used
  leat_hkind kind;
  double number;  // of a bool 0 or 1
  leat_str text;
} leat_hvalue;

typedef struct leat_hparam {
  leat_str name;
  leat_hvalue value;
} leat_hparam;

typedef struct leat_metric {
  leat_str group, tag;  // the run is the session's, or a directory below it: the group
  double value, wall;
  int64_t step;
} leat_metric;

typedef LEAT_VEC(leat_hparam) leat_hparams;
typedef LEAT_VEC(leat_metric) leat_metrics;

typedef struct leat_session {
  leat_str name;  // of the run
  leat_str group_name, monitor_url, model_uri;
  double start, end;
  int status;  // 0 unknown, 1 success, 2 failure, 3 running
  leat_hparams hparams;
  leat_metrics metrics;
} leat_session;

typedef struct leat_sessions {
  leat_arena arena;  // owns the strings
  LEAT_VEC(leat_session) list;
  leat_str experiment;   // the message; "" where no run has one
  leat_metrics metrics;  // names only: those of the experiment, or all scalars of the sessions
  bool has_experiment;
} leat_sessions;

// What all runs say, with the last value of each metric.
void leat__sessions_read(leat_board *b, leat_sessions *out);
void leat__sessions_deinit(leat_sessions *s);
void leat__write_hvalue(leat_json_writer *w, const leat_hvalue *v);
// The run of a metric of a session: its own, or that below it. NULL: none.
leat_run *leat__metric_run(leat_board *b, leat_str session, leat_str group);

#endif
