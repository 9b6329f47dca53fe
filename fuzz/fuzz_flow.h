// Fuzzing of coders: a tree of them from the first bytes, then a value, written and read again.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FUZZ_FLOW_H
#define LEAT_FUZZ_FLOW_H

#include "flow/coder.h"

#include <stdlib.h>

// One byte a node, parts behind it; leaves when the bytes or the depth run out.
static const leat_flow_coder *fuzz_coder_tree(leat_arena *arena, leat_str *in, int depth) {
  static const struct {
    const char *urn;
    size_t parts;
  } kinds[] = {{"bytes", 0},
               {"string_utf8", 0},
               {"bool", 0},
               {"varint", 0},
               {"double", 0},
               {"global_window", 0},
               {"interval_window", 0},
               {"kv", 2},
               {"iterable", 1},
               {"nullable", 1},
               {"length_prefix", 1},
               {"windowed_value", 2},
               {"timer", 2},
               {"sharded_key", 1},
               {"state_backed_iterable", 1}};
  size_t kind = in->len ? (unsigned char)*in->ptr % (depth < 6 ? 15 : 7) : 0;
  const leat_flow_coder *parts[2], *out;
  char urn[64];
  if (in->len) in->ptr++, in->len--;
  for (size_t i = 0; i < kinds[kind].parts; i++) parts[i] = fuzz_coder_tree(arena, in, depth + 1);
  snprintf(urn, sizeof urn, "beam:coder:%s:v1", kinds[kind].urn);
  leat_flow_coder_spec spec = {leat_str_of(urn), parts, kinds[kind].parts, {0}};
  if (leat_flow_coder_new(arena, &spec, &out, NULL)) abort();
  return out;
}

// What was read must be written, read again and written to the same bytes.
static void fuzz_read_write(const leat_flow_coder *coder, leat_str input, leat_arena *arena) {
  leat_buf first = {0}, second = {0};
  leat_flow_value v, again;
  leat_error err;
  bool nested = input.len & 1;
  if (!leat_flow_decode(coder, &input, nested, arena, &v, &err)) {
    if (leat_flow_encode(coder, &v, nested, &first, &err)) abort();
    leat_str rest = leat_buf_view(&first);
    leat_status status = leat_flow_decode(coder, &rest, nested, arena, &again, &err);
    if (status == LEAT_OK) {
      if (rest.len || leat_flow_encode(coder, &again, nested, &second, &err)) abort();
      if (!leat_str_eq(leat_buf_view(&first), leat_buf_view(&second))) abort();
    } else if (status != LEAT_RESOURCE_EXHAUSTED) {  // shorter bytes may hold fewer values
      abort();
    }
  }
  leat_buf_deinit(&first);
  leat_buf_deinit(&second);
}

__attribute__((unused)) static void fuzz_coder(leat_str input) {
  leat_arena arena = {0};
  const leat_flow_coder *coder = fuzz_coder_tree(&arena, &input, 0);
  fuzz_read_write(coder, input, &arena);
  leat_arena_deinit(&arena);
}

// A schema behind its length (a byte), then a row of it.
__attribute__((unused)) static void fuzz_row(leat_str input) {
  leat_arena arena = {0};
  const leat_flow_coder *coder;
  leat_flow_coder_spec spec = {.urn = LEAT_STR("beam:coder:row:v1")};
  if (!input.len) return;
  size_t length = (unsigned char)*input.ptr;
  input = (leat_str){input.ptr + 1, input.len - 1};
  spec.payload = (leat_str){input.ptr, length < input.len ? length : input.len};
  input = (leat_str){input.ptr + spec.payload.len, input.len - spec.payload.len};
  if (!leat_flow_coder_new(&arena, &spec, &coder, NULL)) fuzz_read_write(coder, input, &arena);
  leat_arena_deinit(&arena);
}

#endif
