// record.c: recordings: command buffers that know which bytes each command touches. hazard.c
// decides where a barrier stands; here it is put. Descriptor sets live in pools of the recording
// and die with it.
#include "gpu/internal.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <string.h>

enum { MAX_RANGES = 64, POOL_SETS = 128, POOL_BUFFERS = POOL_SETS * 6 };

// Opens the next command buffer. It runs after everything submitted earlier.
static hone_status part_begin(struct hone_gpu_recording *rec) {
    struct hone_gpu *gpu = rec->gpu;
    if (!hone_grow(&rec->parts, &rec->part_capacity, rec->part_count + 1, sizeof *rec->parts,
                   "command buffers"))
        return HONE_OUT_OF_MEMORY;
    VkCommandBufferAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_ALLOCATE_INFO,
        .commandPool = rec->commands_pool,
        .level = VK_COMMAND_BUFFER_LEVEL_PRIMARY,
        .commandBufferCount = 1,
    };
    HONE_VK_TRY(gpu, "vkAllocateCommandBuffers",
                gpu->vk.vkAllocateCommandBuffers(gpu->device, &info, &rec->commands));
    VkCommandBufferBeginInfo begin = {.sType = VK_STRUCTURE_TYPE_COMMAND_BUFFER_BEGIN_INFO,
                                      .flags = VK_COMMAND_BUFFER_USAGE_SIMULTANEOUS_USE_BIT};
    HONE_VK_TRY(gpu, "vkBeginCommandBuffer", gpu->vk.vkBeginCommandBuffer(rec->commands, &begin));
    rec->parts[rec->part_count++] = rec->commands;
    hone_gpu_full_barrier(gpu, rec->commands);
    hone_gpu_hazards_clear(&rec->hazards);
    rec->part_used = rec->dispatched = false;
    return HONE_OK;
}

static hone_status recording_init(struct hone_gpu_recording *rec) {
    struct hone_gpu *gpu = rec->gpu;
    VkCommandPoolCreateInfo pool = {.sType = VK_STRUCTURE_TYPE_COMMAND_POOL_CREATE_INFO,
                                    .queueFamilyIndex = gpu->plan.family};
    HONE_VK_TRY(gpu, "vkCreateCommandPool",
                gpu->vk.vkCreateCommandPool(gpu->device, &pool, NULL, &rec->commands_pool));
    return part_begin(rec);
}

hone_status hone_gpu_recording_create(struct hone_gpu *gpu, struct hone_gpu_recording **out) {
    *out = NULL;
    HONE_TRY(hone_gpu_alive(gpu));
    struct hone_gpu_recording *rec = hone_calloc(1, sizeof *rec, "a recording");
    if (!rec) return HONE_OUT_OF_MEMORY;
    rec->gpu = gpu;
    gpu->live_recordings++;
    hone_status status = recording_init(rec);
    if (status != HONE_OK) {
        hone_gpu_recording_destroy(gpu, &rec);
        return status;
    }
    *out = rec;
    return HONE_OK;
}

void hone_gpu_recording_destroy(struct hone_gpu *gpu, struct hone_gpu_recording **recording) {
    if (!recording || !*recording) return;
    struct hone_gpu_recording *rec = *recording;
    // A lost device has nothing pending; any other failure to wait leaves nothing better to do.
    if (rec->ticket && hone_gpu_wait(gpu, rec->ticket, UINT64_MAX) != HONE_OK)
        gpu->vk.vkDeviceWaitIdle(gpu->device);
    // The layer reads what it noted of kernels in a thread of its own, after the semaphore that was
    // waited for, and no more when the command buffer is gone. It ends this wait only then.
    if (rec->ticket && gpu->instance.assisted) gpu->vk.vkQueueWaitIdle(gpu->queue);
    for (size_t i = 0; i < rec->pool_count; i++)
        gpu->vk.vkDestroyDescriptorPool(gpu->device, rec->pools[i], NULL);
    for (size_t i = 0; i < rec->query_pool_count; i++)
        gpu->vk.vkDestroyQueryPool(gpu->device, rec->queries[i], NULL);
    if (rec->commands_pool) gpu->vk.vkDestroyCommandPool(gpu->device, rec->commands_pool, NULL);
    hone_free(rec->parts);
    hone_free(rec->pools);
    hone_free(rec->queries);
    hone_free(rec->labels);
    hone_gpu_hazards_deinit(&rec->hazards);
    hone_free(rec);
    *recording = NULL;
    gpu->live_recordings--;
}

hone_status hone_gpu_may_record(struct hone_gpu_recording *rec) {
    HONE_TRY(hone_gpu_alive(rec->gpu));
    HONE_TRY(hone_error_restore(&rec->failure));
    if (rec->ended) return hone_fail(HONE_INTERNAL, "a command after the end of its recording");
    return HONE_OK;
}

hone_status hone_gpu_keep(struct hone_gpu_recording *rec, hone_status status) {
    if (status != HONE_OK && rec->failure.status == HONE_OK) hone_error_save(status, &rec->failure);
    return status;
}

static void put_barrier(struct hone_gpu_recording *rec, const struct hone_gpu_barrier *need) {
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = (need->src_writes[0] ? VK_ACCESS_SHADER_WRITE_BIT : 0u) |
                         (need->src_writes[1] ? VK_ACCESS_TRANSFER_WRITE_BIT : 0u),
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    VkPipelineStageFlags src =
        (need->src_stages & HONE_GPU_STAGE_COMPUTE ? VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT : 0u) |
        (need->src_stages & HONE_GPU_STAGE_TRANSFER ? VK_PIPELINE_STAGE_TRANSFER_BIT : 0u);
    rec->gpu->vk.vkCmdPipelineBarrier(
        rec->commands, src, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
        0, 1, &barrier, 0, NULL, 0, NULL);
    rec->stats.barriers++;
}

static hone_status order(struct hone_gpu_recording *rec, const struct hone_gpu_access *accesses,
                         size_t count) {
    struct hone_gpu_barrier need;
    if (!hone_gpu_hazards_command(&rec->hazards, accesses, count, &need)) return HONE_OUT_OF_MEMORY;
    if (need.needed) put_barrier(rec, &need);
    return HONE_OK;
}

// The access of a range, its zero length resolved, or a failure that names the buffer.
static hone_status access_of(const struct hone_gpu_range *range, enum hone_gpu_stage stage,
                             struct hone_gpu_access *out) {
    const struct hone_gpu_buffer *buffer = range->buffer;
    if (!buffer) return hone_fail(HONE_INTERNAL, "a range without a buffer");
    uint64_t left = range->offset < buffer->bytes ? buffer->bytes - range->offset : 0;
    uint64_t bytes = range->bytes ? range->bytes : left;
    if (!bytes || bytes > left)
        return hone_fail(HONE_INVALID, "bytes %llu to %llu exceed buffer '%s' of %llu bytes",
                         (unsigned long long)range->offset,
                         (unsigned long long)(range->offset + bytes), buffer->name,
                         (unsigned long long)buffer->bytes);
    *out =
        (struct hone_gpu_access){buffer, range->offset, range->offset + bytes, range->write, stage};
    return HONE_OK;
}

static hone_status add_descriptor_pool(struct hone_gpu_recording *rec) {
    struct hone_gpu *gpu = rec->gpu;
    if (!hone_grow(&rec->pools, &rec->pool_capacity, rec->pool_count + 1, sizeof *rec->pools,
                   "descriptor pools"))
        return HONE_OUT_OF_MEMORY;
    VkDescriptorPoolSize size = {VK_DESCRIPTOR_TYPE_STORAGE_BUFFER, POOL_BUFFERS};
    VkDescriptorPoolCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_POOL_CREATE_INFO,
        .maxSets = POOL_SETS,
        .poolSizeCount = 1,
        .pPoolSizes = &size,
    };
    HONE_VK_TRY(
        gpu, "vkCreateDescriptorPool",
        gpu->vk.vkCreateDescriptorPool(gpu->device, &info, NULL, &rec->pools[rec->pool_count]));
    rec->pool_count++;
    return HONE_OK;
}

static hone_status make_set(struct hone_gpu_recording *rec, VkDescriptorSetLayout layout,
                            VkDescriptorSet *out) {
    struct hone_gpu *gpu = rec->gpu;
    VkDescriptorSetAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_ALLOCATE_INFO,
        .descriptorSetCount = 1,
        .pSetLayouts = &layout,
    };
    if (!rec->pool_count) HONE_TRY(add_descriptor_pool(rec));
    info.descriptorPool = rec->pools[rec->pool_count - 1];
    VkResult result = HONE_VK(gpu->vk.vkAllocateDescriptorSets(gpu->device, &info, out));
    if (result == VK_ERROR_OUT_OF_POOL_MEMORY || result == VK_ERROR_FRAGMENTED_POOL) {
        HONE_TRY(add_descriptor_pool(rec));
        info.descriptorPool = rec->pools[rec->pool_count - 1];
        result = HONE_VK(gpu->vk.vkAllocateDescriptorSets(gpu->device, &info, out));
    }
    return hone_gpu_check(gpu, result, "vkAllocateDescriptorSets");
}

static hone_status bind(struct hone_gpu_recording *rec, const struct hone_gpu_pipeline *pipeline,
                        const struct hone_gpu_access *accesses) {
    struct hone_gpu *gpu = rec->gpu;
    const struct hone_caps *caps = &gpu->plan.caps;
    uint32_t count = pipeline->kernel->bindings;
    if (!count) return HONE_OK;
    VkDescriptorBufferInfo buffers[MAX_RANGES];
    VkWriteDescriptorSet writes[MAX_RANGES];
    VkDescriptorSet set;
    for (uint32_t i = 0; i < count; i++) {
        // NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): counted before
        const struct hone_gpu_buffer *buffer = accesses[i].buffer;
        uint64_t bytes = accesses[i].end - accesses[i].begin;
        if (accesses[i].begin % caps->storage_offset_align)
            return hone_fail(
                HONE_INVALID, "binding %u: offset %llu in '%s' is not a multiple of %u", i,
                (unsigned long long)accesses[i].begin, buffer->name, caps->storage_offset_align);
        if (bytes > caps->storage_range_bytes)
            return hone_fail(HONE_UNSUPPORTED,
                             "binding %u: %llu bytes of '%s' are above the device's limit of %llu",
                             i, (unsigned long long)bytes, buffer->name,
                             (unsigned long long)caps->storage_range_bytes);
        buffers[i] = (VkDescriptorBufferInfo){buffer->handle, accesses[i].begin, bytes};
    }
    HONE_TRY(make_set(rec, pipeline->set_layout, &set));
    for (uint32_t i = 0; i < count; i++)
        writes[i] = (VkWriteDescriptorSet){
            .sType = VK_STRUCTURE_TYPE_WRITE_DESCRIPTOR_SET,
            .dstSet = set,
            .dstBinding = i,
            .descriptorCount = 1,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .pBufferInfo = &buffers[i],
        };
    gpu->vk.vkUpdateDescriptorSets(gpu->device, count, writes, 0, NULL);
    gpu->vk.vkCmdBindDescriptorSets(rec->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->layout,
                                    0, 1, &set, 0, NULL);
    return HONE_OK;
}

static hone_status check_grid(const struct hone_gpu_recording *rec, const uint32_t base[3],
                              const uint32_t grid[3]) {
    const uint32_t *most = rec->gpu->plan.caps.workgroup_count;
    for (int i = 0; i < 3; i++)
        if (grid[i] > most[i] || base[i] > most[i] - grid[i])
            return hone_fail(
                HONE_INVALID, "a grid of %u x %u x %u exceeds the device's %u x %u x %u",
                base[0] + grid[0], base[1] + grid[1], base[2] + grid[2], most[0], most[1], most[2]);
    return HONE_OK;
}

static hone_status check_dispatch(const struct hone_gpu_recording *rec,
                                  const struct hone_kernel *kernel, int count, int push_bytes,
                                  const uint32_t base[3], const uint32_t grid[3]) {
    if (count < kernel->bindings || count > MAX_RANGES)
        return hone_fail(HONE_INTERNAL, "%d ranges given, %d bindings", count, kernel->bindings);
    if (push_bytes != kernel->push_bytes)
        return hone_fail(HONE_INTERNAL, "%d bytes pushed, the block has %d", push_bytes,
                         kernel->push_bytes);
    return check_grid(rec, base, grid);
}

static void dispatch(struct hone_gpu_recording *rec, const uint32_t base[3],
                     const uint32_t grid[3]) {
    const struct VolkDeviceTable *vk = &rec->gpu->vk;
    if (base[0] | base[1] | base[2])
        vk->vkCmdDispatchBase(rec->commands, base[0], base[1], base[2], grid[0], grid[1], grid[2]);
    else
        vk->vkCmdDispatch(rec->commands, grid[0], grid[1], grid[2]);
    rec->stats.dispatches++;
    rec->part_used = rec->dispatched = true;
}

static hone_status record_dispatch(struct hone_gpu_recording *rec,
                                   const struct hone_gpu_pipeline *pipeline,
                                   const struct hone_gpu_range *ranges, int count, const void *push,
                                   int push_bytes, const uint32_t base[3], const uint32_t grid[3]) {
    struct hone_gpu *gpu = rec->gpu;
    struct hone_gpu_access accesses[MAX_RANGES];
    HONE_TRY(hone_gpu_may_record(rec));
    rec->dispatched = false;
    HONE_TRY(check_dispatch(rec, pipeline->kernel, count, push_bytes, base, grid));
    if (!grid[0] || !grid[1] || !grid[2]) return HONE_OK;
    for (int i = 0; i < count; i++)
        HONE_TRY(access_of(&ranges[i], HONE_GPU_STAGE_COMPUTE, &accesses[i]));
    HONE_TRY(order(rec, accesses, (size_t)count));
    gpu->vk.vkCmdBindPipeline(rec->commands, VK_PIPELINE_BIND_POINT_COMPUTE, pipeline->handle);
    HONE_TRY(bind(rec, pipeline, accesses));
    if (push_bytes)
        gpu->vk.vkCmdPushConstants(rec->commands, pipeline->layout, VK_SHADER_STAGE_COMPUTE_BIT, 0,
                                   (uint32_t)push_bytes, push);
    dispatch(rec, base, grid);
    return HONE_OK;
}

hone_status hone_gpu_record_part(struct hone_gpu_recording *rec, struct hone_gpu_pipeline *pipeline,
                                 const struct hone_gpu_range *ranges, int count, const void *push,
                                 int push_bytes, const uint32_t base[3], const uint32_t grid[3]) {
    hone_status status =
        record_dispatch(rec, pipeline, ranges, count, push, push_bytes, base, grid);
    if (status != HONE_OK && rec->failure.status == HONE_OK)
        status = hone_fail_context(status, "kernel %s", pipeline->kernel->name);
    return hone_gpu_keep(rec, status);
}

hone_status hone_gpu_record_dispatch(struct hone_gpu_recording *rec,
                                     struct hone_gpu_pipeline *pipeline,
                                     const struct hone_gpu_range *ranges, int count,
                                     const void *push, int push_bytes, const uint32_t grid[3]) {
    static const uint32_t origin[3];
    return hone_gpu_record_part(rec, pipeline, ranges, count, push, push_bytes, origin, grid);
}

static hone_status record_more(struct hone_gpu_recording *rec, const uint32_t base[3],
                               const uint32_t grid[3]) {
    HONE_TRY(hone_gpu_may_record(rec));
    if (!rec->dispatched)
        return hone_fail(HONE_INTERNAL, "more of a dispatch, but none was recorded just before");
    HONE_TRY(check_grid(rec, base, grid));
    if (grid[0] && grid[1] && grid[2]) dispatch(rec, base, grid);
    return HONE_OK;
}

hone_status hone_gpu_record_more(struct hone_gpu_recording *rec, const uint32_t base[3],
                                 const uint32_t grid[3]) {
    return hone_gpu_keep(rec, record_more(rec, base, grid));
}

static hone_status record_cut(struct hone_gpu_recording *rec) {
    HONE_TRY(hone_gpu_may_record(rec));
    if (!rec->part_used) return HONE_OK;
    HONE_VK_TRY(rec->gpu, "vkEndCommandBuffer", rec->gpu->vk.vkEndCommandBuffer(rec->commands));
    return part_begin(rec);
}

hone_status hone_gpu_record_cut(struct hone_gpu_recording *rec) {
    return hone_gpu_keep(rec, record_cut(rec));
}

static hone_status record_copy(struct hone_gpu_recording *rec, const struct hone_gpu_range *from,
                               const struct hone_gpu_range *to) {
    struct hone_gpu_access accesses[2];
    HONE_TRY(hone_gpu_may_record(rec));
    if (!from->bytes) return HONE_OK;
    HONE_TRY(access_of(from, HONE_GPU_STAGE_TRANSFER, &accesses[0]));
    HONE_TRY(access_of(to, HONE_GPU_STAGE_TRANSFER, &accesses[1]));
    if (from->buffer == to->buffer && accesses[0].begin < accesses[1].end &&
        accesses[1].begin < accesses[0].end)
        return hone_fail(HONE_INTERNAL, "a copy inside '%s' overlaps itself", from->buffer->name);
    HONE_TRY(order(rec, accesses, 2));
    VkBufferCopy region = {from->offset, to->offset, from->bytes};
    rec->gpu->vk.vkCmdCopyBuffer(rec->commands, from->buffer->handle, to->buffer->handle, 1,
                                 &region);
    rec->stats.copies++;
    rec->part_used = true;
    rec->dispatched = false;
    return HONE_OK;
}

hone_status hone_gpu_record_copy(struct hone_gpu_recording *rec, struct hone_gpu_buffer *src,
                                 uint64_t src_offset, struct hone_gpu_buffer *dst,
                                 uint64_t dst_offset, uint64_t bytes) {
    const struct hone_gpu_range from = {src, src_offset, bytes, false};
    const struct hone_gpu_range to = {dst, dst_offset, bytes, true};
    return hone_gpu_keep(rec, record_copy(rec, &from, &to));
}

static hone_status record_fill(struct hone_gpu_recording *rec, const struct hone_gpu_range *range,
                               uint32_t word) {
    struct hone_gpu_access access;
    HONE_TRY(hone_gpu_may_record(rec));
    if (!range->bytes) return HONE_OK;
    HONE_TRY(access_of(range, HONE_GPU_STAGE_TRANSFER, &access));
    if (range->offset % 4 || range->bytes % 4)
        return hone_fail(HONE_INTERNAL, "a fill of '%s' is not made of whole words",
                         range->buffer->name);
    HONE_TRY(order(rec, &access, 1));
    rec->gpu->vk.vkCmdFillBuffer(rec->commands, range->buffer->handle, range->offset, range->bytes,
                                 word);
    rec->stats.fills++;
    rec->part_used = true;
    rec->dispatched = false;
    return HONE_OK;
}

hone_status hone_gpu_record_fill(struct hone_gpu_recording *rec, struct hone_gpu_buffer *buffer,
                                 uint64_t offset, uint64_t bytes, uint32_t word) {
    const struct hone_gpu_range range = {buffer, offset, bytes, true};
    return hone_gpu_keep(rec, record_fill(rec, &range, word));
}

hone_status hone_gpu_record_barrier(struct hone_gpu_recording *rec) {
    HONE_TRY(hone_gpu_may_record(rec));
    hone_gpu_full_barrier(rec->gpu, rec->commands);
    hone_gpu_hazards_clear(&rec->hazards);
    rec->stats.barriers++;
    rec->dispatched = false;
    return HONE_OK;
}

hone_status hone_gpu_recording_end(struct hone_gpu_recording *rec) {
    struct hone_gpu *gpu = rec->gpu;
    HONE_TRY(hone_gpu_may_record(rec));
    hone_gpu_host_barrier(gpu, rec->commands);
    hone_status status = hone_gpu_check(gpu, HONE_VK(gpu->vk.vkEndCommandBuffer(rec->commands)),
                                        "vkEndCommandBuffer");
    if (status == HONE_OK) rec->ended = true;
    hone_gpu_hazards_deinit(&rec->hazards);
    return hone_gpu_keep(rec, status);
}

static hone_status check_submit(struct hone_gpu *gpu, const struct hone_gpu_recording *rec) {
    HONE_TRY(hone_gpu_alive(gpu));
    if (!rec->ended) return hone_fail(HONE_INTERNAL, "submit of a recording that has not ended");
    return HONE_OK;
}

hone_status hone_gpu_submit(struct hone_gpu *gpu, struct hone_gpu_recording *rec,
                            uint64_t *ticket) {
    *ticket = 0;
    HONE_TRY(check_submit(gpu, rec));
    for (size_t i = 0; i < rec->part_count; i++) {
        HONE_TRY(hone_gpu_submit_commands(gpu, rec->parts[i], ticket));
        rec->ticket = *ticket;
    }
    return HONE_OK;
}

hone_status hone_gpu_submit_timed(struct hone_gpu *gpu, struct hone_gpu_recording *rec, double *ms,
                                  uint64_t *ticket) {
    *ticket = 0;
    HONE_TRY(check_submit(gpu, rec));
    for (size_t i = 0; i < rec->part_count; i++) {
        double start = hone_seconds();
        HONE_TRY(hone_gpu_submit_commands(gpu, rec->parts[i], ticket));
        rec->ticket = *ticket;
        HONE_TRY(hone_gpu_wait(gpu, *ticket, UINT64_MAX));
        ms[i] = (hone_seconds() - start) * 1e3;
    }
    return HONE_OK;
}

struct hone_gpu_recording_stats hone_gpu_recording_stats(const struct hone_gpu_recording *rec) {
    struct hone_gpu_recording_stats stats = rec->stats;
    stats.submits = (uint32_t)rec->part_count;
    return stats;
}
