// TLS 1.3 on a connection: the one file that knows OpenSSL, which is opened on first use.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

#include "base/library.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <unistd.h>

// clang-format off
#define FUNCTIONS(F) \
  F(TLS_server_method) \
  F(TLS_client_method) \
  F(SSL_CTX_set_default_verify_paths) \
  F(SSL_CTX_load_verify_file) \
  F(SSL_CTX_set_verify) \
  F(SSL_set1_host) \
  F(SSL_ctrl) \
  F(SSL_set_connect_state) \
  F(SSL_get_verify_result) \
  F(X509_verify_cert_error_string) \
  F(SSL_CTX_new) \
  F(SSL_CTX_free) \
  F(SSL_CTX_ctrl) \
  F(SSL_CTX_set_alpn_select_cb) \
  F(SSL_CTX_use_certificate_chain_file) \
  F(SSL_CTX_use_PrivateKey_file) \
  F(SSL_CTX_check_private_key) \
  F(SSL_new) \
  F(SSL_free) \
  F(SSL_set_fd) \
  F(SSL_set_accept_state) \
  F(SSL_read) \
  F(SSL_write) \
  F(SSL_pending) \
  F(SSL_shutdown) \
  F(SSL_get_error) \
  F(SSL_get0_alpn_selected) \
  F(ERR_clear_error) \
  F(ERR_get_error) \
  F(ERR_reason_error_string)
// clang-format on

#define FIELD(name) __typeof__(name) *name;
#define NAME(name) #name,
static struct { FUNCTIONS(FIELD) } lib;
static const char *const names[] = {FUNCTIONS(NAME) NULL};
static pthread_once_t once = PTHREAD_ONCE_INIT;
static leat_error trouble;

struct leat_tls_context {
  SSL_CTX *ctx;
};

struct leat_tls {
  SSL *ssl;
  bool good;  // the handshake is done and nothing has failed
  char trouble[128];
};

static void open_library(void) {
  static const leat_library library = {"libssl.so.3", "libssl3", names, (void **)&lib};
  trouble.status = leat_library_open(&library, &trouble);
}

// What the client offers, as names behind their lengths: h2 before http/1.1.
static int choose(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                  const unsigned char *offered, unsigned length, void *user) {
  static const leat_str known[] = {{"h2", 2}, {"http/1.1", 8}};
  for (size_t k = 0; k < sizeof known / sizeof *known; k++)
    for (unsigned at = 0; at < length && at + 1u + offered[at] <= length; at += 1u + offered[at]) {
      leat_str name = {(const char *)offered + at + 1, offered[at]};
      if (!leat_str_eq(name, known[k])) continue;
      *out = offered + at + 1;
      *out_len = offered[at];
      return SSL_TLSEXT_ERR_OK;
    }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

static void set_modes(leat_tls_context *t) {
  lib.SSL_CTX_ctrl(t->ctx, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_3_VERSION, NULL);
  lib.SSL_CTX_ctrl(t->ctx, SSL_CTRL_MODE,
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                       SSL_MODE_RELEASE_BUFFERS,
                   NULL);
}

static leat_status fail(const char *file, leat_error *err) {
  const char *reason = lib.ERR_reason_error_string(lib.ERR_get_error());
  if (access(file, R_OK) < 0)
    return leat_error_set(err, LEAT_NOT_FOUND, "TLS: %s: %s", file, strerror(errno));
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "TLS: %s: %s", file,
                        reason ? reason : "cannot be used");
}

leat_status leat__tls_context_new(leat_tls_context **out, const char *cert, const char *key,
                                  leat_error *err) {
  pthread_once(&once, open_library);
  if (trouble.status) return leat_error_set(err, trouble.status, "%s", trouble.message);
  leat_tls_context *t = *out = leat__calloc(1, sizeof *t);
  if (!t) return leat__oom(err, sizeof *t);
  if (!key) key = cert;  // one file may hold both
  lib.ERR_clear_error();
  t->ctx = lib.SSL_CTX_new(lib.TLS_server_method());
  leat_status status = t->ctx ? LEAT_OK : leat__oom(err, sizeof *t);
  if (!status) {
    set_modes(t);
    lib.SSL_CTX_set_alpn_select_cb(t->ctx, choose, NULL);
    if (lib.SSL_CTX_use_certificate_chain_file(t->ctx, cert) != 1) status = fail(cert, err);
  }
  if (!status && lib.SSL_CTX_use_PrivateKey_file(t->ctx, key, SSL_FILETYPE_PEM) != 1)
    status = fail(key, err);
  if (!status && lib.SSL_CTX_check_private_key(t->ctx) != 1) status = fail(key, err);
  if (!status) return LEAT_OK;
  leat__tls_context_free(t);
  *out = NULL;
  return status;
}

leat_status leat__tls_client_context_new(leat_tls_context **out, const char *ca_file,
                                         leat_error *err) {
  pthread_once(&once, open_library);
  if (trouble.status) return leat_error_set(err, trouble.status, "%s", trouble.message);
  leat_tls_context *t = *out = leat__calloc(1, sizeof *t);
  if (!t) return leat__oom(err, sizeof *t);
  lib.ERR_clear_error();
  t->ctx = lib.SSL_CTX_new(lib.TLS_client_method());
  leat_status status = t->ctx ? LEAT_OK : leat__oom(err, sizeof *t);
  if (!status) {
    set_modes(t);
    lib.SSL_CTX_set_verify(t->ctx, SSL_VERIFY_PEER, NULL);
    if (!ca_file)
      lib.SSL_CTX_set_default_verify_paths(t->ctx);
    else if (lib.SSL_CTX_load_verify_file(t->ctx, ca_file) != 1)
      status = fail(ca_file, err);
  }
  if (!status) return LEAT_OK;
  leat__tls_context_free(t);
  *out = NULL;
  return status;
}

void leat__tls_context_free(leat_tls_context *t) {
  if (!t) return;
  if (t->ctx) lib.SSL_CTX_free(t->ctx);
  leat__free(t);
}

leat_tls *leat__tls_new(leat_tls_context *context, int fd) {
  leat_tls *t = leat__calloc(1, sizeof *t);
  if (t) t->ssl = lib.SSL_new(context->ctx);
  if (!t || !t->ssl || lib.SSL_set_fd(t->ssl, fd) != 1) {
    leat__tls_free(t);
    return NULL;
  }
  lib.SSL_set_accept_state(t->ssl);  // the first read does the handshake
  return t;
}

leat_tls *leat__tls_client_new(leat_tls_context *context, int fd, leat_str host) {
  char name[256];
  leat_tls *t = host.len < sizeof name ? leat__tls_new(context, fd) : NULL;
  if (!t) return NULL;
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(host));
  lib.SSL_set_connect_state(t->ssl);
  lib.SSL_ctrl(t->ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name);
  if (lib.SSL_set1_host(t->ssl, name) == 1) return t;
  leat__tls_free(t);
  return NULL;
}

const char *leat__tls_trouble(leat_tls *t) { return t ? t->trouble : strerror(errno); }

void leat__tls_free(leat_tls *t) {
  if (!t) return;
  if (t->ssl) {
    lib.ERR_clear_error();
    if (t->good) lib.SSL_shutdown(t->ssl);  // says that this is the end; nobody waits for the reply
    lib.SSL_free(t->ssl);
  }
  lib.ERR_clear_error();
  leat__free(t);
}

// As errno has it: EAGAIN to wait, 0 at the end.
static ssize_t result(leat_tls *t, int n, bool *write_wanted) {
  if (n > 0) return t->good = true, n;
  int code = lib.SSL_get_error(t->ssl, n);
  if (write_wanted) *write_wanted = code == SSL_ERROR_WANT_WRITE;
  if (code == SSL_ERROR_WANT_READ || code == SSL_ERROR_WANT_WRITE) return errno = EAGAIN, -1;
  if (code == SSL_ERROR_ZERO_RETURN) return 0;
  t->good = false;
  long verdict = lib.SSL_get_verify_result(t->ssl);
  const char *reason = verdict != X509_V_OK ? lib.X509_verify_cert_error_string(verdict)
                                            : lib.ERR_reason_error_string(lib.ERR_get_error());
  snprintf(t->trouble, sizeof t->trouble, "TLS: %s", reason ? reason : "the connection broke");
  return errno = EPROTO, -1;
}

ssize_t leat__tls_read(leat_tls *t, void *to, size_t room, bool *write_wanted) {
  lib.ERR_clear_error();
  return result(t, lib.SSL_read(t->ssl, to, room > INT32_MAX ? INT32_MAX : (int)room),
                write_wanted);
}

ssize_t leat__tls_write(leat_tls *t, const void *from, size_t bytes) {
  lib.ERR_clear_error();
  return result(t, lib.SSL_write(t->ssl, from, bytes > INT32_MAX ? INT32_MAX : (int)bytes), NULL);
}

bool leat__tls_pending(leat_tls *t) { return lib.SSL_pending(t->ssl) > 0; }

bool leat__tls_is_h2(leat_tls *t) {
  const unsigned char *name;
  unsigned length;
  lib.SSL_get0_alpn_selected(t->ssl, &name, &length);
  return length == 2 && memcmp(name, "h2", 2) == 0;
}
