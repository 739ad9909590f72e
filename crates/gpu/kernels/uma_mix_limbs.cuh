// Mixtures of experts on matrix units: rows are compositions, columns are numbers of a matrix, and what is summed over are
// experts.

#pragma once

#include "mma.cuh"
#include "uma_mix.cuh"

// Compositions of a block: two tiles of the matrix units.
constexpr uint32_t LIMB_COMPOSITIONS = 32;
// Experts of a matrix instruction, and pairs of them.
constexpr uint32_t DEEP = 16;
constexpr uint32_t PAIRS = DEEP / 2;
// Neighbors of a row that a warp mixes at a time, and how often it does so.
constexpr uint32_t RUN = 32;
constexpr uint32_t RUNS = 4;
// Coefficients are multiplied with it, so that the low limbs of small ones have their bits.
constexpr float COEFFICIENT_SCALE = 32.0f;

struct UmaPackExperts {
    // [experts, outputs, inputs]
    const float *experts;
    // [rows, pairs of experts, 2, width]: of each number a word with the high limbs of two experts, and one with the low ones.
    // Pairs are a multiple of `PAIRS`; experts beyond the last are zero.
    uint32_t *out;
    uint32_t experts_count;
    uint32_t outputs;
    uint32_t inputs;
    // Whether rows are inputs.
    uint32_t transposed;
    // Numbers are multiplied with it.
    float factor;
};

__device__ __forceinline__ uint32_t pairs_of(uint32_t experts) { return (experts + DEEP - 1) / DEEP * PAIRS; }

// A thread writes one word of high limbs and one of low ones.
__device__ __forceinline__ void pack_experts(const UmaPackExperts &p) {
    uint32_t rows = p.transposed ? p.inputs : p.outputs, width = p.transposed ? p.outputs : p.inputs;
    uint32_t pairs = pairs_of(p.experts_count), at = blockIdx.x * 256 + threadIdx.x;
    if (at >= rows * pairs * width) return;
    uint32_t column = at % width, pair = at / width % pairs, row = at / width / pairs;
    uint32_t output = p.transposed ? column : row, input = p.transposed ? row : column;
    auto number = [&](uint32_t expert) {
        size_t from = (static_cast<size_t>(expert) * p.outputs + output) * p.inputs + input;
        return expert < p.experts_count ? p.experts[from] * p.factor : 0.0f;
    };
    LimbPair limbs = split(number(2 * pair), number(2 * pair + 1));
    uint32_t *to = p.out + (static_cast<size_t>(row) * pairs + pair) * 2 * width + column;
    to[0] = limbs.high, to[width] = limbs.low;
}

// Coefficients as a lane holds them, for each step of `DEEP` experts, tile of compositions and lane: high and low limbs.
struct MixCoefficients {
    uint4 high[MOST_EXPERTS / DEEP][2][32];
    uint4 low[MOST_EXPERTS / DEEP][2][32];
};

__device__ __forceinline__ void fill(MixCoefficients &to, const UmaMix &p, uint32_t first, uint32_t n) {
    uint32_t items = pairs_of(p.experts_count) / PAIRS * 2 * 32;
    for (uint32_t item = threadIdx.x; item < items; item += 256) {
        uint32_t lane = item & 31, tile = item >> 5 & 1, step = item >> 6;
        uint32_t high[4], low[4];
#pragma unroll
        for (uint32_t r = 0; r < 4; ++r) {
            uint32_t composition = 16 * tile + lane / 4 + 8 * (r & 1), expert = DEEP * step + 2 * (lane & 3) + 8 * (r >> 1);
            const float *from = p.coefficients + static_cast<size_t>(first + composition) * p.experts_count;
            auto number = [&](uint32_t expert) {
                return composition < n && expert < p.experts_count ? from[expert] * COEFFICIENT_SCALE : 0.0f;
            };
            LimbPair limbs = split(number(expert), number(expert + 1));
            high[r] = limbs.high, low[r] = limbs.low;
        }
        to.high[step][tile][lane] = make_uint4(high[0], high[1], high[2], high[3]);
        to.low[step][tile][lane] = make_uint4(low[0], low[1], low[2], low[3]);
    }
}

__device__ __forceinline__ void put_limbs(const UmaMix &p, const MixPlaces &places, uint64_t base, const float (&x)[8]) {
    uint32_t high[4], low[4];
#pragma unroll
    for (uint32_t k = 0; k < 4; ++k) {
        LimbPair pair = split(x[2 * k], x[2 * k + 1]);
        high[k] = pair.high, low[k] = pair.low;
    }
    uint16_t *to = static_cast<uint16_t *>(p.out) + base;
    *reinterpret_cast<uint4 *>(to + places.first) = make_uint4(high[0], high[1], high[2], high[3]);
    *reinterpret_cast<uint4 *>(to + places.first + p.plane) = make_uint4(low[0], low[1], low[2], low[3]);
    if (!places.twice) return;
    // Limbs of a negative number are the negative ones.
    uint32_t sign = places.negative ? 0x80008000u : 0u;
    *reinterpret_cast<uint4 *>(to + places.second) = make_uint4(high[0] ^ sign, high[1] ^ sign, high[2] ^ sign, high[3] ^ sign);
    *reinterpret_cast<uint4 *>(to + places.second + p.plane) = make_uint4(low[0] ^ sign, low[1] ^ sign, low[2] ^ sign, low[3] ^ sign);
}

// Columns of the matrix units are numbers so that each lane loads four neighbors, 4 (lane / 4) onwards, one for each of four
// instructions, and gets eight, 8 (lane % 4) onwards.
__device__ __forceinline__ void uma_mix_limbs(const UmaMix &p) {
    __shared__ MixCoefficients coefficients;
    uint32_t first = blockIdx.x * LIMB_COMPOSITIONS, n = *p.n_compositions;
    if (first >= n) return;
    n = n - first < LIMB_COMPOSITIONS ? n - first : LIMB_COMPOSITIONS;
    fill(coefficients, p, first, n);
    __syncthreads();
    uint32_t lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    uint32_t rows = p.transposed ? p.inputs : p.outputs, width = p.transposed ? p.outputs : p.inputs;
    uint32_t pairs = pairs_of(p.experts_count), runs_of_row = (width + RUN - 1) / RUN;
    for (uint32_t turn = 0; turn < RUNS; ++turn) {
        uint32_t run = (blockIdx.y * RUNS + turn) * 8 + warp, row = run / runs_of_row, column = run % runs_of_row * RUN;
        if (row >= rows) return;
        // Matrix units work for whole warps.
        __syncwarp();
        uint32_t own = column + 4 * (lane >> 2);
        const uint32_t *from = static_cast<const uint32_t *>(p.experts) + (static_cast<size_t>(row) * pairs + (lane & 3)) * 2 * width + own;
        auto load = [&](uint32_t pair, uint32_t limb) {
            return own < width ? *reinterpret_cast<const uint4 *>(from + (2 * static_cast<size_t>(pair) + limb) * width) : make_uint4(0, 0, 0, 0);
        };
        float sums[2][4][4] = {};
        for (uint32_t step = 0; step * PAIRS < pairs; ++step) {
            uint4 high[2], low[2];
#pragma unroll
            for (uint32_t k = 0; k < 2; ++k) high[k] = load(step * PAIRS + 4 * k, 0), low[k] = load(step * PAIRS + 4 * k, 1);
            const uint32_t b_high[4][2] = {{high[0].x, high[1].x}, {high[0].y, high[1].y}, {high[0].z, high[1].z}, {high[0].w, high[1].w}};
            const uint32_t b_low[4][2] = {{low[0].x, low[1].x}, {low[0].y, low[1].y}, {low[0].z, low[1].z}, {low[0].w, low[1].w}};
#pragma unroll
            for (uint32_t tile = 0; tile < 2; ++tile) {
                uint4 c_high = coefficients.high[step][tile][lane], c_low = coefficients.low[step][tile][lane];
                const uint32_t a_high[4] = {c_high.x, c_high.y, c_high.z, c_high.w}, a_low[4] = {c_low.x, c_low.y, c_low.z, c_low.w};
                // Small products first; parts of the sums are added with rounding, as in products (products.cu).
                float part[4][4] = {};
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j) multiply_add(part[j], a_low, b_high[j][0], b_high[j][1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j) multiply_add(part[j], a_high, b_low[j][0], b_low[j][1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j) multiply_add(part[j], a_high, b_high[j][0], b_high[j][1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
#pragma unroll
                    for (uint32_t k = 0; k < 4; ++k) sums[tile][j][k] += part[j][k];
            }
        }
        column += 8 * (lane & 3);
        MixPlaces places = mix_places(p, p.transposed, p.transposed ? column : row, p.transposed ? row : column);
#pragma unroll
        for (uint32_t half = 0; half < 4; ++half) {
            uint32_t composition = 8 * half + lane / 4, k = 2 * (half & 1);
            if (column < width && composition < n) {
                const float(&s)[4][4] = sums[half >> 1];
                float x[8];
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j) x[j] = s[j][k] / COEFFICIENT_SCALE, x[4 + j] = s[j][k + 1] / COEFFICIENT_SCALE;
                put_limbs(p, places, (first + composition) * p.stride + p.offset, x);
            }
        }
    }
}
