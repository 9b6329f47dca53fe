// The page of a build without web/board: lists, and links to the points.
// SPDX-License-Identifier: Apache-2.0
#include "board/page.h"

static void put_html(leat_buf *out, leat_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    const char *name = c == '<'   ? "&lt;"
                       : c == '>' ? "&gt;"
                       : c == '&' ? "&amp;"
                       : c == '"' ? "&quot;"
                                  : NULL;
    if (name)
      leat_buf_c(out, name);
    else
      leat_buf_char(out, c);
  }
}

static void put_series(leat_buf *out, const leat_run *run, const leat_series *s) {
  size_t count = leat_points_count(&s->points);
  leat_point last;
  leat_buf_c(out, "<tr><td>");
  put_html(out, s->tag);
  leat_buf_c(out, "<td>");
  put_html(out, s->plugin);
  if (!count) {
    leat_buf_fmt(out, "<td>%zu<td><td>\n", s->blobs.count);
    return;
  }
  leat_points_read(&s->points, count - 1, 1, &last);
  leat_buf_fmt(out, "<td>%zu<td>%g<td><a href=\"data/leat/download?format=csv&amp;run=", count,
               (double)last.value);
  leat_url_encode(out, leat_str_of(run->name));
  leat_buf_c(out, "&amp;tag=");
  leat_url_encode(out, s->tag);
  leat_buf_c(out, "\">CSV</a>\n");
}

void leat__plain_page(leat_board *b, leat_exchange *x) {
  int count;
  leat_buf *out = &x->reply;
  leat_run **runs = leat__board_runs(b, &count);
  leat_buf_c(
      out,
      "<!doctype html><meta charset=\"utf-8\"><title>Leat board</title>\n<h1>Leat board</h1>\n<p>");
  put_html(out, leat_str_of(leat_store_logdir(b->store)));
  leat_buf_c(out,
             ": this program was built without its web page (web/board); the API is whole.</p>\n");
  if (!count) leat_buf_c(out, "<p>No event files are there yet.</p>\n");
  for (int i = 0; i < count; i++) {
    leat_buf_c(out, "<h2>");
    put_html(out, leat_str_of(runs[i]->name));
    leat_buf_c(out, "</h2>\n<table><tr><th>tag<th>plugin<th>values<th>last<th>\n");
    leat_run_read(runs[i]);
    for (const leat_series *s = runs[i]->first; s; s = s->next) put_series(out, runs[i], s);
    leat_run_unlock(runs[i]);
    leat_buf_c(out, "</table>\n");
  }
  leat__free(runs);
  leat__board_bytes(x, "text/html; charset=utf-8", (leat_str){0});
}
