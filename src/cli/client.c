// The verbs' way to the registry or to a server, and their questions and messages.
// SPDX-License-Identifier: Apache-2.0
#include "cli/client.h"

#include "base/file.h"
#include "serve/mlengine.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

const char *client_get(const client *c, const char *name) { return args_get(c->a, name); }

leat_status client_no_memory(client *c) { return leat__oom(&c->err, 1); }

const char *client_path(client *c, const char *fmt, ...) {
  leat_buf text = {0};
  va_list list;
  va_start(list, fmt);
  leat_buf_vfmt(&text, fmt, list);
  va_end(list);
  const char *kept = text.failed ? NULL : leat_arena_str(&c->arena, leat_buf_view(&text));
  leat_buf_deinit(&text);
  return kept ? kept : "";
}

// --- The registry -------------------------------------------------------------------------------
static const char *registry_dir(client *c) {
  const char *given = client_get(c, "--registry"), *data = getenv("XDG_DATA_HOME");
  const char *home = getenv("HOME");
  if (!given) given = getenv("LEAT_REGISTRY");
  if (given && *given) return given;
  if (data && *data) return client_path(c, "%s/leat/registry", data);
  return client_path(c, "%s/.local/share/leat/registry", home && *home ? home : ".");
}

leat_status client_registry(client *c) {
  if (c->registry) return LEAT_OK;
  return leat_registry_open(&c->registry, registry_dir(c), NULL, &c->err);
}

// --- Calls --------------------------------------------------------------------------------------
// The first word of the token file; $LEAT_TOKEN without one.
static leat_status read_token(client *c, const char **out) {
  const char *path = client_get(c, "--token-file"), *token = getenv("LEAT_TOKEN");
  leat_buf text = {0};
  *out = token && *token ? token : NULL;
  if (!path) return LEAT_OK;
  leat_status status = leat_file_read(path, 1 << 16, &text, &c->err);
  leat_str rest = leat_str_strip(leat_buf_view(&text), LEAT_STR(" \t\r\n"));
  leat_str line = leat_str_cut(&rest, '\n'), word = leat_str_cut(&line, ' ');
  if (!status && !(*out = leat_arena_str(&c->arena, word))) status = client_no_memory(c);
  leat_buf_deinit(&text);
  return status;
}

static leat_status open_server(client *c) {
  leat_client_options options = {0};
  if (c->server) return LEAT_OK;
  leat_status status = read_token(c, &options.token);
  return status ? status : leat_client_new(&c->server, c->endpoint, &options, &c->err);
}

// {"error": {"message": ...}} and {"error": "text"}; the answer as it is otherwise.
static leat_status read_refusal(client *c, const leat_answer *answer) {
  leat_jnode *tree = NULL;
  leat_json_tree(&tree, &c->arena, answer->body, "the answer", NULL);
  const leat_jnode *error = leat_jnode_get(tree, "error");
  leat_str message = leat_jnode_str(error), whole = answer->body;
  if (!message.len) message = leat_jnode_str(leat_jnode_get(error, "message"));
  if (!message.len) message = leat_str_strip(leat_str_cut(&whole, '\n'), LEAT_STR("\r"));
  leat_status status = leat_status_of_http(answer->status);
  if (!status) status = LEAT_UNKNOWN;
  if (message.len) return leat_error_set(&c->err, status, LEAT_STR_FMT, LEAT_STR_ARG(message));
  return leat_error_set(&c->err, status, "%s: HTTP %d %s", c->endpoint, answer->status,
                        leat_http_reason(answer->status));
}

leat_status client_ask(client *c, const char *method, const char *path, leat_str body,
                       leat_str *out) {
  leat_answer answer;
  leat_status status = open_server(c);
  if (!status)
    status = leat_client_ask(c->server, method, path, body.len ? "application/json" : NULL, body,
                             &answer, &c->err);
  if (status) return status;
  if (answer.status < 200 || answer.status > 299) return read_refusal(c, &answer);
  *out = answer.body;
  return LEAT_OK;
}

static leat_status call_here(client *c, const char *method, const char *path, leat_str body,
                             leat_buf *reply) {
  leat_mlengine_request request = {.method = leat_str_of(method), .body = body};
  request.query = leat_str_of(path);
  request.path = leat_str_cut(&request.query, '?');
  leat_status status = client_registry(c);
  leat_mlengine m = {.registry = c->registry};
  return status ? status : leat_mlengine_call(&m, &request, reply, &c->err);
}

leat_status client_call(client *c, const char *method, const char *path, leat_jnode *body,
                        leat_jnode **out) {
  leat_buf reply = {0};
  const char *text = body ? leat_jnode_print(&c->arena, body) : "";
  const char *whole = client_path(c, "/v1/projects/%s%s", c->project, path);
  leat_str answer = {0};
  leat_status status = text ? LEAT_OK : client_no_memory(c);
  if (!status && c->endpoint)
    status = client_ask(c, method, whole, leat_str_of(text), &answer);
  else if (!status) {
    status = call_here(c, method, whole, leat_str_of(text), &reply);
    answer = leat_buf_view(&reply);
  }
  if (!status) status = leat_json_tree(out, &c->arena, answer, "the answer", &c->err);
  leat_buf_deinit(&reply);
  return status;
}

static leat_status read_number(client *c, const char *name, int64_t *out) {
  const char *text = client_get(c, name);
  char *end = NULL;
  *out = text ? strtoll(text, &end, 10) : 0;
  if (!text || (!*end && end != text && *out > 0)) return LEAT_OK;
  return leat_error_set(&c->err, LEAT_INVALID_ARGUMENT, "%s is a number from 1, not '%s'", name,
                        text);
}

leat_status client_list(client *c, const char *path, const char *key, leat_jnode **out) {
  int64_t size, limit;
  const char *token = "";
  *out = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_status status = *out ? read_number(c, "--page-size", &size) : client_no_memory(c);
  if (!status) status = read_number(c, "--limit", &limit);
  while (!status) {
    leat_jnode *page = NULL, *next;
    status = client_call(c, "GET",
                         client_path(c, "%s?pageSize=%lld&pageToken=%s", path,
                                     (long long)(size ? size : 100), token),
                         NULL, &page);
    leat_jnode *items = status ? NULL : leat_jnode_get(page, key);
    for (leat_jnode *m = items ? items->first : NULL; m; m = next) {
      next = m->next;
      leat_jnode_push(*out, m);
    }
    token = status ? "" : leat_jnode_c(page, "nextPageToken");
    if (!token[0]) break;
  }
  if (status) return status;
  return show_select(*out, client_get(c, "--filter"), client_get(c, "--sort-by"), limit, &c->err);
}

static leat_status poll_operation(client *c, leat_jnode **operation, bool dots) {
  int pause_ms = 50;
  while (!leat_jnode_is(leat_jnode_get(*operation, "done"), LEAT_JSON_TRUE)) {
    nanosleep(&(struct timespec){pause_ms / 1000, pause_ms % 1000 * 1000000L}, NULL);
    if (pause_ms < 2000) pause_ms *= 2;
    if (dots) fputc('.', stderr);
    const char *name = strrchr(leat_jnode_c(*operation, "name"), '/');
    leat_status status = client_call(
        c, "GET", client_path(c, "/operations/%s", name ? name + 1 : ""), NULL, operation);
    if (status) return status;
  }
  return LEAT_OK;
}

leat_status client_wait(client *c, leat_jnode *operation, const char *message, leat_jnode **out) {
  fprintf(stderr, "%s...", message);
  leat_status status = poll_operation(c, &operation, true);
  leat_jnode *error = leat_jnode_get(operation, "error");
  if (!status && error) {
    leat_str code =
        leat_jnode_get(error, "code") ? leat_jnode_get(error, "code")->text : (leat_str){"2", 1};
    status = (leat_status)atoi(code.ptr);
    leat_error_set(&c->err, status, "%s", leat_jnode_c(error, "message"));
  }
  fprintf(stderr, status ? "failed.\n" : "done.\n");
  if (out) *out = leat_jnode_get(operation, "response");
  return status;
}

// --- Printing and asking ------------------------------------------------------------------------
leat_status client_show(client *c, const leat_jnode *what, const char *otherwise) {
  const char *format = client_get(c, "--format");
  if (!what) return LEAT_OK;
  return show(what, format ? format : otherwise, &c->err);
}

leat_status client_show_list(client *c, const leat_jnode *list, const char *otherwise) {
  if (!list->count) fprintf(stderr, "Listed 0 items.\n");
  return client_show(c, list, otherwise);
}

leat_status client_confirm(client *c, const char *what) {
  char line[16];
  if (client_get(c, "--quiet") || !isatty(STDIN_FILENO)) return LEAT_OK;
  fprintf(stderr, "This will delete %s...\n\nDo you want to continue (Y/n)?  ", what);
  bool yes = fgets(line, sizeof line, stdin) && (line[0] == '\n' || (line[0] | 0x20) == 'y');
  return yes ? LEAT_OK : leat_error_set(&c->err, LEAT_CANCELLED, "aborted: nothing was deleted");
}

// --- Options ------------------------------------------------------------------------------------
// "k=v,k2=v2" into an object.
static leat_status add_labels(client *c, leat_jnode *labels, const char *name) {
  for (leat_str rest = leat_str_of(client_get(c, name)); rest.len;) {
    leat_str value = leat_str_cut(&rest, ','), pair = value;
    if (!memchr(pair.ptr, '=', pair.len))
      return leat_error_set(&c->err, LEAT_INVALID_ARGUMENT,
                            "%s is KEY=VALUE,..., not '" LEAT_STR_FMT "'", name,
                            LEAT_STR_ARG(pair));
    leat_str key = leat_str_cut(&value, '=');
    if (!leat_jnode_put(&c->arena, labels, key, leat_jnode_string(&c->arena, value)))
      return client_no_memory(c);
  }
  return LEAT_OK;
}

leat_status client_describe(client *c, leat_jnode *resource) {
  const char *text = client_get(c, "--description");
  leat_jnode *labels = NULL;
  if (text && !leat_jnode_put(&c->arena, resource, LEAT_STR("description"),
                              leat_jnode_string(&c->arena, leat_str_of(text))))
    return client_no_memory(c);
  if (!client_get(c, "--labels")) return LEAT_OK;
  labels = leat_jnode_put(&c->arena, resource, LEAT_STR("labels"),
                          leat_jnode_new(&c->arena, LEAT_JSON_OBJECT));
  return labels ? add_labels(c, labels, "--labels") : client_no_memory(c);
}

// The labels as they are to be: those of the resource, without some, with others.
static leat_status change_labels(client *c, const char *path, leat_jnode *patch, leat_buf *mask) {
  const char *clear = client_get(c, "--clear-labels"), *remove = client_get(c, "--remove-labels");
  leat_jnode *now = NULL;
  if (!clear && !remove && !client_get(c, "--update-labels")) return LEAT_OK;
  leat_status status = client_call(c, "GET", path, NULL, &now);
  leat_jnode *labels = clear ? NULL : leat_jnode_get(now, "labels");
  if (!status && !labels) labels = leat_jnode_new(&c->arena, LEAT_JSON_OBJECT);
  for (leat_str rest = leat_str_of(remove); !status && rest.len;)
    leat_jnode_remove(labels, leat_str_cut(&rest, ','));
  if (!status) status = add_labels(c, labels, "--update-labels");
  if (!status && !leat_jnode_put(&c->arena, patch, LEAT_STR("labels"), labels))
    status = client_no_memory(c);
  leat_buf_c(mask, mask->len ? ",labels" : "labels");
  return status;
}

leat_status client_changes(client *c, const char *path, leat_jnode *patch, leat_buf *mask) {
  if (client_get(c, "--description")) leat_buf_c(mask, mask->len ? ",description" : "description");
  leat_status status = client_describe(c, patch);
  return status ? status : change_labels(c, path, patch, mask);
}

// --- Verbs --------------------------------------------------------------------------------------
void client_init(client *c, args *a) {
  const char *project = args_get(a, "--project");
  if (!project) project = getenv("LEAT_PROJECT");
  *c = (client){.a = a, .endpoint = args_get(a, "--endpoint")};
  c->project = project && *project ? project : "local";
}

void client_deinit(client *c) {
  leat_client_free(c->server);
  leat_registry_close(c->registry);
  leat_arena_deinit(&c->arena);
}

int client_run(args *a, const verb *verbs) {
  const char *name = a->words.count ? a->words.at[0] : "";
  client c;
  leat_buf known = {0};
  client_init(&c, a);
  const verb *v = verbs;
  for (; v->name && strcmp(v->name, name) != 0; v++)
    leat_buf_fmt(&known, "%s%s", known.len ? ", " : "", v->name);
  int code = EXIT_USAGE;
  if (!v->name)
    usage_error(a, "%s%s%sone of %s is needed", name[0] ? "no verb '" : "", name,
                name[0] ? "'; " : "", known.ptr ? known.ptr : "");
  else if (a->words.count < (v->word ? 2u : 1u))
    usage_error(a, "%s %s is needed", name, v->word);
  else if (a->words.count > (v->word ? 2u : 1u))
    usage_error(a, "'%s' is not expected", a->words.at[a->words.count - 1]);
  else
    code = v->run(&c, v->word ? a->words.at[1] : NULL) ? fail_with(a, &c.err) : EXIT_GOOD;
  leat_buf_deinit(&known);
  client_deinit(&c);
  return code;
}
