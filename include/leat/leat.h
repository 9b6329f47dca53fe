// Leat: everything public in one include.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_LEAT_H
#define LEAT_LEAT_H

#include "leat/api.h"
#include "leat/custom.h"
#include "leat/dofn.h"
#include "leat/dtype.h"
#include "leat/engine.h"
#include "leat/error.h"
#include "leat/estimator.h"
#include "leat/event.h"
#include "leat/flow.h"
#include "leat/flow_value.h"
#include "leat/graph.h"
#include "leat/model.h"
#include "leat/ops.h"
#include "leat/str.h"
#include "leat/tensor.h"

#endif
