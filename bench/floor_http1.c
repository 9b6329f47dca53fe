// Floor: the least that a server of HTTP/1.1 can do. Reads requests, answers all with the same.
// SPDX-License-Identifier: Apache-2.0
//
// usage: floor_http1 BODY_BYTES; prints its port.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 20, CONNECTIONS = 1024 };
static char answer[ROOM];
static size_t answer_len;
static struct {
  char *in;
  size_t len, want;
} conns[CONNECTIONS];

// The length of the request that starts in c->in; 0 = not known yet.
static size_t request_length(const char *in, size_t len) {
  char *end = memmem(in, len, "\r\n\r\n", 4), *length = memmem(in, len, "Content-Length: ", 16);
  if (!end) return 0;
  return (size_t)(end + 4 - in) + (length && length < end ? strtoul(length + 16, NULL, 10) : 0);
}

static void serve(int fd) {
  ssize_t n = recv(fd, conns[fd].in + conns[fd].len, ROOM - conns[fd].len, 0);
  if (n <= 0) {
    close(fd);
    return;
  }
  conns[fd].len += (size_t)n;
  if (!conns[fd].want) conns[fd].want = request_length(conns[fd].in, conns[fd].len);
  if (!conns[fd].want || conns[fd].len < conns[fd].want) return;
  conns[fd].len = conns[fd].want = 0;
  if (send(fd, answer, answer_len, MSG_NOSIGNAL) < 0) close(fd);
}

static int listen_somewhere(void) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof at;
  int fd = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(fd, (struct sockaddr *)&at, size) < 0 || listen(fd, 1024) < 0) exit(1);
  getsockname(fd, (struct sockaddr *)&at, &size);
  printf("%d\n", ntohs(at.sin_port));
  fflush(stdout);
  return fd;
}

int main(int argc, char **argv) {
  size_t body = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  if (body > ROOM - 256) body = ROOM - 256;
  answer_len =
      (size_t)snprintf(answer, 256,
                       "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                       "Date: Wed, 25 Nov 2026 12:00:00 GMT\r\nContent-Length: %zu\r\n\r\n",
                       body);
  memset(answer + answer_len, '1', body);
  answer_len += body;
  int epoll = epoll_create1(0), listener = listen_somewhere();
  struct epoll_event e = {.events = EPOLLIN, .data.fd = listener}, events[256];
  epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &e);
  for (;;) {
    int n = epoll_wait(epoll, events, 256, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.fd != listener) {
        serve(events[i].data.fd);
        continue;
      }
      int on = 1, fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
      if (fd < 0 || fd >= CONNECTIONS) continue;
      setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
      if (!conns[fd].in) conns[fd].in = malloc(ROOM);
      conns[fd].len = conns[fd].want = 0;
      e.data.fd = fd;
      epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
  }
}
