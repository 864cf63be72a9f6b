// conv_stem.c: convolutions of pictures with few channels, and their weight gradients: a patch of
// the picture lies in shared memory, and each of its rows in registers while all taps use it.
// Implicit GEMM would have a contraction of 27 or 147 steps there, with an address of its own for
// each. The gradient of the picture itself is rarely wanted, and left to other bodies.
#include <stdio.h>

#include "ops/conv_parts.h"

enum {
    CHANNELS = 3,   // most: four are a vec4, which the tiled body loads
    TAPS = 7,       // most, along each axis
    WINDOW = 32,    // most columns under an invocation's pixels, in registers
    SHARED = 16384, // bytes: what any device has
    PIXELS = 8,     // neighbours that an invocation makes
    BLOCK_ROWS = 4, // of the weight gradient: pixels of a block
    BLOCK_COLUMNS = 16,
    BLOCK_FILTERS = 32,
    BLOCK_LINE = 4, // pixels that it takes at a time
    SHORTEST = 4,   // blocks a slice
    LONGEST = 400   // within lavapipe's 65,535 rounds of all loops
};

// A workgroup makes rows x columns pixels of so many channels.
struct tile {
    const char *name;
    uint16_t rows, columns, channels;
    uint8_t worth; // expected rate in percent of the best tile's where all of it is used
};
static const struct tile tiles[] = {
    {"8x16x64", 8, 16, 64, 100}, {"16x16x32", 16, 16, 32, 97}, {"8x16x32", 8, 16, 32, 92},
    {"8x8x64", 8, 8, 64, 88},    {"8x32x16", 8, 32, 16, 85},   {"8x8x32", 8, 8, 32, 75},
    {"8x16x16", 8, 16, 16, 72},  {"4x8x32", 4, 8, 32, 55},     {"4x8x16", 4, 8, 16, 50},
};
enum { TILES = sizeof tiles / sizeof *tiles };

// vec4s of the patch under a block of results (lib/patch.glsl).
static int64_t patch_vectors(const struct hone_conv_push *g, int64_t rows, int64_t columns) {
    int64_t height = (rows - 1) * g->stride_h + (int64_t)(g->r - 1) * g->dilation_h + 1;
    int64_t width = (columns - 1) * g->stride_w + (int64_t)(g->s - 1) * g->dilation_w + 1;
    return g->c * height * hone_ceil_div(width, 4);
}

static bool fits_group(int64_t invocations, const struct hone_caps *caps) {
    return invocations <= caps->workgroup_invocations && invocations <= caps->workgroup_size[0];
}

static bool fits_filter(const struct hone_conv_push *g, int64_t run) {
    return g->groups == 1 && g->c <= CHANNELS && g->r <= TAPS && g->s <= TAPS && g->r * g->s > 1 &&
           (run - 1) * g->stride_w + (int64_t)(g->s - 1) * g->dilation_w < WINDOW;
}

// ---- fprop ----------------------------------------------------------------------------------

static int64_t invocations_of(const struct tile *t) {
    return (int64_t)t->rows * t->columns / PIXELS * (t->channels / 4);
}

// Filter rows that lie in shared memory beside the patch; 0: not one.
static int64_t staged_rows(const struct hone_conv_push *g, const struct tile *t) {
    int64_t line = (int64_t)g->s * g->c * (t->channels / 4 + 1);
    return hone_min64((SHARED / 16 - patch_vectors(g, t->rows, t->columns)) / line, g->r);
}

static const struct tile *tile_at(const struct hone_conv_push *g, const struct hone_caps *caps,
                                  int k) {
    for (int i = 0; i < TILES; i++) {
        const struct tile *t = &tiles[i];
        bool empty = t->channels >= 2 * g->k && t->channels > 16;
        if (fits_group(invocations_of(t), caps) && staged_rows(g, t) > 0 && !empty && --k == 0)
            return t;
    }
    return NULL;
}

// Expected use of the device: how good the tile is, how much of it is results, and how many of the
// cores have two workgroups.
static double use_of(const struct hone_conv_push *g, const struct hone_caps *caps,
                     const struct tile *t) {
    int64_t down = hone_ceil_div(g->p, t->rows), across = hone_ceil_div(g->q, t->columns);
    int64_t deep = hone_ceil_div(g->k, t->channels), count = g->n * down * across * deep;
    double filled = (double)g->p * g->q * g->k /
                    ((double)down * t->rows * across * t->columns * deep * t->channels);
    double busy = (double)count / (double)hone_conv_busy(caps);
    return t->worth * filled * (busy > 1 ? 1 : busy);
}

static const struct tile *choose(const struct hone_conv_job *job) {
    const struct tile *best = NULL, *t;
    if (job->tile != HONE_TILE_DEFAULT && (t = tile_at(&job->push, job->caps, job->tile))) return t;
    for (int k = 1; (t = tile_at(&job->push, job->caps, k)); k++)
        if (!best || use_of(&job->push, job->caps, t) > use_of(&job->push, job->caps, best))
            best = t;
    return best;
}

bool hone_conv_stem_name(const struct hone_conv_push *push, const struct hone_caps *caps, int k,
                         char name[HONE_TILE_NAME]) {
    const struct tile *t = tile_at(push, caps, k);
    if (t) snprintf(name, HONE_TILE_NAME, "%s", t->name);
    return t != NULL;
}

bool hone_conv_fprop_fits_stem(const struct hone_conv_push *push, enum hone_dtype out,
                               const struct hone_caps *caps) {
    if (out != HONE_F32 && push->k % 4) return false; // a word of y would lie in two pixels
    return fits_filter(push, PIXELS) && tile_at(push, caps, 1) != NULL;
}

// Statistics on the way need whole tiles, and room for their sums in the patch.
static bool makes_stats(const struct hone_conv_push *g, const struct tile *t) {
    return g->p % t->rows == 0 && g->q % t->columns == 0 &&
           2 * patch_vectors(g, t->rows, t->columns) >= invocations_of(t);
}

static hone_status stem_dispatch(const struct hone_conv_job *job, struct hone_conv_push push,
                                 const struct tile *t, struct hone_operand x, struct hone_operand y,
                                 struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    bool stats = hone_conv_has_parts(job);
    struct hone_dispatch *d =
        hone_launch_add(launch, hone_conv_kernel(stats ? "conv_stem_stats" : "conv_stem",
                                                 job->dtype, job->out_dtype, kernel));
    if (!d) return HONE_INTERNAL;
    const uint32_t spec[] = {(uint32_t)invocations_of(t),
                             t->rows,
                             t->columns,
                             t->channels,
                             (uint32_t)staged_rows(&push, t),
                             (uint32_t)push.r,
                             (uint32_t)push.s,
                             (uint32_t)push.c,
                             (uint32_t)push.stride_h,
                             (uint32_t)push.stride_w,
                             (uint32_t)push.dilation_h,
                             (uint32_t)push.dilation_w,
                             push.k % 4 == 0,
                             (uint32_t)job->act,
                             job->has_bias,
                             job->has_addend};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t workgroups = push.n * hone_ceil_div(push.p, t->rows) *
                         hone_ceil_div(push.q, t->columns) * hone_ceil_div(push.k, t->channels);
    hone_dispatch_linear(d, (uint64_t)workgroups, 1);
    hone_dispatch_push(d, &push, sizeof push);
    hone_conv_bind(d, x);
    hone_conv_bind(d, job->b);
    hone_conv_bind_result(d, job, job->b, y);
    if (stats) hone_conv_bind(d, hone_conv_part);
    return HONE_OK;
}

hone_status hone_conv_fprop_stem(const struct hone_conv_job *job, struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    const struct hone_conv_push *g = &job->push;
    const struct tile *t = choose(job);
    if (!t) return hone_fail(HONE_INTERNAL, "no tile of a stem for this convolution");
    int64_t x_image = hone_conv_x_image(g), y_image = hone_conv_y_image(g);
    if (makes_stats(g, t))
        hone_conv_begin_parts(job, images, (int64_t)t->rows * t->columns, launch);
    for (int32_t n = 0; n < g->n; n += images) {
        struct hone_conv_push push = *g;
        push.n = (int32_t)hone_min64(images, g->n - n);
        HONE_TRY(stem_dispatch(
            job, push, t, hone_conv_window_of(job->dtype, job->a, n * x_image, push.n * x_image),
            hone_conv_window_of(job->out_dtype, job->out, n * y_image, push.n * y_image), launch));
    }
    return HONE_OK;
}

// ---- wgrad ----------------------------------------------------------------------------------

// Invocations for a group of filters: one for each filter row, channel and four filters. Those of
// small filters share the rows of a block.
static int64_t wgrad_line(const struct hone_conv_push *g) {
    return (int64_t)g->r * g->c * (BLOCK_FILTERS / 4);
}

static int64_t wgrad_share(const struct hone_conv_push *g) {
    bool few = g->r * g->s * g->c <= BLOCK_ROWS * BLOCK_COLUMNS;
    return few ? hone_max64(hone_min64(256 / wgrad_line(g), BLOCK_ROWS), 1) : 1;
}

bool hone_conv_wgrad_fits_stem(const struct hone_conv_push *push, const struct hone_caps *caps) {
    int64_t vectors = patch_vectors(push, BLOCK_ROWS, BLOCK_COLUMNS) +
                      BLOCK_ROWS * BLOCK_COLUMNS * BLOCK_FILTERS / 4;
    return fits_filter(push, BLOCK_LINE) && vectors <= SHARED / 16 &&
           fits_group(wgrad_line(push) * wgrad_share(push), caps);
}

static void stem_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *g, int64_t slices,
                            const void *tile) {
    (void)tile;
    int64_t share = wgrad_share(g);
    const uint32_t spec[] = {(uint32_t)(wgrad_line(g) * share),
                             BLOCK_ROWS,
                             BLOCK_COLUMNS,
                             BLOCK_FILTERS,
                             (uint32_t)share,
                             (uint32_t)g->r,
                             (uint32_t)g->s,
                             (uint32_t)g->c,
                             (uint32_t)g->stride_h,
                             (uint32_t)g->stride_w,
                             (uint32_t)g->dilation_h,
                             (uint32_t)g->dilation_w,
                             g->k % 4 == 0};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    d->grid[0] = (uint32_t)hone_ceil_div(g->k, BLOCK_FILTERS);
    d->grid[1] = (uint32_t)slices;
}

hone_status hone_conv_wgrad_stem(const struct hone_conv_job *job, struct hone_launch *launch) {
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_BLOCK,
                                     .block = {1, BLOCK_ROWS, BLOCK_COLUMNS}};
    // Workgroups are small: twice as many as of other bodies.
    int64_t wanted = 2 * hone_conv_busy(job->caps);
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(wanted, hone_ceil_div(job->push.k, BLOCK_FILTERS)),
                           SHORTEST, LONGEST, &cuts));
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel("conv_stem_wgrad", job->dtype, HONE_F32, kernel);
    return hone_conv_wgrad(job, kernel, cuts, stem_wgrad_fill, NULL, launch);
}
