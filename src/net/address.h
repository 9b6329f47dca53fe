// Addresses: "HOST:PORT", "[::1]:PORT", ":PORT", "PORT", "unix:PATH".
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_NET_ADDRESS_H
#define LEAT_NET_ADDRESS_H

#include "base/str.h"

#include <sys/socket.h>

enum { LEAT_ADDRESSES_MAX = 8 };

typedef struct leat_address {
  struct sockaddr_storage at;
  socklen_t size;
} leat_address;

// Cuts at the last colon; "[::1]:80" gives "::1". false: brackets are missing.
bool leat__address_cut(leat_str text, leat_str *host, leat_str *port);
// What a text names; without a host all of the machine's (listens), else its loopback. At most
// LEAT_ADDRESSES_MAX. INVALID_ARGUMENT where it is none.
leat_status leat__address_find(const char *text, bool listens, leat_address *out, int *count,
                               leat_error *err);

#endif
