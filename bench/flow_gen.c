// Data of the flow benchmarks: events as CSV, or lines of words.
// SPDX-License-Identifier: Apache-2.0
//
//   flow_gen events FILE COUNT KEYS    ts,key,value: 5,000 a second of event time, up to 5 s out of
//                                      order; keys by Zipf's law, exponent 1
//   flow_gen words FILE BYTES          50,000 words by Zipf's law, 12 a line
// The same arguments give the same bytes.
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { A_SECOND = 5000, DISORDER_MS = 5000, WORDS = 50000, A_LINE = 12 };

static uint64_t state = 0x9E3779B97F4A7C15;

static uint64_t next(void) {  // splitmix64
  uint64_t z = state += 0x9E3779B97F4A7C15;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

static double uniform(void) { return (double)(next() >> 11) * 0x1p-53; }

static long zipf(long count) {  // ranks 0 to count - 1, by the inverse of the continuous law
  long rank = (long)exp(uniform() * log((double)count + 1)) - 1;
  return rank < count ? rank : count - 1;
}

static void events(FILE *f, long count, long keys) {
  const int64_t start = 1700000000000;
  fputs("ts,key,value\n", f);
  for (long i = 0; i < count; i++) {
    int64_t ts = start + i * 1000 / A_SECOND + (int64_t)(uniform() * DISORDER_MS);
    fprintf(f, "%lld,%ld,%d\n", (long long)ts, zipf(keys), (int)(next() % 1000));
  }
}

static void words(FILE *f, long bytes) {
  static char word[WORDS][12];
  for (long i = 0; i < WORDS; i++) {
    uint64_t bits = next();
    int length = 2 + (int)(bits % 9);
    for (int k = 0; k < length; k++) word[i][k] = (char)('a' + (bits >> (8 + k * 5)) % 26);
  }
  for (long written = 0, in_line = 0; written < bytes;) {
    const char *w = word[zipf(WORDS)];
    bool last = ++in_line == A_LINE;
    if (last) in_line = 0;
    written += fprintf(f, "%s%c", w, last ? '\n' : ' ');
  }
  fputc('\n', f);
}

int main(int argc, char **argv) {
  FILE *f = argc > 3 ? fopen(argv[2], "w") : NULL;
  if (!f) return fprintf(stderr, "flow_gen: events FILE COUNT KEYS, or words FILE BYTES\n"), 2;
  setvbuf(f, NULL, _IOFBF, 1 << 20);
  if (argc > 4 && !strcmp(argv[1], "events"))
    events(f, atol(argv[3]), atol(argv[4]));
  else if (!strcmp(argv[1], "words"))
    words(f, atol(argv[3]));
  else
    return 2;
  return fclose(f) ? 1 : 0;
}
