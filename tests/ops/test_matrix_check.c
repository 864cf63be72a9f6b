// test_matrix_check.c: the proof that cooperative matrices give before they are used, with the
// loops that stand for them (rows coop_emulated, coop2_emulated) on any device: right ones pass,
// planted faults don't, and what fails is switched off.
#include "exec/internal.h"
#include "exec/matrix_check.h"
#include "ops/conv_launch.h"
#include "ops/ops.h"
#include "support/gpu.h"

#include <stdio.h>
#include <string.h>

static struct hone_gpu *gpu;

static const struct hone_op *const ops[HONE_MATRIX_OPS] = {
    &hone_op_matmul, &hone_op_conv2d, &hone_op_conv2d_bwd_x, &hone_op_conv2d_bwd_w};

static const struct hone_op_row *row_of(enum hone_matrix_op op, const char *name) {
    for (int i = 0; i < ops[op]->row_count; i++)
        if (strcmp(ops[op]->rows[i].name, name) == 0) return &ops[op]->rows[i];
    fail_msg("%s has no row %s", ops[op]->name, name);
    return NULL;
}

static const struct hone_op_row *row_named(const char *name) {
    return row_of(HONE_MATRIX_MATMUL, name);
}

// Adds to one number of a launch's push constants, all of which have four bytes.
static void change_push(struct hone_launch *launch, size_t offset, int32_t by) {
    int32_t number;
    uint8_t *at = (uint8_t *)launch->dispatches[0].push + offset;
    memcpy(&number, at, sizeof number);
    number += by;
    memcpy(at, &number, sizeof number);
}

// A driver that takes the rows of a and b for eight elements shorter than they are: it reads the
// wrong ones, and none that is not bound.
static hone_status setup_short(const struct hone_row_args *args, struct hone_launch *launch) {
    HONE_TRY(row_named("coop_emulated")->setup(args, launch));
    change_push(launch, offsetof(struct hone_conv_push, c), -8);
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
    assert_ok(hone_matrix_check(gpu, hone_gpu_caps(gpu), HONE_MATRIX_MATMUL, &row, dtype, &good));
    return good;
}

static void test_right(void **state) {
    (void)state;
    assert_true(check(NULL, HONE_F16));
    assert_true(check(NULL, HONE_BF16));
}

static void test_planted(void **state) {
    (void)state;
    assert_false(check(setup_short, HONE_F16));
    assert_false(check(setup_short, HONE_BF16));
    assert_false(check(setup_idle, HONE_F16));
}

// A workgroup's matrices prove themselves on convolutions and gradients too.
static hone_status setup_bwd_x_shifted(const struct hone_row_args *args,
                                       struct hone_launch *launch) {
    HONE_TRY(row_of(HONE_MATRIX_BWD_X, "coop2_emulated")->setup(args, launch));
    change_push(launch, offsetof(struct hone_conv_push, pad_h), 1);
    return HONE_OK;
}

static void test_workgroup(void **state) {
    (void)state;
    bool good;
    for (int op = 0; op < HONE_MATRIX_OPS; op++)
        for (int type = 0; type < 2; type++) {
            const struct hone_op_row *row = row_of((enum hone_matrix_op)op, "coop2_emulated");
            assert_ok(hone_matrix_check(gpu, hone_gpu_caps(gpu), (enum hone_matrix_op)op, row,
                                        type ? HONE_BF16 : HONE_F16, &good));
            assert_true(good);
        }
    struct hone_op_row bad = *row_of(HONE_MATRIX_BWD_X, "coop2_emulated");
    bad.setup = setup_bwd_x_shifted;
    assert_ok(hone_matrix_check(gpu, hone_gpu_caps(gpu), HONE_MATRIX_BWD_X, &bad, HONE_F16, &good));
    assert_false(good);
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
    bad.setup = setup_short;
    refused.setup = setup_refused;
    struct hone_caps offered = *hone_gpu_caps(gpu);
    offered.features |= HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_BF16_MATRIX;
    offered.matrices[0] = (struct hone_matrix_shape){16, 16, 16, HONE_MATRIX_BF16, false, 0};
    offered.matrices[1] = (struct hone_matrix_shape){16, 16, 16, HONE_MATRIX_F16, false, 0};
    offered.matrices[2] = (struct hone_matrix_shape){32, 32, 16, HONE_MATRIX_F16, true, 128};
    offered.matrix_count = 3;
    offered.features |= HONE_FEATURE_COOPERATIVE_MATRIX2;
    // One type is wrong: the other stays.
    struct hone_caps caps = offered;
    struct hone_op_row shifted = *row_of(HONE_MATRIX_BWD_X, "coop2_emulated");
    shifted.setup = setup_bwd_x_shifted;
    struct hone_matrix_rows rows = {{{row_named("coop_emulated")},
                                     {&bad},
                                     {row_named("coop2_emulated"), NULL, &shifted},
                                     {NULL}}};
    assert_ok(hone_matrices_sift(gpu, &rows, &caps));
    assert_int_equal(caps.matrix_count, 1);
    assert_int_equal(caps.matrices[0].type, HONE_MATRIX_F16);
    assert_false(caps.matrices[0].workgroup);
    assert_false(caps.features & HONE_FEATURE_COOPERATIVE_MATRIX2);
    assert_true(caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_false(caps.features & HONE_FEATURE_BF16_MATRIX);
    assert_non_null(strstr(line, "32x32x16 f16 of workgroups are off: this driver computes"));
    // None is left.
    caps = offered;
    caps.matrix_count = 2;
    rows.of[HONE_MATRIX_F16][0] = &refused;
    assert_ok(hone_matrices_sift(gpu, &rows, &caps));
    assert_int_equal(caps.matrix_count, 0);
    assert_false(caps.features & HONE_FEATURE_COOPERATIVE_MATRIX);
    assert_non_null(strstr(line, "16x16x16 f16 are off: this driver refuses to compile it"));
    // All are right.
    caps = offered;
    rows.of[HONE_MATRIX_F16][0] = rows.of[HONE_MATRIX_BF16][0] = row_named("coop_emulated");
    rows.of[2][HONE_MATRIX_BWD_X] = row_of(HONE_MATRIX_BWD_X, "coop2_emulated");
    assert_ok(hone_matrices_sift(gpu, &rows, &caps));
    assert_int_equal(caps.matrix_count, 3);
    assert_int_equal(caps.features, offered.features);
    hone_log_set(NULL, NULL, HONE_LOG_WARNING);
}

// What the device itself offers: each shape, as a program meets it.
static void test_device(void **state) {
    (void)state;
    struct hone_caps caps = *hone_gpu_caps(gpu);
    struct hone_matrix_rows rows;
    hone_matrix_rows_of(&rows);
    for (int i = 0; i < 4; i++) assert_non_null(rows.of[i][HONE_MATRIX_MATMUL]);
    for (int op = 0; op < HONE_MATRIX_OPS; op++) assert_true(rows.of[2][op] && rows.of[3][op]);
    uint32_t offered = caps.matrix_count;
    assert_ok(hone_matrices_sift(gpu, &rows, &caps));
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
        cmocka_unit_test(test_right),     cmocka_unit_test(test_planted),
        cmocka_unit_test(test_workgroup), cmocka_unit_test(test_sift),
        cmocka_unit_test(test_device),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
