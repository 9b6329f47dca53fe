// HTTP/1.1 messages: the head of a request or response, and bodies in chunks.
// SPDX-License-Identifier: Apache-2.0
//
// Strict, so that no two parsers can disagree about where a message ends: lines end with CRLF, a
// field's name is a token with the colon right behind it, no folding, one Host, one Content-Length,
// and never both that and Transfer-Encoding.
#ifndef LEAT_NET_HTTP1_H
#define LEAT_NET_HTTP1_H

#include "net/server.h"

typedef struct leat_http1_head {
  leat_str method, target;  // of a request
  int status;               // of a response
  int version;              // 10 or 11
  leat_field *fields;       // the caller's
  size_t field_cap, field_count;
  int64_t length;  // Content-Length; -1 = none
  bool chunked, keep_alive, expects_continue;
  bool upgrade_h2c;  // Upgrade: h2c with Connection and HTTP2-Settings
  leat_str host, settings, coding;
} leat_http1_head;

// Parses the head that ends (with its empty line) at text + length; names are lower-cased in place.
// Returns 0, or the HTTP status that refuses it (400, 431, 501, 505).
int leat_http1_request(char *text, size_t length, leat_http1_head *head);
int leat_http1_response(char *text, size_t length, leat_http1_head *head);
// Whether the text is that word (in lower case), in any case.
bool leat_http_is(leat_str text, const char *lower);
// Bytes of the head up to and with its empty line; 0 = not there yet. *scanned: where to look from,
// kept between calls.
size_t leat_http1_head_end(const char *text, size_t length, size_t *scanned);

typedef enum leat_chunk_state {
  LEAT_CHUNK_SIZE,
  LEAT_CHUNK_EXTENSION,
  LEAT_CHUNK_SIZE_LF,
  LEAT_CHUNK_DATA,
  LEAT_CHUNK_DATA_CR,
  LEAT_CHUNK_DATA_LF,
  LEAT_CHUNK_TRAILER,       // at the start of a line
  LEAT_CHUNK_TRAILER_TEXT,  // inside one
  LEAT_CHUNK_TRAILER_LF,
  LEAT_CHUNK_LAST_LF,
  LEAT_CHUNK_DONE,
} leat_chunk_state;

typedef struct leat_chunks {  // zero-initialised starts a body
  leat_chunk_state state;
  int digits;       // of the size so far
  uint64_t left;    // bytes of the chunk
  size_t overhead;  // bytes of extensions and trailers
} leat_chunks;

// Decodes text[*at, length) to text[*to...) in place (to <= at). false: malformed.
bool leat_chunks_run(leat_chunks *c, char *text, size_t length, size_t *at, size_t *to);

#endif
