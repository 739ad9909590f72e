// kernels/chgnet.h on a CPU: prints a line for each number that is not as it should be.

#include "../kernels/chgnet.h"

#include <cstdio>
#include <random>
#include <vector>

static void expect(bool right, const char *what, double found, double expected) {
    if (!right) std::printf("%s: %.17g, expected %.17g\n", what, found, expected);
}

static std::mt19937 engine(7);

static float noise() { return std::uniform_real_distribution<float>(-1.0f, 1.0f)(engine); }

// A row that one thread has all of: four columns, the first three or all of which are there.
struct OneThread {
    float inverse_width = 0.25f;
    bool there = true;
    float sum(float x) const { return x; }
};

// The same in double precision, for slopes by steps.
static void norm_of(const double *y, double *out) {
    double mean = 0.0, variance = 0.0;
    for (int j = 0; j < 4; ++j) mean += 0.25 * y[j];
    for (int j = 0; j < 4; ++j) variance += 0.25 * (y[j] - mean) * (y[j] - mean);
    for (int j = 0; j < 4; ++j) out[j] = (y[j] - mean) / std::sqrt(variance + 1e-5);
}

static double gate_of(const Gate &p, const double *rows, const Four &by, double *value) {
    double n[4], m[4], sum = 0.0;
    norm_of(rows, n);
    norm_of(rows + 4, m);
    for (int j = 0; j < 4; ++j) {
        double c = n[j] * p.core.scale.x[j] + p.core.offset.x[j], g = m[j] * p.gate.scale.x[j] + p.gate.offset.x[j];
        value[j] = silu(c) * sigmoid(g);
        sum += by.x[j] * value[j];
    }
    return sum;
}

static Four some() { return {{noise(), noise(), noise(), noise()}}; }

static void gates_and_their_gradients_are_those_of_the_formula() {
    OneThread row;
    for (int round = 0; round < 100; ++round) {
        Gate p = {{some(), some()}, {some(), some()}};
        Four core = some(), gate = some(), by = some();
        double rows[8], value[4];
        for (int j = 0; j < 4; ++j) rows[j] = core.x[j], rows[4 + j] = gate.x[j];
        gate_of(p, rows, by, value);
        Four forward = gated(row, p, core, gate);
        GateSlopes slopes = gated_backward(row, p, core, gate, by);
        for (int j = 0; j < 4; ++j) {
            expect(std::fabs(forward.x[j] - value[j]) < 2e-6, "a gate", forward.x[j], value[j]);
            expect(std::fabs(slopes.value.x[j] - value[j]) < 2e-6, "a gate on the way back", slopes.value.x[j], value[j]);
        }
        for (int k = 0; k < 8; ++k) {
            double h = 1e-5, ends[2], ignored[4], middle = rows[k];
            for (int side = 0; side < 2; ++side) {
                rows[k] = middle + (side ? h : -h);
                ends[side] = gate_of(p, rows, by, ignored);
            }
            rows[k] = middle;
            double expected = (ends[1] - ends[0]) / (2 * h), found = k < 4 ? slopes.core.x[k] : slopes.gate.x[k - 4];
            expect(std::fabs(found - expected) < 2e-5 * std::fmax(1.0, std::fabs(expected)), "the gradient of a gate", found, expected);
        }
    }
}

static void columns_that_are_not_there_are_zero() {
    OneThread row = {0.25f, false};
    Normal n = normal(row, some());
    Four back = normal_backward(row, n, some());
    for (int j = 0; j < 4; ++j) expect(n.x.x[j] == 0.0f && back.x[j] == 0.0f, "a column beyond the width", n.x.x[j], 0.0);
}

static void gates_of_large_numbers_are_finite() {
    OneThread row;
    Gate p = {{{{1.0f, 1.0f, 1.0f, 1.0f}}, {{-300.0f, 300.0f, -90.0f, 90.0f}}}, {{{1.0f, 1.0f, 1.0f, 1.0f}}, {{300.0f, -300.0f, -90.0f, 90.0f}}}};
    GateSlopes slopes = gated_backward(row, p, some(), some(), some());
    for (int j = 0; j < 4; ++j)
        for (float x : {slopes.value.x[j], slopes.core.x[j], slopes.gate.x[j]}) expect(std::isfinite(x), "a gate of large numbers", x, 0.0);
}

static void slopes_of_angles_are_their_slopes() {
    for (int round = 0; round < 100; ++round) {
        double vectors[6], sign = round % 2 ? -1.0 : 1.0;
        for (double &x : vectors) x = noise();
        Angle angle = angle_between(vectors, vectors + 3, sign);
        double cosine = std::cos(angle.theta);
        expect(std::fabs(cosine - angle.cosine * COSINE_SHRINK) < 1e-12, "the cosine of an angle", cosine, angle.cosine);
        for (int axis = 0; axis < 3; ++axis) {
            double by[2];
            angle_slopes(angle, vectors[axis], vectors[3 + axis], sign, 0.7, by, by + 1);
            for (int side = 0; side < 2; ++side) {
                double h = 1e-6, ends[2], &x = vectors[3 * side + axis], middle = x;
                for (int end = 0; end < 2; ++end) {
                    x = middle + (end ? h : -h);
                    ends[end] = 0.7 * angle_between(vectors, vectors + 3, sign).theta;
                }
                x = middle;
                double expected = (ends[1] - ends[0]) / (2 * h);
                expect(std::fabs(by[side] - expected) < 1e-5 * std::fmax(1.0, std::fabs(expected)), "the slope of an angle", by[side], expected);
            }
        }
    }
    double straight[6] = {1.0, 0.0, 0.0, 2.0, 0.0, 0.0}, by[2];
    Angle angle = angle_between(straight, straight + 3, -1.0);
    expect(std::fabs(angle.theta - std::acos(-1.0 + 1e-6)) < 1e-9, "a straight angle", angle.theta, std::acos(-1.0 + 1e-6));
    angle_slopes(angle, 0.0, 0.0, -1.0, 1.0, by, by + 1);
    expect(by[0] == 0.0 && by[1] == 0.0, "the slope of a straight angle across", by[0], 0.0);
}

static void every_number_of_a_tile_has_a_place() {
    std::vector<int> seen(WIDE * WIDE, 0);
    for (uint32_t k = 0; k < WIDE; ++k)
        for (uint32_t group = 0; group < 16; ++group)
            for (uint32_t i = 0; i < 4; ++i) ++seen[tile_group(k, group) + i];
    for (int n : seen) expect(n == 1, "numbers at a place of a tile", n, 1);
    // Eight threads write columns 4 t + j of one group at a time: 16 bytes each, all 32 banks.
    for (uint32_t j = 0; j < 4; ++j)
        for (uint32_t group = 0; group < 16; ++group)
            for (uint32_t half = 0; half < 2; ++half) {
                uint32_t banks = 0;
                for (uint32_t t = 8 * half; t < 8 * half + 8; ++t) banks |= 0xfu << (tile_group(4 * t + j, group) % 32);
                expect(banks == 0xffffffffu, "banks that are written at once", banks, 0xffffffffu);
            }
}

int main() {
    gates_and_their_gradients_are_those_of_the_formula();
    columns_that_are_not_there_are_zero();
    gates_of_large_numbers_are_finite();
    slopes_of_angles_are_their_slopes();
    every_number_of_a_tile_has_a_place();
    return 0;
}
