// Products of rows with constant matrices, and what is done with each number before it is written.
//
// out[r, n] = sum over k of left[r, k] right[n, k]. Each number is summed over k in one order that depends on nothing
// else: not on the number of rows, nor on which others there are. There is no split of k over blocks.
//
// Two ways of computing: f32 on plain cores, one multiply-add after the other; and "f16x3" on matrix units, both
// sides in two limbs, three products (low high, high low, high high). Matrix units cut sums off instead of rounding them, so
// they sum a short part of k only (16 of it with mma.sync, 32 with wgmma), small products first; parts are added in f32,
// with rounding.

#include "mma.cuh"
#include "product_f32.cuh"

// ---- Limbs ----

// A block of 8 warps makes 128 x 128 numbers, a warp 64 x 32 of them, from tiles of 32 along k, three of them in flight.
constexpr int TILE_K = 32;
constexpr int STAGES = 3;
constexpr uint32_t PLANE_BYTES = SIDE * TILE_K * 2;
constexpr uint32_t STAGE_BYTES = 4 * PLANE_BYTES;

__device__ __forceinline__ void copy_16(uint32_t to, const void *from, bool there) {
    int bytes = there ? 16 : 0;
    asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;\n" ::"r"(to), "l"(from), "r"(bytes) : "memory");
}

__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], uint32_t from) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];\n"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(from)
                 : "memory");
}

// Copies tiles of both operands into the stages, in turn, while `step` works on one after the other. `step` has read its
// stage when it returns.
template <bool ASYNC, typename Step>
__device__ __forceinline__ void over_tiles(const Product &p, uint32_t base, uint32_t row0, uint32_t column0, Step step) {
    const uint16_t *left = static_cast<const uint16_t *>(p.left);
    const uint16_t *right = static_cast<const uint16_t *>(p.right);
    // A thread copies one piece of 16 bytes of rows t / 4 and t / 4 + 64 of each plane.
    const uint32_t piece = threadIdx.x & 3, tile_row = threadIdx.x >> 2;
    auto fetch = [&](uint32_t stage, uint32_t k0) {
        uint32_t to = base + stage * STAGE_BYTES, k = k0 + 8 * piece;
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t in_tile = tile_row + 64 * h, place = tile_place(in_tile, piece);
            uint32_t row = row0 + in_tile;
            bool there = row < p.rows && k < p.depth;
            const uint16_t *from = left + (there ? static_cast<size_t>(row) * p.left_pitch + k : 0);
            copy_16(to + place, from, there);
            copy_16(to + PLANE_BYTES + place, from + p.left_plane, there);
            row = column0 + in_tile;
            there = row < p.width && k < p.depth;
            from = right + (there ? static_cast<size_t>(row) * p.depth + k : 0);
            copy_16(to + 2 * PLANE_BYTES + place, from, there);
            copy_16(to + 3 * PLANE_BYTES + place, from + p.right_plane, there);
        }
        asm volatile("cp.async.commit_group;\n" ::: "memory");
    };
    const uint32_t n_steps = (p.depth + TILE_K - 1) / TILE_K;
#pragma unroll
    for (uint32_t s = 0; s < STAGES - 1; ++s) {
        if (s < n_steps) fetch(s, s * TILE_K);
        else asm volatile("cp.async.commit_group;\n" ::: "memory");
    }
    for (uint32_t at = 0; at < n_steps; ++at) {
        asm volatile("cp.async.wait_group %0;\n" ::"n"(STAGES - 2) : "memory");
        // The matrix units of Hopper read shared memory by a way of their own.
        if constexpr (ASYNC) asm volatile("fence.proxy.async.shared::cta;\n" ::: "memory");
        __syncthreads();
        uint32_t ahead = at + STAGES - 1;
        if (ahead < n_steps) fetch(ahead % STAGES, ahead * TILE_K);
        else asm volatile("cp.async.commit_group;\n" ::: "memory");
        step(base + (at % STAGES) * STAGE_BYTES);
    }
}

template <Epilogue E> __device__ __forceinline__ void product_limbs(const Product &p, uint32_t row0) {
    extern __shared__ __align__(1024) unsigned char tiles[];
    const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(tiles));
    const uint32_t lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const uint32_t column0 = blockIdx.x * SIDE;
    const uint32_t warp_row = 64 * (warp & 1), warp_column = 32 * (warp >> 1);
    float sums[4][4][4] = {};
    over_tiles<false>(p, base, row0, column0, [&](uint32_t stage) {
#pragma unroll
        for (uint32_t half = 0; half < 2; ++half) {
            uint32_t b_high[2][4], b_low[2][4];
#pragma unroll
            for (uint32_t j = 0; j < 2; ++j) {
                uint32_t place = tile_place(warp_column + 16 * j + right_row(lane), 2 * half + right_piece(lane));
                load_matrices(b_high[j], stage + 2 * PLANE_BYTES + place);
                load_matrices(b_low[j], stage + 3 * PLANE_BYTES + place);
            }
#pragma unroll
            for (uint32_t i = 0; i < 4; ++i) {
                uint32_t a_high[4], a_low[4];
                uint32_t place = tile_place(warp_row + 16 * i + left_row(lane), 2 * half + left_piece(lane));
                load_matrices(a_high, stage + place);
                load_matrices(a_low, stage + PLANE_BYTES + place);
                // Small products first; neighbors do not wait for each other.
                float part[4][4] = {};
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
                    multiply_add(part[j], a_low, b_high[j >> 1][2 * (j & 1)], b_high[j >> 1][2 * (j & 1) + 1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
                    multiply_add(part[j], a_high, b_low[j >> 1][2 * (j & 1)], b_low[j >> 1][2 * (j & 1) + 1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
                    multiply_add(part[j], a_high, b_high[j >> 1][2 * (j & 1)], b_high[j >> 1][2 * (j & 1) + 1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
#pragma unroll
                    for (uint32_t n = 0; n < 4; ++n) sums[i][j][n] += part[j][n];
            }
        }
    });
#pragma unroll
    for (uint32_t i = 0; i < 4; ++i) {
#pragma unroll
        for (uint32_t part = 0; part < 2; ++part) {
            uint32_t row = row0 + warp_row + 16 * i + sum_row(lane, part);
            finish_blocks<E, 2>(p, row, ends_of<E>(p, row), column0 + warp_column, &sums[i][0][2 * part]);
        }
    }
}

// ---- Limbs with Hopper's own matrix instruction, which reads both operands from shared memory ----

#ifdef __CUDA_ARCH_FEAT_SM90_ALL

// Of a tile with rows of 64 bytes along k, its pieces exchanged as by `tile_place`: the matrix descriptor of wgmma (PTX ISA).
// Bits 0-13: address / 16; 32-45: bytes from eight rows to the next eight / 16; 62-63: 2 for this exchange of pieces.
__device__ __forceinline__ uint64_t descriptor(uint32_t address) {
    return static_cast<uint64_t>((address & 0x3ffffu) >> 4) | 1ull << 16 | static_cast<uint64_t>(512 >> 4) << 32 | 2ull << 62;
}

// s = (ADD: s +) 64 rows of the left times 64 columns of the right, 16 deep.
#define WGMMA \
    asm volatile("{.reg .pred add;\n setp.ne.b32 add, %34, 0;\n wgmma.mma_async.sync.aligned.m64n64k16.f32.f16.f16 {" \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31" \
    "}, %32, %33, add, 1, 1, 0, 0;}\n" \
    : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3]), "+f"(s[4]), "+f"(s[5]), "+f"(s[6]), "+f"(s[7]), "+f"(s[8]), "+f"(s[9]), "+f"(s[10]), "+f"(s[11]), "+f"(s[12]), "+f"(s[13]), "+f"(s[14]), "+f"(s[15]), "+f"(s[16]), "+f"(s[17]), "+f"(s[18]), "+f"(s[19]), "+f"(s[20]), "+f"(s[21]), "+f"(s[22]), "+f"(s[23]), "+f"(s[24]), "+f"(s[25]), "+f"(s[26]), "+f"(s[27]), "+f"(s[28]), "+f"(s[29]), "+f"(s[30]), "+f"(s[31]) \
    : "l"(left), "l"(right), "n"(ADD))

template <int ADD>
__device__ __forceinline__ void multiply_add_64x64(float (&s)[32], uint64_t left, uint64_t right) {
    WGMMA;
}

template <Epilogue E> __device__ __forceinline__ void product_hopper(const Product &p, uint32_t row0) {
    extern __shared__ __align__(1024) unsigned char tiles[];
    const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(tiles));
    const uint32_t lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const uint32_t column0 = blockIdx.x * SIDE;
    // Four warps make 64 rows.
    const uint32_t group_row = 64 * (warp >> 2);
    // A lane has numbers of two rows. Their atoms are known before they are needed.
    const uint32_t lane_row = row0 + group_row + 16 * (warp & 3) + sum_row(lane, 0);
    const Ends ends[2] = {ends_of<E>(p, lane_row), ends_of<E>(p, lane_row + 8)};
    float sums[64], part[32];
#pragma unroll
    for (int i = 0; i < 64; ++i) sums[i] = 0.0f;
#pragma unroll
    for (int i = 0; i < 32; ++i) part[i] = 0.0f;
    over_tiles<true>(p, base, row0, column0, [&](uint32_t stage) {
        uint64_t left_high = descriptor(stage + group_row * 64), left_low = descriptor(stage + PLANE_BYTES + group_row * 64);
        // 64 columns at a time: registers hold a part of these beside all sums.
#pragma unroll
        for (uint32_t columns = 0; columns < 2; ++columns) {
            uint64_t right_high = descriptor(stage + 2 * PLANE_BYTES + columns * 64 * 64);
            uint64_t right_low = descriptor(stage + 3 * PLANE_BYTES + columns * 64 * 64);
            asm volatile("wgmma.fence.sync.aligned;\n" ::: "memory");
            // Small products first. 16 numbers further along k: 32 bytes.
            multiply_add_64x64<0>(part, left_low, right_high);
            multiply_add_64x64<1>(part, left_low + 2, right_high + 2);
            multiply_add_64x64<1>(part, left_high, right_low);
            multiply_add_64x64<1>(part, left_high + 2, right_low + 2);
            multiply_add_64x64<1>(part, left_high, right_high);
            multiply_add_64x64<1>(part, left_high + 2, right_high + 2);
            asm volatile("wgmma.commit_group.sync.aligned;\n" ::: "memory");
            asm volatile("wgmma.wait_group.sync.aligned 0;\n" ::: "memory");
#pragma unroll
            for (uint32_t i = 0; i < 32; ++i) {
                // Not read before they are there.
                asm volatile("" : "+f"(part[i])::"memory");
                sums[32 * columns + i] += part[i];
            }
        }
    });
#pragma unroll
    for (uint32_t part = 0; part < 2; ++part) {
        // Eight blocks at a time: what their sums meet has room in registers.
#pragma unroll
        for (uint32_t j = 0; j < 16; j += 8)
            finish_blocks<E, 4>(p, lane_row + 8 * part, ends[part], column0 + 8 * j, sums + 4 * j + 2 * part);
    }
}

#else

// Never started: the program asks for it on Hopper alone.
template <Epilogue E> __device__ __forceinline__ void product_hopper(const Product &, uint32_t) { __trap(); }

#endif

#define PRODUCT_KERNEL(kernel, way, epilogue)                                                                          \
    extern "C" __global__ void __launch_bounds__(256, 2) kernel(__grid_constant__ const Product p) {                   \
        way<epilogue>(p, blockIdx.y * SIDE);                                                                           \
    }

#define PRODUCT(name, epilogue)                                                                                        \
    PRODUCT_KERNEL(product_f32_##name, product_f32, epilogue)                                                          \
    PRODUCT_KERNEL(product_f16x3_##name, product_limbs, epilogue)                                                      \
    PRODUCT_KERNEL(product_hopper_f16x3_##name, product_hopper, epilogue)

PRODUCT(hidden, HIDDEN)
PRODUCT(edges, EDGES)
PRODUCT(rows, ROWS)
PRODUCT(slope, SLOPE)
PRODUCT(add, ADD)
PRODUCT(plain, PLAIN)

// Rows in groups, a matrix each.
#define GROUPED_KERNEL(kernel, way, epilogue, number)                                                                  \
    extern "C" __global__ void __launch_bounds__(256, 2) kernel(__grid_constant__ const Product p) {                   \
        uint32_t row0;                                                                                                 \
        Product own = of_tile<number>(p, row0);                                                                        \
        if (row0 < own.rows) way<epilogue>(own, row0);                                                                 \
    }

#define GROUPED(name, epilogue)                                                                                        \
    GROUPED_KERNEL(grouped_f32_##name, product_f32, epilogue, float)                                                   \
    GROUPED_KERNEL(grouped_f16x3_##name, product_limbs, epilogue, uint16_t)                                            \
    GROUPED_KERNEL(grouped_hopper_f16x3_##name, product_hopper, epilogue, uint16_t)

GROUPED(rows, ROWS)
GROUPED(plain, PLAIN)
