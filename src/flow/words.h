// Words: a short text as two words, to be hashed and compared at once.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_WORDS_H
#define LEAT_FLOW_WORDS_H

#include "leat/str.h"

#include <string.h>

// The first `length` bytes of 16 are what is read of it from [16 - length] on.
static const uint8_t leat_flow_word_masks[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                                 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

// A text of up to 16 bytes, with zeros behind it; 16 bytes can be read, as of a column's text.
static inline void leat_flow_words(leat_str text, uint64_t words[2]) {
  uint64_t mask[2];
  memcpy(words, text.ptr, 16);
  memcpy(mask, leat_flow_word_masks + 16 - text.len, 16);
  words[0] &= mask[0];
  words[1] &= mask[1];
}

#endif
