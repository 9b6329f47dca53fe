// Prometheus: pieces of its text form.
// SPDX-License-Identifier: Apache-2.0
#include "formats/prometheus.h"

void leat_prometheus_head(leat_buf *out, const char *name, const char *type, const char *help) {
  leat_buf_fmt(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void leat_prometheus_label(leat_buf *out, const char *name, leat_str value) {
  leat_buf_fmt(out, "%s=\"", name);
  for (size_t i = 0; i < value.len; i++) {
    char c = value.ptr[i];
    if (c == '"' || c == '\\') leat_buf_char(out, '\\');
    if (c == '\n')
      leat_buf_c(out, "\\n");
    else
      leat_buf_char(out, c);
  }
  leat_buf_char(out, '"');
}
