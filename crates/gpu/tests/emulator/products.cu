// Products on plain cores, and those that cards compute on matrix units, here number by number.

#include "product_f32.cuh"

// Like the matrix units: three products of limbs, parts of 16 summed from zero, small ones first.
template <Epilogue E> void product_limbs(const Product &p, uint32_t row0) {
    const uint16_t *left = static_cast<const uint16_t *>(p.left), *right = static_cast<const uint16_t *>(p.right);
    uint32_t row = row0 + threadIdx.x / 2, column0 = blockIdx.x * SIDE + 64 * (threadIdx.x % 2);
    if (row >= p.rows) return;
    const uint16_t *own = left + static_cast<size_t>(row) * p.left_pitch;
    for (uint32_t column = column0; column < column0 + 64 && column < p.width; column += 4) {
        alignas(16) float sums[4] = {};
        for (uint32_t n = 0; n < 4; ++n) {
            const uint16_t *other = right + static_cast<size_t>(column + n) * p.depth;
            for (uint32_t k0 = 0; k0 < p.depth; k0 += 16) {
                float small = 0.0f, large = 0.0f;
                for (uint32_t k = k0; k < k0 + 16 && k < p.depth; ++k) {
                    float a = from_f16(own[k]), b = from_f16(other[k]);
                    small += from_f16(own[k + p.left_plane]) * b + a * from_f16(other[k + p.right_plane]);
                    large += a * b;
                }
                sums[n] += small + large;
            }
        }
        Terms<E, 4> terms;
        load_terms<E, 4>(p, row, ends_of<E>(p, row), column, terms);
        finish<E, F16, 4>(p, row, column, terms, sums);
    }
}

#define PRODUCT(name, epilogue) \
    extern "C" __global__ void product_f32_##name(__grid_constant__ const Product p) { product_f32<epilogue>(p, blockIdx.y * SIDE); } \
    extern "C" __global__ void product_f16x3_##name(__grid_constant__ const Product p) { product_limbs<epilogue>(p, blockIdx.y * SIDE); }

PRODUCT(hidden, HIDDEN)
PRODUCT(edges, EDGES)
PRODUCT(rows, ROWS)
PRODUCT(slope, SLOPE)
PRODUCT(add, ADD)
PRODUCT(plain, PLAIN)

#define GROUPED_KERNEL(kernel, way, epilogue, number) \
    extern "C" __global__ void kernel(__grid_constant__ const Product p) { \
        uint32_t row0; \
        Product own = of_tile<number>(p, row0); \
        if (row0 < own.rows) way<epilogue>(own, row0); \
    }

#define GROUPED(name, epilogue) \
    GROUPED_KERNEL(grouped_f32_##name, product_f32, epilogue, float) \
    GROUPED_KERNEL(grouped_f16x3_##name, product_limbs, epilogue, uint16_t)

GROUPED(rows, ROWS)
GROUPED(plain, PLAIN)
