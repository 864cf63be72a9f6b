// conv_winograd.c: 3x3 convolutions of stride 1 and their input gradients by Winograd's F(2x2,3x3)
// (Lavin, Gray 2016): 16 products for the 36 of a tile of 2x2 pixels, so 2.25 times fewer
// multiplications, for three passes more: filters and patches are transformed into 16 positions,
// each of which is a matrix product over channels, and the result back into pixels.
//
// The transforms multiply by 1, -1 and 1/2 only, and their sums have four terms: the error stays
// within the bound of the direct sum (cases_conv.c). NaN and infinity spread to the pixels of their
// tile. Weights change in each step, so that their transform is not kept.
#include "ops/conv_parts.h"

// Where it pays. With few channels the transforms of pictures cost what the products save; with few
// tiles that of the filters does. Milliseconds on Mesa 22.3, two cores, direct sum and Winograd:
// fprop of 256 channels, 49 tiles 14 and 17, 392 tiles 103 and 58; 512 channels, 16 tiles 17 and
// 20, 128 tiles 104 and 71. The direct input gradient turns the filters around, too, and gains
// from 16 tiles on.
enum {
    LEAST_CHANNELS = 32,
    LEAST_TILES = 64,
    LEAST_TILES_DGRAD = 16,
    POSITIONS = 16,
    MOST_PARTS = 6 // of the pictures, three dispatches each
};

// The input gradient of a 3x3 convolution of stride 1 is one itself: of dy, with 2 - pad in front.
static struct hone_conv_push as_fprop(const struct hone_conv_push *push, bool dgrad) {
    struct hone_conv_push g = *push;
    if (!dgrad) return g;
    g.h = push->p;
    g.w = push->q;
    g.c = push->k;
    g.k = push->c;
    g.p = push->h;
    g.q = push->w;
    g.pad_h = 2 - push->pad_h;
    g.pad_w = 2 - push->pad_w;
    return g;
}

static int64_t image_tiles(const struct hone_conv_push *g) {
    return hone_ceil_div(g->p, 2) * hone_ceil_div(g->q, 2);
}

// Images at a time, so that no binding is larger than the device allows; 0: not one image.
static int64_t images_a_part(const struct hone_conv_push *g, const struct hone_caps *caps) {
    int64_t range = (int64_t)caps->storage_range_bytes;
    int64_t v = POSITIONS * image_tiles(g) * g->c, x = hone_conv_x_image(g),
            y = hone_conv_y_image(g);
    int64_t images = range / (4 * hone_max64(v, hone_max64(x, y)));
    if (images >= g->n) return g->n;
    int64_t align = hone_max64(caps->storage_offset_align, 4), step = 1;
    while ((4 * step * x) % align || (4 * step * y) % align) step++;
    return images / step * step;
}

static bool fits(const struct hone_conv_push *push, bool dgrad, const struct hone_caps *caps) {
    struct hone_conv_push g = as_fprop(push, dgrad);
    if (g.r != 3 || g.s != 3 || g.stride_h != 1 || g.stride_w != 1 || g.dilation_h != 1 ||
        g.dilation_w != 1 || g.groups != 1 || g.c % 4 || g.k % 4 || g.c < LEAST_CHANNELS ||
        g.k < LEAST_CHANNELS)
        return false;
    if (g.n * image_tiles(&g) < (dgrad ? LEAST_TILES_DGRAD : LEAST_TILES)) return false;
    int64_t images = images_a_part(&g, caps);
    return images > 0 && hone_ceil_div(g.n, images) <= MOST_PARTS &&
           4 * (int64_t)POSITIONS * g.c * g.k <= (int64_t)caps->storage_range_bytes;
}

static bool fits_subgroup(const struct hone_caps *caps) {
    return caps->subgroup_size == 4 || caps->subgroup_size == 8 || caps->subgroup_size == 16;
}

bool hone_conv_fprop_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits(push, false, caps);
}

bool hone_conv_dgrad_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits(push, true, caps);
}

static const struct hone_operand filters = {.kind = HONE_OPERAND_SCRATCH, .index = 0};
static const struct hone_operand patches = {.kind = HONE_OPERAND_SCRATCH, .index = 1};

// How the products are cut: blocks of tiles and of output channels; 0: one block.
struct blocks {
    uint32_t ma, nl, tiles, channels;
};

// 64 accumulators a lane: more take long to compile and spill. (On Mesa 25, 256 bits: 68 GFLOP/s of
// the direct sum with 2 x 4, 50 with 2 x 8.)
static struct blocks choose_blocks(const struct hone_caps *caps) {
    uint32_t ma = caps->subgroup_size == 16 ? 1 : 2, nl = caps->subgroup_size == 4 ? 8 : 4;
    return (struct blocks){ma, nl, caps->subgroup_size * ma, caps->subgroup_size * nl};
}

static int64_t padded(int64_t count, uint32_t block) {
    return block ? hone_ceil_div(count, block) * block : count;
}

// u of the whole layer; transpose: output channels last.
static hone_status add_filters(const struct hone_conv_job *job, bool dgrad, bool transpose,
                               uint32_t block, struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    uint64_t pairs = (uint64_t)g->k * (uint64_t)g->c;
    struct hone_dispatch *d =
        hone_op_linear(launch, "conv_winograd_filter", pairs / (transpose != dgrad ? 16 : 4));
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, dgrad);
    hone_dispatch_spec(d, transpose != dgrad);
    hone_dispatch_spec(d, block);
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, job->b);
    hone_conv_bind(d, filters);
    int64_t out = dgrad ? g->c : g->k, in = dgrad ? g->k : g->c;
    launch->scratch_bytes[0] = 4 * POSITIONS * (uint64_t)(in * padded(out, block));
    return HONE_OK;
}

static hone_status add_patches(const struct hone_conv_push *g, struct hone_operand x,
                               uint32_t block, struct hone_launch *launch) {
    uint64_t threads = (uint64_t)(g->n * image_tiles(g) * (g->c / 4));
    struct hone_dispatch *d = hone_op_linear(launch, "conv_winograd_input", threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, block);
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, x);
    hone_conv_bind(d, patches);
    uint64_t bytes = 4 * POSITIONS * (uint64_t)(padded(g->n * image_tiles(g), block) * g->c);
    if (bytes > launch->scratch_bytes[1]) launch->scratch_bytes[1] = bytes;
    return HONE_OK;
}

static hone_status add_cpu_products(const struct hone_conv_job *job, const struct hone_conv_push *g,
                                    struct blocks blocks, struct hone_operand y,
                                    struct hone_launch *launch) {
    struct hone_dispatch *d = hone_launch_add(launch, "conv_winograd_cpu");
    if (!d) return HONE_INTERNAL;
    const uint32_t spec[] = {job->caps->subgroup_size,  blocks.ma,          blocks.nl,
                             job->caps->fast_broadcast, (uint32_t)job->act, job->has_bias};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t tiles = hone_ceil_div(g->n * image_tiles(g), blocks.tiles);
    int64_t fold = hone_ceil_div(tiles, 65535);
    d->grid[0] = (uint32_t)hone_ceil_div(g->k, blocks.channels);
    d->grid[1] = (uint32_t)hone_ceil_div(tiles, fold);
    d->grid[2] = (uint32_t)fold;
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, patches);
    hone_conv_bind(d, filters);
    hone_conv_bind(d, job->has_bias ? job->bias : filters);
    hone_conv_bind(d, y);
    return HONE_OK;
}

static hone_status winograd(const struct hone_conv_job *job, bool dgrad,
                            struct hone_launch *launch) {
    struct hone_conv_push g = as_fprop(&job->push, dgrad);
    struct blocks blocks = choose_blocks(job->caps);
    int32_t n = g.n, images = (int32_t)images_a_part(&g, job->caps);
    if (images == 0)
        return hone_fail(HONE_UNSUPPORTED, "a picture's patches do not fit into a binding");
    HONE_TRY(add_filters(job, dgrad, true, blocks.channels, launch));
    for (int32_t first = 0; first < n; first += images) {
        g.n = (int32_t)hone_min64(images, n - first);
        int64_t x = hone_conv_x_image(&g), y = hone_conv_y_image(&g);
        HONE_TRY(
            add_patches(&g, hone_conv_window(job->a, first * x, g.n * x), blocks.tiles, launch));
        HONE_TRY(add_cpu_products(job, &g, blocks, hone_conv_window(job->out, first * y, g.n * y),
                                  launch));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_winograd_cpu(const struct hone_conv_job *job,
                                         struct hone_launch *launch) {
    return winograd(job, false, launch);
}

hone_status hone_conv_dgrad_winograd_cpu(const struct hone_conv_job *job,
                                         struct hone_launch *launch) {
    return winograd(job, true, launch);
}
