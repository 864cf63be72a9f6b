// test_session: the deployment API on the ref device, as a program calls it that was built against
// infer.h: pictures in memory and in files get the same answers, and each wrong argument its line.
#include "support/support.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hone/infer.h>

#include "base/alloc.h"
#include "base/file.h"
#include "support/tiny.h"

enum { W = 20, H = 18 };

static char dir[256];
static uint8_t grey[W * H];

static int set_up(void **state) {
    (void)state;
    static const char *const names[] = {"good", "bad"};
    char file[16 + W * H];
    test_temp_dir(dir);
    assert_int_equal(chdir(dir), 0);
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "features.onnx"));
    assert_ok(hone_model_replace_head(model, 2, names, 1));
    assert_ok(hone_model_save(model, "net.onnx"));
    hone_model_destroy(&model);
    int head = snprintf(file, sizeof file, "P5\n%d %d\n255\n", W, H);
    for (int i = 0; i < W * H; i++) file[head + i] = (char)(grey[i] = (uint8_t)(i * 37));
    assert_ok(hone_file_write("part.pgm", file, (size_t)head + W * H));
    assert_ok(hone_file_write("notes.jpg", "These are notes.\n", 17));
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

static hone_session *open_session(int32_t batch) {
    hone_session *session;
    hone_session_params params = {.struct_bytes = sizeof params, .device = "ref", .batch = batch};
    assert_ok(hone_session_create("net.onnx", &params, &session));
    return session;
}

static void test_arguments(void **state) {
    (void)state;
    static const char size[] = "struct_bytes must be sizeof(hone_session_params)";
    static const struct {
        const char *says;
        hone_status status;
        const char *model;
        hone_session_params params;
    } cases[] = {
        {size, HONE_INVALID, "net.onnx", {.struct_bytes = 0}},
        {size, HONE_INVALID, "net.onnx", {.struct_bytes = sizeof(hone_session_params) + 8}},
        {"batch 1025 is out of range 1..1024", HONE_INVALID, "net.onnx", {.batch = 1025}},
        {"batch -1 is out of range 1..1024", HONE_INVALID, "net.onnx", {.batch = -1}},
        {"imagnet", HONE_INVALID, "net.onnx", {.preprocess = "imagnet"}},
        {"none.onnx", HONE_NOT_FOUND, "none.onnx", {0}},
        {"notes.jpg: not an ONNX file", HONE_INVALID, "notes.jpg", {0}},
        {"features.onnx ends in features and names no class: train it first (hone train)",
         HONE_INVALID,
         "features.onnx",
         {0}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_session *session;
        hone_session_params params = cases[i].params;
        if (cases[i].says != size) params.struct_bytes = sizeof params;
        params.device = "ref";
        test_expect_failure(hone_session_create(cases[i].model, &params, &session), cases[i].status,
                            cases[i].says);
        assert_null(session);
        hone_session_destroy(&session);
    }
}

// A program that was built when the struct ended earlier.
static void test_older_header(void **state) {
    (void)state;
    hone_session *session;
    hone_session_params params = {.struct_bytes = offsetof(hone_session_params, size),
                                  .device = "ref",
                                  .size = -1,
                                  .batch = -1};
    assert_ok(hone_session_create("net.onnx", &params, &session));
    assert_int_equal(hone_session_width(session), 16);
    assert_int_equal(hone_session_height(session), 16);
    assert_int_equal(hone_session_class_count(session), 2);
    assert_string_equal(hone_session_class_name(session, 1), "bad");
    assert_null(hone_session_class_name(session, 2));
    assert_null(hone_session_class_name(session, -1));
    assert_true(*hone_session_device(session) != '\0');
    hone_session_destroy(&session);
    assert_null(session);
}

// The same pixels as a file, as grey rows, and as colours in rows with something behind them.
static void test_answers(void **state) {
    (void)state;
    enum { STRIDE = W * 3 + 5 };
    static uint8_t colours[STRIDE * H];
    for (int y = 0; y < H; y++)
        for (int x = 0; x < W * 3; x++) colours[y * STRIDE + x] = grey[y * W + x / 3];
    const hone_picture pictures[3] = {
        {grey, W, H, 1, 0}, {colours, W, H, 3, STRIDE}, {grey, W, H, 1, W}};
    hone_session *session = open_session(2); // three pictures: a whole batch, and half of one
    float from_file[2], p[6];
    assert_ok(hone_session_classify_file(session, "part.pgm", from_file));
    assert_true(from_file[0] > 0 && from_file[1] > 0);
    assert_float_equal(from_file[0] + from_file[1], 1, 1e-6);
    assert_ok(hone_session_classify(session, pictures, 3, p));
    for (int i = 0; i < 3; i++) assert_memory_equal(p + 2 * i, from_file, sizeof from_file);
    hone_session_destroy(&session);
}

static void test_wrong_pictures(void **state) {
    (void)state;
    static const struct {
        const char *says;
        hone_picture picture;
    } cases[] = {
        {"picture 1: 20 x 18 with 2 channels; 1 or 3 are taken", {grey, W, H, 2, 0}},
        {"picture 1: 20 x 18 with 4 channels; 1 or 3 are taken", {grey, W, H, 4, 0}},
        {"picture 1: 0 x 18 with 1 channels", {grey, 0, H, 1, 0}},
        {"picture 1: 20 x -1 with 1 channels", {grey, W, -1, 1, 0}},
        {"picture 1: 20 x 18 with 1 channels", {NULL, W, H, 1, 0}},
    };
    hone_session *session = open_session(2);
    float p[4];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const hone_picture pictures[2] = {{grey, W, H, 1, 0}, cases[i].picture};
        test_expect_failure(hone_session_classify(session, pictures, 2, p), HONE_INVALID,
                            cases[i].says);
    }
    // A file that cannot be read ends the call, or has a status of its own and no answer.
    const char *const paths[3] = {"part.pgm", "notes.jpg", "none.png"};
    float all[6];
    hone_status statuses[3];
    test_expect_failure(hone_session_classify_files(session, paths, 2, all, NULL), HONE_INVALID,
                        "notes.jpg");
    assert_ok(hone_session_classify_files(session, paths, 3, all, statuses));
    assert_int_equal(statuses[0], HONE_OK);
    assert_int_equal(statuses[1], HONE_INVALID);
    assert_int_equal(statuses[2], HONE_NOT_FOUND);
    assert_true(all[0] > 0 && all[1] > 0);
    for (int i = 2; i < 6; i++) assert_true(all[i] == 0);
    hone_session_destroy(&session);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_older_header),
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_wrong_pictures),
    };
    return cmocka_run_group_tests_name("session", tests, set_up, tear_down);
}
