// test_ops: the reference of operators against PyTorch in double (tools/golden/make_ops.py).
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ops/ops.h"
#include "support/golden.h"

enum { MOST = 6, NORM_INPUTS = 5 };

// One evaluation: names of the golden tensors that are inputs, and of those that the outputs must
// equal; an output without a name is not compared.
struct row {
    const struct hone_op *op;
    const char *prefix;
    const void *attrs;
    const char *in[MOST], *out[MOST];
};

static const struct hone_batch_norm_attrs norm = {.eps = 1e-3f, .momentum = 0.1f};
static const struct hone_pool_attrs max = {
    .kernel = {3, 3}, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .in_h = 9, .in_w = 10};
static const struct hone_pool_attrs count = {
    .kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 1, 1, 1}, .count_pad = 1, .in_h = 9, .in_w = 10};
static const struct hone_pool_attrs inside = {
    .kernel = {3, 2}, .stride = {2, 1}, .pad = {1, 1, 1, 1}, .in_h = 9, .in_w = 10};
static const struct hone_layer_norm_attrs layer = {1e-3f};
static const struct hone_attention_attrs heads = {0.35f};
static const struct hone_batch_matmul_attrs batch = {0, 0};
static const struct hone_cross_entropy_attrs hard = {0}, smooth = {.smoothing = 0.1f};
static const struct hone_cross_entropy_attrs focal = {.gamma = 2},
                                             focal_smooth = {.smoothing = 0.1f, .gamma = 0.5f};

// Forward, and backward from what act.c saves.
#define ACT(name, saved, ...)                                                                      \
    {&hone_op_act, name, &(const struct hone_act_attrs){__VA_ARGS__}, {"x"}, {"y"}}, {             \
        &hone_op_act_bwd, name, &(const struct hone_act_attrs){__VA_ARGS__}, {"dy", saved}, {      \
            "dx"                                                                                   \
        }                                                                                          \
    }
// The sizes of x and w are for the two gradients.
#define CONV(name, h, w, r, s, ...)                                                                \
    {&hone_op_conv2d,                                                                              \
     name,                                                                                         \
     &(const struct hone_conv2d_attrs){__VA_ARGS__},                                               \
     {"x", "w", "b"},                                                                              \
     {"y"}},                                                                                       \
        {&hone_op_conv2d_bwd_x,                                                                    \
         name,                                                                                     \
         &(const struct hone_conv2d_attrs){__VA_ARGS__, .in_h = h, .in_w = w},                     \
         {"dy", "w"},                                                                              \
         {"dx"}},                                                                                  \
    {                                                                                              \
        &hone_op_conv2d_bwd_w, name,                                                               \
            &(const struct hone_conv2d_attrs){__VA_ARGS__, .filter_h = r, .filter_w = s},          \
            {"dy", "x"}, {                                                                         \
            "dw"                                                                                   \
        }                                                                                          \
    }

static const struct hone_matmul_attrs linear = {.trans_b = 1};
static const struct hone_sgd_attrs sgd = {.momentum = 0.9f}, nesterov = {0.9f, 1};
static const struct hone_adamw_attrs adamw = {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f};

static const struct row rows[] = {
    {&hone_op_batch_norm, "batch_norm", &norm, {"x", "gamma", "beta", "mean", "var"}, {"y"}},
    {&hone_op_batch_norm_bwd_x, "batch_norm", &norm, {"dy", "gamma", "var"}, {"dx"}},
    {&hone_op_batch_norm_bwd_p,
     "batch_norm",
     &norm,
     {"dy", "x", "mean", "var"},
     {"dgamma", "dbeta"}},
    {&hone_op_batch_norm_train,
     "batch_norm_train",
     &norm,
     {"x", "gamma", "beta", "mean", "var"},
     {"y", "new_mean", "new_var"}},
    {&hone_op_max_pool, "max_pool", &max, {"x"}, {"y", "index"}},
    {&hone_op_max_pool_bwd, "max_pool", &max, {"dy", "index"}, {"dx"}},
    {&hone_op_avg_pool, "avg_pool_count", &count, {"x"}, {"y"}},
    {&hone_op_avg_pool_bwd, "avg_pool_count", &count, {"dy"}, {"dx"}},
    {&hone_op_avg_pool, "avg_pool_inside", &inside, {"x"}, {"y"}},
    {&hone_op_avg_pool_bwd, "avg_pool_inside", &inside, {"dy"}, {"dx"}},
    {&hone_op_global_avg_pool, "global_avg_pool", NULL, {"x"}, {"y"}},
    {&hone_op_layer_norm, "layer_norm", &layer, {"x", "gamma", "beta"}, {"y", "mean", "invstd"}},
    {&hone_op_layer_norm_bwd,
     "layer_norm",
     &layer,
     {"dy", "x", "gamma", "mean", "invstd"},
     {"dx", "dgamma", "dbeta"}},
    {&hone_op_attention, "attention", &heads, {"qkv"}, {"y", "lse"}},
    {&hone_op_attention_packed_bwd, "attention", &heads, {"dy", "y", "lse", "qkv"}, {"dqkv"}},
    {&hone_op_batch_matmul, "batch_matmul", &batch, {"a", "b"}, {"y"}},
    {&hone_op_softmax, "softmax", NULL, {"x"}, {"y"}},
    {&hone_op_softmax_bwd, "softmax", NULL, {"dy", "y"}, {"dx"}},
    {&hone_op_cross_entropy, "cross_entropy", &hard, {"logits", "labels", "weights"}, {"loss"}},
    {&hone_op_cross_entropy,
     "cross_entropy_smooth",
     &smooth,
     {"logits", "labels", "weights"},
     {"loss"}},
    {&hone_op_cross_entropy, "focal", &focal, {"logits", "labels", "weights"}, {"loss"}},
    {&hone_op_cross_entropy,
     "focal_smooth",
     &focal_smooth,
     {"logits", "labels", "weights"},
     {"loss"}},
    ACT("relu", "y", HONE_ACT_RELU, 0, 0),
    ACT("relu6", "y", HONE_ACT_CLIP, 0, 6),
    ACT("sigmoid", "y", HONE_ACT_SIGMOID, 0, 0),
    ACT("silu", "x", HONE_ACT_SILU, 0, 0),
    ACT("gelu", "x", HONE_ACT_GELU, 0, 0),
    ACT("gelu_tanh", "x", HONE_ACT_GELU_TANH, 0, 0),
    ACT("tanh", "y", HONE_ACT_TANH, 0, 0),
    ACT("hard_swish", "x", HONE_ACT_HARD_SWISH, 0, 0),
    CONV("conv_stride", 9, 8, 3, 3, .stride = {2, 2}, .pad = {1, 1, 1, 1}, .dilation = {1, 1},
         .groups = 1),
    CONV("conv_dilated", 9, 10, 3, 2, .stride = {1, 2}, .pad = {0, 2, 3, 1}, .dilation = {2, 3},
         .groups = 1),
    CONV("conv_groups", 5, 7, 3, 3, .stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1},
         .groups = 2),
    CONV("conv_depthwise", 8, 8, 3, 3, .stride = {2, 2}, .pad = {0, 0, 1, 1}, .dilation = {1, 1},
         .groups = 4),
    {&hone_op_matmul, "linear", &linear, {"x", "w", "b"}, {"y"}},
    {&hone_op_sgd, "sgd", &sgd, {"w", "g", "m", "segments", "hyper"}, {"w_next", "m_next"}},
    {&hone_op_sgd,
     "sgd_nesterov",
     &nesterov,
     {"w", "g", "m", "segments", "hyper"},
     {"w_next", "m_next"}},
    {&hone_op_adamw,
     "adamw",
     &adamw,
     {"w", "g", "m", "v", "segments", "hyper"},
     {"w_next", "m_next", "v_next"}},
};

// Inputs of one evaluation; a caller may add or change some before run().
struct eval {
    struct hone_desc in_desc[MOST], out_desc[HONE_OP_MAX_OUTPUTS];
    const double *in[MOST];
    double *out[HONE_OP_MAX_OUTPUTS];
    int count;
};

static void eval_run(struct eval *eval, const struct hone_op *op, const void *attrs) {
    struct hone_infer_args infer = {attrs, eval->count, eval->in_desc, eval->out_desc};
    assert_ok(op->infer(&infer));
    for (int i = 0; i < op->outputs; i++) {
        eval->out[i] =
            hone_calloc((size_t)hone_desc_elements(&eval->out_desc[i]), sizeof(double), "output");
        assert_non_null(eval->out[i]);
    }
    struct hone_ref_args args = {.attrs = attrs,
                                 .input_count = eval->count,
                                 .in_desc = eval->in_desc,
                                 .in = eval->in,
                                 .out_desc = eval->out_desc,
                                 .out = eval->out};
    op->ref(&args);
}

static void eval_deinit(struct eval *eval) {
    for (int i = 0; i < HONE_OP_MAX_OUTPUTS; i++) hone_free(eval->out[i]);
}

static void eval_compare(struct eval *eval, struct golden *golden, int output, const char *prefix,
                         const char *name) {
    struct hone_desc shape;
    const double *want = golden_get(golden, &shape, "%s.%s", prefix, name);
    if (!hone_desc_equal(&shape, &eval->out_desc[output]))
        fail_msg("%s.%s: the shapes differ", prefix, name);
    double error = golden_error(eval->out[output], want, hone_desc_elements(&shape));
    if (!(error <= 1e-12)) fail_msg("%s.%s: off by %g", prefix, name, error);
}

static void test_rows(void **state) {
    (void)state;
    struct golden *golden = golden_open("ops.safetensors");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        struct eval eval = {0};
        for (; eval.count < MOST && row->in[eval.count]; eval.count++)
            eval.in[eval.count] = golden_get(golden, &eval.in_desc[eval.count], "%s.%s",
                                             row->prefix, row->in[eval.count]);
        eval_run(&eval, row->op, row->attrs);
        for (int k = 0; k < MOST && row->out[k]; k++)
            eval_compare(&eval, golden, k, row->prefix, row->out[k]);
        eval_deinit(&eval);
    }
    golden_close(&golden);
}

// Statistics of the forward pass go into the backward pass.
static void test_batch_norm_train_bwd(void **state) {
    (void)state;
    struct golden *golden = golden_open("ops.safetensors");
    static const char *const names[NORM_INPUTS] = {"x", "gamma", "beta", "mean", "var"};
    struct eval forward = {.count = NORM_INPUTS}, back = {.count = NORM_INPUTS};
    for (int i = 0; i < NORM_INPUTS; i++)
        forward.in[i] = golden_get(golden, &forward.in_desc[i], "batch_norm_train.%s", names[i]);
    eval_run(&forward, &hone_op_batch_norm_train, &norm);
    back.in[0] = golden_get(golden, &back.in_desc[0], "batch_norm_train.dy");
    for (int i = 0; i < 2; i++) {
        back.in[i + 1] = forward.in[i];
        back.in_desc[i + 1] = forward.in_desc[i];
        back.in[i + 3] = forward.out[i + 3];
        back.in_desc[i + 3] = forward.out_desc[i + 3];
    }
    eval_run(&back, &hone_op_batch_norm_train_bwd, &norm);
    eval_compare(&back, golden, 0, "batch_norm_train", "dx");
    eval_compare(&back, golden, 1, "batch_norm_train", "dgamma");
    eval_compare(&back, golden, 2, "batch_norm_train", "dbeta");
    eval_deinit(&back);
    eval_deinit(&forward);
    golden_close(&golden);
}

static void test_cross_entropy_bwd(void **state) {
    (void)state;
    struct golden *golden = golden_open("ops.safetensors");
    static const char *const prefixes[4] = {"cross_entropy", "cross_entropy_smooth", "focal",
                                            "focal_smooth"};
    static const struct hone_cross_entropy_attrs *const attrs[4] = {&hard, &smooth, &focal,
                                                                    &focal_smooth};
    static const char *const names[3] = {"logits", "labels", "weights"};
    static const double one = 1;
    for (int k = 0; k < 4; k++) {
        struct eval eval = {.count = 4, .in = {&one}};
        eval.in_desc[0] = hone_desc_make(HONE_F32, 1, 1, 0, 0, 0);
        for (int i = 0; i < 3; i++)
            eval.in[i + 1] =
                golden_get(golden, &eval.in_desc[i + 1], "%s.%s", prefixes[k], names[i]);
        eval_run(&eval, &hone_op_cross_entropy_bwd, attrs[k]);
        eval_compare(&eval, golden, 0, prefixes[k], "dlogits");
        eval_deinit(&eval);
    }
    golden_close(&golden);
}

// Where PyTorch gives NaN: no row counts.
static void test_cross_entropy_all_ignored(void **state) {
    (void)state;
    static const double one = 1, logits[6] = {1, 2, 3, -1, 0, 4}, labels[2] = {-1, -100},
                        weights[3] = {1, 1, 1};
    struct eval loss = {.count = 3, .in = {logits, labels, weights}};
    loss.in_desc[0] = hone_desc_make(HONE_F32, 2, 2, 3, 0, 0);
    loss.in_desc[1] = hone_desc_make(HONE_I32, 1, 2, 0, 0, 0);
    loss.in_desc[2] = hone_desc_make(HONE_F32, 1, 3, 0, 0, 0);
    eval_run(&loss, &hone_op_cross_entropy, &smooth);
    assert_true(loss.out[0][0] == 0);
    struct eval back = {.count = 4, .in = {&one, logits, labels, weights}};
    back.in_desc[0] = hone_desc_make(HONE_F32, 1, 1, 0, 0, 0);
    memcpy(back.in_desc + 1, loss.in_desc, 3 * sizeof *loss.in_desc);
    eval_run(&back, &hone_op_cross_entropy_bwd, &smooth);
    for (int i = 0; i < 6; i++) assert_true(back.out[0][i] == 0);
    eval_deinit(&loss);
    eval_deinit(&back);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_batch_norm_train_bwd),
        cmocka_unit_test(test_cross_entropy_bwd),
        cmocka_unit_test(test_cross_entropy_all_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
