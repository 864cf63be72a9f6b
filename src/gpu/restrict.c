// restrict.c: see restrict.h. Two tables, limits and features, and a walk over the words.
#include "gpu/restrict.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
    size_t bytes; // of the field
} limit_rows[] = {
#define LIMIT(name, field)                                                                         \
    {                                                                                              \
        name, offsetof(struct hone_gpu_snapshot, field),                                           \
            sizeof((struct hone_gpu_snapshot *)0)->field                                           \
    }
    LIMIT("shared", shared_bytes),
    LIMIT("range", storage_range_bytes),
    LIMIT("allocation", allocation_bytes),
    LIMIT("push", push_bytes),
    LIMIT("invocations", workgroup_invocations),
#undef LIMIT
};
enum { LIMITS = sizeof limit_rows / sizeof *limit_rows };

static const uint32_t MATRIX = HONE_GPU_HAS_COOPERATIVE_MATRIX | HONE_GPU_HAS_MATRIX_WORKGROUP |
                               HONE_GPU_HAS_MATRIX_FLEXIBLE | HONE_GPU_HAS_MATRIX_PER_ELEMENT |
                               HONE_GPU_HAS_BFLOAT16 | HONE_GPU_HAS_MATRIX_BFLOAT16 |
                               HONE_GPU_HAS_MATRIX_TENSOR;

static void drop_f16(struct hone_gpu_snapshot *s) {
    s->features &= ~((uint32_t)HONE_GPU_HAS_FLOAT16 | MATRIX);
}
static void drop_storage16(struct hone_gpu_snapshot *s) {
    s->features &= ~((uint32_t)HONE_GPU_HAS_STORAGE_16BIT | MATRIX);
}
static void drop_storage8(struct hone_gpu_snapshot *s) {
    s->features &= ~(uint32_t)HONE_GPU_HAS_STORAGE_8BIT;
}
static void drop_int64(struct hone_gpu_snapshot *s) {
    s->features &= ~(uint32_t)HONE_GPU_HAS_INT64;
}
static void drop_address(struct hone_gpu_snapshot *s) {
    s->features &= ~(uint32_t)HONE_GPU_HAS_BUFFER_ADDRESS;
}
static void drop_subgroups(struct hone_gpu_snapshot *s) {
    s->subgroup_operations = HONE_GPU_SUBGROUP_BASIC; // Vulkan asks for these of every device
    s->subgroup_required_in_compute = false;
}
static void drop_matrix(struct hone_gpu_snapshot *s) {
    s->features &= ~MATRIX;
}
static void drop_timestamps(struct hone_gpu_snapshot *s) {
    for (uint32_t i = 0; i < s->family_count; i++) s->families[i].timestamp_bits = 0;
}

static void as_gpu(struct hone_gpu_snapshot *s) {
    if (s->kind == HONE_DEVICE_CPU) s->kind = HONE_DEVICE_INTEGRATED;
}

static const struct {
    const char *name;
    void (*apply)(struct hone_gpu_snapshot *s);
} feature_rows[] = {
    {"no-f16", drop_f16},
    {"no-storage16", drop_storage16},
    {"no-storage8", drop_storage8},
    {"no-int64", drop_int64},
    {"no-address", drop_address},
    {"no-subgroups", drop_subgroups},
    {"no-matrix", drop_matrix},
    {"no-timestamps", drop_timestamps},
    {"as-gpu", as_gpu},
};
enum { FEATURES = sizeof feature_rows / sizeof *feature_rows };

static const char small[] =
    "shared=16384 range=134217728 push=128 invocations=256 no-f16 no-storage16 no-storage8 "
    "no-int64 no-address no-subgroups no-matrix";

static void lower(struct hone_gpu_snapshot *s, int row, uint64_t most) {
    void *field = (char *)s + limit_rows[row].offset;
    if (limit_rows[row].bytes == sizeof(uint64_t)) {
        uint64_t *value = field;
        if (*value > most) *value = most;
    } else {
        uint32_t *value = field;
        if (*value > most) *value = (uint32_t)most;
    }
}

// The heap that tensors live in is the planner's to choose: all of them.
static void lower_heaps(struct hone_gpu_snapshot *s, uint64_t most) {
    for (uint32_t i = 0; i < s->heap_count; i++) {
        if (s->heaps[i].bytes > most) s->heaps[i].bytes = most;
        if (!s->heaps[i].budget_bytes || s->heaps[i].budget_bytes > most)
            s->heaps[i].budget_bytes = most;
    }
}

static hone_status unknown(const char *word) {
    char known[512] = "";
    size_t used = 0;
    for (int i = 0; i < LIMITS; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s=N, ", limit_rows[i].name);
    for (int i = 0; i < FEATURES; i++)
        used += (size_t)snprintf(known + used, sizeof known - used, "%s, ", feature_rows[i].name);
    return hone_fail(HONE_INVALID, "HONE_LIMITS: '%s' is not understood; there are %sheap=N, small",
                     word, known);
}

static hone_status apply_limit(struct hone_gpu_snapshot *s, const char *word, const char *number) {
    char *end;
    errno = 0;
    unsigned long long most = strtoull(number, &end, 10);
    size_t length = (size_t)(number - 1 - word);
    if (errno || end == number || *end || number[0] == '-') return unknown(word);
    for (int i = 0; i < LIMITS; i++)
        if (strlen(limit_rows[i].name) == length && !memcmp(word, limit_rows[i].name, length)) {
            lower(s, i, most);
            return HONE_OK;
        }
    if (length != 4 || memcmp(word, "heap", 4) != 0) return unknown(word);
    lower_heaps(s, most);
    return HONE_OK;
}

static hone_status apply(struct hone_gpu_snapshot *s, const char *word) {
    const char *equals = strchr(word, '=');
    if (equals) return apply_limit(s, word, equals + 1);
    if (strcmp(word, "small") == 0) return hone_gpu_restrict(s, small);
    for (int i = 0; i < FEATURES; i++)
        if (strcmp(word, feature_rows[i].name) == 0) {
            feature_rows[i].apply(s);
            return HONE_OK;
        }
    return unknown(word);
}

hone_status hone_gpu_restrict(struct hone_gpu_snapshot *snapshot, const char *limits) {
    if (!limits) return HONE_OK;
    for (size_t length; *limits; limits += length) {
        char word[64];
        limits += strspn(limits, ", ");
        length = strcspn(limits, ", ");
        if (!length) continue;
        snprintf(word, sizeof word, "%.*s", (int)length, limits);
        HONE_TRY(apply(snapshot, word));
    }
    return HONE_OK;
}
