// Shared libraries that are opened on first use.
// SPDX-License-Identifier: Apache-2.0
#include "base/library.h"

#include <dlfcn.h>

leat_status leat_library_open(const leat_library *library, leat_error *err) {
  void *handle = dlopen(library->file, RTLD_NOW | RTLD_LOCAL);
  if (!handle)
    return leat_error_set(err, LEAT_UNIMPLEMENTED, "%s is missing (Debian package %s): %s",
                          library->file, library->package, dlerror());
  for (int i = 0; library->names[i]; i++)
    if (!(library->functions[i] = dlsym(handle, library->names[i])))
      return leat_error_set(err, LEAT_UNIMPLEMENTED, "%s is too old (Debian package %s): no %s",
                            library->file, library->package, library->names[i]);
  return LEAT_OK;
}
