// test_model_fold.c: the bundled backbone gives the same features with its batch norms folded away.
#include "support/support.h"

#include "base/rng.h"
#include "exec/program.h"
#include "model/model.h"
#include "ops/ops.h"

#include <math.h>

enum { SIZE = 32, FEATURES = 640 };

static void features(const struct hone_model *model, float *out) {
    struct hone_device *device;
    struct hone_store *store;
    struct hone_graph *g;
    struct hone_program *program;
    assert_ok(hone_device_open(&(struct hone_device_params){.name = "ref"}, &device));
    assert_ok(hone_store_create(device, &store));
    assert_ok(hone_graph_create(&g));
    hone_value image = hone_graph_input(g, "image", hone_desc_make(HONE_F32, 4, 1, SIZE, SIZE, 3));
    hone_value y;
    assert_ok(hone_model_emit_features(model, g, image, NULL, &y));
    hone_graph_mark_output(g, y, "features");
    assert_ok(hone_program_compile(store, g, NULL, &program));
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_param *p = &model->params[i];
        int64_t count = hone_desc_elements(hone_graph_desc(model->graph, p->value));
        if (hone_store_has(store, p->name))
            assert_ok(hone_store_write(store, p->name, p->data, (uint64_t)count * sizeof(float)));
    }
    float picture[SIZE * SIZE * 3];
    for (size_t i = 0; i < sizeof picture / sizeof *picture; i++)
        picture[i] = (float)hone_rng_normal(3, 1, i);
    assert_ok(hone_program_write(program, "image", picture, sizeof picture));
    assert_ok(hone_program_run(program));
    assert_ok(hone_program_read(program, "features", out, FEATURES * sizeof *out));
    hone_program_destroy(&program);
    hone_graph_destroy(&g);
    hone_store_destroy(&store);
    hone_device_close(&device);
}

static int count_norms(const struct hone_model *model) {
    int count = 0;
    for (size_t n = 0; n < model->graph->node_count; n++)
        count += model->graph->nodes[n].op == &hone_op_batch_norm;
    return count;
}

static void test_folding_keeps_the_function(void **state) {
    (void)state;
    hone_model *model, *folded;
    static float want[FEATURES], got[FEATURES];
    assert_ok(hone_model_load(HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx",
                              &(hone_model_load_params){.size = SIZE}, &model));
    assert_ok(hone_model_fold_norms(model, &folded));
    assert_int_equal(count_norms(model), 40);
    assert_int_equal(count_norms(folded), 0);
    features(model, want);
    features(folded, got);
    double scale = 0, worst = 0;
    for (int i = 0; i < FEATURES; i++) {
        scale = fmax(scale, fabs((double)want[i]));
        worst = fmax(worst, fabs((double)want[i] - (double)got[i]));
    }
    assert_true(scale > 0);
    assert_true(worst <= 1e-5 * scale);
    hone_model_destroy(&folded);
    hone_model_destroy(&model);
}

static void test_allocations_may_fail(void **state) {
    (void)state;
    hone_model *model, *folded = NULL;
    assert_ok(hone_model_load(HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx",
                              &(hone_model_load_params){.size = SIZE}, &model));
    size_t live = hone_alloc_live_bytes();
    for (long n = 0; !folded; n += 7) {
        hone_alloc_fail_after(n);
        hone_status status = hone_model_fold_norms(model, &folded);
        hone_alloc_fail_after(-1);
        if (status == HONE_OK) break;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
        assert_int_equal(hone_alloc_live_bytes(), live);
    }
    hone_model_destroy(&folded);
    hone_model_destroy(&model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_folding_keeps_the_function),
        cmocka_unit_test(test_allocations_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
