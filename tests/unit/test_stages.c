// Which maps a widened classifier reads: the ends of stages, by their values.
#include "support/support.h"
#include "support/tiny.h"

#include <string.h>

#include "ops/ops.h"

// What the only node `op` reads, in the order of the graph: the k-th of them.
static hone_value read_by(const struct hone_model *model, const struct hone_op *op, int k) {
    for (size_t n = 0; n < model->graph->node_count; n++)
        if (model->graph->nodes[n].op == op && k-- == 0) return model->graph->nodes[n].inputs[0];
    return HONE_NO_VALUE;
}

static void test_two_stages(void **state) {
    (void)state;
    static const char *const names[] = {"a", "b", "c"};
    for (int head = 0; head < 2; head++) {
        struct hone_model *model = test_tiny_model(1);
        int stages;
        if (head) assert_ok(hone_model_replace_head(model, 3, names, 1));
        assert_ok(hone_model_gather_stages(model, &stages));
        assert_int_equal(stages, 2);
        assert_true(model->head.kind == HONE_HEAD_NONE && model->class_count == 0);
        assert_int_equal(hone_graph_desc(model->graph, model->output)->dim[1], 2 * (8 + 16));
        // Each map is pooled twice; the earlier one comes first.
        for (int k = 0; k < 2; k++) {
            hone_value map = read_by(model, &hone_op_max_pool, k);
            assert_int_equal(map, read_by(model, &hone_op_global_avg_pool, k));
            assert_int_equal(hone_graph_desc(model->graph, map)->dim[3], k ? 16 : 8);
        }
        for (size_t i = 0; i < model->param_count; i++)
            assert_null(strstr(model->params[i].name, "head"));
        assert_ok(hone_model_replace_head(model, 2, names, 1));
        assert_int_equal(model->head.features, 48);
        hone_model_destroy(&model);
    }
}

static hone_value emit_conv(struct hone_model *model, hone_value x, int32_t channels,
                            int32_t stride) {
    int32_t in = hone_graph_desc(model->graph, x)->dim[3];
    struct hone_desc desc = hone_desc_make(HONE_F32, 4, channels, 1, 1, in);
    float *data = hone_arena_alloc(&model->arena, (size_t)(channels * in), sizeof *data);
    int index;
    assert_ok(hone_model_add_param(model, "w", HONE_PARAM_WEIGHT, HONE_LAYOUT_FILTER, desc, data,
                                   &index));
    struct hone_conv2d_attrs conv = {.stride = {stride, stride}, .dilation = {1, 1}, .groups = 1};
    return HONE_EMIT(model->graph, &hone_op_conv2d, NULL, &conv, x, model->params[index].value);
}

// As in MobileNetV2: a stage ends in a sum; what the next block widens it to is no end. Four sizes:
// the first is left out.
static void test_sums(void **state) {
    (void)state;
    struct hone_model *model;
    int stages;
    assert_ok(hone_model_create(&model));
    model->image =
        hone_graph_input(model->graph, "image", hone_desc_make(HONE_F32, 4, 1, 64, 64, 3));
    hone_value x = model->image;
    for (int k = 0; k < 4; k++) {
        x = emit_conv(model, x, 4 + k, 2);
        x = HONE_EMIT(model->graph, &hone_op_add, NULL, NULL, x, emit_conv(model, x, 4 + k, 1));
        x = emit_conv(model, x, 20 + k, 1); // widens
        x = HONE_EMIT(model->graph, &hone_op_act, NULL,
                      &(struct hone_act_attrs){.kind = HONE_ACT_RELU}, x);
    }
    x = HONE_EMIT(model->graph, &hone_op_global_avg_pool, NULL, NULL, x);
    assert_ok(hone_graph_status(model->graph));
    assert_ok(hone_model_finish(model, x));
    assert_ok(hone_model_gather_stages(model, &stages));
    assert_int_equal(stages, 3);
    static const int32_t channels[] = {5, 6, 23}, sizes[] = {16, 8, 4};
    for (int k = 0; k < 3; k++) {
        const struct hone_desc *map =
            hone_graph_desc(model->graph, read_by(model, &hone_op_max_pool, k));
        assert_int_equal(map->dim[3], channels[k]);
        assert_int_equal(map->dim[1], sizes[k]);
    }
    assert_int_equal(hone_graph_desc(model->graph, model->output)->dim[1], 2 * (5 + 6 + 23));
    hone_model_destroy(&model);
}

// A net that ends in a vector which is no pooled map stays as it is.
static void test_no_map(void **state) {
    (void)state;
    struct hone_model *model;
    int stages, index;
    assert_ok(hone_model_create(&model));
    model->image = hone_graph_input(model->graph, "image", hone_desc_make(HONE_F32, 4, 1, 4, 4, 3));
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, 48}};
    hone_value x = HONE_EMIT(model->graph, &hone_op_reshape, NULL, &flat, model->image);
    float *data = hone_arena_alloc(&model->arena, 5 * 48, sizeof *data);
    assert_ok(hone_model_add_param(model, "w", HONE_PARAM_WEIGHT, HONE_LAYOUT_SAME,
                                   hone_desc_make(HONE_F32, 2, 5, 48, 0, 0), data, &index));
    x = HONE_EMIT(model->graph, &hone_op_matmul, NULL, &(struct hone_matmul_attrs){.trans_b = 1}, x,
                  model->params[index].value);
    x = HONE_EMIT(model->graph, &hone_op_act, NULL,
                  &(struct hone_act_attrs){.kind = HONE_ACT_SIGMOID}, x);
    assert_ok(hone_model_finish(model, x));
    size_t nodes = model->graph->node_count;
    assert_ok(hone_model_gather_stages(model, &stages));
    assert_true(stages == 0 && model->graph->node_count == nodes);
    hone_model_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_stages),
        cmocka_unit_test(test_sums),
        cmocka_unit_test(test_no_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
