// test_pass_cast: mixed precision as a rewrite: what becomes 16-bit, what stays f32, that no cast
// follows a cast, and that the result agrees with f32 on the reference device.
#include "support/support.h"

#include <math.h>

#include "ops/ops.h"
#include "support/blocks.h"

static void check_graph(const struct hone_graph *g, enum hone_dtype compute) {
    int casts = 0, narrow = 0;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        const struct hone_desc *in = hone_graph_desc(g, node->inputs[0]);
        const struct hone_desc *out = hone_graph_desc(g, node->outputs[0]);
        if (node->op == &hone_op_cast) {
            const struct hone_node *before = hone_graph_producer(g, node->inputs[0]);
            assert_true(!before || before->op != &hone_op_cast);
            casts++;
        }
        if (node->op == &hone_op_conv2d || node->op == &hone_op_conv2d_bwd_x) {
            assert_int_equal(in->dtype, compute);
            assert_int_equal(out->dtype, compute);
            narrow++;
        }
        if (node->op == &hone_op_conv2d_bwd_w) {
            assert_int_equal(in->dtype, compute);
            assert_int_equal(out->dtype, HONE_F32);
        }
        if (node->op == &hone_op_batch_norm_train) {
            assert_int_equal(out->dtype, compute);
            assert_int_equal(hone_graph_desc(g, node->outputs[3])->dtype, HONE_F32);
        }
    }
    assert_true(casts > 0 && narrow > 0);
    for (size_t v = 0; v < g->value_count; v++)
        if (g->values[v].kind != HONE_VALUE_NODE || g->values[v].is_output)
            assert_true(g->values[v].desc.dtype == HONE_F32 || g->values[v].desc.dtype == HONE_I32);
}

static void test_types(void **state) {
    (void)state;
    for (int train = 0; train < 2; train++) {
        struct hone_graph *g = blocks_graph(2, train), *out;
        assert_ok(hone_graph_cast(g, HONE_F16, &hone_op_cast, &out));
        assert_ok(hone_graph_verify(out));
        check_graph(out, HONE_F16);
        hone_graph_destroy(&out);
        assert_ok(hone_graph_cast(g, HONE_BF16, &hone_op_cast, &out));
        check_graph(out, HONE_BF16);
        hone_graph_destroy(&out);
        test_expect_failure(hone_graph_cast(g, HONE_I32, &hone_op_cast, &out), HONE_INVALID,
                            "f16 or bf16");
        hone_graph_destroy(&g);
    }
}

// A linear layer whose result goes to the loss, and whose weights get a gradient: both products are
// f32 at once, without a cast.
static void test_wide_results(void **state) {
    (void)state;
    struct hone_graph *g, *out;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 2, 4, 8, 0, 0));
    hone_value w = hone_graph_state(g, "w", hone_desc_make(HONE_F32, 2, 12, 8, 0, 0)), dw;
    const struct hone_shape_attrs scalar = {.rank = 0};
    hone_value y =
        HONE_EMIT(g, &hone_op_matmul, "linear", (&(struct hone_matmul_attrs){.trans_b = 1}), x, w);
    hone_value p = HONE_EMIT(g, &hone_op_softmax, NULL, NULL, y);
    hone_value loss = HONE_EMIT(g, &hone_op_reduce_to, NULL, &scalar, p);
    hone_graph_gradients(g, &hone_ops_for_gradients, loss, &w, 1, &dw);
    hone_graph_mark_output(g, dw, "dw");
    assert_ok(hone_graph_cast(g, HONE_F16, &hone_op_cast, &out));
    for (size_t n = 0; n < out->node_count; n++)
        if (out->nodes[n].op == &hone_op_matmul) {
            assert_int_equal(hone_graph_desc(out, out->nodes[n].inputs[0])->dtype, HONE_F16);
            assert_int_equal(hone_graph_desc(out, out->nodes[n].outputs[0])->dtype, HONE_F32);
        }
    hone_graph_destroy(&out);
    hone_graph_destroy(&g);
}

// Largest deviation in units of the largest value.
static double deviation(struct hone_device *device, bool train, enum hone_dtype compute) {
    struct hone_graph *g = blocks_graph(2, train);
    size_t count, other;
    float *want = blocks_run_on(device, g, NULL, 1, &count);
    float *got =
        blocks_run_on(device, g, &(struct hone_compile_params){.compute = compute}, 1, &other);
    assert_int_equal(count, other);
    double worst = 0, largest = 0;
    for (size_t i = 0; i < count; i++) {
        assert_true(isfinite((double)got[i]));
        worst = fmax(worst, fabs((double)got[i] - (double)want[i]));
        largest = fmax(largest, fabs((double)want[i]));
    }
    hone_free(want);
    hone_free(got);
    hone_graph_destroy(&g);
    return worst / largest;
}

static void test_agrees(void **state) {
    (void)state;
    struct hone_device *device;
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    for (int train = 0; train < 2; train++) {
        double f16 = deviation(device, train, HONE_F16), bf16 = deviation(device, train, HONE_BF16);
        // Some ten roundings behind each other; a cast that was lost would show as 0.
        assert_true(f16 > 0 && f16 < 10 * 0x1p-10);
        assert_true(bf16 > 0 && bf16 < 10 * 0x1p-7);
    }
    hone_device_close(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_wide_results),
        cmocka_unit_test(test_agrees),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
