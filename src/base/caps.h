// caps.h: what a device can do, as plain numbers. Filled by gpu/ from Vulkan, made up by tests, and
// read by ops/ and exec/ to choose kernels; nobody who reads it needs to know Vulkan.
#ifndef HONE_BASE_CAPS_H
#define HONE_BASE_CAPS_H

#include <stdbool.h>
#include <stdint.h>

enum hone_device_kind {
    HONE_DEVICE_DISCRETE,
    HONE_DEVICE_INTEGRATED,
    HONE_DEVICE_VIRTUAL,
    HONE_DEVICE_CPU,
    HONE_DEVICE_OTHER,
};

// Features that a kernel row may need, as bits. A row runs when (row.needs & ~caps.features) == 0.
enum hone_feature {
    HONE_FEATURE_SUBGROUP_BASIC = 1 << 0,
    HONE_FEATURE_SUBGROUP_ARITHMETIC = 1 << 1,
    HONE_FEATURE_SUBGROUP_SHUFFLE = 1 << 2,
    HONE_FEATURE_SUBGROUP_BALLOT = 1 << 3,     // subgroupBroadcast belongs here
    HONE_FEATURE_BUFFER_ADDRESS = 1 << 4,      // bufferDeviceAddress
    HONE_FEATURE_F16 = 1 << 5,                 // shaderFloat16
    HONE_FEATURE_STORAGE_16BIT = 1 << 6,       // 16-bit storage buffers
    HONE_FEATURE_STORAGE_8BIT = 1 << 7,        // 8-bit storage buffers
    HONE_FEATURE_INT64 = 1 << 8,               // shaderInt64
    HONE_FEATURE_SUBGROUP_SIZE_CONTROL = 1 << 9,
    HONE_FEATURE_COOPERATIVE_MATRIX = 1 << 10, // VK_KHR_cooperative_matrix
    HONE_FEATURE_CPU = 1 << 11,                // a CPU driver (lavapipe and its like)
    HONE_FEATURE_COOPERATIVE_MATRIX2 = 1 << 12, // VK_NV_cooperative_matrix2: workgroup scope
    HONE_FEATURE_BF16_MATRIX = 1 << 13,        // bfloat16 in cooperative matrices
};

// A cooperative matrix product D (m,n) = A (m,k) B (k,n) + C that the device offers with fp32
// accumulation: the only kind that hone uses. In workgroup scope m, n and k are granules, of which
// the sizes are multiples, and a workgroup has that many invocations.
enum hone_matrix_type { HONE_MATRIX_F16, HONE_MATRIX_BF16 };
struct hone_matrix_shape {
    uint16_t m, n, k;
    uint8_t type;         // enum hone_matrix_type of A and B
    bool workgroup;       // scope: the workgroup, else a subgroup
    uint16_t invocations; // workgroup scope only
};
enum { HONE_CAPS_MATRICES = 24 };

struct hone_caps {
    char name[256];          // device name as the driver gives it
    char driver[256];        // driver name and version, for messages and cache keys
    enum hone_device_kind kind;
    uint32_t vendor_id, device_id;
    uint32_t features;       // enum hone_feature bits
    uint32_t subgroup_size;  // default size
    uint32_t subgroup_min, subgroup_max;
    bool fast_broadcast;     // subgroupBroadcast beats a shuffle from a constant lane
    uint32_t shared_bytes;   // shared memory per workgroup
    uint32_t cores;          // units that run workgroups side by side (SM, CU); a guess where unknown
    uint32_t workgroup_invocations;
    uint32_t workgroup_size[3];
    uint32_t workgroup_count[3];
    uint32_t push_bytes;
    uint64_t storage_range_bytes;    // largest storage-buffer binding
    uint32_t storage_offset_align;   // minStorageBufferOffsetAlignment
    uint64_t allocation_bytes;       // largest single allocation
    uint64_t heap_bytes;             // device-local heap budget
    bool unified_memory;             // device-local memory is host-visible
    float timestamp_ns;              // nanoseconds a timestamp tick; 0: no timestamps
    struct hone_matrix_shape matrices[HONE_CAPS_MATRICES];
    uint32_t matrix_count;
    uint32_t matrix_subgroup;        // subgroup size that kernels with such matrices ask for
    uint32_t matrix_longest;         // side of a matrix in workgroup scope, 0: unknown
};

#endif
