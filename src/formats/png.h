// PNG, written.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_PNG_H
#define LEAT_FORMATS_PNG_H

#include "base/str.h"

// Appends a picture of 8-bit samples (height, width, channels), channels from 1 (grey) to 4 (red,
// green, blue, alpha). INVALID_ARGUMENT for sizes below 1 or above 32,768.
leat_status leat_png_format(const unsigned char *pixels, int width, int height, int channels,
                            leat_buf *out, leat_error *err);

#endif
