// test_ref_program.c: programs on the reference device: states as outputs, and states that follow
// each other, and keep their shapes.
#include "support/support.h"

#include "base/half.h"
#include "exec/program.h"
#include "ops/ops.h"

static struct hone_device *device;
static struct hone_store *store;

static int open_store(void **state) {
    (void)state;
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    assert_ok(hone_store_create(device, &store));
    return 0;
}

static int close_store(void **state) {
    (void)state;
    hone_store_destroy(&store);
    hone_device_close(&device);
    return 0;
}

static struct hone_desc row(void) {
    return hone_desc_make(HONE_F32, 1, 2, 0, 0, 0);
}

static void test_a_state_can_be_read_before_the_first_run(void **state) {
    (void)state;
    struct hone_graph *g;
    struct hone_program *program;
    assert_ok(hone_graph_create(&g));
    hone_value w = hone_graph_state(g, "w", row());
    hone_graph_set_next(g, w, HONE_EMIT(g, &hone_op_add, NULL, NULL, w, w));
    hone_graph_mark_output(g, w, "w");
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    float values[2] = {3, 4};
    assert_ok(hone_store_write(store, "w", values, sizeof values));
    assert_ok(hone_program_read(program, "w", values, sizeof values));
    assert_true(values[0] == 3 && values[1] == 4);
    assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "w", values, sizeof values));
    assert_true(values[0] == 6 && values[1] == 8);
    hone_program_destroy(&program);
}

// old <- new <- 2 new: whether old gets new before or after it changed must not be left to chance.
static struct hone_graph *followers(bool copied) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value next = hone_graph_state(g, "new", row());
    hone_value old = hone_graph_state(g, "old", row());
    hone_value from =
        copied ? HONE_EMIT(g, &hone_op_scale, NULL, &(struct hone_scale_attrs){1}, next)
               : HONE_EMIT(g, &hone_op_reshape, NULL, (&(struct hone_shape_attrs){1, {-1}}), next);
    hone_graph_set_next(g, old, from);
    hone_graph_set_next(g, next, HONE_EMIT(g, &hone_op_add, NULL, NULL, next, next));
    return g;
}

static void test_a_state_does_not_take_over_one_that_changes(void **state) {
    (void)state;
    struct hone_program *program;
    struct hone_graph *g = followers(false);
    test_expect_failure(hone_program_compile(store, g, NULL, &program), HONE_UNSUPPORTED,
                        "'old' takes over state 'new'");
    assert_null(program);
    hone_graph_destroy(&g);
    g = followers(true);
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    float values[2] = {3, 4};
    assert_ok(hone_store_write(store, "new", values, sizeof values));
    assert_ok(hone_program_run(program));
    assert_ok(hone_store_read(store, "old", values, sizeof values));
    assert_true(values[0] == 3 && values[1] == 4);
    assert_ok(hone_store_read(store, "new", values, sizeof values));
    assert_true(values[0] == 6 && values[1] == 8);
    hone_program_destroy(&program);
}

// What lies in a 16-bit tensor has the precision of its type; states of it are bytes for the host.
static void test_values_in_16_bits(void **state) {
    (void)state;
    struct hone_graph *g;
    struct hone_program *program;
    assert_ok(hone_graph_create(&g));
    hone_value x = hone_graph_input(g, "x", hone_desc_make(HONE_F32, 1, 3, 0, 0, 0));
    hone_value s = hone_graph_state(g, "s", hone_desc_make(HONE_F16, 1, 3, 0, 0, 0));
    hone_value h = HONE_EMIT(g, &hone_op_cast, NULL, &(struct hone_cast_attrs){HONE_F16}, x);
    hone_value f = HONE_EMIT(g, &hone_op_cast, NULL, &(struct hone_cast_attrs){HONE_F32}, h);
    hone_value b = HONE_EMIT(g, &hone_op_cast, NULL, &(struct hone_cast_attrs){HONE_BF16}, x);
    hone_graph_set_next(g, s, h);
    hone_graph_mark_output(g, f, "f");
    hone_graph_mark_output(g, b, "b");
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    const float values[3] = {1.0f / 3, 2049, 1e-3f};
    float back[3];
    uint16_t half[3] = {0x3c00, 0x3c01, 0x3c02}, bf16[3];
    assert_ok(hone_store_write(store, "s", half, sizeof half));
    half[1] = 0;
    assert_ok(hone_store_read(store, "s", half, sizeof half));
    assert_int_equal(half[1], 0x3c01);
    assert_ok(hone_program_write(program, "x", values, sizeof values));
    assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "f", back, sizeof back));
    assert_ok(hone_program_read(program, "b", bf16, sizeof bf16));
    assert_ok(hone_store_read(store, "s", half, sizeof half));
    for (int i = 0; i < 3; i++) {
        assert_int_equal(half[i], hone_half_from_float(values[i]));
        assert_int_equal(bf16[i], hone_bf16_from_float(values[i]));
        assert_true(back[i] == hone_half_to_float(half[i]));
    }
    hone_program_destroy(&program);
}

// A state has one shape for all programs; names and sizes are checked on every way in and out.
static void test_states_are_what_they_were(void **state) {
    (void)state;
    const struct hone_desc desc = row(), other = hone_desc_make(HONE_F32, 1, 3, 0, 0, 0);
    float values[3] = {1, 2, 3};
    assert_false(hone_store_has(store, "mine"));
    assert_ok(hone_store_ensure(store, "mine", &desc));
    uint64_t bytes = hone_store_bytes(store);
    assert_ok(hone_store_ensure(store, "mine", &desc));
    assert_true(hone_store_has(store, "mine"));
    assert_int_equal(hone_store_bytes(store), bytes);
    test_expect_failure(hone_store_ensure(store, "mine", &other), HONE_INVALID,
                        "state 'mine' is f32[2], not f32[3]");
    test_expect_failure(hone_store_write(store, "yours", values, 8), HONE_NOT_FOUND,
                        "no state is named 'yours'");
    test_expect_failure(hone_store_read(store, "yours", values, 8), HONE_NOT_FOUND,
                        "no state is named 'yours'");
    test_expect_failure(hone_store_write(store, "mine", values, sizeof values), HONE_INVALID,
                        "state 'mine' has 8 bytes, not 12");
    test_expect_failure(hone_store_read(store, "mine", values, 4), HONE_INVALID,
                        "state 'mine' has 8 bytes, not 4");
    for (long n = 0; n < 2; n++) {
        hone_alloc_fail_after(n);
        hone_status status = hone_store_ensure(store, "more", &other);
        hone_alloc_fail_after(-1);
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
        assert_false(hone_store_has(store, "more"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_state_can_be_read_before_the_first_run, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_a_state_does_not_take_over_one_that_changes,
                                        open_store, close_store),
        cmocka_unit_test_setup_teardown(test_values_in_16_bits, open_store, close_store),
        cmocka_unit_test_setup_teardown(test_states_are_what_they_were, open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
