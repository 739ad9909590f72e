// Operands of products: rows of f32, or of two limbs in two planes.
#pragma once

#include "arithmetic.h"

// Writes W (2 or 4) neighboring numbers that begin at `at`.
template <Kind K, int W>
__device__ __forceinline__ void store_operand(void *operand, uint64_t plane, size_t at, const float *x) {
    if constexpr (K != F32) {
        uint32_t high[W / 2], low[W / 2];
#pragma unroll
        for (int i = 0; i < W / 2; ++i) {
            LimbPair pair = split(x[2 * i], x[2 * i + 1]);
            high[i] = pair.high, low[i] = pair.low;
        }
        uint16_t *to = static_cast<uint16_t *>(operand) + at;
        if constexpr (W == 4) {
            *reinterpret_cast<uint2 *>(to) = make_uint2(high[0], high[1]);
            *reinterpret_cast<uint2 *>(to + plane) = make_uint2(low[0], low[1]);
        } else {
            *reinterpret_cast<uint32_t *>(to) = high[0];
            *reinterpret_cast<uint32_t *>(to + plane) = low[0];
        }
    } else {
        float *to = static_cast<float *>(operand) + at;
        if constexpr (W == 4) {
            *reinterpret_cast<float4 *>(to) = make_float4(x[0], x[1], x[2], x[3]);
        } else {
            *reinterpret_cast<float2 *>(to) = make_float2(x[0], x[1]);
        }
    }
}

// Reads four neighboring numbers that begin at `at`.
template <Kind K>
__device__ __forceinline__ float4 load_operand(const void *operand, uint64_t plane, size_t at) {
    if constexpr (K != F32) {
        const uint16_t *from = static_cast<const uint16_t *>(operand) + at;
        uint2 high = *reinterpret_cast<const uint2 *>(from);
        uint2 low = *reinterpret_cast<const uint2 *>(from + plane);
        return make_float4(join(high.x & 0xffffu, low.x & 0xffffu), join(high.x >> 16, low.x >> 16),
                           join(high.y & 0xffffu, low.y & 0xffffu), join(high.y >> 16, low.y >> 16));
    } else {
        return *reinterpret_cast<const float4 *>(static_cast<const float *>(operand) + at);
    }
}
