// list.c: the public list of devices (hone/device.h) from the caps and details of enumerate.c.
#include <hone/device.h>

#include "base/alloc.h"
#include "gpu/gpu.h"
#include "gpu/plan.h"

#include <stdio.h>
#include <string.h>

// The list and all its text are one block.
struct list_block {
    struct hone_device_list list;
    struct hone_arena arena;
};

static hone_status fill(struct hone_arena *arena, const struct hone_caps *caps,
                        const struct hone_gpu_details *details, struct hone_device_info *info) {
    char features[512], matrices[512];
    hone_gpu_feature_text(caps->features, features, sizeof features);
    hone_gpu_matrix_text(caps, matrices, sizeof matrices);
    info->name = hone_arena_strdup(arena, caps->name);
    info->driver = hone_arena_strdup(arena, caps->driver);
    info->api_version = hone_arena_strdup(arena, details->api_version);
    info->uuid = hone_arena_strdup(arena, details->uuid);
    info->features = hone_arena_strdup(arena, features);
    info->matrices = hone_arena_strdup(arena, matrices);
    info->reason = hone_arena_strdup(arena, details->reason);
    info->notes = hone_arena_strdup(arena, details->notes);
    if (!info->name || !info->driver || !info->api_version || !info->uuid || !info->features ||
        !info->matrices || !info->reason || !info->notes)
        return HONE_OUT_OF_MEMORY;
    info->kind = hone_gpu_kind_name(caps->kind);
    info->vendor_id = caps->vendor_id;
    info->device_id = caps->device_id;
    info->memory_bytes = caps->heap_bytes;
    info->allocation_bytes = caps->allocation_bytes;
    info->storage_range_bytes = caps->storage_range_bytes;
    info->shared_bytes = caps->shared_bytes;
    info->workgroup_invocations = caps->workgroup_invocations;
    info->subgroup_size = caps->subgroup_size;
    info->subgroup_min = caps->subgroup_min;
    info->subgroup_max = caps->subgroup_max;
    info->unified_memory = caps->unified_memory;
    info->timestamps = caps->timestamp_ns > 0.0f;
    info->usable = details->usable;
    info->is_default = details->best;
    return HONE_OK;
}

static hone_status build(const struct hone_caps *caps, const struct hone_gpu_details *details,
                         size_t count, struct list_block *block) {
    struct hone_device_info *infos = hone_arena_alloc(&block->arena, count, sizeof *infos);
    if (!infos) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        infos[i].index = i;
        HONE_TRY(fill(&block->arena, &caps[i], &details[i], &infos[i]));
    }
    block->list = (struct hone_device_list){infos, count};
    return HONE_OK;
}

hone_status hone_devices_list(struct hone_device_list **out) {
    struct hone_caps *caps;
    struct hone_gpu_details *details;
    size_t count;
    *out = NULL;
    HONE_TRY(hone_gpu_enumerate(&caps, &details, &count));
    struct list_block *block = hone_calloc(1, sizeof *block, "the device list");
    hone_status status = block ? build(caps, details, count, block) : HONE_OUT_OF_MEMORY;
    hone_free(caps);
    hone_free(details);
    if (status == HONE_OK) {
        *out = &block->list;
    } else if (block) {
        hone_arena_deinit(&block->arena);
        hone_free(block);
    }
    return status;
}

void hone_devices_destroy(struct hone_device_list **list) {
    if (!list || !*list) return;
    struct list_block *block = (struct list_block *)*list; // `list` is its first member
    hone_arena_deinit(&block->arena);
    hone_free(block);
    *list = NULL;
}
