// A row of a warp.

#pragma once

#include "arithmetic.h"
#include "operand.cuh"

// A row has at most this many pieces of 128 numbers; 4 neighbors a lane.
constexpr int PIECES = 2;
constexpr uint32_t WARPS = 8;

struct Row {
    float4 part[PIECES];
};

__device__ __forceinline__ uint32_t lane_of() { return threadIdx.x & 31; }
__device__ __forceinline__ uint32_t warp_of() { return blockIdx.x * WARPS + (threadIdx.x >> 5); }
__device__ __forceinline__ uint32_t column_of(int piece) { return 128 * piece + 4 * lane_of(); }

__device__ __forceinline__ Row load_row(const float *from, size_t row, uint32_t width) {
    Row r;
#pragma unroll
    for (int i = 0; i < PIECES; ++i)
        r.part[i] = column_of(i) < width ? *reinterpret_cast<const float4 *>(from + row * width + column_of(i))
                                         : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    return r;
}

__device__ __forceinline__ void store_row(float *to, size_t row, uint32_t width, const Row &r) {
#pragma unroll
    for (int i = 0; i < PIECES; ++i)
        if (column_of(i) < width) *reinterpret_cast<float4 *>(to + row * width + column_of(i)) = r.part[i];
}

template <Kind K>
__device__ __forceinline__ void store_operand_row(void *to, uint64_t plane, size_t row, uint32_t width, const Row &r) {
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        if (column_of(i) >= width) continue;
        float x[4] = {r.part[i].x, r.part[i].y, r.part[i].z, r.part[i].w};
        store_operand<K, 4>(to, plane, row * width + column_of(i), x);
    }
}

__device__ __forceinline__ float dot(const float4 &a, const float4 &b, float sum) {
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}
__device__ __forceinline__ float4 times(const float4 &a, const float4 &b) {
    return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}
__device__ __forceinline__ float4 times(const float4 &a, float b) {
    return make_float4(a.x * b, a.y * b, a.z * b, a.w * b);
}
__device__ __forceinline__ float4 plus(const float4 &a, const float4 &b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}
// a b + c
__device__ __forceinline__ float4 multiply_add(const float4 &a, float b, const float4 &c) {
    return make_float4(fmaf(a.x, b, c.x), fmaf(a.y, b, c.y), fmaf(a.z, b, c.z), fmaf(a.w, b, c.w));
}

template <typename T> __device__ __forceinline__ T over_lanes(T x) {
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

__device__ __forceinline__ float dot(const Row &a, const Row &b) {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) sum = dot(a.part[i], b.part[i], sum);
    return over_lanes(sum);
}

// 1 / sqrt(mean of squares + epsilon)
__device__ __forceinline__ float inverse_norm(const Row &y, uint32_t width, float epsilon) {
    return 1.0f / sqrtf(dot(y, y) / static_cast<float>(width) + epsilon);
}

// dE/dy from g = dE/d(y inverse scale).
__device__ __forceinline__ Row norm_gradient(const Row &y, const Row &scale, const Row &g, float inverse, uint32_t width) {
    Row scaled;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) scaled.part[i] = times(g.part[i], scale.part[i]);
    float along = dot(scaled, y) * inverse * inverse / static_cast<float>(width);
    Row out;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) out.part[i] = times(multiply_add(y.part[i], -along, scaled.part[i]), inverse);
    return out;
}

// The sum over an atom's edges of what `term` gives for one, four of them under way at a time.
template <typename Term>
__device__ __forceinline__ float4 over_edges(uint32_t from, uint32_t to, const uint32_t *list, Term term) {
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    uint32_t at = from;
    for (; at + 4 <= to; at += 4) {
        float4 x[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) x[i] = term(list ? list[at + i] : at + i);
#pragma unroll
        for (int i = 0; i < 4; ++i) sum = plus(sum, x[i]);
    }
    for (; at < to; ++at) sum = plus(sum, term(list ? list[at] : at));
    return sum;
}
