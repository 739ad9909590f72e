// What one thread computes of CHGNet, in plain C++: compiled by nvcc for the device and by g++ for the tests on a CPU.
//
// Formulas are those of `crates/models/src/chgnet` (basis.rs) and `crates/kernels` (gate.rs, basis.rs).
#pragma once

#include "radial.h"

// Every row has this many columns, zeros beyond the width of the model; four neighboring ones a thread.
constexpr uint32_t WIDE = 64;
constexpr uint32_t ROW_THREADS = WIDE / 4;

struct alignas(16) Four {
    float x[4];
};

SHARED_CODE Four times(const Four &a, const Four &b) {
    return {{a.x[0] * b.x[0], a.x[1] * b.x[1], a.x[2] * b.x[2], a.x[3] * b.x[3]}};
}

SHARED_CODE Four plus(const Four &a, const Four &b) {
    return {{a.x[0] + b.x[0], a.x[1] + b.x[1], a.x[2] + b.x[2], a.x[3] + b.x[3]}};
}

// a b + c
SHARED_CODE Four multiply_add(const Four &a, const Four &b, const Four &c) {
    return {{fmaf(a.x[0], b.x[0], c.x[0]), fmaf(a.x[1], b.x[1], c.x[1]), fmaf(a.x[2], b.x[2], c.x[2]), fmaf(a.x[3], b.x[3], c.x[3])}};
}

// ---- Activations ----
//
// Of the exponential and the reciprocal that the hardware has, each off by about a unit in the last place: there are 256 of
// them an edge. Of large negative numbers it is zero, as the exponential is infinite.

SHARED_CODE float quick_sigmoid(float x) {
#ifdef __CUDA_ARCH__
    float e, s;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(e) : "f"(x * -1.44269504089f));
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(s) : "f"(1.0f + e));
    return s;
#else
    return 1.0f / (1.0f + expf(-x));
#endif
}

SHARED_CODE float quick_silu(float x) { return x * quick_sigmoid(x); }

SHARED_CODE float quick_silu_slope(float x) {
    float s = quick_sigmoid(x);
    return s * (1.0f + x * (1.0f - s));
}

SHARED_CODE Four silu(const Four &x) {
    return {{quick_silu(x.x[0]), quick_silu(x.x[1]), quick_silu(x.x[2]), quick_silu(x.x[3])}};
}

SHARED_CODE Four silu_slope(const Four &x) {
    return {{quick_silu_slope(x.x[0]), quick_silu_slope(x.x[1]), quick_silu_slope(x.x[2]), quick_silu_slope(x.x[3])}};
}

// ---- Layer norms ----
//
// `Row` is what the threads of a row have in common: `width`, its inverse, whether these four columns are `there`, and
// `sum(x)`, the sum over threads.

constexpr float NORM_EPSILON = 1e-5f;

struct Norm {
    Four scale;
    Four offset;
};

struct Normal {
    Four x;
    // 1 / deviation
    float inverse;
};

template <typename Row> SHARED_CODE float row_sum(const Row &row, const Four &x) {
    return row.sum((x.x[0] + x.x[1]) + (x.x[2] + x.x[3]));
}

template <typename Row> SHARED_CODE Normal normal(const Row &row, const Four &y) {
    float mean = row_sum(row, y) * row.inverse_width;
    Normal n;
UNROLL
    for (int j = 0; j < 4; ++j) n.x.x[j] = row.there ? y.x[j] - mean : 0.0f;
    float variance = row_sum(row, times(n.x, n.x)) * row.inverse_width;
    n.inverse = 1.0f / sqrtf(variance + NORM_EPSILON);
UNROLL
    for (int j = 0; j < 4; ++j) n.x.x[j] *= n.inverse;
    return n;
}

// dE/dy from g = dE/d normal
template <typename Row> SHARED_CODE Four normal_backward(const Row &row, const Normal &n, const Four &g) {
    float mean = row_sum(row, g) * row.inverse_width, along = row_sum(row, times(g, n.x)) * row.inverse_width;
    Four out;
UNROLL
    for (int j = 0; j < 4; ++j) out.x[j] = row.there ? (g.x[j] - mean - n.x.x[j] * along) * n.inverse : 0.0f;
    return out;
}

// ---- Gates: silu(norm(core)) sigmoid(norm(gate)) ----

struct Gate {
    Norm core;
    Norm gate;
};

template <typename Row> SHARED_CODE Four gated(const Row &row, const Gate &p, const Four &core, const Four &gate) {
    Four c = multiply_add(normal(row, core).x, p.core.scale, p.core.offset);
    Four g = multiply_add(normal(row, gate).x, p.gate.scale, p.gate.offset), out;
UNROLL
    for (int j = 0; j < 4; ++j) out.x[j] = quick_silu(c.x[j]) * quick_sigmoid(g.x[j]);
    return out;
}

struct GateSlopes {
    Four value;
    // dE/d core, dE/d gate
    Four core;
    Four gate;
};

// The same with gradients from by = dE/d value.
template <typename Row>
SHARED_CODE GateSlopes gated_backward(const Row &row, const Gate &p, const Four &core, const Four &gate, const Four &by) {
    Normal n = normal(row, core), m = normal(row, gate);
    Four c = multiply_add(n.x, p.core.scale, p.core.offset), g = multiply_add(m.x, p.gate.scale, p.gate.offset);
    Four value, by_core, by_gate;
UNROLL
    for (int j = 0; j < 4; ++j) {
        float s = quick_sigmoid(c.x[j]), t = quick_sigmoid(g.x[j]);
        value.x[j] = c.x[j] * s * t;
        by_core.x[j] = by.x[j] * t * (s * (1.0f + c.x[j] * (1.0f - s))) * p.core.scale.x[j];
        by_gate.x[j] = by.x[j] * value.x[j] * (1.0f - t) * p.gate.scale.x[j];
    }
    return {value, normal_backward(row, n, by_core), normal_backward(row, m, by_gate)};
}

// ---- Angles between bonds ----

// Cosines are shrunk by this, so that their arc cosine has a slope everywhere.
constexpr double COSINE_SHRINK = 1.0 - 1e-6;
constexpr double INVERSE_ROOT_PI = 0.56418958354775628695;
constexpr double INVERSE_ROOT_2 = 0.70710678118654752440;

struct Angle {
    double theta;
    double cosine;
    double lengths[2];
};

// Between the vectors of two pairs, one of them turned round where `sign` is -1.
SHARED_CODE Angle angle_between(const double *a, const double *b, double sign) {
    Angle angle;
    angle.lengths[0] = sqrt(a[0] * a[0] + a[1] * a[1] + a[2] * a[2]);
    angle.lengths[1] = sqrt(b[0] * b[0] + b[1] * b[1] + b[2] * b[2]);
    angle.cosine = sign * (a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / (angle.lengths[0] * angle.lengths[1]);
    angle.theta = acos(fmax(-1.0, fmin(1.0, angle.cosine * COSINE_SHRINK)));
    return angle;
}

// One axis of dE/da and of dE/db from dE/d theta.
SHARED_CODE void angle_slopes(const Angle &angle, double a, double b, double sign, double by_theta, double *by_a, double *by_b) {
    double shrunk = angle.cosine * COSINE_SHRINK, by_cosine = -by_theta * COSINE_SHRINK / sqrt(1.0 - shrunk * shrunk);
    double along_a = a / angle.lengths[0], along_b = b / angle.lengths[1];
    *by_a = by_cosine * (sign * along_b - angle.cosine * along_a) / angle.lengths[0];
    *by_b = by_cosine * (sign * along_a - angle.cosine * along_b) / angle.lengths[1];
}

// ---- Where numbers lie ----

// Left operands of products in shared memory: for each k the rows of a tile, four to a group. Groups are exchanged so that
// threads that write neighboring columns k of one group of rows touch all banks once. In numbers.
SHARED_CODE uint32_t tile_group(uint32_t k, uint32_t group) { return k * WIDE + 4u * (group ^ ((k >> 2) & 15u)); }
