// The allocator, arenas, growable arrays and hash maps.
// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "base/arena.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/vec.h"

static int allowed;  // allocations left before the hook refuses
static bool countdown(size_t bytes) { return allowed-- > 0; }

static void allocates(void) {
  void *a = leat__alloc(0), *b = leat__calloc(3, 5), *c = leat__alloc_aligned(65);
  CHECK(a && b && c);
  CHECK(memcmp(b, (char[15]){0}, 15) == 0);
  CHECK(((uintptr_t)c & 63) == 0);
  CHECK(!leat__calloc(SIZE_MAX / 2, 3));
  CHECK(!leat__alloc_aligned(SIZE_MAX));
  leat__free(a);
  leat__free(b);
  leat__free(c);
  leat__free(NULL);
}

static void hook_refuses(void) {
  leat_error err = {0};
  leat__alloc_hook = countdown;
  allowed = 0;
  CHECK(!leat__alloc(1) && !leat__calloc(1, 1) && !leat__realloc(NULL, 1) &&
        !leat__alloc_aligned(1));
  leat__alloc_hook = NULL;
  CHECK(leat__oom(&err, 12) == LEAT_RESOURCE_EXHAUSTED);
  CHECK_STR(err.message, "out of memory (12 bytes)");
}

static void arena_is_zeroed_and_aligned(void) {
  leat_arena arena = {0};
  for (size_t size = 0; size < 3000; size += 7) {
    unsigned char *at = leat_arena_alloc(&arena, size);
    CHECK(at && ((uintptr_t)at & 15) == 0);
    for (size_t i = 0; i < size; i++)
      if (!CHECK(at[i] == 0)) break;
    memset(at, 0xAA, size);
  }
  char *large = leat_arena_alloc(&arena, 3 << 20);
  CHECK(large && arena.total >= 3 << 20);
  leat_arena_clear(&arena);
  CHECK(arena.used == 0);
  unsigned char *again = leat_arena_alloc(&arena, 100);
  CHECK(again && again[99] == 0);
  leat_arena_deinit(&arena);
  CHECK(!arena.head && !arena.total);
  leat_arena_clear(&arena);
}

static void arena_copies(void) {
  leat_arena arena = {0};
  CHECK_STR(leat_arena_str(&arena, LEAT_STR("abc")), "abc");
  CHECK_STR(leat_arena_str(&arena, (leat_str){0}), "");
  CHECK(memcmp(leat_arena_copy(&arena, "xyz", 3), "xyz", 3) == 0);
  CHECK(leat_arena_copy(&arena, NULL, 0));
  CHECK(!leat_arena_alloc(&arena, SIZE_MAX));
  CHECK(!leat_arena_alloc(&arena, SIZE_MAX - 64));
  leat_arena_deinit(&arena);
}

static void vec_grows(void) {
  LEAT_VEC(int) v = {0};
  for (int i = 0; i < 1000; i++) CHECK(leat_vec_push(&v, i));
  CHECK(v.count == 1000 && v.at[999] == 999 && v.at[0] == 0);
  CHECK(!leat_vec_reserve(&v, SIZE_MAX / sizeof(int)));
  CHECK(!leat_vec_reserve(&v, SIZE_MAX));
  CHECK(leat_vec_reserve(&v, 5000) && v.cap >= 6000);
  leat__alloc_hook = countdown;
  allowed = 0;
  CHECK(!leat_vec_reserve(&v, 100000));
  leat__alloc_hook = NULL;
  CHECK(v.count == 1000 && v.at[500] == 500);
  leat_vec_deinit(&v);
  CHECK(!v.at && !v.cap);
}

enum { KEYS = 20000 };

static void map_keeps_order(void) {
  leat_map map = {0};
  static char keys[KEYS][8];
  CHECK(!leat_map_find(&map, LEAT_STR("x")));
  for (int i = 0; i < KEYS; i++) {
    bool made = false;
    snprintf(keys[i], sizeof keys[i], "k%d", i);
    leat_map_entry *entry = leat_map_insert(&map, leat_str_of(keys[i]), &made);
    if (!CHECK(entry && made && entry->value.num == 0)) return;
    entry->value.num = i;
  }
  bool made = true;
  CHECK(leat_map_insert(&map, LEAT_STR("k77"), &made)->value.num == 77 && !made);
  CHECK(map.count == KEYS);
  for (int i = 0; i < KEYS; i++) {
    leat_map_entry *entry = leat_map_find(&map, leat_str_of(keys[i]));
    if (!CHECK(entry == &map.entries[i] && entry->value.num == i)) break;
  }
  CHECK(!leat_map_find(&map, LEAT_STR("k20000")));
  leat_map_deinit(&map);
  CHECK(!leat_map_find(&map, LEAT_STR("k1")));
}

static void map_takes_any_bytes(void) {
  leat_map map = {0};
  leat_map_insert(&map, (leat_str){"\0a", 2}, NULL)->value.num = 1;
  leat_map_insert(&map, (leat_str){"\0b", 2}, NULL)->value.num = 2;
  leat_map_insert(&map, (leat_str){0}, NULL)->value.num = 3;
  CHECK(leat_map_find(&map, (leat_str){"\0a", 2})->value.num == 1);
  CHECK(leat_map_find(&map, (leat_str){"\0b", 2})->value.num == 2);
  CHECK(leat_map_find(&map, LEAT_STR(""))->value.num == 3);
  leat_map_deinit(&map);
}

// However the n-th allocation fails, the map stays whole and its entries findable.
static void map_survives_lack_of_memory(void) {
  static const char letters[] = "abcdefghijklmnopqrstuvwxyz";
  for (int n = 0; n < 8; n++) {
    leat_map map = {0};
    leat__alloc_hook = countdown;
    allowed = n;
    for (int i = 0; i < 26; i++) leat_map_insert(&map, (leat_str){letters + i, 1}, NULL);
    leat__alloc_hook = NULL;
    for (size_t i = 0; i < map.count; i++)
      CHECK(leat_map_find(&map, map.entries[i].key) == &map.entries[i]);
    CHECK(leat_map_insert(&map, LEAT_STR("last"), NULL));
    leat_map_deinit(&map);
  }
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"allocates", allocates},
      {"hook_refuses", hook_refuses},
      {"arena_is_zeroed_and_aligned", arena_is_zeroed_and_aligned},
      {"arena_copies", arena_copies},
      {"vec_grows", vec_grows},
      {"map_keeps_order", map_keeps_order},
      {"map_takes_any_bytes", map_takes_any_bytes},
      {"map_survives_lack_of_memory", map_survives_lack_of_memory},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
