// What is done with rows between products: norms, gates, sums over edges, and their gradients.
//
// One warp has one row, or 128 columns of a sum. Sums over edges run in the order of the edges of an atom, sums over
// columns over a fixed tree of lanes: no number depends on which other rows there are.

#include "arithmetic.h"
#include "operand.cuh"

// A row has at most this many pieces of 128 numbers; 4 neighbors a lane.
constexpr int PIECES = 2;
constexpr uint32_t WARPS = 8;

struct Row {
    float4 part[PIECES];
};

__device__ __forceinline__ uint32_t lane_of() { return threadIdx.x & 31; }
__device__ __forceinline__ uint32_t warp_of() { return blockIdx.x * WARPS + (threadIdx.x >> 5); }
__device__ __forceinline__ uint32_t column_of(int piece) { return 128 * piece + 4 * lane_of(); }

__device__ __forceinline__ Row load_row(const float *from, size_t row, uint32_t width) {
    Row r;
#pragma unroll
    for (int i = 0; i < PIECES; ++i)
        r.part[i] = column_of(i) < width ? *reinterpret_cast<const float4 *>(from + row * width + column_of(i))
                                         : make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    return r;
}

__device__ __forceinline__ void store_row(float *to, size_t row, uint32_t width, const Row &r) {
#pragma unroll
    for (int i = 0; i < PIECES; ++i)
        if (column_of(i) < width) *reinterpret_cast<float4 *>(to + row * width + column_of(i)) = r.part[i];
}

template <Kind K>
__device__ __forceinline__ void store_operand_row(void *to, uint64_t plane, size_t row, uint32_t width, const Row &r) {
#pragma unroll
    for (int i = 0; i < PIECES; ++i) {
        if (column_of(i) >= width) continue;
        float x[4] = {r.part[i].x, r.part[i].y, r.part[i].z, r.part[i].w};
        store_operand<K, 4>(to, plane, row * width + column_of(i), x);
    }
}

__device__ __forceinline__ float dot(const float4 &a, const float4 &b, float sum) {
    return fmaf(a.w, b.w, fmaf(a.z, b.z, fmaf(a.y, b.y, fmaf(a.x, b.x, sum))));
}
__device__ __forceinline__ float4 times(const float4 &a, const float4 &b) {
    return make_float4(a.x * b.x, a.y * b.y, a.z * b.z, a.w * b.w);
}
__device__ __forceinline__ float4 times(const float4 &a, float b) {
    return make_float4(a.x * b, a.y * b, a.z * b, a.w * b);
}
__device__ __forceinline__ float4 plus(const float4 &a, const float4 &b) {
    return make_float4(a.x + b.x, a.y + b.y, a.z + b.z, a.w + b.w);
}
// a b + c
__device__ __forceinline__ float4 multiply_add(const float4 &a, float b, const float4 &c) {
    return make_float4(fmaf(a.x, b, c.x), fmaf(a.y, b, c.y), fmaf(a.z, b, c.z), fmaf(a.w, b, c.w));
}

template <typename T> __device__ __forceinline__ T over_lanes(T x) {
#pragma unroll
    for (int step = 16; step > 0; step >>= 1) x += __shfl_xor_sync(0xffffffffu, x, step);
    return x;
}

__device__ __forceinline__ float dot(const Row &a, const Row &b) {
    float sum = 0.0f;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) sum = dot(a.part[i], b.part[i], sum);
    return over_lanes(sum);
}

// 1 / sqrt(mean of squares + epsilon)
__device__ __forceinline__ float inverse_norm(const Row &y, uint32_t width, float epsilon) {
    return 1.0f / sqrtf(dot(y, y) / static_cast<float>(width) + epsilon);
}

// dE/dy from g = dE/d(y inverse scale).
__device__ __forceinline__ Row norm_gradient(const Row &y, const Row &scale, const Row &g, float inverse, uint32_t width) {
    Row scaled;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) scaled.part[i] = times(g.part[i], scale.part[i]);
    float along = dot(scaled, y) * inverse * inverse / static_cast<float>(width);
    Row out;
#pragma unroll
    for (int i = 0; i < PIECES; ++i) out.part[i] = times(multiply_add(y.part[i], -along, scaled.part[i]), inverse);
    return out;
}

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

// ---- Sums over the edges of an atom ----

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

// The sum over an atom's edges of what `term` gives for one, four of them under way at a time.
template <typename Term>
__device__ __forceinline__ float4 over_edges(uint32_t from, uint32_t to, const uint32_t *list, Term term) {
    float4 sum = make_float4(0.0f, 0.0f, 0.0f, 0.0f);
    uint32_t at = from;
    for (; at + 4 <= to; at += 4) {
        float4 x[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) x[i] = term(list ? list[at + i] : at + i);
#pragma unroll
        for (int i = 0; i < 4; ++i) sum = plus(sum, x[i]);
    }
    for (; at < to; ++at) sum = plus(sum, term(list ? list[at] : at));
    return sum;
}

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

// ---- Vectors of edges ----

struct Basis {
    // [edges, 3], A
    const double *vectors;
    // [n_radial], 1/A
    const double *frequencies;
    // [edges, 16 n_radial]: forward, features; backward, f32 gradients by them.
    void *features;
    uint64_t plane;
    // [edges]
    float *cutoff;
    // [edges]
    const double *by_cutoff;
    // [edges, 3]
    double *slopes;
    // [edges]; and of atoms, what gradients were multiplied with.
    const uint32_t *sender;
    const float *scales;
    double prefactor;
    double reach;
    uint32_t rows;
    uint32_t n_radial;
};

// The numbers 4 q to 4 q + 3 of 16, without indexing registers by a variable.
__device__ __forceinline__ void quarter(const double *all, uint32_t q, double *out) {
#pragma unroll
    for (int i = 0; i < 4; ++i) out[i] = q == 0 ? all[i] : q == 1 ? all[4 + i] : q == 2 ? all[8 + i] : all[12 + i];
}

// features[16 b + m] = cutoff(r) prefactor sin(frequency_b r) / r harmonic_m(vector / r)
template <Kind K> __device__ __forceinline__ void basis_forward(const Basis &p) {
    uint32_t row = warp_of(), lane = lane_of(), q = lane & 3;
    if (row >= p.rows) return;
    double x = p.vectors[3 * static_cast<size_t>(row)], y = p.vectors[3 * static_cast<size_t>(row) + 1];
    double z = p.vectors[3 * static_cast<size_t>(row) + 2];
    double r = sqrt(x * x + y * y + z * z), all[N_HARMONICS], own[4];
    harmonics(x / r, y / r, z / r, all);
    quarter(all, q, own);
    double c = cutoff(r, p.reach), factor = c * p.prefactor / r;
    for (uint32_t b = lane >> 2; b < p.n_radial; b += 8) {
        double radial = factor * sin(p.frequencies[b] * r);
        float out[4];
#pragma unroll
        for (int i = 0; i < 4; ++i) out[i] = static_cast<float>(radial * own[i]);
        store_operand<K, 4>(p.features, p.plane, (static_cast<size_t>(row) * p.n_radial + b) * N_HARMONICS + 4 * q, out);
    }
    if (lane == 0) p.cutoff[row] = static_cast<float>(c);
}

extern "C" __global__ void __launch_bounds__(256) basis_backward(__grid_constant__ const Basis p) {
    uint32_t row = warp_of(), lane = lane_of(), q = lane & 3;
    if (row >= p.rows) return;
    double v[3], direction[3], all[N_HARMONICS], own[4];
#pragma unroll
    for (int i = 0; i < 3; ++i) v[i] = p.vectors[3 * static_cast<size_t>(row) + i];
    double r = sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
#pragma unroll
    for (int i = 0; i < 3; ++i) direction[i] = v[i] / r;
    harmonics(direction[0], direction[1], direction[2], all);
    quarter(all, q, own);
    double value = cutoff(r, p.reach), slope = cutoff_slope(r, p.reach);
    double by_harmonic[4] = {}, by_r = 0.0;
    const float *gradients = static_cast<const float *>(p.features);
    for (uint32_t b = lane >> 2; b < p.n_radial; b += 8) {
        double sine, cosine, frequency = p.frequencies[b];
        sincos(frequency * r, &sine, &cosine);
        double radial = p.prefactor * sine / r, radial_slope = (p.prefactor * frequency * cosine - radial) / r;
        double factor = value * radial, factor_slope = slope * radial + value * radial_slope;
        float4 g = *reinterpret_cast<const float4 *>(gradients + (static_cast<size_t>(row) * p.n_radial + b) * N_HARMONICS + 4 * q);
        double wide[4] = {g.x, g.y, g.z, g.w};
#pragma unroll
        for (int i = 0; i < 4; ++i) {
            by_harmonic[i] += wide[i] * factor;
            by_r += wide[i] * factor_slope * own[i];
        }
    }
    by_r = over_lanes(by_r);
    // Lanes of one q hold the same four harmonics.
#pragma unroll
    for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int step = 16; step > 2; step >>= 1) by_harmonic[i] += __shfl_xor_sync(0xffffffffu, by_harmonic[i], step);
#pragma unroll
    for (int k = 0; k < N_HARMONICS; ++k) all[k] = __shfl_sync(0xffffffffu, by_harmonic[k & 3], k >> 2);
    double turn[3];
    harmonics_gradient(direction[0], direction[1], direction[2], all, turn);
    double along = turn[0] * direction[0] + turn[1] * direction[1] + turn[2] * direction[2];
    double of_cutoff = p.by_cutoff[row] * slope, unscale = 1.0 / p.scales[p.sender[row]];
#pragma unroll
    for (uint32_t i = 0; i < 3; ++i)
        if (lane == i)
            p.slopes[3 * static_cast<size_t>(row) + i] =
                ((by_r + of_cutoff) * direction[i] + (turn[i] - along * direction[i]) / r) * unscale;
}

// ---- The head ----

struct Head {
    // [atoms, width]
    const float *atoms;
    // [structures + 1]
    const uint32_t *starts;
    // [width, hidden] and [hidden, width]
    const double *first_transposed;
    const double *first;
    const double *first_bias;
    // [hidden]
    const double *second;
    // [structures]
    double *energies;
    // [atoms, width], or null
    float *by_atoms;
    // [atoms]: what gradients are multiplied with.
    float *scales;
    double second_bias;
    // Of the energies of the training set: factor of the gradient.
    double deviation;
    uint32_t width;
    uint32_t hidden;
};

// Mean over the atoms of a structure, then a perceptron with one hidden layer and one output, in double precision; and the
// gradient of the number of atoms times its output, scaled. One block has one structure.
extern "C" __global__ void __launch_bounds__(256) head(__grid_constant__ const Head p) {
    extern __shared__ double shared[];
    double *pooled = shared, *slopes = shared + p.width, *terms = slopes + p.hidden;
    uint32_t from = p.starts[blockIdx.x], to = p.starts[blockIdx.x + 1];
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        double sum = 0.0;
        for (uint32_t atom = from; atom < to; ++atom) sum += p.atoms[static_cast<size_t>(atom) * p.width + c];
        pooled[c] = sum / (to - from);
    }
    __syncthreads();
    for (uint32_t j = threadIdx.x; j < p.hidden; j += blockDim.x) {
        double z = p.first_bias[j];
        for (uint32_t c = 0; c < p.width; ++c) z += pooled[c] * p.first_transposed[static_cast<size_t>(c) * p.hidden + j];
        terms[j] = silu(z) * p.second[j];
        slopes[j] = silu_slope(z) * p.second[j];
    }
    __syncthreads();
    if (threadIdx.x == 0) {
        double sum = p.second_bias;
        for (uint32_t j = 0; j < p.hidden; ++j) sum += terms[j];
        p.energies[blockIdx.x] = sum;
    }
    if (!p.by_atoms) return;
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        double g = 0.0;
        for (uint32_t j = 0; j < p.hidden; ++j) g += slopes[j] * p.first[static_cast<size_t>(j) * p.width + c];
        pooled[c] = g * p.deviation;
    }
    __syncthreads();
    // A power of two that brings the largest to 16 up to 32: half precision then holds what follows from it.
    double largest = 0.0;
    for (uint32_t c = 0; c < p.width; ++c) largest = fmax(largest, fabs(pooled[c]));
    float scale = largest > 1e-30 && largest < 1e30 ? ldexpf(1.0f, 4 - ilogb(largest)) : 1.0f;
    for (uint32_t c = threadIdx.x; c < p.width; c += blockDim.x) {
        float slope = static_cast<float>(pooled[c] * scale);
        for (uint32_t atom = from; atom < to; ++atom) p.by_atoms[static_cast<size_t>(atom) * p.width + c] = slope;
    }
    for (uint32_t atom = from + threadIdx.x; atom < to; atom += blockDim.x) p.scales[atom] = scale;
}

#define FOR_ALL_KINDS(name, Arguments)                                                                                 \
    extern "C" __global__ void __launch_bounds__(256) name##_f32(__grid_constant__ const Arguments p) {                \
        name<F32>(p);                                                                                                  \
    }                                                                                                                  \
    extern "C" __global__ void __launch_bounds__(256) name##_bf16x3(__grid_constant__ const Arguments p) {             \
        name<BF16>(p);                                                                                                 \
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
