// Pictures of a flow: for Graphviz, as SVG drawn here, as a tree of text.
// SPDX-License-Identifier: Apache-2.0
//
// SVG: transforms lie in layers, each below all of its inputs; a long edge passes through a point
// of each layer between. Points are ordered by the middle of their neighbours, and then moved
// towards it as far as those beside them allow.
#include "cli/flow.h"
#include "cli/terminal.h"

#include <stdlib.h>

// --- Texts --------------------------------------------------------------------------------------
static void duration_text(leat_buf *out, int64_t ms) {
  static const struct {
    const char *unit;
    int64_t ms;
  } units[] = {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}};
  int i = 0;
  while (ms % units[i].ms) i++;
  leat_buf_fmt(out, "%lld%s", (long long)(ms / units[i].ms), units[i].unit);
}

static void window_text(leat_buf *out, const leat_flow_collection *c) {
  static const char *const names[] = {"global", "fixed ", "sliding ", "sessions "};
  const leat_flow_window_fn *w = &c->strategy->window;
  leat_buf_c(out, names[w->kind]);
  if (w->kind != LEAT_FLOW_GLOBAL) duration_text(out, w->size_ms);
  if (w->kind == LEAT_FLOW_SLIDING) {
    leat_buf_char(out, '/');
    duration_text(out, w->period_ms);
  }
  if (!c->bounded) leat_buf_c(out, ", unbounded");
}

// The fields, then the windows; of another output than the main one its tag before them.
static void edge_texts(const leat_flow_collection *c, leat_buf *fields, leat_buf *window) {
  leat_buf_clear(fields), leat_buf_clear(window);
  leat_flow_schema_print(c->schema, fields);
  if (c->tag.len) leat_buf_fmt(window, LEAT_STR_FMT ": ", LEAT_STR_ARG(c->tag));
  window_text(window, c);
}

// At most so many columns, with ... where it was cut.
static void cut_text(leat_buf *text, int columns) {
  if (text_columns(leat_buf_view(text)) <= columns) return;
  size_t at = 0;
  for (int n = 0; at < text->len; at++)
    if ((text->ptr[at] & 0xC0) != 0x80 && n++ == columns - 3) break;
  text->len = at;
  leat_buf_c(text, "...");
}

// --- DOT ----------------------------------------------------------------------------------------
static void dot_text(FILE *to, leat_str text) {
  for (size_t i = 0; i < text.len; i++) {
    if (text.ptr[i] == '"' || text.ptr[i] == '\\') fputc('\\', to);
    fputc(text.ptr[i], to);
  }
}

static void print_dot(const leat_flow *flow, FILE *to) {
  leat_buf fields = {0}, window = {0};
  fprintf(to, "digraph pipeline {\n  node [shape=box, fontname=\"sans-serif\"];\n");
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    if (!t->class->start) continue;
    fprintf(to, "  t%d [label=\"", t->id);
    dot_text(to, t->name);
    fprintf(to, "\\n%s\"];\n", t->class->type);
    for (size_t k = 0; k < t->inputs.count; k++) {
      edge_texts(t->inputs.at[k], &fields, &window);
      cut_text(&fields, 60);
      fprintf(to, "  t%d -> t%d [label=\"", t->inputs.at[k]->producer->id, t->id);
      dot_text(to, leat_buf_view(&window));
      fprintf(to, "\\n");
      dot_text(to, leat_buf_view(&fields));
      fprintf(to, "\"];\n");
    }
  }
  fprintf(to, "}\n");
  leat_buf_deinit(&fields), leat_buf_deinit(&window);
}

// --- Text ---------------------------------------------------------------------------------------
typedef struct tree {
  FILE *to;
  bool *seen;  // by transform
} tree;

static void print_users(tree *p, const leat_flow_collection *c, int depth);

// `tag`: of the output that it takes.
static void print_node(tree *p, const leat_flow_transform *t, leat_str tag, int depth) {
  leat_buf fields = {0}, window = {0};
  fprintf(p->to, "%*s", 2 * depth, "");
  if (tag.len) fprintf(p->to, LEAT_STR_FMT " -> ", LEAT_STR_ARG(tag));
  fprintf(p->to, LEAT_STR_FMT, LEAT_STR_ARG(t->name));
  bool again = p->seen[t->id];
  p->seen[t->id] = true;
  if (again) {
    fprintf(p->to, " (above)\n");
    return;
  }
  fprintf(p->to, "  %s%s%s", style_on(p->to, STYLE_DIM), t->class->type, style_off(p->to));
  for (size_t i = 0; i < t->outputs.count; i++) {
    const leat_flow_collection *c = t->outputs.at[i];
    edge_texts(c, &fields, &window);
    if (c->tag.len) fprintf(p->to, "\n%*s", 2 * depth + 1, "");
    fprintf(p->to, "  " LEAT_STR_FMT "  %s" LEAT_STR_FMT "%s", LEAT_STR_ARG(leat_buf_view(&window)),
            style_on(p->to, STYLE_DIM), LEAT_STR_ARG(leat_buf_view(&fields)), style_off(p->to));
  }
  fputc('\n', p->to);
  for (size_t i = 0; i < t->outputs.count; i++) print_users(p, t->outputs.at[i], depth + 1);
  leat_buf_deinit(&fields), leat_buf_deinit(&window);
}

static void print_users(tree *p, const leat_flow_collection *c, int depth) {
  for (size_t i = 0; i < c->users.count; i++)
    print_node(p, c->users.at[i].transform, c->tag, depth);
}

static leat_status print_tree(const leat_flow *flow, FILE *to, leat_error *err) {
  tree p = {.to = to, .seen = leat__calloc(flow->transforms.count + 1, 1)};
  if (!p.seen) return leat__oom(err, flow->transforms.count);
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    if (t->class->start && !t->inputs.count) print_node(&p, t, (leat_str){0}, 0);
  }
  return leat__free(p.seen), LEAT_OK;
}

// --- Layers -------------------------------------------------------------------------------------
enum { NODE_HEIGHT = 46, LAYER = 118, GAP = 26, SWEEPS = 12, LABEL = 44, NAME = 34 };

typedef struct point {                   // a transform, or where a long edge passes a layer
  const leat_flow_transform *transform;  // NULL: an edge passes
  int layer, order;
  double x, width, room;  // the middle; of the box; with its labels
  double wanted;
} point;

typedef struct edge {  // between points of neighbouring layers
  int from, to;
  const leat_flow_collection *collection;  // of the first piece, which has the label; else NULL
  bool last;                               // has the arrow
} edge;

typedef struct layout {
  LEAT_VEC(point) points;
  LEAT_VEC(edge) edges;
  int *of;  // point by transform id, -1: none
  int layers;
  leat_error *err;
} layout;

static int add_point(layout *l, point p) {
  return leat_vec_push(&l->points, p) ? (int)l->points.count - 1 : -1;
}

static double box_width(const leat_flow_transform *t) {
  int name = text_columns(t->name), type = (int)strlen(t->class->type);
  if (name > NAME) name = NAME;
  double wide = 7.6 * name, small = 6.6 * type;
  return (wide > small ? wide : small) + 28;
}

// Transforms are applied after their inputs, so one pass finds the longest way to each.
static bool add_points(layout *l, const leat_flow *flow) {
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    l->of[i] = -1;
    if (!t->class->start) continue;
    point p = {.transform = t, .width = box_width(t)};
    for (size_t k = 0; k < t->inputs.count; k++) {
      int below = l->points.at[l->of[t->inputs.at[k]->producer->id]].layer + 1;
      if (below > p.layer) p.layer = below;
    }
    p.room = p.width;
    if ((l->of[i] = add_point(l, p)) < 0) return false;
    if (p.layer >= l->layers) l->layers = p.layer + 1;
  }
  return true;
}

static bool add_edge(layout *l, const leat_flow_collection *c, int to) {
  int from = l->of[c->producer->id];
  const leat_flow_collection *label = c;
  while (l->points.at[from].layer + 1 < l->points.at[to].layer) {
    int through = add_point(l, (point){.layer = l->points.at[from].layer + 1, .room = 12});
    if (through < 0 || !leat_vec_push(&l->edges, (edge){from, through, label, false})) return false;
    from = through;
    label = NULL;
  }
  return leat_vec_push(&l->edges, (edge){from, to, label, true});
}

static bool add_edges(layout *l, const leat_flow *flow) {
  for (size_t i = 0; i < flow->transforms.count; i++) {
    const leat_flow_transform *t = flow->transforms.at[i];
    for (size_t k = 0; l->of[i] >= 0 && k < t->inputs.count; k++)
      if (!add_edge(l, t->inputs.at[k], l->of[i])) return false;
  }
  return true;
}

static int users_of(const layout *l, int from) {
  int n = 0;
  for (size_t i = 0; i < l->edges.count; i++) n += l->edges.at[i].from == from;
  return n;
}

// Labels are at the end of an edge that has it for itself: its start, or where it goes to.
static bool label_below(const layout *l, const edge *e) { return users_of(l, e->from) > 1; }

static void make_room(layout *l) {
  leat_buf fields = {0}, window = {0};
  for (size_t i = 0; i < l->edges.count; i++) {
    const edge *e = &l->edges.at[i];
    if (!e->collection) continue;
    edge_texts(e->collection, &fields, &window);
    int columns = text_columns(leat_buf_view(&fields)),
        other = text_columns(leat_buf_view(&window));
    if (columns > LABEL) columns = LABEL;
    if (other > columns) columns = other;
    point *p = &l->points.at[label_below(l, e) ? e->to : e->from];
    if (6.1 * columns + 12 > p->room) p->room = 6.1 * columns + 12;
  }
  leat_buf_deinit(&fields), leat_buf_deinit(&window);
}

// --- Order and place ----------------------------------------------------------------------------
static int by_wanted(const void *a, const void *b) {
  const point *p = *(point *const *)a, *q = *(point *const *)b;
  if (p->wanted != q->wanted) return p->wanted < q->wanted ? -1 : 1;
  return p->order - q->order;
}

static int by_order(const void *a, const void *b) {
  return (*(point *const *)a)->order - (*(point *const *)b)->order;
}

static int layer_points(layout *l, int layer, point **out) {
  int n = 0;
  for (size_t i = 0; i < l->points.count; i++)
    if (l->points.at[i].layer == layer) out[n++] = &l->points.at[i];
  qsort(out, (size_t)n, sizeof *out, by_order);
  return n;
}

// The middle of the neighbours above (or below), or where it is.
static void want(layout *l, int layer, bool above, bool order) {
  for (size_t i = 0; i < l->points.count; i++) {
    point *p = &l->points.at[i];
    double sum = 0;
    int n = 0;
    if (p->layer != layer) continue;
    for (size_t k = 0; k < l->edges.count; k++) {
      const edge *e = &l->edges.at[k];
      if ((above ? e->to : e->from) != (int)i) continue;
      const point *other = &l->points.at[above ? e->from : e->to];
      sum += order ? other->order : other->x;
      n++;
    }
    p->wanted = n ? sum / n : order ? p->order : p->x;
  }
}

static void set_orders(layout *l, point **row) {
  for (int layer = 0; layer < l->layers; layer++) {
    int n = layer_points(l, layer, row);
    for (int i = 0; i < n; i++) row[i]->order = i;
  }
  for (int sweep = 0; sweep < SWEEPS; sweep++)
    for (int k = 0; k < l->layers; k++) {
      bool down = sweep % 2 == 0;
      int layer = down ? k : l->layers - 1 - k, n = layer_points(l, layer, row);
      want(l, layer, down, true);
      qsort(row, (size_t)n, sizeof *row, by_wanted);
      for (int i = 0; i < n; i++) row[i]->order = i;
    }
}

// As near to what they want as those beside them allow: the mean of pushing from both sides.
static void place_layer(layout *l, int layer, point **row) {
  int n = layer_points(l, layer, row);
  for (int i = 0; i < n; i++) {
    double least = i ? row[i - 1]->x + (row[i - 1]->room + row[i]->room) / 2 + GAP : row[i]->wanted;
    row[i]->x = i && row[i]->wanted < least ? least : row[i]->wanted;
  }
  double before = 0;
  for (int i = n - 1; i >= 0; i--) {
    double most = before - GAP;
    if (i + 1 < n) most -= (row[i]->room + row[i + 1]->room) / 2;
    double x = i + 1 < n && row[i]->wanted > most ? most : row[i]->wanted;
    before = x;
    row[i]->x = (row[i]->x + x) / 2;
  }
}

static void set_places(layout *l, point **row) {
  for (int layer = 0; layer < l->layers; layer++) {
    for (size_t i = 0; i < l->points.count; i++)
      if (l->points.at[i].layer == layer) l->points.at[i].wanted = l->points.at[i].x;
    place_layer(l, layer, row);
  }
  for (int sweep = 0; sweep < SWEEPS; sweep++)
    for (int k = 0; k < l->layers; k++) {
      bool down = sweep % 2 == 0;
      int layer = down ? k : l->layers - 1 - k;
      want(l, layer, down, false);
      place_layer(l, layer, row);
    }
}

// --- SVG ----------------------------------------------------------------------------------------
static const char svg_style[] =
    "<style>\n"
    "svg { font-family: system-ui, sans-serif; background: #fff }\n"
    ".box { fill: #f6f8fa; stroke: #57606a } .source { fill: #ddf4ff; stroke: #0969da }\n"
    ".sink { fill: #dafbe1; stroke: #1a7f37 } .keyed { fill: #fff1e5; stroke: #bc4c00 }\n"
    ".name { font-size: 13px; font-weight: 600; fill: #1f2328 }\n"
    ".type, .label { font-size: 11px; fill: #57606a } .edge { fill: none; stroke: #8c959f }\n"
    "text { text-anchor: middle } .head { fill: #8c959f }\n"
    ".label { paint-order: stroke; stroke: #fff; stroke-width: 4px }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "svg { background: #0d1117 } .box { fill: #21262d; stroke: #8b949e }\n"
    ".source { fill: #0c2d6b; stroke: #58a6ff } .sink { fill: #033a16; stroke: #3fb950 }\n"
    ".keyed { fill: #5a1e02; stroke: #f0883e } .name { fill: #f0f6fc }\n"
    ".type, .label { fill: #b1bac4 } .edge { stroke: #6e7681 } .head { fill: #6e7681 }\n"
    ".label { stroke: #0d1117 }\n"
    "}\n</style>\n";

static void xml_text(FILE *to, leat_str text) {
  for (size_t i = 0; i < text.len; i++) {
    char c = text.ptr[i];
    if (c == '<' || c == '>' || c == '&' || c == '"')
      fprintf(to, "&#%d;", c);
    else
      fputc((unsigned char)c < ' ' ? ' ' : c, to);
  }
}

static double top_of(const point *p) { return 20 + (double)LAYER * p->layer; }

static void svg_edge(const layout *l, const edge *e, FILE *to) {
  const point *a = &l->points.at[e->from], *b = &l->points.at[e->to];
  double y = top_of(a) + NODE_HEIGHT, end = top_of(b) - (e->last ? 6 : 0);
  double middle = (y + end) / 2;
  fprintf(to, "<path class=\"edge\" d=\"M%.1f %.1fC%.1f %.1f %.1f %.1f %.1f %.1f", a->x, y, a->x,
          middle, b->x, middle, b->x, end);
  if (!b->transform) fprintf(to, "v%d", NODE_HEIGHT);
  fprintf(to, "\"%s/>\n", e->last ? " marker-end=\"url(#head)\"" : "");
}

static void svg_label(const layout *l, const edge *e, FILE *to) {
  bool below = label_below(l, e);
  const point *a = &l->points.at[e->from], *b = &l->points.at[e->to];
  double x = below ? b->x : a->x;
  double y = below ? top_of(b) - 30 : top_of(a) + NODE_HEIGHT + 20;
  leat_buf fields = {0}, window = {0};
  edge_texts(e->collection, &fields, &window);
  fprintf(to, "<text class=\"label\" x=\"%.1f\" y=\"%.1f\">", x, y);
  xml_text(to, leat_buf_view(&window));
  fprintf(to, "</text>\n<text class=\"label\" x=\"%.1f\" y=\"%.1f\"><title>", x, y + 14);
  xml_text(to, leat_buf_view(&fields));
  fprintf(to, "</title>");
  cut_text(&fields, LABEL);
  xml_text(to, leat_buf_view(&fields));
  fprintf(to, "</text>\n");
  leat_buf_deinit(&fields), leat_buf_deinit(&window);
}

static void svg_box(const point *p, FILE *to) {
  const leat_flow_transform *t = p->transform;
  const char *kind = !t->inputs.count                   ? "source"
                     : !t->outputs.count                ? "sink"
                     : t->class->keyed && t->key_fields ? "keyed"
                                                        : "";
  double y = top_of(p);
  leat_buf name = {0};
  leat_buf_str(&name, t->name);
  cut_text(&name, NAME);
  fprintf(to, "<g><title>");
  xml_text(to, t->name);
  fprintf(to,
          "</title><rect class=\"box %s\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%d\" "
          "rx=\"6\"/>\n<text class=\"name\" x=\"%.1f\" y=\"%.1f\">",
          kind, p->x - p->width / 2, y, p->width, NODE_HEIGHT, p->x, y + 20);
  xml_text(to, leat_buf_view(&name));
  fprintf(to, "</text>\n<text class=\"type\" x=\"%.1f\" y=\"%.1f\">%s</text></g>\n", p->x, y + 36,
          t->class->type);
  leat_buf_deinit(&name);
}

static void print_picture(layout *l, FILE *to) {
  double least = 1e9, most = -1e9;
  for (size_t i = 0; i < l->points.count; i++) {
    const point *p = &l->points.at[i];
    if (p->x - p->room / 2 < least) least = p->x - p->room / 2;
    if (p->x + p->room / 2 > most) most = p->x + p->room / 2;
  }
  if (!l->points.count) least = most = 0;
  for (size_t i = 0; i < l->points.count; i++) l->points.at[i].x -= least - 20;
  double width = most - least + 40, height = (double)LAYER * (l->layers - 1) + NODE_HEIGHT + 40;
  fprintf(to,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" "
          "viewBox=\"0 0 %.0f %.0f\">\n%s<defs><marker id=\"head\" markerWidth=\"9\" "
          "markerHeight=\"8\" refX=\"3\" refY=\"4\" orient=\"auto\"><path class=\"head\" "
          "d=\"M0 0L9 4L0 8z\"/></marker></defs>\n",
          width, height, width, height, svg_style);
  for (size_t i = 0; i < l->edges.count; i++) svg_edge(l, &l->edges.at[i], to);
  for (size_t i = 0; i < l->edges.count; i++)
    if (l->edges.at[i].collection) svg_label(l, &l->edges.at[i], to);
  for (size_t i = 0; i < l->points.count; i++)
    if (l->points.at[i].transform) svg_box(&l->points.at[i], to);
  fprintf(to, "</svg>\n");
}

static leat_status print_svg(const leat_flow *flow, FILE *to, leat_error *err) {
  layout l = {.of = leat__calloc(flow->transforms.count + 1, sizeof *l.of), .err = err};
  bool good = l.of && add_points(&l, flow) && add_edges(&l, flow);
  point **row = good ? leat__calloc(l.points.count + 1, sizeof *row) : NULL;
  if (row) {
    make_room(&l);
    set_orders(&l, row);
    set_places(&l, row);
    print_picture(&l, to);
  }
  leat__free(row);
  leat__free(l.of);
  leat_vec_deinit(&l.points);
  leat_vec_deinit(&l.edges);
  return row ? LEAT_OK : leat__oom(err, 1);
}

leat_status flow_graph_print(const leat_flow *flow, const char *format, FILE *to, leat_error *err) {
  if (!strcmp(format, "svg")) return print_svg(flow, to, err);
  if (!strcmp(format, "text")) return print_tree(flow, to, err);
  return print_dot(flow, to), LEAT_OK;
}
