// Runs golden cases: `golden [--tap] DIR [GROUP...]`, where DIR/GROUP/index.json lists them.
// SPDX-License-Identifier: Apache-2.0
#include "golden.h"

// --- JSON as a tree -----------------------------------------------------------------------------
leat_arena arena;
leat_error err;

static node *read_node(leat_json *j, leat_json_event event) {
  node *n = leat_arena_alloc(&arena, sizeof *n), **tail = &n->child;
  n->kind = event;
  if (event == LEAT_JSON_STRING || event == LEAT_JSON_NUMBER)
    n->text = (leat_str){leat_arena_str(&arena, j->text), j->text.len};
  while (event == LEAT_JSON_OBJECT || event == LEAT_JSON_ARRAY) {
    leat_json_event inner;
    leat_str key = {0};
    if (leat_json_next(j, &inner, &err) || inner == LEAT_JSON_OBJECT_END ||
        inner == LEAT_JSON_ARRAY_END)
      break;
    if (inner == LEAT_JSON_KEY) {
      key = (leat_str){leat_arena_str(&arena, j->text), j->text.len};
      if (leat_json_next(j, &inner, &err)) break;
    }
    *tail = read_node(j, inner);
    (*tail)->key = key;
    tail = &(*tail)->next;
  }
  return n;
}

node *get(const node *n, const char *key) {
  for (node *c = n ? n->child : NULL; c; c = c->next)
    if (leat_str_eq(c->key, leat_str_of(key))) return c;
  return NULL;
}
double number_of(const node *n) {
  double v = n && n->kind == LEAT_JSON_TRUE;
  if (n && n->kind == LEAT_JSON_NUMBER) leat_parse_f64(n->text, &v);
  return v;
}
double number(const node *n, const char *key, double fallback) {
  node *c = get(n, key);
  bool known = c && (c->kind == LEAT_JSON_NUMBER || c->kind == LEAT_JSON_TRUE);
  return known ? number_of(c) : fallback;
}
bool text_is(const node *n, const char *key, const char *want) {
  node *c = get(n, key);
  return c && leat_str_eq(c->text, leat_str_of(want));
}
const char *c_text(leat_str s) { return leat_arena_str(&arena, s); }
int numbers(const node *n, const char *key, int64_t *out) {  // a list, or one number twice
  node *c = get(n, key);
  int count = 0;
  if (c && c->kind == LEAT_JSON_NUMBER) return leat_parse_i64(c->text, out), out[1] = out[0], 1;
  for (node *e = c ? c->child : NULL; e && count < 8; e = e->next)
    leat_parse_i64(e->text, &out[count++]);
  return count;
}

// --- One case -----------------------------------------------------------------------------------
bool starts(const scene *s, const char *prefix) {
  return strncmp(s->name, prefix, strlen(prefix)) == 0;
}
bool is(const scene *s, const char *name) { return strcmp(s->name, name) == 0; }

leat_tensor *input_tensor(scene *s, const char *arg) {
  node *key = get(get(s->c, "inputs"), arg);
  return key ? leat_safetensors_find(s->st, key->text) : NULL;
}

// All inputs of the case become arguments, f32 kept, integers as i64.
static void open_scene(scene *s) {
  leat_graph_new(&s->g, &err);
  s->b = leat_builder_new(s->g, "case");
  for (node *i = get(s->c, "inputs")->child; i && s->count < 40; i = i->next) {
    char name[24];
    leat_tensor *t = leat_safetensors_find(s->st, i->text);
    leat_type type = {leat_tensor_dtype(t), {.rank = leat_tensor_rank(t)}};
    for (int k = 0; k < type.shape.rank; k++) type.shape.dims[k] = leat_tensor_dims(t)[k];
    snprintf(name, sizeof name, "i%d", s->count);
    s->in[s->count] = t;
    s->names[s->count] = c_text(i->key);
    s->values[s->count++] = leat_input(s->b, name, type);
  }
}

leat_value arg(scene *s, const char *name) {
  for (int i = 0; i < s->count; i++)
    if (strcmp(s->names[i], name) == 0) return s->values[i];
  return (leat_value){0};
}

double element(const leat_tensor *t, int64_t i) {
  const void *data = leat_tensor_data(t);
  switch (leat_tensor_dtype(t)) {
    case LEAT_DTYPE_F32: return (double)((const float *)data)[i];
    case LEAT_DTYPE_F64: return ((const double *)data)[i];
    case LEAT_DTYPE_I32: return ((const int32_t *)data)[i];
    default: return (double)((const int64_t *)data)[i];
  }
}

bool close_to(scene *s, const char *result, leat_tensor *got) {
  node *want = get(get(s->c, "outputs"), result), *key = get(want, "tensor");
  leat_tensor *ref = key ? leat_safetensors_find(s->st, key->text) : NULL, *dense = NULL;
  if (!ref) return true;
  double rtol = number(want, "rtol", 1e-5), atol = number(want, "atol", 1e-6);
  leat_tensor_dense(&dense, got, &err);
  bool good = leat_tensor_count(ref) == leat_tensor_count(dense);
  if (!good)
    snprintf(s->problem, sizeof s->problem, "%s: %lld elements, expected %lld", result,
             (long long)leat_tensor_count(dense), (long long)leat_tensor_count(ref));
  for (int64_t i = 0; good && i < leat_tensor_count(ref); i++) {
    double w = element(ref, i), g = element(dense, i);
    if (g == w || (g != g && w != w) || fabs(g - w) <= atol + rtol * fabs(w)) continue;
    good = false;
    snprintf(s->problem, sizeof s->problem, "%s[%lld] = %.9g, expected %.9g (atol %g, rtol %g)",
             result, (long long)i, g, w, atol, rtol);
  }
  leat_tensor_unref(dense);
  return good;
}

// Ends the function with named results and runs it against the case's outputs.
verdict finish(scene *s, const char *const *names, const leat_value *results, int count) {
  leat_tensor *out[40] = {NULL};
  leat_func *f;
  leat_exec *exec = NULL;
  bool good = true;
  for (int i = 0; i < count; i++) {
    char name[24];
    snprintf(name, sizeof name, "r%d", i);
    leat_output(s->b, name, results[i]);
  }
  leat_status status = leat_builder_finish(s->b, &f, &err);
  s->b = NULL;
  if (!status) status = leat_exec_new(&exec, f, NULL, &err);
  if (!status) status = leat_exec_run(exec, NULL, s->in, s->count, out, &err);
  if (status) snprintf(s->problem, sizeof s->problem, "%s", err.message);
  for (int i = 0; !status && good && i < count; i++) good = close_to(s, names[i], out[i]);
  for (int i = 0; i < count; i++) leat_tensor_unref(out[i]);
  leat_exec_free(exec);
  return status || !good ? FAILED : PASSED;
}

// --- Groups -------------------------------------------------------------------------------------
static const struct {
  const char *name;
  verdict (*run)(scene *s);                        // one case of the group's index
  bool (*folder)(const char *dir, int counts[3]);  // or the whole folder
} groups[] = {{"layers", layer_case, NULL},
              {"losses", loss_case, NULL},
              {"optimizers", optimizer_case, NULL},
              {"metrics", metric_case, NULL},
              {"feature_columns", feature_case, NULL},
              {"whole_model", whole_case, NULL},
              {"formats", NULL, formats_folder}};

node *read_tree(const char *path) {
  leat_buf text = {0};
  leat_json json;
  leat_json_event event;
  node *root = NULL;
  if (leat_file_read(path, 0, &text, &err)) return printf("not ok %s\n", err.message), NULL;
  leat_json_init(&json, leat_buf_view(&text), path);
  json.specials = true;
  if (leat_json_next(&json, &event, &err) || !(root = read_node(&json, event)))
    printf("not ok %s\n", err.message);
  leat_json_deinit(&json);
  leat_buf_deinit(&text);
  return root;
}

static bool run_cases(const char *folder, int which, int counts[3]) {
  char *index = leat_path_join(folder, "index.json"),
       *file = leat_path_join(folder, "tensors.safetensors");
  leat_safetensors st = {0};
  bool found = leat_file_exists(index);
  node *root = found ? read_tree(index) : NULL;
  if (root && leat_safetensors_read(&st, file, &err)) {
    printf("# %s: %s\n", groups[which].name, err.message);
    root = NULL;
  }
  counts[FAILED] += found && !root;
  for (node *c = root ? get(root, "cases")->child : NULL; c; c = c->next) {
    scene s = {.c = c, .params = get(c, "params"), .name = c_text(get(c, "name")->text), .st = &st};
    if (get(c, "inputs")) open_scene(&s);
    verdict v = get(c, "inputs") ? groups[which].run(&s) : NOT_HERE;
    counts[v]++;
    if (v == FAILED) printf("# %s/%s: %s\n", groups[which].name, s.name, s.problem);
    leat_builder_free(s.b);
    leat_graph_free(s.g);
  }
  leat_safetensors_deinit(&st);
  leat__free(index);
  leat__free(file);
  return found;
}

static int run_group(const char *dir, int which, bool tap) {
  int counts[3] = {0};
  char *folder = leat_path_join(dir, groups[which].name);
  bool found = groups[which].folder ? groups[which].folder(folder, counts)
                                    : run_cases(folder, which, counts);
  leat__free(folder);
  if (!found) return 0;
  if (tap)
    printf("%s %s: %d passed, %d failed, %d not here\n", counts[FAILED] ? "not ok" : "ok",
           groups[which].name, counts[PASSED], counts[FAILED], counts[NOT_HERE]);
  else
    printf("%-12s %3d passed, %3d failed, %3d of things not here\n", groups[which].name,
           counts[PASSED], counts[FAILED], counts[NOT_HERE]);
  return counts[FAILED] > 0;
}

int main(int argc, char **argv) {
  int at = 1, failed = 0;
  bool tap = argc > at && strcmp(argv[at], "--tap") == 0;
  at += tap;
  if (argc <= at) {
    fprintf(stderr, "usage: golden [--tap] DIR [GROUP...]\n");
    return 2;
  }
  const char *dir = argv[at++];
  for (size_t i = 0; i < sizeof groups / sizeof *groups; i++) {
    bool chosen = at >= argc;
    for (int k = at; k < argc; k++) chosen |= strcmp(argv[k], groups[i].name) == 0;
    if (chosen) failed |= run_group(dir, (int)i, tap);
  }
  leat_arena_deinit(&arena);
  return failed;
}
