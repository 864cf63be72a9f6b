// test_repeat.c: 100 steps of training, twice, leave the same bits: for the rows that this device
// chooses, and for each body of convolution and matrix product where the others are taken away.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ops/ops.h"
#include "ops/row.h"
#include "support/blocks.h"
#include "support/gpu.h"

enum { STEPS = 100, BATCH = 3, MOST_SKIPS = 48, MOST_BODIES = 16 };

static const struct hone_op *const products[] = {&hone_op_conv2d, &hone_op_conv2d_bwd_x,
                                                 &hone_op_conv2d_bwd_w, &hone_op_matmul};
enum { PRODUCTS = sizeof products / sizeof *products };

// Every row of convolution and matrix product but `body` and the plain one, which takes what the
// body can't.
struct skips {
    char names[MOST_SKIPS][64];
    const char *list[MOST_SKIPS + 1];
};

static void skip_others(const char *body, struct skips *skips) {
    int count = 0;
    for (int k = 0; k < PRODUCTS; k++)
        for (int r = 0; r < products[k]->row_count; r++) {
            const char *row = products[k]->rows[r].name;
            if (strcmp(row, body) == 0 || strcmp(row, "plain") == 0) continue;
            assert_true(count < MOST_SKIPS);
            snprintf(skips->names[count], sizeof *skips->names, "%s/%s", products[k]->name, row);
            skips->list[count] = skips->names[count];
            count++;
        }
    skips->list[count] = NULL;
}

// The numbers after the steps, twice; returns the nodes that ran on rows of that name.
static int check(struct hone_device *device, const struct hone_graph *graph, const char *body) {
    struct skips skips = {.list = {NULL}};
    if (body) skip_others(body, &skips);
    const struct hone_compile_params params = {.skip_rows = skips.list};
    size_t count, again;
    int nodes = 0;
    float *a = blocks_run_on(device, graph, &params, STEPS, &count, body, &nodes);
    float *b = blocks_run_on(device, graph, &params, STEPS, &again, body, NULL);
    assert_int_equal(count, again);
    assert_memory_equal(a, b, count * sizeof *a);
    for (size_t i = 0; i < count; i++) assert_true(isfinite(a[i]));
    hone_free(a);
    hone_free(b);
    return nodes;
}

static void test_two_runs_leave_the_same_bits(void **state) {
    (void)state;
    struct hone_device *device;
    struct hone_graph *graph = blocks_graph(BATCH, true);
    assert_ok(hone_device_open(NULL, &device));
    assert_true(check(device, graph, NULL) > 0);
    const char *seen[MOST_BODIES];
    int bodies = 0, ran = 0;
    for (int k = 0; k < PRODUCTS; k++)
        for (int r = 0; r < products[k]->row_count; r++) {
            const char *body = products[k]->rows[r].name;
            bool known = false;
            for (int i = 0; i < bodies; i++) known = known || strcmp(seen[i], body) == 0;
            if (known) continue;
            assert_true(bodies < MOST_BODIES);
            seen[bodies++] = body;
            int nodes = check(device, graph, body);
            print_message("body %s: %d nodes, the same bits after %d steps\n", body, nodes, STEPS);
            ran += nodes > 0;
        }
    assert_true(ran >= 2); // the plain body and another
    hone_graph_destroy(&graph);
    hone_device_close(&device);
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

int main(void) {
    int unusable = test_gpu_require_running();
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_runs_leave_the_same_bits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
