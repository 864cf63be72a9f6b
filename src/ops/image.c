// image.c: pictures to network input: normalisation, and random flips, turns, zooms and shifts on
// the device.
//
//   image_normalize   u8 (N,H,W,3) -> f32 (N,H,W,3) = pixel scale[c] + shift[c]
//   augment_matrix    clock (2) i32 -> (N,6), rows (m0 .. m5): the map from output to input
//     (u, v) = (m0 x + m1 y + m2, m3 x + m4 y + m5), x and y in units of the picture's size about
//     its centre
//   image_warp        u8 (N,H,W,3), matrix (N,6) -> f32 (N,H,W,3): bilinear between pixel centres;
//   beyond its edge the
//     picture goes on mirrored (each border pixel twice); then as image_normalize
//
// No gradients: pictures are data.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>

#include "base/rng.h"

// The draws of picture n have counters HONE_AUGMENT_DRAWS n + one of these.
// shaders/image/matrix.comp has the same.
enum {
    AUGMENT_FLIP_X,
    AUGMENT_FLIP_Y,
    AUGMENT_ANGLE,
    AUGMENT_ZOOM,
    AUGMENT_SHIFT_X,
    AUGMENT_SHIFT_Y
};
enum { HONE_AUGMENT_DRAWS = 8 };

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

// ---- augment_matrix(clock) -> (N,6) ----
// (u, v) = Rotate(angle) (fx x, fy y) / zoom + (shift_x, shift_y), fx and fy 1 or -1

static const struct hone_field augment_fields[] = {
    HONE_FIELD(hone_augment_attrs, batch, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, flip_x, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, flip_y, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_augment_attrs, rotate, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, scale_lo, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, scale_hi, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, shift, HONE_FIELD_F32, 1),
    HONE_FIELD(hone_augment_attrs, salt, HONE_FIELD_I32, 1),
};

static hone_status augment_infer(const struct hone_infer_args *args) {
    const struct hone_augment_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect(args, 0, "clock", HONE_I32, 1));
    HONE_TRY(hone_op_expect_dim(args, 0, "clock", 0, 2, "seed and step"));
    if (!(attrs->scale_lo > 0.0f && attrs->scale_hi >= attrs->scale_lo))
        return hone_fail(HONE_INVALID, "zoom %g to %g: it must be above 0 and not fall",
                         (double)attrs->scale_lo, (double)attrs->scale_hi);
    if (!(attrs->rotate >= 0.0f && attrs->shift >= 0.0f))
        return hone_fail(HONE_INVALID, "rotate %g and shift %g must be 0 or more",
                         (double)attrs->rotate, (double)attrs->shift);
    if (attrs->batch < 1)
        return hone_fail(HONE_INVALID, "batch is %d; it must be at least 1", attrs->batch);
    return hone_op_set(&args->out[0], HONE_F32, 2, (const int64_t[]){attrs->batch, 6});
}

static void augment_ref(const struct hone_ref_args *args) {
    const struct hone_augment_attrs *attrs = args->attrs;
    uint64_t seed = (uint32_t)(int32_t)args->in[0][0];
    uint64_t stream = hone_op_random_stream(attrs->salt, (int32_t)args->in[0][1]);
    for (int32_t n = 0; n < attrs->batch; n++) {
        double u[6];
        for (int i = 0; i < 6; i++)
            u[i] =
                (double)hone_rng_f32(seed, stream, (uint64_t)n * HONE_AUGMENT_DRAWS + (uint64_t)i);
        double fx = attrs->flip_x && u[AUGMENT_FLIP_X] < 0.5 ? -1 : 1;
        double fy = attrs->flip_y && u[AUGMENT_FLIP_Y] < 0.5 ? -1 : 1;
        double angle = (double)attrs->rotate * (2 * u[AUGMENT_ANGLE] - 1);
        double lo = (double)attrs->scale_lo,
               zoom = lo + ((double)attrs->scale_hi - lo) * u[AUGMENT_ZOOM];
        double *m = args->out[0] + (int64_t)n * 6;
        m[0] = fx * cos(angle) / zoom;
        m[1] = -fy * sin(angle) / zoom;
        m[2] = (double)attrs->shift * (2 * u[AUGMENT_SHIFT_X] - 1);
        m[3] = fx * sin(angle) / zoom;
        m[4] = fy * cos(angle) / zoom;
        m[5] = (double)attrs->shift * (2 * u[AUGMENT_SHIFT_Y] - 1);
    }
}

static struct hone_cost augment_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 40);
}

static hone_status augment_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_augment_attrs *attrs = args->node->attrs;
    struct hone_dispatch *pass = hone_op_linear(launch, "image_matrix", (uint64_t)attrs->batch);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 1);
    hone_dispatch_push(
        pass, (const int32_t[]){attrs->batch, attrs->flip_x, attrs->flip_y, attrs->salt}, 16);
    hone_dispatch_push(
        pass, (const float[]){attrs->rotate, attrs->scale_lo, attrs->scale_hi, attrs->shift}, 16);
    return HONE_OK;
}

static const struct hone_op_row augment_rows[] = {{.name = "plain", .setup = augment_setup}};

const struct hone_op hone_op_augment_matrix = {
    .name = "augment_matrix",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_augment_attrs),
    .fields = augment_fields,
    .field_count = 8,
    .infer = augment_infer,
    .ref = augment_ref,
    .cost = augment_cost,
    .rows = augment_rows,
    .row_count = 1,
};

// ---- image_warp(u8, matrix) -> f32 ----

static hone_status warp_infer(const struct hone_infer_args *args) {
    HONE_TRY(expect_pictures(args));
    HONE_TRY(hone_op_expect_f32(args, 1, "matrix", 2));
    HONE_TRY(
        hone_op_expect_dim(args, 1, "matrix", 0, args->in[0].dim[0], "the number of pictures"));
    return hone_op_expect_dim(args, 1, "matrix", 1, 6, "the numbers of a map");
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
                     *m = args->in[1] + (int64_t)n * 6;
        for (int32_t h = 0; h < height; h++)
            for (int32_t w = 0; w < width; w++) {
                // In pixels about the centre, so that identity and flips are exact.
                double x = w + 0.5 - 0.5 * width, y = h + 0.5 - 0.5 * height;
                double u = m[0] * x + m[1] * y * width / height + m[2] * width + 0.5 * width - 0.5;
                double v =
                    m[3] * x * height / width + m[4] * y + m[5] * height + 0.5 * height - 0.5;
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
