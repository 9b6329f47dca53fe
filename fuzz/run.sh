#!/bin/sh
# Fuzzes every format for T seconds each (60) with libFuzzer, ASan and UBSan; needs clang.
# usage: fuzz/run.sh [TARGET...]
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."
seconds=${T:-60}
targets=${*:-csv json yaml safetensors tfrecord graph}
out=build-fuzz
mkdir -p $out
python3 tools/embed.py $out/texts.c
flags="-std=gnu17 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -ffp-contract=off -Iinclude -Isrc -DLEAT_VERSION=\"fuzz\" -Wno-psabi"
sources=$(ls src/base/*.c src/tensor/*.c src/formats/*.c src/graph/*.c src/engine/*.c src/features/*.c src/train/*.c src/model/*.c | grep -v tmpl)
for target in $targets; do
  clang $flags -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
    -DLEAT_VEC_TABLE=leat__vec_base '-DLEAT_VEC_NAME="sse2"' -DLEAT_ONE_ISA -DTARGET=fuzz_$target \
    fuzz/fuzz.c $sources src/engine/vec_tmpl.c -lyaml -lz -lm -lpthread -ldl $out/texts.c -o $out/fuzz_$target
  mkdir -p $out/corpus/$target
  echo "fuzzing $target for $seconds s"
  $out/fuzz_$target -max_total_time=$seconds -timeout=10 -rss_limit_mb=4096 -max_len=4096 -print_final_stats=1 \
    $out/corpus/$target fuzz/corpus/$target >$out/$target.log 2>&1 || { tail -40 $out/$target.log; exit 1; }
  grep -E "number_of_executed_units|slowest_unit" $out/$target.log
done
