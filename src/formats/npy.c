// .npy: magic, version, a header that is a Python dictionary, data.
// SPDX-License-Identifier: Apache-2.0
#include "formats/npy.h"

#include "base/mem.h"
#include "formats/number.h"
#include "tensor/tensor_impl.h"

#include <endian.h>

typedef struct header {
  leat_str input;  // what is left of it
  leat_str descr;
  leat_array_layout layout;
  int seen;  // bits: descr, fortran_order, shape
  const char *name;
  leat_error *err;
} header;

static leat_status fail(const header *h, const char *what) {
  return leat_error_set(h->err, LEAT_INVALID_ARGUMENT, "%s: the .npy header: %s", h->name, what);
}

// --- The dictionary -----------------------------------------------------------------------------
static void skip_spaces(header *h) {
  while (h->input.len && *h->input.ptr && strchr(" \t\r\n", *h->input.ptr))
    h->input.ptr++, h->input.len--;
}

static bool take(header *h, char c) {
  skip_spaces(h);
  if (!h->input.len || *h->input.ptr != c) return false;
  h->input.ptr++, h->input.len--;
  return true;
}

static bool take_word(header *h, leat_str word) {
  if (!leat_str_starts(h->input, word)) return false;
  h->input.ptr += word.len, h->input.len -= word.len;
  return true;
}

static bool take_string(header *h, leat_str *out) {
  char quote = take(h, '\'') ? '\'' : take(h, '"') ? '"' : 0;
  const char *end = quote ? memchr(h->input.ptr, quote, h->input.len) : NULL;
  if (!end) return false;
  *out = (leat_str){h->input.ptr, (size_t)(end - h->input.ptr)};
  h->input.len -= out->len + 1;
  h->input.ptr = end + 1;
  return true;
}

static bool take_size(header *h, int64_t *out) {
  size_t digits = 0;
  skip_spaces(h);
  while (digits < h->input.len && h->input.ptr[digits] >= '0' && h->input.ptr[digits] <= '9')
    digits++;
  if (!digits || !leat_parse_i64((leat_str){h->input.ptr, digits}, out)) return false;
  h->input.ptr += digits, h->input.len -= digits;
  take_word(h, LEAT_STR("L"));  // Python 2 wrote long integers so
  return true;
}

static leat_status read_shape(header *h) {
  leat_array_layout *l = &h->layout;
  l->rank = 0;
  if (!take(h, '(')) return fail(h, "a tuple was expected as shape");
  while (!take(h, ')')) {
    if (l->rank == LEAT_MAX_RANK) return fail(h, "more than 8 dimensions");
    if (!take_size(h, &l->dims[l->rank++])) return fail(h, "the shape does not parse");
    if (!take(h, ',') && !leat_str_starts(h->input, LEAT_STR(")")))
      return fail(h, "the shape does not parse");
  }
  return LEAT_OK;
}

static leat_status read_order(header *h) {
  skip_spaces(h);
  h->layout.fortran = take_word(h, LEAT_STR("True"));
  if (h->layout.fortran || take_word(h, LEAT_STR("False"))) return LEAT_OK;
  return fail(h, "fortran_order is neither True nor False");
}

static leat_status read_header(header *h) {
  static const leat_str keys[] = {{"descr", 5}, {"fortran_order", 13}, {"shape", 5}};
  leat_str key;
  if (!take(h, '{')) return fail(h, "not a dictionary");
  while (!take(h, '}')) {
    int which = 3;
    if (!take_string(h, &key) || !take(h, ':')) return fail(h, "the dictionary does not parse");
    for (int i = 0; i < 3; i++)
      if (leat_str_eq(key, keys[i])) which = i;
    if (which == 3 || h->seen >> which & 1) return fail(h, "a key that is unknown or there twice");
    h->seen |= 1 << which;
    leat_status status = which == 1 ? read_order(h) : which == 2 ? read_shape(h) : LEAT_OK;
    if (status) return status;
    if (which == 0 && !take_string(h, &h->descr))
      return fail(h, "descr is not a text: records are not supported");
    if (!take(h, ',') && !leat_str_starts(h->input, LEAT_STR("}")) && h->input.len &&
        *h->input.ptr != ' ')
      return fail(h, "the dictionary does not parse");
  }
  return h->seen == 7 ? LEAT_OK : fail(h, "descr, fortran_order or shape is missing");
}

// --- Types --------------------------------------------------------------------------------------
static const struct {
  char kind;
  int bytes;
  leat_dtype dtype;
  bool complex;
} types[] = {{'b', 1, LEAT_DTYPE_BOOL, false}, {'i', 1, LEAT_DTYPE_I8, false},
             {'i', 2, LEAT_DTYPE_I16, false},  {'i', 4, LEAT_DTYPE_I32, false},
             {'i', 8, LEAT_DTYPE_I64, false},  {'u', 1, LEAT_DTYPE_U8, false},
             {'u', 2, LEAT_DTYPE_U16, false},  {'u', 4, LEAT_DTYPE_U32, false},
             {'u', 8, LEAT_DTYPE_U64, false},  {'f', 2, LEAT_DTYPE_F16, false},
             {'f', 4, LEAT_DTYPE_F32, false},  {'f', 8, LEAT_DTYPE_F64, false},
             {'c', 8, LEAT_DTYPE_F32, true},   {'c', 16, LEAT_DTYPE_F64, true}};

typedef struct text_type {
  char kind;      // 'S' or 'U'; 0 = numbers
  int64_t units;  // bytes or characters of an element
} text_type;

static leat_status read_type(header *h, text_type *text) {
  leat_str d = h->descr;
  int64_t size;
  bool order = d.len && strchr("<>|=", *d.ptr) && *d.ptr;
  char kind = d.len > (size_t)order ? d.ptr[order] : 0;
  leat_str digits = {d.ptr + order + 1, d.len - (size_t)order - 1};
  if (kind == 'O') return fail(h, "an array of Python objects (a pickle) is refused");
  bool plain = kind && leat_parse_u64(digits, (uint64_t *)&size) && size >= 0;
  h->layout.big_endian = order && *d.ptr == '>';
  for (size_t i = 0; plain && i < sizeof types / sizeof *types; i++)
    if (types[i].kind == kind && types[i].bytes == size) {
      h->layout.dtype = types[i].dtype;
      h->layout.complex = types[i].complex;
      return LEAT_OK;
    }
  if (plain && (kind == 'S' || kind == 'a' || kind == 'U') && size < 1 << 24) {
    *text = (text_type){kind == 'U' ? 'U' : 'S', size};
    h->layout.dtype = LEAT_DTYPE_STRING;
    return LEAT_OK;
  }
  return leat_error_set(h->err, LEAT_INVALID_ARGUMENT,
                        "%s: the .npy header: no arrays of type '" LEAT_STR_FMT "'", h->name,
                        LEAT_STR_ARG(d));
}

// --- Numbers ------------------------------------------------------------------------------------
static void swap_bytes(char *p, int64_t count, size_t width) {
  for (int64_t i = 0; i < count; i++, p += width)
    for (size_t k = 0; k < width / 2; k++) {
      char kept = p[k];
      p[k] = p[width - 1 - k];
      p[width - 1 - k] = kept;
    }
}

// Where element `linear` of a row-major walk stands in a file whose first dimension varies fastest.
static int64_t fortran_index(const leat_array_layout *l, int64_t linear) {
  int64_t index = 0;
  for (int i = l->rank - 1; i >= 0; i--) {
    int64_t stride = 1;
    for (int j = 0; j < i; j++) stride *= l->dims[j];
    index += linear % l->dims[i] * stride;
    linear /= l->dims[i];
  }
  return index;
}

static leat_status new_tensor(leat_tensor **out, const leat_array_layout *l, leat_error *err) {
  int64_t dims[LEAT_MAX_RANK + 1];
  memcpy(dims, l->dims, sizeof l->dims);
  dims[l->rank] = 2;
  return leat_tensor_new(out, l->dtype, l->rank + l->complex, dims, err);
}

leat_status leat__array_new(leat_tensor **out, const leat_array_layout *l, leat_str bytes,
                            const char *name, leat_error *err) {
  int64_t count = leat__dims_count(l->rank, l->dims), parts = l->complex ? 2 : 1;
  size_t width = leat_dtype_bytes(l->dtype), whole = width * (size_t)parts;
  if (count < 0 || (uint64_t)count > bytes.len / whole)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: the shape wants more than the %zu bytes there",
                          name, bytes.len);
  leat_status status = new_tensor(out, l, err);
  if (status || !count) return status;
  char *data = leat_tensor_data(*out);
  bool swap = l->big_endian != (BYTE_ORDER == BIG_ENDIAN) && width > 1;
  if (!l->fortran) memcpy(data, bytes.ptr, (size_t)count * whole);
  for (int64_t i = 0; l->fortran && i < count; i++)
    memcpy(data + (size_t)i * whole, bytes.ptr + (size_t)fortran_index(l, i) * whole, whole);
  if (swap) swap_bytes(data, count * parts, width);
  for (int64_t i = 0; l->dtype == LEAT_DTYPE_BOOL && i < count; i++) data[i] = data[i] != 0;
  return LEAT_OK;
}

// --- Strings ------------------------------------------------------------------------------------
static void add_utf8(leat_buf *out, uint32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF)) c = 0xFFFD;
  if (c < 0x80) {
    leat_buf_char(out, (char)c);
    return;
  }
  int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  static const unsigned char lead[] = {0, 0xC0, 0xE0, 0xF0};
  leat_buf_char(out, (char)(lead[more] | c >> (6 * more)));
  while (more-- > 0) leat_buf_char(out, (char)(0x80 | (c >> (6 * more) & 0x3F)));
}

static void add_text(leat_buf *out, const char *p, text_type type, bool big_endian) {
  int64_t units = type.units;
  if (type.kind == 'S') {
    while (units && !p[units - 1]) units--;
    leat_buf_add(out, p, (size_t)units);
    return;
  }
  static const char zeros[4] = {0};
  while (units && memcmp(p + 4 * (units - 1), zeros, 4) == 0) units--;
  for (int64_t i = 0; i < units; i++, p += 4) {
    uint32_t c;
    memcpy(&c, p, 4);
    add_utf8(out, big_endian ? be32toh(c) : le32toh(c));
  }
}

static leat_status text_array(header *h, leat_str bytes, text_type type, leat_tensor **out) {
  const leat_array_layout *l = &h->layout;
  int64_t count = leat__dims_count(l->rank, l->dims);
  size_t width = (size_t)type.units * (type.kind == 'U' ? 4 : 1);
  if (count < 0 || (!width && count > 1 << 20) || (width && (uint64_t)count > bytes.len / width))
    return leat_error_set(h->err, LEAT_DATA_LOSS, "%s: the file ends inside the array", h->name);
  leat_buf text = {.max = (size_t)1 << 34};
  size_t *ends = leat__alloc(sizeof *ends * (size_t)(count + 1));
  leat_str *list = leat__alloc(sizeof *list * (size_t)(count + 1));
  for (int64_t i = 0; ends && i < count; i++) {
    int64_t from = l->fortran ? fortran_index(l, i) : i;
    add_text(&text, bytes.ptr + (size_t)from * width, type, l->big_endian);
    ends[i] = text.len;
  }
  for (int64_t i = 0; ends && list && i < count; i++) {
    size_t start = i ? ends[i - 1] : 0;
    list[i] = (leat_str){text.ptr ? text.ptr + start : "", ends[i] - start};
  }
  leat_status status = ends && list ? leat_buf_status(&text, h->err) : leat__oom(h->err, 1);
  if (!status) status = leat_tensor_new_strings(out, l->rank, l->dims, list, h->err);
  leat_buf_deinit(&text);
  leat__free(ends);
  leat__free(list);
  return status;
}

// --- Whole --------------------------------------------------------------------------------------
leat_status leat_npy_parse(leat_tensor **out, leat_str bytes, const char *name, leat_error *err) {
  header h = {.name = name, .err = err};
  const unsigned char *p = (const unsigned char *)bytes.ptr;
  *out = NULL;
  if (bytes.len < 8 || memcmp(p, "\x93NUMPY", 6) != 0)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s: not a .npy file", name);
  int version = p[6];
  size_t start = version == 1 ? 10 : 12, length = 0;
  if (version < 1 || version > 3 || p[7])
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "%s: version %d.%d of .npy, 1 to 3 are known",
                          name, version, p[7]);
  for (size_t i = start; i > 8 && bytes.len >= start; i--) length = length << 8 | p[i - 1];
  if (bytes.len < start || length > bytes.len - start)
    return leat_error_set(err, LEAT_DATA_LOSS, "%s: the file ends inside the .npy header", name);
  h.input = (leat_str){bytes.ptr + start, length};
  leat_str data = {bytes.ptr + start + length, bytes.len - start - length};
  text_type text = {0};
  leat_status status = read_header(&h);
  if (!status) status = read_type(&h, &text);
  if (status) return status;
  if (text.kind) return text_array(&h, data, text, out);
  return leat__array_new(out, &h.layout, data, name, err);
}
