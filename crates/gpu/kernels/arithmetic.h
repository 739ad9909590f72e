// What one thread computes, in plain C++: compiled by nvcc for the device and by g++ for the tests on a CPU.
//
// Formulas are those of `crates/models/src/orb` (basis.rs, activations) and `crates/kernels` (gate.rs, perceptron).
#pragma once

#include <cstdint>
#include <cstring>
#include <cmath>

#ifdef __CUDACC__
#define SHARED_CODE __host__ __device__ __forceinline__
#define UNROLL _Pragma("unroll")
#else
#define SHARED_CODE inline
#define UNROLL
#endif

// ---- Numbers ----

SHARED_CODE uint32_t bits_of(float x) {
#ifdef __CUDA_ARCH__
    return __float_as_uint(x);
#else
    uint32_t bits;
    std::memcpy(&bits, &x, sizeof bits);
    return bits;
#endif
}

SHARED_CODE float float_of(uint32_t bits) {
#ifdef __CUDA_ARCH__
    return __uint_as_float(bits);
#else
    float x;
    std::memcpy(&x, &bits, sizeof x);
    return x;
#endif
}

// The nearest half-precision number, ties to even; infinite from 65520 on.
SHARED_CODE uint16_t to_f16(float x) {
#ifdef __CUDA_ARCH__
    uint16_t half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(x));
    return half;
#else
    uint32_t bits = bits_of(x);
    uint16_t sign = static_cast<uint16_t>(bits >> 16 & 0x8000u);
    float size = std::fabs(x);
    if (!(size < 65520.0f)) return static_cast<uint16_t>(sign | (size != size ? 0x7e00u : 0x7c00u));
    // Below 2^-14 halves are multiples of 2^-24.
    if (size < 6.103515625e-5f) return static_cast<uint16_t>(sign | static_cast<uint16_t>(std::nearbyint(size * 16777216.0f)));
    bits &= 0x7fffffffu;
    return static_cast<uint16_t>(sign | (((bits + 0xfffu + (bits >> 13 & 1u)) >> 13) - (112u << 10)));
#endif
}

SHARED_CODE float from_f16(uint16_t half) {
#ifdef __CUDA_ARCH__
    float x;
    asm("cvt.f32.f16 %0, %1;" : "=f"(x) : "h"(half));
    return x;
#else
    uint32_t sign = static_cast<uint32_t>(half & 0x8000u) << 16, size = half & 0x7fffu;
    if (size >= 0x7c00u) return float_of(sign | 0x7f800000u | (size & 0x3ffu) << 13);
    if (size < 0x400u) return (sign ? -1.0f : 1.0f) * static_cast<float>(size) / 16777216.0f;
    return float_of(sign | (size + (112u << 10)) << 13);
#endif
}

// What operands of products are made of.
enum Kind {
    F32,
    // Two limbs of 11 bits each: x = high + low to 2^-22 of x, but no better than 2^-25, and infinite from 65520 on.
    F16,
};

struct Limbs {
    uint16_t high;
    uint16_t low;
};

SHARED_CODE Limbs split(float x) {
    Limbs limbs;
    limbs.high = to_f16(x);
    limbs.low = to_f16(x - from_f16(limbs.high));
    return limbs;
}

// Limbs of two neighbors, the first in the lower half of a word.
struct LimbPair {
    uint32_t high;
    uint32_t low;
};

SHARED_CODE LimbPair split(float first, float second) {
#ifdef __CUDA_ARCH__
    // One instruction rounds both and lays them side by side.
    LimbPair pair;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair.high) : "f"(second), "f"(first));
    float low_first = first - from_f16(static_cast<uint16_t>(pair.high));
    float low_second = second - from_f16(static_cast<uint16_t>(pair.high >> 16));
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(pair.low) : "f"(low_second), "f"(low_first));
    return pair;
#else
    Limbs a = split(first), b = split(second);
    return {a.high | static_cast<uint32_t>(b.high) << 16, a.low | static_cast<uint32_t>(b.low) << 16};
#endif
}

SHARED_CODE float join(uint16_t high, uint16_t low) { return from_f16(high) + from_f16(low); }

// ---- Activations ----

SHARED_CODE float sigmoid(float x) {
    // Of the negative magnitude, so that the exponential never overflows.
    float e = expf(-fabsf(x));
#ifdef __CUDA_ARCH__
    // What is divided by lies between 1 and 2: the hardware's reciprocal and a step to the nearest number, without the branches of
    // a division.
    float d = 1.0f + e, s;
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(s) : "f"(d));
    s = fmaf(s, fmaf(-d, s, 1.0f), s);
#else
    float s = 1.0f / (1.0f + e);
#endif
    return x < 0.0f ? e * s : s;
}

SHARED_CODE float silu(float x) { return x * sigmoid(x); }

// d silu / dx
SHARED_CODE float silu_slope(float x) {
    float s = sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

SHARED_CODE double sigmoid(double x) {
    double e = exp(-fabs(x));
    double s = 1.0 / (1.0 + e);
    return x < 0.0 ? e * s : s;
}

SHARED_CODE double silu(double x) { return x * sigmoid(x); }

SHARED_CODE double silu_slope(double x) {
    double s = sigmoid(x);
    return s * (1.0 + x * (1.0 - s));
}

// ---- The basis of edges ----

constexpr int N_HARMONICS = 16;

// 1 - 15 u^4 + 24 u^5 - 10 u^6 of u = r / reach; zero beyond.
SHARED_CODE double cutoff(double r, double reach) {
    double u = r / reach;
    if (u >= 1.0) return 0.0;
    double cube = u * u * u;
    return 1.0 + cube * u * (-15.0 + u * (24.0 - 10.0 * u));
}

// Its slope by r.
SHARED_CODE double cutoff_slope(double r, double reach) {
    double u = r / reach;
    if (u >= 1.0) return 0.0;
    return u * u * u * (-60.0 + u * (120.0 - 60.0 * u)) / reach;
}

// Factors of the harmonics: square roots of 3, 15, 5/4, 35/8, 105, 21/8, 7/4.
constexpr double C_P = 1.7320508075688772935;
constexpr double C_D = 3.8729833462074168852;
constexpr double C_D0 = 1.1180339887498948482;
constexpr double C_F3 = 2.0916500663351888698;
constexpr double C_F2 = 10.246950765959598383;
constexpr double C_F1 = 1.6201851746019650545;
constexpr double C_F0 = 1.3228756555322952953;

// Real spherical harmonics up to degree 3 of a unit vector, each degree's squares summing to 2 l + 1; y is the polar
// axis, as in e3nn.
SHARED_CODE void harmonics(double x, double y, double z, double *out) {
    double xx = x * x, yy = y * y, zz = z * z;
    out[0] = 1.0;
    out[1] = C_P * x;
    out[2] = C_P * y;
    out[3] = C_P * z;
    out[4] = C_D * x * z;
    out[5] = C_D * x * y;
    out[6] = C_D0 * (2.0 * yy - xx - zz);
    out[7] = C_D * y * z;
    out[8] = 0.5 * C_D * (zz - xx);
    out[9] = C_F3 * x * (3.0 * zz - xx);
    out[10] = C_F2 * x * y * z;
    out[11] = C_F1 * x * (4.0 * yy - xx - zz);
    out[12] = C_F0 * y * (2.0 * yy - 3.0 * xx - 3.0 * zz);
    out[13] = C_F1 * z * (4.0 * yy - xx - zz);
    out[14] = 0.5 * C_F2 * y * (zz - xx);
    out[15] = C_F3 * z * (zz - 3.0 * xx);
}

// The gradient of the sum of w[m] times harmonic m, the polynomials taken as functions of three free numbers.
SHARED_CODE void harmonics_gradient(double x, double y, double z, const double *w, double *out) {
    double xx = x * x, yy = y * y, zz = z * z;
    out[0] = C_P * w[1] + C_D * (z * w[4] + y * w[5] - x * w[8]) - 2.0 * C_D0 * x * w[6] +
             C_F3 * (3.0 * (zz - xx) * w[9] - 6.0 * x * z * w[15]) + C_F2 * (y * z * w[10] - x * y * w[14]) +
             C_F1 * ((4.0 * yy - 3.0 * xx - zz) * w[11] - 2.0 * x * z * w[13]) - 6.0 * C_F0 * x * y * w[12];
    out[1] = C_P * w[2] + C_D * (x * w[5] + z * w[7]) + 4.0 * C_D0 * y * w[6] +
             C_F2 * (x * z * w[10] + 0.5 * (zz - xx) * w[14]) + 8.0 * C_F1 * y * (x * w[11] + z * w[13]) +
             3.0 * C_F0 * (2.0 * yy - xx - zz) * w[12];
    out[2] = C_P * w[3] + C_D * (x * w[4] + y * w[7] + z * w[8]) - 2.0 * C_D0 * z * w[6] +
             C_F3 * (6.0 * x * z * w[9] + 3.0 * (zz - xx) * w[15]) + C_F2 * (x * y * w[10] + y * z * w[14]) +
             C_F1 * ((4.0 * yy - xx - 3.0 * zz) * w[13] - 2.0 * x * z * w[11]) - 6.0 * C_F0 * y * z * w[12];
}

// ---- Where numbers lie ----

// Tiles in shared memory have rows of 32 halves, 64 bytes, in four pieces of 16 bytes. The pieces of a row are exchanged so
// that eight rows read at one place, as the matrix units load them, touch all 32 banks once. The result is in bytes.
SHARED_CODE uint32_t tile_place(uint32_t row, uint32_t piece) { return row * 64u + ((piece ^ ((row >> 1) & 3u)) << 4); }

// Row and first column of register `part` (0: upper, 1: lower half) of a lane in a 16 x 8 block of sums: the layout of
// mma.m16n8k16 (PTX ISA, "Matrix Fragments for mma.m16n8k16").
SHARED_CODE uint32_t sum_row(uint32_t lane, uint32_t part) { return (lane >> 2) + 8u * part; }
SHARED_CODE uint32_t sum_column(uint32_t lane) { return 2u * (lane & 3u); }

// Of two such blocks side by side, once lanes 2 i and 2 i + 1 have exchanged a pair: the first of a lane's four columns, in
// the left block if it is even, in the right one if it is odd.
SHARED_CODE uint32_t block_column(uint32_t lane) { return 8u * (lane & 1u) + 2u * (lane & 2u); }

// The row and the piece whose address a lane gives to ldmatrix.x4 for a 16 x 16 block of the left matrix: blocks of 8 x 8 in
// the order upper left, lower left, upper right, lower right.
SHARED_CODE uint32_t left_row(uint32_t lane) { return lane & 15u; }
SHARED_CODE uint32_t left_piece(uint32_t lane) { return lane >> 4; }

// The same for 16 columns of the right matrix, which lies with its depth along rows: both halves of the depth of the first
// eight columns, then of the others.
SHARED_CODE uint32_t right_row(uint32_t lane) { return (lane & 7u) + 8u * (lane >> 4); }
SHARED_CODE uint32_t right_piece(uint32_t lane) { return (lane >> 3) & 1u; }
