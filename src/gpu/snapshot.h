// snapshot.h: everything that hone asks a physical device, as plain data. Vulkan fills it in
// snapshot.c; tests make it up; plan.c decides from it. No Vulkan type is seen here, the numbers
// keep Vulkan's meaning.
#ifndef HONE_GPU_SNAPSHOT_H
#define HONE_GPU_SNAPSHOT_H

#include "base/caps.h"

#include <stdbool.h>
#include <stdint.h>

// Device extensions that matter, as bits.
enum hone_gpu_extension {
    HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL = 1 << 0,
    HONE_GPU_EXT_MEMORY_BUDGET = 1 << 1,
    HONE_GPU_EXT_COOPERATIVE_MATRIX = 1 << 2,
    HONE_GPU_EXT_PORTABILITY_SUBSET = 1 << 3, // must be enabled where it exists
    HONE_GPU_EXT_EXECUTABLE_PROPERTIES = 1 << 4,
    HONE_GPU_EXT_COOPERATIVE_MATRIX2 = 1 << 5,
    HONE_GPU_EXT_BFLOAT16 = 1 << 6,
    // Asked for the number of cores, never enabled.
    HONE_GPU_EXT_NV_CORES = 1 << 7,
    HONE_GPU_EXT_AMD_CORES = 1 << 8,
    HONE_GPU_EXT_ARM_CORES = 1 << 9,
    HONE_GPU_EXT_ANY_CORES =
        HONE_GPU_EXT_NV_CORES | HONE_GPU_EXT_AMD_CORES | HONE_GPU_EXT_ARM_CORES,
};
enum { HONE_GPU_EXTENSIONS = 10 };
extern const char *const hone_gpu_extension_names[HONE_GPU_EXTENSIONS];

// Device features that matter, as bits.
enum hone_gpu_device_feature {
    HONE_GPU_HAS_TIMELINE = 1 << 0,
    HONE_GPU_HAS_FLOAT16 = 1 << 1,
    HONE_GPU_HAS_INT8 = 1 << 2,
    HONE_GPU_HAS_INT16 = 1 << 3,
    HONE_GPU_HAS_INT64 = 1 << 4,
    HONE_GPU_HAS_STORAGE_16BIT = 1 << 5,
    HONE_GPU_HAS_STORAGE_8BIT = 1 << 6,
    HONE_GPU_HAS_BUFFER_ADDRESS = 1 << 7,
    HONE_GPU_HAS_SCALAR_LAYOUT = 1 << 8,
    HONE_GPU_HAS_MEMORY_MODEL = 1 << 9,
    HONE_GPU_HAS_MEMORY_MODEL_DEVICE = 1 << 10,
    HONE_GPU_HAS_SUBGROUP_EXTENDED_TYPES = 1 << 11,
    HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL = 1 << 12,
    HONE_GPU_HAS_FULL_SUBGROUPS = 1 << 13,
    HONE_GPU_HAS_COOPERATIVE_MATRIX = 1 << 14,
    HONE_GPU_HAS_EXECUTABLE_INFO = 1 << 15,
    HONE_GPU_HAS_MATRIX_WORKGROUP = 1 << 16,   // workgroup scope
    HONE_GPU_HAS_MATRIX_FLEXIBLE = 1 << 17,    // sizes that are multiples of granules
    HONE_GPU_HAS_MATRIX_PER_ELEMENT = 1 << 18, // a function of each element
    HONE_GPU_HAS_BFLOAT16 = 1 << 19,
    HONE_GPU_HAS_MATRIX_BFLOAT16 = 1 << 20,
    HONE_GPU_HAS_MATRIX_TENSOR = 1 << 21, // operands that are boxes of tensors
    HONE_GPU_HAS_MAINTENANCE4 = 1 << 22,  // workgroup sizes as SPIR-V 1.6 says them; Vulkan 1.3
};

// Subgroup operations in compute, as VkSubgroupFeatureFlagBits.
enum {
    HONE_GPU_SUBGROUP_BASIC = 0x1,
    HONE_GPU_SUBGROUP_VOTE = 0x2,
    HONE_GPU_SUBGROUP_ARITHMETIC = 0x4,
    HONE_GPU_SUBGROUP_BALLOT = 0x8,
    HONE_GPU_SUBGROUP_SHUFFLE = 0x10,
};

// As VkQueueFlagBits.
enum { HONE_GPU_QUEUE_GRAPHICS = 0x1, HONE_GPU_QUEUE_COMPUTE = 0x2 };

// As VkMemoryPropertyFlagBits.
enum {
    HONE_GPU_MEMORY_DEVICE_LOCAL = 0x1,
    HONE_GPU_MEMORY_HOST_VISIBLE = 0x2,
    HONE_GPU_MEMORY_HOST_COHERENT = 0x4,
    HONE_GPU_MEMORY_HOST_CACHED = 0x8,
    // Types that hone never takes: lazily allocated, protected, AMD's device coherent ones.
    HONE_GPU_MEMORY_AVOID = 0x10 | 0x20 | 0x40 | 0x80,
};

// As VkComponentTypeKHR and VkScopeKHR.
enum {
    HONE_GPU_COMPONENT_F16 = 0,
    HONE_GPU_COMPONENT_F32 = 1,
    HONE_GPU_COMPONENT_BF16 = 1000141000,
};
enum { HONE_GPU_SCOPE_WORKGROUP = 2, HONE_GPU_SCOPE_SUBGROUP = 3 };

enum { HONE_GPU_MAX_FAMILIES = 16, HONE_GPU_MAX_TYPES = 32, HONE_GPU_MAX_HEAPS = 16 };
enum { HONE_GPU_MAX_MATRICES = 128 };

struct hone_gpu_family {
    uint32_t flags, count, timestamp_bits;
};
struct hone_gpu_memory_type {
    uint32_t flags, heap;
};
struct hone_gpu_heap_info {
    uint64_t bytes;
    uint64_t budget_bytes; // 0: unknown
    bool device_local;
};

// One line of what the device says of cooperative matrices, with component types and scope as
// above.
struct hone_gpu_matrix {
    uint32_t m, n, k; // sizes; granules where they are flexible
    uint32_t a, b, c, result, scope;
    uint32_t invocations; // of a workgroup, in its scope with flexible sizes
    bool flexible, saturating;
};

struct hone_gpu_snapshot {
    char name[256], driver_name[256], driver_info[256];
    uint8_t uuid[16];
    uint32_t api_version, driver_version, vendor_id, device_id;
    uint32_t driver_id; // VkDriverId
    enum hone_device_kind kind;
    uint32_t extensions; // enum hone_gpu_extension
    uint32_t features;   // enum hone_gpu_device_feature

    struct hone_gpu_family families[HONE_GPU_MAX_FAMILIES];
    uint32_t family_count;
    struct hone_gpu_memory_type types[HONE_GPU_MAX_TYPES];
    uint32_t type_count;
    struct hone_gpu_heap_info heaps[HONE_GPU_MAX_HEAPS];
    uint32_t heap_count;
    uint64_t host_bytes; // memory of the machine, 0: unknown
    uint32_t cores;      // of the device (a CPU's: processors of the machine), 0: unknown

    uint32_t subgroup_size, subgroup_min, subgroup_max;
    uint32_t subgroup_operations;      // in compute shaders
    bool subgroup_required_in_compute; // a required size may be set on compute stages
    uint32_t shared_bytes, workgroup_invocations, workgroup_size[3], workgroup_count[3];
    uint32_t push_bytes, storage_offset_align, bound_storage_buffers;
    uint64_t storage_range_bytes, allocation_bytes;
    float timestamp_period_ns;
    struct hone_gpu_matrix matrices[HONE_GPU_MAX_MATRICES];
    uint32_t matrix_count;
    uint32_t matrix_longest; // side of a flexible matrix, 0: unknown
};

#endif
