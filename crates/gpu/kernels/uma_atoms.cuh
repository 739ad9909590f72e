// Features of atoms: where they begin, norms, and sums over a structure.

#pragma once

#include "uma_rows.cuh"

constexpr float SPHERE_NORM_EPSILON = 1e-5f;

// Four channels a lane, zeros beyond the last.
struct AtomRow {
    uint32_t column;
    bool there;

    __device__ __forceinline__ explicit AtomRow(uint32_t channels) : column(4 * lane_of()), there(4 * lane_of() < channels) {}
    __device__ __forceinline__ float4 load(const float *from) const {
        return there ? load_four(from + column) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    __device__ __forceinline__ void store(float *to, const float4 &x) const {
        if (there) *reinterpret_cast<float4 *>(to + column) = x;
    }
};

__device__ __forceinline__ float sum_of(const float4 &x) { return (x.x + x.y) + (x.z + x.w); }

struct UmaNorm {
    // [atoms, 9 channels], degree by degree, as all features of atoms.
    const float *x;
    // [4, channels]: scale of each degree, offset of degree 0.
    const float *norm;
    // [structures, channels]: added to degree 0; or null.
    const float *system;
    // [atoms]
    const uint32_t *structure;
    // Forward: the result, an operand for each degree. Backward: gradients by x, f32, which are added to.
    void *out;
    // Backward: gradients by the result.
    const float *by;
    uint32_t atoms;
    uint32_t channels;
    float inverse_channels;
};

// Centered features of an atom, and the factor of its norm.
struct Normal9 {
    float4 x[COMPONENTS];
    float factor;
};

// Of all degrees and channels this part is one number's.
__device__ __forceinline__ float share(int l, float inverse_channels) {
    return inverse_channels / static_cast<float>(3 * (2 * l + 1));
}

__device__ __forceinline__ Normal9 normal9(const UmaNorm &p, const AtomRow &row, size_t atom) {
    Normal9 n;
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) n.x[c] = row.load(p.x + component_at(p.atoms, atom, c, p.channels));
    float mean = over_lanes(sum_of(n.x[0])) * p.inverse_channels;
    if (row.there) n.x[0] = plus(n.x[0], make_float4(-mean, -mean, -mean, -mean));
    float square = 0.0f;
#pragma unroll
    for (int l = 0; l < 3; ++l) {
        float sum = 0.0f;
#pragma unroll
        for (int c = l * l; c < (l + 1) * (l + 1); ++c) sum = dot(n.x[c], n.x[c], sum);
        square = fmaf(sum, share(l, p.inverse_channels), square);
    }
    n.factor = 1.0f / sqrtf(over_lanes(square) + SPHERE_NORM_EPSILON);
    return n;
}

template <Kind K> __device__ __forceinline__ void uma_norm(const UmaNorm &p) {
    uint32_t atom = warp_of();
    if (atom >= p.atoms) return;
    AtomRow row(p.channels);
    Normal9 n = normal9(p, row, atom);
    float4 offset = row.load(p.norm + 3 * p.channels);
    if (p.system) offset = plus(offset, row.load(p.system + static_cast<size_t>(p.structure[atom]) * p.channels));
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) {
        float4 x = times(times(n.x[c], n.factor), row.load(p.norm + degree_of(c) * p.channels));
        if (c == 0) x = plus(x, offset);
        if (row.there) store_component<K>(p.out, p.atoms, atom, c, p.channels, row.column, x);
    }
}

extern "C" __global__ void __launch_bounds__(256) uma_norm_backward(__grid_constant__ const UmaNorm p) {
    uint32_t atom = warp_of();
    if (atom >= p.atoms) return;
    AtomRow row(p.channels);
    Normal9 n = normal9(p, row, atom);
    float4 scaled[COMPONENTS];
    float product = 0.0f;
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) {
        float4 g = row.load(p.by + component_at(p.atoms, atom, c, p.channels));
        scaled[c] = times(g, row.load(p.norm + degree_of(c) * p.channels));
        product = dot(n.x[c], scaled[c], product);
    }
    float along = -over_lanes(product) * n.factor * n.factor * n.factor;
    float mean = over_lanes(sum_of(scaled[0])) * p.inverse_channels * n.factor;
    float *out = static_cast<float *>(p.out);
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) {
        float *to = out + component_at(p.atoms, atom, c, p.channels);
        float4 by = multiply_add(n.x[c], along * share(degree_of(c), p.inverse_channels), times(scaled[c], n.factor));
        if (c == 0) by = plus(by, make_float4(-mean, -mean, -mean, -mean));
        row.store(to, plus(row.load(to), by));
    }
}

struct UmaShift {
    // [atoms, 9 channels]; from x to out, which may be the same.
    const float *x;
    float *out;
    // [channels]: added to degree 0.
    const float *bias;
    uint32_t atoms;
    uint32_t channels;
};

// A thread has four neighbors.
extern "C" __global__ void __launch_bounds__(256) uma_add_bias(__grid_constant__ const UmaShift p) {
    size_t at = 4 * (static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x), n = static_cast<size_t>(p.atoms) * p.channels;
    if (at >= COMPONENTS * n) return;
    float4 x = load_four(p.x + at);
    if (at < n) x = plus(x, load_four(p.bias + at % p.channels));
    *reinterpret_cast<float4 *>(p.out + at) = x;
}

struct UmaBalance {
    // Degree 0: [atoms, channels].
    float *x;
    // [structures + 1]
    const uint32_t *starts;
    // [balanced]: which channels.
    const uint32_t *balanced;
    // [structures, balanced]: what their sums become; null for zero.
    const double *sums;
    uint32_t structures;
    uint32_t n_balanced;
    uint32_t channels;
};

// A warp has a channel of a structure.
extern "C" __global__ void __launch_bounds__(256) uma_balance(__grid_constant__ const UmaBalance p) {
    uint32_t task = warp_of(), structure = task / p.n_balanced;
    if (structure >= p.structures) return;
    uint32_t from = p.starts[structure], to = p.starts[structure + 1];
    float *x = p.x + p.balanced[task % p.n_balanced];
    double sum = 0.0;
    for (uint32_t atom = from + lane_of(); atom < to; atom += 32) sum += x[static_cast<size_t>(atom) * p.channels];
    double excess = (over_lanes(sum) - (p.sums ? p.sums[task] : 0.0)) / (to - from);
    for (uint32_t atom = from + lane_of(); atom < to; atom += 32) {
        float *own = x + static_cast<size_t>(atom) * p.channels;
        *own = static_cast<float>(*own - excess);
    }
}

struct UmaPack {
    const float *x;
    void *out;
    uint64_t plane;
    uint64_t n;
};

// Numbers as an operand.
template <Kind K> __device__ __forceinline__ void uma_pack(const UmaPack &p) {
    size_t at = 4 * (static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x);
    if (at < p.n) store_four<K>(p.out, p.plane, at, load_four(p.x + at));
}

struct UmaScale {
    // Degree 0: [atoms, channels].
    float *by;
    // [structures + 1]
    const uint32_t *starts;
    // [structures]
    float *scales;
    uint32_t structures;
    uint32_t channels;
};

// Multiplies gradients of a structure with a power of two that brings the largest to 16 up to 32: half precision then holds
// what follows from it. A warp has a structure.
extern "C" __global__ void __launch_bounds__(256) uma_scale(__grid_constant__ const UmaScale p) {
    uint32_t structure = warp_of();
    if (structure >= p.structures) return;
    AtomRow row(p.channels);
    uint32_t from = p.starts[structure], to = p.starts[structure + 1];
    float largest = 0.0f;
    for (uint32_t atom = from; atom < to; ++atom) {
        float4 x = row.load(p.by + static_cast<size_t>(atom) * p.channels);
        largest = fmaxf(largest, fmaxf(fmaxf(fabsf(x.x), fabsf(x.y)), fmaxf(fabsf(x.z), fabsf(x.w))));
    }
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) largest = fmaxf(largest, __shfl_xor_sync(0xffffffffu, largest, step));
    float scale = largest > 1e-30f && largest < 1e30f ? ldexpf(1.0f, 4 - ilogbf(largest)) : 1.0f;
    for (uint32_t atom = from; atom < to; ++atom) {
        float *own = p.by + static_cast<size_t>(atom) * p.channels;
        row.store(own, times(row.load(own), scale));
    }
    if (lane_of() == 0) p.scales[structure] = scale;
}
