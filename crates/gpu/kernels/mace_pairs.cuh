// Pairs of atoms: distances, their basis functions, directions; and the gradient by their vectors.

#pragma once

#include "mace.h"
#include "row.cuh"

// Layers at most.
constexpr int MOST_LAYERS = 4;

struct MaceBasis {
    // [pairs, 3], A
    const double *vectors;
    // [pairs]
    const uint32_t *first;
    const uint32_t *second;
    // [atoms]
    const uint32_t *elements;
    // [elements], A; null where distances are not transformed.
    const double *radii;
    // [n_bessel]
    const double *frequencies;
    // [layers, n_bessel]; null without densities.
    const double *density_weights;
    // [pairs, n_basis]: values and their slopes by the distance; zero from n_bessel on.
    float *values;
    float *slopes;
    // [pairs, 16]
    float *harmonics;
    // [layers, pairs, 2]: value and slope
    double *densities;
    double prefactor;
    double reach;
    Agnesi agnesi;
    uint32_t pairs;
    uint32_t n_bessel;
    uint32_t n_basis;
    uint32_t exponent;
    uint32_t n_layers;
};

extern "C" __global__ void __launch_bounds__(256) mace_basis(__grid_constant__ const MaceBasis p) {
    uint32_t pair = blockIdx.x * 256 + threadIdx.x;
    if (pair >= p.pairs) return;
    const double *v = p.vectors + 3 * static_cast<size_t>(pair);
    double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
    double y[N_HARMONICS];
    harmonics(v[0] / r, v[1] / r, v[2] / r, y);
#pragma unroll
    for (int k = 0; k < N_HARMONICS; ++k) p.harmonics[N_HARMONICS * static_cast<size_t>(pair) + k] = static_cast<float>(y[k]);
    Slope cut = envelope(r, p.reach, static_cast<int>(p.exponent)), x = {r, 1.0};
    if (p.radii) {
        double r0 = 0.5 * (p.radii[p.elements[p.first[pair]]] + p.radii[p.elements[p.second[pair]]]);
        x = transformed(r, r0, p.agnesi);
    }
    double u[MOST_LAYERS] = {}, u_slope[MOST_LAYERS] = {};
    size_t at = static_cast<size_t>(pair) * p.n_basis;
    for (uint32_t b = 0; b < p.n_basis; ++b) {
        double value = 0.0, slope = 0.0;
        if (b < p.n_bessel) {
            Slope w = wave(p.frequencies[b], x.value);
            value = p.prefactor * w.value * cut.value;
            slope = p.prefactor * (w.slope * x.slope * cut.value + w.value * cut.slope);
            if (p.density_weights) {
#pragma unroll
                for (uint32_t layer = 0; layer < MOST_LAYERS; ++layer) {
                    if (layer >= p.n_layers) continue;
                    double weight = p.density_weights[layer * p.n_bessel + b];
                    u[layer] += value * weight;
                    u_slope[layer] += slope * weight;
                }
            }
        }
        p.values[at + b] = static_cast<float>(value);
        p.slopes[at + b] = static_cast<float>(slope);
    }
    if (!p.density_weights) return;
#pragma unroll
    for (uint32_t layer = 0; layer < MOST_LAYERS; ++layer) {
        if (layer >= p.n_layers) continue;
        Slope density = density_of(u[layer], u_slope[layer]);
        double *to = p.densities + 2 * (static_cast<size_t>(layer) * p.pairs + pair);
        to[0] = density.value;
        to[1] = density.slope;
    }
}

struct MaceCouplings {
    // [pairs, 16]
    const float *harmonics;
    // [couplings + 1]: ends of the terms of each, then which harmonic and by which factor.
    const uint32_t *starts;
    const uint32_t *harmonic;
    const float *factors;
    // [pairs, couplings]
    float *couplings;
    uint32_t pairs;
    uint32_t n_couplings;
};

extern "C" __global__ void __launch_bounds__(256) mace_couplings(__grid_constant__ const MaceCouplings p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= static_cast<size_t>(p.pairs) * p.n_couplings) return;
    uint32_t pair = static_cast<uint32_t>(at / p.n_couplings), coupling = static_cast<uint32_t>(at % p.n_couplings);
    const float *y = p.harmonics + N_HARMONICS * static_cast<size_t>(pair);
    float sum = 0.0f;
    for (uint32_t term = p.starts[coupling]; term < p.starts[coupling + 1]; ++term)
        sum = fmaf(p.factors[term], y[p.harmonic[term]], sum);
    p.couplings[at] = sum;
}

// Of one layer.
struct MaceTerms {
    // [17]: ends of the terms of each harmonic, then which coupling and by which factor.
    const uint32_t *starts;
    const uint32_t *coupling;
    const float *factors;
    // [pairs, couplings]
    const float *by_couplings;
    // [atoms]: by the sum of densities; null without.
    const double *by_sums;
    uint64_t n_couplings;
};

struct MaceVectors {
    const double *vectors;
    const uint32_t *first;
    const uint32_t *second;
    // [pairs, n_basis]
    const float *slopes;
    const float *by_basis;
    // [layers, pairs, 2]
    const double *densities;
    // [pairs, 3]
    double *by_vectors;
    MaceTerms layers[MOST_LAYERS];
    uint32_t pairs;
    uint32_t n_basis;
    uint32_t n_layers;
};

extern "C" __global__ void __launch_bounds__(256) mace_vectors(__grid_constant__ const MaceVectors p) {
    uint32_t pair = blockIdx.x * 256 + threadIdx.x;
    if (pair >= p.pairs) return;
    double by_r = 0.0, by_y[N_HARMONICS];
    size_t at = static_cast<size_t>(pair) * p.n_basis;
    for (uint32_t b = 0; b < p.n_basis; ++b) by_r += static_cast<double>(p.by_basis[at + b]) * p.slopes[at + b];
    uint32_t first = p.first[pair], second = p.second[pair];
    for (uint32_t n = 0; n < p.n_layers; ++n) {
        const MaceTerms &layer = p.layers[n];
        if (layer.by_sums)
            by_r += p.densities[2 * (static_cast<size_t>(n) * p.pairs + pair) + 1] * (layer.by_sums[first] + layer.by_sums[second]);
    }
#pragma unroll
    for (int k = 0; k < N_HARMONICS; ++k) {
        double sum = 0.0;
        for (uint32_t n = 0; n < p.n_layers; ++n) {
            const MaceTerms &layer = p.layers[n];
            const float *by = layer.by_couplings + pair * layer.n_couplings;
            for (uint32_t term = layer.starts[k]; term < layer.starts[k + 1]; ++term)
                sum += static_cast<double>(layer.factors[term]) * by[layer.coupling[term]];
        }
        by_y[k] = sum;
    }
    const double *v = p.vectors + 3 * static_cast<size_t>(pair);
    double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), d[3] = {v[0] / r, v[1] / r, v[2] / r}, turn[3];
    harmonics_gradient(d[0], d[1], d[2], by_y, turn);
    double along = turn[0] * d[0] + turn[1] * d[1] + turn[2] * d[2];
#pragma unroll
    for (int i = 0; i < 3; ++i)
        p.by_vectors[3 * static_cast<size_t>(pair) + i] = by_r * d[i] + (turn[i] - along * d[i]) / r;
}
