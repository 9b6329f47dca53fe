#!/bin/sh
# The talk's demo: data read, a DNN of 100-70-50-25 units trained and evaluated, one person predicted.
# SPDX-License-Identifier: Apache-2.0
set -eu
build=${1:-build}
here=$(dirname "$0")
data=$("$here/fetch.sh" "$build")
job=$build/census-job
echo "training on $data/adult.data" >&2
"$build/leat" train "$here/census.yaml" --job-dir "$job" --overwrite \
  --train-files "$data/adult.data" --eval-files "$data/adult.test"
echo "predicting $here/person.json" >&2
"$build/leat" predict --job-dir "$job" --json-instances "$here/person.json"
