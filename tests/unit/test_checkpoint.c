// test_checkpoint: what is written reads back; damaged files are named; a write that fails leaves
// the old file.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "train/checkpoint.h"

static char dir[256], path[300];
static const float a[6] = {1, 2, 3, 4, 5, 6};
static const int32_t b[1] = {-7};

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    snprintf(path, sizeof path, "%s/x.safetensors", dir);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

static hone_status write_some(const char *to) {
    struct hone_checkpoint_tensor tensors[] = {
        {"conv.weight", hone_desc_make(HONE_F32, 2, 2, 3, 0, 0), a},
        {"step", hone_desc_make(HONE_I32, 0, 0, 0, 0, 0), b}};
    struct hone_checkpoint_note notes[] = {{"epoch", "3"}, {"say \"so\"", "a\nb"}};
    return hone_checkpoint_write(
        to, &(struct hone_checkpoint){
                .tensors = tensors, .tensor_count = 2, .notes = notes, .note_count = 2});
}

static void test_round_trip(void **state) {
    (void)state;
    struct hone_checkpoint read;
    assert_ok(write_some(path));
    assert_ok(hone_checkpoint_open(path, &read));
    assert_int_equal(read.tensor_count, 2);
    const struct hone_checkpoint_tensor *t = hone_checkpoint_find(&read, "conv.weight");
    assert_non_null(t);
    assert_true(t->desc.dtype == HONE_F32 && t->desc.rank == 2 && t->desc.dim[1] == 3);
    assert_memory_equal(t->data, a, sizeof a);
    t = hone_checkpoint_find(&read, "step");
    assert_true(t && t->desc.rank == 0 && *(const int32_t *)t->data == -7);
    assert_null(hone_checkpoint_find(&read, "bias"));
    assert_string_equal(hone_checkpoint_note(&read, "epoch"), "3");
    assert_string_equal(hone_checkpoint_note(&read, "say \"so\""), "a\nb");
    assert_null(hone_checkpoint_note(&read, "none"));
    hone_checkpoint_close(&read);
}

static void expect_broken(const char *bytes, size_t count, const char *text) {
    struct hone_checkpoint read;
    assert_ok(hone_file_write(path, bytes, count));
    hone_status status = hone_checkpoint_open(path, &read);
    if (status == HONE_OK) fail_msg("no failure; wanted: %s", text);
    if (!strstr(hone_error_message(), text))
        fail_msg("'%s' does not contain '%s'", hone_error_message(), text);
    assert_null(read.tensors);
}

static void expect_header(const char *header, const char *text) {
    char file[512] = {0};
    size_t length = strlen(header);
    while (length % 8) length++;
    memset(file + 8, ' ', length);
    memcpy(file + 8, header, strlen(header));
    file[0] = (char)(length & 255);
    file[1] = (char)(length >> 8);
    expect_broken(file, 8 + length + 8, text); // with 8 bytes of data
}

static void test_damaged(void **state) {
    (void)state;
    expect_broken("", 0, "neither safetensors");
    expect_broken("\x40\0\0\0\0\0\0\0{}", 10, "cut short");
    expect_broken("\xff\xff\xff\xff\xff\xff\xff\xff{}", 10, "neither safetensors");
    expect_header("[1]", "neither safetensors");
    expect_header("{]", "not JSON");
    expect_header("{\"x\": 1}", "not described");
    expect_header("{\"x\": {\"dtype\": \"F16\", \"shape\": [4], \"data_offsets\": [0, 8]}}", "is none of hone's");
    expect_header("{\"x\": {\"dtype\": \"F32\", \"shape\": [3], \"data_offsets\": [0, 8]}}",
                  "do not agree");
    expect_header("{\"x\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [4, 12]}}",
                  "outside the file");
    expect_header("{\"x\": {\"dtype\": \"F32\", \"shape\": [2], \"data_offsets\": [-8, 0]}}",
                  "outside the file");
    expect_header("{\"x\": {\"dtype\": \"F32\", \"shape\": [-2], \"data_offsets\": [0, 8]}}",
                  "impossible shape");
}

static void test_failed_writes(void **state) {
    (void)state;
    struct hone_checkpoint read;
    char missing[320];
    snprintf(missing, sizeof missing, "%s/none/x.safetensors", dir);
    assert_int_not_equal(write_some(missing), HONE_OK);
    // A full disk: everything written to it fails.
    if (hone_file_exists("/dev/full"))
        test_expect_failure(write_some("/dev/full"), HONE_IO, "No space left");
    // The N-th allocation fails: no half-written file, and the old one stays whole.
    assert_ok(write_some(path));
    for (long n = 0; n < 200; n++) {
        hone_alloc_fail_after(n);
        hone_status status = write_some(path);
        hone_alloc_fail_after(-1);
        assert_ok(hone_checkpoint_open(path, &read));
        assert_int_equal(read.tensor_count, 2);
        hone_checkpoint_close(&read);
        if (status == HONE_OK) return;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
    }
    fail_msg("writing never succeeds");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damaged),
        cmocka_unit_test(test_failed_writes),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
