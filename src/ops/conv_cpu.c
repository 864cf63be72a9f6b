// conv_cpu.c: the body for CPU drivers, where a subgroup is a SIMD vector of one core: one subgroup
// a workgroup, tiles in registers, values spread by shuffles, no shared memory and no barrier.
#include "ops/conv_parts.h"
#include "ops/conv_cpu_tile.h"

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

// Groups of four channels fill a vector by half; their own body (conv_grouped.c) takes about as
// long forward and for data, and 0.3 to 0.4 of the time for weights (lavapipe 22.3 and 25, 128
// channels).
static bool is_narrow(const struct hone_conv_push *push) {
    int32_t cg = push->c / push->groups, kg = push->k / push->groups;
    return push->groups > 1 && cg % 4 == 0 && kg % 4 == 0 && (cg < 8 || kg < 8);
}

bool hone_conv_fprop_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits_groups(push, push->k, caps) && !is_narrow(push);
}

bool hone_conv_dgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits_groups(push, push->c, caps) && !is_narrow(push);
}

bool hone_conv_wgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return fits_subgroup(caps) && push->groups <= CPU_GROUPS && !is_narrow(push);
}

bool hone_conv_fprop_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return hone_conv_fprop_fits_cpu(push, caps) && push->c / push->groups % 8 == 0;
}

bool hone_conv_dgrad_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return hone_conv_dgrad_fits_cpu(push, caps) && push->k / push->groups % 8 == 0;
}

bool hone_conv_wgrad_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps) {
    return hone_conv_wgrad_fits_cpu(push, caps) && push->c / push->groups % 8 == 0 &&
           push->k / push->groups % 8 == 0;
}

// "conv_cpu_" and what follows it, by the width of loads.
static const char *kernel_of(const char *const names[3], uint32_t pack) {
    return names[pack == 1 ? 0 : pack == 4 ? 1 : 2];
}

// One dispatch of conv_cpu_fprop or conv_cpu_dgrad.
static hone_status cpu_dispatch(const struct hone_conv_job *job, struct hone_conv_push push,
                                bool dgrad, struct hone_conv_cpu_tile tile, struct hone_operand a,
                                struct hone_operand w, struct hone_operand out,
                                struct hone_launch *launch) {
    static const char *const fprop_kernels[] = {"conv_cpu_fprop_any", "conv_cpu_fprop",
                                                "conv_cpu_fprop_wide"};
    static const char *const batch_kernels[] = {"conv_cpu_fprop_any_batch", "conv_cpu_fprop_batch",
                                                "conv_cpu_fprop_wide_batch"};
    static const char *const dgrad_kernels[] = {"conv_cpu_dgrad_any", "conv_cpu_dgrad",
                                                "conv_cpu_dgrad_wide"};
    bool pointwise = hone_conv_is_pointwise(&push);
    hone_conv_flatten(&push);
    uint32_t lanes = job->caps->subgroup_size;
    int64_t classes = dgrad ? (int64_t)push.stride_h * push.stride_w : 1;
    int64_t pixels =
        dgrad ? push.n * hone_ceil_div(push.h, push.stride_h) * hone_ceil_div(push.w, push.stride_w)
              : (int64_t)push.n * push.p * push.q;
    int64_t channels = (dgrad ? push.c : push.k) / push.groups;
    bool taps = dgrad ? !pointwise : !hone_conv_is_1x1(&push);
    bool mask = dgrad ? !pointwise : hone_conv_reaches_outside(&push);
    const uint32_t spec[] = {lanes,
                             tile.ma,
                             tile.nl,
                             channels % tile.nl == 0 ? tile.nl : 1,
                             job->caps->fast_broadcast,
                             taps,
                             mask,
                             (uint32_t)job->act,
                             job->has_bias,
                             job->has_addend};
    bool stats = hone_conv_has_parts(job);
    const char *kernel = tile.direct ? "conv_cpu_dgrad_direct"
                         : stats     ? "conv_cpu_fprop_any_stats"
                                     : kernel_of(dgrad        ? dgrad_kernels
                                                 : job->batch ? batch_kernels
                                                              : fprop_kernels,
                                             tile.pack);
    struct hone_dispatch *d = hone_launch_add(launch, kernel);
    if (!d) return HONE_INTERNAL;
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t wide = lanes, tiles = hone_ceil_div(pixels, wide * tile.ma);
    int64_t fold = hone_ceil_div(tiles, 65535);
    d->grid[0] = (uint32_t)(hone_ceil_div(channels, wide * tile.nl) * push.groups);
    d->grid[1] = (uint32_t)hone_ceil_div(tiles, fold);
    d->grid[2] = (uint32_t)(fold * classes);
    hone_dispatch_push(d, &push, sizeof push);
    hone_conv_bind(d, a);
    hone_conv_bind(d, w);
    hone_conv_bind_result(d, job, w, out);
    if (stats) hone_conv_bind(d, hone_conv_part);
    return HONE_OK;
}

static hone_status cpu_conv(const struct hone_conv_job *job, bool dgrad,
                            struct hone_conv_cpu_tile tile, struct hone_operand w,
                            struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? hone_conv_y_image(&job->push) : hone_conv_x_image(&job->push);
    int64_t out_image = dgrad ? hone_conv_x_image(&job->push) : hone_conv_y_image(&job->push);
    // Statistics on the way gain at stems (0.88 of the time of both on lavapipe). With loads of
    // eight channels the registers that they take cost what reading the result again does (1.01 on
    // Mesa 22.3, 1.05 on 25); with loads of four that is taken to hold, too, and was not measured.
    if (tile.pack == 1)
        hone_conv_begin_parts(job, images, (int64_t)job->caps->subgroup_size * tile.ma, launch);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, job->push.n - n);
        HONE_TRY(cpu_dispatch(
            job, push, dgrad, tile, hone_conv_window(job->a, n * a_image, push.n * a_image), w,
            hone_conv_window(job->out, n * out_image, push.n * out_image), launch));
    }
    return HONE_OK;
}

static hone_status no_tile(const struct hone_conv_job *job) {
    return hone_fail(HONE_INTERNAL, "the CPU body has no tile %d for this convolution", job->tile);
}

static hone_status cpu_tile(const struct hone_conv_job *job, bool dgrad,
                            struct hone_conv_cpu_tile *out) {
    bool found = hone_conv_cpu_tile_at(&job->push, dgrad, job->wide, job->caps, job->tile, out);
    return found ? HONE_OK : no_tile(job);
}

hone_status hone_conv_fprop_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    struct hone_conv_cpu_tile tile;
    HONE_TRY(cpu_tile(job, false, &tile));
    return cpu_conv(job, false, tile, job->b, launch);
}

hone_status hone_conv_flip(const struct hone_conv_job *job, struct hone_operand w,
                           struct hone_operand t, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    char kernel[HONE_CONV_KERNEL_NAME];
    uint64_t threads = (uint64_t)g->c * (uint64_t)g->r * (uint64_t)g->s *
                       (uint64_t)hone_ceil_div(g->k / g->groups, 4);
    bool wide = job->wide && g->c / g->groups % 8 == 0 && g->k / g->groups % 8 == 0;
    if (wide) threads = (uint64_t)hone_conv_weights(g) / 64;
    if (job->dtype != HONE_F32) threads = (uint64_t)hone_ceil_div(hone_conv_weights(g), 2);
    struct hone_dispatch *d = hone_op_linear(
        launch,
        wide ? "conv_flip_wide" : hone_conv_kernel("conv_flip", job->dtype, job->dtype, kernel),
        threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, w);
    hone_conv_bind(d, t);
    return HONE_OK;
}

hone_status hone_conv_dgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    struct hone_conv_cpu_tile tile;
    HONE_TRY(cpu_tile(job, true, &tile));
    if (tile.direct) return cpu_conv(job, true, tile, job->b, launch);
    launch->scratch_bytes[0] = 4 * (uint64_t)hone_conv_weights(&job->push);
    HONE_TRY(hone_conv_flip(job, job->b, hone_conv_scratch, launch));
    return cpu_conv(job, true, tile, hone_conv_scratch, launch);
}

struct wgrad_job {
    struct hone_conv_cpu_wgrad_tile tile;
    const struct hone_caps *caps;
};

static void cpu_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                           int64_t slices, const void *user) {
    const struct wgrad_job *job = user;
    const struct hone_conv_cpu_wgrad_tile *t = &job->tile;
    uint32_t lanes = job->caps->subgroup_size;
    bool even = t->pack > 1 || push->k / push->groups % 4 == 0;
    const uint32_t spec[] = {
        lanes, t->ma, t->nc, job->caps->fast_broadcast, t->swap, hone_conv_reaches_outside(push),
        even};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    d->grid[0] = (uint32_t)hone_ceil_div(t->rows, (int64_t)lanes * t->ma);
    d->grid[1] = (uint32_t)hone_ceil_div(t->columns, (int64_t)lanes * t->nc);
    d->grid[2] = (uint32_t)(slices * push->groups);
}

static const char *const wgrad_kernels[] = {"conv_cpu_wgrad_any", "conv_cpu_wgrad",
                                            "conv_cpu_wgrad_wide"};

hone_status hone_conv_wgrad_cpu(const struct hone_conv_job *job, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    struct wgrad_job wgrad = {.caps = job->caps};
    if (!hone_conv_cpu_wgrad_tile_at(g, job->wide, job->caps, job->tile, &wgrad.tile))
        return no_tile(job);
    struct hone_conv_slicing cuts = {.unit = hone_conv_is_pointwise(g) ? HONE_CONV_UNIT_FLAT_CHUNK
                                                                       : HONE_CONV_UNIT_CHUNK};
    const struct hone_conv_cpu_wgrad_tile *t = &wgrad.tile;
    int64_t lanes = job->caps->subgroup_size;
    int64_t tiles =
        hone_ceil_div(t->rows, lanes * t->ma) * hone_ceil_div(t->columns, lanes * t->nc);
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(16, tiles * g->groups), 8, 6000, &cuts));
    return hone_conv_wgrad(job, kernel_of(wgrad_kernels, t->pack), cuts, cpu_wgrad_fill, &wgrad,
                           launch);
}

hone_status hone_conv_wgrad_cpu_slices(const struct hone_conv_job *job, struct hone_conv_push push,
                                       int64_t slices, struct hone_operand part,
                                       struct hone_launch *launch) {
    struct wgrad_job wgrad = {.caps = job->caps};
    if (!hone_conv_cpu_wgrad_tile_at(&push, job->wide, job->caps, 0, &wgrad.tile))
        return no_tile(job);
    hone_conv_flatten(&push);
    struct hone_dispatch *d = hone_launch_add(launch, kernel_of(wgrad_kernels, wgrad.tile.pack));
    if (!d) return HONE_INTERNAL;
    cpu_wgrad_fill(d, &push, slices, &wgrad);
    hone_dispatch_push(d, &push, sizeof push);
    hone_conv_bind(d, job->a);
    hone_conv_bind(d, job->b);
    hone_conv_bind(d, part);
    return HONE_OK;
}

#define WIDE(name, setup)                                                                          \
    hone_status name(const struct hone_conv_job *job, struct hone_launch *launch) {                \
        struct hone_conv_job wide = *job;                                                          \
        wide.wide = true;                                                                          \
        return setup(&wide, launch);                                                               \
    }
WIDE(hone_conv_fprop_wide, hone_conv_fprop_cpu)
WIDE(hone_conv_dgrad_wide, hone_conv_dgrad_cpu)
WIDE(hone_conv_wgrad_wide, hone_conv_wgrad_cpu)
