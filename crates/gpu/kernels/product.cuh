// A product of rows with a constant matrix, and what is done with each number before it is written.

#pragma once

#include "arithmetic.h"
#include "operand.cuh"

// Rows of one group, at most as many as a block makes, and the group's matrix.
struct ProductTile {
    uint32_t from;
    uint32_t to;
    uint32_t matrix;
    uint32_t unused;
};

struct Product {
    // [rows, depth], a row `left_pitch` numbers behind the one before: f32, or high limbs with the low ones `left_plane`
    // numbers behind.
    const void *left;
    uint64_t left_plane;
    // f32: [depth, width]; limbs: [width, depth], low ones `right_plane` numbers behind the high ones.
    const void *right;
    uint64_t right_plane;
    // [width]
    const float *bias;
    // [atoms, 2 width]: terms of the first and of the second atom of a row.
    const float *table;
    const uint32_t *first;
    const uint32_t *second;
    // [rows, width], a row `pitch` numbers behind the one before: sums; what is read or written depends on the epilogue. May
    // be null where only `out` is wanted.
    float *sums;
    // [rows, width]: operand of the next product.
    void *out;
    uint64_t out_plane;
    // Where groups of rows have matrices of their own: tiles of rows, and numbers from a matrix to the next.
    const ProductTile *tiles;
    uint64_t right_stride;
    uint32_t rows;
    uint32_t width;
    uint32_t depth;
    // Of the sums: the matrix was divided by it.
    float scale;
    uint32_t left_pitch;
    uint32_t pitch;
};

// The product of the rows of this block's tile with their own matrix. Blocks beyond the last tile have none.
template <typename T> __device__ __forceinline__ Product of_tile(const Product &p, uint32_t &row0) {
    ProductTile tile = p.tiles[blockIdx.y];
    Product own = p;
    row0 = tile.from;
    own.rows = tile.to;
    own.right = static_cast<const T *>(p.right) + tile.matrix * p.right_stride;
    return own;
}

// What is done with a sum.
enum Epilogue {
    HIDDEN, // sums = x + bias, out = silu(sums)
    EDGES,  // the same with terms of two atoms instead of the bias
    ROWS,   // sums = x + bias
    SLOPE,  // out = x silu'(sums)
    ADD,    // sums += x
    PLAIN,  // sums = x
};

template <int W> struct Pack;
template <> struct Pack<2> { using type = float2; };
template <> struct Pack<4> { using type = float4; };

template <int W> __device__ __forceinline__ void load(const float *from, float *to) {
    *reinterpret_cast<typename Pack<W>::type *>(to) = *reinterpret_cast<const typename Pack<W>::type *>(from);
}

template <int W> __device__ __forceinline__ void store(float *to, const float *from) {
    *reinterpret_cast<typename Pack<W>::type *>(to) = *reinterpret_cast<const typename Pack<W>::type *>(from);
}

// Finishes W neighboring numbers of a row.
template <Epilogue E, Kind K, int W>
__device__ __forceinline__ void finish(const Product &p, uint32_t row, uint32_t column, float *x) {
    size_t at = static_cast<size_t>(row) * p.pitch + column;
    alignas(16) float other[W];
    if constexpr (K == F16) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= p.scale;
    }
    if constexpr (E == HIDDEN || E == ROWS) {
        load<W>(p.bias + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == EDGES) {
        size_t stride = 2 * static_cast<size_t>(p.width);
        load<W>(p.table + p.first[row] * stride + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
        load<W>(p.table + p.second[row] * stride + p.width + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == ADD) {
        load<W>(p.sums + at, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == SLOPE) {
        load<W>(p.sums + at, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= silu_slope(other[i]);
    } else {
        if (p.sums) store<W>(p.sums + at, x);
    }
    if constexpr (E == HIDDEN || E == EDGES) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] = silu(x[i]);
    }
    if constexpr (E == HIDDEN || E == EDGES || E == SLOPE) store_operand<K, W>(p.out, p.out_plane, at, x);
}

// Finishes two neighboring blocks of 8 columns as the matrix units leave them: a lane has two neighbors of each, and
// exchanges one pair with the lane beside it, so that it has four neighbors of one block and rows are written in pieces of
// 64 bytes.
template <Epilogue E>
__device__ __forceinline__ void finish_blocks(const Product &p, uint32_t row, uint32_t column, const float *left, const float *right) {
    uint32_t lane = threadIdx.x & 31;
    bool odd = lane & 1;
    float own[2], other[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        own[i] = odd ? right[i] : left[i];
        other[i] = __shfl_xor_sync(0xffffffffu, odd ? left[i] : right[i], 1);
    }
    column += block_column(lane);
    if (row >= p.rows || column >= p.width) return;
    alignas(16) float x[4] = {odd ? other[0] : own[0], odd ? other[1] : own[1], odd ? own[0] : other[0], odd ? own[1] : other[1]};
    finish<E, F16, 4>(p, row, column, x);
}
