// mix.c: each picture of a batch mixed with its partner, the one at the same place from the other
// end of the batch: mixup (Zhang et al. 2017) blends them, cutmix (Yun et al. 2019) takes a box.
//
//   image_mix   x (N,H,W,3), mix (8) f32 -> y (N,H,W,3), P = N - 1 - n the partner of n:
//     y[n,h,w] = x[P,h,w] inside the box, else keep x[n,h,w] + (1 - keep) x[P,h,w]
//     mix: keep, then the box y0 x0 y1 x1 in pixels, ends not included, then what others read
//
// No gradients: pictures are data.
#include "ops/common.h"
#include "ops/ops.h"

static hone_status mix_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_op_expect_f32(args, 0, "pictures", 4));
    HONE_TRY(hone_op_expect_dim(args, 0, "pictures", 3, 3, "red, green and blue"));
    HONE_TRY(hone_op_expect_f32(args, 1, "mix", 1));
    HONE_TRY(hone_op_expect_dim(args, 1, "mix", 0, HONE_MIX_NUMBERS, "as ops.h says"));
    args->out[0] = args->in[0];
    return HONE_OK;
}

static void mix_ref(const struct hone_ref_args *args) {
    const int32_t *dim = args->in_desc[0].dim;
    const double *mix = args->in[1];
    int64_t picture = (int64_t)dim[1] * dim[2] * 3;
    for (int64_t n = 0; n < dim[0]; n++) {
        const double *own = args->in[0] + n * picture,
                     *other = args->in[0] + (dim[0] - 1 - n) * picture;
        for (int64_t i = 0; i < picture; i++) {
            // NOLINTNEXTLINE(bugprone-integer-division): rows and columns are whole
            double h = (double)(i / 3 / dim[2]), w = (double)(i / 3 % dim[2]);
            bool boxed = h >= mix[1] && w >= mix[2] && h < mix[3] && w < mix[4];
            args->out[0][n * picture + i] =
                boxed ? other[i] : mix[0] * own[i] + (1 - mix[0]) * other[i];
        }
    }
}

static struct hone_cost mix_cost(const struct hone_infer_args *args) {
    return hone_op_cost_elements(args, 1, 4);
}

static hone_status mix_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    const int32_t *dim = args->node->in[0].dim;
    struct hone_dispatch *pass =
        hone_op_linear(launch, "image_mix", (uint64_t)dim[0] * (uint64_t)dim[1] * (uint64_t)dim[2]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 2, 1);
    hone_dispatch_push(pass, dim, 12);
    return HONE_OK;
}

static const struct hone_op_row mix_rows[] = {{.name = "plain", .setup = mix_setup}};

const struct hone_op hone_op_image_mix = {
    .name = "image_mix",
    .inputs_min = 2,
    .inputs_max = 2,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD,
    .infer = mix_infer,
    .ref = mix_ref,
    .cost = mix_cost,
    .rows = mix_rows,
    .row_count = 1,
};
