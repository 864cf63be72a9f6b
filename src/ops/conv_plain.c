// conv_plain.c: the plain body of the convolution contract: one output an invocation, any device,
// any size. What every other body is compared with, and falls back to.
#include "ops/conv_parts.h"

static hone_status plain_conv(const struct hone_conv_job *job, const char *base, bool dgrad,
                              struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel(base, job->dtype, job->out_dtype, kernel);
    int64_t width = job->out_dtype == HONE_F32 ? 1 : 2; // outputs an invocation: one word
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? hone_conv_y_image(&job->push) : hone_conv_x_image(&job->push);
    int64_t out_image = dgrad ? hone_conv_x_image(&job->push) : hone_conv_y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, job->push.n - n);
        struct hone_dispatch *d =
            hone_op_linear(launch, kernel, (uint64_t)hone_ceil_div(out_image * push.n, width));
        if (!d) return HONE_INTERNAL;
        hone_dispatch_spec(d, (uint32_t)job->act);
        hone_dispatch_spec(d, job->has_bias);
        hone_dispatch_spec(d, job->has_addend);
        hone_dispatch_push(d, &push, sizeof push);
        hone_conv_bind(d, hone_conv_window_of(job->dtype, job->a, n * a_image, push.n * a_image));
        hone_conv_bind(d, job->b);
        hone_conv_bind_result(
            d, job, job->b,
            hone_conv_window_of(job->out_dtype, job->out, n * out_image, push.n * out_image));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    return plain_conv(job, job->batch ? "conv_plain_fprop_batch" : "conv_plain_fprop", false,
                      launch);
}

hone_status hone_conv_dgrad_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    return plain_conv(job, "conv_plain_dgrad", true, launch);
}

static void plain_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                             int64_t slices, const void *tile) {
    (void)tile;
    hone_dispatch_spec(d, HONE_OP_GROUP);
    hone_dispatch_linear(d, (uint64_t)hone_conv_weights(push), HONE_OP_GROUP);
    d->grid[2] = (uint32_t)slices;
}

hone_status hone_conv_wgrad_plain(const struct hone_conv_job *job, struct hone_launch *launch) {
    // A loop of lavapipe ends after 65,535 rounds; Small filters need slices to keep a device busy.
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_PIXEL};
    int64_t wanted = hone_ceil_div(65535, hone_conv_weights(&job->push)); // one z of the grid each
    HONE_TRY(hone_conv_cut(job, wanted, 64, 32768, &cuts));
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel("conv_plain_wgrad", job->dtype, HONE_F32, kernel);
    return hone_conv_wgrad(job, kernel, cuts, plain_wgrad_fill, NULL, launch);
}
