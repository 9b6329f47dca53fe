// The store: all that the event files under the log directories say, kept up to date.
// SPDX-License-Identifier: Apache-2.0
//
//   directories --walk--> runs and their files --threads, a slice at a time--> series
//                 ^ inotify, and a look every reload interval
//
// A run is a directory with files that have "tfevents" in their names. Its files are read in the
// order of their names, each from where it was left; scalars become points, of everything else the
// place in the file is kept. A run's first slice is small, so that all tags are known early; runs
// that somebody asked for are read before others.
//
// Runs are never freed nor moved while the store lives. What a run holds is touched under its lock:
// readers take leat_run_read ... leat_run_unlock, and pointers into it end there.
#ifndef LEAT_BOARD_STORE_H
#define LEAT_BOARD_STORE_H

#include "base/arena.h"
#include "base/map.h"
#include "base/vec.h"
#include "board/points.h"
#include "board/scan.h"

#include <pthread.h>
#include <stdatomic.h>

typedef struct leat_store leat_store;
typedef struct leat_run leat_run;
typedef struct leat_series leat_series;

typedef enum leat_data_class {
  LEAT_CLASS_UNKNOWN,
  LEAT_CLASS_SCALAR,
  LEAT_CLASS_TENSOR,
  LEAT_CLASS_BLOBS,
} leat_data_class;

typedef struct leat_blob {  // where a value is
  double wall;
  int64_t step;
  uint64_t offset : 56;
  uint64_t kind : 8;  // leat_value_kind: what message its bytes are
  uint32_t length;
  uint32_t file;  // of the run
  int32_t items;  // strings in it; of other values 0
} leat_blob;

struct leat_series {
  leat_str tag;
  leat_data_class data_class;
  leat_str plugin, content, display_name, description;
  leat_points points;  // of scalars
  LEAT_VEC(leat_blob) blobs;
  int32_t longest;     // the most items of one of them
  leat_series *after;  // which came next last time
  leat_series *next;   // of the run, in order of first appearance
};

typedef struct leat_event_file {
  char *path;
  uint64_t device, inode;
  int64_t size;    // at the last look
  int64_t offset;  // read up to here
  int64_t records;
  bool lost;     // the framing is damaged: the next good record is searched for
  bool seen;     // by the present walk
  bool refused;  // cannot be read
} leat_event_file;

struct leat_run {
  int id;
  char *name, *dir;         // "." for a log directory itself; where its files are
  pthread_mutex_t reading;  // who reads its files, or changes their list, has this and then
  pthread_rwlock_t lock;    // this for writing
  // Under the lock:
  LEAT_VEC(leat_event_file) files;  // in order of their names
  leat_map tags;                    // tag -> leat_series
  leat_series *first, *last, *current;
  leat_arena arena;
  double start;           // the earliest wall time; 0: nothing yet
  int64_t points;         // scalars
  bool stale;             // to be read again from the beginning
  atomic_bool gone;       // no files are left
  atomic_llong revision;  // of the store when it changed last
  bool noted, seen;       // the control thread's
  // Under the store's lock:
  leat_run *queue_next;
  bool queued, working, again, sliced;
  atomic_bool wanted;
};

typedef struct leat_notice {
  char *path, *text;
} leat_notice;

typedef struct leat_loading {
  int64_t files, files_done, bytes, bytes_done;
  bool done;
} leat_loading;

typedef struct leat_store_options {  // all zero is the default
  const char *logdir;                // "DIR"; or
  const char *logdir_spec;           // "NAME:DIR,NAME2:DIR2"
  double reload_interval;            // seconds; 0 = 5; negative: never again
  int threads;                       // that read; 0 = one a core
} leat_store_options;

// Starts reading and following. INVALID_ARGUMENT for a spec without a directory.
leat_status leat_store_open(leat_store **out, const leat_store_options *options, leat_error *err);
void leat_store_close(leat_store *store);  // NULL allowed

// All runs that were ever found, also those that are gone, by id; freed by the caller. NULL: none.
leat_run **leat_store_runs(leat_store *store, int *count);
leat_run *leat_store_run(leat_store *store, leat_str name);  // NULL: none of that name, or gone
leat_run *leat_store_run_at(leat_store *store, int64_t id);  // NULL: no such id
void leat_store_loading(leat_store *store, leat_loading *out);
int64_t leat_store_points(leat_store *store);
int64_t leat_store_revision(leat_store *store);       // grows with each change
int64_t leat_store_tags_revision(leat_store *store);  // the revision of the last new run or tag
// Waits until the revision is another one, or for that long; the revision.
int64_t leat_store_wait(leat_store *store, int64_t revision, int timeout_ms);
bool leat_store_wait_loaded(leat_store *store, int timeout_ms);  // all that is there now is read
void leat_store_want(leat_store *store, leat_run *run);          // read it first
// Calls take for each notice, oldest first.
void leat_store_notices(leat_store *store, void (*take)(void *context, const leat_notice *n),
                        void *context);
const char *leat_store_logdir(const leat_store *store);

// --- Runs ---------------------------------------------------------------------------------------
void leat_run_read(leat_run *run);
void leat_run_unlock(leat_run *run);
// Of a run that is held; NULL: none.
leat_series *leat_run_series(const leat_run *run, leat_str tag);
// Appends the bytes of a blob to `out`. Of a run that is held;
// NOT_FOUND, DATA_LOSS where the file has changed.
leat_status leat_blob_read(const leat_run *run, const leat_blob *blob, leat_buf *out,
                           leat_error *err);

#endif
