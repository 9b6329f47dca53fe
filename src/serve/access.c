// Who may do what (bearer tokens), and a line for each request.
// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "base/file.h"
#include "serve/serve_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

// --- Tokens -------------------------------------------------------------------------------------
typedef struct token {
  leat_str text;
  leat_role role;
} token;

struct leat_tokens {
  leat_buf text;
  LEAT_VEC(token) list;
};

static leat_status read_line(leat_tokens *t, const char *path, int number, leat_str line,
                             leat_error *err) {
  line = leat_str_strip(line, LEAT_STR(" \t\r"));
  if (!line.len || line.ptr[0] == '#') return LEAT_OK;
  leat_str role = line, text = leat_str_cut(&role, ' ');
  role = leat_str_strip(role, LEAT_STR(" \t"));
  token own = {text, leat__is(role, "admin")       ? LEAT_ROLE_ADMIN
                     : leat__is(role, "predictor") ? LEAT_ROLE_PREDICTOR
                                                   : LEAT_ROLE_NONE};
  if (!own.role)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "%s:%d: a token, a space, and 'admin' or 'predictor' were expected", path,
                          number);
  return leat_vec_push(&t->list, own) ? LEAT_OK : leat__oom(err, sizeof own);
}

leat_status leat__tokens_read(leat_tokens **out, const char *path, leat_error *err) {
  leat_tokens *t = *out = leat__calloc(1, sizeof *t);
  if (!t) return leat__oom(err, sizeof *t);
  leat_status status = leat_file_read(path, 1 << 20, &t->text, err);
  leat_str rest = leat_buf_view(&t->text);
  for (int number = 1; !status && rest.len; number++)
    status = read_line(t, path, number, leat_str_cut(&rest, '\n'), err);
  if (!status && !t->list.count)
    status = leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: no tokens in it", path);
  if (!status) return LEAT_OK;
  leat__tokens_free(t);
  *out = NULL;
  return status;
}

void leat__tokens_free(leat_tokens *t) {
  if (!t) return;
  leat_vec_deinit(&t->list);
  leat_buf_deinit(&t->text);
  leat__free(t);
}

// Takes as long whether the first byte differs or the last.
static bool same(leat_str a, leat_str b) {
  unsigned char differs = a.len != b.len;
  for (size_t i = 0; i < a.len && b.len; i++)
    differs |= (unsigned char)(a.ptr[i] ^ b.ptr[i < b.len ? i : 0]);
  return !differs;
}

leat_role leat__tokens_role(const leat_tokens *t, leat_str authorization) {
  leat_str text = authorization, scheme = leat_str_cut(&text, ' ');
  leat_role role = LEAT_ROLE_NONE;
  bool bearer = scheme.len == 6;
  for (size_t i = 0; bearer && i < 6; i++) bearer = (scheme.ptr[i] | 0x20) == "bearer"[i];
  if (!bearer) return role;
  text = leat_str_strip(text, LEAT_STR(" "));
  for (size_t i = 0; i < t->list.count; i++)
    if (same(text, t->list.at[i].text)) role = t->list.at[i].role;
  return role;
}

// --- Access log ---------------------------------------------------------------------------------
leat_status leat__access_open(int *out, const char *path, leat_error *err) {
  *out = strcmp(path, "-") == 0 ? 2 : open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
  return *out < 0 ? leat_file_error(err, path, "open") : LEAT_OK;
}

// What a client sent, without what could end a line or a field.
static size_t put_text(char *out, size_t room, leat_str s) {
  size_t n = 0;
  for (size_t i = 0; i < s.len && n + 1 < room; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    out[n++] = c <= ' ' || c >= 0x7F || c == '"' ? '?' : (char)c;
  }
  out[n] = 0;
  return n;
}

// One write a line, so that lines of several threads do not mix:
// TIME PEER "METHOD PATH HTTP/VERSION" STATUS BYTES MICROSECONDS REQUEST-ID
void leat__access_line(int fd, const leat_exchange *x) {
  char line[1024], path[512], id[128], method[24];
  struct timespec now;
  struct tm utc;
  clock_gettime(CLOCK_REALTIME, &now);
  gmtime_r(&now.tv_sec, &utc);
  put_text(path, sizeof path, x->path);
  put_text(method, sizeof method, x->method);
  leat_str own = leat_exchange_field(x, "x-request-id");
  put_text(id, sizeof id, own.len ? own : LEAT_STR("-"));
  int n = snprintf(line, sizeof line,
                   "%04d-%02d-%02dT%02d:%02d:%02d.%06ldZ %s \"%s %s HTTP/%d.%d\" %d %lld %lld %s\n",
                   utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                   utc.tm_sec, now.tv_nsec / 1000, x->peer ? x->peer : "-", method, path,
                   x->version / 10, x->version % 10, x->status, (long long)x->sent_bytes,
                   (long long)((leat_clock_ns() - x->started_ns) / 1000), id);
  ssize_t written = n > 0 ? write(fd, line, (size_t)n) : 0;
  (void)written;  // a full disk shall not stop the server
}
