// test_matrix_check.c: the proof that cooperative matrices give before they are used, with the
// loops that stand for them (row coop_emulated) on any device: right ones pass, planted faults
// don't, and what fails is switched off.
#include "exec/internal.h"
#include "exec/matrix_check.h"
#include "ops/ops.h"
#include "support/gpu.h"

#include <stdio.h>
#include <string.h>

static struct hone_gpu *gpu;

static const struct hone_op_row *row_named(const char *name) {
    for (int i = 0; i < hone_op_matmul.row_count; i++)
        if (strcmp(hone_op_matmul.rows[i].name, name) == 0) return &hone_op_matmul.rows[i];
    fail_msg("matmul has no row %s", name);
    return NULL;
}

// A driver that reads b a few elements late.
static hone_status setup_late(const struct hone_row_args *args, struct hone_launch *launch) {
    HONE_TRY(row_named("coop_emulated")->setup(args, launch));
    launch->dispatches[0].operands[1].offset += args->caps->storage_offset_align;
    return HONE_OK;
}

// A driver that answers and computes nothing.
static hone_status setup_idle(const struct hone_row_args *args, struct hone_launch *launch) {
    HONE_TRY(row_named("coop_emulated")->setup(args, launch));
    launch->dispatches[0].grid[0] = 0;
    return HONE_OK;
}

// A driver that does not take the kernel.
static hone_status setup_refused(const struct hone_row_args *args, struct hone_launch *launch) {
    (void)args;
    (void)launch;
    return hone_fail(HONE_UNSUPPORTED, "refuses to compile it");
}

static bool check(hone_status (*setup)(const struct hone_row_args *, struct hone_launch *),
                  enum hone_dtype dtype) {
    struct hone_op_row row = *row_named("coop_emulated");
    bool good;
    if (setup) row.setup = setup;
    assert_ok(hone_matrix_check(gpu, hone_gpu_caps(gpu), &row, dtype, &good));
    return good;
}

static void test_right(void **state) {
    (void)state;
    assert_true(check(NULL, HONE_F16));
    assert_true(check(NULL, HONE_BF16));
}

static void test_planted(void **state) {
    (void)state;
    assert_false(check(setup_late, HONE_F16));
    assert_false(check(setup_late, HONE_BF16));
    assert_false(check(setup_idle, HONE_F16));
}

static void quiet(void *user, hone_log_level level, const char *line) {
    (void)level;
    snprintf((char *)user, 256, "%s", line);
}

static void test_sift(void **state) {
    (void)state;
    char line[256] = "";
    hone_log_set(quiet, line, HONE_LOG_WARNING);
    struct hone_op_row bad = *row_named("coop_emulated"), refused = bad;
    bad.setup = setup_late;
    refused.setup = setup_refused;
    struct hone_caps offered = *hone_gpu_caps(gpu);
    offered.features |= HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_BF16_MATRIX;
    offered.matrices[0] = (struct hone_matrix_shape){16, 16, 16, HONE_MATRIX_BF16, false, 0};
    offered.matrices[1] = (struct hone_matrix_shape){16, 16, 16, HONE_MATRIX_F16, false, 0};
    offered.matrix_count = 2;
    // One type is wrong: the other stays.
    struct hone_caps caps = offered;
    const struct hone_op_row *rows[2] = {row_named("coop_emulated"), &bad};
    assert_ok(hone_matrices_sift(gpu, rows, &caps));
    assert_int_equal(caps.matrix_count, 1);
    assert_int_equal(caps.matrices[0].type, HONE_MATRIX_F16);
    assert_true(caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_false(caps.features & HONE_FEATURE_BF16_MATRIX);
    assert_non_null(strstr(line, "16x16x16 bf16 are off: this driver computes them wrongly"));
    // None is left.
    caps = offered;
    rows[HONE_MATRIX_F16] = &refused;
    assert_ok(hone_matrices_sift(gpu, rows, &caps));
    assert_int_equal(caps.matrix_count, 0);
    assert_false(caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_non_null(strstr(line, "16x16x16 f16 are off: this driver refuses to compile it"));
    // All are right.
    caps = offered;
    rows[HONE_MATRIX_F16] = rows[HONE_MATRIX_BF16] = row_named("coop_emulated");
    assert_ok(hone_matrices_sift(gpu, rows, &caps));
    assert_int_equal(caps.matrix_count, 2);
    assert_int_equal(caps.features, offered.features);
    hone_log_set(NULL, NULL, HONE_LOG_WARNING);
}

// What the device itself offers: each shape, as a program meets it.
static void test_device(void **state) {
    (void)state;
    struct hone_caps caps = *hone_gpu_caps(gpu);
    const struct hone_op_row *rows[2] = {row_named("coop"), row_named("coop_bf16")};
    uint32_t offered = caps.matrix_count;
    assert_ok(hone_matrices_sift(gpu, rows, &caps));
    assert_true(caps.matrix_count <= offered);
}

static int open_device(void **state) {
    (void)state;
    gpu = test_gpu_open();
    return 0;
}

static int close_device(void **state) {
    (void)state;
    test_gpu_close(&gpu);
    return 0;
}

int main(void) {
    int skip = test_gpu_require_running();
    if (skip) return skip;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right),
        cmocka_unit_test(test_planted),
        cmocka_unit_test(test_sift),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
