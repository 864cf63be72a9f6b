// device.c: opening a GPU or the reference.
#include "exec/internal.h"
#include "exec/tuning_file.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"

// The ref device has no limits of its own; the numbers below only fill messages and plans.
static const struct hone_caps ref_caps = {
    .name = "ref",
    .driver = "reference in double precision",
    .kind = HONE_DEVICE_CPU,
    .subgroup_size = 1,
    .subgroup_min = 1,
    .subgroup_max = 1,
    .storage_range_bytes = 1ull << 40,
    .storage_offset_align = 1,
    .allocation_bytes = 1ull << 40,
    .heap_bytes = 1ull << 40,
    .unified_memory = true,
};

static hone_status open_tuning(const struct hone_device_params *params,
                               struct hone_device *device) {
    char *path = NULL;
    hone_tuning_device(&device->caps, device->key);
    if (!device->gpu || (params->tuning && !*params->tuning)) return HONE_OK;
    if (params->tuning && !hone_file_exists(params->tuning))
        return hone_fail(HONE_NOT_FOUND, "there is no tuning file %s", params->tuning);
    if (!params->tuning) {
        HONE_TRY(hone_tuning_path(params->cache_dir, &path));
        if (!path) return HONE_OK;
    }
    hone_status status = hone_tuning_load(params->tuning ? params->tuning : path, &device->tuning);
    hone_free(path);
    return status;
}

hone_status hone_device_open(const struct hone_device_params *params, struct hone_device **out) {
    static const struct hone_device_params defaults = {0};
    if (!params) params = &defaults;
    *out = NULL;
    struct hone_device *device = hone_calloc(1, sizeof *device, "a device");
    if (!device) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (params->name && strcmp(params->name, "ref") == 0) {
        device->caps = ref_caps;
    } else {
        status = hone_gpu_open(
            &(struct hone_gpu_open_params){.device = params->name,
                                           .validate = params->validate,
                                           .cache_dir = params->cache_dir,
                                           .memory_bytes = params->memory_bytes,
                                           .capture = params->capture ? HONE_GPU_CAPTURE_NUMBERS
                                                                      : HONE_GPU_CAPTURE_NONE},
            &device->gpu);
        if (status == HONE_OK) device->caps = *hone_gpu_caps(device->gpu);
    }
    if (status == HONE_OK && params->cache_dir) {
        device->cache_dir = hone_strdup(params->cache_dir);
        if (!device->cache_dir) status = HONE_OUT_OF_MEMORY;
    }
    if (status == HONE_OK) status = open_tuning(params, device);
    if (status != HONE_OK) {
        hone_device_close(&device);
        return status;
    }
    *out = device;
    return HONE_OK;
}

void hone_device_close(struct hone_device **device) {
    if (!*device) return;
    hone_gpu_close(&(*device)->gpu);
    hone_tuning_destroy(&(*device)->tuning);
    for (size_t i = 0; i < (*device)->trusted_count; i++) hone_free((*device)->trusted[i].name);
    hone_free((*device)->trusted);
    hone_free((*device)->cache_dir);
    hone_free(*device);
    *device = NULL;
}

const struct hone_caps *hone_device_caps(const struct hone_device *device) {
    return &device->caps;
}

struct hone_gpu *hone_device_gpu(struct hone_device *device) {
    return device->gpu;
}

struct hone_device_memory hone_device_memory(const struct hone_device *device) {
    if (!device->gpu) return (struct hone_device_memory){0};
    struct hone_gpu_memory_use use = hone_gpu_memory_use(device->gpu);
    return (struct hone_device_memory){use.peak_bytes, use.held_bytes};
}

void hone_device_memory_mark(struct hone_device *device) {
    if (device->gpu) hone_gpu_memory_mark(device->gpu);
}

size_t hone_device_compiled(const struct hone_device *device) {
    return device->gpu ? hone_gpu_cache_stats(device->gpu).compiled : 0;
}

struct hone_tuning *hone_device_tuning(struct hone_device *device) {
    return device->tuning;
}

const char *hone_device_key(const struct hone_device *device) {
    return device->key;
}
