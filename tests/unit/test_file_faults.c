// test_file_faults: files under faults of the system: transfers that fall short or are interrupted,
// a full disk, a broken one, SIGKILL and power cuts at every call of a write, and at random moments
// of checkpoints. A reader finds the old file or the new one, and the next write works.
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/file_call.h"
#include "base/rng.h"
#include "support/fixture.h"
#include "train/checkpoint.h"

enum { BYTES = 100000, PIECE = 7001, FLOATS = 60000 };

static char path[400];

// A file whose every byte tells which of two contents it belongs to.
static hone_status write_pieces(unsigned char content) {
    static unsigned char piece[PIECE];
    struct hone_file_writer *writer;
    hone_status status = HONE_OK;
    memset(piece, content, sizeof piece);
    HONE_TRY(hone_file_writer_open(path, &writer));
    for (size_t done = 0; done < BYTES && status == HONE_OK; done += PIECE)
        status = hone_file_writer_write(writer, piece,
                                        BYTES - done < PIECE ? BYTES - done : (size_t)PIECE);
    if (status == HONE_OK) return hone_file_writer_commit(&writer);
    hone_file_writer_discard(&writer);
    return status;
}

// The file is whole and of one content, which it returns.
static unsigned char expect_whole(void) {
    char *data;
    size_t bytes;
    assert_ok(hone_file_read(path, 0, &data, &bytes));
    assert_int_equal(bytes, BYTES);
    unsigned char content = (unsigned char)data[0];
    for (size_t i = 0; i < bytes; i++) assert_int_equal((unsigned char)data[i], content);
    hone_free(data);
    return content;
}

static int count_files(void) {
    DIR *list = opendir(test_dir);
    int count = 0;
    assert_non_null(list);
    while (readdir(list)) count++;
    closedir(list);
    return count - 2;
}

static void begin(void) {
    snprintf(path, sizeof path, "%s/file", test_dir);
    assert_ok(write_pieces(1));
}

static void test_short_and_interrupted(void **state) {
    (void)state;
    begin();
    for (int kind = HONE_FILE_FAULT_SHORT; kind <= HONE_FILE_FAULT_INTERRUPT; kind++) {
        hone_file_fault_after(0, (enum hone_file_fault)kind);
        assert_ok(write_pieces((unsigned char)(1 + kind)));
        assert_int_equal(expect_whole(), 1 + kind);
        assert_true(hone_file_fault_calls() > 20);
        hone_file_fault_after(0, HONE_FILE_FAULT_NONE);
    }
    assert_int_equal(count_files(), 1);
}

static void fail_each(enum hone_file_fault kind, const char *text) {
    begin();
    size_t before = hone_alloc_live_bytes();
    for (long n = 0;; n++) {
        hone_file_fault_after(n, kind);
        hone_status status = write_pieces(2);
        bool reached = hone_file_fault_calls() > n;
        hone_file_fault_after(0, HONE_FILE_FAULT_NONE);
        unsigned char content = expect_whole();
        assert_int_equal(count_files(), 1);
        assert_int_equal(hone_alloc_live_bytes(), before);
        if (!reached) {
            assert_ok(status);
            assert_true(n > 15);
            break;
        }
        // That the folder could not be synced is no failure: the file is there.
        if (status == HONE_OK) {
            assert_int_equal(content, 2);
            assert_ok(write_pieces(1));
            continue;
        }
        assert_int_equal(content, 1);
        test_expect_failure(status, HONE_IO, text);
        test_expect_failure(status, HONE_IO, path);
    }
}

static void test_full(void **state) {
    (void)state;
    fail_each(HONE_FILE_FAULT_FULL, "No space left on device");
}

static void test_broken(void **state) {
    (void)state;
    fail_each(HONE_FILE_FAULT_BROKEN, "Input/output error");
}

// A read that fails gives nothing.
static void test_reading(void **state) {
    (void)state;
    char *data;
    size_t bytes;
    begin();
    for (long n = 0; n < 2; n++) {
        hone_file_fault_after(n, HONE_FILE_FAULT_BROKEN);
        hone_status status = hone_file_read(path, 0, &data, &bytes);
        hone_file_fault_after(0, HONE_FILE_FAULT_NONE);
        test_expect_failure(status, HONE_IO, "Input/output error");
        assert_null(data);
    }
}

// ---- The process dies ----

// Runs job(argument) in a child, which a fault ends; true when it did.
static bool dies(void (*job)(long), long argument) {
    int status;
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        job(argument);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFSIGNALED(status)) assert_int_equal(WTERMSIG(status), SIGKILL);
    return WIFSIGNALED(status);
}

static enum hone_file_fault deadly;

static void write_and_die(long n) {
    hone_file_fault_after(n, deadly);
    if (write_pieces(2) != HONE_OK) _exit(1);
}

static void kill_each(enum hone_file_fault kind) {
    long n = 0;
    bool renewed = false;
    deadly = kind;
    begin();
    for (; dies(write_and_die, n); n++) {
        unsigned char content = expect_whole();
        if (content == 2) renewed = true;
        // Once the new file stands it does not go away again.
        assert_true(content == 2 || !renewed);
        if (n == 0) assert_int_equal(content, 1);
    }
    assert_true(n > 15);
    assert_int_equal(expect_whole(), 2);
    assert_ok(write_pieces(3));
    assert_int_equal(expect_whole(), 3);
}

static void test_killed_at_each_call(void **state) {
    (void)state;
    kill_each(HONE_FILE_FAULT_KILL);
}

static void test_power_cut_at_each_call(void **state) {
    (void)state;
    kill_each(HONE_FILE_FAULT_POWER);
}

// ---- Checkpoints, at random moments ----

static hone_status write_checkpoint(float value) {
    static float weights[FLOATS];
    for (int i = 0; i < FLOATS; i++) weights[i] = value;
    struct hone_checkpoint_tensor tensor = {"w", hone_desc_make(HONE_F32, 1, FLOATS, 0, 0, 0),
                                            weights};
    return hone_checkpoint_write(path,
                                 &(struct hone_checkpoint){.tensors = &tensor, .tensor_count = 1});
}

static void write_for_ever(long n) {
    (void)n;
    for (float value = 1;; value++)
        if (write_checkpoint(value) != HONE_OK) _exit(1);
}

static void expect_whole_checkpoint(void) {
    struct hone_checkpoint read;
    assert_ok(hone_checkpoint_open(path, &read));
    const float *w = hone_checkpoint_find(&read, "w")->data;
    for (int i = 0; i < FLOATS; i++) assert_true(w[i] == w[0]);
    hone_checkpoint_close(&read);
}

// 200 processes that write checkpoints without end are killed within 8 milliseconds.
static void test_200_kills(void **state) {
    (void)state;
    snprintf(path, sizeof path, "%s/last.safetensors", test_dir);
    assert_ok(write_checkpoint(0));
    for (uint64_t i = 0; i < 200; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) write_for_ever(0);
        struct timespec pause = {.tv_nsec = (long)hone_rng_below(5, 1, i, 8000000)};
        nanosleep(&pause, NULL);
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        expect_whole_checkpoint();
    }
    assert_ok(write_checkpoint(0.5f));
    expect_whole_checkpoint();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_short_and_interrupted),
        FIXTURE_TEST(test_full),
        FIXTURE_TEST(test_broken),
        FIXTURE_TEST(test_reading),
        FIXTURE_TEST(test_killed_at_each_call),
        FIXTURE_TEST(test_power_cut_at_each_call),
        FIXTURE_TEST(test_200_kills),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
