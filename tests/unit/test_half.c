// test_half: the 16-bit formats: every value of both survives the way to float and back; rounding
// to nearest even at every kind of boundary.
#include "support/support.h"

#include <float.h>
#include <math.h>

#include "base/half.h"

static void test_every_half(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = hone_half_to_float((uint16_t)bits);
        uint16_t back = hone_half_from_float(value);
        if ((bits & 0x7fff) > 0x7c00) {
            assert_true(isnan(value));
            assert_int_equal(back, (bits & 0x8000) | 0x7e00);
        } else {
            assert_int_equal(back, bits);
        }
    }
}

static void test_every_bf16(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 65536; bits++) {
        float value = hone_bf16_to_float((uint16_t)bits);
        uint16_t back = hone_bf16_from_float(value);
        if ((bits & 0x7fff) > 0x7f80) {
            assert_true(isnan(value));
            assert_true(isnan(hone_bf16_to_float(back)));
        } else {
            assert_int_equal(back, bits);
        }
    }
}

// Between two neighbours: the middle goes to the even one, the rest to the nearer one.
static void test_between_neighbours(void **state) {
    (void)state;
    for (uint32_t bits = 0; bits < 0x7bff; bits++) {
        double low = (double)hone_half_to_float((uint16_t)bits);
        double high = (double)hone_half_to_float((uint16_t)(bits + 1));
        uint32_t even = bits & 1 ? bits + 1 : bits;
        assert_int_equal(hone_half_from_float((float)((low + high) / 2)), even);
        assert_int_equal(hone_half_from_float((float)(low * 0.51 + high * 0.49)), bits);
        assert_int_equal(hone_half_from_float((float)(low * 0.49 + high * 0.51)), bits + 1);
    }
    for (uint32_t bits = 0x80; bits < 0x7f7f; bits++) {
        double low = (double)hone_bf16_to_float((uint16_t)bits);
        double high = (double)hone_bf16_to_float((uint16_t)(bits + 1));
        uint32_t even = bits & 1 ? bits + 1 : bits;
        assert_int_equal(hone_bf16_from_float((float)((low + high) / 2)), even);
        assert_int_equal(hone_bf16_from_float((float)(low * 0.51 + high * 0.49)), bits);
        assert_int_equal(hone_bf16_from_float((float)(low * 0.49 + high * 0.51)), bits + 1);
    }
}

static void test_landmarks(void **state) {
    (void)state;
    assert_int_equal(hone_half_from_float(1.0f), 0x3c00);
    assert_int_equal(hone_half_from_float(-2.0f), 0xc000);
    assert_int_equal(hone_half_from_float(65504.0f), 0x7bff);
    assert_int_equal(hone_half_from_float(65519.0f), 0x7bff);
    assert_int_equal(hone_half_from_float(65520.0f), 0x7c00); // the tie above the largest
    assert_int_equal(hone_half_from_float(-FLT_MAX), 0xfc00);
    assert_int_equal(hone_half_from_float(INFINITY), 0x7c00);
    assert_int_equal(hone_half_from_float(0x1p-24f), 0x0001); // the smallest denormal
    assert_int_equal(hone_half_from_float(0x1p-25f), 0x0000); // the tie below it
    assert_int_equal(hone_half_from_float(0x1.8p-25f), 0x0001);
    assert_int_equal(hone_half_from_float(0x1.ffep-15f), 0x0400); // up to the smallest normal
    assert_int_equal(hone_half_from_float(-0.0f), 0x8000);
    assert_int_equal(hone_bf16_from_float(1.0f), 0x3f80);
    assert_int_equal(hone_bf16_from_float(FLT_MAX), 0x7f80);
    assert_int_equal(hone_bf16_from_float(-INFINITY), 0xff80);
    assert_int_equal(hone_bf16_from_float(-0.0f), 0x8000);
    assert_int_equal(hone_bf16_from_float(1.00390625f), 0x3f80); // the tie above 1
    assert_int_equal(hone_bf16_from_float(1.01171875f), 0x3f82);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_half),
        cmocka_unit_test(test_every_bf16),
        cmocka_unit_test(test_between_neighbours),
        cmocka_unit_test(test_landmarks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
