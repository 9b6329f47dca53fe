// Hashes of strings: FarmHash Fingerprint64 (G. Pike, variant na) and SipHash, from their
// definitions. SPDX-License-Identifier: Apache-2.0
#include "base/fingerprint.h"

static const uint64_t k0 = 0xc3a5c85c97cb3127u, k1 = 0xb492b66fbe98f273u, k2 = 0x9ae16a3b2f90404fu;

static uint64_t fetch64(const char *p) {
  uint64_t v;
  memcpy(&v, p, 8);
  return v;  // little-endian machines only, like every format here
}
static uint64_t fetch32(const char *p) {
  uint32_t v;
  memcpy(&v, p, 4);
  return v;
}
static uint64_t rotate(uint64_t v, int by) { return by ? v >> by | v << (64 - by) : v; }
static uint64_t shift_mix(uint64_t v) { return v ^ v >> 47; }

static uint64_t mix16(uint64_t u, uint64_t v, uint64_t mul) {
  uint64_t a = (u ^ v) * mul;
  a ^= a >> 47;
  uint64_t b = (v ^ a) * mul;
  b ^= b >> 47;
  return b * mul;
}

static uint64_t up_to_16(const char *s, size_t n) {
  if (n >= 8) {
    uint64_t mul = k2 + n * 2, a = fetch64(s) + k2, b = fetch64(s + n - 8);
    uint64_t c = rotate(b, 37) * mul + a, d = (rotate(a, 25) + b) * mul;
    return mix16(c, d, mul);
  }
  if (n >= 4) return mix16(n + (fetch32(s) << 3), fetch32(s + n - 4), k2 + n * 2);
  if (n == 0) return k2;
  uint8_t a = (uint8_t)s[0], b = (uint8_t)s[n >> 1], c = (uint8_t)s[n - 1];
  uint32_t y = a + ((uint32_t)b << 8), z = (uint32_t)n + ((uint32_t)c << 2);
  return shift_mix(y * k2 ^ z * k0) * k2;
}

static uint64_t up_to_32(const char *s, size_t n) {
  uint64_t mul = k2 + n * 2, a = fetch64(s) * k1, b = fetch64(s + 8);
  uint64_t c = fetch64(s + n - 8) * mul, d = fetch64(s + n - 16) * k2;
  return mix16(rotate(a + b, 43) + rotate(c, 30) + d, a + rotate(b + k2, 18) + c, mul);
}

static uint64_t up_to_64(const char *s, size_t n) {
  uint64_t mul = k2 + n * 2, a = fetch64(s) * k2, b = fetch64(s + 8);
  uint64_t c = fetch64(s + n - 8) * mul, d = fetch64(s + n - 16) * k2;
  uint64_t y = rotate(a + b, 43) + rotate(c, 30) + d;
  uint64_t z = mix16(y, a + rotate(b + k2, 18) + c, mul);
  uint64_t e = fetch64(s + 16) * mul, f = fetch64(s + 24);
  uint64_t g = (y + fetch64(s + n - 32)) * mul, h = (z + fetch64(s + n - 24)) * mul;
  return mix16(rotate(e + f, 43) + rotate(g, 30) + h, e + rotate(f + a, 18) + g, mul);
}

typedef struct two {
  uint64_t first, second;
} two;

static two weak32(const char *s, uint64_t a, uint64_t b) {
  uint64_t w = fetch64(s), x = fetch64(s + 8), y = fetch64(s + 16), z = fetch64(s + 24);
  a += w;
  b = rotate(b + a + z, 21);
  uint64_t c = a;
  a += x + y;
  b += rotate(a, 44);
  return (two){a + z, b + c};
}

static void swap(uint64_t *a, uint64_t *b) {
  uint64_t t = *a;
  *a = *b;
  *b = t;
}

static uint64_t longer(const char *s, size_t n) {
  const uint64_t seed = 81;
  uint64_t x = seed, y = seed * k1 + 113, z = shift_mix(y * k2 + 113) * k2;
  two v = {0, 0}, w = {0, 0};
  x = x * k2 + fetch64(s);
  const char *end = s + ((n - 1) / 64) * 64, *last64 = end + ((n - 1) & 63) - 63;
  do {
    x = rotate(x + y + v.first + fetch64(s + 8), 37) * k1;
    y = rotate(y + v.second + fetch64(s + 48), 42) * k1;
    x ^= w.second;
    y += v.first + fetch64(s + 40);
    z = rotate(z + w.first, 33) * k1;
    v = weak32(s, v.second * k1, x + w.first);
    w = weak32(s + 32, z + w.second, y + fetch64(s + 16));
    swap(&z, &x);
    s += 64;
  } while (s != end);
  uint64_t mul = k1 + ((z & 0xff) << 1);
  s = last64;
  w.first += (n - 1) & 63;
  v.first += w.first;
  w.first += v.first;
  x = rotate(x + y + v.first + fetch64(s + 8), 37) * mul;
  y = rotate(y + v.second + fetch64(s + 48), 42) * mul;
  x ^= w.second * 9;
  y += v.first * 9 + fetch64(s + 40);
  z = rotate(z + w.first, 33) * mul;
  v = weak32(s, v.second * mul, x + w.first);
  w = weak32(s + 32, z + w.second, y + fetch64(s + 16));
  swap(&z, &x);
  return mix16(mix16(v.first, w.first, mul) + shift_mix(y) * k0 + z,
               mix16(v.second, w.second, mul) + x, mul);
}

uint64_t leat_fingerprint64(leat_str s) {
  if (s.len <= 16) return up_to_16(s.ptr, s.len);
  if (s.len <= 32) return up_to_32(s.ptr, s.len);
  return s.len <= 64 ? up_to_64(s.ptr, s.len) : longer(s.ptr, s.len);
}

uint64_t leat_fingerprint_cat64(uint64_t a, uint64_t b) {
  const uint64_t mul = 0xc6a4a7935bd1e995u;
  uint64_t r = a ^ mul;
  r ^= shift_mix(b * mul) * mul;
  r *= mul;
  r = shift_mix(r) * mul;
  return shift_mix(r);
}

// --- SipHash ------------------------------------------------------------------------------------
static uint64_t left(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static void sip_rounds(uint64_t v[4], int rounds) {
  for (; rounds > 0; rounds--) {
    v[0] += v[1], v[2] += v[3];
    v[1] = left(v[1], 13) ^ v[0], v[3] = left(v[3], 16) ^ v[2];
    v[0] = left(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = left(v[1], 17) ^ v[2], v[3] = left(v[3], 21) ^ v[0];
    v[2] = left(v[2], 32);
  }
}

uint64_t leat_siphash(leat_str s, uint64_t key0, uint64_t key1) {
  uint64_t v[4] = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                   key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
  size_t whole = s.len & ~(size_t)7;
  for (size_t i = 0; i <= whole; i += 8) {
    uint64_t word = i < whole ? fetch64(s.ptr + i) : (uint64_t)s.len << 56;
    for (size_t k = whole; i == whole && k < s.len; k++)
      word |= (uint64_t)(unsigned char)s.ptr[k] << 8 * (k - whole);
    v[3] ^= word;
    sip_rounds(v, 2);
    v[0] ^= word;
  }
  v[2] ^= 0xff;
  sip_rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
