// buffer.c: a Vulkan buffer on a span of a slab.
#include "gpu/internal.h"

#include "base/alloc.h"

#include <stdio.h>

static hone_status buffer_init(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer,
                               enum hone_gpu_memory memory) {
    bool addresses = gpu->plan.features & HONE_GPU_HAS_BUFFER_ADDRESS;
    VkBufferCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_BUFFER_CREATE_INFO,
        .size = buffer->bytes,
        .usage = VK_BUFFER_USAGE_STORAGE_BUFFER_BIT | VK_BUFFER_USAGE_TRANSFER_SRC_BIT |
                 VK_BUFFER_USAGE_TRANSFER_DST_BIT,
        .sharingMode = VK_SHARING_MODE_EXCLUSIVE,
    };
    if (addresses) info.usage |= VK_BUFFER_USAGE_SHADER_DEVICE_ADDRESS_BIT;
    HONE_VK_TRY(gpu, "vkCreateBuffer",
                gpu->vk.vkCreateBuffer(gpu->device, &info, NULL, &buffer->handle));
    VkMemoryRequirements need;
    gpu->vk.vkGetBufferMemoryRequirements(gpu->device, buffer->handle, &need);
    HONE_TRY(hone_gpu_heap_alloc(gpu, &need, memory, buffer->name, &buffer->allocation));
    const struct hone_gpu_allocation *at = &buffer->allocation;
    HONE_VK_TRY(
        gpu, "vkBindBufferMemory",
        gpu->vk.vkBindBufferMemory(gpu->device, buffer->handle, at->slab->memory, at->offset));
    if (at->slab->map && !(gpu->hide_memory && memory == HONE_GPU_DEVICE))
        buffer->map = (char *)at->slab->map + at->offset;
    if (addresses) {
        VkBufferDeviceAddressInfo address = {.sType = VK_STRUCTURE_TYPE_BUFFER_DEVICE_ADDRESS_INFO,
                                             .buffer = buffer->handle};
        buffer->address = gpu->vk.vkGetBufferDeviceAddress(gpu->device, &address);
    }
    hone_gpu_name(gpu, VK_OBJECT_TYPE_BUFFER, (uint64_t)buffer->handle, buffer->name);
    return HONE_OK;
}

hone_status hone_gpu_buffer_create(struct hone_gpu *gpu, uint64_t bytes,
                                   enum hone_gpu_memory memory, const char *name,
                                   struct hone_gpu_buffer **out) {
    *out = NULL;
    HONE_TRY(hone_gpu_alive(gpu));
    if (!name) name = "unnamed";
    if (!bytes) return hone_fail(HONE_INVALID, "buffer '%s' has no bytes", name);
    struct hone_gpu_buffer *buffer = hone_calloc(1, sizeof *buffer, "a buffer");
    if (!buffer) return HONE_OUT_OF_MEMORY;
    buffer->bytes = bytes;
    snprintf(buffer->name, sizeof buffer->name, "%s", name);
    gpu->live_buffers++;
    hone_status status = buffer_init(gpu, buffer, memory);
    if (status != HONE_OK) {
        hone_gpu_buffer_destroy(gpu, &buffer);
        return status;
    }
    *out = buffer;
    return HONE_OK;
}

void hone_gpu_buffer_destroy(struct hone_gpu *gpu, struct hone_gpu_buffer **buffer) {
    if (!buffer || !*buffer) return;
    if ((*buffer)->handle) gpu->vk.vkDestroyBuffer(gpu->device, (*buffer)->handle, NULL);
    hone_gpu_heap_free(gpu, &(*buffer)->allocation);
    hone_free(*buffer);
    *buffer = NULL;
    gpu->live_buffers--;
}

uint64_t hone_gpu_buffer_bytes(const struct hone_gpu_buffer *buffer) {
    return buffer->bytes;
}

void *hone_gpu_buffer_map(struct hone_gpu_buffer *buffer) {
    return buffer->map;
}

uint64_t hone_gpu_buffer_address(const struct hone_gpu_buffer *buffer) {
    return buffer->address;
}

void hone_gpu_hide_memory(struct hone_gpu *gpu) {
    gpu->hide_memory = true;
    gpu->plan.caps.unified_memory = false;
}
