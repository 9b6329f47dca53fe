// Prometheus: pieces of its text form.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_PROMETHEUS_H
#define LEAT_FORMATS_PROMETHEUS_H

#include "base/str.h"

// The lines that stand before a metric's samples; type is counter, gauge, summary or histogram.
void leat_prometheus_head(leat_buf *out, const char *name, const char *type, const char *help);
// NAME="VALUE", escaped.
void leat_prometheus_label(leat_buf *out, const char *name, leat_str value);

#endif
