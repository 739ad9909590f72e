// kernels/uma.h on a CPU: prints a line for each number that is not as it should be.

#include "../kernels/uma.h"

#include <cstdio>
#include <random>
#include <vector>

static void expect(bool right, const char *what, double found, double expected) {
    if (!right) std::printf("%s: %.17g, expected %.17g\n", what, found, expected);
}

static std::mt19937 engine(11);

static double noise() { return std::uniform_real_distribution<double>(-1.0, 1.0)(engine); }

static double length(const double *v) { return std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]); }

// Directions anywhere, along the axes, and close to where the frame turns over.
static std::vector<std::vector<double>> directions() {
    std::vector<std::vector<double>> all = {{0, 1, 0}, {0, -1, 0}, {1, 0, 0}, {-1, 0, 0}, {0, 0, 1}, {0.6, -1e-9, 0.8}, {1e-8, -1, 0}};
    for (int k = 0; k < 50; ++k) all.push_back({noise(), noise(), noise()});
    for (auto &v : all) {
        double r = length(v.data());
        for (double &x : v) x /= r;
    }
    return all;
}

// Functions of degree 2 of a vector, in the order and size of components.
static void of_degree_2(const double *v, double *out) {
    double x = v[0], y = v[1], z = v[2];
    out[0] = std::sqrt(2.0) * x * z;
    out[1] = std::sqrt(2.0) * x * y;
    out[2] = (2 * y * y - x * x - z * z) / std::sqrt(6.0);
    out[3] = std::sqrt(2.0) * y * z;
    out[4] = (z * z - x * x) / std::sqrt(2.0);
}

static void frames_take_directions_to_y_and_rotations_turn_what_they_should() {
    for (const auto &n : directions()) {
        double frame[3][3], second[5][5], v[3] = {noise(), noise(), noise()}, turned[3], own[5], expected[5];
        frame_of(n.data(), frame);
        for (int i = 0; i < 3; ++i) {
            double along = 0.0;
            turned[i] = 0.0;
            for (int j = 0; j < 3; ++j) along += frame[i][j] * n[j], turned[i] += frame[i][j] * v[j];
            expect(std::fabs(along - (i == 1)) < 1e-14, "a direction in its frame", along, i == 1);
            for (int k = 0; k < 3; ++k) {
                double product = 0.0;
                for (int j = 0; j < 3; ++j) product += frame[i][j] * frame[k][j];
                expect(std::fabs(product - (i == k)) < 1e-14, "axes of a frame", product, i == k);
            }
        }
        double across = frame[0][1] * frame[1][2] - frame[0][2] * frame[1][1];
        expect(std::fabs(across - frame[2][0]) < 1e-14, "a frame's handedness", across, frame[2][0]);
        second_degree(frame, second);
        of_degree_2(v, own);
        of_degree_2(turned, expected);
        for (int i = 0; i < 5; ++i) {
            double found = 0.0;
            for (int j = 0; j < 5; ++j) found += second[i][j] * own[j];
            expect(std::fabs(found - expected[i]) < 1e-14, "a rotation of degree 2", found, expected[i]);
        }
        float all[WIGNER];
        rotations(n.data(), all);
        expect(all[3] == static_cast<float>(frame[1][0]) && all[9 + 7] == static_cast<float>(second[1][2]), "rotations in memory", all[3], frame[1][0]);
    }
}

static void envelopes_and_gaussians_have_their_slopes() {
    const double step = 1e-6;
    for (double r = 0.5; r < 6.5; r += 0.37) {
        double slope = (edge_envelope(r + step, 6.0) - edge_envelope(r - step, 6.0)) / (2 * step);
        expect(std::fabs(slope - edge_envelope_slope(r, 6.0)) < 1e-8, "the slope of an envelope", edge_envelope_slope(r, 6.0), slope);
        slope = (gaussian(r + step, 0.1, -12.5, 20) - gaussian(r - step, 0.1, -12.5, 20)) / (2 * step);
        expect(std::fabs(slope - gaussian_slope(r, 0.1, -12.5, 20)) < 1e-7, "the slope of a Gaussian", gaussian_slope(r, 0.1, -12.5, 20), slope);
    }
    expect(edge_envelope(0.0, 6.0) == 1.0 && edge_envelope(6.0, 6.0) == 0.0, "ends of an envelope", edge_envelope(6.0, 6.0), 0.0);
}

// E = r^2 + a y' + b (y2)' of a constant vector and a constant tensor in the frame of the edge: of order 0, so that turns about
// the edge change nothing.
static double energy(const double *edge, const double *v, const double *tensor, double *about) {
    double n[3], r = length(edge), frame[3][3], second[5][5], q[3] = {}, t[5] = {};
    for (int i = 0; i < 3; ++i) n[i] = edge[i] / r;
    frame_of(n, frame);
    second_degree(frame, second);
    for (int i = 0; i < 3; ++i)
        for (int j = 0; j < 3; ++j) q[i] += frame[i][j] * v[j];
    for (int i = 0; i < 5; ++i)
        for (int j = 0; j < 5; ++j) t[i] += second[i][j] * tensor[j];
    // Minus p L q for p = (0, 1.5, 0) and (0, 0, -0.7, 0, 0).
    about[0] = 1.5 * q[2] - 0.7 * ROOT_3 * t[3];
    about[1] = -1.5 * q[0] + 0.7 * ROOT_3 * t[1];
    return r * r + 1.5 * q[1] - 0.7 * t[2];
}

static void gradients_by_vectors_are_slopes() {
    const double step = 1e-6;
    for (const auto &n : directions()) {
        double edge[3], v[3], tensor[5], about[2], other[2], found[3], r = 1.7;
        for (int i = 0; i < 3; ++i) edge[i] = r * n[i], v[i] = noise();
        for (double &x : tensor) x = noise();
        energy(edge, v, tensor, about);
        edge_gradient(n.data(), r, 2 * r, about[0], about[1], found);
        for (int i = 0; i < 3; ++i) {
            double up[3] = {edge[0], edge[1], edge[2]}, down[3] = {edge[0], edge[1], edge[2]};
            up[i] += step, down[i] -= step;
            double slope = (energy(up, v, tensor, other) - energy(down, v, tensor, other)) / (2 * step);
            expect(std::fabs(slope - found[i]) < 1e-8, "a gradient by a vector", found[i], slope);
        }
    }
}

static void components_have_places() {
    std::vector<int> rows(COMPONENTS, 0), numbers(COMPONENTS * 3 * 8, 0);
    for (int c = 0; c < COMPONENTS; ++c) {
        ++rows[row_of(c)];
        expect(degree_of(c) == degree_of_row(row_of(c)), "the degree of a row", degree_of_row(row_of(c)), degree_of(c));
        expect(factor_of(c) < FACTORS, "a factor", factor_of(c), FACTORS);
        for (size_t atom = 0; atom < 3; ++atom)
            for (size_t k = 0; k < 8; ++k) ++numbers[component_at(3, atom, c, 8) + k];
    }
    for (int n : rows) expect(n == 1, "components of a row", n, 1);
    for (int n : numbers) expect(n == 1, "numbers at a place", n, 1);
}

int main() {
    frames_take_directions_to_y_and_rotations_turn_what_they_should();
    envelopes_and_gaussians_have_their_slopes();
    gradients_by_vectors_are_slopes();
    components_have_places();
    return 0;
}
