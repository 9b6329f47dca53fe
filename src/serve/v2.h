// Open Inference Protocol (V2): what its REST and gRPC sides share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_V2_H
#define LEAT_SERVE_V2_H

#include "serve/serve_impl.h"

// Holds a version; messages are Triton's.
leat_status leat__v2_find(leat_serve *serve, leat_str model, leat_str version, leat_version **out,
                          leat_error *err);
// The input of that name, checked: type, rank and fixed dimensions. INVALID_ARGUMENT.
leat_status leat__v2_input(const leat_version *version, leat_str name, leat_str datatype, int rank,
                           const int64_t *dims, int *index, leat_error *err);
// The tensor of an input whose values were read; every input must come once.
leat_status leat__v2_tensor(leat_infer *infer, int index, int rank, const int64_t *dims,
                            leat_error *err);
leat_status leat__v2_complete(const leat_infer *infer, leat_error *err);
leat_status leat__v2_output(const leat_version *version, leat_str name, int *index,
                            leat_error *err);
const char *leat__v2_state(int state);  // "READY", of the repository index
// Has the control thread load or unload a model; done answers.
void leat__v2_order(leat_serve *serve, leat_exchange *x, leat_str model, bool load,
                    leat_order_done *done);
// Elements as the binary tensor extension has them.
size_t leat__v2_raw_size(const leat_tensor *tensor);
void leat__v2_raw(leat_buf *out, const leat_tensor *tensor);

static const char *const leat__v2_extensions[] = {"binary_tensor_data", "model_repository",
                                                  "model_repository(unload_dependents)",
                                                  "model_configuration", "statistics"};
enum { LEAT__V2_EXTENSIONS = sizeof leat__v2_extensions / sizeof *leat__v2_extensions };

#endif
