// test_conv_coop2: convolutions on matrices of whole workgroups, on made-up devices: which row,
// which tile, and which pixels a tile's rows are.
#include "exec/internal.h"
#include "ops/conv_parts.h"
#include "ops/ops.h"
#include "ops/row.h"
#include "support/support.h"

#include <string.h>

static const struct hone_caps device = {
    .features = HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_COOPERATIVE_MATRIX2 |
                HONE_FEATURE_F16 | HONE_FEATURE_STORAGE_16BIT | HONE_FEATURE_SUBGROUP_BASIC,
    .subgroup_min = 32,
    .subgroup_max = 32,
    .shared_bytes = 49152,
    .cores = 132,
    .workgroup_invocations = 1024,
    .workgroup_size = {1024, 1024, 64},
    .workgroup_count = {2147483647, 65535, 65535},
    .storage_range_bytes = 0xffffffff,
    .storage_offset_align = 16,
    .matrices = {{16, 16, 16, HONE_MATRIX_F16, false, 0},
                 {32, 32, 16, HONE_MATRIX_F16, true, 128},
                 {32, 64, 16, HONE_MATRIX_F16, true, 256}},
    .matrix_count = 3,
    .matrix_subgroup = 32,
    .matrix_longest = 256};

// The first dispatch that a device makes of it, and the name of the row.
static const char *launch(const struct hone_op *op, const struct hone_conv2d_attrs *attrs,
                          const struct hone_desc in[2], const struct hone_caps *caps,
                          struct hone_dispatch *out) {
    static struct hone_launch launch;
    struct hone_desc y;
    const struct hone_infer_args node = {attrs, 2, in, &y};
    assert_ok(op->infer(&node));
    const struct hone_row_args args = {.node = &node, .caps = caps};
    const struct hone_op_row *row = hone_row_select(op, &args, NULL);
    launch = (struct hone_launch){.dispatch_count = 0};
    assert_ok(row->setup(&args, &launch));
    *out = launch.dispatches[0];
    return row->name;
}

static const char *conv(int32_t n, int32_t size, int32_t c, int32_t filter, int32_t stride,
                        const struct hone_caps *caps, struct hone_dispatch *out) {
    int32_t pad = filter / 2;
    const struct hone_conv2d_attrs attrs = {
        .stride = {stride, stride}, .pad = {pad, pad, pad, pad}, .dilation = {1, 1}, .groups = 1};
    const struct hone_desc in[2] = {hone_desc_make(HONE_F16, 4, n, size, size, c),
                                    hone_desc_make(HONE_F16, 4, c, filter, filter, c)};
    return launch(&hone_op_conv2d, &attrs, in, caps, out);
}

static void expect_pixels(const struct hone_dispatch *d, uint32_t tn, uint32_t th, uint32_t tw) {
    assert_int_equal(d->spec[4], tn);
    assert_int_equal(d->spec[5], th);
    assert_int_equal(d->spec[6], tw);
    assert_int_equal(tn * th * tw, d->spec[1]);
}

static void test_rows(void **state) {
    (void)state;
    struct hone_dispatch d;
    assert_string_equal(conv(32, 28, 128, 3, 1, &device, &d), "coop2");
    struct hone_caps other = device;
    other.features &= ~(uint32_t)HONE_FEATURE_COOPERATIVE_MATRIX2; // what the self-test takes away
    other.matrix_count = 1;
    assert_string_equal(conv(32, 28, 128, 3, 1, &other, &d), "coop");
    // Seven channels: rows of a tensor do not start at 16 bytes.
    assert_string_not_equal(conv(32, 28, 7, 3, 1, &device, &d), "coop2");
}

static void test_tiles(void **state) {
    (void)state;
    struct hone_dispatch d;
    conv(256, 28, 512, 3, 1, &device, &d);
    assert_int_equal(d.spec[1] * d.spec[2], 128 * 128); // of 128 invocations, before those of 256
    assert_int_equal(d.spec[0], 128);
    // Too few of the large ones for the cores.
    conv(1, 28, 128, 3, 1, &device, &d);
    assert_true(d.spec[1] * d.spec[2] < 128 * 128);
    // No side is longer than the device's.
    struct hone_caps shorter = device;
    shorter.matrix_longest = 64;
    conv(256, 28, 512, 3, 1, &shorter, &d);
    assert_int_equal(d.spec[1], 64);
    assert_int_equal(d.spec[2], 64);
}

static void test_pixels(void **state) {
    (void)state;
    struct hone_dispatch d;
    // Whole batches of a small picture leave nothing over.
    conv(256, 7, 512, 3, 1, &device, &d);
    expect_pixels(&d, 128, 1, 1);
    // A picture of 16 by 16.
    conv(64, 16, 512, 3, 1, &device, &d);
    expect_pixels(&d, 1, 8, 16);
    // 14 rows and columns: what divides them, of several pictures.
    conv(64, 14, 512, 3, 1, &device, &d);
    assert_int_equal(14 % d.spec[6] == 0 && 14 % d.spec[5] == 0, 1);
    // Two pictures lie at no multiple of two rows from one another: one at a time.
    conv(64, 7, 512, 3, 2, &device, &d);
    assert_int_equal(d.spec[4], 1);
    // 1x1: pixels in a row, whatever the picture.
    conv(512, 7, 512, 1, 1, &device, &d);
    expect_pixels(&d, 1, 1, 128);
    assert_int_equal(d.spec[7], 1);
}

// The blocks of a weight gradient's slices cover all pixels.
static void test_wgrad(void **state) {
    (void)state;
    const struct hone_conv2d_attrs attrs = {.stride = {1, 1},
                                            .pad = {1, 1, 1, 1},
                                            .dilation = {1, 1},
                                            .groups = 1,
                                            .filter_h = 3,
                                            .filter_w = 3};
    const struct hone_desc in[2] = {hone_desc_make(HONE_F16, 4, 32, 13, 11, 64),
                                    hone_desc_make(HONE_F16, 4, 32, 13, 11, 64)};
    struct hone_dispatch d;
    struct hone_conv_push push;
    assert_string_equal(launch(&hone_op_conv2d_bwd_w, &attrs, in, &device, &d), "coop2");
    memcpy(&push, d.push, sizeof push);
    assert_int_equal(d.spec[4] * d.spec[5] * d.spec[6], d.spec[3]);
    int64_t blocks =
        hone_ceil_div(32, d.spec[4]) * hone_ceil_div(13, d.spec[5]) * hone_ceil_div(11, d.spec[6]);
    assert_int_equal(d.grid[2], hone_ceil_div(blocks, push.slice_len));
    assert_int_equal(d.grid[1], 9 * hone_ceil_div(64, d.spec[2]));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_tiles),
        cmocka_unit_test(test_pixels),
        cmocka_unit_test(test_wgrad),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
