// HTTP/1.1 messages: the head of a request or response, and bodies in chunks.
// SPDX-License-Identifier: Apache-2.0
#include "net/http1.h"

#include "formats/number.h"

enum { OVERHEAD_MAX = 16384 };

// --- Characters ---------------------------------------------------------------------------------
// What a name may hold, lower-cased; 0 = not a token's character.
static const unsigned char token[256] = {
    ['!'] = '!', ['#'] = '#', ['$'] = '$', ['%'] = '%', ['&'] = '&', ['\''] = '\'', ['*'] = '*',
    ['+'] = '+', ['-'] = '-', ['.'] = '.', ['^'] = '^', ['_'] = '_', ['`'] = '`',   ['|'] = '|',
    ['~'] = '~', ['0'] = '0', ['1'] = '1', ['2'] = '2', ['3'] = '3', ['4'] = '4',   ['5'] = '5',
    ['6'] = '6', ['7'] = '7', ['8'] = '8', ['9'] = '9', ['A'] = 'a', ['B'] = 'b',   ['C'] = 'c',
    ['D'] = 'd', ['E'] = 'e', ['F'] = 'f', ['G'] = 'g', ['H'] = 'h', ['I'] = 'i',   ['J'] = 'j',
    ['K'] = 'k', ['L'] = 'l', ['M'] = 'm', ['N'] = 'n', ['O'] = 'o', ['P'] = 'p',   ['Q'] = 'q',
    ['R'] = 'r', ['S'] = 's', ['T'] = 't', ['U'] = 'u', ['V'] = 'v', ['W'] = 'w',   ['X'] = 'x',
    ['Y'] = 'y', ['Z'] = 'z', ['a'] = 'a', ['b'] = 'b', ['c'] = 'c', ['d'] = 'd',   ['e'] = 'e',
    ['f'] = 'f', ['g'] = 'g', ['h'] = 'h', ['i'] = 'i', ['j'] = 'j', ['k'] = 'k',   ['l'] = 'l',
    ['m'] = 'm', ['n'] = 'n', ['o'] = 'o', ['p'] = 'p', ['q'] = 'q', ['r'] = 'r',   ['s'] = 's',
    ['t'] = 't', ['u'] = 'u', ['v'] = 'v', ['w'] = 'w', ['x'] = 'x', ['y'] = 'y',   ['z'] = 'z'};

bool leat_http_is(leat_str text, const char *lower) {
  size_t i = 0;
  for (; i < text.len && lower[i]; i++)
    if ((text.ptr[i] | (text.ptr[i] >= 'A' && text.ptr[i] <= 'Z' ? 0x20 : 0)) != lower[i])
      return false;
  return i == text.len && !lower[i];
}

// Whether a list with commas holds the word, in any case.
static bool has_word(leat_str list, const char *lower) {
  while (list.len)
    if (leat_http_is(leat_str_strip(leat_str_cut(&list, ','), LEAT_STR(" \t")), lower)) return true;
  return false;
}

size_t leat_http1_head_end(const char *text, size_t length, size_t *scanned) {
  size_t from = *scanned > 3 ? *scanned - 3 : 0;
  const char *end = length > from ? memmem(text + from, length - from, "\r\n\r\n", 4) : NULL;
  *scanned = length;
  return end ? (size_t)(end - text) + 4 : 0;
}

// --- Fields -------------------------------------------------------------------------------------
static bool read_length(leat_http1_head *h, leat_str value) {
  uint64_t length = 0;
  if (h->length >= 0 || !value.len || value.len > 18) return false;
  for (size_t i = 0; i < value.len; i++) {
    if (value.ptr[i] < '0' || value.ptr[i] > '9') return false;
    length = length * 10 + (uint64_t)(value.ptr[i] - '0');
  }
  h->length = (int64_t)length;
  return true;
}

typedef struct connection {  // what Connection and Upgrade say
  bool close, keep, upgrade, settings, h2c;
} connection;

// A field that the message's framing depends on.
static int framing_field(leat_http1_head *h, connection *c, leat_field f) {
  switch (f.name.len) {
    case 4:
      if (memcmp(f.name.ptr, "host", 4) != 0) return 0;
      if (h->host.ptr) return 400;
      h->host = f.value;
      return 0;
    case 6:
      if (memcmp(f.name.ptr, "expect", 6) != 0) return 0;
      h->expects_continue = leat_http_is(f.value, "100-continue");
      return h->expects_continue ? 0 : 417;
    case 7: c->h2c |= !memcmp(f.name.ptr, "upgrade", 7) && has_word(f.value, "h2c"); return 0;
    case 10:
      if (memcmp(f.name.ptr, "connection", 10) != 0) return 0;
      c->close |= has_word(f.value, "close");
      c->keep |= has_word(f.value, "keep-alive");
      c->upgrade |= has_word(f.value, "upgrade");
      c->settings |= has_word(f.value, "http2-settings");
      return 0;
    case 14:
      if (memcmp(f.name.ptr, "content-length", 14) == 0 && !read_length(h, f.value)) return 400;
      if (memcmp(f.name.ptr, "http2-settings", 14) == 0) h->settings = f.value;
      return 0;
    case 16:
      if (memcmp(f.name.ptr, "content-encoding", 16) == 0) h->coding = f.value;
      return 0;
    case 17:
      if (memcmp(f.name.ptr, "transfer-encoding", 17) != 0) return 0;
      if (h->chunked) return 400;
      h->chunked = leat_http_is(f.value, "chunked");
      return h->chunked ? 0 : 501;
    default: return 0;
  }
}

// One line of the fields at p, which ends before `end` (an empty line follows somewhere).
static int read_field(char **at, const char *end, leat_field *f) {
  char *p = *at, *name = p;
  for (unsigned char c; (c = token[(unsigned char)*p]); p++) *p = (char)c;
  if (p == name || *p != ':') return 400;
  f->name = (leat_str){name, (size_t)(p - name)};
  for (p++; *p == ' ' || *p == '\t';) p++;
  char *value = p, *line = memchr(p, '\r', (size_t)(end - p));
  if (!line || line[1] != '\n') return 400;
  for (char *c = value; c < line; c++)
    if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7F) return 400;
  char *last = line;
  while (last > value && (last[-1] == ' ' || last[-1] == '\t')) last--;
  f->value = (leat_str){value, (size_t)(last - value)};
  *at = line + 2;
  return 0;
}

static int read_fields(char *p, const char *end, leat_http1_head *h) {
  connection c = {0};
  h->length = -1;
  h->field_count = 0;
  while (p < end - 2) {
    if (h->field_count == h->field_cap) return 431;
    leat_field *f = &h->fields[h->field_count++];
    int status = read_field(&p, end, f);
    if (!status) status = framing_field(h, &c, *f);
    if (status) return status;
  }
  if (p != end - 2 || (h->chunked && (h->length >= 0 || h->version < 11))) return 400;
  h->keep_alive = !c.close && (h->version >= 11 || c.keep);
  h->upgrade_h2c = c.h2c && c.upgrade && c.settings && h->settings.ptr;
  return 0;
}

// --- First lines --------------------------------------------------------------------------------
static int read_version(leat_str text, int *version) {
  if (text.len != 8 || memcmp(text.ptr, "HTTP/", 5) != 0 || text.ptr[6] != '.') return 400;
  if (text.ptr[5] < '0' || text.ptr[5] > '9' || text.ptr[7] < '0' || text.ptr[7] > '9') return 400;
  if (text.ptr[5] != '1' || text.ptr[7] > '1') return 505;
  *version = text.ptr[7] == '1' ? 11 : 10;
  return 0;
}

// "http://host/path" gives the host and "/path".
static int read_target(leat_http1_head *h) {
  leat_str t = h->target;
  for (size_t i = 0; i < t.len; i++)
    if ((unsigned char)t.ptr[i] <= 0x20 || t.ptr[i] == 0x7F) return 400;
  if (t.len && (t.ptr[0] == '/' || (t.len == 1 && t.ptr[0] == '*'))) return 0;
  const char *scheme = memmem(t.ptr, t.len, "://", 3);
  if (!scheme) return 400;
  leat_str rest = {scheme + 3, t.len - (size_t)(scheme + 3 - t.ptr)};
  const char *slash = memchr(rest.ptr, '/', rest.len);
  h->target = slash ? (leat_str){slash, rest.len - (size_t)(slash - rest.ptr)} : (leat_str){"/", 1};
  return 0;
}

int leat_http1_request(char *text, size_t length, leat_http1_head *h) {
  char *line = memchr(text, '\r', length);
  if (!line || line[1] != '\n') return 400;
  leat_str rest = {text, (size_t)(line - text)};
  h->method = leat_str_cut(&rest, ' ');
  h->target = leat_str_cut(&rest, ' ');
  if (!h->method.len || h->method.len > 32 || !h->target.len) return 400;
  for (size_t i = 0; i < h->method.len; i++)
    if (!token[(unsigned char)h->method.ptr[i]]) return 400;
  int status = read_version(rest, &h->version);
  if (!status) status = read_target(h);
  if (!status) status = read_fields(line + 2, text + length, h);
  if (!status && h->version == 11 && !h->host.ptr) status = 400;
  return status;
}

int leat_http1_response(char *text, size_t length, leat_http1_head *h) {
  char *line = memchr(text, '\r', length);
  if (!line || line[1] != '\n') return 400;
  leat_str rest = {text, (size_t)(line - text)}, version = leat_str_cut(&rest, ' ');
  leat_str code = leat_str_cut(&rest, ' ');
  int64_t number;
  int status = read_version(version, &h->version);
  if (!status && (code.len != 3 || !leat_parse_i64(code, &number) || number < 100)) status = 400;
  if (status) return status;
  h->status = (int)number;
  return read_fields(line + 2, text + length, h);
}

// --- Chunks -------------------------------------------------------------------------------------
static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  c |= 0x20;
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

// One character of what is not data.
static bool chunk_step(leat_chunks *c, char at) {
  int digit;
  switch (c->state) {
    case LEAT_CHUNK_SIZE:
      digit = hex(at);
      if (digit >= 0) {
        c->left = c->left << 4 | (unsigned)digit;
        return ++c->digits <= 15;
      }
      if (!c->digits || (at != '\r' && at != ';')) return false;
      c->state = at == ';' ? LEAT_CHUNK_EXTENSION : LEAT_CHUNK_SIZE_LF;
      return true;
    case LEAT_CHUNK_EXTENSION:
      if (at == '\r') c->state = LEAT_CHUNK_SIZE_LF;
      return at != '\n' && ++c->overhead <= OVERHEAD_MAX;
    case LEAT_CHUNK_SIZE_LF:
      c->state = c->left ? LEAT_CHUNK_DATA : LEAT_CHUNK_TRAILER;
      return at == '\n';
    case LEAT_CHUNK_DATA_CR: return c->state = LEAT_CHUNK_DATA_LF, at == '\r';
    case LEAT_CHUNK_DATA_LF: c->digits = 0; return c->state = LEAT_CHUNK_SIZE, at == '\n';
    case LEAT_CHUNK_TRAILER:
      c->state = at == '\r' ? LEAT_CHUNK_LAST_LF : LEAT_CHUNK_TRAILER_TEXT;
      return at != '\n' && ++c->overhead <= OVERHEAD_MAX;
    case LEAT_CHUNK_TRAILER_TEXT:
      if (at == '\r') c->state = LEAT_CHUNK_TRAILER_LF;
      return at != '\n' && ++c->overhead <= OVERHEAD_MAX;
    case LEAT_CHUNK_TRAILER_LF: return c->state = LEAT_CHUNK_TRAILER, at == '\n';
    case LEAT_CHUNK_LAST_LF: return c->state = LEAT_CHUNK_DONE, at == '\n';
    default: return false;
  }
}

bool leat_chunks_run(leat_chunks *c, char *text, size_t length, size_t *at, size_t *to) {
  while (*at < length && c->state != LEAT_CHUNK_DONE) {
    if (c->state != LEAT_CHUNK_DATA) {
      if (!chunk_step(c, text[(*at)++])) return false;
      continue;
    }
    size_t n = length - *at < c->left ? length - *at : (size_t)c->left;
    memmove(text + *to, text + *at, n);
    *at += n;
    *to += n;
    c->left -= n;
    if (!c->left) c->state = LEAT_CHUNK_DATA_CR;
  }
  return true;
}
