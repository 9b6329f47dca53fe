// HTTP/2 on a connection: the one file that knows nghttp2, which is opened on first use.
// SPDX-License-Identifier: Apache-2.0
//
// A stream is an exchange:
//
//   HEADERS -> fields -> DATA -> body -> END_STREAM -> handler -> HEADERS, DATA, trailers -> closed
//
// nghttp2 takes what came (leat__h2_input) and calls back; whatever it has to say is gathered and
// sent when it has taken all of it (leat__h2_output), so that the answers to what came together
// leave together. While the client does not read, nothing more is gathered.
#include "net/io.h"

#include "base/clock.h"
#include "base/library.h"
#include "net/grpc.h"

#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/uio.h>

enum {
  STREAM_WINDOW = 1 << 20,
  CONN_WINDOW = 4 << 20,
  GATHER = 64 << 10,       // bytes that leave in one write
  PIECE = 1024,            // bytes that count as progress of a slow body
  FIELDS_FLOOD = 8,        // times max_header_bytes of fields in one request: no honest client
  RESETS = 1000,           // streams that a client may reset in a second
  UPGRADE_SETTINGS = 512,  // bytes
};

// --- The library --------------------------------------------------------------------------------
// clang-format off
#define FUNCTIONS(F) \
  F(session_callbacks_new) \
  F(session_callbacks_set_on_begin_headers_callback) \
  F(session_callbacks_set_on_header_callback) \
  F(session_callbacks_set_on_frame_recv_callback) \
  F(session_callbacks_set_on_frame_send_callback) \
  F(session_callbacks_set_on_data_chunk_recv_callback) \
  F(session_callbacks_set_on_stream_close_callback) \
  F(session_server_new3) \
  F(session_del) \
  F(session_mem_recv) \
  F(session_mem_send) \
  F(session_want_read) \
  F(session_want_write) \
  F(session_upgrade2) \
  F(session_consume) \
  F(session_resume_data) \
  F(session_set_local_window_size) \
  F(session_set_stream_user_data) \
  F(session_get_stream_user_data) \
  F(session_terminate_session) \
  F(submit_settings) \
  F(submit_response) \
  F(submit_headers) \
  F(submit_trailer) \
  F(submit_rst_stream) \
  F(submit_shutdown_notice) \
  F(option_new) \
  F(option_set_no_auto_window_update) \
  F(option_set_no_closed_streams)
// clang-format on

#define FIELD(name) __typeof__(nghttp2_##name) *name;
#define NAME(name) "nghttp2_" #name,
static struct { FUNCTIONS(FIELD) } lib;
static const char *const names[] = {FUNCTIONS(NAME) NULL};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static leat_error trouble;
static nghttp2_session_callbacks *callbacks;
static nghttp2_option *option;

struct leat_h2 {
  nghttp2_session *session;
  int resets;  // of the client, in the second that starts at:
  int64_t resets_ms;
  bool busy;     // in a call of nghttp2, or gathering
  bool leaving;  // the last word was said
};

static void *h2_malloc(size_t bytes, void *user) { return leat__alloc(bytes); }
static void h2_free(void *block, void *user) { leat__free(block); }
static void *h2_calloc(size_t count, size_t bytes, void *user) {
  return leat__calloc(count, bytes);
}
static void *h2_realloc(void *block, size_t bytes, void *user) {
  return leat__realloc(block, bytes);
}
static nghttp2_mem memory = {NULL, h2_malloc, h2_free, h2_calloc, h2_realloc};

// --- Requests -----------------------------------------------------------------------------------
static leat_xchg *exchange_of(nghttp2_session *session, int32_t stream) {
  return lib.session_get_stream_user_data(session, stream);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
  leat_conn *c = user;
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  leat_xchg *x = leat__xchg_new(c);
  if (!x) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  x->stream = frame->hd.stream_id;
  x->x.version = 20;
  x->x.started_ns = c->io->now_ns;
  x->since_ms = c->io->now_ms;
  lib.session_set_stream_user_data(session, x->stream, x);
  return 0;
}

// Names and values are kept as places in x->text, which may move, until all are there.
static leat_str keep(leat_xchg *x, const uint8_t *bytes, size_t count) {
  leat_str s = {(const char *)(uintptr_t)x->text.len, count};
  leat_buf_add(&x->text, bytes, count);
  return s;
}

static bool take_pseudo(leat_xchg *x, leat_str name, const uint8_t *value, size_t length) {
  if (leat_str_eq(name, LEAT_STR(":method")))
    x->x.method = keep(x, value, length);
  else if (leat_str_eq(name, LEAT_STR(":path")))
    x->x.path = keep(x, value, length);
  else if (leat_str_eq(name, LEAT_STR(":authority")))
    x->x.authority = keep(x, value, length);
  return name.len && name.ptr[0] == ':';
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
                     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
                     void *user) {
  leat_conn *c = user;
  size_t max = (size_t)c->io->server->options.max_header_bytes;
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  leat_xchg *x = exchange_of(session, frame->hd.stream_id);
  if (!x) return 0;
  x->head_bytes += name_len + value_len + 32;
  if (x->head_bytes > FIELDS_FLOOD * max) return NGHTTP2_ERR_CALLBACK_FAILURE;
  if (x->head_bytes > max || x->text.failed) return 0;  // refused at the end
  if (take_pseudo(x, (leat_str){(const char *)name, name_len}, value, value_len)) return 0;
  if (x->x.field_count == LEAT_FIELDS_MAX) {
    x->head_bytes = max + 1;
    return 0;
  }
  leat_field *f = &x->fields[x->x.field_count++];
  f->name = keep(x, name, name_len);
  f->value = keep(x, value, value_len);
  return 0;
}

static void place(const leat_xchg *x, leat_str *s) {
  s->ptr = (x->text.ptr ? x->text.ptr : "") + (uintptr_t)s->ptr;
}

static void split_path(leat_xchg *x) {
  leat_str rest = x->x.path;
  x->x.path = leat_str_cut(&rest, '?');
  x->x.query = rest.len ? rest : (leat_str){x->x.path.ptr, 0};
}

static void read_known(leat_xchg *x) {
  for (size_t i = 0; i < x->x.field_count; i++) {
    leat_field f = x->fields[i];
    if (leat_str_eq(f.name, LEAT_STR("host")) && !x->x.authority.len)
      x->x.authority = f.value;
    else if (leat_str_eq(f.name, LEAT_STR("content-encoding")))
      x->coding = f.value;
    else if (leat_str_eq(f.name, LEAT_STR("grpc-timeout"))) {
      int64_t ns = leat_grpc_timeout_ns(f.value);
      if (ns >= 0 && ns < INT64_MAX - x->x.started_ns) x->x.deadline_ns = x->x.started_ns + ns;
    } else if (leat_str_eq(f.name, LEAT_STR("content-length"))) {
      x->length_left = 0;  // nghttp2 has checked it
      for (size_t k = 0; k < f.value.len; k++)
        x->length_left = x->length_left * 10 + (f.value.ptr[k] - '0');
    }
  }
}

static void continue_now(leat_conn *c, const leat_xchg *x) {
  nghttp2_nv go = {(uint8_t *)(uintptr_t) ":status", (uint8_t *)(uintptr_t) "100", 7, 3, 0};
  if (leat_str_eq(leat_exchange_field(&x->x, "expect"), LEAT_STR("100-continue")))
    lib.submit_headers(c->h2->session, 0, x->stream, NULL, &go, 1, NULL);
}

static void call(leat_xchg *x) {
  x->x.body = (leat_str){x->body.ptr ? x->body.ptr + x->body.at : "", x->body.len - x->body.at};
  x->x.complete = x->input_over;
  leat__xchg_call(x);
}

// All fields are there.
static void start_request(leat_conn *c, leat_xchg *x) {
  const leat_net_options *o = &c->io->server->options;
  place(x, &x->x.method);
  place(x, &x->x.path);
  place(x, &x->x.authority);
  for (size_t i = 0; i < x->x.field_count; i++) {
    place(x, &x->fields[i].name);
    place(x, &x->fields[i].value);
  }
  split_path(x);
  read_known(x);
  x->head_request = leat_str_eq(x->x.method, LEAT_STR("HEAD"));
  int64_t own = o->body_limit ? o->body_limit(o->context, &x->x) : 0;
  x->limit = own > 0 && own < o->max_body ? own : o->max_body;
  if (x->head_bytes > (size_t)o->max_header_bytes || x->text.failed)
    leat__xchg_refuse(x, 431, "the fields of the request are too large");
  else if (!x->x.path.len)
    leat__xchg_refuse(x, 400, "the request has no path");
  else if (x->length_left > x->limit)
    leat__xchg_refuse(x, 413, "the body is too large");
  else if (!x->input_over) {
    x->streams = o->streams && o->streams(o->context, &x->x);
    continue_now(c, x);
    if (x->streams) call(x);
  } else
    call(x);
}

static bool answered(const leat_xchg *x) { return x->did & (XCHG_WHOLE | XCHG_ENDED); }

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream, const uint8_t *bytes,
                   size_t count, void *user) {
  leat_conn *c = user;
  leat_xchg *x = exchange_of(session, stream);
  bool wanted = x && (!x->called || x->streams) && !answered(x);
  if (!wanted || !x->streams) lib.session_consume(session, stream, count);
  if (!wanted) {
    if (x && x->streams) lib.session_consume(session, stream, count);
    return 0;
  }
  size_t had = x->body.len - x->body.at;
  if ((int64_t)(had + count) > x->limit && !x->streams)
    leat__xchg_refuse(x, 413, "the body is too large");
  else if (!leat__bytes_add(c->io, &x->body, bytes, count)) {
    if (x->called)
      lib.submit_rst_stream(session, 0, stream, NGHTTP2_ENHANCE_YOUR_CALM);
    else
      leat__xchg_refuse(x, 503, "the server is out of memory for requests");
  } else {
    x->progress += count;
    if (x->progress >= PIECE) x->progress = 0, x->since_ms = c->io->now_ms;
  }
  return 0;
}

// Resets that come fast cost the server more than the client.
static int count_reset(leat_conn *c) {
  leat_h2 *h2 = c->h2;
  if (c->io->now_ms - h2->resets_ms > 1000) {
    h2->resets_ms = c->io->now_ms;
    h2->resets = 0;
  }
  if (++h2->resets == RESETS) lib.session_terminate_session(h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
  return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
  leat_conn *c = user;
  bool ends = frame->hd.flags & NGHTTP2_FLAG_END_STREAM, data = frame->hd.type == NGHTTP2_DATA;
  if (frame->hd.type == NGHTTP2_RST_STREAM) return count_reset(c);
  if (!data && frame->hd.type != NGHTTP2_HEADERS) return 0;
  leat_xchg *x = exchange_of(session, frame->hd.stream_id);
  if (!x) return 0;
  if (ends) x->input_over = true;
  if (!data && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
    start_request(c, x);
  else if (x->streams ? !answered(x) : ends && !x->called)
    call(x);
  return 0;
}

// The body may be left unread when all is answered: the client need not send the rest.
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
  if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
  if (frame->hd.type != NGHTTP2_DATA && frame->hd.type != NGHTTP2_HEADERS) return 0;
  leat_xchg *x = exchange_of(session, frame->hd.stream_id);
  if (x && !x->input_over) lib.submit_rst_stream(session, 0, x->stream, NGHTTP2_NO_ERROR);
  return 0;
}

// Its stream is over, or the connection: what was answered has no other owner.
void leat__h2_end(leat_xchg *x) {
  if (x->called && (!answered(x) || x->in_handler)) {
    leat__xchg_leave(x);
    return;
  }
  if (x->called) leat__xchg_log(x);
  leat__xchg_free(x);
}

static int on_close(nghttp2_session *session, int32_t stream, uint32_t code, void *user) {
  leat_conn *c = user;
  leat_xchg *x = exchange_of(session, stream);
  if (!x) return 0;
  leat__conn_rest(c);
  leat__h2_end(x);
  return 0;
}

// --- Answers ------------------------------------------------------------------------------------
static leat_str rest_of(const leat_xchg *x) {
  const leat_buf *b = x->did & XCHG_WHOLE ? &x->x.reply : &x->sending;
  return b->len ? (leat_str){b->ptr + x->sent, b->len - x->sent} : (leat_str){"", 0};
}

static nghttp2_nv pair(leat_str name, leat_str value, uint8_t flags) {
  return (nghttp2_nv){(uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len,
                      value.len, (uint8_t)(flags | NGHTTP2_NV_FLAG_NO_COPY_NAME)};
}

static size_t pairs_of(const leat_reply_fields *fields, nghttp2_nv *nv) {
  for (int i = 0; i < fields->count; i++) {
    leat_field f = leat__reply_field_at(fields, i);
    nv[i] = pair(f.name, f.value, NGHTTP2_NV_FLAG_NO_COPY_VALUE);
  }
  return (size_t)fields->count;
}

static ssize_t read_reply(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                          uint32_t *flags, nghttp2_data_source *source, void *user) {
  leat_xchg *x = source->ptr;
  leat_str rest = rest_of(x);
  size_t n = rest.len < room ? rest.len : room;
  if (n) memcpy(to, rest.ptr, n);
  x->sent += n;
  if (n) x->since_ms = x->io->now_ms;
  if (!(x->did & XCHG_WHOLE)) {
    if (x->sent == x->sending.len) leat_buf_clear(&x->sending), x->sent = 0;
    atomic_store(&x->backlog, x->sending.len - x->sent);
  }
  x->x.sent_bytes += (int64_t)n;
  if (n < rest.len) return (ssize_t)n;
  if (!answered(x)) return n ? (ssize_t)n : NGHTTP2_ERR_DEFERRED;
  *flags |= NGHTTP2_DATA_FLAG_EOF;
  if (x->trailers.count) {
    nghttp2_nv nv[LEAT_REPLY_FIELDS_MAX];
    size_t count = pairs_of(&x->trailers, nv);
    *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
    if (lib.submit_trailer(session, stream, nv, count))
      return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
  }
  return (ssize_t)n;
}

static void submit(leat_xchg *x) {
  char status[8], length[24];
  nghttp2_nv nv[2 * LEAT_REPLY_FIELDS_MAX + 3];
  nghttp2_session *session = x->conn->h2->session;
  size_t count = 0;
  bool empty = x->did & XCHG_WHOLE && !x->x.reply.len;
  bool bodiless = leat_http_bodiless(x->x.status);
  int n = snprintf(status, sizeof status, "%d", x->x.status);
  nv[count++] = pair(LEAT_STR(":status"), (leat_str){status, (size_t)n}, 0);
  count += pairs_of(&x->head, nv + count);
  if (empty)  // trailers without a body before them are fields
    count += pairs_of(&x->trailers, nv + count);
  if (!(x->did & (XCHG_WHOLE | XCHG_ENDED)) || !x->trailers.count) {
    nv[count++] = pair(LEAT_STR("date"), leat_str_of(leat__http_date(x->io)), 0);
    if (x->did & XCHG_WHOLE && !bodiless) {
      n = snprintf(length, sizeof length, "%zu", x->x.reply.len);
      nv[count++] = pair(LEAT_STR("content-length"), (leat_str){length, (size_t)n}, 0);
    }
  }
  nghttp2_data_provider body = {.source.ptr = x, .read_callback = read_reply};
  bodiless |= empty || x->head_request;
  if (lib.submit_response(session, x->stream, nv, count, bodiless ? NULL : &body))
    lib.submit_rst_stream(session, 0, x->stream, NGHTTP2_INTERNAL_ERROR);
}

void leat__h2_progress(leat_xchg *x) {
  leat_conn *c = x->conn;
  if (x->in_handler || !x->did) return;
  if (!x->submitted) {
    x->submitted = true;
    if (x->x.reply.failed && x->did & XCHG_WHOLE) {
      leat_buf_deinit(&x->x.reply);
      x->x.status = 500;
    }
    if (x->did & XCHG_WHOLE) leat__xchg_pack(x);
    x->since_ms = c->io->now_ms;
    submit(x);
  } else
    lib.session_resume_data(c->h2->session, x->stream);
  atomic_store(&x->backlog, x->did & XCHG_WHOLE ? 0 : x->sending.len - x->sent);
  leat__h2_output(c);
}

void leat__h2_consume(leat_xchg *x, size_t bytes) {
  x->body.at += bytes;
  if (x->body.at == x->body.len) x->body.at = x->body.len = 0;
  x->x.body = (leat_str){x->x.body.ptr + bytes, x->x.body.len - bytes};
  if (x->conn) lib.session_consume(x->conn->h2->session, x->stream, bytes);
}

// --- Life ---------------------------------------------------------------------------------------
static void open_library(void) {
  static const leat_library library = {"libnghttp2.so.14", "libnghttp2-14", names, (void **)&lib};
  nghttp2_session_callbacks *made;
  if (leat_library_open(&library, &trouble)) return;
  if (lib.session_callbacks_new(&made) || lib.option_new(&option)) {
    trouble.status = LEAT_RESOURCE_EXHAUSTED;
    return;
  }
  lib.session_callbacks_set_on_begin_headers_callback(made, on_begin_headers);
  lib.session_callbacks_set_on_header_callback(made, on_header);
  lib.session_callbacks_set_on_frame_recv_callback(made, on_frame);
  lib.session_callbacks_set_on_frame_send_callback(made, on_frame_sent);
  lib.session_callbacks_set_on_data_chunk_recv_callback(made, on_data);
  lib.session_callbacks_set_on_stream_close_callback(made, on_close);
  lib.option_set_no_auto_window_update(option, 1);
  lib.option_set_no_closed_streams(option, 1);
  callbacks = made;
}

// Base64 as in URLs, without its padding; -1 where it is not that.
static ssize_t decode_settings(leat_str text, uint8_t *out, size_t room) {
  static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  size_t to = 0;
  uint32_t bits = 0;
  text = leat_str_strip(text, LEAT_STR("="));
  for (size_t i = 0; i < text.len; i++) {
    const char *digit = text.ptr[i] ? strchr(digits, text.ptr[i]) : NULL;
    if (!digit) return -1;
    bits = bits << 6 | (uint32_t)(digit - digits);
    if (i % 4 == 0) continue;
    if (to == room) return -1;
    out[to++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
  }
  return (ssize_t)to;
}

// The request's views are of a buffer that goes on to hold frames: they are copied.
static bool adopt(leat_xchg *x) {
  leat_str *views[] = {&x->x.method, &x->x.path, &x->x.query, &x->x.authority, &x->coding};
  for (size_t i = 0; i < sizeof views / sizeof *views; i++)
    *views[i] = keep(x, (const uint8_t *)views[i]->ptr, views[i]->len);
  for (size_t i = 0; i < x->x.field_count; i++) {
    leat_field *f = &x->fields[i];
    f->name = keep(x, (const uint8_t *)f->name.ptr, f->name.len);
    f->value = keep(x, (const uint8_t *)f->value.ptr, f->value.len);
  }
  for (size_t i = 0; i < sizeof views / sizeof *views; i++) place(x, views[i]);
  for (size_t i = 0; i < x->x.field_count; i++) {
    place(x, &x->fields[i].name);
    place(x, &x->fields[i].value);
  }
  x->stream = 1;
  x->x.version = 20;
  x->input_over = true;
  return !x->text.failed;
}

static int start_session(leat_conn *c, leat_h2 *h2, leat_xchg *upgrade, leat_str settings) {
  const leat_net_options *o = &c->io->server->options;
  uint8_t payload[UPGRADE_SETTINGS];
  nghttp2_settings_entry entries[] = {
      {NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, (uint32_t)o->max_streams},
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, STREAM_WINDOW},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, (uint32_t)o->max_header_bytes},
  };
  if (lib.session_server_new3(&h2->session, callbacks, c, option, &memory)) return -1;
  if (upgrade) {
    ssize_t n = decode_settings(settings, payload, sizeof payload);
    if (n < 0 ||
        lib.session_upgrade2(h2->session, payload, (size_t)n, upgrade->head_request, upgrade))
      return -1;
  }
  if (lib.submit_settings(h2->session, 0, entries, sizeof entries / sizeof *entries)) return -1;
  return lib.session_set_local_window_size(h2->session, 0, 0, CONN_WINDOW);
}

leat_status leat__h2_new(leat_conn *c, leat_xchg *upgrade, leat_str settings, leat_error *err) {
  pthread_once(&once, open_library);
  if (!callbacks) return leat_error_set(err, trouble.status, "%s", trouble.message);
  leat_h2 *h2 = leat__calloc(1, sizeof *h2);
  if (!h2) return leat__oom(err, sizeof *h2);
  if (start_session(c, h2, upgrade, settings) || (upgrade && !adopt(upgrade))) {
    leat__h2_free(h2);
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "HTTP/2 cannot be started here");
  }
  c->h2 = h2;
  return LEAT_OK;
}

void leat__h2_free(leat_h2 *h2) {
  if (!h2) return;
  lib.session_del(h2->session);
  leat__free(h2);
}

void leat__h2_input(leat_conn *c) {
  leat_h2 *h2 = c->h2;
  h2->busy = true;
  ssize_t n = lib.session_mem_recv(h2->session, (const uint8_t *)c->in.ptr + c->in.at,
                                   c->in.len - c->in.at);
  h2->busy = false;
  c->in.at = c->in.len;
  if (n < 0 && n != NGHTTP2_ERR_FLOODED)
    lib.session_terminate_session(h2->session, n == NGHTTP2_ERR_CALLBACK_FAILURE
                                                   ? NGHTTP2_ENHANCE_YOUR_CALM
                                                   : NGHTTP2_PROTOCOL_ERROR);
  c->broken |= n < 0;
  leat__h2_output(c);
}

// Frames gathered into one buffer. false: the session is broken.
static bool gather(leat_conn *c, leat_buf *b) {
  const uint8_t *bytes;
  ssize_t n = 0;
  leat_buf_clear(b);
  while (b->len < GATHER && (n = lib.session_mem_send(c->h2->session, &bytes)) > 0)
    leat_buf_add(b, bytes, (size_t)n);
  return n >= 0 && !b->failed;
}

static void leave(leat_h2 *h2) {
  h2->leaving = true;
  lib.session_terminate_session(h2->session, NGHTTP2_NO_ERROR);
}

void leat__h2_output(leat_conn *c) {
  leat_h2 *h2 = c->h2;
  if (c->dead || h2->busy || c->state != CONN_H2) return;
  while (leat__conn_takes(c)) {
    if (c->io->draining && leat__h2_idle(c) && !h2->leaving) leave(h2);
    leat_buf *b = &c->io->scratch;
    h2->busy = true;
    bool good = gather(c, b);
    h2->busy = false;
    if (!good) {
      leat__conn_close(c);
      return;
    }
    if (!b->len) break;
    struct iovec part = {b->ptr, b->len};
    if (!leat__conn_send(c, &part, 1)) return;
  }
  bool over = !lib.session_want_read(h2->session) && !lib.session_want_write(h2->session);
  if (c->broken) {  // it may go on sending for ever
    if (c->out.at == c->out.len) leat__conn_close(c);
  } else if (over)
    leat__conn_finish(c);
}

// While there are streams it asks for no more; what was on its way is still served.
void leat__h2_drain(leat_conn *c) {
  if (leat__h2_idle(c))
    leave(c->h2);
  else
    lib.submit_shutdown_notice(c->h2->session);
  leat__h2_output(c);
}

bool leat__h2_idle(const leat_conn *c) { return !c->exchanges; }

// Requests whose body does not go on, and answers that are not taken, are given up.
void leat__h2_sweep(leat_conn *c) {
  int limit = c->io->server->options.body_ms;
  c->h2->busy = true;
  for (leat_xchg *x = c->exchanges; x; x = x->next) {
    bool waits = !x->called || (x->did && !x->in_handler && rest_of(x).len);
    if (!waits || c->io->now_ms - x->since_ms <= limit) continue;
    if (!x->limit) {  // inside its fields, which hold up the whole connection
      c->broken = true;
      lib.session_terminate_session(c->h2->session, NGHTTP2_ENHANCE_YOUR_CALM);
      break;
    }
    if (!x->called)
      leat__xchg_refuse(x, 408, "the request did not come in time");
    else
      lib.submit_rst_stream(c->h2->session, 0, x->stream, NGHTTP2_CANCEL);
  }
  c->h2->busy = false;
  leat__h2_output(c);
}
