// Key ids: small whole numbers for the keys of rows, while something is known of them.
// SPDX-License-Identifier: Apache-2.0
//
//   slots (open addressing): two words, length, id      ids: two words, length, all bytes, uses
//
// A key is one INT64 or STRING field that cannot be missing, or else the packed bytes of its fields
// (row_bytes.h). Its words are its first 16 bytes, or its number: short keys are compared as that.
#ifndef LEAT_FLOW_KEY_IDS_H
#define LEAT_FLOW_KEY_IDS_H

#include "base/vec.h"
#include "flow/batch.h"

typedef enum leat_flow_key_kind {
  LEAT_FLOW_KEY_PACKED,
  LEAT_FLOW_KEY_INT,
  LEAT_FLOW_KEY_TEXT,
} leat_flow_key_kind;

typedef struct leat_flow_key {
  uint64_t words[2];  // longer than 16 bytes: a hash of them
  char *more;         // all bytes then
  uint32_t len;       // bytes; INT: 8
  uint32_t uses;      // 0: the id is free, or just made
} leat_flow_key;

typedef struct leat_flow_key_slot {
  uint64_t words[2];
  uint32_t len;  // 0xFFFFFFFF: free
  uint32_t id;
} leat_flow_key_slot;

typedef struct leat_flow_keys {
  leat_flow_key_kind kind;
  const int *fields;
  int count;
  leat_flow_key_slot *slots;
  size_t size, used;  // of slots
  LEAT_VEC(leat_flow_key) keys;
  LEAT_VEC(int32_t) free;
  leat_buf packed;
} leat_flow_keys;

leat_status leat_flow_keys_init(leat_flow_keys *k, const leat_flow_schema *schema,
                                const int *fields, int count, leat_error *err);
void leat_flow_keys_deinit(leat_flow_keys *k);
// The id of each row, below keys.count. A new key has no uses; with its last one it is forgotten.
leat_status leat_flow_keys_find(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids,
                                leat_error *err);
void leat_flow_keys_forget(leat_flow_keys *k, int32_t id);
static inline void leat_flow_keys_release(leat_flow_keys *k, int32_t id) {
  if (--k->keys.at[id].uses == 0) leat_flow_keys_forget(k, id);
}
// The key's bytes: text, or packed; valid until the key is forgotten or another one is made.
static inline leat_str leat_flow_key_bytes(const leat_flow_keys *k, int32_t id) {
  const leat_flow_key *key = &k->keys.at[id];
  return (leat_str){key->len > 16 ? key->more : (const char *)key->words, key->len};
}

#endif
