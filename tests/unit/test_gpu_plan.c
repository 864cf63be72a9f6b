// test_gpu_plan: decisions about made-up devices: usability, queues, memory types, features,
// quirks, choice.
#include "support/support.h"

#include "gpu/plan.h"

#include <stdio.h>
#include <string.h>

enum {
    LOCAL = HONE_GPU_MEMORY_DEVICE_LOCAL,
    HOST = HONE_GPU_MEMORY_HOST_VISIBLE | HONE_GPU_MEMORY_HOST_COHERENT,
    CACHED = HONE_GPU_MEMORY_HOST_CACHED,
    GRAPHICS = HONE_GPU_QUEUE_GRAPHICS,
    COMPUTE = HONE_GPU_QUEUE_COMPUTE,
    F16 = HONE_GPU_COMPONENT_F16,
    BF16 = HONE_GPU_COMPONENT_BF16,
    F32 = HONE_GPU_COMPONENT_F32,
    SUBGROUP = HONE_GPU_SCOPE_SUBGROUP,
    WORKGROUP = HONE_GPU_SCOPE_WORKGROUP,
};
#define API(major, minor) ((uint32_t)(major) << 22 | (uint32_t)(minor) << 12)
#define GIB(n)            ((uint64_t)(n) << 30)

// A discrete GPU as NVIDIA and AMD show themselves: a BAR window, a compute-only family.
static struct hone_gpu_snapshot discrete(void) {
    struct hone_gpu_snapshot s = {
        .name = "Made-up 9000",
        .driver_name = "fancy",
        .driver_info = "1.2.3",
        .uuid = {1, 2, 3},
        .api_version = API(1, 3),
        .kind = HONE_DEVICE_DISCRETE,
        .extensions = HONE_GPU_EXT_SUBGROUP_SIZE_CONTROL | HONE_GPU_EXT_MEMORY_BUDGET |
                      HONE_GPU_EXT_COOPERATIVE_MATRIX | HONE_GPU_EXT_COOPERATIVE_MATRIX2 |
                      HONE_GPU_EXT_BFLOAT16,
        .features = (1u << 23) - 1,
        .families = {{GRAPHICS | COMPUTE, 1, 64}, {COMPUTE, 4, 64}, {0, 1, 64}},
        .family_count = 3,
        .types = {{LOCAL, 0},
                  {HOST, 1},
                  {HOST | CACHED, 1},
                  {LOCAL | HOST, 0},
                  {LOCAL | HOST | 0x40, 0}},
        .type_count = 5,
        .heaps = {{GIB(8), GIB(7), true}, {GIB(16), GIB(15), false}},
        .heap_count = 2,
        .subgroup_size = 64,
        .subgroup_min = 32,
        .subgroup_max = 64,
        .subgroup_operations = 0x1f,
        .subgroup_required_in_compute = true,
        .timestamp_period_ns = 10,
        .matrices = {{16, 16, 16, F16, F16, F16, F16, SUBGROUP, 0, false, false}, // sums in f16
                     {16, 16, 16, F16, F16, F32, F32, SUBGROUP, 0, false, false},
                     {16, 16, 32, 3, 3, 5, 5, SUBGROUP, 0, false, false}, // integers
                     {16, 8, 16, F16, F16, F32, F32, SUBGROUP, 0, false, true},
                     {16, 16, 16, BF16, BF16, F32, F32, SUBGROUP, 0, false, false},
                     {16, 16, 16, F16, F16, F32, F32, SUBGROUP, 0, true, false},
                     {32, 16, 16, F16, F16, F32, F32, WORKGROUP, 256, true, false}},
        .matrix_count = 7,
    };
    return s;
}

static struct hone_gpu_snapshot cpu(void) {
    struct hone_gpu_snapshot s = discrete();
    s.kind = HONE_DEVICE_CPU;
    s.extensions = 0;
    s.family_count = 1;
    s.types[0] = (struct hone_gpu_memory_type){LOCAL | HOST | CACHED, 0};
    s.type_count = 1;
    s.heaps[0] = (struct hone_gpu_heap_info){GIB(2), 0, true};
    s.heap_count = 1;
    s.subgroup_size = s.subgroup_min = s.subgroup_max = 8;
    return s;
}

static void test_discrete(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    hone_gpu_plan_device(&s, &plan);
    assert_true(plan.usable);
    assert_int_equal(plan.family, 1); // the compute-only one
    assert_false(plan.caps.unified_memory);
    assert_int_equal(plan.caps.heap_bytes, GIB(7)); // the budget
    assert_int_equal(plan.caps.features & HONE_FEATURE_CPU, 0);
    assert_true(plan.caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_true(plan.caps.features & HONE_FEATURE_SUBGROUP_BALLOT);
    assert_int_equal(plan.caps.subgroup_min, 32);
    assert_string_equal(plan.caps.driver, "fancy 1.2.3");
    assert_int_equal(plan.memory[HONE_GPU_DEVICE].types[0], 0);
    assert_int_equal(plan.memory[HONE_GPU_DEVICE].types[1], 3);
    assert_int_equal(plan.memory[HONE_GPU_UPLOAD].types[0], 1);
    assert_int_equal(plan.memory[HONE_GPU_READBACK].types[0], 2);
    for (int kind = 0; kind < HONE_GPU_MEMORY_KINDS; kind++)
        for (int i = 0; i < plan.memory[kind].count; i++)
            assert_int_not_equal(plan.memory[kind].types[i], 4); // AMD's coherent type
}

static void test_cpu(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = cpu();
    struct hone_gpu_plan plan;
    hone_gpu_plan_device(&s, &plan);
    assert_true(plan.usable && plan.caps.unified_memory);
    assert_true(plan.caps.features & HONE_FEATURE_CPU);
    assert_int_equal(plan.caps.heap_bytes, GIB(2));
    // Without the extensions their features are off, whatever the driver says of them.
    assert_int_equal(plan.caps.features &
                         (HONE_FEATURE_SUBGROUP_SIZE_CONTROL | HONE_FEATURE_COOPERATIVE_MATRIX),
                     0);
    assert_int_equal(plan.features & HONE_GPU_HAS_FULL_SUBGROUPS, 0);
    assert_int_equal(plan.caps.subgroup_min, 8);
    s.host_bytes = GIB(16);
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.heap_bytes, GIB(12));
    s.heaps[0].budget_bytes = GIB(3);
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.heap_bytes, GIB(3)); // the driver knows better
}

static void test_integrated(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    s.kind = HONE_DEVICE_INTEGRATED;
    hone_gpu_plan_device(&s, &plan);
    assert_true(plan.caps.unified_memory);
    assert_int_equal(plan.memory[HONE_GPU_DEVICE].types[0], 3);
}

static void expect_refused(const struct hone_gpu_snapshot *s, const char *text) {
    struct hone_gpu_plan plan;
    hone_gpu_plan_device(s, &plan);
    assert_false(plan.usable);
    if (!strstr(plan.reason, text)) fail_msg("'%s' lacks '%s'", plan.reason, text);
}

static void test_refused(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    s.api_version = API(1, 1);
    expect_refused(&s, "Vulkan 1.1 and hone needs 1.2");
    s = discrete();
    s.family_count = 0;
    expect_refused(&s, "no compute queue");
    s = discrete();
    s.features &= ~(uint32_t)HONE_GPU_HAS_TIMELINE;
    expect_refused(&s, "timeline semaphores");
    s = discrete();
    s.type_count = 1; // nothing that the host can see
    expect_refused(&s, "no memory type");
}

static void test_no_memory(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    s.type_count = s.heap_count = 0;
    hone_gpu_plan_device(&s, &plan);
    assert_true(plan.usable);
    assert_int_equal(plan.caps.heap_bytes, 0);
    assert_non_null(strstr(plan.notes, "can only compile"));
}

static void test_queues(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    s.families[1].timestamp_bits = 0; // still the family that doesn't draw, without times
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.family, 1);
    assert_true(plan.caps.timestamp_ns == 0.0f);
    assert_non_null(strstr(plan.notes, "no timestamps"));
    s.families[1].count = 0;
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.family, 0);
    assert_true(plan.caps.timestamp_ns == 10.0f);
}

static void test_quirks(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    s.vendor_id = 0x8086;
    s.driver_id = 6;
    s.subgroup_min = 8;
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.features & HONE_FEATURE_COOPERATIVE_MATRIX, 0);
    assert_int_equal(plan.extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX, 0);
    assert_non_null(strstr(plan.notes, "cooperative matrices off: Mesa emulates"));
    s.subgroup_min = 16; // Xe2 has the units
    hone_gpu_plan_device(&s, &plan);
    assert_true(plan.caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_string_equal(plan.notes, "");
}

static bool fast_broadcast(struct hone_gpu_snapshot s, const char *info, uint32_t lanes) {
    struct hone_gpu_plan plan;
    snprintf(s.driver_info, sizeof s.driver_info, "%s", info);
    s.subgroup_size = s.subgroup_min = s.subgroup_max = lanes;
    hone_gpu_plan_device(&s, &plan);
    return plan.caps.fast_broadcast;
}

// Releases of Mesa order by number, not by text, and another driver's text is none.
static void test_broadcast(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = cpu();
    s.driver_id = 13;
    assert_true(fast_broadcast(s, "Mesa 25.0.7-2~bpo12+1 (LLVM 15.0.6)", 16));
    assert_true(fast_broadcast(s, "Mesa 24.0.0", 16));
    assert_true(fast_broadcast(s, "Mesa 100.1", 16));
    assert_false(fast_broadcast(s, "Mesa 23.3.6", 16));
    assert_false(fast_broadcast(s, "Mesa 22.3.6 (LLVM 15.0.6)", 16));
    assert_false(fast_broadcast(s, "Mesa 25.0.7", 8));
    assert_false(fast_broadcast(s, "", 16));
    assert_false(fast_broadcast(s, "Mesa", 16));
    assert_false(fast_broadcast(s, "25.0.7", 16));
    s.driver_id = 3;
    assert_false(fast_broadcast(s, "Mesa 25.0.7", 16));
}

static void expect_matrices(const struct hone_gpu_snapshot *s, const char *want) {
    struct hone_gpu_plan plan;
    char text[256];
    hone_gpu_plan_device(s, &plan);
    hone_gpu_matrix_text(&plan.caps, text, sizeof text);
    assert_string_equal(text, want);
    bool any = plan.caps.features & HONE_FEATURE_COOPERATIVE_MATRIX;
    assert_true(any == (plan.caps.matrix_count > 0));
}

static void test_matrices(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = discrete();
    struct hone_gpu_plan plan;
    expect_matrices(&s, "16x16x16 f16, 16x16x16 bf16, 32x16x16 f16 in workgroups of 256");
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.matrix_subgroup, 64);
    assert_true(plan.caps.features & HONE_FEATURE_COOPERATIVE_MATRIX2);
    assert_true(plan.caps.features & HONE_FEATURE_BF16_MATRIX);
    // One of its features is missing: the whole extension stays off.
    s.features &= ~(uint32_t)HONE_GPU_HAS_MATRIX_PER_ELEMENT;
    expect_matrices(&s, "16x16x16 f16, 16x16x16 bf16");
    s.features =
        (s.features | HONE_GPU_HAS_MATRIX_PER_ELEMENT) & ~(uint32_t)HONE_GPU_HAS_MATRIX_TENSOR;
    expect_matrices(&s, "16x16x16 f16, 16x16x16 bf16");
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.extensions & HONE_GPU_EXT_COOPERATIVE_MATRIX2, 0);
    assert_int_equal(plan.features & HONE_GPU_HAS_MATRIX_WORKGROUP, 0);
    s.extensions &= ~(uint32_t)HONE_GPU_EXT_BFLOAT16;
    expect_matrices(&s, "16x16x16 f16");
    // Without the first extension there is none of the others.
    s = discrete();
    s.extensions &= ~(uint32_t)HONE_GPU_EXT_COOPERATIVE_MATRIX;
    expect_matrices(&s, "");
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.extensions & (HONE_GPU_EXT_COOPERATIVE_MATRIX2 | HONE_GPU_EXT_BFLOAT16),
                     0);
    // Nothing that hone can use.
    s = discrete();
    s.matrix_count = 1;
    expect_matrices(&s, "");
    hone_gpu_plan_device(&s, &plan);
    assert_non_null(strstr(plan.notes, "none of its cooperative matrices"));
    // Matrix units that are narrower than the default subgroup.
    s = discrete();
    s.vendor_id = 0x8086;
    s.subgroup_min = 16;
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.matrix_subgroup, 16);
    // More shapes than there is room for.
    s.matrix_count = HONE_GPU_MAX_MATRICES;
    for (uint32_t i = 0; i < s.matrix_count; i++)
        s.matrices[i] = (struct hone_gpu_matrix){16, 16, 16, F16, F16, F32, F32, SUBGROUP, 0, 0, 0};
    hone_gpu_plan_device(&s, &plan);
    assert_int_equal(plan.caps.matrix_count, HONE_CAPS_MATRICES);
}

static void test_unknown_extensions(void **state) {
    (void)state;
    const uint32_t all =
        HONE_GPU_EXT_COOPERATIVE_MATRIX | HONE_GPU_EXT_COOPERATIVE_MATRIX2 | HONE_GPU_EXT_BFLOAT16;
    assert_int_equal(hone_gpu_unknown_extensions(API(1, 3) | 239), all);
    assert_int_equal(hone_gpu_unknown_extensions(API(1, 3) | 255),
                     all & ~(uint32_t)HONE_GPU_EXT_COOPERATIVE_MATRIX);
    assert_int_equal(hone_gpu_unknown_extensions(API(1, 4) | 304), HONE_GPU_EXT_BFLOAT16);
    assert_int_equal(hone_gpu_unknown_extensions(API(1, 4) | 341), 0);
}

static void test_choose(void **state) {
    (void)state;
    struct hone_caps caps[5] = {
        {.name = "llvmpipe (LLVM 15)", .kind = HONE_DEVICE_CPU, .heap_bytes = GIB(64)},
        {.name = "UHD Graphics", .kind = HONE_DEVICE_INTEGRATED, .heap_bytes = GIB(16)},
        {.name = "Made-up 9000", .kind = HONE_DEVICE_DISCRETE, .heap_bytes = GIB(8)},
        {.name = "Made-up 9000 Ti", .kind = HONE_DEVICE_DISCRETE, .heap_bytes = GIB(12)},
        {.name = "Null hardware", .kind = HONE_DEVICE_DISCRETE},
    };
    struct hone_gpu_details details[5];
    memset(details, 0, sizeof details);
    for (int i = 0; i < 5; i++) {
        details[i].usable = true;
        snprintf(details[i].uuid, sizeof details[i].uuid, "uuid-%d", i);
    }
    const struct {
        const char *request;
        size_t want;
    } good[] = {{NULL, 3},  {"", 3},     {"0", 0},       {"2", 2},    {"UUID-1", 1},
                {"uhd", 1}, {"LLVM", 0}, {"9000 ti", 3}, {"9000", 2}, {"null", 4}};
    size_t index;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        assert_ok(hone_gpu_choose(caps, details, 5, good[i].request, &index));
        assert_int_equal(index, good[i].want);
    }
    test_expect_failure(hone_gpu_choose(caps, details, 5, "arc", &index), HONE_NOT_FOUND,
                        "2: Made-up 9000 (discrete)");
    test_expect_failure(hone_gpu_choose(caps, details, 5, "7", &index), HONE_NOT_FOUND, "'7'");
    details[3].usable = false;
    snprintf(details[3].reason, sizeof details[3].reason, "it is made up");
    assert_ok(hone_gpu_choose(caps, details, 5, NULL, &index));
    assert_int_equal(index, 2);
    test_expect_failure(hone_gpu_choose(caps, details, 5, "3", &index), HONE_UNSUPPORTED,
                        "it is made up");
    test_expect_failure(hone_gpu_choose(caps, details, 0, NULL, &index), HONE_NOT_FOUND,
                        "mesa-vulkan-drivers");
    assert_ok(hone_gpu_choose(caps, details, 2, NULL, &index));
    assert_int_equal(index, 1);
    assert_ok(hone_gpu_choose(caps, details, 1, NULL, &index));
    assert_int_equal(index, 0);
}

static void test_feature_text(void **state) {
    (void)state;
    char text[64];
    hone_gpu_feature_text(HONE_FEATURE_F16 | HONE_FEATURE_INT64, text, sizeof text);
    assert_string_equal(text, "f16 int64");
    hone_gpu_feature_text(0, text, sizeof text);
    assert_string_equal(text, "");
    hone_gpu_feature_text(UINT32_MAX, text, sizeof text); // cut, not overrun
    assert_int_equal(strlen(text), sizeof text - 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discrete),     cmocka_unit_test(test_cpu),
        cmocka_unit_test(test_integrated),   cmocka_unit_test(test_refused),
        cmocka_unit_test(test_no_memory),    cmocka_unit_test(test_queues),
        cmocka_unit_test(test_quirks),       cmocka_unit_test(test_choose),
        cmocka_unit_test(test_feature_text), cmocka_unit_test(test_broadcast),
        cmocka_unit_test(test_matrices),     cmocka_unit_test(test_unknown_extensions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
