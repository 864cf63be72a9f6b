// test_pace.c: the steady state: runs that are cut into submits and dispatches by made-up low
// limits leave the same bits as whole ones, and a short program settles as one submit; then a step
// allocates nothing; batches that overlap keep their results apart; and failures on the way leave
// nothing behind.
#include "support/support.h"

#include "base/alloc.h"
#include "exec/internal.h"
#include "ops/ops.h"
#include "support/gpu.h"

#include <string.h>
#include <time.h>

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

// What a training loop does in a step, 100 times once the cuts are final: no allocation, no wait
// for the step that was just submitted, and results of finished steps while others run.
static void test_steady_state(void **state) {
    (void)state;
    enum { STEPS = 100 };
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_graph *g = chain();
    assert_ok(hone_device_open(NULL, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    float sum[64];
    bool any;
    void *x;
    assert_ok(hone_program_read_done(program, "sum", sum, sizeof sum, &any));
    assert_false(any);
    size_t before = 0, peeks = 0;
    struct timespec cpu[2];
    for (int k = -10; k < STEPS; k++) {
        if (k == 0) {
            assert_true(hone_program_pace(program).settled);
            before = hone_alloc_count();
            clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[0]);
        }
        assert_ok(hone_program_map(program, "x", COUNT * sizeof(float), &x));
        memset(x, 0, COUNT * sizeof(float));
        assert_ok(hone_program_run(program));
        assert_ok(hone_program_read_done(program, "sum", sum, sizeof sum, &any));
        peeks += any;
    }
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu[1]);
    assert_int_equal(hone_alloc_count(), before);
    assert_true(peeks > 0);
    double us = (double)(cpu[1].tv_sec - cpu[0].tv_sec) * 1e6 +
                (double)(cpu[1].tv_nsec - cpu[0].tv_nsec) / 1e3;
    print_message("%.1f us of this thread's time a step, writing %zu KiB\n", us / STEPS,
                  COUNT * sizeof(float) / 1024);
    assert_ok(hone_program_read(program, "sum", sum, sizeof sum));
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

// Batches through hone_program_stream(): each result belongs to its batch, on a GPU and on ref.
struct batches {
    float sums[9];
    size_t filled, taken;
};

static hone_status fill_batch(void *user, size_t index, void *to) {
    struct batches *b = user;
    float *x = to;
    assert_int_equal(index, b->filled++);
    for (int i = 0; i < 128; i++) x[i] = (float)(index + 1);
    return HONE_OK;
}

static hone_status take_batch(void *user, size_t index, const void *result) {
    struct batches *b = user;
    assert_int_equal(index, b->taken++);
    memcpy(&b->sums[index], result, sizeof(float));
    return index == 7 ? hone_fail(HONE_CANCELLED, "enough") : HONE_OK;
}

static void check_stream(const char *name) {
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 128, 0, 0, 0));
    hone_value y = HONE_EMIT(g, &hone_op_reduce_to, NULL, (&(struct hone_shape_attrs){1, {1}}), x);
    hone_graph_mark_output(g, y, "y");
    assert_ok(hone_device_open(&(struct hone_device_params){.name = name}, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    for (size_t count = 0; count <= 9; count++) {
        struct batches b = {{0}, 0, 0};
        struct hone_stream stream = {.input = "x",
                                     .output = "y",
                                     .input_bytes = 128 * sizeof(float),
                                     .output_bytes = sizeof(float),
                                     .count = count,
                                     .fill = fill_batch,
                                     .take = take_batch,
                                     .user = &b};
        hone_status status = hone_program_stream(program, &stream);
        assert_int_equal(status, count < 8 ? HONE_OK : HONE_CANCELLED);
        assert_int_equal(b.taken, count < 8 ? count : 8);
        for (size_t i = 0; i < b.taken; i++) assert_true(b.sums[i] == 128 * (float)(i + 1));
    }
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
}

static void test_stream(void **state) {
    (void)state;
    check_stream(NULL);
    check_stream("ref");
}

// Compiles and runs with low limits; stops at the first failure. What was made is gone afterwards.
static hone_status try_runs(struct hone_device *device, const struct hone_graph *g) {
    struct hone_store *store = NULL;
    struct hone_program *program = NULL;
    const struct hone_compile_params params = {.submit_ms = 0.05, .dispatch_ms = 1};
    hone_status status = hone_store_create(device, &store);
    if (status == HONE_OK) status = hone_program_compile(store, g, &params, &program);
    for (int r = 0; r < 5 && status == HONE_OK; r++) status = hone_program_run(program);
    if (status == HONE_OK) status = hone_program_wait(program);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    return status;
}

// The N-th Vulkan call, then the N-th allocation fails, while runs are measured and recorded again.
static void test_faults(void **state) {
    (void)state;
    struct hone_device *device;
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 4096, 0, 0, 0));
    hone_value y = HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){2}, x);
    hone_graph_mark_output(g, HONE_EMIT(g, &hone_op_add, NULL, NULL, x, y), "y");
    assert_ok(hone_device_open(NULL, &device));
    assert_ok(try_runs(device, g)); // the pipelines are there from now on
    size_t live = hone_alloc_live_bytes();
    for (int kind = 0; kind < 2; kind++) {
        void (*fail_after)(long) = kind ? hone_alloc_fail_after : hone_gpu_fail_after;
        long calls = 0;
        for (hone_status status = HONE_OUT_OF_MEMORY; status != HONE_OK; calls++) {
            assert_true(calls < 2000);
            fail_after(calls);
            status = try_runs(device, g);
            fail_after(-1);
            if (status != HONE_OK) assert_int_equal(status, HONE_OUT_OF_MEMORY);
        }
        assert_true(calls > 20);
        print_message("%ld %s failed one after the other\n", calls - 1,
                      kind ? "allocations" : "Vulkan calls");
    }
    hone_graph_destroy(&g);
    assert_true(hone_alloc_live_bytes() <= live);
    hone_device_close(&device);
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

int main(void) {
    int unusable = test_gpu_require_running();
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_runs_leave_the_same_bits),
        cmocka_unit_test(test_steady_state),
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
