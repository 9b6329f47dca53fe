// Packing and unpacking blocks of points.
// SPDX-License-Identifier: Apache-2.0
#include "board/points.h"

#include <string.h>

enum { N = LEAT_BLOCK_POINTS, SLACK = 8 };

typedef struct column {  // 256 numbers of 64 bits: the first, and differences modulo 2^64
  uint64_t first, low;   // low: the least difference
  uint8_t bits;          // of a difference above low; 0 to 56, or 64
} column;

struct leat_block {
  column step, wall;
  int64_t last_step;
  float values[N];
  unsigned char packed[];  // differences of the steps, then of the wall times, then SLACK bytes
};

static size_t packed_bytes(const column *c) { return ((size_t)c->bits * (N - 1) + 7) / 8; }

// --- Columns ------------------------------------------------------------------------------------
static column measure(const uint64_t *v) {
  int64_t low = (int64_t)(v[1] - v[0]), high = low;
  for (int i = 2; i < N; i++) {
    int64_t d = (int64_t)(v[i] - v[i - 1]);
    low = d < low ? d : low;
    high = d > high ? d : high;
  }
  uint64_t range = (uint64_t)high - (uint64_t)low;
  int bits = range ? 64 - __builtin_clzll(range) : 0;
  return (column){v[0], (uint64_t)low, (uint8_t)(bits > 56 ? 64 : bits)};
}

static void pack(const column *c, const uint64_t *v, unsigned char *out) {
  uint64_t word = 0, low = c->low;
  int bits = c->bits, fill = 0;
  if (!bits) return;
  for (int i = 1; i < N; i++) {
    uint64_t d = v[i] - v[i - 1] - low;
    word |= d << fill;
    fill += bits;
    if (fill < 64) continue;
    memcpy(out, &word, 8);
    out += 8;
    fill -= 64;
    word = fill ? d >> (bits - fill) : 0;
  }
  memcpy(out, &word, 8);
}

static void unpack(const column *c, const unsigned char *in, uint64_t *v) {
  uint64_t now = c->first, mask = c->bits == 64 ? ~0ull : (1ull << c->bits) - 1;
  size_t at = 0;
  v[0] = now;
  if (!c->bits) {
    for (int i = 1; i < N; i++) v[i] = now += c->low;
    return;
  }
  for (int i = 1; i < N; i++, at += c->bits) {
    uint64_t word;
    memcpy(&word, in + at / 8, 8);
    v[i] = now += c->low + (word >> at % 8 & mask);
  }
}

// --- Blocks -------------------------------------------------------------------------------------
static leat_block *seal(const leat_points *p) {
  const uint64_t *steps = (const uint64_t *)p->steps;
  uint64_t walls[N];
  memcpy(walls, p->walls, sizeof walls);
  column step = measure(steps), wall = measure(walls);
  size_t first = packed_bytes(&step), packed = first + packed_bytes(&wall) + SLACK;
  leat_block *b = leat__alloc(sizeof *b + packed);
  if (!b) return NULL;
  b->step = step;
  b->wall = wall;
  b->last_step = p->steps[N - 1];
  memcpy(b->values, p->values, sizeof b->values);
  // Each column writes whole words, the second one over what the first wrote too much.
  pack(&step, steps, b->packed);
  pack(&wall, walls, b->packed + first);
  return b;
}

static void open_block(const leat_block *b, leat_point *out) {
  uint64_t steps[N], walls[N];
  unpack(&b->step, b->packed, steps);
  unpack(&b->wall, b->packed + packed_bytes(&b->step), walls);
  for (int i = 0; i < N; i++) {
    out[i].step = (int64_t)steps[i];
    memcpy(&out[i].wall, &walls[i], 8);
    out[i].value = b->values[i];
  }
}

static bool keep_block(leat_points *p, leat_block *b) {
  if (p->block_count == p->block_cap) {
    uint32_t cap = p->block_cap ? p->block_cap * 2 : 4;
    leat_block **grown = leat__realloc(p->blocks, cap * sizeof *grown);
    if (!grown) return false;
    p->blocks = grown;
    p->block_cap = cap;
  }
  p->blocks[p->block_count++] = b;
  return true;
}

// Moves the open points to a piece of memory for that many.
static bool resize_open(leat_points *p, uint32_t cap) {
  size_t n = p->open_count;
  int64_t *steps = leat__alloc(cap * (sizeof *p->steps + sizeof *p->walls + sizeof *p->values));
  if (!steps) return false;
  double *walls = (double *)(steps + cap);
  float *values = (float *)(walls + cap);
  if (n) {
    memcpy(steps, p->steps, n * sizeof *steps);
    memcpy(walls, p->walls, n * sizeof *walls);
    memcpy(values, p->values, n * sizeof *values);
  }
  leat__free(p->steps);
  p->steps = steps;
  p->walls = walls;
  p->values = values;
  p->open_cap = cap;
  return true;
}

bool leat__points_grow(leat_points *p) {
  if (!p->open_cap && !p->block_count) p->last = INT64_MIN;
  return resize_open(p, p->open_cap >= N / 2 ? N : p->open_cap ? p->open_cap * 2 : 4);
}

bool leat__points_seal(leat_points *p) {
  leat_block *b = seal(p);
  if (b && keep_block(p, b)) {
    p->open_count = 0;
    return true;
  }
  leat__free(b);
  p->open_count--;
  return false;
}

size_t leat_points_read(const leat_points *p, size_t from, size_t count, leat_point *out) {
  size_t total = leat_points_count(p), sealed = (size_t)p->block_count * N, done = 0;
  leat_point whole[N];
  if (from >= total) return 0;
  if (count > total - from) count = total - from;
  while (done < count && from < sealed) {
    size_t inside = from % N, part = N - inside < count - done ? N - inside : count - done;
    if (part == N)
      open_block(p->blocks[from / N], out + done);
    else {
      open_block(p->blocks[from / N], whole);
      memcpy(out + done, whole + inside, part * sizeof *out);
    }
    done += part, from += part;
  }
  for (; done < count; done++, from++) {
    size_t i = from - sealed;
    out[done] = (leat_point){p->walls[i], p->steps[i], p->values[i]};
  }
  return count;
}

size_t leat_points_find(const leat_points *p, int64_t step) {
  size_t low = 0, high = p->block_count, at = 0;
  leat_point whole[N];
  while (low < high) {  // the first block that ends at that step or behind it
    size_t middle = (low + high) / 2;
    if (p->blocks[middle]->last_step < step)
      low = middle + 1;
    else
      high = middle;
  }
  size_t count = leat_points_read(p, low * N, N, whole);
  while (at < count && whole[at].step < step) at++;
  return low * N + at;
}

bool leat_points_purge(leat_points *p, int64_t step) {
  leat_points kept = {0};
  leat_point whole[N];
  size_t total = leat_points_count(p), got;
  if (!total) return true;
  if (!p->unsorted && p->last < step) return true;
  for (size_t at = 0; (got = leat_points_read(p, at, N, whole)); at += got)
    for (size_t i = 0; i < got; i++)
      if (whole[i].step < step && !leat_points_add(&kept, &whole[i])) {
        leat_points_deinit(&kept);
        return false;
      }
  leat_points_deinit(p);
  *p = kept;
  return true;
}

void leat_points_trim(leat_points *p) {
  if (p->open_cap > p->open_count + p->open_count / 4 + 4) resize_open(p, p->open_count + 1);
}

size_t leat_points_bytes(const leat_points *p) {
  size_t bytes = p->block_cap * sizeof *p->blocks +
                 p->open_cap * (sizeof *p->steps + sizeof *p->walls + sizeof *p->values);
  for (uint32_t i = 0; i < p->block_count; i++)
    bytes += sizeof(leat_block) + packed_bytes(&p->blocks[i]->step) +
             packed_bytes(&p->blocks[i]->wall) + SLACK;
  return bytes;
}

void leat_points_deinit(leat_points *p) {
  for (uint32_t i = 0; i < p->block_count; i++) leat__free(p->blocks[i]);
  leat__free(p->blocks);
  leat__free(p->steps);
  *p = (leat_points){0};
}
