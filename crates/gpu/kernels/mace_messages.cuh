// Messages: what atoms get along their edges; and the gradient by all that they are made of.

#pragma once

#include "mace.h"
#include "row.cuh"

// Channels at most: four a lane.
constexpr uint32_t MOST_CHANNELS = 128;

// Blocks of rows, one for each l: [atoms, 2 l + 1, …]
struct Blocks {
    float *of[4];
};

struct MaceMessages {
    // [atoms + 1]: bounds of the edges of an atom.
    const uint32_t *starts;
    // [2 pairs]: 2 pair, or 2 pair + 1 where the second of the pair sends.
    const uint32_t *edges;
    // [pairs]
    const uint32_t *first;
    const uint32_t *second;
    // [pairs, couplings]
    const float *couplings;
    // [pairs, paths, channels]
    const float *weights;
    // [atoms, 2 l + 1, channels]
    Blocks features;
    // [atoms, 2 l + 1, paths to l, channels]: sums, or gradients by them.
    Blocks messages;
    // [atoms]: of the sums; or null.
    const double *factors;
    // Gradients: [pairs, paths, channels], [2 pairs, rows, channels] by what is sent (or null), [pairs, couplings].
    float *by_weights;
    float *by_features;
    float *by_couplings;
    uint32_t atoms;
    uint32_t pairs;
    uint32_t channels;
};

template <typename P, int L = 0>
__device__ __forceinline__ void store_sums(const MaceMessages &p, uint32_t atom, uint32_t c, float factor, const float *sums) {
    if constexpr (L <= P::LMAX) {
        constexpr int ROWS = (2 * L + 1) * P::to(L), BELOW = P::rows_below(L);
        float *block = p.messages.of[L] + static_cast<size_t>(atom) * ROWS * p.channels + c;
#pragma unroll
        for (int row = 0; row < ROWS; ++row) block[static_cast<size_t>(row) * p.channels] = factor * sums[BELOW + row];
        store_sums<P, L + 1>(p, atom, c, factor, sums);
    }
}

// Half a block has an atom, a thread a channel of it. Edges are added one after the other.
template <typename P> __device__ __forceinline__ void messages(const MaceMessages &p) {
    uint32_t atom = 2 * blockIdx.x + threadIdx.x / MOST_CHANNELS, c = threadIdx.x % MOST_CHANNELS;
    if (atom >= p.atoms || c >= p.channels) return;
    float sums[P::ROWS] = {};
    uint32_t to = p.starts[atom + 1];
    for (uint32_t at = p.starts[atom]; at < to; ++at) {
        uint32_t edge = p.edges[at], pair = edge >> 1, back = edge & 1;
        size_t sender = back ? p.second[pair] : p.first[pair];
        float weights[P::COUNT], features[P::FEATURES], couplings[P::COUPLINGS];
#pragma unroll
        for (int n = 0; n < P::COUNT; ++n) weights[n] = p.weights[(static_cast<size_t>(pair) * P::COUNT + n) * p.channels + c];
#pragma unroll
        for (int l = 0; l * l < P::FEATURES; ++l)
#pragma unroll
            for (int m = 0; m < 2 * l + 1; ++m) features[l * l + m] = p.features.of[l][(sender * (2 * l + 1) + m) * p.channels + c];
        const float *from = p.couplings + static_cast<size_t>(pair) * P::COUPLINGS;
#pragma unroll
        for (int n = 0; n < P::COUPLINGS; ++n) couplings[n] = from[n];
        send<P>(couplings, weights, features, back, sums);
    }
    float factor = p.factors ? static_cast<float>(p.factors[atom]) : 1.0f;
    store_sums<P>(p, atom, c, factor, sums);
}

template <int N, int STEP> struct OverLanes {
    static __device__ __forceinline__ void store(const float (&x)[N], float *to, Share share) {
        constexpr int HALF = (N + 1) / 2;
        bool upper = lane_of() & STEP;
        float half[HALF];
#pragma unroll
        for (int k = 0; k < HALF; ++k) {
            float low = x[k], high = k + HALF < N ? x[k + HALF < N ? k + HALF : 0] : 0.0f;
            float other = __shfl_xor_sync(0xffffffffu, upper ? low : high, STEP);
            half[k] = (upper ? high : low) + other;
        }
        OverLanes<HALF, STEP / 2>::store(half, to, share);
    }
};

template <int N> struct OverLanes<N, 0> {
    static __device__ __forceinline__ void store(const float (&x)[N], float *to, Share share) {
#pragma unroll
        for (int k = 0; k < N; ++k)
            if (k < share.len) to[share.from + k] = x[k];
    }
};

// What `send_backward` reads and writes, for a warp with a pair; a lane has four neighboring channels.
template <typename P> struct PairIo {
    const MaceMessages &p;
    size_t pair;
    // The atoms that send, each way.
    size_t ends[2];
    uint32_t c;
    bool there;

    __device__ __forceinline__ void load(const float *from, float *to) const {
        float4 x = there ? *reinterpret_cast<const float4 *>(from) : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
        to[0] = x.x, to[1] = x.y, to[2] = x.z, to[3] = x.w;
    }

    template <int L1> __device__ __forceinline__ void feature(int way, int m, float (&h)[4]) const {
        load(p.features.of[L1] + (ends[way] * (2 * L1 + 1) + m) * p.channels + c, h);
    }

    __device__ __forceinline__ void weight(int path, float (&w)[4]) const {
        load(p.weights + (pair * P::COUNT + path) * p.channels + c, w);
    }

    template <int L3> __device__ __forceinline__ void gradient(int way, int row, float (&g)[4]) const {
        constexpr int ROWS = (2 * L3 + 1) * P::to(L3);
        load(p.messages.of[L3] + (ends[1 - way] * ROWS + row) * p.channels + c, g);
    }

    __device__ __forceinline__ void by_weight(int path, const float (&by_w)[4]) const {
        if (there)
            *reinterpret_cast<float4 *>(p.by_weights + (pair * P::COUNT + path) * p.channels + c) =
                make_float4(by_w[0], by_w[1], by_w[2], by_w[3]);
    }

    template <int N> __device__ __forceinline__ void by_couplings(int from, const float (&by_c)[N]) const {
        OverLanes<N, 16>::store(by_c, p.by_couplings + pair * P::COUPLINGS + from, share_of(N, lane_of()));
    }
};

template <typename P> __device__ __forceinline__ void messages_backward(const MaceMessages &p) {
    uint32_t pair = warp_of();
    if (pair >= p.pairs) return;
    PairIo<P> io = {p, pair, {p.first[pair], p.second[pair]}, 4 * lane_of(), 4 * lane_of() < p.channels};
    float by_features[2][P::FEATURES][4] = {};
    send_backward<P, 4>(io, p.couplings + static_cast<size_t>(pair) * P::COUPLINGS, by_features);
    if (!p.by_features || !io.there) return;
#pragma unroll
    for (int way = 0; way < 2; ++way)
#pragma unroll
        for (int row = 0; row < P::FEATURES; ++row) {
            const float *x = by_features[way][row];
            float *to = p.by_features + ((2 * static_cast<size_t>(pair) + way) * P::FEATURES + row) * p.channels + io.c;
            *reinterpret_cast<float4 *>(to) = make_float4(x[0], x[1], x[2], x[3]);
        }
}

#define MESSAGES(l1, l)                                                                                                \
    extern "C" __global__ void __launch_bounds__(256, l1 < 2 ? 4 : 2)                                                 \
        mace_messages_##l1##l(__grid_constant__ const MaceMessages p) {                                                \
        messages<Paths<l1, l>>(p);                                                                                     \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(256, l1 < 2 ? 2 : 1)                                                  \
        mace_messages_backward_##l1##l(__grid_constant__ const MaceMessages p) {                                       \
        messages_backward<Paths<l1, l>>(p);                                                                            \
    }

MESSAGES(0, 2)
MESSAGES(1, 2)
MESSAGES(2, 2)
MESSAGES(0, 3)
MESSAGES(1, 3)
MESSAGES(2, 3)

struct MaceSent {
    const uint32_t *starts;
    const uint32_t *edges;
    // [2 pairs, rows, channels]
    const float *by_edges;
    // [atoms, 2 l + 1, channels]
    Blocks sums;
    uint32_t atoms;
    uint32_t rows;
    uint32_t channels;
};

// What an atom sent: the same edges as it received, turned round. A thread has four neighboring channels of a row.
extern "C" __global__ void __launch_bounds__(256) mace_sent(__grid_constant__ const MaceSent p) {
    size_t at = static_cast<size_t>(blockIdx.x) * 256 + threadIdx.x;
    uint32_t quarter = p.channels / 4;
    size_t of_atom = static_cast<size_t>(p.rows) * quarter;
    if (at >= p.atoms * of_atom) return;
    uint32_t atom = static_cast<uint32_t>(at / of_atom), row = static_cast<uint32_t>(at % of_atom) / quarter;
    uint32_t c = 4 * static_cast<uint32_t>(at % quarter);
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    for (uint32_t n = p.starts[atom]; n < p.starts[atom + 1]; ++n) {
        size_t edge = p.edges[n] ^ 1;
        sum = plus(sum, *reinterpret_cast<const float4 *>(p.by_edges + (edge * p.rows + row) * p.channels + c));
    }
    uint32_t l = row >= 4 ? 2 : row >= 1 ? 1 : 0;
    float *to = l == 0 ? p.sums.of[0] : l == 1 ? p.sums.of[1] : p.sums.of[2];
    *reinterpret_cast<float4 *>(to + (static_cast<size_t>(atom) * (2 * l + 1) + (row - l * l)) * p.channels + c) = sum;
}
