// test_show: the contact sheet: without augmentation its tiles are the pictures, pixel for pixel,
// in the order of the epoch; with it, the seed and the epoch decide.
#include "support/support.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <hone/hone.h>

#include "base/file.h"
#include "data/batch.h"
#include "image/decode.h"
#include "report/sheet.h"
#include "support/tiny.h"

enum { EACH = 12, TILE = 16, GAP = 6, TITLE = 30 }; // as sheet.c draws

static char dir[256];
static struct hone_train_params usual;
static struct hone_data_params data = {.folder = "pictures", .split = "100/0/0"};

static int set_up(void **state) {
    (void)state;
    test_temp_dir(dir);
    if (chdir(dir) != 0) return 1;
    struct hone_model *model = test_tiny_model(3);
    assert_ok(hone_model_save(model, "tiny.onnx"));
    hone_model_destroy(&model);
    test_tiny_pictures("pictures", EACH);
    assert_ok(hone_options_init(&hone_train_options, &usual));
    usual.backbone = "tiny.onnx";
    usual.device = "ref";
    usual.batch = 5;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

static struct hone_image show(const struct hone_train_params *params, int32_t each, int32_t epoch) {
    struct hone_show_params own = {.out = "sheet.png", .per_class = each, .epoch = epoch};
    struct hone_show_result result;
    struct hone_image sheet;
    assert_ok(hone_show(params, &data, &own, &result));
    assert_ok(hone_image_load("sheet.png", 0, &sheet));
    assert_true(result.width == sheet.width && result.height == sheet.height);
    assert_true(result.classes == 2 && result.pictures == 2 * (size_t)each);
    return sheet;
}

static bool same(struct hone_image a, struct hone_image b) {
    bool equal = a.width == b.width && a.height == b.height &&
                 memcmp(a.pixels, b.pixels, (size_t)a.width * (size_t)a.height * 3) == 0;
    hone_image_destroy(&a);
    hone_image_destroy(&b);
    return equal;
}

static void expect_tile(const struct hone_image *sheet, int32_t row, int32_t column,
                        const uint8_t *pixels) {
    for (int32_t y = 0; y < TILE; y++) {
        size_t at = (size_t)(row * (TITLE + TILE) + TITLE + y) * (size_t)sheet->width +
                    (size_t)(GAP + column * (TILE + GAP));
        assert_memory_equal(sheet->pixels + at * 3, pixels + (size_t)y * TILE * 3, TILE * 3);
    }
}

static void test_plain(void **state) {
    (void)state;
    struct hone_train_params params = usual;
    struct hone_preprocess preprocess = {.height = TILE, .width = TILE};
    struct hone_pictures pictures;
    uint32_t order[2 * EACH];
    int32_t next[2] = {0};
    hone_dataset *set;
    params.flips = HONE_FLIPS_NONE;
    params.seed = 4;
    struct hone_image sheet = show(&params, EACH, 3);
    assert_int_equal(sheet.width, EACH * (TILE + GAP) + GAP);
    assert_int_equal(sheet.height, 2 * (TILE + TITLE) + GAP);
    assert_ok(hone_preprocess_parse("tf", &preprocess));
    assert_ok(hone_dataset_open(&data, &set));
    assert_ok(hone_pictures_load(set, HONE_PART_TRAIN, &preprocess, NULL, &pictures));
    assert_int_equal(pictures.count, 2 * EACH);
    hone_epoch_order(4, 3, order, 2 * EACH);
    for (int i = 0; i < 2 * EACH; i++) {
        int32_t label = pictures.labels[order[i]];
        expect_tile(&sheet, label, next[label]++, pictures.pixels + order[i] * TILE * TILE * 3);
    }
    hone_pictures_deinit(&pictures);
    hone_dataset_close(&set);
    hone_image_destroy(&sheet);
}

static void test_seeds(void **state) {
    (void)state;
    struct hone_train_params params = usual, other = usual, bare = usual;
    params.rotate = other.rotate = 20;
    other.seed = 9;
    assert_true(same(show(&params, 3, 1), show(&params, 3, 1)));
    assert_false(same(show(&params, 3, 1), show(&params, 3, 2)));
    assert_false(same(show(&params, 3, 1), show(&other, 3, 1)));
    // Mixed in pairs: other pictures, the same with the same seed.
    struct hone_train_params mixed = params;
    mixed.cutmix = 1;
    assert_true(same(show(&mixed, 3, 1), show(&mixed, 3, 1)));
    assert_false(same(show(&mixed, 3, 1), show(&params, 3, 1)));
    // Without a backbone the options say what a net would see.
    bare.backbone = NULL;
    bare.size = TILE;
    bare.rotate = 20;
    assert_true(same(show(&params, 3, 1), show(&bare, 3, 1)));
}

static void test_refusals(void **state) {
    (void)state;
    struct hone_show_params own = {.out = "none/such/sheet.png", .per_class = 2, .epoch = 1};
    struct hone_show_result result;
    test_expect_failure(hone_show(&usual, &data, &own, &result), HONE_NOT_FOUND, "sheet.png");
    assert_true(result.pictures == 0);
    struct hone_sheet_row rows[HONE_SHEET_ROWS + 1] = {{0}};
    struct hone_image sheet;
    test_expect_failure(hone_sheet_draw(rows, HONE_SHEET_ROWS + 1, &sheet), HONE_INVALID,
                        "65 rows");
}

// Pictures that are larger than a tile shrink; letters that the font lacks show as '?'.
static void test_large(void **state) {
    (void)state;
    struct hone_image image, a, b;
    assert_ok(hone_image_create(400, 300, &image));
    struct hone_sheet_row row = {.title = "Stra\xC3\x9F"
                                          "e",
                                 .images = &image,
                                 .count = 1},
                          asked = {.title = "Stra?e", .images = &image, .count = 1};
    assert_ok(hone_sheet_draw(&row, 1, &a));
    assert_ok(hone_sheet_draw(&asked, 1, &b));
    assert_true(a.width == HONE_SHEET_SIDE + 2 * GAP && a.height == TITLE + 144 + GAP);
    assert_true(same(a, b));
    hone_image_destroy(&image);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain),
        cmocka_unit_test(test_seeds),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_large),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
