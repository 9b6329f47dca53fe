#!/bin/sh
# Builds the digests with every compiler, level and instruction set at hand; all must be equal.
# SPDX-License-Identifier: Apache-2.0
#
# Usage: tests/numerics_matrix.sh [WORK_DIR]. Names what it skips; exits with 1 on any difference.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
work=${1:-$(mktemp -d)}
[ $# -gt 0 ] || trap 'rm -rf "$work"' EXIT
mkdir -p "$work"
flags="-std=gnu17 -D_GNU_SOURCE -ffp-contract=off -fno-math-errno -w -I$root/include -I$root/src"
sources="$root/tests/numerics_digest.c $root/src/formats/number.c $root/src/formats/json.c"
for file in "$root"/src/base/*.c "$root"/src/tensor/*.c "$root"/src/graph/*.c "$root"/src/engine/*.c; do
  case $file in *_tmpl.c) ;; *) sources="$sources $file" ;; esac
done
reference= failed=0 compared=0

avx512="-mavx512f -mavx512vl -mavx512dq -mavx512bw -mfma"

# compare LABEL FILE: the first file is what the others must equal.
compare() {
  if [ -z "$reference" ]; then
    reference=$2
    echo "ok   $1 (reference, $(wc -l <"$2") digests)"
  elif cmp -s "$reference" "$2"; then
    compared=$((compared + 1))
    echo "ok   $1"
  else
    failed=1
    echo "FAIL $1: differs from the reference in"
    diff "$reference" "$2" | sed -n 's/^> /       /p'
  fi
}

# table NAME ISA "FLAGS": one vec_tmpl.c.
table() {
  $cc $level $flags $3 -DLEAT_VEC_TABLE=leat__vec_$1 "-DLEAT_VEC_NAME=\"$2\"" \
    -c "$root/src/engine/vec_tmpl.c" -o "$work/$1.o"
}

for cc in gcc clang; do
  if ! command -v $cc >/dev/null; then echo "skip $cc: not installed"; continue; fi
  if [ "$(uname -m)" != x86_64 ]; then
    isas=neon
  else
    isas="sse2 avx2 avx512"
  fi
  for level in -O0 -O2 -O3; do
    if [ "$isas" = neon ]; then
      table base neon "" || { failed=1; continue; }
      tables="$work/base.o"
    else
      table base sse2 "" && table avx2 avx2 "-mavx2 -mfma" && table avx512 avx512 "$avx512" || { failed=1; continue; }
      tables="$work/base.o $work/avx2.o $work/avx512.o"
    fi
    $cc $level $flags $sources $tables -lm -lpthread -o "$work/digest" || { failed=1; continue; }
    for isa in $isas; do
      out="$work/$cc$level-$isa.txt"
      case $isa in
        avx*) grep -q " $isa" /proc/cpuinfo || { echo "skip $cc $level $isa: not in this CPU"; continue; } ;;
      esac
      if LEAT_ISA=$isa "$work/digest" >"$out"; then compare "$cc $level $isa" "$out"
      else failed=1; echo "FAIL $cc $level $isa: the digest program failed"; fi
    done
  done
done

# AArch64 under qemu's user mode.
if [ "$(uname -m)" != aarch64 ]; then
  qemu=$(command -v qemu-aarch64 || command -v qemu-aarch64-static)
  for cc in aarch64-linux-gnu-gcc "clang --target=aarch64-linux-gnu"; do
    if [ -z "$qemu" ]; then echo "skip $cc: no qemu-aarch64"; continue; fi
    if ! echo 'int main(void){return 0;}' | $cc -static -x c - -o "$work/probe" 2>/dev/null; then
      echo "skip $cc: cannot build for AArch64 here"
      continue
    fi
    for level in -O0 -O2; do
      table base neon "" &&
        $cc $level $flags -static $sources "$work/base.o" -lm -lpthread -o "$work/digest" || { failed=1; continue; }
      out="$work/aarch64-$(echo "$cc$level" | tr -c 'a-zA-Z0-9\n' '_').txt"
      if $qemu "$work/digest" >"$out"; then compare "$cc $level neon (qemu)" "$out"
      else failed=1; echo "FAIL $cc $level neon: the digest program failed"; fi
    done
  done
fi

[ $failed -eq 0 ] && echo "$compared builds equal the reference"
exit $failed
