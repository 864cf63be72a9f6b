// test_fusion.c: fused and unfused programs on the device: training steps and inference agree with
// the reference device and with each other, pass by pass, and a fused step repeats bit for bit.
#include "support/blocks.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "ir/passes.h"
#include "support/gpu.h"
#include "support/support.h"

static const char *const names[] = {"dce",           "conv_epilogue", "norm_act",   "norm_bwd",
                                    "conv_residual", "grad_sum",      "conv_stats", "fuse"};

static void compare(struct hone_graph *g, int steps) {
    size_t count, got_count;
    float *want = blocks_run(test_gpu_ref, g, ~0u, steps, &count, NULL);
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        unsigned on = hone_pass_find(names[n]) | HONE_PASS_DCE;
        float *got = blocks_run(test_gpu_device, g, ~on, steps, &got_count, NULL);
        assert_int_equal(count, got_count);
        for (size_t i = 0; i < count; i++)
            if (!(fabsf(want[i] - got[i]) <= 2e-4f * (1 + fabsf(want[i]))))
                fail_msg("%s: element %zu is %g, not %g", names[n], i, (double)got[i],
                         (double)want[i]);
        float *again = blocks_run(test_gpu_device, g, ~on, steps, &got_count, NULL);
        if (memcmp(got, again, count * sizeof *got) != 0)
            fail_msg("%s: a second run gave other bits", names[n]);
        hone_free(again);
        hone_free(got);
    }
    hone_free(want);
    hone_graph_destroy(&g);
}

static void test_training(void **state) {
    (void)state;
    compare(blocks_graph(5, true), 3);
}

static void test_inference(void **state) {
    (void)state;
    compare(blocks_graph(5, false), 1);
}

static void test_folded(void **state) {
    (void)state;
    compare(blocks_folded_graph(5, true), 3);
    compare(blocks_folded_graph(5, false), 1);
    compare(blocks_frozen_graph(5), 2);
}

int main(void) {
    int skip = test_gpu_require_running();
    if (skip) return skip;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training),
        cmocka_unit_test(test_inference),
        cmocka_unit_test(test_folded),
    };
    return cmocka_run_group_tests(tests, test_gpu_open_pair, test_gpu_close_pair);
}
