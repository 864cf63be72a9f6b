// test_ref_program.c: programs on the reference device: states as outputs, and states that follow
// each other.
#include "support/support.h"

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_state_can_be_read_before_the_first_run, open_store,
                                        close_store),
        cmocka_unit_test_setup_teardown(test_a_state_does_not_take_over_one_that_changes,
                                        open_store, close_store),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
