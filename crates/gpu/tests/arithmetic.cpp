// Checks of kernels/arithmetic.h on a CPU: prints what is wrong, and fails if anything is.

#include "../kernels/arithmetic.h"

#include <cstdio>
#include <cstdlib>
#include <set>
#include <vector>

static int n_wrong = 0;

static void expect(bool right, const char *what, double found, double expected) {
    if (right) return;
    std::printf("%s: %.17g, expected %.17g\n", what, found, expected);
    ++n_wrong;
}

static double random_number() { return 2.0 * std::rand() / RAND_MAX - 1.0; }

static double error_of_limbs(float x) {
    Limbs limbs = split(x);
    return std::fabs(static_cast<double>(join(limbs.high, limbs.low)) - x);
}

static void limbs_hold_their_bits() {
    for (int k = 0; k < 100000; ++k) {
        float x = static_cast<float>(random_number() * std::ldexp(1.0, k % 60 - 30));
        if (std::fabs(x) >= 65520.0f) continue;
        double limit = std::fmax(std::fabs(x) * std::ldexp(1.0, -22), std::ldexp(1.0, -25));
        expect(error_of_limbs(x) <= limit, "limbs of half precision", error_of_limbs(x), limit);
    }
    expect(to_f16(1.0f) == 0x3c00, "one", to_f16(1.0f), 0x3c00);
    expect(to_f16(float_of(0x3f801000u)) == 0x3c00, "a tie goes to even", to_f16(float_of(0x3f801000u)), 0x3c00);
    expect(to_f16(float_of(0x3f803000u)) == 0x3c02, "a tie goes to even", to_f16(float_of(0x3f803000u)), 0x3c02);
    expect(to_f16(65519.0f) == 0x7bff && to_f16(-65520.0f) == 0xfc00, "the largest", to_f16(65519.0f), 0x7bff);
    expect(to_f16(6.0e-8f) == 1 && from_f16(1) == std::ldexp(1.0f, -24), "the smallest", to_f16(6.0e-8f), 1);
    for (uint32_t half = 0; half < 0x7c00u; ++half)
        expect(to_f16(from_f16(static_cast<uint16_t>(half))) == half, "halves come back", to_f16(from_f16(static_cast<uint16_t>(half))), half);
}

static void activations_are_those_of_their_formulas() {
    for (double x = -100.0; x < 100.0; x += 0.37) {
        double s = 1.0 / (1.0 + std::exp(-x));
        double slope = s * (1.0 + x * (1.0 - s));
        expect(std::fabs(silu(static_cast<float>(x)) - x * s) < 1e-6 * (1.0 + std::fabs(x)), "silu", silu(static_cast<float>(x)), x * s);
        expect(std::fabs(silu_slope(static_cast<float>(x)) - slope) < 2e-6 * (1.0 + std::fabs(slope)), "silu'", silu_slope(static_cast<float>(x)), slope);
        expect(std::fabs(silu(x) - x * s) < 1e-14 * (1.0 + std::fabs(x)), "silu in double", silu(x), x * s);
        expect(std::fabs(silu_slope(x) - slope) < 1e-14 * (1.0 + std::fabs(slope)), "silu' in double", silu_slope(x), slope);
    }
    expect(std::isfinite(silu(-1e30f)) && std::isfinite(silu_slope(1e30f)), "silu far out", silu(-1e30f), 0.0);
}

static double weighted(const double *at, const double *w) {
    double values[N_HARMONICS], sum = 0.0;
    harmonics(at[0], at[1], at[2], values);
    for (int m = 0; m < N_HARMONICS; ++m) sum += w[m] * values[m];
    return sum;
}

static void harmonics_have_their_norms_and_gradients() {
    for (int k = 0; k < 200; ++k) {
        double v[3] = {random_number(), random_number(), random_number()}, w[N_HARMONICS], values[N_HARMONICS], g[3];
        double r = std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]);
        for (double &x : v) x /= r;
        for (double &x : w) x = random_number();
        harmonics(v[0], v[1], v[2], values);
        for (int l = 0; l < 4; ++l) {
            double sum = 0.0;
            for (int m = l * l; m < (l + 1) * (l + 1); ++m) sum += values[m] * values[m];
            expect(std::fabs(sum - (2 * l + 1)) < 1e-12, "norm of a degree", sum, 2 * l + 1);
        }
        harmonics_gradient(v[0], v[1], v[2], w, g);
        for (int i = 0; i < 3; ++i) {
            double up[3] = {v[0], v[1], v[2]}, down[3] = {v[0], v[1], v[2]};
            up[i] += 1e-5;
            down[i] -= 1e-5;
            double slope = (weighted(up, w) - weighted(down, w)) / 2e-5;
            expect(std::fabs(slope - g[i]) < 1e-7, "gradient of harmonics", g[i], slope);
        }
    }
}

static void the_cutoff_ends_smoothly_and_has_its_slope() {
    for (double r = 0.3; r < 6.0; r += 0.1) {
        double slope = (cutoff(r + 1e-5, 6.0) - cutoff(r - 1e-5, 6.0)) / 2e-5;
        expect(std::fabs(slope - cutoff_slope(r, 6.0)) < 1e-8, "slope of the cutoff", cutoff_slope(r, 6.0), slope);
    }
    expect(cutoff(6.0, 6.0) == 0.0 && cutoff(0.0, 6.0) == 1.0, "ends of the cutoff", cutoff(6.0, 6.0), 0.0);
}

// What ldmatrix.x4 gives (PTX ISA): lane i of the k-th eight names a row of the k-th 8 x 8 block; every lane gets two
// neighbors of row lane / 4 of each block.
template <typename Address>
static void load_matrices(const std::vector<uint16_t> &tile, Address address, uint16_t out[32][4][2]) {
    for (uint32_t block = 0; block < 4; ++block) {
        std::set<uint32_t> banks;
        for (uint32_t i = 0; i < 8; ++i) banks.insert(address(8 * block + i) % 128 / 16);
        expect(banks.size() == 8, "banks of a block", static_cast<double>(banks.size()), 8);
        for (uint32_t lane = 0; lane < 32; ++lane)
            for (uint32_t i = 0; i < 2; ++i) out[lane][block][i] = tile[address(8 * block + lane / 4) / 2 + 2 * (lane % 4) + i];
    }
}

// A 16 x 16 block of sums as the kernel computes it, with mma.m16n8k16 as the PTX ISA lays it out.
static void fragments_meet_their_partners() {
    const uint32_t rows = 128, depth = 32;
    std::vector<uint16_t> left(rows * depth), right(rows * depth);
    auto number = [](uint32_t row, uint32_t k, uint32_t seed) { return static_cast<float>((row * 37 + k * 11 + seed) % 64) - 32.0f; };
    for (uint32_t row = 0; row < rows; ++row)
        for (uint32_t k = 0; k < depth; ++k) {
            uint32_t place = tile_place(row, k / 8) / 2 + k % 8;
            left[place] = to_f16(number(row, k, 1));
            right[place] = to_f16(number(row, k, 5));
        }
    for (uint32_t row0 = 0; row0 < rows; row0 += 16)
        for (uint32_t column0 = 0; column0 < rows; column0 += 16) {
            std::vector<float> sums(16 * 16, 0.0f);
            for (uint32_t half = 0; half < 2; ++half) {
                uint16_t a[32][4][2], b[32][4][2];
                load_matrices(left, [&](uint32_t lane) { return tile_place(row0 + left_row(lane), 2 * half + left_piece(lane)); }, a);
                load_matrices(right, [&](uint32_t lane) { return tile_place(column0 + right_row(lane), 2 * half + right_piece(lane)); }, b);
                for (uint32_t j = 0; j < 2; ++j)
                    for (uint32_t lane = 0; lane < 32; ++lane)
                        for (uint32_t part = 0; part < 2; ++part)
                            for (uint32_t i = 0; i < 2; ++i) {
                                uint32_t row = sum_row(lane, part), column = sum_column(lane) + i;
                                // The lanes that hold row `row` of the left and column `column` of the right matrix.
                                for (uint32_t k = 0; k < 16; ++k) {
                                    uint32_t of_left = row % 8 * 4 + k % 8 / 2, of_right = column * 4 + k % 8 / 2;
                                    uint32_t register_left = row / 8 + 2 * (k / 8), register_right = 2 * j + k / 8;
                                    sums[row * 16 + 8 * j + column] +=
                                        from_f16(a[of_left][register_left][k % 2]) * from_f16(b[of_right][register_right][k % 2]);
                                }
                            }
            }
            for (uint32_t row = 0; row < 16; ++row)
                for (uint32_t column = 0; column < 16; ++column) {
                    float expected = 0.0f;
                    for (uint32_t k = 0; k < depth; ++k) expected += number(row0 + row, k, 1) * number(column0 + column, k, 5);
                    float found = sums[row * 16 + column];
                    expect(found == expected, "a product of blocks", found, expected);
                }
        }
}

static void every_piece_of_a_tile_has_a_place_of_its_own() {
    std::set<uint32_t> places;
    for (uint32_t row = 0; row < 128; ++row)
        for (uint32_t piece = 0; piece < 4; ++piece) places.insert(tile_place(row, piece));
    expect(places.size() == 512 && *places.rbegin() == 511 * 16, "places of pieces", static_cast<double>(places.size()), 512);
}

// Lane by lane what `finish_blocks` of kernels/product.cuh does with the columns of two blocks.
static void exchanged_columns_are_neighbors() {
    for (uint32_t lane = 0; lane < 32; ++lane) {
        bool odd = lane & 1;
        auto own = [](uint32_t of, bool right, uint32_t i) { return sum_column(of) + i + (right ? 8u : 0u); };
        uint32_t x[4];
        for (uint32_t i = 0; i < 2; ++i) {
            uint32_t kept = own(lane, odd, i), received = own(lane ^ 1u, odd, i);
            x[i] = odd ? received : kept;
            x[2 + i] = odd ? kept : received;
        }
        for (uint32_t i = 0; i < 4; ++i) expect(x[i] == block_column(lane) + i, "an exchanged column", x[i], block_column(lane) + i);
    }
}

int main() {
    limbs_hold_their_bits();
    activations_are_those_of_their_formulas();
    harmonics_have_their_norms_and_gradients();
    the_cutoff_ends_smoothly_and_has_its_slope();
    every_piece_of_a_tile_has_a_place_of_its_own();
    fragments_meet_their_partners();
    exchanged_columns_are_neighbors();
    return n_wrong ? 1 : 0;
}
