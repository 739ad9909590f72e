// What is done with rows between products: norms, gates, sums over edges, and their gradients.
//
// One warp has one row, or 128 columns of a sum. Sums over edges run in the order of the edges of an atom, sums over
// columns over a fixed tree of lanes: no number depends on which other rows there are.

// Not sorted: kernels are compiled in this order, and the digest of all of them is part of the name of results.
#include "row.cuh"
#include "sums.cuh"
#include "basis.cuh"
#include "head.cuh"

// ---- Atoms and ends of perceptrons ----

struct Embed {
    // [elements, width]
    const float *table;
    const uint32_t *elements;
    float *atoms;
    void *operand;
    uint64_t plane;
    uint32_t rows;
    uint32_t width;
};

// Atoms as the encoder has them.
template <Kind K> __device__ __forceinline__ void embed(const Embed &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row r = load_row(p.table, p.elements[row], p.width);
    store_row(p.atoms, row, p.width, r);
    store_operand_row<K>(p.operand, p.plane, row, p.width, r);
}

struct Norm {
    // [rows, width]: what is normalized.
    const float *y;
    const float *scale;
    // norm_add: [rows, width], y's norm is added, or written where `fresh`. norm_backward: the gradient by the result.
    float *x;
    void *operand;
    uint64_t plane;
    float epsilon;
    uint32_t rows;
    uint32_t width;
    uint32_t fresh;
};

// x += norm(y), or x = norm(y); operand = x
template <Kind K> __device__ __forceinline__ void norm_add(const Norm &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row y = load_row(p.y, row, p.width), scale = load_row(p.scale, 0, p.width);
    float inverse = inverse_norm(y, p.width, p.epsilon);
    Row x;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) x.part[i] = times(times(y.part[i], inverse), scale.part[i]);
    if (!p.fresh) {
        Row before = load_row(p.x, row, p.width);
#pragma unroll
        for (int i = 0; i < PIECES; ++i) x.part[i] = plus(before.part[i], x.part[i]);
    }
    store_row(p.x, row, p.width, x);
    store_operand_row<K>(p.operand, p.plane, row, p.width, x);
}

// operand = dE/dy from x = dE/d norm(y)
template <Kind K> __device__ __forceinline__ void norm_backward(const Norm &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row y = load_row(p.y, row, p.width), scale = load_row(p.scale, 0, p.width), g = load_row(p.x, row, p.width);
    float inverse = inverse_norm(y, p.width, p.epsilon);
    store_operand_row<K>(p.operand, p.plane, row, p.width, norm_gradient(y, scale, g, inverse, p.width));
}

// ---- Messages ----

struct Messages {
    // [edges, width]
    const float *y;
    // Features of edges: [edges, width]; forward: messages are added. Backward: gradients by the features behind the layer
    // become those before it, but for what goes through y.
    float *edges;
    void *operand;
    uint64_t plane;
    const float *scale;
    const float *send;
    const float *receive;
    // [edges]
    const float *cutoff;
    // [edges, 4]: gates of sender and receiver, and both times the cutoff.
    float4 *gates;
    // [edges]
    float *inverse;
    const uint32_t *sender;
    const uint32_t *receiver;
    // [atoms, 3 width]: gradients by an atom's features, what it received, and what it sent.
    const float *joined;
    // [edges]: dE/d cutoff is added.
    double *by_cutoff;
    float send_bias;
    float receive_bias;
    float epsilon;
    uint32_t rows;
    uint32_t width;
    // Forward: edges are not needed any more. Backward: their gradient is zero.
    uint32_t last;
};

template <Kind K> __device__ __forceinline__ void deliver(const Messages &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row y = load_row(p.y, row, p.width), e = load_row(p.edges, row, p.width);
    float send = sigmoid(dot(e, load_row(p.send, 0, p.width)) + p.send_bias);
    float receive = sigmoid(dot(e, load_row(p.receive, 0, p.width)) + p.receive_bias);
    float inverse = inverse_norm(y, p.width, p.epsilon);
    if (lane_of() == 0) {
        float c = p.cutoff[row];
        p.gates[row] = make_float4(send, receive, send * c, receive * c);
        p.inverse[row] = inverse;
    }
    if (p.last) return;
    Row scale = load_row(p.scale, 0, p.width);
#pragma unroll
    for (int i = 0; i < PIECES; ++i) e.part[i] = plus(e.part[i], times(times(y.part[i], inverse), scale.part[i]));
    store_row(p.edges, row, p.width, e);
    store_operand_row<K>(p.operand, p.plane, row, p.width, e);
}

template <Kind K> __device__ __forceinline__ void deliver_backward(const Messages &p) {
    uint32_t row = warp_of();
    if (row >= p.rows) return;
    Row y = load_row(p.y, row, p.width), scale = load_row(p.scale, 0, p.width);
    Row e;
    if (p.last) {
#pragma unroll
        for (int i = 0; i < PIECES; ++i) e.part[i] = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    } else {
        e = load_row(p.edges, row, p.width);
    }
    size_t of_sender = 3 * static_cast<size_t>(p.sender[row]), of_receiver = 3 * static_cast<size_t>(p.receiver[row]);
    Row by_received = load_row(p.joined, of_receiver + 1, p.width), by_sent = load_row(p.joined, of_sender + 2, p.width);
    float4 gates = p.gates[row];
    float inverse = p.inverse[row];
    Row message, g;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        message.part[i] = times(times(y.part[i], inverse), scale.part[i]);
        g.part[i] = multiply_add(by_sent.part[i], gates.z, multiply_add(by_received.part[i], gates.w, e.part[i]));
    }
    float by_send = dot(message, by_sent), by_receive = dot(message, by_received);
    store_operand_row<K>(p.operand, p.plane, row, p.width, norm_gradient(y, scale, g, inverse, p.width));
    if (lane_of() == 0)
        p.by_cutoff[row] += static_cast<double>(by_send) * gates.x + static_cast<double>(by_receive) * gates.y;
    // sigmoid' = s (1 - s)
    by_send *= gates.z * (1.0f - gates.x);
    by_receive *= gates.w * (1.0f - gates.y);
    Row send = load_row(p.send, 0, p.width), receive = load_row(p.receive, 0, p.width);
#pragma unroll
    for (int i = 0; i < PIECES; ++i)
        e.part[i] = multiply_add(receive.part[i], by_receive, multiply_add(send.part[i], by_send, e.part[i]));
    store_row(p.edges, row, p.width, e);
}

#define FOR_ALL_KINDS(name, Arguments)                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) name##_f32(__grid_constant__ const Arguments p) {                \
        name<F32>(p);                                                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) name##_f16x3(__grid_constant__ const Arguments p) {              \
        name<F16>(p);                                                                                                  \
    }

FOR_ALL_KINDS(embed, Embed)
FOR_ALL_KINDS(norm_add, Norm)
FOR_ALL_KINDS(norm_backward, Norm)
FOR_ALL_KINDS(deliver, Messages)
FOR_ALL_KINDS(deliver_backward, Messages)
FOR_ALL_KINDS(sum_messages, Sums)
FOR_ALL_KINDS(sum_rows, Sums)
FOR_ALL_KINDS(basis_forward, Basis)
