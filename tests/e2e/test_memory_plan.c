// test_memory_plan: what a run takes of the device's memory is what was planned, within 2 %,
// whether it fits at once or in parts and with recomputation; and parts and recomputation change no
// more than the order of sums.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/alloc.h"
#include "support/gpu.h"
#include "support/tiny.h"
#include "train/checkpoint.h"

static char dir[256];
static struct hone_train_params usual, small;
static struct hone_data_params data, surfaces;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", 23); // 28 to train: batches of 8 leave a rest
    assert_ok(hone_options_init(&hone_data_options, &data));
    assert_ok(hone_options_init(&hone_train_options, &usual));
    surfaces = data;
    small = usual;
    data.folder = "pictures";
    usual.backbone = "tiny.onnx";
    usual.recipe = HONE_RECIPE_FULL;
    usual.norms = HONE_NORMS_FROZEN;
    usual.augment = HONE_AUGMENT_NONE;
    usual.class_weights = HONE_CLASS_WEIGHTS_BALANCED;
    usual.batch = 8;
    usual.epochs = 2;
    usual.lr = 0.01f;
    usual.average = 0;
    surfaces.folder = HONE_SOURCE_DIR "/assets/surfaces";
    small.backbone = HONE_SOURCE_DIR "/assets/backbone/hone_small.onnx";
    small.recipe = HONE_RECIPE_FULL;
    small.epochs = 1;
    small.size = 64;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

struct seen {
    char notes[8192];
    int steps, stop_after;
};

static void on_note(void *user, const char *line) {
    struct seen *seen = user;
    size_t length = strlen(seen->notes);
    snprintf(seen->notes + length, sizeof seen->notes - length, "%s\n", line);
}

static bool on_cancel(void *user) {
    struct seen *seen = user;
    bool begun = strstr(seen->notes, "training step:") != NULL;
    return seen->stop_after && begun && ++seen->steps >= seen->stop_after;
}

static hone_status train(const struct hone_train_params *params,
                         const struct hone_data_params *pictures, struct seen *seen,
                         struct hone_train_result *result) {
    struct hone_train_hooks hooks = {.user = seen, .note = on_note, .cancelled = on_cancel};
    return hone_train(params, pictures, &hooks, result);
}

// |a - b| / |b| over all tensors of the weights after the run.
static double distance(const char *a, const char *b) {
    struct hone_checkpoint files[2];
    const char *const runs[] = {a, b};
    double apart = 0, size = 0;
    for (int i = 0; i < 2; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/last.safetensors", runs[i]);
        assert_ok(hone_checkpoint_open(path, &files[i]));
    }
    for (size_t i = 0; i < files[1].tensor_count; i++) {
        const struct hone_checkpoint_tensor *want = &files[1].tensors[i];
        if (strchr(want->name, '.') && strncmp(want->name, "optimizer", 9) == 0) continue;
        const struct hone_checkpoint_tensor *got = hone_checkpoint_find(&files[0], want->name);
        assert_true(got && hone_desc_equal(&got->desc, &want->desc));
        const float *g = got->data, *w = want->data;
        for (int64_t k = 0; k < hone_desc_elements(&want->desc); k++) {
            apart += pow((double)g[k] - (double)w[k], 2);
            size += pow((double)w[k], 2);
        }
    }
    hone_checkpoint_close(&files[0]);
    hone_checkpoint_close(&files[1]);
    return sqrt(apart / size);
}

static void expect_near(const char *what, const struct hone_train_params *params,
                        const char *reference, double most) {
    struct seen seen = {.steps = 0};
    struct hone_train_result result;
    assert_ok(train(params, &data, &seen, &result));
    double apart = distance(result.run_dir, reference);
    fprintf(stderr, "%s: weights %.2g apart\n", what, apart);
    if (!(apart < most)) fail_msg("%s: weights are %g apart", what, apart);
    hone_train_result_deinit(&result);
}

// Gradients of parts add up to those of the batch, with class weights and in the last batch, too.
static void test_accumulate(void **state) {
    (void)state;
    for (int sgd = 0; sgd < 2; sgd++) {
        struct seen seen = {.steps = 0};
        struct hone_train_result result;
        struct hone_train_params params = usual;
        params.optimizer = sgd ? HONE_OPTIMIZER_SGD : HONE_OPTIMIZER_ADAMW;
        assert_ok(train(&params, &data, &seen, &result));
        for (int parts = 2; parts <= 8; parts *= 2) {
            params.accumulate = parts;
            expect_near("parts", &params, result.run_dir, sgd ? 1e-6 : 1e-4);
        }
        params.precision = HONE_PRECISION_F16;
        params.accumulate = 4;
        expect_near("parts in f16", &params, result.run_dir, 1e-2);
        hone_train_result_deinit(&result);
    }
}

// Norms in batch statistics, the average and augmentation among it.
static void test_recompute(void **state) {
    (void)state;
    struct seen seen = {.steps = 0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.norms = HONE_NORMS_BATCH;
    params.augment = HONE_AUGMENT_SURFACE;
    params.average = 1;
    params.recompute = 1;
    assert_ok(train(&params, &data, &seen, &result));
    assert_null(strstr(seen.notes, "recomputation"));
    for (int segments = 2; segments <= 4; segments++) {
        params.recompute = segments;
        expect_near("recomputed", &params, result.run_dir, 1e-6);
    }
    hone_train_result_deinit(&result);
}

// A stopped run is cut as before when it goes on, whatever memory there is by then.
static void test_resume(void **state) {
    (void)state;
    struct seen whole = {.steps = 0}, stopped = {.stop_after = 4}, rest = {.steps = 0};
    struct hone_train_result result[2];
    struct hone_train_params params = usual;
    params.accumulate = 4;
    params.recompute = 2;
    assert_ok(train(&params, &data, &whole, &result[0]));
    params.out = "stopped";
    test_expect_failure(train(&params, &data, &stopped, &result[1]), HONE_CANCELLED,
                        "holds what there is");
    hone_train_result_deinit(&result[1]);
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.resume = "stopped";
    struct hone_data_params none;
    assert_ok(hone_options_init(&hone_data_options, &none));
    assert_ok(train(&params, &none, &rest, &result[1]));
    assert_non_null(strstr(rest.notes, "in 4 parts of 2"));
    assert_true(distance("stopped", result[0].run_dir) == 0);
    hone_train_result_deinit(&result[0]);
    hone_train_result_deinit(&result[1]);
}

static void expect_planned(const struct hone_train_result *result, uint64_t budget) {
    double planned = (double)result->memory_planned_bytes, peak = (double)result->memory_peak_bytes;
    fprintf(stderr, "planned %.2f MB, at most %.2f MB: %.2f %% apart\n", planned / 1e6, peak / 1e6,
            100 * fabs(peak / planned - 1));
    assert_true(planned > 0 && fabs(peak / planned - 1) < 0.02);
    assert_true(!budget || result->memory_peak_bytes <= budget);
}

// At once, and in half of that memory.
static void test_budget(void **state) {
    (void)state;
    struct seen seen = {.stop_after = 2}, tight = {.stop_after = 2}, none = {.steps = 0};
    struct hone_train_result result;
    struct hone_train_params params = small;
    test_expect_failure(train(&params, &surfaces, &seen, &result), HONE_CANCELLED, "stopped");
    expect_planned(&result, 0);
    assert_null(strstr(seen.notes, "parts of"));
    params.memory =
        (int32_t)(result.memory_planned_bytes / 2 >> 20) + 4; // and the check of kernels
    hone_train_result_deinit(&result);
    test_expect_failure(train(&params, &surfaces, &tight, &result), HONE_CANCELLED, "stopped");
    expect_planned(&result, (uint64_t)params.memory << 20);
    assert_non_null(strstr(tight.notes, "parts of"));
    assert_non_null(strstr(tight.notes, "recomputation"));
    hone_train_result_deinit(&result);
    params.memory = 2;
    test_expect_failure(train(&params, &surfaces, &none, &result), HONE_OUT_OF_MEMORY,
                        "try a smaller --size");
    params.memory = 0;
    params.accumulate = 3;
    test_expect_failure(train(&params, &surfaces, &none, &result), HONE_INVALID,
                        "--accumulate 3 does not divide --batch 16");
}

static void test_auto(void **state) {
    (void)state;
    struct seen seen = {.stop_after = 1};
    struct hone_train_result result;
    struct hone_train_params params = small;
    assert_ok(hone_options_set(&hone_train_options, &params, "batch", "auto"));
    assert_int_equal(params.batch, HONE_BATCH_AUTO);
    test_expect_failure(train(&params, &surfaces, &seen, &result), HONE_CANCELLED, "stopped");
    assert_non_null(strstr(seen.notes, "batch: 16 (with ten steps an epoch")); // of 300 pictures
    hone_train_result_deinit(&result);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_accumulate), cmocka_unit_test(test_recompute),
        cmocka_unit_test(test_resume),     cmocka_unit_test(test_budget),
        cmocka_unit_test(test_auto),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, set_up, tear_down);
}
