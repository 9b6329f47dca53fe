// The text form of graphs, read back: every line is rebuilt and type-checked through the builder.
// SPDX-License-Identifier: Apache-2.0
#include "formats/json.h"
#include "formats/number.h"
#include "graph/graph_impl.h"
#include "leat/ops.h"

#include <stdio.h>

enum { MAX_LIST = 1 << 20, MAX_DEPTH = 64 };

typedef struct parser {
  leat_graph *graph;
  const leat_graph_consts *consts;
  const char *file;
  const char *at, *end, *line_start;
  int line, depth;
  leat_builder *b;
  LEAT_VEC(leat_value) values;  // of the function at hand, by number
  leat_arena scratch;           // lists of the line at hand
  leat_error *err;
} parser;

static leat_status fail(parser *p, const char *fmt, ...) LEAT_PRINTF(2, 3);

static leat_status fail(parser *p, const char *fmt, ...) {
  char text[640];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  return leat_error_set(p->err, LEAT_INVALID_ARGUMENT, "%s:%d:%d: %s", p->file, p->line,
                        (int)(p->at - p->line_start) + 1, text);
}

// --- Tokens -------------------------------------------------------------------------------------
static void skip_blanks(parser *p) {
  while (p->at < p->end && (*p->at == ' ' || *p->at == '\t')) p->at++;
}

static bool at_line_end(parser *p) {
  skip_blanks(p);
  return p->at == p->end || *p->at == '\n';
}

static leat_status end_line(parser *p) {
  if (!at_line_end(p)) return fail(p, "unexpected text");
  if (p->at < p->end) p->at++;
  p->line++;
  p->line_start = p->at;
  return LEAT_OK;
}

static bool take(parser *p, const char *token) {
  skip_blanks(p);
  size_t length = strlen(token);
  if ((size_t)(p->end - p->at) < length || memcmp(p->at, token, length) != 0) return false;
  p->at += length;
  return true;
}

static leat_status need(parser *p, const char *token) {
  return take(p, token) ? LEAT_OK : fail(p, "'%s' was expected", token);
}

// A run of characters up to a delimiter.
static leat_str word(parser *p) {
  skip_blanks(p);
  const char *start = p->at;
  while (p->at < p->end && !strchr(" \t\r\n\"%(){}[],=:", *p->at)) p->at++;
  return (leat_str){start, (size_t)(p->at - start)};
}

static leat_status need_name(parser *p, char **out) {
  leat_str name = word(p);
  if (!name.len) return fail(p, "a name was expected");
  *out = leat_arena_str(&p->scratch, name);
  return *out ? LEAT_OK : leat__oom(p->err, name.len);
}

static leat_status need_int(parser *p, int64_t *out) {
  leat_str text = word(p);
  return leat_parse_i64(text, out) ? LEAT_OK : fail(p, "a whole number was expected");
}

static leat_status need_string(parser *p, leat_str *out) {
  skip_blanks(p);
  if (p->at == p->end || *p->at != '"') return fail(p, "a string was expected");
  leat_json json;
  leat_json_event event;
  const char *close = p->at + 1;
  while (close < p->end && *close != '"' && *close != '\n')
    close += *close == '\\' && close + 1 < p->end ? 2 : 1;
  if (close >= p->end || *close != '"') return fail(p, "a string does not end");
  leat_json_init(&json, (leat_str){p->at, (size_t)(close + 1 - p->at)}, p->file);
  leat_status status = leat_json_next(&json, &event, NULL);
  if (!status) {
    out->len = json.text.len;
    out->ptr = leat_arena_str(&p->scratch, json.text);
    if (!out->ptr) status = leat__oom(p->err, json.text.len);
  } else {
    status = fail(p, "a bad string");
  }
  leat_json_deinit(&json);
  p->at = close + 1;
  return status;
}

// --- Dims and types -----------------------------------------------------------------------------
static leat_status parse_dim(parser *p, leat_dim *out);

// Making a dim has no way to fail but the graph's mark.
static leat_status check_memory(const parser *p) {
  return p->graph->failed ? leat__oom(p->err, sizeof(leat_dim_expr)) : LEAT_OK;
}

static leat_status parse_call_dim(parser *p, leat_dim (*make)(leat_graph *, leat_dim, leat_dim),
                                  leat_dim *out) {
  leat_dim a, b;
  leat_status status = need(p, "(");
  if (!status) status = parse_dim(p, &a);
  if (!status) status = need(p, ",");
  if (!status) status = parse_dim(p, &b);
  if (!status) status = need(p, ")");
  if (!status) *out = make(p->graph, a, b);
  return status;
}

static leat_status parse_atom(parser *p, leat_dim *out) {
  static const struct {
    const char *name;
    leat_dim (*make)(leat_graph *, leat_dim, leat_dim);
  } calls[] = {{"floordiv", leat_dim_floordiv},
               {"ceildiv", leat_dim_ceildiv},
               {"min", leat_dim_min},
               {"max", leat_dim_max}};
  if (take(p, "(")) {
    leat_status status = parse_dim(p, out);
    return status ? status : need(p, ")");
  }
  skip_blanks(p);
  const char *start = p->at;
  while (p->at < p->end && !strchr(" \t\r\n\"%(){}[],=:*+", *p->at) &&
         !(*p->at == '-' && p->at > start))
    p->at++;
  leat_str name = {start, (size_t)(p->at - start)};
  int64_t number;
  if (leat_parse_i64(name, &number)) return *out = leat__dim_offset(p->graph, 0, number), LEAT_OK;
  for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
    if (leat_str_eq(name, leat_str_of(calls[i].name))) return parse_call_dim(p, calls[i].make, out);
  leat_map_entry *entry = leat_map_find(&p->graph->dim_map, name);
  if (!name.len || !entry)
    return fail(p, "'" LEAT_STR_FMT "' is not a size or a declared symbol", LEAT_STR_ARG(name));
  *out = ~(leat_dim)entry->value.num;
  return LEAT_OK;
}

static leat_status parse_product(parser *p, leat_dim *out) {
  leat_status status = parse_atom(p, out);
  while (!status && take(p, "*")) {
    leat_dim factor;
    if (!(status = parse_atom(p, &factor))) *out = leat_dim_mul(p->graph, *out, factor);
  }
  return status;
}

static leat_status parse_dim(parser *p, leat_dim *out) {
  if (++p->depth > MAX_DEPTH) return fail(p, "nested deeper than %d", MAX_DEPTH);
  leat_status status = parse_product(p, out);
  while (!status) {
    leat_dim term;
    skip_blanks(p);
    bool minus = p->at < p->end && *p->at == '-';
    if (!minus && !take(p, "+")) break;
    if (!(status = parse_product(p, &term))) *out = leat_dim_add(p->graph, *out, term);
  }
  p->depth--;
  return status ? status : check_memory(p);
}

static leat_status parse_shape(parser *p, leat_shape *out) {
  *out = (leat_shape){0};
  leat_status status = need(p, "[");
  if (status || take(p, "]")) return status;
  do {
    if (out->rank == LEAT_MAX_RANK) return fail(p, "more than %d axes", LEAT_MAX_RANK);
    if ((status = parse_dim(p, &out->dims[out->rank++]))) return status;
    if (leat__dim_is_bad(p->graph, out->dims[out->rank - 1])) return fail(p, "a negative size");
  } while (take(p, ","));
  return need(p, "]");
}

static leat_status parse_dtype(parser *p, leat_dtype *out) {
  leat_str name = word(p);
  *out = leat_dtype_from_name(name);
  return *out ? LEAT_OK : fail(p, "'" LEAT_STR_FMT "' is not a dtype", LEAT_STR_ARG(name));
}

static leat_status parse_type(parser *p, leat_type *out) {
  leat_status status = parse_dtype(p, &out->dtype);
  return status ? status : parse_shape(p, &out->shape);
}

// --- Constants ----------------------------------------------------------------------------------
static leat_status parse_element(parser *p, leat_dtype dtype, leat_tensor *t, int64_t i) {
  leat_str text = word(p);
  void *data = leat_tensor_data(t);
  int64_t whole = 0;
  uint64_t natural = 0;
  size_t width = leat_dtype_bytes(dtype);
  bool good = false;
  if (dtype == LEAT_DTYPE_F32)
    good = leat_parse_f32(text, (float *)data + i);
  else if (dtype == LEAT_DTYPE_F64)
    good = leat_parse_f64(text, (double *)data + i);
  else if (dtype == LEAT_DTYPE_BOOL) {
    good = leat_str_eq(text, LEAT_STR("true")) || leat_str_eq(text, LEAT_STR("false"));
    ((uint8_t *)data)[i] = text.len == 4;
  } else if (dtype == LEAT_DTYPE_F16 || dtype == LEAT_DTYPE_BF16) {
    good = text.len == 6 && text.ptr[0] == '0' && text.ptr[1] == 'x';
    for (size_t k = 2; good && k < 6; k++) {
      int c = text.ptr[k], d = c >= '0' && c <= '9'   ? c - '0'
                               : c >= 'a' && c <= 'f' ? c - 'a' + 10
                                                      : -1;
      good = d >= 0;
      natural = natural << 4 | (unsigned)d;
    }
    memcpy((char *)data + 2 * i, &natural, 2);
  } else if (dtype == LEAT_DTYPE_U64) {
    good = leat_parse_u64(text, (uint64_t *)data + i);
  } else {
    int bits = leat_dtype_bits(dtype);
    bool is_signed = leat_dtype_kind_of(dtype) == LEAT_KIND_INT;
    good = leat_parse_i64(text, &whole);
    if (bits < 64)
      good = good && (is_signed ? whole >= -(1ll << (bits - 1)) && whole < 1ll << (bits - 1)
                                : whole >= 0 && whole < 1ll << bits);
    memcpy((char *)data + (size_t)i * width, &whole, width);
  }
  return good ? LEAT_OK
              : fail(p, "'" LEAT_STR_FMT "' is not %s", LEAT_STR_ARG(text), leat_dtype_name(dtype));
}

static leat_status parse_strings(parser *p, const leat_shape *shape, int64_t count,
                                 leat_tensor **out) {
  leat_str *list = leat_arena_alloc(&p->scratch, sizeof *list * (size_t)(count + 1));
  leat_status status = list ? LEAT_OK : leat__oom(p->err, sizeof *list * (size_t)count);
  for (int64_t i = 0; !status && i < count; i++) {
    if (i) status = need(p, ",");
    if (!status) status = need_string(p, &list[i]);
  }
  return status ? status : leat_tensor_new_strings(out, shape->rank, shape->dims, list, p->err);
}

static leat_status parse_elements(parser *p, leat_dtype dtype, const leat_shape *shape,
                                  leat_tensor **out) {
  int64_t count = 1;
  for (int i = 0; i < shape->rank; i++)
    if (shape->dims[i] < 0 || __builtin_mul_overflow(count, shape->dims[i], &count) ||
        count > p->end - p->at)
      return fail(p, "the constant's shape does not fit its elements");
  leat_status status = LEAT_OK;
  if (dtype == LEAT_DTYPE_STRING)
    status = parse_strings(p, shape, count, out);
  else {
    status = leat_tensor_new(out, dtype, shape->rank, shape->dims, p->err);
    for (int64_t i = 0; !status && i < count; i++) {
      if (i) status = need(p, ",");
      if (!status) status = parse_element(p, dtype, *out, i);
    }
  }
  return status ? status : need(p, "}");
}

static leat_status parse_tensor(parser *p, leat_tensor **out) {
  leat_type type;
  leat_status status = parse_type(p, &type);
  if (status) return status;
  if (take(p, "{")) return parse_elements(p, type.dtype, &type.shape, out);
  if ((status = need(p, "@"))) return status;
  leat_str name = word(p);
  if (!p->consts || !p->consts->get)
    return fail(p, "constant '" LEAT_STR_FMT "' is not beside the text", LEAT_STR_ARG(name));
  status = p->consts->get(p->consts->context, name, out, p->err);
  if (status) return status;
  bool fits = leat_tensor_dtype(*out) == type.dtype && leat_tensor_rank(*out) == type.shape.rank;
  for (int i = 0; fits && i < type.shape.rank; i++)
    fits = leat_tensor_dims(*out)[i] == type.shape.dims[i];
  return fits ? LEAT_OK
              : fail(p, "constant '" LEAT_STR_FMT "' has another type", LEAT_STR_ARG(name));
}

// --- Attributes ---------------------------------------------------------------------------------
static leat_status parse_list(parser *p, leat_attr_kind kind, leat_attr *attr) {
  LEAT_VEC(int64_t) ints = {0};
  LEAT_VEC(leat_str) strs = {0};
  LEAT_VEC(leat_var *) vars = {0};
  leat_status status = need(p, "[");
  bool more = !status && !take(p, "]");
  while (!status && more) {
    int64_t i = 0;
    leat_str s = {0};
    leat_var *var = NULL;
    if (kind == ATTR_INTS)
      status = need_int(p, &i);
    else if (kind == ATTR_DIMS)
      status = parse_dim(p, &i);
    else if (kind == ATTR_STRS)
      status = need_string(p, &s);
    else if (!(var = leat_graph_find_var(p->graph, word(p))))
      status = fail(p, "no such variable");
    bool kept = kind == ATTR_STRS   ? leat_vec_push(&strs, s)
                : kind == ATTR_VARS ? leat_vec_push(&vars, var)
                                    : leat_vec_push(&ints, i);
    if (!status && !kept) status = leat__oom(p->err, 8);
    more = !status && take(p, ",");
    if (!status && !more) status = need(p, "]");
  }
  size_t count = kind == ATTR_STRS ? strs.count : kind == ATTR_VARS ? vars.count : ints.count;
  if (!status && count > LEAT_MAX_RANK && (kind == ATTR_INTS || kind == ATTR_DIMS))
    status = fail(p, "more than %d numbers", LEAT_MAX_RANK);
  attr->count = (int64_t)count;
  if (kind == ATTR_STRS)
    attr->strs = leat_arena_copy(&p->scratch, strs.at, count * sizeof *strs.at);
  else if (kind == ATTR_VARS)
    attr->vars = leat_arena_copy(&p->scratch, vars.at, count * sizeof *vars.at);
  else
    attr->ints = leat_arena_copy(&p->scratch, ints.at, count * sizeof *ints.at);
  if (!status && !attr->ints) status = leat__oom(p->err, count * 8);
  leat_vec_deinit(&ints);
  leat_vec_deinit(&strs);
  leat_vec_deinit(&vars);
  return status;
}

static leat_status parse_attr(parser *p, const leat_attr_def *def, leat_attr *attr) {
  leat_str text;
  leat_dtype dtype;
  leat_status status = LEAT_OK;
  switch (def->kind) {
    case ATTR_INT: return need_int(p, &attr->i);
    case ATTR_FLOAT:
      text = word(p);
      return leat_parse_f64(text, &attr->f) ? LEAT_OK : fail(p, "a number was expected");
    case ATTR_DIM: return parse_dim(p, &attr->i);
    case ATTR_DTYPE:
      status = parse_dtype(p, &dtype);
      attr->i = dtype;
      return status;
    case ATTR_STR:
      status = need_string(p, &text);
      *attr = leat__attr_str(text);
      return status;
    case ATTR_FUNC:
      attr->func = leat_graph_find_func(p->graph, word(p));
      return attr->func ? LEAT_OK : fail(p, "no such function before this line");
    case ATTR_TENSOR: return parse_tensor(p, &attr->tensor);
    case ATTR_VAR:
      attr->var = leat_graph_find_var(p->graph, word(p));
      return attr->var ? LEAT_OK : fail(p, "no such variable");
    case ATTR_CHOICE:
      text = word(p);
      attr->i = leat__choice_index(def->choices, text);
      return attr->i >= 0 ? LEAT_OK
                          : fail(p, "'" LEAT_STR_FMT "' is not one of " LEAT_STR_FMT,
                                 LEAT_STR_ARG(text), LEAT_STR_ARG(def->choices));
    default: return parse_list(p, def->kind, attr);
  }
}

// --- Nodes --------------------------------------------------------------------------------------
static leat_status parse_value(parser *p, leat_value *out) {
  int64_t number;
  leat_status status = need(p, "%");
  if (!status) status = need_int(p, &number);
  if (status) return status;
  if (number < 0 || (size_t)number >= p->values.count)
    return fail(p, "value %%%lld is not defined before this line", (long long)number);
  *out = p->values.at[number];
  return LEAT_OK;
}

static leat_status parse_results(parser *p, int *count) {
  *count = 0;
  if (p->at < p->end && *p->at != '%') return LEAT_OK;
  do {
    int64_t number;
    leat_status status = need(p, "%");
    if (!status) status = need_int(p, &number);
    if (status) return status;
    if (number != (int64_t)p->values.count + *count)
      return fail(p, "value %%%lld, expected %%%zu", (long long)number,
                  p->values.count + (size_t)*count);
    (*count)++;
  } while (take(p, ","));
  return need(p, "=");
}

static leat_status parse_operands(parser *p, leat_value **out, int *count) {
  LEAT_VEC(leat_value) list = {0};
  leat_status status = need(p, "(");
  bool more = !status && !take(p, ")");
  while (!status && more) {
    leat_value value;
    status = parse_value(p, &value);
    if (!status && !leat_vec_push(&list, value)) status = leat__oom(p->err, sizeof value);
    more = !status && take(p, ",");
    if (!status && !more) status = need(p, ")");
  }
  *count = (int)list.count;
  *out = leat_arena_copy(&p->scratch, list.at, list.count * sizeof *list.at);
  leat_vec_deinit(&list);
  return status ? status : *out ? LEAT_OK : leat__oom(p->err, 1);
}

static leat_status check_types(parser *p, const leat_node *node, int results) {
  if (node->output_count != results)
    return fail(p, "%s has %d results", leat__ops[node->op].name, node->output_count);
  leat_status status = results ? need(p, ":") : LEAT_OK;
  for (int i = 0; !status && i < results; i++) {
    leat_type type;
    if (i) status = need(p, ",");
    if (!status) status = parse_type(p, &type);
    if (!status && !leat_type_eq(&type, &node->types[i])) {
      leat_buf text = {0};
      leat__print_type(p->graph, &node->types[i], &text);
      status = fail(p, "result %d is %s", i, text.ptr ? text.ptr : "of another type");
      leat_buf_deinit(&text);
    }
    if (!status && !leat_vec_push(&p->values, (leat_value){(leat_node *)(uintptr_t)node, i}))
      status = leat__oom(p->err, sizeof type);
  }
  return status;
}

static leat_status parse_node(parser *p) {
  leat_attr_def defs[LEAT_MAX_ATTRS];
  leat_attr attrs[LEAT_MAX_ATTRS] = {0};
  int results, count;
  leat_value *operands;
  leat_status status = parse_results(p, &results);
  if (status) return status;
  leat_str name = word(p);
  leat_op op = leat__op_find(name);
  if (op == LEAT_OP_COUNT || op == LEAT_OP_input)
    return fail(p, "no op '" LEAT_STR_FMT "'", LEAT_STR_ARG(name));
  if ((status = parse_operands(p, &operands, &count))) return status;
  int attr_count = leat__op_attrs(op, defs);
  for (int i = 0; !status && i < attr_count; i++) {
    leat_str key = word(p);
    if (!leat_str_eq(key, defs[i].name))
      status = fail(p, "attribute '" LEAT_STR_FMT "' was expected", LEAT_STR_ARG(defs[i].name));
    if (!status) status = need(p, "=");
    if (!status) status = parse_attr(p, &defs[i], &attrs[i]);
  }
  // The scope stands last on the line, but the builder wants it first.
  const char *scope = p->at, *stop = memchr(p->at, '\n', (size_t)(p->end - p->at));
  if (!stop) stop = p->end;
  for (scope = stop; scope > p->at && scope[-1] != ' '; scope--) {
  }
  char *kept = NULL;
  if (!status && scope < stop && *scope == '@')
    kept = leat_arena_str(&p->scratch, (leat_str){scope + 1, (size_t)(stop - scope - 1)});
  leat_builder_scope(p->b, kept);
  leat_node *node = status ? NULL : leat__build(p->b, op, operands, count, attrs, attr_count);
  for (int i = 0; i < attr_count; i++)
    if (defs[i].kind == ATTR_TENSOR) leat_tensor_unref(attrs[i].tensor);
  if (status) return status;
  if (!node) {
    leat_func *none;
    leat_error err = {0};
    status = leat_builder_finish(p->b, &none, &err);
    p->b = NULL;
    return status ? fail(p, "%s", err.message) : fail(p, "cannot be built");
  }
  status = check_types(p, node, results);
  if (!status && take(p, "@")) p->at = stop;
  return status;
}

// --- Functions ----------------------------------------------------------------------------------
static leat_status parse_inputs(parser *p) {
  leat_status status = need(p, "(");
  bool more = !status && !take(p, ")");
  while (!status && more) {
    char *name;
    leat_type type;
    status = need_name(p, &name);
    if (!status) status = need(p, ":");
    if (!status) status = parse_type(p, &type);
    if (status) break;
    leat_value value = leat_input(p->b, name, type);
    if (!leat_vec_push(&p->values, value)) status = leat__oom(p->err, sizeof value);
    more = !status && take(p, ",");
    if (!status && !more) status = need(p, ")");
  }
  return status;
}

static leat_status parse_return(parser *p) {
  if (at_line_end(p)) return LEAT_OK;
  do {
    char *name;
    leat_value value;
    leat_status status = need_name(p, &name);
    if (!status) status = need(p, "=");
    if (!status) status = parse_value(p, &value);
    if (status) return status;
    leat_output(p->b, name, value);
  } while (take(p, ","));
  return LEAT_OK;
}

static leat_status parse_func(parser *p) {
  char *name;
  leat_status status = need_name(p, &name);
  if (status) return status;
  p->values.count = 0;
  p->b = leat_builder_new(p->graph, name);
  if (!p->b) return leat__oom(p->err, 1);
  status = parse_inputs(p);
  if (!status) status = need(p, "{");
  if (!status) status = end_line(p);
  bool returned = false;
  while (!status && !returned) {
    if (p->at == p->end) return fail(p, "function '%s' does not end", name);
    if (at_line_end(p))
      status = end_line(p);
    else if ((returned = take(p, "return ")))
      status = parse_return(p);
    else if ((returned = take(p, "return")))
      status = LEAT_OK;
    else
      status = parse_node(p);
    if (!status) status = end_line(p);
  }
  if (!status) status = need(p, "}");
  if (!status) status = end_line(p);
  if (status) return status;
  leat_func *func;
  leat_error err = {0};
  status = leat_builder_finish(p->b, &func, &err);
  p->b = NULL;
  return status ? fail(p, "function '%s': %s", name, err.message) : LEAT_OK;
}

static leat_status parse_symbol(parser *p) {
  char *name;
  leat_dim bound = 0;
  leat_status status = need_name(p, &name);
  if (!status && take(p, "<=")) status = parse_dim(p, &bound);
  if (!status && leat_map_find(&p->graph->dim_map, leat_str_of(name)))
    status = fail(p, "symbol '%s' is declared twice", name);
  if (!status) leat_dim_symbol(p->graph, name, bound);
  return status ? status : check_memory(p);
}

static leat_status parse_var(parser *p) {
  char *name;
  leat_type type;
  leat_var *var;
  leat_error err = {0};
  leat_status status = need_name(p, &name);
  if (!status) status = parse_type(p, &type);
  if (status) return status;
  bool trainable = take(p, "trainable");
  status = leat_graph_var(p->graph, name, type, trainable, &var, &err);
  return status ? fail(p, "%s", err.message) : LEAT_OK;
}

static leat_status parse_graph(parser *p) {
  int64_t version, numerics;
  leat_status status = need(p, "leat graph");
  if (!status) status = need_int(p, &version);
  if (!status && version != 1)
    status = fail(p, "version %lld of the text form, expected 1", (long long)version);
  if (!status) status = end_line(p);
  if (!status) status = need(p, "numerics");
  if (!status) status = need_int(p, &numerics);
  if (!status && numerics != 1) status = fail(p, "numerics %lld, expected 1", (long long)numerics);
  if (!status) status = end_line(p);
  while (!status && p->at < p->end) {
    leat_arena_clear(&p->scratch);
    if (at_line_end(p))
      status = end_line(p);
    else if (take(p, "symbol "))
      status = parse_symbol(p) ? p->err->status : end_line(p);
    else if (take(p, "var "))
      status = parse_var(p) ? p->err->status : end_line(p);
    else if (take(p, "func "))
      status = parse_func(p);
    else
      status = fail(p, "symbol, var or func was expected");
  }
  return status;
}

leat_status leat_graph_parse(leat_graph **out, leat_str text, const char *file,
                             const leat_graph_consts *consts, leat_error *err) {
  leat_error local = {0};
  parser p = {.file = file ? file : "graph",
              .consts = consts,
              .at = text.ptr,
              .line = 1,
              .end = text.ptr + text.len,
              .line_start = text.ptr,
              .err = err ? err : &local};
  leat_status status = leat_graph_new(&p.graph, err);
  if (!status) status = parse_graph(&p);
  leat_builder_free(p.b);
  leat_vec_deinit(&p.values);
  leat_arena_deinit(&p.scratch);
  if (status) leat_graph_free(p.graph);
  *out = status ? NULL : p.graph;
  return status;
}
