// test_infer.c: what operators refuse, and in which words, family by family. Also shapes that a
// case table cannot show: reshape's 0 and -1, broadcasting of ranks, pack's gaps.
#include <math.h>

#include "ops/common.h"
#include "support/op_case.h"
#include "support/support.h"

#define ATTRS(type, ...) (&(const struct hone_##type##_attrs){__VA_ARGS__})

// Attributes that are right but for what a line makes wrong.
#define CONV(stride_h, pad_left, in_groups, act_kind)                                              \
    ATTRS(conv2d, .stride = {stride_h, 1}, .pad = {0, pad_left}, .dilation = {1, 1},               \
          .groups = in_groups, .act = {.kind = act_kind})
#define POOL(kernel_h, stride_w, pad_top)                                                          \
    ATTRS(pool, .kernel = {kernel_h, 2}, .stride = {2, stride_w}, .pad = {pad_top})
#define RESIZE(width, step_w) ATTRS(resize, .size = {4, width}, .step = {1, step_w})
#define AUGMENT(count, lo, hi, ...)                                                                \
    ATTRS(augment, .batch = count, .scale_lo = lo, .scale_hi = hi, __VA_ARGS__)
#define PICTURE OP_F32(1, 6, 6, 4)
#define HEADS   OP_F32(1, 5, 2, 8)

static const struct refusal {
    const struct hone_op *op;
    const void *attrs;
    int count;
    struct hone_desc in[6];
    const char *message; // a part of it
} refused[] = {
    {&hone_op_act, ATTRS(act, .kind = 99), 1, {OP_F32(3)}, "kind 99"},
    {&hone_op_act, ATTRS(act, HONE_ACT_CLIP, 6, 0), 1, {OP_F32(3)}, "clip from 6 to 0"},
    {&hone_op_act_bwd,
     ATTRS(act, .kind = 1),
     2,
     {OP_F32(3), OP_F32(4)},
     "saved is f32[4] but dy is f32[3]"},
    {&hone_op_add, NULL, 2, {OP_F32(3, 5), OP_F32(3)}, "f32[3,5] and f32[3]"},
    {&hone_op_mul, NULL, 2, {OP_F32(3), OP_I32(3)}, "b is i32[3]; f32, f16 or bf16"},
    {&hone_op_mul, NULL, 2, {OP_F32(4), OP_F16(4)}, "must be of one type"},
    {&hone_op_add, NULL, 2, {OP_F16(3), OP_F16(3)}, "must be a multiple of four"},
    {&hone_op_fill, ATTRS(fill, .rank = 7), 0, {{0}}, "7 dimensions"},
    {&hone_op_fill,
     ATTRS(fill, .rank = 1, .dim = {0}),
     0,
     {{0}},
     "dimension 0 of the result would be 0"},
    {&hone_op_reduce_to, ATTRS(shape, 1, {2}), 1, {OP_F32(3, 4)}, "f32[2] and f32[3,4]"},
    {&hone_op_broadcast_to, ATTRS(shape, 1, {4}), 1, {OP_F32(1, 4)}, "f32[1,4] and f32[4]"},
    {&hone_op_broadcast_to, ATTRS(shape, 4, {65536, 65536, 1, 1}), 1, {OP_F32(1)}, "too large"},
    {&hone_op_reshape,
     ATTRS(shape, 2, {-1, -1}),
     1,
     {OP_F32(6)},
     "dimension 1 of the new shape is -1"},
    {&hone_op_reshape, ATTRS(shape, 2, {-1, 4}), 1, {OP_F32(6)}, "keeps the number of elements"},
    {&hone_op_reshape, ATTRS(shape, 1, {7}), 1, {OP_F32(6)}, "more elements than f32[6]"},
    {&hone_op_view,
     ATTRS(view, .offset = 32, .rank = 1, .dim = {1}),
     1,
     {OP_F32(128)},
     "multiple of 64"},
    {&hone_op_view,
     ATTRS(view, .offset = 64, .rank = 1, .dim = {65}),
     1,
     {OP_F32(128)},
     "128 elements"},
    {&hone_op_flip, ATTRS(flip, 1 << 2), 1, {OP_F32(2, 3)}, "axes 0x4"},
    {&hone_op_permute, ATTRS(permute, {0, 0}), 1, {OP_F32(2, 3)}, "not a permutation"},
    {&hone_op_permute, ATTRS(permute, {0, 2}), 1, {OP_F32(2, 3)}, "perm[1] = 2"},
    {&hone_op_concat, ATTRS(concat, 2), 1, {OP_F32(2, 3)}, "axis 2"},
    {&hone_op_concat, ATTRS(concat, 1), 2, {OP_F32(2, 3), OP_F32(3, 3)}, "along the axis only"},
    {&hone_op_concat, ATTRS(concat, 0), 2, {OP_F32(2), OP_I32(2)}, "along the axis only"},
    {&hone_op_slice, ATTRS(slice, {2}, {2}), 1, {OP_F32(3)}, "2 elements from 2 on"},
    {&hone_op_slice, ATTRS(slice, {-1}, {1}), 1, {OP_F32(3)}, "from -1 on"},
    {&hone_op_slice, ATTRS(slice, .begin = {3}), 1, {OP_F32(3)}, "dimension 0 of f32[3]"},
    {&hone_op_pad, ATTRS(pad, .after = {-1}), 1, {OP_F32(3)}, "negative"},
    {&hone_op_dropout, ATTRS(dropout, .rate = 1), 2, {OP_F32(3), OP_I32(2)}, "rate 1"},
    {&hone_op_dropout,
     ATTRS(dropout, .rate = 0.5f),
     2,
     {OP_F32(3), OP_I32(3)},
     "must be 2, the seed"},
    {&hone_op_sgd,
     ATTRS(sgd, .momentum = 0.9f),
     4,
     {OP_F32(65)},
     "65 elements is not a multiple of 64"},
    {&hone_op_ema, NULL, 3, {OP_F32(65), OP_F32(65), OP_F32(4)}, "65 elements is not a multiple"},
    {&hone_op_ema, NULL, 3, {OP_F32(64), OP_F32(64), OP_F32(3)}, "must be 4"},
    {&hone_op_train_stats, NULL, 4, {OP_F32(4), OP_F32(2), OP_F32(3, 5), OP_I32(3)}, "one number"},
    {&hone_op_train_stats,
     NULL,
     4,
     {OP_F32(4), OP_F32(1), OP_F32(3, 5), OP_I32(4)},
     "the rows of logits"},
    {&hone_op_conv2d,
     CONV(0, 0, 1, 0),
     2,
     {PICTURE, OP_F32(8, 3, 3, 4)},
     "stride 0,1 and dilation 1,1 must be 1 or more"},
    {&hone_op_conv2d, CONV(1, -1, 1, 0), 2, {PICTURE, OP_F32(8, 3, 3, 4)}, "padding -1"},
    {&hone_op_conv2d, CONV(1, 0, 0, 0), 2, {PICTURE, OP_F32(8, 3, 3, 4)}, "groups 0; 1 or more"},
    {&hone_op_conv2d, CONV(1, 0, 3, 0), 2, {PICTURE, OP_F32(8, 3, 3, 4)}, "in 3 group(s)"},
    {&hone_op_conv2d, CONV(1, 0, 1, 99), 2, {PICTURE, OP_F32(8, 3, 3, 4)}, "kind 99"},
    {&hone_op_conv2d,
     CONV(1, 0, 1, 0),
     2,
     {PICTURE, OP_F32(8, 7, 7, 4)},
     "larger than the padded x"},
    {&hone_op_conv2d,
     CONV(1, 0, 1, 0),
     2,
     {OP_F32(6, 6, 4), OP_F32(8, 3, 3, 4)},
     "x is f32[6,6,4]"},
    {&hone_op_conv2d,
     CONV(1, 0, 1, 0),
     3,
     {PICTURE, OP_F32(8, 3, 3, 4), OP_F32(7)},
     "dimension 0 must be 8, the filters of w"},
    {&hone_op_matmul, ATTRS(matmul, 0), 2, {OP_F32(2, 3), OP_F32(4, 5)}, "inner sizes of a and b"},
    {&hone_op_matmul, ATTRS(matmul, 0), 2, {OP_F32(3), OP_F32(3, 5)}, "2 dimensions are expected"},
    {&hone_op_matmul,
     ATTRS(matmul, .act = {.kind = 99}),
     2,
     {OP_F32(2, 3), OP_F32(3, 5)},
     "activation kind 99"},
    {&hone_op_batch_matmul,
     ATTRS(batch_matmul, 0),
     2,
     {OP_F32(7, 2, 3), OP_F32(7, 4, 5)},
     "inner sizes of a and b"},
    {&hone_op_batch_matmul,
     ATTRS(batch_matmul, 0),
     2,
     {OP_F32(7, 2, 3), OP_F32(6, 3, 5)},
     "not batches of matrices of one shape"},
    {&hone_op_attention, ATTRS(attention, 0), 3, {HEADS, HEADS, HEADS}, "scale is 0"},
    {&hone_op_attention, ATTRS(attention, 1), 2, {HEADS, HEADS}, "q without k and v"},
    {&hone_op_attention,
     ATTRS(attention, 1),
     4,
     {HEADS, HEADS, HEADS, OP_F32(3, 5, 5)},
     "dimension 0 must be 2, the heads"},
    {&hone_op_attention,
     ATTRS(attention, 1),
     4,
     {HEADS, HEADS, HEADS, OP_F32(2, 2, 5, 5)},
     "a bias of 2 pictures"},
    {&hone_op_attention,
     ATTRS(attention, 1),
     3,
     {HEADS, OP_F32(1, 5, 2, 7), HEADS},
     "dimension 3 must be 8, as in q"},
    {&hone_op_attention_bwd,
     ATTRS(attention, 1),
     6,
     {OP_F32(1, 4, 2, 8), OP_F32(1, 4, 2, 8), OP_F32(1, 2, 5), HEADS, HEADS, HEADS},
     "not dy"},
    {&hone_op_attention_bwd,
     ATTRS(attention, 1),
     6,
     {HEADS, OP_F32(1, 4, 2, 8), OP_F32(1, 2, 5), HEADS, HEADS, HEADS},
     "y is f32[1,4,2,8] but dy is f32[1,5,2,8]; they must be alike"},
    {&hone_op_attention_bwd,
     ATTRS(attention, 1),
     6,
     {HEADS, HEADS, OP_F32(1, 2, 4), HEADS, HEADS, HEADS},
     "not lse"},
    {&hone_op_augment_draw, AUGMENT(2, 0, 1, .blur = 0), 1, {OP_I32(2)}, "zoom 0 to 1"},
    {&hone_op_augment_draw,
     AUGMENT(2, 1, 0.5f, .blur = 0),
     1,
     {OP_I32(2)},
     "must be above 0 and not fall"},
    {&hone_op_augment_draw,
     AUGMENT(2, 1, 1, .blur = 2),
     1,
     {OP_I32(2)},
     "blur is 2; it must be in 0..1.5"},
    {&hone_op_augment_draw, AUGMENT(2, 1, 1, .hue = NAN), 1, {OP_I32(2)}, "hue is nan"},
    {&hone_op_augment_draw, AUGMENT(2, 1, 1, .policy = 99), 1, {OP_I32(2)}, "policy 99"},
    {&hone_op_augment_draw, AUGMENT(0, 1, 1, .blur = 0), 1, {OP_I32(2)}, "batch is 0"},
    {&hone_op_augment_draw, AUGMENT(2, 1, 1, .blur = 0), 1, {OP_I32(3)}, "seed and step"},
    {&hone_op_image_blur,
     ATTRS(blur, 3),
     2,
     {OP_F32(2, 4, 4, 3), OP_F32(2, 16)},
     "axis 3 is neither 1, height, nor 2, width"},
    {&hone_op_batch_norm, ATTRS(batch_norm, .eps = NAN), 5, {PICTURE}, "eps is nan"},
    {&hone_op_batch_norm, ATTRS(batch_norm, .eps = 0), 5, {OP_SCALAR}, "scalar; it needs channels"},
    {&hone_op_batch_norm_train,
     ATTRS(batch_norm, .momentum = 1.5f),
     5,
     {PICTURE},
     "momentum is 1.5"},
    {&hone_op_batch_norm_train,
     ATTRS(batch_norm, .momentum = 0.1f),
     5,
     {OP_F32(1, 4), OP_F32(4), OP_F32(4), OP_F32(4), OP_F32(4)},
     "one value per channel has no variance"},
    {&hone_op_conv2d_stats,
     ATTRS(conv2d_stats, .conv = {.stride = {1, 1}, .dilation = {1, 1}, .groups = 1}),
     5,
     {OP_F32(1, 3, 3, 4), OP_F32(8, 3, 3, 4), {.rank = -1}, OP_F32(8), OP_F32(8)},
     "one value per channel has no variance"},
    {&hone_op_layer_norm, ATTRS(layer_norm, -1), 3, {OP_F32(2, 4)}, "eps is -1"},
    {&hone_op_layer_norm, ATTRS(layer_norm, 0), 3, {OP_SCALAR}, "scalar; it needs channels"},
    {&hone_op_max_pool, POOL(2, 0, 0), 1, {PICTURE}, "kernel 2 and stride 0 (width)"},
    {&hone_op_avg_pool, POOL(2, 2, 2), 1, {PICTURE}, "pads 2 and 0 (height)"},
    {&hone_op_avg_pool, POOL(7, 2, 0), 1, {PICTURE}, "larger than the padded height, 6"},
    {&hone_op_resize, RESIZE(0, 1), 1, {PICTURE}, "a size of 0"},
    {&hone_op_resize, RESIZE(4, INFINITY), 1, {PICTURE}, "a step of inf"},
    {&hone_op_softmax, NULL, 1, {OP_SCALAR}, "x is a scalar"},
    {&hone_op_cross_entropy, ATTRS(cross_entropy, 2, 0), 3, {OP_F32(3, 5)}, "smoothing is 2"},
    {&hone_op_cross_entropy, ATTRS(cross_entropy, 0, -1), 3, {OP_F32(3, 5)}, "gamma is -1"},
    {&hone_op_cross_entropy,
     ATTRS(cross_entropy, 0, 0),
     3,
     {OP_F32(3, 5), OP_I32(3), OP_F32(4)},
     "the classes of logits"},
    {&hone_op_reshape, ATTRS(shape, .rank = 7), 1, {OP_F32(6)}, "a shape of 7 dimensions"},
    {&hone_op_dropout,
     ATTRS(dropout, .rate = 0.5f, .pictures = 1),
     2,
     {OP_SCALAR, OP_I32(2)},
     "it has no pictures"},
    {&hone_op_gather,
     NULL,
     4,
     {OP_F32(6), OP_F32(3), OP_F32(4), OP_F32(7)},
     "dimension 0 must be 3, the places"},
    {&hone_op_gather,
     NULL,
     4,
     {OP_F32(6), OP_F32(3), OP_F32(3), OP_F32(6)},
     "the elements and one more"},
};

// What is right, and beyond the kernels.
static const struct refusal unsupported[] = {
    {&hone_op_attention,
     ATTRS(attention, 1),
     1,
     {OP_F32(1, 5, 3, 2, 4096)},
     "heads of 4096 numbers; at most"},
    {&hone_op_gather,
     NULL,
     4,
     {OP_F32(1 << 24), OP_F32(3), OP_F32(3), OP_F32(1)},
     "3 places in 16777216 elements"},
    {&hone_op_batch_matmul,
     ATTRS(batch_matmul, 0),
     2,
     {OP_F32(1 << 20, 1, 4096), OP_F32(1 << 20, 4096, 1)},
     "a batch of 1048576 matrices"},
};

static void expect_refusals(const struct refusal *list, size_t count, hone_status status) {
    for (size_t i = 0; i < count; i++) {
        struct hone_desc out[HONE_OP_MAX_OUTPUTS];
        const struct hone_infer_args args = {list[i].attrs, list[i].count, list[i].in, out};
        hone_status got = list[i].op->infer(&args);
        if (got != status) print_error("%s, \"%s\": ", list[i].op->name, list[i].message);
        test_expect_failure(got, status, list[i].message);
    }
}

static void test_refused(void **state) {
    (void)state;
    expect_refusals(refused, sizeof refused / sizeof *refused, HONE_INVALID);
    expect_refusals(unsupported, sizeof unsupported / sizeof *unsupported, HONE_UNSUPPORTED);
}

static const struct {
    const struct hone_op *op;
    const void *attrs;
    int count;
    struct hone_desc in[3], out;
} shapes[] = {
    {&hone_op_add, NULL, 2, {OP_F32(7, 1), OP_F32(3, 1, 5)}, OP_F32(3, 7, 5)},
    {&hone_op_add, NULL, 2, {OP_SCALAR, OP_F32(3)}, OP_F32(3)},
    {&hone_op_reshape, ATTRS(shape, 2, {0, -1}), 1, {OP_F32(3, 5, 7)}, OP_F32(3, 35)},
    {&hone_op_reshape, ATTRS(shape, 3, {-1, 5, 1}), 1, {OP_I32(3, 5)}, OP_I32(3, 5, 1)},
    {&hone_op_reshape, ATTRS(shape, 1, {-1}), 1, {OP_U8(3, 5)}, OP_U8(15)},
    {&hone_op_reshape, ATTRS(shape, .rank = 0), 1, {OP_F32(1, 1)}, OP_SCALAR},
    {&hone_op_flip, ATTRS(flip, 1 << 1), 1, {OP_F32(3, 5, 7)}, OP_F32(3, 5, 7)},
    {&hone_op_permute, ATTRS(permute, {2, 0, 1}), 1, {OP_F32(3, 5, 7)}, OP_F32(7, 3, 5)},
    {&hone_op_concat,
     ATTRS(concat, 1),
     3,
     {OP_F32(2, 3), OP_F32(2, 1), OP_F32(2, 4)},
     OP_F32(2, 8)},
    {&hone_op_slice, ATTRS(slice, {1, 2}, {0, 3}), 1, {OP_F32(4, 7)}, OP_F32(3, 3)},
    {&hone_op_pad, ATTRS(pad, .before = {1}, .after = {2, 3}), 1, {OP_F32(4, 7)}, OP_F32(7, 10)},
    {&hone_op_pack, NULL, 3, {OP_F32(65), OP_SCALAR, OP_F32(8, 8)}, OP_F32(256)},
};

static void test_shapes(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct hone_desc out[HONE_OP_MAX_OUTPUTS];
        char got[HONE_DESC_TEXT], want[HONE_DESC_TEXT];
        assert_ok(shapes[i].op->infer(
            &(struct hone_infer_args){shapes[i].attrs, shapes[i].count, shapes[i].in, out}));
        assert_string_equal(hone_desc_text(&out[0], got), hone_desc_text(&shapes[i].out, want));
    }
}

// Joining keeps the order of elements and drops what has size 1.
static void test_collapse(void **state) {
    (void)state;
    const struct {
        struct hone_desc a, b; // b repeats to a
        int rank;
        int32_t size[HONE_OP_WALK];
    } rows[] = {
        {OP_F32(3, 5, 7, 8), OP_F32(3, 5, 7, 8), 1, {1, 1, 1, 840}},
        {OP_F32(3, 5, 7, 8), OP_F32(8), 2, {1, 1, 105, 8}},
        {OP_F32(3, 5, 7, 8), OP_F32(3, 1, 1, 8), 3, {1, 3, 35, 8}},
        {OP_F32(3, 5, 7, 8), OP_F32(3, 1, 7, 1), 4, {3, 5, 7, 8}},
        {OP_F32(3, 1, 7, 8), OP_F32(1, 1, 7, 8), 2, {1, 1, 3, 56}},
        {OP_F32(1, 1), OP_SCALAR, 1, {1, 1, 1, 1}},
        {OP_F32(2, 3, 5, 7, 4, 8), OP_F32(5, 7, 1, 8), 4, {6, 35, 4, 8}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        int32_t size[HONE_OP_AXES], stride[2][HONE_OP_AXES];
        hone_op_dims(&rows[i].a, size);
        hone_op_strides(&rows[i].a, stride[0]);
        hone_op_strides(&rows[i].b, stride[1]);
        assert_int_equal(hone_op_collapse(size, stride, 2), rows[i].rank);
        assert_memory_equal(HONE_OP_WALKED(size), rows[i].size, sizeof rows[i].size);
    }
}

// The share that is kept, the mean that is kept, and other masks for another step, salt or seed.
static void test_dropout(void **state) {
    (void)state;
    enum { COUNT = 20000, DRAWS = 4 };
    static double x[COUNT], y[DRAWS][COUNT];
    static const double clocks[DRAWS][2] = {{1, 0}, {1, 1}, {2, 0}, {1, 0}};
    static const int32_t salts[DRAWS] = {5, 5, 5, 6};
    const struct hone_desc desc[] = {OP_F32(COUNT), OP_I32(2)};
    for (int i = 0; i < COUNT; i++) x[i] = 1;
    for (int d = 0; d < DRAWS; d++) {
        const struct hone_dropout_attrs attrs = {.rate = 0.25f, .salt = salts[d]};
        const double *const in[] = {x, clocks[d]};
        double *const out[] = {y[d]};
        hone_op_dropout.ref(&(struct hone_ref_args){&attrs, 2, desc, in, desc, out});
        double sum = 0, same = 0;
        for (int i = 0; i < COUNT; i++) {
            assert_true(y[d][i] == 0 || fabs(y[d][i] - 4.0 / 3) < 1e-12);
            sum += y[d][i];
            same += y[d][i] == y[0][i];
        }
        // Five deviations of a sum of COUNT draws.
        assert_true(fabs(sum / COUNT - 1) < 5 * sqrt(1.0 / 3 / COUNT));
        // Masks that know nothing of each other agree with probability 0.75^2 + 0.25^2.
        if (d > 0) assert_true(fabs(same / COUNT - 0.625) < 5 * sqrt(0.25 / COUNT));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_collapse),
        cmocka_unit_test(test_dropout),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
