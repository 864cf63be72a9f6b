// test_onnx_import: what a model looks like after import: tensor forms, external data, what is
// merged and shared, heads, metadata; and what emission makes of it. That the numbers are right is
// golden's part.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "ops/ops.h"
#include "support/graph_eval.h"
#include "support/onnx.h"

#define NODE(op, in, out) test_onnx_node(f, op, in, out)

static struct hone_model *import(struct test_onnx *f, const hone_model_load_params *params) {
    struct hone_model *model;
    assert_ok(test_onnx_import(f, params, &model));
    assert_ok(hone_graph_verify(model->graph));
    return model;
}

static const struct hone_param *param(const struct hone_model *model, const char *name) {
    for (size_t i = 0; i < model->param_count; i++)
        if (strcmp(model->params[i].name, name) == 0) return &model->params[i];
    fail_msg("no parameter '%s'", name);
    return NULL;
}

static size_t count_op(const struct hone_model *model, const struct hone_op *op) {
    size_t count = 0;
    for (size_t n = 0; n < model->graph->node_count; n++) count += model->graph->nodes[n].op == op;
    return count;
}

// ---- Tensor forms
// -------------------------------------------------------------------------------------------

// The same eight numbers in every form that a file may hold them in.
static void test_forms(void **state) {
    (void)state;
    static const float want[3] = {1.5f, -0.25f, 6.103515625e-05f};
    static const uint16_t half[3] = {0x3e00, 0xb400, 0x0400}, bfloat[3] = {0x3fc0, 0xbe80, 0x3880};
    static const double real[3] = {1.5, -0.25, 6.103515625e-05};
    for (int form = 0; form < 8; form++) {
        struct test_onnx file, *f = &file;
        test_onnx_init(f, 13, 4, 4);
        test_onnx_weight(f, "w", "3 3 1 1");
        HoneOnnx__Tensor *b = test_onnx_floats(f, "b", "3", want);
        int32_t wide[3];
        for (int i = 0; i < 3; i++) wide[i] = form == 3 ? half[i] : bfloat[i];
        bool raw = form == 0 || form == 1 || form == 4 || form == 6;
        b->has_raw_data = raw;
        b->data_type = form < 2   ? HONE_ONNX_FLOAT
                       : form < 4 ? HONE_ONNX_FLOAT16
                       : form < 6 ? HONE_ONNX_BFLOAT16
                                  : HONE_ONNX_DOUBLE;
        if (form == 1) { // floats one by one
            b->has_raw_data = 0;
            b->n_float_data = 3;
            b->float_data = (float *)want;
        } else if (form == 2) {
            b->has_raw_data = 1;
            b->raw_data.len = 6;
            memcpy(b->raw_data.data, half, 6);
        } else if (form == 3 || form == 5) {
            b->n_int32_data = 3;
            b->int32_data = wide;
        } else if (form == 4) {
            b->raw_data.len = 6;
            memcpy(b->raw_data.data, bfloat, 6);
        } else if (form == 6) {
            b->raw_data.len = sizeof real;
            b->raw_data.data = (uint8_t *)real;
        } else if (form == 7) {
            b->n_double_data = 3;
            b->double_data = (double *)real;
        }
        NODE("Conv", "x w b", "y");
        test_onnx_output(f, "y");
        struct hone_model *model = import(f, NULL);
        assert_memory_equal(param(model, "b")->data, want, sizeof want);
        hone_model_destroy(&model);
        test_onnx_free(f);
    }
}

// Infinities, subnormals and the sign of zero in half precision.
static void test_half(void **state) {
    (void)state;
    static const uint16_t half[4] = {0x0001, 0x8000, 0x7bff, 0x83ff};
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "w", "4 3 1 1");
    HoneOnnx__Tensor *b = test_onnx_weight(f, "b", "4");
    b->data_type = HONE_ONNX_FLOAT16;
    b->raw_data.len = sizeof half;
    memcpy(b->raw_data.data, half, sizeof half);
    NODE("Conv", "x w b", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    const float *data = param(model, "b")->data;
    assert_true(data[0] == 0x1p-24f && data[1] == 0 && signbit(data[1]) && data[2] == 65504);
    assert_true(data[3] == -1023 * 0x1p-24f);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

static HoneOnnx__StringStringEntry entries[3], *entry_list[3];
static void external(HoneOnnx__Tensor *tensor, const char *location, const char *offset,
                     const char *length) {
    const char *pairs[3][2] = {{"location", location}, {"offset", offset}, {"length", length}};
    for (int i = 0; i < 3; i++) {
        hone_onnx__string_string_entry__init(&entries[i]);
        entries[i].key = (char *)pairs[i][0];
        entries[i].value = (char *)pairs[i][1];
        entry_list[i] = &entries[i];
    }
    tensor->has_raw_data = 0;
    tensor->data_location = tensor->has_data_location = 1;
    tensor->n_external_data = 3;
    tensor->external_data = entry_list;
}

static void test_external(void **state) {
    (void)state;
    char dir[256], path[300], outside[300];
    test_temp_dir(dir);
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "w", "3 3 1 1");
    HoneOnnx__Tensor *b = test_onnx_weight(f, "b", "3");
    float data[5] = {9, 9, 1, 2, 3};
    snprintf(path, sizeof path, "%s/model", dir);
    assert_ok(hone_dir_make(path));
    snprintf(path, sizeof path, "%s/model/b.bin", dir);
    assert_ok(hone_file_write(path, data, sizeof data));
    snprintf(outside, sizeof outside, "%s/outside.bin", dir);
    assert_ok(hone_file_write(outside, data, sizeof data));
    NODE("Conv", "x w b", "y");
    test_onnx_output(f, "y");
    snprintf(path, sizeof path, "%s/model/net.onnx", dir);

    static const struct {
        const char *location, *offset, *length, *message;
        hone_status status;
    } cases[] = {
        {"b.bin", "8", "12", NULL, HONE_OK},
        {"b.bin", "8", "16", "ends 4 bytes too early", HONE_INVALID},
        {"b.bin", "-4", "12", "-4 is out of range", HONE_INVALID},
        {"b.bin", "0", "8", "its shape has 3 elements, its data 2", HONE_INVALID},
        {"none.bin", "0", "12", "missing beside the model", HONE_NOT_FOUND},
        {"../outside.bin", "0", "12", "lies outside the model's folder", HONE_INVALID},
        {".", "0", "12", "missing beside the model", HONE_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        external(b, cases[i].location, cases[i].offset, cases[i].length);
        size_t bytes;
        uint8_t *packed = test_onnx_pack(f, &bytes);
        assert_ok(hone_file_write(path, packed, bytes));
        hone_free(packed);
        struct hone_model *model;
        hone_status status = hone_model_load(path, NULL, &model);
        if (cases[i].message) {
            test_expect_failure(status, cases[i].status, cases[i].message);
            continue;
        }
        assert_ok(status);
        assert_memory_equal(param(model, "b")->data, data + 2, 12);
        hone_model_destroy(&model);
    }
    test_onnx_free(f);
    test_temp_remove(dir);
}

// ---- Places
// -------------------------------------------------------------------------------------------------

// The channels of a picture of 2 by 2 at `places` of Gather, in order, counted from the end or not.
static void check_gather(const char *places, int count, const int *channels) {
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 2, 2);
    test_onnx_list(f, "i", places);
    NODE("Gather", "x i", "g");
    test_onnx_int(f, "axis", 1);
    NODE("Flatten", "g", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    struct hone_graph *graph;
    assert_ok(hone_graph_create(&graph));
    hone_value x = hone_graph_input(graph, "x", hone_desc_make(HONE_F32, 4, 1, 2, 2, 3)), y;
    assert_ok(hone_model_emit(model, graph, x, NULL, &y, NULL));
    struct graph_eval eval;
    graph_eval_init(&eval, graph);
    for (int pixel = 0; pixel < 4; pixel++)
        for (int c = 0; c < 3; c++) eval.values[x][pixel * 3 + c] = 10 * c + pixel;
    graph_eval_run(&eval);
    assert_int_equal(hone_desc_elements(hone_graph_desc(graph, y)), count * 4);
    for (int k = 0; k < count * 4; k++)
        assert_true(eval.values[y][k] == 10 * channels[k / 4] + k % 4);
    graph_eval_deinit(&eval);
    hone_graph_destroy(&graph);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

static void test_gather(void **state) {
    (void)state;
    check_gather("1 2", 2, (const int[]){1, 2});
    check_gather("-2 -1", 2, (const int[]){1, 2});
    check_gather("-1 0", 2, (const int[]){2, 0}); // one after the other if places wrapped around
    check_gather("2 0 -2 -1", 4, (const int[]){2, 0, 1, 2});
    check_gather("-3", 1, (const int[]){0});
}

// ---- What is shared, merged and dropped
// ---------------------------------------------------------------------

// Two convolutions share one filter; two norms that name the same tensors do not share statistics.
static void test_sharing(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "w", "3 3 1 1");
    test_onnx_floats(f, "p", "3", (const float[]){1, 2, 3});
    NODE("Conv", "x w", "a");
    NODE("BatchNormalization", "a p p p p", "b");
    NODE("Conv", "b w", "c");
    NODE("BatchNormalization", "c p p p p", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    assert_int_equal(model->param_count, 1 + 8);
    for (size_t i = 0; i < model->param_count; i++)
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(model->params[i].name, model->params[k].name);

    // Each norm moves its own mean and variance.
    struct hone_graph *graph;
    assert_ok(hone_graph_create(&graph));
    hone_value image = hone_graph_input(graph, "image", hone_desc_make(HONE_F32, 4, 2, 4, 4, 3)),
               output;
    const struct hone_model_emit_params params = {.train_norm = true, .norm_momentum = 0.25f};
    assert_ok(hone_model_emit(model, graph, image, &params, &output, NULL));
    size_t moved = 0;
    for (size_t v = 0; v < graph->value_count; v++) moved += graph->values[v].next != HONE_NO_VALUE;
    assert_int_equal(moved, 4);
    for (size_t n = 0; n < graph->node_count; n++)
        if (graph->nodes[n].op == &hone_op_batch_norm_train)
            assert_true(((const struct hone_batch_norm_attrs *)graph->nodes[n].attrs)->momentum ==
                        0.25f);
    hone_graph_destroy(&graph);

    // Only the second one trains.
    bool train[8] = {false};
    train[3] = true;
    const struct hone_model_emit_params second = {.train_norm_nodes = train};
    assert_ok(hone_graph_create(&graph));
    image = hone_graph_input(graph, "image", hone_desc_make(HONE_F32, 4, 2, 4, 4, 3));
    assert_ok(hone_model_emit(model, graph, image, &second, &output, NULL));
    assert_string_equal(graph->nodes[1].op->name, "batch_norm");
    assert_string_equal(graph->nodes[3].op->name, "batch_norm_train");
    hone_graph_destroy(&graph);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

static void test_merging(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 8, 8);
    test_onnx_weight(f, "w", "3 3 3 3");
    test_onnx_list(f, "p", "0 0 1 2 0 0 3 4");
    NODE("Pad", "x p", "a"); // into the convolution
    NODE("Conv", "a w", "b");
    test_onnx_ints(f, "pads", "1 0 0 0");
    NODE("Sigmoid", "b", "s"); // silu
    NODE("Mul", "s b", "c");
    NODE("Relu", "c", "dead"); // read by nobody
    NODE("Pad", "c p", "d");   // has two readers
    NODE("Conv", "d w", "e");
    NODE("Conv", "d w", "g");
    NODE("Add", "e g", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    assert_int_equal(count_op(model, &hone_op_pad), 1);
    assert_int_equal(count_op(model, &hone_op_act), 1);
    assert_int_equal(count_op(model, &hone_op_mul), 0);
    const struct hone_conv2d_attrs *conv = model->graph->nodes[0].attrs;
    assert_memory_equal(conv->pad, ((const int32_t[]){2, 2, 3, 4}), sizeof conv->pad);
    const struct hone_act_attrs *act = model->graph->nodes[1].attrs;
    assert_int_equal(act->kind, HONE_ACT_SILU);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

// A window that would start in the trailing pad does not count (PyTorch; ONNX since opset 19).
static void test_ceil_mode(void **state) {
    (void)state;
    static const struct {
        int h;
        const char *kernel, *stride, *pads;
        int rows, bottom;
    } cases[] = {
        {7, "2 1", "2 1", "0 0 0 0", 4, 1}, {8, "2 1", "2 1", "0 0 0 0", 4, 0},
        {8, "3 1", "2 1", "1 0 1 0", 5, 2}, // (9 + 1) / 2
        {7, "3 1", "2 1", "1 0 1 0", 4, 1}, {5, "2 1", "4 1", "0 0 1 0", 2, 1},
        {4, "2 1", "4 1", "0 0 1 0", 1, 1}, // the second would start at row 4, in the pad
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_onnx file, *f = &file;
        test_onnx_init(f, 13, cases[i].h, 4);
        NODE("MaxPool", "x", "p");
        test_onnx_ints(f, "kernel_shape", cases[i].kernel);
        test_onnx_ints(f, "strides", cases[i].stride);
        test_onnx_ints(f, "pads", cases[i].pads);
        test_onnx_int(f, "ceil_mode", 1);
        NODE("Flatten", "p", "y");
        test_onnx_output(f, "y");
        struct hone_model *model = import(f, NULL);
        const struct hone_node *node = &model->graph->nodes[0];
        const struct hone_pool_attrs *pool = node->attrs;
        assert_int_equal(hone_graph_desc(model->graph, node->outputs[0])->dim[1], cases[i].rows);
        assert_int_equal(pool->pad[2], cases[i].bottom);
        hone_model_destroy(&model);
        test_onnx_free(f);
    }
}

// ---- Heads
// --------------------------------------------------------------------------------------------------

static void build_conv_end(struct test_onnx *f, const char *weight, const char *dims, bool relu,
                           bool softmax) {
    test_onnx_init(f, 13, 8, 8);
    test_onnx_weight(f, "a.w", "6 3 3 3");
    NODE("Conv", "x a.w", "a");
    test_onnx_weight(f, weight, dims);
    char inputs[64];
    snprintf(inputs, sizeof inputs, "a %s", weight);
    NODE("Conv", inputs, "c");
    if (relu) NODE("Relu", "c", "r");
    NODE("GlobalAveragePool", relu ? "r" : "c", "g");
    NODE("Flatten", "g", softmax ? "l" : "y");
    if (softmax) NODE("Softmax", "l", "y");
    test_onnx_output(f, "y");
}

static void test_heads(void **state) {
    (void)state;
    static const struct {
        const char *weight, *dims;
        bool relu, softmax;
        enum hone_head_kind kind;
        hone_model_output output;
    } cases[] = {
        {"c.w", "7 6 1 1", false, false, HONE_HEAD_CONV, HONE_MODEL_LOGITS},
        {"c.w", "7 6 1 1", true, false, HONE_HEAD_NONE,
         HONE_MODEL_FEATURES}, // a trunk's last layer
        {"c.w", "1000 6 1 1", true, false, HONE_HEAD_CONV, HONE_MODEL_LOGITS},
        {"classifier.w", "7 6 1 1", true, false, HONE_HEAD_CONV, HONE_MODEL_LOGITS},
        {"c.w", "7 6 1 1", true, true, HONE_HEAD_CONV, HONE_MODEL_PROBABILITIES},
        {"c.w", "7 6 3 3", false, false, HONE_HEAD_NONE, HONE_MODEL_FEATURES},
        {"c.w", "7 6 3 3", false, true, HONE_HEAD_NONE, HONE_MODEL_PROBABILITIES},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_onnx file, *f = &file;
        build_conv_end(f, cases[i].weight, cases[i].dims, cases[i].relu, cases[i].softmax);
        struct hone_model *model = import(f, NULL);
        assert_int_equal(model->head.kind, cases[i].kind);
        assert_int_equal(model->output_kind, cases[i].output);
        assert_int_equal(count_op(model, &hone_op_softmax), 0);
        test_model_round_trip(model);
        // A new head is linear on the pooled features and emits in two halves.
        assert_ok(hone_model_replace_head(model, 4, NULL, 9));
        int32_t features = cases[i].kind == HONE_HEAD_NONE ? 7 : 6;
        assert_int_equal(model->head.features, features);
        assert_null(hone_model_class_name(model, 0));
        struct hone_graph *graph;
        assert_ok(hone_graph_create(&graph));
        hone_value x = hone_graph_input(graph, "x", hone_desc_make(HONE_F32, 4, 3, 8, 8, 3));
        hone_value trunk, stored, logits;
        assert_ok(hone_model_emit_features(model, graph, x, NULL, &trunk));
        assert_int_equal(hone_graph_desc(graph, trunk)->dim[1], features);
        stored = hone_graph_input(graph, "stored", hone_desc_make(HONE_F32, 2, 50, features, 0, 0));
        hone_value clock =
            hone_graph_input(graph, "clock", hone_desc_make(HONE_I32, 1, 2, 0, 0, 0));
        const struct hone_model_emit_params drop = {.dropout = 0.2f, .clock = clock};
        assert_ok(hone_model_emit_head(model, graph, stored, &drop, &logits));
        assert_int_equal(hone_graph_desc(graph, logits)->dim[0], 50);
        assert_int_equal(hone_graph_desc(graph, logits)->dim[1], 4);
        assert_string_equal(graph->nodes[graph->node_count - 2].op->name, "dropout");
        assert_ok(hone_graph_verify(graph));
        hone_graph_destroy(&graph);
        hone_model_destroy(&model);
        test_onnx_free(f);
    }
}

static void test_new_head_is_seeded(void **state) {
    (void)state;
    float first[3][28];
    for (int run = 0; run < 3; run++) {
        struct test_onnx file;
        build_conv_end(&file, "c.w", "7 6 1 1", true, false);
        struct hone_model *model = import(&file, NULL);
        assert_ok(hone_model_replace_head(model, 4, NULL, run == 2 ? 2 : 1));
        memcpy(first[run], param(model, "head.weight")->data, sizeof first[run]);
        // Again on top: the old head's names are free.
        assert_ok(hone_model_replace_head(model, 2, NULL, 1));
        assert_int_equal(model->param_count, 2 + 2);
        test_expect_failure(hone_model_replace_head(model, 0, NULL, 1), HONE_INVALID, "0 classes");
        hone_model_destroy(&model);
        test_onnx_free(&file);
    }
    assert_memory_equal(first[0], first[1], sizeof first[0]);
    assert_memory_not_equal(first[0], first[2], sizeof first[0]);
}

// ---- Metadata
// -----------------------------------------------------------------------------------------------

static void test_metadata(void **state) {
    (void)state;
    char dir[256], path[300];
    test_temp_dir(dir);
    snprintf(path, sizeof path, "%s/model.onnx", dir);
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 0, 0);
    test_onnx_weight(f, "w", "3 2");
    NODE("GlobalAveragePool", "x", "g");
    NODE("Flatten", "g", "f");
    NODE("MatMul", "f w", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    hone_model_info info;
    hone_model_get_info(model, &info);
    assert_int_equal(info.height, 224); // open, and nothing said
    assert_false(info.size_fixed);
    assert_false(info.class_names_known);
    assert_int_equal(info.warnings, 1);
    assert_non_null(strstr(hone_model_warning(model, 0), "does not state its preprocessing"));
    assert_null(hone_model_warning(model, 1));
    hone_model_destroy(&model);

    test_onnx_meta(
        f, "hone.preprocess",
        "{\"mean\":[1,2,3],\"std\":[4,5,6],\"order\":\"BGR\",\"fit\":\"crop\",\"height\":96,"
        "\"width\":64}");
    test_onnx_meta(f, "hone.classes", "[\"good\",\"b\\u00e4d\"]");
    test_onnx_meta(f, "hone.thresholds", "{\"good\":0.25}");
    model = import(f, NULL);
    assert_int_equal(model->preprocess.height, 96);
    assert_int_equal(model->preprocess.width, 64);
    assert_true(model->preprocess.bgr);
    assert_int_equal(model->preprocess.fit, HONE_FIT_CROP);
    assert_true(model->preprocess.std[2] == 6);
    assert_string_equal(hone_model_class_name(model, 1), "b\303\244d");
    assert_null(hone_model_class_name(model, 2));
    assert_null(hone_model_class_name(model, -1));
    assert_ok(hone_model_save(model, path));
    hone_model_destroy(&model);
    assert_ok(hone_model_load(path, NULL, &model));
    assert_string_equal(model->thresholds, "{\"good\":0.25}");
    assert_string_equal(hone_model_class_name(model, 0), "good");
    assert_true(model->preprocess.bgr && model->preprocess_stated && model->size_fixed);
    hone_model_get_info(model, &info);
    assert_int_equal(info.warnings, 0);
    test_expect_failure(hone_model_save(model, "/nonexistent/model.onnx"), HONE_NOT_FOUND,
                        "/nonexistent");
    hone_model_destroy(&model);

    // What the caller says wins; names that do not fit are dropped aloud.
    test_onnx_meta(f, "hone.classes", "[]");
    f->model.metadata_props[1]->value = (char *)"[\"only\"]";
    f->model.n_metadata_props = 3;
    model = import(f, &(hone_model_load_params){.size = 32, .preprocess = "none"});
    assert_true(model->preprocess.mean[0] == 0 && model->preprocess.std[0] == 1);
    assert_int_equal(model->preprocess.height, 32);
    assert_null(hone_model_class_name(model, 0));
    assert_int_equal(model->class_count, 2);
    assert_non_null(strstr(hone_model_warning(model, 0), "names other classes"));
    hone_model_destroy(&model);
    test_onnx_free(f);
    test_temp_remove(dir);
}

// Several outputs, weights listed as inputs, names that hone uses itself.
static void test_odd_files(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "image", "2 3 1 1");
    test_onnx_weight(f, "logits", "2");
    HoneOnnx__ValueInfo weight = HONE_ONNX__VALUE_INFO__INIT,
                        *inputs[2] = {&weight, f->graph.input[0]};
    weight.name = (char *)"image";
    f->graph.input = inputs;
    f->graph.n_input = 2;
    NODE("Conv", "x image logits", "output");
    NODE("GlobalAveragePool", "output", "g");
    NODE("Flatten", "g", "y");
    test_onnx_output(f, "y");
    test_onnx_output(f, "g");
    struct hone_model *model = import(f, NULL);
    assert_non_null(strstr(hone_model_warning(model, 0), "2 outputs; 'y' is used"));
    uint8_t *data;
    size_t bytes;
    assert_ok(hone_onnx_export_bytes(model, &data, &bytes));
    struct hone_model *again;
    assert_ok(hone_onnx_import(data, bytes, NULL, "again.onnx", NULL, &again));
    assert_int_equal(again->param_count, 2);
    assert_int_equal(again->class_count, 2);
    hone_free(data);
    hone_model_destroy(&again);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

// A sigmoid at the end is left out like a softmax, but said.
static void test_sigmoid_end(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_weight(f, "w", "3 1");
    NODE("GlobalAveragePool", "x", "a");
    NODE("Flatten", "a", "b");
    NODE("MatMul", "b w", "c");
    NODE("Sigmoid", "c", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    assert_int_equal(model->output_kind, HONE_MODEL_PROBABILITIES);
    assert_int_equal(model->head.kind, HONE_HEAD_LINEAR);
    assert_int_equal(model->class_count, 1);
    assert_non_null(strstr(model->warnings[model->warning_count - 1], "ends in a sigmoid"));
    hone_model_destroy(&model);
    test_onnx_free(f);
}

// Pixels that the net divides by 255 are fed as they are; those numbers are not trained.
static void test_pixels_inside(void **state) {
    (void)state;
    struct test_onnx file, *f = &file;
    test_onnx_init(f, 13, 4, 4);
    test_onnx_floats(f, "scale", "", (const float[]){1.0f / 255});
    test_onnx_floats(f, "mean", "3 1 1", (const float[]){0.5f, 0.25f, 0.125f});
    test_onnx_floats(f, "std", "3 1 1", (const float[]){0.25f, 0.5f, 0.25f});
    test_onnx_weight(f, "w", "3 3 1 1");
    NODE("Mul", "x scale", "a");
    NODE("Sub", "a mean", "b");
    NODE("Div", "b std", "c");
    NODE("Conv", "c w", "y");
    test_onnx_output(f, "y");
    struct hone_model *model = import(f, NULL);
    assert_true(model->preprocess.mean[0] == 0 && model->preprocess.std[0] == 1);
    assert_non_null(strstr(model->warnings[0], "scales its pixels itself"));
    assert_int_equal(param(model, "mean")->kind, HONE_PARAM_CONSTANT);
    assert_int_equal(param(model, "std")->kind, HONE_PARAM_CONSTANT);
    hone_model_destroy(&model);
    model = import(f, &(hone_model_load_params){.preprocess = "tf"});
    assert_true(model->preprocess.mean[0] == 127.5f);
    hone_model_destroy(&model);
    test_onnx_free(f);
}

// ---- Quantised files
// ----------------------------------------------------------------------------------------------

// A quantiser that took the activation away keeps it as a range; behind one that is narrower it is
// nothing. What is read is in floats, and said to be.
static void test_quantised(void **state) {
    (void)state;
    static const struct {
        int type; // of the zero point; 0: none is given
        int64_t zero;
        float least, most; // at a scale of 1/32
    } cases[] = {{0, 0, 0, 255.0f / 32},
                 {HONE_ONNX_UINT8, 128, -4, 127.0f / 32},
                 {HONE_ONNX_INT8, -128, 0, 255.0f / 32},
                 {HONE_ONNX_INT16, 0, -1024, 32767.0f / 32},
                 {HONE_ONNX_UINT16, 32768, -1024, 32767.0f / 32}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct test_onnx file, *f = &file;
        test_onnx_init(f, 13, 4, 4);
        test_onnx_weight(f, "w", "3 3 1 1");
        test_onnx_floats(f, "scale", "", (const float[]){1.0f / 32});
        HoneOnnx__Tensor *zero = test_onnx_list(f, "zero", "0");
        int16_t whole = (int16_t)cases[i].zero;
        if (cases[i].type) {
            bool byte = cases[i].type == HONE_ONNX_INT8 || cases[i].type == HONE_ONNX_UINT8;
            zero->data_type = cases[i].type;
            memcpy(zero->raw_data.data, &whole, 2);
            zero->raw_data.len = byte ? 1 : 2;
        }
        const char *q = cases[i].type ? "scale zero" : "scale";
        char inputs[64];
        NODE("Conv", "x w", "a");
        snprintf(inputs, sizeof inputs, "a %s", q);
        NODE("QuantizeLinear", inputs, "b");
        snprintf(inputs, sizeof inputs, "b %s", q);
        NODE("DequantizeLinear", inputs, "c");
        snprintf(inputs, sizeof inputs, "c %s", q);
        NODE("QuantizeLinear", inputs, "d");
        snprintf(inputs, sizeof inputs, "d %s", q);
        NODE("DequantizeLinear", inputs, "y");
        test_onnx_output(f, "y");
        struct hone_model *model = import(f, NULL);
        assert_non_null(strstr(model->warnings[0], "is quantised ('b'"));
        const struct hone_act_attrs *act = NULL;
        int acts = 0;
        for (size_t n = 0; n < model->graph->node_count; n++)
            if (model->graph->nodes[n].op == &hone_op_act) {
                act = model->graph->nodes[n].attrs;
                acts++;
            }
        assert_int_equal(acts, 1);
        assert_int_equal(act->kind, HONE_ACT_CLIP);
        assert_true(act->a == cases[i].least && act->b == cases[i].most);
        hone_model_destroy(&model);
        test_onnx_free(f);
    }
}

// A tensor of which one is the largest that there may be, and two are more (found by fuzzing).
static void test_largest(void **state) {
    (void)state;
    struct test_onnx file;
    test_onnx_init(&file, 13, 8, 8);
    test_onnx_list(&file, "pads", "0 16000 0 0 0 0 0 10000");
    test_onnx_node(&file, "Pad", "x pads", "wide");
    test_onnx_node(&file, "Flatten", "wide", "y");
    test_onnx_output(&file, "y");
    struct hone_model *model = import(&file, NULL);
    assert_int_equal(hone_graph_desc(model->graph, model->output)->dim[1], 16003 * 8 * 10008);
    hone_model_destroy(&model);
    test_onnx_free(&file);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_half),
        cmocka_unit_test(test_external),
        cmocka_unit_test(test_gather),
        cmocka_unit_test(test_sharing),
        cmocka_unit_test(test_merging),
        cmocka_unit_test(test_ceil_mode),
        cmocka_unit_test(test_heads),
        cmocka_unit_test(test_new_head_is_seeded),
        cmocka_unit_test(test_metadata),
        cmocka_unit_test(test_odd_files),
        cmocka_unit_test(test_quantised),
        cmocka_unit_test(test_sigmoid_end),
        cmocka_unit_test(test_largest),
        cmocka_unit_test(test_pixels_inside),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
