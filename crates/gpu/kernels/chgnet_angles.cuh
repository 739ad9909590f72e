// Messages between bonds, what angles become, and the gradients of both.

#pragma once

#include "chgnet_tile.cuh"

struct ChgnetAngles {
    // [angles]: atom, first and second bond.
    const uint32_t *center;
    const uint32_t *first;
    const uint32_t *second;
    // [atoms, 128]: core and gate.
    const float *nodes;
    // [bonds, 256]: terms of the first bond, of the second; core and gate each.
    const float *bonds;
    // [bonds, 64]: factors of messages.
    const float *weights;
    // [2, 64, 64]: what angles add to the first layers; backward, transposed.
    const float *own;
    // [2, 64, 64]: second layers; backward, transposed. None of updates of angles.
    const float *hidden;
    // [2, 64]
    const float *bias;
    // [4, 64]
    const float *norms;
    // [angles, 64]: features; what is updated is added to.
    float *angles;
    // [angles, 128]: first layers, and second ones. Forward: written, or null.
    float *z;
    float *y;
    // [angles, 64]: times the weights of the second bond.
    float *messages;
    // Backward: [bonds, 64] gradients by sums of messages.
    const float *by_sums;
    // [angles, 64]: by features; added to.
    float *by_angles;
    // [angles, 128]: by the first layers.
    float *by_z;
    // [angles, 64]: by the weights of the second bond.
    float *by_second;
    uint32_t n_angles;
    uint32_t width;
    float inverse_width;
};

// Shared memory: two left operands, two matrices of what angles add, two of second layers.
template <bool HIDDEN> __device__ __forceinline__ void angles(const ChgnetAngles &p, float *shared) {
    float *left = shared, *own = shared + 2 * SQUARE, *hidden = shared + 4 * SQUARE;
    RowThreads row(p.width, p.inverse_width);
    const uint32_t column = row.column;
    load_matrices(own, p.own);
    if constexpr (HIDDEN) load_matrices(hidden, p.hidden);
    for (uint32_t tile = blockIdx.x; tile * TILE < p.n_angles; tile += gridDim.x) {
        uint32_t angle0 = tile * TILE + first_row();
        Four x[4] = {};
        Part z = {};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t angle = angle0 + i;
            if (angle >= p.n_angles) continue;
            x[i] = load_four(p.angles, angle, WIDE, column);
            add_row(z.core[i], z.gate[i], p.bonds, p.first[angle], 4 * WIDE, column);
            add_row(z.core[i], z.gate[i], p.bonds, p.second[angle], 4 * WIDE, column + 2 * WIDE);
            add_row(z.core[i], z.gate[i], p.nodes, p.center[angle], 2 * WIDE, column);
        }
        __syncthreads();
        put(left, column, x);
        __syncthreads();
        add_product(left, own, column, z.core);
        add_product(left, own + SQUARE, column, z.gate);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t angle = angle0 + i;
            if (angle >= p.n_angles || !p.z) continue;
            store_four(p.z, angle, 2 * WIDE, column, z.core[i]);
            store_four(p.z, angle, 2 * WIDE, column + WIDE, z.gate[i]);
        }
        if constexpr (HIDDEN) {
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                z.core[i] = silu(z.core[i]);
                z.gate[i] = silu(z.gate[i]);
            }
            __syncthreads();
            put(left, column, z);
            __syncthreads();
            z = part_of(load_four(p.bias, 0, WIDE, column), load_four(p.bias, 1, WIDE, column));
            add_products(left, hidden, column, z);
        }
        const Gate gate = load_gate(p.norms, column);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t angle = angle0 + i;
            Four message = gated(row, gate, z.core[i], z.gate[i]);
            if (angle >= p.n_angles) continue;
            if constexpr (HIDDEN) {
                store_four(p.messages, angle, WIDE, column, times(message, load_four(p.weights, p.second[angle], WIDE, column)));
                if (!p.y) continue;
                store_four(p.y, angle, 2 * WIDE, column, z.core[i]);
                store_four(p.y, angle, 2 * WIDE, column + WIDE, z.gate[i]);
            } else {
                store_four(p.angles, angle, WIDE, column, plus(x[i], message));
            }
        }
    }
}

template <bool HIDDEN> __device__ __forceinline__ void angles_backward(const ChgnetAngles &p, float *shared) {
    float *left = shared, *own = shared + 2 * SQUARE, *hidden = shared + 4 * SQUARE;
    RowThreads row(p.width, p.inverse_width);
    const uint32_t column = row.column;
    load_matrices(own, p.own);
    if constexpr (HIDDEN) load_matrices(hidden, p.hidden);
    for (uint32_t tile = blockIdx.x; tile * TILE < p.n_angles; tile += gridDim.x) {
        uint32_t angle0 = tile * TILE + first_row();
        Part by;
        const Gate gate = load_gate(p.norms, column);
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t angle = angle0 + i;
            bool there = angle < p.n_angles;
            Four core = {}, of_gate = {}, of_first = {}, factor = {};
            if (there) {
                const float *from = HIDDEN ? p.y : p.z;
                core = load_four(from, angle, 2 * WIDE, column);
                of_gate = load_four(from, angle, 2 * WIDE, column + WIDE);
                if constexpr (HIDDEN) {
                    uint32_t first = p.first[angle];
                    of_first = times(load_four(p.by_sums, first, WIDE, column), load_four(p.weights, first, WIDE, column));
                    factor = times(of_first, load_four(p.weights, p.second[angle], WIDE, column));
                } else {
                    factor = load_four(p.by_angles, angle, WIDE, column);
                }
            }
            GateSlopes slopes = gated_backward(row, gate, core, of_gate, factor);
            by.core[i] = slopes.core;
            by.gate[i] = slopes.gate;
            if (HIDDEN && there) store_four(p.by_second, angle, WIDE, column, times(slopes.value, of_first));
        }
        if constexpr (HIDDEN) {
            __syncthreads();
            put(left, column, by);
            __syncthreads();
            by = {};
            add_products(left, hidden, column, by);
#pragma unroll
            for (int i = 0; i < 4; ++i) {
                uint32_t angle = angle0 + i;
                if (angle >= p.n_angles) continue;
                by.core[i] = times(by.core[i], silu_slope(load_four(p.z, angle, 2 * WIDE, column)));
                by.gate[i] = times(by.gate[i], silu_slope(load_four(p.z, angle, 2 * WIDE, column + WIDE)));
            }
        }
        Four x[4] = {};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            uint32_t angle = angle0 + i;
            if (angle >= p.n_angles) continue;
            store_four(p.by_z, angle, 2 * WIDE, column, by.core[i]);
            store_four(p.by_z, angle, 2 * WIDE, column + WIDE, by.gate[i]);
            x[i] = load_four(p.by_angles, angle, WIDE, column);
        }
        __syncthreads();
        put(left, column, by);
        __syncthreads();
        add_product(left, own, column, x);
        add_product(left + SQUARE, own + SQUARE, column, x);
#pragma unroll
        for (int i = 0; i < 4; ++i)
            if (angle0 + i < p.n_angles) store_four(p.by_angles, angle0 + i, WIDE, column, x[i]);
    }
}

extern __shared__ __align__(16) float angle_tiles[];

extern "C" __global__ void __launch_bounds__(256, 2) chgnet_bonds(__grid_constant__ const ChgnetAngles p) {
    angles<true>(p, angle_tiles);
}

extern "C" __global__ void __launch_bounds__(256, 2) chgnet_bonds_backward(__grid_constant__ const ChgnetAngles p) {
    angles_backward<true>(p, angle_tiles);
}

extern "C" __global__ void __launch_bounds__(256, 3) chgnet_angles(__grid_constant__ const ChgnetAngles p) {
    angles<false>(p, angle_tiles);
}

extern "C" __global__ void __launch_bounds__(256, 3) chgnet_angles_backward(__grid_constant__ const ChgnetAngles p) {
    angles_backward<false>(p, angle_tiles);
}
