// cases_cast.c: casts between f32, f16 and bf16: even and odd counts, and the corners of rounding.
#include <math.h>

#include "check/case.h"

#define CAST(name_, in_, to_, ...)                                                                 \
    {                                                                                              \
        .op = &hone_op_cast, .name = name_, .attrs = &(const struct hone_cast_attrs){to_},         \
        .input_count = 1, .in = {{.desc = in_, __VA_ARGS__}}, .tolerance = {                       \
            .exact = true                                                                          \
        }                                                                                          \
    }

// Ties, the largest numbers that stay finite and the least normal ones of each type.
static void fill_corners(double *const *in, double *out, int64_t count) {
    static const double corners[] = {0,       1.0009765625, 1.00146484375, 65504,    65519,
                                     -65504,  1.00390625,   1.01171875,    0x1p-14,  -0x1p-14,
                                     0x1p-24, 0x1.8p-24,    3 * 0x1p-25,   0x1p-40,  -3.0,
                                     1e30,    -1e30,        0x1p-100,      0x1p-126, 2049};
    (void)in;
    for (int64_t i = 0; i < count; i++)
        out[i] = corners[i % (int64_t)(sizeof corners / sizeof *corners)];
}
// The same inside the range of f16.
static void fill_small_corners(double *const *in, double *out, int64_t count) {
    fill_corners(in, out, count);
    for (int64_t i = 0; i < count; i++) out[i] = fabs(out[i]) > 65519 ? 65519 : out[i];
}

const struct hone_case hone_cases_cast[] = {
    CAST("f32 to f16", OP_F32(5, 7, 3), HONE_F16, .lo = -4, .hi = 4),
    CAST("f32 to f16, fours", OP_F32(5, 7, 4), HONE_F16, .lo = -4, .hi = 4),
    CAST("f32 to f16, corners", OP_F32(20), HONE_F16, .fill = fill_small_corners),
    CAST("f32 to bf16", OP_F32(5, 7, 3), HONE_BF16, .lo = -4, .hi = 4),
    CAST("f32 to bf16, fours", OP_F32(1, 5, 7, 4), HONE_BF16, .lo = -4, .hi = 4),
    CAST("f32 to bf16, corners", OP_F32(20), HONE_BF16, .fill = fill_corners),
    CAST("f16 to f32", OP_F16(5, 7, 3), HONE_F32, .lo = -4, .hi = 4, .grad = true),
    CAST("f16 to f32, fours", OP_F16(5, 7, 4), HONE_F32, .lo = -4, .hi = 4),
    CAST("bf16 to f32", OP_BF16(5, 7, 3), HONE_F32, .lo = -4, .hi = 4, .grad = true),
    CAST("bf16 to f32, fours", OP_BF16(5, 7, 4), HONE_F32, .lo = -4, .hi = 4),
    CAST("f16 to bf16", OP_F16(257), HONE_BF16, .lo = -4, .hi = 4),
    CAST("bf16 to f16", OP_BF16(257), HONE_F16, .lo = -4, .hi = 4),
    CAST("f16 to bf16, fours", OP_F16(256), HONE_BF16, .lo = -4, .hi = 4),
    CAST("bf16 to f16, fours", OP_BF16(256), HONE_F16, .lo = -4, .hi = 4),
    {.op = NULL},
};
