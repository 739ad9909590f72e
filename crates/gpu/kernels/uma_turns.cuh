// Features of atoms turned into the frames of edges, and messages turned back and summed.

#pragma once

#include "uma_atoms.cuh"
#include "uma_edges.cuh"

// Rotations of an edge. `second` begins behind those of degree 1.
template <int L> struct Turn {
    static constexpr int N = 2 * L + 1;
    float d[N][N];

    __device__ __forceinline__ explicit Turn(const float *rotations) {
#pragma unroll
        for (int i = 0; i < N; ++i)
#pragma unroll
            for (int j = 0; j < N; ++j) d[i][j] = rotations[(L == 2 ? 9 : 0) + N * i + j];
    }
    // Into the frame.
    __device__ __forceinline__ void into(const float4 (&x)[N], float4 (&out)[N]) const {
#pragma unroll
        for (int i = 0; i < N; ++i) {
            out[i] = times(x[0], d[i][0]);
#pragma unroll
            for (int j = 1; j < N; ++j) out[i] = multiply_add(x[j], d[i][j], out[i]);
        }
    }
    // Out of it.
    __device__ __forceinline__ void back(const float4 (&x)[N], float4 (&out)[N]) const {
#pragma unroll
        for (int j = 0; j < N; ++j) {
            out[j] = times(x[0], d[0][j]);
#pragma unroll
            for (int i = 1; i < N; ++i) out[j] = multiply_add(x[i], d[i][j], out[j]);
        }
    }
};

template <> struct Turn<0> {
    static constexpr int N = 1;
    __device__ __forceinline__ explicit Turn(const float *) {}
    __device__ __forceinline__ void into(const float4 (&x)[1], float4 (&out)[1]) const { out[0] = x[0]; }
    __device__ __forceinline__ void back(const float4 (&x)[1], float4 (&out)[1]) const { out[0] = x[0]; }
};

// For q = D x and p = dE/dq: p L q with the generators L of turns about x and z, summed over the lane's channels.
template <int L> __device__ __forceinline__ void add_turns(const float4 *p, const float4 *q, float (&about)[2]) {
    auto term = [](const float4 &a, const float4 &b, float factor, float sum) { return fmaf(factor, dot(a, b, 0.0f), sum); };
    if constexpr (L == 1) {
        about[0] = term(p[2], q[1], 1.0f, term(p[1], q[2], -1.0f, about[0]));
        about[1] = term(p[1], q[0], 1.0f, term(p[0], q[1], -1.0f, about[1]));
    }
    if constexpr (L == 2) {
        constexpr float R = 1.7320508f;
        about[0] = term(p[0], q[1], 1.0f, term(p[1], q[0], -1.0f, about[0]));
        about[0] = term(p[3], q[2], R, term(p[2], q[3], -R, about[0]));
        about[0] = term(p[4], q[3], 1.0f, term(p[3], q[4], -1.0f, about[0]));
        about[1] = term(p[3], q[0], 1.0f, term(p[0], q[3], -1.0f, about[1]));
        about[1] = term(p[2], q[1], R, term(p[1], q[2], -R, about[1]));
        about[1] = term(p[4], q[1], 1.0f, term(p[1], q[4], -1.0f, about[1]));
    }
}

struct UmaTurns {
    // [edges, 36]
    const float *rotations;
    // [edges]
    const float *envelope;
    const uint32_t *source;
    const uint32_t *target;
    // [atoms, 9 channels]: features; of messages, gradients by their sums.
    const float *features;
    // [edges, 6, 2 channels]
    const float *factors;
    // [edges, 9, channels]: results of the second convolution.
    const float *messages;
    // Operand. Features: [edges, 9, 2 channels]; backward, gradients by factors. Messages, backward: [edges, 9, channels],
    // gradients by the results.
    void *out;
    uint64_t plane;
    // [edges, 9, 2 channels]: gradients by the rows that went into the convolution; become those by the features of both ends.
    float *by_rows;
    // [edges, 7]
    double *gradients;
    uint32_t edges;
    uint32_t atoms;
    uint32_t channels;
};

template <Kind K, int L>
__device__ __forceinline__ void turn_degree(const UmaTurns &p, const AtomRow &row, size_t edge, size_t atom, uint32_t side) {
    constexpr int N = 2 * L + 1;
    Turn<L> turn(p.rotations + edge * WIGNER);
    float4 x[N], z[N];
#pragma unroll
    for (int m = 0; m < N; ++m) x[m] = row.load(p.features + component_at(p.atoms, atom, L * L + m, p.channels));
    turn.into(x, z);
    const float *factors = p.factors + edge * FACTORS * 2 * p.channels + side * p.channels;
#pragma unroll
    for (int m = 0; m < N; ++m) {
        float4 scaled = times(z[m], row.load(factors + factor_of(L * L + m) * 2 * p.channels));
        size_t at = ((edge * COMPONENTS + row_of(L * L + m)) * 2 + side) * p.channels + row.column;
        if (row.there) store_four<K>(p.out, p.plane, at, scaled);
    }
}

// A warp has one end of an edge.
template <Kind K> __device__ __forceinline__ void uma_turn(const UmaTurns &p) {
    uint32_t task = warp_of(), edge = task >> 1, side = task & 1;
    if (edge >= p.edges) return;
    AtomRow row(p.channels);
    uint32_t atom = side ? p.target[edge] : p.source[edge];
    turn_degree<K, 0>(p, row, edge, atom, side);
    turn_degree<K, 1>(p, row, edge, atom, side);
    turn_degree<K, 2>(p, row, edge, atom, side);
}

template <int L>
__device__ __forceinline__ void turn_degree_backward(const UmaTurns &p, const AtomRow &row, size_t edge, size_t atom, uint32_t side,
                                                     float4 (&by_factors)[FACTORS], float (&about)[2]) {
    constexpr int N = 2 * L + 1;
    Turn<L> turn(p.rotations + edge * WIGNER);
    float4 x[N], z[N], g[N];
    const float *factors = p.factors + edge * FACTORS * 2 * p.channels + side * p.channels;
    float *by_rows = p.by_rows + edge * COMPONENTS * 2 * p.channels + side * p.channels;
#pragma unroll
    for (int m = 0; m < N; ++m) x[m] = row.load(p.features + component_at(p.atoms, atom, L * L + m, p.channels));
    turn.into(x, z);
#pragma unroll
    for (int m = 0; m < N; ++m) {
        const int c = L * L + m;
        g[m] = row.load(by_rows + row_of(c) * 2 * p.channels);
        by_factors[factor_of(c)] = plus(by_factors[factor_of(c)], times(g[m], z[m]));
        g[m] = times(g[m], row.load(factors + factor_of(c) * 2 * p.channels));
    }
    add_turns<L>(g, z, about);
    turn.back(g, x);
#pragma unroll
    for (int m = 0; m < N; ++m) row.store(by_rows + row_of(L * L + m) * 2 * p.channels, x[m]);
}

template <Kind K> __device__ __forceinline__ void uma_turn_backward(const UmaTurns &p) {
    uint32_t task = warp_of(), edge = task >> 1, side = task & 1;
    if (edge >= p.edges) return;
    AtomRow row(p.channels);
    uint32_t atom = side ? p.target[edge] : p.source[edge];
    float4 by_factors[FACTORS];
#pragma unroll
    for (int k = 0; k < FACTORS; ++k) by_factors[k] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float about[2] = {0.0f, 0.0f};
    turn_degree_backward<0>(p, row, edge, atom, side, by_factors, about);
    turn_degree_backward<1>(p, row, edge, atom, side, by_factors, about);
    turn_degree_backward<2>(p, row, edge, atom, side, by_factors, about);
#pragma unroll
    for (int k = 0; k < FACTORS; ++k) {
        size_t at = ((static_cast<size_t>(edge) * FACTORS + k) * 2 + side) * p.channels + row.column;
        if (row.there) store_four<K>(p.out, p.plane, at, by_factors[k]);
    }
#pragma unroll
    for (int axis = 0; axis < 2; ++axis) {
        float sum = over_lanes(about[axis]);
        if (lane_of() == 0) p.gradients[GRADIENTS * static_cast<size_t>(edge) + 3 + 2 * side + axis] -= sum;
    }
}

template <Kind K, int L>
__device__ __forceinline__ void message_degree_backward(const UmaTurns &p, const AtomRow &row, size_t edge, float envelope,
                                                        float &by_envelope, float (&about)[2]) {
    constexpr int N = 2 * L + 1;
    Turn<L> turn(p.rotations + edge * WIGNER);
    float4 x[N], q[N], message[N];
#pragma unroll
    for (int m = 0; m < N; ++m) x[m] = row.load(p.features + component_at(p.atoms, p.target[edge], L * L + m, p.channels));
    turn.into(x, q);
#pragma unroll
    for (int m = 0; m < N; ++m) {
        size_t at = (edge * COMPONENTS + row_of(L * L + m)) * p.channels;
        message[m] = row.load(p.messages + at);
        by_envelope = dot(message[m], q[m], by_envelope);
        if (row.there) store_four<K>(p.out, p.plane, at + row.column, times(q[m], envelope));
    }
    add_turns<L>(message, q, about);
}

// A warp has an edge.
template <Kind K> __device__ __forceinline__ void uma_messages_backward(const UmaTurns &p) {
    uint32_t edge = warp_of();
    if (edge >= p.edges) return;
    AtomRow row(p.channels);
    float envelope = p.envelope[edge], by_envelope = 0.0f, about[2] = {0.0f, 0.0f};
    message_degree_backward<K, 0>(p, row, edge, envelope, by_envelope, about);
    message_degree_backward<K, 1>(p, row, edge, envelope, by_envelope, about);
    message_degree_backward<K, 2>(p, row, edge, envelope, by_envelope, about);
    by_envelope = over_lanes(by_envelope);
    double *own = p.gradients + GRADIENTS * static_cast<size_t>(edge);
    if (lane_of() == 0) own[0] += by_envelope;
#pragma unroll
    for (int axis = 0; axis < 2; ++axis) {
        float sum = over_lanes(about[axis]);
        if (lane_of() == 0) own[1 + axis] -= static_cast<double>(sum) * envelope;
    }
}

struct UmaSums {
    const float *rotations;
    const float *envelope;
    // [atoms + 1]: edges by target, in their order.
    const uint32_t *starts;
    // [edges, 9, channels]
    const float *messages;
    // [atoms, 9 channels]: out = x + sums
    const float *x;
    float *out;
    uint32_t atoms;
    uint32_t channels;
};

template <int L> __device__ __forceinline__ void sum_degree(const UmaSums &p, const AtomRow &row, size_t atom) {
    constexpr int N = 2 * L + 1;
    float4 sums[N];
#pragma unroll
    for (int m = 0; m < N; ++m) sums[m] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    uint32_t to = p.starts[atom + 1];
#pragma unroll 2
    for (uint32_t edge = p.starts[atom]; edge < to; ++edge) {
        Turn<L> turn(p.rotations + static_cast<size_t>(edge) * WIGNER);
        float4 q[N], message[N];
#pragma unroll
        for (int m = 0; m < N; ++m) q[m] = row.load(p.messages + (static_cast<size_t>(edge) * COMPONENTS + row_of(L * L + m)) * p.channels);
        turn.back(q, message);
        float envelope = p.envelope[edge];
#pragma unroll
        for (int m = 0; m < N; ++m) sums[m] = multiply_add(message[m], envelope, sums[m]);
    }
#pragma unroll
    for (int m = 0; m < N; ++m) {
        size_t at = component_at(p.atoms, atom, L * L + m, p.channels);
        row.store(p.out + at, plus(row.load(p.x + at), sums[m]));
    }
}

// A warp has a degree of an atom.
extern "C" __global__ void __launch_bounds__(256) uma_messages(__grid_constant__ const UmaSums p) {
    uint32_t task = warp_of(), atom = task / 3, l = task % 3;
    if (atom >= p.atoms) return;
    AtomRow row(p.channels);
    if (l == 0) sum_degree<0>(p, row, atom);
    else if (l == 1) sum_degree<1>(p, row, atom);
    else sum_degree<2>(p, row, atom);
}

struct UmaGather {
    // [edges, 9, 2 channels]: in the order of rows; both ends, the source first.
    const float *by_ends;
    const uint32_t *starts;
    // [atoms + 1], [edges]: edges by source.
    const uint32_t *source_starts;
    const uint32_t *by_source;
    // [atoms, 9 channels]
    float *sums;
    uint32_t atoms;
    uint32_t channels;
};

// A warp has a component of an atom.
extern "C" __global__ void __launch_bounds__(256) uma_gather(__grid_constant__ const UmaGather p) {
    uint32_t task = warp_of(), atom = task / COMPONENTS, c = task % COMPONENTS;
    if (atom >= p.atoms) return;
    AtomRow row(p.channels);
    uint32_t edge_row = static_cast<uint32_t>(row_of(static_cast<int>(c)));
    auto of = [&](uint32_t side) {
        return [&, side](uint32_t edge) {
            return row.load(p.by_ends + ((static_cast<size_t>(edge) * COMPONENTS + edge_row) * 2 + side) * p.channels);
        };
    };
    float4 sum = over_edges(p.starts[atom], p.starts[atom + 1], nullptr, of(1));
    sum = plus(sum, over_edges(p.source_starts[atom], p.source_starts[atom + 1], p.by_source, of(0)));
    row.store(p.sums + component_at(p.atoms, atom, static_cast<int>(c), p.channels), sum);
}

// ---- The first features: what lies around an atom, by distances and elements ----

// Messages are divided by it: the root of an average number of neighbors.
constexpr float RESCALE = 5.0f;

struct UmaDegree {
    const float *rotations;
    const float *envelope;
    const uint32_t *starts;
    const uint32_t *target;
    // [edges, 3, channels]: rows of order 0.
    const float *radial;
    // [elements, channels], [atoms], [structures, channels], [atoms]
    const float *embedding;
    const uint32_t *elements;
    const float *system;
    const uint32_t *structure;
    // [atoms, 9 channels]: features; backward, gradients by them.
    float *x;
    // [edges, 3, channels], an operand: gradients by the radial rows.
    void *by_radial;
    uint64_t plane;
    double *gradients;
    uint32_t edges;
    uint32_t atoms;
    uint32_t channels;
};

// A warp has an atom.
extern "C" __global__ void __launch_bounds__(256) uma_degree(__grid_constant__ const UmaDegree p) {
    uint32_t atom = warp_of();
    if (atom >= p.atoms) return;
    AtomRow row(p.channels);
    float4 sums[COMPONENTS];
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) sums[c] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    uint32_t to = p.starts[atom + 1];
    for (uint32_t edge = p.starts[atom]; edge < to; ++edge) {
        const float *rotations = p.rotations + static_cast<size_t>(edge) * WIGNER;
        float weight = p.envelope[edge] / RESCALE;
#pragma unroll
        for (int l = 0; l < 3; ++l) {
            float4 radial = times(row.load(p.radial + (3 * static_cast<size_t>(edge) + l) * p.channels), weight);
#pragma unroll
            for (int m = 0; m < 2 * l + 1; ++m) {
                float d = l == 0 ? 1.0f : l == 1 ? rotations[3 + m] : rotations[9 + 10 + m];
                sums[l * l + m] = multiply_add(radial, d, sums[l * l + m]);
            }
        }
    }
    float4 first = row.load(p.embedding + static_cast<size_t>(p.elements[atom]) * p.channels);
    first = plus(first, row.load(p.system + static_cast<size_t>(p.structure[atom]) * p.channels));
    sums[0] = plus(first, sums[0]);
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) row.store(p.x + component_at(p.atoms, atom, c, p.channels), sums[c]);
}

template <Kind K, int L>
__device__ __forceinline__ void degree_backward(const UmaDegree &p, const AtomRow &row, size_t edge, float weight, float &by_envelope,
                                                float (&about)[2]) {
    constexpr int N = 2 * L + 1;
    Turn<L> turn(p.rotations + edge * WIGNER);
    float4 x[N], q[N], message[N];
#pragma unroll
    for (int m = 0; m < N; ++m) {
        x[m] = row.load(p.x + component_at(p.atoms, p.target[edge], L * L + m, p.channels));
        message[m] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    turn.into(x, q);
    size_t at = (3 * edge + L) * p.channels;
    message[L] = row.load(p.radial + at);
    by_envelope = dot(message[L], q[L], by_envelope);
    if (row.there) store_four<K>(p.by_radial, p.plane, at + row.column, times(q[L], weight));
    add_turns<L>(message, q, about);
}

// A warp has an edge.
template <Kind K> __device__ __forceinline__ void uma_degree_backward(const UmaDegree &p) {
    uint32_t edge = warp_of();
    if (edge >= p.edges) return;
    AtomRow row(p.channels);
    float weight = p.envelope[edge] / RESCALE, by_envelope = 0.0f, about[2] = {0.0f, 0.0f};
    degree_backward<K, 0>(p, row, edge, weight, by_envelope, about);
    degree_backward<K, 1>(p, row, edge, weight, by_envelope, about);
    degree_backward<K, 2>(p, row, edge, weight, by_envelope, about);
    by_envelope = over_lanes(by_envelope);
    double *own = p.gradients + GRADIENTS * static_cast<size_t>(edge);
    if (lane_of() == 0) own[0] += static_cast<double>(by_envelope) / RESCALE;
#pragma unroll
    for (int axis = 0; axis < 2; ++axis) {
        float sum = over_lanes(about[axis]);
        if (lane_of() == 0) own[1 + axis] -= static_cast<double>(sum) * weight;
    }
}
