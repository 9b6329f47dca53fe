// Loader: what a pipeline.yaml holds beside the pipeline.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_YAML_H
#define LEAT_FLOW_YAML_H

#include "flow/pipeline.h"

// Applies what test number `index` needs: transforms between its mocks and what it expects, and an
// AssertEqual for each of the latter. *name lives as long as the flow; empty: the file itself is
// wrong. *there: whether there is such a test; else nothing is applied.
leat_status leat_flow_load_test(leat_flow *flow, const char *text, const char *file, size_t index,
                                leat_str *name, bool *there, leat_error *err);
// After a run that failed: what its AssertEqual's found, a line a row with - (missing) or + (not
// expected) before it.
void leat_flow_differences(const leat_flow *flow, leat_buf *out);

#endif
