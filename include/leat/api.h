// Marks what the shared library exports; every other symbol is hidden.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_API_H
#define LEAT_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define LEAT_API __attribute__((visibility("default")))
#define LEAT_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define LEAT_API
#define LEAT_PRINTF(fmt, args)
#endif

#ifdef __cplusplus
#define LEAT_BEGIN extern "C" {
#define LEAT_END }
#else
#define LEAT_BEGIN
#define LEAT_END
#endif

#endif
