// DoFn: the classes that are registered.
// SPDX-License-Identifier: Apache-2.0
#include "flow/dofn_impl.h"

#include <ctype.h>
#include <pthread.h>

static struct {
  pthread_mutex_t lock;
  LEAT_VEC(const leat_dofn *) at;  // for the life of the process
} classes = {PTHREAD_MUTEX_INITIALIZER, {0}};

static leat_status bad(const leat_dofn *fn, leat_error *err, const char *what) {
  return leat_error_set(err, LEAT_INVALID_ARGUMENT, "DoFn '%s': %s", fn->name, what);
}

static bool good_name(const char *name) {
  if (!name || !*name) return false;
  for (; *name; name++)
    if (!isalnum((unsigned char)*name) && !strchr("_:.-", *name)) return false;
  return true;
}

static leat_status check_states(const leat_dofn *fn, leat_error *err) {
  for (int i = 0; i < fn->state_count; i++) {
    const leat_dofn_state *s = &fn->states[i];
    if (!good_name(s->name)) return bad(fn, err, "a state without a name");
    if (!s->type) return bad(fn, err, "a state without a type");
    if ((s->kind == LEAT_CELL_MAP) != (s->key != NULL))
      return bad(fn, err, "a map's state has a key type, others have none");
  }
  return LEAT_OK;
}

static leat_status check(const leat_dofn *fn, leat_error *err) {
  bool stateful = fn->state_count || fn->timer_count;
  if (!good_name(fn->name))
    return leat_error_set(err, LEAT_INVALID_ARGUMENT,
                          "a DoFn's name is letters, digits, '_', ':', '.' and '-'");
  if (!fn->process == !fn->process_batch)
    return bad(fn, err, "it needs either `process` or `process_batch`");
  if (fn->process_batch && (stateful || fn->side_count || fn->windows))
    return bad(fn, err, "process_batch sees no windows: no state, timers and side inputs");
  if (fn->timer_count && !fn->on_timer) return bad(fn, err, "timers without on_timer");
  if (fn->on_window_expiration && !stateful)
    return bad(fn, err, "on_window_expiration without state or timers");
  for (int i = 0; i < fn->output_count; i++)
    if (!fn->outputs[i].tag || (i > 0) == !*fn->outputs[i].tag)
      return bad(fn, err, "the first output has the tag \"\", each other one a tag of its own");
  for (int i = 0; i < fn->side_count; i++)
    if (!good_name(fn->sides[i].name) ||
        (fn->sides[i].view == LEAT_SIDE_MAP) != (fn->sides[i].key != NULL))
      return bad(fn, err, "a side input has a name; a map names its key, others do not");
  return check_states(fn, err);
}

static const leat_dofn *find(leat_str name) {
  for (size_t i = 0; i < classes.at.count; i++)
    if (leat_str_eq(name, leat_str_of(classes.at.at[i]->name))) return classes.at.at[i];
  return NULL;
}

leat_status leat_dofn_register(const leat_dofn *fn, leat_error *err) {
  leat_status status = check(fn, err);
  if (status) return status;
  pthread_mutex_lock(&classes.lock);
  const leat_dofn *known = find(leat_str_of(fn->name));
  if (known && known != fn)
    status = leat_error_set(err, LEAT_ALREADY_EXISTS, "DoFn '%s' is registered already", fn->name);
  else if (!known && !leat_vec_push(&classes.at, fn))
    status = leat__oom(err, sizeof fn);
  pthread_mutex_unlock(&classes.lock);
  return status;
}

const leat_dofn *leat_dofn_find(leat_str name) {
  pthread_mutex_lock(&classes.lock);
  const leat_dofn *found = find(name);
  pthread_mutex_unlock(&classes.lock);
  return found;
}

leat_str leat_dofn_nearest(leat_str name) {
  LEAT_VEC(leat_str) names = {0};
  pthread_mutex_lock(&classes.lock);
  for (size_t i = 0; i < classes.at.count; i++)
    if (!leat_vec_push(&names, leat_str_of(classes.at.at[i]->name))) break;
  pthread_mutex_unlock(&classes.lock);
  leat_str nearest = leat_str_nearest(name, names.at, names.count);
  leat_vec_deinit(&names);
  return nearest;  // the class's own text
}
