// Lines: blocks of files by turns.
// SPDX-License-Identifier: Apache-2.0
//
//   file:    | block 0 | block 1 | block 2 | ...        worker w takes blocks w, w + workers, ...
//   buffer:  [ ...given... | not yet given | tail of the line that goes on behind the block ]
//                          at              end
#include "flow/lines.h"

#include "base/clock.h"
#include "base/map.h"
#include "base/vec.h"
#include "formats/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BLOCK = 1 << 20, PIECE = 256 << 10, SLACK = 64, LINE_MAX_BYTES = 64 << 20 };

typedef struct file {
  const char *path;
  int64_t size;
  bool plain;       // a regular file that is not compressed
  uint8_t *quotes;  // by block, atomic: 0 not known, 1 even, 2 odd up to its end
} file;

struct leat_flow_files {
  leat_paths paths;
  file *files;
  bool quoted;
  const char *pattern;         // the caller's
  leat_map known;              // paths, where they keep arriving
  int64_t every_ms, until_ms;  // of files that keep arriving; 0: they do not
};

struct leat_flow_lines {
  leat_flow_files *files;
  int worker, workers;
  int file;  // being read
  int fd;
  int64_t block;
  bool inside;  // the block has been read and is being given out
  char *buffer;
  size_t cap, at, end;
  int64_t offset;  // of the buffer's first byte
  bool first;
  leat_reader reader;  // of what is not plain
  bool reading;
  int64_t look_ns, new_ns;  // when new files are looked for next; when one was there last
};

// --- Files --------------------------------------------------------------------------------------
static bool looks_compressed(int fd) {
  unsigned char head[2];
  return pread(fd, head, 2, 0) == 2 && head[0] == 0x1F && head[1] == 0x8B;
}

static leat_status look_at(file *f, bool quoted, leat_error *err) {
  struct stat s;
  if (strcmp(f->path, "-") == 0) return LEAT_OK;
  int fd = open(f->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &s)) {
    if (fd >= 0) close(fd);
    return leat_file_error(err, f->path, "open");
  }
  f->plain = S_ISREG(s.st_mode) && !looks_compressed(fd);
  f->size = s.st_size;
  close(fd);
  if (!f->plain || !quoted) return LEAT_OK;
  f->quotes = leat__calloc((size_t)(f->size / BLOCK) + 1, 1);
  return f->quotes ? LEAT_OK : leat__oom(err, (size_t)(f->size / BLOCK));
}

leat_status leat_flow_files_new(leat_flow_files **out, const char *pattern, bool quoted,
                                leat_error *err) {
  leat_flow_files *files = leat__calloc(1, sizeof *files);
  *out = files;
  if (!files) return leat__oom(err, sizeof *files);
  files->quoted = quoted;
  files->pattern = pattern;
  leat_status status = LEAT_OK;
  if (strcmp(pattern, "-") == 0) {
    char *name = leat__calloc(2, 1);
    if (name) *name = '-';
    if (!name || !leat_vec_push(&files->paths, name)) return leat__free(name), leat__oom(err, 2);
  } else {
    status = leat_glob(pattern, &files->paths, err);
  }
  if (status) return status;
  files->files = leat__calloc(files->paths.count + 1, sizeof *files->files);
  if (!files->files) return leat__oom(err, sizeof *files->files);
  for (size_t i = 0; !status && i < files->paths.count; i++) {
    files->files[i].path = files->paths.at[i];
    status = look_at(&files->files[i], quoted, err);
  }
  return status;
}

void leat_flow_files_free(leat_flow_files *files) {
  if (!files) return;
  for (size_t i = 0; files->files && i < files->paths.count; i++)
    leat__free(files->files[i].quotes);
  leat__free(files->files);
  leat_map_deinit(&files->known);
  leat_paths_deinit(&files->paths);
  leat__free(files);
}

int leat_flow_files_count(const leat_flow_files *files) { return (int)files->paths.count; }
const char *leat_flow_files_path(const leat_flow_files *files, int index) {
  return (size_t)index < files->paths.count ? files->paths.at[index] : files->pattern;
}

// --- Files that keep arriving -------------------------------------------------------------------
leat_status leat_flow_files_watch(leat_flow_files *files, int64_t every_ms, int64_t until_ms,
                                  leat_error *err) {
  files->every_ms = every_ms;
  files->until_ms = until_ms;
  for (size_t i = 0; i < files->paths.count; i++) {
    files->files[i].plain = false;
    if (!leat_map_insert(&files->known, leat_str_of(files->paths.at[i]), NULL))
      return leat__oom(err, sizeof(file));
  }
  return LEAT_OK;
}

bool leat_flow_files_watched(const leat_flow_files *files) { return files->every_ms > 0; }

// Adds the files that are new, in order of their names.
static leat_status add_new(leat_flow_files *files, leat_error *err) {
  leat_paths now = {0};
  leat_status status = leat_glob(files->pattern, &now, err);
  if (status == LEAT_NOT_FOUND) status = LEAT_OK;
  for (size_t i = 0; !status && i < now.count; i++) {
    bool made = false;
    if (!leat_map_insert(&files->known, leat_str_of(now.at[i]), &made))
      status = leat__oom(err, sizeof(file));
    if (status || !made) continue;
    file *more = leat__realloc(files->files, (files->paths.count + 1) * sizeof *more);
    if (more) files->files = more;
    if (!more || !leat_vec_push(&files->paths, now.at[i])) {
      status = leat__oom(err, sizeof *more);
    } else {
      more[files->paths.count - 1] = (file){.path = now.at[i]};
      now.at[i] = NULL;
    }
  }
  return leat_paths_deinit(&now), status;
}

static leat_status wait_for_files(leat_flow_lines *l, leat_flow_piece *piece, bool *ended,
                                  leat_error *err) {
  leat_flow_files *files = l->files;
  int64_t now = leat_clock_ns();
  if (!l->new_ns) l->new_ns = now;
  piece->waits = true;
  if (now < l->look_ns) return LEAT_OK;
  leat_status status = add_new(files, err);
  l->look_ns = now + files->every_ms * 1000000;
  piece->waits = l->file >= leat_flow_files_count(files);
  if (!piece->waits)
    l->new_ns = now;
  else
    *ended = files->until_ms && now - l->new_ns >= files->until_ms * 1000000;
  return status;
}

// --- Blocks -------------------------------------------------------------------------------------
static const file *current(const leat_flow_lines *l) { return &l->files->files[l->file]; }

static leat_status room(leat_flow_lines *l, size_t bytes, leat_error *err) {
  if (bytes > LINE_MAX_BYTES + BLOCK)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "%s: byte %lld: a line of more than 64 MB",
                          current(l)->path, (long long)(l->offset + (int64_t)l->at));
  if (l->cap >= bytes + SLACK) return LEAT_OK;
  size_t cap = l->cap ? l->cap : BLOCK + BLOCK / 8;
  while (cap < bytes + SLACK) cap *= 2;
  char *more = leat__realloc(l->buffer, cap);
  if (!more) return leat__oom(err, cap);
  l->buffer = more;
  l->cap = cap;
  return LEAT_OK;
}

// Reads bytes [from, from + count) of the file behind buffer + at; fewer at its end.
static leat_status read_at(leat_flow_lines *l, int64_t from, size_t count, size_t at, size_t *got,
                           leat_error *err) {
  for (*got = 0; *got < count;) {
    ssize_t n = pread(l->fd, l->buffer + at + *got, count - *got, from + (int64_t)*got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return leat_file_error(err, current(l)->path, "read");
    if (!n) break;
    *got += (size_t)n;
  }
  return LEAT_OK;
}

static bool odd_quotes(const char *text, size_t count) {
  const char *end = text + count;
  bool odd = false;
  while ((text = memchr(text, '"', (size_t)(end - text)))) text++, odd = !odd;
  return odd;
}

// The first line end outside of quotes; NULL: none.
static const char *line_end(const char *p, const char *end, bool quoted, bool *inside) {
  if (!quoted) return memchr(p, '\n', (size_t)(end - p));
  if (!*inside && !memchr(p, '"', (size_t)(end - p))) return memchr(p, '\n', (size_t)(end - p));
  for (; p < end; p++) {
    if (*p == '"') *inside = !*inside;
    if (*p == '\n' && !*inside) return p;
  }
  return NULL;
}

// The rest of the last line, which lies in the blocks behind.
static leat_status finish_line(leat_flow_lines *l, bool inside, leat_error *err) {
  bool quoted = l->files->quoted;
  for (size_t step = 4096;; step *= 2) {
    leat_status status = room(l, l->end + step, err);
    size_t got;
    if (!status) status = read_at(l, l->offset + (int64_t)l->end, step, l->end, &got, err);
    if (status) return status;
    const char *from = l->buffer + l->end, *found = line_end(from, from + got, quoted, &inside);
    l->end += found ? (size_t)(found - from) + 1 : got;
    if (found || got < step) return LEAT_OK;
  }
}

// Whether the quotes before this block are known; then those of the block are told, too.
static bool know_quotes(leat_flow_lines *l, size_t bytes, bool *inside) {
  uint8_t *quotes = current(l)->quotes, before = 1;
  *inside = false;
  if (!l->files->quoted) return true;
  if (l->block) before = __atomic_load_n(&quotes[l->block - 1], __ATOMIC_ACQUIRE);
  if (!before) return false;
  *inside = before == 2;
  uint8_t after = (uint8_t)(1 + (*inside ^ odd_quotes(l->buffer, bytes)));
  __atomic_store_n(&quotes[l->block], after, __ATOMIC_RELEASE);
  return true;
}

// The block into the buffer: from its first line that starts in it to the end of the last such one.
static leat_status read_block(leat_flow_lines *l, leat_error *err) {
  size_t got;
  bool inside;
  if (!l->end) {
    leat_status status = room(l, BLOCK, err);
    l->offset = l->block * BLOCK;
    if (!status) status = read_at(l, l->offset, BLOCK, 0, &got, err);
    if (status) return status;
    l->end = got;
  }
  got = l->end;
  l->at = 0;
  if (!know_quotes(l, got, &inside)) return LEAT_OK;  // read, but not to be given out yet
  l->inside = true;
  l->first = !l->block;
  bool quoted = l->files->quoted, starts_inside = inside;
  if (l->block) {
    char last = '\n';
    if (pread(l->fd, &last, 1, l->offset - 1) == 1 && (last != '\n' || inside)) {
      const char *p = line_end(l->buffer, l->buffer + got, quoted, &inside);
      if (!p) return l->at = l->end, LEAT_OK;  // all of it belongs to an earlier line
      l->at = (size_t)(p - l->buffer) + 1;
    }
  }
  bool ends_inside = quoted && (starts_inside ^ odd_quotes(l->buffer, got));
  bool whole = got && l->buffer[got - 1] == '\n' && !ends_inside;
  return whole || got < BLOCK ? LEAT_OK : finish_line(l, ends_inside, err);
}

// --- Pieces -------------------------------------------------------------------------------------
// Cuts whole lines off [at, end) of a text; all of it when the last line's end is there.
static size_t cut(const char *text, size_t at, size_t end, bool quoted) {
  if (end - at <= PIECE) return end;
  bool inside = false;
  size_t last = 0;
  if (quoted && !memchr(text + at, '"', PIECE)) quoted = false;
  if (!quoted) {
    const char *p = memrchr(text + at, '\n', PIECE);
    if (p) return (size_t)(p - text) + 1;
  }
  for (size_t i = at; i < end; i++) {
    if (quoted && text[i] == '"') inside = !inside;
    if (text[i] != '\n' || inside) continue;
    last = i + 1;
    if (last - at >= PIECE) break;
  }
  return last ? last : end;
}

static void give(leat_flow_lines *l, leat_flow_piece *piece) {
  size_t to = cut(l->buffer, l->at, l->end, l->files->quoted);
  *piece = (leat_flow_piece){.text = {l->buffer + l->at, to - l->at},
                             .file = l->file,
                             .offset = l->offset + (int64_t)l->at,
                             .first = l->first && !l->at};
  memset(l->buffer + l->end, 0, SLACK);
  l->at = to;
}

static leat_status next_plain(leat_flow_lines *l, leat_flow_piece *piece, leat_error *err) {
  if (l->fd < 0) {
    l->fd = open(current(l)->path, O_RDONLY | O_CLOEXEC);
    if (l->fd < 0) return leat_file_error(err, current(l)->path, "open");
    l->block = l->worker;
    l->inside = false, l->end = 0;
  }
  if (l->inside && l->at < l->end) return give(l, piece), LEAT_OK;
  if (l->inside) l->block += l->workers, l->inside = false, l->end = 0;
  if (l->block * BLOCK >= current(l)->size) {
    close(l->fd);
    l->fd = -1;
    l->file++;
    return LEAT_OK;
  }
  leat_status status = read_block(l, err);
  if (!status && l->inside && l->at < l->end) give(l, piece);
  return status;
}

// Whether a read would have to wait. An end and an error are found by reading.
static bool is_dry(int fd) {
  struct pollfd p = {.fd = fd, .events = POLLIN};
  return poll(&p, 1, 0) <= 0;
}

static leat_status next_stream(leat_flow_lines *l, leat_flow_piece *piece, leat_error *err) {
  leat_reader *r = &l->reader;
  const char *path = current(l)->path;
  if (!l->reading) {
    if (!strcmp(path, "-") && is_dry(STDIN_FILENO)) return piece->waits = true, LEAT_OK;
    const char *name = strcmp(path, "-") ? path : "/dev/stdin";
    leat_status status = leat_reader_open(r, name, LEAT_COMPRESSION_AUTO, 0, err);
    if (status) return status;
    l->reading = l->first = true;
  }
  for (bool inside = false;;) {
    // Whole lines of what is there; more is asked for only when there is none.
    const char *from = r->buffer + r->at, *last = NULL;
    inside = false;
    for (const char *p = from, *found; p < r->buffer + r->end; p = found + 1) {
      found = line_end(p, r->buffer + r->end, l->files->quoted, &inside);
      if (!found) break;
      last = found + 1;
      if (last - from >= PIECE) break;
    }
    if (!last && r->eof) last = r->buffer + r->end;
    if (last && (last > from || r->eof)) {
      *piece = (leat_flow_piece){.text = {from, (size_t)(last - from)},
                                 .file = l->file,
                                 .offset = leat_reader_tell(r),
                                 .first = l->first};
      l->first = false;
      r->at = (size_t)(last - r->buffer);
      if (piece->text.len) return LEAT_OK;
      leat_reader_close(r);
      l->reading = false;
      l->file++;
      return LEAT_OK;
    }
    if (!r->left.len && is_dry(r->fd)) return piece->waits = true, LEAT_OK;
    leat_status status = leat_reader_more(r, err);
    if (status) return status;
  }
}

leat_status leat_flow_lines_next(leat_flow_lines *l, leat_flow_piece *piece, bool *ended,
                                 leat_error *err) {
  *piece = (leat_flow_piece){.text = LEAT_STR(""), .file = l->file};
  bool watched = leat_flow_files_watched(l->files);
  if (watched && l->worker) return *ended = true, LEAT_OK;
  bool none = l->file >= leat_flow_files_count(l->files);
  *ended = none && !watched;
  if (none) return watched ? wait_for_files(l, piece, ended, err) : LEAT_OK;
  if (current(l)->plain) return next_plain(l, piece, err);
  if (l->worker) return l->file++, LEAT_OK;
  return next_stream(l, piece, err);
}

int leat_flow_lines_waits_for(const leat_flow_lines *l) { return l->reading ? l->reader.fd : 0; }

bool leat_flow_lines_hold(const leat_flow_lines *l) {
  const leat_reader *r = &l->reader;
  return l->reading && r->end > r->at && memchr(r->buffer + r->at, '\n', r->end - r->at);
}

leat_status leat_flow_lines_new(leat_flow_lines **out, leat_flow_files *files, int worker,
                                int workers, leat_error *err) {
  leat_flow_lines *l = leat__calloc(1, sizeof *l);
  *out = l;
  if (!l) return leat__oom(err, sizeof *l);
  l->files = files;
  l->worker = worker;
  l->workers = workers;
  l->fd = l->reader.fd = -1;
  return LEAT_OK;
}

void leat_flow_lines_free(leat_flow_lines *l) {
  if (!l) return;
  if (l->fd >= 0) close(l->fd);
  if (l->reading) leat_reader_close(&l->reader);
  leat__free(l->buffer);
  leat__free(l);
}
