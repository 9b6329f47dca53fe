// Key ids: a hash table from keys to ids.
// SPDX-License-Identifier: Apache-2.0
#include "flow/key_ids.h"

#include "base/map.h"
#include "flow/row_bytes.h"

#include <string.h>

enum { FREE = 0xFFFFFFFFu, FIRST = 1024 };

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
// For long keys the word is a hash of all of it, in the slot and in the key.
static inline size_t home(const leat_flow_keys *k, uint64_t word, uint32_t len) {
  uint64_t h = (word ^ len) * 0x9E3779B97F4A7C15;
  return (size_t)(h ^ h >> 32) & (k->size - 1);
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
    size_t at = home(k, old[i].word, old[i].len);
    while (slots[at].len != FREE) at = (at + 1) & (size - 1);
    slots[at] = old[i];
  }
  leat__free(old);
  return true;
}

static bool add(leat_flow_keys *k, size_t at, uint64_t word, leat_str bytes, int32_t *id) {
  leat_flow_key key = {.word = word, .len = (uint32_t)bytes.len};
  if (bytes.len > 8) {
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
  k->slots[at] = (leat_flow_key_slot){word, (uint32_t)bytes.len, (uint32_t)*id};
  return k->used++, true;
}

static inline bool find(leat_flow_keys *k, uint64_t word, leat_str bytes, int32_t *id) {
  if (k->used * 2 >= k->size && !grow(k)) return false;
  size_t at = home(k, word, (uint32_t)bytes.len);
  for (;; at = (at + 1) & (k->size - 1)) {
    const leat_flow_key_slot *slot = &k->slots[at];
    if (slot->len == FREE) return add(k, at, word, bytes, id);
    if (slot->word != word || slot->len != bytes.len) continue;
    *id = (int32_t)slot->id;
    if (bytes.len <= 8 || !memcmp(k->keys.at[*id].more, bytes.ptr, bytes.len)) return true;
  }
}

void leat_flow_keys_forget(leat_flow_keys *k, int32_t id) {
  leat_flow_key *key = &k->keys.at[id];
  size_t mask = k->size - 1, at = home(k, key->word, key->len);
  while (k->slots[at].len == FREE || k->slots[at].id != (uint32_t)id) at = (at + 1) & mask;
  // Those behind move up, so that each is found from its home without a gap.
  for (size_t next = (at + 1) & mask; k->slots[next].len != FREE; next = (next + 1) & mask) {
    size_t want = home(k, k->slots[next].word, k->slots[next].len);
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
static inline uint64_t word_of(leat_str bytes) {
  uint64_t word = 0;
  if (bytes.len > 8) return leat__hash_bytes(bytes.ptr, bytes.len);
  memcpy(&word, bytes.ptr, bytes.len);
  return word;
}

static bool find_texts(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  const leat_flow_column *c = &batch->columns[k->fields[0]];
  const int32_t *ends = c->values;
  for (int i = 0; i < batch->rows; i++) {
    leat_str text = {c->bytes + ends[i], (size_t)(ends[i + 1] - ends[i])};
    uint64_t word;
    memcpy(&word, text.ptr, 8);  // blocks have room behind them
    if (text.len < 8)
      word &= (UINT64_C(1) << 8 * text.len) - 1;
    else if (text.len > 8)
      word = word_of(text);
    if (!find(k, word, text, &ids[i])) return false;
  }
  return true;
}

static bool find_ints(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  const int64_t *values = batch->columns[k->fields[0]].values;
  for (int i = 0; i < batch->rows; i++)
    if (!find(k, (uint64_t)values[i], (leat_str){NULL, 8}, &ids[i])) return false;
  return true;
}

static bool find_packed(leat_flow_keys *k, const leat_flow_batch *batch, int32_t *ids) {
  for (int i = 0; i < batch->rows; i++) {
    leat_buf_clear(&k->packed);
    leat_flow_row_pack(batch, i, k->fields, k->count, &k->packed);
    leat_str bytes = leat_buf_view(&k->packed);
    if (!bytes.ptr) bytes.ptr = "";
    if (k->packed.failed || !find(k, word_of(bytes), bytes, &ids[i])) return false;
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
