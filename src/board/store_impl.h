// Inside the store: what walking, reading and the rest share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BOARD_STORE_IMPL_H
#define LEAT_BOARD_STORE_IMPL_H

#include "board/store.h"

enum { LEAT_NOTICES_MAX = 200, LEAT_TAG_MAX = 4096, LEAT_STORE_THREADS_MAX = 64 };

typedef struct leat_root {
  char *name;  // NULL: none
  char *dir;
} leat_root;

typedef struct leat_watch {
  char *dir;
  leat_run *run;  // NULL: none yet
} leat_watch;

struct leat_store {
  leat_store_options options;
  LEAT_VEC(leat_root) roots;
  char *title;
  pthread_mutex_t lock;
  pthread_cond_t work, news;  // for threads that read; for those that wait for changes
  LEAT_VEC(leat_run *) runs;
  leat_map names;
  struct {
    leat_run *first, *last;
  } queues[2];  // runs that nobody has looked into yet, which come first; the others
  int queued, working;
  bool walked;  // at least once
  atomic_bool stop;
  int64_t revision, tags_revision;
  LEAT_VEC(leat_notice) notices;
  atomic_llong points, bytes, bytes_done, files, files_done;
  pthread_t threads[LEAT_STORE_THREADS_MAX], control;
  int thread_count;
  bool controlled;
  int inotify, wake;
  LEAT_VEC(leat_watch) watches;  // by descriptor
  bool watch_failed;
};

// Once for each text: the same is not said twice.
void leat__store_notice(leat_store *s, const char *path, const char *fmt, ...) LEAT_PRINTF(3, 4);
void leat__store_queue(leat_store *s, leat_run *run);  // its files have grown
void leat__store_changed(leat_store *s, leat_run *run, bool tags);
leat_run *leat__store_add(leat_store *s, const char *name, const char *dir, leat_error *err);

// A buffer of a thread that reads.
typedef struct leat_load_buffer {
  char *at;
  size_t room;
} leat_load_buffer;
// Reads on, about that many bytes; true while there is more. *changed, *tags: what came of it.
bool leat__run_load(leat_store *s, leat_run *run, leat_load_buffer *buffer, int64_t bytes,
                    bool *changed, bool *tags);
// One record's event into a run whose lock is held for writing; `at`: where the record's bytes
// begin in that file.
void leat__run_take(leat_store *s, leat_run *run, leat_str record, uint32_t file, uint64_t at);
void leat__run_clear(leat_store *s, leat_run *run);  // under its lock; forgets what was read

// --- Walking ------------------------------------------------------------------------------------
void leat__store_walk(leat_store *s);               // the whole of all roots
void *leat__store_follow(void *store);              // the control thread
bool leat__run_look(leat_store *s, leat_run *run);  // the sizes of its files; whether any has grown

#endif
