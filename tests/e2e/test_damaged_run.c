// test_damaged_run: a run that is taken up again after its folder was touched: each file that lacks
// something, or is another's, is refused with a line that names it, and nothing of the folder
// changes. What says less than it could is noted, and the run goes on.
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/tiny.h"
#include "train/checkpoint.h"

#define BAD HONE_INVALID

static char dir[256], noted[4096];
static struct hone_data_params no_data;
static struct hone_train_params resume;

// The files of the run as it was left.
enum { LAST, BEST, ARGS, RESULTS, FILES };
static const char *const paths[FILES] = {"run/last.safetensors", "run/best.safetensors",
                                         "run/args.json", "run/results.csv"};
static char *texts[FILES];
static size_t bytes[FILES];

static int set_up(void **state) {
    (void)state;
    struct hone_train_params params;
    struct hone_data_params data;
    struct hone_train_result result = {0};
    test_tiny_job(dir, 20, &params, &data);
    params.epochs = 2;
    params.out = "run";
    assert_ok(hone_train(&params, &data, NULL, &result));
    hone_train_result_deinit(&result);
    for (int i = 0; i < FILES; i++) assert_ok(hone_file_read(paths[i], 0, &texts[i], &bytes[i]));
    assert_ok(hone_options_init(&hone_data_options, &no_data));
    assert_ok(hone_options_init(&hone_train_options, &resume));
    resume.resume = "run";
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    for (int i = 0; i < FILES; i++) hone_free(texts[i]);
    test_temp_remove(dir);
    return 0;
}

static void keep_note(void *user, const char *line) {
    (void)user;
    size_t length = strlen(noted);
    snprintf(noted + length, sizeof noted - length, "%s\n", line);
}

static hone_status take_up(void) {
    const struct hone_train_hooks hooks = {.note = keep_note};
    struct hone_train_result result = {0};
    *noted = '\0';
    hone_status status = hone_train(&resume, &no_data, &hooks, &result);
    if (status == HONE_OK) assert_int_equal(result.epochs_done, 2);
    hone_train_result_deinit(&result);
    return status;
}

static void restore(void) {
    for (int i = 0; i < FILES; i++) assert_ok(hone_file_write(paths[i], texts[i], bytes[i]));
}

// ---- Checkpoints
// ----------------------------------------------------------------------------------

enum edit { DROP_NOTE, SET_NOTE, DROP_TENSOR, FLATTEN_TENSOR };

static void edit_checkpoint(const char *path, enum edit edit, const char *key, const char *value) {
    struct hone_checkpoint from;
    struct hone_checkpoint_note notes[32];
    bool found = false;
    assert_ok(hone_checkpoint_open(path, &from));
    struct hone_checkpoint to = {.notes = notes};
    struct hone_checkpoint_tensor *tensors =
        hone_calloc(from.tensor_count, sizeof *tensors, "test");
    assert_non_null(tensors);
    assert_true(from.note_count <= 32);
    to.tensors = tensors;
    for (size_t i = 0; i < from.note_count; i++) {
        bool it = edit <= SET_NOTE && strcmp(from.notes[i].key, key) == 0;
        found |= it;
        if (it && edit == DROP_NOTE) continue;
        notes[to.note_count++] =
            (struct hone_checkpoint_note){from.notes[i].key, it ? value : from.notes[i].text};
    }
    for (size_t i = 0; i < from.tensor_count; i++) {
        bool it = edit >= DROP_TENSOR && strcmp(from.tensors[i].name, key) == 0;
        found |= it;
        if (it && edit == DROP_TENSOR) continue;
        struct hone_checkpoint_tensor *tensor = &tensors[to.tensor_count++];
        *tensor = from.tensors[i];
        if (it)
            tensor->desc =
                hone_desc_make(HONE_F32, 2, 1, (int32_t)hone_desc_elements(&tensor->desc), 0, 0);
    }
    if (!found) fail_msg("%s holds no '%s'", path, key);
    assert_ok(hone_checkpoint_write(path, &to));
    hone_free(tensors);
    hone_checkpoint_close(&from);
}

// Replaces text in args.json.
static void edit_args(const char *from, const char *to) {
    char text[8192];
    const char *at = strstr(texts[ARGS], from);
    if (!at) fail_msg("%s: no %s", texts[ARGS], from);
    int count = snprintf(text, sizeof text, "%.*s%s%s", (int)(at - texts[ARGS]), texts[ARGS], to,
                         at + strlen(from));
    assert_true(count > 0 && count < (int)sizeof text);
    assert_ok(hone_file_write(paths[ARGS], text, (size_t)count));
}

static const struct checkpoint_case {
    const char *says;
    int file;
    enum edit edit;
    const char *key, *value;
    const char *args_from, *args_to; // in args.json, or NULL
} checkpoint_cases[] = {
    {"run/last.safetensors: the checkpoint does not say its epoch", LAST, DROP_NOTE, "epoch", 0, 0,
     0},
    {"run/last.safetensors: the checkpoint does not say its batch", LAST, DROP_NOTE, "batch", 0, 0,
     0},
    {"run/last.safetensors: the checkpoint does not say its step", LAST, DROP_NOTE, "step", 0, 0,
     0},
    {"the checkpoint's epoch: 'two'", LAST, SET_NOTE, "epoch", "two", 0, 0},
    {"the checkpoint's epoch: 3 is out of range 0..2", LAST, SET_NOTE, "epoch", "3", 0, 0},
    {"step 7 is not batch 0 after 2 epochs of 3", LAST, SET_NOTE, "step", "7", 0, 0},
    {"the checkpoint holds no tensor 'c1.weight'", LAST, DROP_TENSOR, "c1.weight", 0, 0, 0},
    {"the checkpoint holds no tensor 'optimizer.momentum'", LAST, DROP_TENSOR, "optimizer.momentum",
     0, 0, 0},
    {"tensor 'c1.weight' of the checkpoint is", LAST, FLATTEN_TENSOR, "c1.weight", 0, 0, 0},
    {"tensor 'epoch.totals' of the checkpoint is", LAST, FLATTEN_TENSOR, "epoch.totals", 0, 0, 0},
    {"the pictures are not those that the run began with: put them back, or begin a new run with "
     "--backbone run/model.onnx",
     LAST, SET_NOTE, "data", "0123456789abcdef", 0, 0},
    {"the pictures are not those that the run began with", LAST, DROP_NOTE, "data", 0, 0, 0},
    {"tiny.onnx is not the file that the run began with: put it back", LAST, DROP_NOTE, "backbone",
     0, 0, 0},
    {"run/last.safetensors: the checkpoint does not say its lr", LAST, DROP_NOTE, "lr", 0, "0.02",
     "\"find\""},
    {"run/last.safetensors: the checkpoint's lr: 'fast'", LAST, SET_NOTE, "lr", "fast", "0.02",
     "\"find\""},
    {"run/best.safetensors: the checkpoint does not say its epoch", BEST, DROP_NOTE, "epoch", 0, 0,
     0},
    {"run/best.safetensors: the checkpoint holds no tensor 'c2.weight'", BEST, DROP_TENSOR,
     "c2.weight", 0, 0, 0},
    {"run/best.safetensors: tensor 'answers.val' of the checkpoint is", BEST, FLATTEN_TENSOR,
     "answers.val", 0, 0, 0},
};

static void test_checkpoints(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof checkpoint_cases / sizeof *checkpoint_cases; i++) {
        const struct checkpoint_case *c = &checkpoint_cases[i];
        char *before, *after;
        size_t before_bytes, after_bytes;
        restore();
        edit_checkpoint(paths[c->file], c->edit, c->key, c->value);
        if (c->args_from) edit_args(c->args_from, c->args_to);
        assert_ok(hone_file_read(paths[c->file], 0, &before, &before_bytes));
        test_expect_failure(take_up(), BAD, c->says);
        assert_ok(hone_file_read(paths[c->file], 0, &after, &after_bytes));
        assert_int_equal(before_bytes, after_bytes);
        assert_memory_equal(before, after, before_bytes);
        hone_free(before);
        hone_free(after);
    }
}

// ---- Whole files
// ------------------------------------------------------------------------------------

static const struct file_case {
    const char *says;
    int file;
    const char *text; // what stands there; NULL: the first half of what stood there
} file_cases[] = {
    {"run/last.safetensors: ", LAST, NULL},
    {"run/best.safetensors: ", BEST, NULL},
    {"run/args.json is damaged", ARGS, NULL},
    {"run/args.json is damaged", ARGS, "[1]"},
    {"resume run: \"epochs\" is no value of an option", ARGS, "{\"epochs\": [2]}"},
    {"resume run: --epochs: 'many'", ARGS, "{\"epochs\": \"many\"}"},
    {"run/results.csv: its columns are not those that this hone writes", RESULTS,
     "epoch,loss\n1,2\n"},
};

static void test_files(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof file_cases / sizeof *file_cases; i++) {
        const struct file_case *c = &file_cases[i];
        restore();
        const char *text = c->text ? c->text : texts[c->file];
        size_t count = c->text ? strlen(c->text) : bytes[c->file] / 2;
        assert_ok(hone_file_write(paths[c->file], text, count));
        test_expect_failure(take_up(), BAD, c->says);
    }
    // A row that is cut short, behind a good header.
    char rows[400];
    restore();
    int header = (int)(strchr(texts[RESULTS], '\n') + 1 - texts[RESULTS]);
    int count = snprintf(rows, sizeof rows, "%.*s1,0.5\n", header, texts[RESULTS]);
    assert_ok(hone_file_write(paths[RESULTS], rows, (size_t)count));
    test_expect_failure(take_up(), BAD, "run/results.csv: ");
    test_expect_failure(BAD, BAD, "is no row");
}

// ---- What is told, and no reason to stop
// ----------------------------------------------------------------

static void expect_note(const char *says) {
    assert_ok(take_up());
    if (!strstr(noted, says)) fail_msg("'%s' is not in: %s", says, noted);
}

static void test_notes(void **state) {
    (void)state;
    restore();
    expect_note("going on after 2 epochs and 0 batches (step 6)");
    if (strstr(noted, "the last bits")) fail_msg("nothing is different here: %s", noted);
    edit_checkpoint(paths[LAST], SET_NOTE, "device", "another GPU");
    expect_note("the run began on another device or driver (another GPU): the last bits");
    restore();
    edit_checkpoint(paths[LAST], DROP_NOTE, "device", NULL);
    expect_note("the run began on another device or driver (unknown)");
    restore();
    edit_checkpoint(paths[LAST], SET_NOTE, "build", "of last year");
    expect_note("the run began with another build of hone");
    restore();
    assert_int_equal(remove(paths[LAST]), 0);
    expect_note("run has no step to go on from: it begins anew");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_checkpoints),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_notes),
    };
    return cmocka_run_group_tests_name("damaged runs", tests, set_up, tear_down);
}
