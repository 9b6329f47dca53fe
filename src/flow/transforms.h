// Transforms: the classes, by the files that they are in.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_FLOW_TRANSFORMS_H
#define LEAT_FLOW_TRANSFORMS_H

#include "flow/pipeline.h"

// check.c
extern const leat_flow_class leat_flow_log_for_testing, leat_flow_assert_equal,
    leat_flow_strip_error_metadata;
// co_group_by_key.c
extern const leat_flow_class leat_flow_co_group_by_key;
// collect.c
extern const leat_flow_class leat_flow_collect, leat_flow_write_sorted, leat_flow_write_to_null;
// combine.c
extern const leat_flow_class leat_flow_combine;
// create.c
extern const leat_flow_class leat_flow_create;
// csv_source.c
extern const leat_flow_class leat_flow_read_from_csv, leat_flow_read_from_text;
// draw_bars.c
extern const leat_flow_class leat_flow_draw_bars;
// explode.c
extern const leat_flow_class leat_flow_explode;
// file_sink.c
extern const leat_flow_class leat_flow_write_to_text, leat_flow_write_to_csv,
    leat_flow_write_to_json, leat_flow_write_to_tfrecord;
// group_by_key.c
extern const leat_flow_class leat_flow_group_by_key;
// join.c, join_pair.c
extern const leat_flow_class leat_flow_join, leat_flow_join_pair;
// json_source.c
extern const leat_flow_class leat_flow_read_from_json;
// map_fields.c
extern const leat_flow_class leat_flow_map_to_fields, leat_flow_filter;
// partition.c
extern const leat_flow_class leat_flow_partition;
// par_do_class.c
extern const leat_flow_class leat_flow_par_do;
// record_source.c
extern const leat_flow_class leat_flow_read_from_tfrecord;
// reshuffle.c
extern const leat_flow_class leat_flow_reshuffle;
// sequence.c
extern const leat_flow_class leat_flow_generate_sequence;
// sort.c
extern const leat_flow_class leat_flow_top_rows, leat_flow_sort_rows, leat_flow_sample_rows,
    leat_flow_distinct;
// run_inference.c
extern const leat_flow_class leat_flow_run_inference;
// test_stream.c
extern const leat_flow_class leat_flow_test_stream;
// sqlite_sink.c
extern const leat_flow_class leat_flow_write_to_sqlite;
// sqlite_source.c
extern const leat_flow_class leat_flow_read_from_sqlite;
// split_words.c
extern const leat_flow_class leat_flow_split_words;
// times.c
extern const leat_flow_class leat_flow_assign_timestamps, leat_flow_extract_windowing_info;
// windowing.c
extern const leat_flow_class leat_flow_window_into, leat_flow_flatten;

#endif
