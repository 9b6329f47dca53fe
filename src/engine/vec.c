// Choosing the kernels of this CPU.
// SPDX-License-Identifier: Apache-2.0
#include "engine/vec.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern const leat_vec leat__vec_base;
#if defined(__x86_64__) && !defined(LEAT_ONE_ISA)
extern const leat_vec leat__vec_avx2;
#if !defined(LEAT_NO_AVX512)
extern const leat_vec leat__vec_avx512;
#endif
#endif

static const leat_vec *tables[4];
static const leat_vec *chosen;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void choose(void) {
  int count = 0;
  tables[count++] = &leat__vec_base;
#if defined(__x86_64__) && !defined(LEAT_ONE_ISA)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    tables[count++] = &leat__vec_avx2;
#if !defined(LEAT_NO_AVX512)
  if (count == 2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") &&
      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw"))
    tables[count++] = &leat__vec_avx512;
#endif
#endif
  chosen = tables[count - 1];
  const char *wanted = getenv("LEAT_ISA");
  for (int i = 0; wanted && i < count; i++)
    if (strcmp(wanted, tables[i]->isa) == 0) chosen = tables[i];
}

const leat_vec *leat__vec(void) {
  pthread_once(&once, choose);
  return chosen;
}

const leat_vec *const *leat__vec_all(void) {
  pthread_once(&once, choose);
  return tables;
}
