// The functions of CUDA's driver that the program calls, on a host without a card: one device, whose memory is the host's, and
// kernels in f32, compiled by a C++ compiler from the same sources. A block is computed at a time; its threads take turns, in
// the order of their numbers or, with EMULATOR_REVERSED set, in the opposite one: where a kernel misses a barrier, results
// differ. Memory begins with numbers of no meaning, as a card's does.

#include "cuda.h"

#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <memory>
#include <mutex>
#include <setjmp.h>
#include <ucontext.h>

Index threadIdx, blockIdx, blockDim, gridDim;

// Shared memory that kernels do not declare themselves, by the names they have for it.
extern "C" {
alignas(256) char shared[256 << 10];
extern char angle_tiles[256 << 10] __attribute__((alias("shared")));
extern char inputs[256 << 10] __attribute__((alias("shared")));
extern char tiles[256 << 10] __attribute__((alias("shared")));
}

namespace {

constexpr int MOST_THREADS = 256;
constexpr size_t STACK_BYTES = 128 << 10;

enum State { READY, AT_BARRIER, AT_EXCHANGE, ENDED };

struct Thread {
    // Where it begins, and where it goes on.
    ucontext_t beginning;
    jmp_buf place;
    bool begun;
    std::unique_ptr<char[]> stack;
    State state;
    // Which of two numbers it gives next: nobody reads the one while the other is given.
    int turn;
    uint64_t given[2];
};

Thread threads[MOST_THREADS];
jmp_buf scheduler;
int current, n_threads;
void (*kernel)(const void *);
const void *argument;

// Once all that have not ended wait, they go on.
void release(State waiting, int from, int to) {
    for (int i = from; i < to; ++i)
        if (threads[i].state != waiting && threads[i].state != ENDED) return;
    for (int i = from; i < to; ++i)
        if (threads[i].state == waiting) threads[i].state = READY;
}

void wait(State waiting, int from, int to) {
    Thread &own = threads[current];
    own.state = waiting;
    release(waiting, from, to);
    // Unlike swapcontext, these ask nothing of the system.
    if (own.state == waiting && !_setjmp(own.place)) _longjmp(scheduler, 1);
}

int warp_start() { return current & ~31; }

void run_thread() {
    kernel(argument);
    threads[current].state = ENDED;
    release(AT_BARRIER, 0, n_threads);
    release(AT_EXCHANGE, warp_start(), warp_start() + 32);
    _longjmp(scheduler, 1);
}

void go_on(Thread &thread) {
    if (_setjmp(scheduler)) return;
    if (thread.begun) _longjmp(thread.place, 1);
    thread.begun = true;
    setcontext(&thread.beginning);
}

void run_block(bool reversed) {
    for (int i = 0; i < n_threads; ++i) {
        Thread &thread = threads[i];
        if (!thread.stack) thread.stack.reset(new char[STACK_BYTES]);
        getcontext(&thread.beginning);
        thread.beginning.uc_stack.ss_sp = thread.stack.get();
        thread.beginning.uc_stack.ss_size = STACK_BYTES;
        thread.beginning.uc_link = nullptr;
        makecontext(&thread.beginning, run_thread, 0);
        thread.begun = false;
        thread.state = READY;
        thread.turn = 0;
    }
    for (bool any = true; any;) {
        any = false;
        for (int k = 0; k < n_threads; ++k) {
            current = reversed ? n_threads - 1 - k : k;
            if (threads[current].state != READY) continue;
            any = true;
            threadIdx = {static_cast<uint32_t>(current), 0, 0};
            go_on(threads[current]);
        }
    }
    for (int i = 0; i < n_threads; ++i)
        if (threads[i].state != ENDED) {
            std::fprintf(stderr, "emulator: threads of a block wait for each other for ever\n");
            std::abort();
        }
}

} // namespace

void __syncthreads() { wait(AT_BARRIER, 0, n_threads); }

uint64_t exchange(uint64_t own, uint32_t lane) {
    int turn = threads[current].turn, from = warp_start();
    threads[current].given[turn] = own;
    threads[current].turn = 1 - turn;
    wait(AT_EXCHANGE, from, from + 32);
    return threads[from + static_cast<int>(lane & 31u)].given[turn];
}

#define ANSWER(name, parameters, ...)                                                                                  \
    extern "C" int name parameters {                                                                                   \
        __VA_ARGS__;                                                                                                   \
        return 0;                                                                                                      \
    }

static void *const SOMETHING = threads;
constexpr size_t DEVICE_BYTES = 4ull << 30;

ANSWER(cuInit, (unsigned), )
ANSWER(cuDriverGetVersion, (int *version), *version = 1000 * 99)
ANSWER(cuGetErrorName, (int, const char **text), *text = "EMULATOR")
ANSWER(cuGetErrorString, (int, const char **text), *text = "an error of the emulator")
ANSWER(cuDeviceGetCount, (int *n), *n = 1)
ANSWER(cuDeviceGet, (int *device, int number), *device = number)
ANSWER(cuDeviceGetName, (char *name, int bytes, int), std::snprintf(name, bytes, "emulator"))
ANSWER(cuDeviceTotalMem_v2, (size_t *bytes, int), *bytes = DEVICE_BYTES)
// 75, 76: compute capability 8.0; 16: three multiprocessors.
ANSWER(cuDeviceGetAttribute, (int *value, int attribute, int), *value = attribute == 75 ? 8 : attribute == 16 ? 3 : 0)
ANSWER(cuDevicePrimaryCtxRetain, (void **context, int), *context = SOMETHING)
ANSWER(cuDevicePrimaryCtxRelease_v2, (int), )
ANSWER(cuCtxSetCurrent, (void *), )
ANSWER(cuStreamCreate, (void **stream, unsigned), *stream = SOMETHING)
ANSWER(cuStreamDestroy_v2, (void *), )
ANSWER(cuStreamSynchronize, (void *), )
ANSWER(cuEventCreate, (void **event, unsigned), *event = SOMETHING)
ANSWER(cuEventDestroy_v2, (void *), )
ANSWER(cuEventRecord, (void *, void *), )
ANSWER(cuEventQuery, (void *), )
ANSWER(cuEventSynchronize, (void *), )
ANSWER(cuEventElapsedTime_v2, (float *milliseconds, void *, void *), *milliseconds = 0.0f)
ANSWER(cuMemGetInfo_v2, (size_t *free, size_t *all), *free = *all = DEVICE_BYTES)
ANSWER(cuMemFree_v2, (void *memory), std::free(memory))
ANSWER(cuMemFreeHost, (void *memory), std::free(memory))
ANSWER(cuMemcpyHtoDAsync_v2, (void *to, const void *from, size_t bytes, void *), std::memcpy(to, from, bytes))
ANSWER(cuMemcpyDtoHAsync_v2, (void *to, const void *from, size_t bytes, void *), std::memcpy(to, from, bytes))
ANSWER(cuMemsetD8Async, (void *to, unsigned char value, size_t bytes, void *), std::memset(to, value, bytes))
ANSWER(cuModuleLoadData, (void **module, const void *), *module = SOMETHING)
ANSWER(cuModuleUnload, (void *), )
ANSWER(cuFuncSetAttribute, (void *, int, int), )

static int allocate(void **memory, size_t bytes) {
    constexpr size_t PAGE = 4096;
    *memory = std::aligned_alloc(PAGE, (bytes + PAGE) / PAGE * PAGE);
    if (!*memory) return 2;
    std::memset(*memory, 0x7f, bytes);
    return 0;
}

extern "C" int cuMemAlloc_v2(void **memory, size_t bytes) { return allocate(memory, bytes); }
extern "C" int cuMemAllocHost_v2(void **memory, size_t bytes) { return allocate(memory, bytes); }

static void absent(const void *) {
    std::fprintf(stderr, "emulator: a kernel is not there: those on matrix units are not\n");
    std::abort();
}

extern "C" int cuModuleGetFunction(void **function, void *, const char *name) {
    static void *own = dlopen("libcuda.so.1", RTLD_NOW | RTLD_NOLOAD);
    *function = dlsym(own, name);
    if (!*function) *function = reinterpret_cast<void *>(absent);
    return 0;
}

extern "C" int cuLaunchKernel(void *function, unsigned columns, unsigned rows, unsigned, unsigned n, unsigned, unsigned, unsigned, void *,
                              void **arguments, void **) {
    static std::mutex one_at_a_time;
    static const bool reversed = std::getenv("EMULATOR_REVERSED") != nullptr;
    std::lock_guard<std::mutex> guard(one_at_a_time);
    kernel = reinterpret_cast<void (*)(const void *)>(function);
    argument = arguments[0];
    n_threads = static_cast<int>(n);
    blockDim = {n, 1, 1};
    gridDim = {columns, rows, 1};
    for (unsigned y = 0; y < rows; ++y)
        for (unsigned x = 0; x < columns; ++x) {
            blockIdx = {x, y, 0};
            run_block(reversed);
        }
    return 0;
}
