// gRPC's framing on exchanges of HTTP/2.
// SPDX-License-Identifier: Apache-2.0
#include "net/grpc.h"

#include "formats/compress.h"
#include "net/io.h"

#include <stdio.h>

static leat_xchg *own(leat_exchange *x) { return (leat_xchg *)(void *)x; }

// --- Parts --------------------------------------------------------------------------------------
void leat_grpc_prefix(char out[LEAT_GRPC_PREFIX], size_t length, bool packed) {
  out[0] = packed;
  for (int i = 0; i < 4; i++) out[1 + i] = (char)(length >> (24 - 8 * i));
}

int64_t leat_grpc_timeout_ns(leat_str text) {
  static const struct {
    char unit;
    int64_t ns;
  } units[] = {{'n', 1},          {'u', 1000},        {'m', 1000000},
               {'S', 1000000000}, {'M', 60000000000}, {'H', 3600000000000}};
  int64_t value = 0;
  if (text.len < 2 || text.len > 9) return -1;
  for (size_t i = 0; i + 1 < text.len; i++) {
    if (text.ptr[i] < '0' || text.ptr[i] > '9') return -1;
    value = value * 10 + (text.ptr[i] - '0');
  }
  for (size_t i = 0; i < sizeof units / sizeof *units; i++)
    if (units[i].unit == text.ptr[text.len - 1])
      return value > INT64_MAX / units[i].ns ? INT64_MAX : value * units[i].ns;
  return -1;
}

void leat_grpc_escape(leat_buf *out, leat_str message) {
  static const char digits[] = "0123456789ABCDEF";
  for (size_t i = 0; i < message.len; i++) {
    unsigned char c = (unsigned char)message.ptr[i];
    char escaped[3] = {'%', digits[c >> 4], digits[c & 15]};
    bool plain = c >= 0x20 && c <= 0x7E && c != '%';
    leat_buf_add(out, plain ? (const char *)&c : escaped, plain ? 1 : 3);
  }
}

// A percent sign that starts no escape stands for itself.
size_t leat_grpc_unescape(char *text, size_t length) {
  size_t to = 0;
  for (size_t i = 0; i < length; i++) {
    size_t three = 3;
    char piece[3];
    if (text[i] == '%' && i + 2 < length) {
      memcpy(piece, text + i, 3);
      if (leat_url_decode(piece, &three, false)) {
        text[to++] = piece[0];
        i += 2;
        continue;
      }
    }
    text[to++] = text[i];
  }
  return to;
}

// --- Requests -----------------------------------------------------------------------------------
bool leat_grpc_is(const leat_exchange *x) {
  leat_str type = leat_exchange_field(x, "content-type"), prefix = LEAT_STR("application/grpc");
  if (x->version != 20 || !leat_str_eq(x->method, LEAT_STR("POST"))) return false;
  if (!leat_str_starts(type, prefix)) return false;
  return type.len == prefix.len || type.ptr[prefix.len] == '+' || type.ptr[prefix.len] == ';';
}

static leat_status unpack(leat_xchg *x, leat_str *message, leat_error *err) {
  leat_str coding = leat_exchange_field(&x->x, "grpc-encoding");
  bool gzip = leat_str_eq(coding, LEAT_STR("gzip"));
  if (!gzip && !leat_str_eq(coding, LEAT_STR("deflate")))
    return coding.len && !leat_str_eq(coding, LEAT_STR("identity"))
               ? leat_error_set(err, LEAT_UNIMPLEMENTED,
                                "grpc-encoding '" LEAT_STR_FMT
                                "' is not known; gzip, deflate and identity are",
                                LEAT_STR_ARG(coding))
               : leat_error_set(err, LEAT_INTERNAL,
                                "a message is packed, but grpc-encoding names no packing");
  leat_buf_clear(&x->unpacked);
  x->unpacked.failed = false;
  leat_status status = leat_inflate(*message, gzip ? LEAT_COMPRESSION_GZIP : LEAT_COMPRESSION_ZLIB,
                                    "message", (size_t)x->limit, &x->unpacked, err);
  *message = leat_buf_view(&x->unpacked);
  return status == LEAT_DATA_LOSS
             ? leat_error_set(err, LEAT_INTERNAL, "a packed message is damaged")
             : status;
}

// The message at the start of `body`; *size: with its prefix, 0 when it is not there whole.
static leat_status first_message(leat_xchg *x, leat_str body, leat_str *message, size_t *size,
                                 leat_error *err) {
  const unsigned char *p = (const unsigned char *)body.ptr;
  *size = 0;
  if (body.len < LEAT_GRPC_PREFIX) return LEAT_OK;
  size_t length = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
  if (p[0] > 1)
    return leat_error_set(err, LEAT_INTERNAL, "a message's first byte is %d, not 0 or 1", p[0]);
  if (length > (size_t)x->limit)
    return leat_error_set(err, LEAT_RESOURCE_EXHAUSTED, "a message has %zu bytes, %lld are allowed",
                          length, (long long)x->limit);
  if (body.len - LEAT_GRPC_PREFIX < length) return LEAT_OK;
  *message = (leat_str){body.ptr + LEAT_GRPC_PREFIX, length};
  *size = LEAT_GRPC_PREFIX + length;
  x->packed_request = p[0];
  return p[0] ? unpack(x, message, err) : LEAT_OK;
}

leat_status leat_grpc_message(leat_exchange *x, leat_str *message, leat_error *err) {
  size_t size;
  leat_status status = first_message(own(x), x->body, message, &size, err);
  if (!status && (!size || size != x->body.len))
    return leat_error_set(err, size ? LEAT_UNIMPLEMENTED : LEAT_INTERNAL,
                          size ? "more than one message in a call that takes one"
                               : "the call ends before its message does");
  return status;
}

leat_status leat_grpc_next(leat_exchange *x, leat_str *message, bool *found, leat_error *err) {
  size_t size;
  leat_exchange_consume(x, own(x)->message_size);  // the one that was given before
  own(x)->message_size = 0;
  *found = false;
  leat_status status = first_message(own(x), x->body, message, &size, err);
  if (status) return status;
  if (!size && x->complete && x->body.len)
    return leat_error_set(err, LEAT_INTERNAL, "the call ends inside a message");
  own(x)->message_size = size;
  *found = size > 0;
  return LEAT_OK;
}

// --- Answers ------------------------------------------------------------------------------------
static void put_status(leat_exchange *x, leat_status status, const char *message) {
  char digits[16];
  int n = snprintf(digits, sizeof digits, "%d", (int)status);
  leat_reply_trailer(x, "grpc-status", (leat_str){digits, (size_t)n});
  if (!message || !*message) return;
  leat_buf text = {.max = 8192};  // what most clients take in all
  leat_grpc_escape(&text, leat_str_of(message));
  leat_reply_trailer(x, "grpc-message", leat_buf_view(&text));
  leat_buf_deinit(&text);
}

// What may be packed how is told to those who pack.
static void put_type(leat_exchange *x) {
  leat_reply_field(x, "content-type", LEAT_STR("application/grpc"));
  if (own(x)->packed_request)
    leat_reply_field(x, "grpc-accept-encoding", LEAT_STR("identity,deflate,gzip"));
}

void leat_grpc_begin(leat_exchange *x) {
  static const char prefix[LEAT_GRPC_PREFIX];
  leat_buf_clear(&x->reply);
  leat_buf_add(&x->reply, prefix, sizeof prefix);
}

static bool accepts_gzip(leat_exchange *x) {
  leat_str list = leat_exchange_field(x, "grpc-accept-encoding");
  while (list.len)
    if (leat_str_eq(leat_str_strip(leat_str_cut(&list, ','), LEAT_STR(" ")), LEAT_STR("gzip")))
      return true;
  return false;
}

// The message of x->reply packed; it stays as it is where that fails.
static bool pack(leat_exchange *x) {
  leat_buf packed = {0};
  leat_str message = {x->reply.ptr + LEAT_GRPC_PREFIX, x->reply.len - LEAT_GRPC_PREFIX};
  leat_buf_add(&packed, x->reply.ptr, LEAT_GRPC_PREFIX);
  if (leat_deflate(message, LEAT_COMPRESSION_GZIP, &packed, NULL)) {
    leat_buf_deinit(&packed);
    return false;
  }
  leat_buf_deinit(&x->reply);
  x->reply = packed;
  return true;
}

void leat_grpc_send(leat_exchange *x, leat_status status, const char *message) {
  put_type(x);
  if (!status && x->reply.failed) {
    leat_buf_deinit(&x->reply);
    status = LEAT_RESOURCE_EXHAUSTED;
    message = "out of memory for the answer";
  }
  if (status)
    leat_buf_clear(&x->reply);
  else {
    if (x->reply.len < LEAT_GRPC_PREFIX) leat_grpc_begin(x);
    bool packed = own(x)->packed_request && accepts_gzip(x) && pack(x);
    if (packed) leat_reply_field(x, "grpc-encoding", LEAT_STR("gzip"));
    leat_grpc_prefix(x->reply.ptr, x->reply.len - LEAT_GRPC_PREFIX, packed);
  }
  put_status(x, status, message);
  leat_reply_send(x, 200);
}

void leat_grpc_stream(leat_exchange *x) {
  put_type(x);
  leat_reply_begin(x, 200);
}

bool leat_grpc_write(leat_exchange *x, leat_str message) {
  char prefix[LEAT_GRPC_PREFIX];
  leat_grpc_prefix(prefix, message.len, false);
  return leat_reply_write(x, (leat_str){prefix, sizeof prefix}) && leat_reply_write(x, message);
}

void leat_grpc_end(leat_exchange *x, leat_status status, const char *message) {
  put_status(x, status, message);
  leat_reply_end(x);
}
