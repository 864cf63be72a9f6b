// A net in two gives the same as whole, wherever it is cut; and what cannot be cut is not.
#include "support/graph_eval.h"
#include "support/support.h"
#include "support/tiny.h"

#include <string.h>

#include "base/rng.h"
#include "ops/ops.h"

enum { N = 3, SIDE = 16 };
static const char *const names[] = {"a", "b"};

static void fill_states(const struct hone_model *model, struct graph_eval *eval) {
    for (size_t i = 0; i < model->param_count; i++) {
        hone_value value = hone_graph_find(eval->graph, model->params[i].name);
        if (value == HONE_NO_VALUE) continue;
        int64_t count = hone_desc_elements(hone_graph_desc(eval->graph, value));
        for (int64_t k = 0; k < count; k++)
            eval->values[value][k] = (double)model->params[i].data[k];
    }
}

// Runs a graph with one input; *out (hone_free) receives output `value`.
static void run(const struct hone_model *model, struct hone_graph *graph, hone_value input,
                const double *in, hone_value value, double **out) {
    struct graph_eval eval;
    assert_ok(hone_graph_status(graph));
    graph_eval_init(&eval, graph);
    memcpy(eval.values[input], in,
           sizeof *in * (size_t)hone_desc_elements(hone_graph_desc(graph, input)));
    fill_states(model, &eval);
    graph_eval_run(&eval);
    size_t count = (size_t)hone_desc_elements(hone_graph_desc(graph, value));
    *out = hone_calloc(count, sizeof **out, "an output");
    memcpy(*out, eval.values[value], count * sizeof **out);
    graph_eval_deinit(&eval);
}

// The first `frozen` convolutions, and norms behind them, do not train.
static void mark_trained(const struct hone_model *model, int frozen, bool *trains) {
    int layer = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) {
        const struct hone_op *op = model->graph->nodes[n].op;
        layer += op == &hone_op_conv2d || op == &hone_op_matmul;
        bool weighted = op == &hone_op_conv2d || op == &hone_op_matmul || op == &hone_op_batch_norm;
        trains[n] = weighted && layer > frozen;
    }
}

// The two halves, one after the other, say what the whole does.
static void expect_same(const struct hone_model *model, const struct hone_model_cut *cut) {
    static double pixels[N * SIDE * SIDE * 3];
    const struct hone_desc desc = hone_desc_make(HONE_F32, 4, N, SIDE, SIDE, 3);
    struct hone_graph *whole, *first, *rest;
    double *want, *maps, *have;
    hone_value image, output, crossing;
    for (int i = 0; i < N * SIDE * SIDE * 3; i++) pixels[i] = hone_rng_normal(3, 1, (uint64_t)i);

    assert_ok(hone_graph_create(&whole));
    image = hone_graph_input(whole, "images", desc);
    assert_ok(hone_model_emit(model, whole, image, NULL, &output, NULL));
    run(model, whole, image, pixels, output, &want);

    assert_ok(hone_graph_create(&first));
    image = hone_graph_input(first, "images", desc);
    assert_ok(hone_model_emit_before(model, cut, first, image, NULL, &crossing));
    assert_int_equal(hone_graph_desc(first, crossing)->dim[1], cut->width);
    assert_int_equal(hone_graph_find(first, "head.weight"), HONE_NO_VALUE);
    run(model, first, image, pixels, crossing, &maps);

    struct hone_model_emit_params behind = {.cut = cut};
    assert_ok(hone_graph_create(&rest));
    image =
        hone_graph_input(rest, "maps", hone_desc_make(HONE_F32, 2, N, (int32_t)cut->width, 0, 0));
    assert_ok(hone_model_emit(model, rest, image, &behind, &output, NULL));
    assert_int_equal(hone_graph_find(rest, "c1.weight"), HONE_NO_VALUE);
    run(model, rest, image, maps, output, &have);
    for (int i = 0; i < N * 2; i++) assert_float_equal(have[i], want[i], 0);

    hone_graph_destroy(&whole);
    hone_graph_destroy(&first);
    hone_graph_destroy(&rest);
    hone_free(want);
    hone_free(maps);
    hone_free(have);
}

static void test_two_parts(void **state) {
    (void)state;
    // With features of two stages, a map and what was pooled from it cross.
    for (int stages = 0; stages < 2; stages++) {
        struct hone_model *model = test_tiny_model(1);
        bool trains[64];
        int gathered;
        if (stages) assert_ok(hone_model_gather_stages(model, &gathered));
        assert_ok(hone_model_replace_head(model, 2, names, 1));
        assert_true(model->graph->node_count <= 64);
        for (int frozen = 0; frozen <= 2; frozen++) {
            struct hone_model_cut cut;
            mark_trained(model, frozen, trains);
            assert_ok(hone_model_cut_find(model, trains, &cut));
            if (!frozen) { // the first layer reads the picture
                assert_int_equal(cut.count, 0);
                continue;
            }
            assert_int_equal(cut.count, stages && frozen == 1 ? 3 : 1); // the last: all features
            expect_same(model, &cut);
            hone_model_cut_deinit(&cut);
        }
        hone_model_destroy(&model);
    }
}

// A number for each channel, made of a parameter, is added in front of the cut.
static void test_made_of_parameters(void **state) {
    (void)state;
    static float table[3] = {1, -2, 4};
    const struct hone_scale_attrs half = {0.5f};
    const struct hone_shape_attrs flat = {.rank = 2, .dim = {0, 3}};
    struct hone_model *model;
    struct hone_model_cut cut;
    bool trains[64] = {false};
    int index, made = -1;
    assert_ok(hone_model_create(&model));
    model->image =
        hone_graph_input(model->graph, "image", hone_desc_make(HONE_F32, 4, 1, SIDE, SIDE, 3));
    model->preprocess = (struct hone_preprocess){.height = SIDE, .width = SIDE};
    assert_ok(hone_preprocess_parse("tf", &model->preprocess));
    assert_ok(hone_model_add_param(model, "table", HONE_PARAM_TERM, HONE_LAYOUT_SAME,
                                   hone_desc_make(HONE_F32, 4, 1, 1, 1, 3), table, &index));
    hone_value x = HONE_EMIT(model->graph, &hone_op_scale, NULL, &half, model->params[index].value);
    x = HONE_EMIT(model->graph, &hone_op_add, NULL, NULL, model->image, x);
    x = HONE_EMIT(model->graph, &hone_op_global_avg_pool, NULL, NULL, x);
    x = HONE_EMIT(model->graph, &hone_op_reshape, NULL, &flat, x);
    assert_ok(hone_model_finish(model, x));
    assert_ok(hone_model_replace_head(model, 2, names, 1));
    assert_true(model->graph->node_count <= 64);
    for (size_t n = 0; n < model->graph->node_count; n++) {
        const struct hone_op *op = model->graph->nodes[n].op;
        trains[n] = op == &hone_op_matmul;
        if (op == &hone_op_scale) made = (int)n;
    }
    assert_true(made >= 0);
    assert_ok(hone_model_cut_find(model, trains, &cut));
    assert_int_equal(cut.count, 1);
    assert_int_equal(cut.width, 3);
    expect_same(model, &cut);
    hone_model_cut_deinit(&cut);
    // Where it trains, so does what reads it.
    trains[made] = true;
    assert_ok(hone_model_cut_find(model, trains, &cut));
    assert_int_equal(cut.count, 0);
    hone_model_cut_deinit(&cut);
    hone_model_destroy(&model);
}

static void test_last_stage(void **state) {
    (void)state;
    struct hone_model *model = test_tiny_model(1); // two resolutions, a layer each
    int stages;
    assert_int_equal(hone_model_last_stage(model), 1);
    // Features that are gathered end in no map any more.
    assert_ok(hone_model_gather_stages(model, &stages));
    assert_int_equal(hone_model_last_stage(model), 0);
    hone_model_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_parts),
        cmocka_unit_test(test_made_of_parameters),
        cmocka_unit_test(test_last_stage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
