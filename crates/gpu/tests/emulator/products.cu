// Products on plain cores; those on matrix units are for cards alone.

#include "product_f32.cuh"

#define PRODUCT(name, epilogue) \
    extern "C" __global__ void product_f32_##name(__grid_constant__ const Product p) { product_f32<epilogue>(p); }

PRODUCT(hidden, HIDDEN)
PRODUCT(edges, EDGES)
PRODUCT(rows, ROWS)
PRODUCT(slope, SLOPE)
PRODUCT(add, ADD)
PRODUCT(plain, PLAIN)
