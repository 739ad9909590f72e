// Products of rows with constant matrices, and what is done with each number before it is written.
//
// out[r, n] = sum over k of left[r, k] right[n, k]. Each number is summed over k in one order that depends on nothing
// else: not on the number of rows, nor on which others there are. There is no split of k over blocks.
//
// Two ways of computing: f32 on plain cores, one multiply-add after the other; and "f16x3" or "bf16x3" on matrix units, both
// sides in two limbs, three products (low high, high low, high high). Matrix units cut sums off instead of rounding them, so
// they sum a short part of k only (16 of it with mma.sync, 32 with wgmma), small products first; parts are added in f32,
// with rounding.

#include "arithmetic.h"
#include "operand.cuh"

struct Product {
    // [rows, depth]: f32, or high limbs with the low ones `left_plane` numbers behind.
    const void *left;
    uint64_t left_plane;
    // f32: [depth, width]; limbs: [width, depth], low ones `right_plane` numbers behind the high ones.
    const void *right;
    uint64_t right_plane;
    // [width]
    const float *bias;
    // [atoms, 2 width]: terms of the first and of the second atom of a row.
    const float *table;
    const uint32_t *first;
    const uint32_t *second;
    // [rows, width]: sums; what is read or written depends on the epilogue. May be null where only `out` is wanted.
    float *sums;
    // [rows, width]: operand of the next product.
    void *out;
    uint64_t out_plane;
    uint32_t rows;
    uint32_t width;
    uint32_t depth;
    // Of the sums: the matrix was divided by it.
    float scale;
};

// What is done with a sum.
enum Epilogue {
    HIDDEN, // sums = x + bias, out = silu(sums)
    EDGES,  // the same with terms of two atoms instead of the bias
    ROWS,   // sums = x + bias
    SLOPE,  // out = x silu'(sums)
    ADD,    // sums += x
    PLAIN,  // sums = x
};

template <int W> struct Pack;
template <> struct Pack<2> { using type = float2; };
template <> struct Pack<4> { using type = float4; };

template <int W> __device__ __forceinline__ void load(const float *from, float *to) {
    *reinterpret_cast<typename Pack<W>::type *>(to) = *reinterpret_cast<const typename Pack<W>::type *>(from);
}

template <int W> __device__ __forceinline__ void store(float *to, const float *from) {
    *reinterpret_cast<typename Pack<W>::type *>(to) = *reinterpret_cast<const typename Pack<W>::type *>(from);
}

// Finishes W neighboring numbers of a row.
template <Epilogue E, Kind K, int W>
__device__ __forceinline__ void finish(const Product &p, uint32_t row, uint32_t column, float *x) {
    size_t at = static_cast<size_t>(row) * p.width + column;
    alignas(16) float other[W];
    if constexpr (K == F16) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= p.scale;
    }
    if constexpr (E == HIDDEN || E == ROWS) {
        load<W>(p.bias + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == EDGES) {
        size_t stride = 2 * static_cast<size_t>(p.width);
        load<W>(p.table + p.first[row] * stride + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
        load<W>(p.table + p.second[row] * stride + p.width + column, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == ADD) {
        load<W>(p.sums + at, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] += other[i];
    }
    if constexpr (E == SLOPE) {
        load<W>(p.sums + at, other);
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] *= silu_slope(other[i]);
    } else {
        if (p.sums) store<W>(p.sums + at, x);
    }
    if constexpr (E == HIDDEN || E == EDGES) {
#pragma unroll
        for (int i = 0; i < W; ++i) x[i] = silu(x[i]);
    }
    if constexpr (E == HIDDEN || E == EDGES || E == SLOPE) store_operand<K, W>(p.out, p.out_plane, at, x);
}

// Finishes two neighboring blocks of 8 columns as the matrix units leave them: a lane has two neighbors of each, and
// exchanges one pair with the lane beside it, so that it has four neighbors of one block and rows are written in pieces of
// 64 bytes.
template <Epilogue E, Kind K>
__device__ __forceinline__ void finish_blocks(const Product &p, uint32_t row, uint32_t column, const float *left, const float *right) {
    uint32_t lane = threadIdx.x & 31;
    bool odd = lane & 1;
    float own[2], other[2];
#pragma unroll
    for (int i = 0; i < 2; ++i) {
        own[i] = odd ? right[i] : left[i];
        other[i] = __shfl_xor_sync(0xffffffffu, odd ? left[i] : right[i], 1);
    }
    column += block_column(lane);
    if (row >= p.rows || column >= p.width) return;
    alignas(16) float x[4] = {odd ? other[0] : own[0], odd ? other[1] : own[1], odd ? own[0] : other[0], odd ? own[1] : other[1]};
    finish<E, K, 4>(p, row, column, x);
}

// ---- f32 ----

// A block of 256 threads makes 128 x 128 numbers, a thread 8 x 8 of them: rows and columns 4 t and 64 + 4 t onwards.
constexpr int SIDE = 128;
constexpr int STEP = 16;
constexpr int LEFT_STRIDE = SIDE + 4;

template <Epilogue E> __device__ __forceinline__ void product_f32(const Product &p) {
    __shared__ alignas(16) float left_tile[2][STEP][LEFT_STRIDE];
    __shared__ alignas(16) float right_tile[2][STEP][SIDE];
    const float *left = static_cast<const float *>(p.left);
    const float *right = static_cast<const float *>(p.right);
    const uint32_t thread = threadIdx.x, tx = thread & 15, ty = thread >> 4;
    const uint32_t row0 = blockIdx.y * SIDE, column0 = blockIdx.x * SIDE;
    // Of the left tile a thread loads 4 neighbors along k of rows r and r + 64; of the right one, 4 columns of k and k + 8.
    const uint32_t left_r = thread >> 2, left_k = 4 * (thread & 3);
    const uint32_t right_k = thread >> 5, right_n = 4 * (thread & 31);
    float4 next_left[2], next_right[2];
    const float4 zero = make_float4(0.0f, 0.0f, 0.0f, 0.0f);

    auto fetch = [&](uint32_t k0) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t row = row0 + left_r + 64 * h, k = k0 + left_k;
            bool there = row < p.rows && k < p.depth;
            next_left[h] = there ? *reinterpret_cast<const float4 *>(left + static_cast<size_t>(row) * p.depth + k) : zero;
            uint32_t column = column0 + right_n;
            k = k0 + right_k + 8 * h;
            there = column < p.width && k < p.depth;
            next_right[h] = there ? *reinterpret_cast<const float4 *>(right + static_cast<size_t>(k) * p.width + column) : zero;
        }
    };
    auto put = [&](int buffer) {
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t row = left_r + 64 * h;
            left_tile[buffer][left_k][row] = next_left[h].x;
            left_tile[buffer][left_k + 1][row] = next_left[h].y;
            left_tile[buffer][left_k + 2][row] = next_left[h].z;
            left_tile[buffer][left_k + 3][row] = next_left[h].w;
            *reinterpret_cast<float4 *>(&right_tile[buffer][right_k + 8 * h][right_n]) = next_right[h];
        }
    };

    float sums[8][8] = {};
    fetch(0);
    put(0);
    __syncthreads();
    int buffer = 0;
    for (uint32_t k0 = 0; k0 < p.depth; k0 += STEP) {
        bool more = k0 + STEP < p.depth;
        if (more) fetch(k0 + STEP);
#pragma unroll
        for (int k = 0; k < STEP; ++k) {
            alignas(16) float a[8], b[8];
            *reinterpret_cast<float4 *>(a) = *reinterpret_cast<const float4 *>(&left_tile[buffer][k][4 * ty]);
            *reinterpret_cast<float4 *>(a + 4) = *reinterpret_cast<const float4 *>(&left_tile[buffer][k][64 + 4 * ty]);
            *reinterpret_cast<float4 *>(b) = *reinterpret_cast<const float4 *>(&right_tile[buffer][k][4 * tx]);
            *reinterpret_cast<float4 *>(b + 4) = *reinterpret_cast<const float4 *>(&right_tile[buffer][k][64 + 4 * tx]);
#pragma unroll
            for (int i = 0; i < 8; ++i)
#pragma unroll
                for (int j = 0; j < 8; ++j) sums[i][j] = fmaf(a[i], b[j], sums[i][j]);
        }
        if (more) {
            put(buffer ^ 1);
            __syncthreads();
            buffer ^= 1;
        }
    }
#pragma unroll
    for (int i = 0; i < 8; ++i) {
        uint32_t row = row0 + 4 * ty + (i & 3) + 64 * (i >> 2);
        if (row >= p.rows) continue;
#pragma unroll
        for (int h = 0; h < 2; ++h) {
            uint32_t column = column0 + 4 * tx + 64 * h;
            if (column >= p.width) continue;
            alignas(16) float x[4] = {sums[i][4 * h], sums[i][4 * h + 1], sums[i][4 * h + 2], sums[i][4 * h + 3]};
            finish<E, F32, 4>(p, row, column, x);
        }
    }
}

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

#define MMA(type)                                                                                                      \
    asm volatile("mma.sync.aligned.m16n8k16.row.col.f32." type "." type                                                \
                 ".f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};\n"                                        \
                 : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])                                          \
                 : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1))

template <Kind K>
__device__ __forceinline__ void multiply_add(float (&sums)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    if constexpr (K == BF16) MMA("bf16");
    else MMA("f16");
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
            const uint16_t *from = left + (there ? static_cast<size_t>(row) * p.depth + k : 0);
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

template <Epilogue E, Kind K> __device__ __forceinline__ void product_limbs(const Product &p) {
    extern __shared__ __align__(1024) unsigned char tiles[];
    const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(tiles));
    const uint32_t lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const uint32_t row0 = blockIdx.y * SIDE, column0 = blockIdx.x * SIDE;
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
                    multiply_add<K>(part[j], a_low, b_high[j >> 1][2 * (j & 1)], b_high[j >> 1][2 * (j & 1) + 1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
                    multiply_add<K>(part[j], a_high, b_low[j >> 1][2 * (j & 1)], b_low[j >> 1][2 * (j & 1) + 1]);
#pragma unroll
                for (uint32_t j = 0; j < 4; ++j)
                    multiply_add<K>(part[j], a_high, b_high[j >> 1][2 * (j & 1)], b_high[j >> 1][2 * (j & 1) + 1]);
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
#pragma unroll
            for (uint32_t j = 0; j < 4; j += 2)
                finish_blocks<E, K>(p, row, column0 + warp_column + 8 * j, sums[i][j] + 2 * part, sums[i][j + 1] + 2 * part);
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
#define WGMMA(type) \
    asm volatile("{.reg .pred add;\n setp.ne.b32 add, %34, 0;\n wgmma.mma_async.sync.aligned.m64n64k16.f32." type "." type " {" \
    "%0,%1,%2,%3,%4,%5,%6,%7,%8,%9,%10,%11,%12,%13,%14,%15," \
    "%16,%17,%18,%19,%20,%21,%22,%23,%24,%25,%26,%27,%28,%29,%30,%31" \
    "}, %32, %33, add, 1, 1, 0, 0;}\n" \
    : "+f"(s[0]), "+f"(s[1]), "+f"(s[2]), "+f"(s[3]), "+f"(s[4]), "+f"(s[5]), "+f"(s[6]), "+f"(s[7]), "+f"(s[8]), "+f"(s[9]), "+f"(s[10]), "+f"(s[11]), "+f"(s[12]), "+f"(s[13]), "+f"(s[14]), "+f"(s[15]), "+f"(s[16]), "+f"(s[17]), "+f"(s[18]), "+f"(s[19]), "+f"(s[20]), "+f"(s[21]), "+f"(s[22]), "+f"(s[23]), "+f"(s[24]), "+f"(s[25]), "+f"(s[26]), "+f"(s[27]), "+f"(s[28]), "+f"(s[29]), "+f"(s[30]), "+f"(s[31]) \
    : "l"(left), "l"(right), "n"(ADD))

template <Kind K, int ADD>
__device__ __forceinline__ void multiply_add_64x64(float (&s)[32], uint64_t left, uint64_t right) {
    if constexpr (K == BF16) WGMMA("bf16");
    else WGMMA("f16");
}

template <Epilogue E, Kind K> __device__ __forceinline__ void product_hopper(const Product &p) {
    extern __shared__ __align__(1024) unsigned char tiles[];
    const uint32_t base = static_cast<uint32_t>(__cvta_generic_to_shared(tiles));
    const uint32_t lane = threadIdx.x & 31, warp = threadIdx.x >> 5;
    const uint32_t row0 = blockIdx.y * SIDE, column0 = blockIdx.x * SIDE;
    // Four warps make 64 rows.
    const uint32_t group_row = 64 * (warp >> 2);
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
            multiply_add_64x64<K, 0>(part, left_low, right_high);
            multiply_add_64x64<K, 1>(part, left_low + 2, right_high + 2);
            multiply_add_64x64<K, 1>(part, left_high, right_low);
            multiply_add_64x64<K, 1>(part, left_high + 2, right_low + 2);
            multiply_add_64x64<K, 1>(part, left_high, right_high);
            multiply_add_64x64<K, 1>(part, left_high + 2, right_high + 2);
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
        uint32_t row = row0 + group_row + 16 * (warp & 3) + sum_row(lane, part);
#pragma unroll
        for (uint32_t j = 0; j < 16; j += 2)
            finish_blocks<E, K>(p, row, column0 + 8 * j, sums + 4 * j + 2 * part, sums + 4 * j + 4 + 2 * part);
    }
}

#else

// Never started: the program asks for it on Hopper alone.
template <Epilogue E, Kind K> __device__ __forceinline__ void product_hopper(const Product &) { __trap(); }

#endif

#define PRODUCT(name, epilogue)                                                                                        \
    extern "C" __global__ void __launch_bounds__(256, 2) product_f32_##name(__grid_constant__ const Product p) { \
        product_f32<epilogue>(p); \
    } \
    extern "C" __global__ void __launch_bounds__(256, 2) product_bf16x3_##name(__grid_constant__ const Product p) { \
        product_limbs<epilogue, BF16>(p); \
    } \
    extern "C" __global__ void __launch_bounds__(256, 2) product_f16x3_##name(__grid_constant__ const Product p) { \
        product_limbs<epilogue, F16>(p); \
    } \
    extern "C" __global__ void __launch_bounds__(256, 2) product_hopper_bf16x3_##name(__grid_constant__ const Product p) { \
        product_hopper<epilogue, BF16>(p); \
    } \
    extern "C" __global__ void __launch_bounds__(256, 2) product_hopper_f16x3_##name(__grid_constant__ const Product p) { \
        product_hopper<epilogue, F16>(p); \
    }

PRODUCT(hidden, HIDDEN)
PRODUCT(edges, EDGES)
PRODUCT(rows, ROWS)
PRODUCT(slope, SLOPE)
PRODUCT(add, ADD)
PRODUCT(plain, PLAIN)
