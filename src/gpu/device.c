// device.c: from a request to a running device, and its end. plan.c has decided everything
// beforehand.
#include "gpu/internal.h"

#include "base/alloc.h"
#include "base/log.h"

// Feature structures in the order in which they are chained.
struct enabled_features {
    VkPhysicalDeviceFeatures2 all;
    VkPhysicalDeviceVulkan11Features v11;
    VkPhysicalDeviceVulkan12Features v12;
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR coop;
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable;
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV coop2;
    VkPhysicalDeviceMaintenance4Features maintenance4;
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16;
};

// robustBufferAccess stays off: kernels mask their edges, and on CPU drivers each check costs.
static void enable_features(uint32_t on, uint32_t extensions, struct enabled_features *f) {
    *f = (struct enabled_features){
        .all.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
        .v11.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES,
        .v12.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES,
        .control.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT,
        .coop.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR,
        .executable.sType =
            VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR,
        .coop2.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV,
        .maintenance4.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES,
        .bf16.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR,
    };
    f->all.pNext = &f->v11;
    f->v11.pNext = &f->v12;
    if (extensions & HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL) f->v12.pNext = &f->control;
    if (extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX) {
        f->coop.pNext = f->v12.pNext;
        f->v12.pNext = &f->coop;
    }
    if (extensions & HONE_GPU_EXT_EXECUTABLE_PROPERTIES) {
        f->executable.pNext = f->v12.pNext;
        f->v12.pNext = &f->executable;
    }
    if (extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX2) {
        f->coop2.pNext = f->v12.pNext;
        f->v12.pNext = &f->coop2;
    }
    if (on & HONE_GPU_HAS_MAINTENANCE4) {
        f->maintenance4.pNext = f->v12.pNext;
        f->v12.pNext = &f->maintenance4;
    }
    if (extensions & HONE_GPU_EXT_BFLOAT16) {
        f->bf16.pNext = f->v12.pNext;
        f->v12.pNext = &f->bf16;
    }
    const struct {
        VkBool32 *flag;
        uint32_t bit;
    } table[] = {
        {&f->v12.timelineSemaphore, HONE_GPU_HAS_TIMELINE},
        {&f->v12.shaderFloat16, HONE_GPU_HAS_FLOAT16},
        {&f->v12.shaderInt8, HONE_GPU_HAS_INT8},
        {&f->all.features.shaderInt16, HONE_GPU_HAS_INT16},
        {&f->all.features.shaderInt64, HONE_GPU_HAS_INT64},
        {&f->v11.storageBuffer16BitAccess, HONE_GPU_HAS_STORAGE_16BIT},
        {&f->v12.storageBuffer8BitAccess, HONE_GPU_HAS_STORAGE_8BIT},
        {&f->v12.bufferDeviceAddress, HONE_GPU_HAS_BUFFER_ADDRESS},
        {&f->v12.scalarBlockLayout, HONE_GPU_HAS_SCALAR_LAYOUT},
        {&f->v12.vulkanMemoryModel, HONE_GPU_HAS_MEMORY_MODEL},
        {&f->v12.vulkanMemoryModelDeviceScope, HONE_GPU_HAS_MEMORY_MODEL_DEVICE},
        {&f->v12.shaderSubgroupExtendedTypes, HONE_GPU_HAS_SUBGROUP_EXTENDED_TYPES},
        {&f->control.subgroupSizeControl, HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL},
        {&f->control.computeFullSubgroups, HONE_GPU_HAS_FULL_SUBGROUPS},
        {&f->coop.cooperativeMatrix, HONE_GPU_HAS_COOPERATIVE_MATRIX},
        {&f->executable.pipelineExecutableInfo, HONE_GPU_HAS_EXECUTABLE_INFO},
        {&f->coop2.cooperativeMatrixWorkgroupScope, HONE_GPU_HAS_MATRIX_WORKGROUP},
        {&f->coop2.cooperativeMatrixFlexibleDimensions, HONE_GPU_HAS_MATRIX_FLEXIBLE},
        {&f->coop2.cooperativeMatrixPerElementOperations, HONE_GPU_HAS_MATRIX_PER_ELEMENT},
        {&f->coop2.cooperativeMatrixTensorAddressing, HONE_GPU_HAS_MATRIX_TENSOR},
        {&f->maintenance4.maintenance4, HONE_GPU_HAS_MAINTENANCE4},
        {&f->bf16.shaderBFloat16Type, HONE_GPU_HAS_BFLOAT16},
        {&f->bf16.shaderBFloat16CooperativeMatrix, HONE_GPU_HAS_MATRIX_BFLOAT16},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (on & table[i].bit) *table[i].flag = VK_TRUE;
}

static hone_status create_device(struct hone_gpu *gpu) {
    struct enabled_features features;
    enable_features(gpu->plan.features, gpu->plan.extensions, &features);
    const char *extensions[HONE_GPU_EXTENSIONS];
    uint32_t extension_count = 0;
    for (uint32_t i = 0; i < HONE_GPU_EXTENSIONS; i++)
        if (gpu->plan.extensions & 1u << i)
            extensions[extension_count++] = hone_gpu_extension_names[i];
    const float priority = 1.0f;
    VkDeviceQueueCreateInfo queue = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_QUEUE_CREATE_INFO,
        .queueFamilyIndex = gpu->plan.family,
        .queueCount = 1,
        .pQueuePriorities = &priority,
    };
    VkDeviceCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_DEVICE_CREATE_INFO,
        .pNext = &features.all,
        .queueCreateInfoCount = 1,
        .pQueueCreateInfos = &queue,
        .enabledExtensionCount = extension_count,
        .ppEnabledExtensionNames = extensions,
    };
    HONE_VK_TRY(gpu, "vkCreateDevice", vkCreateDevice(gpu->physical, &info, NULL, &gpu->device));
    volkLoadDeviceTable(&gpu->vk, gpu->device);
    gpu->vk.vkGetDeviceQueue(gpu->device, gpu->plan.family, 0, &gpu->queue);
    gpu->memory_properties = vkGetPhysicalDeviceMemoryProperties2;
    if (gpu->instance.validating) gpu->set_name = vkSetDebugUtilsObjectNameEXT;
    if (!gpu->plan.caps.heap_bytes) return HONE_OK; // nothing will run
    VkSemaphoreTypeCreateInfo type = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_TYPE_CREATE_INFO,
                                      .semaphoreType = VK_SEMAPHORE_TYPE_TIMELINE};
    VkSemaphoreCreateInfo semaphore = {.sType = VK_STRUCTURE_TYPE_SEMAPHORE_CREATE_INFO,
                                       .pNext = &type};
    HONE_VK_TRY(gpu, "vkCreateSemaphore",
                gpu->vk.vkCreateSemaphore(gpu->device, &semaphore, NULL, &gpu->timeline));
    return HONE_OK;
}

static hone_status pick_device(struct hone_gpu *gpu, const struct hone_gpu_open_params *params) {
    VkPhysicalDevice *devices = NULL;
    size_t count, index = 0;
    HONE_TRY(hone_gpu_instance_devices(&gpu->instance, &devices, &count));
    struct hone_caps *caps = hone_calloc(count, sizeof *caps, "the device list");
    struct hone_gpu_details *details = hone_calloc(count, sizeof *details, "the device list");
    hone_status status = caps && details ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_gpu_survey(devices, count, caps, details);
    if (status == HONE_OK) status = hone_gpu_choose(caps, details, count, params->device, &index);
    if (status == HONE_OK) {
        gpu->physical = devices[index];
        status = hone_gpu_snapshot_take(gpu->physical, &gpu->snapshot);
        if (gpu->instance.validating)
            gpu->snapshot.extensions &= ~hone_gpu_unknown_extensions(gpu->instance.layer_version);
        if (!params->capture)
            gpu->snapshot.extensions &= ~(uint32_t)HONE_GPU_EXT_EXECUTABLE_PROPERTIES;
        hone_gpu_plan_device(&gpu->snapshot, &gpu->plan);
        if (gpu->plan.features & HONE_GPU_HAS_EXECUTABLE_INFO) gpu->capture = params->capture;
    }
    hone_free(devices);
    hone_free(caps);
    hone_free(details);
    return status;
}

static hone_status open_locked(struct hone_gpu *gpu, const struct hone_gpu_open_params *params) {
    HONE_TRY(hone_gpu_instance_open(params->validate, &gpu->instance));
    HONE_TRY(pick_device(gpu, params));
    HONE_TRY(create_device(gpu));
    gpu->heap.limit = params->memory_bytes;
    HONE_TRY(hone_gpu_cache_open(gpu, params->cache_dir));
    hone_log(HONE_LOG_DEBUG, "device %s, %s%s%s", gpu->plan.caps.name, gpu->plan.caps.driver,
             gpu->plan.notes[0] ? ": " : "", gpu->plan.notes);
    return HONE_OK;
}

static void close_locked(struct hone_gpu *gpu) {
    if (gpu->device) {
        // Drivers opened without hardware crash in a wait; where nothing was submitted there is
        // none.
        if (gpu->submitted) gpu->vk.vkDeviceWaitIdle(gpu->device);
        hone_gpu_staging_deinit(gpu);
        if (gpu->live_buffers || gpu->live_recordings)
            hone_log(HONE_LOG_WARNING, "device closed with %zu buffers and %zu recordings alive",
                     gpu->live_buffers, gpu->live_recordings);
        hone_gpu_cache_save(gpu);
        hone_gpu_pipelines_deinit(gpu);
        hone_gpu_heap_deinit(gpu);
        if (gpu->timeline) gpu->vk.vkDestroySemaphore(gpu->device, gpu->timeline, NULL);
        gpu->vk.vkDestroyDevice(gpu->device, NULL);
    }
    hone_gpu_instance_close(&gpu->instance);
}

hone_status hone_gpu_open(const struct hone_gpu_open_params *params, struct hone_gpu **out) {
    static const struct hone_gpu_open_params defaults;
    *out = NULL;
    struct hone_gpu *gpu = hone_calloc(1, sizeof *gpu, "a device");
    if (!gpu) return HONE_OUT_OF_MEMORY;
    pthread_mutex_lock(&hone_gpu_instance_lock);
    hone_status status = open_locked(gpu, params ? params : &defaults);
    if (status != HONE_OK) close_locked(gpu);
    pthread_mutex_unlock(&hone_gpu_instance_lock);
    if (status != HONE_OK) {
        hone_free(gpu);
        return status;
    }
    *out = gpu;
    return HONE_OK;
}

void hone_gpu_close(struct hone_gpu **gpu) {
    if (!gpu || !*gpu) return;
    pthread_mutex_lock(&hone_gpu_instance_lock);
    close_locked(*gpu);
    pthread_mutex_unlock(&hone_gpu_instance_lock);
    hone_free(*gpu);
    *gpu = NULL;
}

const struct hone_caps *hone_gpu_caps(const struct hone_gpu *gpu) {
    return &gpu->plan.caps;
}

bool hone_gpu_validating(const struct hone_gpu *gpu) {
    return gpu->instance.validating;
}

bool hone_gpu_validating_kernels(const struct hone_gpu *gpu) {
    return gpu->instance.assisted;
}

void hone_gpu_name(struct hone_gpu *gpu, VkObjectType type, uint64_t handle, const char *name) {
    if (!gpu->set_name) return;
    VkDebugUtilsObjectNameInfoEXT info = {
        .sType = VK_STRUCTURE_TYPE_DEBUG_UTILS_OBJECT_NAME_INFO_EXT,
        .objectType = type,
        .objectHandle = handle,
        .pObjectName = name,
    };
    pthread_mutex_lock(&hone_gpu_instance_lock);
    gpu->set_name(gpu->device, &info);
    pthread_mutex_unlock(&hone_gpu_instance_lock);
}
