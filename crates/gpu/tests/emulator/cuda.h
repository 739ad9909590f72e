// What kernels use of CUDA, for a C++ compiler. Threads of a block take turns (driver.cpp).
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#define __device__
#define __host__
#define __global__
#define __forceinline__ inline
#define __launch_bounds__(...)
#define __align__(bytes) __attribute__((aligned(bytes)))

struct alignas(16) float4 {
    float x, y, z, w;
};
struct alignas(8) float2 {
    float x, y;
};
struct alignas(8) uint2 {
    uint32_t x, y;
};
struct alignas(16) uint4 {
    uint32_t x, y, z, w;
};
inline float4 make_float4(float x, float y, float z, float w) { return {x, y, z, w}; }
inline float2 make_float2(float x, float y) { return {x, y}; }
inline uint2 make_uint2(uint32_t x, uint32_t y) { return {x, y}; }
inline uint4 make_uint4(uint32_t x, uint32_t y, uint32_t z, uint32_t w) { return {x, y, z, w}; }

struct Index {
    uint32_t x, y, z;
};
extern Index threadIdx, blockIdx, blockDim, gridDim;

// Waits for all threads of the block that have not ended.
void __syncthreads();

// Threads take turns: what one has written others see.
inline void __syncwarp() {}

// What the lane of this number gives, once all lanes of the warp have given theirs.
uint64_t exchange(uint64_t own, uint32_t lane);

template <typename T> T __shfl_sync(unsigned, T x, int lane) {
    uint64_t bits = 0;
    std::memcpy(&bits, &x, sizeof x);
    bits = exchange(bits, static_cast<uint32_t>(lane));
    std::memcpy(&x, &bits, sizeof x);
    return x;
}

template <typename T> T __shfl_xor_sync(unsigned mask, T x, int lanes) {
    return __shfl_sync(mask, x, static_cast<int>(threadIdx.x & 31u) ^ lanes);
}
