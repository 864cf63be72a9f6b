// thread.c: see thread.h. Threads live for one loop: the loops here take seconds, a pool would save
// microseconds and outlive its caller.
#if defined(__linux__)
#define _GNU_SOURCE // sched_getaffinity
#endif
#include "base/thread.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"

struct hone_parallel {
    size_t count;
    hone_parallel_fn fn;
    void *user;
    atomic_size_t next;
    atomic_bool stop;
    pthread_mutex_t lock; // of the two below
    size_t failed_index;
    struct hone_error_record failure;
};

static void hone_parallel_failed(struct hone_parallel *loop, size_t index, hone_status status) {
    atomic_store(&loop->stop, 1);
    pthread_mutex_lock(&loop->lock);
    if (index < loop->failed_index) {
        loop->failed_index = index;
        hone_error_save(status, &loop->failure);
    }
    pthread_mutex_unlock(&loop->lock);
}

static void *hone_parallel_work(void *argument) {
    struct hone_parallel *loop = argument;
    while (!atomic_load(&loop->stop)) {
        size_t index = atomic_fetch_add(&loop->next, 1);
        if (index >= loop->count) break;
        hone_status status = loop->fn(loop->user, index);
        if (status != HONE_OK) hone_parallel_failed(loop, index, status);
    }
    return NULL;
}

hone_status hone_parallel_for(size_t count, unsigned threads, hone_parallel_fn fn, void *user) {
    if (!threads) threads = hone_core_count();
    if (threads > count) threads = (unsigned)count;
    struct hone_parallel loop = {
        .count = count, .fn = fn, .user = user, .failed_index = (size_t)-1};
    pthread_mutex_init(&loop.lock, NULL);
    pthread_t *helpers = NULL;
    unsigned started = 0;
    if (threads > 1) {
        helpers = hone_calloc(threads - 1, sizeof *helpers, "threads");
        if (!helpers) {
            pthread_mutex_destroy(&loop.lock);
            return HONE_OUT_OF_MEMORY;
        }
        // A system that gives fewer threads makes the loop slower, not wrong.
        while (started < threads - 1 &&
               pthread_create(&helpers[started], NULL, hone_parallel_work, &loop) == 0)
            started++;
    }
    hone_parallel_work(&loop);
    for (unsigned i = 0; i < started; i++) pthread_join(helpers[i], NULL);
    hone_free(helpers);
    pthread_mutex_destroy(&loop.lock);
    return hone_error_restore(&loop.failure);
}

unsigned hone_core_count(void) {
#if defined(__linux__)
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0)
        return (unsigned)CPU_COUNT(&set);
#endif
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    return cores > 0 ? (unsigned)cores : 1;
}

static atomic_ullong hone_memory_pretended;

void hone_memory_pretend(uint64_t bytes) {
    atomic_store(&hone_memory_pretended, bytes);
}

uint64_t hone_memory_bytes(void) {
    uint64_t pretended = atomic_load(&hone_memory_pretended);
    if (pretended) return pretended;
#if defined(_SC_PHYS_PAGES)
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) return (uint64_t)pages * (uint64_t)page;
#endif
    return 0;
}

double hone_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

double hone_thread_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}
