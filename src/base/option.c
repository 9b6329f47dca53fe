// Command-line options: finding rows, reading words, printing help.
// SPDX-License-Identifier: Apache-2.0
#include "base/option.h"

#include <errno.h>
#include <stdlib.h>

// --- Names --------------------------------------------------------------------------------------
static bool same_name(leat_str a, leat_str b) {
  if (a.len != b.len) return false;
  for (size_t i = 0; i < a.len; i++) {
    char x = a.ptr[i] == '_' ? '-' : a.ptr[i], y = b.ptr[i] == '_' ? '-' : b.ptr[i];
    if (x != y) return false;
  }
  return true;
}

static bool row_has(const leat_option *row, leat_str name) {
  leat_str own = leat_str_of(row->name), rest = leat_str_of(row->aliases);
  if (same_name(own, name)) return true;
  if (leat_str_ends(own, LEAT_STR("*")) && name.len >= own.len &&
      same_name((leat_str){own.ptr, own.len - 1}, (leat_str){name.ptr, own.len - 1}))
    return true;
  while (rest.len)
    if (same_name(leat_str_cut(&rest, ' '), name)) return true;
  return false;
}

static const leat_option *find(const leat_options *options, leat_str name) {
  for (const leat_option_group *group = options->groups; group->title; group++)
    for (const leat_option *row = group->options; row->name; row++)
      if (row_has(row, name)) return row;
  return NULL;
}

static const leat_option *row_of(const leat_options *options, const char *name) {
  const leat_option *row = find(options, leat_str_of(name));
  if (!row) leat_bug("an option that is in no table");
  return row;
}

static leat_status unknown(const leat_options *options, leat_str name, leat_error *err) {
  LEAT_VEC(leat_str) known = {0};
  for (const leat_option_group *group = options->groups; group->title; group++)
    for (const leat_option *row = group->options; row->name; row++)
      if (row->help && !leat_vec_push(&known, leat_str_of(row->name))) break;
  leat_str nearest = leat_str_nearest(name, known.at, known.count);
  leat_vec_deinit(&known);
  const char *dashes = name.len == 1 ? "-" : "--";
  if (!nearest.len)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "no option %s" LEAT_STR_FMT, dashes,
                          LEAT_STR_ARG(name));
  return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                        "no option %s" LEAT_STR_FMT "; did you mean --" LEAT_STR_FMT "?", dashes,
                        LEAT_STR_ARG(name), LEAT_STR_ARG(nearest));
}

// --- Values -------------------------------------------------------------------------------------
static bool is_int(const char *text) {
  char *end;
  errno = 0;
  strtoll(text, &end, 10);
  return strchr("+-0123456789", text[0]) && end != text && !*end && errno != ERANGE;
}

static bool is_float(const char *text) {
  char *end;
  strtod(text, &end);
  return text[0] != ' ' && end != text && !*end;
}

static const char *truth(const char *text) {
  static const char *const yes[] = {"true", "yes", "1", "on"}, *const no[] = {"false", "no", "0",
                                                                              "off"};
  for (int i = 0; i < 4; i++) {
    if (strcmp(text, yes[i]) == 0) return "true";
    if (strcmp(text, no[i]) == 0) return "false";
  }
  return NULL;
}

static leat_status add(leat_options *options, const leat_option *row, leat_str name,
                       const char *text, leat_error *err) {
  const char *wanted = NULL;
  if (row->kind == LEAT_OPTION_INT && !is_int(text)) wanted = "a whole number";
  if (row->kind == LEAT_OPTION_FLOAT && !is_float(text)) wanted = "a number";
  if (row->kind == LEAT_OPTION_FLAG && !(text = truth(text))) wanted = "true or false";
  if (wanted)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--" LEAT_STR_FMT ": '%s' is not %s",
                          LEAT_STR_ARG(name), text ? text : "", wanted);
  if (leat_vec_push(&options->given, (leat_option_given){row, name, text})) return LEAT_OK;
  return leat__oom(err, sizeof(leat_option_given));
}

// --- Reading ------------------------------------------------------------------------------------
typedef struct words {  // argv and where we are in it
  char **at;
  int count, next;
} words;

static bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// `--name` or `-n`; not `-`, `-5`, `word`.
static bool is_option(const char *word) {
  if (word[0] != '-') return false;
  return word[1] == '-' || (letter(word[1]) && !word[2]);
}

static bool more_values(const words *w) { return w->next < w->count && !is_option(w->at[w->next]); }

static leat_status read_flag(leat_options *options, leat_str name, const char *inline_value,
                             leat_error *err) {
  const leat_option *row = find(options, name);
  leat_str positive = {name.ptr + 3, name.len - 3};
  if (row) return add(options, row, name, inline_value ? inline_value : "true", err);
  if (inline_value)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--" LEAT_STR_FMT " takes no value",
                          LEAT_STR_ARG(name));
  return add(options, find(options, positive), positive, "false", err);
}

static bool negates(const leat_options *options, leat_str name) {
  if (name.len < 4 || !same_name((leat_str){name.ptr, 3}, LEAT_STR("no-"))) return false;
  const leat_option *row = find(options, (leat_str){name.ptr + 3, name.len - 3});
  return row && row->kind == LEAT_OPTION_FLAG;
}

static leat_status read_option(leat_options *options, words *w, leat_error *err) {
  const char *word = w->at[w->next++];
  leat_str rest = leat_str_of(word + (word[1] == '-' ? 2 : 1)), name = leat_str_cut(&rest, '=');
  bool inlined = name.len && name.ptr[name.len] == '=';
  const leat_option *row = find(options, name);
  if (!row && !negates(options, name)) return unknown(options, name, err);
  if (!row || row->kind == LEAT_OPTION_FLAG)
    return read_flag(options, name, inlined ? rest.ptr : NULL, err);
  if (inlined) return add(options, row, name, rest.ptr, err);
  if (!more_values(w))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "--" LEAT_STR_FMT " needs a value",
                          LEAT_STR_ARG(name));
  leat_status status;
  do {
    status = add(options, row, name, w->at[w->next++], err);
  } while (!status && row->kind == LEAT_OPTION_LIST && more_values(w));
  return status;
}

leat_status leat_options_read(leat_options *options, int argc, char **argv, leat_error *err) {
  words w = {argv, argc, 0};
  leat_status status = LEAT_OK;
  for (bool ended = false; !status && w.next < argc;) {
    const char *word = argv[w.next];
    if (!ended && is_option(word) && strcmp(word, "--") != 0) {
      status = read_option(options, &w, err);
      continue;
    }
    w.next++;
    if (!ended && strcmp(word, "--") == 0)
      ended = true;
    else if (!leat_vec_push(&options->words, word))
      status = leat__oom(err, sizeof word);
  }
  return status;
}

void leat_options_deinit(leat_options *options) {
  leat_vec_deinit(&options->given);
  leat_vec_deinit(&options->words);
}

// --- Answers ------------------------------------------------------------------------------------
static const leat_option_given *last_given(const leat_options *options, const leat_option *row) {
  for (size_t i = options->given.count; i > 0; i--)
    if (options->given.at[i - 1].option == row) return &options->given.at[i - 1];
  return NULL;
}

bool leat_options_has(const leat_options *options, const char *name) {
  return last_given(options, row_of(options, name)) != NULL;
}

const char *leat_options_text(const leat_options *options, const char *name) {
  const leat_option *row = row_of(options, name);
  const leat_option_given *given = last_given(options, row);
  return given ? given->text : row->fallback;
}

bool leat_options_flag(const leat_options *options, const char *name) {
  const char *text = leat_options_text(options, name);
  const char *value = text ? truth(text) : NULL;
  return value && value[0] == 't';
}

int64_t leat_options_int(const leat_options *options, const char *name) {
  const char *text = leat_options_text(options, name);
  return text ? strtoll(text, NULL, 10) : 0;
}

double leat_options_float(const leat_options *options, const char *name) {
  const char *text = leat_options_text(options, name);
  return text ? strtod(text, NULL) : 0;
}

const char *leat_options_next(const leat_options *options, const char *name, size_t *at) {
  const leat_option *row = row_of(options, name);
  while (*at < options->given.count) {
    const leat_option_given *given = &options->given.at[(*at)++];
    if (given->option == row) return given->text;
  }
  return NULL;
}

// --- Help ---------------------------------------------------------------------------------------
enum { LEFT_MOST = 34 };  // wider names get a line of their own

static void spaces(leat_buf *out, size_t count) { leat_buf_fmt(out, "%*s", (int)count, ""); }

static void left_side(const leat_option *row, leat_buf *out) {
  static const char *const values[] = {"", " N", " X", " TEXT", " WORDS"};
  leat_str rest = leat_str_of(row->aliases);
  leat_buf_c(out, "  ");
  while (rest.len) {
    leat_str alias = leat_str_cut(&rest, ' ');
    if (alias.len == 1) leat_buf_fmt(out, "-%c, ", alias.ptr[0]);
  }
  leat_buf_fmt(out, "--%s", row->name);
  if (row->value && row->value[0])
    leat_buf_fmt(out, " %s", row->value);
  else
    leat_buf_c(out, values[row->kind]);
}

static void wrap(leat_str text, size_t indent, size_t columns, leat_buf *out) {
  size_t at = indent;
  while (text.len) {
    leat_str word = leat_str_cut(&text, ' ');
    if (at > indent && at + 1 + word.len > columns) {
      leat_buf_char(out, '\n');
      spaces(out, indent);
      at = indent;
    }
    if (at > indent) leat_buf_char(out, ' '), at++;
    leat_buf_str(out, word);
    at += word.len;
  }
  leat_buf_char(out, '\n');
}

static size_t left_width(const leat_options *options) {
  size_t widest = 0;
  leat_buf left = {0};
  for (const leat_option_group *group = options->groups; group->title; group++)
    for (const leat_option *row = group->options; row->name; row++) {
      leat_buf_clear(&left);
      left_side(row, &left);
      if (row->help && left.len <= LEFT_MOST && left.len > widest) widest = left.len;
    }
  leat_buf_deinit(&left);
  return widest + 2;
}

static void help_row(const leat_option *row, size_t width, size_t columns, leat_buf *out) {
  size_t start = out->len;
  leat_buf text = {0};
  left_side(row, out);
  size_t used = out->len - start;
  if (used + 2 > width) leat_buf_char(out, '\n'), used = 0;
  spaces(out, width - used);
  leat_buf_c(&text, row->help);
  if (row->fallback && row->fallback[0]) leat_buf_fmt(&text, " [%s]", row->fallback);
  wrap(leat_buf_view(&text), width, columns, out);
  if (text.failed) out->failed = true;
  leat_buf_deinit(&text);
}

void leat_options_help(const leat_options *options, int columns, leat_buf *out) {
  size_t width = left_width(options);
  for (const leat_option_group *group = options->groups; group->title; group++) {
    leat_buf_fmt(out, "%s%s:\n", group == options->groups ? "" : "\n", group->title);
    for (const leat_option *row = group->options; row->name; row++)
      if (row->help) help_row(row, width, columns ? (size_t)columns : 80, out);
  }
}
