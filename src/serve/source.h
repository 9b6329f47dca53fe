// Source: where a server finds its versions: directories of numbers, or a list of models.
// SPDX-License-Identifier: Apache-2.0
//
// TensorFlow Serving's rules: a model's base path holds one directory a version, named by its
// number; a policy says which of them are served; the list is the whole truth. Labels are names
// for versions.
#ifndef LEAT_SERVE_SOURCE_H
#define LEAT_SERVE_SOURCE_H

#include "serve/models.h"

typedef struct leat_source leat_source;

typedef struct leat_source_options {
  const char *base_path, *name;  // of the only model; or
  const char *config_file;       // a model_config_list in text form
  bool labels_for_unavailable;   // labels may name versions that are not available
  void (*note)(void *context, const char *message);
  void *context;
} leat_source_options;

// What a request may ask for.
typedef struct leat_source_change {
  enum { LEAT_SOURCE_CONFIG, LEAT_SOURCE_LOAD, LEAT_SOURCE_UNLOAD } kind;
  leat_str config;  // CONFIG: a serialised ModelServerConfig, the whole truth from now on
  leat_str model;   // LOAD, UNLOAD: one that the source knows
} leat_source_change;

// INVALID_ARGUMENT with the place for a list that does not parse.
leat_status leat_source_new(leat_source **out, const leat_source_options *options, leat_error *err);
void leat_source_free(leat_source *source);  // NULL allowed
// Looks at the directories and sets the table where something changed (always: force). *failed
// counts versions that could not be loaded. NOT_FOUND: a base path that is not there.
leat_status leat_source_poll(leat_source *source, leat_models *models, bool force, int *failed,
                             leat_error *err);
leat_status leat_source_reread(leat_source *source,
                               leat_error *err);  // the config file, if changed
leat_status leat_source_apply(leat_source *source, const leat_source_change *change,
                              leat_models *models, leat_error *err);
// Calls visit for each model that is known, served or not; any thread.
void leat_source_each(leat_source *source, void (*visit)(void *context, const char *model),
                      void *context);

#endif
