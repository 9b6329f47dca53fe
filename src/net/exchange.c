// Exchanges: reading a request's parts, and writing its answer from any thread.
// SPDX-License-Identifier: Apache-2.0
#include "net/grpc.h"
#include "net/io.h"

#include "formats/compress.h"

#include <stdio.h>
#include <time.h>

enum {
  SPARES = 256,        // exchanges that a thread keeps
  KEPT_BYTES = 16384,  // of each of their buffers
  PACK_FROM = 1024,    // bytes that packing is worth it for
};

// --- Life ---------------------------------------------------------------------------------------
leat_xchg *leat__xchg_new(leat_conn *c) {
  leat_io *io = c->io;
  leat_xchg *x = io->spare;
  if (x) {
    io->spare = x->next;
    io->spare_count--;
  } else if (!(x = leat__calloc(1, sizeof *x)))
    return NULL;
  memcpy(x->peer, c->peer, sizeof x->peer);
  x->x.peer = x->peer;
  x->x.loopback = c->loopback;
  x->x.tls = c->tls != NULL;
  x->x.thread = io->index;
  x->x.fields = x->fields;
  x->io = io;
  x->conn = c;
  x->length_left = -1;
  x->prior = NULL;
  io->alive++;
  x->next = c->exchanges;
  if (x->next) x->next->prior = x;
  c->exchanges = x;
  return x;
}

// The buffers of an exchange, which it takes along to its next life.
enum { BUFFERS = 7 };
static void buffers_of(leat_xchg *x, leat_buf *out[BUFFERS]) {
  leat_buf *all[BUFFERS] = {&x->x.reply, &x->pending,   &x->sending,      &x->unpacked,
                            &x->text,    &x->head.text, &x->trailers.text};
  memcpy(out, all, sizeof all);
}

static void drop(leat_xchg *x) {
  leat_buf *buffers[BUFFERS];
  buffers_of(x, buffers);
  for (int i = 0; i < BUFFERS; i++) leat_buf_deinit(buffers[i]);
  leat__free(x);
}

static void unlink_exchange(leat_xchg *x) {
  if (x->prior)
    x->prior->next = x->next;
  else if (x->conn && x->conn->exchanges == x)
    x->conn->exchanges = x->next;
  if (x->next) x->next->prior = x->prior;
  x->next = x->prior = NULL;
}

void leat__xchg_free(leat_xchg *x) {
  leat_io *io = x->io;
  leat_buf *buffers[BUFFERS], kept[BUFFERS];
  unlink_exchange(x);
  io->alive--;
  io->more_memory -= x->charged;
  leat__bytes_free(io, &x->body);
  if (io->spare_count >= SPARES) {
    drop(x);
    return;
  }
  buffers_of(x, buffers);
  for (int i = 0; i < BUFFERS; i++) {
    if (buffers[i]->cap > KEPT_BYTES) leat_buf_deinit(buffers[i]);
    kept[i] = (leat_buf){.ptr = buffers[i]->ptr, .cap = buffers[i]->cap};
  }
  // Fields are counted: what lies behind their counts needs no clearing.
  memset(x, 0, offsetof(leat_xchg, fields));
  x->head.count = x->trailers.count = 0;
  for (int i = 0; i < BUFFERS; i++) *buffers[i] = kept[i];
  x->next = io->spare;
  io->spare = x;
  io->spare_count++;
}

void leat__io_free_spares(leat_io *io) {
  while (io->spare) {
    leat_xchg *x = io->spare;
    io->spare = x->next;
    drop(x);
  }
  leat_buf_deinit(&io->scratch);
  while (io->room_count) leat__free(io->rooms[--io->room_count]);
}

void leat__xchg_leave(leat_xchg *x) {
  unlink_exchange(x);
  x->conn = NULL;
  atomic_store(&x->gone, true);
  if (x->streams) leat__xchg_call(x);
}

// --- Requests -----------------------------------------------------------------------------------
const leat_field *leat__find_field(const leat_field *fields, size_t count, const char *name) {
  size_t length = strlen(name);
  for (size_t i = 0; i < count; i++)
    if (fields[i].name.len == length && memcmp(fields[i].name.ptr, name, length) == 0)
      return &fields[i];
  return NULL;
}

leat_str leat_exchange_field(const leat_exchange *x, const char *name) {
  const leat_field *f = leat__find_field(x->fields, x->field_count, name);
  return f ? f->value : (leat_str){"", 0};
}

bool leat_exchange_gone(const leat_exchange *x) {
  const leat_xchg *own = (const leat_xchg *)(const void *)x;
  return atomic_load_explicit(&own->gone, memory_order_relaxed);
}

void leat_exchange_consume(leat_exchange *x, size_t bytes) {
  leat_xchg *own = (leat_xchg *)(void *)x;
  if (bytes > x->body.len) bytes = x->body.len;
  if (own->streams)
    leat__h2_consume(own, bytes);
  else
    x->body = (leat_str){x->body.ptr + bytes, x->body.len - bytes};
}

bool leat_exchange_charge(leat_exchange *x, size_t bytes) {
  leat_xchg *own = (leat_xchg *)(void *)x;
  if (!leat__io_take_memory(own->io, (int64_t)bytes, true)) return false;
  own->charged += (int64_t)bytes;
  return true;
}

bool leat_accepts(const leat_exchange *x, const char *type) {
  leat_str list = leat_exchange_field(x, "accept");
  while (list.len) {
    leat_str item = leat_str_cut(&list, ',');
    if (leat_str_eq(leat_str_strip(leat_str_cut(&item, ';'), LEAT_STR(" \t")), leat_str_of(type)))
      return true;
  }
  return false;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool leat_url_decode(char *text, size_t *length, bool plus) {
  size_t to = 0;
  for (size_t i = 0; i < *length; i++) {
    char c = text[i];
    if (c == '%') {
      int high = i + 2 < *length ? hex(text[i + 1]) : -1, low = high < 0 ? -1 : hex(text[i + 2]);
      if (low < 0) return false;
      c = (char)(high << 4 | low);
      i += 2;
    } else if (c == '+' && plus)
      c = ' ';
    text[to++] = c;
  }
  *length = to;
  return true;
}

void leat_url_encode(leat_buf *out, leat_str text) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < text.len; i++) {
    unsigned char c = (unsigned char)text.ptr[i];
    bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
                 (c && strchr("-._~", c));
    char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
    leat_buf_add(out, plain ? (const char *)&c : escaped, plain ? 1 : 3);
  }
}

bool leat_query_get(leat_str query, const char *name, char *out, size_t room, leat_str *value) {
  while (query.len) {
    leat_str rest = leat_str_cut(&query, '&'), key = leat_str_cut(&rest, '=');
    if (!leat_str_eq(key, leat_str_of(name))) continue;
    size_t length = rest.len;
    if (length >= room) return false;
    if (length) memcpy(out, rest.ptr, length);
    if (!leat_url_decode(out, &length, true)) return false;
    out[length] = 0;
    *value = (leat_str){out, length};
    return true;
  }
  return false;
}

// --- Calling ------------------------------------------------------------------------------------
void leat__xchg_refuse(leat_xchg *x, int status, const char *message) {
  const leat_net_options *o = &x->io->server->options;
  x->keep_alive = false;
  x->called = true;
  leat_buf_clear(&x->x.reply);
  atomic_fetch_add_explicit(&x->io->server->refused, 1, memory_order_relaxed);
  if (leat_grpc_is(&x->x)) {
    leat_grpc_send(&x->x, leat_status_of_http(status), message);
    return;
  }
  if (o->refuse)
    o->refuse(o->context, &x->x, status, message);
  else {
    leat_reply_field(&x->x, "content-type", LEAT_STR("text/plain"));
    leat_buf_fmt(&x->x.reply, "%s\n", message);
  }
  leat_reply_send(&x->x, status);
}

// 0, or the status that refuses the body's coding.
static int unpack(leat_xchg *x, const char **message) {
  leat_error err;
  leat_str coding = x->coding;
  if (!coding.len || leat_http_is(coding, "identity")) return 0;
  *message = "the content coding of the body is not known";
  bool deflate = leat_http_is(coding, "deflate");
  if (!deflate && !leat_http_is(coding, "gzip") && !leat_http_is(coding, "x-gzip")) return 415;
  leat_compression how = deflate ? LEAT_COMPRESSION_ZLIB : LEAT_COMPRESSION_GZIP;
  leat_status status = leat_inflate(x->x.body, how, "body", (size_t)x->limit, &x->unpacked, &err);
  *message = status == LEAT_RESOURCE_EXHAUSTED ? "the unpacked body is too large"
                                               : "the packed body is damaged";
  if (status) return status == LEAT_RESOURCE_EXHAUSTED ? 413 : 400;
  x->x.body = leat_buf_view(&x->unpacked);
  return 0;
}

void leat__xchg_call(leat_xchg *x) {
  const leat_net_options *o = &x->io->server->options;
  const char *message = "";
  if (!x->called) {
    atomic_fetch_add_explicit(&x->io->server->requests, 1, memory_order_relaxed);
    int status = x->coding.len && !x->streams ? unpack(x, &message) : 0;
    if (status) {
      leat__xchg_refuse(x, status, message);
      return;
    }
  }
  x->called = x->in_handler = true;
  o->handler(o->context, &x->x);
  x->in_handler = false;
  if (x->did) leat__xchg_progress(x);
}

// --- Answers ------------------------------------------------------------------------------------
static void add_field(leat_reply_fields *fields, const char *name, leat_str value) {
  leat_buf *t = &fields->text;
  if (fields->count == LEAT_REPLY_FIELDS_MAX) return;
  uint32_t at = (uint32_t)t->len, name_len = (uint32_t)strlen(name);
  leat_buf_add(t, name, name_len);
  leat_buf_str(t, value);
  if (t->failed) return;
  // A value never ends a line: what came from a request may have anything in it.
  for (size_t i = at + name_len; i < t->len; i++)
    if ((unsigned char)t->ptr[i] < 0x20 || t->ptr[i] == 0x7F) t->ptr[i] = ' ';
  fields->at[fields->count].name = at;
  fields->at[fields->count].name_len = name_len;
  fields->at[fields->count].value = at + name_len;
  fields->at[fields->count++].value_len = (uint32_t)value.len;
}

leat_field leat__reply_field_at(const leat_reply_fields *fields, int i) {
  const char *text = fields->text.ptr;
  return (leat_field){{text + fields->at[i].name, fields->at[i].name_len},
                      {text + fields->at[i].value, fields->at[i].value_len}};
}

void leat_reply_field(leat_exchange *x, const char *name, leat_str value) {
  add_field(&((leat_xchg *)(void *)x)->head, name, value);
}

void leat_reply_trailer(leat_exchange *x, const char *name, leat_str value) {
  add_field(&((leat_xchg *)(void *)x)->trailers, name, value);
}

const char *leat__http_date(leat_io *io) {
  static _Thread_local char text[40];
  static _Thread_local int64_t made = -1;
  static const char days[] = "SunMonTueWedThuFriSat";
  static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
  if (made == io->now_ms / 1000) return text;
  time_t now = time(NULL);
  struct tm t;
  gmtime_r(&now, &t);
  snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * t.tm_wday,
           t.tm_mday, months + 3 * t.tm_mon, t.tm_year + 1900, t.tm_hour, t.tm_min, t.tm_sec);
  made = io->now_ms / 1000;
  return text;
}

// Another thread's turn is posted to the exchange's own.
static void post(leat_xchg *x, int did, leat_str bytes) {
  leat_io *io = x->io;
  pthread_mutex_lock(&io->lock);
  x->posted_did |= did;
  leat_buf_str(&x->pending, bytes);
  bool wake = !io->posted, posted = x->posted;
  if (!posted) {
    x->posted = true;
    x->next_posted = NULL;
    if (io->posted_last)
      io->posted_last->next_posted = x;
    else
      io->posted = x;
    io->posted_last = x;
  }
  if (wake) leat__io_wake(io);  // under the lock: the thread may end as soon as it has this
  pthread_mutex_unlock(&io->lock);
}

// What other threads did comes before what the own one does now.
static bool is_posted(leat_xchg *x) {
  pthread_mutex_lock(&x->io->lock);
  bool posted = x->posted;
  pthread_mutex_unlock(&x->io->lock);
  return posted;
}

static void answer(leat_exchange *x, int did, leat_str bytes) {
  leat_xchg *own = (leat_xchg *)(void *)x;
  if (leat__io_here != own->io || (did != XCHG_WHOLE && is_posted(own))) {
    post(own, did, bytes);
    return;
  }
  own->did |= did;
  if (bytes.len) leat_buf_str(&own->sending, bytes);
  if (!own->in_handler) leat__xchg_progress(own);
}

void leat_reply_send(leat_exchange *x, int status) {
  x->status = status;
  answer(x, XCHG_WHOLE, (leat_str){0});
}

void leat_reply_begin(leat_exchange *x, int status) {
  x->status = status;
  answer(x, XCHG_BEGUN, (leat_str){0});
}

bool leat_reply_write(leat_exchange *x, leat_str bytes) {
  leat_xchg *own = (leat_xchg *)(void *)x;
  if (leat_exchange_gone(x)) return false;
  pthread_mutex_lock(&own->io->lock);
  size_t backlog = own->pending.len + atomic_load(&own->backlog);
  bool full = backlog > (size_t)own->io->server->options.max_body || own->pending.failed;
  pthread_mutex_unlock(&own->io->lock);
  if (full || leat_exchange_gone(x)) return false;
  answer(x, 0, bytes);
  return true;
}

void leat_reply_end(leat_exchange *x) { answer(x, XCHG_ENDED, (leat_str){0}); }

void leat__xchg_log(leat_xchg *x) {
  const leat_net_options *o = &x->io->server->options;
  if (o->log) o->log(o->context, &x->x);
}

void leat__xchg_progress(leat_xchg *x) {
  if (!x->conn) {  // nobody is there any more; it is freed when the handler has done its part
    if (!(x->did & (XCHG_WHOLE | XCHG_ENDED))) return;
    leat__xchg_log(x);
    leat__xchg_free(x);
  } else if (x->conn->h2)
    leat__h2_progress(x);
  else
    leat__h1_progress(x);
}

static bool accepts_gzip(const leat_xchg *x) {
  leat_str list = leat_exchange_field(&x->x, "accept-encoding");
  while (list.len) {
    leat_str item = leat_str_cut(&list, ',');
    leat_str name = leat_str_strip(leat_str_cut(&item, ';'), LEAT_STR(" \t"));
    leat_str quality = leat_str_strip(item, LEAT_STR(" \t"));
    bool zero =
        leat_str_starts(quality, LEAT_STR("q=0")) && !leat_str_strip(quality, LEAT_STR("q=0.")).len;
    if (leat_http_is(name, "gzip") && !zero) return true;
  }
  return false;
}

void leat__xchg_pack(leat_xchg *x) {
  leat_buf packed = {0};
  if (x->io->server->options.no_compression || x->x.reply.len < PACK_FROM) return;
  if (x->trailers.count || !accepts_gzip(x)) return;
  for (int i = 0; i < x->head.count; i++)
    if (leat_str_eq(leat__reply_field_at(&x->head, i).name, LEAT_STR("content-encoding"))) return;
  if (leat_deflate(leat_buf_view(&x->x.reply), LEAT_COMPRESSION_GZIP, &packed, NULL)) {
    leat_buf_deinit(&packed);
    return;
  }
  leat_buf_deinit(&x->x.reply);
  x->x.reply = packed;
  leat_reply_field(&x->x, "content-encoding", LEAT_STR("gzip"));
  leat_reply_field(&x->x, "vary", LEAT_STR("accept-encoding"));
}
