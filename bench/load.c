// Load: asks a server again and again, and tells how fast and how late its answers were.
// SPDX-License-Identifier: Apache-2.0
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char usage[] =
    "usage: load [OPTION VALUE]... PORT PATH\n"
    "  -p http1|grpc   protocol (http1)\n"
    "  -c N            connections (16)\n"
    "  -t SECONDS      how long (2), behind -w SECONDS that do not count (0.3)\n"
    "  -n N            stop after so many answers (0 = by time)\n"
    "  -r RATE         open loop: requests a second (0 = closed loop)\n"
    "  -b FILE         body of each request\n"
    "  -T TYPE         its content type (application/json)\n"
    "  -H FIELD        one more line of the head: \"name: value\"\n"
    "  -o FILE         where the first answer's body goes\n"
    "  -m FILE         8 bytes, mapped: until that time (monotonic, ns) times are counted apart\n";

typedef struct load {
  load_plan plan;
  const load_protocol *protocol;
  int connections, epoll;
  double seconds, warm_seconds, rate;
  uint64_t stop_after;
  const char *out;
  volatile const int64_t *near_until;
  load_conn *conns, **idle;
  int idle_count;
  int64_t begin, start, end, next_due, last;  // last: when something was answered
  uint64_t issued, answered, failed, late;
  load_times times, near;
} load;

int64_t load_now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

// --- Times --------------------------------------------------------------------------------------
static int bucket_of(uint64_t ns) {
  if (ns < LOAD_SUB) return (int)ns;
  int top = 63 - __builtin_clzll(ns), shift = top - 6;
  return (shift + 1) * LOAD_SUB + (int)(ns >> shift) - LOAD_SUB;
}

void load_times_add(load_times *t, uint64_t ns) {
  t->count++;
  t->sum += ns;
  if (ns > t->max) t->max = ns;
  t->buckets[bucket_of(ns)]++;
}

double load_times_us(const load_times *t, double quantile) {
  uint64_t want = (uint64_t)((double)t->count * quantile), seen = 0;
  for (int i = 0; i < LOAD_BUCKETS; i++) {
    seen += t->buckets[i];
    if (seen <= want) continue;
    int shift = i / LOAD_SUB - 1;
    double ns = shift < 0
                    ? i
                    : (double)((uint64_t)(i % LOAD_SUB + LOAD_SUB) << shift) * (1 + 0.5 / LOAD_SUB);
    return ns / 1e3;
  }
  return (double)t->max / 1e3;
}

// --- Connections --------------------------------------------------------------------------------
bool load_send(load_conn *c, const char *bytes, size_t count, size_t *at) {
  while (*at < count) {
    ssize_t n = send(c->fd, bytes + *at, count - *at, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) return false;
    *at += (size_t)n;
  }
  return true;
}

static bool connect_one(load *l, load_conn *c) {
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)l->plan.port)};
  inet_pton(AF_INET, l->plan.host, &at.sin_addr);
  int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0) return false;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  fcntl(fd, F_SETFL, O_NONBLOCK);
  char *in = c->in ? c->in : malloc(LOAD_ROOM);
  char *out = c->out;
  *c = (load_conn){.fd = fd, .plan = &l->plan, .in = in, .out = out};
  struct epoll_event e = {.events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c};
  epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &e);
  return in && l->protocol->open(c);
}

static void fail(load *l, load_conn *c) {
  if (c->busy && l->failed++ < 3) fprintf(stderr, "load: a request failed: %s\n", strerror(errno));
  close(c->fd);
  if (!connect_one(l, c)) {
    fprintf(stderr, "load: cannot connect again: %s\n", strerror(errno));
    exit(1);
  }
}

static void ask(load *l, load_conn *c, int64_t due) {
  c->due_ns = due;
  c->busy = true;
  l->issued++;
  if (!l->protocol->start(c)) fail(l, c);
}

static void keep_answer(load *l, load_conn *c) {
  FILE *f = l->out ? fopen(l->out, "w") : NULL;
  if (!f) return;
  fwrite(c->in, 1, c->in_len, f);
  fclose(f);
  l->out = NULL;
}

static bool over(const load *l, int64_t now) {
  return l->stop_after ? l->issued >= l->stop_after : now >= l->end;
}

static void answered(load *l, load_conn *c, int64_t now) {
  c->busy = false;
  l->last = now;
  if (now >= l->start) {
    bool near = l->near_until && now < *l->near_until;
    load_times_add(near ? &l->near : &l->times, (uint64_t)(now - c->due_ns));
    l->answered++;
  }
  if (over(l, now)) return;
  if (!l->rate)
    ask(l, c, now);
  else
    l->idle[l->idle_count++] = c;
}

static void event(load *l, load_conn *c) {
  for (;;) {
    ssize_t n = recv(c->fd, c->in + c->in_len, LOAD_ROOM - c->in_len, 0);
    if (n < 0 && errno == EAGAIN) break;
    if (n <= 0) {
      fail(l, c);
      return;
    }
    bool full = (size_t)n == LOAD_ROOM - c->in_len;
    c->in_len += (size_t)n;
    if (l->out) keep_answer(l, c);
    int done = l->protocol->input(c);
    if (done < 0) {
      fail(l, c);
      return;
    }
    if (done) answered(l, c, load_now());
    if (!full) break;
  }
  if (!l->protocol->flush(c)) fail(l, c);
}

// --- Loops --------------------------------------------------------------------------------------
static void ask_due(load *l, int64_t now) {
  double step = 1e9 / l->rate;
  while (l->next_due <= now && l->idle_count && !over(l, l->next_due)) {
    if (now - l->next_due > 1000000) l->late++;
    ask(l, l->idle[--l->idle_count], l->next_due);
    l->next_due = l->begin + (int64_t)((double)l->issued * step);
  }
}

static bool some_busy(const load *l) {
  for (int i = 0; i < l->connections; i++)
    if (l->conns[i].busy) return true;
  return false;
}

static void run(load *l) {
  struct epoll_event events[256];
  int64_t now = load_now();
  l->begin = l->next_due = l->last = now;
  l->start = now + (int64_t)(l->warm_seconds * 1e9);
  l->end = l->start + (int64_t)(l->seconds * 1e9);
  for (int i = 0; i < l->connections; i++)
    if (l->rate)
      l->idle[l->idle_count++] = &l->conns[i];
    else
      ask(l, &l->conns[i], now);
  for (;;) {
    if (l->rate) ask_due(l, load_now());
    // In the open loop it looks again and again: sleeping would come late.
    int n = epoll_wait(l->epoll, events, 256, l->rate ? 0 : 100);
    for (int i = 0; i < n; i++) event(l, events[i].data.ptr);
    now = load_now();
    bool late = now > (l->stop_after ? l->last : l->end) + 5000000000;
    if (over(l, now) && (!some_busy(l) || late)) {
      for (int i = 0; i < l->connections; i++) l->failed += l->conns[i].busy;
      return;
    }
  }
}

static void report(const load *l, double seconds) {
  printf(
      "{\"requests\": %llu, \"failed\": %llu, \"seconds\": %.3f, \"rate\": %.1f, \"p50_us\": %.2f, "
      "\"p99_us\": %.2f, \"p999_us\": %.2f, \"max_us\": %.1f, \"late\": %llu",
      (unsigned long long)l->answered, (unsigned long long)l->failed, seconds,
      (double)l->answered / seconds, load_times_us(&l->times, 0.5), load_times_us(&l->times, 0.99),
      load_times_us(&l->times, 0.999), (double)l->times.max / 1e3, (unsigned long long)l->late);
  if (l->near_until)
    printf(", \"near\": {\"requests\": %llu, \"p50_us\": %.2f, \"p99_us\": %.2f, \"max_us\": %.1f}",
           (unsigned long long)l->near.count, load_times_us(&l->near, 0.5),
           load_times_us(&l->near, 0.99), (double)l->near.max / 1e3);
  printf("}\n");
}

// --- Options ------------------------------------------------------------------------------------
static void *map_file(const char *path, size_t *size) {
  struct stat st;
  int fd = open(path, O_RDONLY);
  if (fd < 0 || fstat(fd, &st) < 0) {
    fprintf(stderr, "load: %s: %s\n", path, strerror(errno));
    exit(1);
  }
  *size = (size_t)st.st_size;
  void *at = *size ? mmap(NULL, *size, PROT_READ, MAP_SHARED, fd, 0) : NULL;
  close(fd);
  return at;
}

static void read_options(load *l, int argc, char **argv) {
  static char fields[4096];
  size_t size;
  int c;
  while ((c = getopt(argc, argv, "p:c:t:w:n:r:b:T:H:o:m:")) != -1) switch (c) {
      case 'p': l->protocol = strcmp(optarg, "grpc") == 0 ? &load_grpc : &load_http1; break;
      case 'c': l->connections = (int)strtol(optarg, NULL, 10); break;
      case 't': l->seconds = strtod(optarg, NULL); break;
      case 'w': l->warm_seconds = strtod(optarg, NULL); break;
      case 'n': l->stop_after = strtoull(optarg, NULL, 10); break;
      case 'r': l->rate = strtod(optarg, NULL); break;
      case 'b': l->plan.body = map_file(optarg, &l->plan.body_len); break;
      case 'T': l->plan.type = optarg; break;
      case 'H':
        size = strlen(fields);
        snprintf(fields + size, sizeof fields - size, "%s\r\n", optarg);
        break;
      case 'o': l->out = optarg; break;
      case 'm': l->near_until = map_file(optarg, &size); break;
      default: fputs(usage, stderr), exit(2);
    }
  if (argc - optind != 2 || l->connections < 1) fputs(usage, stderr), exit(2);
  l->plan.port = (int)strtol(argv[optind], NULL, 10);
  l->plan.path = argv[optind + 1];
  l->plan.fields = fields;
}

int main(int argc, char **argv) {
  static load l = {.plan = {.host = "127.0.0.1", .type = "application/json"},
                   .protocol = &load_http1,
                   .connections = 16,
                   .seconds = 2,
                   .warm_seconds = 0.3};
  read_options(&l, argc, argv);
  if (l.stop_after) l.warm_seconds = 0;
  l.epoll = epoll_create1(EPOLL_CLOEXEC);
  l.conns = calloc((size_t)l.connections, sizeof *l.conns);
  l.idle = calloc((size_t)l.connections, sizeof *l.idle);
  for (int i = 0; i < l.connections; i++)
    if (!connect_one(&l, &l.conns[i])) {
      fprintf(stderr, "load: port %d: %s\n", l.plan.port, strerror(errno));
      return 1;
    }
  run(&l);
  double seconds = (double)(load_now() - l.start) / 1e9;
  report(&l, l.stop_after || seconds < l.seconds ? seconds : l.seconds);
  return l.failed ? 1 : 0;
}
