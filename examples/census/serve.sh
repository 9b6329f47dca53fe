#!/bin/sh
# The talk's payoff: a model, a version, one person predicted here, by REST in three dialects and by the program's client; the same bits.
# SPDX-License-Identifier: Apache-2.0
set -eu
build=${1:-build}
here=$(dirname "$0")
leat=$build/leat
person=$here/person.json
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
trap 'exit 1' INT TERM
export LEAT_REGISTRY="$work/registry"

say() { printf '\n$ %s\n' "$*"; }
run() { say "$@"; "$@"; }
# The two probabilities of an answer, without spaces, whatever stands around them.
probabilities() {
  tr -d ' \n' | sed -n -e 's/.*"probabilities".*"data":\[\([^]]*\)\].*/\1/p;t' -e 's/.*"probabilities":\[\([^]]*\)\].*/\1/p'
}

job=$build/census-job
if [ ! -d "$job/export" ]; then
  data=$("$here/fetch.sh" "$build")
  job=$work/job
  run "$leat" train "$here/census.yaml" --job-dir "$job" --train-files "$data/adult.data" --eval-files "$data/adult.test" --train-steps 1000
fi

run "$leat" models create census --regions us-central1
run "$leat" versions create v1 --model census --origin "$job"
run "$leat" models list
run "$leat" predict --model census --json-instances "$person"
"$leat" predict --model census --json-instances "$person" --format json | probabilities > "$work/here"

say "$leat serve --registry $LEAT_REGISTRY --listen 127.0.0.1:0 &"
"$leat" serve --registry "$LEAT_REGISTRY" --listen 127.0.0.1:0 > "$work/log" 2> "$work/errors" &
server=$!
for _ in $(seq 200); do
  grep -q listening "$work/log" && break
  sleep 0.02
done
url=http://$(sed -n 's/^listening on //p' "$work/log")

# The person as each dialect has it: an instance, and a tensor for each column.
printf '{"instances": [%s]}' "$(cat "$person")" > "$work/rows.json"
awk '{
  gsub(/^[{]|[}]$/, "")
  printf "{\"inputs\": ["
  for (i = split($0, pair, /, "/); i > 0; i--) {
    sub(/^"/, "", pair[i])
    value = pair[i]
    sub(/^[^"]*": */, "", value)
    sub(/".*/, "", pair[i])
    type = value ~ /^"/ ? "BYTES" : "FP32"
    printf("{\"name\": \"%s\", \"shape\": [1], \"datatype\": \"%s\", \"data\": [%s]}%s", pair[i], type, value, i > 1 ? ", " : "]}")
  }
}' "$person" > "$work/tensors.json"

ask() {
  name=$1 body=$2 path=$3
  say "curl -d @$(basename "$body") $url$path"
  curl -sS -H 'content-type: application/json' -d "@$body" "$url$path" | tee "$work/answer"
  probabilities < "$work/answer" > "$work/$name"
}
ask cloud "$work/rows.json" /v1/projects/local/models/census:predict
ask tensorflow "$work/rows.json" /v1/models/census:predict
ask inference "$work/tensors.json" /v2/models/census/infer
run "$leat" predict --model census --json-instances "$person" --endpoint "$url"
"$leat" predict --model census --json-instances "$person" --endpoint "$url" --format json | probabilities > "$work/client"

printf '\n%-46s %s\n' "leat predict" "$(cat "$work/here")"
for way in "cloud Cloud ML Engine" "tensorflow TensorFlow Serving" "inference Open Inference Protocol" "client leat predict --endpoint"; do
  file=${way%% *}
  printf '%-46s %s\n' "${way#* }" "$(cat "$work/$file")"
  if [ ! -s "$work/$file" ] || ! cmp -s "$work/here" "$work/$file"; then
    echo "serve.sh: ${way#* } answered something else" >&2
    cat "$work/errors" >&2
    exit 1
  fi
done
echo "the same bits, whichever way the person is asked about"
