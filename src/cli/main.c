// The program `leat`: finds the command, reads its options, runs it.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <signal.h>
#include <stdio.h>

const command *const commands[] = {
    &command_init,
    &command_data,
    &command_train,
    &command_evaluate,
    &command_predict,
    &command_export,
    &command_graph,
    &command_compile,
    &command_ckpt,
    &command_flow,
    &command_board,
    &command_runs,
    &command_serve,
    &command_models,
    &command_versions,
    &command_operations,
    &command_help,
    &command_completion,
    &command_version,
    NULL,
};
enum { COMMANDS = sizeof commands / sizeof *commands - 1 };

const option common_options[] = {
    {"--format", OPTION_VALUE, "text|json", "what is printed on standard output", NULL},
    {"--help", OPTION_FLAG, "", "this text", NULL},
    {0},
};

const char *args_get(const args *a, const char *name) {
  const char *found = NULL;
  for (size_t i = 0; i < a->options.count; i++)
    if (strcmp(a->options.at[i].option->name, name) == 0) found = a->options.at[i].text;
  return found;
}

leat_status args_char(const args *a, const char *name, char *out, leat_error *err) {
  const char *text = args_get(a, name);
  if (!text) return LEAT_OK;
  if (strcmp(text, "\\t") == 0 || strcmp(text, "tab") == 0) return *out = '\t', LEAT_OK;
  if (strlen(text) != 1)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "%s is one character, not '%s'", name, text);
  return *out = text[0], LEAT_OK;
}

int fail_with(const args *a, const leat_error *err) {
  fprintf(stderr, "leat: %s: %s\n", a->command->name, err->message);
  return EXIT_FAILED;
}

int usage_error(const args *a, const char *fmt, ...) {
  va_list list;
  va_start(list, fmt);
  fprintf(stderr, "leat: %s: ", a->command->name);
  vfprintf(stderr, fmt, list);
  fprintf(stderr, " (leat %s --help)\n", a->command->name);
  va_end(list);
  return EXIT_USAGE;
}

// --- Help ---------------------------------------------------------------------------------------
static void print_option(const option *o) {
  char left[64];
  snprintf(left, sizeof left, "%s%s%s", o->name, o->value[0] ? " " : "", o->value);
  printf("  %-34s %s\n", left, o->help);
}

int help_summary(const char *help) {
  int length = 0;
  while (help[length] && !(help[length] == '.' && strchr(" \n", help[length + 1]))) length++;
  return length;
}

bool is_overridden(const command *c, const option *common) {
  for (const option *o = c->options; o->name; o++)
    if (strcmp(o->name, common->name) == 0) return true;
  return false;
}

int print_command_help(const command *c) {
  printf("usage: leat %s %s\n\n%s\n\noptions:\n", c->name, c->usage, c->help);
  for (const option *o = c->options; o->name; o++) print_option(o);
  for (const option *o = common_options; o->name; o++)
    if (!is_overridden(c, o)) print_option(o);
  if (!c->takes_fields) return EXIT_GOOD;
  printf("\nEvery field of model.yaml is an option too:\n");
  for (const leat_config_field *f = leat_config_fields; f->path; f++) {
    char left[64];
    if (strcmp(f->kind, "mapping") == 0) continue;
    snprintf(left, sizeof left, "--%s %s", f->path, f->kind);
    printf("  %-44s %s%s%s%s\n", left, f->help, f->fallback[0] ? " [" : "", f->fallback,
           f->fallback[0] ? "]" : "");
  }
  return EXIT_GOOD;
}

int print_help(FILE *to) {
  fprintf(to,
          "leat: machine learning from raw events to predictions\n\nusage: leat COMMAND "
          "...\n\ncommands:\n");
  for (int i = 0; i < COMMANDS; i++) {
    fprintf(to, "  %-10s %.*s\n", commands[i]->name, help_summary(commands[i]->help),
            commands[i]->help);
  }
  fprintf(to,
          "\n`leat COMMAND --help` tells more. Exit status: 0 done, 1 failed, 2 wrong usage.\n");
  return to == stdout ? EXIT_GOOD : EXIT_USAGE;
}

static int no_memory(const args *a) {
  leat_error err;
  leat__oom(&err, 1);
  return fail_with(a, &err);
}

// --- Options ------------------------------------------------------------------------------------
static const option *find_option(const option *list, leat_str name) {
  for (; list->name; list++)
    if (leat_str_eq(name, leat_str_of(list->name))) return list;
  return NULL;
}

static bool is_field(leat_str name) {
  for (const leat_config_field *f = leat_config_fields; f->path; f++)
    if (leat_str_eq(name, leat_str_of(f->path))) return true;
  return false;
}

static int unknown_option(const args *a, leat_str name) {
  leat_str known[128];
  size_t count = 0;
  leat_buf fields = {0};
  for (const option *o = a->command->options; o->name; o++) known[count++] = leat_str_of(o->name);
  for (const option *o = common_options; o->name; o++) known[count++] = leat_str_of(o->name);
  leat_str nearest = leat_str_nearest(name, known, count);
  if (!nearest.len && a->command->takes_fields) {
    count = 0;
    for (const leat_config_field *f = leat_config_fields; f->path; f++)
      known[count++] = leat_str_of(f->path);
    leat_str bare = {name.ptr + 2, name.len - 2};
    nearest = leat_str_nearest(bare, known, count);
    if (nearest.len)
      leat_buf_fmt(&fields, "--" LEAT_STR_FMT, LEAT_STR_ARG(nearest)),
          nearest = leat_buf_view(&fields);
  }
  int code = nearest.len
                 ? usage_error(a, "no option " LEAT_STR_FMT "; did you mean " LEAT_STR_FMT "?",
                               LEAT_STR_ARG(name), LEAT_STR_ARG(nearest))
                 : usage_error(a, "no option " LEAT_STR_FMT, LEAT_STR_ARG(name));
  leat_buf_deinit(&fields);
  return code;
}

static bool add_override(args *a, const char *path, const char *value) {
  return leat_vec_push(&a->overrides, (leat_override){path, value});
}

// Words up to the next option, as a YAML list: "[a, b]".
static char *collect_list(args *a, int argc, char **argv, int *i, const char *first) {
  leat_buf list = {0};
  leat_buf_c(&list, "[");
  const char *word = first;
  for (int count = 0; word; count++) {
    leat_buf_c(&list, count ? ", '" : "'");
    for (const char *c = word; *c; c++) leat_buf_fmt(&list, *c == '\'' ? "''" : "%c", *c);
    leat_buf_c(&list, "'");
    bool more = *i + 1 < argc && strncmp(argv[*i + 1], "--", 2) != 0;
    word = more ? argv[++*i] : NULL;
  }
  leat_buf_c(&list, "]");
  char *kept = leat_arena_str(&a->arena, leat_buf_view(&list));
  leat_buf_deinit(&list);
  return kept;
}

static int read_option(args *a, int argc, char **argv, int *i) {
  leat_str rest = leat_str_of(argv[*i]), name = leat_str_cut(&rest, '=');
  bool inline_value = name.len < strlen(argv[*i]);
  const option *o = find_option(a->command->options, name);
  if (!o) o = find_option(common_options, name);
  leat_str bare = {name.ptr + 2, name.len - 2};
  bool field =
      !o && a->command->takes_fields && (is_field(bare) || memchr(bare.ptr, '.', bare.len));
  if (!o && !field) return unknown_option(a, name);
  const char *value = inline_value ? rest.ptr : NULL;
  if (o && o->kind == OPTION_FLAG) {
    if (inline_value) return usage_error(a, "%s takes no value", o->name);
    value = "";
  } else if (!value) {
    if (*i + 1 >= argc) return usage_error(a, LEAT_STR_FMT " needs a value", LEAT_STR_ARG(name));
    value = argv[++*i];
  }
  if (o && o->kind == OPTION_LIST) value = collect_list(a, argc, argv, i, value);
  bool good = value != NULL;
  if (good && field) {
    char *path = leat_arena_str(&a->arena, bare);
    good = path && add_override(a, path, value);
  } else if (good && o->field)
    good = add_override(a, o->field, value);
  else if (good)
    good = leat_vec_push(&a->options, (option_value){o, value});
  return good ? -1 : no_memory(a);
}

static int read_args(args *a, int argc, char **argv) {
  bool options = true;
  for (int i = 2; i < argc; i++) {
    bool known = find_option(a->command->options, leat_str_of(argv[i])) != NULL;  // -o, --options
    bool dashed = options && (known || strncmp(argv[i], "--", 2) == 0);
    if (dashed && strcmp(argv[i], "--") == 0)
      options = false;
    else if (dashed) {
      int code = read_option(a, argc, argv, &i);
      if (code >= 0) return code;
    } else if (!leat_vec_push(&a->words, argv[i]))
      return no_memory(a);
  }
  const char *format = args_get(a, "--format");
  a->json = format && strcmp(format, "json") == 0;
  bool own = find_option(a->command->options, LEAT_STR("--format")) != NULL;
  if (format && !own && !a->json && strcmp(format, "text") != 0)
    return usage_error(a, "--format is text or json, not '%s'", format);
  return -1;
}

int main(int argc, char **argv) {
  signal(SIGPIPE, SIG_IGN);
  if (argc < 2) return print_help(stderr);
  if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) return print_help(stdout);
  const char *name = strcmp(argv[1], "--version") == 0 ? "version" : argv[1];
  leat_str known[COMMANDS];
  args a = {0};
  for (int i = 0; i < COMMANDS; i++) {
    known[i] = leat_str_of(commands[i]->name);
    if (strcmp(commands[i]->name, name) == 0) a.command = commands[i];
  }
  if (!a.command) {
    leat_str nearest = leat_str_nearest(leat_str_of(name), known, COMMANDS);
    if (nearest.len)
      fprintf(stderr, "leat: no command '%s'; did you mean '" LEAT_STR_FMT "'?\n", name,
              LEAT_STR_ARG(nearest));
    else
      fprintf(stderr, "leat: no command '%s' (leat --help)\n", name);
    return EXIT_USAGE;
  }
  int code = read_args(&a, argc, argv);
  if (code < 0) code = args_get(&a, "--help") ? print_command_help(a.command) : a.command->run(&a);
  leat_vec_deinit(&a.words);
  leat_vec_deinit(&a.options);
  leat_vec_deinit(&a.overrides);
  leat_arena_deinit(&a.arena);
  if (fflush(stdout) != 0 || ferror(stdout)) {
    perror("leat: standard output");
    if (code == EXIT_GOOD) code = EXIT_FAILED;
  }
  return code;
}
