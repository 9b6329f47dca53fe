// Filters on JSON objects, as Google's list methods and gcloud have them.
// SPDX-License-Identifier: Apache-2.0
//
//   state=READY AND NOT name:census*      a b: both, as with AND; OR binds tighter than that
//   labels.team=ads, createTime>2026-01   parentheses; -term or NOT term
//
// KEY:VALUE  a word of the text, or all of it with * for anything, whatever the case; :* = is there
// KEY=VALUE, KEY!=VALUE  the text, whatever the case (= takes * at the end)
// KEY<VALUE ... numbers as numbers, other texts in byte order;  KEY~RE, KEY!~RE  regular expression
// A key goes into lists: one element is enough. VALUE alone: any text of the object has it.
#ifndef LEAT_FORMATS_JSON_FILTER_H
#define LEAT_FORMATS_JSON_FILTER_H

#include "formats/json_tree.h"

// INVALID_ARGUMENT says what is wrong at which column of the filter.
leat_status leat_json_filter(const leat_jnode *object, leat_str filter, bool *accepts,
                             leat_error *err);

#endif
