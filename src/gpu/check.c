// check.c: Vulkan results as hone statuses, the sticky loss of a device, and the failure hook of
// tests.
#include "gpu/internal.h"

// Negative: off. The result that the refused calls give; `once`: one of them, unless it is the loss
// of the device.
static atomic_long hone_gpu_countdown = -1;
static atomic_int hone_gpu_refusal_result = VK_ERROR_OUT_OF_DEVICE_MEMORY;
static atomic_bool hone_gpu_refuse_once;

void hone_gpu_fail_after(long count) {
    atomic_store(&hone_gpu_refusal_result, VK_ERROR_OUT_OF_DEVICE_MEMORY);
    atomic_store(&hone_gpu_refuse_once, false);
    atomic_store(&hone_gpu_countdown, count);
}

void hone_gpu_fault_after(long count, enum hone_gpu_fault fault) {
    static const VkResult results[] = {
        [HONE_GPU_FAULT_MEMORY] = VK_ERROR_OUT_OF_DEVICE_MEMORY,
        [HONE_GPU_FAULT_HOST_MEMORY] = VK_ERROR_OUT_OF_HOST_MEMORY,
        [HONE_GPU_FAULT_LOST] = VK_ERROR_DEVICE_LOST,
        [HONE_GPU_FAULT_TIMEOUT] = VK_TIMEOUT,
        [HONE_GPU_FAULT_MAP] = VK_ERROR_MEMORY_MAP_FAILED,
        [HONE_GPU_FAULT_RESET] = VK_ERROR_DEVICE_LOST,
    };
    atomic_store(&hone_gpu_refusal_result, results[fault]);
    atomic_store(&hone_gpu_refuse_once, fault != HONE_GPU_FAULT_LOST);
    atomic_store(&hone_gpu_countdown, count);
}

bool hone_gpu_refused(void) {
    long left = atomic_load(&hone_gpu_countdown);
    if (left < 0) return false;
    if (left == 0) {
        if (atomic_load(&hone_gpu_refuse_once)) atomic_store(&hone_gpu_countdown, -1);
        return true;
    }
    atomic_fetch_sub(&hone_gpu_countdown, 1);
    return false;
}

VkResult hone_gpu_refusal(void) {
    return (VkResult)atomic_load(&hone_gpu_refusal_result);
}

static const char *result_name(VkResult result) {
    static const struct {
        VkResult result;
        const char *name;
    } names[] = {
        {VK_NOT_READY, "VK_NOT_READY"},
        {VK_TIMEOUT, "VK_TIMEOUT"},
        {VK_INCOMPLETE, "VK_INCOMPLETE"},
        {VK_ERROR_OUT_OF_HOST_MEMORY, "VK_ERROR_OUT_OF_HOST_MEMORY"},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, "VK_ERROR_OUT_OF_DEVICE_MEMORY"},
        {VK_ERROR_INITIALIZATION_FAILED, "VK_ERROR_INITIALIZATION_FAILED"},
        {VK_ERROR_DEVICE_LOST, "VK_ERROR_DEVICE_LOST"},
        {VK_ERROR_MEMORY_MAP_FAILED, "VK_ERROR_MEMORY_MAP_FAILED"},
        {VK_ERROR_LAYER_NOT_PRESENT, "VK_ERROR_LAYER_NOT_PRESENT"},
        {VK_ERROR_EXTENSION_NOT_PRESENT, "VK_ERROR_EXTENSION_NOT_PRESENT"},
        {VK_ERROR_FEATURE_NOT_PRESENT, "VK_ERROR_FEATURE_NOT_PRESENT"},
        {VK_ERROR_INCOMPATIBLE_DRIVER, "VK_ERROR_INCOMPATIBLE_DRIVER"},
        {VK_ERROR_TOO_MANY_OBJECTS, "VK_ERROR_TOO_MANY_OBJECTS"},
        {VK_ERROR_FRAGMENTED_POOL, "VK_ERROR_FRAGMENTED_POOL"},
        {VK_ERROR_OUT_OF_POOL_MEMORY, "VK_ERROR_OUT_OF_POOL_MEMORY"},
        {VK_ERROR_INVALID_SHADER_NV, "VK_ERROR_INVALID_SHADER_NV"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].result == result) return names[i].name;
    return "an unknown error";
}

static hone_status fail_lost(const char *device) {
    return hone_fail(HONE_DEVICE_LOST,
                     "the device %s was lost: its driver reset it; reopen it and "
                     "resume from the last checkpoint",
                     device);
}

hone_status hone_gpu_check(struct hone_gpu *gpu, VkResult result, const char *what) {
    switch (result) {
    case VK_SUCCESS: return HONE_OK;
    case VK_ERROR_DEVICE_LOST:
        if (gpu) atomic_store(&gpu->lost, true);
        return hone_fail_context(fail_lost(gpu ? gpu->plan.caps.name : "(unknown)"), "%s", what);
    case VK_ERROR_OUT_OF_HOST_MEMORY:
        return hone_fail(HONE_OUT_OF_MEMORY, "%s: the driver is out of host memory", what);
    case VK_ERROR_OUT_OF_DEVICE_MEMORY:
        return hone_fail(HONE_OUT_OF_MEMORY, "%s: out of device memory", what);
    default:
        return hone_fail(HONE_DEVICE, "%s failed: %s (%d)", what, result_name(result), (int)result);
    }
}

hone_status hone_gpu_alive(const struct hone_gpu *gpu) {
    return atomic_load(&gpu->lost) ? fail_lost(gpu->plan.caps.name) : HONE_OK;
}

void hone_gpu_lose(struct hone_gpu *gpu) {
    atomic_store(&gpu->lost, true);
}
