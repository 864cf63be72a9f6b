// test_train_graph: where trained tensors lie, what is frozen, and that no gradient work is done
// below the lowest trained layer.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "model/zoo/zoo.h"
#include "support/tiny.h"
#include "train/graph.h"
#include "train/internal.h"

static const struct hone_train_layout_params usual = {.head_lr = 10, .weight_decay = 0.5f};

static struct hone_model *model_with_head(void) {
    static const char *const names[] = {"bar", "spot"};
    struct hone_model *model = test_tiny_model(1);
    assert_ok(hone_model_replace_head(model, 2, names, 1));
    return model;
}

static const struct hone_train_slot *slot_of(const struct hone_model *model,
                                             const struct hone_train_layout *layout,
                                             const char *name) {
    for (size_t i = 0; i < model->param_count; i++)
        if (strcmp(model->params[i].name, name) == 0)
            return layout->slot_of_param[i] < 0 ? NULL : &layout->slots[layout->slot_of_param[i]];
    fail_msg("no parameter %s", name);
    return NULL;
}

static void test_layout(void **state) {
    (void)state;
    struct hone_model *model = model_with_head();
    struct hone_train_layout layout;
    float slab[2048], segments[2 * 2048 / 64] = {0};
    assert_ok(hone_train_layout_create(model, &usual, &layout));
    assert_int_equal(layout.layers, 2);
    assert_int_equal(layout.slot_count, 8);
    assert_true(layout.trained == 8 * 27 + 16 + 16 * 72 + 32 + 32 + 2);
    assert_true(layout.trained == layout.all && layout.length % 64 == 0 && layout.length <= 2048);
    assert_null(slot_of(model, &layout, "n1.mean"));
    assert_null(slot_of(model, &layout, "n2.var"));
    int64_t next = 0;
    for (size_t i = 0; i < layout.slot_count; i++) {
        assert_true(layout.slots[i].offset == next);
        next += (layout.slots[i].elements + 63) / 64 * 64;
    }
    assert_true(next == layout.length);
    hone_train_layout_gather(&layout, model, slab);
    hone_train_layout_segments(&layout, segments);
    const struct hone_train_slot *w = slot_of(model, &layout, "head.weight");
    assert_memory_equal(slab + w->offset, model->params[w->param].data, 32 * sizeof(float));
    assert_true(slab[w->offset + 32] == 0); // the gap
    assert_true(segments[w->offset / 32] == 10 && segments[w->offset / 32 + 1] == 0.5f);
    w = slot_of(model, &layout, "head.bias");
    assert_true(segments[w->offset / 32] == 10 && segments[w->offset / 32 + 1] == 0);
    w = slot_of(model, &layout, "n1.gamma");
    assert_true(segments[w->offset / 32] == 1 && segments[w->offset / 32 + 1] == 0);
    for (int i = 0; i < 2048; i++) slab[i] = (float)i;
    hone_train_layout_scatter(&layout, slab, model);
    assert_true(model->params[w->param].data[1] == (float)(w->offset + 1));
    hone_train_layout_deinit(&layout);
    hone_model_destroy(&model);
}

static int count_op(const struct hone_graph *graph, const char *op) {
    int count = 0;
    for (size_t n = 0; n < graph->node_count; n++)
        count += strcmp(graph->nodes[n].op->name, op) == 0;
    return count;
}

static void test_frozen(void **state) {
    (void)state;
    // With `freeze` layers kept: nodes of each kind that must be there.
    static const struct {
        int32_t freeze;
        int bwd_w, bwd_x, norm_train, norm;
        size_t slots;
    } cases[] = {{0, 2, 1, 2, 0, 8}, {1, 1, 0, 1, 0, 5}, {2, 0, 0, 0, 0, 2}};
    struct hone_model *model = model_with_head();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hone_train_layout layout;
        struct hone_train_layout_params params = usual;
        struct hone_graph *graph;
        params.freeze = cases[i].freeze;
        assert_ok(hone_train_layout_create(model, &params, &layout));
        struct hone_train_graph_params build = {
            .model = model, .layout = &layout, .batch = 4, .optimizer = (int)(i % 2)};
        assert_ok(hone_train_graph(&build, &graph));
        assert_ok(hone_graph_verify(graph));
        assert_int_equal(layout.slot_count, cases[i].slots);
        assert_int_equal(count_op(graph, "conv2d_bwd_w"), cases[i].bwd_w);
        assert_int_equal(count_op(graph, "conv2d_bwd_x"), cases[i].bwd_x);
        assert_int_equal(count_op(graph, "batch_norm_train"), cases[i].norm_train);
        assert_int_equal(count_op(graph, "batch_norm"), cases[i].norm);
        assert_int_equal(count_op(graph, i % 2 ? "sgd" : "adamw"), 1);
        assert_true(hone_graph_find(graph, "model.c1.weight") == HONE_NO_VALUE);
        hone_value frozen = hone_graph_find(graph, "model.n1.beta.folded.weight");
        assert_true((frozen != HONE_NO_VALUE) == (cases[i].freeze > 0));
        if (frozen != HONE_NO_VALUE)
            assert_true(hone_graph_value(graph, frozen)->next == HONE_NO_VALUE);
        hone_value mean = hone_graph_find(graph, "model.n2.mean");
        assert_true((mean != HONE_NO_VALUE) == (cases[i].freeze < 2));
        if (mean != HONE_NO_VALUE)
            assert_true(hone_graph_value(graph, mean)->next != HONE_NO_VALUE);
        hone_graph_destroy(&graph);
        hone_train_layout_deinit(&layout);
    }
    hone_model_destroy(&model);
}

// What the loss can be, and pictures mixed in pairs: their nodes and inputs.
static void test_losses(void **state) {
    (void)state;
    struct hone_model *model = model_with_head();
    struct hone_train_layout layout;
    assert_ok(hone_train_layout_create(model, &usual, &layout));
    for (int k = 0; k < 8; k++) {
        bool mix = k & 1, prior = k & 2, focal = k & 4;
        struct hone_graph *g;
        struct hone_train_graph_params build = {.model = model,
                                                .layout = &layout,
                                                .batch = 4,
                                                .focal_gamma = focal ? 2 : 0,
                                                .prior = prior,
                                                .augment = {.mix = mix}};
        assert_ok(hone_train_graph(&build, &g));
        assert_ok(hone_graph_verify(g));
        assert_int_equal(count_op(g, "image_mix"), mix);
        assert_int_equal(count_op(g, "cross_entropy"), mix ? 2 : 1);
        assert_int_equal(count_op(g, "cross_entropy_bwd"), mix ? 2 : 1);
        assert_true((hone_graph_find(g, "partners") != HONE_NO_VALUE) == mix);
        assert_true((hone_graph_find(g, "prior") != HONE_NO_VALUE) == prior);
        for (size_t n = 0; n < g->node_count; n++) {
            const struct hone_cross_entropy_attrs *attrs = g->nodes[n].attrs;
            if (g->nodes[n].op == &hone_op_cross_entropy)
                assert_true(attrs->gamma == (focal ? 2 : 0));
        }
        hone_graph_destroy(&g);
    }
    hone_train_layout_deinit(&layout);
    hone_model_destroy(&model);
}

// Some of ResNet-18 frozen: its norms are gone, nothing looks back into it, and no gradient of an
// input is made that no trained tensor needs.
static void test_nothing_below_the_first_trained(void **state) {
    (void)state;
    struct hone_model *model;
    assert_ok(hone_zoo_model("resnet18", 64, 1, &model));
    for (int freeze = 4; freeze <= 20; freeze += 8) {
        struct hone_train_layout layout;
        struct hone_train_layout_params params = usual;
        struct hone_graph *g;
        params.freeze = freeze;
        assert_ok(hone_train_layout_create(model, &params, &layout));
        struct hone_train_graph_params build = {.model = model, .layout = &layout, .batch = 2};
        assert_ok(hone_train_graph(&build, &g));
        bool *needed = hone_calloc(g->value_count, sizeof *needed, "marks");
        assert_non_null(needed);
        needed[hone_graph_find(g, "params")] = true;
        int folded = 0;
        for (size_t n = 0; n < g->node_count; n++) {
            const struct hone_node *node = &g->nodes[n];
            bool any = false;
            for (int i = 0; i < node->input_count; i++)
                any = any || (node->inputs[i] != HONE_NO_VALUE && needed[node->inputs[i]]);
            for (int i = 0; i < node->op->outputs; i++) needed[node->outputs[i]] = any;
            folded += node->op == &hone_op_conv2d && node->input_count == 3;
            if (node->op != &hone_op_conv2d_bwd_x) continue;
            const struct hone_node *conv = g->nodes;
            while (conv->op != &hone_op_conv2d || conv->inputs[1] != node->inputs[1]) conv++;
            assert_true(needed[conv->inputs[0]]);
        }
        assert_int_equal(folded, freeze);
        assert_int_equal(count_op(g, "batch_norm"), 0);
        assert_int_equal(count_op(g, "batch_norm_train"), 20 - freeze);
        assert_int_equal(count_op(g, "conv2d_bwd_w"), 20 - freeze);
        hone_free(needed);
        hone_graph_destroy(&g);
        hone_train_layout_deinit(&layout);
    }
    hone_model_destroy(&model);
}

enum { STEPS = 4, BATCH = 4 };

// A program of the tiny net on the device "ref", with its states as the model has them.
static struct hone_program *program_of(const struct hone_model *model,
                                       const struct hone_train_layout *layout,
                                       struct hone_store *store) {
    struct hone_graph *graph;
    struct hone_program *program;
    float slab[2048], segments[2 * 2048 / 64] = {0}, one[2] = {1, 1};
    struct hone_train_graph_params build = {.model = model,
                                            .layout = layout,
                                            .batch = BATCH,
                                            .optimizer = HONE_OPTIMIZER_SGD,
                                            .momentum = 0.9f};
    assert_ok(hone_train_graph(&build, &graph));
    assert_ok(hone_program_compile(store, graph, NULL, &program));
    hone_graph_destroy(&graph);
    hone_train_layout_gather(layout, model, slab);
    hone_train_layout_segments(layout, segments);
    size_t length = (size_t)layout->length;
    assert_ok(hone_store_write(store, "params", slab, length * sizeof *slab));
    assert_ok(hone_store_write(store, "segments", segments, length / 64 * 2 * sizeof *segments));
    assert_ok(hone_store_write(store, "class_weights", one, sizeof one));
    assert_ok(hone_train_write_folded(layout, model, store));
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_param *p = &model->params[i];
        char name[HONE_TRAIN_NAME];
        hone_train_state_name(p, name);
        if (hone_store_has(store, name))
            assert_ok(hone_store_write(store, name, p->data,
                                       hone_desc_bytes(hone_graph_desc(model->graph, p->value))));
    }
    return program;
}

// Totals after some steps with the first layer frozen.
static void run_steps(const struct hone_model *model, bool keep_norms, float totals[4]) {
    struct hone_train_layout layout;
    struct hone_train_layout_params params = {.freeze = 1, .head_lr = 1, .keep_norms = keep_norms};
    struct hone_device *device;
    struct hone_store *store;
    uint8_t images[BATCH * 16 * 16 * 3];
    int32_t labels[BATCH] = {0, 1, 1, 0};
    float hyper[4] = {0.05f, 1, 1, 0};
    assert_ok(hone_train_layout_create(model, &params, &layout));
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    assert_ok(hone_store_create(device, &store));
    struct hone_program *program = program_of(model, &layout, store);
    for (size_t i = 0; i < sizeof images; i++)
        images[i] = (uint8_t)((uint32_t)i * 2654435761u >> 24);
    assert_ok(hone_program_write(program, "images", images, sizeof images));
    assert_ok(hone_program_write(program, "labels", labels, sizeof labels));
    assert_ok(hone_program_write(program, "hyper", hyper, sizeof hyper));
    for (int i = 0; i < STEPS; i++) assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "totals", totals, 4 * sizeof *totals));
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
    hone_train_layout_deinit(&layout);
}

static void test_folding_keeps_losses(void **state) {
    (void)state;
    struct hone_model *model = model_with_head();
    float want[4], got[4];
    run_steps(model, true, want);
    run_steps(model, false, got);
    assert_true(want[0] > 0 && want[1] == STEPS * BATCH);
    assert_true(fabsf(got[0] - want[0]) <= 1e-5f * want[0]);
    assert_true(got[1] == want[1] && got[2] == want[2]);
    hone_model_destroy(&model);
}

static void test_too_many(void **state) {
    (void)state;
    struct hone_model *model = model_with_head();
    struct hone_train_layout layout;
    struct hone_train_layout_params params = {.freeze = 3};
    test_expect_failure(hone_train_layout_create(model, &params, &layout), HONE_INVALID,
                        "--freeze 3: the backbone has 2 layers");
    hone_model_destroy(&model);
}

static void test_weights_that_are_no_numbers_stop_the_run(void **state) {
    (void)state;
    struct hone_trainer t = {.model = model_with_head(), .steps_done = 7};
    float slab[2048] = {0};
    assert_ok(hone_train_layout_create(t.model, &usual, &t.layout));
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &t.device));
    assert_ok(hone_store_create(t.device, &t.store));
    struct hone_desc desc = hone_desc_make(HONE_F32, 1, (int32_t)t.layout.length, 0, 0, 0);
    assert_ok(hone_store_ensure(t.store, "params", &desc));
    const char *last = "";
    for (size_t i = 0; i < t.model->param_count; i++) { // the statistics: zeros
        const struct hone_param *param = &t.model->params[i];
        if (t.layout.slot_of_param[i] >= 0) continue;
        char name[HONE_TRAIN_NAME];
        assert_ok(hone_store_ensure(t.store, hone_train_state_name(param, name),
                                    hone_graph_desc(t.model->graph, param->value)));
        last = param->name;
    }
    assert_ok(hone_trainer_sync(&t));
    const struct hone_train_slot *w = slot_of(t.model, &t.layout, "head.weight");
    slab[w->offset + 1] = NAN;
    assert_ok(hone_store_write(t.store, "params", slab, (size_t)t.layout.length * sizeof *slab));
    test_expect_failure(hone_trainer_sync(&t), HONE_INVALID, "after step 7: lower --lr");
    assert_true(t.model->params[w->param].data[1] == 0); // the last good ones stay
    slab[w->offset + 1] = 0;
    assert_ok(hone_store_write(t.store, "params", slab, (size_t)t.layout.length * sizeof *slab));
    char name[HONE_TRAIN_NAME];
    float statistic[16] = {[3] = INFINITY};
    snprintf(name, sizeof name, "model.%s", last);
    assert_ok(hone_store_write(t.store, name, statistic, sizeof statistic));
    test_expect_failure(hone_trainer_sync(&t), HONE_INVALID, "lower --lr");
    hone_store_destroy(&t.store);
    hone_device_close(&t.device);
    hone_train_layout_deinit(&t.layout);
    hone_model_destroy(&t.model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_frozen),
        cmocka_unit_test(test_losses),
        cmocka_unit_test(test_nothing_below_the_first_trained),
        cmocka_unit_test(test_folding_keeps_losses),
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_weights_that_are_no_numbers_stop_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
