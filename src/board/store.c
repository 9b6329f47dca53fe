// The store: opening, the threads that read, and looking things up.
// SPDX-License-Identifier: Apache-2.0
#include "board/store_impl.h"

#include "base/clock.h"
#include "base/file.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <time.h>
#include <unistd.h>

enum { FIRST_SLICE = 64 << 10, SLICE = 4 << 20 };

// --- Notices ------------------------------------------------------------------------------------
void leat__store_notice(leat_store *s, const char *path, const char *fmt, ...) {
  leat_buf text = {0};
  va_list args;
  va_start(args, fmt);
  leat_buf_vfmt(&text, fmt, args);
  va_end(args);
  pthread_mutex_lock(&s->lock);
  bool known = s->notices.count >= LEAT_NOTICES_MAX;
  for (size_t i = 0; !known && i < s->notices.count; i++)
    known =
        strcmp(s->notices.at[i].path, path) == 0 && strcmp(s->notices.at[i].text, text.ptr) == 0;
  leat_notice n = {known ? NULL : leat_strdup(path), known ? NULL : leat_strdup(text.ptr)};
  if (!n.path || !n.text || !leat_vec_push(&s->notices, n)) {
    leat__free(n.path);
    leat__free(n.text);
  } else
    s->revision++;
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
  leat_buf_deinit(&text);
}

void leat_store_notices(leat_store *s, void (*take)(void *context, const leat_notice *n),
                        void *context) {
  pthread_mutex_lock(&s->lock);
  for (size_t i = 0; i < s->notices.count; i++) take(context, &s->notices.at[i]);
  pthread_mutex_unlock(&s->lock);
}

// --- Runs ---------------------------------------------------------------------------------------
leat_run *leat__store_add(leat_store *s, const char *name, const char *dir, leat_error *err) {
  leat_map_entry *entry = NULL;
  pthread_mutex_lock(&s->lock);
  leat_map_entry *old = leat_map_find(&s->names, leat_str_of(name));
  leat_run *run = old ? old->value.ptr : NULL;
  if (run) {  // it had gone
    atomic_store(&run->gone, false);
  } else if ((run = leat__calloc(1, sizeof *run))) {
    pthread_rwlock_init(&run->lock, NULL);
    pthread_mutex_init(&run->reading, NULL);
    run->name = leat_strdup(name);
    run->dir = leat_strdup(dir);
    run->id = (int)s->runs.count;
    if (run->name && run->dir) entry = leat_map_insert(&s->names, leat_str_of(run->name), NULL);
    if (!entry || !leat_vec_push(&s->runs, run)) leat_bug("out of memory in the table of runs");
    entry->value.ptr = run;
  }
  if (run) atomic_store(&run->revision, ++s->revision);
  s->tags_revision = s->revision;
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
  if (!run) leat__oom(err, sizeof *run);
  return run;
}

leat_run **leat_store_runs(leat_store *s, int *count) {
  pthread_mutex_lock(&s->lock);
  leat_run **list = leat__alloc((s->runs.count + 1) * sizeof *list);
  *count = list ? (int)s->runs.count : 0;
  for (int i = 0; i < *count; i++) list[i] = s->runs.at[i];
  pthread_mutex_unlock(&s->lock);
  return list;
}

leat_run *leat_store_run(leat_store *s, leat_str name) {
  pthread_mutex_lock(&s->lock);
  leat_map_entry *entry = leat_map_find(&s->names, name);
  leat_run *run = entry ? entry->value.ptr : NULL;
  pthread_mutex_unlock(&s->lock);
  return run && !atomic_load(&run->gone) ? run : NULL;
}

leat_run *leat_store_run_at(leat_store *s, int64_t id) {
  pthread_mutex_lock(&s->lock);
  leat_run *run = id >= 0 && id < (int64_t)s->runs.count ? s->runs.at[id] : NULL;
  pthread_mutex_unlock(&s->lock);
  return run && !atomic_load(&run->gone) ? run : NULL;
}

void leat_run_read(leat_run *run) { pthread_rwlock_rdlock(&run->lock); }
void leat_run_unlock(leat_run *run) { pthread_rwlock_unlock(&run->lock); }

leat_series *leat_run_series(const leat_run *run, leat_str tag) {
  const leat_map_entry *entry = leat_map_find(&run->tags, tag);
  return entry ? entry->value.ptr : NULL;
}

// --- Changes ------------------------------------------------------------------------------------
void leat__store_changed(leat_store *s, leat_run *run, bool tags) {
  pthread_mutex_lock(&s->lock);
  atomic_store(&run->revision, ++s->revision);
  if (tags) s->tags_revision = s->revision;
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
}

int64_t leat_store_revision(leat_store *s) {
  pthread_mutex_lock(&s->lock);
  int64_t revision = s->revision;
  pthread_mutex_unlock(&s->lock);
  return revision;
}

int64_t leat_store_tags_revision(leat_store *s) {
  pthread_mutex_lock(&s->lock);
  int64_t revision = s->tags_revision;
  pthread_mutex_unlock(&s->lock);
  return revision;
}

int64_t leat_store_points(leat_store *s) { return atomic_load(&s->points); }
const char *leat_store_logdir(const leat_store *s) { return s->title; }

static void deadline(struct timespec *at, int timeout_ms) {
  clock_gettime(CLOCK_REALTIME, at);
  at->tv_sec += timeout_ms / 1000;
  at->tv_nsec += timeout_ms % 1000 * 1000000L;
  at->tv_sec += at->tv_nsec / 1000000000;
  at->tv_nsec %= 1000000000;
}

static bool is_loaded(const leat_store *s) { return s->walked && !s->queued && !s->working; }

int64_t leat_store_wait(leat_store *s, int64_t revision, int timeout_ms) {
  struct timespec at;
  deadline(&at, timeout_ms);
  pthread_mutex_lock(&s->lock);
  while (s->revision == revision && !s->stop)
    if (pthread_cond_timedwait(&s->news, &s->lock, &at)) break;
  revision = s->revision;
  pthread_mutex_unlock(&s->lock);
  return revision;
}

bool leat_store_wait_loaded(leat_store *s, int timeout_ms) {
  struct timespec at;
  deadline(&at, timeout_ms);
  pthread_mutex_lock(&s->lock);
  while (!is_loaded(s) && !s->stop)
    if (pthread_cond_timedwait(&s->news, &s->lock, &at)) break;
  bool loaded = is_loaded(s);
  pthread_mutex_unlock(&s->lock);
  return loaded;
}

void leat_store_loading(leat_store *s, leat_loading *out) {
  pthread_mutex_lock(&s->lock);
  *out = (leat_loading){.files = atomic_load(&s->files),
                        .files_done = s->queued + s->working,
                        .bytes = atomic_load(&s->bytes),
                        .bytes_done = atomic_load(&s->bytes_done),
                        .done = is_loaded(s)};
  pthread_mutex_unlock(&s->lock);
  out->files_done = out->files > out->files_done ? out->files - out->files_done : 0;
}

// --- Threads that read --------------------------------------------------------------------------
static void enqueue(leat_store *s, leat_run *run) {
  int which = run->sliced;
  run->queued = true;
  run->queue_next = NULL;
  if (s->queues[which].last)
    s->queues[which].last->queue_next = run;
  else
    s->queues[which].first = run;
  s->queues[which].last = run;
  s->queued++;
  pthread_cond_signal(&s->work);
}

void leat__store_queue(leat_store *s, leat_run *run) {
  pthread_mutex_lock(&s->lock);
  if (run->working)
    run->again = true;
  else if (!run->queued)
    enqueue(s, run);
  pthread_mutex_unlock(&s->lock);
}

void leat_store_want(leat_store *s, leat_run *run) { atomic_store(&run->wanted, true); }

// The next run: one that nobody has looked into, one that is wanted, or the first.
static leat_run *dequeue(leat_store *s) {
  int which = s->queues[0].first ? 0 : 1;
  leat_run *before = NULL, *prior = NULL, *run = s->queues[which].first;
  for (leat_run *i = run; which && i; prior = i, i = i->queue_next)
    if (atomic_load(&i->wanted)) {
      run = i;
      before = prior;
      break;
    }
  if (!run) return NULL;
  if (before)
    before->queue_next = run->queue_next;
  else
    s->queues[which].first = run->queue_next;
  if (s->queues[which].last == run) s->queues[which].last = before;
  run->queued = false;
  s->queued--;
  return run;
}

static void clear_stale(leat_store *s, leat_run *run) {
  pthread_rwlock_wrlock(&run->lock);
  if (run->stale) leat__run_clear(s, run);
  run->stale = false;
  pthread_rwlock_unlock(&run->lock);
}

static void *read_runs(void *store) {
  leat_store *s = store;
  leat_load_buffer buffer = {0};
  pthread_mutex_lock(&s->lock);
  while (!s->stop) {
    leat_run *run = dequeue(s);
    if (!run) {
      pthread_cond_wait(&s->work, &s->lock);
      continue;
    }
    bool changed, tags, first = !run->sliced;
    run->working = run->sliced = true;
    s->working++;
    pthread_mutex_unlock(&s->lock);
    pthread_mutex_lock(&run->reading);
    clear_stale(s, run);
    bool more = leat__run_load(s, run, &buffer, first ? FIRST_SLICE : SLICE, &changed, &tags);
    pthread_mutex_unlock(&run->reading);
    if (changed) leat__store_changed(s, run, tags);
    pthread_mutex_lock(&s->lock);
    run->working = false;
    s->working--;
    if (more || run->again)
      enqueue(s, run);
    else
      atomic_store(&run->wanted, false);
    run->again = false;
    if (is_loaded(s)) {
      s->revision++;
      pthread_cond_broadcast(&s->news);
    }
  }
  pthread_mutex_unlock(&s->lock);
  leat__free(buffer.at);
  return NULL;
}

// --- Opening ------------------------------------------------------------------------------------
static leat_status add_root(leat_store *s, leat_str name, leat_str dir, leat_error *err) {
  leat_buf own_name = {0}, own_dir = {0};
  while (dir.len > 1 && dir.ptr[dir.len - 1] == '/') dir.len--;
  leat_buf_str(&own_name, name);
  leat_buf_str(&own_dir, dir);
  leat_root root = {name.len ? leat_strdup(own_name.ptr) : NULL, leat_strdup(own_dir.ptr)};
  leat_buf_deinit(&own_name);
  leat_buf_deinit(&own_dir);
  return root.dir && leat_vec_push(&s->roots, root) ? LEAT_OK : leat__oom(err, sizeof root);
}

// "NAME:DIR,NAME2:DIR2"; a part without a name, or with a slash before the colon, is a directory.
static leat_status read_spec(leat_store *s, leat_str spec, leat_error *err) {
  leat_status status = LEAT_OK;
  while (!status && spec.len) {
    leat_str part = leat_str_strip(leat_str_cut(&spec, ','), LEAT_STR(" ")), dir = part;
    leat_str name = leat_str_cut(&dir, ':');
    if (name.len == part.len || memchr(name.ptr, '/', name.len)) dir = part, name.len = 0;
    if (!part.len) continue;
    status = dir.len ? add_root(s, name, dir, err)
                     : leat_error_set(err, LEAT_INVALID_ARGUMENT,
                                      "'" LEAT_STR_FMT "' names no directory; NAME:DIR is expected",
                                      LEAT_STR_ARG(part));
  }
  if (!status && !s->roots.count)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT,
                            "no directory is given; NAME:DIR,NAME2:DIR2 is expected");
  return status;
}

static leat_status start_threads(leat_store *s, leat_error *err) {
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  int wanted = s->options.threads > 0 ? s->options.threads : cores > 0 ? (int)cores : 1;
  if (wanted > LEAT_STORE_THREADS_MAX) wanted = LEAT_STORE_THREADS_MAX;
  while (s->thread_count < wanted &&
         !pthread_create(&s->threads[s->thread_count], NULL, read_runs, s))
    s->thread_count++;
  s->controlled = s->thread_count && !pthread_create(&s->control, NULL, leat__store_follow, s);
  return s->controlled ? LEAT_OK
                       : leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread");
}

leat_status leat_store_open(leat_store **out, const leat_store_options *options, leat_error *err) {
  leat_store *s = *out = leat__calloc(1, sizeof *s);
  if (!s) return leat__oom(err, sizeof *s);
  s->options = *options;
  if (s->options.reload_interval == 0) s->options.reload_interval = 5;
  pthread_mutex_init(&s->lock, NULL);
  pthread_cond_init(&s->work, NULL);
  pthread_cond_init(&s->news, NULL);
  s->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
  s->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  s->title = leat_strdup(options->logdir ? options->logdir : options->logdir_spec);
  leat_status status = s->title ? LEAT_OK : leat__oom(err, 1);
  if (!status && options->logdir)
    status = add_root(s, (leat_str){0}, leat_str_of(options->logdir), err);
  else if (!status)
    status = read_spec(s, leat_str_of(options->logdir_spec), err);
  if (!status) status = start_threads(s, err);
  if (!status) return LEAT_OK;
  leat_store_close(s);
  *out = NULL;
  return status;
}

static void free_run(leat_store *s, leat_run *run) {
  leat__run_clear(s, run);
  for (size_t i = 0; i < run->files.count; i++) leat__free(run->files.at[i].path);
  leat_vec_deinit(&run->files);
  pthread_rwlock_destroy(&run->lock);
  pthread_mutex_destroy(&run->reading);
  leat__free(run->name);
  leat__free(run->dir);
  leat__free(run);
}

void leat_store_close(leat_store *s) {
  uint64_t one = 1;
  if (!s) return;
  pthread_mutex_lock(&s->lock);
  s->stop = true;
  pthread_cond_broadcast(&s->work);
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
  if (write(s->wake, &one, sizeof one) < 0) leat_bug("an eventfd that takes nothing");
  for (int i = 0; i < s->thread_count; i++) pthread_join(s->threads[i], NULL);
  if (s->controlled) pthread_join(s->control, NULL);
  for (size_t i = 0; i < s->runs.count; i++) free_run(s, s->runs.at[i]);
  for (size_t i = 0; i < s->roots.count; i++) {
    leat__free(s->roots.at[i].name);
    leat__free(s->roots.at[i].dir);
  }
  for (size_t i = 0; i < s->watches.count; i++) leat__free(s->watches.at[i].dir);
  for (size_t i = 0; i < s->notices.count; i++) {
    leat__free(s->notices.at[i].path);
    leat__free(s->notices.at[i].text);
  }
  leat_vec_deinit(&s->runs);
  leat_vec_deinit(&s->roots);
  leat_vec_deinit(&s->watches);
  leat_vec_deinit(&s->notices);
  leat_map_deinit(&s->names);
  if (s->inotify >= 0) close(s->inotify);
  close(s->wake);
  pthread_cond_destroy(&s->work);
  pthread_cond_destroy(&s->news);
  pthread_mutex_destroy(&s->lock);
  leat__free(s->title);
  leat__free(s);
}
