// /openapi.json: the document of the server's REST APIs.
// SPDX-License-Identifier: Apache-2.0
#include "serve/serve_impl.h"

extern const char leat__text_openapi[];

void leat__openapi(leat_serve *s, leat_exchange *x) {
  leat_buf_c(&x->reply, leat__text_openapi);
  leat_serve_json(x, 200);
}
