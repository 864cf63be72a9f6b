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
        cmocka_unit_test(test_tokens_first),
        cmocka_unit_test(test_group_norms),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_one_at_a_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
