// test_gpu_statistics: drivers' names of their numbers, and matrix instructions in listings as
// RADV, ANV and NVIDIA's tools write them.
#include "support/support.h"

#include "gpu/statistics.h"

#include <string.h>

static void test_names(void **state) {
    (void)state;
    struct hone_gpu_pipeline_statistics s;
    hone_gpu_statistics_init(&s);
    assert_int_equal(s.registers, HONE_GPU_UNKNOWN);
    assert_int_equal(s.matrix_instructions, HONE_GPU_UNKNOWN);
    assert_true(hone_gpu_statistics_add(&s, "VGPRs", 96));
    assert_true(hone_gpu_statistics_add(&s, "Spilled SGPRs", 2));
    assert_true(hone_gpu_statistics_add(&s, "Spilled VGPRs", 5));
    assert_true(hone_gpu_statistics_add(&s, "CODE SIZE", 1884));
    assert_false(hone_gpu_statistics_add(&s, "Pre-Sched VGPRs", 7));
    assert_false(hone_gpu_statistics_add(&s, "VGPR", 7));
    assert_false(hone_gpu_statistics_add(&s, "", 7));
    assert_int_equal(s.registers, 96);
    assert_int_equal(s.spills, 7);
    assert_int_equal(s.code_bytes, 1884);
    assert_int_equal(s.cycles, HONE_GPU_UNKNOWN);

    hone_gpu_statistics_init(&s); // a driver that says 0 has said something
    assert_true(hone_gpu_statistics_add(&s, "Spill Count", 0));
    assert_int_equal(s.spills, 0);
}

static void test_merge(void **state) {
    (void)state;
    struct hone_gpu_pipeline_statistics a, b;
    hone_gpu_statistics_init(&a);
    hone_gpu_statistics_init(&b);
    a.registers = 20;
    b.registers = 40;
    a.spills = 3;
    b.cycles = 9;
    hone_gpu_statistics_merge(&a, &b);
    assert_int_equal(a.registers, 40);
    assert_int_equal(a.spills, 3);
    assert_int_equal(a.cycles, 9);
    assert_int_equal(a.code_bytes, HONE_GPU_UNKNOWN);
}

static int64_t count(const char *text) {
    return hone_gpu_matrix_instructions(text, strlen(text));
}

static void test_listings(void **state) {
    (void)state;
    assert_true(hone_gpu_is_listing("Assembly"));
    assert_true(hone_gpu_is_listing("NAK assembly"));
    assert_false(hone_gpu_is_listing("NIR Shader(s)"));
    assert_false(hone_gpu_is_listing("ACO IR"));
    assert_int_equal(count(""), 0);
    assert_int_equal(count("v_fma_f32 v1, v2, v3, v4\n"), 0);
    assert_int_equal(count("\tv_wmma_f32_16x16x16_f16 v[0:7], v[8:15], v[16:23], v[0:7] ; cc40\n"
                           "\tv_mfma_f32_16x16x16f16 a[0:3], v[0:1], v[2:3], a[0:3]\n"
                           "\ts_endpgm"),
                     2);
    assert_int_equal(count("dpas.8x8(16)    g10<1>F  g10<1,1,0>F  g30<1,1,0>HF  g50<1,1,0>HF"), 1);
    assert_int_equal(count("/*0a00*/ HMMA.16816.F32 R4, R8, R12, R4 ;\n"
                           "/*0a10*/ IMAD R2, R3, R4, RZ ;\n"
                           "r0..4 = hmma.m16n8k16.f32 r4..8 r8..10 r0..4\n"),
                     2);
    assert_int_equal(count("call dimma_2\nschmma\n"), 0); // inside a word
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_listings),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
