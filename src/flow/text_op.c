// Text op: pieces in, watermarks and dead letters out.
// SPDX-License-Identifier: Apache-2.0
#include "flow/text_op.h"

#include <string.h>

leat_status leat_flow_text_start(leat_flow_text_op *s, leat_flow_files *files,
                                 const leat_flow_times *times, const leat_flow_schema *errors,
                                 leat_error *err) {
  const leat_flow_worker *worker = s->op.worker;
  s->files = files;
  s->times = times;
  s->latest = LEAT_FLOW_TIME_MIN;
  leat_status status = errors ? leat_flow_rows_new(&s->errors, errors, err) : LEAT_OK;
  return status ? status : leat_flow_lines_new(&s->lines, files, worker->index, worker->count, err);
}

void leat_flow_text_deinit(leat_flow_text_op *s) {
  leat_flow_lines_free(s->lines);
  leat_flow_rows_free(s->errors);
}

leat_status leat_flow_text_next(leat_flow_text_op *s, bool *started, bool *ended, leat_error *err) {
  *started = *ended = false;
  if (s->at < s->end) return LEAT_OK;
  leat_status status = leat_flow_lines_next(s->lines, &s->piece, ended, err);
  if (status) return status;
  leat_str text = s->piece.text;
  s->at = text.ptr;
  s->end = text.ptr + text.len;
  if (s->piece.first && leat_str_starts(text, LEAT_STR("\xEF\xBB\xBF"))) s->at += 3;
  *started = s->piece.first;
  return LEAT_OK;
}

leat_status leat_flow_text_done(leat_flow_text_op *s, bool ended, int64_t *watermark,
                                int64_t *wait_ms, leat_error *err) {
  leat_status status = LEAT_OK;
  s->op.waits_for = leat_flow_lines_waits_for(s->lines);
  if (s->piece.waits) *wait_ms = LEAT_FLOW_PIPE_WAIT_MS;
  if (s->errors && leat_flow_rows_count(s->errors))
    status = leat_flow_emit(&s->op, 1, leat_flow_rows_take(s->errors), err);
  if (ended) return *watermark = LEAT_FLOW_TIME_MAX, status;
  leat_flow_times_mark(s->times, s->latest, watermark);
  leat_flow_times_idle(s->times, s->piece.waits, s->op.worker->now, &s->idle, watermark);
  return status;
}

leat_status leat_flow_text_bad(leat_flow_text_op *s, leat_str line, const char *why,
                               leat_error *err) {
  int64_t offset = s->piece.offset + (line.ptr - s->piece.text.ptr);
  return leat_flow_source_bad(s->errors, leat_flow_files_path(s->files, s->piece.file), offset, why,
                              line, err);
}

bool leat_flow_text_holds(const leat_flow_op *op) {
  const leat_flow_text_op *s = (const leat_flow_text_op *)op;
  return s->at < s->end || leat_flow_lines_hold(s->lines);
}
