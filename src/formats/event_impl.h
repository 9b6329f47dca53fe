// Inside the writer of event files.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FORMATS_EVENT_IMPL_H
#define LEAT_FORMATS_EVENT_IMPL_H

#include "base/str.h"
#include "leat/event.h"

// Writes an event with one Summary.Value, the message in `value`, which it frees.
leat_status leat__event_value(leat_event_writer *w, int64_t step, leat_buf *value, leat_error *err);
// Starts a value: its tag, and metadata of a plugin with its content.
void leat__event_begin(leat_buf *value, const char *tag, const char *plugin, leat_str content,
                       int data_class);
// Appends a tensor of strings to a value.
void leat__event_strings(leat_buf *value, const leat_str *strings, int count, bool scalar);

#endif
