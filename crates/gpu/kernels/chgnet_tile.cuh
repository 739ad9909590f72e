// Tiles of 64 rows, core and gate: 16 threads have four rows, each thread four columns of both.

#pragma once

#include "chgnet.h"
#include "row.cuh"

constexpr uint32_t TILE = 64;
// Numbers of a 64 x 64 matrix.
constexpr uint32_t SQUARE = WIDE * WIDE;

__device__ __forceinline__ Four load_four(const float *from, size_t row, uint32_t stride, uint32_t column) {
    float4 x = *reinterpret_cast<const float4 *>(from + row * stride + column);
    return {{x.x, x.y, x.z, x.w}};
}

__device__ __forceinline__ void store_four(float *to, size_t row, uint32_t stride, uint32_t column, const Four &x) {
    *reinterpret_cast<float4 *>(to + row * stride + column) = make_float4(x.x[0], x.x[1], x.x[2], x.x[3]);
}

// What the 16 threads of a row have in common.
struct RowThreads {
    uint32_t column;
    float inverse_width;
    bool there;

    __device__ __forceinline__ RowThreads(uint32_t width, float inverse)
        : column(4 * (threadIdx.x % ROW_THREADS)), inverse_width(inverse), there(4 * (threadIdx.x % ROW_THREADS) < width) {}

    __device__ __forceinline__ float sum(float x) const {
#pragma unroll
        for (int step = 8; step > 0; step >>= 1) x += __shfl_xor_sync(0xffffffffu, x, step);
        return x;
    }
};

// norms [4, 64]: scale and offset of the core, then of the gate.
__device__ __forceinline__ Gate load_gate(const float *norms, uint32_t column) {
    return {{load_four(norms, 0, WIDE, column), load_four(norms, 1, WIDE, column)},
            {load_four(norms, 2, WIDE, column), load_four(norms, 3, WIDE, column)}};
}

// Core and gate of the four rows of a thread.
struct Part {
    Four core[4];
    Four gate[4];
};

// The first of a thread's rows of a tile.
__device__ __forceinline__ uint32_t first_row() { return 4 * (threadIdx.x / ROW_THREADS); }

// Two matrices [64, 64] into shared memory.
__device__ __forceinline__ void load_matrices(float *to, const float *from) {
    for (uint32_t at = 4 * threadIdx.x; at < 2 * SQUARE; at += 4 * 256)
        *reinterpret_cast<float4 *>(to + at) = *reinterpret_cast<const float4 *>(from + at);
}

// Four rows into a left operand.
__device__ __forceinline__ void put(float *left, uint32_t column, const Four (&x)[4]) {
#pragma unroll
    for (uint32_t j = 0; j < 4; ++j)
        *reinterpret_cast<float4 *>(left + tile_group(column + j, threadIdx.x / ROW_THREADS)) =
            make_float4(x[0].x[j], x[1].x[j], x[2].x[j], x[3].x[j]);
}

__device__ __forceinline__ void put(float *left, uint32_t column, const Part &x) {
    put(left, column, x.core);
    put(left + SQUARE, column, x.gate);
}

// sums += left right, in the order of k.
__device__ __forceinline__ void add_product(const float *left, const float *right, uint32_t column, Four (&sums)[4]) {
#pragma unroll 16
    for (uint32_t k = 0; k < WIDE; ++k) {
        float4 a = *reinterpret_cast<const float4 *>(left + tile_group(k, threadIdx.x / ROW_THREADS));
        Four b = load_four(right, k, WIDE, column);
        const float rows[4] = {a.x, a.y, a.z, a.w};
#pragma unroll
        for (int i = 0; i < 4; ++i)
#pragma unroll
            for (int j = 0; j < 4; ++j) sums[i].x[j] = fmaf(rows[i], b.x[j], sums[i].x[j]);
    }
}

// Both halves, each with its matrix.
__device__ __forceinline__ void add_products(const float *left, const float *right, uint32_t column, Part &sums) {
    add_product(left, right, column, sums.core);
    add_product(left + SQUARE, right + SQUARE, column, sums.gate);
}

__device__ __forceinline__ Part part_of(const Four &core, const Four &gate) {
    return {{core, core, core, core}, {gate, gate, gate, gate}};
}

// Adds 128 columns of a table's row to core and gate.
__device__ __forceinline__ void add_row(Four &core, Four &gate, const float *table, size_t row, uint32_t stride, uint32_t column) {
    core = plus(core, load_four(table, row, stride, column));
    gate = plus(gate, load_four(table, row, stride, column + WIDE));
}
