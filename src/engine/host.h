// Host functions: the interpreter's side of graph/host.def.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_ENGINE_HOST_H
#define LEAT_ENGINE_HOST_H

#include "engine/eval.h"
#include "graph/host.h"

leat_status leat__host_eval(leat_call *c, leat_host host);

#endif
