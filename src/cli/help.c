// leat help, leat completion: pages and shell scripts made of the table of commands.
// SPDX-License-Identifier: Apache-2.0
#include "cli/cli.h"

#include <ctype.h>
#include <stdio.h>

// --- Manual pages -------------------------------------------------------------------------------
// Text for troff: backslashes and hyphens are escaped, and a line does not start with a request.
static void man_text(const char *text) {
  bool start = true;
  for (; *text; text++) {
    if (start && (*text == '.' || *text == '\'')) printf("\\&");
    if (*text == '\\')
      printf("\\e");
    else
      printf(*text == '-' ? "\\-" : "%c", *text);
    start = *text == '\n';
  }
}

static void man_head(const char *name, const char *summary, int length) {
  printf(".TH \"%s\" 1 \"\" \"leat %s\" \"Leat\"\n.SH NAME\n%s \\- %.*s\n.SH SYNOPSIS\n.B ", name,
         LEAT_VERSION, name, length, summary);
}

static void man_option(const option *o) {
  printf(".TP\n.B ");
  man_text(o->name);
  if (o->value[0]) printf(" \\fI"), man_text(o->value), printf("\\fR");
  printf("\n");
  man_text(o->help);
  printf("\n");
}

static int man_command(const command *c) {
  char name[64];
  snprintf(name, sizeof name, "leat-%s", c->name);
  man_head(name, c->help, help_summary(c->help));
  printf("leat %s\n", c->name);
  man_text(c->usage);
  printf("\n.SH DESCRIPTION\n");
  man_text(c->help);
  printf("\n.SH OPTIONS\n");
  for (const option *o = c->options; o->name; o++) man_option(o);
  for (const option *o = common_options; o->name; o++)
    if (!is_overridden(c, o)) man_option(o);
  for (const leat_config_field *f = leat_config_fields; c->takes_fields && f->path; f++) {
    if (strcmp(f->kind, "mapping") == 0) continue;
    if (f == leat_config_fields) printf(".SH FIELDS OF MODEL.YAML AS OPTIONS\n");
    printf(".TP\n.B \\-\\-");
    man_text(f->path);
    printf(" \\fI%s\\fR\n", f->kind);
    man_text(f->help);
    if (f->fallback[0]) printf(" ["), man_text(f->fallback), printf("]");
    printf("\n");
  }
  printf(".SH EXIT STATUS\n0: done, 1: failed, 2: wrong usage.\n.SH SEE ALSO\n.BR leat (1)\n");
  return EXIT_GOOD;
}

static int man_program(void) {
  static const char summary[] = "machine learning from raw events to predictions";
  man_head("leat", summary, (int)sizeof summary - 1);
  printf("leat\n.I COMMAND\n[options]\n.SH COMMANDS\n");
  for (int i = 0; commands[i]; i++) {
    printf(".TP\n.BR leat\\-%s (1)\n%.*s\n", commands[i]->name, help_summary(commands[i]->help),
           commands[i]->help);
  }
  printf(
      ".SH EXIT STATUS\n0: done, 1: failed, 2: wrong usage.\n.SH ENVIRONMENT\n.TP\n.B NO_COLOR\n"
      "No colours on a terminal.\n");
  return EXIT_GOOD;
}

// --- Completion ---------------------------------------------------------------------------------
// The verbs that a usage starts with: "describe|schema|validate FILES" has three.
static void each_verb(const command *c, const char *separator) {
  leat_str rest = leat_str_of(c->usage), verbs = leat_str_cut(&rest, ' ');
  bool words = memchr(verbs.ptr, '|', verbs.len) != NULL || islower((unsigned char)verbs.ptr[0]);
  for (size_t i = 0; i < verbs.len; i++)
    words &= islower((unsigned char)verbs.ptr[i]) || verbs.ptr[i] == '|';
  while (words && verbs.len) {
    leat_str verb = leat_str_cut(&verbs, '|');
    printf(LEAT_STR_FMT "%s", LEAT_STR_ARG(verb), separator);
  }
}

static void bash_options(const command *c) {
  for (const option *o = c->options; o->name; o++) printf("%s ", o->name);
  for (const option *o = common_options; o->name; o++)
    if (!is_overridden(c, o)) printf("%s ", o->name);
  for (const leat_config_field *f = leat_config_fields; c->takes_fields && f->path; f++)
    if (strcmp(f->kind, "mapping") != 0) printf("--%s ", f->path);
}

static int bash_script(void) {
  printf(
      "# bash completion of leat (leat completion bash)\n_leat() {\n"
      "  local cur=${COMP_WORDS[COMP_CWORD]} options= verbs=\n  case ${COMP_WORDS[1]} in\n");
  for (int i = 0; commands[i]; i++) {
    printf("    %s) options='", commands[i]->name);
    bash_options(commands[i]);
    printf("' verbs='");
    each_verb(commands[i], " ");
    printf("' ;;\n");
  }
  printf(
      "  esac\n  COMPREPLY=()\n  if [ \"$COMP_CWORD\" = 1 ]; then\n    COMPREPLY=($(compgen -W '");
  for (int i = 0; commands[i]; i++) printf("%s ", commands[i]->name);
  printf(
      "' -- \"$cur\"))\n  elif [[ $cur == -* ]]; then\n"
      "    COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
      "  elif [ \"$COMP_CWORD\" = 2 ] && [ -n \"$verbs\" ]; then\n"
      "    COMPREPLY=($(compgen -W \"$verbs\" -- \"$cur\"))\n  fi\n}\n"
      "complete -o default -F _leat leat\n");
  return EXIT_GOOD;
}

// Text between single quotes and brackets of zsh's _arguments.
static void zsh_text(const char *text, int length) {
  for (int i = 0; i < length && text[i]; i++) {
    if (strchr("[]:\\", text[i])) putchar('\\');
    if (text[i] == '\'')
      printf("'\\''");
    else
      putchar(text[i] == '\n' ? ' ' : text[i]);
  }
}

static void zsh_option(const option *o) {
  printf("        '%s[", o->name);
  zsh_text(o->help, 200);
  printf("]");
  if (o->value[0]) printf(":"), zsh_text(o->value, 60), printf(":_files");
  printf("' \\\n");
}

static void zsh_command(const command *c) {
  printf("    %s)\n      _arguments \\\n", c->name);
  for (const option *o = c->options; o->name; o++) zsh_option(o);
  for (const option *o = common_options; o->name; o++)
    if (!is_overridden(c, o)) zsh_option(o);
  for (const leat_config_field *f = leat_config_fields; c->takes_fields && f->path; f++) {
    if (strcmp(f->kind, "mapping") == 0) continue;
    printf("        '--%s[", f->path);
    zsh_text(f->help, 200);
    printf("]:%s:_files' \\\n", f->kind);
  }
  printf("        '2:what:_alternative \"files:file:_files\" \"verbs:verb:(");
  each_verb(c, " ");
  printf(")\"' '*:file:_files' ;;\n");
}

static int zsh_script(void) {
  printf(
      "#compdef leat\n# zsh completion of leat (leat completion zsh)\n_leat() {\n  local -a known\n"
      "  known=(\n");
  for (int i = 0; commands[i]; i++) {
    printf("    '%s:", commands[i]->name);
    zsh_text(commands[i]->help, help_summary(commands[i]->help));
    printf("'\n");
  }
  printf(
      "  )\n  if (( CURRENT == 2 )); then\n    _describe command known\n    return\n  fi\n"
      "  case $words[2] in\n");
  for (int i = 0; commands[i]; i++) zsh_command(commands[i]);
  printf("  esac\n}\n_leat \"$@\"\n");
  return EXIT_GOOD;
}

static int run_completion(args *a) {
  const char *shell = a->words.count == 1 ? a->words.at[0] : "";
  if (strcmp(shell, "bash") == 0) return bash_script();
  if (strcmp(shell, "zsh") == 0) return zsh_script();
  return usage_error(a, "for which shell: leat completion bash, or leat completion zsh");
}

static int run_help(args *a) {
  const command *c = NULL;
  bool man = args_get(a, "--man") != NULL;
  if (!a->words.count) return man ? man_program() : print_help(stdout);
  for (int i = 0; commands[i]; i++)
    if (strcmp(commands[i]->name, a->words.at[0]) == 0) c = commands[i];
  if (!c || a->words.count > 1) return usage_error(a, "no command '%s'", a->words.at[0]);
  return man ? man_command(c) : print_command_help(c);
}

static const option help_options[] = {
    {"--man", OPTION_FLAG, "", "as a manual page (troff)", NULL},
    {0},
};
static const option no_options[] = {{0}};

const command command_help = {"help",
                              "[COMMAND] [--man]",
                              "Prints help, of one command or of the program.",
                              help_options,
                              false,
                              run_help};
const command command_completion = {
    "completion", "bash|zsh", "Prints a script that completes commands and options in a shell.",
    no_options,   false,      run_completion};
