// plan.h: decisions, as pure functions of snapshots: whether a device can be used, its queue
// family, extensions, features and memory types, the caps that kernels see, and which device a
// request means. Every decision that a user may wonder about leaves a sentence in `notes`.
#ifndef HONE_GPU_PLAN_H
#define HONE_GPU_PLAN_H

#include "base/error.h"
#include "gpu/gpu.h"
#include "gpu/snapshot.h"

// Vendor- and driver-specific switches; the table is quirks.def.
enum hone_gpu_quirk {
    HONE_GPU_QUIRK_NO_COOPERATIVE_MATRIX = 1 << 0,
    HONE_GPU_QUIRK_GRAPHICS_QUEUE = 1 << 1, // the compute-only queue is not to be trusted
    HONE_GPU_QUIRK_NO_BUFFER_ADDRESS = 1 << 2,
    HONE_GPU_QUIRK_FAST_BROADCAST = 1 << 3, // hone_caps.fast_broadcast
    HONE_GPU_QUIRK_SMALL_MATRIX_SUBGROUP = 1 << 4, // matrix units work on the smallest subgroup
};

enum { HONE_GPU_MEMORY_KINDS = 3, HONE_GPU_MAX_ORDER = 8 };

// Memory types to try for one kind of buffer, best first.
struct hone_gpu_type_order {
    uint8_t types[HONE_GPU_MAX_ORDER];
    uint8_t count;
};

struct hone_gpu_plan {
    bool usable;
    char reason[256]; // why not
    char notes[512];
    uint32_t family;
    uint32_t timestamp_bits;
    uint32_t extensions; // to enable
    uint32_t features;   // to enable
    uint32_t quirks;
    struct hone_gpu_type_order memory[HONE_GPU_MEMORY_KINDS]; // by enum hone_gpu_memory
    struct hone_caps caps;
};

void hone_gpu_plan_device(const struct hone_gpu_snapshot *snapshot, struct hone_gpu_plan *plan);

// Memory types in order of preference for a kind of buffer.
struct hone_gpu_type_order hone_gpu_plan_memory(const struct hone_gpu_snapshot *snapshot,
                                                enum hone_gpu_memory memory);

// Which of `count` devices a request (hone_gpu_open_params.device) means. Devices that can't be
// used are never the default, and naming one says why it can't.
hone_status hone_gpu_choose(const struct hone_caps *caps, const struct hone_gpu_details *details,
                            size_t count, const char *request, size_t *index);

// The extensions (enum hone_gpu_extension) that came after a version of Vulkan, as a layer gives
// it: a validation layer from before an extension takes its use for an error.
uint32_t hone_gpu_unknown_extensions(uint32_t layer_version);

// "subgroup arithmetic, f16, ..." of enum hone_feature bits.
void hone_gpu_feature_text(uint32_t features, char *text, size_t bytes);
// "16x16x16 f16, 16x16x16 bf16, 32x16x16 f16 in workgroups of 256" of the cooperative matrices.
void hone_gpu_matrix_text(const struct hone_caps *caps, char *text, size_t bytes);
const char *hone_gpu_kind_name(enum hone_device_kind kind);

// Defaults of environment variables that CPU drivers read when they are loaded.
struct hone_gpu_env {
    const char *name, *value; // set only where the user has not
};
extern const struct hone_gpu_env hone_gpu_env_defaults[]; // ends with a NULL name

#endif
