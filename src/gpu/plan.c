// plan.c: a snapshot becomes a plan. Pure: the same snapshot gives the same plan, and tests need no
// device.
#include "gpu/plan.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const hone_gpu_extension_names[HONE_GPU_EXTENSIONS] = {
    "VK_EXT_subgroup_size_control",
    "VK_EXT_memory_budget",
    "VK_KHR_cooperative_matrix",
    "VK_KHR_portability_subset",
    "VK_KHR_pipeline_executable_properties",
    "VK_NV_cooperative_matrix2",
    "VK_KHR_shader_bfloat16",
    "VK_NV_shader_sm_builtins",
    "VK_AMD_shader_core_properties",
    "VK_ARM_shader_core_builtins",
};

uint32_t hone_gpu_unknown_extensions(uint32_t layer_version) {
    static const struct {
        uint32_t extension, minor, patch;
    } later[] = {
        {HONE_GPU_EXT_COOPERATIVE_MATRIX, 3, 255},
        {HONE_GPU_EXT_COOPERATIVE_MATRIX2, 3, 302},
        {HONE_GPU_EXT_BFLOAT16, 4, 311},
    };
    uint32_t unknown = 0;
    for (size_t i = 0; i < sizeof later / sizeof *later; i++)
        if (layer_version < (1u << 22 | later[i].minor << 12 | later[i].patch))
            unknown |= later[i].extension;
    return unknown;
}

// Conditions that are 0 hold for every device.
struct hone_gpu_quirk_row {
    uint32_t quirk;
    const char *reason;
    uint32_t vendor_id, driver_id;
    uint32_t subgroup_from, subgroup_below;
    uint32_t mesa_from, mesa_below;
};
#define HONE_GPU_MESA(major, minor) ((major) << 16 | (minor))
static const struct hone_gpu_quirk_row hone_gpu_quirk_rows[] = {
#define HONE_GPU_QUIRK(name, why, ...) {.quirk = HONE_GPU_QUIRK_##name, .reason = why, __VA_ARGS__},
#include "gpu/quirks.def"
#undef HONE_GPU_QUIRK
};
enum { HONE_GPU_QUIRK_ROWS = sizeof hone_gpu_quirk_rows / sizeof *hone_gpu_quirk_rows };

const struct hone_gpu_env hone_gpu_env_defaults[] = {
#define HONE_GPU_ENV(name, value) {name, value},
#include "gpu/quirks.def"
#undef HONE_GPU_ENV
    {NULL, NULL},
};

static void note(struct hone_gpu_plan *plan, const char *format, ...) HONE_PRINTF(2, 3);
static void note(struct hone_gpu_plan *plan, const char *format, ...) {
    size_t used = strlen(plan->notes);
    if (used && used + 2 < sizeof plan->notes) {
        memcpy(plan->notes + used, "; ", 3);
        used += 2;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(plan->notes + used, sizeof plan->notes - used, format, args);
    va_end(args);
}

static void refuse(struct hone_gpu_plan *plan, const char *format, ...) HONE_PRINTF(2, 3);
static void refuse(struct hone_gpu_plan *plan, const char *format, ...) {
    va_list args;
    va_start(args, format);
    vsnprintf(plan->reason, sizeof plan->reason, format, args);
    va_end(args);
    plan->usable = false;
}

// The release of Mesa behind a driver, 0 where it is another's. lavapipe's driverVersion is 0.0.1
// in every release, so the text says it: "Mesa 25.0.7-2 (LLVM 19.1.7)".
static uint32_t mesa_release(const char *driver_info) {
    unsigned major, minor;
    // NOLINTNEXTLINE(cert-err34-c): four digits do not overflow
    if (sscanf(driver_info, "Mesa %4u.%4u", &major, &minor) != 2) return 0;
    return HONE_GPU_MESA(major, minor);
}

static bool quirk_holds(const struct hone_gpu_quirk_row *row, const struct hone_gpu_snapshot *s) {
    uint32_t mesa = mesa_release(s->driver_info);
    if (row->vendor_id && row->vendor_id != s->vendor_id) return false;
    if (row->driver_id && row->driver_id != s->driver_id) return false;
    if (s->subgroup_min < row->subgroup_from) return false;
    if (row->subgroup_below && s->subgroup_min >= row->subgroup_below) return false;
    if (mesa < row->mesa_from) return false;
    return !row->mesa_below || (mesa && mesa < row->mesa_below);
}

static void plan_quirks(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    for (size_t i = 0; i < HONE_GPU_QUIRK_ROWS; i++)
        if (quirk_holds(&hone_gpu_quirk_rows[i], s)) plan->quirks |= hone_gpu_quirk_rows[i].quirk;
}

// Why a quirk holds for this device.
static const char *quirk_reason(uint32_t quirk, const struct hone_gpu_snapshot *s) {
    for (size_t i = 0; i < HONE_GPU_QUIRK_ROWS; i++)
        if (hone_gpu_quirk_rows[i].quirk == quirk && quirk_holds(&hone_gpu_quirk_rows[i], s))
            return hone_gpu_quirk_rows[i].reason;
    return "";
}

// Prefers a family that computes but doesn't draw: the desktop stays responsive while hone trains.
static bool plan_queue(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    int best = -1, best_score = -1;
    bool avoid_plain = plan->quirks & HONE_GPU_QUIRK_GRAPHICS_QUEUE;
    for (uint32_t i = 0; i < s->family_count; i++) {
        if (!(s->families[i].flags & HONE_GPU_QUEUE_COMPUTE) || !s->families[i].count) continue;
        bool draws = s->families[i].flags & HONE_GPU_QUEUE_GRAPHICS;
        int score = (draws == avoid_plain ? 2 : 0) + (s->families[i].timestamp_bits ? 1 : 0);
        if (score > best_score) {
            best = (int)i;
            best_score = score;
        }
    }
    if (best < 0) return false;
    plan->family = (uint32_t)best;
    plan->timestamp_bits = s->families[best].timestamp_bits;
    if (!plan->timestamp_bits) note(plan, "the queue has no timestamps: no times by segment");
    return true;
}

struct hone_gpu_type_order hone_gpu_plan_memory(const struct hone_gpu_snapshot *s,
                                                enum hone_gpu_memory memory) {
    const uint32_t local = HONE_GPU_MEMORY_DEVICE_LOCAL, cached = HONE_GPU_MEMORY_HOST_CACHED;
    const uint32_t host = HONE_GPU_MEMORY_HOST_VISIBLE | HONE_GPU_MEMORY_HOST_COHERENT;
    bool discrete = s->kind == HONE_DEVICE_DISCRETE || s->kind == HONE_DEVICE_VIRTUAL;
    int scores[HONE_GPU_MAX_TYPES];
    for (uint32_t i = 0; i < s->type_count; i++) {
        uint32_t flags = s->types[i].flags;
        bool is_local = flags & local, is_host = (flags & host) == host, is_cached = flags & cached;
        scores[i] = -1;
        if (flags & HONE_GPU_MEMORY_AVOID) continue;
        if (memory == HONE_GPU_DEVICE) {
            // A discrete GPU keeps its small host-visible window free; elsewhere it saves staging.
            // Cached or not matters where the host reads in place.
            if (is_local) scores[i] = discrete ? !is_host : (is_host ? 2 + is_cached : 0);
        } else if (is_host) {
            bool wants_cache = memory == HONE_GPU_READBACK;
            scores[i] = 2 * (is_cached == wants_cache) + (discrete ? !is_local : is_local);
        }
    }
    struct hone_gpu_type_order order = {0};
    for (int score = 3; score >= 0; score--)
        for (uint32_t i = 0; i < s->type_count; i++)
            if (scores[i] == score && order.count < HONE_GPU_MAX_ORDER)
                order.types[order.count++] = (uint8_t)i;
    return order;
}

// A device without any memory compiles kernels and runs nothing: drivers opened without their
// hardware.
static bool plan_memory(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    if (!s->type_count) {
        note(plan, "it has no memory and can only compile kernels");
        return true;
    }
    for (int kind = 0; kind < HONE_GPU_MEMORY_KINDS; kind++) {
        plan->memory[kind] = hone_gpu_plan_memory(s, (enum hone_gpu_memory)kind);
        if (!plan->memory[kind].count) return false;
    }
    const struct hone_gpu_memory_type *type = &s->types[plan->memory[HONE_GPU_DEVICE].types[0]];
    const struct hone_gpu_heap_info *heap = &s->heaps[type->heap];
    plan->caps.unified_memory = (type->flags & HONE_GPU_MEMORY_HOST_VISIBLE) != 0;
    plan->caps.heap_bytes = heap->budget_bytes ? heap->budget_bytes : heap->bytes;
    // Old CPU drivers report a constant; what they allocate from is the machine's memory.
    if (s->kind == HONE_DEVICE_CPU && !heap->budget_bytes && s->host_bytes / 4 * 3 > heap->bytes) {
        plan->caps.heap_bytes = s->host_bytes / 4 * 3;
        note(plan, "its heap size is a constant; three quarters of the machine's memory are used");
    }
    return true;
}

// Workgroup scope and bfloat16 matrices, each of which needs several features, go together or not
// at all.
static void plan_matrix_features(bool coop, uint32_t *features, uint32_t *extensions) {
    const uint32_t second = HONE_GPU_HAS_MATRIX_WORKGROUP | HONE_GPU_HAS_MATRIX_FLEXIBLE |
                            HONE_GPU_HAS_MATRIX_PER_ELEMENT | HONE_GPU_HAS_MATRIX_TENSOR |
                            HONE_GPU_HAS_MAINTENANCE4;
    const uint32_t bf16 = HONE_GPU_HAS_BFLOAT16 | HONE_GPU_HAS_MATRIX_BFLOAT16;
    if (!coop) {
        *features &= ~(uint32_t)HONE_GPU_HAS_COOPERATIVE_MATRIX;
        *extensions &= ~(uint32_t)HONE_GPU_EXT_COOPERATIVE_MATRIX;
    }
    if (!coop || !(*extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX2) ||
        (*features & second) != second) {
        *features &= ~second;
        *extensions &= ~(uint32_t)HONE_GPU_EXT_COOPERATIVE_MATRIX2;
    }
    if (!coop || !(*extensions & HONE_GPU_EXT_BFLOAT16) || (*features & bf16) != bf16) {
        *features &= ~bf16;
        *extensions &= ~(uint32_t)HONE_GPU_EXT_BFLOAT16;
    }
}

// What is enabled: each feature that the device has and hone may use, less what quirks forbid.
static void plan_features(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    uint32_t features = s->features;
    uint32_t extensions = s->extensions & ~(uint32_t)HONE_GPU_EXT_ANY_CORES;
    if (!(extensions & HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL) || !s->subgroup_required_in_compute)
        features &= ~(uint32_t)(HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL | HONE_GPU_HAS_FULL_SUBGROUPS);
    if (!(features & HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL))
        extensions &= ~(uint32_t)HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL;
    bool coop = (extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX) &&
                (features & HONE_GPU_HAS_COOPERATIVE_MATRIX) &&
                (features & HONE_GPU_HAS_MEMORY_MODEL);
    if (coop && (plan->quirks & HONE_GPU_QUIRK_NO_COOPERATIVE_MATRIX)) {
        note(plan, "cooperative matrices off: %s",
             quirk_reason(HONE_GPU_QUIRK_NO_COOPERATIVE_MATRIX, s));
        coop = false;
    }
    plan_matrix_features(coop, &features, &extensions);
    if (!(extensions & HONE_GPU_EXT_EXECUTABLE_PROPERTIES))
        features &= ~(uint32_t)HONE_GPU_HAS_EXECUTABLE_INFO;
    if (plan->quirks & HONE_GPU_QUIRK_NO_BUFFER_ADDRESS)
        features &= ~(uint32_t)HONE_GPU_HAS_BUFFER_ADDRESS;
    if (!(features & HONE_GPU_HAS_MEMORY_MODEL))
        features &= ~(uint32_t)HONE_GPU_HAS_MEMORY_MODEL_DEVICE;
    plan->features = features;
    plan->extensions = extensions;
}

static uint32_t plan_caps_features(const struct hone_gpu_snapshot *s, uint32_t enabled) {
    static const struct {
        uint32_t operation, feature;
    } subgroup[] = {
        {HONE_GPU_SUBGROUP_BASIC, HONE_FEATURE_SUBGROUP_BASIC},
        {HONE_GPU_SUBGROUP_ARITHMETIC, HONE_FEATURE_SUBGROUP_ARITHMETIC},
        {HONE_GPU_SUBGROUP_SHUFFLE, HONE_FEATURE_SUBGROUP_SHUFFLE},
        {HONE_GPU_SUBGROUP_BALLOT, HONE_FEATURE_SUBGROUP_BALLOT},
    };
    static const struct {
        uint32_t has, feature;
    } device[] = {
        {HONE_GPU_HAS_BUFFER_ADDRESS, HONE_FEATURE_BUFFER_ADDRESS},
        {HONE_GPU_HAS_FLOAT16, HONE_FEATURE_F16},
        {HONE_GPU_HAS_STORAGE_16BIT, HONE_FEATURE_STORAGE_16BIT},
        {HONE_GPU_HAS_STORAGE_8BIT, HONE_FEATURE_STORAGE_8BIT},
        {HONE_GPU_HAS_INT64, HONE_FEATURE_INT64},
        {HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL, HONE_FEATURE_SUBGROUP_SIZE_CONTROL},
        {HONE_GPU_HAS_COOPERATIVE_MATRIX, HONE_FEATURE_COOPERATIVE_MATRIX},
        {HONE_GPU_HAS_MATRIX_WORKGROUP, HONE_FEATURE_COOPERATIVE_MATRIX2},
        {HONE_GPU_HAS_MATRIX_BFLOAT16, HONE_FEATURE_BF16_MATRIX},
    };
    uint32_t features = s->kind == HONE_DEVICE_CPU ? HONE_FEATURE_CPU : 0;
    for (size_t i = 0; i < sizeof subgroup / sizeof *subgroup; i++)
        if (s->subgroup_operations & subgroup[i].operation) features |= subgroup[i].feature;
    for (size_t i = 0; i < sizeof device / sizeof *device; i++)
        if (enabled & device[i].has) features |= device[i].feature;
    return features;
}

// The matrix products that kernels may use: 16-bit factors, sums in fp32.
static void plan_matrices(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    struct hone_caps *caps = &plan->caps;
    if (!(caps->features & HONE_FEATURE_COOPERATIVE_MATRIX)) return;
    for (uint32_t i = 0; i < s->matrix_count && caps->matrix_count < HONE_CAPS_MATRICES; i++) {
        const struct hone_gpu_matrix *m = &s->matrices[i];
        bool f16 = m->a == HONE_GPU_COMPONENT_F16, bf16 = m->a == HONE_GPU_COMPONENT_BF16;
        if (m->b != m->a || m->c != HONE_GPU_COMPONENT_F32 || m->result != m->c || m->saturating ||
            !(f16 || bf16) || (bf16 && !(caps->features & HONE_FEATURE_BF16_MATRIX)) ||
            m->scope != (m->flexible ? HONE_GPU_SCOPE_WORKGROUP : HONE_GPU_SCOPE_SUBGROUP) ||
            (m->flexible && !(caps->features & HONE_FEATURE_COOPERATIVE_MATRIX2)))
            continue;
        caps->matrices[caps->matrix_count++] =
            (struct hone_matrix_shape){.m = (uint16_t)m->m,
                                       .n = (uint16_t)m->n,
                                       .k = (uint16_t)m->k,
                                       .type = f16 ? HONE_MATRIX_F16 : HONE_MATRIX_BF16,
                                       .workgroup = m->flexible,
                                       .invocations = (uint16_t)m->invocations};
    }
    caps->matrix_longest = s->matrix_longest;
    caps->matrix_subgroup = plan->quirks & HONE_GPU_QUIRK_SMALL_MATRIX_SUBGROUP
                                ? caps->subgroup_min
                                : caps->subgroup_max;
    if (!caps->matrix_count) {
        note(plan, "none of its cooperative matrices adds 16-bit products in fp32");
        caps->features &= ~(uint32_t)(HONE_FEATURE_COOPERATIVE_MATRIX |
                                      HONE_FEATURE_COOPERATIVE_MATRIX2 | HONE_FEATURE_BF16_MATRIX);
    }
}

// Where a driver does not say: what parts of this kind have in the middle of their range.
static uint32_t plan_cores(const struct hone_gpu_snapshot *s) {
    if (s->cores) return s->cores;
    switch (s->kind) {
    case HONE_DEVICE_DISCRETE:
    case HONE_DEVICE_VIRTUAL: return 32;
    default: return 8;
    }
}

static void plan_caps(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    struct hone_caps *caps = &plan->caps;
    memcpy(caps->name, s->name, sizeof caps->name);
    snprintf(caps->driver, sizeof caps->driver, "%.120s%s%.120s", s->driver_name,
             s->driver_info[0] ? " " : "", s->driver_info);
    caps->kind = s->kind;
    caps->vendor_id = s->vendor_id;
    caps->device_id = s->device_id;
    caps->features = plan_caps_features(s, plan->features);
    caps->fast_broadcast = plan->quirks & HONE_GPU_QUIRK_FAST_BROADCAST;
    caps->subgroup_size = s->subgroup_size;
    bool control = plan->features & HONE_GPU_HAS_SUBGROUP_SIZE_CONTROL;
    caps->subgroup_min = control && s->subgroup_min ? s->subgroup_min : s->subgroup_size;
    caps->subgroup_max = control && s->subgroup_max ? s->subgroup_max : s->subgroup_size;
    caps->shared_bytes = s->shared_bytes;
    caps->cores = plan_cores(s);
    caps->workgroup_invocations = s->workgroup_invocations;
    memcpy(caps->workgroup_size, s->workgroup_size, sizeof caps->workgroup_size);
    memcpy(caps->workgroup_count, s->workgroup_count, sizeof caps->workgroup_count);
    caps->push_bytes = s->push_bytes;
    caps->storage_range_bytes = s->storage_range_bytes;
    caps->storage_offset_align = s->storage_offset_align;
    caps->allocation_bytes = s->allocation_bytes;
    caps->timestamp_ns = plan->timestamp_bits ? s->timestamp_period_ns : 0.0f;
    plan_matrices(s, plan);
}

void hone_gpu_plan_device(const struct hone_gpu_snapshot *s, struct hone_gpu_plan *plan) {
    *plan = (struct hone_gpu_plan){.usable = true};
    plan_quirks(s, plan);
    bool has_queue = plan_queue(s, plan);
    plan_features(s, plan);
    bool has_memory = plan_memory(s, plan);
    plan_caps(s, plan);
    // Major and minor, as VK_MAKE_API_VERSION packs them.
    uint32_t major = s->api_version >> 22 & 0x7f, minor = s->api_version >> 12 & 0x3ff;
    if (major < 1 || (major == 1 && minor < 2))
        refuse(plan, "it offers Vulkan %u.%u and hone needs 1.2: update the driver", major, minor);
    else if (!has_queue)
        refuse(plan, "it has no compute queue");
    else if (!(s->features & HONE_GPU_HAS_TIMELINE))
        refuse(plan, "its driver lacks timeline semaphores: update the driver");
    else if (!has_memory)
        refuse(plan, "it has no memory type that hone can use");
}

const char *hone_gpu_kind_name(enum hone_device_kind kind) {
    static const char *const names[] = {"discrete", "integrated", "virtual", "cpu", "other"};
    return (unsigned)kind < sizeof names / sizeof *names ? names[kind] : "other";
}

void hone_gpu_feature_text(uint32_t features, char *text, size_t bytes) {
    static const struct {
        uint32_t feature;
        const char *name;
    } names[] = {
        {HONE_FEATURE_SUBGROUP_BASIC, "subgroup-basic"},
        {HONE_FEATURE_SUBGROUP_ARITHMETIC, "subgroup-arithmetic"},
        {HONE_FEATURE_SUBGROUP_SHUFFLE, "subgroup-shuffle"},
        {HONE_FEATURE_SUBGROUP_BALLOT, "subgroup-ballot"},
        {HONE_FEATURE_SUBGROUP_SIZE_CONTROL, "subgroup-size-control"},
        {HONE_FEATURE_BUFFER_ADDRESS, "buffer-address"},
        {HONE_FEATURE_F16, "f16"},
        {HONE_FEATURE_STORAGE_16BIT, "storage-16bit"},
        {HONE_FEATURE_STORAGE_8BIT, "storage-8bit"},
        {HONE_FEATURE_INT64, "int64"},
        {HONE_FEATURE_COOPERATIVE_MATRIX, "cooperative-matrix"},
        {HONE_FEATURE_COOPERATIVE_MATRIX2, "cooperative-matrix2"},
        {HONE_FEATURE_BF16_MATRIX, "bf16-matrix"},
        {HONE_FEATURE_CPU, "cpu-driver"},
    };
    size_t used = 0;
    if (bytes) text[0] = 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!(features & names[i].feature) || used >= bytes) continue;
        int length = snprintf(text + used, bytes - used, "%s%s", used ? " " : "", names[i].name);
        used += length > 0 ? (size_t)length : 0;
    }
}

void hone_gpu_matrix_text(const struct hone_caps *caps, char *text, size_t bytes) {
    size_t used = 0;
    if (bytes) text[0] = 0;
    for (uint32_t i = 0; i < caps->matrix_count && used < bytes; i++) {
        const struct hone_matrix_shape *m = &caps->matrices[i];
        char scope[40] = "";
        if (m->workgroup) snprintf(scope, sizeof scope, " in workgroups of %u", m->invocations);
        int length = snprintf(text + used, bytes - used, "%s%ux%ux%u %s%s", used ? ", " : "", m->m,
                              m->n, m->k, m->type == HONE_MATRIX_F16 ? "f16" : "bf16", scope);
        used += length > 0 ? (size_t)length : 0;
    }
}
