// test_bench_shape: "h=56,c=64" to numbers, and that every operator of the bench builds with its
// defaults and is computed by the reference.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "bench/internal.h"

static const uint32_t conv = HONE_KEY(N) | HONE_KEY(H) | HONE_KEY(W) | HONE_KEY(C) | HONE_KEY(K) |
                             HONE_KEY(R) | HONE_KEY(S) | HONE_KEY(PAD) | HONE_KEY(ACT);

static void test_follow(void **state) {
    (void)state;
    int32_t v[HONE_KEY_COUNT];
    assert_ok(hone_bench_shape_parse(NULL, conv, v));
    assert_int_equal(v[HONE_KEY_N], 1);
    assert_int_equal(v[HONE_KEY_H], 56);
    assert_int_equal(v[HONE_KEY_K], 64);
    assert_int_equal(v[HONE_KEY_PAD], 1);
    assert_int_equal(v[HONE_KEY_STRIDE], 1);
    assert_ok(hone_bench_shape_parse("h=14,c=96 k=24, r=5,act=silu", conv, v));
    assert_int_equal(v[HONE_KEY_W], 14);
    assert_int_equal(v[HONE_KEY_K], 24);
    assert_int_equal(v[HONE_KEY_S], 5);
    assert_int_equal(v[HONE_KEY_PAD], 2);
    assert_int_equal(v[HONE_KEY_ACT], HONE_ACT_SILU);
    assert_ok(hone_bench_shape_parse("w=7,pad=0,s=1", conv, v));
    assert_true(v[HONE_KEY_H] == 56 && v[HONE_KEY_W] == 7 && v[HONE_KEY_PAD] == 0);
    assert_true(v[HONE_KEY_R] == 3 && v[HONE_KEY_S] == 1);
    uint32_t matrix = HONE_KEY(M) | HONE_KEY(N) | HONE_KEY(K);
    assert_ok(hone_bench_shape_parse("m=8", matrix, v));
    assert_true(v[HONE_KEY_M] == 8 && v[HONE_KEY_N] == 512 && v[HONE_KEY_K] == 512);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"q=3", "'q=3' is not understood; there are n=1 h=56 w=h"},
        {"h", "'h' is not understood"},
        {"h=", "h="},
        {"h=0", "out of range"},
        {"h=ten", "ten"},
        {"m=4", "'m=4' is not understood"},
        {"act=maxout", "none, relu"},
        {"hhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhhh=1",
         "not under"},
    };
    int32_t v[HONE_KEY_COUNT];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(hone_bench_shape_parse(cases[i].text, conv, v), HONE_INVALID);
        if (!strstr(hone_error_message(), cases[i].says))
            fail_msg("'%s' says: %s", cases[i].text, hone_error_message());
    }
    struct hone_bench_build build;
    assert_int_equal(hone_bench_op_build("conv3d", NULL, HONE_F32, &build), HONE_NOT_FOUND);
    assert_non_null(strstr(hone_error_message(), "conv2d_bwd_w"));
    // A filter larger than the padded picture is the operator's own refusal.
    assert_int_equal(hone_bench_op_build("conv2d", "h=2,r=7,pad=0", HONE_F32, &build),
                     HONE_INVALID);
    assert_null(build.graph);
    // Not every operator takes 16-bit data, and says so.
    assert_ok(hone_bench_op_build("conv2d", NULL, HONE_BF16, &build));
    assert_int_equal(hone_graph_desc(build.graph, build.states[0].value)->dtype, HONE_BF16);
    hone_graph_destroy(&build.graph);
    assert_int_equal(hone_bench_op_build("reduce_to", "c=6", HONE_F16, &build), HONE_INVALID);
}

// Small shapes, so that the reference is quick.
static void test_every_op(void **state) {
    (void)state;
    struct hone_device *device;
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    for (int i = 0; i < hone_bench_op_count; i++) {
        const struct hone_bench_op *op = &hone_bench_op_table[i];
        const char *shape = op->keys & HONE_KEY(L)   ? "l=128"
                            : op->keys & HONE_KEY(M) ? "m=4,n=5,k=6"
                            : op->keys & HONE_KEY(H) ? "n=2,h=5,c=4"
                                                     : "n=3,c=7";
        struct hone_bench_build build;
        struct hone_store *store;
        struct hone_program *program;
        assert_ok(hone_bench_op_build(op->name, shape, HONE_F32, &build));
        assert_ok(hone_graph_verify(build.graph));
        assert_true(build.state_count > 0 && build.graph->node_count == 1);
        assert_ok(hone_store_create(device, &store));
        assert_ok(hone_program_compile(store, build.graph, NULL, &program));
        assert_ok(hone_program_run(program));
        struct hone_program_node node;
        assert_ok(hone_program_node(program, 0, &node));
        if (node.bytes <= 0) fail_msg("%s moves no bytes", op->name);
        hone_program_destroy(&program);
        hone_store_destroy(&store);
        hone_graph_destroy(&build.graph);
    }
    hone_device_close(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_follow),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_every_op),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
