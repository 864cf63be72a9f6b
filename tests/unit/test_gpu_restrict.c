// test_gpu_restrict: words of HONE_LIMITS on a made-up snapshot.
#include "support/support.h"

#include "gpu/restrict.h"

#include <string.h>

static struct hone_gpu_snapshot large(void) {
    return (struct hone_gpu_snapshot){
        .kind = HONE_DEVICE_CPU,
        .features = UINT32_MAX,
        .families = {{.flags = HONE_GPU_QUEUE_COMPUTE, .count = 1, .timestamp_bits = 64}},
        .family_count = 1,
        .heaps = {{.bytes = 8ull << 30, .budget_bytes = 7ull << 30},
                  {.bytes = 1ull << 30, .budget_bytes = 0}},
        .heap_count = 2,
        .subgroup_operations = 0x1f,
        .subgroup_required_in_compute = true,
        .shared_bytes = 65536,
        .workgroup_invocations = 1024,
        .push_bytes = 256,
        .storage_range_bytes = 1ull << 32,
        .allocation_bytes = 1ull << 31,
    };
}

static void test_nothing(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = large(), before = large();
    assert_ok(hone_gpu_restrict(&s, NULL));
    assert_ok(hone_gpu_restrict(&s, ""));
    assert_ok(hone_gpu_restrict(&s, " , "));
    assert_memory_equal(&s, &before, sizeof s);
}

// Limits are lowered, never raised.
static void test_limits(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = large();
    assert_ok(hone_gpu_restrict(&s, "shared=16384,range=134217728 push=512,heap=2147483648"));
    assert_int_equal(s.shared_bytes, 16384);
    assert_int_equal(s.storage_range_bytes, 134217728);
    assert_int_equal(s.push_bytes, 256);
    assert_int_equal(s.heaps[0].budget_bytes, 1ull << 31);
    assert_int_equal(s.heaps[1].bytes, 1ull << 30);
    assert_int_equal(s.heaps[1].budget_bytes, 1ull << 31);
    assert_int_equal(s.allocation_bytes, 1ull << 31);
}

static void test_features(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = large();
    assert_ok(hone_gpu_restrict(&s, "no-f16 no-subgroups no-timestamps as-gpu"));
    assert_int_equal(s.features & HONE_GPU_HAS_FLOAT16, 0);
    assert_int_equal(s.features & HONE_GPU_HAS_COOPERATIVE_MATRIX, 0); // its factors are f16
    assert_true(s.features & HONE_GPU_HAS_STORAGE_16BIT);
    assert_int_equal(s.subgroup_operations, HONE_GPU_SUBGROUP_BASIC);
    assert_false(s.subgroup_required_in_compute);
    assert_int_equal(s.families[0].timestamp_bits, 0);
    assert_int_equal(s.kind, HONE_DEVICE_INTEGRATED);
}

static void test_small(void **state) {
    (void)state;
    struct hone_gpu_snapshot s = large();
    assert_ok(hone_gpu_restrict(&s, "small"));
    assert_int_equal(s.shared_bytes, 16384);
    assert_int_equal(s.workgroup_invocations, 256);
    assert_int_equal(s.push_bytes, 128);
    assert_int_equal(s.features & (HONE_GPU_HAS_STORAGE_16BIT | HONE_GPU_HAS_BUFFER_ADDRESS), 0);
    assert_true(s.features & HONE_GPU_HAS_TIMELINE);
    assert_int_equal(s.families[0].timestamp_bits, 64);
}

static void test_slips(void **state) {
    (void)state;
    static const char *const wrong[] = {
        "tiny",       "shared=",   "shared=-1", "shared=12k",
        "share=1000", "no-f16=on", "heap",      "shared=99999999999999999999"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hone_gpu_snapshot s = large();
        assert_int_equal(hone_gpu_restrict(&s, wrong[i]), HONE_INVALID);
        assert_non_null(strstr(hone_error_message(), wrong[i]));
        assert_non_null(strstr(hone_error_message(), "no-storage16"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),  cmocka_unit_test(test_limits),
        cmocka_unit_test(test_features), cmocka_unit_test(test_small),
        cmocka_unit_test(test_slips),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
