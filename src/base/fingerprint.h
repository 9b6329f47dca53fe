// FarmHash Fingerprint64: the stable hash of strings that TensorFlow's hash columns use.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BASE_FINGERPRINT_H
#define LEAT_BASE_FINGERPRINT_H

#include "leat/str.h"

uint64_t leat_fingerprint64(leat_str s);  // farmhashna::Hash64
// Combines two fingerprints in order (TensorFlow's FingerprintCat64, used by crosses).
uint64_t leat_fingerprint_cat64(uint64_t a, uint64_t b);

#endif
