// The floating-point control register: MXCSR on x86, FPCR on Arm.
// SPDX-License-Identifier: Apache-2.0
#include "base/fpenv.h"

#if defined(__x86_64__) || defined(__i386__)

leat_fpenv leat__fpenv_enter(void) {
  leat_fpenv saved = {__builtin_ia32_stmxcsr()};
  if (saved.control != 0x1F80)
    __builtin_ia32_ldmxcsr(0x1F80);  // all masked, nearest, no FTZ, no DAZ
  return saved;
}

void leat__fpenv_leave(leat_fpenv saved) {
  if (saved.control != 0x1F80) __builtin_ia32_ldmxcsr((unsigned)saved.control);
}

#elif defined(__aarch64__)

leat_fpenv leat__fpenv_enter(void) {
  leat_fpenv saved;
  __asm__ volatile("mrs %0, fpcr" : "=r"(saved.control));
  uint64_t plain = 0;
  __asm__ volatile("msr fpcr, %0" : : "r"(plain));
  return saved;
}

void leat__fpenv_leave(leat_fpenv saved) {
  __asm__ volatile("msr fpcr, %0" : : "r"(saved.control));
}

#else

#include <fenv.h>

leat_fpenv leat__fpenv_enter(void) {
  leat_fpenv saved = {(uint64_t)fegetround()};
  fesetround(FE_TONEAREST);
  return saved;
}

void leat__fpenv_leave(leat_fpenv saved) { fesetround((int)saved.control); }

#endif
