// test_image_decode: every format against Pillow's pixels; broken, cut, huge and foreign files;
// EXIF.
#include "support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/codec.h"
#include "image/decode.h"
#include "image/jpeg_markers.h"

#define IMAGES HONE_SOURCE_DIR "/tests/golden/data/images/"

static const char *golden(const char *name) {
    static char path[2][512];
    static int turn;
    turn = !turn;
    snprintf(path[turn], sizeof path[turn], IMAGES "%s", name);
    return path[turn];
}

static uint8_t *load(const char *path, size_t *bytes) {
    char *data;
    assert_ok(hone_file_read(path, 0, &data, bytes));
    return (uint8_t *)data;
}

static bool libjpeg_built(void) {
    size_t bytes;
    uint8_t *data = load(golden("rgb.jpg"), &bytes);
    struct hone_image image = {0};
    hone_status status = hone_codec_libjpeg(data, bytes, 1 << 20, &image);
    hone_image_destroy(&image);
    hone_free(data);
    return status == HONE_OK;
}

static void test_formats(void **state) {
    (void)state;
    FILE *list = fopen(golden("decode.txt"), "r");
    assert_non_null(list);
    bool same_jpeg = libjpeg_built();
    char name[64], kind[16], raw[80];
    int width, height, count = 0;
    while (fscanf(list, "%63s %d %d %15s", name, &width, &height, kind) == 4) {
        struct hone_image image;
        assert_ok(hone_image_load(golden(name), 0, &image));
        if (image.width != width || image.height != height)
            fail_msg("%s: %dx%d", name, (int)image.width, (int)image.height);
        size_t bytes;
        snprintf(raw, sizeof raw, "%s.rgb", name);
        uint8_t *want = load(golden(raw), &bytes);
        assert_int_equal(bytes, (size_t)width * (size_t)height * 3);
        // Without libjpeg: stb's own inverse DCT and chroma filter, at the edge of a red square.
        int bound = !same_jpeg && strcmp(kind, "jpeg") == 0 ? 40 : 0;
        for (size_t i = 0; i < bytes; i++) {
            if (abs(image.pixels[i] - want[i]) > bound)
                fail_msg("%s: byte %zu is %d, not %d", name, i, image.pixels[i], want[i]);
        }
        hone_free(want);
        hone_image_destroy(&image);
        count++;
    }
    fclose(list);
    assert_int_equal(count, 29);
}

// stb decodes JPEG too where libjpeg is missing or refuses: near to libjpeg's pixels.
static void test_stb_jpeg(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.jpg", "progressive.jpg", "full_chroma.jpg",
                                        "grey.jpg"};
    for (size_t n = 0; n < 4; n++) {
        size_t bytes, want_bytes;
        char raw[80];
        snprintf(raw, sizeof raw, "%s.rgb", names[n]);
        uint8_t *data = load(golden(names[n]), &bytes), *want = load(golden(raw), &want_bytes);
        struct hone_image image;
        assert_ok(hone_codec_stb(data, bytes, 1 << 20, &image));
        double sum = 0;
        for (size_t i = 0; i < want_bytes; i++) sum += abs(image.pixels[i] - want[i]);
        assert_true(sum / (double)want_bytes < 1.5);
        hone_image_destroy(&image);
        hone_free(data);
        hone_free(want);
    }
}

static void expect_broken(const void *data, size_t bytes, const char *name, const char *message) {
    struct hone_image image;
    // A heap copy of the exact size lets the sanitizer see a read past the end.
    uint8_t *copy = malloc(bytes ? bytes : 1);
    if (bytes) memcpy(copy, data, bytes);
    hone_status status = hone_image_decode(copy, bytes, name, 0, &image);
    free(copy);
    test_expect_failure(status, HONE_INVALID, message);
    test_expect_failure(status, HONE_INVALID, name);
    assert_null(image.pixels);
}

static void test_foreign_files(void **state) {
    (void)state;
    const char *message = "not a picture that hone reads (JPEG, PNG, BMP, TGA, PGM or PPM)";
    expect_broken("hello, I am text\n", 17, "part.jpg", message);
    expect_broken("", 0, "empty.png", "empty.png: the file is empty");
    expect_broken("GIF89a and so on and on and on", 30, "anim.gif", message);
    expect_broken("Plain text that begins with P.", 30, "x.tga", "x.tga: ");
    expect_broken("\xFF\xFF\xD8\xFF\xC4 and more than 18 bytes", 28, "fill.tga", message);
    struct hone_image image;
    test_expect_failure(hone_image_load(IMAGES "none.png", 0, &image), HONE_NOT_FOUND,
                        "none.png: No such file");
}

// Every format, cut at a few places, is refused and named.
static void test_cut_files(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.jpg",   "progressive.jpg", "turn6.jpg",  "rgb.png",
                                        "rgb16.png", "palette.png",     "rgb.bmp",    "grey.bmp",
                                        "rgb.tga",   "grey.pgm",        "grey12.pgm", "plain.ppm"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t bytes;
        uint8_t *data = load(golden(names[n]), &bytes);
        for (int cut = 1; cut < 10; cut++)
            expect_broken(data, bytes * (size_t)cut / 10, names[n], names[n]);
        hone_free(data);
    }
}

static void test_damaged_files_never_crash(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.jpg", "progressive.jpg", "rgb.png", "palette.png",
                                        "rgb.bmp", "rle.tga",         "rgb.ppm", "turn5.jpg"};
    uint32_t random = 1;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        size_t bytes;
        uint8_t *data = load(golden(names[n]), &bytes);
        uint8_t *copy = malloc(bytes);
        for (int round = 0; round < 300; round++) {
            memcpy(copy, data, bytes);
            for (int i = 0; i < 1 + round % 8; i++) {
                random = random * 1664525u + 1013904223u;
                copy[(random >> 8) % bytes] = (uint8_t)(random >> 24);
            }
            struct hone_image image;
            hone_status status = hone_image_decode(copy, bytes, names[n], 1000000, &image);
            assert_true(status == HONE_OK || status == HONE_INVALID);
            hone_image_destroy(&image);
        }
        free(copy);
        hone_free(data);
    }
}

static void test_size_limit(void **state) {
    (void)state;
    struct hone_image image;
    static const char *const names[] = {"rgb.jpg", "rgb.png", "rgb.bmp", "rgb.tga", "rgb.ppm"};
    for (size_t n = 0; n < 5; n++) {
        test_expect_failure(hone_image_load(golden(names[n]), 37 * 23 - 1, &image), HONE_INVALID,
                            "37x23 pixels are more than the limit of 850");
        assert_ok(hone_image_load(golden(names[n]), 37 * 23, &image));
        hone_image_destroy(&image);
    }
    const char *huge = "P5 2000000000 2000000000 255\n";
    expect_broken(huge, strlen(huge), "huge.pgm", "more than the limit of 200000000");
}

static void test_allocation_failures(void **state) {
    (void)state;
    static const char *const names[] = {"turn6.jpg", "rgb16.png", "palette.png",
                                        "rgb.bmp",   "rle.tga",   "plain.ppm"};
    size_t live = hone_alloc_live_bytes();
    for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
        for (long k = 0;; k++) {
            struct hone_image image;
            hone_alloc_fail_after(k);
            hone_status status = hone_image_load(golden(names[n]), 0, &image);
            hone_alloc_fail_after(-1);
            hone_image_destroy(&image);
            assert_int_equal(hone_alloc_live_bytes(), live);
            if (status == HONE_OK) break;
            assert_int_equal(status, HONE_OUT_OF_MEMORY);
            assert_true(k < 1000);
        }
    }
}

static void test_extensions(void **state) {
    (void)state;
    static const char *const yes[] = {"a.jpg", "a.JPEG", "b/c.png", "x.Bmp",
                                      "t.tga", "g.pgm",  "p.ppm"};
    static const char *const no[] = {"a.txt", "jpg", "a.gif", ".jpg", "a.jpg.bak", "dir.png/file"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(hone_image_extension_known(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(hone_image_extension_known(no[i]));
}

// SOI, APP1 with a TIFF block of one entry, SOS, EOI; both byte orders.
static void test_exif_orders_and_nonsense(void **state) {
    (void)state;
    static const uint8_t big[] = "\xFF\xD8\xFF\xE1\0\x22"
                                 "Exif\0\0"
                                 "MM\0\x2A\0\0\0\x08"
                                 "\0\x01"
                                 "\x01\x12\0\x03\0\0\0\x01\0\x06\0\0"
                                 "\0\0\0\0"
                                 "\xFF\xDA\0\x02\x12\xFF\0\x34\xFF\xD9";
    static const uint8_t little[] = "\xFF\xD8\xFF\xE1\0\x22"
                                    "Exif\0\0"
                                    "II\x2A\0\x08\0\0\0"
                                    "\x01\0"
                                    "\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"
                                    "\0\0\0\0"
                                    "\xFF\xDA\0\x02\x12\xFF\0\x34\xFF\xD9";
    struct hone_jpeg_markers got = hone_jpeg_markers_read(big, sizeof big - 1);
    assert_int_equal(got.orientation, 6);
    assert_true(got.complete);
    got = hone_jpeg_markers_read(little, sizeof little - 1);
    assert_int_equal(got.orientation, 8);
    assert_false(hone_jpeg_markers_read(big, sizeof big - 2).complete);
    // Each byte replaced by each of a few values: the answer stays within 1..8, nothing is read
    // outside.
    static const uint8_t values[] = {0, 1, 9, 0x7F, 0x80, 0xFF};
    for (size_t i = 0; i < sizeof big - 1; i++) {
        for (size_t v = 0; v < sizeof values; v++) {
            uint8_t *copy = malloc(sizeof big - 1);
            memcpy(copy, big, sizeof big - 1);
            copy[i] = values[v];
            got = hone_jpeg_markers_read(copy, sizeof big - 1);
            assert_true(got.orientation >= 1 && got.orientation <= 8);
            free(copy);
        }
    }
}

// Real files are sound, whatever their scans; a table of more codes than a byte has values is not.
static void test_huffman_tables(void **state) {
    (void)state;
    static const char *const names[] = {"rgb.jpg", "progressive.jpg", "grey.jpg", "turn6.jpg"};
    for (size_t n = 0; n < 4; n++) {
        size_t bytes;
        uint8_t *data = load(golden(names[n]), &bytes);
        assert_true(hone_jpeg_tables_sound(data, bytes));
        for (size_t i = 0; i + 5 < bytes; i++) {
            if (data[i] != 0xFF || data[i + 1] != 0xC4) continue;
            data[i + 5] = 255;
            data[i + 6] = 255;
            break;
        }
        assert_false(hone_jpeg_tables_sound(data, bytes));
        expect_broken(data, bytes, names[n], "the picture is damaged");
        hone_free(data);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats),
        cmocka_unit_test(test_stb_jpeg),
        cmocka_unit_test(test_foreign_files),
        cmocka_unit_test(test_cut_files),
        cmocka_unit_test(test_damaged_files_never_crash),
        cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_allocation_failures),
        cmocka_unit_test(test_extensions),
        cmocka_unit_test(test_huffman_tables),
        cmocka_unit_test(test_exif_orders_and_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
