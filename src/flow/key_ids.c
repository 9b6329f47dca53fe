// Key ids: a hash table from keys to ids.
// SPDX-License-Identifier: Apache-2.0
#include "flow/key_ids.h"

#include "base/map.h"
#include "flow/row_bytes.h"
#include "flow/words.h"

#include <string.h>

enum { FREE = 0xFFFFFFFFu, FIRST = 1024, SMALL = 1 << 18 };

leat_status leat_flow_keys_init(leat_flow_keys *k, const leat_flow_schema *schema,
                                const int *fields, int count, leat_error *err) {
  const leat_flow_field *one = count == 1 ? &schema->fields[fields[0]] : NULL;
  *k = (leat_flow_keys){.fields = fields, .count = count, .size = FIRST};
  if (one && !one->nullable && one->type == LEAT_FLOW_TYPE_INT64) k->kind = LEAT_FLOW_KEY_INT;
  if (one && !one->nullable && one->type == LEAT_FLOW_TYPE_STRING) k->kind = LEAT_FLOW_KEY_TEXT;
  k->packed.max = SIZE_MAX / 2;
  k->slots = leat__alloc(FIRST * sizeof *k->slots);
  if (!k->slots) return leat__oom(err, FIRST * sizeof *k->slots);
  for (size_t i = 0; i < FIRST; i++) k->slots[i].len = FREE;
  return LEAT_OK;
}

void leat_flow_keys_deinit(leat_flow_keys *k) {
  for (size_t i = 0; i < k->keys.count; i++) leat__free(k->keys.at[i].more);
  leat__free(k->slots);
  leat_vec_deinit(&k->keys);
  leat_vec_deinit(&k->free);
  leat_buf_deinit(&k->packed);
}

// --- Slots --------------------------------------------------------------------------------------
static inline size_t hash(const uint64_t words[2], uint32_t len) {
  uint64_t h = (words[0] ^ len) * 0x9E3779B97F4A7C15;
  h = (h ^ h >> 32 ^ words[1]) * 0xBF58476D1CE4E5B9;
  return (size_t)(h ^ h >> 29);
}

static size_t home(const leat_flow_keys *k, const uint64_t words[2], uint32_t len) {
  return hash(words, len) & (k->size - 1);
}

static bool grow(leat_flow_keys *k) {
  size_t size = k->size * 2, old_size = k->size;
  leat_flow_key_slot *old = k->slots, *slots = leat__alloc(size * sizeof *slots);
  if (!slots) return false;
  for (size_t i = 0; i < size; i++) slots[i].len = FREE;
  k->slots = slots;
  k->size = size;
  for (size_t i = 0; i < old_size; i++) {
    if (old[i].len == FREE) continue;
    size_t at = home(k, old[i].words, old[i].len);
    while (slots[at].len != FREE) at = (at + 1) & (size - 1);
    slots[at] = old[i];
  }
  leat__free(old);
  return true;
}

static bool add(leat_flow_keys *k, size_t at, const uint64_t words[2], leat_str bytes,
                int32_t *id) {
  leat_flow_key key = {.words = {words[0], words[1]}, .len = (uint32_t)bytes.len};
  if (bytes.len > 16) {
    key.more = leat__alloc(bytes.len);
    if (!key.more) return false;
    memcpy(key.more, bytes.ptr, bytes.len);
  }
  if (k->free.count) {
    *id = k->free.at[--k->free.count];
    k->keys.at[*id] = key;
  } else {
    // Room to be freed into: forgetting a key cannot fail.
    if (!leat_vec_reserve(&k->free, k->keys.count + 1) || !leat_vec_push(&k->keys, key))
      return leat__free(key.more), false;
    *id = (int32_t)k->keys.count - 1;
  }
  k->slots[at] = (leat_flow_key_slot){
      .words = {words[0], words[1]}, .len = (uint32_t)bytes.len, .id = (uint32_t)*id};
  return k->used++, true;
}

// A small table is kept half empty, for speed; a great one a quarter, for memory.
static inline bool is_full(const leat_flow_keys *k) {
  return k->size <= SMALL ? k->used * 2 >= k->size : k->used * 4 >= k->size * 3;
}

// A key that is not there, from where it was looked for last.
static bool add_new(leat_flow_keys *k, size_t at, size_t h, const uint64_t words[2], leat_str bytes,
                    int32_t *id) {
  if (!is_full(k)) return add(k, at, words, bytes, id);
  if (!grow(k)) return false;
  for (at = h & (k->size - 1); k->slots[at].len != FREE;) at = (at + 1) & (k->size - 1);
  return add(k, at, words, bytes, id);
}

static inline bool find(leat_flow_keys *k, size_t h, const uint64_t words[2], leat_str bytes,
                        int32_t *id) {
  for (size_t at = h & (k->size - 1);; at = (at + 1) & (k->size - 1)) {
    const leat_flow_key_slot *slot = &k->slots[at];
    if (slot->len == FREE) return add_new(k, at, h, words, bytes, id);
    if (slot->words[0] != words[0] || slot->words[1] != words[1] || slot->len != bytes.len)
      continue;
    *id = (int32_t)slot->id;
    if (bytes.len <= 16 || !memcmp(k->keys.at[*id].more, bytes.ptr, bytes.len)) return true;
  }
}

void leat_flow_keys_forget(leat_flow_keys *k, int32_t id) {
  leat_flow_key *key = &k->keys.at[id];
  size_t mask = k->size - 1, at = home(k, key->words, key->len);
  while (k->slots[at].len == FREE || k->slots[at].id != (uint32_t)id) at = (at + 1) & mask;
  // Those behind move up, so that each is found from its home without a gap.
  for (size_t next = (at + 1) & mask; k->slots[next].len != FREE; next = (next + 1) & mask) {
    size_t want = home(k, k->slots[next].words, k->slots[next].len);
    if (((next - want) & mask) < ((next - at) & mask)) continue;
    k->slots[at] = k->slots[next];
    at = next;
  }
  k->slots[at].len = FREE;
  k->used--;
  leat__free(key->more);
  *key = (leat_flow_key){.len = 0};
  k->free.at[k->free.count++] = id;
}

// --- Rows ---------------------------------------------------------------------------------------
static inline void words_of(leat_str bytes, uint64_t words[2]) {  // 16 bytes can be read
  if (bytes.len <= 16)
    leat_flow_words(bytes, words);
  else
    words[0] = leat__hash_bytes(bytes.ptr, bytes.len), words[1] = 0;
}

enum { AHEAD = 64 };  // rows whose slots are asked for before they are looked at

static bool find_texts(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  const leat_flow_column *c = &batch->columns[k->fields[0]];
  uint64_t words[AHEAD][2];
  size_t hashes[AHEAD];
  for (int first = 0; first < batch->rows; first += AHEAD) {
    int count = batch->rows - first < AHEAD ? batch->rows - first : AHEAD;
    for (int i = 0; i < count; i++) {
      leat_str text = leat_flow_text(c, first + i);
      words_of(text, words[i]);  // blocks have room behind them
      hashes[i] = hash(words[i], (uint32_t)text.len);
      __builtin_prefetch(&k->slots[hashes[i] & (k->size - 1)]);
    }
    for (int i = 0; i < count; i++)
      if (!find(k, hashes[i], words[i], leat_flow_text(c, first + i), &ids[first + i]))
        return false;
  }
  return true;
}

static bool find_ints(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  const int64_t *values = batch->columns[k->fields[0]].values;
  for (int i = 0; i < batch->rows; i++) {
    uint64_t words[2] = {(uint64_t)values[i], 0};
    if (!find(k, hash(words, 8), words, (leat_str){NULL, 8}, &ids[i])) return false;
  }
  return true;
}

static bool find_packed(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  for (int i = 0; i < batch->rows; i++) {
    uint64_t words[2];
    leat_buf_clear(&k->packed);
    if (!leat_buf_reserve(&k->packed, 32)) return false;
    leat_flow_row_pack(batch, i, k->fields, k->count, &k->packed);
    leat_str bytes = leat_buf_view(&k->packed);
    if (!leat_buf_reserve(&k->packed, 16)) return false;
    bytes.ptr = k->packed.ptr;
    words_of(bytes, words);
    if (!find(k, hash(words, (uint32_t)bytes.len), words, bytes, &ids[i])) return false;
  }
  return true;
}

leat_status leat_flow_keys_find(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids,
                                leat_error *err) {
  bool found = k->kind == LEAT_FLOW_KEY_TEXT  ? find_texts(k, batch, ids)
               : k->kind == LEAT_FLOW_KEY_INT ? find_ints(k, batch, ids)
                                              : find_packed(k, batch, ids);
  return found ? LEAT_OK : leat__oom(err, k->size * sizeof *k->slots);
}
