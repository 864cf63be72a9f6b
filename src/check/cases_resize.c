// cases_resize.c: pictures made larger and smaller, by whole factors and others, to the borders and
// beyond; channels in fours and not, in 16 bits.
#include "check/case.h"

// To 2x: halves between pixels. From 7 x 5 to 10 x 3: no whole factor. Corners on corners.
static const struct hone_resize_attrs twice = {
    .size = {10, 14}, .linear = 1, .step = {0.5f, 0.5f}, .offset = {-0.25f, -0.25f}};
static const struct hone_resize_attrs other = {
    .size = {10, 3}, .linear = 1, .step = {0.7f, 1.6666666f}, .offset = {-0.15f, 0.3333333f}};
static const struct hone_resize_attrs corners = {
    .size = {9, 4}, .linear = 1, .step = {0.75f, 2}, .offset = {0, 0}};
static const struct hone_resize_attrs nearest = {
    .size = {10, 3}, .step = {0.5f, 2.3333333f}, .offset = {0.0009765625f, 0.0009765625f}};
static const struct hone_resize_attrs one = {
    .size = {1, 5}, .linear = 1, .step = {1, 0.25f}, .offset = {1.5f, 0.25f}};

#define BACK(h, w, ...)                                                                            \
    { .in_h = h, .in_w = w, __VA_ARGS__ }
static const struct hone_resize_attrs twice_back =
    BACK(5, 7, .size = {10, 14}, .linear = 1, .step = {0.5f, 0.5f}, .offset = {-0.25f, -0.25f});
static const struct hone_resize_attrs other_back = BACK(
    7, 5, .size = {10, 3}, .linear = 1, .step = {0.7f, 1.6666666f}, .offset = {-0.15f, 0.3333333f});
static const struct hone_resize_attrs nearest_back = BACK(
    5, 7, .size = {10, 3}, .step = {0.5f, 2.3333333f}, .offset = {0.0009765625f, 0.0009765625f});
static const struct hone_resize_attrs beyond_back =
    BACK(3, 4, .size = {11, 13}, .linear = 1, .step = {0.5f, 0.375f}, .offset = {-1.25f, -0.5f});

#define RESIZE(op_, title, at, ...)                                                                \
    {                                                                                              \
        .op = &hone_op_##op_, .name = title, .attrs = at, .input_count = 1,                        \
        .in = {{.desc = __VA_ARGS__, .grad = true}}, .tolerance = {                                \
            .reduction = 16                                                                        \
        }                                                                                          \
    }

const struct hone_case hone_cases_resize[] = {
    RESIZE(resize, "to twice the size, fours", &twice, OP_F32(2, 5, 7, 8)),
    RESIZE(resize, "one axis larger, one smaller", &other, OP_F32(3, 7, 5, 3)),
    RESIZE(resize, "corners on corners", &corners, OP_F32(1, 7, 7, 5)),
    RESIZE(resize, "nearest", &nearest, OP_F32(2, 5, 7, 4)),
    RESIZE(resize, "nearest, odd channels", &nearest, OP_F32(2, 5, 7, 3)),
    RESIZE(resize, "of one place", &one, OP_F32(2, 4, 3, 7)),
    {.op = &hone_op_resize_bwd,
     .name = "from twice the size, fours",
     .attrs = &twice_back,
     .input_count = 1,
     .in = {{.desc = OP_F32(2, 10, 14, 8)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize_bwd,
     .name = "one axis larger, one smaller",
     .attrs = &other_back,
     .input_count = 1,
     .in = {{.desc = OP_F32(3, 10, 3, 3)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize_bwd,
     .name = "nearest",
     .attrs = &nearest_back,
     .input_count = 1,
     .in = {{.desc = OP_F32(2, 10, 3, 4)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize_bwd,
     .name = "beyond the borders",
     .attrs = &beyond_back,
     .input_count = 1,
     .in = {{.desc = OP_F32(2, 11, 13, 5)}},
     .tolerance = {.reduction = 64}},
    {.op = &hone_op_resize,
     .name = "f16",
     .attrs = &twice,
     .input_count = 1,
     .in = {{.desc = OP_F16(2, 5, 7, 8)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize,
     .name = "bf16, nearest",
     .attrs = &nearest,
     .input_count = 1,
     .in = {{.desc = OP_BF16(2, 5, 7, 4)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize_bwd,
     .name = "f16",
     .attrs = &twice_back,
     .input_count = 1,
     .in = {{.desc = OP_F16(2, 10, 14, 8)}},
     .tolerance = {.reduction = 16}},
    {.op = &hone_op_resize_bwd,
     .name = "bf16",
     .attrs = &other_back,
     .input_count = 1,
     .in = {{.desc = OP_BF16(2, 10, 3, 4)}},
     .tolerance = {.reduction = 16}},
    {.op = NULL},
};
