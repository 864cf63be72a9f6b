// conv_parts.c: see conv_parts.h. Long tensors are cut along the batch, so that no binding exceeds
// what the device allows.
#include "ops/conv_parts.h"

#include <stdio.h>

int64_t hone_conv_x_image(const struct hone_conv_push *g) {
    return (int64_t)g->h * g->w * g->c;
}

int64_t hone_conv_y_image(const struct hone_conv_push *g) {
    return (int64_t)g->p * g->q * g->k;
}

int64_t hone_conv_weights(const struct hone_conv_push *g) {
    return (int64_t)g->k * g->r * g->s * (g->c / g->groups);
}

bool hone_conv_reaches_outside(const struct hone_conv_push *g) {
    int64_t bottom =
        (int64_t)(g->p - 1) * g->stride_h - g->pad_h + (int64_t)(g->r - 1) * g->dilation_h;
    int64_t right =
        (int64_t)(g->q - 1) * g->stride_w - g->pad_w + (int64_t)(g->s - 1) * g->dilation_w;
    return g->pad_h > 0 || g->pad_w > 0 || bottom >= g->h || right >= g->w;
}

bool hone_conv_is_1x1(const struct hone_conv_push *g) {
    return g->r == 1 && g->s == 1 && !hone_conv_reaches_outside(g);
}

bool hone_conv_is_pointwise(const struct hone_conv_push *g) {
    return hone_conv_is_1x1(g) && g->stride_h == 1 && g->stride_w == 1 && g->p == g->h &&
           g->q == g->w;
}

void hone_conv_flatten(struct hone_conv_push *g) {
    if (!hone_conv_is_pointwise(g)) return;
    g->w = g->q = g->n * g->h * g->w;
    g->n = g->h = g->p = 1;
}

int64_t hone_conv_busy(const struct hone_caps *caps) {
    return hone_max64(2 * (int64_t)caps->cores, 2);
}

hone_status hone_conv_images_a_dispatch(const struct hone_conv_job *job, int32_t *out) {
    const struct hone_conv_push *g = &job->push;
    int64_t in = (int64_t)hone_dtype_bytes(job->dtype),
            out_ = (int64_t)hone_dtype_bytes(job->out_dtype);
    int64_t wide = hone_max64(in, out_), narrow = hone_min64(in, out_);
    int64_t image = wide * hone_max64(hone_conv_x_image(g), hone_conv_y_image(g)),
            range = (int64_t)job->caps->storage_range_bytes;
    if (image * g->n <= range) {
        *out = g->n;
        return HONE_OK;
    }
    int64_t align = hone_max64(job->caps->storage_offset_align, 4), step = 1;
    while ((narrow * step * hone_conv_x_image(g)) % align ||
           (narrow * step * hone_conv_y_image(g)) % align)
        step++;
    int64_t images = range / image / step * step;
    if (images == 0 || hone_ceil_div(g->n, images) * 2 > HONE_LAUNCH_DISPATCHES - 2)
        return hone_fail(HONE_UNSUPPORTED,
                         "pictures of %lld MiB each do not fit into the device's bindings of %lld "
                         "MiB; use a smaller batch",
                         (long long)(image >> 20), (long long)(range >> 20));
    *out = (int32_t)images;
    return HONE_OK;
}

struct hone_operand hone_conv_window(struct hone_operand whole, int64_t first, int64_t count) {
    return hone_conv_window_of(HONE_F32, whole, first, count);
}

struct hone_operand hone_conv_window_of(enum hone_dtype dtype, struct hone_operand whole,
                                        int64_t first, int64_t count) {
    uint64_t size = hone_dtype_bytes(dtype);
    whole.offset += size * (uint64_t)first;
    whole.bytes = (size * (uint64_t)count + 3) / 4 * 4;
    return whole;
}

const char *hone_conv_kernel(const char *base, enum hone_dtype in, enum hone_dtype out,
                             char name[HONE_CONV_KERNEL_NAME]) {
    snprintf(name, HONE_CONV_KERNEL_NAME, "%s%s%s%s%s", base, in == HONE_F32 ? "" : "_",
             in == HONE_F32 ? "" : hone_dtype_name(in), in == out ? "" : "_",
             in == out ? "" : hone_dtype_name(out));
    return name;
}

void hone_conv_bind(struct hone_dispatch *dispatch, struct hone_operand operand) {
    if (dispatch->operand_count < HONE_DISPATCH_OPERANDS)
        dispatch->operands[dispatch->operand_count] = operand;
    dispatch->operand_count++;
}

void hone_conv_bind_result(struct hone_dispatch *dispatch, const struct hone_conv_job *job,
                           struct hone_operand any, struct hone_operand out) {
    struct hone_operand addend = job->addend;
    addend.offset += out.offset - job->out.offset;
    addend.bytes = out.bytes;
    hone_conv_bind(dispatch, job->has_bias ? job->bias : any);
    hone_conv_bind(dispatch, job->has_addend ? addend : any);
    hone_conv_bind(dispatch, out);
}

const struct hone_operand hone_conv_part = {.kind = HONE_OPERAND_SCRATCH, .index = 1};

void hone_conv_begin_parts(const struct hone_conv_job *job, int64_t images, int64_t rows,
                           struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    int64_t count = hone_ceil_div((int64_t)g->n * g->p * g->q, rows), bytes = 8 * count * g->k;
    if (!job->parts || images < g->n || bytes > (int64_t)job->caps->storage_range_bytes) return;
    *job->parts = (struct hone_conv_parts){.count = count, .rows = rows};
    launch->scratch_bytes[1] = (uint64_t)bytes;
}

bool hone_conv_has_parts(const struct hone_conv_job *job) {
    return job->parts && job->parts->count > 0;
}

void hone_conv_spec_all(struct hone_dispatch *dispatch, const uint32_t *values, int count) {
    for (int i = 0; i < count; i++) hone_dispatch_spec(dispatch, values[i]);
}

const struct hone_operand hone_conv_scratch = {.kind = HONE_OPERAND_SCRATCH, .index = 0};

// ---- Weight gradients -----------------------------------------------------------------------

static int64_t block_count(struct hone_conv_push g, const int32_t block[3], int64_t images) {
    g.n = (int32_t)images;
    hone_conv_flatten(&g);
    return hone_ceil_div(g.n, block[0]) * hone_ceil_div(g.p, block[1]) *
           hone_ceil_div(g.q, block[2]);
}

static int64_t unit_count(const struct hone_conv_push *g, const struct hone_conv_slicing *cuts,
                          int64_t images) {
    int64_t pixels = images * g->p * g->q;
    enum hone_conv_unit unit = cuts->unit;
    if (unit == HONE_CONV_UNIT_BLOCK) return block_count(*g, cuts->block, images);
    if (unit == HONE_CONV_UNIT_PIXEL) return pixels;
    if (unit == HONE_CONV_UNIT_ROW) return images * g->p;
    if (unit == HONE_CONV_UNIT_FLAT_CHUNK) return hone_ceil_div(pixels, HONE_CONV_WGRAD_CHUNK);
    return images * g->p * hone_ceil_div(g->q, HONE_CONV_WGRAD_CHUNK);
}

// Slices that so many images make.
static int64_t slice_count(const struct hone_conv_push *g, const struct hone_conv_slicing *cuts,
                           int64_t images) {
    if (cuts->unit == HONE_CONV_UNIT_ROW) return images * hone_ceil_div(g->p, cuts->length);
    return hone_ceil_div(unit_count(g, cuts, images), cuts->length);
}

hone_status hone_conv_cut(const struct hone_conv_job *job, int64_t wanted, int64_t shortest,
                          int64_t longest, struct hone_conv_slicing *out) {
    HONE_TRY(hone_conv_images_a_dispatch(job, &out->images));
    const struct hone_conv_push *g = &job->push;
    int64_t dispatches = hone_ceil_div(g->n, out->images);
    int64_t units = unit_count(g, out, out->images);
    int64_t range = (int64_t)job->caps->storage_range_bytes;
    int64_t slices = hone_min64(hone_ceil_div(wanted, dispatches), units / shortest);
    slices = hone_max64(hone_min64(slices, range / (4 * hone_conv_weights(g)) / dispatches), 1);
    out->length = hone_min64(hone_ceil_div(units, slices), longest);
    int64_t last = g->n - (dispatches - 1) * out->images;
    if (out->unit == HONE_CONV_UNIT_ROW) out->length = hone_min64(out->length, g->p);
    out->total = (dispatches - 1) * slice_count(g, out, out->images) + slice_count(g, out, last);
    if (out->total * hone_conv_weights(g) * 4 <= range) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "the partial weight gradients do not fit into a binding; use a smaller batch");
}

hone_status hone_conv_wgrad(const struct hone_conv_job *job, const char *kernel,
                            struct hone_conv_slicing cuts, hone_conv_wgrad_fill *fill,
                            const void *tile, struct hone_launch *launch) {
    int64_t count = hone_conv_weights(&job->push), slice = 0;
    bool direct = cuts.total == 1 && job->out_dtype == HONE_F32;
    struct hone_operand part = direct ? job->out : hone_conv_scratch;
    for (int32_t n = 0; n < job->push.n; n += cuts.images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(cuts.images, job->push.n - n);
        push.first_slice = (int32_t)slice;
        push.slice_len = (int32_t)cuts.length;
        int64_t slices = slice_count(&push, &cuts, push.n);
        int64_t y_image = hone_conv_y_image(&push), x_image = hone_conv_x_image(&push);
        struct hone_operand dy =
            hone_conv_window_of(job->dtype, job->a, n * y_image, push.n * y_image);
        struct hone_operand x =
            hone_conv_window_of(job->dtype, job->b, n * x_image, push.n * x_image);
        if (cuts.unit == HONE_CONV_UNIT_FLAT_CHUNK || cuts.unit == HONE_CONV_UNIT_BLOCK)
            hone_conv_flatten(&push);
        struct hone_dispatch *d = hone_launch_add(launch, kernel);
        if (!d) return HONE_INTERNAL;
        fill(d, &push, slices, tile);
        hone_dispatch_push(d, &push, sizeof push);
        hone_conv_bind(d, dy);
        hone_conv_bind(d, x);
        hone_conv_bind(d, part);
        slice += slices;
    }
    if (direct) return HONE_OK;
    launch->scratch_bytes[0] = 4 * (uint64_t)(cuts.total * count);
    char name[HONE_CONV_KERNEL_NAME];
    bool narrow = job->out_dtype != HONE_F32;
    struct hone_dispatch *d = hone_op_linear(
        launch, hone_conv_kernel("conv_wgrad_sum", job->out_dtype, job->out_dtype, name),
        (uint64_t)(narrow ? hone_ceil_div(count, 2) : count));
    if (!d) return HONE_INTERNAL;
    uint32_t push[2] = {(uint32_t)count, (uint32_t)cuts.total};
    hone_dispatch_push(d, push, sizeof push);
    hone_conv_bind(d, hone_conv_scratch);
    hone_conv_bind(d, job->out);
    return HONE_OK;
}
