// HTTP/2 in a build without nghttp2: HTTP/1.1 is all there is.
// SPDX-License-Identifier: Apache-2.0
#include "net/io.h"

leat_status leat__h2_new(leat_conn *c, leat_xchg *upgrade, leat_str settings, leat_error *err) {
  return leat_error_set(err, LEAT_UNIMPLEMENTED, "this build has no HTTP/2 (no libnghttp2-dev)");
}

void leat__h2_free(leat_h2 *h2) {}
void leat__h2_input(leat_conn *c) {}
void leat__h2_output(leat_conn *c) {}
void leat__h2_progress(leat_xchg *x) {}
void leat__h2_consume(leat_xchg *x, size_t bytes) {}
void leat__h2_sweep(leat_conn *c) {}
void leat__h2_end(leat_xchg *x) {}
void leat__h2_drain(leat_conn *c) {}
bool leat__h2_idle(const leat_conn *c) { return true; }
