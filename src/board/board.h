// The board: a web server over the store of event files.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_BOARD_H
#define LEAT_BOARD_BOARD_H

#include "board/store.h"
#include "net/server.h"

typedef struct leat_board leat_board;

typedef struct leat_board_samples {  // the most values of a tag that TensorBoard's API gives
  int64_t scalars, histograms, images, audio, text, pr_curves;  // 0 = the default
} leat_board_samples;

typedef struct leat_board_options {  // all zero is the default
  leat_store_options store;
  leat_net_options net;        // handler, refuse and context are set by the board
  const char *path_prefix;     // "/a/b" in front of every path; NULL = none
  const char *window_title;    // NULL = "Leat board"
  const char *token;           // asked of every request; NULL = none
  leat_board_samples samples;  // defaults: all, but 501 histograms
  const char *registry;        // directory of models; NULL = no page for them
} leat_board_options;

// Opens the store and listens. Strings are borrowed for the board's life.
leat_status leat_board_start(leat_board **out, const leat_board_options *options, leat_error *err);
leat_server *leat_board_server(leat_board *board);
leat_store *leat_board_store(leat_board *board);
void leat_board_stop(leat_board *board);  // ends streams, drains; NULL allowed

#endif
