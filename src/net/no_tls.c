// TLS in a build without OpenSSL: asking for it is an error.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

#include <errno.h>

leat_status leat__tls_context_new(leat_tls_context **out, const char *cert, const char *key,
                                  leat_error *err) {
  return leat_error_set(err, LEAT_UNIMPLEMENTED, "this build has no TLS (no libssl-dev)");
}

void leat__tls_context_free(leat_tls_context *context) {}
leat_tls *leat__tls_new(leat_tls_context *context, int fd) { return NULL; }
leat_status leat__tls_client_context_new(leat_tls_context **out, const char *ca_file,
                                         leat_error *err) {
  return leat__tls_context_new(out, ca_file, NULL, err);
}

leat_tls *leat__tls_client_new(leat_tls_context *context, int fd, leat_str host) { return NULL; }
const char *leat__tls_trouble(leat_tls *tls) { return strerror(errno); }
void leat__tls_free(leat_tls *tls) {}
ssize_t leat__tls_read(leat_tls *tls, void *to, size_t room, bool *write_wanted) { return -1; }
ssize_t leat__tls_write(leat_tls *tls, const void *from, size_t bytes) { return -1; }
bool leat__tls_pending(leat_tls *tls) { return false; }
bool leat__tls_is_h2(leat_tls *tls) { return false; }
