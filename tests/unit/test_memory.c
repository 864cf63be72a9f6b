// test_memory.c: what a training step of a whole net needs, as planned: MobileNetV2 at 224, batch
// 32, every weight trained, in at most 0.7 of what PyTorch takes; without gaps to speak of; and the
// recomputed batch that this owes to.
#include "support/support.h"

#include "exec/internal.h"
#include "ir/passes.h"
#include "model/zoo/zoo.h"
#include "train/graph.h"

// tools/peers/pytorch_memory.py, PyTorch 1.13: tensors of a step at its peak, and what stays.
static const double PYTORCH_MOBILENET = 2566.1e6;

// A CPU driver with vectors of 8, whose rows take scratch as on lavapipe.
static const struct hone_caps caps = {
    .name = "a CPU",
    .kind = HONE_DEVICE_CPU,
    .features = HONE_FEATURE_CPU | HONE_FEATURE_SUBGROUP_BASIC | HONE_FEATURE_SUBGROUP_BALLOT |
                HONE_FEATURE_SUBGROUP_SHUFFLE | HONE_FEATURE_SUBGROUP_ARITHMETIC,
    .subgroup_size = 8,
    .subgroup_min = 8,
    .subgroup_max = 8,
    .shared_bytes = 32768,
    .workgroup_invocations = 1024,
    .workgroup_size = {1024, 1024, 1024},
    .workgroup_count = {65535, 65535, 65535},
    .push_bytes = 128,
    .storage_range_bytes = 1u << 27,
    .storage_offset_align = 16,
};

static struct hone_graph *frozen_graph(const char *net, int32_t batch, int32_t freeze,
                                       bool keep_norms, unsigned passes) {
    struct hone_model *model;
    struct hone_train_layout layout;
    struct hone_graph *graph, *out;
    assert_ok(hone_zoo_model(net, 224, 1, &model));
    assert_ok(hone_train_layout_create(model,
                                       &(struct hone_train_layout_params){.head_lr = 1,
                                                                          .freeze = freeze,
                                                                          .keep_norms = keep_norms},
                                       &layout));
    const struct hone_train_graph_params params = {
        .model = model,
        .layout = &layout,
        .batch = batch,
        .optimizer = HONE_OPTIMIZER_ADAMW,
        .beta1 = 0.9f,
        .beta2 = 0.999f,
        .epsilon = 1e-8f,
        .augment = {.any = true,
                    .draw = {.flip_x = 1, .scale_lo = 0.9f, .scale_hi = 1.1f, .shift = 0.1f}},
    };
    assert_ok(hone_train_graph(&params, &graph));
    assert_ok(hone_graph_run_passes(graph, passes, &out));
    hone_graph_destroy(&graph);
    hone_train_layout_deinit(&layout);
    hone_model_destroy(&model);
    return out;
}

static struct hone_graph *step_graph(const char *net, int32_t batch, unsigned passes) {
    return frozen_graph(net, batch, 0, false, passes);
}

// Scratch of every node on the made-up device; every tensor can be bound there.
static uint64_t *scratch_of(const struct hone_graph *g) {
    uint64_t *scratch = hone_calloc(g->node_count * HONE_PLAN_SCRATCH, sizeof *scratch, "scratch");
    struct hone_launch *launch = hone_calloc(1, sizeof *launch, "a launch");
    assert_true(scratch && launch);
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        if (node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) continue;
        struct hone_node_descs descs;
        assert_ok(hone_node_descs_init(&descs, g, node));
        const struct hone_row_args args = {.node = &descs.args, .caps = &caps};
        const struct hone_op_row *row = hone_row_select(node->op, &args, NULL);
        assert_non_null(row);
        if (hone_launch_make(node->op, row, &args, launch) != HONE_OK)
            fail_msg("%s: %s", node->name, hone_error_message());
        for (int k = 0; k < HONE_PLAN_SCRATCH; k++)
            scratch[n * HONE_PLAN_SCRATCH + (size_t)k] = launch->scratch_bytes[k];
        hone_node_descs_deinit(&descs);
    }
    hone_free(launch);
    return scratch;
}

struct need {
    double pool, bound, states, inputs; // bound: no placement could need less
};

static struct need plan(const struct hone_graph *g) {
    struct hone_plan plan;
    struct need need = {0};
    uint64_t *scratch = scratch_of(g);
    assert_ok(hone_plan_create(g, &(struct hone_plan_params){.scratch_bytes = scratch}, &plan));
    hone_free(scratch);
    need.pool = (double)plan.pool_bytes;
    for (uint32_t n = 0; n < g->node_count; n++) {
        double live = 0;
        for (size_t i = 0; i < plan.storage_count; i++) {
            const struct hone_storage *s = &plan.storages[i];
            if (s->kind == HONE_STORAGE_POOL && (s->exclusive || (s->first <= n && n <= s->last)))
                live += (double)s->bytes;
        }
        if (live > need.bound) need.bound = live;
    }
    for (size_t v = 0; v < g->value_count; v++) {
        double bytes = (double)hone_desc_bytes(&g->values[v].desc);
        if (g->values[v].kind == HONE_VALUE_STATE) need.states += bytes;
        if (g->values[v].kind == HONE_VALUE_INPUT) need.inputs += HONE_PROGRAM_SLOTS * bytes;
    }
    hone_plan_deinit(&plan);
    return need;
}

static void test_mobilenet_v2(void **state) {
    (void)state;
    struct hone_graph *g = step_graph("mobilenet_v2", 32, HONE_PASS_ALL);
    struct need need = plan(g);
    double all = need.pool + need.states + need.inputs;
    print_message("mobilenet_v2, batch 32: pool %.1f MB (bound %.1f), states %.1f, staging %.1f: "
                  "%.1f MB, %.3f of PyTorch\n",
                  need.pool / 1e6, need.bound / 1e6, need.states / 1e6, need.inputs / 1e6,
                  all / 1e6, all / PYTORCH_MOBILENET);
    assert_true(all <= 0.7 * PYTORCH_MOBILENET);
    assert_true(need.pool <= 1.01 * need.bound);
    hone_graph_destroy(&g);
}

static void test_resnet18(void **state) {
    (void)state;
    struct hone_graph *g = step_graph("resnet18", 32, HONE_PASS_ALL);
    struct need need = plan(g);
    print_message("resnet18, batch 32: pool %.1f MB (bound %.1f), states %.1f, staging %.1f\n",
                  need.pool / 1e6, need.bound / 1e6, need.states / 1e6, need.inputs / 1e6);
    assert_true(need.pool <= 1.03 * need.bound);
    hone_graph_destroy(&g);
}

static size_t count_of(const struct hone_graph *g, const struct hone_op *op) {
    size_t count = 0;
    for (size_t n = 0; n < g->node_count; n++) count += g->nodes[n].op == op;
    return count;
}

// The batch is warped once more for the weight gradient of the first convolution, and nothing else
// is computed twice.
static void test_recomputed(void **state) {
    (void)state;
    struct hone_graph *once = step_graph("mobilenet_v2", 32, HONE_PASS_ALL & ~HONE_PASS_REMAT);
    struct hone_graph *twice = step_graph("mobilenet_v2", 32, HONE_PASS_ALL);
    assert_ok(hone_graph_verify(twice));
    assert_int_equal(twice->node_count, once->node_count + 1);
    assert_int_equal(count_of(once, &hone_op_image_warp), 1);
    assert_int_equal(count_of(twice, &hone_op_image_warp), 2);
    double saved = plan(once).pool - plan(twice).pool;
    assert_true(saved > 0.99 * 32 * 224 * 224 * 3 * 4);
    hone_graph_destroy(&once);
    hone_graph_destroy(&twice);
}

// Half of the net frozen: its norms make no values of their own once they are folded.
static void test_frozen_half(void **state) {
    (void)state;
    static const struct {
        const char *net;
        int32_t freeze;
    } nets[] = {{"mobilenet_v2", 26}, {"resnet18", 10}};
    for (int i = 0; i < 2; i++) {
        struct hone_graph *kept =
            frozen_graph(nets[i].net, 32, nets[i].freeze, true, HONE_PASS_ALL);
        struct hone_graph *folded =
            frozen_graph(nets[i].net, 32, nets[i].freeze, false, HONE_PASS_ALL);
        double before = plan(kept).pool, after = plan(folded).pool;
        print_message(
            "%s, batch 32, %d layers frozen: pool %.1f MB, %.1f with norms kept; %zu and %zu nodes\n",
            nets[i].net, (int)nets[i].freeze, after / 1e6, before / 1e6, folded->node_count,
            kept->node_count);
        assert_true(after <= before);
        assert_int_equal(count_of(folded, &hone_op_batch_norm), 0);
        assert_int_equal(count_of(kept, &hone_op_batch_norm), nets[i].freeze);
        hone_graph_destroy(&kept);
        hone_graph_destroy(&folded);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mobilenet_v2),
        cmocka_unit_test(test_resnet18),
        cmocka_unit_test(test_recomputed),
        cmocka_unit_test(test_frozen_half),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
