// golden_net.c: see golden_net.h.
#include "support/golden_net.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "infer/graph.h"
#include "support/support.h"
#include "train/schedule.h"

void golden_net_open(struct golden_net *net, const char *folder, const char *name) {
    golden_net_open_file(net, folder, name, name);
}

void golden_net_open_file(struct golden_net *net, const char *folder, const char *name,
                          const char *file) {
    char path[1024];
    *net = (struct golden_net){0};
    if (!folder) folder = HONE_SOURCE_DIR "/tests/golden/data";
    snprintf(path, sizeof path, "%s/%s.safetensors", folder, name);
    net->golden = golden_open_path(path);
    if (!net->golden) fail_msg("%s is missing", path);
    snprintf(path, sizeof path, "%s/%s.onnx", folder, file);
    // "pixels": the net scales them itself.
    const hone_model_load_params params = {
        .preprocess = golden_find(net->golden, "pixels", NULL) ? "none" : "tf"};
    assert_ok(hone_model_load(path, &params, &net->model));
    const struct hone_train_layout_params layout = {.head_lr = 1};
    assert_ok(hone_train_layout_create(net->model, &layout, &net->layout));
    struct hone_desc images;
    golden_get(net->golden, &images, "images");
    net->batch = images.dim[0];
    net->smoothing = (float)golden_get(net->golden, NULL, "smoothing")[0];
}

void golden_net_close(struct golden_net *net) {
    hone_train_layout_deinit(&net->layout);
    hone_model_destroy(&net->model);
    golden_close(&net->golden);
}

// A golden tensor as floats (hone_free).
static float *floats(const double *values, int64_t count) {
    float *out = hone_calloc((size_t)count, sizeof *out, "floats");
    assert_non_null(out);
    for (int64_t i = 0; i < count; i++) out[i] = (float)values[i];
    return out;
}

static double *doubles(const float *values, int64_t count) {
    double *out = hone_calloc((size_t)count, sizeof *out, "doubles");
    assert_non_null(out);
    for (int64_t i = 0; i < count; i++) out[i] = (double)values[i];
    return out;
}

static const struct hone_desc *param_desc(const struct golden_net *net,
                                          const struct hone_param *param) {
    return hone_graph_desc(net->model->graph, param->value);
}

static void write_images(struct golden_net *net, struct hone_program *program) {
    struct hone_desc shape;
    const double *values = golden_get(net->golden, &shape, "images");
    int64_t count = hone_desc_elements(&shape);
    uint8_t *bytes = hone_calloc((size_t)count, 1, "images");
    assert_non_null(bytes);
    for (int64_t i = 0; i < count; i++) bytes[i] = (uint8_t)values[i];
    assert_ok(hone_program_write(program, "images", bytes, (uint64_t)count));
    hone_free(bytes);
}

static double *read_output(struct hone_program *program, const char *name, int64_t count) {
    float *values = hone_calloc((size_t)count, sizeof *values, "output");
    assert_non_null(values);
    assert_ok(hone_program_read(program, name, values, (uint64_t)count * sizeof *values));
    double *out = doubles(values, count);
    hone_free(values);
    return out;
}

double golden_net_eval(struct golden_net *net, struct hone_device *device) {
    const struct hone_preprocess *pre = &net->model->preprocess;
    struct hone_graph *graph;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_desc shape;
    const double *want = golden_get(net->golden, &shape, "eval.logits");
    int64_t count = hone_desc_elements(&shape);
    assert_ok(hone_graph_create(&graph));
    hone_value images = hone_graph_input(
        graph, "images", hone_desc_make(HONE_U8, 4, net->batch, pre->height, pre->width, 3));
    hone_value logits;
    const struct hone_model_emit_params emit = {0};
    assert_ok(hone_model_emit(net->model, graph, hone_infer_emit_pixels(graph, images, pre), &emit,
                              &logits, NULL));
    hone_graph_mark_output(graph, logits, "logits");
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, graph, NULL, &program));
    for (size_t i = 0; i < net->model->param_count; i++) {
        const struct hone_param *param = &net->model->params[i];
        if (hone_store_has(store, param->name))
            assert_ok(hone_store_write(store, param->name, param->data,
                                       hone_desc_bytes(param_desc(net, param))));
    }
    write_images(net, program);
    assert_ok(hone_program_run(program));
    double *got = read_output(program, "logits", count);
    double error = golden_error(got, want, count);
    hone_free(got);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_graph_destroy(&graph);
    return error;
}

// A compiled training step with its states written.
struct session {
    struct hone_graph *graph;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_train_graph_params params;
    float rate;
};

static void write_state(struct session *s, const char *name, const float *data, int64_t count) {
    assert_ok(hone_store_write(s->store, name, data, (uint64_t)count * sizeof *data));
}

// The states as PyTorch starts: parameters and statistics of the file; slabs of the optimiser stay
// zero.
static void write_states(struct golden_net *net, struct session *s) {
    int64_t length = net->layout.length;
    float *slab = hone_calloc((size_t)length, sizeof *slab, "slab");
    assert_non_null(slab);
    hone_train_layout_gather(&net->layout, net->model, slab);
    write_state(s, "params", slab, length);
    memset(slab, 0, (size_t)length * sizeof *slab);
    hone_train_layout_segments(&net->layout, slab);
    write_state(s, "segments", slab, length / HONE_PACK_ALIGN * 2);
    hone_free(slab);
    for (size_t i = 0; i < net->model->param_count; i++) {
        const struct hone_param *param = &net->model->params[i];
        char name[HONE_TRAIN_NAME];
        hone_train_state_name(param, name);
        if (net->layout.slot_of_param[i] < 0 && hone_store_has(s->store, name))
            write_state(s, name, param->data, hone_desc_elements(param_desc(net, param)));
    }
    struct hone_desc shape;
    float *weights =
        floats(golden_get(net->golden, &shape, "class_weights"), net->model->head.classes);
    write_state(s, "class_weights", weights, net->model->head.classes);
    hone_free(weights);
}

static void write_inputs(struct golden_net *net, struct session *s) {
    const double *labels = golden_get(net->golden, NULL, "labels");
    int32_t *ints = hone_calloc((size_t)net->batch, sizeof *ints, "labels");
    assert_non_null(ints);
    for (int32_t i = 0; i < net->batch; i++) ints[i] = (int32_t)labels[i];
    write_images(net, s->program);
    assert_ok(hone_program_write(s->program, "labels", ints, (uint64_t)net->batch * sizeof *ints));
    hone_free(ints);
}

// The trainer's step; the loss and what it reads become outputs.
static void session_open(struct golden_net *net, struct hone_device *device, struct session *s) {
    s->params.model = net->model;
    s->params.layout = &net->layout;
    s->params.batch = net->batch;
    s->params.label_smoothing = net->smoothing;
    assert_ok(hone_train_graph(&s->params, &s->graph));
    for (size_t i = 0; i < s->graph->node_count; i++) {
        const struct hone_node *node = &s->graph->nodes[i];
        if (node->op != &hone_op_cross_entropy) continue;
        hone_graph_mark_output(s->graph, node->inputs[0], "logits");
        hone_graph_mark_output(s->graph, node->outputs[0], "loss");
    }
    assert_ok(hone_graph_status(s->graph));
    assert_ok(hone_store_create(device, &s->store));
    assert_ok(hone_program_compile(s->store, s->graph, NULL, &s->program));
    write_states(net, s);
    write_inputs(net, s);
}

static void session_close(struct session *s) {
    hone_program_destroy(&s->program);
    hone_store_destroy(&s->store);
    hone_graph_destroy(&s->graph);
}

static void session_step(struct session *s, int step) {
    float hyper[4];
    hone_train_hyper((double)s->rate, (double)s->params.beta1, (double)s->params.beta2, 0, step,
                     hyper);
    assert_ok(hone_program_write(s->program, "hyper", hyper, sizeof hyper));
    assert_ok(hone_program_run(s->program));
}

// A state of the store as doubles (hone_free).
static double *read_state(struct session *s, const char *name, int64_t count) {
    float *values = hone_calloc((size_t)count, sizeof *values, "state");
    assert_non_null(values);
    assert_ok(hone_store_read(s->store, name, values, (uint64_t)count * sizeof *values));
    double *out = doubles(values, count);
    hone_free(values);
    return out;
}

static void keep_worst(struct golden_net_error *worst, double error, const char *name) {
    if (error <= worst->error) return; // a NaN is kept
    worst->error = error;
    snprintf(worst->name, sizeof worst->name, "%s", name);
}

static double squared(const double *a, const double *b, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sum;
}

// A tensor with less than this share of all gradients is measured against this share: the shift of
// a norm that a further norm follows has a gradient of 0 in exact arithmetic, and nothing but
// rounding in any other.
#define GRADIENT_FLOOR 1e-4

static double squared_size(const double *a, int64_t count) {
    double sum = 0;
    for (int64_t i = 0; i < count; i++) sum += a[i] * a[i];
    return sum;
}

static double gradients_squared(struct golden_net *net) {
    double size = 0;
    for (size_t i = 0; i < net->layout.slot_count; i++) {
        const struct hone_train_slot *slot = &net->layout.slots[i];
        const char *name = net->model->params[slot->param].name;
        size += squared_size(golden_get(net->golden, NULL, "grad.%s", name), slot->elements);
    }
    return size;
}

// The shift of a norm that a further norm follows has a gradient of 0 in exact arithmetic, and
// nothing but rounding in any other. It is measured against all gradients, and AdamW, which makes a
// step of any rounding, is not measured.
static bool vanishes(struct golden_net *net, const char *name, double all) {
    char full[HONE_TRAIN_NAME];
    struct hone_desc shape;
    snprintf(full, sizeof full, "grad.%s", name);
    const double *gradient = golden_find(net->golden, full, &shape);
    return gradient && squared_size(gradient, hone_desc_elements(&shape)) < 1e-18 * all;
}

// With rate and decay 0, SGD's momentum after one step is the gradient.
void golden_net_gradients(struct golden_net *net, struct hone_device *device,
                          struct golden_net_gradients *out) {
    struct session s = {.params = {.optimizer = HONE_OPTIMIZER_SGD, .momentum = 0.5f}};
    *out = (struct golden_net_gradients){0};
    for (size_t i = 0; i < net->layout.slot_count; i++) net->layout.slots[i].weight_decay = 0;
    session_open(net, device, &s);
    session_step(&s, 0);
    struct hone_desc shape;
    const double *want = golden_get(net->golden, &shape, "train.logits");
    double *got = read_output(s.program, "logits", hone_desc_elements(&shape));
    out->logits = golden_error(got, want, hone_desc_elements(&shape));
    hone_free(got);
    got = read_output(s.program, "loss", 1);
    out->loss = golden_error(got, golden_get(net->golden, NULL, "loss"), 1);
    hone_free(got);
    double *slab = read_state(&s, "momentum", net->layout.length), difference = 0;
    double size = gradients_squared(net);
    for (size_t i = 0; i < net->layout.slot_count; i++) {
        const struct hone_train_slot *slot = &net->layout.slots[i];
        const char *name = net->model->params[slot->param].name;
        want = golden_get(net->golden, &shape, "grad.%s", name);
        assert_int_equal(hone_desc_elements(&shape), slot->elements);
        double off = squared(slab + slot->offset, want, slot->elements);
        double own = vanishes(net, name, size) ? size : squared_size(want, slot->elements);
        keep_worst(&out->gradient, sqrt(off / own), name);
        difference += off;
        out->tensors++;
    }
    out->all = sqrt(difference / size);
    hone_free(slab);
    session_close(&s);
}

void golden_net_steps(struct golden_net *net, struct hone_device *device, const char *optimizer,
                      int steps, struct golden_net_steps *out) {
    const double *hyper = golden_get(net->golden, NULL, "%s.hyper", optimizer);
    struct session s = {.rate = (float)hyper[0]};
    *out = (struct golden_net_steps){0};
    if (strcmp(optimizer, "sgd") == 0) {
        s.params.optimizer = HONE_OPTIMIZER_SGD;
        s.params.momentum = (float)hyper[2];
    } else {
        s.params.optimizer = HONE_OPTIMIZER_ADAMW;
        s.params.beta1 = (float)hyper[2];
        s.params.beta2 = (float)hyper[3];
        s.params.epsilon = (float)hyper[4];
    }
    // PyTorch decays every parameter alike.
    for (size_t i = 0; i < net->layout.slot_count; i++)
        net->layout.slots[i].weight_decay = (float)hyper[1];
    session_open(net, device, &s);
    for (int step = 0; step < steps; step++) session_step(&s, step);
    double *slab = read_state(&s, "params", net->layout.length), difference = 0, update = 0;
    double size = gradients_squared(net);
    for (size_t i = 0; i < net->model->param_count; i++) {
        const struct hone_param *param = &net->model->params[i];
        int64_t count = hone_desc_elements(param_desc(net, param));
        int slot = net->layout.slot_of_param[i];
        char name[HONE_TRAIN_NAME];
        snprintf(name, sizeof name, "%s.%d.%s", optimizer, steps, param->name);
        const double *want = golden_find(net->golden, name, NULL);
        if (!want && slot < 0) continue; // a constant of the graph, not of the net
        if (!want) fail_msg("the golden file has no tensor '%s'", name);
        if (s.params.optimizer == HONE_OPTIMIZER_ADAMW && vanishes(net, param->name, size))
            continue;
        double *before = doubles(param->data, count);
        double *state = slot < 0 ? read_state(&s, hone_train_state_name(param, name), count) : NULL;
        const double *got = state ? state : slab + net->layout.slots[slot].offset;
        keep_worst(&out->weight, golden_distance(got, want, count), param->name);
        if (!state) {
            difference += squared(got, want, count);
            update += squared(before, want, count);
        }
        out->tensors++;
        hone_free(before);
        hone_free(state);
    }
    out->update = sqrt(difference / update);
    hone_free(slab);
    session_close(&s);
}
