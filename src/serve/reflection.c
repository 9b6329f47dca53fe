// gRPC's server reflection: descriptors of the services, made from a table of text.
// SPDX-License-Identifier: Apache-2.0
//
// services.txt lists files; of each its messages with fields (type, name, number), enumerations and
// services with methods (name, request, answer). A FileDescriptorProto is written from it when it
// is asked for. A map's field is what protoc makes of it: a repeated entry message inside.
#include "formats/number.h"
#include "serve/grpc.h"

#include <stdio.h>

extern const char leat__text_services[];

enum { LABEL_OPTIONAL = 1, LABEL_REPEATED = 3, TYPE_MESSAGE = 11, TYPE_ENUM = 14 };

typedef struct line {
  leat_str words[6];
  int count;
  bool inside;  // it is indented: a part of what is above
} line;

static bool next_line(leat_str *rest, line *l) {
  if (!rest->len) return false;
  leat_str text = leat_str_cut(rest, '\n');
  l->inside = text.len && text.ptr[0] == ' ';
  text = leat_str_strip(text, LEAT_STR(" "));
  for (l->count = 0; text.len && l->count < 6;) l->words[l->count++] = leat_str_cut(&text, ' ');
  return true;
}

// The part of the table behind the head of a thing: its indented lines.
static leat_str inner(leat_str *rest) {
  leat_str from = *rest;
  while (rest->len && rest->ptr[0] == ' ') leat_str_cut(rest, '\n');
  return (leat_str){from.ptr, from.len - rest->len};
}

static void put_number(leat_buf *out, int field, leat_str text) {
  int64_t value = 0;
  leat_parse_i64(text, &value);
  leat_proto_i64(out, field, value);
}

// --- Messages -----------------------------------------------------------------------------------
static int type_of(leat_str word) {
  static const struct {
    const char *name;
    int type;
  } types[] = {{"double", 1}, {"float", 2},  {"int64", 3},  {"uint64", 4}, {"int32", 5},
               {"bool", 8},   {"string", 9}, {"bytes", 12}, {"uint32", 13}};
  for (size_t i = 0; i < sizeof types / sizeof *types; i++)
    if (leat__is(word, types[i].name)) return types[i].type;
  return TYPE_MESSAGE;
}

static void put_type(leat_buf *out, int label, bool is_enum, leat_str type) {
  int number = is_enum ? TYPE_ENUM : type_of(type);
  leat_proto_i64(out, 4, label);
  leat_proto_i64(out, 5, number);
  if (number == TYPE_MESSAGE || number == TYPE_ENUM) leat_proto_bytes(out, 6, type);
}

// "inputs" has the entry message "InputsEntry", "signature_def" "SignatureDefEntry".
static size_t entry_name(char room[96], leat_str field) {
  size_t n = 0;
  bool upper = true;
  for (size_t i = 0; i < field.len && n < 80; i++) {
    char c = field.ptr[i];
    if (c != '_') room[n++] = upper && c >= 'a' && c <= 'z' ? (char)(c - 32) : c;
    upper = c == '_';
  }
  memcpy(room + n, "Entry", 5);
  return n + 5;
}

static void put_map(leat_buf *out, const line *l, leat_str package, leat_str message) {
  char name[96], full[256];
  leat_str entry = {name, entry_name(name, l->words[3])};
  size_t field = leat_proto_begin(out, 2);
  leat_proto_bytes(out, 1, l->words[3]);
  put_number(out, 3, l->words[4]);
  int n = snprintf(full, sizeof full, ".%.*s.%.*s.%.*s", LEAT_STR_ARG(package),
                   LEAT_STR_ARG(message), LEAT_STR_ARG(entry));
  put_type(out, LABEL_REPEATED, false, (leat_str){full, (size_t)n});
  leat_proto_end(out, field);
  size_t nested = leat_proto_begin(out, 3);
  leat_proto_bytes(out, 1, entry);
  for (int i = 0; i < 2; i++) {
    size_t part = leat_proto_begin(out, 2);
    leat_proto_bytes(out, 1, i ? LEAT_STR("value") : LEAT_STR("key"));
    leat_proto_i64(out, 3, i + 1);
    put_type(out, LABEL_OPTIONAL, false, l->words[i + 1]);
    leat_proto_end(out, part);
  }
  size_t options = leat_proto_begin(out, 7);
  leat_proto_i64(out, 7, 1);  // map_entry
  leat_proto_end(out, options);
  leat_proto_end(out, nested);
}

static void put_field(leat_buf *out, const line *l, leat_str package, leat_str message) {
  bool repeated = leat__is(l->words[0], "repeated"), is_enum = leat__is(l->words[0], "enum");
  if (leat__is(l->words[0], "map")) {
    put_map(out, l, package, message);
    return;
  }
  const leat_str *w = l->words + (repeated || is_enum);
  size_t field = leat_proto_begin(out, 2);
  leat_proto_bytes(out, 1, w[1]);
  put_number(out, 3, w[2]);
  put_type(out, repeated ? LABEL_REPEATED : LABEL_OPTIONAL, is_enum, w[0]);
  leat_proto_end(out, field);
}

static void put_method(leat_buf *out, const line *l, leat_str package) {
  char full[256];
  bool streams = l->count > 3;
  const leat_str types[] = {l->words[1], l->words[streams ? 3 : 2]};
  size_t method = leat_proto_begin(out, 2);
  leat_proto_bytes(out, 1, l->words[0]);
  for (int i = 0; i < 2; i++) {
    int n =
        snprintf(full, sizeof full, ".%.*s.%.*s", LEAT_STR_ARG(package), LEAT_STR_ARG(types[i]));
    leat_proto_bytes(out, i + 2, (leat_str){full, (size_t)n});
  }
  if (streams) leat_proto_i64(out, 6, 1);
  leat_proto_end(out, method);
}

// A message, an enumeration or a service, in its field of the file.
static void put_thing(leat_buf *out, const line *head, leat_str body, leat_str package) {
  line l;
  bool message = leat__is(head->words[0], "message"), is_enum = leat__is(head->words[0], "enum");
  size_t thing = leat_proto_begin(out, message ? 4 : is_enum ? 5 : 6);
  leat_proto_bytes(out, 1, head->words[1]);
  while (next_line(&body, &l)) {
    if (message)
      put_field(out, &l, package, head->words[1]);
    else if (is_enum) {
      size_t value = leat_proto_begin(out, 2);
      leat_proto_bytes(out, 1, l.words[0]);
      put_number(out, 2, l.words[1]);
      leat_proto_end(out, value);
    } else
      put_method(out, &l, package);
  }
  leat_proto_end(out, thing);
}

// --- Files --------------------------------------------------------------------------------------
// Whether a symbol ("tensorflow.serving.ModelSpec", or a method behind it) is of this file.
static bool declares(leat_str package, leat_str name, leat_str symbol) {
  size_t n = package.len + 1 + name.len;
  if (symbol.len < n || (symbol.len > n && symbol.ptr[n] != '.')) return false;
  return leat_str_starts(symbol, package) && symbol.ptr[package.len] == '.' &&
         memcmp(symbol.ptr + package.len + 1, name.ptr, name.len) == 0;
}

typedef struct file {
  leat_str name, package, body;
} file;

static bool next_file(leat_str *rest, file *f) {
  line l;
  if (!next_line(rest, &l)) return false;
  f->name = l.words[1];
  f->package = l.words[2];
  const char *next = rest->len ? memmem(rest->ptr, rest->len, "\nfile ", 6) : NULL;
  size_t length = next ? (size_t)(next + 1 - rest->ptr) : rest->len;
  f->body = (leat_str){rest->ptr, length};
  *rest = (leat_str){rest->ptr + length, rest->len - length};
  return true;
}

static bool has_symbol(const file *f, leat_str symbol) {
  leat_str rest = f->body;
  line l;
  while (next_line(&rest, &l))
    if (!l.inside && !leat__is(l.words[0], "import") && declares(f->package, l.words[1], symbol))
      return true;
  return false;
}

static bool find(leat_str text, bool by_symbol, file *out) {
  leat_str rest = leat_str_of(leat__text_services);
  while (next_file(&rest, out))
    if (by_symbol ? has_symbol(out, text) : leat_str_eq(out->name, text)) return true;
  return false;
}

static void put_file(leat_buf *out, const file *f) {
  leat_str rest = f->body;
  line l;
  leat_proto_bytes(out, 1, f->name);
  leat_proto_bytes(out, 2, f->package);
  while (next_line(&rest, &l)) {
    if (leat__is(l.words[0], "import"))
      leat_proto_bytes(out, 3, l.words[1]);
    else
      put_thing(out, &l, inner(&rest), f->package);
  }
  leat_proto_bytes(out, 12, LEAT_STR("proto3"));
}

// --- Answering ----------------------------------------------------------------------------------
enum { BY_FILE = 3, BY_SYMBOL = 4, BY_EXTENSION = 5, EXTENSION_NUMBERS = 6, LIST = 7 };

static void put_services(leat_buf *out) {
  size_t list = leat_proto_begin(out, 6);
  for (int i = 0; leat__grpc_services[i]; i++) {
    size_t one = leat_proto_begin(out, 1);
    leat_proto_bytes(out, 1, leat_str_of(leat__grpc_services[i]));
    leat_proto_end(out, one);
  }
  leat_proto_end(out, list);
}

static void put_error(leat_buf *out, leat_status status, const char *message) {
  size_t at = leat_proto_begin(out, 7);
  leat_proto_i64(out, 1, status);
  leat_proto_bytes(out, 2, leat_str_of(message));
  leat_proto_end(out, at);
}

static void put_answer(leat_buf *out, leat_str request) {
  leat_proto p = {request, false};
  leat_proto_field f, last = {0};
  file found;
  while (leat_proto_next(&p, &f))
    if (f.number >= BY_FILE && f.number <= LIST) last = f;
  leat_proto_str(out, 1, leat__proto_text(request, 1));
  leat_proto_bytes(out, 2, request);
  if (last.number == LIST)
    put_services(out);
  else if (last.number != BY_FILE && last.number != BY_SYMBOL)
    put_error(out, LEAT_UNIMPLEMENTED, "there are no extensions");
  else if (!find(last.bytes, last.number == BY_SYMBOL, &found))
    put_error(out, LEAT_NOT_FOUND, "not found");
  else {
    size_t answer = leat_proto_begin(out, 4), one = leat_proto_begin(out, 1);
    put_file(out, &found);
    leat_proto_end(out, one);
    leat_proto_end(out, answer);
  }
}

// Called for each piece of the stream; x->user tells that it was begun.
void leat__reflect(leat_serve *s, leat_exchange *x) {
  static char begun;
  leat_str message;
  leat_error err;
  leat_status status;
  bool found;
  if (!x->user && leat_serve_role(s, x) < LEAT_ROLE_PREDICTOR) {
    leat__grpc_fail(x, LEAT_UNAUTHENTICATED, "a valid bearer token is needed");
    return;
  }
  if (!x->user) leat_grpc_stream(x);
  x->user = &begun;
  while (!(status = leat_grpc_next(x, &message, &found, &err)) && found) {
    leat_buf answer = {0};
    put_answer(&answer, message);
    if (!answer.failed) leat_grpc_write(x, leat_buf_view(&answer));
    leat_buf_deinit(&answer);
  }
  if (status || x->complete || leat_exchange_gone(x))
    leat_grpc_end(x, status, status ? err.message : NULL);
}
