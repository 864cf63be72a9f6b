// test_mixed.c: mixed precision on the device: the same net in f16 and bf16 as the reference device
// computes it, with and without fusion, and the same bits on a second run.
#include "support/support.h"

#include <math.h>
#include <string.h>

#include "ir/passes.h"
#include "ops/ops.h"
#include "support/blocks.h"
#include "support/gpu.h"

static void compare(bool train, enum hone_dtype compute, unsigned passes_off, double bound) {
    struct hone_graph *g = blocks_graph(5, train);
    const struct hone_compile_params params = {.compute = compute, .passes_off = passes_off};
    size_t count, got_count;
    float *want = blocks_run_on(test_gpu_ref, g, NULL, 1, &count);
    float *got = blocks_run_on(test_gpu_device, g, &params, 1, &got_count);
    float *again = blocks_run_on(test_gpu_device, g, &params, 1, &got_count);
    assert_int_equal(count, got_count);
    assert_memory_equal(got, again, count * sizeof *got);
    double largest = 0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)want[i]));
    for (size_t i = 0; i < count; i++)
        if (!(fabs((double)want[i] - (double)got[i]) <= bound * largest))
            fail_msg("%s: element %zu is %g, not %g", hone_dtype_name(compute), i, (double)got[i],
                     (double)want[i]);
    hone_free(want);
    hone_free(got);
    hone_free(again);
    hone_graph_destroy(&g);
}

static void test_agrees(void **state) {
    (void)state;
    for (int train = 0; train < 2; train++) {
        compare(train, HONE_F16, 0, 10 * 0x1p-10);
        compare(train, HONE_F16, HONE_PASS_FUSE, 10 * 0x1p-10);
        compare(train, HONE_BF16, 0, 10 * 0x1p-7);
    }
}

int main(void) {
    int skip = test_gpu_require_running();
    if (skip) return skip;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees),
    };
    return cmocka_run_group_tests(tests, test_gpu_open_pair, test_gpu_close_pair);
}
