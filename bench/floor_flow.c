// What the flow benchmarks' jobs take when each is written by hand for its file alone.
// SPDX-License-Identifier: Apache-2.0
//
//   floor_flow fixed|sessions|sliding|words FILE
//
// Streaming as a pipeline would: the watermark is the greatest timestamp so far less 5 s, and what
// it has passed is given out (counted) and forgotten. Whole numbers in lines without quotes only.
// Prints "SECONDS RESULTS SUM": results counted, and the sum of all their values.
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
  DISORDER_MS = 5000,
  FIXED_MS = 10000,
  GAP_MS = 30000,
  PANES = 6,  // of 10 s in a sliding window
  BLOCK = 1 << 20,
};

typedef struct cell {
  uint64_t key;  // its text, padded with zeros
  int64_t sum, count;
} cell;

typedef struct table {  // open addressing; count 0: free
  cell *cells;
  size_t size, used;
  int64_t window;
} table;

static int64_t results, total;

static size_t hash(uint64_t key) { return (size_t)((key * 0x9E3779B97F4A7C15) >> 32); }

static void table_add(table *t, uint64_t key, int64_t value, int64_t count);

static void table_grow(table *t) {
  table more = {calloc(t->size ? t->size * 2 : 1024, sizeof(cell)), t->size ? t->size * 2 : 1024, 0,
                t->window};
  if (!more.cells) exit(1);
  for (size_t i = 0; i < t->size; i++)
    if (t->cells[i].count) table_add(&more, t->cells[i].key, t->cells[i].sum, t->cells[i].count);
  free(t->cells);
  *t = more;
}

static void table_add(table *t, uint64_t key, int64_t value, int64_t count) {
  if (t->used * 2 >= t->size) table_grow(t);
  size_t mask = t->size - 1, at = hash(key) & mask;
  while (t->cells[at].count && t->cells[at].key != key) at = (at + 1) & mask;
  cell *c = &t->cells[at];
  t->used += !c->count;
  c->key = key;
  c->sum += value;
  c->count += count;
}

static void table_clear(table *t) {
  memset(t->cells, 0, t->size * sizeof *t->cells);
  t->used = 0;
}

static void give_out(const table *t) {
  for (size_t i = 0; i < t->size; i++)
    if (t->cells[i].count) results++, total += t->cells[i].sum;
}

// --- Fixed and sliding windows: a ring of tables, one a pane of 10 s ----------------------------
enum { RING = 16 };
static table ring[RING];
static int64_t first_open = INT64_MIN, watermark = INT64_MIN;
static bool slides;

static void close_pane(int64_t pane) {
  table *t = &ring[pane & (RING - 1)];
  if (!slides) {
    if (t->size && t->window == pane) give_out(t), table_clear(t);
    return;
  }
  table window = {0};  // that ends with this pane
  for (int64_t p = pane - PANES + 1; p <= pane; p++) {
    const table *from = &ring[p & (RING - 1)];
    if (!from->size || from->window != p) continue;
    while (window.size < from->used * 3) table_grow(&window);
    for (size_t i = 0; i < from->size; i++)
      if (from->cells[i].count)
        table_add(&window, from->cells[i].key, from->cells[i].sum, from->cells[i].count);
  }
  give_out(&window);
  free(window.cells);
  t = &ring[(pane - PANES + 1) & (RING - 1)];
  if (t->size && t->window == pane - PANES + 1) table_clear(t), t->window = INT64_MIN;
}

static void pane_event(int64_t ts, uint64_t key, int64_t value) {
  int64_t pane = ts / FIXED_MS;
  table *t = &ring[pane & (RING - 1)];
  t->window = pane;
  table_add(t, key, value, 1);
  if (first_open == INT64_MIN) first_open = pane - 1;
  if (ts - DISORDER_MS <= watermark) return;
  for (watermark = ts - DISORDER_MS; (first_open + 1) * FIXED_MS <= watermark; first_open++)
    close_pane(first_open);
}

static void pane_end(void) {
  for (int i = 0; i < RING; i++, first_open++) close_pane(first_open);
}

// --- Sessions: by key one open session or more; those behind the watermark are swept now and then
typedef struct session session;
struct session {
  uint64_t key;
  int64_t start, end, sum, count;  // count 0: free
  session *next;                   // a further one of the key, which only disorder makes
};
static session *sessions;
static size_t session_size, session_used;

static void session_out(const session *s) { results++, total += s->sum; }

static session *session_slot(session *all, size_t size, uint64_t key) {
  size_t at = hash(key) & (size - 1);
  while (all[at].count && all[at].key != key) at = (at + 1) & (size - 1);
  return &all[at];
}

static void sweep(size_t size) {  // gives out what is over, moves the rest to a new table
  session *kept = calloc(size, sizeof *kept);
  if (!kept) exit(1);
  session_used = 0;
  for (size_t i = 0; i < session_size; i++) {
    if (!sessions[i].count) continue;
    for (session s = sessions[i], *more;; s = *more, free(more)) {
      more = s.next;
      if (s.end <= watermark) {
        session_out(&s);
      } else {
        session *to = session_slot(kept, size, s.key);
        if (to->count) {
          session *copy = malloc(sizeof *copy);
          if (!copy) exit(1);
          *copy = *to;
          s.next = copy;
        } else {
          s.next = NULL;
          session_used++;
        }
        *to = s;
      }
      if (!more) break;
    }
  }
  free(sessions);
  sessions = kept;
  session_size = size;
}

static void session_event(int64_t ts, uint64_t key, int64_t value) {
  if (session_used * 2 >= session_size) {
    size_t before = session_used;
    if (session_size) sweep(session_size);
    if (session_used * 4 >= session_size || !before) sweep(session_size ? session_size * 2 : 1024);
  }
  session *first = session_slot(sessions, session_size, key),
          n = {key, ts, ts + GAP_MS, value, 1, 0};
  if (first->count) {  // take in all that overlap
    for (session **at = &first->next; *at;) {
      session *s = *at;
      if (s->end <= n.start || n.end <= s->start) {
        at = &s->next;
        continue;
      }
      if (s->start < n.start) n.start = s->start;
      if (s->end > n.end) n.end = s->end;
      n.sum += s->sum, n.count += s->count;
      *at = s->next;
      free(s);
    }
    if (first->end > n.start && n.end > first->start) {
      if (first->start < n.start) n.start = first->start;
      if (first->end > n.end) n.end = first->end;
      n.sum += first->sum, n.count += first->count;
      n.next = first->next;
    } else if (first->end <= watermark) {
      session_out(first);
      n.next = first->next;
    } else {
      session *copy = malloc(sizeof *copy);
      if (!copy) exit(1);
      *copy = *first;
      n.next = copy;
    }
  } else {
    session_used++;
  }
  *first = n;
  if (ts - DISORDER_MS > watermark) watermark = ts - DISORDER_MS;
}

// --- Reading ------------------------------------------------------------------------------------
static const char *read_number(const char *p, int64_t *out) {
  int64_t v = 0;
  for (; *p >= '0'; p++) v = v * 10 + (*p - '0');
  return *out = v, p;
}

static void lines(const char *p, const char *end, void (*event)(int64_t, uint64_t, int64_t)) {
  while (p < end) {
    int64_t ts, value;
    uint64_t key = 0;
    p = read_number(p, &ts) + 1;
    for (; *p != ','; p++) key = key << 8 | (unsigned char)*p;
    p = read_number(p + 1, &value) + 1;
    event(ts, key, value);
  }
}

// --- Words --------------------------------------------------------------------------------------
typedef struct word {
  char text[16];
  int64_t count;
} word;
static word *all_words;
static size_t word_size = 1 << 17;

static void words(const char *p, const char *end) {
  while (p < end) {
    unsigned long long halves[2] = {0};
    size_t length = 0;
    while (p[length] > ' ') length++;
    if (length) {
      memcpy(halves, p, 16);
      if (length < 8) halves[0] &= (1ull << 8 * length) - 1;
      halves[1] = length <= 8 ? 0 : halves[1] & (~0ull >> (length < 16 ? 128 - 8 * length : 0));
      size_t at = hash(halves[0] ^ halves[1] * 31) & (word_size - 1);
      while (all_words[at].count && memcmp(all_words[at].text, halves, 16))
        at = (at + 1) & (word_size - 1);
      memcpy(all_words[at].text, halves, 16);
      all_words[at].count++;
    }
    p += length + 1;
  }
}

int main(int argc, char **argv) {
  int fd = argc > 2 ? open(argv[2], O_RDONLY) : -1;
  if (fd < 0) return fprintf(stderr, "floor_flow: fixed|sessions|sliding|words FILE\n"), 2;
  bool by_session = !strcmp(argv[1], "sessions"), of_words = !strcmp(argv[1], "words");
  slides = !strcmp(argv[1], "sliding");
  struct timespec a, b;
  clock_gettime(CLOCK_MONOTONIC, &a);
  char *buffer = malloc(2 * BLOCK + 64);
  all_words = of_words ? calloc(word_size, sizeof *all_words) : NULL;
  if (!buffer || (of_words && !all_words)) return 1;
  bool header = !of_words;
  size_t held = 0;
  for (ssize_t got; (got = read(fd, buffer + held, BLOCK)) > 0;) {
    char *end = buffer + held + got, *p = buffer;
    memset(end, 0, 64);
    char *last = memrchr(buffer, '\n', (size_t)(end - buffer));
    if (!last) return 1;
    if (header) p = (char *)memchr(p, '\n', (size_t)(end - p)) + 1, header = false;
    if (of_words)
      words(p, last + 1);
    else
      lines(p, last + 1, by_session ? session_event : pane_event);
    held = (size_t)(end - last - 1);
    memmove(buffer, last + 1, held);
  }
  if (of_words)
    for (size_t i = 0; i < word_size; i++)
      results += all_words[i].count > 0, total += all_words[i].count;
  else if (by_session)
    watermark = INT64_MAX, sweep(session_size ? session_size : 1);
  else
    pane_end();
  clock_gettime(CLOCK_MONOTONIC, &b);
  printf("%.6f %lld %lld\n", (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) * 1e-9,
         (long long)results, (long long)total);
  return 0;
}
