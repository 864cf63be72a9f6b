// style.c: pictures made worse, each by its row of the plan (augment.c, ops.h): blurred, cut into
// blocks, other colours, noise, a part erased. Pixels are in [0, 1] until image_style normalises.
//
//   image_blur    y = sum over k in -3..3 of exp(-k^2 / 2 s^2) x[at + k], over the sum of weights
//   image_blocks  8x8 blocks: y = inverse(soft(cosine transform(x))), soft(v) = v less
//     strength (1 + i + j) towards 0 at frequency (i, j), but for the mean. A JPEG rounds there; to
//     shrink loses the same frequencies and has no steps, at which devices could differ
//   image_style   t = clamp((x - 1/2) contrast + 1/2 + brightness) ^ gamma; chroma (Cb, Cr of
//     BT.601) turned and stretched; noise, normal; y = t scale[c] + shift[c], 0 where erased
//
// No gradients: pictures are data.
#include "ops/common.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"

static hone_status style_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "pictures", 4));
    HONE_TRY(hone_op_expect_dim(args, 0, "pictures", 3, 3, "red, green and blue"));
    HONE_TRY(hone_op_expect_f32(args, 1, "plan", 2));
    HONE_TRY(hone_op_expect_dim(args, 1, "plan", 0, args->in[0].dim[0], "the number of pictures"));
    HONE_TRY(hone_op_expect_dim(args, 1, "plan", 1, HONE_AUGMENT_PLAN, "as ops.h says"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static const double *plan_of(const struct hone_ref_args *args, int32_t n) {
    return args->in[1] + (int64_t)n * HONE_AUGMENT_PLAN;
}

static double unit(double x) {
    return x < 0 ? 0 : x > 1 ? 1 : x;
}

// ---- image_blur ----

static const struct hone_field blur_fields[] = {
    HONE_FIELD(hone_blur_attrs, axis, HONE_FIELD_I32, 1)};

static hone_status blur_infer(const struct hone_infer_args *args) {
    const struct hone_blur_attrs *attrs = args->attrs;
    if (attrs->axis != 1 && attrs->axis != 2)
        return hone_fail(HONE_INVALID, "axis %d is neither 1, height, nor 2, width", attrs->axis);
    return style_infer(args);
}

static int32_t mirror(int32_t at, int32_t size) {
    int32_t period = 2 * size, folded = (at + 4 * period) % period;
    return folded < size ? folded : period - 1 - folded;
}

static void blur_ref(const struct hone_ref_args *args) {
    const struct hone_blur_attrs *attrs = args->attrs;
    const int32_t *dim = args->in_desc[0].dim, size = dim[attrs->axis];
    int64_t stride = attrs->axis == 1 ? (int64_t)dim[2] * 3 : 3;
    int64_t picture = (int64_t)dim[1] * dim[2] * 3;
    for (int64_t i = 0; i < dim[0] * picture; i++) {
        double sigma = plan_of(args, (int32_t)(i / picture))[13];
        double sum = args->in[0][i], total = 1;
        int32_t at = (int32_t)(i / stride % size);
        for (int k = -3; k <= 3 && sigma >= 0.05; k++) {
            if (k == 0) continue;
            double weight = exp(-k * k / (2 * sigma * sigma));
            sum += weight * args->in[0][i + (mirror(at + k, size) - at) * stride];
            total += weight;
        }
        args->out[0][i] = sum / total;
    }
}

static struct hone_cost blur_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 14);
}

static hone_status blur_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const struct hone_blur_attrs *attrs = args->node->attrs;
    const int32_t *dim = args->node->in[0].dim;
    struct hone_dispatch *pass = hone_op_linear(
        launch, "image_blur", (uint64_t)dim[0] * (uint64_t)dim[1] * (uint64_t)dim[2]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 2, 1);
    hone_dispatch_push(pass, dim, 12);
    hone_dispatch_push(pass, &attrs->axis, 4);
    return HONE_OK;
}

static const struct hone_op_row blur_rows[] = {{.name = "plain", .setup = blur_setup}};

const struct hone_op hone_op_image_blur = {
    .name = "image_blur",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_blur_attrs),
    .fields = blur_fields,
    .field_count = 1,
    .infer = blur_infer,
    .ref = blur_ref,
    .cost = blur_cost,
    .slices = hone_op_slices_all,
    .rows = blur_rows,
    .row_count = 1,
};

// ---- image_blocks ----

enum { SIDE = 8 };

// The orthonormal cosine basis: [frequency][place].
static void cosines(double basis[SIDE][SIDE]) {
    for (int f = 0; f < SIDE; f++)
        for (int p = 0; p < SIDE; p++)
            basis[f][p] = f == 0 ? sqrt(1.0 / SIDE)
                                 : sqrt(2.0 / SIDE) * cos(f * (2 * p + 1) * acos(-1) / (2 * SIDE));
}

// y = B x C, B or its transpose along columns, C its transpose or itself along rows.
static void transform(double basis[SIDE][SIDE], double x[SIDE][SIDE], bool back,
                      double y[SIDE][SIDE]) {
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double sum = 0;
            for (int r = 0; r < SIDE; r++)
                for (int c = 0; c < SIDE; c++)
                    sum += x[r][c] * (back ? basis[r][i] * basis[c][j] : basis[i][r] * basis[j][c]);
            y[i][j] = sum;
        }
}

static void one_block(double basis[SIDE][SIDE], double strength, double block[SIDE][SIDE]) {
    double wave[SIDE][SIDE];
    transform(basis, block, false, wave);
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++) {
            double least = i + j ? strength * (1 + i + j) : 0, size = fabs(wave[i][j]) - least;
            wave[i][j] = size > 0 ? copysign(size, wave[i][j]) : 0;
        }
    transform(basis, wave, true, block);
}

static void blocks_ref(const struct hone_ref_args *args) {
    const int32_t *dim = args->in_desc[0].dim, h = dim[1], w = dim[2];
    double basis[SIDE][SIDE], block[SIDE][SIDE];
    cosines(basis);
    memcpy(args->out[0], args->in[0],
           (size_t)hone_desc_elements(&args->in_desc[0]) * sizeof(double));
    for (int32_t n = 0; n < dim[0]; n++) {
        double strength = plan_of(args, n)[16], *picture = args->out[0] + (int64_t)n * h * w * 3;
        for (int32_t at = 0; strength > 0 && at < (h + 7) / 8 * ((w + 7) / 8) * 3; at++) {
            int32_t channel = at % 3, y0 = at / 3 / ((w + 7) / 8) * 8,
                    x0 = at / 3 % ((w + 7) / 8) * 8;
            for (int i = 0; i < SIDE * SIDE; i++) { // ragged blocks repeat their edge
                int32_t y = y0 + i / 8 < h ? y0 + i / 8 : h - 1;
                int32_t x = x0 + i % 8 < w ? x0 + i % 8 : w - 1;
                block[i / 8][i % 8] = picture[(y * w + x) * 3 + channel];
            }
            one_block(basis, strength, block);
            for (int i = 0; i < SIDE * SIDE; i++)
                if (y0 + i / 8 < h && x0 + i % 8 < w)
                    picture[((y0 + i / 8) * w + x0 + i % 8) * 3 + channel] = block[i / 8][i % 8];
        }
    }
}

static struct hone_cost blocks_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 64);
}

static hone_status blocks_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const int32_t *dim = args->node->in[0].dim;
    const uint32_t group = SIDE * SIDE; // an invocation a coefficient
    uint64_t blocks =
        (uint64_t)dim[0] * (uint64_t)((dim[1] + 7) / 8) * (uint64_t)((dim[2] + 7) / 8);
    struct hone_dispatch *pass = hone_launch_add(launch, "image_blocks");
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, group);
    hone_dispatch_linear(pass, blocks * group, group);
    hone_op_bind_all(pass, 2, 1);
    hone_dispatch_push(pass, dim, 12);
    return HONE_OK;
}

static const struct hone_op_row blocks_rows[] = {{.name = "plain", .setup = blocks_setup}};

const struct hone_op hone_op_image_blocks = {
    .name = "image_blocks",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .infer = style_infer,
    .ref = blocks_ref,
    .cost = blocks_cost,
    .slices = hone_op_slices_all,
    .rows = blocks_rows,
    .row_count = 1,
};

// ---- image_style ----

static const struct hone_field style_fields[] = {
    HONE_FIELD(hone_normalize_attrs, scale, HONE_FIELD_F32, 3),
    HONE_FIELD(hone_normalize_attrs, shift, HONE_FIELD_F32, 3),
};

static void style_pixel(const double *m, int64_t place, double t[3]) {
    for (int c = 0; c < 3; c++) {
        t[c] = unit((t[c] - 0.5) * m[9] + 0.5 + m[8]);
        if (t[c] > 0) t[c] = pow(t[c], m[10]);
    }
    double luma = 0.299 * t[0] + 0.587 * t[1] + 0.114 * t[2];
    double cb = 0.564 * (t[2] - luma), cr = 0.713 * (t[0] - luma);
    double red = luma + (m[12] * cb + m[11] * cr) / 0.713;
    double blue = luma + (m[11] * cb - m[12] * cr) / 0.564;
    t[0] = unit(red);
    t[1] = unit((luma - 0.299 * red - 0.114 * blue) / 0.587);
    t[2] = unit(blue);
    for (int c = 0; c < 3 && m[14] > 0; c++)
        t[c] = unit(t[c] + m[14] * hone_rng_normal((uint64_t)m[15], 0, (uint64_t)(place * 4 + c)));
}

static void style_ref(const struct hone_ref_args *args) {
    const struct hone_normalize_attrs *attrs = args->attrs;
    const int32_t *dim = args->in_desc[0].dim, h = dim[1], w = dim[2];
    for (int64_t i = 0; i < (int64_t)dim[0] * h * w; i++) {
        const double *m = plan_of(args, (int32_t)(i / ((int64_t)h * w)));
        int64_t column = i % w, row = i / w % h;
        int64_t px = (2 * column + 1) * 128, py = (2 * row + 1) * 128; // 256ths of a pixel
        bool erased = px >= (int64_t)m[17] * w && px < (int64_t)m[19] * w &&
                      py >= (int64_t)m[18] * h && py < (int64_t)m[20] * h;
        double t[3];
        memcpy(t, args->in[0] + i * 3, sizeof t);
        style_pixel(m, row * w + column, t);
        for (int c = 0; c < 3; c++)
            args->out[0][i * 3 + c] =
                erased ? 0 : t[c] * (double)attrs->scale[c] + (double)attrs->shift[c];
    }
}

static struct hone_cost style_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 20);
}

static hone_status style_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const int32_t *dim = args->node->in[0].dim;
    struct hone_dispatch *pass = hone_op_linear(
        launch, "image_style", (uint64_t)dim[0] * (uint64_t)dim[1] * (uint64_t)dim[2]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 2, 1);
    hone_dispatch_push(pass, dim, 12);
    hone_dispatch_push(pass, args->node->attrs, sizeof(struct hone_normalize_attrs));
    return HONE_OK;
}

static const struct hone_op_row style_rows[] = {{.name = "plain", .setup = style_setup}};

const struct hone_op hone_op_image_style = {
    .name = "image_style",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .attrs_bytes = sizeof(struct hone_normalize_attrs),
    .fields = style_fields,
    .field_count = 2,
    .infer = style_infer,
    .ref = style_ref,
    .cost = style_cost,
    .alias = hone_op_alias_unary,
    .slices = hone_op_slices_all,
    .rows = style_rows,
    .row_count = 1,
};
