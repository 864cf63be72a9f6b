// conv_grouped.c: convolutions in narrow groups (ResNeXt, RegNet) and their gradients: four
// channels of a group an invocation, a strip of pixels, filters and columns in registers. A tile of
// implicit GEMM has at least 16 columns, which four or eight channels leave mostly empty.
#include <stdio.h>

#include "ops/conv_parts.h"

enum {
    WIDEST = 32,           // channels of a group: with more, tiles are filled
    TAPS = 7,              // most across
    REGISTERS = 96,        // values of an invocation
    REGISTERS_NARROW = 72, // where subgroups are narrow (Intel)
    WGRAD_REGISTERS = 90,
    WGRAD_NARROW = 80,
    STRIPS = 3,
    WGRAD_THREADS = 1 << 15
};
static const uint8_t strips[STRIPS] = {8, 4, 2}; // results

// Values that an invocation may hold: compilers add half as much for addresses.
static int64_t registers_of(enum hone_conv_form form, const struct hone_caps *caps) {
    bool narrow = caps->subgroup_min <= 16 && !(caps->features & HONE_FEATURE_CPU);
    if (form == HONE_CONV_WGRAD) return narrow ? WGRAD_NARROW : WGRAD_REGISTERS;
    return narrow ? REGISTERS_NARROW : REGISTERS;
}

static int64_t window_columns(const struct hone_conv_push *g, enum hone_conv_form form,
                              int64_t strip) {
    int64_t reach = (int64_t)(g->s - 1) * g->dilation_w;
    if (form == HONE_CONV_DGRAD) return (strip + reach) / g->stride_w + 1;
    return (strip - 1) * g->stride_w + reach + 1;
}

// The strip's sums, the columns under it, and four filters of a tap; of a weight gradient the sums
// of all taps, dy and the columns.
static int64_t values_of(const struct hone_conv_push *g, enum hone_conv_form form, int64_t strip) {
    int64_t window = 4 * window_columns(g, form, strip);
    return form == HONE_CONV_WGRAD ? 16 * (int64_t)g->s + 4 * strip + window
                                   : 4 * strip + window + 16;
}

static bool strip_runs(const struct hone_conv_push *g, enum hone_conv_form form, int64_t strip,
                       const struct hone_caps *caps) {
    bool whole = form != HONE_CONV_DGRAD || strip % g->stride_w == 0;
    return whole && values_of(g, form, strip) <= registers_of(form, caps);
}

// The k-th strip, k = 1, 2, ...; 0 past the last.
static int64_t strip_at(const struct hone_conv_push *g, enum hone_conv_form form,
                        const struct hone_caps *caps, int k) {
    for (int i = form == HONE_CONV_WGRAD; i < STRIPS; i++)
        if (strip_runs(g, form, strips[i], caps) && --k == 0) return strips[i];
    return 0;
}

bool hone_conv_fits_grouped(const struct hone_conv_push *g, enum hone_conv_form form,
                            const struct hone_caps *caps) {
    int32_t cg = g->c / g->groups, kg = g->k / g->groups;
    return g->groups > 1 && cg % 4 == 0 && kg % 4 == 0 && cg <= WIDEST && kg <= WIDEST &&
           g->s <= TAPS && strip_at(g, form, caps, 1) > 0;
}

bool hone_conv_grouped_name(const struct hone_conv_push *g, enum hone_conv_form form,
                            const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]) {
    int64_t strip = strip_at(g, form, caps, k);
    if (strip) snprintf(name, HONE_TILE_NAME, "%d", (int)strip);
    return strip > 0;
}

// The longest strip that is mostly results and leaves enough invocations to keep the device busy.
static int64_t choose(const struct hone_conv_job *job, enum hone_conv_form form) {
    const struct hone_conv_push *g = &job->push;
    int64_t strip = 0, best = 0;
    if (job->tile != HONE_TILE_DEFAULT && (strip = strip_at(g, form, job->caps, job->tile)))
        return strip;
    int64_t columns = form == HONE_CONV_DGRAD ? g->w : g->q;
    int64_t quads = (form == HONE_CONV_DGRAD ? (int64_t)g->h * g->c : (int64_t)g->p * g->k) / 4;
    for (int k = 1; (strip = strip_at(g, form, job->caps, k)); k++) {
        int64_t count = hone_ceil_div(columns, strip);
        bool filled = count * strip * 4 <= columns * 5;
        bool busy = g->n * quads * count >= hone_conv_busy(job->caps) * HONE_OP_GROUP * 2;
        if (!best || !filled || !busy) best = strip;
        if (filled && busy) return strip;
    }
    return best ? best : strips[0]; // one fits, or these rows would not have been chosen
}

// ---- fprop and dgrad ------------------------------------------------------------------------

static hone_status grouped(const struct hone_conv_job *job, enum hone_conv_form form,
                           struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    const struct hone_conv_push *g = &job->push;
    bool dgrad = form == HONE_CONV_DGRAD;
    int64_t a_image = dgrad ? hone_conv_y_image(g) : hone_conv_x_image(g),
            out_image = dgrad ? hone_conv_x_image(g) : hone_conv_y_image(g);
    int64_t channels = dgrad ? g->c : g->k, columns = dgrad ? g->w : g->q;
    int64_t strip = choose(job, form), count = hone_ceil_div(columns, strip);
    uint32_t quads = channels % 16 == 0 ? 4 : channels % 8 == 0 ? 2 : 1;
    uint32_t group = hone_op_group(job->caps);
    const uint32_t spec[] = {group,
                             quads,
                             (uint32_t)strip,
                             (uint32_t)g->s,
                             (uint32_t)g->stride_w,
                             (uint32_t)g->dilation_w,
                             (uint32_t)g->pad_w,
                             (uint32_t)job->act,
                             job->has_bias,
                             job->has_addend};
    // Statistics: a workgroup's pixels are one part, if all are there.
    int64_t side = group / quads;
    if (columns % strip == 0 && group % quads == 0 && count * g->n * g->p % side == 0)
        hone_conv_begin_parts(job, images, side * strip, launch);
    bool stats = hone_conv_has_parts(job);
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel(dgrad   ? "conv_grouped_dgrad"
                     : stats ? "conv_grouped_fprop_stats"
                             : "conv_grouped_fprop",
                     job->dtype, job->out_dtype, kernel);
    for (int32_t n = 0; n < g->n; n += images) {
        struct hone_conv_push push = *g;
        push.n = (int32_t)hone_min64(images, g->n - n);
        struct hone_dispatch *d = hone_launch_add(launch, kernel);
        if (!d) return HONE_INTERNAL;
        hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
        int64_t rows = push.n * (dgrad ? (int64_t)g->h : g->p);
        hone_dispatch_linear(d, (uint64_t)(channels / 4 * rows * count), group);
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

hone_status hone_conv_fprop_grouped(const struct hone_conv_job *job, struct hone_launch *launch) {
    return grouped(job, HONE_CONV_FPROP, launch);
}

hone_status hone_conv_dgrad_grouped(const struct hone_conv_job *job, struct hone_launch *launch) {
    return grouped(job, HONE_CONV_DGRAD, launch);
}

// ---- wgrad ----------------------------------------------------------------------------------

struct wgrad_shape {
    uint32_t group, strip;
};

// Invocations of a slice.
static int64_t wgrad_threads(const struct hone_conv_push *g) {
    return (int64_t)g->r * (g->k / g->groups / 4) * (g->c / 4);
}

static void grouped_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *g,
                               int64_t slices, const void *tile) {
    const struct wgrad_shape *shape = tile;
    const uint32_t spec[] = {shape->group, shape->strip, (uint32_t)g->s, (uint32_t)g->stride_w,
                             (uint32_t)g->dilation_w};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    hone_dispatch_linear(d, (uint64_t)(slices * wgrad_threads(g)), shape->group);
}

hone_status hone_conv_wgrad_grouped(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    const struct wgrad_shape shape = {hone_op_group(job->caps),
                                      (uint32_t)choose(job, HONE_CONV_WGRAD)};
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_ROW};
    // 64 subgroups of a CPU driver, some 32,000 invocations on a GPU; loops within lavapipe's
    // 65,535 rounds
    bool cpu = job->caps->features & HONE_FEATURE_CPU;
    int64_t threads = cpu ? 64 * (int64_t)shape.group : WGRAD_THREADS;
    int64_t longest = hone_max64(60000 / (hone_ceil_div(g->q, shape.strip) + 1), 1);
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(threads, wgrad_threads(g)), 2, longest, &cuts));
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel("conv_grouped_wgrad", job->dtype, HONE_F32, kernel);
    return hone_conv_wgrad(job, kernel, cuts, grouped_wgrad_fill, &shape, launch);
}
