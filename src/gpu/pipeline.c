// pipeline.c: a kernel and its specialisation constants become a pipeline, once per gpu.
#include "gpu/internal.h"

#include "base/alloc.h"
#include "base/thread.h"

#include <string.h>
#include <xxhash.h>

enum { MAX_BINDINGS = 32, MAX_SPECS = 64 };

// The layout for this many storage buffers in set 0 and this push size.
static hone_status layout_get(struct hone_gpu *gpu, uint8_t bindings, uint16_t push_bytes,
                              struct hone_gpu_layout *out) {
    struct hone_gpu_pipelines *all = &gpu->pipelines;
    for (size_t i = 0; i < all->layout_count; i++) {
        *out = all->layouts[i];
        if (out->bindings == bindings && out->push_bytes == push_bytes) return HONE_OK;
    }
    if (!hone_grow(&all->layouts, &all->layout_capacity, all->layout_count + 1,
                   sizeof *all->layouts, "pipeline layouts"))
        return HONE_OUT_OF_MEMORY;
    *out = (struct hone_gpu_layout){.bindings = bindings, .push_bytes = push_bytes};
    VkDescriptorSetLayoutBinding list[MAX_BINDINGS];
    for (uint32_t i = 0; i < bindings; i++)
        list[i] = (VkDescriptorSetLayoutBinding){
            .binding = i,
            .descriptorType = VK_DESCRIPTOR_TYPE_STORAGE_BUFFER,
            .descriptorCount = 1,
            .stageFlags = VK_SHADER_STAGE_COMPUTE_BIT,
        };
    VkDescriptorSetLayoutCreateInfo set = {
        .sType = VK_STRUCTURE_TYPE_DESCRIPTOR_SET_LAYOUT_CREATE_INFO,
        .bindingCount = bindings,
        .pBindings = list,
    };
    HONE_VK_TRY(gpu, "vkCreateDescriptorSetLayout",
                gpu->vk.vkCreateDescriptorSetLayout(gpu->device, &set, NULL, &out->set));
    VkPushConstantRange push = {.stageFlags = VK_SHADER_STAGE_COMPUTE_BIT, .size = push_bytes};
    VkPipelineLayoutCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_LAYOUT_CREATE_INFO,
        .setLayoutCount = 1,
        .pSetLayouts = &out->set,
        .pushConstantRangeCount = push_bytes ? 1 : 0,
        .pPushConstantRanges = &push,
    };
    VkResult result =
        HONE_VK(gpu->vk.vkCreatePipelineLayout(gpu->device, &info, NULL, &out->pipeline));
    if (result != VK_SUCCESS) {
        gpu->vk.vkDestroyDescriptorSetLayout(gpu->device, out->set, NULL);
        return hone_gpu_check(gpu, result, "vkCreatePipelineLayout");
    }
    all->layouts[all->layout_count++] = *out;
    return HONE_OK;
}

// What of the request this device can't do. `subgroup` 0: any size.
static hone_status check_request(struct hone_gpu *gpu, const struct hone_kernel *kernel,
                                 int spec_count, uint32_t subgroup) {
    const struct hone_caps *caps = &gpu->plan.caps;
    if (spec_count != kernel->specs || spec_count > MAX_SPECS)
        return hone_fail(HONE_INTERNAL, "kernel %s has %d specialisation constants, %d given",
                         kernel->name, kernel->specs, spec_count);
    uint32_t missing = kernel->needs & ~caps->features;
    if (missing) {
        char text[256];
        hone_gpu_feature_text(missing, text, sizeof text);
        return hone_fail(HONE_UNSUPPORTED, "kernel %s needs %s, which %s lacks", kernel->name, text,
                         caps->name);
    }
    if (kernel->bindings > MAX_BINDINGS || kernel->bindings > gpu->snapshot.bound_storage_buffers)
        return hone_fail(HONE_UNSUPPORTED, "kernel %s binds %d buffers, %s allows %u", kernel->name,
                         kernel->bindings, caps->name, gpu->snapshot.bound_storage_buffers);
    if (kernel->push_bytes > caps->push_bytes)
        return hone_fail(HONE_UNSUPPORTED, "kernel %s pushes %d bytes, %s allows %u", kernel->name,
                         kernel->push_bytes, caps->name, caps->push_bytes);
    if (subgroup && (subgroup < caps->subgroup_min || subgroup > caps->subgroup_max ||
                     (subgroup & (subgroup - 1))))
        return hone_fail(HONE_UNSUPPORTED, "kernel %s asks for subgroups of %u, %s has %u to %u",
                         kernel->name, subgroup, caps->name, caps->subgroup_min,
                         caps->subgroup_max);
    return HONE_OK;
}

static hone_status create_pipeline(struct hone_gpu *gpu, struct hone_gpu_pipeline *pipeline,
                                   VkShaderModule module) {
    VkSpecializationMapEntry entries[MAX_SPECS];
    for (int i = 0; i < pipeline->spec_count; i++)
        entries[i] = (VkSpecializationMapEntry){(uint32_t)i, (uint32_t)i * 4, 4};
    VkSpecializationInfo special = {
        .mapEntryCount = (uint32_t)pipeline->spec_count,
        .pMapEntries = entries,
        .dataSize = (size_t)pipeline->spec_count * 4,
        .pData = pipeline->spec,
    };
    VkPipelineShaderStageRequiredSubgroupSizeCreateInfoEXT required = {
        .sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_REQUIRED_SUBGROUP_SIZE_CREATE_INFO_EXT,
        .requiredSubgroupSize = pipeline->subgroup_size,
    };
    VkComputePipelineCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_COMPUTE_PIPELINE_CREATE_INFO,
        // So that a long dispatch can be recorded as several, each a part of the grid.
        .flags = hone_gpu_capture_flags(gpu) | VK_PIPELINE_CREATE_DISPATCH_BASE_BIT,
        .stage = {.sType = VK_STRUCTURE_TYPE_PIPELINE_SHADER_STAGE_CREATE_INFO,
                  .stage = VK_SHADER_STAGE_COMPUTE_BIT,
                  .module = module,
                  .pName = "main",
                  .pSpecializationInfo = &special},
        .layout = pipeline->layout,
    };
    // Without size control the only size there is was asked for, and it needs no word.
    if (pipeline->subgroup_size) {
        if (gpu->plan.features & HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL) info.stage.pNext = &required;
        if (gpu->plan.features & HONE_GPU_HAS_FULL_SUBGROUPS)
            info.stage.flags |= VK_PIPELINE_SHADER_STAGE_CREATE_REQUIRE_FULL_SUBGROUPS_BIT_EXT;
    }
    VkResult result = HONE_VK(gpu->vk.vkCreateComputePipelines(gpu->device, gpu->pipelines.cache, 1,
                                                               &info, NULL, &pipeline->handle));
    return hone_gpu_check(gpu, result, "vkCreateComputePipelines");
}

// The driver's part of it, which takes long. Any thread: the driver guards its cache itself.
static hone_status pipeline_compile(struct hone_gpu *gpu, struct hone_gpu_pipeline *pipeline) {
    const struct hone_kernel *kernel = pipeline->kernel;
    VkShaderModuleCreateInfo info = {
        .sType = VK_STRUCTURE_TYPE_SHADER_MODULE_CREATE_INFO,
        .codeSize = kernel->code_bytes,
        .pCode = kernel->code,
    };
    VkShaderModule module = VK_NULL_HANDLE;
    hone_status status = hone_gpu_check(
        gpu, HONE_VK(gpu->vk.vkCreateShaderModule(gpu->device, &info, NULL, &module)),
        "vkCreateShaderModule");
    if (status == HONE_OK) {
        status = create_pipeline(gpu, pipeline, module);
        gpu->vk.vkDestroyShaderModule(gpu->device, module, NULL);
    }
    if (status == HONE_OK)
        hone_gpu_name(gpu, VK_OBJECT_TYPE_PIPELINE, (uint64_t)pipeline->handle, kernel->name);
    return hone_fail_context(status, "kernel %s", kernel->name);
}

static void pipeline_destroy(struct hone_gpu *gpu, struct hone_gpu_pipeline *pipeline) {
    if (pipeline->handle) gpu->vk.vkDestroyPipeline(gpu->device, pipeline->handle, NULL);
    hone_free(pipeline->spec);
    hone_free(pipeline);
}

static uint64_t request_key(const struct hone_gpu_pipeline_request *want) {
    return want->spec_count ? XXH64(want->spec, (size_t)want->spec_count * sizeof *want->spec,
                                    want->subgroup_size)
                            : 0;
}

// The pipeline of a request, compiled or about to be; NULL when there is none.
static struct hone_gpu_pipeline *pipeline_find(const struct hone_gpu *gpu,
                                               const struct hone_gpu_pipeline_request *want) {
    uint64_t key = request_key(want);
    for (size_t i = 0; i < gpu->pipelines.count; i++) {
        struct hone_gpu_pipeline *old = gpu->pipelines.items[i];
        if (old->key == key && old->kernel == want->kernel &&
            old->subgroup_size == want->subgroup_size &&
            (!want->spec_count ||
             memcmp(old->spec, want->spec, (size_t)want->spec_count * sizeof *want->spec) == 0))
            return old;
    }
    return NULL;
}

// Everything but the driver's part, appended to the list.
static hone_status pipeline_add(struct hone_gpu *gpu,
                                const struct hone_gpu_pipeline_request *want) {
    struct hone_gpu_pipelines *all = &gpu->pipelines;
    struct hone_gpu_layout layout;
    HONE_TRY(layout_get(gpu, want->kernel->bindings, want->kernel->push_bytes, &layout));
    if (!hone_grow(&all->items, &all->capacity, all->count + 1, sizeof *all->items, "pipelines"))
        return HONE_OUT_OF_MEMORY;
    struct hone_gpu_pipeline *pipeline = hone_calloc(1, sizeof *pipeline, "a pipeline");
    if (!pipeline) return HONE_OUT_OF_MEMORY;
    pipeline->spec = hone_calloc((size_t)want->spec_count, sizeof *want->spec, "a pipeline");
    if (!pipeline->spec) {
        hone_free(pipeline);
        return HONE_OUT_OF_MEMORY;
    }
    if (want->spec_count)
        memcpy(pipeline->spec, want->spec, (size_t)want->spec_count * sizeof *want->spec);
    pipeline->kernel = want->kernel;
    pipeline->key = request_key(want);
    pipeline->subgroup_size = want->subgroup_size;
    pipeline->spec_count = want->spec_count;
    pipeline->layout = layout.pipeline;
    pipeline->set_layout = layout.set;
    all->items[all->count++] = pipeline;
    return HONE_OK;
}

struct compile_work {
    struct hone_gpu *gpu;
    size_t first; // of the new ones
};

static hone_status compile_one(void *user, size_t index) {
    const struct compile_work *work = user;
    return pipeline_compile(work->gpu, work->gpu->pipelines.items[work->first + index]);
}

hone_status hone_gpu_pipelines_compile(struct hone_gpu *gpu,
                                       const struct hone_gpu_pipeline_request *requests,
                                       size_t count) {
    struct hone_gpu_pipelines *all = &gpu->pipelines;
    struct compile_work work = {gpu, all->count};
    hone_status status = hone_gpu_alive(gpu);
    for (size_t i = 0; i < count && status == HONE_OK; i++) {
        const struct hone_gpu_pipeline_request *want = &requests[i];
        status = check_request(gpu, want->kernel, want->spec_count, want->subgroup_size);
        if (status == HONE_OK && !pipeline_find(gpu, want))
            status = hone_fail_context(pipeline_add(gpu, want), "kernel %s", want->kernel->name);
    }
    size_t made = all->count - work.first;
    if (status == HONE_OK && made) status = hone_parallel_for(made, 0, compile_one, &work);
    if (status != HONE_OK) { // what others asked for before stays
        while (all->count > work.first) pipeline_destroy(gpu, all->items[--all->count]);
        return status;
    }
    all->stats.compiled += made;
    all->dirty = all->dirty || made;
    return HONE_OK;
}

hone_status hone_gpu_pipeline_get(struct hone_gpu *gpu, const struct hone_kernel *kernel,
                                  const uint32_t *spec, int spec_count,
                                  uint32_t required_subgroup_size, struct hone_gpu_pipeline **out) {
    const struct hone_gpu_pipeline_request want = {kernel, spec, spec_count,
                                                   required_subgroup_size};
    *out = NULL;
    HONE_TRY(hone_gpu_alive(gpu));
    HONE_TRY(check_request(gpu, kernel, spec_count, required_subgroup_size));
    *out = pipeline_find(gpu, &want);
    if (*out) {
        gpu->pipelines.stats.reused++;
        return HONE_OK;
    }
    HONE_TRY(hone_gpu_pipelines_compile(gpu, &want, 1));
    *out = pipeline_find(gpu, &want);
    return HONE_OK;
}

void hone_gpu_pipelines_deinit(struct hone_gpu *gpu) {
    struct hone_gpu_pipelines *all = &gpu->pipelines;
    for (size_t i = 0; i < all->count; i++) pipeline_destroy(gpu, all->items[i]);
    for (size_t i = 0; i < all->layout_count; i++) {
        gpu->vk.vkDestroyPipelineLayout(gpu->device, all->layouts[i].pipeline, NULL);
        gpu->vk.vkDestroyDescriptorSetLayout(gpu->device, all->layouts[i].set, NULL);
    }
    if (all->cache) gpu->vk.vkDestroyPipelineCache(gpu->device, all->cache, NULL);
    hone_free(all->items);
    hone_free(all->layouts);
    *all = (struct hone_gpu_pipelines){0};
}

struct hone_gpu_cache_stats hone_gpu_cache_stats(const struct hone_gpu *gpu) {
    return gpu->pipelines.stats;
}
