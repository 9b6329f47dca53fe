// Text of tensorflow.GraphDef and tensorflow.RunMetadata: protocol buffers' text format.
// SPDX-License-Identifier: Apache-2.0
#include "board/graphs.h"
#include "formats/number.h"
#include "formats/proto.h"

#include <math.h>

enum { DEPTH_MAX = 100 };

typedef enum kind { DOUBLE, FLOAT, INT, UINT, BOOL, STRING, ENUM, FIXED64, MESSAGE } kind;

typedef struct field {
  int number;
  const char *name;
  kind kind;
  const struct field *fields;  // of a message
} field;

// --- Messages: their fields, by number ----------------------------------------------------------
static const field attr_value[];
static const field full_type_def[];
static const field tensor_proto[];
static const field tensor_shape_proto_dim[] = {
    {1, "size", INT, NULL}, {2, "name", STRING, NULL}, {0}};
static const field tensor_shape_proto[] = {
    {2, "dim", MESSAGE, tensor_shape_proto_dim}, {3, "unknown_rank", BOOL, NULL}, {0}};
static const field resource_handle_proto_dtype_and_shape[] = {
    {1, "dtype", ENUM, NULL}, {2, "shape", MESSAGE, tensor_shape_proto}, {0}};
static const field resource_handle_proto[] = {
    {1, "device", STRING, NULL},
    {2, "container", STRING, NULL},
    {3, "name", STRING, NULL},
    {4, "hash_code", UINT, NULL},
    {5, "maybe_type_name", STRING, NULL},
    {6, "dtypes_and_shapes", MESSAGE, resource_handle_proto_dtype_and_shape},
    {0}};
static const field variant_tensor_data_proto[] = {{1, "type_name", STRING, NULL},
                                                  {2, "metadata", STRING, NULL},
                                                  {3, "tensors", MESSAGE, tensor_proto},
                                                  {0}};
static const field tensor_proto[] = {{1, "dtype", ENUM, NULL},
                                     {2, "tensor_shape", MESSAGE, tensor_shape_proto},
                                     {3, "version_number", INT, NULL},
                                     {4, "tensor_content", STRING, NULL},
                                     {5, "float_val", FLOAT, NULL},
                                     {6, "double_val", DOUBLE, NULL},
                                     {7, "int_val", INT, NULL},
                                     {8, "string_val", STRING, NULL},
                                     {9, "scomplex_val", FLOAT, NULL},
                                     {10, "int64_val", INT, NULL},
                                     {11, "bool_val", BOOL, NULL},
                                     {12, "dcomplex_val", DOUBLE, NULL},
                                     {13, "half_val", INT, NULL},
                                     {14, "resource_handle_val", MESSAGE, resource_handle_proto},
                                     {15, "variant_val", MESSAGE, variant_tensor_data_proto},
                                     {16, "uint32_val", UINT, NULL},
                                     {17, "uint64_val", UINT, NULL},
                                     {18, "float8_val", STRING, NULL},
                                     {0}};
static const field name_attr_list_attr_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", MESSAGE, attr_value}, {0}};
static const field name_attr_list[] = {
    {1, "name", STRING, NULL}, {2, "attr", MESSAGE, name_attr_list_attr_entry}, {0}};
static const field attr_value_list_value[] = {{2, "s", STRING, NULL},
                                              {3, "i", INT, NULL},
                                              {4, "f", FLOAT, NULL},
                                              {5, "b", BOOL, NULL},
                                              {6, "type", ENUM, NULL},
                                              {7, "shape", MESSAGE, tensor_shape_proto},
                                              {8, "tensor", MESSAGE, tensor_proto},
                                              {9, "func", MESSAGE, name_attr_list},
                                              {0}};
static const field attr_value[] = {{1, "list", MESSAGE, attr_value_list_value},
                                   {2, "s", STRING, NULL},
                                   {3, "i", INT, NULL},
                                   {4, "f", FLOAT, NULL},
                                   {5, "b", BOOL, NULL},
                                   {6, "type", ENUM, NULL},
                                   {7, "shape", MESSAGE, tensor_shape_proto},
                                   {8, "tensor", MESSAGE, tensor_proto},
                                   {9, "placeholder", STRING, NULL},
                                   {10, "func", MESSAGE, name_attr_list},
                                   {0}};
static const field node_def_attr_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", MESSAGE, attr_value}, {0}};
static const field node_def_experimental_debug_info[] = {
    {1, "original_node_names", STRING, NULL}, {2, "original_func_names", STRING, NULL}, {0}};
static const field full_type_def[] = {{1, "type_id", ENUM, NULL},
                                      {2, "args", MESSAGE, full_type_def},
                                      {3, "s", STRING, NULL},
                                      {4, "i", INT, NULL},
                                      {0}};
static const field node_def[] = {
    {1, "name", STRING, NULL},
    {2, "op", STRING, NULL},
    {3, "input", STRING, NULL},
    {4, "device", STRING, NULL},
    {5, "attr", MESSAGE, node_def_attr_entry},
    {6, "experimental_debug_info", MESSAGE, node_def_experimental_debug_info},
    {7, "experimental_type", MESSAGE, full_type_def},
    {0}};
static const field version_def[] = {{1, "producer", INT, NULL},
                                    {2, "min_consumer", INT, NULL},
                                    {3, "bad_consumers", INT, NULL},
                                    {0}};
static const field op_def_arg_def[] = {
    {1, "name", STRING, NULL},
    {2, "description", STRING, NULL},
    {3, "type", ENUM, NULL},
    {4, "type_attr", STRING, NULL},
    {5, "number_attr", STRING, NULL},
    {6, "type_list_attr", STRING, NULL},
    {7, "handle_data", MESSAGE, resource_handle_proto_dtype_and_shape},
    {16, "is_ref", BOOL, NULL},
    {17, "experimental_full_type", MESSAGE, full_type_def},
    {0}};
static const field op_def_attr_def[] = {{1, "name", STRING, NULL},
                                        {2, "type", STRING, NULL},
                                        {3, "default_value", MESSAGE, attr_value},
                                        {4, "description", STRING, NULL},
                                        {5, "has_minimum", BOOL, NULL},
                                        {6, "minimum", INT, NULL},
                                        {7, "allowed_values", MESSAGE, attr_value},
                                        {0}};
static const field op_deprecation[] = {
    {1, "version", INT, NULL}, {2, "explanation", STRING, NULL}, {0}};
static const field op_def[] = {{1, "name", STRING, NULL},
                               {2, "input_arg", MESSAGE, op_def_arg_def},
                               {3, "output_arg", MESSAGE, op_def_arg_def},
                               {4, "attr", MESSAGE, op_def_attr_def},
                               {5, "summary", STRING, NULL},
                               {6, "description", STRING, NULL},
                               {8, "deprecation", MESSAGE, op_deprecation},
                               {16, "is_aggregate", BOOL, NULL},
                               {17, "is_stateful", BOOL, NULL},
                               {18, "is_commutative", BOOL, NULL},
                               {19, "allows_uninitialized_input", BOOL, NULL},
                               {20, "control_output", STRING, NULL},
                               {21, "is_distributed_communication", BOOL, NULL},
                               {0}};
static const field function_def_attr_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", MESSAGE, attr_value}, {0}};
static const field function_def_arg_attrs_attr_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", MESSAGE, attr_value}, {0}};
static const field function_def_arg_attrs[] = {
    {1, "attr", MESSAGE, function_def_arg_attrs_attr_entry}, {0}};
static const field function_def_arg_attr_entry[] = {
    {1, "key", UINT, NULL}, {2, "value", MESSAGE, function_def_arg_attrs}, {0}};
static const field function_def_resource_arg_unique_id_entry[] = {
    {1, "key", UINT, NULL}, {2, "value", UINT, NULL}, {0}};
static const field function_def_ret_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", STRING, NULL}, {0}};
static const field function_def_control_ret_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", STRING, NULL}, {0}};
static const field function_def[] = {
    {1, "signature", MESSAGE, op_def},
    {3, "node_def", MESSAGE, node_def},
    {4, "ret", MESSAGE, function_def_ret_entry},
    {5, "attr", MESSAGE, function_def_attr_entry},
    {6, "control_ret", MESSAGE, function_def_control_ret_entry},
    {7, "arg_attr", MESSAGE, function_def_arg_attr_entry},
    {8, "resource_arg_unique_id", MESSAGE, function_def_resource_arg_unique_id_entry},
    {0}};
static const field gradient_def[] = {
    {1, "function_name", STRING, NULL}, {2, "gradient_func", STRING, NULL}, {0}};
static const field registered_gradient[] = {
    {1, "gradient_func", STRING, NULL}, {2, "registered_op_type", STRING, NULL}, {0}};
static const field function_def_library[] = {
    {1, "function", MESSAGE, function_def},
    {2, "gradient", MESSAGE, gradient_def},
    {3, "registered_gradients", MESSAGE, registered_gradient},
    {0}};
static const field graph_debug_info_file_line_col[] = {
    {1, "file_index", INT, NULL}, {2, "line", INT, NULL},    {3, "col", INT, NULL},
    {4, "func", STRING, NULL},    {5, "code", STRING, NULL}, {0}};
static const field graph_debug_info_frames_by_id_entry[] = {
    {1, "key", FIXED64, NULL}, {2, "value", MESSAGE, graph_debug_info_file_line_col}, {0}};
static const field graph_debug_info_stack_trace[] = {
    {1, "file_line_cols", MESSAGE, graph_debug_info_file_line_col},
    {2, "frame_id", FIXED64, NULL},
    {0}};
static const field graph_debug_info_traces_by_id_entry[] = {
    {1, "key", FIXED64, NULL}, {2, "value", MESSAGE, graph_debug_info_stack_trace}, {0}};
static const field graph_debug_info_traces_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", MESSAGE, graph_debug_info_stack_trace}, {0}};
static const field graph_debug_info_name_to_trace_id_entry[] = {
    {1, "key", STRING, NULL}, {2, "value", FIXED64, NULL}, {0}};
static const field graph_debug_info[] = {
    {1, "files", STRING, NULL},
    {2, "traces", MESSAGE, graph_debug_info_traces_entry},
    {4, "frames_by_id", MESSAGE, graph_debug_info_frames_by_id_entry},
    {5, "name_to_trace_id", MESSAGE, graph_debug_info_name_to_trace_id_entry},
    {6, "traces_by_id", MESSAGE, graph_debug_info_traces_by_id_entry},
    {0}};
static const field graph_def[] = {{1, "node", MESSAGE, node_def},
                                  {2, "library", MESSAGE, function_def_library},
                                  {3, "version", INT, NULL},
                                  {4, "versions", MESSAGE, version_def},
                                  {5, "debug_info", MESSAGE, graph_debug_info},
                                  {0}};
static const field allocation_record[] = {
    {1, "alloc_micros", INT, NULL}, {2, "alloc_bytes", INT, NULL}, {0}};
static const field allocator_memory_used[] = {{1, "allocator_name", STRING, NULL},
                                              {2, "total_bytes", INT, NULL},
                                              {3, "peak_bytes", INT, NULL},
                                              {4, "live_bytes", INT, NULL},
                                              {5, "allocator_bytes_in_use", INT, NULL},
                                              {6, "allocation_records", MESSAGE, allocation_record},
                                              {0}};
static const field allocation_description[] = {{1, "requested_bytes", INT, NULL},
                                               {2, "allocated_bytes", INT, NULL},
                                               {3, "allocator_name", STRING, NULL},
                                               {4, "allocation_id", INT, NULL},
                                               {5, "has_single_reference", BOOL, NULL},
                                               {6, "ptr", UINT, NULL},
                                               {0}};
static const field tensor_description[] = {
    {1, "dtype", ENUM, NULL},
    {2, "shape", MESSAGE, tensor_shape_proto},
    {4, "allocation_description", MESSAGE, allocation_description},
    {0}};
static const field node_output[] = {
    {1, "slot", INT, NULL}, {3, "tensor_description", MESSAGE, tensor_description}, {0}};
static const field memory_stats[] = {{1, "temp_memory_size", INT, NULL},
                                     {2, "device_temp_memory_size", INT, NULL},
                                     {3, "persistent_memory_size", INT, NULL},
                                     {4, "device_persistent_memory_size", INT, NULL},
                                     {5, "persistent_tensor_alloc_ids", INT, NULL},
                                     {6, "device_persistent_tensor_alloc_ids", INT, NULL},
                                     {0}};
static const field node_exec_stats[] = {{1, "node_name", STRING, NULL},
                                        {2, "all_start_micros", INT, NULL},
                                        {3, "op_start_rel_micros", INT, NULL},
                                        {4, "op_end_rel_micros", INT, NULL},
                                        {5, "all_end_rel_micros", INT, NULL},
                                        {6, "memory", MESSAGE, allocator_memory_used},
                                        {7, "output", MESSAGE, node_output},
                                        {8, "timeline_label", STRING, NULL},
                                        {9, "scheduled_micros", INT, NULL},
                                        {10, "thread_id", UINT, NULL},
                                        {11, "referenced_tensor", MESSAGE, allocation_description},
                                        {12, "memory_stats", MESSAGE, memory_stats},
                                        {13, "all_start_nanos", INT, NULL},
                                        {14, "op_start_rel_nanos", INT, NULL},
                                        {15, "op_end_rel_nanos", INT, NULL},
                                        {16, "all_end_rel_nanos", INT, NULL},
                                        {17, "scheduled_nanos", INT, NULL},
                                        {0}};
static const field device_step_stats_thread_names_entry[] = {
    {1, "key", UINT, NULL}, {2, "value", STRING, NULL}, {0}};
static const field device_step_stats[] = {
    {1, "device", STRING, NULL},
    {2, "node_stats", MESSAGE, node_exec_stats},
    {3, "thread_names", MESSAGE, device_step_stats_thread_names_entry},
    {0}};
static const field step_stats[] = {{1, "dev_stats", MESSAGE, device_step_stats}, {0}};
static const field cost_graph_def_node_input_info[] = {
    {1, "preceding_node", INT, NULL}, {2, "preceding_port", INT, NULL}, {0}};
static const field cost_graph_def_node_output_info[] = {{1, "size", INT, NULL},
                                                        {2, "alias_input_port", INT, NULL},
                                                        {3, "shape", MESSAGE, tensor_shape_proto},
                                                        {4, "dtype", ENUM, NULL},
                                                        {0}};
static const field cost_graph_def_node[] = {
    {1, "name", STRING, NULL},
    {2, "device", STRING, NULL},
    {3, "id", INT, NULL},
    {4, "input_info", MESSAGE, cost_graph_def_node_input_info},
    {5, "output_info", MESSAGE, cost_graph_def_node_output_info},
    {6, "temporary_memory_size", INT, NULL},
    {7, "is_final", BOOL, NULL},
    {8, "control_input", INT, NULL},
    {9, "compute_cost", INT, NULL},
    {10, "host_temp_memory_size", INT, NULL},
    {11, "device_temp_memory_size", INT, NULL},
    {12, "persistent_memory_size", INT, NULL},
    {14, "compute_time", INT, NULL},
    {15, "memory_time", INT, NULL},
    {16, "device_persistent_memory_size", INT, NULL},
    {17, "inaccurate", BOOL, NULL},
    {0}};
static const field cost_graph_def_aggregated_cost[] = {
    {1, "cost", FLOAT, NULL}, {2, "dimension", STRING, NULL}, {0}};
static const field cost_graph_def[] = {{1, "node", MESSAGE, cost_graph_def_node},
                                       {2, "cost", MESSAGE, cost_graph_def_aggregated_cost},
                                       {0}};
static const field run_metadata_function_graphs[] = {
    {1, "partition_graphs", MESSAGE, graph_def},
    {2, "pre_optimization_graph", MESSAGE, graph_def},
    {3, "post_optimization_graph", MESSAGE, graph_def},
    {0}};
static const field session_metadata[] = {{1, "name", STRING, NULL}, {2, "version", INT, NULL}, {0}};
static const field run_metadata[] = {{1, "step_stats", MESSAGE, step_stats},
                                     {2, "cost_graph", MESSAGE, cost_graph_def},
                                     {3, "partition_graphs", MESSAGE, graph_def},
                                     {4, "function_graphs", MESSAGE, run_metadata_function_graphs},
                                     {5, "session_metadata", MESSAGE, session_metadata},
                                     {0}};
static const char *const types[] = {"DT_INVALID",
                                    "DT_FLOAT",
                                    "DT_DOUBLE",
                                    "DT_INT32",
                                    "DT_UINT8",
                                    "DT_INT16",
                                    "DT_INT8",
                                    "DT_STRING",
                                    "DT_COMPLEX64",
                                    "DT_INT64",
                                    "DT_BOOL",
                                    "DT_QINT8",
                                    "DT_QUINT8",
                                    "DT_QINT32",
                                    "DT_BFLOAT16",
                                    "DT_QINT16",
                                    "DT_QUINT16",
                                    "DT_UINT16",
                                    "DT_COMPLEX128",
                                    "DT_HALF",
                                    "DT_RESOURCE",
                                    "DT_VARIANT",
                                    "DT_UINT32",
                                    "DT_UINT64",
                                    "DT_FLOAT8_E5M2",
                                    "DT_FLOAT8_E4M3FN",
                                    "DT_FLOAT8_E4M3FNUZ",
                                    "DT_FLOAT8_E4M3B11FNUZ",
                                    "DT_FLOAT8_E5M2FNUZ",
                                    "DT_INT4",
                                    "DT_UINT4",
                                    "DT_INT2",
                                    "DT_UINT2",
                                    "DT_FLOAT4_E2M1FN"};

// --- Values -------------------------------------------------------------------------------------
static void put_string(leat_buf *out, leat_str s) {
  static const char from[] = "\n\r\t\"'\\", to[] = "nrt\"'\\";
  leat_buf_char(out, '"');
  for (size_t i = 0; i < s.len; i++) {
    unsigned char c = (unsigned char)s.ptr[i];
    const char *escape = c ? strchr(from, c) : NULL;
    if (escape)
      leat_buf_char(out, '\\'), leat_buf_char(out, to[escape - from]);
    else if (c < ' ' || c > '~')
      leat_buf_fmt(out, "\\%03o", c);
    else
      leat_buf_char(out, (char)c);
  }
  leat_buf_char(out, '"');
}

static void put_real(leat_buf *out, double value, bool single) {
  char text[LEAT_NUMBER_MAX];
  if (isnan(value) || isinf(value)) {
    leat_buf_c(out, isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
    return;
  }
  leat_buf_add(out, text,
               single ? leat_format_f32(text, (float)value) : leat_format_f64(text, value));
}

static void put_value(leat_buf *out, const field *f, uint64_t bits) {
  leat_proto_field as = {.bits = bits};
  switch (f->kind) {
    case DOUBLE: put_real(out, leat_proto_as_f64(&as), false); break;
    case FLOAT: put_real(out, (double)leat_proto_as_f32(&as), true); break;
    case BOOL: leat_buf_c(out, bits ? "true" : "false"); break;
    case INT: leat_buf_fmt(out, "%lld", (long long)(int64_t)bits); break;
    case ENUM:
      if (bits < sizeof types / sizeof *types && strstr(f->name, "type") &&
          strcmp(f->name, "type_id") != 0)
        leat_buf_c(out, types[bits]);
      else
        leat_buf_fmt(out, "%lld", (long long)(int64_t)bits);
      break;
    default: leat_buf_fmt(out, "%llu", (unsigned long long)bits);
  }
}

static void indent(leat_buf *out, int depth) {
  for (int i = 0; i < depth; i++) leat_buf_c(out, "  ");
}

static void put_scalar(leat_buf *out, const field *f, uint64_t bits, int depth) {
  indent(out, depth);
  leat_buf_fmt(out, "%s: ", f->name);
  put_value(out, f, bits);
  leat_buf_char(out, '\n');
}

static bool take_fixed(leat_str *rest, size_t size, uint64_t *bits) {
  if (rest->len < size) return false;
  *bits = 0;
  memcpy(bits, rest->ptr, size);
  rest->ptr += size, rest->len -= size;
  return true;
}

// A packed list.
static bool put_packed(leat_buf *out, const field *f, leat_str rest, int depth) {
  uint64_t bits;
  size_t fixed = f->kind == FLOAT ? 4 : f->kind == DOUBLE || f->kind == FIXED64 ? 8 : 0;
  while (rest.len) {
    if (!(fixed ? take_fixed(&rest, fixed, &bits) : leat_proto_read_varint(&rest, &bits)))
      return false;
    put_scalar(out, f, bits, depth);
  }
  return true;
}

static const field *find(const field *fields, int number) {
  for (; fields->name; fields++)
    if (fields->number == number) return fields;
  return NULL;
}

static bool put_message(leat_buf *out, const field *fields, leat_str message, int depth) {
  leat_proto p = {message, false};
  leat_proto_field in;
  bool good = depth < DEPTH_MAX;
  while (good && leat_proto_next(&p, &in)) {
    const field *f = find(fields, in.number);
    if (!f) continue;
    bool bytes = in.wire == LEAT_WIRE_BYTES;
    if (f->kind == MESSAGE && bytes) {
      indent(out, depth);
      leat_buf_fmt(out, "%s {\n", f->name);
      good = put_message(out, f->fields, in.bytes, depth + 1);
      indent(out, depth);
      leat_buf_c(out, "}\n");
    } else if (f->kind == STRING && bytes) {
      indent(out, depth);
      leat_buf_fmt(out, "%s: ", f->name);
      put_string(out, in.bytes);
      leat_buf_char(out, '\n');
    } else if (bytes)
      good = put_packed(out, f, in.bytes, depth);
    else if (f->kind != MESSAGE && f->kind != STRING)
      put_scalar(out, f, in.bits, depth);
  }
  return good && !p.damaged;
}

bool leat__graph_text(leat_str message, leat_buf *out) {
  return put_message(out, graph_def, message, 0);
}

bool leat__metadata_text(leat_str message, leat_buf *out) {
  return put_message(out, run_metadata, message, 0);
}
