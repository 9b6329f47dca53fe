// Addresses: "HOST:PORT", "[::1]:PORT", ":PORT", "PORT", "unix:PATH".
// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include "formats/number.h"

#include <netdb.h>
#include <stdio.h>
#include <sys/un.h>

static leat_status unix_address(leat_str path, leat_address *out, leat_error *err) {
  struct sockaddr_un *un = (void *)&out->at;
  if (!path.len || path.len >= sizeof un->sun_path)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "a socket's path has 1 to %zu bytes",
                          sizeof un->sun_path - 1);
  un->sun_family = AF_UNIX;
  memcpy(un->sun_path, path.ptr, path.len);
  out->size = sizeof *un;
  return LEAT_OK;
}

// Cuts "HOST:PORT" at its last colon; "[::1]:80" gives "::1".
bool leat__address_cut(leat_str text, leat_str *host, leat_str *port) {
  size_t at = text.len;
  while (at && text.ptr[at - 1] != ':') at--;
  *host = (leat_str){text.ptr, at ? at - 1 : 0};
  *port = (leat_str){text.ptr + at, text.len - at};
  if (host->len >= 2 && host->ptr[0] == '[' && host->ptr[host->len - 1] == ']') {
    host->ptr++;
    host->len -= 2;
  } else if (host->len && memchr(host->ptr, ':', host->len))
    return false;
  return true;
}

leat_status leat__address_find(const char *text, bool listens, leat_address *out, int *count,
                               leat_error *err) {
  leat_str whole = leat_str_of(text), host, port;
  int64_t number;
  char name[256], digits[16];
  struct addrinfo hints = {.ai_flags = AI_NUMERICSERV, .ai_socktype = SOCK_STREAM}, *found = NULL;
  *count = 1;
  *out = (leat_address){0};
  if (leat_str_starts(whole, LEAT_STR("unix:")))
    return unix_address((leat_str){text + 5, whole.len - 5}, out, err);
  if (!leat__address_cut(whole, &host, &port) || !leat_parse_i64(port, &number) || number < 0 ||
      number > 65535 || host.len >= sizeof name)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "'%s' is not HOST:PORT, [ADDRESS]:PORT, PORT or unix:PATH", text);
  snprintf(name, sizeof name, LEAT_STR_FMT, LEAT_STR_ARG(host));
  snprintf(digits, sizeof digits, "%d", (int)number);
  if (!host.len) snprintf(name, sizeof name, "%s", listens ? "0.0.0.0" : "127.0.0.1");
  int code = getaddrinfo(name, digits, &hints, &found);
  if (code)
    return leat_error_set(err, listens ? LEAT_INVALID_ARGUMENT : LEAT_UNAVAILABLE,
                          "no address '%s': %s", text, gai_strerror(code));
  *count = 0;
  for (struct addrinfo *a = found; a && *count < (listens ? 1 : LEAT_ADDRESSES_MAX);
       a = a->ai_next) {
    memcpy(&out[*count].at, a->ai_addr, a->ai_addrlen);
    out[(*count)++].size = a->ai_addrlen;
  }
  freeaddrinfo(found);
  return LEAT_OK;
}
