// test_graph.c: building graphs, sticky failures, reverse mode's bookkeeping, and the passes.
#include "support/support.h"

#include "ir/passes.h"
#include "ops/ops.h"

static struct hone_desc matrix(int rows, int columns) {
    return hone_desc_make(HONE_F32, 2, rows, columns, 0, 0);
}

static void test_failures_stick_and_name_the_node(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value a = hone_graph_input(g, "a", matrix(3, 4));
    hone_value b = hone_graph_input(g, "b", matrix(5, 6));
    struct hone_matmul_attrs attrs = {0};
    hone_value bad = HONE_EMIT(g, &hone_op_matmul, "product", &attrs, a, b);
    assert_int_equal(bad, HONE_NO_VALUE);
    hone_value later = HONE_EMIT(g, &hone_op_add, NULL, NULL, a, a);
    assert_int_equal(later, HONE_NO_VALUE);
    test_expect_failure(hone_graph_status(g), HONE_INVALID, "product");
    hone_graph_destroy(&g);
    assert_null(g);
}

static void test_names_are_unique(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_graph_input(g, "x", matrix(1, 1));
    hone_graph_state(g, "x", matrix(1, 1));
    test_expect_failure(hone_graph_status(g), HONE_INVALID, "'x'");
    hone_graph_destroy(&g);
}

static void test_an_output_has_one_name(void **state) {
    (void)state;
    for (int i = 0; i < 2; i++) {
        struct hone_graph *g;
        assert_ok(hone_graph_create(&g));
        hone_value x = hone_graph_input(g, "x", matrix(2, 2));
        hone_value y = HONE_EMIT(g, &hone_op_add, NULL, NULL, x, x);
        hone_graph_mark_output(g, y, "y");
        hone_graph_mark_output(g, y, "y");
        hone_graph_mark_output(g, x, "x");
        assert_ok(hone_graph_status(g));
        // Under another name the first would be lost; an input keeps its own.
        hone_graph_mark_output(g, i == 0 ? y : x, "again");
        test_expect_failure(hone_graph_status(g), HONE_INVALID, i == 0 ? "'y'" : "'x'");
        hone_graph_destroy(&g);
    }
}

// One thing that is wrong with a graph while it is built.
static void test_what_is_refused(void **state) {
    (void)state;
    static const char *const messages[] = {
        "value 'flat': f32[0] is not a valid shape",
        "node 'sum' (add): add takes 2 to 2 inputs, not 1",
        "node 'sum' (add): input 1 is missing",
        "output 'y' has no value",
        "two values are named 'x'",
        "state 's' cannot become another shape",
    };
    for (int i = 0; i < (int)(sizeof messages / sizeof *messages); i++) {
        struct hone_graph *g;
        assert_ok(hone_graph_create(&g));
        hone_value x = hone_graph_input(g, "x", matrix(2, 3));
        hone_value s = hone_graph_state(g, "s", matrix(3, 2));
        hone_value given[2] = {x, HONE_NO_VALUE};
        assert_ok(hone_graph_status(g));
        switch (i) {
        case 0: hone_graph_input(g, "flat", hone_desc_make(HONE_F32, 1, 0, 0, 0, 0)); break;
        case 1: hone_graph_emit(g, &hone_op_add, "sum", NULL, given, 1); break;
        case 2: hone_graph_emit(g, &hone_op_add, "sum", NULL, given, 2); break;
        case 3: hone_graph_mark_output(g, HONE_NO_VALUE, "y"); break;
        case 4: hone_graph_mark_output(g, HONE_EMIT(g, &hone_op_add, NULL, NULL, x, x), "x"); break;
        case 5: hone_graph_set_next(g, s, x); break;
        }
        test_expect_failure(hone_graph_status(g), HONE_INVALID, messages[i]);
        hone_graph_destroy(&g);
    }
}

// One thing that a faulty pass may leave behind, which the check of graphs must see.
static void test_verify_sees(void **state) {
    (void)state;
    static const char *const messages[] = {
        "node 'sum': input 0 does not exist",
        "node 'sum': input 0 is defined later, by 'twice'",
        "node 'twice': output 0 is not its own",
        "node 'twice' (add): output 0 has another shape than infer says",
        "has no valid shape",
        "state 's' has no valid next value",
    };
    for (int i = 0; i < (int)(sizeof messages / sizeof *messages); i++) {
        struct hone_graph *g;
        assert_ok(hone_graph_create(&g));
        hone_value x = hone_graph_input(g, "x", matrix(2, 3));
        hone_value s = hone_graph_state(g, "s", matrix(2, 3));
        hone_value idle = hone_graph_input(g, "idle", matrix(4, 4));
        hone_value sum = HONE_EMIT(g, &hone_op_add, "sum", NULL, x, s);
        hone_value twice = HONE_EMIT(g, &hone_op_add, "twice", NULL, sum, sum);
        hone_graph_set_next(g, s, twice);
        assert_ok(hone_graph_verify(g));
        hone_value wrong[2] = {i == 0 ? 99 : twice, s};
        switch (i) {
        case 0:
        case 1: g->nodes[0].inputs = wrong; break;
        case 2: g->nodes[1].outputs[0] = sum; break;
        case 3: g->values[twice].desc = matrix(2, 4); break;
        case 4: g->values[idle].desc.dim[1] = -4; break;
        case 5: g->values[s].next = idle; break;
        }
        test_expect_failure(hone_graph_verify(g), HONE_INTERNAL, messages[i]);
        hone_graph_destroy(&g);
    }
}

// The gradient of a convolution with an activation adds a node before it looks at shapes: wherever
// the table of values moves, under a sanitizer too, the shapes must be right.
static void test_gradients_survive_a_growing_graph(void **state) {
    (void)state;
    for (int fill = 0; fill < 40; fill++) {
        struct hone_graph *g;
        assert_ok(hone_graph_create(&g));
        hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 4, 1, 6, 5, 4));
        hone_value w = hone_graph_state(g, "w", hone_desc_make(HONE_F32, 4, 8, 3, 2, 4));
        for (int i = 0; i < fill; i++) HONE_EMIT(g, &hone_op_add, NULL, NULL, x, x);
        struct hone_conv2d_attrs conv = {.stride = {1, 1},
                                         .dilation = {1, 1},
                                         .groups = 1,
                                         .act = {.kind = fill % 2 ? HONE_ACT_SILU : HONE_ACT_RELU}};
        hone_value y = HONE_EMIT(g, &hone_op_conv2d, NULL, &conv, x, w);
        hone_value loss = HONE_EMIT(g, &hone_op_reduce_to, NULL, &(struct hone_shape_attrs){0}, y);
        hone_value wanted[] = {x, w}, gradients[2];
        hone_graph_gradients(g, &hone_ops_for_gradients, loss, wanted, 2, gradients);
        assert_ok(hone_graph_verify(g));
        for (int i = 0; i < 2; i++)
            assert_true(
                hone_desc_equal(hone_graph_desc(g, gradients[i]), hone_graph_desc(g, wanted[i])));
        hone_graph_destroy(&g);
    }
}

static void test_no_gradient_is_an_error(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 1, 0, 0, 0));
    hone_value gradient;
    // The loss does not depend on y: no gradient, and no failure.
    hone_value y = hone_graph_input(g, "y", hone_desc_make(HONE_F32, 1, 1, 0, 0, 0));
    hone_graph_gradients(g, &hone_ops_for_gradients, x, &y, 1, &gradient);
    assert_ok(hone_graph_status(g));
    assert_int_equal(gradient, HONE_NO_VALUE);
    hone_value wide = hone_graph_input(g, "wide", matrix(2, 2));
    hone_graph_gradients(g, &hone_ops_for_gradients, wide, &x, 1, &gradient);
    test_expect_failure(hone_graph_status(g), HONE_INVALID, "one f32 number");
    hone_graph_destroy(&g);
}

static void test_gradient_skips_what_nobody_wants(void **state) {
    (void)state;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", matrix(7, 5));
    hone_value frozen = hone_graph_state(g, "frozen", matrix(4, 5));
    hone_value head = hone_graph_state(g, "head", matrix(3, 4));
    struct hone_matmul_attrs linear = {.trans_b = 1};
    hone_value features = HONE_EMIT(g, &hone_op_matmul, NULL, &linear, x, frozen);
    hone_value logits = HONE_EMIT(g, &hone_op_matmul, NULL, &linear, features, head);
    struct hone_shape_attrs scalar = {.rank = 0};
    hone_value loss = HONE_EMIT(g, &hone_op_reduce_to, NULL, &scalar, logits);
    size_t before = g->node_count;
    hone_value gradient;
    hone_graph_gradients(g, &hone_ops_for_gradients, loss, &head, 1, &gradient);
    assert_ok(hone_graph_verify(g));
    assert_true(hone_desc_equal(hone_graph_desc(g, gradient), hone_graph_desc(g, head)));
    // fill, broadcast and one matmul: nothing below the head.
    for (size_t n = before; n < g->node_count; n++)
        for (int i = 0; i < g->nodes[n].input_count; i++)
            assert_int_not_equal(g->nodes[n].inputs[i], frozen);
    hone_graph_destroy(&g);
}

static void test_passes_drop_and_fuse(void **state) {
    (void)state;
    struct hone_graph *g, *out;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 4, 1, 8, 8, 4));
    hone_value w = hone_graph_state(g, "w", hone_desc_make(HONE_F32, 4, 8, 3, 3, 4));
    struct hone_conv2d_attrs conv = {
        .stride = {1, 1}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1};
    struct hone_act_attrs relu = {.kind = HONE_ACT_RELU};
    hone_value y = HONE_EMIT(g, &hone_op_conv2d, "conv", &conv, x, w);
    hone_value z = HONE_EMIT(g, &hone_op_act, "relu", &relu, y);
    HONE_EMIT(g, &hone_op_scale, "dead", &(struct hone_scale_attrs){2}, z);
    hone_graph_mark_output(g, z, "z");
    assert_ok(hone_graph_run_passes(g, HONE_PASS_ALL, &out));
    assert_ok(hone_graph_verify(out));
    assert_int_equal(out->node_count, 1);
    assert_int_equal(((const struct hone_conv2d_attrs *)out->nodes[0].attrs)->act.kind,
                     HONE_ACT_RELU);
    assert_int_not_equal(hone_graph_find(out, "z"), HONE_NO_VALUE);
    hone_graph_destroy(&out);
    assert_ok(hone_graph_run_passes(g, HONE_PASS_DCE, &out));
    assert_int_equal(out->node_count, 2);
    hone_graph_destroy(&out);
    // When the host reads the convolution itself, it must stay.
    hone_graph_mark_output(g, y, "y");
    assert_ok(hone_graph_run_passes(g, HONE_PASS_ALL, &out));
    assert_int_equal(out->node_count, 2);
    hone_graph_destroy(&out);
    hone_graph_destroy(&g);
}

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    size_t live = hone_alloc_live_bytes();
    bool done = false;
    for (long n = 0; !done && n < 1000; n++) {
        hone_alloc_fail_after(n);
        struct hone_graph *g = NULL, *out = NULL;
        hone_status status = hone_graph_create(&g);
        if (status == HONE_OK) {
            hone_value a = hone_graph_input(g, "a", matrix(2, 3));
            hone_value b = HONE_EMIT(g, &hone_op_add, NULL, NULL, a, a);
            hone_value loss =
                HONE_EMIT(g, &hone_op_reduce_to, NULL, &(struct hone_shape_attrs){0}, b);
            hone_value gradient;
            hone_graph_gradients(g, &hone_ops_for_gradients, loss, &a, 1, &gradient);
            hone_graph_mark_output(g, gradient, "gradient");
            status = hone_graph_run_passes(g, HONE_PASS_ALL, &out);
        }
        hone_alloc_fail_after(-1);
        done = status == HONE_OK;
        if (!done) assert_int_equal(status, HONE_OUT_OF_MEMORY);
        hone_graph_destroy(&out);
        hone_graph_destroy(&g);
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
    assert_true(done);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_failures_stick_and_name_the_node),
        cmocka_unit_test(test_names_are_unique),
        cmocka_unit_test(test_an_output_has_one_name),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_verify_sees),
        cmocka_unit_test(test_gradients_survive_a_growing_graph),
        cmocka_unit_test(test_no_gradient_is_an_error),
        cmocka_unit_test(test_gradient_skips_what_nobody_wants),
        cmocka_unit_test(test_passes_drop_and_fuse),
        cmocka_unit_test(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
