// executable.c: asks the driver what its compiler made of a pipeline
// (VK_KHR_pipeline_executable_properties). statistics.c knows what the answers mean.
#include "gpu/internal.h"
#include "gpu/statistics.h"

#include "base/alloc.h"

VkPipelineCreateFlags hone_gpu_capture_flags(const struct hone_gpu *gpu) {
    VkPipelineCreateFlags flags = 0;
    if (gpu->capture >= HONE_GPU_CAPTURE_NUMBERS)
        flags |= VK_PIPELINE_CREATE_CAPTURE_STATISTICS_BIT_KHR;
    if (gpu->capture >= HONE_GPU_CAPTURE_LISTINGS)
        flags |= VK_PIPELINE_CREATE_CAPTURE_INTERNAL_REPRESENTATIONS_BIT_KHR;
    return flags;
}

static int64_t statistic_value(const VkPipelineExecutableStatisticKHR *s) {
    switch (s->format) {
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_BOOL32_KHR: return s->value.b32;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_INT64_KHR: return s->value.i64;
    case VK_PIPELINE_EXECUTABLE_STATISTIC_FORMAT_FLOAT64_KHR: return (int64_t)s->value.f64;
    default: return (int64_t)s->value.u64;
    }
}

static hone_status add_numbers(struct hone_gpu *gpu, const VkPipelineExecutableInfoKHR *which,
                               struct hone_gpu_pipeline_statistics *out) {
    uint32_t count = 0;
    HONE_VK_TRY(gpu, "vkGetPipelineExecutableStatisticsKHR",
                gpu->vk.vkGetPipelineExecutableStatisticsKHR(gpu->device, which, &count, NULL));
    if (!count) return HONE_OK;
    VkPipelineExecutableStatisticKHR *list = hone_calloc(count, sizeof *list, "statistics");
    if (!list) return HONE_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_STATISTIC_KHR;
    VkResult result =
        HONE_VK(gpu->vk.vkGetPipelineExecutableStatisticsKHR(gpu->device, which, &count, list));
    for (uint32_t i = 0; result >= VK_SUCCESS && i < count; i++)
        hone_gpu_statistics_add(out, list[i].name, statistic_value(&list[i]));
    hone_free(list);
    return result == VK_INCOMPLETE
               ? HONE_OK
               : hone_gpu_check(gpu, result, "vkGetPipelineExecutableStatisticsKHR");
}

// The first call told the sizes; this one fills the texts that are listings and counts.
static hone_status read_listings(struct hone_gpu *gpu, const VkPipelineExecutableInfoKHR *which,
                                 VkPipelineExecutableInternalRepresentationKHR *list,
                                 uint32_t count, struct hone_gpu_pipeline_statistics *out) {
    for (uint32_t i = 0; i < count; i++) {
        list[i].pData = hone_calloc(list[i].dataSize + 1, 1, "a listing");
        if (!list[i].pData) return HONE_OUT_OF_MEMORY;
    }
    HONE_VK_TRY(gpu, "vkGetPipelineExecutableInternalRepresentationsKHR",
                gpu->vk.vkGetPipelineExecutableInternalRepresentationsKHR(gpu->device, which,
                                                                          &count, list));
    for (uint32_t i = 0; i < count; i++) {
        if (!list[i].isText || !hone_gpu_is_listing(list[i].name)) continue;
        if (out->matrix_instructions == HONE_GPU_UNKNOWN) out->matrix_instructions = 0;
        out->matrix_instructions += hone_gpu_matrix_instructions(list[i].pData, list[i].dataSize);
    }
    return HONE_OK;
}

static hone_status add_listings(struct hone_gpu *gpu, const VkPipelineExecutableInfoKHR *which,
                                struct hone_gpu_pipeline_statistics *out) {
    uint32_t count = 0;
    HONE_VK_TRY(gpu, "vkGetPipelineExecutableInternalRepresentationsKHR",
                gpu->vk.vkGetPipelineExecutableInternalRepresentationsKHR(gpu->device, which,
                                                                          &count, NULL));
    if (!count) return HONE_OK;
    VkPipelineExecutableInternalRepresentationKHR *list =
        hone_calloc(count, sizeof *list, "listings");
    if (!list) return HONE_OUT_OF_MEMORY;
    for (uint32_t i = 0; i < count; i++)
        list[i].sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INTERNAL_REPRESENTATION_KHR;
    VkResult result = HONE_VK(gpu->vk.vkGetPipelineExecutableInternalRepresentationsKHR(
        gpu->device, which, &count, list));
    hone_status status =
        hone_gpu_check(gpu, result, "vkGetPipelineExecutableInternalRepresentationsKHR");
    if (status == HONE_OK) status = read_listings(gpu, which, list, count, out);
    for (uint32_t i = 0; i < count; i++) hone_free(list[i].pData);
    hone_free(list);
    return status;
}

static hone_status executable_statistics(struct hone_gpu *gpu, VkPipeline pipeline, uint32_t index,
                                         uint32_t subgroup_size,
                                         struct hone_gpu_pipeline_statistics *out) {
    const VkPipelineExecutableInfoKHR which = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_INFO_KHR,
        .pipeline = pipeline,
        .executableIndex = index,
    };
    hone_gpu_statistics_init(out);
    if (subgroup_size) out->subgroup_size = subgroup_size;
    HONE_TRY(add_numbers(gpu, &which, out));
    if (gpu->capture >= HONE_GPU_CAPTURE_LISTINGS) HONE_TRY(add_listings(gpu, &which, out));
    return HONE_OK;
}

hone_status hone_gpu_pipeline_statistics(struct hone_gpu *gpu,
                                         const struct hone_gpu_pipeline *pipeline,
                                         struct hone_gpu_pipeline_statistics *out) {
    enum { MAX_EXECUTABLES = 8 };
    VkPipelineExecutablePropertiesKHR list[MAX_EXECUTABLES];
    uint32_t count = MAX_EXECUTABLES;
    hone_gpu_statistics_init(out);
    HONE_TRY(hone_gpu_alive(gpu));
    if (gpu->capture == HONE_GPU_CAPTURE_NONE)
        return hone_fail(HONE_UNSUPPORTED, "%s gives no statistics of its pipelines",
                         gpu->plan.caps.name);
    for (uint32_t i = 0; i < count; i++)
        list[i] = (VkPipelineExecutablePropertiesKHR){
            .sType = VK_STRUCTURE_TYPE_PIPELINE_EXECUTABLE_PROPERTIES_KHR};
    const VkPipelineInfoKHR info = {.sType = VK_STRUCTURE_TYPE_PIPELINE_INFO_KHR,
                                    .pipeline = pipeline->handle};
    VkResult result =
        HONE_VK(gpu->vk.vkGetPipelineExecutablePropertiesKHR(gpu->device, &info, &count, list));
    if (result != VK_INCOMPLETE)
        HONE_TRY(hone_gpu_check(gpu, result, "vkGetPipelineExecutablePropertiesKHR"));
    for (uint32_t i = 0; i < count; i++) {
        struct hone_gpu_pipeline_statistics one;
        HONE_TRY(executable_statistics(gpu, pipeline->handle, i, list[i].subgroupSize, &one));
        hone_gpu_statistics_merge(out, &one);
    }
    return HONE_OK;
}
