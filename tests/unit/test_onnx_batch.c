// test_onnx_batch: files that put the batch behind other axes or join it with some: what is put
// together again, what moves in memory, and what can't be computed for more than one picture.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "ops/ops.h"
#include "support/onnx.h"

// tools/golden/make_onnx.py made it; its numbers are compared in golden_onnx_forward.
static struct hone_model *golden(const char *name) {
    char path[512];
    snprintf(path, sizeof path, HONE_SOURCE_DIR "/tests/golden/data/onnx/%s.onnx", name);
    struct hone_model *model;
    assert_ok(hone_model_load(path, NULL, &model));
    return model;
}

static int count_op(const struct hone_model *model, const struct hone_op *op) {
    int count = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) count += model->graph->nodes[n].op == op;
    return count;
}

// Tokens in front of pictures, heads joined with them: attention is found and nothing moves.
static void test_tokens_first(void **state) {
    (void)state;
    static const char *const names[] = {"tokens_first", "tokens_first_fixed"};
    for (int i = 0; i < 2; i++) {
        struct hone_model *model = golden(names[i]);
        assert_int_equal(count_op(model, &hone_op_attention), 2);
        assert_int_equal(count_op(model, &hone_op_softmax), 0);
        assert_int_equal(count_op(model, &hone_op_permute), 0);
        hone_model_destroy(&model);
    }
}

// Windows with a bias for each pair and a mask for each window: attention, in a step of training of
// two pictures, too, where nothing holds a number for each picture's query and key.
static void test_no_matrix_of_pairs(void **state) {
    (void)state;
    enum { PICTURES = 2, WINDOWS = 9, HEADS = 2, TOKENS = 4 };
    struct hone_model *model = golden("windows");
    assert_int_equal(count_op(model, &hone_op_attention), 1);
    assert_int_equal(count_op(model, &hone_op_softmax), 0);
    assert_int_equal(count_op(model, &hone_op_batch_matmul), 0);
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    struct hone_desc image = *hone_graph_desc(model->graph, model->image);
    image.dim[0] = PICTURES;
    hone_value x = hone_graph_input(g, "image", image), y;
    assert_ok(hone_model_emit(model, g, x, NULL, &y, NULL));
    hone_value loss = HONE_EMIT(g, &hone_op_reduce_to, NULL, &(struct hone_shape_attrs){0}, y);
    hone_value table = HONE_NO_VALUE, gradient;
    for (size_t n = 0; n < g->node_count; n++)
        if (g->nodes[n].op == &hone_op_gather) table = g->nodes[n].inputs[0];
    hone_graph_gradients(g, &hone_ops_for_gradients, loss, &table, 1, &gradient);
    assert_ok(hone_graph_status(g));
    assert_true(hone_desc_equal(hone_graph_desc(g, gradient), hone_graph_desc(g, table)));
    int sums = 0;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *node = &g->nodes[n];
        sums += node->op == &hone_op_attention_bwd_bias;
        for (int o = 0; o < node->op->outputs; o++) {
            const struct hone_desc *desc = hone_graph_desc(g, node->outputs[o]);
            bool pairs = desc->rank > 1 && desc->dim[desc->rank - 1] == TOKENS &&
                         desc->dim[desc->rank - 2] == TOKENS;
            assert_true(!pairs || hone_desc_elements(desc) <= WINDOWS * HEADS * TOKENS * TOKENS);
        }
    }
    assert_int_equal(sums, 1);
    hone_graph_destroy(&g);
    hone_model_destroy(&model);
}

// In a file that hone wrote the table of positions and the mask are found again.
static void test_bias_written(void **state) {
    (void)state;
    struct hone_model *model = golden("windows");
    test_model_round_trip(model);
    hone_model_destroy(&model);
}

// Group norms read pictures as they lie, however the file spells them.
static void test_group_norms(void **state) {
    (void)state;
    struct hone_model *model = golden("group_norms");
    assert_int_equal(count_op(model, &hone_op_permute), 1); // the last, to flatten
    hone_model_destroy(&model);
}

// A table of positions is a parameter that trains; the lists beside it are not.
static void test_table(void **state) {
    (void)state;
    struct hone_model *model = golden("windows");
    assert_int_equal(count_op(model, &hone_op_gather), 1);
    int tables = 0, lists = 0;
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_desc *desc = hone_graph_desc(model->graph, model->params[i].value);
        bool table = desc->rank == 2 && desc->dim[0] == 9 && desc->dim[1] == 2;
        tables += table && model->params[i].kind == HONE_PARAM_TERM;
        lists +=
            strstr(model->params[i].name, ".order") && model->params[i].kind == HONE_PARAM_CONSTANT;
    }
    assert_int_equal(tables, 1);
    assert_int_equal(lists, 1);
    hone_model_destroy(&model);
}

// What is the same for every picture can't be one of a batch of matrices.
static void test_one_at_a_time(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "w", "2 3 1 1");
    test_onnx_weight(f, "c", "1 3 4 4");
    test_onnx_node(f, "Conv", "x w", "a");
    test_onnx_node(f, "Conv", "c w", "b");
    test_onnx_node(f, "MatMul", "a b", "m");
    test_onnx_node(f, "GlobalAveragePool", "m", "g");
    test_onnx_node(f, "Flatten", "g", "y");
    test_onnx_output(f, "y");
    struct hone_model *model;
    assert_ok(test_onnx_import(f, NULL, &model));
    bool warned = false;
    for (size_t i = 0; i < model->warning_count; i++)
        warned |= strstr(model->warnings[i], "one picture at a time") != NULL;
    assert_true(warned);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens_first), cmocka_unit_test(test_no_matrix_of_pairs),
        cmocka_unit_test(test_bias_written), cmocka_unit_test(test_group_norms),
        cmocka_unit_test(test_table),        cmocka_unit_test(test_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
