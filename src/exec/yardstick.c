// yardstick.c: times a large copy, chains of multiply-adds, and empty dispatches with and without
// barriers between them.
#include "exec/yardstick.h"

#include "base/alloc.h"
#include "base/thread.h"
#include "exec/internal.h"

enum { RUNS = 5, GROUP = 64, DISPATCHES = 256, FMA_TRIP_FLOPS = 2 * 192, FMA_TRIPS_MOST = 2048 };
static const double FMA_MS_LEAST = 4;

// What is timed: the same dispatch `count` times.
struct yard_work {
    const char *kernel;
    struct hone_gpu_range ranges[2];
    int range_count;
    const void *push;
    int push_bytes;
    uint64_t threads;
    int count;
    bool barriers;
};

static hone_status yard_record(struct hone_gpu *gpu, struct hone_gpu_recording *rec,
                               const struct yard_work *work) {
    const struct hone_kernel *kernel = hone_kernel_find(work->kernel);
    const uint32_t group = GROUP;
    bool timed = hone_gpu_caps(gpu)->timestamp_ns > 0;
    struct hone_gpu_pipeline *pipeline;
    struct hone_dispatch grid;
    if (!kernel) return hone_fail(HONE_INTERNAL, "no kernel '%s'", work->kernel);
    HONE_TRY(hone_gpu_pipeline_get(gpu, kernel, &group, 1, 0, &pipeline));
    hone_dispatch_linear(&grid, work->threads, GROUP);
    if (timed) HONE_TRY(hone_gpu_record_timestamp(rec, "start"));
    for (int i = 0; i < work->count; i++) {
        HONE_TRY(hone_gpu_record_dispatch(rec, pipeline, work->ranges, work->range_count,
                                          work->push, work->push_bytes, grid.grid));
        if (work->barriers) HONE_TRY(hone_gpu_record_barrier(rec));
    }
    if (timed) HONE_TRY(hone_gpu_record_timestamp(rec, "end"));
    return hone_gpu_recording_end(rec);
}

// Milliseconds of one run: by the device's clock where it has one.
static hone_status yard_run(struct hone_gpu *gpu, struct hone_gpu_recording *rec, double *ms) {
    uint64_t ticket;
    int count = 1;
    double start = hone_seconds();
    HONE_TRY(hone_gpu_submit(gpu, rec, &ticket));
    HONE_TRY(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    *ms = (hone_seconds() - start) * 1e3;
    if (hone_gpu_caps(gpu)->timestamp_ns == 0) return HONE_OK;
    return hone_gpu_recording_times(rec, ms, &count);
}

// The shortest of five runs after one to warm up: what the device can do, not what it usually does.
static hone_status yard_time(struct hone_gpu *gpu, const struct yard_work *work, double *ms) {
    struct hone_gpu_recording *rec;
    double warm = 0;
    HONE_TRY(hone_gpu_recording_create(gpu, &rec));
    hone_status status = yard_record(gpu, rec, work);
    if (status == HONE_OK) status = yard_run(gpu, rec, &warm);
    for (int i = 0; i < RUNS && status == HONE_OK; i++) {
        status = yard_run(gpu, rec, &warm);
        if (i == 0 || warm < *ms) *ms = warm;
    }
    hone_gpu_recording_destroy(gpu, &rec);
    return status;
}

static hone_status yard_copy(struct hone_gpu *gpu, struct hone_gpu_buffer *const buffers[2],
                             double *gbs) {
    uint64_t bytes = hone_gpu_buffer_bytes(buffers[0]);
    uint32_t count = (uint32_t)(bytes / 16);
    double ms;
    struct yard_work work = {
        .kernel = "bench_copy",
        .ranges = {{.buffer = buffers[0], .bytes = bytes},
                   {.buffer = buffers[1], .bytes = bytes, .write = true}},
        .range_count = 2,
        .push = &count,
        .push_bytes = sizeof count,
        .threads = count,
        .count = 1,
    };
    HONE_TRY(yard_time(gpu, &work, &ms));
    *gbs = 2 * (double)bytes / ms * 1e-6;
    return HONE_OK;
}

// More trips until the run is long enough to be measured.
static hone_status yard_fma(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer, double *gflops) {
    struct {
        uint32_t trips;
        float a, b;
    } push = {.trips = 8, .a = 0.999f, .b = 0.001f};
    uint64_t most = hone_gpu_buffer_bytes(buffer) / 4, threads = 1 << 20;
    if (hone_gpu_caps(gpu)->kind == HONE_DEVICE_CPU) threads = 1 << 15;
    if (threads > most) threads = most;
    struct yard_work work = {
        .kernel = "bench_fma",
        .ranges = {{.buffer = buffer, .bytes = threads * 4, .write = true}},
        .range_count = 1,
        .push = &push,
        .push_bytes = sizeof push,
        .threads = threads,
        .count = 1,
    };
    double ms = 0;
    for (; push.trips <= FMA_TRIPS_MOST; push.trips *= 2) {
        HONE_TRY(yard_time(gpu, &work, &ms));
        *gflops = (double)threads * push.trips * FMA_TRIP_FLOPS / ms * 1e-6;
        if (ms > FMA_MS_LEAST) break;
    }
    return HONE_OK;
}

static hone_status yard_dispatch(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer,
                                 struct hone_yardsticks *out) {
    struct yard_work work = {.kernel = "bench_empty",
                             .ranges = {{.buffer = buffer, .bytes = 256}},
                             .range_count = 1,
                             .threads = 1,
                             .count = DISPATCHES};
    double without, with;
    HONE_TRY(yard_time(gpu, &work, &without));
    work.barriers = true;
    HONE_TRY(yard_time(gpu, &work, &with));
    out->dispatch_us = without * 1e3 / DISPATCHES;
    out->barrier_us = with > without ? (with - without) * 1e3 / DISPATCHES : 0;
    return HONE_OK;
}

hone_status hone_device_measure(struct hone_device *device, struct hone_yardsticks *out) {
    struct hone_gpu *gpu = device->gpu;
    *out = (struct hone_yardsticks){0};
    if (!gpu)
        return hone_fail(HONE_UNSUPPORTED, "the reference device is not made for speed: choose "
                                           "another with --device");
    uint64_t bytes = device->caps.kind == HONE_DEVICE_CPU ? 64ull << 20 : 256ull << 20;
    if (bytes > device->caps.storage_range_bytes)
        bytes = device->caps.storage_range_bytes / 16 * 16;
    if (bytes > device->caps.heap_bytes / 8) bytes = device->caps.heap_bytes / 128 * 16;
    struct hone_gpu_buffer *buffers[2] = {NULL, NULL};
    hone_status status = HONE_OK;
    for (int i = 0; i < 2 && status == HONE_OK; i++)
        status = hone_gpu_buffer_create(gpu, bytes, HONE_GPU_DEVICE, "a yardstick", &buffers[i]);
    if (status == HONE_OK) status = yard_copy(gpu, buffers, &out->copy_gbs);
    if (status == HONE_OK) status = yard_fma(gpu, buffers[1], &out->fma_gflops);
    if (status == HONE_OK) status = yard_dispatch(gpu, buffers[0], out);
    for (int i = 0; i < 2; i++) hone_gpu_buffer_destroy(gpu, &buffers[i]);
    return status;
}
