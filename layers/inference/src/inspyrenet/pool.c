/* The threads: started once, asleep between two kernels.
 *
 * A job is taken by adding one to a counter, so that a thread that gets less of a processor takes fewer. Lambda gives
 * shares of processors: 1.7 at 3,008 MB. */
#define _GNU_SOURCE
#include "pool.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

struct Pool {
    pthread_mutex_t lock;
    pthread_cond_t work_is_there, work_is_done;
    Job job;
    const void *task;
    int count;
    atomic_int next;
    int busy;            /* threads beside the caller's that have not yet seen the end of this task */
    unsigned generation; /* counts tasks, so that a thread does not take one twice */
    bool ending;
    int threads;
    pid_t process; /* a fork has the memory, but not the threads */
    pthread_t *others;
    float **scratch; /* of each thread */
};

/* Results below 1e-38 become zero, as ONNX Runtime's "denormals as zero" makes them: softmaxes leave such numbers, on
 * which processors are ten times slower. The mode belongs to a thread; `unflushed` restores the caller's. */
static uint64_t flush_denormals(void) {
#if defined(__x86_64__)
    unsigned before = __builtin_ia32_stmxcsr();
    __builtin_ia32_ldmxcsr(before | 0x8040);
    return before;
#elif defined(__aarch64__)
    uint64_t before;
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
    return before;
#else
    return 0;
#endif
}

static void restore_denormals(uint64_t before) {
#if defined(__x86_64__)
    __builtin_ia32_ldmxcsr((unsigned)before);
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#else
    (void)before;
#endif
}

static void take_jobs(Pool *pool, Job job, const void *task, int count, float *scratch) {
    int index;
    while ((index = atomic_fetch_add_explicit(&pool->next, 1, memory_order_relaxed)) < count) job(task, index, scratch);
}

typedef struct {
    Pool *pool;
    int number;
} Start;

static void *work(void *given) {
    Start start = *(Start *)given;
    free(given);
    Pool *pool = start.pool;
    flush_denormals();
    unsigned seen = 0;
    pthread_mutex_lock(&pool->lock);
    for (;;) {
        while (pool->generation == seen && !pool->ending) pthread_cond_wait(&pool->work_is_there, &pool->lock);
        if (pool->ending) break;
        seen = pool->generation;
        Job job = pool->job;
        const void *task = pool->task;
        int count = pool->count;
        pthread_mutex_unlock(&pool->lock);
        take_jobs(pool, job, task, count, pool->scratch[start.number]);
        pthread_mutex_lock(&pool->lock);
        if (--pool->busy == 0) pthread_cond_signal(&pool->work_is_done);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

void share(Pool *pool, Job job, const void *task, int count) {
    uint64_t before = flush_denormals();
    int others = pool->threads - 1;
    if (count == 1 || others == 0 || getpid() != pool->process) {
        for (int index = 0; index < count; index++) job(task, index, pool->scratch[0]);
    } else {
        pthread_mutex_lock(&pool->lock);
        pool->job = job;
        pool->task = task;
        pool->count = count;
        atomic_store_explicit(&pool->next, 0, memory_order_relaxed);
        pool->busy = others;
        pool->generation++;
        pthread_cond_broadcast(&pool->work_is_there);
        pthread_mutex_unlock(&pool->lock);
        take_jobs(pool, job, task, count, pool->scratch[0]);
        pthread_mutex_lock(&pool->lock);
        while (pool->busy) pthread_cond_wait(&pool->work_is_done, &pool->lock);
        pthread_mutex_unlock(&pool->lock);
    }
    restore_denormals(before);
}

int threads_of(const Pool *pool) { return pool->threads; }

/* Memory in pages of 2 MB where the kernel has them: a matrix walks over thousands of small pages otherwise, and each
 * costs a fault at first. NULL: there is none. */
EXPORTED void *inspyrenet_allocate(size_t bytes) {
    void *found = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (found == MAP_FAILED) return NULL;
#if defined(MADV_HUGEPAGE)
    madvise(found, bytes, MADV_HUGEPAGE); /* may be refused, which costs time alone */
#endif
    return found;
}

EXPORTED void inspyrenet_release(void *memory, size_t bytes) { munmap(memory, bytes); }

EXPORTED void inspyrenet_close_pool(Pool *pool) {
    if (!pool) return;
    if (getpid() != pool->process) return; /* what a thread of the parent may have held stays as it is */
    pthread_mutex_lock(&pool->lock);
    pool->ending = true;
    pthread_cond_broadcast(&pool->work_is_there);
    pthread_mutex_unlock(&pool->lock);
    for (int number = 1; number < pool->threads; number++) pthread_join(pool->others[number - 1], NULL);
    for (int number = 0; number < pool->threads; number++) munmap(pool->scratch[number], SCRATCH_BYTES);
    pthread_cond_destroy(&pool->work_is_there);
    pthread_cond_destroy(&pool->work_is_done);
    pthread_mutex_destroy(&pool->lock);
    free(pool->others);
    free(pool->scratch);
    free(pool);
}

/* Start `threads` - 1 threads. NULL: the system has no memory for them. With fewer threads than were asked for, it runs
 * on those that there are. */
EXPORTED Pool *inspyrenet_open_pool(int threads) {
    Pool *pool = calloc(1, sizeof *pool);
    if (!pool) return NULL;
    pool->process = getpid();
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work_is_there, NULL);
    pthread_cond_init(&pool->work_is_done, NULL);
    pool->others = calloc((size_t)threads, sizeof *pool->others);
    pool->scratch = calloc((size_t)threads, sizeof *pool->scratch);
    if (pool->others && pool->scratch && (pool->scratch[0] = inspyrenet_allocate(SCRATCH_BYTES))) pool->threads = 1;
    for (int number = 1; pool->threads == number && number < threads; number++) {
        Start *start = malloc(sizeof *start);
        if (!start || !(pool->scratch[number] = inspyrenet_allocate(SCRATCH_BYTES))) {
            free(start);
            break;
        }
        *start = (Start){pool, number};
        if (pthread_create(&pool->others[number - 1], NULL, work, start)) {
            free(start);
            munmap(pool->scratch[number], SCRATCH_BYTES);
            break;
        }
        pool->threads++;
    }
    if (pool->threads == 0) {
        inspyrenet_close_pool(pool);
        return NULL;
    }
    return pool;
}

EXPORTED int inspyrenet_threads(const Pool *pool) { return pool->threads; }
