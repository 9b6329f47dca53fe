// gRPC's framing on exchanges of HTTP/2.
// SPDX-License-Identifier: Apache-2.0
//
// A body is a row of messages, each behind five bytes: whether it is packed, and its length. The
// status comes behind the answer's body, in trailers. A unary call:
//
//   leat_grpc_message(x, &request, &err) -> leat_grpc_begin(x) -> leat_buf_add(&x->reply, ...)
//   -> leat_grpc_send(x, LEAT_OK, NULL)
//
// A call with streams: options.streams says so for it; then leat_grpc_next for each message that is
// there, leat_grpc_stream, leat_grpc_write for each answer, leat_grpc_end.
#ifndef LEAT_NET_GRPC_H
#define LEAT_NET_GRPC_H

#include "net/server.h"

bool leat_grpc_is(const leat_exchange *x);  // a POST over HTTP/2 of application/grpc
// The one message of a unary call, unpacked; a view that is valid until the answer.
// INVALID_ARGUMENT: damaged, or not one message; UNIMPLEMENTED: a packing that is not known;
// RESOURCE_EXHAUSTED: larger than the body's limit when unpacked.
leat_status leat_grpc_message(leat_exchange *x, leat_str *message, leat_error *err);
// The next message of a stream that is there whole; a view that is valid until the next call.
// *found false: more must come first (with x->complete: there are no more).
leat_status leat_grpc_next(leat_exchange *x, leat_str *message, bool *found, leat_error *err);

// Starts the answer's message, which is what is added to x->reply from now on.
void leat_grpc_begin(leat_exchange *x);
// Answers a unary call. LEAT_OK sends the message that was begun (packed where the request was);
// any other status goes alone, with its message (NULL = none). Any thread.
void leat_grpc_send(leat_exchange *x, leat_status status, const char *message);
// The same for an answer of several messages; write is false as leat_reply_write.
void leat_grpc_stream(leat_exchange *x);
bool leat_grpc_write(leat_exchange *x, leat_str message);
void leat_grpc_end(leat_exchange *x, leat_status status, const char *message);

// --- Parts, also of the client -------------------------------------------------------------------
enum { LEAT_GRPC_PREFIX = 5 };  // bytes before a message
void leat_grpc_prefix(char out[LEAT_GRPC_PREFIX], size_t length, bool packed);
// Nanoseconds of "100m" (grpc-timeout); -1 where that is not one.
int64_t leat_grpc_timeout_ns(leat_str text);
void leat_grpc_escape(leat_buf *out, leat_str message);  // for grpc-message
size_t leat_grpc_unescape(char *text, size_t length);    // in place; the new length

#endif
