// test_conv_rows: which body a convolution gets on made-up devices: stems, narrow groups, patches
// side by side.
#include "support/support.h"

#include <string.h>

#include "ops/ops.h"
#include "ops/row.h"

static const struct hone_caps gpu = {.kind = HONE_DEVICE_DISCRETE,
                                     .subgroup_size = 32,
                                     .subgroup_min = 32,
                                     .subgroup_max = 32,
                                     .shared_bytes = 49152,
                                     .cores = 60,
                                     .workgroup_invocations = 1024,
                                     .workgroup_size = {1024, 1024, 64},
                                     .storage_range_bytes = 1u << 30,
                                     .storage_offset_align = 16};
static const struct hone_caps cpu = {.kind = HONE_DEVICE_CPU,
                                     .features = 0xfff & ~HONE_FEATURE_COOPERATIVE_MATRIX,
                                     .subgroup_size = 8,
                                     .subgroup_min = 8,
                                     .subgroup_max = 8,
                                     .shared_bytes = 32768,
                                     .cores = 2,
                                     .workgroup_invocations = 1024,
                                     .workgroup_size = {1024, 1024, 64},
                                     .storage_range_bytes = 1u << 27,
                                     .storage_offset_align = 16};

// One convolution, and the node of each of the three operators.
struct layer {
    struct hone_conv2d_attrs attrs;
    struct hone_desc x, w, y;
};

static struct layer layer_of(enum hone_dtype dtype, int size, int c, int k, int taps, int stride,
                             int pad, int groups) {
    int out = (size + 2 * pad - taps) / stride + 1;
    return (struct layer){.attrs = {.stride = {stride, stride},
                                    .dilation = {1, 1},
                                    .pad = {pad, pad, pad, pad},
                                    .groups = groups,
                                    .in_h = size,
                                    .in_w = size,
                                    .filter_h = taps,
                                    .filter_w = taps},
                          .x = hone_desc_make(dtype, 4, 8, size, size, c),
                          .w = hone_desc_make(dtype, 4, k, taps, taps, c / groups),
                          .y = hone_desc_make(dtype, 4, 8, out, out, k)};
}

enum form { FPROP, DGRAD, WGRAD };

// The chosen row and its launch.
static const char *row_of(const struct layer *layer, enum form form, const struct hone_caps *caps,
                          struct hone_launch *launch) {
    static const struct hone_op *const ops[] = {&hone_op_conv2d, &hone_op_conv2d_bwd_x,
                                                &hone_op_conv2d_bwd_w};
    struct hone_desc dw = layer->w;
    dw.dtype = HONE_F32;
    struct hone_desc in[2] = {form == FPROP ? layer->x : layer->y,
                              form == WGRAD ? layer->x : layer->w};
    struct hone_desc out = form == FPROP ? layer->y : form == DGRAD ? layer->x : dw;
    const struct hone_infer_args node = {
        .attrs = &layer->attrs, .in = in, .input_count = 2, .out = &out};
    const struct hone_row_args args = {.node = &node, .caps = caps};
    const struct hone_op_row *row = hone_row_select(ops[form], &args, NULL);
    assert_non_null(row);
    memset(launch, 0, sizeof *launch);
    assert_ok(row->setup(&args, launch));
    return row->name;
}

static void expect(const struct layer *layer, const struct hone_caps *caps, const char *fprop,
                   const char *dgrad, const char *wgrad) {
    static struct hone_launch launch;
    assert_string_equal(row_of(layer, FPROP, caps, &launch), fprop);
    assert_string_equal(row_of(layer, DGRAD, caps, &launch), dgrad);
    assert_string_equal(row_of(layer, WGRAD, caps, &launch), wgrad);
}

static void test_stem(void **state) {
    (void)state;
    struct layer resnet = layer_of(HONE_F32, 224, 3, 64, 7, 2, 3, 1),
                 mobilenet = layer_of(HONE_BF16, 224, 3, 32, 3, 2, 1, 1);
    expect(&resnet, &gpu, "stem", "tiled", "stem");
    expect(&mobilenet, &gpu, "stem", "plain", "stem");
    struct layer of_cpu = layer_of(HONE_F32, 224, 3, 32, 3, 2, 1, 1);
    expect(&of_cpu, &cpu, "cpu", "wide", "cpu");
    // 168 invocations are too many here.
    struct hone_caps least = gpu;
    least.workgroup_invocations = least.workgroup_size[0] = 128;
    least.shared_bytes = 16384;
    expect(&resnet, &least, "stem", "tiled", "tiled");
    // Filters that no register holds.
    struct layer large = layer_of(HONE_F32, 64, 3, 64, 11, 4, 2, 1);
    expect(&large, &gpu, "tiled", "tiled", "tiled");
}

static void test_groups(void **state) {
    (void)state;
    struct layer four = layer_of(HONE_F32, 56, 128, 128, 3, 1, 1, 32),
                 sixteen = layer_of(HONE_F16, 28, 512, 512, 3, 2, 1, 32),
                 wide = layer_of(HONE_F32, 28, 256, 256, 3, 1, 1, 4),
                 two = layer_of(HONE_F32, 28, 64, 64, 3, 1, 1, 32);
    expect(&four, &gpu, "grouped", "grouped", "grouped");
    expect(&sixteen, &gpu, "grouped", "grouped", "grouped");
    expect(&wide, &gpu, "tiled", "tiled", "tiled");
    expect(&two, &gpu, "plain", "plain", "plain");
    expect(&four, &cpu, "grouped", "grouped", "grouped");
    // Groups of eight would fill a quarter of a matrix.
    struct hone_caps matrices = gpu;
    matrices.features =
        HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_SUBGROUP_BASIC | HONE_FEATURE_F16;
    matrices.matrix_subgroup = 32;
    matrices.matrix_count = 1;
    matrices.matrices[0] = (struct hone_matrix_shape){16, 16, 16, HONE_MATRIX_F16, false, 0};
    struct layer eight = layer_of(HONE_F16, 28, 256, 256, 3, 1, 1, 32);
    expect(&eight, &matrices, "grouped", "grouped", "grouped");
    expect(&sixteen, &matrices, "coop", "coop", "coop");
}

// The 16 columns of a patch are one of 48 channels: what the kernel sees is aligned.
static void test_patches(void **state) {
    (void)state;
    static struct hone_launch launch;
    struct layer vit = layer_of(HONE_F32, 224, 3, 384, 16, 16, 0, 1);
    for (int form = FPROP; form <= WGRAD; form++) {
        int32_t push[16]; // n h w c  k p q r  s stride_h stride_w
        assert_string_equal(row_of(&vit, (enum form)form, &gpu, &launch), "tiled");
        memcpy(push, launch.dispatches[0].push, sizeof push);
        assert_int_equal(push[2], 14);
        assert_int_equal(push[3], 48);
        assert_int_equal(push[7], 16);
        assert_int_equal(push[8], 1);
        assert_int_equal(push[9], 16);
        assert_int_equal(push[10], 1);
    }
    // Columns are left over: as it is.
    struct layer ragged = layer_of(HONE_F32, 230, 3, 384, 16, 16, 0, 1);
    row_of(&ragged, FPROP, &gpu, &launch);
    int32_t channels;
    memcpy(&channels, launch.dispatches[0].push + 12, sizeof channels);
    assert_int_equal(channels, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stem),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_patches),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
