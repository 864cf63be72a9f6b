// test_onnx_forward: imported nets against another runtime. The tiny nets of
// tools/golden/make_onnx.py, one for each way of saying things in ONNX, are evaluated in double
// against what ONNX Runtime gave, one of make_keras.py against TensorFlow; the real nets of the
// shared data run on the device (else on ref) against make_forward.py, run here.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exec/program.h"
#include "support/golden.h"
#include "support/graph_eval.h"
#include "support/onnx.h"
#include "train/graph.h"

#define FOLDER HONE_SOURCE_DIR "/tests/golden/data/onnx"

// ---- Tiny nets
// ----------------------------------------------------------------------------------------------

// The model's output for pictures x, at the batch of x, in double. hone_free.
static double *evaluate(const struct hone_model *model, const double *x,
                        const struct hone_desc *desc, int64_t *count) {
    struct hone_graph *graph;
    assert_ok(hone_graph_create(&graph));
    struct hone_desc image = *desc;
    image.dtype = HONE_F32;
    hone_value input = hone_graph_input(graph, "x", image), output;
    assert_ok(hone_model_emit(model, graph, input, NULL, &output, NULL));
    struct graph_eval eval;
    graph_eval_init(&eval, graph);
    memcpy(eval.values[input], x, (size_t)hone_desc_elements(desc) * sizeof *x);
    for (size_t i = 0; i < model->param_count; i++) {
        hone_value value = hone_graph_find(graph, model->params[i].name);
        int64_t elements = hone_desc_elements(hone_graph_desc(graph, value));
        for (int64_t k = 0; k < elements; k++) eval.values[value][k] = model->params[i].data[k];
    }
    graph_eval_run(&eval);
    *count = hone_desc_elements(hone_graph_desc(graph, output));
    double *copy = hone_calloc((size_t)*count, sizeof *copy, "outputs");
    assert_non_null(copy);
    memcpy(copy, eval.values[output], (size_t)*count * sizeof *copy);
    graph_eval_deinit(&eval);
    hone_graph_destroy(&graph);
    return copy;
}

static void softmax_rows(double *y, int64_t count, int32_t classes) {
    for (int64_t row = 0; row < count; row += classes) {
        double sum = 0;
        for (int32_t c = 0; c < classes; c++) sum += y[row + c] = exp(y[row + c]);
        for (int32_t c = 0; c < classes; c++) y[row + c] /= sum;
    }
}

static void check_tiny(struct golden *golden, const char *name) {
    char path[512];
    snprintf(path, sizeof path, FOLDER "/%s.onnx", name);
    struct hone_model *model;
    assert_ok(hone_model_load(path, NULL, &model));
    assert_ok(hone_graph_verify(model->graph));
    struct hone_desc desc, want_desc;
    const double *x = golden_get(golden, &desc, "x"),
                 *want = golden_get(golden, &want_desc, "%s.y", name);
    int64_t count;
    double *y = evaluate(model, x, &desc, &count);
    assert_int_equal(count, hone_desc_elements(&want_desc));
    if (model->output_kind == HONE_MODEL_PROBABILITIES) softmax_rows(y, count, model->class_count);
    double error = golden_error(y, want, count);
    if (!(error <= 2e-6)) fail_msg("%s: error %g of the largest output", name, error);
    hone_free(y);
    print_message("%s: error %.2g\n", name, error);
    test_model_round_trip(model);
    hone_model_destroy(&model);
}

// Every net NAME of which the file holds NAME.y.
static int check_all(const char *file) {
    struct golden *golden = golden_open(file);
    int checked = 0;
    const char *name;
    for (int i = 0; (name = golden_name(golden, i)); i++) {
        size_t length = strlen(name);
        if (length < 3 || strcmp(name + length - 2, ".y") != 0) continue;
        char net[128];
        snprintf(net, sizeof net, "%.*s", (int)length - 2, name);
        check_tiny(golden, net);
        checked++;
    }
    golden_close(&golden);
    return checked;
}

static void test_tiny(void **state) {
    (void)state;
    assert_int_equal(check_all("onnx/expected.safetensors"), 74);
}

// The nets of make_keras.py: they say which pixels they take, and can be trained.
static void test_keras(void **state) {
    (void)state;
    static const char *const names[] = {"keras_nhwc", "keras_nchw"};
    assert_int_equal(check_all("onnx/keras.safetensors"), 2);
    for (size_t i = 0; i < 2; i++) {
        char path[512];
        snprintf(path, sizeof path, FOLDER "/%s.onnx", names[i]);
        struct hone_model *model;
        struct hone_train_layout layout;
        struct hone_graph *graph;
        assert_ok(hone_model_load(path, NULL, &model));
        assert_int_equal(model->output_kind, HONE_MODEL_PROBABILITIES);
        assert_int_equal(model->warning_count, 1);
        assert_non_null(strstr(model->warnings[0], "the net scales its pixels itself"));
        assert_true(model->preprocess.mean[0] == 0 && model->preprocess.std[0] == 1);
        assert_ok(hone_train_layout_create(model, &(struct hone_train_layout_params){.head_lr = 1},
                                           &layout));
        const struct hone_train_graph_params params = {
            .model = model, .layout = &layout, .batch = 2, .optimizer = HONE_OPTIMIZER_SGD};
        assert_ok(hone_train_graph(&params, &graph));
        hone_graph_destroy(&graph);
        hone_train_layout_deinit(&layout);
        hone_model_destroy(&model);
    }
}

// ---- Real nets
// ----------------------------------------------------------------------------------------------

// A Python with ONNX Runtime, or with PyTorch and onnx; NULL, with the reason on stderr.
static const char *python(void) {
    const char *given = getenv("HONE_PYTHON");
    const char *path = given ? given : "/usr/bin/python3";
    char command[600];
    snprintf(
        command, sizeof command,
        "%s -c 'import onnxruntime, onnx' 2>/dev/null || %s -c 'import torch, onnx' 2>/dev/null",
        path, path);
    if (system(command) == 0) return path;
    fprintf(stderr, "skipped: %s has neither onnxruntime nor torch beside onnx (set HONE_PYTHON)\n",
            path);
    return NULL;
}

static hone_status run_on(struct hone_device *device, const struct hone_model *model,
                          const float *x, const struct hone_desc *desc, float *y, int64_t count) {
    struct hone_store *store = NULL;
    struct hone_graph *graph;
    HONE_TRY(hone_graph_create(&graph));
    hone_value output, input = hone_graph_input(graph, "x", *desc);
    hone_status status = hone_model_emit(model, graph, input, NULL, &output, NULL);
    hone_graph_mark_output(graph, output, "y");
    if (status == HONE_OK) status = hone_store_create(device, &store);
    struct hone_program *program = NULL;
    if (status == HONE_OK) status = hone_program_compile(store, graph, NULL, &program);
    for (size_t i = 0; i < model->param_count && status == HONE_OK; i++) {
        const struct hone_param *p = &model->params[i];
        status = hone_store_write(store, p->name, p->data,
                                  hone_desc_bytes(hone_graph_desc(model->graph, p->value)));
    }
    if (status == HONE_OK) status = hone_program_write(program, "x", x, hone_desc_bytes(desc));
    if (status == HONE_OK) status = hone_program_run(program);
    if (status == HONE_OK) status = hone_program_read(program, "y", y, (uint64_t)count * sizeof *y);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_graph_destroy(&graph);
    return status;
}

// Runs make_forward.py and opens what it wrote; skips without a Python for it.
static struct golden *forward(const char *model_path, const char *name, int size) {
    const char *interpreter = python();
    if (!interpreter) skip();
    char path[512], command[2048];
    snprintf(path, sizeof path, HONE_BINARY_DIR "/forward_%s_%d.safetensors", name, size);
    snprintf(command, sizeof command,
             "%s " HONE_SOURCE_DIR "/tools/golden/make_forward.py '%s' %d 2 '%s'", interpreter,
             model_path, size, path);
    assert_int_equal(system(command), 0);
    struct golden *golden = golden_open_path(path);
    assert_non_null(golden);
    remove(path);
    return golden;
}

// The model on the device, on the golden's pictures, against the golden's outputs.
static void compare(struct hone_device *device, const struct hone_model *model,
                    struct golden *golden, bool probabilities) {
    struct hone_desc desc, want_desc;
    const double *x = golden_get(golden, &desc, "x"), *want = golden_get(golden, &want_desc, "y");
    int64_t elements = hone_desc_elements(&desc), count = hone_desc_elements(&want_desc);
    float *fed = hone_calloc((size_t)elements, sizeof *fed, "a picture");
    float *got = hone_calloc((size_t)count, sizeof *got, "outputs");
    double *y = hone_calloc((size_t)count, sizeof *y, "outputs");
    assert_true(fed && got && y);
    for (int64_t i = 0; i < elements; i++) fed[i] = (float)x[i];
    desc.dtype = HONE_F32;
    assert_ok(run_on(device, model, fed, &desc, got, count));
    for (int64_t i = 0; i < count; i++) y[i] = got[i];
    if (probabilities) softmax_rows(y, count, model->class_count);
    double error = golden_error(y, want, count);
    print_message("%s: error %.2g of the largest output\n", model->source, error);
    assert_true(error <= 1e-4);
    hone_free(fed);
    hone_free(got);
    hone_free(y);
}

static struct hone_device *open_device(void) {
    struct hone_device *device;
    if (hone_device_open(NULL, &device) == HONE_OK) return device;
    fprintf(stderr, "no device (%s): on ref\n", hone_error_message());
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    return device;
}

static void check_real(struct hone_device *device, const char *shared, const char *name, int size) {
    char path[512];
    snprintf(path, sizeof path, "%s/data/weights/%s", shared, name);
    struct golden *golden = forward(path, name, size);
    struct hone_model *model;
    assert_ok(hone_model_load(path, &(hone_model_load_params){.size = size}, &model));
    compare(device, model, golden, false);
    hone_model_destroy(&model);
    golden_close(&golden);
}

static void test_real(void **state) {
    (void)state;
    static const char *const names[] = {"mobilenetv2_bn.onnx", "mobilenetv2_folded.onnx",
                                        "mobilenetv2_tf.onnx", "squeezenet1_1.onnx"};
    const char *shared = test_shared_dir();
    if (!shared) skip();
    struct hone_device *device = open_device();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_real(device, shared, names[i], 224);
    check_real(device, shared, "mobilenetv2_tf.onnx", 161);
    hone_device_close(&device);
}

// What hone writes gives the same probabilities elsewhere.
static void test_export(void **state) {
    (void)state;
    static const char *const names[] = {"mobilenetv2_bn.onnx", "squeezenet1_1.onnx"};
    const char *shared = test_shared_dir();
    if (!shared) skip();
    struct hone_device *device = open_device();
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[512], written[512];
        snprintf(path, sizeof path, "%s/data/weights/%s", shared, names[i]);
        snprintf(written, sizeof written, HONE_BINARY_DIR "/export_%s", names[i]);
        struct hone_model *model;
        assert_ok(hone_model_load(path, &(hone_model_load_params){.size = 160}, &model));
        assert_ok(hone_model_replace_head(model, 6, NULL, 1));
        assert_ok(hone_model_save(model, written));
        struct golden *golden = forward(written, names[i], 160);
        compare(device, model, golden, true);
        golden_close(&golden);
        hone_model_destroy(&model);
        remove(written);
    }
    hone_device_close(&device);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tiny),
        cmocka_unit_test(test_keras),
        cmocka_unit_test(test_real),
        cmocka_unit_test(test_export),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
