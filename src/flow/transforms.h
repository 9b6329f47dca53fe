// Transforms: the classes, each in the file named beside it.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_TRANSFORMS_H
#define LEAT_FLOW_TRANSFORMS_H

#include "flow/pipeline.h"

extern const leat_flow_class leat_flow_create,   // create.c
    leat_flow_window_into, leat_flow_flatten,    // strategy.c
    leat_flow_group_by_key,                      // group_by_key.c
    leat_flow_combine,                           // combine.c
    leat_flow_write_to_null, leat_flow_collect;  // collect.c

#endif
