// The matrix instruction that all cards have: 16 rows by 8 columns, 16 deep, of half precision, sums in f32.

#pragma once

#include <cstdint>

// A lane has two neighbors along k in each register. Rows: lane / 4 and 8 further; columns of the right: lane / 4; both along
// k: 2 (lane % 4) and 8 further. Sums: of both rows two neighboring columns, 2 (lane % 4) onwards.
__device__ __forceinline__ void multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16"
                 ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}
