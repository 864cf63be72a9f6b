// heap.c: device memory in slabs. Small buffers share slabs of 64 MiB, large ones get one of their
// own size; no slab is above 1 GiB, and none is taken beyond the driver's budget where it tells
// one, nor beyond the limit that the device was opened with, under which slabs are smaller, too.
// Host-visible slabs stay mapped.
#include "gpu/internal.h"

#include "base/alloc.h"

#include <string.h>

enum { SLAB_SHARED_BYTES = 64 << 20, SLAB_SHARE_LIMIT_BYTES = 16 << 20, SLAB_MAX_BYTES = 1 << 30 };

static unsigned long long mib(uint64_t bytes) {
    return (unsigned long long)((bytes + (1 << 20) - 1) >> 20);
}

// Whether memory of this type is the device's own.
static bool is_own(const struct hone_gpu *gpu, uint32_t type) {
    return gpu->snapshot.heaps[gpu->snapshot.types[type].heap].device_local;
}

// A sixteenth of the limit, so that little of it lies idle.
static uint64_t shared_slab_bytes(const struct hone_gpu *gpu) {
    uint64_t part = gpu->heap.limit / 16;
    return part && part < SLAB_SHARED_BYTES ? part : SLAB_SHARED_BYTES;
}

// Bytes that the driver would still give from a memory type's heap, and the heap's limit.
static uint64_t driver_left(struct hone_gpu *gpu, uint32_t type, uint64_t *limit) {
    VkPhysicalDeviceMemoryBudgetPropertiesEXT budget = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT};
    VkPhysicalDeviceMemoryProperties2 all = {
        .sType = VK_STRUCTURE_TYPE_PHYSICAL_DEVICE_MEMORY_PROPERTIES_2, .pNext = &budget};
    uint32_t heap = gpu->snapshot.types[type].heap;
    *limit = gpu->snapshot.heaps[heap].bytes;
    if (!(gpu->plan.extensions & HONE_GPU_EXT_MEMORY_BUDGET)) return UINT64_MAX; // ask the driver
    gpu->memory_properties(gpu->physical, &all);
    *limit = budget.heapBudget[heap];
    uint64_t used = budget.heapUsage[heap];
    return used < *limit ? *limit - used : 0;
}

// The same under the limit of hone's own.
static uint64_t budget_left(struct hone_gpu *gpu, uint32_t type, uint64_t *limit) {
    const struct hone_gpu_heap *heap = &gpu->heap;
    uint64_t left = driver_left(gpu, type, limit);
    if (!heap->limit || !is_own(gpu, type)) return left;
    uint64_t own = heap->own_held < heap->limit ? heap->limit - heap->own_held : 0;
    if (own >= left) return left;
    *limit = heap->limit;
    return own;
}

static hone_status fail_space(struct hone_gpu *gpu, uint64_t bytes, const char *name,
                              uint32_t type) {
    uint64_t limit, left = budget_left(gpu, type, &limit);
    if (left == UINT64_MAX)
        return hone_fail(
            HONE_OUT_OF_MEMORY,
            "out of device memory: %llu MiB for '%s'; hone holds %llu MiB, the heap has "
            "%llu MiB",
            mib(bytes), name, mib(gpu->heap.held_bytes), mib(limit));
    return hone_fail(HONE_OUT_OF_MEMORY,
                     "out of device memory: %llu MiB for '%s'; %llu MiB are left of a budget of "
                     "%llu MiB, hone holds %llu MiB",
                     mib(bytes), name, mib(left), mib(limit), mib(gpu->heap.held_bytes));
}

static void slab_destroy(struct hone_gpu *gpu, struct hone_gpu_slab *slab) {
    if (slab->memory) {
        gpu->vk.vkFreeMemory(gpu->device, slab->memory, NULL);
        gpu->heap.held_bytes -= slab->bytes;
        if (is_own(gpu, slab->type)) gpu->heap.own_held -= slab->bytes;
    }
    hone_gpu_spans_deinit(&slab->spans);
    hone_free(slab);
}

static hone_status slab_allocate(struct hone_gpu *gpu, struct hone_gpu_slab *slab,
                                 const char *name) {
    VkMemoryAllocateFlagsInfo flags = {.sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_FLAGS_INFO,
                                       .flags = VK_MEMORY_ALLOCATE_DEVICE_ADDRESS_BIT};
    bool addresses = gpu->plan.features & HONE_GPU_HAS_BUFFER_ADDRESS;
    VkMemoryAllocateInfo info = {
        .sType = VK_STRUCTURE_TYPE_MEMORY_ALLOCATE_INFO,
        .pNext = addresses ? &flags : NULL,
        .allocationSize = slab->bytes,
        .memoryTypeIndex = slab->type,
    };
    uint64_t limit;
    if (budget_left(gpu, slab->type, &limit) < slab->bytes)
        return fail_space(gpu, slab->bytes, name, slab->type);
    VkResult result = HONE_VK(gpu->vk.vkAllocateMemory(gpu->device, &info, NULL, &slab->memory));
    if (result == VK_ERROR_OUT_OF_DEVICE_MEMORY || result == VK_ERROR_OUT_OF_HOST_MEMORY ||
        result == VK_ERROR_TOO_MANY_OBJECTS)
        return fail_space(gpu, slab->bytes, name, slab->type);
    HONE_TRY(hone_gpu_check(gpu, result, "vkAllocateMemory"));
    gpu->heap.held_bytes += slab->bytes;
    if (is_own(gpu, slab->type)) gpu->heap.own_held += slab->bytes;
    if (!(gpu->snapshot.types[slab->type].flags & HONE_GPU_MEMORY_HOST_VISIBLE)) return HONE_OK;
    result =
        HONE_VK(gpu->vk.vkMapMemory(gpu->device, slab->memory, 0, VK_WHOLE_SIZE, 0, &slab->map));
    return hone_gpu_check(gpu, result, "vkMapMemory");
}

static hone_status slab_create(struct hone_gpu *gpu, uint8_t type, uint64_t bytes, const char *name,
                               struct hone_gpu_slab **out) {
    struct hone_gpu_heap *heap = &gpu->heap;
    *out = NULL;
    if (!hone_grow(&heap->slabs, &heap->capacity, heap->count + 1, sizeof *heap->slabs,
                   "memory slabs"))
        return HONE_OUT_OF_MEMORY;
    struct hone_gpu_slab *slab = hone_calloc(1, sizeof *slab, "a memory slab");
    if (!slab) return HONE_OUT_OF_MEMORY;
    slab->type = type;
    slab->bytes = slab->spans.bytes = bytes;
    hone_status status = slab_allocate(gpu, slab, name);
    if (status != HONE_OK) {
        slab_destroy(gpu, slab);
        return status;
    }
    heap->slabs[heap->count++] = slab;
    *out = slab;
    return HONE_OK;
}

static hone_status take_shared(struct hone_gpu *gpu, const VkMemoryRequirements *need,
                               uint64_t align, uint8_t type, struct hone_gpu_allocation *out) {
    for (size_t i = 0; i < gpu->heap.count; i++) {
        struct hone_gpu_slab *slab = gpu->heap.slabs[i];
        if (slab->type != type || slab->bytes > SLAB_SHARED_BYTES) continue;
        enum hone_gpu_span_result result =
            hone_gpu_spans_take(&slab->spans, need->size, align, &out->offset);
        if (result == HONE_GPU_SPAN_NO_MEMORY) return HONE_OUT_OF_MEMORY;
        if (result != HONE_GPU_SPAN_OK) continue;
        out->slab = slab;
        break;
    }
    return HONE_OK;
}

static hone_status take(struct hone_gpu *gpu, const VkMemoryRequirements *need, uint8_t type,
                        const char *name, struct hone_gpu_allocation *out) {
    // 256 bytes: no two buffers share a cache line, and every offset rule of every driver holds.
    uint64_t align = need->alignment > 256 ? need->alignment : 256;
    uint64_t bytes = need->size;
    uint64_t shared = shared_slab_bytes(gpu);
    if (need->size <= shared / (SLAB_SHARED_BYTES / SLAB_SHARE_LIMIT_BYTES)) {
        HONE_TRY(take_shared(gpu, need, align, type, out));
        if (out->slab) return HONE_OK;
        uint64_t limit, left = budget_left(gpu, type, &limit);
        // Where memory is short, a small slab that fits beats a large one that doesn't.
        if (left >= shared) bytes = shared;
    }
    struct hone_gpu_slab *slab;
    HONE_TRY(slab_create(gpu, type, bytes, name, &slab));
    enum hone_gpu_span_result result =
        hone_gpu_spans_take(&slab->spans, need->size, align, &out->offset);
    if (result == HONE_GPU_SPAN_OK) {
        out->slab = slab;
        return HONE_OK;
    }
    slab_destroy(gpu, slab);
    gpu->heap.count--;
    return HONE_OUT_OF_MEMORY;
}

static void note_taken(struct hone_gpu *gpu, uint64_t bytes, struct hone_gpu_allocation *out) {
    struct hone_gpu_heap *heap = &gpu->heap;
    if (!is_own(gpu, out->slab->type)) return;
    out->bytes = bytes;
    heap->used += bytes;
    if (heap->used > heap->peak) heap->peak = heap->used;
}

hone_status hone_gpu_heap_alloc(struct hone_gpu *gpu, const VkMemoryRequirements *need,
                                enum hone_gpu_memory memory, const char *name,
                                struct hone_gpu_allocation *out) {
    *out = (struct hone_gpu_allocation){0};
    const struct hone_gpu_type_order *order = &gpu->plan.memory[memory];
    uint64_t most = gpu->plan.caps.allocation_bytes;
    if (need->size > SLAB_MAX_BYTES || (most && need->size > most))
        return hone_fail(HONE_UNSUPPORTED,
                         "buffer '%s' of %llu MiB is above the device's limit of "
                         "%llu MiB",
                         name, mib(need->size),
                         mib(most && most < SLAB_MAX_BYTES ? most : SLAB_MAX_BYTES));
    hone_status status = HONE_UNSUPPORTED;
    for (int i = 0; i < order->count; i++) {
        if (!(need->memoryTypeBits >> order->types[i] & 1)) continue;
        status = take(gpu, need, order->types[i], name, out);
        if (status == HONE_OK) note_taken(gpu, need->size, out);
        if (status != HONE_OUT_OF_MEMORY) return status;
    }
    if (!order->count)
        return hone_fail(HONE_UNSUPPORTED, "%s has no memory: it can only compile kernels",
                         gpu->plan.caps.name);
    if (status == HONE_UNSUPPORTED)
        return hone_fail(HONE_UNSUPPORTED, "no memory type of the device can hold buffer '%s'",
                         name);
    return status;
}

void hone_gpu_heap_free(struct hone_gpu *gpu, struct hone_gpu_allocation *allocation) {
    struct hone_gpu_slab *slab = allocation->slab;
    if (!slab) return;
    hone_gpu_spans_give(&slab->spans, allocation->offset);
    gpu->heap.used -= allocation->bytes;
    *allocation = (struct hone_gpu_allocation){0};
    if (slab->spans.count) return;
    struct hone_gpu_heap *heap = &gpu->heap;
    for (size_t i = 0; i < heap->count; i++) {
        if (heap->slabs[i] != slab) continue;
        heap->slabs[i] = heap->slabs[--heap->count];
        break;
    }
    slab_destroy(gpu, slab);
}

struct hone_gpu_memory_use hone_gpu_memory_use(const struct hone_gpu *gpu) {
    return (struct hone_gpu_memory_use){
        .bytes = gpu->heap.used, .peak_bytes = gpu->heap.peak, .held_bytes = gpu->heap.own_held};
}

void hone_gpu_memory_mark(struct hone_gpu *gpu) {
    gpu->heap.peak = gpu->heap.used;
}

void hone_gpu_heap_deinit(struct hone_gpu *gpu) {
    for (size_t i = 0; i < gpu->heap.count; i++) slab_destroy(gpu, gpu->heap.slabs[i]);
    hone_free(gpu->heap.slabs);
    gpu->heap = (struct hone_gpu_heap){0};
}
