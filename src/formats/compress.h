// Compression: gzip and zlib streams in and out, and the checksums that archives hold.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_COMPRESS_H
#define LEAT_FORMATS_COMPRESS_H

#include "base/str.h"

typedef enum leat_compression {
  LEAT_COMPRESSION_AUTO,  // by the first bytes
  LEAT_COMPRESSION_NONE,
  LEAT_COMPRESSION_GZIP,  // one member or several
  LEAT_COMPRESSION_ZLIB,
  LEAT_COMPRESSION_RAW,  // deflate without a frame, as in zip archives
} leat_compression;

// "none", "gzip" (also "GZIP") and so on; AUTO for "auto" and "". false: not a name.
bool leat_compression_from_name(leat_str name, leat_compression *out);
// What a stream that starts with `head` is: GZIP, ZLIB or NONE.
leat_compression leat_compression_guess(leat_str head);

// --- Piece by piece ------------------------------------------------------------------------------
typedef struct leat_inflater leat_inflater;

leat_status leat_inflater_new(leat_inflater **out, leat_compression compression, leat_error *err);
void leat_inflater_free(leat_inflater *inflater);  // NULL allowed
// Unpacks from *input (which it shortens) into `room` bytes at `out`; *got how many came. *ended:
// the stream is complete (a gzip file may go on: call again while there is input). DATA_LOSS for
// damage; the message is the caller's to complete with a place.
leat_status leat_inflater_run(leat_inflater *inflater, leat_str *input, char *out, size_t room,
                              size_t *got, bool *ended, leat_error *err);

// --- Whole ---------------------------------------------------------------------------------------
// A stream unpacked behind what `out` holds, at most `max` bytes more; NONE is copied.
leat_status leat_inflate(leat_str input, leat_compression compression, const char *name, size_t max,
                         leat_buf *out, leat_error *err);
leat_status leat_deflate(leat_str input, leat_compression compression, leat_buf *out,
                         leat_error *err);
uint32_t leat_crc32(uint32_t crc,
                    leat_str bytes);  // of zip and gzip; crc: 0, or of what came before

#endif
