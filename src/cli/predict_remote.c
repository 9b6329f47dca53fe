// leat predict --endpoint: instances to a server, its predictions in the same forms.
// SPDX-License-Identifier: Apache-2.0
#include "base/file.h"
#include "cli/client.h"

#include <stdio.h>

enum { BATCH_BYTES = 1 << 20, BATCH_ROWS = 1000, FILE_MAX = 1 << 30 };  // ML Engine takes 1.5 MiB

typedef struct sender {
  client *c;
  const char *path;
  leat_buf body;  // of the request at hand
  int64_t rows;   // in it
  bool headed;    // the table's heading is printed
} sender;

// --- Printing -----------------------------------------------------------------------------------
// Lists in a cell are printed as JSON: they become texts.
static leat_status flatten(client *c, leat_jnode *row) {
  for (leat_jnode *m = row->first; m; m = m->next) {
    if (!leat_jnode_is(m, LEAT_JSON_ARRAY) && !leat_jnode_is(m, LEAT_JSON_OBJECT)) continue;
    const char *text = leat_jnode_print(&c->arena, m);
    if (!text) return client_no_memory(c);
    m->kind = LEAT_JSON_STRING;
    m->text = leat_str_of(text);
  }
  return LEAT_OK;
}

static leat_status print_table(sender *s, leat_jnode *rows) {
  leat_buf format = {0};
  leat_status status = LEAT_OK;
  bool objects = leat_jnode_is(rows->first, LEAT_JSON_OBJECT);
  for (leat_jnode *m = rows->first, *next; !status && m; m = next) {
    next = m->next;
    if (objects) status = flatten(s->c, m);
    if (!objects) printf("%s\n", leat_jnode_print(&s->c->arena, m));
  }
  if (!objects) return status;
  leat_buf_c(&format, s->headed ? "table[no-heading](" : "table(");
  for (leat_jnode *m = rows->first->first; m; m = m->next)
    leat_buf_fmt(&format, "%s%s", m == rows->first->first ? "" : ",", m->key.ptr);
  leat_buf_c(&format, ")");
  if (!status) status = leat_buf_status(&format, &s->c->err);
  if (!status) status = show(rows, format.ptr, &s->c->err);
  s->headed = true;
  leat_buf_deinit(&format);
  return status;
}

static leat_status print_lines(sender *s, const leat_jnode *rows) {
  for (const leat_jnode *m = rows->first; m; m = m->next) {
    const char *text = leat_jnode_print(&s->c->arena, m);
    if (!text) return client_no_memory(s->c);
    printf("%s\n", text);
  }
  return LEAT_OK;
}

// --- Sending ------------------------------------------------------------------------------------
static leat_status flush(sender *s) {
  client *c = s->c;
  leat_str answer;
  leat_jnode *tree;
  if (!s->rows) return LEAT_OK;
  leat_buf_c(&s->body, "]}");
  leat_status status = leat_buf_status(&s->body, &c->err);
  if (!status) status = client_ask(c, "POST", s->path, leat_buf_view(&s->body), &answer);
  if (!status) status = leat_json_tree(&tree, &c->arena, answer, "the answer", &c->err);
  if (status) return status;
  leat_jnode *rows = leat_jnode_get(tree, "predictions");
  if (!leat_jnode_is(rows, LEAT_JSON_ARRAY) || (int64_t)rows->count != s->rows)
    return leat_error_set(&c->err, LEAT_DATA_LOSS, "%s: answered no prediction for each instance",
                          c->endpoint);
  status = c->a->json ? print_lines(s, rows) : print_table(s, rows);
  leat_buf_clear(&s->body);
  s->rows = 0;
  leat_arena_clear(&c->arena);
  return status;
}

static leat_status add(sender *s, const leat_jnode *instance) {
  leat_json_writer w = {.out = &s->body};
  leat_buf_c(&s->body, s->rows++ ? ", " : "{\"instances\": [");
  leat_jnode_write(&w, instance);
  return s->rows == BATCH_ROWS || s->body.len > BATCH_BYTES ? flush(s) : LEAT_OK;
}

// A list is instances, an object one of them.
static leat_status add_document(sender *s, const leat_jnode *tree) {
  leat_status status = LEAT_OK;
  if (!leat_jnode_is(tree, LEAT_JSON_ARRAY)) return add(s, tree);
  for (const leat_jnode *m = tree->first; !status && m; m = m->next) status = add(s, m);
  return status;
}

// One document, or one a line.
static leat_status add_json(sender *s, leat_str text, const char *name) {
  leat_jnode *tree;
  leat_arena arena = {0};
  leat_status status = leat_json_tree(&tree, &arena, text, name, NULL);
  if (!status)
    status = add_document(s, tree);
  else
    status = LEAT_OK, tree = NULL;
  for (int64_t number = 1; !tree && !status && text.len; number++) {
    char place[512];
    leat_str line = leat_str_cut(&text, '\n');
    snprintf(place, sizeof place, "%s line %lld", name, (long long)number);
    if (!leat_str_strip(line, LEAT_STR(" \t\r")).len) continue;
    leat_jnode *one;
    leat_arena_clear(&arena);
    status = leat_json_tree(&one, &arena, line, place, &s->c->err);
    if (!status) status = add_document(s, one);
  }
  leat_arena_deinit(&arena);
  return status;
}

// As gcloud does: a line is an instance, a text.
static leat_status add_lines(sender *s, leat_str text) {
  leat_status status = LEAT_OK;
  while (!status && text.len) {
    leat_str line = leat_str_strip(leat_str_cut(&text, '\n'), LEAT_STR("\r"));
    leat_jnode instance = {.kind = LEAT_JSON_STRING, .text = line};
    if (line.len) status = add(s, &instance);
  }
  return status;
}

static leat_status send_file(sender *s) {
  const char *json = client_get(s->c, "--json-instances"),
             *lines = client_get(s->c, "--text-instances"), *path = lines ? lines : json;
  leat_buf text = {0};
  bool from_stdin = !path || strcmp(path, "-") == 0;
  leat_status status = from_stdin ? read_stdin(&text, &s->c->err)
                                  : leat_file_read(path, FILE_MAX, &text, &s->c->err);
  if (!status && lines)
    status = add_lines(s, leat_buf_view(&text));
  else if (!status)
    status = add_json(s, leat_buf_view(&text), from_stdin ? "standard input" : path);
  leat_buf_deinit(&text);
  return status ? status : flush(s);
}

leat_status predict_remote(client *c) {
  const char *model = client_get(c, "--model"), *version = client_get(c, "--version");
  leat_buf path = {0};
  if (client_get(c, "--tfrecord-instances"))
    return leat_error_set(&c->err, LEAT_UNIMPLEMENTED,
                          "--tfrecord-instances are read where the model is: without --endpoint");
  leat_buf_fmt(&path, "/v1/projects/%s/models/%s%s%s:predict", c->project, model,
               version ? "/versions/" : "", version ? version : "");
  leat_status status = leat_buf_status(&path, &c->err);
  sender s = {.c = c, .path = path.ptr};
  if (!status) status = send_file(&s);
  leat_buf_deinit(&s.body);
  leat_buf_deinit(&path);
  return status;
}
