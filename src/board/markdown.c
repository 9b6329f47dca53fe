// Markdown as HTML, by md4c, which is opened on first use.
// SPDX-License-Identifier: Apache-2.0
//
// Raw HTML is off, so every tag of the result is the library's own; of those, links stay only where
// they lead to http, https or mailto, and images become their alternative text's place without a
// source: nothing is fetched from elsewhere.
#include "base/library.h"
#include "board/board_impl.h"

#include <pthread.h>

typedef int md_html_function(const char *text, unsigned size,
                             void (*put)(const char *bytes, unsigned size, void *context),
                             void *context, unsigned parser_flags, unsigned renderer_flags);

enum {  // of md4c.h
  MD_NO_HTML_BLOCKS = 0x20,
  MD_NO_HTML_SPANS = 0x40,
  MD_TABLES = 0x100,
  MD_STRIKETHROUGH = 0x200,
};

static md_html_function *md_html;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void open_library(void) {
  static const char *const names[] = {"md_html", NULL};
  static const leat_library library = {"libmd4c-html.so.0", "libmd4c-html0", names,
                                       (void **)&md_html};
  leat_error err;
  if (leat_library_open(&library, &err)) md_html = NULL;
}

static void put(const char *bytes, unsigned size, void *context) {
  leat_buf_add(context, bytes, size);
}

static void put_escaped(leat_buf *out, leat_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '<')
      leat_buf_c(out, "&lt;");
    else if (c == '>')
      leat_buf_c(out, "&gt;");
    else if (c == '&')
      leat_buf_c(out, "&amp;");
    else if (c)
      leat_buf_char(out, c);
  }
}

static bool is_allowed(leat_str link) {
  static const char *const good[] = {"http://", "https://", "mailto:"};
  for (int i = 0; i < 3; i++)
    if (link.len >= strlen(good[i]) && strncasecmp(link.ptr, good[i], strlen(good[i])) == 0)
      return true;
  return false;
}

// Copies the HTML without the attributes that lead elsewhere.
static void filter(leat_str html, leat_buf *out) {
  static const leat_str link = {"<a href=\"", 9}, image = {"<img src=\"", 10};
  while (html.len) {
    bool is_link = leat_str_starts(html, link), is_image = leat_str_starts(html, image);
    if (!is_link && !is_image) {
      leat_buf_char(out, *html.ptr);
      html.ptr++, html.len--;
      continue;
    }
    size_t head = is_link ? link.len : image.len;
    leat_str rest = {html.ptr + head, html.len - head}, target = leat_str_cut(&rest, '"');
    if (is_link && is_allowed(target)) {
      leat_buf_str(out, link);
      leat_buf_str(out, target);
      leat_buf_c(out, "\" rel=\"noopener noreferrer\" target=\"_blank\"");
    } else
      leat_buf_c(out, is_link ? "<a" : "<img");
    html = rest;
  }
}

leat_str leat__escaped(leat_arena *arena, leat_str text) {
  leat_buf html = {0};
  put_escaped(&html, text);
  char *own = html.failed ? NULL : leat_arena_str(arena, leat_buf_view(&html));
  leat_str result = {own, own ? html.len : 0};
  leat_buf_deinit(&html);
  return result;
}

leat_str leat__markdown(leat_arena *arena, leat_str text) {
  leat_buf html = {0}, clean = {0};
  pthread_once(&once, open_library);
  if (text.len > 1 << 20) text.len = 1 << 20;
  if (md_html && !md_html(text.ptr, (unsigned)text.len, put, &html,
                          MD_NO_HTML_BLOCKS | MD_NO_HTML_SPANS | MD_TABLES | MD_STRIKETHROUGH, 0))
    filter(leat_buf_view(&html), &clean);
  else {
    leat_buf_c(&clean, "<pre>");
    put_escaped(&clean, text);
    leat_buf_c(&clean, "</pre>");
  }
  while (clean.len && clean.ptr[clean.len - 1] == '\n') clean.len--;
  char *own = clean.failed ? NULL : leat_arena_str(arena, leat_buf_view(&clean));
  leat_str result = {own, own ? clean.len : 0};
  leat_buf_deinit(&html);
  leat_buf_deinit(&clean);
  return result;
}
