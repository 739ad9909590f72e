// Vectors of edges: their features, and the gradient by them.

#pragma once

#include "row.cuh"

struct Basis {
    // [edges, 3], A
    const double *vectors;
    // [n_radial], 1/A
    const double *frequencies;
    // [edges, 16 n_radial]: forward, features; backward, f32 gradients by them.
    void *features;
    uint64_t plane;
    // [edges]
    float *cutoff;
    // [edges]
    const double *by_cutoff;
    // [edges, 3]
    double *slopes;
    // [edges]; and of atoms, what gradients were multiplied with.
    const uint32_t *sender;
    const float *scales;
    double prefactor;
    double reach;
    uint32_t rows;
    uint32_t n_radial;
};

// The numbers 4 q to 4 q + 3 of 16, without indexing registers by a variable.
__device__ __forceinline__ void quarter(const double *all, uint32_t q, double *out) {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = q == 0 ? all[i] : q == 1 ? all[4 + i] : q == 2 ? all[8 + i] : all[12 + i];
}

// features[16 b + m] = cutoff(r) prefactor sin(frequency_b r) / r harmonic_m(vector / r)
template <Kind K> __device__ __forceinline__ void basis_forward(const Basis &p) {
    uint32_t row = warp_of(), lane = lane_of(), q = lane & 3;
    if (row >= p.rows) return;
    double x = p.vectors[3 * static_cast<size_t>(row)], y = p.vectors[3 * static_cast<size_t>(row) + 1];
    double z = p.vectors[3 * static_cast<size_t>(row) + 2];
    double r = sqrt(x * x + y * y + z * z), all[N_HARMONICS], own[4];
    harmonics(x / r, y / r, z / r, all);
    quarter(all, q, own);
    double c = cutoff(r, p.reach), factor = c * p.prefactor / r;
    for (uint32_t b = lane >> 2; b < p.n_radial; b += 8) {
        double radial = factor * sin(p.frequencies[b] * r);
        float out[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = static_cast<float>(radial * own[i]);
        store_operand<K, 4>(p.features, p.plane, (static_cast<size_t>(row) * p.n_radial + b) * N_HARMONICS + 4 * q, out);
    }
    if (lane == 0) p.cutoff[row] = static_cast<float>(c);
}

extern "C" __global__ void __launch_bounds__(256) basis_backward(__grid_constant__ const Basis p) {
    uint32_t row = warp_of(), lane = lane_of(), q = lane & 3;
    if (row >= p.rows) return;
    double v[3], direction[3], all[N_HARMONICS], own[4];
#pragma unroll
    for (int i = 0; i < 3; ++i) v[i] = p.vectors[3 * static_cast<size_t>(row) + i];
    double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
#pragma unroll
    for (int i = 0; i < 3; ++i) direction[i] = v[i] / r;
    harmonics(direction[0], direction[1], direction[2], all);
    quarter(all, q, own);
    double value = cutoff(r, p.reach), slope = cutoff_slope(r, p.reach);
    double by_harmonic[4] = {}, by_r = 0.0;
    const float *gradients = static_cast<const float *>(p.features);
    for (uint32_t b = lane >> 2; b < p.n_radial; b += 8) {
        double sine, cosine, frequency = p.frequencies[b];
        sincos(frequency * r, &sine, &cosine);
        double radial = p.prefactor * sine / r, radial_slope = (p.prefactor * frequency * cosine - radial) / r;
        double factor = value * radial, factor_slope = slope * radial + value * radial_slope;
        float4 g = *reinterpret_cast<const float4 *>(gradients + (static_cast<size_t>(row) * p.n_radial + b) * N_HARMONICS + 4 * q);
        double wide[4] = {g.x, g.y, g.z, g.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            by_harmonic[i] += wide[i] * factor;
            by_r += wide[i] * factor_slope * own[i];
        }
    }
    by_r = over_lanes(by_r);
    // Lanes of one q hold the same four harmonics.
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int step = 16; step > 2; step >>= 1) by_harmonic[i] += __shfl_xor_sync(0xffffffffu, by_harmonic[i], step);
#pragma unroll
    for (int k = 0; k < N_HARMONICS; ++k) all[k] = __shfl_sync(0xffffffffu, by_harmonic[k & 3], k >> 2);
    double turn[3];
    harmonics_gradient(direction[0], direction[1], direction[2], all, turn);
    double along = turn[0] * direction[0] + turn[1] * direction[1] + turn[2] * direction[2];
    double of_cutoff = p.by_cutoff[row] * slope, unscale = 1.0 / p.scales[p.sender[row]];
#pragma unroll
    for (uint32_t i = 0; i < 3; ++i)
        if (lane == i)
            p.slopes[3 * static_cast<size_t>(row) + i] =
                ((by_r + of_cutoff) * direction[i] + (turn[i] - along * direction[i]) / r) * unscale;
}
