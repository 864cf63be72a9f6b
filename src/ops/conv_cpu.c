// conv_cpu.c: the body for CPU drivers, where a subgroup is a SIMD vector of one core: one subgroup
// a workgroup, tiles in registers, values spread by shuffles, no shared memory and no barrier.
#include "ops/conv_parts.h"

static bool fits_subgroup(const struct hone_caps *caps) {
    uint32_t lanes = caps->subgroup_size;
    return lanes == 4 || lanes == 8 || lanes == 16;
}

// Each group takes a workgroup of its own at least, along one axis of the grid; with more groups
// the plain row is left. (conv_cpu_wgrad: an axis that slices share.)
enum { CPU_GROUPS = 8192 };

static bool fits_groups(const struct hone_conv_push *push, int64_t channels,
                        const struct hone_caps *caps) {
    return push->groups * hone_ceil_div(channels / push->groups, caps->subgroup_size) <= 65535;
}

bool hone_conv_fprop_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits_groups(push, push->k, caps);
}

bool hone_conv_dgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits_groups(push, push->c, caps);
}

// Odd numbers of filters are left to the plain row.
bool hone_conv_wgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && push->k / push->groups % 4 == 0 && push->groups <= CPU_GROUPS;
}

// The tile of conv_cpu_fprop and conv_cpu_dgrad: pixels a lane, channels a lane.
static void conv_tile(int64_t lanes, int64_t pixels, int64_t channels, uint32_t *ma, uint32_t *nl) {
    *nl = channels > 2 * lanes ? 4 : channels > lanes ? 2 : 1;
    *ma = pixels > lanes ? 2 : 1;
}

// One dispatch of conv_cpu_fprop or conv_cpu_dgrad.
static hone_status cpu_dispatch(const struct hone_conv_job *job, struct hone_conv_push push,
                                bool dgrad, struct hone_operand a, struct hone_operand w,
                                struct hone_operand out, struct hone_launch *launch) {
    bool pointwise = hone_conv_is_pointwise(&push);
    hone_conv_flatten(&push);
    uint32_t lanes = job->caps->subgroup_size, ma, nl;
    int64_t classes = dgrad ? (int64_t)push.stride_h * push.stride_w : 1;
    int64_t pixels =
        dgrad ? push.n * hone_ceil_div(push.h, push.stride_h) * hone_ceil_div(push.w, push.stride_w)
              : (int64_t)push.n * push.p * push.q;
    int64_t channels = (dgrad ? push.c : push.k) / push.groups;
    conv_tile(lanes, pixels, channels, &ma, &nl);
    bool taps = dgrad ? !pointwise : !hone_conv_is_1x1(&push);
    bool mask = dgrad ? !pointwise : hone_conv_reaches_outside(&push);
    const uint32_t spec[] = {lanes,
                             ma,
                             nl,
                             channels % 4 == 0 ? nl : 1,
                             job->caps->fast_broadcast,
                             taps,
                             mask,
                             (uint32_t)job->act,
                             job->has_bias};
    bool quads = (dgrad ? push.k : push.c) / push.groups % 4 == 0;
    const char *kernel = dgrad ? (quads ? "conv_cpu_dgrad" : "conv_cpu_dgrad_any")
                               : (quads ? "conv_cpu_fprop" : "conv_cpu_fprop_any");
    struct hone_dispatch *d = hone_launch_add(launch, kernel);
    if (!d) return HONE_INTERNAL;
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t tiles = hone_ceil_div(pixels, lanes * ma), fold = hone_ceil_div(tiles, 65535);
    d->grid[0] = (uint32_t)(hone_ceil_div(channels, lanes * nl) * push.groups);
    d->grid[1] = (uint32_t)hone_ceil_div(tiles, fold);
    d->grid[2] = (uint32_t)(fold * classes);
    hone_dispatch_push(d, &push, sizeof push);
    hone_conv_bind(d, a);
    hone_conv_bind(d, w);
    hone_conv_bind(d, job->has_bias ? job->bias : w);
    hone_conv_bind(d, out);
    return HONE_OK;
}

static hone_status cpu_conv(const struct hone_conv_job *job, bool dgrad, struct hone_operand w,
                            struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? hone_conv_y_image(&job->push) : hone_conv_x_image(&job->push);
    int64_t out_image = dgrad ? hone_conv_x_image(&job->push) : hone_conv_y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, job->push.n - n);
        HONE_TRY(
            cpu_dispatch(job, push, dgrad, hone_conv_window(job->a, n * a_image, push.n * a_image),
                         w, hone_conv_window(job->out, n * out_image, push.n * out_image), launch));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    return cpu_conv(job, false, job->b, launch);
}

hone_status hone_conv_flip(const struct hone_conv_job *job, struct hone_operand w,
                           struct hone_operand t, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    char kernel[HONE_CONV_KERNEL_NAME];
    uint64_t threads = (uint64_t)g->c * (uint64_t)g->r * (uint64_t)g->s *
                       (uint64_t)hone_ceil_div(g->k / g->groups, 4);
    if (job->dtype != HONE_F32) threads = (uint64_t)hone_ceil_div(hone_conv_weights(g), 2);
    struct hone_dispatch *d = hone_op_linear(
        launch, hone_conv_kernel("conv_flip", job->dtype, job->dtype, kernel), threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, w);
    hone_conv_bind(d, t);
    return HONE_OK;
}

hone_status hone_conv_dgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    launch->scratch_bytes[0] = 4 * (uint64_t)hone_conv_weights(&job->push);
    HONE_TRY(hone_conv_flip(job, job->b, hone_conv_scratch, launch));
    return cpu_conv(job, true, hone_conv_scratch, launch);
}

// The tile of conv_cpu_wgrad: L MA rows by L NC columns; roles exchanged where that wastes less.
struct wgrad_tile {
    uint32_t lanes, ma, nc, broadcast, swap, mask;
    int64_t rows, columns;
};

static int64_t tile_count(const struct wgrad_tile *t) {
    return hone_ceil_div(t->rows, t->lanes * t->ma) * hone_ceil_div(t->columns, t->lanes * t->nc);
}

static struct wgrad_tile choose_wgrad_tile(const struct hone_conv_push *push,
                                           const struct hone_caps *caps) {
    int64_t channels = push->c / push->groups, filter = (int64_t)push->r * push->s * channels;
    struct wgrad_tile t = {.lanes = caps->subgroup_size,
                           .ma = 2,
                           .nc = 4,
                           .swap = 0,
                           .broadcast = caps->fast_broadcast,
                           .mask = hone_conv_reaches_outside(push),
                           .rows = push->k / push->groups,
                           .columns = filter};
    if (t.rows <= t.lanes) t.ma = 1;
    if (channels % 4) {
        t.nc = filter > 2 * t.lanes ? 4 : filter > t.lanes ? 2 : 1;
        return t;
    }
    struct wgrad_tile swapped = t;
    swapped.swap = 1;
    swapped.rows = t.columns;
    swapped.columns = t.rows;
    swapped.ma = swapped.rows <= t.lanes ? 1 : 2;
    return tile_count(&swapped) * swapped.ma < tile_count(&t) * t.ma ? swapped : t;
}

static void cpu_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                           int64_t slices, const void *tile) {
    const struct wgrad_tile *t = tile;
    const uint32_t spec[] = {t->lanes, t->ma, t->nc, t->broadcast, t->swap, t->mask};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    d->grid[0] = (uint32_t)hone_ceil_div(t->rows, t->lanes * t->ma);
    d->grid[1] = (uint32_t)hone_ceil_div(t->columns, t->lanes * t->nc);
    d->grid[2] = (uint32_t)(slices * push->groups);
}

hone_status hone_conv_wgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    struct wgrad_tile tile = choose_wgrad_tile(g, job->caps);
    struct hone_conv_slicing cuts = {.unit = hone_conv_is_pointwise(g) ? HONE_CONV_UNIT_FLAT_CHUNK
                                                                       : HONE_CONV_UNIT_CHUNK};
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(16, tile_count(&tile) * g->groups), 8, 6000, &cuts));
    bool quads = g->c / g->groups % 4 == 0;
    return hone_conv_wgrad(job, quads ? "conv_cpu_wgrad" : "conv_cpu_wgrad_any", cuts,
                           cpu_wgrad_fill, &tile, launch);
}
