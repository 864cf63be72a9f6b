// cases_image.c: pictures whose bytes do and do not fill whole words; maps that leave the picture
// on every side.
#include "check/case.h"

static const struct hone_normalize_attrs imagenet = {
    .scale = {1 / 58.395f, 1 / 57.12f, 1 / 57.375f}, .shift = {-2.1179f, -2.0357f, -1.8044f}};
static const struct hone_augment_attrs all = {.batch = 67,
                                              .flip_x = 1,
                                              .flip_y = 1,
                                              .rotate = 0.5f,
                                              .scale_lo = 0.8f,
                                              .scale_hi = 1.5f,
                                              .shift = 0.2f,
                                              .salt = 11};
static const struct hone_augment_attrs none = {.batch = 3, .scale_lo = 1, .scale_hi = 1};

#define PICTURES(...)                                                                              \
    { .desc = OP_U8(__VA_ARGS__), .values = VALUES_INTEGERS, .lo = 0, .hi = 256 }

// Identity, both flips, a turn with zoom, a shift of some pictures' sizes; then the same again.
static void fill_maps(double *const *in, double *out, int64_t count) {
    (void)in;
    static const double maps[5][6] = {{1, 0, 0, 0, 1, 0},
                                      {-1, 0, 0, 0, 1, 0},
                                      {1, 0, 0, 0, -1, 0},
                                      {0.8, -0.3, 0.05, 0.3, 0.8, -0.1},
                                      {1, 0.25, 3.3, 0, 1, -2.7}};
    for (int64_t i = 0; i < count; i++) out[i] = maps[i / 6 % 5][i % 6];
}

// A coordinate is rounded at the size of the picture and multiplied by the slope between pixels.
#define WARP(title, n, h, w)                                                                       \
    {                                                                                              \
        .op = &hone_op_image_warp, .name = title, .attrs = &imagenet, .input_count = 2,            \
        .in = {PICTURES(n, h, w, 3), {.desc = OP_F32(n, 6), .fill = fill_maps}}, .tolerance = {    \
            .c = 8,                                                                                \
            .reduction = (h) * (w)                                                                 \
        }                                                                                          \
    }
#define NORMALIZE(title, ...)                                                                      \
    {                                                                                              \
        .op = &hone_op_image_normalize, .name = title, .attrs = &imagenet, .input_count = 1,       \
        .in = {                                                                                    \
            PICTURES(__VA_ARGS__)                                                                  \
        }                                                                                          \
    }
#define CLOCK(seed, step)                                                                          \
    { .desc = OP_I32(2), .values = VALUES_CLOCK, .lo = seed, .hi = step }

const struct hone_case hone_cases_image[] = {
    NORMALIZE("whole words", 2, 6, 8, 3),
    NORMALIZE("odd", 3, 5, 7, 3),
    // sin and cos of a driver may be 2^-11 off (Vulkan, "Precision of core SPIR-V instructions").
    {.op = &hone_op_augment_matrix,
     .name = "everything",
     .attrs = &all,
     .input_count = 1,
     .in = {CLOCK(-5, 1234)},
     .tolerance = {.c = 4096, .scale = 1.25}},
    {.op = &hone_op_augment_matrix,
     .name = "nothing",
     .attrs = &none,
     .input_count = 1,
     .in = {CLOCK(1, 0)},
     .tolerance = {.exact = true}},
    WARP("whole words", 5, 8, 12),
    WARP("odd", 6, 7, 5),
    WARP("larger", 5, 31, 37),
    {.op = NULL},
};
