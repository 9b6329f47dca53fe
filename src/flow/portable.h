// Portable form: a pipeline as Beam's Runner API message.
// SPDX-License-Identifier: Apache-2.0
//
// Groupings become kv's of key and row and back; sources are an Impulse and what reads behind it;
// functions go by name (leat:dofn:NAME:v1) or, our own transforms, by URN, with their config as
// JSON. Names in the message: t<id>, c<id> of transforms and collections.
#ifndef LEAT_FLOW_PORTABLE_H
#define LEAT_FLOW_PORTABLE_H

#include "flow/pipeline.h"

// Appends the bytes of a Pipeline message.
leat_status leat_flow_portable(const leat_flow *flow, leat_buf *out, leat_error *err);

// Appends a WindowingStrategy; the coder's name is `window_coder`.
void leat__portable_strategy(const leat_flow_strategy *strategy, leat_str window_coder,
                             leat_str environment, leat_buf *out);
// A WindowFn's FunctionSpec as field `number`.
void leat__portable_window_fn(const leat_flow_window_fn *fn, int number, leat_buf *out);
void leat__portable_spec(int number, leat_str urn, leat_str payload, leat_buf *out);

#endif
