// internal.h: what the files of gpu/ share and nobody else includes: the structs behind gpu.h and
// the checks around every Vulkan call.
#ifndef HONE_GPU_INTERNAL_H
#define HONE_GPU_INTERNAL_H

#include "gpu/gpu.h"
#include "gpu/hazard.h"
#include "gpu/plan.h"
#include "gpu/span.h"
#include "gpu/vk.h"

#include <pthread.h>
#include <stdatomic.h>

// ---- Calls that can fail (check.c) ----

// Makes the call, unless a test asked for it to fail. Every call that returns VkResult goes through
// it.
#define HONE_VK(call) (hone_gpu_refused() ? hone_gpu_refusal() : (call))
bool hone_gpu_refused(void);
VkResult hone_gpu_refusal(void);
// Turns a result into a status; `what` is the Vulkan function. VK_ERROR_DEVICE_LOST marks the gpu
// (may be NULL).
hone_status hone_gpu_check(struct hone_gpu *gpu, VkResult result, const char *what);
// HONE_DEVICE_LOST with its message when the gpu is lost.
hone_status hone_gpu_alive(const struct hone_gpu *gpu);
#define HONE_VK_TRY(gpu, what, call) HONE_TRY(hone_gpu_check(gpu, HONE_VK(call), what))

// ---- Instance (instance.c) ----

struct hone_gpu_instance {
    VkInstance handle;
    VkDebugUtilsMessengerEXT messenger;
    bool validating;
    bool assisted;          // and what kernels access is checked on the device
    uint32_t layer_version; // of Vulkan, that the validation layer knows
};
hone_status hone_gpu_instance_open(bool validate, struct hone_gpu_instance *out);
void hone_gpu_instance_close(struct hone_gpu_instance *instance);
// The caller frees *out.
hone_status hone_gpu_instance_devices(const struct hone_gpu_instance *instance,
                                      VkPhysicalDevice **out, size_t *count);

// Whether an instance extension exists, in the layer of that name or (NULL) outside layers.
bool hone_gpu_has_extension(const char *layer, const char *name);

// ---- Validation (validation.c) ----

// What an instance under validation is made with. It points to itself, and must stay where it is.
enum { HONE_GPU_VALIDATION_EXTENSIONS = 3 };
struct hone_gpu_validation {
    const char *layer;
    const char *extensions[HONE_GPU_VALIDATION_EXTENSIONS];
    uint32_t extension_count;
    VkValidationFeaturesEXT features; // the first of the chain
    VkLayerSettingsCreateInfoEXT settings;
    VkDebugUtilsMessengerCreateInfoEXT messenger; // the last
};
// Sets validating, assisted and layer_version: what is asked for, as far as there is a layer for
// it.
void hone_gpu_validation_choose(bool validate, struct hone_gpu_instance *out);
void hone_gpu_validation_params(const struct hone_gpu_instance *instance,
                                struct hone_gpu_validation *out);

// ---- Snapshot (snapshot.c), enumeration (enumerate.c) ----

hone_status hone_gpu_snapshot_take(VkPhysicalDevice device, struct hone_gpu_snapshot *out);
void hone_gpu_uuid_text(const uint8_t uuid[16], char text[40]);
// One plan and its caps and details for each device of the instance; all arrays are the caller's.
hone_status hone_gpu_survey(const VkPhysicalDevice *devices, size_t count, struct hone_caps *caps,
                            struct hone_gpu_details *details);

// Held while instances and devices are made and destroyed, and for what else makes the loader walk
// its lists of them: volk keeps their functions in globals, and loaders write those lists without
// a lock that the walk takes (KhronosGroup/Vulkan-Loader, issue 2018: use after free).
extern pthread_mutex_t hone_gpu_instance_lock;

// ---- Heap (heap.c) ----

struct hone_gpu_slab {
    VkDeviceMemory memory;
    uint64_t bytes;
    void *map; // NULL: not host visible
    struct hone_gpu_spans spans;
    uint8_t type;
};

struct hone_gpu_heap {
    struct hone_gpu_slab **slabs;
    size_t count, capacity;
    uint64_t held_bytes;           // of all memory
    uint64_t used, peak, own_held; // of the device's own, see struct hone_gpu_memory_use
    uint64_t limit;                // of own_held; 0: none
};

struct hone_gpu_allocation {
    struct hone_gpu_slab *slab;
    uint64_t offset, bytes;
};

hone_status hone_gpu_heap_alloc(struct hone_gpu *gpu, const VkMemoryRequirements *need,
                                enum hone_gpu_memory memory, const char *name,
                                struct hone_gpu_allocation *out);
void hone_gpu_heap_free(struct hone_gpu *gpu, struct hone_gpu_allocation *allocation);
void hone_gpu_heap_deinit(struct hone_gpu *gpu);

struct hone_gpu_buffer {
    VkBuffer handle;
    struct hone_gpu_allocation allocation;
    uint64_t bytes;
    uint64_t address;
    void *map;
    char name[64];
};

// ---- Pipelines (pipeline.c) and their cache (cache.c) ----

struct hone_gpu_pipeline {
    const struct hone_kernel *kernel;
    uint64_t key;
    uint32_t subgroup_size;
    int spec_count;
    uint32_t *spec;
    VkPipeline handle;
    VkPipelineLayout layout; // shared, see hone_gpu_layout
    VkDescriptorSetLayout set_layout;
};

// Set and pipeline layouts are shared by all kernels with the same bindings and push size.
struct hone_gpu_layout {
    uint8_t bindings;
    uint16_t push_bytes;
    VkDescriptorSetLayout set;
    VkPipelineLayout pipeline;
};

struct hone_gpu_pipelines {
    struct hone_gpu_pipeline **items;
    size_t count, capacity;
    struct hone_gpu_layout *layouts;
    size_t layout_count, layout_capacity;
    VkPipelineCache cache;
    char path[1024]; // cache file, "": none
    bool dirty;
    uint64_t kept_hash; // of the driver data in the file; 0: none
    struct hone_gpu_cache_stats stats;
};

void hone_gpu_pipelines_deinit(struct hone_gpu *gpu);
// Flags for the creation of pipelines whose statistics are wanted (executable.c).
VkPipelineCreateFlags hone_gpu_capture_flags(const struct hone_gpu *gpu);
// Never fails for the sake of a file; without a usable one the cache starts empty.
hone_status hone_gpu_cache_open(struct hone_gpu *gpu, const char *dir);

// ---- Staging (transfer.c) ----

enum { HONE_GPU_STAGING_SLOTS = 2, HONE_GPU_STAGING_BYTES = 8 << 20 };

struct hone_gpu_staging {
    VkCommandPool pool;
    struct hone_gpu_staging_slot {
        struct hone_gpu_buffer *buffer;
        VkCommandBuffer commands;
        uint64_t ticket; // 0: never used
    } slots[HONE_GPU_STAGING_SLOTS];
};
void hone_gpu_staging_deinit(struct hone_gpu *gpu);

// ---- Device ----

struct hone_gpu {
    struct hone_gpu_instance instance;
    VkPhysicalDevice physical;
    VkDevice device;
    struct VolkDeviceTable vk;
    PFN_vkGetPhysicalDeviceMemoryProperties2 memory_properties;
    PFN_vkSetDebugUtilsObjectNameEXT set_name; // NULL without validation
    VkQueue queue;
    VkSemaphore timeline;
    uint64_t submitted; // the last ticket
    struct hone_gpu_snapshot snapshot;
    struct hone_gpu_plan plan;
    enum hone_gpu_capture capture; // what was asked for and is offered
    struct hone_gpu_heap heap;
    struct hone_gpu_pipelines pipelines;
    struct hone_gpu_staging staging;
    size_t live_buffers, live_recordings;
    bool hide_memory; // a test wants staging
    atomic_bool lost;
};

// ---- Recordings (record.c, timer.c) ----

struct hone_gpu_recording {
    struct hone_gpu *gpu;
    VkCommandPool commands_pool;
    VkCommandBuffer commands; // being recorded: parts[part_count - 1]
    VkCommandBuffer *parts;   // a submit each
    size_t part_count, part_capacity;
    bool part_used, dispatched; // commands since the last cut; the last of them a dispatch
    VkDescriptorPool *pools;    // the last one is being filled
    size_t pool_count, pool_capacity;
    VkQueryPool *queries; // 64 timestamps each
    size_t query_pool_count, query_pool_capacity;
    char (*labels)[48];
    size_t label_count, label_capacity;
    struct hone_gpu_hazards hazards;
    struct hone_gpu_recording_stats stats;
    struct hone_error_record failure; // the first failed record call
    bool ended;
    uint64_t ticket; // the last submit
};

// Every record call begins and ends with these two: a failure is kept for hone_gpu_recording_end().
hone_status hone_gpu_may_record(struct hone_gpu_recording *rec);
hone_status hone_gpu_keep(struct hone_gpu_recording *rec, hone_status status);

// Names a Vulkan object for validation messages and debuggers. Takes hone_gpu_instance_lock: the
// loader looks for the device among all of the process.
void hone_gpu_name(struct hone_gpu *gpu, VkObjectType type, uint64_t handle, const char *name);
// Submits a finished command buffer; the ticket is the value that the timeline gets.
hone_status hone_gpu_submit_commands(struct hone_gpu *gpu, VkCommandBuffer commands,
                                     uint64_t *ticket);
// Orders everything before in this queue, host writes included, before everything after.
void hone_gpu_full_barrier(struct hone_gpu *gpu, VkCommandBuffer commands);
// Makes device writes visible to the host once the submit is done.
void hone_gpu_host_barrier(struct hone_gpu *gpu, VkCommandBuffer commands);

#endif
