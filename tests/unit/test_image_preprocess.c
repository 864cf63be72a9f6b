// test_image_preprocess: resizing bit for bit as Pillow (kept files, and real photographs where
// there are some), the fits, and the normalisations with their texts.
#include "support/support.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/decode.h"
#include "image/preprocess.h"
#include "image/resize.h"

#define IMAGES HONE_SOURCE_DIR "/tests/golden/data/images/"

// Largest difference between a picture and a file of raw RGB.
static int difference(const struct hone_image *image, const char *path) {
    char *want;
    size_t bytes;
    assert_ok(hone_file_read(path, 0, &want, &bytes));
    assert_int_equal(bytes, (size_t)image->width * (size_t)image->height * 3);
    int most = 0;
    for (size_t i = 0; i < bytes; i++) {
        int d = abs(image->pixels[i] - (uint8_t)want[i]);
        if (d > most) most = d;
    }
    hone_free(want);
    return most;
}

static void test_resize_equals_pillow(void **state) {
    (void)state;
    FILE *list = fopen(IMAGES "resize.txt", "r");
    assert_non_null(list);
    char name[64], path[512], filter[16];
    int width, height, count = 0;
    while (fscanf(list, "%63s %d %d %15s", name, &width, &height, filter) == 4) {
        struct hone_image image, small;
        bool cubic = strcmp(filter, "bicubic") == 0;
        snprintf(path, sizeof path, IMAGES "%s", name);
        assert_ok(hone_image_load(path, 0, &image));
        assert_ok(hone_image_resize(&image, width, height,
                                    cubic ? HONE_FILTER_BICUBIC : HONE_FILTER_BILINEAR, &small));
        snprintf(path, sizeof path, IMAGES "%s-%dx%d-%s.rgb", name, width, height, filter);
        assert_int_equal(difference(&small, path), 0);
        hone_image_destroy(&small);
        hone_image_destroy(&image);
        count++;
    }
    fclose(list);
    assert_int_equal(count, 14);
}

// Photographs: stretched, and as timm and torchvision prepare them: the shorter side to 224 / 0.9,
// cubic, the middle of it.
static void test_photographs_equal_pillow(void **state) {
    (void)state;
    const char *shared = test_shared_dir();
    if (!shared) skip();
    if (system("/usr/bin/python3 -c 'import PIL, numpy' 2>/dev/null") != 0) {
        fprintf(stderr, "skipped: /usr/bin/python3 has no Pillow or numpy\n");
        skip();
    }
    char dir[256], command[2048], path[1024], raw[1024];
    test_temp_dir(dir);
    snprintf(
        command, sizeof command,
        "/usr/bin/python3 -c \"import sys, os, numpy\nfrom PIL import Image, ImageOps\n"
        "for f in os.listdir(sys.argv[1]):\n if f.endswith('.json'): continue\n"
        " i = ImageOps.exif_transpose(Image.open(os.path.join(sys.argv[1], f))).convert('RGB')\n"
        " a = numpy.asarray(i.resize((224, 224), Image.BILINEAR))\n"
        " w, h = i.size\n s = (248, int(248 * h / w)) if w < h else (int(248 * w / h), 248)\n"
        " i = i.resize(s, Image.BICUBIC)\n x, y = round((s[0] - 224) / 2), round((s[1] - 224) / 2)\n"
        " b = numpy.asarray(i.crop((x, y, x + 224, y + 224)))\n"
        " numpy.concatenate([a, b]).tofile(sys.argv[2] + '/' + f)\n"
        "\" '%s/data/photos' '%s'",
        shared, dir);
    assert_int_equal(system(command), 0);
    struct hone_arena arena = {0};
    struct hone_dir_entry *list;
    size_t count;
    int worst = 0;
    assert_ok(hone_dir_list(dir, &arena, &list, &count));
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        struct hone_image image, small;
        snprintf(path, sizeof path, "%s/data/photos/%s", shared, list[i].name);
        snprintf(raw, sizeof raw, "%s/%s", dir, list[i].name);
        assert_ok(hone_image_load(path, 0, &image));
        assert_ok(hone_image_create(224, 448, &small));
        struct hone_preprocess stretch = {.height = 224, .width = 224}, crop = stretch;
        assert_ok(hone_preprocess_parse("none:bicubic:crop=0.9", &crop));
        assert_ok(hone_image_fit(&image, &stretch, small.pixels));
        assert_ok(hone_image_fit(&image, &crop, small.pixels + 224 * 224 * 3));
        int most = difference(&small, raw);
        if (most > worst) worst = most;
        hone_image_destroy(&small);
        hone_image_destroy(&image);
    }
    hone_arena_deinit(&arena);
    test_temp_remove(dir);
    fprintf(stderr, "%zu photographs, largest difference to Pillow %d of 255\n", count, worst);
    assert_true(worst <= 1);
}

static struct hone_image ramp(int32_t width, int32_t height) {
    struct hone_image image;
    assert_ok(hone_image_create(width, height, &image));
    for (int32_t i = 0; i < width * height; i++) {
        image.pixels[i * 3] = (uint8_t)(i % width * 255 / (width > 1 ? width - 1 : 1));
        image.pixels[i * 3 + 1] = (uint8_t)(i / width * 255 / (height > 1 ? height - 1 : 1));
        image.pixels[i * 3 + 2] = 77;
    }
    return image;
}

static void test_letterbox(void **state) {
    (void)state;
    struct hone_preprocess pre = {.height = 8, .width = 8, .fit = HONE_FIT_LETTERBOX};
    assert_ok(hone_preprocess_parse("imagenet", &pre));
    struct hone_image image = ramp(40, 20);
    uint8_t pixels[8 * 8 * 3];
    assert_ok(hone_image_fit(&image, &pre, pixels));
    // Bars of two rows above and below, in the mean colour.
    static const uint8_t bar[3] = {124, 116, 104};
    for (int y = 0; y < 8; y++) {
        bool outside = y < 2 || y >= 6;
        for (int x = 0; x < 8; x++) {
            if (outside)
                assert_memory_equal(pixels + (y * 8 + x) * 3, bar, 3);
            else
                assert_int_equal(pixels[(y * 8 + x) * 3 + 2], 77);
        }
    }
    float out[8 * 8 * 3];
    hone_preprocess_normalize(&pre, pixels, 64, out);
    for (int c = 0; c < 3; c++) assert_true(fabsf(out[c]) < 0.01f);
    hone_image_destroy(&image);
    image = ramp(1, 1000); // the thin side does not vanish
    assert_ok(hone_image_fit(&image, &pre, pixels));
    hone_image_destroy(&image);
}

static void test_crop(void **state) {
    (void)state;
    struct hone_preprocess pre = {.height = 10, .width = 10, .fit = HONE_FIT_CROP};
    assert_ok(hone_preprocess_parse("none", &pre));
    struct hone_image image = ramp(30, 10);
    uint8_t pixels[10 * 10 * 3];
    assert_ok(hone_image_fit(&image, &pre, pixels));
    // No scaling is needed, so these are columns 10..19 as they stand.
    for (int y = 0; y < 10; y++)
        assert_memory_equal(pixels + y * 30, image.pixels + (y * 30 + 10) * 3, 30);
    hone_image_destroy(&image);
}

// With a share, the picture is resized to more than the net takes, and the middle kept.
static void test_shares(void **state) {
    (void)state;
    struct hone_preprocess pre = {.height = 10, .width = 10}, all;
    assert_ok(hone_preprocess_parse("none:stretch=0.5", &pre));
    struct hone_image image = ramp(40, 20), sized;
    uint8_t pixels[10 * 10 * 3];
    assert_ok(hone_image_fit(&image, &pre, pixels));
    assert_ok(hone_image_resize(&image, 20, 20, HONE_FILTER_BILINEAR, &sized));
    for (int y = 0; y < 10; y++)
        assert_memory_equal(pixels + y * 30, sized.pixels + ((y + 5) * 20 + 5) * 3, 30);
    hone_image_destroy(&sized);
    assert_ok(hone_preprocess_parse("none:crop=0.5:bicubic", &pre));
    assert_ok(hone_image_fit(&image, &pre, pixels)); // no scaling: the middle as it stands
    for (int y = 0; y < 10; y++)
        assert_memory_equal(pixels + y * 30, image.pixels + ((y + 5) * 40 + 15) * 3, 30);
    all = pre;
    assert_true(hone_preprocess_keep_all(&all));
    assert_true(all.fit == HONE_FIT_STRETCH && all.crop == 0 && all.filter == HONE_FILTER_BICUBIC);
    assert_false(hone_preprocess_keep_all(&all));
    hone_image_destroy(&image);
}

static void test_stretch_is_resize(void **state) {
    (void)state;
    struct hone_preprocess pre = {.height = 5, .width = 9};
    assert_ok(hone_preprocess_parse("tf", &pre));
    struct hone_image image = ramp(31, 17), small;
    uint8_t pixels[5 * 9 * 3];
    assert_ok(hone_image_fit(&image, &pre, pixels));
    assert_ok(hone_image_resize(&image, 9, 5, HONE_FILTER_BILINEAR, &small));
    assert_memory_equal(pixels, small.pixels, sizeof pixels);
    hone_image_destroy(&small);
    test_expect_failure(hone_image_resize(&image, 0, 5, HONE_FILTER_BILINEAR, &small), HONE_INVALID,
                        "0x5");
    hone_image_destroy(&image);
}

static void expect_level(const char *text, uint8_t level, const double want[3]) {
    struct hone_preprocess pre = {0};
    assert_ok(hone_preprocess_parse(text, &pre));
    uint8_t pixel[3] = {level, level, level};
    float out[3], scale[3], shift[3];
    hone_preprocess_normalize(&pre, pixel, 1, out);
    hone_preprocess_affine(&pre, scale, shift);
    for (int c = 0; c < 3; c++) {
        double bound = 1e-6 * (1 + fabs(want[c]));
        if (fabs((double)out[c] - want[c]) > bound)
            fail_msg("%s: channel %d is %g, not %g", text, c, (double)out[c], want[c]);
        assert_true(fabs((double)(level * scale[c] + shift[c]) - want[c]) < 4 * bound);
    }
}

static void test_normalisations(void **state) {
    (void)state;
    double x = 200 / 255.0;
    expect_level("imagenet", 200,
                 (double[3]){(x - .485) / .229, (x - .456) / .224, (x - .406) / .225});
    expect_level("imagenet:bgr", 200,
                 (double[3]){(x - .406) / .225, (x - .456) / .224, (x - .485) / .229});
    expect_level("tf", 200, (double[3]){200 / 127.5 - 1, 200 / 127.5 - 1, 200 / 127.5 - 1});
    expect_level("none", 200, (double[3]){200, 200, 200});
    expect_level("0.5,0.5", 200, (double[3]){(x - .5) / .5, (x - .5) / .5, (x - .5) / .5});
    expect_level("0,1", 200, (double[3]){x, x, x});
    expect_level("0,255", 200, (double[3]){x, x, x});
    expect_level(".1,.2,.3,.4,.5,.6", 200,
                 (double[3]){(x - .1) / .4, (x - .2) / .5, (x - .3) / .6});
    expect_level("103.94,116.78,123.68,1,1,1:bgr", 200, (double[3]){96.06, 83.22, 76.32});
}

static void test_channel_order(void **state) {
    (void)state;
    struct hone_preprocess pre = {0};
    assert_ok(hone_preprocess_parse("none:bgr", &pre));
    float out[3];
    hone_preprocess_normalize(&pre, (const uint8_t[]){1, 2, 3}, 1, out);
    assert_true(out[0] == 3 && out[1] == 2 && out[2] == 1);
}

static void test_texts(void **state) {
    (void)state;
    static const char *const same[] = {"imagenet",
                                       "tf",
                                       "none",
                                       "imagenet:bgr",
                                       "none:bgr",
                                       "0.1,0.2,0.3,0.4,0.5,0.6",
                                       "300,300,300,2,2,2",
                                       "imagenet:bicubic:crop=0.875",
                                       "tf:bgr:letterbox",
                                       "none:crop",
                                       "imagenet:stretch=0.9"};
    static const char *const wrong[] = {"",
                                        "image",
                                        "1",
                                        "1,2,3",
                                        "1,2,3,4,5,6,7",
                                        "0.5,0",
                                        "a,b",
                                        "0.5,-1",
                                        "0.5,0.5,",
                                        "1,,2",
                                        "tf:",
                                        "tf:rgb",
                                        "tf:crop=2",
                                        "tf:letterbox=0.5",
                                        "tf:bicubic=0.5"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct hone_preprocess pre = {0}, again = {0};
        struct hone_text text = {0};
        assert_ok(hone_preprocess_parse(same[i], &pre));
        assert_ok(hone_preprocess_print(&pre, &text));
        assert_ok(hone_preprocess_parse(text.data, &again));
        assert_memory_equal(&pre, &again, sizeof pre);
        if (i != 5) assert_string_equal(text.data, same[i]); // fractions pass through float
        hone_text_deinit(&text);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hone_preprocess pre = {0};
        test_expect_failure(hone_preprocess_parse(wrong[i], &pre), HONE_INVALID,
                            "is no preprocessing; give imagenet, tf, none, MEAN,STD");
        assert_true(pre.std[0] == 0);
    }
}

static void test_allocation_failures(void **state) {
    (void)state;
    struct hone_preprocess pre = {.height = 8, .width = 8, .fit = HONE_FIT_CROP};
    assert_ok(hone_preprocess_parse("tf", &pre));
    struct hone_image image = ramp(40, 20);
    size_t live = hone_alloc_live_bytes();
    uint8_t pixels[8 * 8 * 3];
    long failures = 0;
    for (;; failures++) {
        hone_alloc_fail_after(failures);
        hone_status status = hone_image_fit(&image, &pre, pixels);
        hone_alloc_fail_after(-1);
        assert_int_equal(hone_alloc_live_bytes(), live);
        if (status == HONE_OK) break;
        assert_int_equal(status, HONE_OUT_OF_MEMORY);
    }
    assert_true(failures >= 10);
    hone_image_destroy(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_resize_equals_pillow),
        cmocka_unit_test(test_photographs_equal_pillow),
        cmocka_unit_test(test_letterbox),
        cmocka_unit_test(test_crop),
        cmocka_unit_test(test_shares),
        cmocka_unit_test(test_stretch_is_resize),
        cmocka_unit_test(test_normalisations),
        cmocka_unit_test(test_channel_order),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
