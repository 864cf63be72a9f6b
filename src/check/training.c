// training.c: see training.h. The net has what backbones have: a convolution with statistics of the
// batch, a depthwise one, a 1x1 one with a residual, a step down, pooling, a classifier; the update
// is SGD with momentum, whose first step shows the gradient itself.
#include "check/training.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "check/trust.h"
#include "ops/ops.h"

enum { BATCH = 4, SIZE = 9, C = 8, WIDE = 16, CLASSES = 4, PARAMS = 24, BATCHES = 4 };
enum { IMAGE = BATCH * SIZE * SIZE * C, SEED = 0xd0c };
static const float RATE = 0.05f, MOMENTUM = 0.9f;
// Weights of about 1 move by some 5e-3 in the first step, so that f32 holds the update itself to
// 1e-5. Losses agree to 1e-7 after 50 steps on lavapipe. A wrong kernel is far above both bounds.
static const double GRADIENT_BOUND = 1e-4, LOSS_BOUND = 1e-3;

struct net {
    struct hone_graph *graph;
    hone_value slab, weights[PARAMS];
    int64_t offset[PARAMS], length;
    int count, norms;
};

// A window of the slab.
static hone_value param(struct net *net, struct hone_desc desc) {
    struct hone_view_attrs attrs = {.offset = (int32_t)net->length, .rank = desc.rank};
    for (int i = 0; i < desc.rank; i++) attrs.dim[i] = desc.dim[i];
    net->offset[net->count] = net->length;
    net->length += hone_pack_stride(&desc);
    return net->weights[net->count++] =
               HONE_EMIT(net->graph, &hone_op_view, NULL, &attrs, net->slab);
}

static hone_value norm(struct net *net, hone_value x) {
    int channels = hone_graph_desc(net->graph, x)->dim[3];
    struct hone_desc desc = hone_desc_make(HONE_F32, 1, channels, 0, 0, 0);
    struct hone_batch_norm_attrs attrs = {.eps = 1e-5f, .momentum = 0.1f};
    char name[16];
    hone_value out[HONE_OP_MAX_OUTPUTS], in[5] = {x, param(net, desc), param(net, desc)};
    for (int i = 0; i < 2; i++) {
        snprintf(name, sizeof name, "%s%d", i ? "var" : "mean", net->norms);
        in[3 + i] = hone_graph_state(net->graph, name, desc);
    }
    net->norms++;
    hone_graph_node(net->graph, &hone_op_batch_norm_train, NULL, &attrs, in, 5, out);
    for (int i = 0; i < 2; i++) hone_graph_set_next(net->graph, in[3 + i], out[1 + i]);
    return out[0];
}

static hone_value conv(struct net *net, hone_value x, int k, int filter, int stride, int groups) {
    int c = hone_graph_desc(net->graph, x)->dim[3], pad = filter / 2;
    hone_value w = param(net, hone_desc_make(HONE_F32, 4, k, filter, filter, c / groups));
    struct hone_conv2d_attrs attrs = {.stride = {stride, stride},
                                      .pad = {pad, pad, pad, pad},
                                      .dilation = {1, 1},
                                      .groups = groups};
    return norm(net, HONE_EMIT(net->graph, &hone_op_conv2d, NULL, &attrs, x, w));
}

static hone_value act(struct net *net, hone_value x, enum hone_act kind) {
    struct hone_act_attrs attrs = {.kind = (int32_t)kind, .a = 0, .b = 6};
    return HONE_EMIT(net->graph, &hone_op_act, NULL, &attrs, x);
}

static hone_value emit_logits(struct net *net, hone_value image) {
    hone_value x = act(net, conv(net, image, WIDE, 3, 1, 1), HONE_ACT_RELU);
    hone_value y = act(net, conv(net, x, WIDE, 3, 1, WIDE), HONE_ACT_CLIP);
    y = conv(net, y, WIDE, 1, 1, 1);
    x = act(net, HONE_EMIT(net->graph, &hone_op_add, NULL, NULL, x, y), HONE_ACT_RELU);
    x = act(net, conv(net, x, WIDE, 3, 2, 1), HONE_ACT_SILU);
    x = HONE_EMIT(net->graph, &hone_op_global_avg_pool, NULL, NULL, x);
    struct hone_shape_attrs flat = {.rank = 2, .dim = {0, WIDE}};
    x = HONE_EMIT(net->graph, &hone_op_reshape, NULL, &flat, x);
    hone_value w = param(net, hone_desc_make(HONE_F32, 2, CLASSES, WIDE, 0, 0));
    return HONE_EMIT(net->graph, &hone_op_matmul, NULL, &(struct hone_matmul_attrs){.trans_b = 1},
                     x, w);
}

static void emit_update(struct net *net, hone_value loss) {
    hone_value gradients[PARAMS], out[HONE_OP_MAX_OUTPUTS];
    struct hone_desc slab = *hone_graph_desc(net->graph, net->slab);
    hone_graph_gradients(net->graph, &hone_ops_for_gradients, loss, net->weights, net->count,
                         gradients);
    hone_value gradient =
        hone_graph_emit(net->graph, &hone_op_pack, NULL, NULL, gradients, net->count);
    hone_value in[] = {
        net->slab, gradient, hone_graph_state(net->graph, "momentum", slab),
        hone_graph_state(net->graph, "segments",
                         hone_desc_make(HONE_F32, 2, slab.dim[0] / HONE_PACK_ALIGN, 2, 0, 0)),
        hone_graph_input(net->graph, "hyper", hone_desc_make(HONE_F32, 1, 4, 0, 0, 0))};
    hone_graph_node(net->graph, &hone_op_sgd, NULL, &(struct hone_sgd_attrs){.momentum = MOMENTUM},
                    in, 5, out);
    hone_graph_set_next(net->graph, net->slab, out[0]);
    hone_graph_set_next(net->graph, in[2], out[1]);
}

// The slab's length has to be known before its views: the first of two rounds, without an update,
// only adds it up.
static hone_status net_create(struct net *net, int64_t length, bool update) {
    *net = (struct net){0};
    HONE_TRY(hone_graph_create(&net->graph));
    net->slab = hone_graph_state(net->graph, "params",
                                 hone_desc_make(HONE_F32, 1, (int32_t)length, 0, 0, 0));
    hone_value image =
        hone_graph_input(net->graph, "image", hone_desc_make(HONE_F32, 4, BATCH, SIZE, SIZE, C));
    hone_value labels =
        hone_graph_input(net->graph, "labels", hone_desc_make(HONE_I32, 1, BATCH, 0, 0, 0));
    hone_value weights = hone_graph_state(net->graph, "class_weights",
                                          hone_desc_make(HONE_F32, 1, CLASSES, 0, 0, 0));
    hone_value loss =
        HONE_EMIT(net->graph, &hone_op_cross_entropy, NULL, &(struct hone_cross_entropy_attrs){0},
                  emit_logits(net, image), labels, weights);
    if (update) emit_update(net, loss);
    hone_graph_mark_output(net->graph, loss, "loss");
    return hone_graph_status(net->graph);
}

// ---- Numbers ----

static hone_status write_constant(struct hone_store *store, const char *name, size_t count,
                                  float even, float odd) {
    float *values = hone_calloc(count, sizeof *values, "a check of training");
    if (!values) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) values[i] = i % 2 ? odd : even;
    hone_status status = hone_store_write(store, name, values, count * sizeof *values);
    hone_free(values);
    return status;
}

// Filters of unit gain or so, scales 1, shifts 0.
static void fill_params(const struct net *net, float *slab) {
    for (int p = 0; p < net->count; p++) {
        const struct hone_desc *desc = hone_graph_desc(net->graph, net->weights[p]);
        int64_t count = hone_desc_elements(desc), fan = count / desc->dim[0];
        bool scale = desc->rank == 1 && p % 3 == 1; // after each filter: scale, shift
        for (int64_t i = 0; i < count; i++)
            slab[net->offset[p] + i] =
                desc->rank == 1 ? (float)scale
                                : (float)(hone_rng_normal(SEED, (uint64_t)p, (uint64_t)i) *
                                          sqrt(2.0 / (double)fan));
    }
}

static hone_status write_states(const struct net *net, struct hone_store *store, float *slab) {
    size_t length = (size_t)net->length;
    char name[16];
    fill_params(net, slab);
    HONE_TRY(hone_store_write(store, "params", slab, length * sizeof *slab));
    HONE_TRY(write_constant(store, "segments", length / HONE_PACK_ALIGN * 2, 1, 0));
    HONE_TRY(write_constant(store, "class_weights", CLASSES, 1, 1));
    for (int i = 0; i < net->norms; i++) {
        snprintf(name, sizeof name, "var%d", i);
        HONE_TRY(write_constant(store, name, WIDE, 1, 1));
    }
    return HONE_OK;
}

// A class is brighter in channels of its own.
static void fill_batch(int step, float *image, int32_t *labels) {
    for (int i = 0; i < IMAGE; i++) {
        int picture = i / (SIZE * SIZE * C), class = (picture + step) % CLASSES;
        uint64_t stream = 100 + (uint64_t)(step % BATCHES);
        labels[picture] = class;
        image[i] =
            (float)hone_rng_normal(SEED, stream, (uint64_t)i) + (i % C / 2 == class ? 1.0f : 0.0f);
    }
}

// ---- Runs ----

struct trace {
    double *losses;
    float *before, *after; // params at the start and after the first step
};

static hone_status run_steps(const struct net *net, struct hone_store *store,
                             struct hone_program *program, int steps, struct trace *trace) {
    size_t bytes = (size_t)net->length * sizeof(float);
    float *image = hone_calloc(IMAGE, sizeof *image, "a check of training"), loss = 0;
    int32_t labels[BATCH];
    const float hyper[4] = {RATE, 1, 1, 0};
    hone_status status = image ? write_states(net, store, trace->before) : HONE_OUT_OF_MEMORY;
    for (int step = 0; step < steps && status == HONE_OK; step++) {
        fill_batch(step, image, labels);
        status = hone_program_write(program, "image", image, IMAGE * sizeof *image);
        if (status == HONE_OK)
            status = hone_program_write(program, "labels", labels, sizeof labels);
        if (status == HONE_OK) status = hone_program_write(program, "hyper", hyper, sizeof hyper);
        if (status == HONE_OK) status = hone_program_run(program);
        if (status == HONE_OK) status = hone_program_read(program, "loss", &loss, sizeof loss);
        trace->losses[step] = (double)loss;
        if (status == HONE_OK && step == 0)
            status = hone_store_read(store, "params", trace->after, bytes);
    }
    hone_free(image);
    return status;
}

static hone_status train(const struct net *net, struct hone_device *device, int steps,
                         struct trace *trace) {
    struct hone_store *store;
    struct hone_program *program = NULL;
    HONE_TRY(hone_store_create(device, &store));
    hone_status status = hone_trust_compile(store, net->graph, NULL, &program);
    if (status == HONE_OK) status = run_steps(net, store, program, steps, trace);
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    return status;
}

static hone_status trace_init(struct trace *trace, int steps, int64_t length) {
    trace->losses = hone_calloc((size_t)steps, sizeof *trace->losses, "a check of training");
    trace->before = hone_calloc((size_t)length, sizeof *trace->before, "a check of training");
    trace->after = hone_calloc((size_t)length, sizeof *trace->after, "a check of training");
    return trace->losses && trace->before && trace->after ? HONE_OK : HONE_OUT_OF_MEMORY;
}

static void trace_deinit(struct trace *trace) {
    hone_free(trace->losses);
    hone_free(trace->before);
    hone_free(trace->after);
}

// NaN is worse than any number.
static double larger(double a, double b) {
    return isnan(b) || b > a ? b : a;
}

static void judge(const struct trace *got, const struct trace *want, int64_t length,
                  struct hone_check_training *out) {
    double update = 0, error = 0;
    for (int64_t i = 0; i < length; i++) {
        update = fmax(update, fabs((double)want->after[i] - (double)want->before[i]));
        error = larger(error, fabs((double)got->after[i] - (double)want->after[i]));
    }
    out->gradient_error = error / update;
    for (int i = 0; i < out->steps; i++)
        out->loss_error =
            larger(out->loss_error, fabs(got->losses[i] - want->losses[i]) / want->losses[0]);
    out->first_loss = got->losses[0];
    out->last_loss = got->losses[out->steps - 1];
    out->ref_last_loss = want->losses[out->steps - 1];
    if (!(out->gradient_error <= GRADIENT_BOUND))
        snprintf(out->why, sizeof out->why,
                 "the first update is off by %.3g of its largest element; %.3g is allowed",
                 out->gradient_error, GRADIENT_BOUND);
    else if (!(out->loss_error <= LOSS_BOUND))
        snprintf(out->why, sizeof out->why,
                 "losses are off by %.3g of the first one; %.3g is allowed", out->loss_error,
                 LOSS_BOUND);
    else
        out->good = true;
}

hone_status hone_check_training(struct hone_device *device, int steps,
                                struct hone_check_training *out) {
    struct hone_device *ref = NULL;
    struct trace got = {0}, want = {0};
    struct net net;
    *out = (struct hone_check_training){.steps = steps};
    hone_status status = net_create(&net, 1 << 20, false);
    int64_t length = net.length;
    hone_graph_destroy(&net.graph);
    HONE_TRY(status);
    status = net_create(&net, length, true);
    if (status == HONE_OK)
        status = hone_device_open(&(struct hone_device_params){.name = "ref"}, &ref);
    if (status == HONE_OK) status = trace_init(&got, steps, length);
    if (status == HONE_OK) status = trace_init(&want, steps, length);
    if (status == HONE_OK) status = train(&net, ref, steps, &want);
    if (status == HONE_OK) status = train(&net, device, steps, &got);
    if (status == HONE_OK) judge(&got, &want, length, out);
    trace_deinit(&got);
    trace_deinit(&want);
    hone_device_close(&ref);
    hone_graph_destroy(&net.graph);
    return status;
}
