// The board's server: who answers what, who may ask, and the stream of changes.
// SPDX-License-Identifier: Apache-2.0
#include "board/models.h"

#include "base/clock.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { TELL_MS = 250, ALIVE_MS = 15000, STREAMS_MAX = 1000 };

// --- Parameters ---------------------------------------------------------------------------------
static leat_str decode(leat_arena *arena, leat_str text) {
  char *own = leat_arena_str(arena, text);
  size_t length = text.len;
  if (!own || !leat_url_decode(own, &length, true)) return (leat_str){0};
  own[length] = 0;
  return (leat_str){own, length};
}

typedef void taker(void *context, leat_str value);

static void take_urlencoded(leat_str text, leat_arena *arena, const char *name, taker *take,
                            void *context) {
  while (text.len) {
    leat_str value = leat_str_cut(&text, '&'), key = leat_str_cut(&value, '=');
    if (leat__eq(decode(arena, key), name)) take(context, decode(arena, value));
  }
}

static leat_str find_text(leat_str in, leat_str what) {
  const char *at =
      what.len && in.len >= what.len ? memmem(in.ptr, in.len, what.ptr, what.len) : NULL;
  return at ? (leat_str){at, (size_t)(in.ptr + in.len - at)} : (leat_str){0};
}

// A form as browsers send it: parts between boundaries, each with its name in its head.
static void take_multipart(leat_str body, leat_str type, const char *name, taker *take,
                           void *context) {
  leat_str boundary = find_text(type, LEAT_STR("boundary="));
  leat_buf line = {0}, wanted = {0};
  boundary = leat_str_strip(
      (leat_str){boundary.ptr + (boundary.len ? 9 : 0), boundary.len ? boundary.len - 9 : 0},
      LEAT_STR("\" "));
  leat_buf_fmt(&line, "--" LEAT_STR_FMT, LEAT_STR_ARG(boundary));
  leat_buf_fmt(&wanted, "name=\"%s\"", name);
  leat_str part = find_text(body, leat_buf_view(&line));
  while (boundary.len && part.len) {
    part.ptr += line.len, part.len -= line.len;
    leat_str next = find_text(part, leat_buf_view(&line));
    leat_str whole = {part.ptr, part.len - next.len},
             value = find_text(whole, LEAT_STR("\r\n\r\n"));
    leat_str head = {whole.ptr, whole.len - value.len};
    if (value.len >= 6 && find_text(head, leat_buf_view(&wanted)).len)
      take(context, (leat_str){value.ptr + 4, value.len - 6});
    part = next;
  }
  leat_buf_deinit(&line);
  leat_buf_deinit(&wanted);
}

void leat__board_params(leat_exchange *x, leat_arena *arena, const char *name, taker *take,
                        void *context) {
  leat_str type = leat_exchange_field(x, "content-type");
  take_urlencoded(x->query, arena, name, take, context);
  if (leat_str_starts(type, LEAT_STR("multipart/form-data")))
    take_multipart(x->body, type, name, take, context);
  else if (leat_str_starts(type, LEAT_STR("application/x-www-form-urlencoded")))
    take_urlencoded(x->body, arena, name, take, context);
}

static void take_first(void *context, leat_str value) {
  leat_str *out = context;
  if (!out->ptr) *out = value;
}

leat_str leat__board_param(leat_exchange *x, leat_arena *arena, const char *name) {
  leat_str value = {0};
  leat__board_params(x, arena, name, take_first, &value);
  return value;
}

// --- Answers ------------------------------------------------------------------------------------
void leat__board_bytes(leat_exchange *x, const char *type, leat_str bytes) {
  leat_reply_field(x, "content-type", leat_str_of(type));
  leat_reply_field(x, "cache-control", LEAT_STR("no-cache, must-revalidate"));
  leat_buf_str(&x->reply, bytes);
  leat_reply_send(x, 200);
}

void leat__board_json(leat_exchange *x) {
  if (x->reply.failed)
    leat__board_fail(x, 500, "the answer does not fit in memory");
  else
    leat__board_bytes(x, "application/json", (leat_str){0});
}

void leat__board_fail(leat_exchange *x, int status, const char *fmt, ...) {
  va_list args;
  leat_buf_deinit(&x->reply);
  va_start(args, fmt);
  leat_buf_vfmt(&x->reply, fmt, args);
  va_end(args);
  leat_buf_char(&x->reply, '\n');
  leat_reply_field(x, "content-type", LEAT_STR("text/plain; charset=utf-8"));
  leat_reply_send(x, status);
}

void leat__board_number(leat_json_writer *w, double value) {
  if (isfinite(value))
    leat_json_f64(w, value);
  else
    leat_json_string(w, leat_str_of(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity"));
}

static void refuse(void *context, leat_exchange *x, int status, const char *message) {
  leat_buf_c(&x->reply, message);
  leat_buf_char(&x->reply, '\n');
  leat_reply_field(x, "content-type", LEAT_STR("text/plain; charset=utf-8"));
}

// --- Runs ---------------------------------------------------------------------------------------
typedef struct started {
  leat_run *run;
  double start;
} started;

static int by_start(const void *a, const void *b) {
  const started *p = a, *q = b;
  if (p->start != q->start) {
    if (p->start == 0 || q->start == 0) return p->start == 0 ? 1 : -1;  // nothing read yet
    return p->start < q->start ? -1 : 1;
  }
  return strcmp(p->run->name, q->run->name);
}

leat_run **leat__board_runs(leat_board *b, int *count) {
  leat_run **runs = leat_store_runs(b->store, count);
  started *list = leat__alloc(((size_t)*count + 1) * sizeof *list);
  int kept = 0;
  for (int i = 0; list && i < *count; i++) {
    if (atomic_load(&runs[i]->gone)) continue;
    leat_run_read(runs[i]);
    list[kept++] = (started){runs[i], runs[i]->start};
    leat_run_unlock(runs[i]);
  }
  *count = kept;
  if (kept) qsort(list, (size_t)kept, sizeof *list, by_start);
  for (int i = 0; i < kept; i++) runs[i] = list[i].run;
  leat__free(list);
  return runs;
}

// --- Who may ask --------------------------------------------------------------------------------
// A page elsewhere whose name was made to lead here must not read what is here: without a token
// only names of this machine itself are answered.
static bool host_is_own(leat_str host) {
  leat_str name = host;
  if (name.len && name.ptr[0] == '[') return true;  // an address
  for (size_t i = 0; i < name.len; i++)
    if (name.ptr[i] == ':') name.len = i;
  if (!name.len) return true;  // HTTP/1.0
  bool number = true;
  for (size_t i = 0; i < name.len; i++) number = number && strchr("0123456789.", name.ptr[i]);
  return number || leat__eq(name, "localhost") || leat_str_ends(name, LEAT_STR(".localhost"));
}

static bool same_secret(leat_str a, leat_str b) {
  unsigned char differs = a.len != b.len;
  for (size_t i = 0; i < a.len && i < b.len; i++) differs |= (unsigned char)(a.ptr[i] ^ b.ptr[i]);
  return !differs;
}

static leat_str cookie(leat_exchange *x, const char *name) {
  leat_str rest = leat_exchange_field(x, "cookie");
  while (rest.len) {
    leat_str value = leat_str_cut(&rest, ';'), key = leat_str_cut(&value, '=');
    if (leat__eq(leat_str_strip(key, LEAT_STR(" ")), name)) return value;
  }
  return (leat_str){0};
}

// The page's script, style and icon tell nothing of the runs. A frame of a notebook, where cookies
// are refused, fetches them without the token that its own address carries.
static bool is_decoration(const leat_board *b, leat_str path) {
  if (leat_str_starts(path, b->prefix)) path.ptr += b->prefix.len, path.len -= b->prefix.len;
  for (size_t i = 1; i < path.len; i++)
    if (path.ptr[i] == '/') return false;
  return leat_str_ends(path, LEAT_STR(".js")) || leat_str_ends(path, LEAT_STR(".css")) ||
         leat_str_ends(path, LEAT_STR(".svg"));
}

static bool may_ask(leat_board *b, leat_exchange *x) {
  char room[256];
  leat_str own, token = leat_str_of(b->options.token ? b->options.token : ""), given;
  if (!token.len) {
    if (host_is_own(x->authority)) return true;
    leat__board_fail(x, 403,
                     "The host '" LEAT_STR_FMT
                     "' is none of this machine's. Open the board as http://localhost, or start it "
                     "with --token-file to let other names in.",
                     LEAT_STR_ARG(x->authority));
    return false;
  }
  given = leat_exchange_field(x, "authorization");
  if (leat_str_starts(given, LEAT_STR("Bearer ")) &&
      same_secret((leat_str){given.ptr + 7, given.len - 7}, token))
    return true;
  if (same_secret(cookie(x, "leat_board"), token)) return true;
  if (is_decoration(b, x->path)) return true;
  if (leat_query_get(x->query, "token", room, sizeof room, &own) && same_secret(own, token)) {
    leat_buf line = {0};
    leat_buf_fmt(&line, "leat_board=" LEAT_STR_FMT "; Path=/; HttpOnly; SameSite=Lax",
                 LEAT_STR_ARG(token));
    leat_reply_field(x, "set-cookie", leat_buf_view(&line));
    leat_buf_deinit(&line);
    return true;
  }
  leat_reply_field(x, "www-authenticate", LEAT_STR("Bearer"));
  leat__board_fail(x, 401,
                   "A token is needed: open the address that `leat board` printed, with "
                   "?token=... at its end.");
  return false;
}

// --- Dispatch -----------------------------------------------------------------------------------
static const leat_route *const tables[] = {
    leat__routes_own,    leat__routes_core,       leat__routes_scalars, leat__routes_tensors,
    leat__routes_media,  leat__routes_timeseries, leat__routes_graphs,  leat__routes_hparams,
    leat__routes_custom, leat__routes_models,     leat__routes_page};

static const leat_route *find_route(leat_str path, leat_str method, bool *other_method) {
  bool head = leat__eq(method, "HEAD");
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const leat_route *r = tables[t]; r->path; r++) {
      size_t length = strlen(r->path);
      bool below = length && r->path[length - 1] == '*';
      if (below ? !leat_str_starts(path, (leat_str){r->path, length - 1})
                : !leat__eq(path, r->path))
        continue;
      if (leat__eq(method, r->method) || (head && strcmp(r->method, "GET") == 0)) return r;
      *other_method = true;
    }
  return NULL;
}

static void guard(leat_exchange *x) {
  leat_reply_field(x, "content-security-policy",
                   LEAT_STR("default-src 'self'; img-src 'self' data: blob:; style-src 'self'; "
                            "script-src 'self'; connect-src 'self'; object-src 'none'; "
                            "base-uri 'none'; form-action 'self'; frame-ancestors *"));
  leat_reply_field(x, "x-content-type-options", LEAT_STR("nosniff"));
  leat_reply_field(x, "referrer-policy", LEAT_STR("no-referrer"));
}

static void handle(void *context, leat_exchange *x) {
  leat_board *b = context;
  bool other_method = false;
  guard(x);
  if (!may_ask(b, x)) return;
  if (b->prefix.len) {
    bool inside = leat_str_starts(x->path, b->prefix) &&
                  (x->path.len == b->prefix.len || x->path.ptr[b->prefix.len] == '/');
    if (!inside) {
      leat__board_fail(x, 404, "The board is at " LEAT_STR_FMT "/", LEAT_STR_ARG(b->prefix));
      return;
    }
    x->path.ptr += b->prefix.len, x->path.len -= b->prefix.len;
    if (!x->path.len) {
      leat_buf to = {0};
      leat_buf_fmt(&to, LEAT_STR_FMT "/%s" LEAT_STR_FMT, LEAT_STR_ARG(b->prefix),
                   x->query.len ? "?" : "", LEAT_STR_ARG(x->query));
      leat_reply_field(x, "location", leat_buf_view(&to));
      leat_buf_deinit(&to);
      leat_reply_send(x, 301);
      return;
    }
  }
  const leat_route *r = find_route(x->path, x->method, &other_method);
  if (r)
    r->answer(b, x);
  else if (other_method)
    leat__board_fail(x, 405, "The method does not go with this path.");
  else
    leat__board_fail(x, 404, "There is nothing at " LEAT_STR_FMT, LEAT_STR_ARG(x->path));
}

// --- The stream of changes ----------------------------------------------------------------------
void leat__board_listen(leat_board *b, leat_exchange *x) {
  leat_reply_field(x, "content-type", LEAT_STR("text/event-stream"));
  leat_reply_field(x, "cache-control", LEAT_STR("no-store"));
  leat_reply_field(x, "x-accel-buffering", LEAT_STR("no"));
  pthread_mutex_lock(&b->lock);
  bool room =
      b->streams.count < STREAMS_MAX && !atomic_load(&b->stop) && leat_vec_reserve(&b->streams, 1);
  if (room) {
    leat_reply_begin(x, 200);
    leat_reply_write(x, LEAT_STR("retry: 1000\n\n"));
    leat_stream s = {x, -1, leat_clock_ns() / 1000000};
    leat_vec_push(&b->streams, s);
  }
  pthread_mutex_unlock(&b->lock);
  if (!room) leat__board_fail(x, 503, "too many pages listen");
}

static void write_loading(leat_json_writer *w, const leat_loading *l) {
  leat_json_open(w, '{');
  const struct {
    const char *name;
    int64_t value;
  } numbers[] = {{"files", l->files},
                 {"files_done", l->files_done},
                 {"bytes", l->bytes},
                 {"bytes_done", l->bytes_done}};
  for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
    leat_json_key(w, leat_str_of(numbers[i].name));
    leat_json_i64(w, numbers[i].value);
  }
  leat_json_key(w, LEAT_STR("done"));
  leat_json_bool(w, l->done);
  leat_json_close(w, '}');
}

void leat__board_loading(leat_board *b, leat_json_writer *w) {
  leat_loading l;
  leat_store_loading(b->store, &l);
  write_loading(w, &l);
}

// What happened since a revision, as an event.
static void write_change(leat_board *b, int64_t since, int64_t revision, leat_buf *out) {
  int count;
  leat_run **runs = leat_store_runs(b->store, &count);
  leat_json_writer w = {.out = out};
  leat_buf_c(out, "event: change\ndata: ");
  leat_json_open(&w, '{');
  leat_json_key(&w, LEAT_STR("revision"));
  leat_json_i64(&w, revision);
  leat_json_key(&w, LEAT_STR("runs"));
  leat_json_open(&w, '[');
  for (int i = 0; i < count; i++)
    if (atomic_load(&runs[i]->revision) > since) leat_json_i64(&w, runs[i]->id);
  leat_json_close(&w, ']');
  leat_json_key(&w, LEAT_STR("tags_changed"));
  leat_json_bool(&w, leat_store_tags_revision(b->store) > since);
  leat_json_key(&w, LEAT_STR("loading"));
  leat__board_loading(b, &w);
  leat_json_close(&w, '}');
  leat_buf_c(out, "\n\n");
  leat__free(runs);
}

static bool tell(leat_board *b, leat_stream *s, int64_t revision, int64_t now_ms) {
  leat_buf text = {0};
  bool good = true;
  if (s->sent != revision)
    write_change(b, s->sent, revision, &text);
  else if (now_ms - s->written_ms >= ALIVE_MS)
    leat_buf_c(&text, ": still here\n\n");
  if (text.len) {
    good = leat_reply_write(s->x, leat_buf_view(&text));
    s->written_ms = now_ms;
    s->sent = revision;
  }
  leat_buf_deinit(&text);
  return good && !leat_exchange_gone(s->x);
}

static void *tell_all(void *board) {
  leat_board *b = board;
  int64_t revision = -1;
  while (!atomic_load(&b->stop)) {
    revision = leat_store_wait(b->store, revision, TELL_MS);
    int64_t now = leat_clock_ns() / 1000000;
    pthread_mutex_lock(&b->lock);
    for (size_t i = 0; i < b->streams.count;) {
      if (tell(b, &b->streams.at[i], revision, now)) {
        i++;
        continue;
      }
      leat_reply_end(b->streams.at[i].x);
      b->streams.at[i] = b->streams.at[--b->streams.count];
    }
    pthread_mutex_unlock(&b->lock);
    usleep(TELL_MS * 1000 / 2);
  }
  return NULL;
}

// --- Starting -----------------------------------------------------------------------------------
static leat_status start(leat_board *b, leat_error *err) {
  leat_net_options net = b->options.net;
  long cores = sysconf(_SC_NPROCESSORS_ONLN);
  net.handler = handle;
  net.refuse = refuse;
  net.context = b;
  if (!net.threads) net.threads = cores > 4 ? (int)cores : 4;
  leat_status status = leat_store_open(&b->store, &b->options.store, err);
  if (!status && b->options.registry)
    status = leat__models_open(&b->models, b->options.registry, err);
  if (!status) status = leat_pool_new(&b->pool, cores > 1 ? cores < 8 ? (int)cores : 8 : 1, err);
  if (!status) status = leat_server_start(&b->server, &net, err);
  if (!status && pthread_create(&b->teller, NULL, tell_all, b))
    status = leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "cannot start a thread");
  b->telling = !status;
  return status;
}

leat_status leat_board_start(leat_board **out, const leat_board_options *options, leat_error *err) {
  leat_board *b = *out = leat__calloc(1, sizeof *b);
  if (!b) return leat__oom(err, sizeof *b);
  b->options = *options;
  b->prefix = leat_str_of(options->path_prefix ? options->path_prefix : "");
  while (b->prefix.len && b->prefix.ptr[b->prefix.len - 1] == '/') b->prefix.len--;
  pthread_mutex_init(&b->lock, NULL);
  leat_status status = start(b, err);
  if (!status) return LEAT_OK;
  leat_board_stop(b);
  *out = NULL;
  return status;
}

void leat_board_stop(leat_board *b) {
  if (!b) return;
  pthread_mutex_lock(&b->lock);
  atomic_store(&b->stop, true);
  for (size_t i = 0; i < b->streams.count; i++) leat_reply_end(b->streams.at[i].x);
  b->streams.count = 0;
  pthread_mutex_unlock(&b->lock);
  if (b->telling) pthread_join(b->teller, NULL);
  leat_server_stop(b->server);
  leat__models_close(b->models);
  leat_pool_free(b->pool);
  leat_store_close(b->store);
  leat_vec_deinit(&b->streams);
  pthread_mutex_destroy(&b->lock);
  leat__free(b);
}

leat_server *leat_board_server(leat_board *b) { return b->server; }
leat_store *leat_board_store(leat_board *b) { return b->store; }
