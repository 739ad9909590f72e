// kernels/mace.h on a CPU: prints a line for each number that is not as it should be.

#include "../kernels/mace.h"

#include <cstdio>
#include <random>
#include <vector>

static void expect(bool right, const char *what, double found, double expected) {
    if (!right) std::printf("%s: %.17g, expected %.17g\n", what, found, expected);
}

static std::mt19937 engine(7);

static float noise() { return std::uniform_real_distribution<float>(-1.0f, 1.0f)(engine); }

template <typename F> static double slope_of(F f, double x) {
    double h = 1e-3;
    return (8.0 * (f(x + h) - f(x - h)) - (f(x + 2 * h) - f(x - 2 * h))) / (12.0 * h);
}

static void slopes_of_functions_are_their_slopes() {
    Agnesi agnesi = {1.0805, 0.9183, 4.5791};
    for (double r : {0.5, 1.7, 3.0, 4.4}) {
        auto check = [r](const char *what, auto f) {
            double found = f(r).slope, expected = slope_of([&](double x) { return f(x).value; }, r);
            expect(std::fabs(found - expected) < 1e-9, what, found, expected);
        };
        check("envelope", [](double x) { return envelope(x, 5.0, 5); });
        check("envelope of 6", [](double x) { return envelope(x, 6.0, 6); });
        check("transform", [&](double x) { return transformed(x, 0.755, agnesi); });
        check("wave", [](double x) { return wave(2.3, x); });
        check("density", [](double x) { return density_of(std::sin(x), std::cos(x)); });
    }
    expect(envelope(5.0, 5.0, 5).value == 0.0 && envelope(5.0, 5.0, 5).slope == 0.0, "envelope at its end", 1, 0);
    expect(std::fabs(envelope(1e-9, 5.0, 5).value - 1.0) < 1e-12, "envelope at zero", envelope(1e-9, 5.0, 5).value, 1.0);
    double t = 0.5, by_hand = 1.0 - 21.0 * std::pow(t, 5) + 35.0 * std::pow(t, 6) - 15.0 * std::pow(t, 7);
    expect(std::fabs(envelope(2.5, 5.0, 5).value - by_hand) < 1e-14, "envelope by hand", envelope(2.5, 5.0, 5).value, by_hand);
    for (double x : {4.0e-4, 4.4e-4}) {
        double found = wave(2.3, x).value, expected = std::sin(2.3 * x) / x;
        expect(std::fabs(found - expected) < 1e-12, "wave near zero", found, expected);
    }
}

// What send_backward reads and writes, in two channels.
template <typename P> struct Io {
    float weights[P::COUNT][2];
    float features[2][P::FEATURES][2];
    // By messages of the two receivers.
    float gradients[2][P::ROWS][2];
    float by_weights[P::COUNT][2];
    float by_couplings_all[P::COUPLINGS];

    void weight(int path, float (&w)[2]) const {
        for (int k = 0; k < 2; ++k) w[k] = weights[path][k];
    }
    template <int L1> void feature(int way, int m, float (&h)[2]) const {
        for (int k = 0; k < 2; ++k) h[k] = features[way][L1 * L1 + m][k];
    }
    template <int L3> void gradient(int way, int row, float (&g)[2]) const {
        for (int k = 0; k < 2; ++k) g[k] = gradients[way][P::rows_below(L3) + row][k];
    }
    void by_weight(int path, const float (&by_w)[2]) {
        for (int k = 0; k < 2; ++k) by_weights[path][k] = by_w[k];
    }
    template <int N> void by_couplings(int from, const float (&by_c)[N]) {
        for (int n = 0; n < N; ++n) by_couplings_all[from + n] = by_c[n];
    }
};

// Messages are linear in weights, features and couplings: each gradient times what it belongs to is gradient times messages.
template <typename P> static void gradients_of_messages_are_transposes(const char *what) {
    Io<P> io;
    float couplings[P::COUPLINGS], by_features[2][P::FEATURES][2] = {};
    for (float &x : couplings) x = noise();
    for (auto &w : io.weights)
        for (float &x : w) x = noise();
    double expected = 0.0;
    for (int way = 0; way < 2; ++way)
        for (auto &row : io.features[way])
            for (float &x : row) x = noise();
    for (auto &receiver : io.gradients)
        for (auto &row : receiver)
            for (float &x : row) x = noise();
    for (int way = 0; way < 2; ++way)
        for (int k = 0; k < 2; ++k) {
            float weights[P::COUNT], own[P::FEATURES], sums[P::ROWS] = {};
            for (int n = 0; n < P::COUNT; ++n) weights[n] = io.weights[n][k];
            for (int n = 0; n < P::FEATURES; ++n) own[n] = io.features[way][n][k];
            send<P>(couplings, weights, own, way == 1, sums);
            for (int row = 0; row < P::ROWS; ++row) expected += double(sums[row]) * io.gradients[way][row][k];
        }
    send_backward<P, 2>(io, couplings, by_features);
    double by_w = 0.0, by_h = 0.0, by_c = 0.0;
    for (int n = 0; n < P::COUNT; ++n)
        for (int k = 0; k < 2; ++k) by_w += double(io.weights[n][k]) * io.by_weights[n][k];
    for (int way = 0; way < 2; ++way)
        for (int n = 0; n < P::FEATURES; ++n)
            for (int k = 0; k < 2; ++k) by_h += double(io.features[way][n][k]) * by_features[way][n][k];
    for (int n = 0; n < P::COUPLINGS; ++n) by_c += double(couplings[n]) * io.by_couplings_all[n];
    for (double found : {by_w, by_h, by_c}) expect(std::fabs(found - expected) < 1e-4, what, found, expected);
    // A step of one of each alone.
    for (int path = 0; path < P::COUNT; ++path) {
        double slope = 0.0;
        for (int way = 0; way < 2; ++way) {
            float weights[P::COUNT] = {}, own[P::FEATURES], sums[P::ROWS] = {};
            weights[path] = 1.0f;
            for (int n = 0; n < P::FEATURES; ++n) own[n] = io.features[way][n][1];
            send<P>(couplings, weights, own, way == 1, sums);
            for (int row = 0; row < P::ROWS; ++row) slope += double(sums[row]) * io.gradients[way][row][1];
        }
        expect(std::fabs(slope - io.by_weights[path][1]) < 1e-4, "by one weight", io.by_weights[path][1], slope);
    }
}

static void paths_are_those_of_the_model() {
    using Medium = Paths<1, 3>;
    static_assert(Medium::COUNT == 10 && Medium::ROWS == 40 && Medium::COUPLINGS == 88, "of medium models");
    static_assert(Paths<0, 3>::COUNT == 4 && Paths<0, 3>::ROWS == 16 && Paths<0, 3>::COUPLINGS == 16, "of first layers");
    static_assert(Paths<2, 3>::COUNT == 17 && Paths<2, 3>::COUPLINGS == 243, "of large models");
    // Every row of messages belongs to one path.
    int seen[Medium::ROWS] = {};
    for (int n = 0; n < Medium::COUNT; ++n)
        for (int m3 = 0; m3 < 2 * Medium::path(n).l3 + 1; ++m3) ++seen[Medium::path(n).row + m3 * Medium::path(n).stride];
    for (int row : seen) expect(row == 1, "paths of a row", row, 1);
}

// B0 = A1 (0.5 + A2 (0.3 - 0.7 A2 + 1.1 A3)) + 0.2 A3, B1 = A0 (0.9 A0), in the second of two channels; the first has twice the
// coefficients.
static void polynomials_are_those_of_their_program() {
    const uint32_t program[] = {2, 1 | 1 << 8, 2 | 2 << 8, 2, 3, 3, 1, 0 | 1 << 8, 0};
    const float one[] = {0.5f, 0.3f, -0.7f, 1.1f, 0.2f, 0.0f, 0.9f};
    alignas(8) float terms[14], inputs[8], by_inputs[8] = {};
    for (int k = 0; k < 7; ++k) terms[2 * k] = 2.0f * one[k], terms[2 * k + 1] = one[k];
    for (int k = 0; k < 4; ++k) inputs[2 * k] = inputs[2 * k + 1] = noise();
    auto value = [&](const std::vector<double> &a, int output) {
        return output == 0 ? a[1] * (0.5 + a[2] * (0.3 - 0.7 * a[2] + 1.1 * a[3])) + 0.2 * a[3] : 0.9 * a[0] * a[0];
    };
    std::vector<double> a;
    for (int k = 0; k < 4; ++k) a.push_back(inputs[2 * k + 1]);
    const uint32_t *at = program;
    const float *term = terms;
    for (int output = 0; output < 2; ++output) {
        Channels<2> found = polynomial<2>(at, term, 2, inputs, 2);
        expect(std::fabs(found.x[1] - value(a, output)) < 1e-6, "a polynomial", found.x[1], value(a, output));
        expect(found.x[0] == 2.0f * found.x[1], "a polynomial of twice the coefficients", found.x[0], 2.0 * found.x[1]);
    }
    expect(at == program + 9 && term == terms + 14, "the end of a program", double(at - program), 9);
    const double by[] = {0.8, -0.6};
    at = program, term = terms;
    for (int output = 0; output < 2; ++output)
        polynomial_backward<2>(at, term, 2, inputs, by_inputs, 2, {{float(by[output]), float(by[output])}});
    for (int k = 0; k < 4; ++k) {
        auto energy = [&](double x) {
            auto moved = a;
            moved[k] = x;
            return by[0] * value(moved, 0) + by[1] * value(moved, 1);
        };
        double expected = slope_of(energy, a[k]);
        expect(std::fabs(by_inputs[2 * k + 1] - expected) < 1e-6, "its gradient", by_inputs[2 * k + 1], expected);
        expect(by_inputs[2 * k] == 2.0f * by_inputs[2 * k + 1], "that of twice the coefficients", by_inputs[2 * k], 0.0);
    }
}

static void every_number_is_summed_by_one_lane() {
    for (int n = 1; n <= 63; ++n) {
        std::vector<int> owners(n, 0);
        for (uint32_t lane = 0; lane < 32; ++lane) {
            Share share = share_of(n, lane);
            for (int k = 0; k < share.len; ++k) {
                expect(share.from + k < n, "a share", share.from + k, n);
                if (share.from + k < n) ++owners[share.from + k];
            }
        }
        for (int owner : owners) expect(owner == 1, "owners of a number", owner, 1);
    }
}

int main() {
    slopes_of_functions_are_their_slopes();
    paths_are_those_of_the_model();
    gradients_of_messages_are_transposes<Paths<0, 2>>("messages 02");
    gradients_of_messages_are_transposes<Paths<1, 2>>("messages 12");
    gradients_of_messages_are_transposes<Paths<1, 3>>("messages 13");
    gradients_of_messages_are_transposes<Paths<2, 3>>("messages 23");
    polynomials_are_those_of_their_program();
    every_number_is_summed_by_one_lane();
    return 0;
}
