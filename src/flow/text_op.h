// Text op: what the ops of sources of lines share: pieces of the files, watermark, dead letters.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_TEXT_OP_H
#define LEAT_FLOW_TEXT_OP_H

#include "flow/op.h"
#include "flow/source.h"

typedef struct leat_flow_text_op {  // the first member of each
  leat_flow_op op;
  leat_flow_files *files;
  const leat_flow_times *times;
  leat_flow_lines *lines;
  leat_flow_piece piece;
  const char *at, *end;  // what is left of it
  int64_t latest;        // timestamp so far
  int64_t idle;          // since when there is nothing (ms); 0: there is something
  leat_flow_rows *errors;
} leat_flow_text_op;

// files, times and errors (the dead letters' schema; NULL: none) are of the transform's plan.
leat_status leat_flow_text_start(leat_flow_text_op *s, leat_flow_files *files,
                                 const leat_flow_times *times, const leat_flow_schema *errors,
                                 leat_error *err);
void leat_flow_text_deinit(leat_flow_text_op *s);
// Where nothing is left of the piece the next one, behind its byte order mark. *started: it is a
// file's first.
leat_status leat_flow_text_next(leat_flow_text_op *s, bool *started, bool *ended, leat_error *err);
// The end of a read: dead letters go out, the watermark moves.
leat_status leat_flow_text_done(leat_flow_text_op *s, bool ended, int64_t *watermark,
                                int64_t *wait_ms, leat_error *err);
// A line that is no row.
leat_status leat_flow_text_bad(leat_flow_text_op *s, leat_str line, const char *why,
                               leat_error *err);
bool leat_flow_text_holds(const leat_flow_op *op);  // leat_flow_op_class.holds

#endif
