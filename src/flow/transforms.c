// Transforms: the table of all of them.
// SPDX-License-Identifier: Apache-2.0
#include "flow/transforms.h"

const leat_flow_class *const leat_flow_classes[] = {
    &leat_flow_create,
    &leat_flow_window_into,
    &leat_flow_flatten,
    &leat_flow_group_by_key,
    &leat_flow_combine,
    &leat_flow_write_to_null,
    &leat_flow_collect,
    &leat_flow_read_from_csv,
    &leat_flow_read_from_text,
    &leat_flow_write_sorted,
    &leat_flow_split_words,
    &leat_flow_log_for_testing,
    &leat_flow_assert_equal,
    &leat_flow_strip_error_metadata,
    &leat_flow_explode,
    &leat_flow_map_to_fields,
    &leat_flow_filter,
    &leat_flow_partition,
    &leat_flow_assign_timestamps,
    &leat_flow_extract_windowing_info,
    &leat_flow_write_to_text,
    &leat_flow_write_to_csv,
    &leat_flow_write_to_json,
    &leat_flow_write_to_tfrecord,
    &leat_flow_par_do,
    &leat_flow_test_stream,
    NULL,
};
