// test_repeat.c: 100 steps of training, twice, leave the same bits: for the rows that this device
// chooses, and for each body of convolution and matrix product where those that the table prefers
// are taken away. A body counts where a node ran on it; one that none did must lack something.
// HONE_REPEAT_STEPS=N makes it N steps.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/device.h"
#include "ops/ops.h"
#include "ops/row.h"
#include "support/blocks.h"
#include "support/gpu.h"

enum { BATCH = 3, MOST_SKIPS = 64, MOST_BODIES = 24 };

static int steps = 100;

static const struct hone_op *const products[] = {&hone_op_conv2d, &hone_op_conv2d_bwd_x,
                                                 &hone_op_conv2d_bwd_w, &hone_op_matmul};
enum { PRODUCTS = sizeof products / sizeof *products };

// The nets: the small one of all kinds of blocks for every body, the wide one for those that take
// no small convolution, and one with a stem and narrow groups; in f32, and in mixed precision for
// what multiplies 16-bit numbers.
enum shape { BLOCKS, WIDE, NARROW };
static const struct net {
    const char *name;
    enum shape shape;
    enum hone_dtype compute;
} nets[] = {
    {"blocks", BLOCKS, HONE_F32},
    {"narrow", NARROW, HONE_F32},
    {"wide", WIDE, HONE_F32},
    {"blocks in f16", BLOCKS, HONE_F16},
    {"narrow in f16", NARROW, HONE_F16},
    {"blocks in bf16", BLOCKS, HONE_BF16},
    {"narrow in bf16", NARROW, HONE_BF16},
};
enum { NETS = sizeof nets / sizeof *nets };

// Every row of convolution and matrix product but `body` and the plain one, which takes what the
// body can't. In the wide net only those before it, for the plain row is slow there.
struct skips {
    char names[MOST_SKIPS][64];
    const char *list[MOST_SKIPS + 1];
};

static void skip_others(const char *body, bool before_only, struct skips *skips) {
    int count = 0;
    for (int k = 0; k < PRODUCTS; k++) {
        const struct hone_op *op = products[k];
        bool known = false, passed = false;
        for (int r = 0; r < op->row_count; r++) known = known || !strcmp(op->rows[r].name, body);
        for (int r = 0; r < op->row_count; r++) {
            const char *row = op->rows[r].name;
            bool is_body = strcmp(row, body) == 0;
            passed = passed || is_body;
            if (is_body || strcmp(row, "plain") == 0 || (before_only && (passed || !known)))
                continue;
            assert_true(count < MOST_SKIPS);
            snprintf(skips->names[count], sizeof *skips->names, "%s/%s", op->name, row);
            skips->list[count] = skips->names[count];
            count++;
        }
    }
    skips->list[count] = NULL;
}

// The numbers after the steps, twice; returns the nodes that ran on rows of that name (NULL: on
// any) and runs nothing where there is none.
static int check(struct hone_device *device, const struct net *net, const char *body) {
    bool wide = net->shape == WIDE;
    struct hone_graph *graph = wide                   ? blocks_wide_graph(1)
                               : net->shape == NARROW ? blocks_narrow_graph(BATCH)
                                                      : blocks_graph(BATCH, true);
    struct skips skips = {.list = {NULL}};
    if (body) skip_others(body, wide, &skips);
    const struct hone_compile_params params = {.skip_rows = skips.list, .compute = net->compute};
    int nodes = blocks_nodes_on(device, graph, &params, body);
    if (nodes) {
        size_t count, again;
        float *a = blocks_run_on(device, graph, &params, steps, &count);
        float *b = blocks_run_on(device, graph, &params, steps, &again);
        assert_int_equal(count, again);
        assert_memory_equal(a, b, count * sizeof *a);
        for (size_t i = 0; i < count; i++) assert_true(isfinite(a[i]));
        hone_free(a);
        hone_free(b);
        print_message("%s: %d nodes of %s, the same bits after %d steps\n",
                      body ? body : "own choice", nodes, net->name, steps);
    }
    hone_graph_destroy(&graph);
    return nodes;
}

// Why no node of these nets may have run on a body: all its rows are for tests, or need what the
// device lacks. NULL: no excuse. Those of CPU drivers ask for a subgroup size besides.
static const char *excuse(const char *body, const struct hone_caps *caps) {
    bool for_tests = true, lacking = true, for_cpu = true;
    for (int k = 0; k < PRODUCTS; k++)
        for (int r = 0; r < products[k]->row_count; r++) {
            const struct hone_op_row *row = &products[k]->rows[r];
            if (strcmp(row->name, body) != 0) continue;
            for_tests = for_tests && row->test_only;
            lacking = lacking && (row->needs & ~caps->features);
            for_cpu = for_cpu && (row->needs & HONE_FEATURE_CPU);
        }
    if (for_tests) return "its rows are for tests only";
    if (lacking) return "it needs what this device lacks";
    if (for_cpu && caps->subgroup_size != 8) return "it is not for subgroups of this size";
    return NULL;
}

static void test_own_choice(void **state) {
    (void)state;
    for (int n = 0; n < NETS; n++) assert_true(check(test_gpu_device, &nets[n], NULL) > 0);
}

static void test_each_body(void **state) {
    (void)state;
    const char *seen[MOST_BODIES];
    int bodies = 0;
    for (int k = 0; k < PRODUCTS; k++)
        for (int r = 0; r < products[k]->row_count; r++) {
            const char *body = products[k]->rows[r].name;
            bool known = false;
            for (int i = 0; i < bodies; i++) known = known || strcmp(seen[i], body) == 0;
            if (known) continue;
            assert_true(bodies < MOST_BODIES);
            seen[bodies++] = body;
            int nodes = 0;
            for (int n = 0; n < NETS; n++)
                if (nets[n].shape != WIDE || nodes == 0)
                    nodes += check(test_gpu_device, &nets[n], body);
            if (nodes) continue;
            const char *why = excuse(body, hone_device_caps(test_gpu_device));
            if (!why) fail_msg("no node of any net ran on body %s", body);
            print_message("%s: not shown: %s\n", body, why);
        }
}

int main(void) {
    const char *text = getenv("HONE_REPEAT_STEPS");
    if (text) steps = atoi(text);
    int unusable = test_gpu_require_running();
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_choice),
        cmocka_unit_test(test_each_body),
    };
    return cmocka_run_group_tests(tests, test_gpu_open_pair, test_gpu_close_pair);
}
