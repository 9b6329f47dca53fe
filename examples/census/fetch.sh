#!/bin/sh
# Finds adult.data and adult.test: $LEAT_DATA, else UCI, else a synthetic set. Prints the folder.
# SPDX-License-Identifier: Apache-2.0
set -eu
build=${1:-build}
if [ -n "${LEAT_DATA:-}" ] && [ -f "$LEAT_DATA/adult.data" ]; then
  echo "data: the census files in \$LEAT_DATA" >&2
  echo "$LEAT_DATA"
  exit 0
fi
dir=$build/census
mkdir -p "$dir"
base=https://archive.ics.uci.edu/ml/machine-learning-databases/adult
sums="5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d  adult.data
a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05  adult.test"
if ! (cd "$dir" && echo "$sums" | sha256sum -c --status 2>/dev/null); then
  for file in adult.data adult.test; do
    curl -fsS --max-time 60 -o "$dir/$file.part" "$base/$file" 2>/dev/null && mv "$dir/$file.part" "$dir/$file" || break
  done
fi
if (cd "$dir" && echo "$sums" | sha256sum -c --status 2>/dev/null); then
  echo "data: the census files of UCI" >&2
else
  rm -f "$dir"/*.part
  "$build/examples/synthesize" "$dir"
  echo "data: SYNTHETIC rows of the census schema (no \$LEAT_DATA, and UCI cannot be reached)" >&2
fi
echo "$dir"
