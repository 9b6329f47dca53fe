// Client: asks an HTTP/1.1 server over one connection that is kept.
// SPDX-License-Identifier: Apache-2.0
//
// A client is used by one thread at a time. A request that finds a kept connection closed before
// the answer's first byte is sent once more over a new one.
#ifndef LEAT_NET_CLIENT_H
#define LEAT_NET_CLIENT_H

#include "net/server.h"

typedef struct leat_client leat_client;

typedef struct leat_client_options {  // all zero is the default
  int timeout_ms;       // of connecting, and between two pieces of an answer; 0 = 60 s
  int64_t max_body;     // bytes of an answer's body; 0 = 1 GiB
  const char *token;    // sent as "Authorization: Bearer TOKEN"; NULL = none
  const char *ca_file;  // PEM of who may sign for https; NULL = the system's
} leat_client_options;

typedef struct leat_answer {  // valid until the client's next request
  int status;
  const leat_field *fields;
  size_t field_count;
  leat_str body;  // without its codings
} leat_answer;

// endpoint: "http://HOST[:PORT][/PREFIX]", "https://...", "HOST:PORT", "unix:PATH". Does not
// connect yet. INVALID_ARGUMENT for another form.
leat_status leat_client_new(leat_client **out, const char *endpoint,
                            const leat_client_options *options, leat_error *err);
void leat_client_free(leat_client *client);  // NULL allowed
// path: as it is sent, behind the endpoint's prefix. type: the body's content type, NULL = none.
// Any answer is LEAT_OK. UNAVAILABLE: no connection, or it broke; DEADLINE_EXCEEDED;
// RESOURCE_EXHAUSTED: the body is too large; DATA_LOSS: what came is no HTTP.
leat_status leat_client_ask(leat_client *client, const char *method, const char *path,
                            const char *type, leat_str body, leat_answer *out, leat_error *err);
leat_str leat_answer_field(const leat_answer *answer, const char *name);  // lower case; "" without

#endif
