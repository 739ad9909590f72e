// Products on plain cores; those on matrix units are for cards alone.

#include "product_f32.cuh"

#define PRODUCT(name, epilogue) \
    extern "C" __global__ void product_f32_##name(__grid_constant__ const Product p) { product_f32<epilogue>(p, blockIdx.y * SIDE); }

PRODUCT(hidden, HIDDEN)
PRODUCT(edges, EDGES)
PRODUCT(rows, ROWS)
PRODUCT(slope, SLOPE)
PRODUCT(add, ADD)
PRODUCT(plain, PLAIN)

#define GROUPED(name, epilogue) \
    extern "C" __global__ void grouped_f32_##name(__grid_constant__ const Product p) { \
        uint32_t row0; \
        Product own = of_tile<float>(p, row0); \
        if (row0 < own.rows) product_f32<epilogue>(own, row0); \
    }

GROUPED(rows, ROWS)
GROUPED(plain, PLAIN)
