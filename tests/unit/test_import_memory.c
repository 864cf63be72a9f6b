// test_import_memory: what reading a model of 100 MB takes: less than 1.5 times its size in memory,
// at the peak and with the mapped file, and less than two seconds. A process of its own reads each
// file, so that nothing else counts.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <hone/model.h>

#include "base/file.h"
#include "model/zoo/zoo.h"

// Prints the peak in bytes and the processor time in seconds.
static int read_alone(const char *path) {
    struct hone_model *model;
    char line[128];
    unsigned long peak = 0;
    if (hone_model_load(path, NULL, &model) != HONE_OK) {
        fprintf(stderr, "%s\n", hone_error_message());
        return 1;
    }
    double seconds = (double)clock() / CLOCKS_PER_SEC;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status)) sscanf(line, "VmHWM: %lu", &peak);
    if (status) fclose(status);
    printf("%lu %.3f\n", peak * 1024, seconds);
    hone_model_destroy(&model);
    return 0;
}

static void expect_lean(const char *path) {
    char command[700];
    unsigned long peak;
    double seconds;
    struct hone_file_map map = {0};
    assert_ok(hone_file_map_open(path, &map));
    double bytes = (double)map.bytes;
    hone_file_map_close(&map);
    char self[400];
    ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
    assert_true(length > 0);
    self[length] = '\0';
    snprintf(command, sizeof command, "'%s' '%s'", self, path);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_int_equal(fscanf(pipe, "%lu %lf", &peak, &seconds), 2);
    assert_int_equal(pclose(pipe), 0);
    print_message("%s: %.1f MB, peak %.1f MB (%.2f times), %.2f s\n", hone_path_base(path),
                  bytes * 1e-6, (double)peak * 1e-6, (double)peak / bytes, seconds);
    assert_true((double)peak < 1.5 * bytes);
    assert_true(seconds < 2);
}

static void test_peak(void **state) {
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // shadow memory counts as well
#endif
    static const char *const files[] = {"net.onnx", "net.safetensors"};
    struct hone_model *model;
    char folder[256], path[400];
    test_temp_dir(folder);
    assert_ok(hone_zoo_model("resnet50", 224, 0, &model));
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        assert_ok(hone_model_save(model, path));
    }
    hone_model_destroy(&model);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        expect_lean(path);
    }
    test_temp_remove(folder);
}

int main(int argc, char **argv) {
    if (argc == 2) return read_alone(argv[1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_peak)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
