// transfer.c: blocking copies between host and buffers. A mapped buffer is a memcpy after the queue
// has drained; others go through a ring of two staging slots, one filling while the other is
// copied.
#include "gpu/internal.h"

#include "base/alloc.h"

#include <string.h>

static hone_status staging_init(struct hone_gpu *gpu) {
    struct hone_gpu_staging *staging = &gpu->staging;
    if (!staging->pool) {
        VkCommandPoolCreateInfo info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
            .flags = VK_COMMAND_POOL_CREATE_RESET_COMMAND_BUFFER_BIT |
                     VK_COMMAND_POOL_CREATE_TRANSIENT_BIT,
            .queueFamilyIndex = gpu->plan.family,
        };
        HONE_VK_TRY(gpu, "vkCreateCommandPool",
                    gpu->vk.vkCreateCommandPool(gpu->device, &info, NULL, &staging->pool));
    }
    for (int i = 0; i < HONE_GPU_STAGING_SLOTS; i++) {
        struct hone_gpu_staging_slot *slot = &staging->slots[i];
        VkCommandBufferAllocateInfo info = {
            .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
            .commandPool = staging->pool,
            .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
            .commandBufferCount = 1,
        };
        if (!slot->commands)
            HONE_VK_TRY(gpu, "vkAllocateCommandBuffers",
                        gpu->vk.vkAllocateCommandBuffers(gpu->device, &info, &slot->commands));
        // READBACK memory is cached, which is right for reads and good enough for writes.
        if (!slot->buffer) {
            HONE_TRY(hone_gpu_buffer_create(gpu, HONE_GPU_STAGING_BYTES, HONE_GPU_READBACK,
                                            "staging", &slot->buffer));
            gpu->live_buffers--; // the gpu's own
        }
    }
    return HONE_OK;
}

void hone_gpu_staging_deinit(struct hone_gpu *gpu) {
    for (int i = 0; i < HONE_GPU_STAGING_SLOTS; i++) {
        if (!gpu->staging.slots[i].buffer) continue;
        gpu->live_buffers++;
        hone_gpu_buffer_destroy(gpu, &gpu->staging.slots[i].buffer);
    }
    if (gpu->staging.pool) gpu->vk.vkDestroyCommandPool(gpu->device, gpu->staging.pool, NULL);
    gpu->staging = (struct hone_gpu_staging){0};
}

// Copies between a slot and the buffer, in the direction of `upload`; does not wait.
static hone_status slot_copy(struct hone_gpu *gpu, struct hone_gpu_staging_slot *slot,
                             struct hone_gpu_buffer *buffer, uint64_t offset, uint64_t bytes,
                             bool upload) {
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_ONE_TIME_SUBMIT_BIT};
    HONE_TRY(hone_gpu_wait(gpu, slot->ticket, UINT64_MAX)); // a failed transfer may have left it
    HONE_VK_TRY(gpu, "vkBeginCommandBuffer", gpu->vk.vkBeginCommandBuffer(slot->commands, &begin));
    hone_gpu_full_barrier(gpu, slot->commands);
    VkBufferCopy region = {
        .srcOffset = upload ? 0 : offset, .dstOffset = upload ? offset : 0, .size = bytes};
    gpu->vk.vkCmdCopyBuffer(slot->commands, upload ? slot->buffer->handle : buffer->handle,
                            upload ? buffer->handle : slot->buffer->handle, 1, &region);
    hone_gpu_host_barrier(gpu, slot->commands);
    HONE_VK_TRY(gpu, "vkEndCommandBuffer", gpu->vk.vkEndCommandBuffer(slot->commands));
    return hone_gpu_submit_commands(gpu, slot->commands, &slot->ticket);
}

static uint64_t chunk_bytes(uint64_t at, uint64_t bytes) {
    return bytes - at < HONE_GPU_STAGING_BYTES ? bytes - at : HONE_GPU_STAGING_BYTES;
}

static hone_status write_staged(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer,
                                uint64_t offset, const char *data, uint64_t bytes) {
    HONE_TRY(staging_init(gpu));
    int turn = 0;
    for (uint64_t at = 0; at < bytes; at += HONE_GPU_STAGING_BYTES, turn ^= 1) {
        struct hone_gpu_staging_slot *slot = &gpu->staging.slots[turn];
        uint64_t chunk = chunk_bytes(at, bytes);
        HONE_TRY(hone_gpu_wait(gpu, slot->ticket, UINT64_MAX));
        memcpy(slot->buffer->map, data + at, chunk);
        HONE_TRY(slot_copy(gpu, slot, buffer, offset + at, chunk, true));
    }
    return hone_gpu_wait(gpu, gpu->submitted, UINT64_MAX);
}

static hone_status read_staged(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer,
                               uint64_t offset, char *data, uint64_t bytes) {
    HONE_TRY(staging_init(gpu));
    // The copy of a chunk is submitted before the one before it is read on the host.
    int turn = 0;
    HONE_TRY(slot_copy(gpu, &gpu->staging.slots[0], buffer, offset, chunk_bytes(0, bytes), false));
    for (uint64_t at = 0; at < bytes; at += HONE_GPU_STAGING_BYTES, turn ^= 1) {
        struct hone_gpu_staging_slot *slot = &gpu->staging.slots[turn];
        uint64_t next = at + HONE_GPU_STAGING_BYTES;
        if (next < bytes)
            HONE_TRY(slot_copy(gpu, &gpu->staging.slots[turn ^ 1], buffer, offset + next,
                               chunk_bytes(next, bytes), false));
        HONE_TRY(hone_gpu_wait(gpu, slot->ticket, UINT64_MAX));
        memcpy(data + at, slot->buffer->map, chunk_bytes(at, bytes));
    }
    return HONE_OK;
}

// A transfer that failed midway may have copies under way: the caller may free the buffer next.
static hone_status settle(struct hone_gpu *gpu, hone_status status) {
    if (status != HONE_OK && gpu->submitted) gpu->vk.vkDeviceWaitIdle(gpu->device);
    return status;
}

static hone_status check_range(const struct hone_gpu_buffer *buffer, uint64_t offset,
                               uint64_t bytes, const char *what) {
    if (offset <= buffer->bytes && bytes <= buffer->bytes - offset) return HONE_OK;
    return hone_fail(HONE_INVALID, "%s of %llu bytes at %llu exceeds buffer '%s' of %llu bytes",
                     what, (unsigned long long)bytes, (unsigned long long)offset, buffer->name,
                     (unsigned long long)buffer->bytes);
}

hone_status hone_gpu_write(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer, uint64_t offset,
                           const void *data, uint64_t bytes) {
    HONE_TRY(hone_gpu_alive(gpu));
    HONE_TRY(check_range(buffer, offset, bytes, "a write"));
    if (!bytes) return HONE_OK;
    if (!buffer->map) return settle(gpu, write_staged(gpu, buffer, offset, data, bytes));
    HONE_TRY(hone_gpu_wait(gpu, gpu->submitted, UINT64_MAX));
    memcpy((char *)buffer->map + offset, data, bytes);
    return HONE_OK;
}

hone_status hone_gpu_read(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer, uint64_t offset,
                          void *data, uint64_t bytes) {
    HONE_TRY(hone_gpu_alive(gpu));
    HONE_TRY(check_range(buffer, offset, bytes, "a read"));
    if (!bytes) return HONE_OK;
    if (!buffer->map) return settle(gpu, read_staged(gpu, buffer, offset, data, bytes));
    HONE_TRY(hone_gpu_wait(gpu, gpu->submitted, UINT64_MAX));
    memcpy(data, (const char *)buffer->map + offset, bytes);
    return HONE_OK;
}
