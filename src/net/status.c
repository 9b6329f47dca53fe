// HTTP statuses and the canonical codes.
// SPDX-License-Identifier: Apache-2.0
#include "net/server.h"

static const struct {
  int http;
  const char *reason;
} reasons[] = {
    {100, "Continue"},
    {101, "Switching Protocols"},
    {200, "OK"},
    {201, "Created"},
    {202, "Accepted"},
    {204, "No Content"},
    {301, "Moved Permanently"},
    {302, "Found"},
    {304, "Not Modified"},
    {400, "Bad Request"},
    {401, "Unauthorized"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {412, "Precondition Failed"},
    {413, "Content Too Large"},
    {415, "Unsupported Media Type"},
    {417, "Expectation Failed"},
    {421, "Misdirected Request"},
    {429, "Too Many Requests"},
    {431, "Request Header Fields Too Large"},
    {499, "Client Closed Request"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {504, "Gateway Timeout"},
    {505, "HTTP Version Not Supported"},
};

const char *leat_http_reason(int status) {
  for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
    if (reasons[i].http == status) return reasons[i].reason;
  return "Unknown";
}

bool leat_http_bodiless(int status) { return status < 200 || status == 204 || status == 304; }

static const int http_of[] = {
    [LEAT_OK] = 200,
    [LEAT_CANCELLED] = 499,
    [LEAT_UNKNOWN] = 500,
    [LEAT_INVALID_ARGUMENT] = 400,
    [LEAT_DEADLINE_EXCEEDED] = 504,
    [LEAT_NOT_FOUND] = 404,
    [LEAT_ALREADY_EXISTS] = 409,
    [LEAT_PERMISSION_DENIED] = 403,
    [LEAT_RESOURCE_EXHAUSTED] = 429,
    [LEAT_FAILED_PRECONDITION] = 400,
    [LEAT_ABORTED] = 409,
    [LEAT_OUT_OF_RANGE] = 400,
    [LEAT_UNIMPLEMENTED] = 501,
    [LEAT_INTERNAL] = 500,
    [LEAT_UNAVAILABLE] = 503,
    [LEAT_DATA_LOSS] = 500,
    [LEAT_UNAUTHENTICATED] = 401,
};

int leat_http_status(leat_status status) {
  return (size_t)status < sizeof http_of / sizeof *http_of ? http_of[status] : 500;
}

leat_status leat_status_of_http(int status) {
  if (status >= 200 && status < 300) return LEAT_OK;
  switch (status) {
    case 400: return LEAT_INVALID_ARGUMENT;
    case 401: return LEAT_UNAUTHENTICATED;
    case 403: return LEAT_PERMISSION_DENIED;
    case 404: return LEAT_NOT_FOUND;
    case 409: return LEAT_ABORTED;
    case 408: return LEAT_DEADLINE_EXCEEDED;
    case 413:
    case 431:
    case 429: return LEAT_RESOURCE_EXHAUSTED;
    case 499: return LEAT_CANCELLED;
    case 501: return LEAT_UNIMPLEMENTED;
    case 503: return LEAT_UNAVAILABLE;
    case 504: return LEAT_DEADLINE_EXCEEDED;
    default: return status >= 500 ? LEAT_INTERNAL : LEAT_UNKNOWN;
  }
}
