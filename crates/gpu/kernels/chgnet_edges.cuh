// Messages between atoms, and their gradient. Edges 2 pair and 2 pair + 1 are those of a pair: its first atom sends, then its
// second.

#pragma once

#include "chgnet_tile.cuh"

struct ChgnetEdges {
    // [pairs]
    const uint32_t *first;
    const uint32_t *second;
    // [atoms, 256]: terms of the atom that receives, of that which sends; core and gate each.
    const float *nodes;
    // [pairs, 128]
    const float *bonds;
    // [pairs, 64]: factors of messages.
    const float *weights;
    // [2, 64, 64]: second layers of core and gate; backward, transposed.
    const float *hidden;
    // [2, 64]
    const float *bias;
    // [4, 64]
    const float *norms;
    // [edges, 128]: behind the second layers. Forward: written, or null.
    float *y;
    // [edges, 64]
    float *messages;
    // Backward: [atoms, 64] gradients by sums of messages.
    const float *by_sums;
    // [edges, 128] and [pairs, 128]: by the first layers, and the sums of both edges.
    float *by_z;
    float *by_pairs;
    // [pairs, 64]: added to.
    float *by_weights;
    uint32_t edges;
    uint32_t width;
    float inverse_width;
};

// The first layer of an edge; zeros beyond the last.
__device__ __forceinline__ void first_layer(const ChgnetEdges &p, uint32_t edge, uint32_t column, Four &core, Four &gate) {
    core = gate = {};
    if (edge >= p.edges) return;
    uint32_t pair = edge >> 1, first = p.first[pair], second = p.second[pair];
    add_row(core, gate, p.bonds, pair, 2 * WIDE, column);
    add_row(core, gate, p.nodes, edge & 1 ? first : second, 4 * WIDE, column);
    add_row(core, gate, p.nodes, edge & 1 ? second : first, 4 * WIDE, column + 2 * WIDE);
}

// Shared memory: two left operands, two matrices.
extern "C" __global__ void __launch_bounds__(256, 3) chgnet_edges(__grid_constant__ const ChgnetEdges p) {
    extern __shared__ __align__(16) float shared[];
    float *left = shared, *right = shared + 2 * SQUARE;
    RowThreads row(p.width, p.inverse_width);
    const uint32_t column = row.column;
    load_matrices(right, p.hidden);
    for (uint32_t tile = blockIdx.x; tile * TILE < p.edges; tile += gridDim.x) {
        uint32_t edge0 = tile * TILE + first_row();
        Part z;
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            first_layer(p, edge0 + i, column, z.core[i], z.gate[i]);
            z.core[i] = silu(z.core[i]);
            z.gate[i] = silu(z.gate[i]);
        }
        __syncthreads();
        put(left, column, z);
        __syncthreads();
        Part y = part_of(load_four(p.bias, 0, WIDE, column), load_four(p.bias, 1, WIDE, column));
        add_products(left, right, column, y);
        const Gate gate = load_gate(p.norms, column);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t edge = edge0 + i;
            Four message = gated(row, gate, y.core[i], y.gate[i]);
            if (edge >= p.edges) continue;
            store_four(p.messages, edge, WIDE, column, times(message, load_four(p.weights, edge >> 1, WIDE, column)));
            if (!p.y) continue;
            store_four(p.y, edge, 2 * WIDE, column, y.core[i]);
            store_four(p.y, edge, 2 * WIDE, column + WIDE, y.gate[i]);
        }
    }
}

extern "C" __global__ void __launch_bounds__(256, 3) chgnet_edges_backward(__grid_constant__ const ChgnetEdges p) {
    extern __shared__ __align__(16) float shared[];
    float *left = shared, *right = shared + 2 * SQUARE;
    RowThreads row(p.width, p.inverse_width);
    const uint32_t column = row.column;
    load_matrices(right, p.hidden);
    for (uint32_t tile = blockIdx.x; tile * TILE < p.edges; tile += gridDim.x) {
        uint32_t edge0 = tile * TILE + first_row();
        Part by_y;
        const Gate gate = load_gate(p.norms, column);
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
            // Both edges of a pair are there, or neither.
            uint32_t pair = (edge0 + i) >> 1;
            bool there = edge0 + i < p.edges;
            Four weights = {}, by_weights = {};
            if (there) {
                weights = load_four(p.weights, pair, WIDE, column);
                by_weights = load_four(p.by_weights, pair, WIDE, column);
            }
#pragma unroll
            for (int way = 0; way < 2; ++way) {
                Four core = {}, of_gate = {}, by = {};
                if (there) {
                    uint32_t receiver = way ? p.first[pair] : p.second[pair];
                    core = load_four(p.y, edge0 + i + way, 2 * WIDE, column);
                    of_gate = load_four(p.y, edge0 + i + way, 2 * WIDE, column + WIDE);
                    by = load_four(p.by_sums, receiver, WIDE, column);
                }
                GateSlopes slopes = gated_backward(row, gate, core, of_gate, times(by, weights));
                by_y.core[i + way] = slopes.core;
                by_y.gate[i + way] = slopes.gate;
                by_weights = multiply_add(slopes.value, by, by_weights);
            }
            if (there) store_four(p.by_weights, pair, WIDE, column, by_weights);
        }
        __syncthreads();
        put(left, column, by_y);
        __syncthreads();
        Part by_z = {};
        add_products(left, right, column, by_z);
#pragma unroll
        for (int i = 0; i < 4; i += 2) {
            if (edge0 + i >= p.edges) continue;
#pragma unroll
            for (int k = i; k < i + 2; ++k) {
                Four core, of_gate;
                first_layer(p, edge0 + k, column, core, of_gate);
                by_z.core[k] = times(by_z.core[k], silu_slope(core));
                by_z.gate[k] = times(by_z.gate[k], silu_slope(of_gate));
                store_four(p.by_z, edge0 + k, 2 * WIDE, column, by_z.core[k]);
                store_four(p.by_z, edge0 + k, 2 * WIDE, column + WIDE, by_z.gate[k]);
            }
            uint32_t pair = (edge0 + i) >> 1;
            store_four(p.by_pairs, pair, 2 * WIDE, column, plus(by_z.core[i], by_z.core[i + 1]));
            store_four(p.by_pairs, pair, 2 * WIDE, column + WIDE, plus(by_z.gate[i], by_z.gate[i + 1]));
        }
    }
}
