// Products in f32 on plain cores.

#pragma once

#include "product.cuh"

// A block of 256 threads makes 128 x 128 numbers, a thread 8 x 8 of them: rows and columns 4 t and 64 + 4 t onwards. Of
// matrices with up to 64 columns it makes 128 x 64, a thread 8 x 4. Either way a number is summed in the order of k.
constexpr int SIDE = 128;
constexpr int STEP = 16;
constexpr int LEFT_STRIDE = SIDE + 4;

template <Epilogue E, int COLUMNS>
__device__ __forceinline__ void product_f32(const Product &p, uint32_t row0, float (&left_tile)[2][STEP][LEFT_STRIDE], float (&right_tile)[2][STEP][SIDE]) {
    constexpr int PARTS = COLUMNS / 64;
    const float *left = static_cast<const float *>(p.left);
    const float *right = static_cast<const float *>(p.right);
    const uint32_t thread = threadIdx.x, tx = thread & 15, ty = thread >> 4;
    const uint32_t column0 = blockIdx.x * SIDE;
    // Of the left tile a thread loads 4 neighbors along k of rows r and r + 64; of the right one, 4 columns of k and, where
    // there are 128, k + 8.
    const uint32_t left_r = thread >> 2, left_k = 4 * (thread & 3);
    const uint32_t right_k = 4 * thread / COLUMNS, right_n = 4 * thread % COLUMNS;
    float4 next_left[2], next_right[PARTS];
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

    auto fetch = [&](uint32_t k0) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t row = row0 + left_r + 64 * h, k = k0 + left_k;
            bool there = row < p.rows && k < p.depth;
            next_left[h] = there ? *reinterpret_cast<const float4 *>(left + static_cast<size_t>(row) * p.left_pitch + k) : zero;
        }
#pragma unroll
        for (int h = 0; h < PARTS; ++h) {
            uint32_t column = column0 + right_n, k = k0 + right_k + 8 * h;
            bool there = column < p.width && k < p.depth;
            next_right[h] = there ? *reinterpret_cast<const float4 *>(right + static_cast<size_t>(k) * p.width + column) : zero;
        }
    };
    auto put = [&](int buffer) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t row = left_r + 64 * h;
            left_tile[buffer][left_k][row] = next_left[h].x;
            left_tile[buffer][left_k + 1][row] = next_left[h].y;
            left_tile[buffer][left_k + 2][row] = next_left[h].z;
            left_tile[buffer][left_k + 3][row] = next_left[h].w;
        }
#pragma unroll
        for (int h = 0; h < PARTS; ++h) *reinterpret_cast<float4 *>(&right_tile[buffer][right_k + 8 * h][right_n]) = next_right[h];
    };

    float sums[8][4 * PARTS] = {};
    fetch(0);
    put(0);
    __syncthreads();
    int buffer = 0;
    for (uint32_t k0 = 0; k0 < p.depth; k0 += STEP) {
        bool more = k0 + STEP < p.depth;
        if (more) fetch(k0 + STEP);
#pragma unroll
        for (int k = 0; k < STEP; ++k) {
            alignas(16) float a[8], b[4 * PARTS];
            *reinterpret_cast<float4 *>(a) = *reinterpret_cast<const float4 *>(&left_tile[buffer][k][4 * ty]);
            *reinterpret_cast<float4 *>(a + 4) = *reinterpret_cast<const float4 *>(&left_tile[buffer][k][64 + 4 * ty]);
#pragma unroll
            for (int h = 0; h < PARTS; ++h)
                *reinterpret_cast<float4 *>(b + 4 * h) = *reinterpret_cast<const float4 *>(&right_tile[buffer][k][64 * h + 4 * tx]);
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < 4 * PARTS; ++j) sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
        }
        if (more) {
            put(buffer ^ 1);
            __syncthreads();
            buffer ^= 1;
        }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        uint32_t row = row0 + 4 * ty + (i & 3) + 64 * (i >> 2);
        if (row >= p.rows) continue;
#pragma unroll
        for (int h = 0; h < PARTS; ++h) {
            uint32_t column = column0 + 4 * tx + 64 * h;
            if (column >= p.width) continue;
            Terms<E, 4> terms;
            load_terms<E, 4>(p, row, ends_of<E>(p, row), column, terms);
            alignas(16) float x[4] = {sums[i][4 * h], sums[i][4 * h + 1], sums[i][4 * h + 2], sums[i][4 * h + 3]};
            finish<E, F32, 4>(p, row, column, terms, x);
        }
    }
}

template <Epilogue E> __device__ __forceinline__ void product_f32(const Product &p, uint32_t row0) {
    __shared__ alignas(16) float left_tile[2][STEP][LEFT_STRIDE];
    __shared__ alignas(16) float right_tile[2][STEP][SIDE];
    if (p.width <= 64) product_f32<E, 64>(p, row0, left_tile, right_tile);
    else product_f32<E, 128>(p, row0, left_tile, right_tile);
}
