// Sums of rows of edges or angles, in their order.

#pragma once

#include "chgnet_tile.cuh"

struct ChgnetSums {
    // [n + 1]: bounds of what belongs to a sum, in `list`, or without one in `rows` themselves.
    const uint32_t *starts;
    const uint32_t *list;
    // [.., 64]
    const float *rows;
    // [n, 64]: their product is added to the sum; or null.
    const float *left;
    const float *right;
    // [n, 64]: written, or added to.
    float *sums;
    // [n, 64]: sums times these; or null.
    const float *weights;
    float *scaled;
    uint32_t n;
    uint32_t add;
};

// 16 threads have a sum.
extern "C" __global__ void __launch_bounds__(256) chgnet_sums(__grid_constant__ const ChgnetSums p) {
    uint32_t at = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, column = 4 * (threadIdx.x % ROW_THREADS);
    if (at >= p.n) return;
    auto term = [&](uint32_t row) { return *reinterpret_cast<const float4 *>(p.rows + static_cast<size_t>(row) * WIDE + column); };
    float4 x = over_edges(p.starts[at], p.starts[at + 1], p.list, term);
    Four sum = {{x.x, x.y, x.z, x.w}};
    if (p.left) sum = multiply_add(load_four(p.left, at, WIDE, column), load_four(p.right, at, WIDE, column), sum);
    if (p.add) sum = plus(load_four(p.sums, at, WIDE, column), sum);
    store_four(p.sums, at, WIDE, column, sum);
    if (p.scaled) store_four(p.scaled, at, WIDE, column, times(sum, load_four(p.weights, at, WIDE, column)));
}

struct ChgnetWideSums {
    const uint32_t *starts;
    const uint32_t *list;
    // [.., 128]
    const float *rows;
    // [n, stride]: written from column `offset` on.
    float *sums;
    uint32_t n;
    uint32_t stride;
    uint32_t offset;
    // 1: the other edge of a pair instead.
    uint32_t turned;
};

// A warp has a sum.
extern "C" __global__ void __launch_bounds__(256) chgnet_wide_sums(__grid_constant__ const ChgnetWideSums p) {
    uint32_t at = warp_of(), column = 4 * lane_of();
    if (at >= p.n) return;
    auto term = [&](uint32_t row) {
        return *reinterpret_cast<const float4 *>(p.rows + static_cast<size_t>(row ^ p.turned) * 2 * WIDE + column);
    };
    float4 sum = over_edges(p.starts[at], p.starts[at + 1], p.list, term);
    *reinterpret_cast<float4 *>(p.sums + static_cast<size_t>(at) * p.stride + p.offset + column) = sum;
}
