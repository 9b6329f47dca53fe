#!/bin/sh
# Fuzzes every format for T seconds each (60) with libFuzzer, ASan and UBSan; needs clang.
# usage: fuzz/run.sh [TARGET...]
# SPDX-License-Identifier: Apache-2.0
set -eu
cd "$(dirname "$0")/.."
seconds=${T:-60}
targets=${*:-arrays board coder csv event example expr flow graph h2 http json jsonl mlengine predict proto row rows_csv rows_json rows_tfrecord safetensors tfrecord yaml}
out=build-fuzz
mkdir -p $out
python3 tools/embed.py $out/texts.c
python3 tools/embed_page.py $out/board_page.c web/board/dist
python3 tools/embed.py $out/serve_texts.c leat__text_openapi=src/serve/openapi.json leat__text_services=src/serve/services.txt
flags="-std=gnu17 -D_GNU_SOURCE -O1 -g -fno-omit-frame-pointer -ffp-contract=off -Iinclude -Isrc -DLEAT_VERSION=\"fuzz\" -Wno-psabi"
flags="$flags -fno-sanitize-recover=undefined -DLEAT_VEC_TABLE=leat__vec_base -DLEAT_VEC_NAME=\"sse2\" -DLEAT_ONE_ISA"
sources=$(ls src/base/*.c src/tensor/*.c src/formats/*.c src/graph/*.c src/engine/*.c src/features/*.c src/train/*.c src/model/*.c src/flow/*.c src/net/*.c src/registry/*.c src/serve/*.c src/board/*.c | grep -v -e tmpl -e no_h2 -e no_tls -e no_sqlite)
rm -rf $out/objects $out/fuzz.a
mkdir -p $out/objects
for source in $sources src/engine/vec_tmpl.c $out/texts.c $out/serve_texts.c $out/board_page.c; do
  echo "$source -o $out/objects/$(echo $source | tr / _).o"
done | xargs -P "$(nproc)" -L 1 clang $flags -fsanitize=fuzzer-no-link,address,undefined -c
ar rcs $out/fuzz.a $out/objects/*.o
for target in $targets; do
  clang $flags -fsanitize=fuzzer,address,undefined -DTARGET=fuzz_$target fuzz/fuzz.c $out/fuzz.a -lyaml -lz -lm -lpthread -ldl \
    -o $out/fuzz_$target
  mkdir -p $out/corpus/$target
  echo "fuzzing $target for $seconds s"
  $out/fuzz_$target -max_total_time=$seconds -timeout=10 -rss_limit_mb=4096 -max_len=4096 -print_final_stats=1 \
    $out/corpus/$target fuzz/corpus/$target >$out/$target.log 2>&1 || { tail -40 $out/$target.log; exit 1; }
  grep -E "number_of_executed_units|slowest_unit" $out/$target.log
done
