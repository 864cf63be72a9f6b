// test_zoo: weight files without a graph. Every net that the zoo builds, with random weights that
// PyTorch saved, gives PyTorch's logits; and the shared SqueezeNet says the same out of three
// containers, bit for bit. The files are made on the spot by tools/golden/make_zoo.py; skipped
// where no Python has torch and torchvision. HONE_PYTHON names the interpreter, else
// /usr/bin/python3.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "infer/graph.h"
#include "support/golden.h"

// Logits of (n,H,W,3) pictures. `images` as doubles; hone_free() what comes back.
static double *logits_of(const char *path, const hone_model_load_params *params,
                         const double *images, int32_t n, int64_t elements, int64_t *count) {
    struct hone_model *model;
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_graph *graph;
    assert_ok(hone_model_load(path, params, &model));
    assert_ok(hone_graph_create(&graph));
    hone_value image = hone_graph_input(
        graph, "images",
        hone_desc_make(HONE_U8, 4, n, model->preprocess.height, model->preprocess.width, 3));
    hone_value out, pixels = hone_infer_emit_pixels(graph, image, &model->preprocess);
    assert_ok(hone_model_emit(model, graph, pixels, NULL, &out, NULL));
    hone_graph_mark_output(graph, out, "logits");
    *count = hone_desc_elements(hone_graph_desc(graph, out));
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, graph, NULL, &program));
    assert_ok(hone_infer_load(model, store));
    uint8_t *bytes = hone_calloc((size_t)elements, 1, "pictures");
    float *found = hone_calloc((size_t)*count, sizeof *found, "logits");
    double *logits = hone_calloc((size_t)*count, sizeof *logits, "logits");
    for (int64_t i = 0; i < elements; i++) bytes[i] = (uint8_t)images[i];
    assert_ok(hone_program_write(program, "images", bytes, (uint64_t)elements));
    assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "logits", found, (uint64_t)*count * sizeof *found));
    for (int64_t i = 0; i < *count; i++) logits[i] = (double)found[i];
    hone_free(bytes);
    hone_free(found);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
    hone_graph_destroy(&graph);
    hone_model_destroy(&model);
    return logits;
}

static void check_net(const char *folder, const char *name) {
    char path[400];
    struct hone_desc shape;
    int64_t count;
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    struct golden *golden = golden_open_path(path);
    assert_non_null(golden);
    const double *images = golden_get(golden, &shape, "images");
    snprintf(path, sizeof path, "%s/%s.pth", folder, name);
    hone_model_load_params params = {.size = shape.dim[1], .preprocess = "imagenet"};
    // Files of nets that differ in their padding alone do not tell which one they are of.
    if (strncmp(name, "timm_tf_", 8) == 0) params.arch = name + strlen("timm_");
    double *logits =
        logits_of(path, &params, images, shape.dim[0], hone_desc_elements(&shape), &count);
    double error = golden_error(logits, golden_get(golden, NULL, "logits"), count);
    print_message("%s: %.1e of the largest logit\n", name, error);
    assert_true(error < 1e-4); // norms with the statistics of the pictures magnify roundings
    hone_free(logits);
    golden_close(&golden);
}

static void test_nets(void **state) {
    (void)state;
    const char *python = getenv("HONE_PYTHON");
    char folder[256], command[700], name[64];
    if (!python) python = "/usr/bin/python3";
    snprintf(command, sizeof command, "%s -c 'import torch, torchvision' >/dev/null 2>&1", python);
    if (system(command) != 0) {
        fprintf(stderr, "skipped: %s has no torch and torchvision\n", python);
        skip();
    }
    test_temp_dir(folder);
    snprintf(command, sizeof command,
             "%s " HONE_SOURCE_DIR "/tools/golden/make_zoo.py %s >%s/names 2>%s/said", python,
             folder, folder, folder);
    if (system(command) != 0) {
        snprintf(command, sizeof command, "tail -5 %s/said >&2", folder);
        fail_msg("make_zoo.py failed%s", system(command) == 0 ? "" : ", and said nothing");
    }
    snprintf(command, sizeof command, "%s/names", folder);
    FILE *names = fopen(command, "r");
    assert_non_null(names);
    int count = 0;
    for (; fscanf(names, "%63s", name) == 1; count++) check_net(folder, name);
    fclose(names);
    assert_true(count >= 17); // torchvision's alone
    print_message("%d nets\n", count);
    test_temp_remove(folder);
}

static void test_containers(void **state) {
    (void)state;
    static const char *const files[] = {"squeezenet1_1.onnx", "squeezenet1_1.pth",
                                        "squeezenet1_1.safetensors"};
    enum { SIZE = 65, ELEMENTS = SIZE * SIZE * 3 };
    const char *shared = test_shared_dir();
    if (!shared) skip();
    static double images[ELEMENTS];
    double *logits[3];
    int64_t count[3];
    for (int i = 0; i < ELEMENTS; i++) images[i] = (i * 7919 + i / 65 * 31) % 256;
    for (int i = 0; i < 3; i++) {
        char path[512];
        snprintf(path, sizeof path, "%s/data/weights/%s", shared, files[i]);
        logits[i] = logits_of(path, &(hone_model_load_params){.size = SIZE}, images, 1, ELEMENTS,
                              &count[i]);
        assert_int_equal(count[i], 1000);
        assert_memory_equal(logits[i], logits[0], 1000 * sizeof **logits);
    }
    for (int i = 0; i < 3; i++) hone_free(logits[i]);
}

// What is no net of the zoo, or not the one that was asked for, is refused with what is wrong.
static void test_refusals(void **state) {
    (void)state;
    static const char *const path = HONE_SOURCE_DIR "/tests/golden/data/weights/net.pth";
    struct hone_model *model;
    test_expect_failure(hone_model_load(path, NULL, &model), HONE_UNSUPPORTED, "the nearest is");
    hone_model_load_params params = {.arch = "resnet18"};
    test_expect_failure(hone_model_load(path, &params, &model), HONE_INVALID,
                        "tensor 'conv1.weight' is missing");
    params.arch = "resnet1";
    test_expect_failure(hone_model_load(path, &params, &model), HONE_NOT_FOUND,
                        "no net is named 'resnet1'; there are convnext_tiny,");
    assert_null(model);
    test_expect_failure(
        hone_model_load(HONE_SOURCE_DIR "/tests/golden/data/resnet.onnx", &params, &model),
        HONE_INVALID, "leave --arch out");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nets),
        cmocka_unit_test(test_containers),
        cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
