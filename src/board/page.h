// The web page: its files as the build found them, and what stands in where there are none.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_PAGE_H
#define LEAT_BOARD_PAGE_H

#include "board/board_impl.h"

typedef struct leat_page_file {
  const char *path;  // "/app.js"
  const char *type;  // "text/javascript; charset=utf-8"
  const char *tag;   // of its contents, for If-None-Match
  const unsigned char *bytes;
  size_t size;
} leat_page_file;

extern const leat_page_file leat__page[];  // ends with a NULL path; empty where no page was built

// A page without scripts: runs and tags, with links to their points.
void leat__plain_page(leat_board *board, leat_exchange *x);

#endif
