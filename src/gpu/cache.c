// cache.c: the driver's pipeline cache on disk. One file for each device, driver version and hone
// version; a header of ours is verified before the driver sees a byte. A file that is cut, corrupt
// or from elsewhere is ignored and replaced. Failing to read or write it costs compile time, never
// a run.
#include "gpu/internal.h"

#include "base/file.h"
#include "base/log.h"

#include <stdio.h>
#include <string.h>
#include <xxhash.h>

#include <hone/version.h>

enum { CACHE_LIMIT_BYTES = 512 << 20 };

// All of it is compared but payload and hash, so that a stale file can't pass.
struct cache_header {
    char magic[8];
    char hone_version[24];
    uint8_t device_uuid[16];
    uint32_t driver_version, vendor_id, device_id, format;
    uint64_t payload_bytes, payload_hash;
};
_Static_assert(sizeof(struct cache_header) == 80, "no padding: the header is hashed and compared");

static struct cache_header make_header(const struct hone_gpu *gpu) {
    struct cache_header header = {
        .driver_version = gpu->snapshot.driver_version,
        .vendor_id = gpu->snapshot.vendor_id,
        .device_id = gpu->snapshot.device_id,
        .format = 1,
    };
    memcpy(header.magic, "HONEPIPE", sizeof header.magic);
    snprintf(header.hone_version, sizeof header.hone_version, "%s", HONE_VERSION_STRING);
    memcpy(header.device_uuid, gpu->snapshot.uuid, sizeof header.device_uuid);
    return header;
}

// False when no cache is wanted or there is no place for one.
static bool cache_path(struct hone_gpu *gpu, const char *dir) {
    struct cache_header header = make_header(gpu);
    char name[48], *path = NULL;
    const size_t room = sizeof gpu->pipelines.path;
    snprintf(name, sizeof name, "pipelines-%016llx.bin",
             (unsigned long long)XXH64(&header, sizeof header, 0));
    bool found = hone_cache_path(dir, name, &path) == HONE_OK && path && strlen(path) < room;
    snprintf(gpu->pipelines.path, room, "%s", found ? path : "");
    hone_free(path);
    return found;
}

// The payload inside `data` when the file is whole and ours.
static const char *verify(const struct hone_gpu *gpu, const char *data, size_t bytes,
                          size_t *payload_bytes) {
    struct cache_header want = make_header(gpu), got;
    if (bytes <= sizeof got) return NULL;
    memcpy(&got, data, sizeof got);
    want.payload_bytes = bytes - sizeof got;
    want.payload_hash = XXH64(data + sizeof got, bytes - sizeof got, 0);
    if (memcmp(&want, &got, sizeof got) != 0) return NULL;
    *payload_bytes = bytes - sizeof got;
    return data + sizeof got;
}

hone_status hone_gpu_cache_open(struct hone_gpu *gpu, const char *dir) {
    char *data = NULL;
    const char *payload = NULL;
    size_t bytes = 0, payload_bytes = 0;
    if (cache_path(gpu, dir) && hone_file_exists(gpu->pipelines.path)) {
        if (hone_file_read(gpu->pipelines.path, CACHE_LIMIT_BYTES, &data, &bytes) == HONE_OK)
            payload = verify(gpu, data, bytes, &payload_bytes);
        if (!payload) {
            hone_log(HONE_LOG_INFO, "pipeline cache %s is not valid and will be replaced",
                     gpu->pipelines.path);
            gpu->pipelines.dirty = true;
        }
    }
    VkPipelineCacheCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_CACHE_CREATE_INFO,
        .initialDataSize = payload_bytes,
        .pInitialData = payload,
    };
    VkResult result =
        HONE_VK(gpu->vk.vkCreatePipelineCache(gpu->device, &info, NULL, &gpu->pipelines.cache));
    if (result == VK_SUCCESS) gpu->pipelines.stats.loaded_bytes = payload_bytes;
    if (payload) gpu->pipelines.kept_hash = XXH64(payload, payload_bytes, 0);
    hone_free(data);
    return hone_gpu_check(gpu, result, "vkCreatePipelineCache");
}

// Header and driver data in one block, to be freed by the caller.
static hone_status cache_block(struct hone_gpu *gpu, char **out, size_t *out_bytes) {
    struct cache_header header = make_header(gpu);
    size_t bytes = 0;
    VkPipelineCache cache = gpu->pipelines.cache;
    HONE_VK_TRY(gpu, "vkGetPipelineCacheData",
                gpu->vk.vkGetPipelineCacheData(gpu->device, cache, &bytes, NULL));
    char *block = hone_calloc(1, sizeof header + bytes, "the pipeline cache");
    if (!block) return HONE_OUT_OF_MEMORY;
    VkResult result =
        HONE_VK(gpu->vk.vkGetPipelineCacheData(gpu->device, cache, &bytes, block + sizeof header));
    hone_status status = hone_gpu_check(gpu, result, "vkGetPipelineCacheData");
    if (status != HONE_OK) {
        hone_free(block);
        return status;
    }
    header.payload_bytes = bytes;
    header.payload_hash = XXH64(block + sizeof header, bytes, 0);
    memcpy(block, &header, sizeof header);
    *out = block;
    *out_bytes = sizeof header + bytes;
    return HONE_OK;
}

static hone_status cache_write(struct hone_gpu *gpu) {
    char *block = NULL;
    size_t bytes = 0;
    char *folder = hone_path_folder(gpu->pipelines.path);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_dir_make(folder);
    hone_free(folder);
    HONE_TRY(status);
    HONE_TRY(cache_block(gpu, &block, &bytes));
    struct cache_header header;
    memcpy(&header, block, sizeof header);
    // A second start compiles from the cache and adds nothing to it.
    if (header.payload_hash != gpu->pipelines.kept_hash)
        status = hone_file_write(gpu->pipelines.path, block, bytes);
    if (status == HONE_OK) gpu->pipelines.kept_hash = header.payload_hash;
    hone_free(block);
    return status;
}

void hone_gpu_cache_save(struct hone_gpu *gpu) {
    struct hone_gpu_pipelines *all = &gpu->pipelines;
    if (!all->dirty || !all->path[0] || !all->cache || atomic_load(&gpu->lost)) return;
    all->dirty = false; // a folder that can't be written to is tried and reported once
    if (cache_write(gpu) != HONE_OK)
        hone_log(HONE_LOG_INFO, "the pipeline cache is not kept: %s", hone_error_message());
}
