// test_refusals: what goes wrong on real machines: one clear line on stderr, an exit code that is
// not 0, and nothing half-written. `hone train` runs on the ref device and a tiny net, so that this
// needs no driver; each case starts in a folder of its own.
#include "support/command.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/onnx.h"
#include "support/tiny.h"

static char dir[256];
static struct command_result r;

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0 || chmod(dir, 0777) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("data", 10);
    return 0;
}

static void unmount_disk(void) {
    if (system("umount disk 2>/dev/null") == 0) rmdir("disk");
}

static int tear_down(void **state) {
    (void)state;
    command_deinit(&r);
    unmount_disk();
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

#define TRAIN(how, folder, ...)                                                                    \
    command_hone(how, &r, "train", folder, "--backbone", "tiny.onnx", "--device", "ref",           \
                 "--epochs", "1", "--batch", "8", __VA_ARGS__)

// The folder holds what the test put there, and nothing else, however hidden.
static void expect_nothing_written(void) {
    DIR *open = opendir(".");
    assert_non_null(open);
    for (struct dirent *e = readdir(open); e; e = readdir(open)) {
        static const char *const ours[] = {".", "..", "tiny.onnx", "data", "odd.onnx"};
        bool known = false;
        for (size_t i = 0; i < sizeof ours / sizeof *ours; i++)
            known = known || strcmp(e->d_name, ours[i]) == 0;
        if (!known) fail_msg("'%s' was left behind", e->d_name);
    }
    closedir(open);
}

static void write_file(const char *path, const char *bytes, size_t count) {
    assert_ok(hone_file_write(path, bytes, count));
}

static void test_no_vulkan(void **state) {
    (void)state;
    struct command_how no_driver = {.env = {"VK_ICD_FILENAMES=/nonexistent",
                                            "VK_DRIVER_FILES=/nonexistent", "HONE_VALIDATE=0"}};
    struct command_how no_loader = {.env = {"HONE_VULKAN_LOADER=/nonexistent.so"}};
    command_hone(&no_driver, &r, "train", "data", "--backbone", "tiny.onnx");
    command_expect_line(&r, 1, "driver");
    command_expect_text(r.err, "install");
    expect_nothing_written();
    command_hone(&no_loader, &r, "train", "data", "--backbone", "tiny.onnx");
    command_expect_line(&r, 1, "no Vulkan loader");
    expect_nothing_written();
    command_hone(&no_loader, &r, "devices");
    command_expect_line(&r, 1, "no Vulkan loader");
    // What needs no device works without one.
    command_hone(&no_loader, &r, "inspect", "tiny.onnx");
    command_expect_success(&r);
}

static void test_text_named_jpg(void **state) {
    (void)state;
    write_file("data/bar/notes.jpg", "These are notes.\n", 17);
    TRAIN(NULL, "data", "--strict");
    command_expect_line(&r, 1, "data/bar/notes.jpg");
    expect_nothing_written();
    TRAIN(NULL, "data", "--out", "run");
    command_expect_success(&r);
    command_expect_text(r.err, "data/bar/notes.jpg");
    command_expect_text(r.err, "1 of ");
    command_hone(NULL, &r, "predict", "run/model.onnx", "data/bar", "--device", "ref");
    assert_int_equal(r.code, 1);
    command_expect_text(r.err, "notes.jpg");
    command_expect_text(r.err, "1 of 11 pictures could not be read");
    command_expect_text(r.out, "data/bar/000.pgm\t");
    // A name that JSON cannot hold is told, not dropped.
    assert_int_equal(rename("data/bar/000.pgm", "data/bar/\xE9.pgm"), 0);
    command_hone(NULL, &r, "predict", "run/model.onnx", "data/bar/\xE9.pgm", "--json", "--device",
                 "ref");
    assert_int_equal(r.code, 1);
    command_expect_text(r.err, "is not UTF-8");
}

static void test_unknown_operators(void **state) {
    (void)state;
    struct test_onnx file;
    size_t bytes;
    test_onnx_init(&file, 13, 16, 16);
    test_onnx_node(&file, "Relu", "x", "r");
    test_onnx_node(&file, "Gru9000", "r", "strange");
    test_onnx_node(&file, "Whirl", "strange", "y");
    test_onnx_output(&file, "y");
    uint8_t *packed = test_onnx_pack(&file, &bytes);
    write_file("odd.onnx", (const char *)packed, bytes);
    hone_free(packed);
    test_onnx_free(&file);
    command_hone(NULL, &r, "train", "data", "--backbone", "odd.onnx", "--device", "ref");
    command_expect_line(&r, 1, "odd.onnx");
    static const char *const named[] = {"Gru9000", "strange", "Whirl"};
    for (size_t i = 0; i < sizeof named / sizeof *named; i++) command_expect_text(r.err, named[i]);
    expect_nothing_written();
    command_hone(NULL, &r, "inspect", "odd.onnx");
    command_expect_line(&r, 1, "Whirl");
}

static void test_empty_class(void **state) {
    (void)state;
    assert_ok(hone_dir_make("data/empty"));
    TRAIN(NULL, "data", "--seed", "1");
    command_expect_line(&r, 1, "'empty'");
    expect_nothing_written();
    assert_int_equal(rmdir("data/empty"), 0);
    command_hone(NULL, &r, "train", "data/bar", "--backbone", "tiny.onnx", "--device", "ref");
    command_expect_line(&r, 1, "no class folders");
    expect_nothing_written();
}

// Files may grow to 100 bytes, where the first one fails, and to 6,000, where the weights do.
static void test_full_disk(void **state) {
    (void)state;
    static const unsigned long limits[] = {100, 6000};
    for (int i = 0; i < 2; i++) {
        struct command_how full = {.max_file = limits[i]};
        TRAIN(&full, "data", "--out", "run");
        command_expect_line(&r, 1, "cannot write");
        expect_nothing_written();
        TRAIN(&full, "data", "--seed", "1");
        command_expect_line(&r, 1, "runs/train1/");
        expect_nothing_written();
    }
}

// A disk of `pages` pages of 4 KiB in memory. False where this machine lets nobody mount one.
static bool mount_disk(int pages) {
    char command[120];
    assert_ok(hone_dir_make("disk"));
    snprintf(command, sizeof command, "mount -t tmpfs -o size=%dk none disk 2>/dev/null",
             4 * pages);
    return system(command) == 0;
}

// Whatever the file that does not fit: a failed run is gone, or holds whole epochs.
static void test_small_disk(void **state) {
    (void)state;
    int refused = 0, whole = 0;
    for (int pages = 2; pages <= 44; pages += pages < 10 ? 2 : 6) {
        if (!mount_disk(pages)) {
            fprintf(stderr, "skipped: no tmpfs can be mounted here\n");
            skip();
        }
        TRAIN(NULL, "data", "--out", "disk/run");
        whole += r.code == 0;
        if (r.code != 0) {
            command_expect_line(&r, 1, "No space left");
            if (hone_dir_exists("disk/run") && !hone_file_exists("disk/run/results.csv"))
                fail_msg("%d pages: half a run is left", pages);
            refused += !hone_dir_exists("disk/run");
        }
        unmount_disk();
    }
    assert_true(refused >= 3 && whole >= 1);
}

// As nobody, since root reads everything.
static void test_no_rights(void **state) {
    (void)state;
    struct command_how how = {.nobody = geteuid() == 0};
    assert_int_equal(chmod("data/spot", 0), 0);
    TRAIN(&how, "data", "--out", "run");
    if (r.code == 126) skip();
    command_expect_line(&r, 1, "data/spot");
    command_expect_text(r.err, "Permission denied");
    expect_nothing_written();
    assert_int_equal(chmod("data/spot", 0755), 0);
    assert_int_equal(chmod("tiny.onnx", 0), 0);
    TRAIN(&how, "data", "--out", "run");
    command_expect_line(&r, 1, "tiny.onnx");
    expect_nothing_written();
    assert_int_equal(chmod("tiny.onnx", 0644), 0);
    assert_int_equal(chmod(".", 0555), 0);
    TRAIN(&how, "data", "--out", "run");
    command_expect_line(&r, 1, "run");
    assert_int_equal(chmod(".", 0777), 0);
    expect_nothing_written();
}

static void test_truncated_pictures(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.png", "rgb.jpg", "grey.bmp"};
    for (int i = 0; i < 3; i++) {
        char from[600], to[100], *bytes;
        size_t count;
        snprintf(from, sizeof from, "%s/tests/golden/data/images/%s", HONE_SOURCE_DIR, names[i]);
        snprintf(to, sizeof to, "data/spot/cut-%s", names[i]);
        assert_ok(hone_file_read(from, 0, &bytes, &count));
        write_file(to, bytes, count / 2);
        hone_free(bytes);
        TRAIN(NULL, "data", "--strict");
        command_expect_line(&r, 1, to);
        expect_nothing_written();
        assert_int_equal(remove(to), 0);
    }
}

static void test_wrong_paths(void **state) {
    (void)state;
    static const struct {
        const char *args[8];
        const char *says;
    } cases[] = {
        {{"train", "none", "--backbone", "tiny.onnx", "--device", "ref"}, "none"},
        {{"train", "tiny.onnx", "--backbone", "tiny.onnx", "--device", "ref"}, "tiny.onnx"},
        {{"train", "data", "--backbone", "none.onnx", "--device", "ref"}, "none.onnx"},
        {{"train", "data", "--backbone", "data", "--device", "ref"}, "data"},
        {{"train", "--train-list", "none.txt", "--backbone", "tiny.onnx"}, "none.txt"},
        {{"train", "data", "--backbone", "data/bar/000.pgm"}, "000.pgm: not an ONNX file"},
        {{"train", "data", "--backbone", "tiny.onnx", "--device", "no such GPU"}, "no "},
        {{"train", "data", "--backbone", "tiny.onnx", "--device", "ref", "--out", "data"}, "data"},
        {{"train", "data", "--backbone", "tiny.onnx", "--budget", "soon"},
         "'soon' is no time such"},
        {{"train", "data", "--backbone", "tiny.onnx", "--budget", "5m 3"},
         "'5m 3' is no time such"},
        {{"train", "data", "--backbone", "tiny.onnx", "--split", "half"}, "--split: 'half'"},
        {{"eval", "none.onnx", "data"}, "none.onnx"},
        {{"predict", "tiny.onnx", "none.png", "--device", "ref"}, "none.png"},
        {{"predict", "data", "data", "--device", "ref"}, "data"},
        {{"inspect", "none.onnx"}, "none.onnx"},
        {{"inspect", "data"}, "data"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *args[9] = {NULL};
        memcpy(args, cases[i].args, sizeof cases[i].args);
        command_run(NULL, args, &r);
        command_expect_line(&r, 1, cases[i].says);
        expect_nothing_written();
    }
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        CASE(test_no_vulkan),   CASE(test_text_named_jpg), CASE(test_unknown_operators),
        CASE(test_empty_class), CASE(test_full_disk),      CASE(test_small_disk),
        CASE(test_no_rights),   CASE(test_wrong_paths),    CASE(test_truncated_pictures),
    };
    return cmocka_run_group_tests_name("cli refusals", tests, NULL, NULL);
}
