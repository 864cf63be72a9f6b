// test_train_graph: where trained tensors lie, what is frozen, and that no gradient work is done
// below the lowest trained layer.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

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
    } cases[] = {{0, 2, 1, 2, 0, 8}, {1, 1, 0, 1, 1, 5}, {2, 0, 0, 0, 2, 2}};
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
        hone_value frozen = hone_graph_find(graph, "model.c1.weight");
        assert_true((frozen != HONE_NO_VALUE) == (cases[i].freeze > 0));
        if (frozen != HONE_NO_VALUE)
            assert_true(hone_graph_value(graph, frozen)->next == HONE_NO_VALUE);
        hone_value mean = hone_graph_find(graph, "model.n2.mean");
        assert_true((hone_graph_value(graph, mean)->next != HONE_NO_VALUE) ==
                    (cases[i].freeze < 2));
        hone_graph_destroy(&graph);
        hone_train_layout_deinit(&layout);
    }
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
        cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_weights_that_are_no_numbers_stop_the_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
