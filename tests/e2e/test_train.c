// test_train: whole runs on a tiny net and tiny pictures, on the ref device: the loss falls, runs
// repeat bit for bit, frozen layers stay, a stopped run is whole, a failed one leaves nothing, and
// what is exported answers as it was judged.
#include "support/support.h"

#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/file.h"
#include "support/gpu.h"
#include "support/tiny.h"
#include "train/checkpoint.h"

static char dir[256];
static struct hone_train_params usual;
static struct hone_data_params data;

static int set_up(void **state) {
    (void)state;
    test_tiny_job(dir, 20, &usual, &data);
    usual.epochs = 3;
    usual.head_lr = 2;
    usual.first_lr = 1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

struct seen {
    double loss[1024];
    int rows, steps, stop_after;
    // Of the steps after the first epoch: how many allocated and how many did not.
    int allocating, quiet, last_row;
    size_t allocations;
};

static void on_epoch(void *user, const struct hone_train_epoch *epoch) {
    struct seen *seen = user;
    if (seen->rows < 1024) seen->loss[seen->rows++] = epoch->train_loss;
}

static bool on_cancel(void *user) {
    struct seen *seen = user;
    size_t now = hone_alloc_count();
    if (seen->rows > 0 && seen->last_row == seen->rows) { // asked once a step
        seen->quiet += now == seen->allocations;
        seen->allocating += now != seen->allocations;
    }
    seen->last_row = seen->rows;
    seen->allocations = now;
    return seen->stop_after && ++seen->steps >= seen->stop_after;
}

static hone_status train(const struct hone_train_params *params, struct seen *seen,
                         struct hone_train_result *result) {
    struct hone_train_hooks hooks = {.user = seen, .epoch = on_epoch, .cancelled = on_cancel};
    return hone_train(params, &data, &hooks, result);
}

static void expect_files(const char *folder) {
    static const char *const names[] = {
        "args.json",    "results.csv",   "best.safetensors", "last.safetensors", "model.onnx",
        "summary.json", "confusion.csv", "splits/train.txt", "splits/val.txt",   "splits/test.txt",
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        if (!hone_file_exists(path)) fail_msg("%s is missing", path);
    }
}

// The program that links the runtime alone says what the session said.
static void expect_runtime_agrees(const char *model, const char *picture, char **names,
                                  const float *p) {
    char command[1200], line[200] = "", want[200];
    snprintf(command, sizeof command, "%s/tests/runtime_classify %s %s ref", HONE_BINARY_DIR, model,
             picture);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, sizeof line, pipe));
    assert_int_equal(pclose(pipe), 0);
    int best = p[1] > p[0];
    snprintf(want, sizeof want, "%s %.6f\n", names[best], p[best]);
    assert_string_equal(line, want);
}

static bool stop_at_once(void *user, int64_t done, int64_t total, double pictures_per_second) {
    int64_t *asked = user;
    asked[0]++;
    asked[1] = done;
    assert_true(done > 0 && done <= total && pictures_per_second > 0);
    return false;
}

// The model of a run, asked again, gives the figures that the run has written down.
static void expect_same_figures(const struct hone_train_result *result) {
    char model[400];
    struct hone_evaluation evaluation;
    struct hone_eval_params params = {.device = "ref", .part = "test"};
    snprintf(model, sizeof model, "%s/model.onnx", result->run_dir);
    assert_ok(hone_eval(model, &data, &params, &evaluation));
    assert_true(evaluation.metrics.count == result->test.count);
    assert_memory_equal(evaluation.metrics.confusion, result->test.confusion,
                        4 * sizeof *result->test.confusion);
    assert_true(fabs(evaluation.metrics.loss - result->test.loss) < 1e-5);
    assert_string_equal(evaluation.class_names[1], "spot");
    // Stopped by its user, it leaves nothing.
    struct hone_evaluation stopped;
    int64_t asked[2] = {0};
    params.progress = stop_at_once;
    params.user = asked;
    test_expect_failure(hone_eval(model, &data, &params, &stopped), HONE_CANCELLED,
                        "stopped after");
    assert_true(asked[0] == 1 && asked[1] > 0);
    assert_true(stopped.count == 0 && !stopped.probabilities);

    hone_session *session;
    hone_session_params own = {.struct_bytes = sizeof own, .device = "ref", .batch = 3};
    assert_ok(hone_session_create(model, &own, &session));
    assert_int_equal(hone_session_class_count(session), 2);
    assert_int_equal(hone_session_width(session), 16);
    float *p = hone_calloc(evaluation.count * 2, sizeof *p, "probabilities");
    assert_ok(hone_session_classify_files(session, (const char *const *)evaluation.paths,
                                          evaluation.count, p, NULL));
    for (size_t i = 0; i < evaluation.count * 2; i++)
        assert_true(p[i] == evaluation.probabilities[i]);
    expect_runtime_agrees(model, evaluation.paths[0], evaluation.class_names, p);
    hone_free(p);
    hone_session_destroy(&session);
    hone_evaluation_deinit(&evaluation);
}

static void test_fine_tune(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.epochs = 12;
    assert_ok(train(&params, &seen, &result));
    assert_int_equal(seen.rows, 12);
    if (!(seen.loss[11] < 0.4 * seen.loss[0]))
        fail_msg("the loss went from %g to %g only", seen.loss[0], seen.loss[11]);
    assert_true(result.test.accuracy > 0.8 && result.val.count == 8 && !result.cancelled);
    assert_string_equal(result.class_names[0], "bar");
    expect_files(result.run_dir);
    expect_same_figures(&result);
    hone_train_result_deinit(&result);
}

// On the mean of the last map (16), or mean and maximum of both maps (8 and 16).
static void test_head_only(void **state) {
    (void)state;
    for (int features = HONE_FEATURES_AUTO; features <= HONE_FEATURES_STAGES; features++) {
        struct seen seen = {0};
        struct hone_train_result result;
        struct hone_train_params params = usual;
        params.freeze = "all";
        params.features = features;
        assert_ok(train(&params, &seen, &result));
        assert_true(seen.rows >= 1);
        assert_int_equal(result.trained_parameters,
                         features == HONE_FEATURES_LAST ? 2 * (16 + 1) : 2 * (48 + 1));
        assert_true(result.test.accuracy > 0.8);
        expect_files(result.run_dir);
        expect_same_figures(&result);
        hone_train_result_deinit(&result);
    }
}

static bool same_as_file(const struct hone_checkpoint *last, const char *name) {
    struct hone_model *model = test_tiny_model(3);
    const struct hone_checkpoint_tensor *t = hone_checkpoint_find(last, name);
    bool same = false;
    assert_non_null(t);
    for (size_t i = 0; i < model->param_count; i++)
        if (strcmp(model->params[i].name, name) == 0)
            same = memcmp(t->data, model->params[i].data, hone_desc_bytes(&t->desc)) == 0;
    hone_model_destroy(&model);
    return same;
}

// The default: the classifier first, then all layers from there. What the classifier alone reaches
// is row 0 and the best until an epoch beats it.
static void test_probe_then_tune(void **state) {
    (void)state;
    for (int norms = HONE_NORMS_AUTO; norms <= HONE_NORMS_BATCH; norms++) {
        struct seen seen = {0};
        struct hone_train_result result;
        struct hone_train_params params = usual;
        struct hone_checkpoint best, last;
        char path[400];
        params.recipe = HONE_RECIPE_FINE_TUNE;
        params.norms = norms;
        params.freeze = "none";
        params.epochs = 2;
        params.lr = 0.001f;
        assert_ok(train(&params, &seen, &result));
        assert_int_equal(seen.rows, 3);
        assert_true(result.test.accuracy > 0.8 && result.val.macro_f1 > 0.8);
        expect_files(result.run_dir);
        expect_same_figures(&result);
        snprintf(path, sizeof path, "%s/best.safetensors", result.run_dir);
        assert_ok(hone_checkpoint_open(path, &best));
        snprintf(path, sizeof path, "%s/last.safetensors", result.run_dir);
        assert_ok(hone_checkpoint_open(path, &last));
        assert_true(same_as_file(&last, "n1.mean") == (norms != HONE_NORMS_BATCH));
        assert_false(same_as_file(&last, "n1.gamma"));
        assert_non_null(hone_checkpoint_find(&last, "optimizer.params"));
        hone_checkpoint_close(&best);
        hone_checkpoint_close(&last);
        hone_train_result_deinit(&result);
    }
}

static void test_scratch(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    struct hone_checkpoint last;
    char path[400];
    params.recipe = HONE_RECIPE_SCRATCH;
    params.epochs = 1;
    params.lr = 1e-9f; // the start shows
    assert_ok(train(&params, &seen, &result));
    snprintf(path, sizeof path, "%s/last.safetensors", result.run_dir);
    assert_ok(hone_checkpoint_open(path, &last));
    assert_false(same_as_file(&last, "c1.weight"));
    const float *gamma = hone_checkpoint_find(&last, "n1.gamma")->data;
    assert_true(fabsf(gamma[0] - 1) < 1e-6f);
    hone_checkpoint_close(&last);
    hone_train_result_deinit(&result);
}

// Steps that are too large make an epoch that is no better: the run ends `patience` epochs later.
static void test_patience(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.epochs = 40;
    params.lr = 1;
    params.schedule = HONE_SCHEDULE_CONSTANT;
    params.patience = 2;
    assert_ok(train(&params, &seen, &result));
    assert_true(seen.rows < 40);
    assert_int_equal(seen.rows, result.best_epoch + 2);
    hone_train_result_deinit(&result);
}

static char *read_last(const struct hone_train_result *result, size_t *bytes) {
    char path[400], *text;
    snprintf(path, sizeof path, "%s/last.safetensors", result->run_dir);
    assert_ok(hone_file_read(path, 0, &text, bytes));
    return text;
}

static void test_repeats(void **state) {
    (void)state;
    static const char *const modes[] = {"none", "all"};
    for (int m = 0; m < 2; m++) {
        char *files[3];
        size_t bytes[3];
        for (int i = 0; i < 3; i++) {
            struct seen seen = {0};
            struct hone_train_result result;
            struct hone_train_params params = usual;
            params.epochs = 2;
            params.freeze = modes[m];
            params.seed = i == 2 ? 8 : 7;
            assert_ok(train(&params, &seen, &result));
            files[i] = read_last(&result, &bytes[i]);
            hone_train_result_deinit(&result);
        }
        assert_int_equal(bytes[0], bytes[1]);
        assert_memory_equal(files[0], files[1], bytes[0]);
        // The solver's optimum does not depend on the seed, but the file says which it was.
        assert_true(bytes[0] != bytes[2] || memcmp(files[0], files[2], bytes[0]) != 0);
        for (int i = 0; i < 3; i++) hone_free(files[i]);
    }
}

static void test_freeze(void **state) {
    (void)state;
    static const struct {
        const char *freeze;
        bool first, second; // layers that keep weights and statistics
    } cases[] = {
        {"none", false, false}, {"1", true, false}, {"2", true, true}, {"all", true, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct seen seen = {0};
        struct hone_train_result result;
        struct hone_train_params params = usual;
        struct hone_checkpoint last;
        char path[400];
        params.epochs = 1;
        params.freeze = cases[i].freeze;
        assert_ok(train(&params, &seen, &result));
        snprintf(path, sizeof path, "%s/last.safetensors", result.run_dir);
        assert_ok(hone_checkpoint_open(path, &last));
        assert_int_equal(same_as_file(&last, "c1.weight"), cases[i].first);
        assert_int_equal(same_as_file(&last, "n1.mean"), cases[i].first);
        assert_int_equal(same_as_file(&last, "n1.gamma"), cases[i].first);
        assert_int_equal(same_as_file(&last, "c2.weight"), cases[i].second);
        assert_int_equal(same_as_file(&last, "n2.var"), cases[i].second);
        assert_string_equal(hone_checkpoint_note(&last, "seed"), "0");
        hone_checkpoint_close(&last);
        hone_train_result_deinit(&result);
    }
}

// The losses of four epochs behind a first layer that keeps its weights.
static void train_behind(int flips, int feature_cache, double loss[4]) {
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.epochs = 4;
    params.freeze = "1";
    params.flips = flips;
    params.feature_cache = feature_cache;
    assert_ok(train(&params, &seen, &result));
    assert_int_equal(seen.rows, 4);
    memcpy(loss, seen.loss, 4 * sizeof *loss);
    assert_true(loss[3] < loss[0]);
    hone_train_result_deinit(&result);
}

// Frozen layers that are computed once are those of each step: the same losses, up to rounding.
static void test_frozen_once(void **state) {
    (void)state;
    double once[4], each[4];
    // Without flips, since both draw copies of their own.
    train_behind(HONE_FLIPS_NONE, HONE_FEATURE_CACHE_AUTO, once);
    train_behind(HONE_FLIPS_NONE, HONE_FEATURE_CACHE_OFF, each);
    for (int e = 0; e < 4; e++) assert_float_equal(once[e], each[e], 1e-5);
}

// On a CPU, what lies in front of the last resolution keeps its weights, unless all is asked for.
static void test_last_stage_alone(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    struct hone_checkpoint last;
    char path[400];
    params.recipe = HONE_RECIPE_FINE_TUNE;
    params.epochs = 2;
    assert_ok(train(&params, &seen, &result));
    snprintf(path, sizeof path, "%s/last.safetensors", result.run_dir);
    assert_ok(hone_checkpoint_open(path, &last));
    assert_true(same_as_file(&last, "c1.weight") && same_as_file(&last, "n1.gamma"));
    assert_false(same_as_file(&last, "c2.weight"));
    expect_same_figures(&result); // what is exported answers as it was judged
    hone_checkpoint_close(&last);
    hone_train_result_deinit(&result);
}

// Every mirrored copy is drawn: with them the loss differs, and two runs are one.
static void test_frozen_copies(void **state) {
    (void)state;
    double one[4], two[4], still[4];
    train_behind(HONE_FLIPS_BOTH, HONE_FEATURE_CACHE_AUTO, one);
    train_behind(HONE_FLIPS_BOTH, HONE_FEATURE_CACHE_AUTO, two);
    train_behind(HONE_FLIPS_NONE, HONE_FEATURE_CACHE_AUTO, still);
    assert_memory_equal(one, two, sizeof one);
    assert_memory_not_equal(one, still, sizeof one);
}

static void test_sgd(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.optimizer = HONE_OPTIMIZER_SGD;
    params.lr = 0.02f;
    params.epochs = 6;
    params.rotate = 5;
    params.zoom = 0.1f;
    assert_ok(train(&params, &seen, &result));
    assert_true(seen.loss[5] < seen.loss[0]);
    hone_train_result_deinit(&result);
}

// A GPU walks the same way as the reference in double, up to rounding.
static void test_device_as_ref(void **state) {
    (void)state;
    struct seen on_ref = {0}, on_gpu = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    int absent = test_gpu_require_running(); // says why
    if (absent == 77) skip();
    assert_int_equal(absent, 0);
    params.epochs = 5;
    assert_ok(train(&params, &on_ref, &result));
    hone_train_result_deinit(&result);
    params.device = NULL;
    assert_ok(train(&params, &on_gpu, &result));
    for (int i = 0; i < 5; i++)
        if (fabs(on_ref.loss[i] - on_gpu.loss[i]) > 2e-3)
            fail_msg("epoch %d: loss %g, on ref %g", i + 1, on_gpu.loss[i], on_ref.loss[i]);
    hone_train_result_deinit(&result);
}

// Steps of an epoch allocate nothing, once the first ones are measured.
static void test_steady_steps(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    int absent = test_gpu_require_running(); // says why
    if (absent == 77) skip();
    assert_int_equal(absent, 0);
    params.device = NULL;
    params.batch = 2;
    params.epochs = 11;
    params.rotate = 5;
    assert_ok(train(&params, &seen, &result));
    hone_train_result_deinit(&result);
    if (seen.allocating > 0)
        fail_msg("%d of %d steps allocated", seen.allocating, seen.allocating + seen.quiet);
    assert_true(seen.quiet >= 100);
}

static void test_cancel(void **state) {
    (void)state;
    struct seen seen = {.stop_after = 8};
    struct hone_train_result result;
    hone_session *session;
    char model[400];
    test_expect_failure(train(&usual, &seen, &result), HONE_CANCELLED, "holds what there is");
    assert_true(result.cancelled && result.run_dir);
    snprintf(model, sizeof model, "%s/model.onnx", result.run_dir);
    hone_session_params own = {.struct_bytes = sizeof own, .device = "ref"};
    assert_ok(hone_session_create(model, &own, &session));
    hone_session_destroy(&session);
    hone_train_result_deinit(&result);
}

// Every write beyond a few hundred bytes fails, as on a full disk.
static void test_full_disk(void **state) {
    (void)state;
    struct rlimit before, small;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.out = "full";
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before);
    small = before;
    small.rlim_cur = 100;
    setrlimit(RLIMIT_FSIZE, &small);
    hone_status status = train(&params, &seen, &result);
    setrlimit(RLIMIT_FSIZE, &before);
    assert_int_equal(status, HONE_IO);
    assert_false(hone_dir_exists("full"));
    assert_null(result.run_dir);
}

// The disk is full for a while within the second epoch: checkpoints fail, are warned of, and the
// run ends as if nothing had been.
static bool fill_disk(void *user) {
    static struct rlimit before;
    int *steps = user;
    ++*steps;
    if (*steps == 4 || *steps == 5) {
        struct rlimit small;
        if (*steps == 4) getrlimit(RLIMIT_FSIZE, &before);
        small = before;
        if (*steps == 4) small.rlim_cur = 100;
        setrlimit(RLIMIT_FSIZE, &small);
    }
    return false;
}

static void test_full_for_a_while(void **state) {
    (void)state;
    char *files[2];
    size_t bytes[2];
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 2; i++) {
        int steps = 0;
        struct hone_train_result result;
        struct hone_train_params params = usual;
        struct hone_train_hooks hooks = {.user = &steps, .cancelled = i ? fill_disk : NULL};
        params.epochs = 2;
        params.checkpoint_minutes = 1e-6f;
        assert_ok(hone_train(&params, &data, &hooks, &result));
        files[i] = read_last(&result, &bytes[i]);
        assert_true(!i || steps > 5);
        hone_train_result_deinit(&result);
    }
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(files[0], files[1], bytes[0]);
    hone_free(files[0]);
    hone_free(files[1]);
}

// On the ref device, too, whose states are doubles: up to their rounding in the checkpoint.
static void test_stop_and_resume(void **state) {
    (void)state;
    struct seen seen = {.stop_after = 8}, rest = {0}, whole = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.optimizer = HONE_OPTIMIZER_SGD;
    params.class_weights = HONE_CLASS_WEIGHTS_BALANCED;
    assert_ok(train(&params, &whole, &result));
    hone_train_result_deinit(&result);
    params.out = "stopped";
    test_expect_failure(train(&params, &seen, &result), HONE_CANCELLED, "holds what there is");
    hone_train_result_deinit(&result);
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.resume = "stopped";
    assert_ok(train(&params, &rest, &result));
    assert_int_equal(result.epochs_done, 3);
    assert_int_equal(rest.rows, 3 - (seen.rows - 1)); // the one in which it stopped comes again
    for (int i = 3 - rest.rows; i < 3; i++)
        if (fabs(rest.loss[i - 3 + rest.rows] - whole.loss[i]) > 1e-5)
            fail_msg("loss %g, in one go %g", rest.loss[i - 3 + rest.rows], whole.loss[i]);
    hone_train_result_deinit(&result);
}

static void test_refusals(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    params.out = "refused";
    params.backbone = NULL;
    test_expect_failure(train(&params, &seen, &result), HONE_INVALID, "--backbone");
    params.backbone = "none.onnx";
    test_expect_failure(train(&params, &seen, &result), HONE_NOT_FOUND, "none.onnx");
    params.backbone = "tiny.onnx";
    params.freeze = "some";
    test_expect_failure(train(&params, &seen, &result), HONE_INVALID, "--freeze: 'some'");
    params.freeze = "9";
    test_expect_failure(train(&params, &seen, &result), HONE_INVALID, "has 2 layers");
    assert_false(hone_dir_exists("refused"));
}

// A weight that is no number makes the loss none.
static void test_loss_is_lost(void **state) {
    (void)state;
    struct seen seen = {0};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    struct hone_model *model = test_tiny_model(3);
    model->params[0].data[0] = NAN;
    assert_ok(hone_model_save(model, "nan.onnx"));
    hone_model_destroy(&model);
    params.backbone = "nan.onnx";
    params.out = "lost";
    test_expect_failure(train(&params, &seen, &result), HONE_INVALID,
                        "the loss is no longer a number at step 3: lower --lr");
    assert_int_equal(seen.rows, 0);
    assert_false(hone_dir_exists("lost"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fine_tune),
        cmocka_unit_test(test_head_only),
        cmocka_unit_test(test_probe_then_tune),
        cmocka_unit_test(test_scratch),
        cmocka_unit_test(test_patience),
        cmocka_unit_test(test_repeats),
        cmocka_unit_test(test_freeze),
        cmocka_unit_test(test_frozen_once),
        cmocka_unit_test(test_last_stage_alone),
        cmocka_unit_test(test_frozen_copies),
        cmocka_unit_test(test_sgd),
        cmocka_unit_test(test_device_as_ref),
        cmocka_unit_test(test_steady_steps),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_full_for_a_while),
        cmocka_unit_test(test_stop_and_resume),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_loss_is_lost),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
