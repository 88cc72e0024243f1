/* Threads that share the jobs of a kernel. They know nothing of what the jobs are. */
#ifndef INSPYRENET_POOL_H
#define INSPYRENET_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(_WIN32)
#define EXPORTED __declspec(dllexport)
#else
#define EXPORTED __attribute__((visibility("default")))
#endif

typedef struct Pool Pool;

/* One job: `index` of how many there are, `scratch` of SCRATCH_BYTES that no other thread uses meanwhile. */
typedef void (*Job)(const void *task, int index, float *scratch);

/* What a thread has to itself: the largest block of any kernel, which sizes its blocks by this. */
#define SCRATCH_BYTES ((size_t)8 << 20)

/* Run `count` jobs on all threads of the pool, the caller's among them; return when the last is done. */
void share(Pool *pool, Job job, const void *task, int count);

int threads_of(const Pool *pool);

#endif
