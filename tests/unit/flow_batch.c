// Tests of flow/batch and flow/rows: rows go in, are picked out and come back the same.
// SPDX-License-Identifier: Apache-2.0
#include "flow/batch.h"
#include "test.h"

#define FIELD(name_, type_, ...) \
  { .name = {name_, sizeof name_ - 1}, .type = LEAT_FLOW_TYPE_##type_, __VA_ARGS__ }

static const leat_flow_field point[] = {
    FIELD("x", FLOAT, 0),
    FIELD("tags", LIST, .fields = &(const leat_flow_field)FIELD("", STRING, .nullable = true),
          .field_count = 1)};
static const leat_flow_field fields[] = {
    FIELD("key", STRING, 0),
    FIELD("yes", BOOL, .nullable = true),
    FIELD("n", INT32, 0),
    FIELD("big", INT64, .nullable = true),
    FIELD("when", TIMESTAMP, 0),
    FIELD("real", DOUBLE, 0),
    FIELD("raw", BYTES, .nullable = true),
    FIELD("point", ROW, .nullable = true, .fields = point, .field_count = 2)};
static const leat_flow_schema schema = {fields, 8};

// Row i of the test: every value follows from i.
static void put_row(leat_flow_rows *r, int i) {
  char text[32];
  leat_flow_rows_text(r, (leat_str){text, (size_t)snprintf(text, sizeof text, "key-%d", i * 7)});
  if (i % 3)
    leat_flow_rows_bool(r, i % 2);
  else
    leat_flow_rows_null(r);
  leat_flow_rows_int(r, -i);
  if (i % 5)
    leat_flow_rows_int(r, (int64_t)i << 40);
  else
    leat_flow_rows_null(r);
  leat_flow_rows_int(r, i * 1000);
  leat_flow_rows_double(r, i / 3.0);
  leat_flow_rows_text(r, (leat_str){text, (size_t)(i % 4)});
  if (i % 7 == 0) {
    leat_flow_rows_null(r);
    return;
  }
  leat_flow_rows_open(r);
  leat_flow_rows_double(r, i / 4.0);
  leat_flow_rows_open(r);
  for (int j = 0; j < i % 4; j++)
    if (j == 1)
      leat_flow_rows_null(r);
    else
      leat_flow_rows_text(r, (leat_str){text, (size_t)j});
  leat_flow_rows_close(r);
  leat_flow_rows_close(r);
}

static leat_flow_batch *rows_of(const int *which, int count) {
  leat_flow_rows *r;
  leat_error err;
  CHECK_OK(leat_flow_rows_new(&r, &schema, &err));
  for (int i = 0; i < count; i++) {
    put_row(r, which[i]);
    CHECK_OK(leat_flow_rows_end(r, which[i] * 10, &(leat_flow_window){which[i], which[i] + 1}, NULL,
                                &err));
  }
  CHECK(leat_flow_rows_count(r) == count);
  leat_flow_batch *b = leat_flow_rows_take(r);
  CHECK(b && b->rows == count && leat_flow_rows_count(r) == 0);
  leat_flow_rows_free(r);
  return b;
}

static bool column_eq(const leat_flow_field *f, const leat_flow_column *a, int i,
                      const leat_flow_column *b, int j) {
  if (leat_flow_is_valid(a, i) != leat_flow_is_valid(b, j)) return false;
  if (!leat_flow_is_valid(a, i)) return true;
  size_t size = leat_flow_type_bytes(f->type);
  if (size)
    return !memcmp((char *)a->values + (size_t)i * size, (char *)b->values + (size_t)j * size,
                   size);
  if (f->type == LEAT_FLOW_TYPE_BOOL) return leat_flow_bool(a, i) == leat_flow_bool(b, j);
  if (f->type == LEAT_FLOW_TYPE_ROW) {
    for (int k = 0; k < f->field_count; k++)
      if (!column_eq(&f->fields[k], &a->children[k], i, &b->children[k], j)) return false;
    return true;
  }
  if (f->type != LEAT_FLOW_TYPE_LIST)
    return leat_str_eq(leat_flow_text(a, i), leat_flow_text(b, j));
  const int32_t *x = a->values, *y = b->values;
  bool same = x[i + 1] - x[i] == y[j + 1] - y[j];
  for (int32_t k = 0; same && k < x[i + 1] - x[i]; k++)
    same = column_eq(f->fields, a->children, x[i] + k, b->children, y[j] + k);
  return same;
}

static bool batch_eq(const leat_flow_batch *a, const leat_flow_batch *b) {
  bool same = a->rows == b->rows && !a->windows == !b->windows;
  for (int i = 0; same && i < a->rows; i++) {
    same = a->timestamps[i] == b->timestamps[i] &&
           (!a->windows || leat_flow_window_eq(a->windows[i], b->windows[i]));
    for (int f = 0; same && f < schema.count; f++)
      same = column_eq(&fields[f], &a->columns[f], i, &b->columns[f], i);
  }
  return same;
}

static void rows_are_picked_out(void) {
  int all[200], some[] = {3, 3, 199, 0, 14, 7, 21, 100, 5};
  int32_t rows[9];
  for (int i = 0; i < 200; i++) all[i] = i;
  for (int i = 0; i < 9; i++) rows[i] = some[i];
  leat_flow_batch *whole = rows_of(all, 200), *want = rows_of(some, 9);
  leat_flow_batch *got = leat_flow_batch_take(whole, rows, 9);
  CHECK(got && batch_eq(got, want) && !batch_eq(got, whole));
  leat_flow_batch *none = leat_flow_batch_take(whole, rows, 0);
  CHECK(none && none->rows == 0);
  leat_flow_batch_unref(none);
  leat_flow_batch_unref(whole);
  leat_flow_batch_unref(want);
  // Copied value by value it is the same, too.
  leat_flow_rows *r;
  leat_error err;
  CHECK_OK(leat_flow_rows_new(&r, &schema, &err));
  for (int i = 0; i < got->rows; i++) {
    for (int f = 0; f < schema.count; f++) leat_flow_rows_copy(r, &fields[f], &got->columns[f], i);
    CHECK_OK(leat_flow_rows_end(r, got->timestamps[i], &got->windows[i], NULL, &err));
  }
  leat_flow_batch *again = leat_flow_rows_take(r);
  CHECK(again && batch_eq(again, got));
  leat_flow_rows_free(r);
  leat_flow_batch_unref(got);
  leat_flow_batch_unref(again);
}

static void a_bad_row_is_dropped_alone(void) {
  leat_flow_rows *r;
  leat_error err;
  CHECK_OK(leat_flow_rows_new(&r, &schema, &err));
  put_row(r, 1);
  leat_flow_window w = {1, 2};
  CHECK_OK(leat_flow_rows_end(r, 10, &w, NULL, &err));
  leat_flow_rows_int(r, 5);
  CHECK(leat_flow_rows_end(r, 0, &w, NULL, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(strstr(err.message, "field 'key' (string): the value is an integer"));
  leat_flow_rows_text(r, LEAT_STR("k"));
  leat_flow_rows_null(r);
  leat_flow_rows_int(r, INT64_C(1) << 31);
  CHECK(leat_flow_rows_end(r, 0, &w, NULL, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(strstr(err.message, "'n' (int32): the value has over 32 bits"));
  leat_flow_rows_text(r, LEAT_STR("k"));
  CHECK(leat_flow_rows_end(r, 0, &w, NULL, &err) == LEAT_INVALID_ARGUMENT);
  CHECK(strstr(err.message, "field 'yes' (bool): no value"));
  put_row(r, 2);
  leat_flow_rows_bool(r, true);
  CHECK(leat_flow_rows_end(r, 0, &w, NULL, &err) == LEAT_INVALID_ARGUMENT);
  leat_flow_rows_null(r);
  CHECK(leat_flow_rows_end(r, 0, &w, NULL, &err) == LEAT_INVALID_ARGUMENT);
  put_row(r, 2);
  leat_flow_rows_drop(r);
  put_row(r, 3);
  CHECK_OK(leat_flow_rows_end(r, 30, &(leat_flow_window){3, 4}, NULL, &err));
  put_row(r, 2);  // begun, not ended
  leat_flow_batch *got = leat_flow_rows_take(r), *want = rows_of((int[]){1, 3}, 2);
  CHECK(got && batch_eq(got, want));
  leat_flow_batch_unref(got);
  leat_flow_batch_unref(want);
  leat_flow_rows_free(r);
}

static void columns_are_shared(void) {
  leat_flow_batch *a = rows_of((int[]){1, 2, 3}, 3), *want = rows_of((int[]){1, 2, 3}, 3);
  leat_flow_batch *b = leat_flow_batch_new(&schema, 3);
  memcpy(b->timestamps, a->timestamps, 3 * sizeof *b->timestamps);
  for (int f = 0; f < schema.count; f++) leat_flow_column_share(&b->columns[f], &a->columns[f]);
  b->windows = leat_flow_block_alloc(b->owner, 3 * sizeof *b->windows);
  memcpy(b->windows, a->windows, 3 * sizeof *b->windows);
  leat_flow_batch_unref(a);
  CHECK(batch_eq(b, want));
  leat_flow_batch_unref(b);
  leat_flow_batch_unref(want);
}

static void schemas_are_printed_and_copied(void) {
  leat_arena arena = {0};
  leat_buf text = {0};
  leat_flow_schema *copy = leat_flow_schema_copy(&arena, &schema);
  CHECK(copy && leat_flow_schema_eq(copy, &schema));
  leat_flow_schema_print(copy, &text);
  CHECK(leat_str_eq(leat_buf_view(&text),
                    LEAT_STR("{key: string, yes: bool?, n: int32, big: int64?, when: timestamp, "
                             "real: double, raw: bytes?, point: {x: float, tags: [string?]}?}")));
  CHECK(leat_flow_schema_find(copy, LEAT_STR("big")) == 3);
  CHECK(leat_flow_schema_find(copy, LEAT_STR("none")) == -1);
  leat_buf_deinit(&text);
  leat_arena_deinit(&arena);
}

static int allowed;
static bool count_down(size_t bytes) { return (void)bytes, allowed-- > 0; }

// Builds, picks and copies; whatever fails is freed, and the last row that was finished stays.
static leat_status whole_life(leat_error *err) {
  leat_flow_rows *r;
  leat_status status = leat_flow_rows_new(&r, &schema, err);
  if (status) return status;
  for (int i = 1; !status && i < 40; i++) {
    put_row(r, i);
    status = leat_flow_rows_end(r, i, NULL, NULL, err);
  }
  leat_flow_batch *b = status ? NULL : leat_flow_rows_take(r);
  int32_t rows[] = {1, 1, 38, 0};
  leat_flow_batch *picked = b ? leat_flow_batch_take(b, rows, 4) : NULL;
  if (!status && !picked) status = LEAT_RESOURCE_EXHAUSTED;
  leat_flow_batch_unref(b);
  leat_flow_batch_unref(picked);
  leat_flow_rows_free(r);
  return status;
}

static void memory_that_ends_is_an_error(void) {
  leat_error err;
  leat__alloc_hook = count_down;
  leat_status status = LEAT_RESOURCE_EXHAUSTED;
  for (int n = 0; status == LEAT_RESOURCE_EXHAUSTED; n++) {
    allowed = n;
    status = whole_life(&err);
  }
  CHECK_OK(status);
  leat__alloc_hook = NULL;
}

int main(int argc, char **argv) {
  static const test tests[] = {
      {"rows_are_picked_out", rows_are_picked_out},
      {"a_bad_row_is_dropped_alone", a_bad_row_is_dropped_alone},
      {"columns_are_shared", columns_are_shared},
      {"schemas_are_printed_and_copied", schemas_are_printed_and_copied},
      {"memory_that_ends_is_an_error", memory_that_ends_is_an_error},
  };
  return test_main(argc, argv, tests, sizeof tests / sizeof *tests);
}
