// dispatches.c: see dispatches.h.
#include "support/dispatches.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/internal.h"
#include "ir/passes.h"
#include "model/zoo/zoo.h"
#include "support/op_case.h"
#include "support/support.h"
#include "train/graph.h"

void test_dispatches_init(struct test_dispatches *set, const struct hone_caps *caps) {
    *set = (struct test_dispatches){.caps = caps};
}

void test_dispatches_deinit(struct test_dispatches *set) {
    hone_free(set->items);
    *set = (struct test_dispatches){0};
}

// ---- One node ----------------------------------------------------------------------------------

static int compare(const void *left, const void *right) {
    const struct hone_dispatch *a = left, *b = right;
    int order = strcmp(a->kernel->name, b->kernel->name);
    for (int i = 0; !order && i < a->spec_count && i < b->spec_count; i++)
        order = (a->spec[i] > b->spec[i]) - (a->spec[i] < b->spec[i]);
    if (!order) order = a->spec_count - b->spec_count;
    return order ? order : (int)a->subgroup - (int)b->subgroup;
}

static void add_dispatch(struct test_dispatches *set, const struct hone_dispatch *dispatch) {
    for (size_t i = 0; i < set->count; i++)
        if (set->items[i].kernel == dispatch->kernel && compare(&set->items[i], dispatch) == 0)
            return;
    assert_true(
        hone_grow(&set->items, &set->capacity, set->count + 1, sizeof *set->items, "dispatches"));
    set->items[set->count++] = *dispatch;
}

static void add_row(struct test_dispatches *set, const struct hone_op *op,
                    const struct hone_op_row *row, const struct hone_row_args *args,
                    const char *where) {
    struct hone_launch *launch = hone_calloc(1, sizeof *launch, "a launch");
    assert_non_null(launch);
    hone_status status = row->setup(args, launch);
    if (status == HONE_OK) status = hone_launch_check(launch, set->caps);
    if (status != HONE_OK)
        fail_msg("%s: %s, row %s, tile %d: %s", where, op->name, row->name, args->tile,
                 hone_error_message());
    for (int i = 0; i < launch->dispatch_count; i++) add_dispatch(set, &launch->dispatches[i]);
    hone_free(launch);
}

// The choice of each row; with `tiles` all that the tuner may choose from.
static void add_node(struct test_dispatches *set, const struct hone_op *op,
                     const struct hone_infer_args *node, bool tiles, const char *where) {
    for (int r = 0; r < op->row_count; r++) {
        const struct hone_op_row *row = &op->rows[r];
        struct hone_row_args args = {.node = node, .caps = set->caps};
        char name[HONE_TILE_NAME];
        if (row->test_only || (row->needs & ~set->caps->features)) continue;
        if (row->fits && !row->fits(&args)) continue;
        add_row(set, op, row, &args, where);
        for (args.tile = 1; tiles && row->tile && row->tile(&args, args.tile, name); args.tile++)
            add_row(set, op, row, &args, where);
    }
}

// ---- Cases -------------------------------------------------------------------------------------

void test_dispatches_add_cases(struct test_dispatches *set) {
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        struct hone_desc in[HONE_CASE_INPUTS], out[HONE_OP_MAX_OUTPUTS];
        char label[128];
        for (int k = 0; k < test->input_count; k++) in[k] = test->in[k].desc;
        const struct hone_infer_args args = {test->attrs, test->input_count, in, out};
        assert_ok(test->op->infer(&args));
        add_node(set, test->op, &args, false, hone_case_label(test, label));
    }
}

// ---- Nets --------------------------------------------------------------------------------------

// The node with the inputs that `inputs` marks turned from f32 into `dtype`, where its operator
// takes that.
static void add_narrow(struct test_dispatches *set, const struct hone_node *node,
                       const struct hone_node_descs *descs, enum hone_dtype dtype, unsigned inputs,
                       bool tiles, const char *where) {
    struct hone_desc in[HONE_NODE_FEW], out[HONE_OP_MAX_OUTPUTS];
    if (descs->args.input_count > HONE_NODE_FEW) return;
    for (int i = 0; i < descs->args.input_count; i++) {
        in[i] = descs->args.in[i];
        if (in[i].rank < 0 || !(inputs >> i & 1)) continue;
        if (in[i].dtype != HONE_F32) return;
        in[i].dtype = dtype;
    }
    const struct hone_infer_args args = {descs->args.attrs, descs->args.input_count, in, out};
    if (node->op->infer(&args) == HONE_OK) add_node(set, node->op, &args, tiles, where);
}

static void add_graph(struct test_dispatches *set, const struct hone_graph *graph, bool tiles,
                      const char *where) {
    struct hone_graph *passed;
    assert_ok(hone_graph_run_passes(graph, HONE_PASS_ALL, &passed));
    for (size_t n = 0; n < passed->node_count; n++) {
        const struct hone_node *node = &passed->nodes[n];
        struct hone_node_descs descs;
        if (node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) continue;
        assert_ok(hone_node_descs_init(&descs, passed, node));
        add_node(set, node->op, &descs.args, tiles, where);
        static const unsigned inputs[] = {0x1, 0x3, ~0u};
        for (int i = 0; i < 3; i++) {
            add_narrow(set, node, &descs, HONE_F16, inputs[i], tiles, where);
            add_narrow(set, node, &descs, HONE_BF16, inputs[i], false, where); // as f16
        }
        hone_node_descs_deinit(&descs);
    }
    hone_graph_destroy(&passed);
}

static void add_training(struct test_dispatches *set, const struct hone_model *model, int32_t batch,
                         const char *where) {
    struct hone_train_layout layout;
    const struct hone_train_layout_params all = {.head_lr = 1};
    assert_ok(hone_train_layout_create(model, &all, &layout));
    struct hone_train_graph_params params = {
        .model = model,
        .layout = &layout,
        .batch = batch,
        .momentum = 0.9f,
        .augment = {.any = true, .draw = {.flip_x = 1, .scale_lo = 1, .scale_hi = 1}},
    };
    struct hone_graph *graph;
    assert_ok(hone_train_graph(&params, &graph));
    add_graph(set, graph, batch > 1, where);
    hone_graph_destroy(&graph);
    hone_train_layout_deinit(&layout);
}

static void add_inference(struct test_dispatches *set, const struct hone_model *model,
                          int32_t batch, const char *where) {
    struct hone_model *folded;
    struct hone_graph *graph;
    assert_ok(hone_model_fold_norms(model, &folded));
    assert_ok(hone_graph_create(&graph));
    struct hone_desc desc = *hone_graph_desc(folded->graph, folded->image);
    desc.dim[0] = batch;
    hone_value image = hone_graph_input(graph, "image", desc), output;
    const struct hone_model_emit_params params = {0};
    assert_ok(hone_model_emit(folded, graph, image, &params, &output, NULL));
    hone_graph_mark_output(graph, output, "output");
    assert_ok(hone_graph_status(graph));
    add_graph(set, graph, false, where);
    hone_graph_destroy(&graph);
    hone_model_destroy(&folded);
}

void test_dispatches_add_net(struct test_dispatches *set, const char *net, int32_t batch) {
    struct hone_model *model;
    assert_ok(hone_zoo_model(net, 224, 1, &model));
    add_training(set, model, batch, net);
    add_inference(set, model, batch, net);
    hone_model_destroy(&model);
}

void test_dispatches_sort(struct test_dispatches *set) {
    if (set->count) qsort(set->items, set->count, sizeof *set->items, compare);
}
