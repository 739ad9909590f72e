// Mixtures of experts: for each composition of a batch the matrices of one convolution, as products read them.

#pragma once

#include "uma_rows.cuh"

// Compositions at once on plain cores, and a square tile of the experts' numbers, four neighbors of a row a thread.
constexpr uint32_t MIX_COMPOSITIONS = 16;
constexpr uint32_t MIX_SIDE = 32;
constexpr uint32_t MOST_EXPERTS = 128;
// Of these, so many tiles are transposed at a time.
constexpr uint32_t MIX_TURNED = 4;

struct UmaMix {
    // f32: [experts, outputs, inputs]; limbs: as `uma_pack_experts` writes them.
    const void *experts;
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
    // Whether rows of the matrix are inputs.
    uint32_t transposed;
};

// Where neighbors go, in the matrix of any composition: in a row of the file, or in a column where that is transposed.
struct MixPlaces {
    uint32_t first;
    uint32_t second;
    bool twice;
    bool negative;
};

__device__ __forceinline__ MixPlaces mix_places(const UmaMix &p, bool transposed, uint32_t output, uint32_t input) {
    uint32_t width = transposed ? p.outputs : (p.is_complex ? 2 : 1) * p.inputs, half = p.outputs / 2;
    auto at = [&](uint32_t o, uint32_t i) { return transposed ? i * width + o : o * width + i; };
    bool imaginary = output >= half;
    uint32_t other = imaginary ? output - half : output + half;
    return {at(output, input), at(other, p.inputs + input), p.is_complex != 0, imaginary};
}

// ---- In f32, on plain cores ----

__device__ __forceinline__ void put_mixed(const UmaMix &p, const MixPlaces &places, uint64_t base, const float4 &x) {
    float *to = static_cast<float *>(p.out) + base;
    *reinterpret_cast<float4 *>(to + places.first) = x;
    if (places.twice) *reinterpret_cast<float4 *>(to + places.second) = places.negative ? times(x, -1.0f) : x;
}

template <bool TRANSPOSED> __device__ __forceinline__ void uma_mix(const UmaMix &p) {
    __shared__ alignas(16) float coefficients[MOST_EXPERTS][MIX_COMPOSITIONS];
    uint32_t first = blockIdx.x * MIX_COMPOSITIONS, n = *p.n_compositions;
    if (first >= n) return;
    n = n - first < MIX_COMPOSITIONS ? n - first : MIX_COMPOSITIONS;
    for (uint32_t at = threadIdx.x; at < p.experts_count * MIX_COMPOSITIONS; at += 256) {
        uint32_t expert = at / MIX_COMPOSITIONS, b = at % MIX_COMPOSITIONS;
        coefficients[expert][b] = b < n ? p.coefficients[static_cast<size_t>(first + b) * p.experts_count + expert] : 0.0f;
    }
    __syncthreads();
    uint32_t column_tiles = (p.inputs + MIX_SIDE - 1) / MIX_SIDE;
    uint32_t row0 = blockIdx.y / column_tiles * MIX_SIDE, column0 = blockIdx.y % column_tiles * MIX_SIDE;
    uint32_t row = threadIdx.x >> 3, column = 4 * (threadIdx.x & 7);
    bool there = row0 + row < p.outputs && column0 + column < p.inputs;
    float4 sums[MIX_COMPOSITIONS];
#pragma unroll
    for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b) sums[b] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const float *from = static_cast<const float *>(p.experts) + static_cast<size_t>(row0 + row) * p.inputs + column0 + column;
    size_t stride = static_cast<size_t>(p.outputs) * p.inputs;
    // Three experts ahead of their sums.
    constexpr uint32_t AHEAD = 3;
    float4 next[AHEAD];
    auto load = [&](uint32_t expert) {
        return there && expert < p.experts_count ? load_four(from + expert * stride) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    };
#pragma unroll
    for (uint32_t a = 0; a < AHEAD; ++a) next[a] = load(a);
    for (uint32_t expert = 0; expert < p.experts_count; ++expert) {
        float4 numbers = next[0];
#pragma unroll
        for (uint32_t a = 0; a + 1 < AHEAD; ++a) next[a] = next[a + 1];
        next[AHEAD - 1] = load(expert + AHEAD);
#pragma unroll
        for (uint32_t b = 0; b < MIX_COMPOSITIONS; b += 4) {
            float4 c = load_four(&coefficients[expert][b]);
            sums[b] = multiply_add(numbers, c.x, sums[b]);
            sums[b + 1] = multiply_add(numbers, c.y, sums[b + 1]);
            sums[b + 2] = multiply_add(numbers, c.z, sums[b + 2]);
            sums[b + 3] = multiply_add(numbers, c.w, sums[b + 3]);
        }
    }
    uint64_t base = first * p.stride + p.offset;
    if constexpr (TRANSPOSED) {
        __shared__ float tiles[MIX_TURNED][MIX_SIDE][MIX_SIDE + 1];
        bool turned = column0 + row < p.inputs && row0 + column < p.outputs;
        MixPlaces places = mix_places(p, true, row0 + column, column0 + row);
#pragma unroll
        for (uint32_t b = 0; b < MIX_COMPOSITIONS; b += MIX_TURNED) {
            if (b >= n) continue;
            __syncthreads();
#pragma unroll
            for (uint32_t k = 0; k < MIX_TURNED; ++k) {
                float *to = &tiles[k][column][row];
                to[0] = sums[b + k].x, to[MIX_SIDE + 1] = sums[b + k].y;
                to[2 * (MIX_SIDE + 1)] = sums[b + k].z, to[3 * (MIX_SIDE + 1)] = sums[b + k].w;
            }
            __syncthreads();
#pragma unroll
            for (uint32_t k = 0; k < MIX_TURNED; ++k) {
                if (b + k >= n || !turned) continue;
                const float *own = &tiles[k][row][column];
                put_mixed(p, places, base + (b + k) * p.stride, make_float4(own[0], own[1], own[2], own[3]));
            }
        }
    } else if (there) {
        MixPlaces places = mix_places(p, false, row0 + row, column0 + column);
#pragma unroll
        for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b)
            if (b < n) put_mixed(p, places, base + b * p.stride, sums[b]);
    }
}
