// ML Engine v1: field masks, etags, labels.
// SPDX-License-Identifier: Apache-2.0
#include "serve/mlengine_impl.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { LABELS_MAX = 64, LABEL_BYTES = 63 };

leat_str ml_camel(leat_arena *arena, leat_str name) {
  char *out = leat_arena_str(arena, name), *to = out;
  for (size_t i = 0; out && i < name.len; i++) {
    bool hump = out[i] == '_' && i + 1 < name.len && islower((unsigned char)out[i + 1]);
    *to++ = hump ? (char)toupper((unsigned char)out[++i]) : out[i];
  }
  if (out) *to = 0;
  return (leat_str){out ? out : "", out ? (size_t)(to - out) : 0};
}

// --- Masks --------------------------------------------------------------------------------------
// "labels.team" is allowed by "labels.*".
static bool is_allowed(leat_str path, const char *const *allowed) {
  for (; *allowed; allowed++) {
    leat_str name = leat_str_of(*allowed);
    if (leat_str_eq(path, name)) return true;
    if (!leat_str_ends(name, LEAT_STR(".*"))) continue;
    leat_str holder = {name.ptr, name.len - 1};
    if (leat_str_starts(path, holder) && path.len > holder.len)
      return !memchr(path.ptr + holder.len, '.', path.len - holder.len);
  }
  return false;
}

static leat_status add_path(ml_call *c, leat_str path, const char *const *allowed, ml_paths *out) {
  if (leat_str_eq(path, LEAT_STR("etag"))) return LEAT_OK;
  if (!is_allowed(path, allowed))
    return ml_field_error(c, "update_mask",
                          "The field '" LEAT_STR_FMT "' is unknown or cannot be updated.",
                          LEAT_STR_ARG(path));
  return leat_vec_push(out, path) ? LEAT_OK : ml_no_memory(c);
}

leat_status ml_mask(ml_call *c, const char *const *allowed, ml_paths *out) {
  const char *text = ml_query(c, "updateMask");
  leat_status status = LEAT_OK;
  if (!text) text = ml_query(c, "update_mask");
  if (text && strcmp(text, "*") == 0) {
    for (; !status && *allowed; allowed++)
      if (!strchr(*allowed, '.') || leat_jnode_at(c->body, leat_str_of(*allowed)))
        status = leat_vec_push(out, leat_str_of(*allowed)) ? LEAT_OK : ml_no_memory(c);
    return status;
  }
  for (leat_str rest = leat_str_of(text); !status && rest.len;) {
    leat_str path = leat_str_strip(leat_str_cut(&rest, ','), LEAT_STR(" "));
    status = add_path(c, ml_camel(&c->arena, path), allowed, out);
  }
  for (leat_jnode *m = text ? NULL : c->body->first; !status && m; m = m->next) {
    bool named = leat_str_eq(m->key, LEAT_STR("name"));
    bool nested = leat_str_eq(m->key, LEAT_STR("defaultVersion"));
    if (!named)
      status = add_path(c, nested ? LEAT_STR("defaultVersion.name") : m->key, allowed, out);
  }
  if (!status && !out->count)
    status = ml_field_error(c, "update_mask", "The update mask names no field.");
  return status;
}

leat_status ml_apply(ml_call *c, const ml_paths *paths, leat_jnode *to) {
  for (size_t i = 0; i < paths->count; i++) {
    leat_str rest = paths->at[i], key = leat_str_cut(&rest, '.');
    leat_jnode *value = leat_jnode_copy(&c->arena, leat_jnode_at(c->body, paths->at[i]));
    leat_jnode *holder = to;
    for (; rest.len; key = leat_str_cut(&rest, '.')) {  // the objects on the way
      leat_str path = key;
      leat_jnode *inner = leat_jnode_at(holder, path);
      if (!leat_jnode_is(inner, LEAT_JSON_OBJECT))
        inner = leat_jnode_put(&c->arena, holder, path, ml_object(c));
      if (!(holder = inner)) return ml_no_memory(c);
    }
    if (!value)
      leat_jnode_remove(holder, key);
    else if (!leat_jnode_put(&c->arena, holder, key, value))
      return ml_no_memory(c);
  }
  return LEAT_OK;
}

// --- Etags: the revision as 16 hexadecimal digits, which are base64 too -------------------------
void ml_put_etag(ml_call *c, leat_jnode *object, int64_t revision) {
  ml_put_text(c, object, "etag", ml_format(c, "%016llx", (unsigned long long)revision));
}

leat_status ml_etag(ml_call *c, int64_t now) {
  char text[20];
  const char *given = leat_jnode_c(c->body, "etag");
  snprintf(text, sizeof text, "%016llx", (unsigned long long)now);
  if (!given[0] || strcmp(given, text) == 0) return LEAT_OK;
  return leat_error_set(c->err, LEAT_ABORTED, "the etag '%s' is not the present one, '%s'", given,
                        text);
}

// --- Labels -------------------------------------------------------------------------------------
static bool is_label(leat_str text) {
  if (text.len > LABEL_BYTES) return false;
  for (size_t i = 0; i < text.len; i++) {
    unsigned char ch = (unsigned char)text.ptr[i];
    if (!islower(ch) && !isdigit(ch) && ch != '_' && ch != '-' && ch < 0x80) return false;
  }
  return true;
}

leat_status ml_check_labels(ml_call *c, const char *place, const leat_jnode *labels) {
  if (labels && labels->count > LABELS_MAX)
    return ml_field_error(c, place, "There may be %d labels, not %zu.", LABELS_MAX, labels->count);
  for (const leat_jnode *m = labels ? labels->first : NULL; m; m = m->next) {
    bool starts = m->key.len && (islower((unsigned char)m->key.ptr[0]) || m->key.ptr[0] & 0x80);
    if (!starts || !is_label(m->key) || !is_label(leat_jnode_str(m)))
      return ml_field_error(c, place,
                            "Label '%s=%s': keys and values have up to %d lower-case letters, "
                            "digits, '_' and '-', and keys start with a letter.",
                            m->key.ptr, leat_jnode_str(m).ptr, LABEL_BYTES);
  }
  return LEAT_OK;
}
