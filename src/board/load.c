// Reading event files into runs, a slice at a time.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "board/store_impl.h"
#include "formats/crc32c.h"
#include "formats/proto.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEAD = 12, FOOT = 4, BUFFER = 256 << 10, BATCH = 128 };

// --- Series -------------------------------------------------------------------------------------
static leat_str keep(leat_run *run, leat_str s) {
  char *kept = s.len ? leat_arena_str(&run->arena, s) : NULL;
  return (leat_str){kept, kept ? s.len : 0};
}

static bool is(leat_str s, const char *text) { return leat_str_eq(s, leat_str_of(text)); }

// What plugins of old keep, which say nothing of it in their metadata.
static leat_data_class class_of(leat_str plugin) {
  static const struct {
    const char *plugin;
    leat_data_class data_class;
  } known[] = {{"scalars", LEAT_CLASS_SCALAR},
               {"histograms", LEAT_CLASS_TENSOR},
               {"text", LEAT_CLASS_TENSOR},
               {"pr_curves", LEAT_CLASS_TENSOR},
               {"hparams", LEAT_CLASS_TENSOR},
               {"mesh", LEAT_CLASS_TENSOR},
               {"custom_scalars", LEAT_CLASS_TENSOR},
               {"images", LEAT_CLASS_BLOBS},
               {"audio", LEAT_CLASS_BLOBS},
               {"graphs", LEAT_CLASS_BLOBS},
               {"graph_run_metadata", LEAT_CLASS_BLOBS},
               {"graph_run_metadata_graph", LEAT_CLASS_BLOBS},
               {"graph_keras_model", LEAT_CLASS_BLOBS},
               {"graph_tagged_run_metadata", LEAT_CLASS_BLOBS}};
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (is(plugin, known[i].plugin)) return known[i].data_class;
  return LEAT_CLASS_UNKNOWN;
}

// The plugin and class of a series by its first value.
static void describe(leat_run *run, leat_series *s, const leat_event_value *v) {
  static const struct {
    const char *plugin;
    leat_data_class data_class;
  } old[] = {[LEAT_VALUE_SCALAR] = {"scalars", LEAT_CLASS_SCALAR},
             [LEAT_VALUE_IMAGE] = {"images", LEAT_CLASS_BLOBS},
             [LEAT_VALUE_HISTOGRAM] = {"histograms", LEAT_CLASS_TENSOR},
             [LEAT_VALUE_AUDIO] = {"audio", LEAT_CLASS_BLOBS},
             [LEAT_VALUE_GRAPH] = {"graphs", LEAT_CLASS_BLOBS},
             [LEAT_VALUE_RUN_METADATA] = {"graph_tagged_run_metadata", LEAT_CLASS_BLOBS}};
  leat_metadata m = {0};
  if (v->metadata.len) leat_scan_metadata(v->metadata, &m);
  s->plugin = keep(run, m.plugin);
  s->content = keep(run, m.content);
  s->display_name = keep(run, m.display_name);
  s->description = keep(run, m.description);
  s->data_class = (leat_data_class)m.data_class;
  if (s->data_class) return;
  if (v->kind != LEAT_VALUE_TENSOR && v->kind != LEAT_VALUE_NONE) {
    s->plugin = leat_str_of(old[v->kind].plugin);
    s->content = (leat_str){0};
    s->data_class = old[v->kind].data_class;
  } else
    s->data_class = class_of(s->plugin);
}

static leat_series *new_series(leat_run *run, leat_str tag, const leat_event_value *v) {
  leat_series *s = leat_arena_alloc(&run->arena, sizeof *s);
  leat_map_entry *entry;
  if (!s || tag.len > LEAT_TAG_MAX) return NULL;
  s->tag = keep(run, tag);
  if ((tag.len && !s->tag.ptr) || !(entry = leat_map_insert(&run->tags, s->tag, NULL))) return NULL;
  entry->value.ptr = s;
  describe(run, s, v);
  if (run->last) run->last->next = s;
  if (!run->first) run->first = s;
  run->last = s;
  return s;
}

static inline bool same(leat_str a, leat_str b) {
  if (a.len != b.len) return false;
  if (a.len < 8 || a.len > 16) return leat_str_eq(a, b);
  uint64_t a0, a1, b0, b1;  // tags are mostly this long: two words that may overlap
  memcpy(&a0, a.ptr, 8);
  memcpy(&b0, b.ptr, 8);
  memcpy(&a1, a.ptr + a.len - 8, 8);
  memcpy(&b1, b.ptr + b.len - 8, 8);
  return ((a0 ^ b0) | (a1 ^ b1)) == 0;
}

// Tags mostly come in the same turn again and again.
static inline leat_series *find(leat_run *run, leat_str tag) {
  leat_series *current = run->current, *s = current ? current->after : NULL;
  if (current && same(current->tag, tag)) return current;
  if (!s || !same(s->tag, tag)) {
    leat_map_entry *entry = leat_map_find(&run->tags, tag);
    if (!entry) return NULL;
    s = entry->value.ptr;
    if (current) current->after = s;
  }
  return run->current = s;
}

static void put_point(leat_store *st, leat_run *run, leat_series *s, const leat_point *point) {
  if (!leat_points_add(&s->points, point)) {
    leat__store_notice(st, run->dir, "out of memory: points are missing");
    return;
  }
  run->points++;
}

static void put_blob(leat_store *st, leat_run *run, leat_series *s, const leat_blob *blob) {
  if (!leat_vec_push(&s->blobs, *blob))
    leat__store_notice(st, run->dir, "out of memory: values are missing");
}

// Graphs are of no step.
static bool stays(const leat_blob *b, int64_t step) {
  return b->kind == LEAT_VALUE_GRAPH || b->kind == LEAT_VALUE_RUN_METADATA || b->step < step;
}

static void purge(leat_run *run, int64_t step) {
  for (leat_series *s = run->first; s; s = s->next) {
    size_t kept = 0;
    run->points -= (int64_t)leat_points_count(&s->points);
    leat_points_purge(&s->points, step);
    run->points += (int64_t)leat_points_count(&s->points);
    for (size_t i = 0; i < s->blobs.count; i++)
      if (stays(&s->blobs.at[i], step)) s->blobs.at[kept++] = s->blobs.at[i];
    s->blobs.count = kept;
  }
}

// --- Events -------------------------------------------------------------------------------------
typedef struct taking {
  leat_store *store;
  leat_run *run;
  const char *record;
  uint64_t at;
  uint32_t file;
} taking;

// How many strings a value of images, sounds or the like has: the rows of its tensor.
static int32_t items_of(const leat_series *s, const leat_event_value *v) {
  leat_proto p = {v->body, false}, shape, size;
  leat_proto_field f, dim, of;
  int64_t rows = -1, strings = 0;
  if (s->data_class != LEAT_CLASS_BLOBS) return 0;
  if (v->kind != LEAT_VALUE_TENSOR) return v->kind == LEAT_VALUE_IMAGE ? 3 : 1;
  while (leat_proto_next(&p, &f)) {
    strings += f.number == 8;
    if (f.number != 2 || f.wire != LEAT_WIRE_BYTES) continue;
    shape = (leat_proto){f.bytes, false};
    if (!leat_proto_next(&shape, &dim) || dim.wire != LEAT_WIRE_BYTES) continue;
    size = (leat_proto){dim.bytes, false};
    while (leat_proto_next(&size, &of))
      if (of.number == 1) rows = (int64_t)of.bits;
  }
  if (rows < 0 || rows > strings) rows = strings;
  return rows < INT32_MAX ? (int32_t)rows : INT32_MAX;
}

static void take(void *context, const leat_event_value *v) {
  taking *t = context;
  leat_run *run = t->run;
  leat_str tag = v->kind == LEAT_VALUE_GRAPH ? LEAT_STR("__run_graph__") : v->tag;
  if (v->wall > 0 && (run->start == 0 || v->wall < run->start)) run->start = v->wall;
  if (v->kind == LEAT_VALUE_VERSION || (v->kind == LEAT_VALUE_NONE && !tag.ptr)) return;
  if (v->kind == LEAT_VALUE_START) {
    purge(run, v->step);
    return;
  }
  leat_series *s = find(run, tag);
  if (!s) s = new_series(run, tag, v);
  if (!s) return;
  if (s->data_class == LEAT_CLASS_SCALAR) {
    leat_point point = {v->wall, v->step, v->scalar};
    if (v->kind == LEAT_VALUE_TENSOR ? leat_scan_scalar(v->body, &point.value)
                                     : v->kind == LEAT_VALUE_SCALAR)
      put_point(t->store, run, s, &point);
    return;
  }
  if (v->kind == LEAT_VALUE_NONE && !is(s->plugin, "hparams")) return;
  leat_blob blob = {.wall = v->wall,
                    .step = v->step,
                    .offset = t->at + (v->body.ptr ? (uint64_t)(v->body.ptr - t->record) : 0),
                    .kind = (uint64_t)v->kind,
                    .length = (uint32_t)v->body.len,
                    .file = t->file};
  blob.items = items_of(s, v);
  if (blob.items > s->longest) s->longest = blob.items;
  put_blob(t->store, run, s, &blob);
}

// The commonest event: wall time, step, one summary of one tag and its simple_value.
//   09 WALL 10 STEP 2a len 0a len 0a len TAG 15 VALUE
static inline bool take_scalar(leat_store *st, leat_run *run, leat_str record) {
  const unsigned char *p = (const unsigned char *)record.ptr, *end = p + record.len;
  leat_point point = {0};
  uint64_t step = 0;
  if (record.len < 20 || record.len > 140 || p[0] != 0x09) return false;
  memcpy(&point.wall, p + 1, 8);
  p += 9;
  if (*p == 0x10) {
    int shift = 0;
    for (p++; shift < 63 && p < end; shift += 7) {
      step |= (uint64_t)(*p & 127) << shift;
      if (!(*p++ & 128)) break;
    }
    if (shift >= 63) return false;
  }
  if (end - p < 11 || p[0] != 0x2a || p[1] != end - p - 2 || p[2] != 0x0a || p[3] != end - p - 4 ||
      p[4] != 0x0a || p[5] != end - p - 11)
    return false;
  leat_str tag = {(const char *)p + 6, p[5]};
  p += 6 + tag.len;
  if (p[0] != 0x15) return false;
  memcpy(&point.value, p + 1, 4);
  leat_series *s = find(run, tag);
  if (!s || s->data_class != LEAT_CLASS_SCALAR) return false;
  if (point.wall < run->start && point.wall > 0) run->start = point.wall;
  point.step = (int64_t)step;
  put_point(st, run, s, &point);
  return true;
}

void leat__run_take(leat_store *s, leat_run *run, leat_str record, uint32_t file, uint64_t at) {
  taking t = {s, run, record.ptr, at, file};
  if (!take_scalar(s, run, record) && !leat_scan_event(record, take, &t))
    leat__store_notice(s, run->files.at[file].path, "byte %llu: the event is damaged",
                       (unsigned long long)at);
}

void leat__run_clear(leat_store *s, leat_run *run) {
  for (leat_series *i = run->first; i; i = i->next) {
    leat_points_deinit(&i->points);
    leat_vec_deinit(&i->blobs);
  }
  leat_map_deinit(&run->tags);
  leat_arena_deinit(&run->arena);
  run->first = run->last = run->current = NULL;
  atomic_fetch_sub(&s->points, run->points);
  run->points = 0;
  run->start = 0;
  for (size_t i = 0; i < run->files.count; i++) {
    leat_event_file *f = &run->files.at[i];
    atomic_fetch_sub(&s->bytes_done, f->offset);
    f->offset = f->records = 0;
    f->lost = f->refused = false;
  }
}

// --- Framing ------------------------------------------------------------------------------------
static inline uint32_t word(const char *at) {
  uint32_t value;
  memcpy(&value, at, 4);
  return value;
}
static inline uint64_t length_at(const char *at) {
  uint64_t value;
  memcpy(&value, at, 8);
  return value;
}
static inline bool good_head(const char *at) {
  return leat_crc32c_mask(leat_crc32c(0, at, 8)) == word(at + 8);
}

typedef struct piece {  // bytes of a file, from its offset on
  leat_store *store;
  leat_run *run;
  uint32_t file;
  const char *at, *end;
  uint64_t need;  // bytes that the record at `at` takes, when it does not fit in the piece
} piece;

// Searches the next place that could begin a record.
static bool find_record(piece *p) {
  leat_event_file *f = &p->run->files.at[p->file];
  const char *from = p->at;
  while (p->end - p->at >= HEAD && !good_head(p->at)) p->at++;
  f->offset += p->at - from;
  if (p->end - p->at < HEAD) return false;
  f->lost = false;
  return true;
}

// The records that are as they should be, a batch at a time.
static bool take_good(piece *p) {
  uint32_t lengths[BATCH];
  leat_event_file *f = &p->run->files.at[p->file];
  size_t n = leat_crc32c_frames(p->at, (size_t)(p->end - p->at), lengths, BATCH);
  for (size_t i = 0; i < n; i++) {
    uint64_t whole = (uint64_t)HEAD + lengths[i] + FOOT;
    leat__run_take(p->store, p->run, (leat_str){p->at + HEAD, lengths[i]}, p->file,
                   (uint64_t)f->offset + HEAD);
    p->at += whole;
    f->offset += (int64_t)whole;
  }
  f->records += (int64_t)n;
  return n > 0;
}

// Takes the records that are whole; under the run's lock.
static void take_records(piece *p) {
  leat_run *run = p->run;
  leat_event_file *f = &run->files.at[p->file];
  p->need = HEAD;
  while (p->end - p->at >= HEAD) {
    if (!f->lost && take_good(p)) continue;
    if (f->lost && !find_record(p)) return;
    uint64_t length = length_at(p->at);
    if (!good_head(p->at) || length > (uint64_t)1 << 40) {
      leat__store_notice(p->store, f->path,
                         "byte %lld: the length of a record is damaged; the next good one is "
                         "searched for",
                         (long long)f->offset);
      f->lost = true;
      p->at++, f->offset++;
      continue;
    }
    if ((uint64_t)(p->end - p->at) < HEAD + length + FOOT) {
      p->need = HEAD + length + FOOT;
      return;
    }
    leat_str record = {p->at + HEAD, (size_t)length};
    if (leat_crc32c_mask(leat_crc32c(0, record.ptr, record.len)) != word(record.ptr + length))
      leat__store_notice(p->store, f->path,
                         "byte %lld: a record's checksum is wrong; it is passed over",
                         (long long)f->offset);
    else
      leat__run_take(p->store, run, record, p->file, (uint64_t)f->offset + HEAD);
    p->at += HEAD + length + FOOT;
    f->offset += (int64_t)(HEAD + length + FOOT);
    f->records++;
  }
}

// --- Files --------------------------------------------------------------------------------------
static bool make_room(leat_load_buffer *buffer, size_t room) {
  char *grown = room > buffer->room ? leat__realloc(buffer->at, room) : buffer->at;
  if (!grown) return false;
  if (grown != buffer->at) *buffer = (leat_load_buffer){grown, room};
  return true;
}

static ssize_t read_at(int fd, char *to, size_t count, int64_t offset) {
  size_t got = 0;
  while (got < count) {
    ssize_t n = pread(fd, to + got, count - got, (off_t)offset + (off_t)got);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return got ? (ssize_t)got : -1;
    if (n == 0) break;
    got += (size_t)n;
  }
  return (ssize_t)got;
}

static void refuse_file(leat_store *s, leat_run *run, uint32_t file, const char *doing) {
  leat_event_file *f = &run->files.at[file];
  leat__store_notice(s, f->path, "cannot %s: %s", doing, strerror(errno));
  pthread_rwlock_wrlock(&run->lock);
  f->refused = true;
  pthread_rwlock_unlock(&run->lock);
}

// What was read in goes to the run; false when the rest of it waits for more than the file has.
static bool take_piece(leat_store *s, piece *p, int64_t file_size) {
  leat_event_file *f = &p->run->files.at[p->file];
  int64_t before = f->offset;
  pthread_rwlock_wrlock(&p->run->lock);
  int64_t points = p->run->points;
  take_records(p);
  points = p->run->points - points;
  pthread_rwlock_unlock(&p->run->lock);
  atomic_fetch_add(&s->points, points);
  atomic_fetch_add(&s->bytes_done, f->offset - before);
  return p->need <= (uint64_t)(file_size - f->offset);
}

// Reads on in one file, about that many bytes; returns what was used up: 0 when only a part of a
// record, or nothing, is left. A run's files are changed by the thread that has the run alone.
static int64_t load_file(leat_store *s, leat_run *run, uint32_t file, leat_load_buffer *buffer,
                         int64_t bytes) {
  leat_event_file *f = &run->files.at[file];
  int64_t start = f->offset;
  struct stat about;
  size_t want = BUFFER, carried = 0;
  int fd = open(f->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0 || fstat(fd, &about)) {
    refuse_file(s, run, file, "open");
    if (fd >= 0) close(fd);
    return 0;
  }
  if (bytes < BUFFER) want = (size_t)bytes;
  for (bool more = true; more && f->offset - start < bytes && make_room(buffer, want);) {
    ssize_t got = read_at(fd, buffer->at + carried, want - carried, f->offset + (int64_t)carried);
    if (got < 0) refuse_file(s, run, file, "read");
    if (got <= 0) break;
    piece p = {s, run, file, buffer->at, buffer->at + carried + got, 0};
    more = take_piece(s, &p, about.st_size);
    carried = (size_t)(p.end - p.at);
    memmove(buffer->at, p.at, carried);
    want = p.need > BUFFER ? (size_t)p.need : BUFFER;
  }
  close(fd);
  if (buffer->room > 8 * BUFFER) {
    leat__free(buffer->at);
    *buffer = (leat_load_buffer){0};
  }
  return f->offset - start;
}

bool leat__run_load(leat_store *s, leat_run *run, leat_load_buffer *buffer, int64_t bytes,
                    bool *changed, bool *tags) {
  int64_t left = bytes;
  size_t known = run->tags.count;
  for (uint32_t i = 0; i < run->files.count && left > 0; i++) {
    const leat_event_file *f = &run->files.at[i];
    if (!f->refused && f->size > f->offset) left -= load_file(s, run, i, buffer, left);
  }
  *changed = left < bytes;
  *tags = run->tags.count != known;
  if (left <= 0) return true;
  pthread_rwlock_wrlock(&run->lock);
  for (leat_series *i = run->first; i; i = i->next) leat_points_trim(&i->points);
  pthread_rwlock_unlock(&run->lock);
  return false;
}

leat_status leat_blob_read(const leat_run *run, const leat_blob *blob, leat_buf *out,
                           leat_error *err) {
  const leat_event_file *f = &run->files.at[blob->file];
  leat_status status = LEAT_OK;
  int fd = open(f->path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return leat_file_error(err, f->path, "open");
  if (!leat_buf_reserve(out, blob->length)) status = leat__oom(err, blob->length);
  if (!status && read_at(fd, out->ptr + out->len, blob->length, (int64_t)blob->offset) !=
                     (ssize_t)blob->length)
    status = leat_error_set(err, LEAT_DATA_LOSS, "%s: cannot read %u bytes at %llu", f->path,
                            blob->length, (unsigned long long)blob->offset);
  if (!status) out->len += blob->length;
  if (!status && out->ptr) out->ptr[out->len] = 0;
  close(fd);
  return status;
}
