// Reading files through a window, unpacking what is compressed.
// SPDX-License-Identifier: Apache-2.0
#include "formats/reader.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

enum { FIRST_WINDOW = 1 << 20, SMALL_WINDOW = 1 << 12, DEFAULT_MOST = 1 << 26, PACKED = 1 << 18 };

// --- Bytes as stored ----------------------------------------------------------------------------
static leat_status read_stored(leat_reader *r, char *to, size_t room, size_t *got,
                               leat_error *err) {
  if (r->fd < 0) {
    *got = r->memory.len < room ? r->memory.len : room;
    if (*got) memcpy(to, r->memory.ptr, *got);
    r->memory.ptr += *got;
    r->memory.len -= *got;
    return LEAT_OK;
  }
  ssize_t n;
  do n = read(r->fd, to, room);
  while (n < 0 && errno == EINTR);
  if (n < 0) return leat_file_error(err, r->name, "read");
  *got = (size_t)n;
  return LEAT_OK;
}

static leat_status fill_packed(leat_reader *r, leat_error *err) {
  size_t got;
  leat_status status = read_stored(r, r->packed, PACKED, &got, err);
  if (!status) r->left = (leat_str){r->packed, got};
  return status;
}

static leat_status read_unpacked(leat_reader *r, char *to, size_t room, size_t *got,
                                 leat_error *err) {
  *got = 0;
  while (!*got) {
    if (!r->left.len) {
      leat_status status = fill_packed(r, err);
      if (status) return status;
    }
    if (!r->left.len)
      return r->ended
                 ? LEAT_OK
                 : leat_error_set(err, LEAT_DATA_LOSS, "%s: the compressed data are cut", r->name);
    if (r->ended && r->compression != LEAT_COMPRESSION_GZIP)
      return leat_error_set(err, LEAT_DATA_LOSS, "%s: bytes follow the compressed data", r->name);
    leat_status status = leat_inflater_run(r->inflater, &r->left, to, room, got, &r->ended, err);
    if (status) return leat_error_prepend(err, status, "%s", r->name);
  }
  return LEAT_OK;
}

// --- Opening ------------------------------------------------------------------------------------
static bool named_zlib(const char *name) {
  leat_str s = leat_str_of(name);
  return leat_str_ends(s, LEAT_STR(".zlib")) || leat_str_ends(s, LEAT_STR(".zz"));
}

static leat_status start_unpacking(leat_reader *r, leat_error *err) {
  leat_inflater_free(r->inflater);
  r->inflater = NULL;
  r->left = (leat_str){0};
  r->ended = false;
  if (!r->packed && !(r->packed = leat__alloc(PACKED))) return leat__oom(err, PACKED);
  return leat_inflater_new(&r->inflater, r->compression, err);
}

leat_status leat_reader_unpack(leat_reader *r, leat_compression wanted, leat_error *err) {
  leat_compression seen = leat_compression_guess((leat_str){r->buffer, r->end});
  if (wanted == LEAT_COMPRESSION_AUTO) {
    bool zlib = seen == LEAT_COMPRESSION_ZLIB && !named_zlib(r->name);
    wanted = zlib ? LEAT_COMPRESSION_NONE : seen;
  }
  r->compression = wanted;
  if (wanted == LEAT_COMPRESSION_NONE) return LEAT_OK;
  leat_status status = start_unpacking(r, err);
  if (status) return status;
  if (r->end > PACKED) {  // the first read may have been larger
    char *grown = leat__realloc(r->packed, r->end);
    if (!grown) return leat__oom(err, r->end);
    r->packed = grown;
  }
  memcpy(r->packed, r->buffer, r->end);
  r->left = (leat_str){r->packed, r->end};
  r->end = 0;
  r->eof = false;
  return leat_reader_more(r, err);
}

static leat_status start(leat_reader *r, leat_compression compression, size_t most,
                         leat_error *err) {
  r->most = most ? most : DEFAULT_MOST;
  r->size = r->fd < 0 ? SMALL_WINDOW : FIRST_WINDOW;
  r->compression = LEAT_COMPRESSION_NONE;
  r->buffer = leat__alloc(r->size + LEAT_READER_SLACK);
  leat_status status = r->buffer ? leat_reader_want(r, 3, err) : leat__oom(err, r->size);
  if (!status) status = leat_reader_unpack(r, compression, err);
  if (status) leat_reader_close(r);
  return status;
}

leat_status leat_reader_open(leat_reader *r, const char *path, leat_compression compression,
                             size_t most, leat_error *err) {
  *r = (leat_reader){.name = path, .fd = open(path, O_RDONLY | O_CLOEXEC)};
  if (r->fd < 0) return leat_file_error(err, path, "open");
  posix_fadvise(r->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return start(r, compression, most, err);
}

leat_status leat_reader_memory(leat_reader *r, leat_str bytes, const char *name,
                               leat_compression compression, size_t most, leat_error *err) {
  *r = (leat_reader){.name = name, .fd = -1, .memory = bytes};
  return start(r, compression, most, err);
}

void leat_reader_close(leat_reader *r) {
  if (r->name && r->fd >= 0) close(r->fd);
  leat__free(r->buffer);
  leat__free(r->packed);
  leat_inflater_free(r->inflater);
  *r = (leat_reader){.fd = -1};
}

// --- The window ---------------------------------------------------------------------------------
leat_status leat_reader_more(leat_reader *r, leat_error *err) {
  if (r->at) {
    memmove(r->buffer, r->buffer + r->at, r->end - r->at);
    r->base += (int64_t)r->at;
    r->end -= r->at;
    r->at = 0;
  }
  if (r->end == r->size) {
    if (r->size >= r->most)
      return leat_error_set(err, LEAT_OUT_OF_RANGE, "%s: longer than %zu bytes", r->name, r->most);
    char *grown = leat__realloc(r->buffer, r->size * 2 + LEAT_READER_SLACK);
    if (!grown) return leat__oom(err, r->size * 2);
    r->buffer = grown;
    r->size *= 2;
  }
  size_t got, room = r->size - r->end;
  leat_status status = r->inflater ? read_unpacked(r, r->buffer + r->end, room, &got, err)
                                   : read_stored(r, r->buffer + r->end, room, &got, err);
  if (status) return status;
  r->eof = got == 0;
  r->end += got;
  return LEAT_OK;
}

leat_status leat_reader_want(leat_reader *r, size_t wanted, leat_error *err) {
  leat_status status = LEAT_OK;
  while (!status && r->end - r->at < wanted && !r->eof) status = leat_reader_more(r, err);
  return status;
}

static leat_status jump(leat_reader *r, int64_t offset, leat_error *err) {
  if (lseek(r->fd, offset, SEEK_SET) < 0) return leat_file_error(err, r->name, "seek in");
  r->at = r->end = 0;
  r->base = offset;
  r->eof = false;
  return LEAT_OK;
}

leat_status leat_reader_seek(leat_reader *r, int64_t offset, leat_error *err) {
  leat_status status = LEAT_OK;
  bool inside = offset >= r->base && offset <= r->base + (int64_t)r->end;
  if (!inside && !r->inflater && r->fd >= 0) return jump(r, offset, err);
  if (offset < r->base) {
    if (r->fd < 0)
      return leat_error_set(err, LEAT_OUT_OF_RANGE, "%s: cannot go back in memory", r->name);
    status = jump(r, 0, err);
    if (!status) status = start_unpacking(r, err);
  }
  while (!status && offset > r->base + (int64_t)r->end && !r->eof) {
    r->at = r->end;
    status = leat_reader_more(r, err);
  }
  if (!status && offset > r->base + (int64_t)r->end)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: has %lld bytes, byte %lld was wanted", r->name,
                          (long long)(r->base + (int64_t)r->end), (long long)offset);
  if (!status) r->at = (size_t)(offset - r->base);
  return status;
}
