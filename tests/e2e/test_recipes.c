// test_recipes: what a run decides by itself or is told about its loss, its
// pictures, its rate and its time: on a tiny net, on the ref device.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/file.h"
#include "base/thread.h"
#include "support/gpu.h"
#include "support/tiny.h"

static char dir[256];
static struct hone_train_params usual;
static struct hone_data_params data;

static int set_up(void **state) {
    (void)state;
    test_tiny_job(dir, 20, &usual, &data);
    usual.epochs = 6;
    usual.head_lr = 2;
    usual.first_lr = 1;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

struct seen {
    struct hone_train_epoch rows[64];
    int count, steps,
        stop_after; // after so many steps behind a range test; 0: never
    char notes[8192];
};

static void on_epoch(void *user, const struct hone_train_epoch *epoch) {
    struct seen *seen = user;
    if (seen->count < 64) seen->rows[seen->count++] = *epoch;
}

static void on_note(void *user, const char *line) {
    struct seen *seen = user;
    size_t used = strlen(seen->notes);
    snprintf(seen->notes + used, sizeof seen->notes - used, "%s\n", line);
}

static bool on_cancel(void *user) {
    struct seen *seen = user;
    bool trained = strstr(seen->notes, "learning rate: "); // the trial is over
    return trained && seen->stop_after && ++seen->steps >= seen->stop_after;
}

static hone_status train(const struct hone_train_params *params, struct seen *seen,
                         struct hone_train_result *result) {
    *seen = (struct seen){.stop_after = seen->stop_after};
    struct hone_train_hooks hooks = {
        .user = seen, .epoch = on_epoch, .note = on_note, .cancelled = on_cancel};
    return hone_train(params, &data, &hooks, result);
}

static void expect_note(const struct seen *seen, const char *what) {
    if (!strstr(seen->notes, what)) fail_msg("no note says '%s':\n%s", what, seen->notes);
}

// "NAME" of the run as text, hone_free.
static char *read_run(const struct hone_train_result *result, const char *name, size_t *bytes) {
    char path[400], *text;
    size_t length;
    snprintf(path, sizeof path, "%s/%s", result->run_dir, name);
    assert_ok(hone_file_read(path, 0, &text, bytes ? bytes : &length));
    return text;
}

// Both runs end with the same weights, bit for bit.
static bool same_weights(const struct hone_train_result *a, const struct hone_train_result *b) {
    size_t bytes[2];
    char *files[2] = {read_run(a, "last.safetensors", &bytes[0]),
                      read_run(b, "last.safetensors", &bytes[1])};
    bool same = bytes[0] == bytes[1] && memcmp(files[0], files[1], bytes[0]) == 0;
    hone_free(files[0]);
    hone_free(files[1]);
    return same;
}

static void test_losses_and_pictures(void **state) {
    (void)state;
    static const struct {
        const char *key, *value, *note;
    } cases[] = {
        {"loss", "focal", "loss: focal, gamma 2 (as asked)"},
        {"logit-adjust", "1", "frequencies taken out of the answers, strength 1"},
        {"sampling", "balanced", "sampling: each class as often as any"},
        {"class-weights", "effective", "1 / effective number of pictures (as asked)"},
        {"mixup", "0.2", "pictures: mixed in pairs"},
        {"cutmix", "1", "pictures: mixed in pairs"},
    };
    struct hone_train_result plain;
    struct seen seen = {0};
    assert_ok(train(&usual, &seen, &plain));
    expect_note(&seen, "the largest is 1.0 times the smallest; weight of each: 1 "
                       "/ sqrt(pictures) "
                       "(by the counts)");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct hone_train_result first, second;
        struct hone_train_params params = usual;
        assert_ok(hone_options_set(&hone_train_options, &params, cases[i].key, cases[i].value));
        assert_ok(train(&params, &seen, &first));
        expect_note(&seen, cases[i].note);
        if (!(first.test.accuracy > 0.8)) fail_msg("--%s: %g", cases[i].key, first.test.accuracy);
        assert_ok(train(&params, &seen, &second));
        assert_true(same_weights(&first, &second));
        // The classes are equally large: what goes by their sizes changes nothing.
        bool even = strcmp(cases[i].key, "class-weights") == 0;
        bool rounding = strcmp(cases[i].key, "logit-adjust") == 0; // a constant added to all scores
        if (!rounding && same_weights(&first, &plain) != even)
            fail_msg("--%s %s: the weights %s", cases[i].key, cases[i].value,
                     even ? "are others" : "are the same");
        hone_train_result_deinit(&first);
        hone_train_result_deinit(&second);
    }
    hone_train_result_deinit(&plain);
}

static void test_metric(void **state) {
    (void)state;
    for (int metric = HONE_METRIC_MACRO_F1; metric <= HONE_METRIC_LOSS; metric++) {
        struct hone_train_result result;
        struct hone_train_params params = usual;
        struct seen seen = {0};
        params.metric = metric;
        params.lr = 0.5f; // a course that goes up and down
        assert_ok(train(&params, &seen, &result));
        assert_int_equal(seen.count, 6);
        for (int i = 0; i < seen.count; i++) {
            const struct hone_train_epoch *e = &seen.rows[i],
                                          *best = &seen.rows[result.best_epoch - 1];
            assert_true(metric == HONE_METRIC_LOSS       ? e->val_loss >= best->val_loss
                        : metric == HONE_METRIC_ACCURACY ? e->val_accuracy <= best->val_accuracy
                                                         : e->val_macro_f1 <= best->val_macro_f1);
        }
        hone_train_result_deinit(&result);
    }
}

// The steps of the range test leave no trace: a run at the rate that it found
// is the same.
static void test_find_rate(void **state) {
    (void)state;
    struct hone_train_result found, given;
    struct hone_train_params params = usual;
    struct seen seen = {0};
    params.epochs = 2;
    assert_ok(hone_options_set(&hone_train_options, &params, "lr", "find"));
    assert_ok(train(&params, &seen, &found));
    expect_note(&seen, "learning rate: ");
    expect_note(&seen, "in a range test of");
    double last_rate = seen.rows[1].lr;
    char *svg = read_run(&found, "lr_find.svg", NULL),
         *page = read_run(&found, "report.html", NULL), *args = read_run(&found, "args.json", NULL);
    assert_non_null(strstr(svg, "<svg xmlns="));
    assert_non_null(strstr(svg, "class=\"mark\""));
    assert_non_null(strstr(page, "Range test of the learning rate"));
    assert_non_null(strstr(args, "\"lr\": \"find\""));
    hone_free(svg);
    hone_free(page);
    hone_free(args);
    double highest = 0;
    const char *told = strstr(seen.notes, "learning rate: ") + strlen("learning rate: ");
    assert_int_equal(sscanf(told, "%lf", &highest), 1);
    assert_true(highest >= 1e-7 && highest <= 0.1);
    // Found rates lie on the grid of the test, of which the note gives two
    // digits.
    for (int i = 0; i < 100; i++) {
        double rate = 1e-7 * pow(1e6, i / 99.0);
        if (fabs(rate / highest - 1) < 0.06) params.lr = (float)rate;
    }
    assert_true(params.lr > 0);
    assert_ok(train(&params, &seen, &given));
    assert_true(same_weights(&found, &given));
    hone_train_result_deinit(&given);
    // A run that was stopped goes on at the rate that it had found.
    assert_ok(hone_options_set(&hone_train_options, &params, "lr", "find"));
    seen.stop_after = 4;
    test_expect_failure(train(&params, &seen, &given), HONE_CANCELLED, "holds what there is");
    char folder[300];
    snprintf(folder, sizeof folder, "%s", given.run_dir);
    hone_train_result_deinit(&given);
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.resume = folder;
    seen.stop_after = 0;
    assert_ok(train(&params, &seen, &given));
    assert_int_equal(given.epochs_done, 2);
    assert_true(seen.rows[seen.count - 1].lr == last_rate);
    hone_train_result_deinit(&found);
    hone_train_result_deinit(&given);
}

// As many epochs as fit in, and the same weights as a run of so many.
static void test_budget(void **state) {
    (void)state;
    struct hone_train_result timed, given;
    struct hone_train_params params = usual;
    struct seen seen = {0};
    params.epochs = 1000;
    params.budget = "2s";
    assert_ok(train(&params, &seen, &timed));
    expect_note(&seen, "(as many as fit in --budget 2s)");
    int epochs = seen.rows[0].epochs;
    assert_in_range(epochs, 1, 999);
    assert_true(timed.seconds < 20);
    if (timed.epochs_done == epochs) { // else a busy machine: the run says so and ended in time
        params.budget = NULL;
        params.epochs = epochs;
        assert_ok(train(&params, &seen, &given));
        assert_true(same_weights(&timed, &given));
        hone_train_result_deinit(&given);
    } else {
        expect_note(&seen, "are over (--budget 2s)");
    }
    hone_train_result_deinit(&timed);
    params.budget = "soon";
    test_expect_failure(train(&params, &seen, &timed), HONE_INVALID, "--budget: 'soon'");
}

// Runs from here on keep what they compute in this folder.
static void cache_in(const char *name) {
    char cache[300];
    snprintf(cache, sizeof cache, "%s/%s", dir, name);
    setenv("XDG_CACHE_HOME", cache, 1);
}

// The second run takes the features from the cache, and ends with the same
// weights; other pictures are computed.
static void test_feature_cache(void **state) {
    (void)state;
    struct hone_train_result first, second;
    struct hone_train_params params = usual;
    struct seen seen = {0};
    cache_in("cache");
    params.recipe = HONE_RECIPE_HEAD;
    params.feature_cache = HONE_FEATURE_CACHE_ON;
    assert_ok(train(&params, &seen, &first));
    expect_note(&seen, "features: 40 pictures in");
    assert_null(strstr(seen.notes, "from the cache"));
    expect_note(&seen, "40 kept in");
    assert_ok(train(&params, &seen, &second));
    expect_note(&seen, "40 of them from the cache");
    assert_true(same_weights(&first, &second));
    hone_train_result_deinit(&second);
    // Another split of the same pictures knows them all.
    data.split_seed = 3;
    assert_ok(train(&params, &seen, &second));
    data.split_seed = 0;
    expect_note(&seen, "40 of them from the cache");
    hone_train_result_deinit(&second);
    // More views: of the training pictures, in a run with the same split only.
    params.head_views = 3;
    params.rotate = 10;
    params.noise = 0.05f;
    struct hone_train_result third;
    assert_ok(train(&params, &seen, &second));
    expect_note(&seen, "features: 88 pictures in");
    expect_note(&seen, "40 of them from the cache");
    assert_ok(train(&params, &seen, &third));
    expect_note(&seen, "88 of them from the cache");
    assert_true(same_weights(&second, &third));
    assert_false(same_weights(&second, &first));
    assert_true(second.test.accuracy > 0.8);
    hone_train_result_deinit(&second);
    hone_train_result_deinit(&third);
    params.head_views = 1;
    params.rotate = params.noise = 0;
    params.features = HONE_FEATURES_LAST; // other features
    assert_ok(train(&params, &seen, &second));
    assert_null(strstr(seen.notes, "from the cache"));
    hone_train_result_deinit(&second);
    params.features = HONE_FEATURES_AUTO;
    params.feature_cache = HONE_FEATURE_CACHE_OFF;
    assert_ok(train(&params, &seen, &second));
    assert_null(strstr(seen.notes, "from the cache"));
    assert_true(same_weights(&first, &second));
    unsetenv("XDG_CACHE_HOME");
    hone_train_result_deinit(&first);
    hone_train_result_deinit(&second);
}

// Maps of frozen layers come from the cache in the second run, from its file where memory is too
// small, and are the same; without room anywhere they are computed in each step.
static void test_map_cache(void **state) {
    (void)state;
    struct hone_train_result first, second;
    struct hone_train_params params = usual;
    struct seen seen = {0};
    cache_in("map-cache");
    params.recipe = HONE_RECIPE_FULL;
    params.freeze = "1";
    params.flips = HONE_FLIPS_BOTH;
    params.feature_cache = HONE_FEATURE_CACHE_ON;
    assert_ok(train(&params, &seen, &first));
    expect_note(&seen, "kept in memory");
    expect_note(&seen, "frozen layers: maps of 24 pictures kept in");
    assert_ok(train(&params, &seen, &second));
    expect_note(&seen, "24 of them from the cache, which saves");
    assert_true(same_weights(&first, &second));
    hone_train_result_deinit(&second);
    // So do the features that the classifier reads behind them.
    struct hone_train_result third;
    params.recipe = HONE_RECIPE_FINE_TUNE;
    assert_ok(train(&params, &seen, &second));
    expect_note(&seen, "features: 32 pictures in");
    expect_note(&seen, "features: 32 kept in");
    assert_ok(train(&params, &seen, &third));
    expect_note(&seen, "24 of them from the cache, which saves");
    expect_note(&seen, "32 of them from the cache");
    assert_true(same_weights(&second, &third));
    hone_train_result_deinit(&second);
    hone_train_result_deinit(&third);
    params.recipe = HONE_RECIPE_FULL;
    // A machine whose memory holds the pictures, but not their maps.
    cache_in("map-cache-2");
    hone_memory_pretend(100000);
    for (int run = 0; run < 2; run++) {
        assert_ok(train(&params, &seen, &second));
        expect_note(&seen, "kept on disk");
        expect_note(&seen, "frozen layers: 24 pictures in");
        assert_int_equal(strstr(seen.notes, "24 of them from the cache, which saves") != NULL, run);
        assert_true(same_weights(&first, &second));
        hone_train_result_deinit(&second);
    }
    // Nor is there a folder for them: then a run draws other copies, and says so, and one that kept
    // them cannot go on.
    unsetenv("XDG_CACHE_HOME");
    char *home = getenv("HOME") ? hone_strdup(getenv("HOME")) : NULL;
    unsetenv("HOME");
    params.resume = first.run_dir;
    test_expect_failure(train(&params, &seen, &second), HONE_INVALID,
                        "the run keeps what frozen layers compute");
    params.resume = NULL;
    assert_ok(train(&params, &seen, &second));
    expect_note(&seen, "frozen layers: computed in each step (their maps of all pictures");
    hone_memory_pretend(0);
    if (home) setenv("HOME", home, 1);
    hone_free(home);
    hone_train_result_deinit(&first);
    hone_train_result_deinit(&second);
}

// What a run does where nothing is asked for, by the size of the net.
static void test_choices(void **state) {
    (void)state;
    struct hone_train_result result;
    struct hone_train_params params;
    struct seen seen = {0};
    assert_ok(hone_options_init(&hone_train_options, &params));
    params.backbone = "tiny.onnx";
    params.device = "ref";
    params.epochs = 1;
    assert_ok(train(&params, &seen, &result));
    expect_note(&seen, "all layers at once, with a fresh classifier (a small net:");
    expect_note(&seen, "learning rate: 0.001, of the classifier 0.003 (a small net takes large");
    expect_note(&seen, "label smoothing: 0.05 (keeps");
    hone_train_result_deinit(&result);
    params.recipe = HONE_RECIPE_FINE_TUNE;
    assert_ok(train(&params, &seen, &result));
    expect_note(&seen, "the classifier first, then deeper layers from there (as asked)");
    expect_note(&seen, "learning rate: 0.0001, of the classifier 0.0001 (pretrained weights");
    expect_note(&seen, "label smoothing: 0 (it would undo");
    hone_train_result_deinit(&result);
    params.recipe = HONE_RECIPE_SCRATCH;
    assert_ok(train(&params, &seen, &result));
    expect_note(&seen, "learning rate: 0.001, of the classifier 0.003 (from random weights)");
    expect_note(&seen, "optimiser: AdamW (runs are short");
    hone_train_result_deinit(&result);
    params.optimizer = HONE_OPTIMIZER_SGD;
    assert_ok(train(&params, &seen, &result));
    expect_note(&seen, "learning rate: 0.01, of the classifier 0.03 (from random weights; ten");
    expect_note(&seen, "optimiser: SGD with momentum (as asked)");
    hone_train_result_deinit(&result);
}

// A GPU mixes, weighs and adjusts as the reference in double does, up to rounding.
static void test_device_as_ref(void **state) {
    (void)state;
    static const char *const options[][2] = {{"loss", "focal"}, {"logit-adjust", "1"},
                                             {"mixup", "0.4"},  {"cutmix", "1"},
                                             {"rotate", "5"},   {"sampling", "balanced"}};
    struct hone_train_result result;
    struct hone_train_params params = usual;
    struct seen on_ref = {0}, on_gpu = {0};
    int absent = test_gpu_require_running(); // says why
    if (absent == 77) skip();
    assert_int_equal(absent, 0);
    for (size_t i = 0; i < sizeof options / sizeof *options; i++)
        assert_ok(hone_options_set(&hone_train_options, &params, options[i][0], options[i][1]));
    params.epochs = 4;
    assert_ok(train(&params, &on_ref, &result));
    hone_train_result_deinit(&result);
    params.device = NULL;
    assert_ok(train(&params, &on_gpu, &result));
    hone_train_result_deinit(&result);
    for (int i = 0; i < 4; i++) {
        double a = on_ref.rows[i].train_loss, b = on_gpu.rows[i].train_loss;
        if (!(fabs(a - b) < 2e-3)) fail_msg("epoch %d: loss %g, on ref %g", i + 1, b, a);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_losses_and_pictures),
        cmocka_unit_test(test_metric),
        cmocka_unit_test(test_find_rate),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_feature_cache),
        cmocka_unit_test(test_map_cache),
        cmocka_unit_test(test_choices),
        cmocka_unit_test(test_device_as_ref),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
