// test_alike: pictures of one part on two sides of a split: found under another exposure and pixel
// for pixel, and not among pictures that merely are of one kind.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/rng.h"
#include "data/alike.h"
#include "support/fixture.h"

enum { SIDE = 48 };

// A smooth random surface, number `seed`, times `gain` plus `shift`, with a little noise of its
// own.
static void surface(uint32_t seed, double gain, double shift, uint32_t noise, uint8_t *out) {
    for (int y = 0; y < SIDE; y++)
        for (int x = 0; x < SIDE; x++) {
            double v = 0;
            for (uint32_t k = 0; k < 12; k++)
                v += sin(x * hone_rng_f32(seed, 1, k) + y * hone_rng_f32(seed, 2, k) +
                         6.28 * hone_rng_f32(seed, 3, k));
            v = 128 + gain * v * 12 + shift + 2 * hone_rng_f32(noise, 4, (uint64_t)(y * SIDE + x));
            out[(y * SIDE + x) * 3] = out[(y * SIDE + x) * 3 + 1] = out[(y * SIDE + x) * 3 + 2] =
                (uint8_t)(v < 0     ? 0
                          : v > 255 ? 255
                                    : v);
        }
}

static struct hone_fingerprint print_of(uint32_t seed, double gain, double shift, uint32_t noise) {
    static uint8_t pixels[SIDE * SIDE * 3];
    surface(seed, gain, shift, noise, pixels);
    return hone_fingerprint_of(pixels, SIDE, SIDE);
}

static void test_fingerprints(void **state) {
    (void)state;
    for (uint32_t seed = 1; seed < 20; seed++) {
        struct hone_fingerprint a = print_of(seed, 1, 0, 1), b = print_of(seed, 0.5, 30, 2),
                                c = print_of(seed + 100, 1, 0, 1);
        assert_int_equal(hone_fingerprint_distance(&a, &a), 0);
        assert_true(hone_fingerprint_distance(&a, &b) <= HONE_ALIKE_BITS);
        assert_true(hone_fingerprint_distance(&a, &c) > 2 * HONE_ALIKE_BITS);
    }
    // Known by hand: brighter to the right everywhere, and no brighter downwards.
    uint8_t ramp[SIDE * SIDE * 3];
    for (int i = 0; i < SIDE * SIDE * 3; i++) ramp[i] = (uint8_t)(i / 3 % SIDE * 5);
    struct hone_fingerprint print = hone_fingerprint_of(ramp, SIDE, SIDE);
    for (int i = 0; i < 4; i++) {
        assert_true(print.word[i] == UINT64_MAX);
        assert_true(print.word[i + 4] == 0);
    }
}

// Writes surface `seed` as d/PART/CLASS/NAME.ppm.
static void put(const char *place, uint32_t seed, double gain, double shift, uint32_t noise) {
    static uint8_t file[64 + SIDE * SIDE * 3];
    char path[400];
    int header = snprintf((char *)file, 64, "P6 %d %d 255\n", SIDE, SIDE);
    surface(seed, gain, shift, noise, file + header);
    snprintf(path, sizeof path, "%s/d/%s.ppm", test_dir, place);
    char *folder = hone_path_folder(path);
    assert_ok(hone_dir_make(folder));
    hone_free(folder);
    assert_ok(hone_file_write(path, file, (size_t)header + SIDE * SIDE * 3));
}

static struct hone_alike compare(const struct hone_data_params *params, int size,
                                 hone_dataset **dataset) {
    const struct hone_preprocess preprocess = {
        .height = size, .width = size, .mean = {0, 0, 0}, .std = {1, 1, 1}};
    struct hone_pictures parts[HONE_PART_COUNT];
    struct hone_alike alike;
    assert_ok(hone_dataset_open(params, dataset));
    for (int part = 0; part < HONE_PART_COUNT; part++)
        assert_ok(
            hone_pictures_load(*dataset, (enum hone_part)part, &preprocess, NULL, &parts[part]));
    assert_ok(hone_pictures_compare(*dataset, parts, &alike));
    for (int part = 0; part < HONE_PART_COUNT; part++) hone_pictures_deinit(&parts[part]);
    return alike;
}

static void test_parts(void **state) {
    (void)state;
    char name[64], folder[300];
    for (uint32_t i = 0; i < 12; i++) {
        const char *class_name = i % 2 ? "a" : "b";
        snprintf(name, sizeof name, "train/%s/%u", class_name, (unsigned)i);
        put(name, i, 1, 0, 1);
        snprintf(name, sizeof name, "test/%s/%u", class_name, (unsigned)i);
        put(name, 50 + i, 1, 0, 1);
        snprintf(name, sizeof name, "val/%s/%u", class_name, (unsigned)i);
        put(name, 80 + i, 1, 0, 1);
    }
    snprintf(folder, sizeof folder, "%s/d", test_dir);
    struct hone_data_params params = {.folder = folder};
    hone_dataset *dataset;
    struct hone_alike alike = compare(&params, 32, &dataset);
    hone_alike_warn(&alike);
    assert_int_equal(alike.compared, 24);
    assert_int_equal(alike.alike, 0);
    assert_string_equal(test_warnings, "");
    hone_dataset_close(&dataset);

    put("val/a/again", 3, 0.6, -20, 9); // train/a/3 under another exposure
    put("test/b/copy", 82, 1, 0, 1);    // val/b/2, pixel for pixel
    alike = compare(&params, 32, &dataset);
    hone_alike_warn(&alike);
    assert_int_equal(alike.alike, 2);
    assert_int_equal(alike.equal, 1);
    assert_string_equal(alike.held->name, "test/b/copy.ppm");
    assert_string_equal(alike.seen->name, "val/b/2.ppm");
    assert_non_null(strstr(test_warnings, "2 of 26 pictures held out"));
    assert_non_null(strstr(test_warnings, "1 of them pixel for pixel"));
    hone_dataset_close(&dataset);
}

// Real photographs: a random split is known to be leaky, one by tile is not.
static void test_shared(void **state) {
    (void)state;
    const char *shared = test_shared_dir();
    if (!shared) skip();
    char path[4][512];
    snprintf(path[0], sizeof path[0], "%s/data/defects/magnetic_tile/images", shared);
    for (int i = 0; i < 3; i++)
        snprintf(path[i + 1], sizeof path[1], "%s/data/defects/magnetic_tile/splits/%s.txt", shared,
                 hone_part_name((enum hone_part)i));
    hone_dataset *dataset;
    struct hone_alike alike = compare(&(struct hone_data_params){.folder = path[0]}, 64, &dataset);
    printf("split at random: %zu of %zu alike\n", alike.alike, alike.compared);
    assert_true(alike.alike * 10 > alike.compared * 7);
    hone_dataset_close(&dataset);
    alike = compare(&(struct hone_data_params){.train_list = path[1],
                                               .val_list = path[2],
                                               .test_list = path[3]},
                    64, &dataset);
    printf("split by tile: %zu of %zu alike\n", alike.alike, alike.compared);
    assert_true(alike.alike * 10 < alike.compared);
    hone_dataset_close(&dataset);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_TEST(test_fingerprints),
        FIXTURE_TEST(test_parts),
        FIXTURE_TEST(test_shared),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
