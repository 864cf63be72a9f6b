// test_feature_cache: what is kept comes back bit for bit; keys, damage, faults, a second writer,
// and room for it all.
#include "support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/file_call.h"
#include "train/cache.h"

enum { COUNT = 40, FEATURES = 5, SIDE = 4 };
enum { HEADER = 24, RECORD = 24 + 4 * FEATURES }; // bytes of the file's parts

static char dir[256];
static uint8_t pixels[COUNT * SIDE * SIDE * 3];
static const struct hone_pictures pictures = {
    .count = COUNT, .height = SIDE, .width = SIDE, .pixels = pixels};
static uint64_t hashes[COUNT];
static float rows[COUNT * FEATURES];

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    for (size_t i = 0; i < sizeof pixels; i++) pixels[i] = (uint8_t)(i * 7 + i / 48 * 31);
    for (size_t i = 0; i < COUNT; i++) hashes[i] = hone_feature_cache_hash(&pictures, i);
    for (int i = 0; i < COUNT * FEATURES; i++) rows[i] = 1.0f / (float)(i + 3);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    test_temp_remove(dir);
    return 0;
}

// How many of all pictures the cache has, each as it was given.
static int found(uint64_t key, int32_t features) {
    struct hone_feature_cache cache;
    int count = 0;
    assert_ok(hone_feature_cache_open(dir, key, features, &cache));
    for (int i = 0; i < COUNT; i++) {
        double seconds = 0;
        const float *row = hone_feature_cache_find(&cache, hashes[i], &seconds);
        if (!row) continue;
        assert_memory_equal(row, rows + i * FEATURES, FEATURES * sizeof *row);
        assert_true(seconds == 0.25);
        count++;
    }
    hone_feature_cache_close(&cache);
    return count;
}

static size_t add(struct hone_feature_cache *cache, size_t first, size_t count) {
    size_t kept;
    assert_ok(
        hone_feature_cache_add(cache, hashes + first, rows + first * FEATURES, count, 0.25, &kept));
    return kept;
}

static void test_keeps(void **state) {
    (void)state;
    struct hone_feature_cache a, b;
    for (int i = 0; i < COUNT; i++)
        for (int k = 0; k < i; k++) assert_true(hashes[i] != hashes[k]);
    assert_ok(hone_feature_cache_open(dir, 77, FEATURES, &a));
    assert_ok(hone_feature_cache_open(dir, 77, FEATURES, &b));
    assert_int_equal(found(77, FEATURES), 0);
    assert_int_equal(add(&a, 0, 10), 10);
    assert_int_equal(add(&b, 5, 20), 15); // another run, which does not know of the first
    assert_int_equal(found(77, FEATURES), 25);
    assert_int_equal(add(&a, 0, COUNT), COUNT - 25);
    assert_int_equal(add(&a, 0, COUNT), 0);
    assert_int_equal(found(77, FEATURES), COUNT);
    assert_int_equal(found(78, FEATURES), 0); // another net
    hone_feature_cache_close(&a);
    hone_feature_cache_close(&b);
}

static void test_damage(void **state) {
    (void)state;
    struct hone_feature_cache cache;
    char path[400], *text;
    size_t bytes;
    assert_ok(hone_feature_cache_open(dir, 5, FEATURES, &cache));
    assert_int_equal(add(&cache, 0, COUNT), COUNT);
    snprintf(path, sizeof path, "%s", cache.path);
    hone_feature_cache_close(&cache);
    assert_ok(hone_file_read(path, 0, &text, &bytes));
    assert_int_equal(bytes, HEADER + COUNT * RECORD);
    for (size_t at = 0; at < bytes; at += 7) {
        size_t lost = at < HEADER ? at >= 20 ? 0 : COUNT : 1; // 20: reserved
        text[at] ^= 4;
        assert_ok(hone_file_write(path, text, bytes));
        assert_int_equal(found(5, FEATURES), COUNT - lost);
        text[at] ^= 4;
    }
    // What a kill left unfinished costs the last record, and the next to add cuts it off.
    for (size_t cut = 0; cut < bytes; cut += 13) {
        size_t whole = cut < HEADER ? 0 : (cut - HEADER) / RECORD;
        assert_ok(hone_file_write(path, text, cut));
        assert_int_equal(found(5, FEATURES), whole);
        assert_ok(hone_feature_cache_open(dir, 5, FEATURES, &cache));
        assert_int_equal(add(&cache, 0, COUNT), COUNT - whole);
        hone_feature_cache_close(&cache);
        assert_int_equal(found(5, FEATURES), COUNT);
    }
    // A damaged record is added anew, behind the others.
    text[HEADER + 3 * RECORD + 30] ^= 1;
    assert_ok(hone_file_write(path, text, bytes));
    assert_ok(hone_feature_cache_open(dir, 5, FEATURES, &cache));
    assert_int_equal(add(&cache, 0, COUNT), 1);
    hone_feature_cache_close(&cache);
    assert_int_equal(found(5, FEATURES), COUNT);
    // A file of another kind is replaced.
    assert_ok(hone_file_write(path, "another's, and longer than a header", 35));
    assert_ok(hone_feature_cache_open(dir, 5, FEATURES, &cache));
    assert_int_equal(add(&cache, 3, 4), 4);
    hone_feature_cache_close(&cache);
    assert_int_equal(found(5, FEATURES), 4);
    hone_free(text);
}

// A full disk, a failing one and writes that fall short: an error at most, and what was there
// stays. A mapped file whose records are read is never shortened below them.
static void test_faults(void **state) {
    (void)state;
    struct hone_feature_cache cache;
    size_t kept;
    assert_ok(hone_feature_cache_open(dir, 9, FEATURES, &cache));
    assert_int_equal(add(&cache, 0, 10), 10);
    static const enum hone_file_fault faults[] = {HONE_FILE_FAULT_FULL, HONE_FILE_FAULT_BROKEN};
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) {
        hone_file_fault_after(0, faults[i]);
        hone_status status =
            hone_feature_cache_add(&cache, hashes + 10, rows + 10 * FEATURES, 10, 0.25, &kept);
        hone_file_fault_after(0, HONE_FILE_FAULT_NONE);
        assert_int_equal(status, HONE_IO);
        assert_int_equal(kept, 0);
        assert_int_equal(found(9, FEATURES), 10);
    }
    hone_file_fault_after(0, HONE_FILE_FAULT_SHORT);
    assert_int_equal(add(&cache, 10, 10), 10);
    hone_file_fault_after(0, HONE_FILE_FAULT_INTERRUPT);
    assert_int_equal(add(&cache, 20, 10), 10);
    hone_file_fault_after(0, HONE_FILE_FAULT_NONE);
    assert_int_equal(found(9, FEATURES), 30);
    hone_feature_cache_close(&cache);
}

static void write_old(const char *name, size_t bytes, time_t when, char *path) {
    static const char zeros[4096];
    const struct timespec times[2] = {{.tv_sec = when}, {.tv_sec = when}};
    snprintf(path, 400, "%s/room/%s", dir, name);
    assert_ok(hone_file_write(path, zeros, bytes));
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
}

// The oldest go first, what is at work never, and nothing goes where all would not do.
static void test_room(void **state) {
    (void)state;
    char folder[300], paths[4][400], own[400];
    snprintf(folder, sizeof folder, "%s/room", dir);
    assert_ok(hone_dir_make(folder));
    write_old("a-own.bin", 1000, 1, own);
    write_old("a-1.bin", 1000, 30, paths[0]);
    write_old("a-2.bin", 1000, 20, paths[1]);
    write_old("a-2.bin.lock", 1000, 10, paths[2]);
    write_old("b-1.bin", 1000, 10, paths[3]);
    assert_true(hone_cache_make_room(own, "a-", 500, 3500));
    assert_true(hone_file_exists(paths[1]));
    assert_false(hone_cache_make_room(own, "a-", 3000, 3500));
    assert_true(hone_file_exists(paths[1]));
    assert_true(hone_cache_make_room(own, "a-", 501, 3500));
    assert_false(hone_file_exists(paths[1]));
    assert_true(hone_cache_make_room(own, "a-", 2500, 3500));
    assert_false(hone_file_exists(paths[0]));
    for (int i = 2; i < 4; i++) assert_true(hone_file_exists(paths[i]));
    assert_true(hone_file_exists(own));
    assert_false(hone_cache_make_room(own, "a-", UINT64_C(1) << 62, UINT64_MAX)); // no such disk
    assert_true(hone_cache_limit(own, "a-", 3500) == 3500);
    assert_true(hone_feature_cache_has_room(dir, 40, 1000));
    assert_false(hone_feature_cache_has_room(dir, 1 << 20, 1 << 20));
    assert_false(hone_feature_cache_has_room("", 1, 1));
}

static void test_off(void **state) {
    (void)state;
    struct hone_feature_cache cache;
    assert_ok(hone_feature_cache_open("", 6, FEATURES, &cache));
    assert_null(cache.path);
    assert_int_equal(add(&cache, 0, COUNT), 0);
    assert_null(hone_feature_cache_find(&cache, hashes[0], NULL));
    hone_feature_cache_close(&cache);
    for (int n = 0; n < 3; n++) {
        hone_alloc_fail_after(n);
        hone_status status = hone_feature_cache_open(dir, 6, FEATURES, &cache);
        hone_alloc_fail_after(-1);
        if (status == HONE_OK)
            hone_feature_cache_close(&cache);
        else
            assert_int_equal(status, HONE_OUT_OF_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keeps), cmocka_unit_test(test_damage), cmocka_unit_test(test_faults),
        cmocka_unit_test(test_room),  cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
