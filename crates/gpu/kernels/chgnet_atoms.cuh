// Rows by number, norms, and what is read off atoms. 16 threads have a row.

#pragma once

#include "chgnet_tile.cuh"

struct ChgnetTake {
    // [.., 64]
    const float *table;
    // [rows]: of the table; null where it has as many.
    const uint32_t *index;
    // [rows, 64]: added; or null.
    const float *plus;
    float *out;
    uint32_t rows;
};

extern "C" __global__ void __launch_bounds__(256) chgnet_take(__grid_constant__ const ChgnetTake p) {
    uint32_t row = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, column = 4 * (threadIdx.x % ROW_THREADS);
    if (row >= p.rows) return;
    Four x = load_four(p.table, p.index ? p.index[row] : row, WIDE, column);
    if (p.plus) x = plus(x, load_four(p.plus, row, WIDE, column));
    store_four(p.out, row, WIDE, column, x);
}

struct ChgnetPut {
    // [rows, 64]
    const float *rows_of;
    // [rows]: of the table; none twice.
    const uint32_t *index;
    float *table;
    uint32_t rows;
};

extern "C" __global__ void __launch_bounds__(256) chgnet_put(__grid_constant__ const ChgnetPut p) {
    uint32_t row = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, column = 4 * (threadIdx.x % ROW_THREADS);
    if (row >= p.rows) return;
    store_four(p.table, p.index[row], WIDE, column, load_four(p.rows_of, row, WIDE, column));
}

struct ChgnetNorm {
    // [rows, 64]: what is normalized.
    const float *x;
    // [2, 64]: scale, offset
    const float *norm;
    // Backward: gradients by the result; or null.
    const float *by;
    // Forward, the result; backward, gradients by x.
    float *out;
    uint32_t rows;
    uint32_t width;
    float inverse_width;
};

extern "C" __global__ void __launch_bounds__(256) chgnet_norm(__grid_constant__ const ChgnetNorm p) {
    uint32_t at = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS;
    RowThreads row(p.width, p.inverse_width);
    bool there = at < p.rows;
    // Sums need all threads of a warp.
    Four x = {}, by = {}, scale = load_four(p.norm, 0, WIDE, row.column), offset = load_four(p.norm, 1, WIDE, row.column);
    if (there) x = load_four(p.x, at, WIDE, row.column);
    if (there && p.by) by = load_four(p.by, at, WIDE, row.column);
    Normal n = normal(row, x);
    Four out = p.by ? normal_backward(row, n, times(by, scale)) : multiply_add(n.x, scale, offset);
    if (there) store_four(p.out, at, WIDE, row.column, out);
}

struct ChgnetDot {
    // [rows, 64]
    const float *x;
    // [64]
    const double *weights;
    // [rows]: the bias plus x times the weights.
    double *out;
    // [rows, 64]: before silu has made x of them; and gradients by them. Null where they are not wanted.
    const float *sums;
    float *by_sums;
    double bias;
    uint32_t rows;
};

extern "C" __global__ void __launch_bounds__(256) chgnet_dot(__grid_constant__ const ChgnetDot p) {
    uint32_t at = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, column = 4 * (threadIdx.x % ROW_THREADS);
    bool there = at < p.rows;
    // Sums need all threads of a warp.
    Four x = {}, by = {};
    if (there) x = load_four(p.x, at, WIDE, column);
    if (there && p.by_sums) by = silu_slope(load_four(p.sums, at, WIDE, column));
    double sum = 0.0;
#pragma unroll
    for (int j = 0; j < 4; ++j) {
        double w = p.weights[column + j];
        sum += w * x.x[j];
        by.x[j] = static_cast<float>(w * by.x[j]);
    }
#pragma unroll
    for (int step = 8; step > 0; step >>= 1) sum += __shfl_xor_sync(0xffffffffu, sum, step);
    if (!there) return;
    if (column == 0) p.out[at] = p.bias + sum;
    if (p.by_sums) store_four(p.by_sums, at, WIDE, column, by);
}
