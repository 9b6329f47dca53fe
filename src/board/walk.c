// Finding runs, and following what changes in their directories.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/file.h"
#include "board/store_impl.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DEPTH_MAX = 64, SETTLE_MS = 30 };

static void own(leat_run *run) {
  pthread_mutex_lock(&run->reading);
  pthread_rwlock_wrlock(&run->lock);
}

static void disown(leat_run *run) {
  pthread_rwlock_unlock(&run->lock);
  pthread_mutex_unlock(&run->reading);
}

// --- Files of a run -----------------------------------------------------------------------------
// The file of that path where it belongs among the others; made if it is new.
static leat_event_file *file_of(leat_store *s, leat_run *run, const char *path, bool *made) {
  size_t low = 0, high = run->files.count;
  *made = false;
  while (low < high) {
    size_t middle = (low + high) / 2;
    int order = strcmp(run->files.at[middle].path, path);
    if (order == 0) return &run->files.at[middle];
    if (order < 0)
      low = middle + 1;
    else
      high = middle;
  }
  char *kept = leat_strdup(path);
  if (!kept || !leat_vec_push(&run->files, (leat_event_file){0})) {
    leat__free(kept);
    return NULL;
  }
  leat_event_file *at = &run->files.at[low];
  memmove(at + 1, at, (run->files.count - 1 - low) * sizeof *at);
  // Values name their files by number, and a file that comes before others is read before them.
  for (size_t i = low + 1; i < run->files.count; i++) run->stale |= run->files.at[i].offset > 0;
  *at = (leat_event_file){.path = kept};
  atomic_fetch_add(&s->files, 1);
  *made = true;
  return at;
}

// What the system says of a file goes to the run; a file that was replaced or cut makes it stale.
static bool see_file(leat_store *s, leat_run *run, leat_event_file *f, const struct stat *about) {
  bool grown = about->st_size > f->size;
  bool other = f->inode && (f->inode != about->st_ino || f->device != about->st_dev);
  if (other || about->st_size < f->offset) run->stale = true;
  f->device = about->st_dev;
  f->inode = about->st_ino;
  atomic_fetch_add(&s->bytes, about->st_size - f->size);
  f->size = about->st_size;
  f->seen = true;
  return grown || run->stale;
}

bool leat__run_look(leat_store *s, leat_run *run) {
  bool any = false;
  struct stat about;
  own(run);
  for (size_t i = 0; i < run->files.count; i++) {
    leat_event_file *f = &run->files.at[i];
    if (stat(f->path, &about) == 0) any |= see_file(s, run, f, &about);
  }
  disown(run);
  return any;
}

static void drop_file(leat_store *s, leat_run *run, size_t i) {
  leat_event_file *f = &run->files.at[i];
  atomic_fetch_sub(&s->files, 1);
  atomic_fetch_sub(&s->bytes, f->size);
  atomic_fetch_sub(&s->bytes_done, f->offset);
  leat__free(f->path);
  memmove(f, f + 1, (run->files.count - i - 1) * sizeof *f);
  run->files.count--;
}

// Behind a walk: files that it did not meet are no more.
static void sweep(leat_store *s, leat_run *run) {
  bool changed = false;
  own(run);
  for (size_t i = run->files.count; i-- > 0;) {
    if (run->files.at[i].seen) {
      run->files.at[i].seen = false;
      continue;
    }
    if (!changed) leat__run_clear(s, run);
    changed = true;
    drop_file(s, run, i);
  }
  bool gone = !run->files.count;
  disown(run);
  if (!changed) return;
  atomic_store(&run->gone, gone);
  leat__store_changed(s, run, true);
  if (!gone) leat__store_queue(s, run);
}

// --- Walking ------------------------------------------------------------------------------------
typedef struct walk {
  leat_store *s;
  const leat_root *root;
  struct {
    dev_t device;
    ino_t inode;
  } above[DEPTH_MAX];  // the directories that lead here: a link to one of them is a loop
} walk;

static void watch(leat_store *s, const char *dir, leat_run *run) {
  if (s->inotify < 0) return;
  int wd = inotify_add_watch(s->inotify, dir,
                             IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO |
                                 IN_DELETE_SELF | IN_ONLYDIR);
  if (wd < 0) {
    if (!s->watch_failed && errno == ENOSPC)
      leat__store_notice(s, dir,
                         "too many directories to be told of changes (fs.inotify.max_user_watches);"
                         " looked at every %g s instead",
                         s->options.reload_interval);
    s->watch_failed = true;
    return;
  }
  while (s->watches.count <= (size_t)wd)
    if (!leat_vec_push(&s->watches, (leat_watch){0})) return;
  leat_watch *w = &s->watches.at[wd];
  if (run) w->run = run;
  if (w->dir && strcmp(w->dir, dir) == 0) return;
  leat__free(w->dir);
  w->dir = leat_strdup(dir);
}

static leat_run *run_of(walk *w, const char *dir, const char *below) {
  leat_error err;
  leat_buf name = {0};
  leat_buf_c(&name, w->root->name ? w->root->name : "");
  if (w->root->name && *below) leat_buf_c(&name, "/");
  leat_buf_c(&name, below);
  if (!name.len) leat_buf_c(&name, ".");
  leat_run *run = name.failed ? NULL : leat_store_run(w->s, leat_buf_view(&name));
  if (!run && !name.failed) run = leat__store_add(w->s, name.ptr, dir, &err);
  leat_buf_deinit(&name);
  return run;
}

static bool is_event_file(const char *name) { return strstr(name, "tfevents") != NULL; }

static void visit_file(walk *w, leat_run *run, const char *path, const struct stat *about,
                       bool *grown) {
  bool made;
  leat_store *s = w->s;
  own(run);
  leat_event_file *f = file_of(s, run, path, &made);
  if (f) *grown |= see_file(s, run, f, about) || made;
  disown(run);
}

static void visit(walk *w, const char *dir, const char *below, int depth);

static void visit_entry(walk *w, const char *dir, const char *below, const char *name, int depth,
                        leat_run **run, bool *grown) {
  struct stat about;
  char *path = leat_path_join(dir, name);
  if (!path || stat(path, &about)) {  // gone meanwhile, or a link to nothing
    leat__free(path);
    return;
  }
  if (S_ISDIR(about.st_mode)) {
    leat_buf deeper = {0};
    leat_buf_fmt(&deeper, "%s%s%s", below, *below ? "/" : "", name);
    if (!deeper.failed) visit(w, path, deeper.ptr, depth + 1);
    leat_buf_deinit(&deeper);
  } else if (S_ISREG(about.st_mode) && is_event_file(name)) {
    if (!*run) *run = run_of(w, dir, below);
    if (*run) visit_file(w, *run, path, &about, grown);
  }
  leat__free(path);
}

static bool is_loop(walk *w, const char *dir, int depth) {
  struct stat about;
  if (stat(dir, &about)) return true;
  for (int i = 0; i < depth; i++)
    if (w->above[i].device == about.st_dev && w->above[i].inode == about.st_ino) return true;
  w->above[depth].device = about.st_dev;
  w->above[depth].inode = about.st_ino;
  return false;
}

static void visit(walk *w, const char *dir, const char *below, int depth) {
  leat_paths names = {0};
  leat_error err;
  leat_run *run = NULL;
  bool grown = false;
  if (depth >= DEPTH_MAX || w->s->stop || is_loop(w, dir, depth)) return;
  watch(w->s, dir, NULL);
  if (leat_dir_list(dir, &names, &err)) {
    if (err.status != LEAT_NOT_FOUND || depth)
      leat__store_notice(w->s, dir, "the directory cannot be read: %s", strerror(errno));
    return;
  }
  for (size_t i = 0; i < names.count; i++)
    visit_entry(w, dir, below, names.at[i], depth, &run, &grown);
  leat_paths_deinit(&names);
  if (!run) return;
  run->seen = true;
  watch(w->s, dir, run);
  if (grown) leat__store_queue(w->s, run);
}

void leat__store_walk(leat_store *s) {
  int count;
  for (size_t i = 0; i < s->roots.count; i++) {
    walk w = {.s = s, .root = &s->roots.at[i]};
    visit(&w, w.root->dir, "", 0);
  }
  leat_run **runs = s->stop ? NULL : leat_store_runs(s, &count);
  for (int i = 0; runs && i < count; i++)
    if (!atomic_load(&runs[i]->gone)) sweep(s, runs[i]);
  leat__free(runs);
  pthread_mutex_lock(&s->lock);
  s->walked = true;
  pthread_cond_broadcast(&s->news);
  pthread_mutex_unlock(&s->lock);
}

// --- Following ----------------------------------------------------------------------------------
// Reads what the system tells; true when the tree has to be walked again.
static bool take_notes(leat_store *s) {
  char room[16384] __attribute__((aligned(8)));
  ssize_t got;
  bool again = false;
  while ((got = read(s->inotify, room, sizeof room)) > 0)
    for (char *at = room; at < room + got;) {
      const struct inotify_event *e = (const struct inotify_event *)(void *)at;
      at += sizeof *e + e->len;
      leat_run *run =
          e->wd >= 0 && (size_t)e->wd < s->watches.count ? s->watches.at[e->wd].run : NULL;
      if (e->mask & IN_MODIFY) {
        if (run && e->len && is_event_file(e->name)) run->noted = true;
      } else if (!(e->mask & IN_IGNORED))
        again = true;
    }
  return again;
}

static void look_again(leat_store *s) {
  for (size_t i = 0; i < s->watches.count; i++) {
    leat_run *run = s->watches.at[i].run;
    if (!run || !run->noted) continue;
    run->noted = false;
    if (leat__run_look(s, run)) leat__store_queue(s, run);
  }
}

void *leat__store_follow(void *store) {
  leat_store *s = store;
  struct pollfd fds[2] = {{s->wake, POLLIN, 0}, {s->inotify, POLLIN, 0}};
  int64_t interval = (int64_t)(s->options.reload_interval * 1000);
  leat__store_walk(s);
  int64_t walked = leat_clock_ns() / 1000000;
  while (!s->stop) {
    int64_t now = leat_clock_ns() / 1000000, rest = walked + interval - now;
    // Read once: nothing but the end is waited for.
    bool told = s->inotify >= 0 && interval >= 0;
    poll(fds, told ? 2 : 1, interval < 0 ? -1 : rest > 0 ? (int)rest : 0);
    if (s->stop) break;
    if (interval < 0) continue;
    bool again = leat_clock_ns() / 1000000 - walked >= interval;
    if (fds[1].revents & POLLIN) {
      usleep(SETTLE_MS * 1000);  // what comes close together is looked at once
      again |= take_notes(s);
      look_again(s);
    }
    if (!again) continue;
    leat__store_walk(s);
    walked = leat_clock_ns() / 1000000;
  }
  return NULL;
}
