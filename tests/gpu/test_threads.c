// test_threads: what the headers say may happen at the same time does: sessions of several threads
// with one cache folder between them, a session that goes from thread to thread, devices that are
// listed while others open and close. What is shared below them (loader, caches, log) shows here.
#include "support/gpu.h"

#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hone/device.h>
#include <hone/infer.h>

#include "base/file.h"
#include "base/log.h"
#include "base/thread.h"
#include "support/tiny.h"

enum { THREADS = 4, ROUNDS = 2, PICTURES = 5, CLASSES = 3, SIDE = 20 };

static char dir[256], model_path[300], cache[300];
static uint8_t pixels[PICTURES][SIDE * SIDE * 3];
static hone_picture pictures[PICTURES];

// What each device answers to one thread alone.
static const char *const devices[] = {NULL, "ref"};
static float expected[2][PICTURES * CLASSES];

static hone_status session_open(const char *device, hone_session **out) {
    hone_session_params params = {
        .struct_bytes = sizeof params, .device = device, .cache_dir = cache, .batch = 2};
    return hone_session_create(model_path, &params, out);
}

static hone_status ask(hone_session *session, int device) {
    float p[PICTURES * CLASSES];
    HONE_TRY(hone_session_classify(session, pictures, PICTURES, p));
    return memcmp(p, expected[device], sizeof p) == 0
               ? HONE_OK
               : hone_fail(HONE_INTERNAL, "another answer on device %d", device);
}

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    snprintf(model_path, sizeof model_path, "%s/tiny.onnx", dir);
    snprintf(cache, sizeof cache, "%s/first", dir);
    struct hone_model *model = test_tiny_model(5);
    assert_ok(hone_model_replace_head(model, CLASSES, NULL, 2));
    assert_ok(hone_model_save(model, model_path));
    hone_model_destroy(&model);
    for (int i = 0; i < PICTURES; i++) {
        for (int k = 0; k < SIDE * SIDE * 3; k++) pixels[i][k] = (uint8_t)(k * (i + 3) + i * 40);
        pictures[i] =
            (hone_picture){.pixels = pixels[i], .width = SIDE, .height = SIDE, .channels = 3};
    }
    for (int d = 0; d < 2; d++) {
        hone_session *session;
        assert_ok(session_open(devices[d], &session));
        assert_int_equal(hone_session_class_count(session), CLASSES);
        assert_ok(hone_session_classify(session, pictures, PICTURES, expected[d]));
        hone_session_destroy(&session);
    }
    // Pictures that differ have answers that differ, and both devices mean the same.
    assert_memory_not_equal(expected[0], expected[0] + CLASSES, CLASSES * sizeof(float));
    for (int i = 0; i < PICTURES * CLASSES; i++)
        assert_true(fabsf(expected[0][i] - expected[1][i]) < 1e-4f);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

static hone_status use_sessions(void *user, size_t index) {
    (void)user;
    int device = (int)(index % 3 == 2); // two of three on the GPU
    for (int round = 0; round < ROUNDS; round++) {
        hone_session *session;
        HONE_TRY(session_open(devices[device], &session));
        hone_status status = ask(session, device);
        if (status == HONE_OK) status = ask(session, device);
        hone_session_destroy(&session);
        HONE_TRY(status);
    }
    return HONE_OK;
}

// Each of them checks its kernels, and keeps its pipelines and what it found in one new folder.
static void test_sessions(void **state) {
    (void)state;
    const char *old = getenv("HONE_CHECK");
    char kept[16];
    snprintf(kept, sizeof kept, "%s", old ? old : "");
    setenv("HONE_CHECK", "on", 1);
    snprintf(cache, sizeof cache, "%s/shared", dir);
    assert_ok(hone_parallel_for(THREADS, THREADS, use_sessions, NULL));
    setenv("HONE_CHECK", kept, 1);

    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count, pipelines = 0, certificates = 0;
    assert_ok(hone_dir_list(cache, &arena, &entries, &count));
    for (size_t i = 0; i < count; i++) {
        if (strstr(entries[i].name, ".tmp-")) fail_msg("%s was left", entries[i].name);
        pipelines += strncmp(entries[i].name, "pipelines-", 10) == 0;
        certificates +=
            strncmp(entries[i].name, "check-", 6) == 0 && !strstr(entries[i].name, ".lock");
    }
    hone_arena_deinit(&arena);
    assert_int_equal(pipelines, 1);
    assert_int_equal(certificates, 1);
}

struct handed {
    hone_session *session;
    hone_status status;
};

static void *ask_once(void *user) {
    struct handed *handed = user;
    if (!handed->session)
        handed->status = session_open(NULL, &handed->session);
    else
        handed->status = ask(handed->session, 0);
    return NULL;
}

static void *put_away(void *user) {
    hone_session_destroy(&((struct handed *)user)->session);
    return NULL;
}

// Made by one thread, asked by others in turn, destroyed by yet another.
static void test_handed_over(void **state) {
    (void)state;
    struct handed handed = {0};
    void *(*const steps[])(void *) = {ask_once, ask_once, ask_once, put_away};
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, steps[i], &handed), 0);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(handed.status, HONE_OK);
    }
    assert_null(handed.session);
}

static hone_status come_and_go(void *user, size_t index) {
    size_t *found = user;
    for (int round = 0; round < ROUNDS; round++) {
        struct hone_device_list *list;
        struct hone_gpu *gpu;
        struct hone_gpu_buffer *buffer;
        uint32_t word = (uint32_t)index, back = 0;
        HONE_TRY(hone_devices_list(&list));
        found[index] = list->count;
        hone_devices_destroy(&list);
        HONE_TRY(hone_gpu_open(&(struct hone_gpu_open_params){.cache_dir = cache}, &gpu));
        hone_status status = hone_gpu_buffer_create(gpu, 4, HONE_GPU_READBACK, "word", &buffer);
        if (status == HONE_OK) {
            status = hone_gpu_write(gpu, buffer, 0, &word, sizeof word);
            if (status == HONE_OK) status = hone_gpu_read(gpu, buffer, 0, &back, sizeof back);
            hone_gpu_buffer_destroy(gpu, &buffer);
        }
        hone_gpu_close(&gpu);
        HONE_TRY(status);
        if (back != word) return hone_fail(HONE_INTERNAL, "%u came back as %u", word, back);
    }
    return HONE_OK;
}

static void test_devices(void **state) {
    (void)state;
    size_t found[THREADS] = {0};
    assert_ok(hone_parallel_for(THREADS, THREADS, come_and_go, found));
    for (int i = 0; i < THREADS; i++) assert_true(found[i] > 0 && found[i] == found[0]);
}

static hone_status fail_alone(void *user, size_t index) {
    atomic_int *right = user;
    char path[320], want[340];
    hone_session *session;
    snprintf(path, sizeof path, "%s/absent-%zu.onnx", dir, index);
    snprintf(want, sizeof want, "%s", path);
    hone_session_params params = {.struct_bytes = sizeof params, .device = "ref"};
    hone_status status = hone_session_create(path, &params, &session);
    *right += status == HONE_NOT_FOUND && !session && strstr(hone_error_message(), want) != NULL;
    return HONE_OK;
}

// The message of a failure is that of its own thread.
static void test_messages(void **state) {
    (void)state;
    atomic_int right = 0;
    assert_ok(hone_parallel_for(200, THREADS, fail_alone, &right));
    assert_int_equal(right, 200);
}

// One line at a time: the receiver needs no lock.
static int lines, inside, overlaps;

static void on_line(void *user, hone_log_level level, const char *line) {
    (void)user;
    (void)level;
    overlaps += inside++ != 0;
    lines += strncmp(line, "line ", 5) == 0;
    inside--;
}

static hone_status say(void *user, size_t index) {
    (void)user;
    hone_log(HONE_LOG_WARNING, "line %zu", index);
    return HONE_OK;
}

static void test_log(void **state) {
    (void)state;
    hone_log_set(on_line, NULL, HONE_LOG_WARNING);
    assert_ok(hone_parallel_for(500, THREADS, say, NULL));
    hone_log_set(NULL, NULL, HONE_LOG_WARNING);
    assert_int_equal(lines, 500);
    assert_int_equal(overlaps, 0);
}

static void test_no_validation_messages(void **state) {
    (void)state;
    assert_int_equal(hone_gpu_validation_messages(), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_handed_over),
        cmocka_unit_test(test_devices),
        cmocka_unit_test(test_messages),
        cmocka_unit_test(test_no_validation_messages),
        cmocka_unit_test(test_log),
    };
    int needed = test_gpu_require_running();
    return needed ? needed : cmocka_run_group_tests(tests, set_up, tear_down);
}
