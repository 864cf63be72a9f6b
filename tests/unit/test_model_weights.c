// test_model_weights: the real nets of the shared data: nodes, parameters, heads, and that they
// emit at other batches and sizes. Skipped where the data is absent.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <hone/model.h>

#include "formats/onnx.h"
#include "ops/ops.h"
#include "support/onnx.h"

static struct hone_model *load(const char *name, const hone_model_load_params *params) {
    const char *shared = test_shared_dir();
    if (!shared) skip();
    char path[512];
    snprintf(path, sizeof path, "%s/data/weights/%s", shared, name);
    struct hone_model *model;
    assert_ok(hone_model_load(path, params, &model));
    assert_ok(hone_graph_verify(model->graph));
    return model;
}

static const struct {
    const char *name;
    size_t rows, tensors;
    uint64_t parameters;
    hone_model_output output;
    int32_t classes, features;
    const char *head;
} nets[] = {
    {"mobilenetv2_bn.onnx", 154, 265, 2259136, HONE_MODEL_FEATURES, 0, 1280, "none"},
    {"mobilenetv2_folded.onnx", 99, 104, 2206816, HONE_MODEL_FEATURES, 0, 1280, "none"},
    {"mobilenetv2_tf.onnx", 100, 106, 3489097, HONE_MODEL_LOGITS, 1001, 1280, "linear"},
    {"squeezenet1_1.onnx", 65, 52, 1235496, HONE_MODEL_LOGITS, 1000, 512, "1x1 convolution"},
};
enum { NET_COUNT = sizeof nets / sizeof *nets };

static void test_counts(void **state) {
    (void)state;
    for (size_t i = 0; i < NET_COUNT; i++) {
        struct hone_model *model = load(nets[i].name, NULL);
        hone_model_info info;
        hone_model_get_info(model, &info);
        assert_int_equal(info.rows, nets[i].rows);
        assert_int_equal(info.tensors, nets[i].tensors);
        assert_int_equal(info.parameters, nets[i].parameters);
        assert_int_equal(info.output, nets[i].output);
        assert_int_equal(info.classes, nets[i].classes);
        assert_int_equal(info.features, nets[i].features);
        assert_string_equal(info.head, nets[i].head);
        assert_int_equal(info.height, 224);
        assert_false(info.preprocess_stated);
        uint64_t sum = 0, macs = 0;
        for (size_t k = 0; k < info.rows; k++) {
            hone_model_row row;
            assert_ok(hone_model_get_row(model, k, &row));
            sum += row.parameters;
            macs += row.macs;
        }
        assert_int_equal(sum, info.parameters);
        assert_int_equal(macs, info.macs);
        for (size_t k = 0; k < model->param_count; k++)
            assert_true(isfinite(model->params[k].data[0]));
        hone_model_destroy(&model);
        assert_null(model);
    }
}

static void test_tf_padding(void **state) {
    (void)state;
    struct hone_model *model = load("mobilenetv2_tf.onnx", NULL);
    size_t asymmetric = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) {
        const struct hone_node *node = &model->graph->nodes[n];
        assert_ptr_not_equal(node->op, &hone_op_pad); // merged into the convolutions
        if (node->op != &hone_op_conv2d) continue;
        const struct hone_conv2d_attrs *a = node->attrs;
        if (a->pad[0] == 0 && a->pad[2] == 1 && a->pad[1] == 0 && a->pad[3] == 1) asymmetric++;
    }
    assert_int_equal(asymmetric, 5);
    hone_model_destroy(&model);
}

static void test_sizes(void **state) {
    (void)state;
    const hone_model_load_params params = {.size = 160, .width = 192, .preprocess = "tf"};
    struct hone_model *model = load("mobilenetv2_bn.onnx", &params);
    hone_model_info info;
    hone_model_get_info(model, &info);
    assert_int_equal(info.height, 160);
    assert_int_equal(info.width, 192);
    assert_true(info.preprocess_stated);
    assert_string_equal(info.preprocess, "tf");
    hone_model_destroy(&model);
}

// Every net emits at batch 5 and, with its head replaced, with 6 classes.
static void test_emit_and_replace(void **state) {
    (void)state;
    for (size_t i = 0; i < NET_COUNT; i++) {
        struct hone_model *model = load(nets[i].name, NULL);
        for (int replaced = 0; replaced < 2; replaced++) {
            struct hone_graph *graph;
            assert_ok(hone_graph_create(&graph));
            hone_value image =
                hone_graph_input(graph, "x", hone_desc_make(HONE_F32, 4, 5, 224, 224, 3));
            const struct hone_model_emit_params params = {.train_norm = true};
            hone_value output, features;
            assert_ok(hone_model_emit(model, graph, image, &params, &output, &features));
            assert_ok(hone_graph_verify(graph));
            const struct hone_desc *desc = hone_graph_desc(graph, output);
            assert_int_equal(desc->rank, 2);
            assert_int_equal(desc->dim[0], 5);
            assert_int_equal(desc->dim[1], replaced ? 6 : nets[i].classes ? nets[i].classes : 1280);
            if (model->head.kind != HONE_HEAD_NONE) {
                assert_int_equal(hone_graph_desc(graph, features)->dim[0], 5);
                assert_int_equal(hone_graph_desc(graph, features)->dim[1], nets[i].features);
            }
            hone_graph_destroy(&graph);
            if (replaced) break;
            const char *const names[] = {"a", "b", "c", "d", "e", "f"};
            assert_ok(hone_model_replace_head(model, 6, names, 7));
            assert_ok(hone_graph_verify(model->graph));
            assert_int_equal(model->head.kind, HONE_HEAD_LINEAR);
            assert_int_equal(model->head.features, nets[i].features);
            assert_int_equal(model->class_count, 6);
            assert_string_equal(hone_model_class_name(model, 5), "f");
            const struct hone_param *w = &model->params[model->head.weight];
            assert_string_equal(w->name, "head.weight");
            float bound = (float)(1 / sqrt(nets[i].features)), least = 0, most = 0;
            for (int k = 0; k < 6 * nets[i].features; k++) {
                least = fminf(least, w->data[k]);
                most = fmaxf(most, w->data[k]);
            }
            assert_true(least >= -bound && most <= bound && most > 0.98f * bound &&
                        least < -0.98f * bound);
        }
        hone_model_destroy(&model);
    }
}

// Export and import give the same net, bit for bit; so with a new head and class names.
static void test_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < NET_COUNT; i++) {
        struct hone_model *model = load(nets[i].name, NULL);
        test_model_round_trip(model);
        const char *const names[] = {"Riss", "Gr\303\274bchen \"tief\"", "gut"};
        assert_ok(hone_model_replace_head(model, 3, names, 1));
        test_model_round_trip(model);
        hone_model_destroy(&model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_counts),     cmocka_unit_test(test_tf_padding),
        cmocka_unit_test(test_sizes),      cmocka_unit_test(test_emit_and_replace),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
