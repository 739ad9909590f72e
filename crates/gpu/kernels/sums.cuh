// Sums over the edges of an atom.

#pragma once

#include "row.cuh"

struct Sums {
    // sum_messages: [edges, width] of f32; sum_rows: an operand.
    const void *y;
    uint64_t y_plane;
    const float *inverse;
    const float *scale;
    const float4 *gates;
    // [atoms, width]
    const float *atoms;
    // [atoms + 1]: an atom's edges as a sender; and places of its edges as a receiver in `by_receiver`.
    const uint32_t *sent;
    const uint32_t *received;
    // [edges]
    const uint32_t *by_receiver;
    void *operand;
    uint64_t plane;
    uint32_t n_atoms;
    uint32_t width;
};

// operand [atoms, 3 width] = (features, messages received, messages sent)
template <Kind K> __device__ __forceinline__ void sum_messages(const Sums &p) {
    uint32_t pieces = (p.width + 127) / 128, task = warp_of(), atom = task / (3 * pieces);
    uint32_t part = task / pieces % 3, column = 128 * (task % pieces) + 4 * lane_of();
    if (atom >= p.n_atoms || column >= p.width) return;
    float4 sum;
    if (part == 0) {
        sum = *reinterpret_cast<const float4 *>(p.atoms + static_cast<size_t>(atom) * p.width + column);
    } else {
        const float *y = static_cast<const float *>(p.y);
        float4 scale = *reinterpret_cast<const float4 *>(p.scale + column);
        bool receives = part == 1;
        auto term = [&](uint32_t edge) {
            float4 row = *reinterpret_cast<const float4 *>(y + static_cast<size_t>(edge) * p.width + column);
            float4 gates = p.gates[edge];
            return times(times(times(row, p.inverse[edge]), scale), receives ? gates.w : gates.z);
        };
        const uint32_t *bounds = receives ? p.received : p.sent;
        sum = over_edges(bounds[atom], bounds[atom + 1], receives ? p.by_receiver : nullptr, term);
    }
    float x[4] = {sum.x, sum.y, sum.z, sum.w};
    store_operand<K, 4>(p.operand, p.plane, (3 * static_cast<size_t>(atom) + part) * p.width + column, x);
}

// operand [atoms, 2 width] = (sum of rows as a sender, as a receiver)
template <Kind K> __device__ __forceinline__ void sum_rows(const Sums &p) {
    uint32_t pieces = (p.width + 127) / 128, task = warp_of(), atom = task / (2 * pieces);
    uint32_t part = task / pieces % 2, column = 128 * (task % pieces) + 4 * lane_of();
    if (atom >= p.n_atoms || column >= p.width) return;
    auto term = [&](uint32_t edge) {
        return load_operand<K>(p.y, p.y_plane, static_cast<size_t>(edge) * p.width + column);
    };
    const uint32_t *bounds = part ? p.received : p.sent;
    float4 sum = over_edges(bounds[atom], bounds[atom + 1], part ? p.by_receiver : nullptr, term);
    float x[4] = {sum.x, sum.y, sum.z, sum.w};
    store_operand<K, 4>(p.operand, p.plane, (2 * static_cast<size_t>(atom) + part) * p.width + column, x);
}

struct AddPart {
    // [rows, 3 width]
    const float *joined;
    // [rows, width]
    float *x;
    uint32_t rows;
    uint32_t width;
};

// x += the first part of joined
extern "C" __global__ void __launch_bounds__(256) add_part(__grid_constant__ const AddPart p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row x = load_row(p.x, row, p.width), y = load_row(p.joined, 3 * static_cast<size_t>(row), p.width);
#pragma unroll
    for (int i = 0; i < PIECES; ++i) x.part[i] = plus(x.part[i], y.part[i]);
    store_row(p.x, row, p.width, x);
}
