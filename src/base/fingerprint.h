// Stable hashes of strings: FarmHash Fingerprint64, which hash columns use, and SipHash.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_FINGERPRINT_H
#define LEAT_BASE_FINGERPRINT_H

#include "leat/str.h"

uint64_t leat_fingerprint64(leat_str s);  // farmhashna::Hash64
// Combines two fingerprints in order (TensorFlow's FingerprintCat64, used by crosses).
uint64_t leat_fingerprint_cat64(uint64_t a, uint64_t b);
// SipHash-2-4 (Aumasson, Bernstein 2012): a keyed hash, TensorFlow's "strong" one.
uint64_t leat_siphash(leat_str s, uint64_t key0, uint64_t key1);

#endif
