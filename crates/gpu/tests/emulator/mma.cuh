// The matrix instruction of cards, by lanes that tell each other what they hold (kernels/mma.cuh).

#pragma once

#include "arithmetic.h"

inline float of_half(uint32_t word, int which) { return from_f16(static_cast<uint16_t>(which ? word >> 16 : word)); }

inline void multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    const int lane = threadIdx.x & 31, row = lane / 4, column = 2 * (lane % 4);
    const uint32_t b[2] = {b0, b1};
    double found[4] = {};
    for (int pair = 0; pair < 8; ++pair) {
        const int half = pair / 4, of = pair % 4;
        uint32_t left[2], right[2];
        for (int k = 0; k < 2; ++k) {
            left[k] = __shfl_sync(0xffffffffu, a[2 * half + k], 4 * row + of);
            // Lanes ask for columns of their own, so each gives to whoever asks.
            right[k] = __shfl_sync(0xffffffffu, b[half], 4 * (column + k) + of);
        }
        for (int which = 0; which < 2; ++which)
            for (int n = 0; n < 4; ++n) found[n] += static_cast<double>(of_half(left[n / 2], which)) * of_half(right[n % 2], which);
    }
    for (int n = 0; n < 4; ++n) sums[n] += static_cast<float>(found[n]);
}
