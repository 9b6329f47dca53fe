// Draft: a schema that is found in values.
// SPDX-License-Identifier: Apache-2.0
#include "flow/draft.h"

bool leat_flow_draft_type(leat_flow_draft *d, leat_flow_type type) {
  bool numbers = (d->type == LEAT_FLOW_TYPE_INT64 && type == LEAT_FLOW_TYPE_DOUBLE) ||
                 (d->type == LEAT_FLOW_TYPE_DOUBLE && type == LEAT_FLOW_TYPE_INT64);
  if (d->type < 0 || numbers) d->type = numbers ? LEAT_FLOW_TYPE_DOUBLE : (int)type;
  return d->type == (int)type || numbers;
}

leat_flow_draft *leat_flow_draft_part(leat_flow_draft *d, leat_str name) {
  for (size_t k = 0; k < d->parts.count; k++)
    if (leat_str_eq(d->parts.at[k].name, name)) return &d->parts.at[k];
  leat_flow_draft part = {.name = name, .type = -1, .nullable = d->seen > 1};
  return leat_vec_push(&d->parts, part) ? &d->parts.at[d->parts.count - 1] : NULL;
}

void leat_flow_draft_end(leat_flow_draft *d) {
  for (size_t k = 0; k < d->parts.count; k++) {
    d->parts.at[k].nullable |= d->parts.at[k].seen < d->seen;
    d->parts.at[k].seen = d->seen;
  }
}

leat_flow_field *leat_flow_draft_fields(leat_arena *arena, const leat_flow_draft *parts,
                                        size_t count) {
  leat_flow_field *fields = leat_arena_alloc(arena, (count + 1) * sizeof *fields);
  for (size_t i = 0; fields && i < count; i++) {
    const leat_flow_draft *d = &parts[i];
    bool unknown = d->type < 0;
    fields[i] = (leat_flow_field){.name = d->name,
                                  .type = unknown ? LEAT_FLOW_TYPE_STRING : (leat_flow_type)d->type,
                                  .nullable = d->nullable || unknown,
                                  .field_count = (int)d->parts.count};
    if (d->parts.count &&
        !(fields[i].fields = leat_flow_draft_fields(arena, d->parts.at, d->parts.count)))
      return NULL;
  }
  return fields;
}

void leat_flow_draft_free(leat_flow_draft *d) {
  for (size_t i = 0; i < d->parts.count; i++) leat_flow_draft_free(&d->parts.at[i]);
  leat_vec_deinit(&d->parts);
}
