// submit.c: the queue and its timeline. A ticket is a timeline value: waiting for one waits for all
// before it.
#include "gpu/internal.h"

void hone_gpu_full_barrier(struct hone_gpu *gpu, VkCommandBuffer commands) {
    // Host writes need no part in it: a queue submit makes those before it visible.
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_SHADER_READ_BIT | VK_ACCESS_SHADER_WRITE_BIT |
                         VK_ACCESS_TRANSFER_READ_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
    };
    const VkPipelineStageFlags stages =
        VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT;
    gpu->vk.vkCmdPipelineBarrier(commands, stages, stages, 0, 1, &barrier, 0, NULL, 0, NULL);
}

void hone_gpu_host_barrier(struct hone_gpu *gpu, VkCommandBuffer commands) {
    VkMemoryBarrier barrier = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_BARRIER,
        .srcAccessMask = VK_ACCESS_SHADER_WRITE_BIT | VK_ACCESS_TRANSFER_WRITE_BIT,
        .dstAccessMask = VK_ACCESS_HOST_READ_BIT | VK_ACCESS_HOST_WRITE_BIT,
    };
    gpu->vk.vkCmdPipelineBarrier(
        commands, VK_PIPELINE_STAGE_COMPUTE_SHADER_BIT | VK_PIPELINE_STAGE_TRANSFER_BIT,
        VK_PIPELINE_STAGE_HOST_BIT, 0, 1, &barrier, 0, NULL, 0, NULL);
}

hone_status hone_gpu_submit_commands(struct hone_gpu *gpu, VkCommandBuffer commands,
                                     uint64_t *ticket) {
    HONE_TRY(hone_gpu_alive(gpu));
    if (!gpu->timeline)
        return hone_fail(HONE_UNSUPPORTED, "%s has no memory: it can only compile kernels",
                         gpu->plan.caps.name);
    uint64_t value = gpu->submitted + 1;
    VkTimelineSemaphoreSubmitInfo timeline = {
        .sType = VK_STRUCTURE_TYPE_TIMELINE_SEMAPHORE_SUBMIT_INFO,
        .signalSemaphoreValueCount = 1,
        .pSignalSemaphoreValues = &value,
    };
    VkSubmitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SUBMIT_INFO,
        .pNext = &timeline,
        .commandBufferCount = 1,
        .pCommandBuffers = &commands,
        .signalSemaphoreCount = 1,
        .pSignalSemaphores = &gpu->timeline,
    };
    HONE_VK_TRY(gpu, "vkQueueSubmit", gpu->vk.vkQueueSubmit(gpu->queue, 1, &info, VK_NULL_HANDLE));
    gpu->submitted = value;
    *ticket = value;
    return HONE_OK;
}

hone_status hone_gpu_wait(struct hone_gpu *gpu, uint64_t ticket, uint64_t timeout_ns) {
    HONE_TRY(hone_gpu_alive(gpu));
    if (!ticket || !gpu->timeline) return HONE_OK; // nothing was submitted
    VkSemaphoreWaitInfo info = {
        .sType = VK_STRUCTURE_TYPE_SEMAPHORE_WAIT_INFO,
        .semaphoreCount = 1,
        .pSemaphores = &gpu->timeline,
        .pValues = &ticket,
    };
    VkResult result = HONE_VK(gpu->vk.vkWaitSemaphores(gpu->device, &info, timeout_ns));
    if (result == VK_TIMEOUT && timeout_ns != UINT64_MAX)
        return hone_fail(HONE_CANCELLED, "the device was still at work after %.3f ms",
                         (double)timeout_ns / 1e6);
    return hone_gpu_check(gpu, result, "vkWaitSemaphores");
}

bool hone_gpu_done(struct hone_gpu *gpu, uint64_t ticket) {
    uint64_t value = 0;
    if (atomic_load(&gpu->lost) || !gpu->timeline) return false;
    VkResult result =
        HONE_VK(gpu->vk.vkGetSemaphoreCounterValue(gpu->device, gpu->timeline, &value));
    if (result == VK_ERROR_DEVICE_LOST) atomic_store(&gpu->lost, true);
    return result == VK_SUCCESS && value >= ticket;
}
