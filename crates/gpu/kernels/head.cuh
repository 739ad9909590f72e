// The head.

#pragma once

#include "row.cuh"

struct Head {
    // [atoms, width]
    const float *atoms;
    // [structures + 1]
    const uint32_t *starts;
    // [width, hidden] and [hidden, width]
    const double *first_transposed;
    const double *first;
    const double *first_bias;
    // [hidden]
    const double *second;
    // [structures]
    double *energies;
    // [atoms, width], or null
    float *by_atoms;
    // [atoms]: what gradients are multiplied with.
    float *scales;
    double second_bias;
    // Of the energies of the training set: factor of the gradient.
    double deviation;
    uint32_t width;
    uint32_t hidden;
};

// Mean over the atoms of a structure, then a perceptron with one hidden layer and one output, in double precision; and the
// gradient of the number of atoms times its output, scaled. One block has one structure.
extern "C" __global__ void __launch_bounds__(256) head(__grid_constant__ const Head p) {
    extern __shared__ double shared[];
    double *pooled = shared, *slopes = shared + p.width, *terms = slopes + p.hidden;
    uint32_t from = p.starts[blockIdx.x], to = p.starts[blockIdx.x + 1];
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        double sum = 0.0;
        for (uint32_t atom = from; atom < to; ++atom) sum += p.atoms[static_cast<size_t>(atom) * p.width + c];
        pooled[c] = sum / (to - from);
    }
    __syncthreads();
    for (uint32_t j = threadIdx.x; j < p.hidden; j += blockDim.x) {
        double z = p.first_bias[j];
        for (uint32_t c = 0; c < p.width; ++c) z += pooled[c] * p.first_transposed[static_cast<size_t>(c) * p.hidden + j];
        terms[j] = silu(z) * p.second[j];
        slopes[j] = silu_slope(z) * p.second[j];
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = p.second_bias;
        for (uint32_t j = 0; j < p.hidden; ++j) sum += terms[j];
        p.energies[blockIdx.x] = sum;
    }
    if (!p.by_atoms) return;
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        double g = 0.0;
        for (uint32_t j = 0; j < p.hidden; ++j) g += slopes[j] * p.first[static_cast<size_t>(j) * p.width + c];
        pooled[c] = g * p.deviation;
    }
    __syncthreads();
    // A power of two that brings the largest to 16 up to 32: half precision then holds what follows from it.
    double largest = 0.0;
    for (uint32_t c = 0; c < p.width; ++c) largest = fmax(largest, fabs(pooled[c]));
    float scale = largest > 1e-30 && largest < 1e30 ? ldexpf(1.0f, 4 - ilogb(largest)) : 1.0f;
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        float slope = static_cast<float>(pooled[c] * scale);
        for (uint32_t atom = from; atom < to; ++atom) p.by_atoms[static_cast<size_t>(atom) * p.width + c] = slope;
    }
    for (uint32_t atom = from + threadIdx.x; atom < to; atom += blockDim.x) p.scales[atom] = scale;
}
