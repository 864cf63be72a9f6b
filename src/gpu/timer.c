// timer.c: timestamps of a recording: written by the device between commands, read by the host as
// milliseconds between consecutive ones.
#include "gpu/internal.h"

#include "base/alloc.h"

#include <stdio.h>

enum { QUERIES = 64 }; // a pool

// A pool is reset where it is first used, so that each run starts it afresh.
static hone_status add_query_pool(struct hone_gpu_recording *rec) {
    struct hone_gpu *gpu = rec->gpu;
    if (!hone_grow(&rec->queries, &rec->query_pool_capacity, rec->query_pool_count + 1,
                   sizeof *rec->queries, "timestamps"))
        return HONE_OUT_OF_MEMORY;
    VkQueryPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_QUERY_POOL_CREATE_INFO,
        .queryType = VK_QUERY_TYPE_TIMESTAMP,
        .queryCount = QUERIES,
    };
    HONE_VK_TRY(
        gpu, "vkCreateQueryPool",
        gpu->vk.vkCreateQueryPool(gpu->device, &info, NULL, &rec->queries[rec->query_pool_count]));
    gpu->vk.vkCmdResetQueryPool(rec->commands, rec->queries[rec->query_pool_count], 0, QUERIES);
    rec->query_pool_count++;
    return HONE_OK;
}

static hone_status record_timestamp(struct hone_gpu_recording *rec, const char *label) {
    struct hone_gpu *gpu = rec->gpu;
    HONE_TRY(hone_gpu_may_record(rec));
    if (gpu->plan.caps.timestamp_ns == 0.0f)
        return hone_fail(HONE_UNSUPPORTED, "%s has no timestamps", gpu->plan.caps.name);
    if (!hone_grow(&rec->labels, &rec->label_capacity, rec->label_count + 1, sizeof *rec->labels,
                   "timestamps"))
        return HONE_OUT_OF_MEMORY;
    size_t index = rec->label_count;
    if (index % QUERIES == 0) HONE_TRY(add_query_pool(rec));
    snprintf(rec->labels[index], sizeof rec->labels[index], "%s", label ? label : "");
    gpu->vk.vkCmdWriteTimestamp(rec->commands, VK_PIPELINE_STAGE_BOTTOM_OF_PIPE_BIT,
                                rec->queries[index / QUERIES], (uint32_t)(index % QUERIES));
    rec->label_count++;
    return HONE_OK;
}

hone_status hone_gpu_record_timestamp(struct hone_gpu_recording *rec, const char *label) {
    return hone_gpu_keep(rec, record_timestamp(rec, label));
}

static hone_status read_times(struct hone_gpu_recording *rec, uint64_t *ticks) {
    struct hone_gpu *gpu = rec->gpu;
    for (size_t i = 0; i < rec->query_pool_count; i++) {
        size_t first = i * QUERIES;
        size_t count = rec->label_count - first < QUERIES ? rec->label_count - first : QUERIES;
        HONE_VK_TRY(gpu, "vkGetQueryPoolResults",
                    gpu->vk.vkGetQueryPoolResults(gpu->device, rec->queries[i], 0, (uint32_t)count,
                                                  count * sizeof *ticks, ticks + first,
                                                  sizeof *ticks, VK_QUERY_RESULT_64_BIT));
    }
    return HONE_OK;
}

hone_status hone_gpu_recording_times(struct hone_gpu_recording *rec, double *ms, int *count) {
    struct hone_gpu *gpu = rec->gpu;
    int room = *count;
    *count = 0;
    if (!rec->ticket) return hone_fail(HONE_INTERNAL, "times of a recording that never ran");
    HONE_TRY(hone_gpu_wait(gpu, rec->ticket, UINT64_MAX));
    if (rec->label_count < 2) return HONE_OK;
    uint64_t *ticks = hone_calloc(rec->label_count, sizeof *ticks, "timestamps");
    if (!ticks) return HONE_OUT_OF_MEMORY;
    hone_status status = read_times(rec, ticks);
    uint32_t bits = gpu->plan.timestamp_bits;
    uint64_t mask = bits >= 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    int intervals = (int)rec->label_count - 1;
    for (int i = 0; status == HONE_OK && i < intervals && i < room; i++)
        ms[i] = (double)((ticks[i + 1] - ticks[i]) & mask) * gpu->plan.caps.timestamp_ns / 1e6;
    if (status == HONE_OK) *count = intervals;
    hone_free(ticks);
    return status;
}

const char *hone_gpu_recording_label(const struct hone_gpu_recording *rec, int interval) {
    size_t index = (size_t)interval + 1;
    return interval >= 0 && index < rec->label_count ? rec->labels[index] : "";
}
