// test_recompute: a training step whose forward pass is made again in segments: the same numbers,
// less memory, and no more work than one forward pass.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "ir/memplan.h"
#include "ir/passes.h"
#include "ops/ops.h"
#include "support/step.h"
#include "support/tiny.h"
#include "train/graph.h"

static struct hone_graph *recomputed(const struct hone_graph *graph, uint32_t segments) {
    struct hone_graph *out;
    assert_ok(hone_graph_recompute(graph, HONE_TRAIN_LOSS, segments, &out));
    return out;
}

// Without the gradients, which are there either way.
static uint64_t pool_of(const struct hone_graph *graph) {
    hone_value params = hone_graph_find(graph, "params");
    struct hone_graph *passed;
    struct hone_plan plan;
    assert_ok(hone_graph_run_passes(graph, HONE_PASS_ALL, &passed));
    assert_ok(hone_plan_create(passed, &(struct hone_plan_params){0}, &plan));
    uint64_t bytes = plan.pool_bytes - hone_desc_bytes(hone_graph_desc(graph, params));
    hone_plan_deinit(&plan);
    hone_graph_destroy(&passed);
    return bytes;
}

static size_t forward_nodes(const struct hone_graph *graph) {
    size_t n = 0;
    while (strcmp(graph->nodes[n].name, HONE_TRAIN_LOSS) != 0) n++;
    return n + 1;
}

static void test_memory(void **state) {
    (void)state;
    static const char *const nets[] = {"resnet18", "mobilenet_v2"};
    for (int i = 0; i < 2; i++) {
        struct hone_graph *graph = step_graph(nets[i]), *same = recomputed(graph, 1);
        uint64_t before = pool_of(graph), least = before;
        assert_int_equal(same->node_count, graph->node_count);
        assert_true(pool_of(same) == before);
        for (uint32_t segments = 2; segments <= 8; segments *= 2) {
            struct hone_graph *less = recomputed(graph, segments);
            uint64_t bytes = pool_of(less);
            assert_true(less->node_count > graph->node_count);
            assert_true(less->node_count < graph->node_count + forward_nodes(graph));
            if (bytes < least) least = bytes;
            hone_graph_destroy(&less);
        }
        fprintf(stderr, "%s: %.1f MB, recomputed %.1f MB\n", nets[i], (double)before / 1e6,
                (double)least / 1e6);
        assert_true((double)least < 0.8 * (double)before);
        hone_graph_destroy(&same);
        hone_graph_destroy(&graph);
    }
}

static const char *const class_names[] = {"bar", "spot"};

// Parameters after two steps on the ref device.
static void run(const struct hone_graph *graph, const struct hone_train_layout *layout,
                const struct hone_model *model, float *slab) {
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    float segments[2 * 64], ones[2] = {1, 1};
    uint8_t pixels[2 * 16 * 16 * 3];
    const int32_t labels[2] = {1, 0};
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_program_compile(store, graph, NULL, &program));
    hone_train_layout_gather(layout, model, slab);
    hone_train_layout_segments(layout, segments);
    size_t bytes = (size_t)layout->length * sizeof *slab;
    assert_ok(hone_store_write(store, "params", slab, bytes));
    assert_ok(hone_store_write(store, "segments", segments,
                               (size_t)layout->length / HONE_PACK_ALIGN * 2 * sizeof *segments));
    assert_ok(hone_store_write(store, "class_weights", ones, sizeof ones));
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 37 % 251);
    for (int step = 0; step < 2; step++) {
        const float hyper[4] = {0.1f, 0.1f, 0.001f, 1};
        assert_ok(hone_program_write(program, "images", pixels, sizeof pixels));
        assert_ok(hone_program_write(program, "labels", labels, sizeof labels));
        assert_ok(hone_program_write(program, "hyper", hyper, sizeof hyper));
        assert_ok(hone_program_run(program));
    }
    assert_ok(hone_store_read(store, "params", slab, bytes));
    hone_program_destroy(&program);
    hone_store_destroy(&store);
    hone_device_close(&device);
}

static void test_numbers(void **state) {
    (void)state;
    struct hone_model *model = test_tiny_model(1);
    struct hone_train_layout layout;
    struct hone_graph *graph;
    float want[2048], got[2048];
    assert_ok(hone_model_replace_head(model, 2, class_names, 1));
    assert_ok(
        hone_train_layout_create(model, &(struct hone_train_layout_params){.head_lr = 1}, &layout));
    assert_true(layout.length <= 2048);
    const struct hone_train_graph_params params = {.model = model,
                                                   .layout = &layout,
                                                   .batch = 2,
                                                   .beta1 = 0.9f,
                                                   .beta2 = 0.999f,
                                                   .epsilon = 1e-8f};
    assert_ok(hone_train_graph(&params, &graph));
    run(graph, &layout, model, want);
    for (uint32_t segments = 2; segments <= 5; segments++) {
        struct hone_graph *again = recomputed(graph, segments);
        run(again, &layout, model, got);
        assert_memory_equal(got, want, (size_t)layout.length * sizeof *got);
        hone_graph_destroy(&again);
    }
    test_expect_failure(hone_graph_recompute(graph, "none", 2, &(struct hone_graph *){NULL}),
                        HONE_INVALID, "no node 'none'");
    hone_graph_destroy(&graph);
    hone_train_layout_deinit(&layout);
    hone_model_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
