// What the verbs on models, versions and operations share: the registry here, or a server.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_CLI_CLIENT_H
#define LEAT_CLI_CLIENT_H

#include "cli/cli.h"
#include "cli/show.h"
#include "net/client.h"
#include "registry/registry.h"

// clang-format off
#define CLIENT_OPTIONS                                                                           \
  {"--registry", OPTION_VALUE, "DIR", "where models are [$LEAT_REGISTRY, else "                   \
   "~/.local/share/leat/registry]", NULL},                                                        \
  {"--endpoint", OPTION_VALUE, "URL", "ask a server instead: http://HOST:PORT", NULL},            \
  {"--token-file", OPTION_VALUE, "FILE", "the server's bearer token [$LEAT_TOKEN]", NULL},        \
  {"--project", OPTION_VALUE, "P", "the names' space [$LEAT_PROJECT, else local]", NULL}
#define SHOW_OPTIONS                                                                             \
  {"--format", OPTION_VALUE, "FORMAT", SHOW_FORMATS ", as gcloud has them", NULL},                \
  {"--quiet", OPTION_FLAG, "", "ask nothing", NULL}
#define LIST_OPTIONS                                                                             \
  {"--filter", OPTION_VALUE, "EXPR", "of list: which ones: state=READY AND name:cens*", NULL},    \
  {"--sort-by", OPTION_VALUE, "KEYS", "of list: in which order; ~KEY from high to low", NULL},    \
  {"--limit", OPTION_VALUE, "N", "of list: at most so many", NULL},                               \
  {"--page-size", OPTION_VALUE, "N", "of list: so many in one request", NULL}
// clang-format on

typedef struct client {
  args *a;
  const char *project;
  const char *endpoint;     // NULL: the registry
  leat_registry *registry;  // opened on first use
  leat_client *server;      // likewise

  leat_arena arena;
  leat_error err;
} client;

typedef struct verb {
  const char *name;
  const char *word;  // what its word is: "MODEL"; NULL = it has none
  leat_status (*run)(client *c, const char *word);
} verb;

void client_init(client *c, args *a);
void client_deinit(client *c);
// Finds the verb of the command line, runs it and tells its error.
int client_run(args *a, const verb *verbs);
leat_status client_registry(client *c);

// Asks the server at --endpoint: path from "/" on. A refusal is an error with its message, whatever
// the dialect it is in. *out is valid until the next call; a JSON document.
leat_status client_ask(client *c, const char *method, const char *path, leat_str body,
                       leat_str *out);
// Calls a method of ML Engine: path below /v1/projects/P. body NULL: none.
leat_status client_call(client *c, const char *method, const char *path, leat_jnode *body,
                        leat_jnode **out);
// All pages of a list, then --filter, --sort-by and --limit.
leat_status client_list(client *c, const char *path, const char *key, leat_jnode **out);
// Waits for the operation; *out (NULL allowed): its response. Its error is returned.
leat_status client_wait(client *c, leat_jnode *operation, const char *message, leat_jnode **out);
const char *client_path(client *c, const char *fmt, ...) LEAT_PRINTF(2, 3);
// Prints in --format, or in `otherwise`.
leat_status client_show(client *c, const leat_jnode *what, const char *otherwise);
leat_status client_show_list(client *c, const leat_jnode *list, const char *otherwise);
// Asks before something is deleted, where there is somebody to ask. CANCELLED: no.
leat_status client_confirm(client *c, const char *what);
const char *client_get(const client *c, const char *name);  // args_get
leat_status client_no_memory(client *c);

// --- Predictions --------------------------------------------------------------------------------
leat_status read_stdin(leat_buf *text, leat_error *err);
// Those of --model at --endpoint, for the instances of the options or of standard input.
leat_status predict_remote(client *c);

// --- Resources out of options -------------------------------------------------------------------
// --description and --labels.
leat_status client_describe(client *c, leat_jnode *resource);
// --description, --update-labels, --remove-labels, --clear-labels: the fields of a patch and its
// mask, "" when nothing is to be changed.
leat_status client_changes(client *c, const char *path, leat_jnode *patch, leat_buf *mask);

#endif
