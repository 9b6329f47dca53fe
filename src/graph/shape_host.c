// Shape rules of host functions and custom calls, and the registry of the latter.
// SPDX-License-Identifier: Apache-2.0
#include "graph/host.h"
#include "graph/shape.h"

#include "base/vec.h"
#include "formats/date.h"

#include <pthread.h>
#include <stdio.h>

#define HOST(name, ...)                                                                         \
  leat_status leat__host_shape_##name(leat_graph *graph, const leat_node *node, leat_type *out, \
                                      leat_error *err);
#include "graph/host.def"
#undef HOST

const leat_host_row leat__hosts[LEAT_HOST_COUNT] = {
#define HOST(name, inputs, outputs, params, meaning) \
  {#name, inputs, outputs, params, meaning, leat__host_shape_##name},
#include "graph/host.def"
#undef HOST
};

leat_host leat__host_find(leat_str name) {
  for (int i = 0; i < LEAT_HOST_COUNT; i++)
    if (leat_str_eq(name, leat_str_of(leat__hosts[i].name))) return (leat_host)i;
  return LEAT_HOST_COUNT;
}

static leat_str name_of(const leat_node *node) {
  return (leat_str){node->attrs[0].str, (size_t)node->attrs[0].count};
}

// --- Custom calls -------------------------------------------------------------------------------
static pthread_mutex_t customs_lock = PTHREAD_MUTEX_INITIALIZER;
static LEAT_VEC(leat_custom *) customs;

static const leat_custom *find_custom(leat_str name) {
  for (size_t i = 0; i < customs.count; i++)
    if (leat_str_eq(name, leat_str_of(customs.at[i]->name))) return customs.at[i];
  return NULL;
}

const leat_custom *leat__custom_find(leat_str name) {
  pthread_mutex_lock(&customs_lock);
  const leat_custom *found = find_custom(name);
  pthread_mutex_unlock(&customs_lock);
  return found;
}

static leat_status register_locked(const leat_custom *custom, leat_error *err) {
  if (find_custom(leat_str_of(custom->name)))
    return leat_error_set(err, LEAT_ALREADY_EXISTS, "custom call '%s' exists already",
                          custom->name);
  size_t length = strlen(custom->name) + 1;
  leat_custom *kept = leat__alloc(sizeof *kept + length);
  if (!kept || !leat_vec_push(&customs, kept)) {
    leat__free(kept);
    return leat__oom(err, sizeof *kept);
  }
  *kept = *custom;
  kept->name = memcpy(kept + 1, custom->name, length);
  return LEAT_OK;
}

leat_status leat_custom_register(const leat_custom *custom, leat_error *err) {
  if (!custom->name || !custom->shape || !custom->eval || custom->outputs < 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "custom call: needs name, shape, eval, outputs");
  pthread_mutex_lock(&customs_lock);
  leat_status status = register_locked(custom, err);
  pthread_mutex_unlock(&customs_lock);
  return status;
}

int leat__call_output_count(const leat_node *node) {
  if (node->op == LEAT_OP_host_call) {
    leat_host host = leat__host_find(name_of(node));
    return host == LEAT_HOST_COUNT ? -1 : leat__hosts[host].outputs;
  }
  const leat_custom *custom = leat__custom_find(name_of(node));
  return custom ? custom->outputs : -1;
}

leat_status leat__shape_custom_call(leat_graph *graph, const leat_node *node, leat_type *out,
                                    leat_error *err) {
  const leat_custom *custom = leat__custom_find(name_of(node));
  leat_type *types = leat__calloc((size_t)node->input_count + 1, sizeof *types);
  if (!types) return leat__oom(err, sizeof *types);
  for (int i = 0; i < node->input_count; i++) types[i] = leat__in(node, i);
  leat_status status = custom->shape(custom->context, graph, types, node->input_count, out, err);
  leat__free(types);
  if (status) return leat_error_prepend(err, status, "%s", custom->name);
  return status;
}

// --- Host functions -----------------------------------------------------------------------------
static int count_words(leat_str words) {
  int count = 0;
  while (words.len) count += leat_str_cut(&words, ' ').len > 0;
  return count;
}

leat_status leat__shape_host_call(leat_graph *graph, const leat_node *node, leat_type *out,
                                  leat_error *err) {
  const leat_host_row *row = &leat__hosts[leat__host_find(name_of(node))];
  if (node->input_count != row->inputs)
    return leat__shape_error(graph, node, err, "%s: %d operands, expected %d", row->name,
                             node->input_count, row->inputs);
  if (node->attrs[1].count != count_words(leat_str_of(row->params)))
    return leat__shape_error(graph, node, err, "%s: params are (%s)", row->name, row->params);
  leat_status status = row->shape(graph, node, out, err);
  return status ? leat_error_prepend(err, status, "%s", row->name) : LEAT_OK;
}

static leat_status from_strings(leat_graph *graph, const leat_node *node, leat_dtype to,
                                leat_type *out, leat_error *err) {
  *out = leat__in(node, 0);
  for (int i = 0; i < node->input_count; i++) {
    leat_type in = leat__in(node, i);
    if (in.dtype != LEAT_DTYPE_STRING) return leat__shape_error(graph, node, err, "not strings");
  }
  out->dtype = to;
  return LEAT_OK;
}

static leat_status from_pairs(leat_graph *graph, const leat_node *node, leat_dtype to,
                              leat_type *out, leat_error *err) {
  leat_status status = from_strings(graph, node, to, out, err);
  leat_type other = leat__in(node, 1);
  if (status || leat_shape_eq(&out->shape, &other.shape)) return status;
  return leat__shape_error(graph, node, err, "shapes differ");
}

#define FROM_STRINGS(name, rule, dtype)                                                         \
  leat_status leat__host_shape_##name(leat_graph *graph, const leat_node *node, leat_type *out, \
                                      leat_error *err) {                                        \
    return rule(graph, node, dtype, out, err);                                                  \
  }

FROM_STRINGS(string_strip, from_strings, LEAT_DTYPE_STRING)
FROM_STRINGS(string_lower, from_strings, LEAT_DTYPE_STRING)
FROM_STRINGS(string_upper, from_strings, LEAT_DTYPE_STRING)
FROM_STRINGS(string_length, from_strings, LEAT_DTYPE_I64)
FROM_STRINGS(string_join, from_pairs, LEAT_DTYPE_STRING)
FROM_STRINGS(string_eq, from_pairs, LEAT_DTYPE_BOOL)
FROM_STRINGS(hash_bucket, from_strings, LEAT_DTYPE_I64)
FROM_STRINGS(hash_bucket_strong, from_strings, LEAT_DTYPE_I64)
FROM_STRINGS(fingerprint, from_strings, LEAT_DTYPE_U64)

leat_status leat__host_shape_string_parse(leat_graph *graph, const leat_node *node, leat_type *out,
                                          leat_error *err) {
  if (!leat_text_part_known(node->attrs[1].strs[0], node->attrs[1].strs[1]))
    return leat__shape_error(
        graph, node, err, "no part '" LEAT_STR_FMT "' in order '" LEAT_STR_FMT "'",
        LEAT_STR_ARG(node->attrs[1].strs[0]), LEAT_STR_ARG(node->attrs[1].strs[1]));
  return from_strings(graph, node, LEAT_DTYPE_F32, out, err);
}

leat_status leat__host_shape_string_to_number(leat_graph *graph, const leat_node *node,
                                              leat_type *out, leat_error *err) {
  leat_dtype to = leat_dtype_from_name(node->attrs[1].strs[0]);
  if (to != LEAT_DTYPE_F32 && to != LEAT_DTYPE_F64 && to != LEAT_DTYPE_I32 && to != LEAT_DTYPE_I64)
    return leat__shape_error(graph, node, err, "to f32, f64, i32 or i64 only");
  return from_strings(graph, node, to, out, err);
}

leat_status leat__host_shape_as_string(leat_graph *graph, const leat_node *node, leat_type *out,
                                       leat_error *err) {
  *out = leat__in(node, 0);
  out->dtype = LEAT_DTYPE_STRING;
  return LEAT_OK;
}

leat_status leat__host_shape_vocab_lookup(leat_graph *graph, const leat_node *node, leat_type *out,
                                          leat_error *err) {
  if (leat__in(node, 1).shape.rank != 1)
    return leat__shape_error(graph, node, err, "the vocabulary is not a vector");
  return from_strings(graph, node, LEAT_DTYPE_I64, out, err);
}

leat_status leat__host_shape_fingerprint_cat(leat_graph *graph, const leat_node *node,
                                             leat_type *out, leat_error *err) {
  leat_type x = leat__in(node, 0), y = leat__in(node, 1);
  if (x.dtype != LEAT_DTYPE_U64 || y.dtype != LEAT_DTYPE_U64 || !leat_shape_eq(&x.shape, &y.shape))
    return leat__shape_error(graph, node, err, "wants two u64 operands of one shape");
  *out = x;
  return LEAT_OK;
}

leat_status leat__host_shape_string_split(leat_graph *graph, const leat_node *node, leat_type *out,
                                          leat_error *err) {
  leat_type x = leat__in(node, 0);
  char dim[300];
  snprintf(dim, sizeof dim, LEAT_STR_FMT, LEAT_STR_ARG(node->attrs[1].strs[1]));
  if (x.dtype != LEAT_DTYPE_STRING || x.shape.rank != 1 || !dim[0])
    return leat__shape_error(graph, node, err, "wants a vector of strings and a name for the dim");
  *out = (leat_type){x.dtype, LEAT_SHAPE(x.shape.dims[0], leat_dim_symbol(graph, dim, 0))};
  return LEAT_OK;
}

leat_status leat__host_shape_string_range_check(leat_graph *graph, const leat_node *node,
                                                leat_type *out, leat_error *err) {
  leat_type ids = leat__in(node, 0), strings = leat__in(node, 1);
  if (ids.dtype != LEAT_DTYPE_I64 || strings.dtype != LEAT_DTYPE_STRING ||
      !leat_shape_eq(&ids.shape, &strings.shape))
    return leat__shape_error(graph, node, err, "wants i64 ids and strings of one shape");
  *out = ids;
  return LEAT_OK;
}
