// Collect: what a program or a test takes out of a pipeline that has run.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_COLLECT_H
#define LEAT_FLOW_COLLECT_H

#include "flow/pipeline.h"

// The batches that came to a Collect transform, in order, when its flow has run; borrowed from the
// flow. Their windows and panes are made explicit.
const leat_flow_batch *const *leat_flow_collected(const leat_flow *flow, const char *name,
                                                  size_t *count);

#endif
