// test_together: commands that run at the same time and share the user's cache: pipelines,
// certificates of kernels and tuning records. None fails, none loses what another has kept, and
// what lies there afterwards is whole. Skipped where there is no device.
#include "support/command.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/tiny.h"

static char dir[256], cache[320], tuning[320];
static struct command_result r;
static struct command_how how;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    snprintf(cache, sizeof cache, "XDG_CACHE_HOME=%s/cache", dir);
    snprintf(tuning, sizeof tuning, "HONE_TUNING=%s/cache/hone/tuning.tune", dir);
    how = (struct command_how){.env = {cache, tuning, "HONE_CHECK=on", "HONE_LOG=info"}};
    struct hone_model *model = test_tiny_model(5);
    assert_ok(hone_model_replace_head(model, 2, NULL, 2));
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", 2);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    return command_leave(&r, dir);
}

static const char *const predict[] = {"predict", "tiny.onnx", "pictures/bar/000.pgm",
                                      "pictures/spot/001.pgm", NULL};

// Writers of tuning records, each of an operator of its own.
static const struct {
    const char *op, *args[8];
} tune[] = {
    {"\tmatmul\t", {"bench", "--op", "matmul", "--shape", "m=32,n=16,k=8", "--tune"}},
    {"\tconv2d\t", {"bench", "--op", "conv2d", "--shape", "h=8,c=8", "--tune"}},
};

// The one file of the cache whose name begins so and does not end in ".lock": its content.
static char *read_cache(const char *begin) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count, bytes, found = 0;
    char *text = NULL;
    assert_ok(hone_dir_list("cache/hone", &arena, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        if (strstr(entries[i].name, ".tmp-")) fail_msg("%s was left", entries[i].name);
        if (strncmp(entries[i].name, begin, strlen(begin)) || strstr(entries[i].name, ".lock"))
            continue;
        char *path = hone_path_join("cache/hone", entries[i].name);
        hone_free(text);
        assert_ok(hone_file_read(path, 0, &text, &bytes));
        hone_free(path);
        found++;
    }
    hone_arena_deinit(&arena);
    assert_int_equal(found, 1);
    return text;
}

static void test_shared_cache(void **state) {
    (void)state;
    enum { TUNERS = sizeof tune / sizeof *tune, ALL = 2 + TUNERS };
    struct command_running running[ALL];
    char *answer = NULL;
    for (int i = 0; i < ALL; i++)
        command_start(&how, i < 2 ? predict : tune[i - 2].args, &running[i]);
    for (int i = 0; i < ALL; i++) {
        command_finish(&how, &running[i], &r);
        command_expect_success(&r);
        if (i == 0) answer = hone_strdup(r.out);
        if (i == 1) assert_string_equal(r.out, answer);
    }
    assert_non_null(answer);
    assert_true(*answer != '\0');

    char *records = read_cache("tuning.tune"), *certificate = read_cache("check-");
    for (int i = 0; i < TUNERS; i++) command_expect_text(records, tune[i].op);
    command_expect_text(certificate, "\"good\": true");
    hone_free(read_cache("pipelines-"));
    hone_free(records);
    hone_free(certificate);

    // The next one takes what it finds: nothing is damaged, no kernel is checked again.
    command_run(&how, predict, &r);
    command_expect_success(&r);
    assert_string_equal(r.out, answer);
    static const char *const never[] = {"is not valid", "is not a certificate", "checked anew",
                                        "kernels against the reference"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++)
        if (strstr(r.err, never[i])) fail_msg("%s", r.err);
    hone_free(answer);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shared_cache)};
    command_hone(NULL, &r, "devices");
    bool any = r.code == 0;
    if (!any) fprintf(stderr, "skipped: %s", r.err);
    command_deinit(&r);
    return any ? cmocka_run_group_tests(tests, set_up, tear_down) : 77;
}
