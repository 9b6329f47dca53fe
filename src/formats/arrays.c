// Files of named arrays.
// SPDX-License-Identifier: Apache-2.0
#include "formats/arrays.h"

#include "base/arena.h"
#include "base/file.h"
#include "formats/compress.h"
#include "formats/idx.h"
#include "formats/npy.h"
#include "formats/zip.h"

static const size_t MAX_FILE = (size_t)1 << 36;

static leat_status add(leat_arrays *out, leat_str name, leat_tensor *tensor, leat_error *err) {
  for (size_t i = 0; i < out->list.count; i++)
    if (leat_str_eq(out->list.at[i].name, name)) {
      leat_tensor_unref(tensor);
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "two arrays are named '" LEAT_STR_FMT "'",
                            LEAT_STR_ARG(name));
    }
  char *kept = leat_arena_str(&out->names, name);
  if (kept && leat_vec_push(&out->list, (leat_named_tensor){{kept, name.len}, tensor}))
    return LEAT_OK;
  leat_tensor_unref(tensor);
  return leat__oom(err, name.len);
}

static leat_status read_member(leat_arrays *out, const leat_zip *zip, const leat_zip_member *m,
                               leat_error *err) {
  leat_buf bytes = {.max = MAX_FILE};
  leat_tensor *tensor = NULL;
  leat_str name = m->name;
  leat_status status = leat_zip_read(zip, m, &bytes, err);
  if (!status) status = leat_npy_parse(&tensor, leat_buf_view(&bytes), zip->archive, err);
  if (status)
    status = leat_error_prepend(err, status, "member '" LEAT_STR_FMT "'", LEAT_STR_ARG(name));
  if (leat_str_ends(name, LEAT_STR(".npy"))) name.len -= 4;
  if (!status) status = add(out, name, tensor, err);
  leat_buf_deinit(&bytes);
  return status;
}

static leat_status parse_npz(leat_arrays *out, leat_str bytes, const char *name, leat_error *err) {
  leat_zip zip;
  leat_zip_member member;
  leat_status status = leat_zip_open(&zip, bytes, name, err);
  while (!status && zip.directory.len) {
    status = leat_zip_next(&zip, &member, err);
    bool folder = !status && leat_str_ends(member.name, LEAT_STR("/"));
    if (!status && !folder) status = read_member(out, &zip, &member, err);
  }
  return status;
}

leat_status leat_arrays_parse(leat_arrays *out, leat_str bytes, const char *name, leat_error *err) {
  *out = (leat_arrays){0};
  leat_buf unpacked = {.max = MAX_FILE};
  leat_tensor *tensor = NULL;
  leat_status status = LEAT_OK;
  if (leat_compression_guess(bytes) == LEAT_COMPRESSION_GZIP) {
    status = leat_inflate(bytes, LEAT_COMPRESSION_GZIP, name, MAX_FILE, &unpacked, err);
    bytes = leat_buf_view(&unpacked);
  }
  if (!status && leat_str_starts(bytes, LEAT_STR("PK")))
    status = parse_npz(out, bytes, name, err);
  else if (!status) {
    bool idx = bytes.len >= 2 && !bytes.ptr[0] && !bytes.ptr[1];
    status = (idx ? leat_idx_parse : leat_npy_parse)(&tensor, bytes, name, err);
    if (!status) status = add(out, (leat_str){0}, tensor, err);
  }
  leat_buf_deinit(&unpacked);
  if (status) leat_arrays_deinit(out);
  return status;
}

leat_status leat_arrays_read(leat_arrays *out, const char *path, leat_error *err) {
  leat_buf bytes = {.max = MAX_FILE};
  *out = (leat_arrays){0};
  leat_status status = leat_file_read(path, MAX_FILE, &bytes, err);
  if (!status) status = leat_arrays_parse(out, leat_buf_view(&bytes), path, err);
  leat_buf_deinit(&bytes);
  return status;
}

leat_tensor *leat_arrays_find(const leat_arrays *arrays, leat_str name) {
  for (size_t i = 0; i < arrays->list.count; i++)
    if (leat_str_eq(arrays->list.at[i].name, name)) return arrays->list.at[i].tensor;
  return NULL;
}

void leat_arrays_deinit(leat_arrays *arrays) {
  for (size_t i = 0; i < arrays->list.count; i++) leat_tensor_unref(arrays->list.at[i].tensor);
  leat_vec_deinit(&arrays->list);
  leat_arena_deinit(&arrays->names);
}
