// Loads a log directory into the board's store: load_events DIR [THREADS]; prints seconds and
// memory. SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"
#include "board/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

static long resident_kb(void) {
  long pages = 0, resident = 0;
  FILE *f = fopen("/proc/self/statm", "r");
  if (f && fscanf(f, "%ld %ld", &pages, &resident) != 2) resident = 0;
  if (f) fclose(f);
  return resident * 4;
}

static void say(void *context, const leat_notice *n) {
  fprintf(stderr, "%s: %s\n", n->path, n->text);
}

int main(int argc, char **argv) {
  leat_store *s;
  leat_error err;
  leat_store_options options = {.logdir = argc > 1 ? argv[1] : ".",
                                .reload_interval = -1,
                                .threads = argc > 2 ? atoi(argv[2]) : 0};
  int64_t start = leat_clock_ns();
  if (leat_store_open(&s, &options, &err)) {
    fprintf(stderr, "%s\n", err.message);
    return 1;
  }
  while (!leat_store_wait_loaded(s, 1000)) continue;
  double seconds = (double)(leat_clock_ns() - start) * 1e-9;
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  leat_loading l;
  leat_store_loading(s, &l);
  leat_store_notices(s, say, NULL);
  printf(
      "{\"seconds\": %.4f, \"points\": %lld, \"bytes\": %lld, \"resident_mb\": %.1f, \"peak_mb\": "
      "%.1f}\n",
      seconds, (long long)leat_store_points(s), (long long)l.bytes_done,
      (double)resident_kb() / 1024, (double)used.ru_maxrss / 1024);
  leat_store_close(s);
  return 0;
}
