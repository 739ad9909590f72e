// Mixtures of experts: for each composition of a batch the matrices of one convolution, as products read them.

#pragma once

#include "uma_rows.cuh"

// Compositions at once, and a tile of the experts' numbers: rows by columns, eight columns a thread.
constexpr uint32_t MIX_COMPOSITIONS = 8;
constexpr uint32_t MIX_ROWS = 32;
constexpr uint32_t MIX_COLUMNS = 64;
constexpr uint32_t MOST_EXPERTS = 256;

struct UmaMix {
    // [experts, outputs, inputs]
    const float *experts;
    // [compositions, experts]
    const float *coefficients;
    // [1]: how many compositions there are.
    const uint32_t *n_compositions;
    // Matrices of a composition, `stride` numbers behind those of the one before; this one begins at `offset`. Limbs: low ones
    // `plane` numbers behind the high ones.
    void *out;
    uint64_t plane;
    uint64_t stride;
    uint64_t offset;
    uint32_t experts_count;
    // Of the file: those of an order above 0 are A over B.
    uint32_t outputs;
    uint32_t inputs;
    // Of an order above 0 the matrix is that of plus and minus side by side: (A, -B) over (B, A).
    uint32_t is_complex;
    // Numbers are multiplied with it.
    float factor;
};

// Four neighbors of a row of the file, or of a column of it where `TRANSPOSED`, to their places in the matrix.
template <Kind K, bool TRANSPOSED>
__device__ __forceinline__ void put_mixed(const UmaMix &p, uint64_t base, uint32_t output, uint32_t input, float4 x) {
    auto put = [&](uint32_t o, uint32_t i, const float4 &x) {
        uint64_t width = TRANSPOSED ? p.outputs : (p.is_complex ? 2 : 1) * p.inputs;
        store_four<K>(p.out, p.plane, base + (TRANSPOSED ? i * width + o : o * width + i), x);
    };
    uint32_t half = p.outputs / 2;
    if (!p.is_complex) {
        put(output, input, x);
    } else if (output < half) {
        put(output, input, x);
        put(half + output, p.inputs + input, x);
    } else {
        put(output, input, x);
        put(output - half, p.inputs + input, times(x, -1.0f));
    }
}

template <Kind K, bool TRANSPOSED> __device__ __forceinline__ void uma_mix(const UmaMix &p) {
    __shared__ float coefficients[MOST_EXPERTS][MIX_COMPOSITIONS];
    __shared__ float tile[MIX_COLUMNS][MIX_ROWS + 1];
    uint32_t first = blockIdx.x * MIX_COMPOSITIONS, n = *p.n_compositions;
    if (first >= n) return;
    n = n - first < MIX_COMPOSITIONS ? n - first : MIX_COMPOSITIONS;
    for (uint32_t at = threadIdx.x; at < p.experts_count * MIX_COMPOSITIONS; at += 256) {
        uint32_t expert = at / MIX_COMPOSITIONS, b = at % MIX_COMPOSITIONS;
        coefficients[expert][b] = b < n ? p.coefficients[static_cast<size_t>(first + b) * p.experts_count + expert] * p.factor : 0.0f;
    }
    __syncthreads();
    uint32_t column_tiles = (p.inputs + MIX_COLUMNS - 1) / MIX_COLUMNS;
    uint32_t row0 = blockIdx.y / column_tiles * MIX_ROWS, column0 = blockIdx.y % column_tiles * MIX_COLUMNS;
    uint32_t output = row0 + (threadIdx.x >> 3), input = column0 + 8 * (threadIdx.x & 7);
    bool there = output < p.outputs && input < p.inputs;
    float4 sums[MIX_COMPOSITIONS][2];
#pragma unroll
    for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b) sums[b][0] = sums[b][1] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const float *from = p.experts + static_cast<size_t>(output) * p.inputs + input;
    size_t stride = static_cast<size_t>(p.outputs) * p.inputs;
#pragma unroll 2
    for (uint32_t expert = 0; there && expert < p.experts_count; ++expert) {
        float4 low = load_four(from + expert * stride), high = load_four(from + expert * stride + 4);
#pragma unroll
        for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b) {
            sums[b][0] = multiply_add(low, coefficients[expert][b], sums[b][0]);
            sums[b][1] = multiply_add(high, coefficients[expert][b], sums[b][1]);
        }
    }
#pragma unroll
    for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b) {
        if (b >= n) continue;
        uint64_t base = (first + b) * p.stride + p.offset;
        if constexpr (TRANSPOSED) {
            float x[8] = {sums[b][0].x, sums[b][0].y, sums[b][0].z, sums[b][0].w, sums[b][1].x, sums[b][1].y, sums[b][1].z, sums[b][1].w};
            __syncthreads();
#pragma unroll
            for (uint32_t i = 0; i < 8; ++i) tile[8 * (threadIdx.x & 7) + i][threadIdx.x >> 3] = x[i];
            __syncthreads();
            uint32_t column = threadIdx.x >> 2, rows = 8 * (threadIdx.x & 3);
#pragma unroll
            for (uint32_t h = 0; h < 2; ++h) {
                uint32_t o = row0 + rows + 4 * h, in_tile = rows + 4 * h;
                if (o >= p.outputs || column0 + column >= p.inputs) continue;
                float4 four = make_float4(tile[column][in_tile], tile[column][in_tile + 1], tile[column][in_tile + 2], tile[column][in_tile + 3]);
                put_mixed<K, true>(p, base, o, column0 + column, four);
            }
        } else if (there) {
            put_mixed<K, false>(p, base, output, input, sums[b][0]);
            put_mixed<K, false>(p, base, output, input + 4, sums[b][1]);
        }
    }
}
