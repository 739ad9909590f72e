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

// What W neighboring sums of a row meet: a bias, terms of two atoms, or what was there. Where many sums are finished one after
// the other, all of these are read before the first is written: the compiler cannot know that what is written lies elsewhere,
// and would wait for each in turn.
template <Epilogue E, int W> struct Terms {
    alignas(16) float first[W];
    // Of EDGES.
    alignas(16) float second[W];
};

// The two atoms of a row, where its sums meet terms of theirs.
struct Ends {
    uint32_t first;
    uint32_t second;
};

template <Epilogue E> __device__ __forceinline__ Ends ends_of(const Product &p, uint32_t row) {
    if (E != EDGES || row >= p.rows) return {0, 0};
    return {p.first[row], p.second[row]};
}

template <Epilogue E, int W>
__device__ __forceinline__ void load_terms(const Product &p, uint32_t row, Ends ends, uint32_t column, Terms<E, W> &to) {
    if constexpr (E == HIDDEN || E == ROWS) load<W>(p.bias + column, to.first);
    if constexpr (E == EDGES) {
        size_t stride = 2 * static_cast<size_t>(p.width);
        load<W>(p.table + ends.first * stride + column, to.first);
        load<W>(p.table + ends.second * stride + p.width + column, to.second);
    }
    if constexpr (E == ADD || E == SLOPE) load<W>(p.sums + static_cast<size_t>(row) * p.pitch + column, to.first);
}

// Finishes W neighboring numbers of a row.
template <Epilogue E, Kind K, int W>
__device__ __forceinline__ void finish(const Product &p, uint32_t row, uint32_t column, const Terms<E, W> &terms, float *x) {
    size_t at = static_cast<size_t>(row) * p.pitch + column;
    if constexpr (K == F16) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= p.scale;
    }
    if constexpr (E == HIDDEN || E == ROWS || E == EDGES || E == ADD) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += terms.first[i];
    }
    if constexpr (E == EDGES) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += terms.second[i];
    }
    if constexpr (E == SLOPE) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= silu_slope(terms.first[i]);
    } else {
        if (p.sums) store<W>(p.sums + at, x);
    }
    if constexpr (E == HIDDEN || E == EDGES) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] = silu(x[i]);
    }
    if constexpr (E == HIDDEN || E == EDGES || E == SLOPE) store_operand<K, W>(p.out, p.out_plane, at, x);
}

// Finishes N pairs of neighboring blocks of 8 columns as the matrix units leave them, four numbers a lane and block: a lane has
// two neighbors of each, and exchanges one pair with the lane beside it, so that it has four neighbors of one block and rows
// are written in pieces of 64 bytes.
template <Epilogue E, int N>
__device__ __forceinline__ void finish_blocks(const Product &p, uint32_t row, Ends ends, uint32_t column, const float *sums) {
    uint32_t lane = threadIdx.x & 31;
    bool odd = lane & 1;
    alignas(16) float x[N][4];
#pragma unroll
    for (int n = 0; n < N; ++n) {
        const float *left = sums + 8 * n, *right = left + 4;
#pragma unroll
        for (int i = 0; i < 2; ++i) {
            float own = odd ? right[i] : left[i];
            float other = __shfl_xor_sync(0xffffffffu, odd ? left[i] : right[i], 1);
            x[n][i] = odd ? other : own;
            x[n][i + 2] = odd ? own : other;
        }
    }
    column += block_column(lane);
    if (row >= p.rows) return;
    Terms<E, 4> terms[N];
#pragma unroll
    for (int n = 0; n < N; ++n)
        if (column + 16 * n < p.width) load_terms<E, 4>(p, row, ends, column + 16 * n, terms[n]);
#pragma unroll
    for (int n = 0; n < N; ++n)
        if (column + 16 * n < p.width) finish<E, F16, 4>(p, row, column + 16 * n, terms[n], x[n]);
}
