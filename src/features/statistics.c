// Statistics of columns: what a text is, what a column of them is, one pass over a table.
// SPDX-License-Identifier: Apache-2.0
#include "features/statistics.h"

#include "base/file.h"
#include "formats/number.h"

#include <math.h>

const char *const leat_column_type_names[LEAT_COLUMN_TYPES] = {"empty", "int", "float", "date",
                                                               "string"};
enum { LONG_TEXT = 200, PENDING = 256, RECENT = 256, RECENT_MISSES = 1024 };

// --- One text -----------------------------------------------------------------------------------
static bool is_missing(leat_str t) {
  static const char *const words[] = {"NA",   "N/A",  "n/a",  "#N/A", "NaN",  "nan",  "NAN",
                                      "-nan", "NULL", "Null", "null", "None", "none", "?",
                                      "-",    "--",   ".",    "\\N",  "<NA>", "NaT"};
  if (!t.len) return true;
  if (t.len > 4) return false;
  for (size_t i = 0; i < sizeof words / sizeof *words; i++)
    if (leat_str_eq(t, leat_str_of(words[i]))) return true;
  return false;
}

// Which orders a text is a date in, as bits.
static int date_orders(leat_str t) {
  double days;
  int orders = 0;
  bool separated = false;
  if (t.len < 8 || t.len > 40) return 0;
  for (size_t i = 1; i < 8; i++)
    separated |= t.ptr[i] == '-' || t.ptr[i] == '/' || t.ptr[i] == '.' || t.ptr[i] == ' ';
  if (!separated) return 0;
  for (int i = 0; i < LEAT_DATE_ORDERS; i++)
    if (leat_parse_date(t, (leat_date_order)i, &days)) orders |= 1 << i;
  return orders;
}

leat_text_kind leat_text_kind_of(leat_str t, double *number) {
  unsigned char first = t.len ? (unsigned char)t.ptr[0] : 0;
  bool numeric = first - '0' < 10u || first == '-' || first == '+' || first == '.';
  if (numeric && leat_parse_f64(t, number) && *number - *number == 0) {
    for (size_t i = 0; i < t.len; i++)
      if (t.ptr[i] == '.' || t.ptr[i] == 'e' || t.ptr[i] == 'E') return LEAT_TEXT_FLOAT;
    return LEAT_TEXT_INT;
  }
  if (is_missing(t)) return LEAT_TEXT_MISSING;
  return date_orders(t) ? LEAT_TEXT_DATE : LEAT_TEXT_OTHER;
}

static bool is_padded(leat_str t) {
  return t.len > 1 && t.ptr[0] == '0' && (unsigned char)(t.ptr[1] - '0') < 10;
}

// --- The type of a column -----------------------------------------------------------------------
// Numbers or dates if at least 19 of 20 values are; codes such as 00123 are strings.
static void decide_type(leat_column_stats *c) {
  int64_t ints = c->kinds[LEAT_TEXT_INT], numbers = ints + c->kinds[LEAT_TEXT_FLOAT];
  int64_t dates = c->kinds[LEAT_TEXT_DATE], others = c->kinds[LEAT_TEXT_OTHER];
  int64_t present = numbers + dates + others;
  c->order = LEAT_DATE_YMD;
  for (int i = LEAT_DATE_ORDERS - 1; i > 0; i--)  // ambiguous throughout: month first
    if (c->orders[i] > c->orders[c->order]) c->order = (leat_date_order)i;
  int64_t in_order = c->orders[c->order];
  if (!present)
    c->type = LEAT_COLUMN_EMPTY;
  else if (numbers * 20 >= present * 19 && !(c->padded && !c->kinds[LEAT_TEXT_FLOAT]))
    c->type = c->kinds[LEAT_TEXT_FLOAT] ? LEAT_COLUMN_FLOAT : LEAT_COLUMN_INT;
  else
    c->type = in_order * 20 >= present * 19 ? LEAT_COLUMN_DATE : LEAT_COLUMN_STRING;
}

// After all values: what does not fit the type.
static void count_wrong(leat_column_stats *c) {
  int64_t dates = c->kinds[LEAT_TEXT_DATE], others = c->kinds[LEAT_TEXT_OTHER];
  int64_t numbers = c->kinds[LEAT_TEXT_INT] + c->kinds[LEAT_TEXT_FLOAT];
  c->wrong = 0;
  if (c->type == LEAT_COLUMN_INT || c->type == LEAT_COLUMN_FLOAT) c->wrong = dates + others;
  if (c->type == LEAT_COLUMN_DATE) c->wrong = numbers + others + dates - c->orders[c->order];
}

bool leat_column_stats_number(const leat_column_stats *c, leat_str text, double *number) {
  if (c->type == LEAT_COLUMN_DATE) return leat_parse_date(text, c->order, number);
  leat_text_kind kind = leat_text_kind_of(text, number);
  return kind == LEAT_TEXT_INT || kind == LEAT_TEXT_FLOAT;
}

// --- Adding -------------------------------------------------------------------------------------
// Kind, dates and lengths of a text that came `times`.
static leat_text_kind note_kind(leat_column_stats *c, leat_str text, int64_t times, double *value) {
  leat_text_kind kind = leat_text_kind_of(text, value);
  c->kinds[kind] += times;
  if (kind == LEAT_TEXT_MISSING) return kind;
  leat_moments_add_times(&c->lengths, (double)text.len, times);
  if (kind == LEAT_TEXT_INT && is_padded(text)) c->padded += times;
  if (kind != LEAT_TEXT_DATE) return kind;
  int orders = date_orders(text);
  for (int i = 0; i < LEAT_DATE_ORDERS; i++) c->orders[i] += orders >> i & 1 ? times : 0;
  return kind;
}

static void note_number(leat_column_stats *c, double value, int64_t times) {
  c->zeros += value == 0 ? times : 0;
  c->negative += value < 0 ? times : 0;
}

static leat_status flush_pending(leat_column_stats *c, leat_error *err) {
  leat_status status = LEAT_OK;
  leat_moments_add_many(&c->numbers, c->pending, c->pending_count);
  for (size_t i = 0; !status && i < c->pending_count; i++)
    status = leat_quantiles_add(&c->quantiles, c->pending[i], err);
  c->pending_count = 0;
  return status;
}

static bool is_value_kind(const leat_column_stats *c, leat_text_kind kind) {
  if (c->type == LEAT_COLUMN_DATE) return kind == LEAT_TEXT_DATE;
  return c->type != LEAT_COLUMN_STRING && (kind == LEAT_TEXT_INT || kind == LEAT_TEXT_FLOAT);
}

// From the exact texts all that follows from them.
static leat_status settle(leat_column_stats *c, leat_error *err) {
  leat_status status = LEAT_OK;
  double value;
  for (size_t i = 0; i < c->words.map.count; i++)
    note_kind(c, c->words.map.entries[i].key, c->words.map.entries[i].value.num, &value);
  decide_type(c);
  for (size_t i = 0; !status && leat_column_stats_is_number(c) && i < c->words.map.count; i++) {
    const leat_map_entry *e = &c->words.map.entries[i];
    if (!leat_column_stats_number(c, e->key, &value)) continue;
    note_number(c, value, e->value.num);
    leat_moments_add_times(&c->numbers, value, e->value.num);
    status = leat_quantiles_add_times(&c->quantiles, value, e->value.num, err);
  }
  return status;
}

// The texts became too many.
static leat_status start_streaming(leat_column_stats *c, leat_error *err) {
  leat_counts all = c->words;
  double value;
  leat_status status = settle(c, err);
  c->sketch = leat__calloc(1, sizeof *c->sketch);
  if (!c->sketch && !status) status = leat__oom(err, sizeof *c->sketch);
  if (status) return status;
  int64_t limit = (int64_t)(c->budget / 256);
  c->streaming = true;
  c->words = (leat_counts){.limit = limit < 64 ? 64 : limit > 8192 ? 8192 : limit};
  for (size_t i = 0; i < all.map.count; i++) {
    leat_str text = all.map.entries[i].key;
    leat_text_kind kind = leat_text_kind_of(text, &value);
    if (kind != LEAT_TEXT_MISSING) leat_distinct_add(c->sketch, text);
    if (!status && !is_value_kind(c, kind) && text.len <= LONG_TEXT)
      status = leat_counts_add(&c->words, text, all.map.entries[i].value.num, err);
  }
  leat_counts_deinit(&all);
  return status;
}

static leat_status stream(leat_column_stats *c, leat_str text, leat_error *err) {
  double value = 0;
  leat_text_kind kind = leat_text_kind_of(text, &value);
  c->kinds[kind]++;
  if (kind == LEAT_TEXT_MISSING) return leat_counts_add(&c->words, text, 1, err);
  leat_distinct_add(c->sketch, text);
  leat_moments_add(&c->lengths, (double)text.len);
  if (kind == LEAT_TEXT_INT && is_padded(text)) c->padded++;
  if (kind == LEAT_TEXT_DATE) {
    int orders = date_orders(text);
    for (int i = 0; i < LEAT_DATE_ORDERS; i++) c->orders[i] += orders >> i & 1;
    if (c->type == LEAT_COLUMN_DATE && !leat_parse_date(text, c->order, &value)) return LEAT_OK;
  }
  if (is_value_kind(c, kind)) {
    note_number(c, value, 1);
    c->pending[c->pending_count++] = value;
    return c->pending_count == PENDING ? flush_pending(c, err) : LEAT_OK;
  }
  return text.len <= LONG_TEXT ? leat_counts_add(&c->words, text, 1, err) : LEAT_OK;
}

// --- Recent texts -------------------------------------------------------------------------------
// Without a branch: lengths vary from field to field.
static inline void pad(leat_str text, uint64_t out[4]) {
  static const struct {
    uint8_t ones[LEAT_RECENT_TEXT], zeros[LEAT_RECENT_TEXT];
  } bytes = {.ones = {255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                      255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255,
                      255, 255, 255, 255, 255, 255, 255, 255, 255, 255}};
  uint64_t mask[4];
  memcpy(mask, (const uint8_t *)&bytes + LEAT_RECENT_TEXT - text.len, sizeof mask);
  memcpy(out, text.ptr, sizeof mask);
  for (int i = 0; i < 4; i++) out[i] &= mask[i];
}

static inline leat_recent *recent_slot(leat_column_stats *c, const uint64_t text[4],
                                       size_t length) {
  uint64_t hash = (text[0] ^ length) * UINT64_C(0x9E3779B97F4A7C15);
  hash += (text[1] ^ text[2]) * UINT64_C(0xD6E8FEB86659FD93) ^ text[3];
  hash = (hash ^ hash >> 29) * UINT64_C(0x94D049BB133111EB);
  return &c->recent[hash >> 32 & (c->recent_size - 1)];
}

static leat_status flush_recent(leat_column_stats *c, leat_error *err) {
  leat_status status = LEAT_OK;
  leat_str text = {(const char *)c->next.text, c->next.length};
  if (c->next_at) status = leat_counts_add(&c->words, text, 1, err);
  c->next_at = NULL;
  for (size_t i = 0; c->recent && !status && i < c->recent_size; i++) {
    leat_recent *r = &c->recent[i];
    text = (leat_str){(const char *)r->text, r->length};
    if (r->times) status = leat_counts_add(&c->words, text, r->times, err);
    r->times = 0;
  }
  return status;
}

// Empties it and makes it `size` large; 0: gives it up.
static leat_status resize_recent(leat_column_stats *c, size_t size, leat_error *err) {
  leat_status status = flush_recent(c, err);
  leat__free(c->recent);
  c->recent = size ? leat__calloc(size, sizeof *c->recent) : NULL;  // NULL is but slower
  c->recent_size = size;
  c->recent_adds = c->recent_misses = 0;
  return status;
}

static bool too_many(const leat_column_stats *c) {
  return c->words.words.total + c->words.map.count * 64 > c->budget;
}

// Counts a text in `words`; texts that became too many end the exact state.
static leat_status count_exact(leat_column_stats *c, leat_str text, int64_t times,
                               leat_error *err) {
  leat_map_entry *entry = leat_map_find(&c->words.map, text);
  if (entry) return entry->value.num += times, LEAT_OK;
  leat_status status = leat_counts_add(&c->words, text, times, err);
  if (status || !(text.len > LONG_TEXT || too_many(c))) return status;
  status = resize_recent(c, 0, err);
  return status ? status : start_streaming(c, err);
}

// The place of another text is taken.
static leat_status take_place(leat_column_stats *c, leat_recent *r, leat_error *err) {
  leat_recent old = *r;
  *r = c->next;
  if (!old.times) return LEAT_OK;
  leat_str text = {(const char *)old.text, old.length};
  leat_status status = count_exact(c, text, old.times, err);
  if (status || !c->recent || ++c->recent_misses < RECENT_MISSES) return status;
  bool some = c->recent_misses * 16 > c->recent_adds, most = c->recent_misses * 2 > c->recent_adds;
  bool room = c->recent_size * 4 * sizeof *c->recent <= c->budget;
  c->recent_adds = c->recent_misses = 0;
  if (some && room) return resize_recent(c, c->recent_size * 4, err);
  return most ? resize_recent(c, 0, err) : LEAT_OK;
}

static inline bool is_same(const leat_recent *r, const leat_recent *next) {
  uint64_t differs = (r->length ^ next->length) | r->times >> 31;
  for (int i = 0; i < 4; i++) differs |= r->text[i] ^ next->text[i];
  return !differs;
}

// In its place, or in the one beside it; else there where fewer would be driven out.
static inline leat_status count_next(leat_column_stats *c, leat_error *err) {
  leat_recent *r = c->next_at;
  if (!r) return LEAT_OK;
  c->next_at = NULL;
  if (is_same(r, &c->next)) return r->times++, LEAT_OK;
  leat_recent *beside = c->recent + ((size_t)(r - c->recent) ^ 1);
  if (is_same(beside, &c->next)) return beside->times++, LEAT_OK;
  return take_place(c, beside->times < r->times ? beside : r, err);
}

leat_status leat_column_stats_add_padded(leat_column_stats *c, leat_str text, leat_error *err) {
  if (!c->recent || text.len > LEAT_RECENT_TEXT) return leat_column_stats_add(c, text, err);
  leat_status status = count_next(c, err);
  if (status || !c->recent) return status ? status : leat_column_stats_add(c, text, err);
  c->rows++;
  c->recent_adds++;
  pad(text, c->next.text);
  c->next.length = (uint32_t)text.len;
  c->next.times = 1;
  c->next_at = recent_slot(c, c->next.text, text.len);
  __builtin_prefetch(c->next_at, 1);
  return LEAT_OK;
}

leat_status leat_column_stats_add(leat_column_stats *c, leat_str text, leat_error *err) {
  bool first = !c->rows++ && !c->budget;
  if (first) c->budget = 1 << 20;
  return c->streaming ? stream(c, text, err) : count_exact(c, text, 1, err);
}

// --- Merging ------------------------------------------------------------------------------------
static leat_status merge_exact(leat_column_stats *into, const leat_column_stats *from,
                               leat_error *err) {
  leat_status status = leat_counts_merge(&into->words, &from->words, err);
  into->rows += from->rows;
  return !status && too_many(into) ? start_streaming(into, err) : status;
}

leat_status leat_column_stats_merge(leat_column_stats *into, leat_column_stats *from,
                                    leat_error *err) {
  leat_status status = LEAT_OK;
  if (!into->budget) into->budget = from->budget ? from->budget : 1 << 20;
  status = flush_recent(into, err);
  if (!status) status = flush_recent(from, err);
  if (status) return status;
  if (!from->streaming && !into->streaming) {
    status = merge_exact(into, from, err);
    leat_column_stats_deinit(from);
    return status;
  }
  if (!from->budget) from->budget = into->budget;
  if (!into->streaming) status = start_streaming(into, err);
  if (!status && !from->streaming) status = start_streaming(from, err);
  if (!status) status = flush_pending(into, err);
  if (!status) status = flush_pending(from, err);
  if (!status) status = leat_counts_merge(&into->words, &from->words, err);
  if (!status) status = leat_quantiles_merge(&into->quantiles, &from->quantiles, err);
  if (!status) {
    leat_moments_merge(&into->numbers, &from->numbers);
    leat_moments_merge(&into->lengths, &from->lengths);
    leat_distinct_merge(into->sketch, from->sketch);
    for (int i = 0; i < LEAT_TEXT_KINDS; i++) into->kinds[i] += from->kinds[i];
    for (int i = 0; i < LEAT_DATE_ORDERS; i++) into->orders[i] += from->orders[i];
    into->zeros += from->zeros;
    into->negative += from->negative;
    into->padded += from->padded;
    into->rows += from->rows;
  }
  leat_column_stats_deinit(from);
  return status;
}

leat_status leat_column_stats_finish(leat_column_stats *c, leat_error *err) {
  double value;
  leat_status status = flush_recent(c, err);
  if (!status) status = c->streaming ? flush_pending(c, err) : settle(c, err);
  if (status) return status;
  if (c->streaming) decide_type(c);
  count_wrong(c);
  if (c->streaming) return c->distinct = leat_distinct_read(c->sketch), LEAT_OK;
  for (size_t i = 0; i < c->words.map.count; i++)
    c->distinct += leat_text_kind_of(c->words.map.entries[i].key, &value) != LEAT_TEXT_MISSING;
  return LEAT_OK;
}

void leat_column_stats_deinit(leat_column_stats *c) {
  leat_counts_deinit(&c->words);
  leat_quantiles_deinit(&c->quantiles);
  leat__free(c->sketch);
  leat__free(c->recent);
  *c = (leat_column_stats){.name = c->name};
}

// --- All columns --------------------------------------------------------------------------------
// Memory for texts that all columns together may take.
enum { TEXT_BUDGET = 40 << 20, LEAST_BUDGET = 1 << 14, MOST_BUDGET = 3 << 20 };

static leat_status make_columns(leat_statistics *s, leat_error *err) {
  size_t count = s->table.names.count, share = TEXT_BUDGET / (count + 1);
  s->columns = leat__calloc(count + 1, sizeof *s->columns);
  if (!s->columns) return leat__oom(err, count * sizeof *s->columns);
  for (size_t i = 0; i < count; i++) {
    s->columns[i].name = s->table.names.at[i];
    s->columns[i].budget = share < LEAST_BUDGET  ? LEAST_BUDGET
                           : share > MOST_BUDGET ? MOST_BUDGET
                                                 : share;
    resize_recent(&s->columns[i], RECENT, NULL);
  }
  return LEAT_OK;
}

static leat_status report(const leat_statistics *s, const leat_statistics_options *o,
                          leat_error *err) {
  if (!o->progress || s->rows & 0xFFFF) return LEAT_OK;
  if (o->progress(o->context, s->table.row.place.offset)) return LEAT_OK;
  return leat_error_set(err, LEAT_CANCELLED, "stopped after %lld rows", (long long)s->rows);
}

static leat_status add_rows(leat_statistics *s, const leat_statistics_options *o, leat_error *err) {
  leat_table *t = &s->table;
  bool ended = false;
  leat_status status = LEAT_OK;
  while (!status && !(status = leat_table_next(t, &ended, err)) && !ended) {
    s->rows++;
    if (t->row.count != (int)t->field_column.count && !s->ragged++) s->ragged_at = t->row.place;
    for (size_t i = 0; !status && i < t->names.count; i++)
      status = leat_column_stats_add_padded(&s->columns[i], t->values[i], err);
    if (!status) status = report(s, o, err);
  }
  return status;
}

static leat_status add_covariance(leat_statistics *s, const char *const *paths, size_t count,
                                  leat_error *err) {
  const leat_table *first = &s->table;
  leat_table t;
  int size = 0;
  bool ended = false;
  s->numeric = leat__calloc(first->names.count + 1, sizeof *s->numeric);
  double *row = leat__calloc(first->names.count + 1, sizeof *row);
  for (size_t i = 0; s->numeric && i < first->names.count; i++)
    if (leat_column_stats_is_number(&s->columns[i])) s->numeric[size++] = (int)i;
  leat_table_options options = {first->delimiter, first->comment,
                                first->header ? LEAT_HEADER_YES : LEAT_HEADER_NO, NULL, 0};
  leat_status status = s->numeric && row ? leat_covariance_init(&s->covariance, size, err)
                                         : leat__oom(err, sizeof *row);
  if (!status) status = leat_table_open(&t, paths, count, &options, err);
  if (status) return leat__free(row), status;
  while (!status && !(status = leat_table_next(&t, &ended, err)) && !ended) {
    for (int i = 0; i < size; i++)
      if (!leat_column_stats_number(&s->columns[s->numeric[i]], t.values[s->numeric[i]], &row[i]))
        row[i] = (double)NAN;
    status = leat_covariance_add(&s->covariance, row, err);
  }
  leat_table_close(&t);
  leat__free(row);
  return status;
}

leat_status leat_statistics_of(leat_statistics *s, const char *const *paths, size_t count,
                               const leat_statistics_options *o, leat_error *err) {
  *s = (leat_statistics){0};
  leat_status status = leat_table_open(&s->table, paths, count, &o->table, err);
  if (!status) status = make_columns(s, err);
  for (size_t i = 0; !status && i < count; i++) {
    int64_t bytes = 0;
    status = leat_file_size(paths[i], &bytes, err);
    s->bytes += bytes;
  }
  if (!status) status = add_rows(s, o, err);
  for (size_t i = 0; !status && i < s->table.names.count; i++)
    status = leat_column_stats_finish(&s->columns[i], err);
  if (!status && o->covariance) status = add_covariance(s, paths, count, err);
  if (status) leat_statistics_deinit(s);
  return status;
}

const leat_column_stats *leat_statistics_find(const leat_statistics *s, leat_str name) {
  int at = leat_table_column(&s->table, name);
  return at < 0 ? NULL : &s->columns[at];
}

void leat_statistics_deinit(leat_statistics *s) {
  for (size_t i = 0; s->columns && i < s->table.names.count; i++)
    leat_column_stats_deinit(&s->columns[i]);
  leat__free(s->columns);
  leat__free(s->numeric);
  leat_covariance_deinit(&s->covariance);
  leat_table_close(&s->table);
  *s = (leat_statistics){0};
}
