// Which engine a function runs in: the option, the environment, and AUTO's two thresholds.
// SPDX-License-Identifier: Apache-2.0
#include "engine/tier.h"

#include <sched.h>
#include <stdlib.h>

enum { LOOK_AFTER = 1000000, BUILD_AFTER = 150000000 };  // nanoseconds
enum { MANY_CALLS = 1000 };

static bool single_cpu(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) == 1;
}

static void give_up(leat_tier *t) {
  leat__native_free(t->native);
  t->native = NULL;
  t->given_up = true;
}

static leat_status build_now(leat_tier *t, const leat_func *func, leat_error *err) {
  leat_status status = leat__native_new(&t->native, func, t->prebuilt, t->profile, err);
  if (!status) status = leat__native_start(t->native, err);
  if (!status) status = leat__native_poll(t->native, true, err);
  return status;
}

// What was built ahead runs from the first call on; if it is not there, all goes as without it.
static leat_status look_ahead(leat_tier *t, const leat_func *func) {
  leat_error unused = {0};
  if (!t->prebuilt) return LEAT_OK;
  if (leat__native_new(&t->native, func, t->prebuilt, NULL, &unused)) return LEAT_OK;
  if (leat__native_ready(t->native)) return LEAT_OK;
  leat__native_free(t->native);
  t->native = NULL;
  return LEAT_OK;
}

leat_status leat__tier_init(leat_tier *t, const leat_func *func, const leat_exec_options *options,
                            leat_error *err) {
  static const char *const names[] = {"auto", "interpreter", "native"};
  const char *env = getenv("LEAT_ENGINE");
  bool demanded = env && strcmp(env, "native") == 0;
  t->engine = options->engine;
  for (int i = 0; env && i < 3; i++)
    if (strcmp(env, names[i]) == 0) t->engine = (leat_engine)i;
  if (options->profile && t->engine == LEAT_ENGINE_AUTO) t->engine = LEAT_ENGINE_NATIVE;
  if (options->profile && !(t->profile = leat__calloc(1, sizeof *t->profile)))
    return leat__oom(err, sizeof *t->profile);
  // Whoever hunts for a NaN needs every value.
  t->given_up = t->engine == LEAT_ENGINE_INTERPRETER || options->check_numerics;
  if (t->given_up) return LEAT_OK;
  t->prebuilt = options->prebuilt;
  if (options->calls >= MANY_CALLS) t->spent = BUILD_AFTER;
  if (t->engine == LEAT_ENGINE_AUTO) return look_ahead(t, func);
  leat_status status = build_now(t, func, demanded ? err : &t->note);
  if (!status) return LEAT_OK;
  give_up(t);
  return demanded && status != LEAT_UNIMPLEMENTED ? status : LEAT_OK;
}

void leat__tier_deinit(leat_tier *t) {
  leat__native_free(t->native);
  if (t->profile) leat__profile_deinit(t->profile);
  leat__free(t->profile);
}

static leat_status step_on(leat_tier *t, const leat_func *func) {
  if (!t->native) return leat__native_new(&t->native, func, t->prebuilt, t->profile, &t->note);
  if (t->spent < BUILD_AFTER) return LEAT_OK;
  leat_status status = leat__native_start(t->native, &t->note);
  return status ? status : leat__native_poll(t->native, single_cpu(), &t->note);
}

leat_native *leat__tier_choose(leat_tier *t, const leat_func *func) {
  if (t->native && leat__native_ready(t->native)) return t->native;
  if (t->given_up || t->spent < LOOK_AFTER) return NULL;
  leat_status status = step_on(t, func);
  if (status) give_up(t);
  if (status == LEAT_UNIMPLEMENTED) t->note = (leat_error){0};  // nobody asked for it
  return t->native && leat__native_ready(t->native) ? t->native : NULL;
}

void leat__tier_spend(leat_tier *t, int64_t nanoseconds) { t->spent += nanoseconds; }
