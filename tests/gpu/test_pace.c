// test_pace.c: runs that are cut into submits and dispatches by made-up low limits leave the same
// bits as whole ones, for every run, and a short program settles as one submit.
#include "support/support.h"

#include "base/alloc.h"
#include "exec/internal.h"
#include "ops/ops.h"
#include "support/gpu.h"

#include <string.h>

enum { COUNT = 1 << 16, LINKS = 3, RUNS = 7 };

// state' = relu(0.99 state + x + 0.99 (state + x) + ...), and its sum over rows: many dispatches
// that depend on each other, one of them with a second pass.
static struct hone_graph *chain(void) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    struct hone_desc desc = hone_desc_make(HONE_F32, 2, COUNT / 64, 64, 0, 0);
    hone_value x = hone_graph_input(g, "x", desc);
    hone_value state = hone_graph_state(g, "state", desc), v = state;
    for (int i = 0; i < LINKS; i++) {
        v = HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){0.49f}, v);
        v = HONE_EMIT(g, &hone_op_add, NULL, NULL, v, x);
        v = HONE_EMIT(g, &hone_op_act, NULL, (&(struct hone_act_attrs){.kind = HONE_ACT_SILU}), v);
    }
    hone_value sum =
        HONE_EMIT(g, &hone_op_reduce_to, NULL, (&(struct hone_shape_attrs){1, {64}}), v);
    hone_graph_set_next(g, state, v);
    hone_graph_mark_output(g, sum, "sum");
    return g;
}

struct outcome {
    float sums[RUNS][64], state[COUNT];
};

static void run(struct hone_device *device, const struct hone_compile_params *params,
                struct outcome *out, struct hone_program_pace *pace) {
    struct hone_store *store;
    struct hone_program *program;
    struct hone_graph *g = chain();
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, g, params, &program));
    hone_graph_destroy(&g);
    float *x = hone_calloc(COUNT, sizeof *x, "x");
    assert_non_null(x);
    for (int r = 0; r < RUNS; r++) {
        for (int i = 0; i < COUNT; i++) x[i] = (float)((i * 7 + r * 13) % 101) / 101 - 0.4f;
        assert_ok(hone_program_write(program, "x", x, COUNT * sizeof *x));
        assert_ok(hone_program_run(program));
        // Some runs are read at once, others overlap.
        if (r % 3 == 0 || r == RUNS - 1)
            assert_ok(hone_program_read(program, "sum", out->sums[r], sizeof out->sums[r]));
    }
    assert_ok(hone_store_read(store, "state", out->state, sizeof out->state));
    *pace = hone_program_pace(program);
    for (int slot = 0; slot < HONE_PROGRAM_SLOTS; slot++) {
        struct hone_gpu_recording_stats stats =
            hone_gpu_recording_stats(program->gpu.recording[slot]);
        assert_int_equal(stats.submits, pace->submits);
        assert_int_equal(stats.dispatches, pace->dispatches);
    }
    hone_free(x);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
}

static void test_cut_runs_leave_the_same_bits(void **state) {
    (void)state;
    struct hone_device *device;
    struct hone_program_pace whole, cut;
    struct outcome *a = hone_calloc(2, sizeof *a, "outcomes"), *b = a + 1;
    assert_non_null(a);
    assert_ok(hone_device_open(NULL, &device));
    run(device, &(struct hone_compile_params){.submit_ms = 1e6, .dispatch_ms = 1e6}, a, &whole);
    assert_true(whole.settled);
    assert_int_equal(whole.submits, 1);
    const struct hone_compile_params limits[] = {
        {.submit_ms = 1e-3, .dispatch_ms = 1e6},  // a submit for each dispatch
        {.submit_ms = 1e6, .dispatch_ms = 1e-3},  // one submit of many parts
        {.submit_ms = 0.05, .dispatch_ms = 1e-2}, // both
    };
    for (int i = 0; i < 3; i++) {
        memset(b, 0, sizeof *b);
        run(device, &limits[i], b, &cut);
        assert_memory_equal(a, b, sizeof *a);
        assert_true(cut.settled);
        if (i == 0) assert_int_equal(cut.submits, whole.dispatches);
        if (i == 1) assert_int_equal(cut.submits, 1);
        if (i > 0) assert_true(cut.dispatches > 2 * whole.dispatches);
        if (i == 2) assert_true(cut.submits > 1);
    }
    print_message("whole: %zu dispatches, %.2f ms; cut: %zu dispatches in %zu submits\n",
                  whole.dispatches, whole.run_ms, cut.dispatches, cut.submits);
    hone_device_close(&device);
    hone_free(a);
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

int main(void) {
    int unusable = test_gpu_require_running();
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_runs_leave_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
