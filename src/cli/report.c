// Reports on a terminal and as JSON.
// SPDX-License-Identifier: Apache-2.0
#include "cli/report.h"

#include "cli/terminal.h"

#include <math.h>

static int name_width(const leat_report *r) {
  int width = 10;
  for (int i = 0; i < r->classes; i++)
    if (text_columns(r->names[i]) > width) width = text_columns(r->names[i]);
  return width < 20 ? width : 20;
}

static void title(const char *text) {
  printf("\n%s%s%s\n", style_on(stdout, STYLE_BOLD), text, style_off(stdout));
}

static void print_confusion(const leat_report *r) {
  int width = name_width(r);
  title("confusion (rows: label, columns: prediction)");
  printf("%*s", width, "");
  for (int i = 0; i < r->classes; i++) printf(" "), print_cell(stdout, r->names[i], -width);
  printf(" %8s\n", "recall");
  for (int i = 0; i < r->classes; i++) {
    int64_t total = 0, right = r->confusion[i * r->classes + i];
    print_cell(stdout, r->names[i], width);
    for (int k = 0; k < r->classes; k++) {
      printf(" %*lld", width, (long long)r->confusion[i * r->classes + k]);
      total += r->confusion[i * r->classes + k];
    }
    printf(" %8.4f\n", total ? (double)right / (double)total : (double)NAN);
  }
  printf("%-*s", width, "precision");
  for (int k = 0; k < r->classes; k++) {
    int64_t total = 0;
    for (int i = 0; i < r->classes; i++) total += r->confusion[i * r->classes + k];
    printf(" %*.4f", width,
           total ? (double)r->confusion[k * r->classes + k] / (double)total : (double)NAN);
  }
  printf("\n");
}

static void print_calibration(const leat_report *r) {
  title("calibration");
  printf("%11s %9s %9s %9s\n", "probability", "rows", "predicted", "observed");
  for (int i = 0; i < LEAT_CALIBRATION_BINS; i++) {
    const leat_calibration_bin *b = &r->calibration[i];
    if (!b->rows) continue;
    printf("  %.1f - %.1f %9lld %9.4f %9.4f  ", i / 10.0, (i + 1) / 10.0, (long long)b->rows,
           b->predicted, b->observed);
    print_bar(stdout, b->observed, 30);
    printf("\n");
  }
  printf("expected calibration error %.4f\n", r->calibration_error);
}

static void print_scores(const leat_report *r, leat_str name, const leat_scores *s) {
  print_cell(stdout, name.len ? name : LEAT_STR("(missing)"), 24);
  printf(" %8lld %9.5g", (long long)s->rows, s->loss);
  if (r->classes) printf(" %9.4f", s->accuracy);
  if (r->classes == 2) printf(" %9.4f", s->auc);
  if (!r->classes) printf(" %9.5g", s->error);
  if (r->classes == 2 || !r->classes) printf(" %9.5g %9.5g", s->label, s->prediction);
  printf("\n");
}

static void print_slices(const leat_report *r, const char *slice_by) {
  enum { MOST = 30 };
  title("slices");
  printf("%-24s %8s %9s", slice_by, "rows", "loss");
  if (r->classes) printf(" %9s", "accuracy");
  if (r->classes == 2) printf(" %9s", "auc");
  if (!r->classes) printf(" %9s", "abs error");
  if (r->classes == 2 || !r->classes) printf(" %9s %9s", "label", "predicted");
  printf("\n");
  for (size_t i = 0; i < r->slices.count && i < MOST; i++)
    print_scores(r, r->slices.at[i].value, &r->slices.at[i].scores);
  if (r->slices.count > MOST)
    printf("... and %zu smaller ones (--format json)\n", r->slices.count - MOST);
  print_scores(r, LEAT_STR("all"), &r->all);
}

static void print_importance(const leat_report *r) {
  double most = r->importance.at[0].loss;
  title(
      "permutation importance: how much greater the loss is when a column's values change places");
  for (size_t i = 0; i < r->importance.count; i++) {
    const leat_report_importance *x = &r->importance.at[i];
    print_cell(stdout, x->column, 24);
    printf(" %10.5f", x->loss);
    if (r->classes) printf("  accuracy %+.4f", -x->accuracy);
    printf("  ");
    if (x->loss > 0) print_bar(stdout, x->loss / most, 30);
    printf("\n");
  }
}

void print_report(const leat_report *r, const char *slice_by) {
  if (r->classes && r->classes <= 20) print_confusion(r);
  if (r->classes) print_calibration(r);
  if (slice_by) print_slices(r, slice_by);
  if (r->importance.count) print_importance(r);
}

// --- JSON ---------------------------------------------------------------------------------------
static void member(leat_json_writer *w, const char *key, double value) {
  leat_json_key(w, leat_str_of(key));
  leat_json_f64(w, value);
}

static void json_scores(leat_json_writer *w, const leat_report *r, const leat_scores *s) {
  leat_json_key(w, LEAT_STR("rows"));
  leat_json_i64(w, s->rows);
  member(w, "loss", s->loss);
  if (r->classes) member(w, "accuracy", s->accuracy);
  if (r->classes == 2) member(w, "auc", s->auc);
  if (!r->classes) member(w, "absolute_error", s->error);
  if (r->classes == 2 || !r->classes)
    member(w, "label_mean", s->label), member(w, "prediction_mean", s->prediction);
}

static void json_classes(leat_json_writer *w, const leat_report *r) {
  leat_json_key(w, LEAT_STR("classes"));
  leat_json_open(w, '[');
  for (int i = 0; i < r->classes; i++) leat_json_string(w, r->names[i]);
  leat_json_close(w, ']');
  leat_json_key(w, LEAT_STR("confusion"));
  leat_json_open(w, '[');
  for (int i = 0; i < r->classes; i++) {
    leat_json_open(w, '[');
    for (int k = 0; k < r->classes; k++) leat_json_i64(w, r->confusion[i * r->classes + k]);
    leat_json_close(w, ']');
  }
  leat_json_close(w, ']');
  member(w, "calibration_error", r->calibration_error);
  leat_json_key(w, LEAT_STR("calibration"));
  leat_json_open(w, '[');
  for (int i = 0; i < LEAT_CALIBRATION_BINS; i++) {
    leat_json_open(w, '{');
    leat_json_key(w, LEAT_STR("rows"));
    leat_json_i64(w, r->calibration[i].rows);
    member(w, "predicted", r->calibration[i].predicted);
    member(w, "observed", r->calibration[i].observed);
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}

void json_report(leat_json_writer *w, const leat_report *r) {
  if (r->classes) json_classes(w, r);
  if (r->slices.count) {
    leat_json_key(w, LEAT_STR("slices"));
    leat_json_open(w, '[');
    for (size_t i = 0; i < r->slices.count; i++) {
      leat_json_open(w, '{');
      leat_json_key(w, LEAT_STR("value"));
      leat_json_string(w, r->slices.at[i].value);
      json_scores(w, r, &r->slices.at[i].scores);
      leat_json_close(w, '}');
    }
    leat_json_close(w, ']');
  }
  if (!r->importance.count) return;
  leat_json_key(w, LEAT_STR("importance"));
  leat_json_open(w, '[');
  for (size_t i = 0; i < r->importance.count; i++) {
    leat_json_open(w, '{');
    leat_json_key(w, LEAT_STR("column"));
    leat_json_string(w, r->importance.at[i].column);
    member(w, "loss", r->importance.at[i].loss);
    if (r->classes) member(w, "accuracy", r->importance.at[i].accuracy);
    leat_json_close(w, '}');
  }
  leat_json_close(w, ']');
}
