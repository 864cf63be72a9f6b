// test_bench: hone bench as a user runs it: a small operator, a small net, figures that a script
// can read, and what it says about names that do not exist.
#include "support/command.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "ops/ops.h"
#include "ops/row.h"
#include "support/support.h"
#include "support/tiny.h"

static struct command_result r;

static int tear_down(void **state) {
    (void)state;
    command_deinit(&r);
    return 0;
}

// False, with a line that says why, where there is no device to time.
static bool has_device(void) {
    command_hone(NULL, &r, "devices");
    if (r.code != 0) fprintf(stderr, "skipped: %s", r.err);
    return r.code == 0;
}

// Field `column` of the first line of the CSV whose first two fields are these. Into `out`, "" when
// there is none.
static void csv_field(const char *csv, const char *kind, const char *name, const char *column,
                      char out[64]) {
    int wanted = -1, at = 0;
    *out = '\0';
    for (const char *c = csv; *c && *c != '\n'; at++) {
        size_t length = strcspn(c, ",\n");
        if (length == strlen(column) && strncmp(c, column, length) == 0) wanted = at;
        c += length + (c[length] == ',');
    }
    if (wanted < 0) fail_msg("no column %s", column);
    for (const char *line = strchr(csv, '\n'); line && line[1]; line = strchr(line + 1, '\n')) {
        char fields[32][64] = {{0}};
        int field = 0;
        size_t length = 0;
        bool quoted = false;
        for (const char *c = line + 1; *c && *c != '\n' && field < 32; c++) {
            if (*c == '"') {
                quoted = !quoted;
            } else if (*c == ',' && !quoted) {
                field++;
                length = 0;
            } else if (length < 63) {
                fields[field][length++] = *c;
            }
        }
        if (field != at - 1) fail_msg("a line of %d fields, not %d", field + 1, at);
        if (strcmp(fields[0], kind) || strcmp(fields[1], name)) continue;
        snprintf(out, 64, "%s", fields[wanted]);
        return;
    }
}

static double csv_number(const char *csv, const char *kind, const char *name, const char *column) {
    char field[64];
    csv_field(csv, kind, name, column, field);
    if (!*field) fail_msg("%s %s has no %s in:\n%s", kind, name, column, csv);
    return atof(field);
}

static void test_op(void **state) {
    (void)state;
    if (!has_device()) skip();
    command_hone(NULL, &r, "bench", "--op", "add", "--shape", "h=16,c=8", "--csv", "-");
    command_expect_success(&r);
    assert_true(csv_number(r.out, "yardstick", "copy", "gbs") > 0);
    assert_true(csv_number(r.out, "yardstick", "fma", "gflops") > 0);
    assert_true(csv_number(r.out, "yardstick", "dispatch", "ms") > 0);
    double ms = csv_number(r.out, "op", "add", "ms"), gbs = csv_number(r.out, "op", "add", "gbs");
    assert_true(ms > 0);
    assert_true(csv_number(r.out, "op", "add", "bytes") == 3 * 16 * 16 * 8 * 4);
    double want = 3 * 16 * 16 * 8 * 4 / ms * 1e-6;
    assert_true(gbs > 0.9 * want - 0.001 && gbs < 1.1 * want + 0.001);
    command_hone(NULL, &r, "bench", "--op", "matmul", "--shape", "m=32,n=16,k=8", "--rows", "all");
    command_expect_success(&r);
    command_expect_text(r.out, "plain");
    command_expect_text(r.out, "asked for");
    command_hone(NULL, &r, "bench", "--op", "matmul", "--shape", "m=32,n=16,k=8", "--dtype", "bf16",
                 "--allow-plain");
    command_expect_success(&r);
    command_expect_text(r.out, "bf16[32,16] bf16[8,16]");
}

static void test_net(void **state) {
    (void)state;
    if (!has_device()) skip();
    command_hone(NULL, &r, "bench", "--net", "mobilenet_v2", "--batch", "2", "--size", "32",
                 "--allow-plain", "--explain", "--csv", "-");
    command_expect_success(&r);
    assert_true(csv_number(r.out, "net", "mobilenet_v2", "images_per_second") > 0);
    assert_true(csv_number(r.out, "net", "mobilenet_v2", "peak_bytes") > 3504872 * 4 * 4);
    assert_true(csv_number(r.out, "net", "mobilenet_v2", "dispatches") > 100);
    assert_true(csv_number(r.out, "layer", "update", "ms") > 0);
    assert_true(csv_number(r.out, "layer", "classifier", "flops") == 2 * 2.0 * 1280 * 1000);
    command_hone(NULL, &r, "bench", "--net", "resnet18", "--batch", "2", "--size", "32", "--mode",
                 "infer", "--allow-plain");
    command_expect_success(&r);
    command_expect_text(r.out, "images a second");
}

// The second net has none of the passes that are named: more dispatches.
static void test_beside(void **state) {
    (void)state;
    if (!has_device()) skip();
    command_hone(NULL, &r, "bench", "--net", "mobilenet_v2", "--batch", "2", "--size", "32",
                 "--allow-plain", "--beside", "all", "--csv", "-");
    command_expect_success(&r);
    const char *line = strstr(r.out, "\nnet,");
    line = line ? strstr(line + 1, "\nnet,") : NULL;
    assert_non_null(line);
    char second[2048]; // the heading and the second line
    snprintf(second, sizeof second, "%.*s%s", (int)strcspn(r.out, "\n"), r.out, line);
    double fused = csv_number(r.out, "net", "mobilenet_v2", "dispatches");
    double unfused = csv_number(second, "net", "mobilenet_v2", "dispatches");
    assert_true(fused > 100 && unfused > fused + 50);
    assert_true(csv_number(r.out, "net", "mobilenet_v2", "deviation") == 0);
    assert_true(csv_number(second, "net", "mobilenet_v2", "deviation") > -1);
}

// Without the rows in front of it, a matrix product falls to the plain kernel.
static void test_plain_is_an_error(void **state) {
    (void)state;
    if (!has_device()) skip();
    char skip_rows[256] = "";
    const struct hone_op *op = hone_op_find("matmul");
    for (int i = 0; i < op->row_count; i++) {
        size_t used = strlen(skip_rows);
        if (strcmp(op->rows[i].name, "plain") != 0)
            snprintf(skip_rows + used, sizeof skip_rows - used, "%smatmul/%s", used ? "," : "",
                     op->rows[i].name);
    }
    command_hone(NULL, &r, "bench", "--op", "matmul", "--shape", "m=8,n=8,k=8", "--skip-row",
                 skip_rows);
    assert_int_equal(r.code, 1);
    command_expect_text(r.err, "runs on the plain kernel");
    command_expect_text(r.err, "cpu: switched off");
    assert_string_equal(r.out, "");
    command_hone(NULL, &r, "bench", "--op", "matmul", "--shape", "m=8,n=8,k=8", "--skip-row",
                 skip_rows, "--allow-plain");
    command_expect_success(&r);
}

static char *slurp(const char *folder, const char *name, size_t *bytes) {
    char path[400], *data;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    assert_ok(hone_file_read(path, 0, &data, bytes));
    return data;
}

// --tune fills a file that later runs go by, in bench and in training; a run leaves its records,
// and with them and its seed it can be repeated bit for bit.
static void test_tuning(void **state) {
    (void)state;
    if (!has_device()) skip();
    char folder[256], tune[300], out[3][300], pictures[300], record[400];
    test_temp_dir(folder);
    snprintf(tune, sizeof tune, "%s/a.tune", folder);
    command_hone(NULL, &r, "bench", "--op", "add", "--shape", "h=8", "--tune", "--tuning", tune);
    command_expect_success(&r);
    command_expect_text(r.err, "tuned 1 operators");
    command_expect_text(r.out, "measured: ");
    command_hone(NULL, &r, "bench", "--op", "add", "--shape", "h=8", "--tuning", tune);
    command_expect_success(&r);
    command_expect_text(r.out, "measured: ");
    command_hone(NULL, &r, "bench", "--op", "add", "--shape", "h=8", "--tuning", "off");
    command_expect_success(&r);
    command_expect_text(r.out, "first row");
    command_hone(NULL, &r, "bench", "--op", "add", "--tuning", "/nowhere/b.tune");
    command_expect_line(&r, 1, "there is no tuning file /nowhere/b.tune");

    snprintf(pictures, sizeof pictures, "%s/pictures", folder);
    test_tiny_pictures(pictures, 8);
    struct command_how cache = {.env = {"HONE_TUNING="}};
    char home[400];
    snprintf(home, sizeof home, "XDG_CACHE_HOME=%s/cache", folder);
    cache.env[1] = home;
    for (int i = 0; i < 3; i++) {
        snprintf(out[i], sizeof out[i], "%s/run%d", folder, i);
        snprintf(record, sizeof record, "%s/tuning.tune", out[0]);
        const char *const args[] = {"train",
                                    pictures,
                                    "--backbone",
                                    HONE_SOURCE_DIR "/tests/golden/data/resnet.onnx",
                                    "--out",
                                    out[i],
                                    "--epochs",
                                    "1",
                                    "--batch",
                                    "4",
                                    "--size",
                                    "16",
                                    "--tune",
                                    "full",
                                    i == 2 ? "--tuning" : NULL,
                                    record,
                                    NULL};
        command_run(&cache, args, &r);
        command_expect_success(&r);
        if (i == 0) command_expect_text(r.out, "tuning: measured");
        if (i > 0) assert_null(strstr(r.out, "tuning: measured"));
        command_expect_text(r.out, "tuning records of this device: ");
    }
    size_t bytes[3];
    char *weights[3];
    for (int i = 0; i < 3; i++) weights[i] = slurp(out[i], "last.safetensors", &bytes[i]);
    for (int i = 1; i < 3; i++) {
        assert_int_equal(bytes[i], bytes[0]);
        assert_memory_equal(weights[i], weights[0], bytes[0]);
    }
    for (int i = 0; i < 3; i++) hone_free(weights[i]);
    test_temp_remove(folder);
}

static void test_slips(void **state) {
    (void)state;
    static const struct {
        const char *args[8];
        int code;
        const char *says;
    } cases[] = {
        {{"bench"}, 2, "give one of --op and --net"},
        {{"bench", "--op", "add", "--net", "resnet18"}, 2, "give one of --op and --net"},
        {{"bench", "--op", "conv3d"}, 1, "no operator to time is named 'conv3d'; there are conv2d"},
        {{"bench", "--op", "add", "--shape", "q=1"}, 1, "'q=1' is not understood; there are n=1"},
        {{"bench", "--op", "add", "--shape", "h=many"}, 1, "--shape h=many: "},
        {{"bench", "--op", "add", "--shape", "h=0"}, 1, "--shape h=0: "},
        {{"bench", "--op", "act", "--shape", "act=wave"}, 1, "--shape act=wave: none, relu"},
        {{"bench", "--net", "resnet18", "--scaling", "--batch=1"},
         1,
         "needs a --batch of at least"},
        {{"bench", "--op", "add", "--pass-off", "fusion"}, 1, "no pass is named 'fusion'"},
        {{"bench", "--op", "add", "--beside", "all"}, 1, "--beside is for --net"},
        {{"bench", "--op", "add", "--skip-row", "add/fast"}, 1, "there are add/vec4"},
        {{"bench", "--op", "add", "--skip-row", "plus/fast"}, 1, "no operator is named 'plus'"},
        {{"bench", "--op", "add", "--device", "ref"}, 1, "reference device"},
        {{"bench", "--op", "add", "--rows", "some"}, 2, "--rows"},
        {{"bench", "--op", "add", "--tune", "--tuning", "off"}, 1, "nowhere to keep"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command_run(NULL, cases[i].args, &r);
        if (r.code != cases[i].code || !strstr(r.err, cases[i].says))
            fail_msg("case %zu: %d %s", i, r.code, r.err);
        assert_string_equal(r.out, "");
    }
    command_hone(NULL, &r, "bench", "--ops");
    command_expect_success(&r);
    command_expect_text(r.out, "depthwise_bwd_w");
    if (!has_device()) skip();
    command_hone(NULL, &r, "bench", "--net", "resnet19");
    assert_int_equal(r.code, 1);
    command_expect_text(r.err, "resnet18, resnet34");
    command_hone(NULL, &r, "bench", "--net", "nowhere.onnx");
    assert_int_equal(r.code, 1);
    command_expect_text(r.err, "nowhere.onnx");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_beside, tear_down),
        cmocka_unit_test_teardown(test_op, tear_down),
        cmocka_unit_test_teardown(test_net, tear_down),
        cmocka_unit_test_teardown(test_plain_is_an_error, tear_down),
        cmocka_unit_test_teardown(test_tuning, tear_down),
        cmocka_unit_test_teardown(test_slips, tear_down),
    };
    return cmocka_run_group_tests_name("cli bench", tests, NULL, NULL);
}
