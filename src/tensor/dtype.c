// Element types: one row each.
// SPDX-License-Identifier: Apache-2.0
#include "leat/dtype.h"

typedef struct dtype_row {
  const char *name;
  int bits;
  leat_dtype_kind kind;
} dtype_row;

static const dtype_row rows[LEAT_DTYPE_COUNT] = {
    [LEAT_DTYPE_NONE] = {"none", 0, LEAT_KIND_NONE},
    [LEAT_DTYPE_BOOL] = {"bool", 8, LEAT_KIND_BOOL},
    [LEAT_DTYPE_I8] = {"i8", 8, LEAT_KIND_INT},
    [LEAT_DTYPE_I16] = {"i16", 16, LEAT_KIND_INT},
    [LEAT_DTYPE_I32] = {"i32", 32, LEAT_KIND_INT},
    [LEAT_DTYPE_I64] = {"i64", 64, LEAT_KIND_INT},
    [LEAT_DTYPE_U8] = {"u8", 8, LEAT_KIND_UINT},
    [LEAT_DTYPE_U16] = {"u16", 16, LEAT_KIND_UINT},
    [LEAT_DTYPE_U32] = {"u32", 32, LEAT_KIND_UINT},
    [LEAT_DTYPE_U64] = {"u64", 64, LEAT_KIND_UINT},
    [LEAT_DTYPE_F16] = {"f16", 16, LEAT_KIND_FLOAT},
    [LEAT_DTYPE_BF16] = {"bf16", 16, LEAT_KIND_FLOAT},
    [LEAT_DTYPE_F32] = {"f32", 32, LEAT_KIND_FLOAT},
    [LEAT_DTYPE_F64] = {"f64", 64, LEAT_KIND_FLOAT},
    [LEAT_DTYPE_STRING] = {"string", 64, LEAT_KIND_STRING},
};

static const dtype_row *row_of(leat_dtype dtype) {
  return &rows[(unsigned)dtype < LEAT_DTYPE_COUNT ? dtype : LEAT_DTYPE_NONE];
}

const char *leat_dtype_name(leat_dtype dtype) { return row_of(dtype)->name; }
int leat_dtype_bits(leat_dtype dtype) { return row_of(dtype)->bits; }
leat_dtype_kind leat_dtype_kind_of(leat_dtype dtype) { return row_of(dtype)->kind; }

leat_dtype leat_dtype_from_name(leat_str name) {
  for (int i = LEAT_DTYPE_NONE + 1; i < LEAT_DTYPE_COUNT; i++)
    if (leat_str_eq(name, leat_str_of(rows[i].name))) return (leat_dtype)i;
  return LEAT_DTYPE_NONE;
}
