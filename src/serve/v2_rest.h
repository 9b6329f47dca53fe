// Open Inference Protocol, REST: its two halves.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_SERVE_V2_REST_H
#define LEAT_SERVE_V2_REST_H

#include "serve/v2.h"

// Answers POST .../infer with a held version, which it releases.
void leat__v2_infer(leat_serve *serve, leat_exchange *x, leat_version *version);

#endif
