// Atoms: maps of their elements, densities, products, energies.

#pragma once

#include "mace_messages.cuh"

struct MaceEmbed {
    // [elements, width]
    const float *table;
    const uint32_t *elements;
    float *out;
    uint32_t atoms;
    uint32_t width;
};

extern "C" __global__ void __launch_bounds__(256) mace_embed(__grid_constant__ const MaceEmbed p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    if (at >= static_cast<size_t>(p.atoms) * p.width) return;
    p.out[at] = p.table[static_cast<size_t>(p.elements[at / p.width]) * p.width + at % p.width];
}

struct MaceElements {
    // [elements, channels, channels]: from, to
    const float *weights;
    const uint32_t *elements;
    // [atoms, rows, channels]
    const float *x;
    float *out;
    uint32_t atoms;
    uint32_t rows;
    uint32_t channels;
    // Whether to add.
    uint32_t add;
};

template <int ROWS> __device__ __forceinline__ void of_element(const MaceElements &p, uint32_t atom, uint32_t c) {
    const float *w = p.weights + static_cast<size_t>(p.elements[atom]) * p.channels * p.channels + c;
    size_t at = static_cast<size_t>(atom) * ROWS * p.channels;
    float sums[ROWS] = {};
    for (uint32_t k = 0; k < p.channels; ++k) {
        float weight = w[static_cast<size_t>(k) * p.channels];
#pragma unroll
        for (int row = 0; row < ROWS; ++row) sums[row] = fmaf(p.x[at + row * p.channels + k], weight, sums[row]);
    }
#pragma unroll
    for (int row = 0; row < ROWS; ++row) {
        float &out = p.out[at + row * p.channels + c];
        out = p.add ? out + sums[row] : sums[row];
    }
}

// Rows of an atom times the matrix of its element. Half a block has an atom, a thread a channel of it.
extern "C" __global__ void __launch_bounds__(256) mace_elements(__grid_constant__ const MaceElements p) {
    uint32_t atom = 2 * blockIdx.x + threadIdx.x / MOST_CHANNELS, c = threadIdx.x % MOST_CHANNELS;
    if (atom >= p.atoms || c >= p.channels) return;
    if (p.rows == 1) of_element<1>(p, atom, c);
    if (p.rows == 3) of_element<3>(p, atom, c);
    if (p.rows == 5) of_element<5>(p, atom, c);
    if (p.rows == 7) of_element<7>(p, atom, c);
}

struct MaceDensity {
    const uint32_t *starts;
    const uint32_t *edges;
    // [pairs, 2]: value and slope
    const double *densities;
    // [atoms]
    double *factors;
    // Backward, [atoms, 2 l + 1, channels]: what was multiplied with the factors, and gradients, which will be.
    Blocks mixed;
    Blocks by_mixed;
    // [atoms]: by the sum of densities.
    double *by_sums;
    uint32_t atoms;
    uint32_t lmax;
    uint32_t channels;
};

extern "C" __global__ void __launch_bounds__(256) mace_density(__grid_constant__ const MaceDensity p) {
    uint32_t atom = blockIdx.x * 256 + threadIdx.x;
    if (atom >= p.atoms) return;
    double sum = 0.0;
    for (uint32_t n = p.starts[atom]; n < p.starts[atom + 1]; ++n) sum += p.densities[2 * static_cast<size_t>(p.edges[n] >> 1)];
    p.factors[atom] = 1.0 / (sum + 1.0);
}

// A warp has an atom.
extern "C" __global__ void __launch_bounds__(256) mace_density_backward(__grid_constant__ const MaceDensity p) {
    uint32_t atom = warp_of();
    if (atom >= p.atoms) return;
    double factor = p.factors[atom], sum = 0.0;
    float narrow = static_cast<float>(factor);
#pragma unroll
    for (uint32_t l = 0; l < 4; ++l) {
        if (l > p.lmax) continue;
        uint32_t n = (2 * l + 1) * p.channels;
        size_t from = static_cast<size_t>(atom) * n;
        for (uint32_t k = lane_of(); k < n; k += 32) {
            float g = p.by_mixed.of[l][from + k];
            sum += static_cast<double>(g) * p.mixed.of[l][from + k];
            p.by_mixed.of[l][from + k] = narrow * g;
        }
    }
    sum = over_lanes(sum);
    if (lane_of() == 0) p.by_sums[atom] = -factor * sum;
}

struct MaceProduct {
    // [atoms, 2 l + 1, channels]
    Blocks inputs;
    Blocks outputs;
    // Backward: gradients by the outputs are read, by the inputs written.
    Blocks by_inputs;
    const uint32_t *elements;
    const uint32_t *program;
    // [elements, terms, channels], or of all elements alike.
    const float *terms;
    uint32_t n_terms;
    uint32_t alike;
    uint32_t atoms;
    uint32_t channels;
    uint32_t inputs_lmax;
    uint32_t outputs_lmax;
};

// Where row m of l of an atom lies.
__device__ __forceinline__ size_t row_at(uint32_t atom, uint32_t l, uint32_t m, uint32_t channels) {
    return (static_cast<size_t>(atom) * (2 * l + 1) + m) * channels;
}

__device__ __forceinline__ const float *terms_of(const MaceProduct &p, uint32_t atom) {
    return p.terms + (p.alike ? 0 : static_cast<size_t>(p.elements[atom])) * p.n_terms * p.channels;
}

// A block's atoms, W neighboring channels a thread: no thread reads what another has written.
template <int W> struct Place {
    static constexpr uint32_t THREADS = MOST_CHANNELS / W;
    static constexpr uint32_t ATOMS = 256 / THREADS;
    uint32_t in_block = threadIdx.x / THREADS;
    uint32_t atom = ATOMS * blockIdx.x + in_block;
    uint32_t c = W * (threadIdx.x % THREADS);
};

// Channels of a thread, as they lie in memory: a whole number of W, since there are a multiple of 8.
template <int W> __device__ __forceinline__ void load_inputs(const MaceProduct &p, const Place<W> &place, float *own) {
    for (uint32_t l = 0; l <= p.inputs_lmax; ++l)
        for (uint32_t m = 0; m < 2 * l + 1; ++m)
            store_channels<W>(own + (l * l + m) * MOST_CHANNELS,
                              load_channels<W>(p.inputs.of[l] + row_at(place.atom, l, m, p.channels) + place.c));
}

constexpr int FORWARD_CHANNELS = 4;
constexpr int BACKWARD_CHANNELS = 2;

// Shared memory: [atoms, 16, 128]
extern "C" __global__ void __launch_bounds__(256) mace_product(__grid_constant__ const MaceProduct p) {
    extern __shared__ __align__(16) float inputs[];
    constexpr int W = FORWARD_CHANNELS;
    Place<W> place;
    if (place.atom >= p.atoms || place.c >= p.channels) return;
    float *own = inputs + place.in_block * N_HARMONICS * MOST_CHANNELS + place.c;
    load_inputs<W>(p, place, own);
    const uint32_t *program = p.program;
    const float *terms = terms_of(p, place.atom) + place.c;
    for (uint32_t l = 0; l <= p.outputs_lmax; ++l)
        for (uint32_t m = 0; m < 2 * l + 1; ++m)
            store_channels<W>(p.outputs.of[l] + row_at(place.atom, l, m, p.channels) + place.c,
                              polynomial<W>(program, terms, p.channels, own, MOST_CHANNELS));
}

// Shared memory: [atoms, 16, 128] of inputs, and as much of gradients by them.
extern "C" __global__ void __launch_bounds__(256) mace_product_backward(__grid_constant__ const MaceProduct p) {
    extern __shared__ __align__(16) float inputs[];
    constexpr int W = BACKWARD_CHANNELS;
    Place<W> place;
    if (place.atom >= p.atoms || place.c >= p.channels) return;
    float *own = inputs + place.in_block * N_HARMONICS * MOST_CHANNELS + place.c;
    float *by_own = own + Place<W>::ATOMS * N_HARMONICS * MOST_CHANNELS;
    load_inputs<W>(p, place, own);
    for (uint32_t k = 0; k < N_HARMONICS; ++k) store_channels<W>(by_own + k * MOST_CHANNELS, {});
    const uint32_t *program = p.program;
    const float *terms = terms_of(p, place.atom) + place.c;
    for (uint32_t l = 0; l <= p.outputs_lmax; ++l)
        for (uint32_t m = 0; m < 2 * l + 1; ++m) {
            Channels<W> by = load_channels<W>(p.outputs.of[l] + row_at(place.atom, l, m, p.channels) + place.c);
            polynomial_backward<W>(program, terms, p.channels, own, by_own, MOST_CHANNELS, by);
        }
    for (uint32_t l = 0; l <= p.inputs_lmax; ++l)
        for (uint32_t m = 0; m < 2 * l + 1; ++m)
            store_channels<W>(p.by_inputs.of[l] + row_at(place.atom, l, m, p.channels) + place.c,
                              load_channels<W>(by_own + (l * l + m) * MOST_CHANNELS));
}

struct MaceReadout {
    // [atoms, channels]: scalars
    const float *features;
    // Without a hidden layer: [channels]. With one: [channels, hidden], then [hidden].
    const double *first;
    const double *second;
    // [atoms]: added to; or null.
    double *energies;
    // [atoms, channels]: added to; or null.
    float *by_features;
    uint32_t atoms;
    uint32_t channels;
    uint32_t hidden;
};

// A warp has an atom.
extern "C" __global__ void __launch_bounds__(256) mace_readout(__grid_constant__ const MaceReadout p) {
    uint32_t atom = warp_of();
    if (atom >= p.atoms) return;
    uint32_t n = p.hidden ? p.hidden : 1, lane = lane_of();
    double x[4], by_x[4] = {}, energy = 0.0;
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i)
        x[i] = lane + 32 * i < p.channels ? p.features[static_cast<size_t>(atom) * p.channels + lane + 32 * i] : 0.0f;
    for (uint32_t k = 0; k < n; ++k) {
        double w[4], z = 0.0;
#pragma unroll
        for (uint32_t i = 0; i < 4; ++i) {
            w[i] = lane + 32 * i < p.channels ? p.first[static_cast<size_t>(lane + 32 * i) * n + k] : 0.0;
            z += x[i] * w[i];
        }
        z = over_lanes(z);
        double slope = 1.0;
        if (p.hidden) {
            slope = silu_slope(z) * p.second[k];
            z = silu(z) * p.second[k];
        }
        energy += z;
#pragma unroll
        for (uint32_t i = 0; i < 4; ++i) by_x[i] += slope * w[i];
    }
    if (lane == 0 && p.energies) p.energies[atom] += energy;
    if (!p.by_features) return;
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i)
        if (lane + 32 * i < p.channels)
            p.by_features[static_cast<size_t>(atom) * p.channels + lane + 32 * i] += static_cast<float>(by_x[i]);
}
