// test_usage: what the command says before it does anything: help, slips of the pen, values out of
// range; and what it lists.
#include "support/command.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static struct command_result r;

static int tear_down(void **state) {
    (void)state;
    command_deinit(&r);
    return 0;
}

static void test_help(void **state) {
    (void)state;
    static const char *const commands[] = {"train",   "eval",    "predict",
                                           "inspect", "devices", "bench"};
    static const char *const shown[] = {"--freeze",  "--list", "--csv",
                                        "--summary", "--json", "--explain"};
    command_hone(NULL, &r, "--help");
    command_expect_success(&r);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        command_expect_text(r.out, commands[i]);
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        char usage[40];
        snprintf(usage, sizeof usage, "hone %s ", commands[i]);
        command_hone(NULL, &r, commands[i], "--help");
        command_expect_success(&r);
        assert_string_equal(r.err, "");
        assert_ptr_equal(strstr(r.out, usage), r.out);
        command_expect_text(r.out, shown[i]);
        for (const char *line = r.out; *line; line = strchr(line, '\n') + 1)
            if (strcspn(line, "\n") > 100) fail_msg("a wide line of help: %.110s", line);
    }
    command_hone(NULL, &r, "--version");
    command_expect_success(&r);
    assert_ptr_equal(strstr(r.out, "hone "), r.out);
}

static void test_no_command(void **state) {
    (void)state;
    command_run(NULL, (const char *const[]){NULL}, &r);
    assert_int_equal(r.code, 2);
    command_expect_text(r.err, "hone train DATA");
    command_hone(NULL, &r, "trian");
    command_expect_line(&r, 2, "no command 'trian'; did you mean train?");
    command_hone(NULL, &r, "frobnicate");
    command_expect_line(&r, 2, "no command 'frobnicate'; hone --help lists them");
}

static void test_slips(void **state) {
    (void)state;
    static const struct {
        const char *args[5];
        const char *says;
    } cases[] = {
        {{"train", "d", "--epocs", "3"}, "no option --epocs; did you mean --epochs?"},
        {{"predict", "m", "d", "--jsno"}, "no option --jsno; did you mean --json?"},
        {{"devices", "--no-frills"}, "no option --no-frills"},
        {{"train", "d", "--epochs"}, "--epochs needs a value"},
        {{"train", "d", "--epochs", "0"}, "--epochs: 0 is out of range 1.."},
        {{"train", "d", "--epochs", "many"}, "--epochs"},
        {{"train", "d", "--lr=-1"}, "--lr"},
        {{"train", "d", "--lr", "nan"}, "--lr"},
        {{"train", "d", "--optimizer", "adam"}, "--optimizer"},
        {{"train", "d", "e"}, "'e' is one argument too many"},
        {{"train", "d"}, "no --backbone"},
        {{"train"}, "no data"},
        {{"eval"}, "no model is given"},
        {{"eval", "m"}, "no pictures"},
        {{"predict", "m"}, "a model and at least one picture"},
        {{"inspect"}, "no file is given"},
        {{"devices", "here"}, "one argument too many"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        command_run(NULL, cases[i].args, &r);
        command_expect_line(&r, 2, cases[i].says);
        assert_string_equal(r.out, "");
    }
}

static void test_devices_json(void **state) {
    (void)state;
    static const struct {
        const char *key;
        json_type type;
    } keys[] = {
        {"index", JSON_INTEGER},         {"name", JSON_STRING},
        {"kind", JSON_STRING},           {"driver", JSON_STRING},
        {"uuid", JSON_STRING},           {"api_version", JSON_STRING},
        {"features", JSON_STRING},       {"matrices", JSON_STRING},
        {"reason", JSON_STRING},         {"notes", JSON_STRING},
        {"vendor_id", JSON_INTEGER},     {"device_id", JSON_INTEGER},
        {"memory_bytes", JSON_INTEGER},  {"shared_bytes", JSON_INTEGER},
        {"subgroup_size", JSON_INTEGER},
    };
    command_hone(NULL, &r, "devices", "--json");
    if (r.code != 0) {
        fprintf(stderr, "skipped: %s", r.err);
        skip();
    }
    json_t *array = json_loads(r.out, 0, NULL);
    assert_true(json_is_array(array) && json_array_size(array) > 0);
    size_t defaults = 0, i;
    json_t *device;
    json_array_foreach(array, i, device) {
        for (size_t k = 0; k < sizeof keys / sizeof *keys; k++) {
            json_t *value = json_object_get(device, keys[k].key);
            if (!value || json_typeof(value) != keys[k].type)
                fail_msg("devices --json: '%s' is missing or of another type", keys[k].key);
        }
        assert_true(json_is_boolean(json_object_get(device, "usable")));
        defaults += json_is_true(json_object_get(device, "default"));
        assert_int_equal(json_integer_value(json_object_get(device, "index")), i);
    }
    assert_int_equal(defaults, 1);
    json_decref(array);
    command_hone(NULL, &r, "devices", "-v");
    command_expect_success(&r);
    command_expect_text(r.out, "subgroups");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_help, tear_down),
        cmocka_unit_test_teardown(test_no_command, tear_down),
        cmocka_unit_test_teardown(test_slips, tear_down),
        cmocka_unit_test_teardown(test_devices_json, tear_down),
    };
    return cmocka_run_group_tests_name("cli usage", tests, NULL, NULL);
}
