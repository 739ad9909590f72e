// What one thread computes of MACE, in plain C++: compiled by nvcc for the device and by g++ for the tests on a CPU.
//
// Formulas are those of `crates/models/src/mace` (radial.rs, edges, product.rs) and `crates/kernels` (edge_products,
// symmetric_contraction.rs).
#pragma once

#include "arithmetic.h"
#include "radial.h"

// ---- Functions of the distance, with their slopes ----

struct Agnesi {
    double a;
    double q;
    double p;
};

// 1 / (1 + a y^q / (1 + y^(q - p))), y = r / r0
SHARED_CODE Slope transformed(double r, double r0, const Agnesi &k) {
    double y = r / r0, above = k.a * pow(y, k.q), below = 1.0 + pow(y, k.q - k.p);
    double ratio = above / below, value = 1.0 / (1.0 + ratio);
    double slope = (k.q * above / y - ratio * (k.q - k.p) * (below - 1.0) / y) / below;
    return {value, -value * value * slope / r0};
}

// tanh(u^2)
SHARED_CODE Slope density_of(double u, double slope) {
    double value = tanh(u * u);
    return {value, (1.0 - value * value) * 2.0 * u * slope};
}

// ---- Paths: features of l1 times harmonics of l2 to messages of l3 ----

struct Path {
    int l1;
    int l2;
    int l3;
    // Messages: the row of m3 = 0, and rows from one m3 to the next.
    int row;
    int stride;
    // The first of its (2 l1 + 1)(2 l3 + 1) couplings, m3 running fastest.
    int coupling;
};

// All paths from features up to L1 and harmonics up to L to messages up to L: by l3, then l1, then l2. Messages of one l3 lie
// together, all paths for each m3.
template <int L1, int L> struct Paths {
    SHARED_CODE static constexpr bool is_path(int l1, int l2, int l3) {
        int least = l1 > l2 ? l1 - l2 : l2 - l1;
        return l3 >= least && l3 <= l1 + l2 && (l1 + l2 + l3) % 2 == 0;
    }

    // Paths to l3.
    SHARED_CODE static constexpr int to(int l3) {
        int n = 0;
        for (int l1 = 0; l1 <= L1; ++l1)
            for (int l2 = 0; l2 <= L; ++l2) n += is_path(l1, l2, l3);
        return n;
    }

    // Rows of messages below l3.
    SHARED_CODE static constexpr int rows_below(int l3) {
        int n = 0;
        for (int l = 0; l < l3; ++l) n += (2 * l + 1) * to(l);
        return n;
    }

    SHARED_CODE static constexpr Path path(int number) {
        int coupling = 0, found = 0;
        for (int l3 = 0; l3 <= L; ++l3) {
            int of_l3 = 0;
            for (int l1 = 0; l1 <= L1; ++l1) {
                for (int l2 = 0; l2 <= L; ++l2) {
                    if (!is_path(l1, l2, l3)) continue;
                    if (found == number) return {l1, l2, l3, rows_below(l3) + of_l3, to(l3), coupling};
                    ++found;
                    ++of_l3;
                    coupling += (2 * l1 + 1) * (2 * l3 + 1);
                }
            }
        }
        return {found, 0, 0, 0, 0, coupling};
    }

    static constexpr int LMAX = L;
    static constexpr int FEATURES = (L1 + 1) * (L1 + 1);
    static constexpr int ROWS = rows_below(L + 1);
    static constexpr int COUNT = path(-1).l1;
    static constexpr int COUPLINGS = path(-1).coupling;
};

// Adds what one edge sends, in one channel: rows [ROWS] of sums, weights [COUNT], features [FEATURES]. Turned round, an edge has
// the other sign where l2 is odd.
template <typename P, int N = 0>
SHARED_CODE void send(const float *couplings, const float *weights, const float *features, bool back, float *sums) {
    if constexpr (N < P::COUNT) {
        constexpr Path path = P::path(N);
        constexpr int D1 = 2 * path.l1 + 1, D3 = 2 * path.l3 + 1;
        float weight = path.l2 % 2 && back ? -weights[N] : weights[N];
UNROLL
        for (int m1 = 0; m1 < D1; ++m1) {
            float sent = weight * features[path.l1 * path.l1 + m1];
UNROLL
            for (int m3 = 0; m3 < D3; ++m3) {
                float &sum = sums[path.row + m3 * path.stride];
                sum = fmaf(couplings[path.coupling + m1 * D3 + m3], sent, sum);
            }
        }
        send<P, N + 1>(couplings, weights, features, back, sums);
    }
}

// The gradient by what both edges of a pair send, in W channels: by features of both ends, [2][FEATURES][W]; the first sends
// to the second, then the other way round. `io` reads weights, features and gradients by messages, and takes gradients:
//   weight(path, w)            w [W]
//   feature<l>(way, m, h)      h [W] of the atom that sends
//   gradient<l3>(way, row, g)  g [W] by the messages of the atom that receives, rows of l3 counted from 0
//   by_weight(path, by_w)      by_w [W], of both ways
//   by_couplings<n>(from, by_c) by_c [n], summed over these channels and both ways
template <typename P, int W, int N = 0, typename Io>
SHARED_CODE void send_backward(Io &io, const float *couplings, float (&by_features)[2][P::FEATURES][W]) {
    if constexpr (N < P::COUNT) {
        constexpr Path path = P::path(N);
        constexpr int D1 = 2 * path.l1 + 1, D3 = 2 * path.l3 + 1, FROM = path.l1 * path.l1;
        float w[W], by_w[W] = {}, by_c[D1 * D3] = {};
        io.weight(N, w);
UNROLL
        for (int way = 0; way < 2; ++way) {
            float sign = path.l2 % 2 && way ? -1.0f : 1.0f;
            float feature[D1][W], sent[D1][W], by_sent[D1][W] = {};
UNROLL
            for (int m1 = 0; m1 < D1; ++m1) {
                io.template feature<path.l1>(way, m1, feature[m1]);
UNROLL
                for (int k = 0; k < W; ++k) sent[m1][k] = sign * w[k] * feature[m1][k];
            }
UNROLL
            for (int m3 = 0; m3 < D3; ++m3) {
                float g[W];
                io.template gradient<path.l3>(way, path.row - P::rows_below(path.l3) + m3 * path.stride, g);
UNROLL
                for (int m1 = 0; m1 < D1; ++m1) {
                    float coupling = couplings[path.coupling + m1 * D3 + m3];
UNROLL
                    for (int k = 0; k < W; ++k) {
                        by_c[m1 * D3 + m3] = fmaf(sent[m1][k], g[k], by_c[m1 * D3 + m3]);
                        by_sent[m1][k] = fmaf(coupling, g[k], by_sent[m1][k]);
                    }
                }
            }
UNROLL
            for (int m1 = 0; m1 < D1; ++m1)
UNROLL
                for (int k = 0; k < W; ++k) {
                    float by = sign * by_sent[m1][k];
                    by_features[way][FROM + m1][k] = fmaf(w[k], by, by_features[way][FROM + m1][k]);
                    by_w[k] = fmaf(feature[m1][k], by, by_w[k]);
                }
        }
        io.by_weight(N, by_w);
        io.template by_couplings<D1 * D3>(path.coupling, by_c);
        send_backward<P, W, N + 1>(io, couplings, by_features);
    }
}

// ---- Symmetric contractions: polynomials of the inputs of an atom, in W neighboring channels ----
//
// A program says which monomials there are. For each output: how many first factors; each is a word with its input in the
// lower 8 bits, and above them how many second factors follow it, each with its third factors behind it in the same way.
// Coefficients are read in the order of factors, `stride` apart; inputs are `input_stride` apart.

template <int W> struct alignas(4 * W) Channels {
    float x[W];
};

template <int W> SHARED_CODE Channels<W> load_channels(const float *from) {
    return *reinterpret_cast<const Channels<W> *>(from);
}

template <int W> SHARED_CODE void store_channels(float *to, const Channels<W> &x) {
    *reinterpret_cast<Channels<W> *>(to) = x;
}

// a b + c
template <int W> SHARED_CODE Channels<W> multiply_add(const Channels<W> &a, const Channels<W> &b, const Channels<W> &c) {
    Channels<W> out;
UNROLL
    for (int k = 0; k < W; ++k) out.x[k] = fmaf(a.x[k], b.x[k], c.x[k]);
    return out;
}

template <int W> SHARED_CODE Channels<W> multiply(const Channels<W> &a, const Channels<W> &b) {
    Channels<W> out;
UNROLL
    for (int k = 0; k < W; ++k) out.x[k] = a.x[k] * b.x[k];
    return out;
}

SHARED_CODE uint32_t input_of(uint32_t word) { return word & 0xffu; }
SHARED_CODE uint32_t count_of(uint32_t word) { return word >> 8; }

// One output; both pointers are moved behind what it reads.
template <int W>
SHARED_CODE Channels<W> polynomial(const uint32_t *&program, const float *&terms, uint32_t stride, const float *inputs,
                                   uint32_t input_stride) {
    Channels<W> sum = {};
    for (uint32_t n = *program++; n > 0; --n) {
        uint32_t first = *program++;
        Channels<W> inner = load_channels<W>(terms);
        terms += stride;
        for (uint32_t m = count_of(first); m > 0; --m) {
            uint32_t second = *program++;
            Channels<W> innermost = load_channels<W>(terms);
            terms += stride;
            for (uint32_t k = count_of(second); k > 0; --k) {
                innermost = multiply_add(load_channels<W>(terms), load_channels<W>(inputs + *program++ * input_stride), innermost);
                terms += stride;
            }
            inner = multiply_add(innermost, load_channels<W>(inputs + input_of(second) * input_stride), inner);
        }
        sum = multiply_add(inner, load_channels<W>(inputs + input_of(first) * input_stride), sum);
    }
    return sum;
}

// Adds to the gradient by the inputs, `input_stride` apart as they are, what follows from that by one output.
template <int W>
SHARED_CODE void polynomial_backward(const uint32_t *&program, const float *&terms, uint32_t stride, const float *inputs,
                                     float *by_inputs, uint32_t input_stride, const Channels<W> &by_output) {
    for (uint32_t n = *program++; n > 0; --n) {
        uint32_t first = *program++, of_first = input_of(first) * input_stride;
        Channels<W> by_inner = multiply(by_output, load_channels<W>(inputs + of_first)), inner = load_channels<W>(terms);
        terms += stride;
        for (uint32_t m = count_of(first); m > 0; --m) {
            uint32_t second = *program++, of_second = input_of(second) * input_stride;
            Channels<W> b = load_channels<W>(inputs + of_second), by_innermost = multiply(by_inner, b);
            Channels<W> innermost = load_channels<W>(terms);
            terms += stride;
            for (uint32_t k = count_of(second); k > 0; --k) {
                uint32_t third = *program++ * input_stride;
                Channels<W> term = load_channels<W>(terms);
                terms += stride;
                innermost = multiply_add(term, load_channels<W>(inputs + third), innermost);
                store_channels(by_inputs + third, multiply_add(by_innermost, term, load_channels<W>(by_inputs + third)));
            }
            store_channels(by_inputs + of_second, multiply_add(by_inner, innermost, load_channels<W>(by_inputs + of_second)));
            inner = multiply_add(innermost, b, inner);
        }
        store_channels(by_inputs + of_first, multiply_add(by_output, inner, load_channels<W>(by_inputs + of_first)));
    }
}

// ---- Sums over lanes ----

// How n numbers of 32 lanes are shared out when their sums over lanes are wanted: five times the lanes of a bit of the lane's
// number take one half of the numbers, the other lanes the other half. The first number of a lane, and how many it has.
struct Share {
    int from;
    int len;
};

SHARED_CODE Share share_of(int n, uint32_t lane) {
    Share share = {0, n};
    for (uint32_t step = 16; step > 0; step >>= 1) {
        int half = (n + 1) / 2;
        if (lane & step) {
            share.from += half;
            share.len = share.len > half ? share.len - half : 0;
        } else if (share.len > half) {
            share.len = half;
        }
        n = half;
    }
    return share;
}
