// Element-wise kernels of one integer type: included with T, UT (its unsigned twin), SIGNED, NAME.
// SPDX-License-Identifier: Apache-2.0
//
// Clause N8: results wrap; x/0 = 0, x%0 = x, MIN/-1 wraps; shift counts are masked.

#define ELEM_BITS ((int)(8 * sizeof(T)))
#define ELEM_BINARY(op, expression)                                                         \
  static void NAME(op)(void *out, const void *x, int xs, const void *y, int ys, size_t n) { \
    T *o = out;                                                                             \
    const T *p = x, *q = y;                                                                 \
    for (size_t i = 0; i < n; i++) {                                                        \
      T a = p[xs ? i : 0], b = q[ys ? i : 0];                                               \
      o[i] = (T)(expression);                                                               \
    }                                                                                       \
  }
#define ELEM_UNARY(op, expression)                           \
  static void NAME(op)(void *out, const void *x, size_t n) { \
    T *o = out;                                              \
    const T *p = x;                                          \
    for (size_t i = 0; i < n; i++) {                         \
      T a = p[i];                                            \
      o[i] = (T)(expression);                                \
    }                                                        \
  }
#define ELEM_COMPARE(op, expression)                                                          \
  static void NAME(op)(uint8_t * o, const void *x, int xs, const void *y, int ys, size_t n) { \
    const T *p = x, *q = y;                                                                   \
    for (size_t i = 0; i < n; i++) {                                                          \
      T a = p[xs ? i : 0], b = q[ys ? i : 0];                                                 \
      o[i] = expression;                                                                      \
    }                                                                                         \
  }

// Products of 16-bit numbers are taken in 64 bits: in C they would be promoted to int and overflow.
ELEM_BINARY(add, (uint64_t)a + (uint64_t)b)
ELEM_BINARY(sub, (uint64_t)a - (uint64_t)b)
ELEM_BINARY(mul, (uint64_t)a *(uint64_t)b)
ELEM_BINARY(div, b == 0 ? 0 : SIGNED && b == (T)-1 ? (T)(0 - (uint64_t)a) : a / b)
ELEM_BINARY(rem, b == 0 ? a : SIGNED && b == (T)-1 ? 0 : a % b)
ELEM_BINARY(max, a > b ? a : b)
ELEM_BINARY(min, a < b ? a : b)
ELEM_BINARY(and, a &b)
ELEM_BINARY(or, a | b)
ELEM_BINARY(xor, a ^ b)
ELEM_BINARY(shl, (UT)a << ((UT)b & (ELEM_BITS - 1)))
ELEM_BINARY(shr, a >> ((UT)b & (ELEM_BITS - 1)))
ELEM_COMPARE(eq, a == b)
ELEM_COMPARE(ne, a != b)
ELEM_COMPARE(lt, a < b)
ELEM_COMPARE(le, a <= b)
ELEM_UNARY(neg, 0 - (uint64_t)a)
ELEM_UNARY(abs, SIGNED &&a < (T)1 ? (T)(0 - (uint64_t)a) : a)
ELEM_UNARY(sign, (a > 0) - (SIGNED && a < (T)0))
ELEM_UNARY(not, ~a)

static T NAME(power)(T base, T exponent) {
  if (SIGNED && exponent < (T)0) return 0;
  uint64_t result = 1, square = (uint64_t)base;
  for (UT e = (UT)exponent; e; e >>= 1, square *= square)
    if (e & 1) result *= square;
  return (T)result;
}
ELEM_BINARY(pow, NAME(power)(a, b))

static const elem_table NAME(table) = {
    .binary = {NAME(add), NAME(sub), NAME(mul), NAME(div), NAME(rem), NAME(pow), NAME(max),
               NAME(min), NAME(and), NAME(or), NAME(xor), NAME(shl), NAME(shr)},
    .compare = {NAME(eq), NAME(ne), NAME(lt), NAME(le)},
    .unary = {NAME(neg), NAME(abs), NAME(sign), NAME(not )},
};

#undef ELEM_BITS
#undef ELEM_BINARY
#undef ELEM_UNARY
#undef ELEM_COMPARE
#undef T
#undef UT
#undef SIGNED
#undef NAME
