// test_resume: `hone train --resume`: a run that is killed at random moments and resumed each time
// ends with the bytes of one that was never stopped, in weights, model and rows; so does one that
// was stopped by Ctrl-C, and a cross-validation as a whole. HONE_KILLS says how many kills (4
// without it), HONE_KILLS_SEED which moments. Skipped where there is no device.
#include "support/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "base/text.h"
#include "model/model.h"
#include "support/tiny.h"
#include "train/events.h"

static char dir[256];
static struct command_result r;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", 20);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

// 12 epochs of 3 steps, the classifier before them; a checkpoint after nearly every step.
#define TRAIN(how, out, ...)                                                                       \
    command_hone(how, &r, "train", "pictures", "--backbone", "tiny.onnx", "--recipe", "fine-tune", \
                 "--batch", "8", "--epochs", "12", "--lr", "0.01", "--rotate", "5",                \
                 "--tensorboard", "--checkpoint-minutes", "0.0001", "--out", out, __VA_ARGS__)

static void read_file(const char *folder, const char *name, char **text, size_t *bytes) {
    char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(hone_file_read(path, 0, text, bytes));
}

static void expect_same_bytes(const char *a, const char *b, const char *name) {
    char *text[2];
    size_t bytes[2];
    read_file(a, name, &text[0], &bytes[0]);
    read_file(b, name, &text[1], &bytes[1]);
    if (bytes[0] != bytes[1] || memcmp(text[0], text[1], bytes[0]) != 0)
        fail_msg("%s of %s and of %s differ", name, a, b);
    hone_free(text[0]);
    hone_free(text[1]);
}

// The last two columns of results.csv are times.
static void cut_times(char *text) {
    char *to = text;
    for (char *line = text; *line;) {
        size_t length = strcspn(line, "\n"), keep = length;
        for (int commas = 0; keep > 0 && commas < 2;) commas += line[--keep] == ',';
        bool more = line[length] == '\n';
        memmove(to, line, keep);
        to += keep;
        *to++ = '\n';
        line += length + more;
    }
    *to = 0;
}

static void expect_same_rows(const char *a, const char *b) {
    char *text[2];
    size_t bytes;
    read_file(a, "results.csv", &text[0], &bytes);
    read_file(b, "results.csv", &text[1], &bytes);
    cut_times(text[0]);
    cut_times(text[1]);
    assert_string_equal(text[0], text[1]);
    hone_free(text[0]);
    hone_free(text[1]);
}

// A record that opens TensorBoard's file, and one a row (0 to 12); nothing torn, nothing left over.
static void expect_whole_folder(const char *folder) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count, files = 0;
    assert_ok(hone_dir_list(folder, &arena, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        char *path = hone_path_join(folder, entries[i].name);
        size_t records, bytes[2];
        char *text[2];
        if (strstr(entries[i].name, ".tmp-")) fail_msg("%s was left", path);
        if (hone_text_starts_with(entries[i].name, "events.out.")) {
            files++;
            assert_ok(hone_file_read(path, 0, &text[0], &bytes[0]));
            assert_ok(hone_events_cut(path, SIZE_MAX, &records));
            assert_ok(hone_file_read(path, 0, &text[1], &bytes[1]));
            assert_int_equal(records, 1 + 13);
            assert_int_equal(bytes[0], bytes[1]);
            hone_free(text[0]);
            hone_free(text[1]);
        }
        hone_free(path);
    }
    assert_int_equal(files, 1);
    hone_arena_deinit(&arena);
}

static void expect_same_run(const char *a, const char *b) {
    expect_same_bytes(a, b, "last.safetensors");
    expect_same_bytes(a, b, "best.safetensors");
    expect_same_bytes(a, b, "model.onnx");
    expect_same_bytes(a, b, "confusion.csv");
    expect_same_rows(a, b);
    expect_whole_folder(b);
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// A process was killed before it had made a whole run folder, whose name is then taken.
static void start_or_resume(const struct command_how *how, const char *out) {
    char args[64];
    snprintf(args, sizeof args, "%s/args.json", out);
    if (hone_file_exists(args)) {
        command_hone(how, &r, "train", "--resume", out);
        return;
    }
    test_temp_remove(out);
    TRAIN(how, out, "--seed", "7");
}

static void test_kills(void **state) {
    (void)state;
    const char *text = getenv("HONE_KILLS"), *seed_text = getenv("HONE_KILLS_SEED");
    int wanted = text ? atoi(text) : 4, kills = 0, runs = 0, resumed = 0;
    uint64_t seed = seed_text ? strtoull(seed_text, NULL, 10) : (uint64_t)time(NULL);
    uint32_t draw = 0;
    TRAIN(NULL, "whole", "--seed", "7"); // and fills the cache of pipelines
    command_expect_success(&r);
    long start = now_ms();
    TRAIN(NULL, "again", "--seed", "7");
    command_expect_success(&r);
    int most = (int)(now_ms() - start);
    expect_same_run("whole", "again");
    expect_whole_folder("whole");
    while (kills < wanted) {
        char out[32];
        bool done = false;
        snprintf(out, sizeof out, "killed%d", runs++);
        while (!done) {
            struct command_how how = {0};
            if (kills < wanted)
                how.kill_after_ms = 1 + (int)hone_rng_below(seed, 1, draw++, (uint32_t)most);
            start_or_resume(&how, out);
            resumed += r.out && strstr(r.out, "going on after") != NULL;
            done = r.code == 0;
            if (!done && r.code != 128 + 9)
                fail_msg("seed %llu: %s", (unsigned long long)seed, r.err);
            kills += !done;
        }
        expect_same_run("whole", out);
    }
    fprintf(stderr, "%d kills within %d ms in %d runs, %d times on from a checkpoint, seed %llu\n",
            kills, most, runs, resumed, (unsigned long long)seed);
}

static void test_interrupt(void **state) {
    (void)state;
    struct command_how how = {.interrupt = "\n   3/12 "};
    if (!hone_file_exists("whole/model.onnx")) {
        TRAIN(NULL, "whole", "--seed", "7");
        command_expect_success(&r);
    }
    TRAIN(&how, "stopped", "--seed", "7");
    assert_int_equal(r.code, 130);
    command_expect_text(r.out, "hone train --resume stopped");
    command_hone(NULL, &r, "train", "--resume", "stopped");
    command_expect_success(&r);
    command_expect_text(r.out, "going on after");
    expect_same_run("whole", "stopped");
    // Before there is an epoch, what is left is not the best of anything.
    how.interrupt = "training step:";
    TRAIN(&how, "early", "--seed", "7");
    assert_int_equal(r.code, 130);
    command_hone(NULL, &r, "train", "--resume", "early");
    command_expect_success(&r);
    expect_same_run("whole", "early");
    // A run that is done has nothing left to do; its files are as they were.
    command_hone(NULL, &r, "train", "--resume", "early");
    command_expect_success(&r);
    expect_same_run("whole", "early");
}

static void test_refusals(void **state) {
    (void)state;
    command_hone(NULL, &r, "train", "--resume", "nowhere");
    command_expect_line(&r, 1, "no run of hone train is there");
    TRAIN(NULL, "small", "--epochs", "1");
    command_expect_success(&r);
    // Two processes in one folder would write over each other.
    int claim;
    assert_ok(hone_dir_claim("small", &claim));
    command_hone(NULL, &r, "train", "--resume", "small");
    command_expect_line(&r, 1, "another process is at work there");
    hone_dir_release(claim);
    command_hone(NULL, &r, "train", "--resume", "small", "--lr", "0.5");
    command_expect_line(&r, 1, "--lr is 0.5, but the run began with 0.01");
    command_hone(NULL, &r, "train", "--resume", "small", "--out", "other");
    command_expect_line(&r, 1, "--out is other, but the run began with small");
    // Moved, the pictures are still the same; one changed picture is not.
    assert_int_equal(rename("pictures", "moved"), 0);
    command_hone(NULL, &r, "train", "--resume", "small");
    command_expect_line(&r, 1, "pictures");
    command_hone(NULL, &r, "train", "moved", "--resume", "small");
    command_expect_success(&r);
    command_expect_text(r.out, "--data is now moved; the run began with pictures");
    assert_ok(hone_file_write("moved/bar/000.pgm", "P5 1 1 255\n\x07", 12));
    command_hone(NULL, &r, "train", "moved", "--resume", "small");
    command_expect_line(&r, 1, "the pictures are not those that the run began with");
    assert_ok(hone_file_write("small/args.json", "{", 1));
    command_hone(NULL, &r, "train", "--resume", "small");
    command_expect_line(&r, 1, "small/args.json is damaged");
    assert_ok(hone_dir_make("folds/fold1"));
    command_hone(NULL, &r, "train", "--resume", "folds");
    command_expect_line(&r, 1, "no run of hone train is there");
}

#define FOLDS(how, out)                                                                            \
    command_hone(how, &r, "train", "pictures", "--backbone", "tiny.onnx", "--recipe", "fine-tune", \
                 "--epochs", "3", "--lr", "0.01", "--folds", "3", "--out", out)

// A cross-validation goes on as a whole: folds that are done are read, the one at work goes on, the
// others begin; what they come to is that of one which was never stopped.
static void test_folds(void **state) {
    (void)state;
    struct command_how how = {.interrupt = "fold 3 of 3"};
    FOLDS(NULL, "cv");
    command_expect_success(&r);
    FOLDS(&how, "cut");
    assert_int_equal(r.code, 130);
    command_expect_text(r.out, "2 folds, each tested on its own part");
    command_expect_text(r.out, "hone train --resume cut goes on from there");
    command_hone(NULL, &r, "train", "--resume", "cut", "--seed", "5");
    command_expect_line(&r, 1, "--seed is 5, but the run began with 0");
    // Killed from here on, each time a little later.
    int kills = 0;
    for (int ms = 60;; ms += ms / 2) {
        struct command_how kill = {.kill_after_ms = ms};
        command_hone(&kill, &r, "train", "--resume", "cut");
        if (r.code == 0) break;
        assert_int_equal(r.code, 128 + 9);
        kills++;
    }
    assert_true(kills > 0);
    command_expect_text(r.out, "fold 2 of 3: done before");
    command_expect_text(r.out, "3 folds, each tested on its own part");
    expect_same_bytes("cv", "cut", "confusion.csv");
    for (int fold = 1; fold <= 3; fold++) {
        char names[2][16];
        snprintf(names[0], sizeof names[0], "cv/fold%d", fold);
        snprintf(names[1], sizeof names[1], "cut/fold%d", fold);
        expect_same_bytes(names[0], names[1], "model.onnx");
        expect_same_bytes(names[0], names[1], "confusion.csv");
    }
    // Done, it says again what it came to; the summary of a fold that is damaged is made anew.
    assert_ok(hone_file_write("cut/fold2/summary.json", "{\"cancelled\": false}", 20));
    command_hone(NULL, &r, "train", "--resume", "cut");
    command_expect_success(&r);
    command_expect_text(r.out, "fold 1 of 3: done before");
    assert_null(strstr(r.out, "fold 2 of 3: done before"));
    expect_same_bytes("cv", "cut", "confusion.csv");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kills),
        cmocka_unit_test(test_interrupt),
        cmocka_unit_test(test_folds),
        cmocka_unit_test(test_refusals),
    };
    command_hone(NULL, &r, "devices");
    if (r.code != 0) {
        fprintf(stderr, "skipped: %s", r.err);
        command_deinit(&r);
        return 77;
    }
    return cmocka_run_group_tests_name("cli resume", tests, set_up, tear_down);
}
