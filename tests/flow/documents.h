// The documents of a YAML stream, one after the other; what the drivers of Beam's files share.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_TESTS_FLOW_DOCUMENTS_H
#define LEAT_TESTS_FLOW_DOCUMENTS_H

#include "base/file.h"
#include "formats/yaml.h"

#include <stdio.h>

// Cuts the text up to the next line "---" off *rest; false at the end.
__attribute__((unused)) static bool next_document(leat_str *rest, leat_str *out) {
  if (!rest->len) return false;
  for (size_t i = 0; i < rest->len; i++)
    if ((i == 0 || rest->ptr[i - 1] == '\n') &&
        leat_str_starts((leat_str){rest->ptr + i, rest->len - i}, LEAT_STR("---"))) {
      *out = (leat_str){rest->ptr, i};
      leat_str line = {rest->ptr + i, rest->len - i};
      leat_str_cut(&line, '\n');
      *rest = line;
      return true;
    }
  *out = *rest;
  rest->len = 0;
  return true;
}

// ":[" as ": [": a reader of YAML 1.1 need not take the first for a key and a list.
__attribute__((unused)) static leat_str spaced(leat_str text, leat_buf *out) {
  leat_buf_clear(out);
  for (size_t i = 0; i < text.len; i++) {
    leat_buf_char(out, text.ptr[i]);
    if (text.ptr[i] == ':' && i + 1 < text.len && text.ptr[i + 1] == '[') leat_buf_char(out, ' ');
  }
  return leat_buf_view(out);
}

// Runs `document` on each of the file's that is not empty; the program's exit code.
__attribute__((unused)) static int each_document(int argc, char **argv,
                                                 int (*document)(const leat_yaml *, int number)) {
  leat_buf text = {0}, wide = {0};
  leat_error err;
  if (argc != 2) return fprintf(stderr, "usage: %s FILE\n", argv[0]), 2;
  if (leat_file_read(argv[1], 0, &text, &err)) return fprintf(stderr, "%s\n", err.message), 1;
  leat_str rest = leat_buf_view(&text), part;
  int failed = 0, number = 0;
  while (next_document(&rest, &part)) {
    leat_yaml yaml;
    leat_status status = leat_yaml_parse(&yaml, part, argv[1], &err);
    if (status) {
      leat_yaml_deinit(&yaml);
      status = leat_yaml_parse(&yaml, spaced(part, &wide), argv[1], &err);
    }
    if (status) {
      printf("not ok document %d # %s\n", ++number, err.message);
      failed++;
    } else if (yaml.root) {
      failed += document(&yaml, ++number);
    }
    leat_yaml_deinit(&yaml);
  }
  leat_buf_deinit(&text);
  leat_buf_deinit(&wide);
  return failed ? 1 : 0;
}

#endif
