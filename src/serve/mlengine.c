// ML Engine v1: finding the method, reading its parameters, answering.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include "formats/json_filter.h"
#include "net/server.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

// --- Paths --------------------------------------------------------------------------------------
// %XX decoded into the arena; NULL for a bad escape, a NUL, or without memory.
static char *decode(leat_arena *arena, leat_str text, bool plus) {
  char *out = leat_arena_str(arena, text);
  size_t length = text.len;
  if (!out || !leat_url_decode(out, &length, plus) || memchr(out, 0, length)) return NULL;
  out[length] = 0;
  return out;
}

// Matches the rest of a path with the rest of a template, "*" taking as little as it can.
static bool match(const char *path, const char *pattern, leat_str at[ML_NAMES], int count) {
  for (; *pattern && *pattern != '*'; pattern++, path++)
    if (*path != *pattern) return false;
  if (!*pattern) return !*path;
  bool deep = pattern[1] == '*';
  bool colons = deep || count == 0;  // a project's name may have one, and the rest none
  for (const char *end = path; *end && (deep || *end != '/') && (colons || *end != ':');) {
    end++;
    if (!match(end, pattern + 1 + deep, at, count + 1)) continue;
    if (count < ML_NAMES) at[count] = (leat_str){path, (size_t)(end - path)};
    return true;
  }
  return false;
}

static bool match_method(const ml_method *m, const char *path, leat_str at[ML_NAMES]) {
  char pattern[160];
  snprintf(pattern, sizeof pattern, "/v1/%s%s", m->pattern, m->suffix);
  for (int i = 0; i < ML_NAMES; i++) at[i] = (leat_str){"", 0};
  return match(path, pattern, at, 0);
}

bool leat_mlengine_predicts(leat_str path, leat_mlengine_target *out) {
  leat_str rest = path, empty = {"", 0}, verb = LEAT_STR(":predict");
  if (!leat_str_ends(path, verb)) return false;
  rest.len -= verb.len;
  leat_str part[8];
  int count = 0;
  while (rest.len && count < 8) part[count++] = leat_str_cut(&rest, '/');
  bool versioned = count == 8 && leat_str_eq(part[6], LEAT_STR("versions"));
  if (rest.len || (count != 6 && !versioned) || part[0].len ||
      !leat_str_eq(part[1], LEAT_STR("v1")) || !leat_str_eq(part[2], LEAT_STR("projects")) ||
      !leat_str_eq(part[4], LEAT_STR("models")))
    return false;
  *out = (leat_mlengine_target){
      .project = part[3], .model = part[5], .version = versioned ? part[7] : empty};
  out->name = (leat_str){part[2].ptr, (size_t)(part[5].ptr + part[5].len - part[2].ptr)};
  return part[3].len && part[5].len && (!versioned || part[7].len);
}

// --- Making answers -----------------------------------------------------------------------------
leat_jnode *ml_object(ml_call *c) { return leat_jnode_new(&c->arena, LEAT_JSON_OBJECT); }

void ml_put(ml_call *c, leat_jnode *object, const char *key, leat_jnode *value) {
  if (!leat_jnode_put(&c->arena, object, leat_str_of(key), value)) c->failed = true;
}

void ml_put_text(ml_call *c, leat_jnode *object, const char *key, const char *value) {
  if (value && value[0]) ml_put(c, object, key, leat_jnode_string(&c->arena, leat_str_of(value)));
}

void ml_put_i64(ml_call *c, leat_jnode *object, const char *key, int64_t value) {
  ml_put_text(c, object, key, ml_format(c, "%lld", (long long)value));
}

void ml_put_true(ml_call *c, leat_jnode *object, const char *key, bool value) {
  if (value) ml_put(c, object, key, leat_jnode_new(&c->arena, LEAT_JSON_TRUE));
}

void ml_put_time(ml_call *c, leat_jnode *object, const char *key, int64_t us) {
  char text[40];
  time_t seconds = (time_t)(us / 1000000);
  struct tm t;
  if (!us || !gmtime_r(&seconds, &t)) return;
  strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &t);
  ml_put_text(c, object, key, text);
}

const char *ml_format(ml_call *c, const char *fmt, ...) {
  leat_buf text = {0};
  va_list args;
  va_start(args, fmt);
  leat_buf_vfmt(&text, fmt, args);
  va_end(args);
  const char *kept = text.failed ? NULL : leat_arena_str(&c->arena, leat_buf_view(&text));
  leat_buf_deinit(&text);
  if (!kept) c->failed = true;
  return kept ? kept : "";
}

leat_jnode *ml_parse(ml_call *c, const char *text) {
  leat_jnode *tree = NULL;
  leat_json_tree(&tree, &c->arena, leat_str_of(text), "registry", NULL);
  return leat_jnode_is(tree, LEAT_JSON_OBJECT) ? tree : ml_object(c);
}

leat_status ml_no_memory(ml_call *c) { return leat__oom(c->err, 1); }

leat_status ml_field_error(ml_call *c, const char *field, const char *fmt, ...) {
  char text[800];
  va_list args;
  va_start(args, fmt);
  vsnprintf(text, sizeof text, fmt, args);
  va_end(args);
  leat_jnode *detail = ml_object(c), *violation = ml_object(c);
  leat_jnode *list = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  ml_put_text(c, detail, "@type", "type.googleapis.com/google.rpc.BadRequest");
  ml_put_text(c, violation, "field", field);
  ml_put_text(c, violation, "description", text);
  leat_jnode_push(list, violation);
  ml_put(c, detail, "fieldViolations", list);
  c->details = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_jnode_push(c->details, detail);
  return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "Field: %s Error: %s", field, text);
}

// --- The query ----------------------------------------------------------------------------------
const char *ml_query(ml_call *c, const char *name) {
  for (leat_str rest = c->query; rest.len;) {
    leat_str value = leat_str_cut(&rest, '&'), key = leat_str_cut(&value, '=');
    const char *decoded = decode(&c->arena, key, true);
    if (decoded && strcmp(decoded, name) == 0) return decode(&c->arena, value, true);
  }
  return NULL;
}

static bool has_name(const char *list, const char *name) {
  for (leat_str rest = leat_str_of(list); rest.len;)
    if (leat_str_eq(leat_str_cut(&rest, ' '), leat_str_of(name))) return true;
  return false;
}

static leat_status check_query(ml_call *c) {
  static const char common[] =
      "alt fields key access_token oauth_token prettyPrint quotaUser callback uploadType "
      "upload_protocol $.xgafv";
  for (leat_str rest = c->query; rest.len;) {
    leat_str pair = leat_str_cut(&rest, '&'), value = pair, key = leat_str_cut(&value, '=');
    const char *name = decode(&c->arena, key, true), *text = decode(&c->arena, value, true);
    if (!name || !text)
      return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "query: '" LEAT_STR_FMT "': bad escape",
                            LEAT_STR_ARG(pair));
    if (!*name || has_name(common, name) || has_name(c->method->query, name)) continue;
    return leat_error_set(c->err, LEAT_INVALID_ARGUMENT,
                          "Invalid JSON payload received. Unknown name \"%s\": Cannot bind query "
                          "parameter. Field '%s' could not be found in request message.",
                          name, name);
  }
  const char *alt = ml_query(c, "alt");
  if (alt && *alt && strcmp(alt, "json") != 0)
    return leat_error_set(c->err, LEAT_INVALID_ARGUMENT, "alt is json, not '%s'", alt);
  return LEAT_OK;
}

// --- Pages --------------------------------------------------------------------------------------
static leat_status page_size(ml_call *c, size_t *size) {
  const char *text = ml_query(c, "pageSize");
  if (!text) text = ml_query(c, "page_size");
  char *end = NULL;
  long long n = text ? strtoll(text, &end, 10) : 0;
  if (end && (*end || end == text))
    return ml_field_error(c, "page_size", "Invalid value '%s': a number was expected.", text);
  if (n < 0) return ml_field_error(c, "page_size", "Page size must not be negative.");
  *size = n == 0 ? 20 : n > 100 ? 100 : (size_t)n;
  return LEAT_OK;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// The token is the last name of the page before, in hex.
static leat_status page_token(ml_call *c, const char **after) {
  const char *text = ml_query(c, "pageToken");
  if (!text) text = ml_query(c, "page_token");
  size_t n = text ? strlen(text) : 0;
  char *out = leat_arena_alloc(&c->arena, n / 2 + 1);
  if (!out) return ml_no_memory(c);
  bool good = n % 2 == 0;
  for (size_t i = 0; good && i + 1 < n; i += 2) {
    int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
    good = high >= 0 && low >= 0;
    if (good) out[i / 2] = (char)(high << 4 | low);
  }
  if (!good) return ml_field_error(c, "page_token", "Invalid page token.");
  *after = out;
  return LEAT_OK;
}

static const char *last_name(const leat_jnode *item) {
  const char *name = leat_jnode_c(item, "name"), *slash = strrchr(name, '/');
  return slash ? slash + 1 : name;
}

static void put_token(ml_call *c, const char *last) {
  size_t n = strlen(last);
  char *out = leat_arena_alloc(&c->arena, 2 * n + 1);
  for (size_t i = 0; out && i < n; i++) snprintf(out + 2 * i, 3, "%02x", (unsigned char)last[i]);
  ml_put_text(c, c->result, "nextPageToken", out);
}

leat_status ml_page(ml_call *c, const char *key, leat_jnode *items) {
  size_t size = 0;
  const char *after = "", *filter = ml_query(c, "filter"), *last = NULL;
  leat_jnode *page = leat_jnode_new(&c->arena, LEAT_JSON_ARRAY);
  leat_status status = page_size(c, &size);
  if (!status) status = page_token(c, &after);
  leat_jnode *next;
  for (leat_jnode *m = items ? items->first : NULL; !status && m; m = next) {
    bool accepts = true;
    next = m->next;
    if (strcmp(last_name(m), after) <= 0) continue;
    if (filter) status = leat_json_filter(m, leat_str_of(filter), &accepts, c->err);
    if (status || !accepts) continue;
    if (page && page->count == size) {
      put_token(c, last);
      break;
    }
    last = last_name(m);
    leat_jnode_push(page, m);
  }
  if (!status && page && page->count) ml_put(c, c->result, key, page);
  return status;
}

// --- Calls --------------------------------------------------------------------------------------
leat_status ml_get_config(ml_call *c) {
  ml_put_text(c, c->result, "serviceAccount", ml_format(c, "leat@%s", c->at[0]));
  ml_put_text(c, c->result, "serviceAccountProject", "0");
  return LEAT_OK;
}

static leat_status read_body(ml_call *c, leat_str text) {
  leat_error inner = {0};
  c->body = ml_object(c);
  if (!c->body) return ml_no_memory(c);
  if (!leat_str_strip(text, LEAT_STR(" \t\r\n")).len) return LEAT_OK;
  if (!c->method->request)
    return leat_error_set(c->err, LEAT_INVALID_ARGUMENT,
                          "Invalid JSON payload received: the method takes no body");
  leat_status status = leat_json_tree(&c->body, &c->arena, text, "body", &inner);
  if (status == LEAT_INVALID_ARGUMENT)
    return leat_error_set(c->err, status, "Invalid JSON payload received. %s", inner.message);
  if (status) return leat_error_set(c->err, status, "%s", inner.message);
  if (!leat_jnode_is(c->body, LEAT_JSON_OBJECT))
    return leat_error_set(c->err, LEAT_INVALID_ARGUMENT,
                          "Invalid JSON payload received. Unknown name \"\": Root element must be "
                          "a message.");
  char place[32];
  snprintf(place, sizeof place, "%s", c->method->request);
  place[0] |= 0x20;
  return ml_check(c, c->method->request, c->body, place);
}

static leat_status find_method(ml_call *c, const leat_mlengine_request *request) {
  leat_str at[ML_NAMES];
  const char *path = decode(&c->arena, request->path, false);
  for (const ml_method *m = ml_methods; path && m->id; m++) {
    if (!leat_str_eq(request->method, leat_str_of(m->http)) || !match_method(m, path, at)) continue;
    c->method = m;
    for (int i = 0; i < ML_NAMES; i++)
      if (!(c->at[i] = leat_arena_str(&c->arena, at[i]))) return ml_no_memory(c);
    if (m->run) return LEAT_OK;
    return leat_error_set(c->err, LEAT_UNIMPLEMENTED, "ml.%s is not implemented here", m->id);
  }
  return leat_error_set(c->err, LEAT_NOT_FOUND, "Method not found.");
}

static leat_status write_reply(ml_call *c, const leat_jnode *tree, leat_buf *reply) {
  const char *pretty = ml_query(c, "prettyPrint");
  leat_json_writer w = {.out = reply, .indent = pretty && strcmp(pretty, "false") == 0 ? 0 : 2};
  leat_jnode_write(&w, tree);
  leat_buf_char(reply, '\n');
  return leat_buf_status(reply, c->err);
}

leat_status leat_mlengine_call(const leat_mlengine *m, const leat_mlengine_request *request,
                               leat_buf *reply, leat_error *err) {
  leat_error own = {0};
  ml_call c = {.m = m, .query = request->query, .err = err ? err : &own};
  c.result = ml_object(&c);
  leat_buf_clear(reply);
  leat_status status = c.result ? find_method(&c, request) : ml_no_memory(&c);
  if (!status) status = check_query(&c);
  if (!status) status = read_body(&c, request->body);
  if (!status) status = c.method->run(&c);
  if (!status && c.failed) status = ml_no_memory(&c);
  if (!status) status = write_reply(&c, c.result, reply);
  if (status) leat_buf_clear(reply);
  if (status && c.details) write_reply(&c, c.details, reply);
  leat_arena_deinit(&c.arena);
  return status;
}
