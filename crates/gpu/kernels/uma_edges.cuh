// Vectors of edges: their rotations, Gaussians and envelopes, and the gradient by them.

#pragma once

#include "row.cuh"
#include "uma.h"

__device__ __forceinline__ double direction_of(const double *vectors, size_t edge, double (&direction)[3]) {
    double r = 0.0;
#pragma unroll
    for (int i = 0; i < 3; ++i) {
        direction[i] = vectors[3 * edge + i];
        r += direction[i] * direction[i];
    }
    r = sqrt(r);
#pragma unroll
    for (int i = 0; i < 3; ++i) direction[i] /= r;
    return r;
}

struct UmaEdges {
    // [edges, 3], A
    const double *vectors;
    // [edges, 36]
    float *rotations;
    // [edges]
    float *envelope;
    double reach;
    uint32_t edges;
};

extern "C" __global__ void __launch_bounds__(256) uma_edges(__grid_constant__ const UmaEdges p) {
    uint32_t edge = blockIdx.x * 256 + threadIdx.x;
    if (edge >= p.edges) return;
    double direction[3], r = direction_of(p.vectors, edge, direction);
    rotations(direction, p.rotations + static_cast<size_t>(edge) * WIGNER);
    p.envelope[edge] = static_cast<float>(edge_envelope(r, p.reach));
}

struct UmaGaussians {
    const double *vectors;
    // [edges, n_basis], an operand: zero from n on.
    void *basis;
    uint64_t plane;
    double step;
    double coefficient;
    uint32_t edges;
    uint32_t n;
    uint32_t n_basis;
};

// A thread has four neighbors of an edge.
template <Kind K> __device__ __forceinline__ void uma_gaussians(const UmaGaussians &p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    uint32_t quarter = p.n_basis / 4;
    if (at >= static_cast<size_t>(p.edges) * quarter) return;
    double direction[3], r = direction_of(p.vectors, at / quarter, direction);
    uint32_t first = 4 * static_cast<uint32_t>(at % quarter);
    float out[4];
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i)
        out[i] = first + i < p.n ? static_cast<float>(gaussian(r, p.step, p.coefficient, first + i)) : 0.0f;
    store_operand<K, 4>(p.basis, p.plane, 4 * at, out);
}

// Of an edge, in f64: by its envelope, by turns of its frame about x and z from messages, and from the features of its source
// and of its target.
constexpr uint32_t GRADIENTS = 7;

struct UmaVectors {
    const double *vectors;
    // [edges, n_basis]
    const float *by_basis;
    // [edges, 7]
    const double *gradients;
    const uint32_t *target;
    // [atoms]
    const uint32_t *structure;
    // [structures]: what gradients were multiplied with.
    const float *scales;
    // [edges, 3]
    double *by_vectors;
    double step;
    double coefficient;
    double reach;
    uint32_t edges;
    uint32_t n;
    uint32_t n_basis;
};

extern "C" __global__ void __launch_bounds__(256) uma_vectors(__grid_constant__ const UmaVectors p) {
    size_t edge = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    if (edge >= p.edges) return;
    double direction[3], r = direction_of(p.vectors, edge, direction);
    const double *own = p.gradients + GRADIENTS * edge;
    double by_r = own[0] * edge_envelope_slope(r, p.reach);
    const float *by_basis = p.by_basis + edge * p.n_basis;
    for (uint32_t k = 0; k < p.n; ++k) by_r += by_basis[k] * gaussian_slope(r, p.step, p.coefficient, k);
    double out[3];
    edge_gradient(direction, r, by_r, own[1] + own[3] + own[5], own[2] + own[4] + own[6], out);
    double unscale = 1.0 / p.scales[p.structure[p.target[edge]]];
#pragma unroll
    for (int i = 0; i < 3; ++i) p.by_vectors[3 * edge + i] = out[i] * unscale;
}
