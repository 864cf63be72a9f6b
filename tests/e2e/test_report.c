// test_report: the page that a run writes: with names that are HTML themselves, with a page that
// can't be written, and in a browser, where one is installed.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/file.h"
#include "support/tiny.h"

static char dir[256];
static struct hone_train_params usual;
static struct hone_data_params data;

static int set_up(void **state) {
    (void)state;
    test_tiny_job(dir, 20, &usual, &data);
    assert_int_equal(rename("pictures/spot", "pictures/<i>spot&"), 0);
    usual.recipe = HONE_RECIPE_AUTO;
    usual.epochs = 2;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

static size_t occurrences(const char *text, const char *part) {
    size_t count = 0;
    for (const char *at = text; (at = strstr(at, part)); at += strlen(part)) count++;
    return count;
}

static void read_text(const char *path, char **out) {
    size_t bytes;
    assert_ok(hone_file_read(path, 0, out, &bytes));
}

static void expect(const char *html, const char *part) {
    if (!strstr(html, part)) fail_msg("the page lacks '%s'", part);
}

static void test_page(void **state) {
    (void)state;
    static const char *const modes[] = {"none", "all"};
    for (int i = 0; i < 2; i++) {
        struct hone_train_params params = usual;
        struct hone_train_result result;
        char figure[64];
        params.freeze = modes[i];
        params.out = modes[i];
        assert_ok(hone_train(&params, &data, NULL, &result));
        char *html;
        read_text(i == 0 ? "none/report.html" : "all/report.html", &html);
        snprintf(figure, sizeof figure, "<b>%.3f</b><span>macro-F1</span>", result.test.macro_f1);
        expect(html, figure);
        expect(html, "&lt;i&gt;spot&amp;");
        assert_true(occurrences(html, "<i>spot") == 0);
        // All eight test pictures, hardest first; every option; time and device.
        assert_true(occurrences(html, "<img ") == (size_t)result.test.count);
        expect(html, "label-smoothing</th>");
        expect(html, "<tr class=\"changed\"><th scope=\"row\">batch</th><td>8</td>");
        expect(html, "<th scope=\"row\">device</th><td>ref");
        expect(html, i == 0 ? "wait: for the device" : "<th scope=\"row\">features</th>");
        hone_free(html);
        hone_train_result_deinit(&result);
    }
}

static void block_report(void *user, const struct hone_train_epoch *epoch) {
    (void)user;
    if (epoch->epoch == 1) assert_ok(hone_dir_make("blocked/report.html/x"));
}

static void count_warning(void *user, hone_log_level level, const char *line) {
    if (level == HONE_LOG_WARNING && strstr(line, "report.html was not written")) ++*(int *)user;
}

static void test_blocked(void **state) {
    (void)state;
    struct hone_train_params params = usual;
    struct hone_train_hooks hooks = {.epoch = block_report};
    struct hone_train_result result;
    int warnings = 0;
    params.out = "blocked";
    hone_log_set(count_warning, &warnings, HONE_LOG_WARNING);
    assert_ok(hone_train(&params, &data, &hooks, &result));
    hone_log_set(NULL, NULL, HONE_LOG_WARNING);
    assert_int_equal(warnings, 1);
    assert_true(hone_file_exists("blocked/model.onnx") && hone_file_exists("blocked/summary.json"));
    hone_train_result_deinit(&result);
}

// The page's policy lets no script run, so that a copy without it counts the pictures.
static void write_counting_copy(const char *html, const char *path) {
    static const char script[] =
        "<script>onload=()=>{let a=[...document.images];document.body.innerHTML='pictures '+"
        "a.filter(i=>i.complete&&i.naturalWidth>0).length+' of '+a.length+' wide '+"
        "(document.documentElement.scrollWidth<=innerWidth)}</script>";
    const char *policy = strstr(html, "<meta http-equiv"), *rest = strchr(policy, '\n');
    struct hone_file_writer *writer;
    assert_ok(hone_file_writer_open(path, &writer));
    assert_ok(hone_file_writer_write(writer, html, (size_t)(policy - html)));
    assert_ok(hone_file_writer_write(writer, script, sizeof script - 1));
    assert_ok(hone_file_writer_write(writer, rest, strlen(rest)));
    assert_ok(hone_file_writer_commit(&writer));
}

static void browse(const char *page, const char *out) {
    char command[1200];
    snprintf(command, sizeof command,
             "timeout 100 chromium --headless --no-sandbox --disable-gpu --disable-dev-shm-usage "
             "--user-data-dir='%s/profile' --enable-logging=stderr --dump-dom 'file://%s/%s' "
             ">%s.dom 2>%s.log",
             dir, dir, page, out, out);
    assert_int_equal(system(command), 0);
}

static void test_browser(void **state) {
    (void)state;
    if (system("command -v chromium >/dev/null 2>&1") != 0) {
        fprintf(stderr, "skipped: chromium is not installed\n");
        skip();
    }
    char *html, *log, *dom;
    read_text("none/report.html", &html);
    write_counting_copy(html, "copy.html");
    hone_free(html);
    browse("none/report.html", "page");
    read_text("page.log", &log);
    if (strstr(log, "CONSOLE")) fail_msg("the browser complains: %s", strstr(log, "CONSOLE"));
    hone_free(log);
    browse("copy.html", "copy");
    read_text("copy.dom", &dom);
    expect(dom, "pictures 8 of 8 wide true");
    hone_free(dom);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_page),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_browser),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
