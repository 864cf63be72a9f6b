// cases_image.c: pictures whose bytes do and do not fill whole words; maps that leave the picture
// on every side; every kind of augmentation alone and all together.
#include "check/case.h"

static const struct hone_normalize_attrs imagenet = {
    .scale = {1 / 58.395f, 1 / 57.12f, 1 / 57.375f}, .shift = {-2.1179f, -2.0357f, -1.8044f}};
static const struct hone_normalize_attrs imagenet_unit = {
    .scale = {1 / 0.229f, 1 / 0.224f, 1 / 0.225f}, .shift = {-2.1179f, -2.0357f, -1.8044f}};

#define AUGMENT(with_policy)                                                                       \
    {                                                                                              \
        .batch = 67, .flip_x = 1, .flip_y = 1, .rotate = 0.5f, .scale_lo = 0.8f, .scale_hi = 1.5f, \
        .shift = 0.2f, .salt = 11, .policy = with_policy, .perspective = 0.3f, .crop = 0.4f,       \
        .brightness = 0.2f, .contrast = 0.5f, .saturation = 0.6f, .gamma = 1, .hue = 0.7f,         \
        .blur = 1.2f, .noise = 0.05f, .blocks = 0.04f, .erase = 0.5f                               \
    }
static const struct hone_augment_attrs each = AUGMENT(HONE_AUGMENT_EACH);
static const struct hone_augment_attrs trivial = AUGMENT(HONE_AUGMENT_TRIVIAL);
static const struct hone_augment_attrs two = AUGMENT(HONE_AUGMENT_TWO);
static const struct hone_augment_attrs none = {.batch = 3, .scale_lo = 1, .scale_hi = 1};
static const struct hone_augment_attrs none_trivial = {
    .batch = 3, .scale_lo = 1, .scale_hi = 1, .policy = HONE_AUGMENT_TRIVIAL};
static const struct hone_blur_attrs rows = {.axis = 1}, columns = {.axis = 2};

#define PICTURES(...)                                                                              \
    { .desc = OP_U8(__VA_ARGS__), .values = VALUES_INTEGERS, .lo = 0, .hi = 256 }
#define LEVELS(...)                                                                                \
    { .desc = OP_F32(__VA_ARGS__), .values = VALUES_UNIFORM, .lo = 0.05, .hi = 0.95 }

// Identity, both flips, a turn with zoom, a shift of some pictures' sizes, a tilt; then the same
// again. The other columns: nothing, each kind alone, everything.
static void fill_plans(double *const *in, double *out, int64_t count) {
    (void)in;
    static const double maps[6][8] = {
        {1, 0, 0, 0, 1, 0},         {-1, 0, 0, 0, 1, 0},
        {1, 0, 0, 0, -1, 0},        {0.8, -0.3, 0.05, 0.3, 0.8, -0.1},
        {1, 0.25, 3.3, 0, 1, -2.7}, {1, 0.1, 0, 0, 1, 0, 0.25, -0.375}};
    static const double styles[8][13] = {
        {0, 1, 1, 1, 0, 0, 0, 5, 0, 0, 0, 0, 0},
        {0.1, 1.4, 1, 1, 0, 0.8, 0, 5, 0.02, 0, 0, 0, 0},
        {0, 1, 0.6, 1, 0, 1.5, 0, 5, 0, 30, 64, 130, 256},
        {0, 1, 1, 0.7, 0.4, 0, 0, 5, 0.2, 0, 0, 0, 0},
        {0, 1, 1, 1, 0, 0.01, 0.05, 16777215, 0, 0, 0, 0, 0},
        {-0.2, 0.5, 1.9, 1.2, -0.6, 0.5, 0.1, 12345678, 0.05, 128, 0, 256, 128},
        {0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 256, 256},
        {0.3, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
    for (int64_t n = 0; n < count / HONE_AUGMENT_PLAN; n++)
        for (int k = 0; k < HONE_AUGMENT_PLAN; k++)
            out[n * HONE_AUGMENT_PLAN + k] = k < 8    ? maps[n % 6][k]
                                             : k < 21 ? styles[n % 8][k - 8]
                                                      : 0;
}

#define PLANS(n)                                                                                   \
    { .desc = OP_F32(n, HONE_AUGMENT_PLAN), .fill = fill_plans }

// A coordinate is rounded at the size of the picture and multiplied by the slope between pixels.
#define WARP(title, n, h, w)                                                                       \
    {                                                                                              \
        .op = &hone_op_image_warp, .name = title, .attrs = &imagenet, .input_count = 2,            \
        .in = {PICTURES(n, h, w, 3), PLANS(n)}, .tolerance = {                                     \
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
static void fill_mix_blend(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = i ? 0 : 0.375;
}
static void fill_mix_box(double *const *in, double *out, int64_t count) {
    static const double box[HONE_MIX_NUMBERS] = {1, 2, 0, 5, 3, 0.5};
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = box[i];
}
#define MIX(title, how, n, h, w)                                                                   \
    {                                                                                              \
        .op = &hone_op_image_mix, .name = title, .input_count = 2, .in = {                         \
            LEVELS(n, h, w, 3),                                                                    \
            {.desc = OP_F32(HONE_MIX_NUMBERS), .fill = how}                                        \
        }                                                                                          \
    }
#define CLOCK(seed, step)                                                                          \
    { .desc = OP_I32(2), .values = VALUES_CLOCK, .lo = seed, .hi = step }
// sin and cos of a driver may be 2^-11 off (Vulkan, "Precision of core SPIR-V instructions"); the
// noise's seeds, which are exact, set the scale of the largest element.
#define DRAW(title, with_attrs)                                                                    \
    {                                                                                              \
        .op = &hone_op_augment_draw, .name = title, .attrs = &with_attrs, .input_count = 1,        \
        .in = {CLOCK(-5, 1234)}, .tolerance = {                                                    \
            .c = 4096,                                                                             \
            .scale = 1.25                                                                          \
        }                                                                                          \
    }
#define STYLE(of, title, with_attrs, n, h, w, ...)                                                 \
    {                                                                                              \
        .op = &hone_op_image_##of, .name = title, .attrs = with_attrs, .input_count = 2,           \
        .in = {LEVELS(n, h, w, 3), PLANS(n)}, .tolerance = {                                       \
            __VA_ARGS__                                                                            \
        }                                                                                          \
    }

const struct hone_case hone_cases_image[] = {
    NORMALIZE("whole words", 2, 6, 8, 3),
    NORMALIZE("odd", 3, 5, 7, 3),
    DRAW("everything", each),
    DRAW("one of all", trivial),
    DRAW("two of all", two),
    DRAW("nothing", none),
    DRAW("one of nothing", none_trivial),
    WARP("whole words", 6, 8, 12),
    WARP("odd", 7, 7, 5),
    WARP("larger", 6, 31, 37),
    MIX("blended, even", fill_mix_blend, 4, 6, 8),
    MIX("blended, odd", fill_mix_blend, 3, 5, 7),
    MIX("a box, even", fill_mix_box, 4, 6, 8),
    MIX("a box, odd", fill_mix_box, 5, 7, 3),
    STYLE(blur, "rows", &rows, 8, 17, 23, .c = 16),
    STYLE(blur, "columns", &columns, 8, 17, 23, .c = 16),
    STYLE(blur, "smaller than the filter", &rows, 8, 2, 1, .c = 16),
    STYLE(blocks, "whole blocks", NULL, 8, 16, 24, .c = 16, .reduction = 64),
    STYLE(blocks, "ragged", NULL, 9, 19, 13, .c = 16, .reduction = 64),
    STYLE(blocks, "less than a block", NULL, 8, 1, 5, .c = 16, .reduction = 64),
    // pow, sqrt, log and cos of a driver: 2^-11 of the noise's deviation.
    STYLE(style, "everything", &imagenet_unit, 16, 13, 17, .c = 512, .scale = 4.5),
    STYLE(style, "one pixel", &imagenet_unit, 8, 1, 1, .c = 512, .scale = 4.5),
    {.op = NULL},
};
