// test_feature_cache: what is kept comes back bit for bit; keys, damage and a second writer.
#include "support/support.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "train/cache.h"

enum { COUNT = 40, FEATURES = 5, SIDE = 4 };

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
        const float *row = hone_feature_cache_find(&cache, hashes[i]);
        if (!row) continue;
        assert_memory_equal(row, rows + i * FEATURES, FEATURES * sizeof *row);
        count++;
    }
    if (count) assert_true(cache.seconds == 0.25);
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
    const size_t places[] = {0, 9, 17, 41, bytes - 1};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        text[places[i]] ^= 4;
        assert_ok(hone_file_write(path, text, bytes));
        assert_int_equal(found(5, FEATURES), 0);
        text[places[i]] ^= 4;
    }
    for (size_t cut = 0; cut < bytes; cut += 13) {
        assert_ok(hone_file_write(path, text, cut));
        assert_int_equal(found(5, FEATURES), 0);
    }
    // A damaged one is replaced.
    assert_ok(hone_feature_cache_open(dir, 5, FEATURES, &cache));
    assert_int_equal(add(&cache, 3, 4), 4);
    hone_feature_cache_close(&cache);
    assert_int_equal(found(5, FEATURES), 4);
    hone_free(text);
}

static void test_off(void **state) {
    (void)state;
    struct hone_feature_cache cache;
    assert_ok(hone_feature_cache_open("", 6, FEATURES, &cache));
    assert_null(cache.path);
    assert_int_equal(add(&cache, 0, COUNT), 0);
    assert_null(hone_feature_cache_find(&cache, hashes[0]));
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
        cmocka_unit_test(test_keeps),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_off),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
