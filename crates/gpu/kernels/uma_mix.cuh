// Mixtures of experts: for each composition of a batch the matrices of one convolution, as products read them.

#pragma once

#include "uma_rows.cuh"

// Compositions at once, and a square tile of the experts' numbers, four neighbors of a row a thread.
constexpr uint32_t MIX_COMPOSITIONS = 16;
constexpr uint32_t MIX_SIDE = 32;
constexpr uint32_t MOST_EXPERTS = 128;
// Of these, so many tiles are transposed at a time.
constexpr uint32_t MIX_TURNED = 4;

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

// Four neighbors as they lie in memory: numbers, or both limbs of them.
template <Kind K> struct Four {
    float4 x;
    __device__ __forceinline__ explicit Four(const float4 &x) : x(x) {}
    __device__ __forceinline__ Four negative() const { return Four(times(x, -1.0f)); }
    __device__ __forceinline__ void store(void *to, uint64_t, uint64_t at) const {
        *reinterpret_cast<float4 *>(static_cast<float *>(to) + at) = x;
    }
};

template <> struct Four<F16> {
    uint2 high;
    uint2 low;
    __device__ __forceinline__ explicit Four(const float4 &x) {
        Limbs a = split(x.x), b = split(x.y), c = split(x.z), d = split(x.w);
        high = make_uint2(a.high | static_cast<uint32_t>(b.high) << 16, c.high | static_cast<uint32_t>(d.high) << 16);
        low = make_uint2(a.low | static_cast<uint32_t>(b.low) << 16, c.low | static_cast<uint32_t>(d.low) << 16);
    }
    // Limbs of a negative number are the negative ones.
    __device__ __forceinline__ Four negative() const {
        Four other = *this;
        other.high.x ^= 0x80008000u, other.high.y ^= 0x80008000u, other.low.x ^= 0x80008000u, other.low.y ^= 0x80008000u;
        return other;
    }
    __device__ __forceinline__ void store(void *to, uint64_t plane, uint64_t at) const {
        uint16_t *own = static_cast<uint16_t *>(to) + at;
        *reinterpret_cast<uint2 *>(own) = high;
        *reinterpret_cast<uint2 *>(own + plane) = low;
    }
};

// Where four neighbors go, in the matrix of any composition: in a row of the file, or in a column where `TRANSPOSED`.
struct MixPlaces {
    uint32_t first;
    uint32_t second;
    bool twice;
    bool negative;
};

template <bool TRANSPOSED> __device__ __forceinline__ MixPlaces mix_places(const UmaMix &p, uint32_t output, uint32_t input) {
    uint32_t width = TRANSPOSED ? p.outputs : (p.is_complex ? 2 : 1) * p.inputs, half = p.outputs / 2;
    auto at = [&](uint32_t o, uint32_t i) { return TRANSPOSED ? i * width + o : o * width + i; };
    bool imaginary = output >= half;
    uint32_t other = imaginary ? output - half : output + half;
    return {at(output, input), at(other, p.inputs + input), p.is_complex != 0, imaginary};
}

template <Kind K> __device__ __forceinline__ void put_mixed(const UmaMix &p, const MixPlaces &places, uint64_t base, const float4 &x) {
    Four<K> four(x);
    four.store(p.out, p.plane, base + places.first);
    if (!places.twice) return;
    if (places.negative) four = four.negative();
    four.store(p.out, p.plane, base + places.second);
}

template <Kind K, bool TRANSPOSED> __device__ __forceinline__ void uma_mix(const UmaMix &p) {
    __shared__ alignas(16) float coefficients[MOST_EXPERTS][MIX_COMPOSITIONS];
    uint32_t first = blockIdx.x * MIX_COMPOSITIONS, n = *p.n_compositions;
    if (first >= n) return;
    n = n - first < MIX_COMPOSITIONS ? n - first : MIX_COMPOSITIONS;
    for (uint32_t at = threadIdx.x; at < p.experts_count * MIX_COMPOSITIONS; at += 256) {
        uint32_t expert = at / MIX_COMPOSITIONS, b = at % MIX_COMPOSITIONS;
        coefficients[expert][b] = b < n ? p.coefficients[static_cast<size_t>(first + b) * p.experts_count + expert] * p.factor : 0.0f;
    }
    __syncthreads();
    uint32_t column_tiles = (p.inputs + MIX_SIDE - 1) / MIX_SIDE;
    uint32_t row0 = blockIdx.y / column_tiles * MIX_SIDE, column0 = blockIdx.y % column_tiles * MIX_SIDE;
    uint32_t row = threadIdx.x >> 3, column = 4 * (threadIdx.x & 7);
    bool there = row0 + row < p.outputs && column0 + column < p.inputs;
    float4 sums[MIX_COMPOSITIONS];
#pragma unroll
    for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b) sums[b] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    const float *from = p.experts + static_cast<size_t>(row0 + row) * p.inputs + column0 + column;
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
        MixPlaces places = mix_places<true>(p, row0 + column, column0 + row);
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
                put_mixed<K>(p, places, base + (b + k) * p.stride, make_float4(own[0], own[1], own[2], own[3]));
            }
        }
    } else if (there) {
        MixPlaces places = mix_places<false>(p, row0 + row, column0 + column);
#pragma unroll
        for (uint32_t b = 0; b < MIX_COMPOSITIONS; ++b)
            if (b < n) put_mixed<K>(p, places, base + b * p.stride, sums[b]);
    }
}
