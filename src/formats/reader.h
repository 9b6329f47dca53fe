// Reader: the bytes of a file, plain or compressed, through a window that grows where it must.
// SPDX-License-Identifier: Apache-2.0
//
//   buffer:  [ ....read already.... | wanted ............ | free ]
//             0                      at                  end     size
//
// The user looks at buffer[at..end) and moves `at`. Offsets count unpacked bytes from the start.
#ifndef LEAT_FORMATS_READER_H
#define LEAT_FORMATS_READER_H

#include "formats/compress.h"

typedef struct leat_reader {  // zero-initialised is closed
  char *buffer;
  size_t size, at, end;
  int64_t base;  // offset of buffer[0]
  bool eof;      // there are no more bytes than the window holds
  size_t most;   // that the window may grow to
  const char *name;
  int fd;           // -1: `memory` is read
  leat_str memory;  // what is left of it
  leat_inflater *inflater;
  leat_compression compression;
  char *packed;  // compressed bytes read but not yet unpacked
  leat_str left;
  bool ended;  // the compressed stream is complete
} leat_reader;

enum { LEAT_READER_SLACK = 64 };  // bytes behind the window that may be read, not used

// AUTO takes a file for gzip by its first bytes, for zlib only by the name's end (.zlib, .zz): text
// may start like a zlib stream. `path` and `name` are borrowed. most 0: 64 MiB.
leat_status leat_reader_open(leat_reader *r, const char *path, leat_compression compression,
                             size_t most, leat_error *err);
leat_status leat_reader_memory(leat_reader *r, leat_str bytes, const char *name,
                               leat_compression compression, size_t most, leat_error *err);
void leat_reader_close(leat_reader *r);  // also of a closed one
// While a reader that was opened as NONE still stands at its start: unpacks it after all.
leat_status leat_reader_unpack(leat_reader *r, leat_compression compression, leat_error *err);
// Makes more bytes available behind `end`; sets eof when there are none. OUT_OF_RANGE when the
// window would grow beyond `most`.
leat_status leat_reader_more(leat_reader *r, leat_error *err);
// More until `wanted` bytes lie behind `at`, or the end of the file.
leat_status leat_reader_want(leat_reader *r, size_t wanted, leat_error *err);
static inline int64_t leat_reader_tell(const leat_reader *r) { return r->base + (int64_t)r->at; }
// At once in a plain file; a compressed one is unpacked from its start if the place lies behind.
// DATA_LOSS for a place beyond the end of a compressed file.
leat_status leat_reader_seek(leat_reader *r, int64_t offset, leat_error *err);

#endif
