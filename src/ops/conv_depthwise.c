// conv_depthwise.c: depthwise convolution with a few channels and a strip of columns an invocation:
// a window of x slides down the picture in registers.
#include <stdio.h>

#include "ops/conv_parts.h"

// Values of each channel that an invocation holds: open rows of a strip, a row of the window, taps.
static int64_t window_values(const struct hone_conv_push *g, int64_t strip, bool dgrad) {
    int64_t reach_h = (int64_t)(g->r - 1) * g->dilation_h;
    int64_t reach_w = (int64_t)(g->s - 1) * g->dilation_w;
    int64_t open = dgrad ? hone_max64(reach_h + 1, g->stride_h) : reach_h / g->stride_h + 1;
    int64_t window =
        dgrad ? (strip + reach_w) / g->stride_w + 1 : (strip - 1) * g->stride_w + reach_w + 1;
    return open * strip + window + (int64_t)g->r * g->s;
}

// Columns (rows, for a CPU) a strip: fewer where a window of x would be wide, or where a GPU's lane
// could not hold two channels of it, the least in 16 bits.
static int64_t strip_columns(const struct hone_conv_job *job, bool dgrad) {
    const struct hone_conv_push *g = &job->push;
    bool cpu = job->caps->kind == HONE_DEVICE_CPU;
    int64_t stride = cpu ? g->stride_h : g->stride_w;
    if (stride > 1) return dgrad ? 2 * stride : 2;
    bool narrow = !cpu && job->dtype != HONE_F32;
    return narrow && window_values(g, 4, dgrad) > 48 ? 2 : 4;
}

// Channels an invocation: as many as divide C and keep the values of a GPU's lane to 64. With four,
// a 3x3 takes some 110 registers and a 5x5 over 200, which halves the lanes in flight on NVIDIA and
// AMD and spills on Intel (128 registers). A CPU driver loads four as cheaply as one, and eight, as
// 64-bit words, where the vectors of its subgroups don't outgrow the registers. In 16 bits, where C
// is a multiple of four, two make a word.
static uint32_t channel_width(const struct hone_conv_job *job, int64_t strip, bool dgrad) {
    const struct hone_conv_push *g = &job->push;
    int64_t most = job->caps->kind == HONE_DEVICE_CPU ? INT64_MAX : 64;
    bool eight = job->wide && job->caps->subgroup_size <= 8 && g->r * g->s <= 9;
    if (job->dtype != HONE_F32) return window_values(g, strip, dgrad) <= most / 4 ? 4 : 2;
    for (uint32_t width = eight ? 8 : 4; width > 1; width /= 2)
        if (g->c % (int32_t)width == 0 && window_values(g, strip, dgrad) <= most / width)
            return width;
    return 1;
}

// "conv_depthwise_fprop_w2", "conv_depthwise_fprop_w2_f16"
static const char *kernel_name(const char *base, uint32_t width, enum hone_dtype dtype,
                               char name[HONE_CONV_KERNEL_NAME]) {
    bool f32 = dtype == HONE_F32;
    snprintf(name, HONE_CONV_KERNEL_NAME, "conv_depthwise_%s_w%u%s%s", base, width, f32 ? "" : "_",
             f32 ? "" : hone_dtype_name(dtype));
    return name;
}

// Filters and strides whose unrolled loop bodies stay small.
bool hone_conv_fits_depthwise(const struct hone_conv_push *push, const struct hone_caps *caps) {
    (void)caps;
    return push->groups == push->c && push->k == push->c && push->r <= 7 && push->s <= 7 &&
           push->stride_h <= 2 && push->stride_w <= 2;
}

// A subgroup on CPU drivers, where a larger group runs its subgroups one after the other.
static uint32_t depthwise_group(const struct hone_caps *caps) {
    return caps->kind == HONE_DEVICE_CPU ? caps->subgroup_size : HONE_OP_GROUP;
}

bool hone_conv_fits_depthwise_wide(const struct hone_conv_push *push,
                                   const struct hone_caps *caps) {
    return hone_conv_fits_depthwise(push, caps) && push->c % 8 == 0;
}

// Filter, stride and dilation as the kernels take them: down, then across what they walk. CPUs walk
// along rows.
struct walk {
    uint32_t along, size[2], stride[2], dilation[2], pad[2];
};

static struct walk walk_of(const struct hone_conv_push *g, const struct hone_caps *caps) {
    uint32_t along = caps->kind == HONE_DEVICE_CPU, down = along, across = !along;
    struct walk walk = {.along = along};
    walk.size[down] = (uint32_t)g->r;
    walk.size[across] = (uint32_t)g->s;
    walk.stride[down] = (uint32_t)g->stride_h;
    walk.stride[across] = (uint32_t)g->stride_w;
    walk.dilation[down] = (uint32_t)g->dilation_h;
    walk.dilation[across] = (uint32_t)g->dilation_w;
    walk.pad[down] = (uint32_t)g->pad_h;
    walk.pad[across] = (uint32_t)g->pad_w;
    return walk;
}

static hone_status depthwise(const struct hone_conv_job *job, bool dgrad,
                             struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    const struct hone_conv_push *g = &job->push;
    int64_t a_image = dgrad ? hone_conv_y_image(g) : hone_conv_x_image(g),
            out_image = dgrad ? hone_conv_x_image(g) : hone_conv_y_image(g);
    struct walk walk = walk_of(g, job->caps);
    int64_t height = dgrad ? g->h : g->p, breadth = dgrad ? g->w : g->q;
    int64_t rows = walk.along ? breadth : height, columns = walk.along ? height : breadth;
    // A CPU walks whole rows, so that weights are read once; a GPU wants many invocations.
    int64_t band = walk.along ? rows : 8, strip = strip_columns(job, dgrad);
    uint32_t group = depthwise_group(job->caps), width = channel_width(job, strip, dgrad);
    char name[HONE_CONV_KERNEL_NAME];
    const uint32_t spec[] = {group,          (uint32_t)strip, walk.size[0],       walk.size[1],
                             walk.stride[0], walk.stride[1],  walk.dilation[0],   walk.dilation[1],
                             walk.pad[0],    walk.pad[1],     (uint32_t)job->act, job->has_bias,
                             walk.along,     job->has_addend};
    // A strip's whole rows are one part. Kernels of 16 bits make none: their result is read again.
    if (walk.along && columns % strip == 0 && job->dtype == HONE_F32)
        hone_conv_begin_parts(job, images, strip * rows, launch);
    bool stats = hone_conv_has_parts(job);
    for (int32_t n = 0; n < g->n; n += images) {
        struct hone_conv_push push = *g;
        push.n = (int32_t)hone_min64(images, g->n - n);
        push.slice_len = (int32_t)band;
        const char *base = dgrad ? "dgrad" : stats ? "fprop_stats" : "fprop";
        struct hone_dispatch *d =
            hone_launch_add(launch, kernel_name(base, width, job->dtype, name));
        if (!d) return HONE_INTERNAL;
        hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
        int64_t threads = push.n * hone_ceil_div(rows, band) * hone_ceil_div(columns, strip) *
                          (g->c / (int32_t)width);
        hone_dispatch_linear(d, (uint64_t)threads, group);
        hone_dispatch_push(d, &push, sizeof push);
        hone_conv_bind(d, hone_conv_window_of(job->dtype, job->a, n * a_image, push.n * a_image));
        hone_conv_bind(d, job->b);
        hone_conv_bind_result(
            d, job, job->b,
            hone_conv_window_of(job->out_dtype, job->out, n * out_image, push.n * out_image));
        if (stats) hone_conv_bind(d, hone_conv_part);
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    return depthwise(job, false, launch);
}

hone_status hone_conv_dgrad_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    return depthwise(job, true, launch);
}

struct wgrad_shape {
    uint32_t group, width;
    int64_t strip;
    const struct hone_caps *caps;
};

static void depthwise_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *g,
                                 int64_t slices, const void *tile) {
    const struct wgrad_shape *shape = tile;
    struct walk walk = walk_of(g, shape->caps);
    const uint32_t spec[] = {shape->group,     (uint32_t)shape->strip, walk.size[0],
                             walk.size[1],     walk.stride[0],         walk.stride[1],
                             walk.dilation[0], walk.dilation[1],       walk.along};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    hone_dispatch_linear(d, (uint64_t)(slices * (g->c / (int32_t)shape->width)), shape->group);
}

hone_status hone_conv_wgrad_depthwise(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    int64_t strip = strip_columns(job, false), strips = hone_ceil_div(g->q, strip);
    const struct wgrad_shape shape = {depthwise_group(job->caps), channel_width(job, strip, false),
                                      strip, job->caps};
    // 64 subgroups of a CPU driver, some 16,000 invocations of four channels on a GPU; loops within
    // lavapipe's 65,535 rounds
    int64_t threads = job->caps->kind == HONE_DEVICE_CPU ? 64 * (int64_t)shape.group : 1 << 14;
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_ROW};
    int64_t longest = hone_max64(60000 / strips - (int64_t)g->r * g->dilation_h, 1);
    if (job->caps->kind == HONE_DEVICE_CPU)
        longest = hone_max64(60000 / (g->q + (int64_t)g->s * g->dilation_w) * strip, strip);
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(threads, hone_ceil_div(g->c, 4)), 4, longest, &cuts));
    char name[HONE_CONV_KERNEL_NAME];
    return hone_conv_wgrad(job, kernel_name("wgrad", shape.width, job->dtype, name), cuts,
                           depthwise_wgrad_fill, &shape, launch);
}

#define WIDE(name)                                                                                 \
    hone_status name##_wide(const struct hone_conv_job *job, struct hone_launch *launch) {         \
        struct hone_conv_job wide = *job;                                                          \
        wide.wide = true;                                                                          \
        return name(&wide, launch);                                                                \
    }
WIDE(hone_conv_fprop_depthwise)
WIDE(hone_conv_dgrad_depthwise)
WIDE(hone_conv_wgrad_depthwise)
