// test_conv_cpu_tile: which tiles the CPU body of the convolution takes: always ones that its
// kernels can run, and sensible ones for shapes whose best tile was measured.
#include "support/support.h"

#include "ops/conv_cpu_tile.h"

static struct hone_conv_push conv(int32_t n, int32_t size, int32_t c, int32_t k, int32_t filter,
                                  int32_t stride, int32_t groups) {
    int32_t pad = filter / 2, out = (size + 2 * pad - filter) / stride + 1;
    return (struct hone_conv_push){.n = n,
                                   .h = size,
                                   .w = size,
                                   .c = c,
                                   .k = k,
                                   .p = out,
                                   .q = out,
                                   .r = filter,
                                   .s = filter,
                                   .stride_h = stride,
                                   .stride_w = stride,
                                   .pad_h = pad,
                                   .pad_w = pad,
                                   .dilation_h = 1,
                                   .dilation_w = 1,
                                   .groups = groups};
}

static struct hone_caps cpu(uint32_t lanes) {
    return (struct hone_caps){.kind = HONE_DEVICE_CPU, .subgroup_size = lanes};
}

// What the shaders need of a tile, whatever the shape.
static void check_conv(const struct hone_conv_push *g, bool dgrad, uint32_t lanes, bool wide,
                       const struct hone_conv_cpu_tile *t) {
    uint32_t depth = (uint32_t)((dgrad ? g->k : g->c) / g->groups);
    uint32_t channels = (uint32_t)((dgrad ? g->c : g->k) / g->groups);
    assert_true(t->ma >= 1 && t->ma <= 4 && t->nl >= 1 && t->nl <= 8);
    assert_int_equal(depth % t->pack, 0);
    assert_true(t->ma * t->nl * lanes <= 128 || t->ma * t->nl == 1);
    if (t->pack == 8) assert_true(wide && lanes <= 8);
    if (t->nl == 8) assert_int_equal(t->pack, 8); // stores of eight are words of 64 bits
    if (t->direct) assert_true(dgrad && t->nl == 8 && channels % 8 == 0);
}

static void check_wgrad(const struct hone_conv_push *g, uint32_t lanes,
                        const struct hone_conv_cpu_wgrad_tile *t) {
    uint32_t c = (uint32_t)(g->c / g->groups), k = (uint32_t)(g->k / g->groups);
    assert_true(t->ma >= 1 && t->nc >= 1 && t->ma * t->nc * lanes <= 128);
    assert_int_equal(t->nc % t->pack, 0);
    assert_int_equal(c % t->pack, 0);
    if (t->pack > 1) assert_int_equal(k % t->pack, 0);
    if (t->pack > 1) assert_int_equal(lanes % t->pack, 0); // whole pixels in a load of rows
    if (t->pack == 1) assert_false(t->swap);
    int64_t filter = (int64_t)g->r * g->s * c;
    assert_int_equal(t->rows, t->swap ? filter : k);
    assert_int_equal(t->columns, t->swap ? k : filter);
}

// Every way that a tuner tries, and that each has a name of its own.
static void check(const struct hone_conv_push *g, uint32_t lanes, bool wide) {
    struct hone_caps caps = cpu(lanes);
    struct hone_conv_cpu_tile t;
    struct hone_conv_cpu_wgrad_tile w;
    for (int form = HONE_CONV_FPROP; form <= HONE_CONV_WGRAD; form++) {
        char names[HONE_CONV_CPU_TILES][HONE_TILE_NAME];
        int k = 0;
        for (; hone_conv_cpu_tile_name(g, (enum hone_conv_form)form, wide, &caps, k, names[k]);
             k++) {
            assert_true(k < HONE_CONV_CPU_TILES);
            for (int i = 0; i < k; i++) assert_string_not_equal(names[i], names[k]);
            if (form == HONE_CONV_WGRAD) {
                assert_true(hone_conv_cpu_wgrad_tile_at(g, wide, &caps, k, &w));
                check_wgrad(g, lanes, &w);
            } else {
                assert_true(hone_conv_cpu_tile_at(g, form == HONE_CONV_DGRAD, wide, &caps, k, &t));
                check_conv(g, form == HONE_CONV_DGRAD, lanes, wide, &t);
            }
        }
        assert_true(k > 0);
    }
}

static void test_every_tile_runs(void **state) {
    (void)state;
    static const int32_t channels[] = {1, 3, 4, 8, 12, 16, 24, 40, 64, 96, 320};
    enum { COUNT = sizeof channels / sizeof *channels };
    for (int a = 0; a < COUNT; a++)
        for (int b = 0; b < COUNT; b++)
            for (uint32_t lanes = 4; lanes <= 16; lanes *= 2)
                for (int wide = 0; wide < 2; wide++) {
                    struct hone_conv_push one = conv(1, 7, channels[a], channels[b], 1, 1, 1);
                    check(&one, lanes, wide);
                    struct hone_conv_push three = conv(8, 29, channels[a], channels[b], 3, 2, 1);
                    check(&three, lanes, wide);
                    struct hone_conv_push grouped =
                        conv(2, 14, 32 * channels[a], 32 * channels[b], 3, 1, 32);
                    check(&grouped, lanes, wide);
                }
}

// Tiles that were the fastest, or within a tenth of it, on both drivers.
static void test_measured(void **state) {
    (void)state;
    struct hone_caps caps = cpu(8);
    struct hone_conv_push g = conv(8, 28, 64, 64, 3, 1, 1);
    struct hone_conv_cpu_tile t;
    struct hone_conv_cpu_wgrad_tile w;
    assert_true(hone_conv_cpu_tile_at(&g, false, true, &caps, 0, &t));
    assert_int_equal(t.pack, 8);
    assert_true(t.ma * t.nl >= 8);
    // 16 channels of output: none of the lanes may idle
    g = conv(8, 112, 32, 16, 1, 1, 1);
    assert_true(hone_conv_cpu_tile_at(&g, false, true, &caps, 0, &t));
    assert_int_equal(t.nl, 2);
    assert_true(t.ma >= 3);
    // a matrix product of 512 by 512 by 512, with the right side as it lies: turning it costs more
    g = conv(1, 1, 512, 512, 1, 1, 1);
    g.w = g.q = 512;
    assert_true(hone_conv_cpu_tile_at(&g, true, true, &caps, 0, &t));
    assert_true(t.direct);
    // few filter elements, many filters: the roles of the weight gradient are exchanged
    g = conv(8, 28, 32, 192, 1, 1, 1);
    assert_true(hone_conv_cpu_wgrad_tile_at(&g, true, &caps, 0, &w));
    assert_true(w.swap);
    g = conv(8, 28, 192, 32, 1, 1, 1);
    assert_true(hone_conv_cpu_wgrad_tile_at(&g, true, &caps, 0, &w));
    assert_false(w.swap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_tile_runs),
        cmocka_unit_test(test_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
