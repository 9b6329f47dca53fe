// Floor: the least that a server of gRPC can do on nghttp2. Answers all calls with the same.
// SPDX-License-Identifier: Apache-2.0
//
// usage: floor_grpc MESSAGE_BYTES; prints its port.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ROOM = 1 << 18, CONNECTIONS = 1024 };
static char answer[ROOM], in[ROOM], out[ROOM];
static size_t answer_len;
static nghttp2_session *sessions[CONNECTIONS];

#define PAIR(name, value)                                                 \
  {                                                                       \
    (uint8_t *)name, (uint8_t *)value, sizeof name - 1, sizeof value - 1, \
        NGHTTP2_NV_FLAG_NO_COPY_NAME | NGHTTP2_NV_FLAG_NO_COPY_VALUE      \
  }
static nghttp2_nv head[] = {PAIR(":status", "200"), PAIR("content-type", "application/grpc")};
static nghttp2_nv trailers[] = {PAIR("grpc-status", "0")};

static ssize_t read_answer(nghttp2_session *session, int32_t stream, uint8_t *to, size_t room,
                           uint32_t *flags, nghttp2_data_source *source, void *user) {
  size_t at = (size_t)(uintptr_t)nghttp2_session_get_stream_user_data(session, stream);
  size_t n = answer_len - at < room ? answer_len - at : room;
  memcpy(to, answer + at, n);
  nghttp2_session_set_stream_user_data(session, stream, (void *)(uintptr_t)(at + n));
  if (at + n < answer_len) return (ssize_t)n;
  *flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
  nghttp2_submit_trailer(session, stream, trailers, 1);
  return (ssize_t)n;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *user) {
  nghttp2_data_provider body = {.read_callback = read_answer};
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
    nghttp2_submit_response(session, frame->hd.stream_id, head, 2, &body);
  return 0;
}

static void end(int fd) {
  nghttp2_session_del(sessions[fd]);
  sessions[fd] = NULL;
  close(fd);
}

static void serve(int fd) {
  const uint8_t *bytes;
  size_t len = 0;
  ssize_t n = recv(fd, in, sizeof in, 0);
  if (n <= 0 || nghttp2_session_mem_recv(sessions[fd], (uint8_t *)in, (size_t)n) < 0) {
    end(fd);
    return;
  }
  while (len < ROOM - 20000 && (n = nghttp2_session_mem_send(sessions[fd], &bytes)) > 0) {
    memcpy(out + len, bytes, (size_t)n);
    len += (size_t)n;
  }
  if (len && send(fd, out, len, MSG_NOSIGNAL) < 0) end(fd);
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

static void greet(int fd, nghttp2_session_callbacks *callbacks) {
  nghttp2_settings_entry entries[] = {{NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, 1 << 20}};
  nghttp2_session_server_new(&sessions[fd], callbacks, NULL);
  nghttp2_submit_settings(sessions[fd], 0, entries, 1);
  nghttp2_session_set_local_window_size(sessions[fd], 0, 0, 4 << 20);
}

int main(int argc, char **argv) {
  size_t body = argc > 1 ? strtoul(argv[1], NULL, 10) : 64;
  if (body > ROOM / 2) body = ROOM / 2;
  for (int i = 0; i < 4; i++) answer[1 + i] = (char)(body >> (24 - 8 * i));
  answer_len = body + 5;
  nghttp2_session_callbacks *callbacks;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
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
      greet(fd, callbacks);
      e.data.fd = fd;
      epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e);
    }
  }
}
