// Energies of atoms: a perceptron with two hidden layers on degree 0, in double precision, and its gradient.

#pragma once

#include "uma.h"

constexpr int HEAD_ATOMS = 8;

struct UmaHead {
    // [atoms, channels]
    const float *rows;
    // [channels, hidden], [hidden, hidden]: transposed; then as files have them.
    const double *first_transposed;
    const double *second_transposed;
    const double *first;
    const double *second;
    // [hidden]
    const double *first_bias;
    const double *second_bias;
    const double *third;
    // [atoms]
    double *energies;
    // [atoms, channels]: gradients by rows; or null.
    float *by_rows;
    double third_bias;
    uint32_t atoms;
    uint32_t channels;
    uint32_t hidden;
};

// For a thread's column j and half of the atoms: to(a, j, sum over k of from[a][k] matrix[k, j]).
template <typename To>
__device__ __forceinline__ void head_product(const double (&from)[HEAD_ATOMS][MOST_CHANNELS], const double *matrix, uint32_t depth,
                                             uint32_t width, To to) {
    uint32_t j = threadIdx.x & 127u, first = (threadIdx.x >> 7) * (HEAD_ATOMS / 2);
    if (j >= width) return;
    double sums[HEAD_ATOMS / 2] = {};
    for (uint32_t k = 0; k < depth; ++k) {
        double weight = matrix[static_cast<size_t>(k) * width + j];
#pragma unroll
        for (uint32_t a = 0; a < HEAD_ATOMS / 2; ++a) sums[a] = fma(from[first + a][k], weight, sums[a]);
    }
#pragma unroll
    for (uint32_t a = 0; a < HEAD_ATOMS / 2; ++a) to(first + a, j, sums[a]);
}

// A block has eight atoms.
extern "C" __global__ void __launch_bounds__(256) uma_head(__grid_constant__ const UmaHead p) {
    __shared__ double x[HEAD_ATOMS][MOST_CHANNELS];
    __shared__ double a[HEAD_ATOMS][MOST_CHANNELS];
    __shared__ double b[HEAD_ATOMS][MOST_CHANNELS];
    uint32_t atom0 = blockIdx.x * HEAD_ATOMS;
    for (uint32_t at = threadIdx.x; at < HEAD_ATOMS * p.channels; at += 256) {
        uint32_t atom = atom0 + at / p.channels;
        x[at / p.channels][at % p.channels] = atom < p.atoms ? p.rows[static_cast<size_t>(atom) * p.channels + at % p.channels] : 0.0;
    }
    __syncthreads();
    head_product(x, p.first_transposed, p.channels, p.hidden, [&](uint32_t i, uint32_t j, double sum) { a[i][j] = sum + p.first_bias[j]; });
    __syncthreads();
    for (uint32_t at = threadIdx.x; at < HEAD_ATOMS * p.hidden; at += 256) x[at / p.hidden][at % p.hidden] = silu(a[at / p.hidden][at % p.hidden]);
    __syncthreads();
    head_product(x, p.second_transposed, p.hidden, p.hidden, [&](uint32_t i, uint32_t j, double sum) { b[i][j] = sum + p.second_bias[j]; });
    __syncthreads();
    if (threadIdx.x < HEAD_ATOMS && atom0 + threadIdx.x < p.atoms) {
        double sum = p.third_bias;
        for (uint32_t j = 0; j < p.hidden; ++j) sum += silu(b[threadIdx.x][j]) * p.third[j];
        p.energies[atom0 + threadIdx.x] = sum;
    }
    if (!p.by_rows) return;
    for (uint32_t at = threadIdx.x; at < HEAD_ATOMS * p.hidden; at += 256) {
        uint32_t i = at / p.hidden, j = at % p.hidden;
        x[i][j] = p.third[j] * silu_slope(b[i][j]);
    }
    __syncthreads();
    head_product(x, p.second, p.hidden, p.hidden, [&](uint32_t i, uint32_t k, double sum) { a[i][k] = sum * silu_slope(a[i][k]); });
    __syncthreads();
    head_product(a, p.first, p.hidden, p.channels, [&](uint32_t i, uint32_t c, double sum) {
        if (atom0 + i < p.atoms) p.by_rows[static_cast<size_t>(atom0 + i) * p.channels + c] = static_cast<float>(sum);
    });
}
