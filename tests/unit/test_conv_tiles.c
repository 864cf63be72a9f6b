// test_conv_tiles: which tile of the shared-memory bodies a device gets for a product, on made-up
// devices.
#include "support/support.h"

#include <string.h>

#include "ops/conv_tiled.h"

static const struct hone_caps large = {.subgroup_min = 32,
                                       .subgroup_max = 32,
                                       .shared_bytes = 49152,
                                       .cores = 132,
                                       .workgroup_invocations = 1024,
                                       .workgroup_size = {1024, 1024, 64}};
static const struct hone_caps least = {.subgroup_min = 4,
                                       .subgroup_max = 4,
                                       .shared_bytes = 16384,
                                       .cores = 1,
                                       .workgroup_invocations = 128,
                                       .workgroup_size = {128, 128, 64}};

static const char *default_name(const struct hone_conv_product *product,
                                const struct hone_caps *caps) {
    const struct hone_conv_tile *tile = hone_conv_tile_default(product, caps, 256);
    return tile ? tile->name : "none";
}

static void test_sizes(void **state) {
    (void)state;
    const struct hone_conv_product big = {8192, 8192, 8192, 1, false};
    assert_string_equal(default_name(&big, &large), "128x128x16/8x8");
    // Few columns: no tile that is mostly empty.
    const struct hone_conv_product narrow = {100000, 16, 256, 1, false};
    assert_string_equal(default_name(&narrow, &large), "128x16x16/8x4");
    // Too few large tiles for the cores: smaller ones.
    const struct hone_conv_product small = {1568, 256, 256, 1, false};
    const struct hone_conv_tile *tile = hone_conv_tile_default(&small, &large, 256);
    assert_true(tile->bm * tile->bn < 128 * 128);
    // One row by five columns is not worth a tile.
    const struct hone_conv_product tiny = {1, 5, 256, 1, false};
    assert_string_equal(default_name(&tiny, &large), "none");
}

static void test_slices(void **state) {
    (void)state;
    // A weight gradient: few results, a long contraction.
    const struct hone_conv_product wgrad = {64, 576, 100352, 1, false};
    const struct hone_conv_tile *tile = hone_conv_tile_default(&wgrad, &large, 512);
    int64_t slices = hone_conv_tile_slices(&wgrad, tile, &large, 512);
    int64_t tiles = hone_ceil_div(64, tile->bm) * hone_ceil_div(576, tile->bn);
    assert_true(slices * tiles >= 2 * 132 && (slices - 1) * tiles < 2 * 132);
    const struct hone_conv_product shallow = {64, 576, 700, 1, false};
    assert_int_equal(hone_conv_tile_slices(&shallow, tile, &large, 512), 1);
    const struct hone_conv_product wide = {8192, 8192, 8192, 1, false};
    assert_int_equal(hone_conv_tile_slices(&wide, tile, &large, 512), 1);
}

// Every tile that a device is offered runs there, and its workgroup loads whole rows of vec4s.
static void check_offers(const struct hone_caps *caps, bool strided, int at_least) {
    const struct hone_conv_product product = {4096, 4096, 4096, 1, strided};
    const struct hone_conv_tile *t;
    int count = 0;
    for (; (t = hone_conv_tile_at(&product, caps, count + 1)); count++) {
        uint32_t group = (uint32_t)(t->bm * t->bn / (t->tm * t->tn));
        assert_true(group <= caps->workgroup_invocations);
        assert_true(4u * t->bk * (t->bm + 4u + t->bn + 4u) <= caps->shared_bytes);
        assert_true(group % (t->bk / 4u) == 0 && group % (t->bm / 4u) == 0 &&
                    group % (t->bn / 4u) == 0);
        assert_true(t->bm % t->tm == 0 && t->bn % t->tn == 0 && t->tm % 4 == 0 && t->tn % 4 == 0);
    }
    assert_true(count >= at_least);
}

static void test_offers(void **state) {
    (void)state;
    struct hone_caps narrow = large;
    narrow.subgroup_min = 8;
    check_offers(&large, false, 12);
    check_offers(&least, false, 3);
    check_offers(&narrow, false, 5);
    check_offers(&narrow, true, 4);
    // 64 results an invocation spill where registers are few.
    const struct hone_conv_product big = {8192, 8192, 8192, 1, false};
    const struct hone_conv_tile *tile = hone_conv_tile_default(&big, &narrow, 256);
    assert_true(tile->tm * tile->tn <= 32);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_slices),
        cmocka_unit_test(test_offers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
