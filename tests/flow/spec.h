// Windows and triggers as Beam's transcripts write them: AfterWatermark(early=AfterCount(2)).
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TESTS_FLOW_SPEC_H
#define LEAT_TESTS_FLOW_SPEC_H

#include "base/arena.h"
#include "flow/group.h"
#include "formats/number.h"

#include <ctype.h>

typedef struct spec_call {  // Name(numbers and calls); early=, late= are the calls 0 and 1
  leat_str name;
  int64_t numbers[3];
  const leat_flow_trigger *calls[8];
  size_t number_count, call_count;
} spec_call;

static bool spec_is(leat_str name, const char *want) {
  return leat_str_eq(name, leat_str_of(want));
}

static leat_str spec_word(leat_str *in) {
  *in = leat_str_strip(*in, LEAT_STR(" "));
  size_t n = 0;
  while (n < in->len && (isalnum((unsigned char)in->ptr[n]) || strchr("_-.", in->ptr[n]))) n++;
  leat_str word = {in->ptr, n};
  *in = leat_str_strip((leat_str){in->ptr + n, in->len - n}, LEAT_STR(" "));
  return word;
}

static bool spec_take(leat_str *in, char c) {
  if (!in->len || in->ptr[0] != c) return false;
  *in = leat_str_strip((leat_str){in->ptr + 1, in->len - 1}, LEAT_STR(" "));
  return true;
}

static leat_flow_trigger *spec_trigger(leat_arena *arena, leat_str *in, leat_error *err);

// One argument: a number, a call, or one of them by its name.
static leat_status spec_argument(leat_arena *arena, leat_str *in, spec_call *call,
                                 leat_error *err) {
  leat_str at = *in, word = spec_word(in);
  size_t place = call->call_count;
  int64_t number;
  if (spec_take(in, '=')) {
    if (spec_is(word, "late")) place = 1;
    at = *in;
    word = spec_word(in);
  }
  if (leat_parse_i64(word, &number) && call->number_count < 3)
    return call->numbers[call->number_count++] = number, LEAT_OK;
  if (place >= 8)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "more than eight triggers in one");
  *in = at;
  if (!spec_is(word, "None") && !(call->calls[place] = spec_trigger(arena, in, err)))
    return LEAT_INVALID_ARGUMENT;
  if (spec_is(word, "None")) spec_word(in);
  if (call->call_count <= place) call->call_count = place + 1;
  return LEAT_OK;
}

static leat_status spec_read(leat_arena *arena, leat_str *in, spec_call *call, leat_error *err) {
  *call = (spec_call){.name = spec_word(in)};
  if (!call->name.len)
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "expected a name at '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(*in));
  if (!spec_take(in, '(')) return LEAT_OK;
  while (!spec_take(in, ')')) {
    leat_status status = spec_argument(arena, in, call, err);
    if (status) return status;
    if (!spec_take(in, ',') && (!in->len || in->ptr[0] != ')'))
      return leat_error_set(err, LEAT_INVALID_ARGUMENT, "expected ')' at '" LEAT_STR_FMT "'",
                            LEAT_STR_ARG(*in));
  }
  return LEAT_OK;
}

static leat_flow_trigger *spec_trigger(leat_arena *arena, leat_str *in, leat_error *err) {
  static const struct {
    const char *name;
    leat_flow_trigger_kind kind;
  } names[] = {{"Default", LEAT_FLOW_DEFAULT},
               {"DefaultTrigger", LEAT_FLOW_DEFAULT},
               {"Always", LEAT_FLOW_ALWAYS},
               {"Never", LEAT_FLOW_NEVER},
               {"AfterWatermark", LEAT_FLOW_AFTER_WATERMARK},
               {"AfterProcessingTime", LEAT_FLOW_AFTER_PROCESSING_TIME},
               {"AfterSynchronizedProcessingTime", LEAT_FLOW_AFTER_SYNCHRONIZED},
               {"AfterCount", LEAT_FLOW_AFTER_COUNT},
               {"Repeatedly", LEAT_FLOW_REPEATEDLY},
               {"OrFinally", LEAT_FLOW_OR_FINALLY},
               {"AfterAny", LEAT_FLOW_AFTER_ANY},
               {"AfterFirst", LEAT_FLOW_AFTER_ANY},
               {"AfterAll", LEAT_FLOW_AFTER_ALL},
               {"AfterEach", LEAT_FLOW_AFTER_EACH}};
  spec_call call;
  if (spec_read(arena, in, &call, err)) return NULL;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!spec_is(call.name, names[i].name)) continue;
    leat_flow_trigger *t = leat_arena_alloc(arena, sizeof *t);
    size_t count = call.call_count;
    if (names[i].kind == LEAT_FLOW_AFTER_WATERMARK && count) count = 2;
    t->kind = names[i].kind;
    t->parts = leat_arena_copy(arena, call.calls, sizeof call.calls);
    t->part_count = count;
    if (t->kind == LEAT_FLOW_AFTER_COUNT) t->count = call.numbers[0];
    if (t->kind != LEAT_FLOW_AFTER_PROCESSING_TIME) return t;
    t->delay_ms = call.numbers[0];
    t->align_ms = call.numbers[1];
    t->align_to = call.numbers[2];
    return t;
  }
  leat_error_set(err, LEAT_INVALID_ARGUMENT, "no trigger '" LEAT_STR_FMT "'",
                 LEAT_STR_ARG(call.name));
  return NULL;
}

static leat_status spec_window(leat_arena *arena, leat_str *in, leat_flow_window_fn *out,
                               leat_error *err) {
  spec_call call;
  leat_status status = spec_read(arena, in, &call, err);
  if (status) return status;
  bool sliding = spec_is(call.name, "SlidingWindows");
  *out = (leat_flow_window_fn){.size_ms = call.numbers[0]};
  if (spec_is(call.name, "GlobalWindows"))
    out->kind = LEAT_FLOW_GLOBAL;
  else if (leat_str_starts(call.name, LEAT_STR("FixedWindows")))
    out->kind = LEAT_FLOW_FIXED;
  else if (spec_is(call.name, "Sessions"))
    out->kind = LEAT_FLOW_SESSIONS;
  else if (sliding)
    out->kind = LEAT_FLOW_SLIDING;
  else
    return leat_error_set(err, LEAT_INVALID_ARGUMENT, "no windows '" LEAT_STR_FMT "'",
                          LEAT_STR_ARG(call.name));
  if (sliding) out->period_ms = call.numbers[1];
  out->offset_ms = call.numbers[sliding ? 2 : 1];
  return LEAT_OK;
}

#endif
