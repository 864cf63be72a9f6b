// image.c: pictures to network input: normalisation, and a map of each picture's own on the device.
//
//   image_normalize   u8 (N,H,W,3) -> f32 (N,H,W,3) = pixel scale[c] + shift[c]
//   image_warp        u8 (N,H,W,3), plan (N,32) -> f32 (N,H,W,3): bilinear between pixel centres;
//     beyond its edge the picture goes on mirrored (each border pixel twice); then as
//     image_normalize. The map from output to input, x and y in units of the picture's size about
//     its centre: (u, v) = (m0 x + m1 y, m3 x + m4 y) / (1 + m6 x + m7 y) + (m2, m5)
//
// The plan is of augment.c, and what else it can do to a picture of style.c.
// No gradients: pictures are data.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

static hone_status expect_pictures(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect(args, 0, "pictures", HONE_U8, 4));
    HONE_TRY(hone_op_expect_dim(args, 0, "pictures", 3, 3, "red, green and blue"));
    args->out[0] = args->in[0];
    args->out[0].dtype = HONE_F32;
    if (!hone_desc_valid(&args->out[0]))
        return hone_fail(HONE_INVALID, "pictures: 2^31 elements or more");
    return HONE_OK;
}

static const struct hone_field normalize_fields[] = {
    HONE_FIELD(hone_normalize_attrs, scale, HONE_FIELD_F32, 3),
    HONE_FIELD(hone_normalize_attrs, shift, HONE_FIELD_F32, 3),
};
#define NORMALIZE_ATTRS                                                                            \
    .attrs_bytes = sizeof(struct hone_normalize_attrs), .fields = normalize_fields, .field_count = 2

// ---- image_normalize(u8) -> f32 ----

static void normalize_ref(const struct hone_ref_args *args) {
    const struct hone_normalize_attrs *attrs = args->attrs;
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t i = 0; i < count; i++)
        args->out[0][i] =
            args->in[0][i] * (double)attrs->scale[i % 3] + (double)attrs->shift[i % 3];
}

static struct hone_cost normalize_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 2);
}

static hone_status normalize_setup(const struct hone_row_args *args, struct hone_launch *launch,
                                   uint32_t width) {
    uint32_t count = (uint32_t)hone_desc_elements(&args->node->out[0]) / width;
    struct hone_dispatch *pass =
        hone_op_linear(launch, width == 4 ? "image_normalize_vec4" : "image_normalize", count);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 1);
    hone_dispatch_push(pass, &count, sizeof count);
    hone_dispatch_push(pass, args->node->attrs, sizeof(struct hone_normalize_attrs));
    return HONE_OK;
}

static hone_status normalize_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return normalize_setup(args, launch, 4);
}

static hone_status normalize_plain(const struct hone_row_args *args, struct hone_launch *launch) {
    return normalize_setup(args, launch, 1);
}

static const struct hone_op_row normalize_rows[] = {
    {.name = "vec4", .fits = hone_op_fits_vec4, .setup = normalize_vec4},
    {.name = "plain", .setup = normalize_plain},
};

const struct hone_op hone_op_image_normalize = {
    .name = "image_normalize",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    NORMALIZE_ATTRS,
    .infer = expect_pictures,
    .ref = normalize_ref,
    .cost = normalize_cost,
    .slices = hone_op_slices_all,
    .rows = normalize_rows,
    .row_count = 2,
};

// ---- image_warp(u8, plan) -> f32 ----

static hone_status warp_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_pictures(args));
    HONE_TRY(hone_op_expect_f32(args, 1, "plan", 2));
    HONE_TRY(hone_op_expect_dim(args, 1, "plan", 0, args->in[0].dim[0], "the number of pictures"));
    return hone_op_expect_dim(args, 1, "plan", 1, HONE_AUGMENT_PLAN, "as ops.h says");
}

// A whole coordinate folded into [0, size): the picture and its mirror image take turns.
static int32_t mirror(double at, int32_t size) {
    double folded = at - 2.0 * size * floor(at / (2.0 * size));
    if (folded >= size) folded = 2.0 * size - 1 - folded;
    return folded >= 0 && folded < size ? (int32_t)folded : 0; // 0: not a number
}

static void warp_ref(const struct hone_ref_args *args) {
    const struct hone_normalize_attrs *attrs = args->attrs;
    const int32_t *dim = args->in_desc[0].dim, height = dim[1], width = dim[2];
    double *out = args->out[0];
    for (int32_t n = 0; n < dim[0]; n++) {
        const double *picture = args->in[0] + (int64_t)n * height * width * 3,
                     *m = args->in[1] + (int64_t)n * HONE_AUGMENT_PLAN;
        for (int32_t h = 0; h < height; h++)
            for (int32_t w = 0; w < width; w++) {
                // In pixels about the centre, so that identity and flips are exact.
                double x = w + 0.5 - 0.5 * width, y = h + 0.5 - 0.5 * height;
                double far = 1 + m[6] * x / width + m[7] * y / height;
                double u =
                    (m[0] * x + m[1] * y * width / height) / far + m[2] * width + 0.5 * width - 0.5;
                double v = (m[3] * x * height / width + m[4] * y) / far + m[5] * height +
                           0.5 * height - 0.5;
                double fu = u - floor(u), fv = v - floor(v);
                int32_t w0 = mirror(floor(u), width), w1 = mirror(floor(u) + 1, width);
                int32_t h0 = mirror(floor(v), height), h1 = mirror(floor(v) + 1, height);
                for (int c = 0; c < 3; c++) {
                    double top = (1 - fu) * picture[(h0 * width + w0) * 3 + c] +
                                 fu * picture[(h0 * width + w1) * 3 + c];
                    double low = (1 - fu) * picture[(h1 * width + w0) * 3 + c] +
                                 fu * picture[(h1 * width + w1) * 3 + c];
                    *out++ = ((1 - fv) * top + fv * low) * (double)attrs->scale[c] +
                             (double)attrs->shift[c];
                }
            }
    }
}

static struct hone_cost warp_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 12);
}

static hone_status warp_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const int32_t *dim = args->node->in[0].dim;
    struct hone_dispatch *pass = hone_op_linear(
        launch, "image_warp", (uint64_t)dim[0] * (uint64_t)dim[1] * (uint64_t)dim[2]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 2, 1);
    hone_dispatch_push(pass, dim, 12);
    hone_dispatch_push(pass, args->node->attrs, sizeof(struct hone_normalize_attrs));
    return HONE_OK;
}

static const struct hone_op_row warp_rows[] = {{.name = "plain", .setup = warp_setup}};

const struct hone_op hone_op_image_warp = {
    .name = "image_warp",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    NORMALIZE_ATTRS,
    .infer = warp_infer,
    .ref = warp_ref,
    .cost = warp_cost,
    .slices = hone_op_slices_all,
    .rows = warp_rows,
    .row_count = 1,
};
