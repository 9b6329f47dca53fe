// Inside the board: what its answers share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_BOARD_IMPL_H
#define LEAT_BOARD_BOARD_IMPL_H

#include "base/pool.h"
#include "board/board.h"
#include "formats/json_tree.h"

enum { LEAT_PARAM_MAX = 4096 };

typedef struct leat_stream {  // a page that listens to changes
  leat_exchange *x;
  int64_t sent;  // the last revision that it was told of
  int64_t written_ms;
} leat_stream;

typedef struct leat_board_models leat_board_models;

struct leat_board {
  leat_board_options options;
  leat_store *store;
  leat_server *server;
  leat_pool *pool;            // for answers that are made of many parts
  leat_board_models *models;  // NULL: none are shown
  leat_str prefix;            // without a slash at its end
  pthread_t teller;
  bool telling;
  atomic_bool stop;
  pthread_mutex_t lock;
  LEAT_VEC(leat_stream) streams;  // under lock
};

typedef struct leat_route {
  const char *method, *path;
  void (*answer)(leat_board *board, leat_exchange *x);
} leat_route;

// --- Requests -----------------------------------------------------------------------------------
// A parameter of the query, or of the form in the body; "" without one. In the arena.
leat_str leat__board_param(leat_exchange *x, leat_arena *arena, const char *name);
// Calls take for each value of a parameter that may stand several times.
void leat__board_params(leat_exchange *x, leat_arena *arena, const char *name,
                        void (*take)(void *context, leat_str value), void *context);

// --- Answers ------------------------------------------------------------------------------------
void leat__board_json(leat_exchange *x);  // x->reply
void leat__board_fail(leat_exchange *x, int status, const char *fmt, ...) LEAT_PRINTF(3, 4);
void leat__board_bytes(leat_exchange *x, const char *type, leat_str bytes);
// A number as TensorBoard writes it: NaN and infinities as strings.
void leat__board_number(leat_json_writer *w, double value);
// Markdown as HTML that holds no script; in an arena. Without the library: its text, escaped.
leat_str leat__markdown(leat_arena *arena, leat_str text);

// The most pictures or sounds in one step of a series of images or audio.
int64_t leat__media_samples(const leat_series *s);
leat_str leat__escaped(leat_arena *arena, leat_str text);  // text as HTML

void leat__answer_scalars(leat_board *board, leat_exchange *x);  // the points of a run and tag
void leat__board_listen(leat_board *board, leat_exchange *x);  // answers with the stream of changes
void leat__board_loading(leat_board *board, leat_json_writer *w);  // how far reading is

// {run: {tag: {displayName, description}}} of a plugin's series.
void leat__board_tags(leat_board *board, leat_exchange *x, const char *plugin);
// Points as TensorBoard gives them: JSON, or CSV; at most that many (0: all), the last one always.
void leat__write_points(const leat_points *points, int64_t most, bool csv, leat_buf *out);

// Runs that are there, ordered as TensorBoard orders them: by start, then by name. Freed by the
// caller.
leat_run **leat__board_runs(leat_board *b, int *count);
static inline bool leat__eq(leat_str s, const char *text) {
  return leat_str_eq(s, leat_str_of(text));
}
static inline bool leat__is_media(const leat_series *s) {
  return leat__eq(s->plugin, "images") || leat__eq(s->plugin, "audio");
}

// --- Answers, file by file: NULL-ended tables of what they know ---------------------------------
extern const leat_route leat__routes_own[], leat__routes_core[], leat__routes_scalars[],
    leat__routes_page[], leat__routes_tensors[], leat__routes_media[], leat__routes_timeseries[],
    leat__routes_graphs[], leat__routes_hparams[], leat__routes_custom[], leat__routes_models[];

#endif
