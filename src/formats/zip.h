// Zip archives in memory: members that are stored or deflated; zip64 sizes.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_ZIP_H
#define LEAT_FORMATS_ZIP_H

#include "base/str.h"

typedef struct leat_zip {
  leat_str bytes;
  const char *archive;  // its name, for messages
  leat_str directory;   // what is left of the central directory
} leat_zip;

typedef struct leat_zip_member {
  leat_str name;
  int method;  // 0 stored, 8 deflated
  uint32_t crc;
  uint64_t packed, size, offset;
} leat_zip_member;

leat_status leat_zip_open(leat_zip *zip, leat_str bytes, const char *name, leat_error *err);
// The next member in the directory's order; OUT_OF_RANGE at the end.
leat_status leat_zip_next(leat_zip *zip, leat_zip_member *member, leat_error *err);
// Appends the member's contents; size and CRC are checked.
leat_status leat_zip_read(const leat_zip *zip, const leat_zip_member *member, leat_buf *out,
                          leat_error *err);

#endif
