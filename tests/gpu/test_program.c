// test_program.c: whole programs on the device against the ref device: a small training graph with
// convolution, batch norm, pooling, loss, packed gradients and an update, for several steps; inputs
// that are written once; evaluation that shares the trained states; and the same bits on a second
// run.
#include "support/support.h"

#include "base/rng.h"
#include "exec/program.h"
#include "ops/ops.h"
#include "support/gpu.h"

#include <math.h>
#include <string.h>

enum {
    BATCH = 5,
    SIZE = 12,
    CHANNELS = 8,
    CLASSES = 3,
    STEPS = 4,
    SLAB = 8 * 27 + 40 + 64 + 64 + 64
};

struct params {
    hone_value slab, weights, gamma, beta, head;
};

static hone_value view(struct hone_graph *g, hone_value slab, int *offset, struct hone_desc desc) {
    struct hone_view_attrs attrs = {.offset = *offset, .rank = desc.rank};
    memcpy(attrs.dim, desc.dim, sizeof attrs.dim);
    *offset += (int)hone_pack_stride(&desc);
    return HONE_EMIT(g, &hone_op_view, NULL, &attrs, slab);
}

static struct params make_params(struct hone_graph *g) {
    struct params p;
    int at = 0;
    p.slab = hone_graph_state(g, "params", hone_desc_make(HONE_F32, 1, SLAB, 0, 0, 0));
    p.weights = view(g, p.slab, &at, hone_desc_make(HONE_F32, 4, CHANNELS, 3, 3, 3));
    p.gamma = view(g, p.slab, &at, hone_desc_make(HONE_F32, 1, CHANNELS, 0, 0, 0));
    p.beta = view(g, p.slab, &at, hone_desc_make(HONE_F32, 1, CHANNELS, 0, 0, 0));
    p.head = view(g, p.slab, &at, hone_desc_make(HONE_F32, 2, CLASSES, CHANNELS, 0, 0));
    assert_int_equal(at, SLAB);
    return p;
}

static hone_value make_logits(struct hone_graph *g, const struct params *p, bool train) {
    hone_value image =
        hone_graph_input(g, "image", hone_desc_make(HONE_F32, 4, BATCH, SIZE, SIZE, 3));
    struct hone_conv2d_attrs conv = {
        .stride = {2, 2}, .pad = {0, 0, 1, 1}, .dilation = {1, 1}, .groups = 1};
    hone_value x = HONE_EMIT(g, &hone_op_conv2d, "conv", &conv, image, p->weights);
    struct hone_desc channels = hone_desc_make(HONE_F32, 1, CHANNELS, 0, 0, 0);
    hone_value mean = hone_graph_state(g, "mean", channels);
    hone_value var = hone_graph_state(g, "var", channels);
    struct hone_batch_norm_attrs bn = {.eps = 1e-5f, .momentum = 0.1f};
    hone_value in[] = {x, p->gamma, p->beta, mean, var}, out[HONE_OP_MAX_OUTPUTS];
    hone_graph_node(g, train ? &hone_op_batch_norm_train : &hone_op_batch_norm, "bn", &bn, in, 5,
                    out);
    if (train) {
        hone_graph_set_next(g, mean, out[1]);
        hone_graph_set_next(g, var, out[2]);
    }
    struct hone_act_attrs relu6 = {.kind = HONE_ACT_CLIP, .a = 0, .b = 6};
    x = HONE_EMIT(g, &hone_op_act, "relu6", &relu6, out[0]);
    x = HONE_EMIT(g, &hone_op_global_avg_pool, "pool", NULL, x);
    x = HONE_EMIT(g, &hone_op_reshape, NULL, (&(struct hone_shape_attrs){2, {0, -1}}), x);
    struct hone_matmul_attrs linear = {.trans_b = 1};
    return HONE_EMIT(g, &hone_op_matmul, "head", &linear, x, p->head);
}

static struct hone_graph *training_graph(void) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    struct params p = make_params(g);
    hone_value logits = make_logits(g, &p, true);
    hone_value labels = hone_graph_input(g, "labels", hone_desc_make(HONE_I32, 1, BATCH, 0, 0, 0));
    hone_value hyper = hone_graph_input(g, "hyper", hone_desc_make(HONE_F32, 1, 4, 0, 0, 0));
    hone_value ones = hone_graph_emit(g, &hone_op_fill, NULL,
                                      &(struct hone_fill_attrs){1, 1, {CLASSES}}, NULL, 0);
    struct hone_cross_entropy_attrs xent = {.smoothing = 0.1f};
    hone_value loss = HONE_EMIT(g, &hone_op_cross_entropy, "loss", &xent, logits, labels, ones);
    hone_value wanted[] = {p.weights, p.gamma, p.beta, p.head}, gradients[4];
    hone_graph_gradients(g, &hone_ops_for_gradients, loss, wanted, 4, gradients);
    hone_value packed = hone_graph_emit(g, &hone_op_pack, "gradients", NULL, gradients, 4);
    hone_value m = hone_graph_state(g, "m", hone_desc_make(HONE_F32, 1, SLAB, 0, 0, 0));
    hone_value v = hone_graph_state(g, "v", hone_desc_make(HONE_F32, 1, SLAB, 0, 0, 0));
    hone_value segments =
        hone_graph_state(g, "segments", hone_desc_make(HONE_F32, 2, SLAB / 64, 2, 0, 0));
    struct hone_adamw_attrs adamw = {.beta1 = 0.9f, .beta2 = 0.999f, .eps = 1e-8f};
    hone_value in[] = {p.slab, packed, m, v, segments, hyper}, out[HONE_OP_MAX_OUTPUTS];
    hone_graph_node(g, &hone_op_adamw, "update", &adamw, in, 6, out);
    hone_graph_set_next(g, p.slab, out[0]);
    hone_graph_set_next(g, m, out[1]);
    hone_graph_set_next(g, v, out[2]);
    hone_graph_mark_output(g, loss, "loss");
    hone_graph_mark_output(g, logits, "logits");
    assert_ok(hone_graph_verify(g));
    return g;
}

struct outcome {
    float loss[STEPS], slab[SLAB], mean[CHANNELS], logits[BATCH * CLASSES];
};

static void fill_states(struct hone_store *store) {
    float slab[SLAB], segments[SLAB / 64 * 2], one[CHANNELS];
    for (int i = 0; i < SLAB; i++) slab[i] = 0.3f * (float)hone_rng_normal(1, 2, (uint64_t)i);
    for (int i = 0; i < SLAB / 64; i++) {
        segments[2 * i] = 1;
        segments[2 * i + 1] = 0.01f;
    }
    for (int i = 0; i < CHANNELS; i++) one[i] = 1;
    assert_ok(hone_store_write(store, "params", slab, sizeof slab));
    assert_ok(hone_store_write(store, "segments", segments, sizeof segments));
    assert_ok(hone_store_write(store, "var", one, sizeof one));
}

static void evaluate(struct hone_store *store, const float *image, size_t bytes, float *logits) {
    struct hone_graph *g;
    assert_ok(hone_graph_create(&g));
    struct params p = make_params(g);
    hone_graph_mark_output(g, make_logits(g, &p, false), "logits");
    struct hone_program *program;
    assert_ok(hone_program_compile(store, g, NULL, &program));
    hone_graph_destroy(&g);
    assert_ok(hone_program_write(program, "image", image, bytes));
    assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "logits", logits, BATCH * CLASSES * sizeof(float)));
    hone_program_destroy(&program);
}

static void train(const char *name, const struct hone_compile_params *params, struct outcome *out) {
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_graph *g = training_graph();
    assert_ok(hone_device_open(&(struct hone_device_params){.name = name}, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, g, params, &program));
    hone_graph_destroy(&g);
    fill_states(store);
    float image[BATCH * SIZE * SIZE * 3];
    int32_t labels[BATCH] = {0, 1, 2, -1, 1};
    assert_ok(hone_program_write(program, "labels", labels, sizeof labels)); // once for all steps
    for (int step = 0; step < STEPS; step++) {
        for (size_t i = 0; i < sizeof image / sizeof *image; i++)
            image[i] = (float)hone_rng_normal(9, (uint64_t)step, i);
        float hyper[4] = {0.01f, 1 - powf(0.9f, (float)step + 1),
                          1 - powf(0.999f, (float)step + 1)};
        assert_ok(hone_program_write(program, "image", image, sizeof image));
        assert_ok(hone_program_write(program, "hyper", hyper, sizeof hyper));
        assert_ok(hone_program_run(program));
        assert_ok(hone_program_read(program, "loss", &out->loss[step], sizeof(float)));
    }
    assert_ok(hone_store_read(store, "params", out->slab, sizeof out->slab));
    assert_ok(hone_store_read(store, "mean", out->mean, sizeof out->mean));
    evaluate(store, image, sizeof image, out->logits);
    test_expect_failure(hone_program_write(program, "nothing", image, 1), HONE_NOT_FOUND,
                        "nothing");
    test_expect_failure(hone_program_write(program, "image", image, 1), HONE_INVALID, "'image'");
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
}

static double worst(const float *a, const float *b, int count) {
    double most = 0;
    for (int i = 0; i < count; i++) {
        double difference = fabs((double)a[i] - (double)b[i]);
        if (!(difference <= most)) most = difference;
    }
    return most;
}

// Bindings of 4096 bytes: a picture behind the pooling has 32 bytes, and nothing may begin at the
// second where offsets are aligned more coarsely; a GPU sums all rows of a channel in one slice,
// and slices are not cut.
static bool can_bind_4096(void) {
    struct hone_device *device;
    assert_ok(hone_device_open(&(struct hone_device_params){0}, &device));
    const struct hone_caps *caps = hone_device_caps(device);
    bool can = caps->storage_offset_align <= 32 && caps->features & HONE_FEATURE_CPU;
    hone_device_close(&device);
    return can;
}

static void test_training_agrees_with_the_reference(void **state) {
    (void)state;
    struct outcome ref, got, again;
    train("ref", NULL, &ref);
    const struct hone_compile_params variants[] = {
        {0},
        {.no_sharing = true},
        {.passes_off = ~0u},
        {.profile = true},
        {.binding_bytes = 7168},  // the first four pictures, then the fifth
        {.binding_bytes = 4096}}; // two at a time, and the pooling in parts
    size_t count = sizeof variants / sizeof *variants;
    if (!can_bind_4096()) count--;
    for (size_t i = 0; i < count; i++) {
        memset(&got, 0, sizeof got);
        train(NULL, &variants[i], &got);
        assert_true(worst(ref.loss, got.loss, STEPS) < 1e-5);
        assert_true(worst(ref.slab, got.slab, SLAB) < 1e-4); // AdamW divides by small moments
        assert_true(worst(ref.mean, got.mean, CHANNELS) < 1e-5);
        assert_true(worst(ref.logits, got.logits, BATCH * CLASSES) < 1e-4);
        assert_true(got.loss[0] > 0);
    }
    train(NULL, NULL, &got);
    train(NULL, NULL, &again);
    assert_memory_equal(&got, &again, sizeof got);
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

int main(void) {
    int unusable = test_gpu_require_running();
    if (unusable) return unusable;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_training_agrees_with_the_reference),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
