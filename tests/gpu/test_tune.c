// test_tune: the tuner on a device: every operator with a choice gets a record, a second time
// nothing is left to measure, a program follows the records, and where time is short the table
// decides.
#include "support/gpu.h"

#include <stdio.h>
#include <string.h>

#include "exec/tune.h"
#include "exec/tuning_file.h"
#include "ops/ops.h"

static struct hone_device *device;

static int setup(void **state) {
    (void)state;
    assert_ok(
        hone_device_open(&(struct hone_device_params){.cache_dir = "", .tuning = ""}, &device));
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hone_device_close(&device);
    return 0;
}

// Two matrix products of the same shape, one of another, and an activation.
static struct hone_graph *small_graph(void) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    hone_value a = hone_graph_state(g, "a", hone_desc_make(HONE_F32, 2, 16, 16, 0, 0));
    hone_value b = hone_graph_state(g, "b", hone_desc_make(HONE_F32, 2, 16, 16, 0, 0));
    hone_value c = hone_graph_state(g, "c", hone_desc_make(HONE_F32, 2, 16, 8, 0, 0));
    struct hone_matmul_attrs attrs = {0};
    hone_value x = HONE_EMIT(g, &hone_op_matmul, "first", &attrs, a, b);
    x = HONE_EMIT(g, &hone_op_matmul, "second", &attrs, x, b);
    x = HONE_EMIT(g, &hone_op_matmul, "third", &attrs, x, c);
    x = HONE_EMIT(g, &hone_op_softmax, "last", NULL, x);
    hone_graph_mark_output(g, x, "y");
    assert_ok(hone_graph_status(g));
    return g;
}

static void test_records(void **state) {
    (void)state;
    struct hone_graph *g = small_graph();
    struct hone_tuning *t;
    struct hone_tune_result r;
    char folder[256], path[300];
    assert_ok(hone_tuning_create(&t));
    assert_ok(hone_tune_graph(device, g, NULL, t, &r));
    // The two equal products are one kind.
    assert_true(r.nodes >= 2 && r.measured == r.nodes && r.known == 0);
    assert_true(r.candidates >= 2 * r.nodes);
    assert_int_equal(hone_tuning_count(t), r.nodes);
    for (size_t i = 0; i < hone_tuning_count(t); i++) {
        const struct hone_tuning_record *record = hone_tuning_get(t, i);
        assert_string_equal(record->device, hone_device_key(device));
        assert_true(record->us > 0);
    }
    hone_tuning_destroy(&t);

    test_temp_dir(folder);
    snprintf(path, sizeof path, "%s/x.tune", folder);
    assert_ok(hone_tune_and_keep(device, g, NULL, path, &r));
    assert_true(r.measured == r.nodes);
    assert_true(hone_tuning_hash(hone_device_tuning(device), hone_device_key(device)) != 0);
    assert_ok(hone_tune_and_keep(device, g, NULL, path, &r));
    assert_true(r.measured == 0 && r.known == r.nodes);
    assert_ok(hone_tuning_load(path, &t));
    assert_true(hone_tuning_count(t) >= r.nodes);
    hone_tuning_destroy(&t);

    // What a short time left to the table stays so at the next start, until there is time.
    const struct hone_tune_params hurry = {.budget_s = 1e-9},
                                  hurry_again = {.budget_s = 1e-9, .again = true};
    assert_ok(hone_tune_and_keep(device, g, &hurry_again, path, &r));
    assert_int_equal(r.measured, 0);
    assert_ok(hone_tune_and_keep(device, g, &hurry, path, &r));
    assert_true(r.measured == 0 && r.known == r.nodes);
    assert_ok(hone_tune_and_keep(device, g, NULL, path, &r));
    assert_true(r.measured == r.nodes && r.known == 0);
    test_temp_remove(folder);
    hone_graph_destroy(&g);
}

// In mixed precision the products are others, with records of their own; what a pass leaves in f32
// is not.
static void test_mixed(void **state) {
    (void)state;
    struct hone_graph *g = small_graph();
    struct hone_tuning *t;
    struct hone_tune_result r;
    size_t products = 0;
    assert_ok(hone_tuning_create(&t));
    assert_ok(hone_tune_graph(device, g, &(struct hone_tune_params){.compute = HONE_F16}, t, &r));
    for (size_t i = 0; i < hone_tuning_count(t); i++) {
        const struct hone_tuning_record *record = hone_tuning_get(t, i);
        bool product = strcmp(record->op, "matmul") == 0;
        products += product;
        if (product) assert_string_equal(record->dtypes, "f16,f16");
        if (strcmp(record->op, "softmax") == 0) assert_string_equal(record->dtypes, "f32");
    }
    assert_int_equal(products, 2);
    hone_tuning_destroy(&t);
    hone_graph_destroy(&g);
}

static void test_program_follows(void **state) {
    (void)state;
    struct hone_graph *g = small_graph();
    struct hone_tuning *t;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_node_descs descs;
    char dtypes[HONE_TUNING_DTYPES], shapes[HONE_TUNING_SHAPES];
    assert_ok(hone_node_descs_init(&descs, g, &g->nodes[0]));
    assert_true(hone_tuning_key(&hone_op_matmul, &descs.args, dtypes, shapes));
    hone_node_descs_deinit(&descs);
    assert_ok(hone_tuning_create(&t));
    assert_ok(hone_tuning_add(t, &(struct hone_tuning_record){.device = hone_device_key(device),
                                                              .op = "matmul",
                                                              .dtypes = dtypes,
                                                              .shapes = shapes,
                                                              .row = "plain",
                                                              .tile = "-",
                                                              .us = 1}));
    assert_ok(hone_store_create(device, &store));
    struct hone_compile_params params = {.tuning = t, .explain = true};
    assert_ok(hone_program_compile(store, g, &params, &program));
    int plain = 0, matched = 0;
    for (int i = 0; i < hone_program_node_count(program); i++) {
        struct hone_program_node node;
        assert_ok(hone_program_node(program, i, &node));
        if (strcmp(node.op, "matmul") != 0) continue;
        bool small = strcmp(node.name, "third") == 0;
        matched += small ? !node.tuned : node.tuned;
        plain += !small && strcmp(node.row, "plain") == 0;
        assert_true(*node.reason != '\0');
    }
    assert_int_equal(matched, 3);
    assert_int_equal(plain, 2);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_tuning_destroy(&t);
    hone_graph_destroy(&g);
}

static bool stop(void *user, size_t done, size_t total, const char *node) {
    (void)user;
    return done > 0 && total > 0 && node[0] != '\0';
}

static void test_limits(void **state) {
    (void)state;
    struct hone_graph *g = small_graph();
    struct hone_tuning *t;
    struct hone_tune_result r;
    assert_ok(hone_tuning_create(&t));
    // Too little time for anything but the first: the others are left to the table.
    struct hone_tune_params params = {.budget_s = 1e-9, .again = true};
    assert_ok(hone_tune_graph(device, g, &params, t, &r));
    assert_true(r.measured <= 1);
    assert_int_equal(hone_tuning_count(t), r.nodes);
    size_t left = 0;
    for (size_t i = 0; i < hone_tuning_count(t); i++)
        left += strcmp(hone_tuning_get(t, i)->row, "-") == 0;
    assert_int_equal(left + r.measured, r.nodes);
    hone_tuning_destroy(&t);

    // Enough to begin, but the first candidate takes longer: no second has its turn.
    assert_ok(hone_tuning_create(&t));
    params = (struct hone_tune_params){.budget_s = 2e-4, .again = true};
    assert_ok(hone_tune_graph(device, g, &params, t, &r));
    assert_true(r.candidates <= 1 && r.measured <= 1);
    assert_int_equal(hone_tuning_count(t), r.nodes);
    hone_tuning_destroy(&t);

    assert_ok(hone_tuning_create(&t));
    params = (struct hone_tune_params){.again = true, .progress = stop};
    assert_int_equal(hone_tune_graph(device, g, &params, t, &r), HONE_CANCELLED);
    assert_int_equal(hone_tuning_count(t), 1);
    hone_tuning_destroy(&t);
    hone_graph_destroy(&g);
}

static void test_missing_file(void **state) {
    (void)state;
    struct hone_device *other;
    struct hone_device_params params = {.cache_dir = "", .tuning = "/nowhere/x.tune"};
    assert_int_equal(hone_device_open(&params, &other), HONE_NOT_FOUND);
    assert_null(other);
}

int main(void) {
    int unusable = test_gpu_require_running(); // and keeps the driver loaded
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mixed),        cmocka_unit_test(test_program_follows),
        cmocka_unit_test(test_limits),       cmocka_unit_test(test_records),
        cmocka_unit_test(test_missing_file),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
