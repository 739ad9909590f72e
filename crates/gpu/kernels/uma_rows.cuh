// Between products of rows: layer norms with SiLU, and gates.

#pragma once

#include "row.cuh"
#include "uma.h"

constexpr float LAYER_NORM_EPSILON = 1e-5f;

struct UmaNormal {
    // [rows, width]: before the norm; what elements add is added to it first.
    float *sums;
    // [elements, 2 width]: terms of the elements of source and target; or null.
    const float *table;
    const uint32_t *elements;
    const uint32_t *source;
    const uint32_t *target;
    // [2, width]: scale, offset
    const float *norm;
    // [rows, width]: gradients by the result; forward not read.
    const float *by;
    // [rows, width], an operand: the result; backward, gradients by what the norm gets.
    void *out;
    uint64_t plane;
    uint32_t rows;
    uint32_t width;
    float inverse_width;
};

struct NormalRow {
    Row x;
    float inverse;
};

// (y - mean) / deviation, zero beyond the width.
__device__ __forceinline__ NormalRow normal_row(const Row &y, uint32_t width, float inverse_width) {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) sum += (y.part[i].x + y.part[i].y) + (y.part[i].z + y.part[i].w);
    float mean = over_lanes(sum) * inverse_width;
    NormalRow n;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        bool there = column_of(i) < width;
        n.x.part[i] = there ? plus(y.part[i], make_float4(-mean, -mean, -mean, -mean)) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    }
    n.inverse = 1.0f / sqrtf(dot(n.x, n.x) * inverse_width + LAYER_NORM_EPSILON);
#pragma unroll
    for (int i = 0; i < PIECES; ++i) n.x.part[i] = times(n.x.part[i], n.inverse);
    return n;
}

// out = silu(norm(sums))
template <Kind K> __device__ __forceinline__ void uma_normal(const UmaNormal &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row y = load_row(p.sums, row, p.width);
    if (p.table) {
        size_t source = 2 * static_cast<size_t>(p.elements[p.source[row]]), target = 2 * static_cast<size_t>(p.elements[p.target[row]]);
        Row a = load_row(p.table, source, p.width), b = load_row(p.table, target + 1, p.width);
#pragma unroll
        for (int i = 0; i < PIECES; ++i) y.part[i] = plus(y.part[i], plus(a.part[i], b.part[i]));
        store_row(p.sums, row, p.width, y);
    }
    NormalRow n = normal_row(y, p.width, p.inverse_width);
    Row scale = load_row(p.norm, 0, p.width), offset = load_row(p.norm, 1, p.width);
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        float4 x = plus(times(n.x.part[i], scale.part[i]), offset.part[i]);
        n.x.part[i] = make_float4(silu(x.x), silu(x.y), silu(x.z), silu(x.w));
    }
    store_operand_row<K>(p.out, p.plane, row, p.width, n.x);
}

template <Kind K> __device__ __forceinline__ void uma_normal_backward(const UmaNormal &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    NormalRow n = normal_row(load_row(p.sums, row, p.width), p.width, p.inverse_width);
    Row scale = load_row(p.norm, 0, p.width), offset = load_row(p.norm, 1, p.width), g = load_row(p.by, row, p.width);
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        float4 x = plus(times(n.x.part[i], scale.part[i]), offset.part[i]);
        float4 slope = make_float4(silu_slope(x.x), silu_slope(x.y), silu_slope(x.z), silu_slope(x.w));
        g.part[i] = times(times(g.part[i], slope), scale.part[i]);
        sum += (g.part[i].x + g.part[i].y) + (g.part[i].z + g.part[i].w);
    }
    float mean = over_lanes(sum) * p.inverse_width, along = dot(g, n.x) * p.inverse_width;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        float4 centered = plus(g.part[i], make_float4(-mean, -mean, -mean, -mean));
        g.part[i] = times(multiply_add(n.x.part[i], -along, centered), n.inverse);
    }
    store_operand_row<K>(p.out, p.plane, row, p.width, g);
}

// ---- Gates: silu of degree 0, a factor for each higher degree and channel ----

struct UmaGate {
    // Edges: [edges, 2 + 9, width], gates and rows. Atoms: rows, degree by degree.
    const float *items;
    // Atoms: [atoms, 2 width] before the silu in front of the gates' sigmoid.
    const float *before;
    // By what comes out, as `out` lies; forward not read.
    const float *by;
    // Operands. Forward: [edges, 9, width], or one for each degree. Backward: gradients by items.
    void *out;
    uint64_t plane;
    // Atoms, backward: [atoms, 2 width], an operand.
    void *by_before;
    uint64_t before_plane;
    uint32_t rows;
    uint32_t width;
};

__device__ __forceinline__ float4 load_four(const float *from) { return *reinterpret_cast<const float4 *>(from); }

template <typename F> __device__ __forceinline__ float4 each(const float4 &x, F f) {
    return make_float4(f(x.x), f(x.y), f(x.z), f(x.w));
}

__device__ __forceinline__ float4 sigmoids(const float4 &x) {
    return each(x, [](float x) { return sigmoid(x); });
}

template <Kind K> __device__ __forceinline__ void store_four(void *to, uint64_t plane, size_t at, const float4 &x) {
    float out[4] = {x.x, x.y, x.z, x.w};
    store_operand<K, 4>(to, plane, at, out);
}

// Four neighbors of a component of an atom, as operands: those of each degree are one of their own.
template <Kind K>
__device__ __forceinline__ void store_component(void *to, size_t atoms, size_t atom, int component, size_t width, uint32_t column, const float4 &x) {
    int l = degree_of(component);
    size_t base = l * l * atoms * width, plane = (2 * l + 1) * atoms * width;
    // High and low limbs of all degrees below come before.
    size_t first = K == F32 ? base : 2 * base;
    store_four<K>(to, plane, first + component_at(atoms, atom, component, width) - base + column, x);
}

// Which numbers a thread of a gate has: four neighbors of all rows of an edge or an atom.
struct GatePlace {
    size_t item;
    uint32_t column;
    bool there;
};

__device__ __forceinline__ GatePlace gate_place(const UmaGate &p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    uint32_t quarter = p.width / 4;
    return {at / quarter, 4 * static_cast<uint32_t>(at % quarter), at < static_cast<size_t>(p.rows) * quarter};
}

template <Kind K> __device__ __forceinline__ void uma_gate(const UmaGate &p) {
    GatePlace place = gate_place(p);
    if (!place.there) return;
    const float *items = p.items + place.item * (2 + COMPONENTS) * p.width + place.column;
    float4 gates[2];
#pragma unroll
    for (int l = 0; l < 2; ++l) gates[l] = sigmoids(load_four(items + l * p.width));
#pragma unroll
    for (int row = 0; row < COMPONENTS; ++row) {
        float4 x = load_four(items + (2 + row) * p.width);
        x = row == 0 ? each(x, [](float x) { return silu(x); }) : times(x, gates[row == 0 ? 0 : degree_of_row(row) - 1]);
        store_four<K>(p.out, p.plane, (place.item * COMPONENTS + row) * p.width + place.column, x);
    }
}

// dE/dx of sigmoid(x), from the sum over rows of gradient times row.
__device__ __forceinline__ float4 gate_slope(const float4 &sum, const float4 &gate) {
    return times(sum, each(gate, [](float s) { return s * (1.0f - s); }));
}

template <Kind K> __device__ __forceinline__ void uma_gate_backward(const UmaGate &p) {
    GatePlace place = gate_place(p);
    if (!place.there) return;
    size_t first = place.item * (2 + COMPONENTS) * p.width + place.column;
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float4 gates[2], sums[2] = {zero, zero};
#pragma unroll
    for (int l = 0; l < 2; ++l) gates[l] = sigmoids(load_four(p.items + first + l * p.width));
#pragma unroll
    for (int row = 0; row < COMPONENTS; ++row) {
        size_t at = first + (2 + row) * p.width;
        float4 x = load_four(p.items + at), g = load_four(p.by + (place.item * COMPONENTS + row) * p.width + place.column);
        if (row == 0) {
            g = times(g, each(x, [](float x) { return silu_slope(x); }));
        } else {
            int l = row == 0 ? 0 : degree_of_row(row) - 1;
            sums[l] = plus(sums[l], times(g, x));
            g = times(g, gates[l]);
        }
        store_four<K>(p.out, p.plane, at, g);
    }
#pragma unroll
    for (int l = 0; l < 2; ++l) store_four<K>(p.out, p.plane, first + l * p.width, gate_slope(sums[l], gates[l]));
}

template <Kind K> __device__ __forceinline__ void uma_atom_gate(const UmaGate &p) {
    GatePlace place = gate_place(p);
    if (!place.there) return;
    float4 gates[2];
#pragma unroll
    for (int l = 0; l < 2; ++l)
        gates[l] = each(load_four(p.before + (2 * place.item + l) * p.width + place.column), [](float x) { return sigmoid(silu(x)); });
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) {
        size_t at = component_at(p.rows, place.item, c, p.width) + place.column;
        float4 x = load_four(p.items + at);
        x = c == 0 ? each(x, [](float x) { return silu(x); }) : times(x, gates[c == 0 ? 0 : degree_of(c) - 1]);
        store_component<K>(p.out, p.rows, place.item, c, p.width, place.column, x);
    }
}

template <Kind K> __device__ __forceinline__ void uma_atom_gate_backward(const UmaGate &p) {
    GatePlace place = gate_place(p);
    if (!place.there) return;
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    float4 before[2], gates[2], sums[2] = {zero, zero};
#pragma unroll
    for (int l = 0; l < 2; ++l) {
        before[l] = load_four(p.before + (2 * place.item + l) * p.width + place.column);
        gates[l] = each(before[l], [](float x) { return sigmoid(silu(x)); });
    }
#pragma unroll
    for (int c = 0; c < COMPONENTS; ++c) {
        size_t at = component_at(p.rows, place.item, c, p.width) + place.column;
        float4 x = load_four(p.items + at), g = load_four(p.by + at);
        if (c == 0) {
            g = times(g, each(x, [](float x) { return silu_slope(x); }));
        } else {
            int l = c == 0 ? 0 : degree_of(c) - 1;
            sums[l] = plus(sums[l], times(g, x));
            g = times(g, gates[l]);
        }
        store_component<K>(p.out, p.rows, place.item, c, p.width, place.column, g);
    }
#pragma unroll
    for (int l = 0; l < 2; ++l) {
        float4 slope = each(before[l], [](float x) { return silu_slope(x); });
        float4 by = times(gate_slope(sums[l], gates[l]), slope);
        store_four<K>(p.by_before, p.before_plane, (2 * place.item + l) * p.width + place.column, by);
    }
}
