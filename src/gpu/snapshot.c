// snapshot.c: asks a physical device everything once. Thin: no decision is taken here.
#include "gpu/internal.h"
#include "gpu/restrict.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static hone_status take_extensions(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    uint32_t count = 0;
    HONE_VK_TRY(NULL, "vkEnumerateDeviceExtensionProperties",
                vkEnumerateDeviceExtensionProperties(device, NULL, &count, NULL));
    VkExtensionProperties *list = hone_calloc(count, sizeof *list, "Vulkan extensions");
    if (!list) return HONE_OUT_OF_MEMORY;
    VkResult result = HONE_VK(vkEnumerateDeviceExtensionProperties(device, NULL, &count, list));
    for (uint32_t i = 0; result >= VK_SUCCESS && i < count; i++)
        for (uint32_t k = 0; k < HONE_GPU_EXTENSIONS; k++)
            if (strcmp(list[i].extensionName, hone_gpu_extension_names[k]) == 0)
                s->extensions |= 1u << k;
    hone_free(list);
    if (result == VK_INCOMPLETE) result = VK_SUCCESS;
    return hone_gpu_check(NULL, result, "vkEnumerateDeviceExtensionProperties");
}

static enum hone_device_kind kind_of(VkPhysicalDeviceType type) {
    switch (type) {
    case VK_PHYSICAL_DEVICE_TYPE_DISCRETE_GPU: return HONE_DEVICE_DISCRETE;
    case VK_PHYSICAL_DEVICE_TYPE_INTEGRATED_GPU: return HONE_DEVICE_INTEGRATED;
    case VK_PHYSICAL_DEVICE_TYPE_VIRTUAL_GPU: return HONE_DEVICE_VIRTUAL;
    case VK_PHYSICAL_DEVICE_TYPE_CPU: return HONE_DEVICE_CPU;
    default: return HONE_DEVICE_OTHER;
    }
}

static void take_limits(const VkPhysicalDeviceLimits *limits, struct hone_gpu_snapshot *s) {
    s->shared_bytes = limits->maxComputeSharedMemorySize;
    s->workgroup_invocations = limits->maxComputeWorkGroupInvocations;
    memcpy(s->workgroup_size, limits->maxComputeWorkGroupSize, sizeof s->workgroup_size);
    memcpy(s->workgroup_count, limits->maxComputeWorkGroupCount, sizeof s->workgroup_count);
    s->push_bytes = limits->maxPushConstantsSize;
    s->storage_offset_align = (uint32_t)limits->minStorageBufferOffsetAlignment;
    s->storage_range_bytes = limits->maxStorageBufferRange;
    s->bound_storage_buffers = limits->maxPerStageDescriptorStorageBuffers;
    if (limits->maxDescriptorSetStorageBuffers < s->bound_storage_buffers)
        s->bound_storage_buffers = limits->maxDescriptorSetStorageBuffers;
    s->timestamp_period_ns = limits->timestampPeriod;
}

// Units that run workgroups side by side: SM, CU, shader core.
static uint32_t ask_cores(VkPhysicalDevice device, const struct hone_gpu_snapshot *s) {
    VkPhysicalDeviceShaderSMBuiltinsPropertiesNV nv = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_SM_BUILTINS_PROPERTIES_NV};
    VkPhysicalDeviceShaderCorePropertiesAMD amd = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_PROPERTIES_AMD};
    VkPhysicalDeviceShaderCoreBuiltinsPropertiesARM arm = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_CORE_BUILTINS_PROPERTIES_ARM};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2};
    if (s->extensions & HONE_GPU_EXT_NV_CORES)
        all.pNext = &nv;
    else if (s->extensions & HONE_GPU_EXT_AMD_CORES)
        all.pNext = &amd;
    else if (s->extensions & HONE_GPU_EXT_ARM_CORES)
        all.pNext = &arm;
    if (!all.pNext) return 0;
    vkGetPhysicalDeviceProperties2(device, &all);
    return nv.shaderSMCount + arm.shaderCoreCount +
           amd.shaderEngineCount * amd.shaderArraysPerEngineCount * amd.computeUnitsPerShaderArray;
}

// Structures of Vulkan 1.2 may only be asked for on a device that has it.
static void take_properties(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    VkPhysicalDeviceProperties first;
    vkGetPhysicalDeviceProperties(device, &first);
    snprintf(s->name, sizeof s->name, "%s", first.deviceName);
    s->api_version = first.apiVersion;
    s->driver_version = first.driverVersion;
    s->vendor_id = first.vendorID;
    s->device_id = first.deviceID;
    s->kind = kind_of(first.deviceType);
    take_limits(&first.limits, s);
    if (first.apiVersion < VK_API_VERSION_1_2) return;

    VkPhysicalDeviceSubgroupSizeControlPropertiesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_PROPERTIES_EXT};
    VkPhysicalDeviceCooperativeMatrix2PropertiesNV coop2 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_PROPERTIES_NV};
    VkPhysicalDeviceVulkan12Properties v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_PROPERTIES};
    VkPhysicalDeviceVulkan11Properties v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_PROPERTIES, .pNext = &v12};
    VkPhysicalDeviceProperties2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PROPERTIES_2,
                                       .pNext = &v11};
    if (s->extensions & HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL) v12.pNext = &control;
    if (s->extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX2) {
        coop2.pNext = v12.pNext;
        v12.pNext = &coop2;
    }
    vkGetPhysicalDeviceProperties2(device, &all);
    s->matrix_longest = coop2.cooperativeMatrixFlexibleDimensionsMaxDimension;
    snprintf(s->driver_name, sizeof s->driver_name, "%s", v12.driverName);
    snprintf(s->driver_info, sizeof s->driver_info, "%s", v12.driverInfo);
    s->driver_id = (uint32_t)v12.driverID;
    memcpy(s->uuid, v11.deviceUUID, sizeof s->uuid);
    s->allocation_bytes = v11.maxMemoryAllocationSize;
    s->subgroup_size = v11.subgroupSize;
    if (v11.subgroupSupportedStages & VK_SHADER_STAGE_COMPUTE_BIT)
        s->subgroup_operations = v11.subgroupSupportedOperations;
    s->subgroup_min = control.minSubgroupSize ? control.minSubgroupSize : v11.subgroupSize;
    s->subgroup_max = control.maxSubgroupSize ? control.maxSubgroupSize : v11.subgroupSize;
    s->subgroup_required_in_compute =
        control.requiredSubgroupSizeStages & VK_SHADER_STAGE_COMPUTE_BIT;
    s->cores = ask_cores(device, s);
}

static void take_features(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    if (s->api_version < VK_API_VERSION_1_2) return;
    VkPhysicalDeviceCooperativeMatrixFeaturesKHR coop = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_FEATURES_KHR};
    VkPhysicalDeviceCooperativeMatrix2FeaturesNV coop2 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_COOPERATIVE_MATRIX_2_FEATURES_NV};
    VkPhysicalDeviceMaintenance4Features maintenance4 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MAINTENANCE_4_FEATURES};
    VkPhysicalDeviceShaderBfloat16FeaturesKHR bf16 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SHADER_BFLOAT16_FEATURES_KHR};
    VkPhysicalDeviceSubgroupSizeControlFeaturesEXT control = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_SUBGROUP_SIZE_CONTROL_FEATURES_EXT};
    VkPhysicalDevicePipelineExecutablePropertiesFeaturesKHR executable = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_PIPELINE_EXECUTABLE_PROPERTIES_FEATURES_KHR};
    VkPhysicalDeviceVulkan12Features v12 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_2_FEATURES};
    VkPhysicalDeviceVulkan11Features v11 = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_VULKAN_1_1_FEATURES, .pNext = &v12};
    VkPhysicalDeviceFeatures2 all = {.sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_FEATURES_2,
                                     .pNext = &v11};
    if (s->extensions & HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL) v12.pNext = &control;
    if (s->extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX) {
        coop.pNext = v12.pNext;
        v12.pNext = &coop;
    }
    if (s->extensions & HONE_GPU_EXT_EXECUTABLE_PROPERTIES) {
        executable.pNext = v12.pNext;
        v12.pNext = &executable;
    }
    if (s->extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX2) {
        coop2.pNext = v12.pNext;
        v12.pNext = &coop2;
    }
    if (s->api_version >= VK_API_VERSION_1_3) {
        maintenance4.pNext = v12.pNext;
        v12.pNext = &maintenance4;
    }
    if (s->extensions & HONE_GPU_EXT_BFLOAT16) {
        bf16.pNext = v12.pNext;
        v12.pNext = &bf16;
    }
    vkGetPhysicalDeviceFeatures2(device, &all);
    const struct {
        VkBool32 has;
        uint32_t bit;
    } table[] = {
        {v12.timelineSemaphore, HONE_GPU_HAS_TIMELINE},
        {v12.shaderFloat16, HONE_GPU_HAS_FLOAT16},
        {v12.shaderInt8, HONE_GPU_HAS_INT8},
        {all.features.shaderInt16, HONE_GPU_HAS_INT16},
        {all.features.shaderInt64, HONE_GPU_HAS_INT64},
        {v11.storageBuffer16BitAccess, HONE_GPU_HAS_STORAGE_16BIT},
        {v12.storageBuffer8BitAccess, HONE_GPU_HAS_STORAGE_8BIT},
        {v12.bufferDeviceAddress, HONE_GPU_HAS_BUFFER_ADDRESS},
        {v12.scalarBlockLayout, HONE_GPU_HAS_SCALAR_LAYOUT},
        {v12.vulkanMemoryModel, HONE_GPU_HAS_MEMORY_MODEL},
        {v12.vulkanMemoryModelDeviceScope, HONE_GPU_HAS_MEMORY_MODEL_DEVICE},
        {v12.shaderSubgroupExtendedTypes, HONE_GPU_HAS_SUBGROUP_EXTENDED_TYPES},
        {control.subgroupSizeControl, HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL},
        {control.computeFullSubgroups, HONE_GPU_HAS_FULL_SUBGROUPS},
        {coop.cooperativeMatrix, HONE_GPU_HAS_COOPERATIVE_MATRIX},
        {executable.pipelineExecutableInfo, HONE_GPU_HAS_EXECUTABLE_INFO},
        {coop2.cooperativeMatrixWorkgroupScope, HONE_GPU_HAS_MATRIX_WORKGROUP},
        {coop2.cooperativeMatrixFlexibleDimensions, HONE_GPU_HAS_MATRIX_FLEXIBLE},
        {coop2.cooperativeMatrixPerElementOperations, HONE_GPU_HAS_MATRIX_PER_ELEMENT},
        {coop2.cooperativeMatrixTensorAddressing, HONE_GPU_HAS_MATRIX_TENSOR},
        {maintenance4.maintenance4, HONE_GPU_HAS_MAINTENANCE4},
        {bf16.shaderBFloat16Type, HONE_GPU_HAS_BFLOAT16},
        {bf16.shaderBFloat16CooperativeMatrix, HONE_GPU_HAS_MATRIX_BFLOAT16},
    };
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].has) s->features |= table[i].bit;
}

// Instance functions that volk may be too old to know; NULL where the driver lacks it.
static PFN_vkVoidFunction late_function(const char *name) {
    return vkGetInstanceProcAddr(volkGetLoadedInstance(), name);
}

static void add_matrix(struct hone_gpu_snapshot *s, struct hone_gpu_matrix matrix) {
    if (s->matrix_count < HONE_GPU_MAX_MATRICES) s->matrices[s->matrix_count++] = matrix;
}

static hone_status take_matrices(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR)late_function(
            "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
    if (!(s->features & HONE_GPU_HAS_COOPERATIVE_MATRIX) || !get) return HONE_OK;
    uint32_t count = 0;
    HONE_VK_TRY(NULL, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR",
                get(device, &count, NULL));
    if (!count) return HONE_OK;
    VkCooperativeMatrixPropertiesKHR *list = hone_calloc(count, sizeof *list, "matrix shapes");
    if (!list) return HONE_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_PROPERTIES_KHR;
    VkResult result = HONE_VK(get(device, &count, list));
    for (uint32_t i = 0; result >= VK_SUCCESS && i < count; i++)
        add_matrix(s, (struct hone_gpu_matrix){
                          .m = list[i].MSize,
                          .n = list[i].NSize,
                          .k = list[i].KSize,
                          .a = (uint32_t)list[i].AType,
                          .b = (uint32_t)list[i].BType,
                          .c = (uint32_t)list[i].CType,
                          .result = (uint32_t)list[i].ResultType,
                          .scope = (uint32_t)list[i].scope,
                          .saturating = list[i].saturatingAccumulation,
                      });
    hone_free(list);
    if (result == VK_INCOMPLETE) result = VK_SUCCESS;
    return hone_gpu_check(NULL, result, "vkGetPhysicalDeviceCooperativeMatrixPropertiesKHR");
}

// The same for sizes that are multiples of granules, over subgroups or whole workgroups.
static hone_status take_flexible_matrices(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    static const char name[] = "vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV";
    PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV get =
        (PFN_vkGetPhysicalDeviceCooperativeMatrixFlexibleDimensionsPropertiesNV)late_function(name);
    if (!(s->features & HONE_GPU_HAS_MATRIX_FLEXIBLE) || !get) return HONE_OK;
    uint32_t count = 0;
    HONE_VK_TRY(NULL, name, get(device, &count, NULL));
    if (!count) return HONE_OK;
    VkCooperativeMatrixFlexibleDimensionsPropertiesNV *list =
        hone_calloc(count, sizeof *list, "matrix shapes");
    if (!list) return HONE_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_COOPERATIVE_MATRIX_FLEXIBLE_DIMENSIONS_PROPERTIES_NV;
    VkResult result = HONE_VK(get(device, &count, list));
    for (uint32_t i = 0; result >= VK_SUCCESS && i < count; i++)
        add_matrix(s, (struct hone_gpu_matrix){
                          .m = list[i].MGranularity,
                          .n = list[i].NGranularity,
                          .k = list[i].KGranularity,
                          .a = (uint32_t)list[i].AType,
                          .b = (uint32_t)list[i].BType,
                          .c = (uint32_t)list[i].CType,
                          .result = (uint32_t)list[i].ResultType,
                          .scope = (uint32_t)list[i].scope,
                          .invocations = list[i].workgroupInvocations,
                          .flexible = true,
                          .saturating = list[i].saturatingAccumulation,
                      });
    hone_free(list);
    if (result == VK_INCOMPLETE) result = VK_SUCCESS;
    return hone_gpu_check(NULL, result, name);
}

// What a CPU driver runs on.
static uint32_t machine_cores(void) {
#ifdef _SC_NPROCESSORS_ONLN
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    if (count > 0) return (uint32_t)count;
#endif
    return 0;
}

// What it allocates from.
static uint64_t machine_memory(void) {
#ifdef _SC_PHYS_PAGES
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page > 0) return (uint64_t)pages * (uint64_t)page;
#endif
    return 0;
}

// The budget is asked for only where there are heaps: without its hardware, RADV has none and calls
// a kernel interface that isn't there.
static void take_memory(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 all = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2};
    vkGetPhysicalDeviceMemoryProperties2(device, &all);
    if (all.memoryProperties.memoryHeapCount && s->extensions & HONE_GPU_EXT_MEMORY_BUDGET) {
        all.pNext = &budget;
        vkGetPhysicalDeviceMemoryProperties2(device, &all);
    }
    const VkPhysicalDeviceMemoryProperties *memory = &all.memoryProperties;
    s->type_count = memory->memoryTypeCount;
    for (uint32_t i = 0; i < s->type_count; i++)
        s->types[i] = (struct hone_gpu_memory_type){memory->memoryTypes[i].propertyFlags,
                                                    memory->memoryTypes[i].heapIndex};
    s->host_bytes = machine_memory();
    s->heap_count = memory->memoryHeapCount;
    for (uint32_t i = 0; i < s->heap_count; i++) {
        s->heaps[i].bytes = memory->memoryHeaps[i].size;
        s->heaps[i].budget_bytes = budget.heapBudget[i];
        s->heaps[i].device_local = memory->memoryHeaps[i].flags & VK_MEMORY_HEAP_DEVICE_LOCAL_BIT;
    }
}

static void take_families(VkPhysicalDevice device, struct hone_gpu_snapshot *s) {
    VkQueueFamilyProperties families[HONE_GPU_MAX_FAMILIES];
    uint32_t count = HONE_GPU_MAX_FAMILIES;
    vkGetPhysicalDeviceQueueFamilyProperties(device, &count, families);
    s->family_count = count;
    for (uint32_t i = 0; i < count; i++)
        s->families[i] = (struct hone_gpu_family){families[i].queueFlags, families[i].queueCount,
                                                  families[i].timestampValidBits};
}

hone_status hone_gpu_snapshot_take(VkPhysicalDevice device, struct hone_gpu_snapshot *out) {
    *out = (struct hone_gpu_snapshot){0};
    HONE_TRY(take_extensions(device, out));
    take_properties(device, out);
    take_features(device, out);
    take_memory(device, out);
    take_families(device, out);
    if (out->kind == HONE_DEVICE_CPU) out->cores = machine_cores();
    HONE_TRY(take_matrices(device, out));
    HONE_TRY(take_flexible_matrices(device, out));
    return hone_gpu_restrict(out, getenv("HONE_LIMITS"));
}

void hone_gpu_uuid_text(const uint8_t uuid[16], char text[40]) {
    static const char digits[] = "0123456789abcdef";
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) text[at++] = '-';
        text[at++] = digits[uuid[i] >> 4];
        text[at++] = digits[uuid[i] & 15];
    }
    text[at] = 0;
}
