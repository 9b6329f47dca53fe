// What benchmarks share: the machine's peak, measured in the same run.
// SPDX-License-Identifier: Apache-2.0
#ifndef LEAT_BENCH_BENCH_H
#define LEAT_BENCH_BENCH_H

// GFLOP/s of multiply-adds on registers in the widest vectors that the library's kernels use here;
// the best of many short runs. Nothing that computes in f32 on this core goes faster.
double bench_peak(void);
// GB/s at which this core reads `bytes` of memory again and again, with vectors as wide: what a
// small product is bound by, whose operand is read once. The best of many short runs.
double bench_read(long bytes);

#endif
