// Coder: Beam's standard coders, values to bytes and back.
// SPDX-License-Identifier: Apache-2.0
//
// A coder is a small immutable tree in the caller's arena; it may be used from any thread. In the
// nested context a value knows its own end; in the outer one `bytes` and `string_utf8` (also as
// the last part of a kv, a nullable or a windowed value) take all that is left.
#ifndef LEAT_FLOW_CODER_H
#define LEAT_FLOW_CODER_H

#include "base/arena.h"
#include "leat/error.h"
#include "leat/flow_value.h"

typedef struct leat_flow_coder leat_flow_coder;

typedef struct leat_flow_coder_spec {
  leat_str urn;                         // "beam:coder:kv:v1"
  const leat_flow_coder *const *parts;  // component coders
  size_t count;                         // of parts
  leat_str payload;  // param_windowed_value: a windowed value of bytes; row: a Schema message
} leat_flow_coder_spec;

// UNIMPLEMENTED: a URN that is not known here, with the nearest one. INVALID_ARGUMENT: the wrong
// number or kind of parts, a damaged payload, or nesting deeper than 32.
leat_status leat_flow_coder_new(leat_arena *arena, const leat_flow_coder_spec *spec,
                                const leat_flow_coder **out, leat_error *err);

// Appends the value. INVALID_ARGUMENT: a value of another kind than the coder's, text that is not
// UTF-8, a time outside of its bounds; `out` then holds a part of it.
leat_status leat_flow_encode(const leat_flow_coder *coder, const leat_flow_value *value,
                             bool nested, leat_buf *out, leat_error *err);

// Takes one value off the front of *input; bytes and text are views of it, the rest is in `arena`.
// DATA_LOSS: damaged, cut short or (in the outer context) followed by more bytes.
// RESOURCE_EXHAUSTED: more values than so few bytes may hold.
leat_status leat_flow_decode(const leat_flow_coder *coder, leat_str *input, bool nested,
                             leat_arena *arena, leat_flow_value *out, leat_error *err);

#endif
