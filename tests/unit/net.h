// A server and raw sockets for the tests of net.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TESTS_NET_H
#define LEAT_TESTS_NET_H

#include "net/server.h"
#include "test.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static int net_connect(leat_server *server) {
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  struct sockaddr_in at = {.sin_family = AF_INET,
                           .sin_port = htons((uint16_t)leat_server_port(server, 0)),
                           .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  CHECK(connect(fd, (struct sockaddr *)&at, sizeof at) == 0);
  return fd;
}

static void net_send(int fd, const char *bytes, size_t count) {
  while (count) {
    ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
    if (n <= 0) return;
    bytes += n;
    count -= (size_t)n;
  }
}

// Reads until `text` holds `until` (NULL: to the end of the stream), or for 3 s.
__attribute__((unused)) static const char *net_read(int fd, char *text, size_t room,
                                                    const char *until) {
  size_t got = 0;
  struct pollfd p = {.fd = fd, .events = POLLIN};
  text[0] = 0;
  while (got + 1 < room && poll(&p, 1, 3000) == 1) {
    ssize_t n = recv(fd, text + got, room - 1 - got, 0);
    if (n <= 0) break;
    got += (size_t)n;
    text[got] = 0;
    if (until && strstr(text, until)) break;
  }
  return text;
}

#endif
