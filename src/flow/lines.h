// Lines: the text of files in pieces of whole lines, shared out among workers.
// SPDX-License-Identifier: Apache-2.0
//
// A plain file is cut into blocks of 1 MB that workers take in turn, so that all of them are at
// about the same time of it; a line belongs to the block that it starts in. Where a quoted field
// may hold line ends, a worker must know whether its block starts inside quotes: each one tells, as
// it begins a block, how many quotes there are up to its end. A compressed file, and what is no
// file (a pipe, standard input as -), is read by the first worker alone.
#ifndef LEAT_FLOW_LINES_H
#define LEAT_FLOW_LINES_H

#include "base/file.h"
#include "leat/error.h"

typedef struct leat_flow_files leat_flow_files;  // shared by all workers
typedef struct leat_flow_lines leat_flow_lines;  // of one of them

typedef struct leat_flow_piece {
  leat_str text;   // whole lines, the last one's end may be missing; 64 bytes behind it can be read
  int file;        // index among the paths
  int64_t offset;  // of its first byte in the file (unpacked)
  bool first;      // the file's first
  bool waits;      // empty because the pipe has nothing now
} leat_flow_piece;

// `pattern` names at least one file. quotes: line ends between them do not count.
leat_status leat_flow_files_new(leat_flow_files **out, const char *pattern, bool quotes,
                                leat_error *err);
// Files that keep arriving: the pattern is looked at again every so many ms, and what is new is
// read by the first worker, each file once; it must be there whole (renamed to its name). until_ms:
// the end, when none has come for so long; 0: there is none. Before any lines are made. NOT_FOUND
// of leat_flow_files_new then means none yet: `files` is good.
leat_status leat_flow_files_watch(leat_flow_files *files, int64_t every_ms, int64_t until_ms,
                                  leat_error *err);
bool leat_flow_files_watched(const leat_flow_files *files);
void leat_flow_files_free(leat_flow_files *files);  // NULL allowed
int leat_flow_files_count(const leat_flow_files *files);
const char *leat_flow_files_path(const leat_flow_files *files, int index);  // else the pattern

leat_status leat_flow_lines_new(leat_flow_lines **out, leat_flow_files *files, int worker,
                                int workers, leat_error *err);
// The descriptor that a piece which waits is about; 0 before anything was read.
int leat_flow_lines_waits_for(const leat_flow_lines *lines);
// Whether whole lines were read, from what cannot be read again, that are in no piece yet.
bool leat_flow_lines_hold(const leat_flow_lines *lines);
void leat_flow_lines_free(leat_flow_lines *lines);  // NULL allowed
// The next piece, valid until the call after; about 256 KB, more where one line is longer (up to
// 64 MB: RESOURCE_EXHAUSTED). *ended: there is none. An empty one: ask again.
leat_status leat_flow_lines_next(leat_flow_lines *lines, leat_flow_piece *piece, bool *ended,
                                 leat_error *err);

#endif
