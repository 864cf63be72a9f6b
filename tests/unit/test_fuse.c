// test_fuse.c: fusion on the reference device, in double: each pass by its name, and all of them,
// change neither values nor gradients nor a few training steps; and they find what they are for.
#include "support/blocks.h"

#include <math.h>

#include "base/alloc.h"
#include "ir/memplan.h"
#include "ir/passes.h"
#include "ops/ops.h"
#include "support/support.h"

static struct hone_device *device;

static int open_device(void **state) {
    (void)state;
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    return 0;
}

static int close_device(void **state) {
    (void)state;
    hone_device_close(&device);
    return 0;
}

static const char *const names[] = {"conv_epilogue", "norm_act",   "norm_bwd", "conv_residual",
                                    "grad_sum",      "conv_stats", "fuse"};
enum { NAMES = sizeof names / sizeof *names };

static void compare(const struct hone_graph *g, unsigned on, const char *name, int steps) {
    size_t count, fused_count;
    int nodes, fused_nodes;
    float *plain = blocks_run(device, g, HONE_PASS_FUSE, steps, &count, &nodes);
    float *fused = blocks_run(device, g, HONE_PASS_FUSE & ~on, steps, &fused_count, &fused_nodes);
    assert_int_equal(count, fused_count);
    for (size_t i = 0; i < count; i++)
        if (!(fabsf(plain[i] - fused[i]) <= 1e-5f * (1 + fabsf(plain[i]))))
            fail_msg("%s: element %zu is %g, not %g", name, i, (double)fused[i], (double)plain[i]);
    if (fused_nodes > nodes) fail_msg("%s made %d nodes of %d", name, fused_nodes, nodes);
    hone_free(plain);
    hone_free(fused);
}

static void test_training_agrees(void **state) {
    (void)state;
    struct hone_graph *g = blocks_graph(3, true);
    for (int i = 0; i < NAMES; i++) compare(g, hone_pass_find(names[i]), names[i], 3);
    hone_graph_destroy(&g);
}

static void test_folded_and_frozen_agree(void **state) {
    (void)state;
    for (int train = 0; train < 2; train++) {
        struct hone_graph *g = blocks_folded_graph(2, train);
        for (int i = 0; i < NAMES; i++) compare(g, hone_pass_find(names[i]), names[i], 1 + train);
        hone_graph_destroy(&g);
    }
    struct hone_graph *g = blocks_frozen_graph(2);
    for (int i = 0; i < NAMES; i++) compare(g, hone_pass_find(names[i]), names[i], 2);
    hone_graph_destroy(&g);
}

static void test_inference_agrees(void **state) {
    (void)state;
    struct hone_graph *g = blocks_graph(2, false);
    for (int i = 0; i < NAMES; i++) compare(g, hone_pass_find(names[i]), names[i], 1);
    hone_graph_destroy(&g);
}

static void test_what_is_found(void **state) {
    (void)state;
    struct hone_graph *g = blocks_graph(3, true);
    assert_int_equal(blocks_count(g, HONE_PASS_FUSE, &hone_op_act), 10);
    assert_int_equal(blocks_count(g, HONE_PASS_FUSE, &hone_op_act_bwd), 10);
    // Every activation follows a norm, the relu of a block its sum: none is left, forward or back.
    assert_int_equal(blocks_count(g, 0, &hone_op_act), 0);
    assert_int_equal(blocks_count(g, 0, &hone_op_act_bwd), 0);
    // The gradients of the two sums of ResNet go two ways.
    assert_int_equal(blocks_count(g, 0, &hone_op_batch_norm_residual_bwd), 2);
    // silu's derivative needs what went in: as long as somebody reads that, silu stays.
    assert_int_equal(blocks_count(g, HONE_PASS_NORM_BWD, &hone_op_act), 1);
    assert_int_equal(blocks_count(g, HONE_PASS_NORM_BWD, &hone_op_act_bwd), 10);
    assert_int_equal(blocks_count(g, HONE_PASS_NORM_ACT, &hone_op_act), 10);
    // Gradients meet in the input gradients of convolutions: at the inputs of both residual blocks
    // and of both inverted ones. What is left are the updates of the states.
    assert_int_equal(
        blocks_count(g, HONE_PASS_GRAD_SUM, &hone_op_add) - blocks_count(g, 0, &hone_op_add), 4);
    hone_graph_destroy(&g);
    g = blocks_graph(3, false);
    assert_int_equal(blocks_count(g, 0, &hone_op_act), 0);
    assert_int_equal(blocks_count(g, 0, &hone_op_add), 0);
    hone_graph_destroy(&g);
    // Each convolution makes the statistics of its norm, which goes on taking in what it did.
    g = blocks_graph(3, true);
    assert_int_equal(blocks_count(g, HONE_PASS_CONV_STATS, &hone_op_batch_norm_train), 13);
    assert_int_equal(blocks_count(g, 0, &hone_op_conv2d_stats), 13);
    assert_int_equal(blocks_count(g, 0, &hone_op_batch_norm_apply), 13);
    assert_int_equal(blocks_count(g, 0, &hone_op_conv2d), 0);
    hone_graph_destroy(&g);
    // With fixed statistics the gradient of a norm goes through the activation, but for that of the
    // two sums, which goes two ways.
    g = blocks_frozen_graph(3);
    assert_int_equal(blocks_count(g, HONE_PASS_NORM_BWD, &hone_op_act_bwd), 10);
    assert_int_equal(blocks_count(g, 0, &hone_op_act_bwd), 2);
    hone_graph_destroy(&g);
    g = blocks_folded_graph(3, false);
    assert_int_equal(blocks_count(g, HONE_PASS_CONV_RESIDUAL, &hone_op_add), 4);
    assert_int_equal(blocks_count(g, 0, &hone_op_add), 0);
    assert_int_equal(blocks_count(g, 0, &hone_op_act), 0);
    hone_graph_destroy(&g);
}

// conv(x) + x: the sum is taken in, and may not overwrite x, which the convolution reads.
static void test_sum_with_own_input(void **state) {
    (void)state;
    struct hone_graph *g, *out;
    struct hone_plan plan;
    struct hone_desc x = hone_desc_make(HONE_F32, 4, 1, 6, 6, 4);
    assert_ok(hone_graph_create(&g));
    hone_value w = hone_graph_state(g, "w", hone_desc_make(HONE_F32, 4, 4, 3, 3, 4));
    hone_value in[] = {HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){2},
                                 hone_graph_input(g, "x", x)),
                       w};
    struct hone_conv2d_attrs attrs = {
        .stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
    hone_value y = hone_graph_emit(g, &hone_op_conv2d, NULL, &attrs, in, 2);
    hone_graph_mark_output(g, HONE_EMIT(g, &hone_op_add, NULL, NULL, y, in[0]), "sum");
    assert_ok(hone_graph_run_passes(g, HONE_PASS_ALL, &out));
    assert_int_equal(out->node_count, 2);
    const struct hone_node *node = &out->nodes[1];
    assert_true(node->op == &hone_op_conv2d && node->inputs[3] == node->inputs[0]);
    assert_ok(hone_plan_create(out, &(struct hone_plan_params){0}, &plan));
    assert_true(plan.places[node->inputs[0]].storage != plan.places[node->outputs[0]].storage);
    hone_plan_deinit(&plan);
    hone_graph_destroy(&out);
    hone_graph_destroy(&g);
}

// A sum with something that is computed from the norm itself, by its second output, must not make a
// cycle; and a value that the host reads stays.
static void test_what_is_refused(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hone_graph *g;
        assert_ok(hone_graph_create(&g));
        struct hone_desc rows = hone_desc_make(HONE_F32, 2, 6, 4, 0, 0);
        struct hone_desc channels = hone_desc_make(HONE_F32, 1, 4, 0, 0, 0);
        hone_value in[5] = {hone_graph_input(g, "x", rows)}, out[HONE_OP_MAX_OUTPUTS];
        static const char *const states[] = {"gamma", "beta", "mean", "var"};
        for (int k = 0; k < 4; k++) in[k + 1] = hone_graph_state(g, states[k], channels);
        struct hone_batch_norm_attrs attrs = {.eps = 1e-5f, .momentum = 0.1f};
        hone_graph_node(g, &hone_op_batch_norm_train, NULL, &attrs, in, 5, out);
        hone_value other = i ? in[0]
                             : HONE_EMIT(g, &hone_op_broadcast_to, NULL,
                                         (&(struct hone_shape_attrs){2, {6, 4}}), out[3]);
        hone_graph_mark_output(g, HONE_EMIT(g, &hone_op_add, NULL, NULL, out[0], other), "sum");
        if (i) hone_graph_mark_output(g, out[0], "y");
        assert_int_equal(blocks_count(g, 0, &hone_op_add), 1);
        hone_graph_destroy(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_agrees),         cmocka_unit_test(test_inference_agrees),
        cmocka_unit_test(test_folded_and_frozen_agree), cmocka_unit_test(test_what_is_found),
        cmocka_unit_test(test_sum_with_own_input),      cmocka_unit_test(test_what_is_refused),
    };
    return cmocka_run_group_tests(tests, open_device, close_device);
}
