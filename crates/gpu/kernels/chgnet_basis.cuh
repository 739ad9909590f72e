// Distances and angles: their basis functions, and the gradient by the vectors of pairs. In double precision.

#pragma once

#include "chgnet_tile.cuh"

struct ChgnetRadial {
    // [pairs, 3], A
    const double *vectors;
    // [rows]: which pair; null where rows are pairs.
    const uint32_t *pairs;
    // [n_radial], 1/A
    const double *frequencies;
    // [rows, n_basis]: values, and slopes by the distance (or null); zero from n_radial on.
    float *values;
    float *slopes;
    double prefactor;
    double reach;
    uint32_t rows;
    uint32_t n_radial;
    uint32_t n_basis;
    uint32_t exponent;
};

__device__ __forceinline__ double length(const double *v) { return sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

// A thread has one function of one distance.
extern "C" __global__ void __launch_bounds__(256) chgnet_radial(__grid_constant__ const ChgnetRadial p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= static_cast<size_t>(p.rows) * p.n_basis) return;
    uint32_t row = static_cast<uint32_t>(at / p.n_basis), k = static_cast<uint32_t>(at % p.n_basis);
    double value = 0.0, slope = 0.0;
    if (k < p.n_radial) {
        double r = length(p.vectors + 3 * static_cast<size_t>(p.pairs ? p.pairs[row] : row));
        Slope cut = envelope(r, p.reach, static_cast<int>(p.exponent)), w = wave(p.frequencies[k], r);
        value = p.prefactor * w.value * cut.value;
        slope = p.prefactor * (w.slope * cut.value + w.value * cut.slope);
    }
    p.values[at] = static_cast<float>(value);
    if (p.slopes) p.slopes[at] = static_cast<float>(slope);
}

struct ChgnetFourier {
    // [pairs, 3], A
    const double *vectors;
    // [bonds]: their pairs.
    const uint32_t *pairs;
    // [angles]: bonds; and whether one of their vectors is to be turned round.
    const uint32_t *first;
    const uint32_t *second;
    const uint32_t *turned;
    // [n_frequencies]
    const double *frequencies;
    // Forward, [angles, n_basis]: a constant, sines, cosines; zero behind them. Backward: gradients by them.
    float *values;
    // Backward, [angles, 2, 3]: by the vectors of both bonds.
    double *by_vectors;
    uint32_t n_angles;
    uint32_t n_frequencies;
    uint32_t n_basis;
};

// What 16 threads know of their angle.
struct AngleThreads {
    const double *vectors[2];
    double sign;
    Angle angle;

    __device__ __forceinline__ AngleThreads(const ChgnetFourier &p, uint32_t at) {
        vectors[0] = p.vectors + 3 * static_cast<size_t>(p.pairs[p.first[at]]);
        vectors[1] = p.vectors + 3 * static_cast<size_t>(p.pairs[p.second[at]]);
        sign = p.turned[at] ? -1.0 : 1.0;
        angle = angle_between(vectors[0], vectors[1], sign);
    }
};

extern "C" __global__ void __launch_bounds__(256) chgnet_fourier(__grid_constant__ const ChgnetFourier p) {
    uint32_t at = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, lane = threadIdx.x % ROW_THREADS, n = p.n_frequencies;
    if (at >= p.n_angles) return;
    AngleThreads own(p, at);
    float *values = p.values + static_cast<size_t>(at) * p.n_basis;
    for (uint32_t k = lane; k < n; k += ROW_THREADS) {
        double sine, cosine;
        sincos(p.frequencies[k] * own.angle.theta, &sine, &cosine);
        values[1 + k] = static_cast<float>(sine * INVERSE_ROOT_PI);
        values[1 + n + k] = static_cast<float>(cosine * INVERSE_ROOT_PI);
    }
    if (lane == 0) values[0] = static_cast<float>(INVERSE_ROOT_2 * INVERSE_ROOT_PI);
    for (uint32_t k = 1 + 2 * n + lane; k < p.n_basis; k += ROW_THREADS) values[k] = 0.0f;
}

extern "C" __global__ void __launch_bounds__(256) chgnet_fourier_backward(__grid_constant__ const ChgnetFourier p) {
    uint32_t at = (blockIdx.x * 256 + threadIdx.x) / ROW_THREADS, lane = threadIdx.x % ROW_THREADS, n = p.n_frequencies;
    bool there = at < p.n_angles;
    // Sums need all threads of a warp.
    AngleThreads own(p, there ? at : 0);
    const float *by = p.values + static_cast<size_t>(there ? at : 0) * p.n_basis;
    double by_theta = 0.0;
    for (uint32_t k = lane; k < n; k += ROW_THREADS) {
        double sine, cosine;
        sincos(p.frequencies[k] * own.angle.theta, &sine, &cosine);
        by_theta += p.frequencies[k] * (static_cast<double>(by[1 + k]) * cosine - static_cast<double>(by[1 + n + k]) * sine);
    }
#pragma unroll
    for (int step = 8; step > 0; step >>= 1) by_theta += __shfl_xor_sync(0xffffffffu, by_theta, step);
    by_theta *= INVERSE_ROOT_PI;
    if (!there || lane >= 3) return;
    double by_first, by_second;
    angle_slopes(own.angle, own.vectors[0][lane], own.vectors[1][lane], own.sign, by_theta, &by_first, &by_second);
    p.by_vectors[6 * static_cast<size_t>(at) + lane] = by_first;
    p.by_vectors[6 * static_cast<size_t>(at) + 3 + lane] = by_second;
}

struct ChgnetVectors {
    // [pairs, 3], A
    const double *vectors;
    // [pairs]: the bond of a pair; beyond the last where it is none.
    const uint32_t *bonds;
    // [pairs, n_basis]: slopes by the distance, and gradients by the functions.
    const float *slopes;
    const float *by_values;
    // [bonds, n_basis]: gradients by the same functions of bonds, and slopes and gradients of their own functions.
    const float *by_bond_values;
    const float *short_slopes;
    const float *by_short_values;
    // [bonds + 1], [angles]: angles of which it is the first bond, or the second.
    const uint32_t *first_starts;
    const uint32_t *of_first;
    const uint32_t *second_starts;
    const uint32_t *of_second;
    // [angles, 2, 3]
    const double *by_angles;
    // [pairs, 3]
    double *by_vectors;
    uint32_t pairs;
    uint32_t n_bonds;
    uint32_t n_basis;
};

__device__ __forceinline__ double contract(const float *a, const float *b, uint32_t n) {
    double sum = 0.0;
    for (uint32_t k = 0; k < n; ++k) sum += static_cast<double>(a[k]) * b[k];
    return sum;
}

extern "C" __global__ void __launch_bounds__(256) chgnet_vectors(__grid_constant__ const ChgnetVectors p) {
    uint32_t pair = blockIdx.x * 256 + threadIdx.x;
    if (pair >= p.pairs) return;
    size_t row = static_cast<size_t>(pair) * p.n_basis;
    const double *v = p.vectors + 3 * static_cast<size_t>(pair);
    double by_r = contract(p.slopes + row, p.by_values + row, p.n_basis), r = length(v), by[3] = {};
    uint32_t bond = p.bonds[pair];
    if (bond < p.n_bonds) {
        size_t short_row = static_cast<size_t>(bond) * p.n_basis;
        by_r += contract(p.slopes + row, p.by_bond_values + short_row, p.n_basis);
        by_r += contract(p.short_slopes + short_row, p.by_short_values + short_row, p.n_basis);
        for (uint32_t n = p.first_starts[bond]; n < p.first_starts[bond + 1]; ++n)
#pragma unroll
            for (int i = 0; i < 3; ++i) by[i] += p.by_angles[6 * static_cast<size_t>(p.of_first[n]) + i];
        for (uint32_t n = p.second_starts[bond]; n < p.second_starts[bond + 1]; ++n)
#pragma unroll
            for (int i = 0; i < 3; ++i) by[i] += p.by_angles[6 * static_cast<size_t>(p.of_second[n]) + 3 + i];
    }
#pragma unroll
    for (int i = 0; i < 3; ++i) p.by_vectors[3 * static_cast<size_t>(pair) + i] = by[i] + by_r * v[i] / r;
}
