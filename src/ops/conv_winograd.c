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
// from 16 tiles on. Weight gradients: 64 channels, 6272 tiles 45 and 52, 128 channels, 1568 tiles
// 53 and 43; 256 channels, 392 tiles 61 and 33; 512 channels, 128 tiles 79 and 38.
enum {
    LEAST_CHANNELS = 32,
    LEAST_TILES = 64,
    LEAST_TILES_DGRAD = 16,
    LEAST_TILES_WGRAD = 32,
    LEAST_CHANNELS_WGRAD = 128,
    POSITIONS = 16,
    MOST_PARTS = 6,   // of the pictures, three dispatches each
    MOST_BLOCK = 128, // tiles or channels a block of the CPU body may add at the end
    PART_BYTES = 1 << 27
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

// Images at a time, so that no binding is larger than the device allows, nor scratch much larger
// than 128 MiB; 0: not one image.
static int64_t images_a_part(const struct hone_conv_push *g, const struct hone_caps *caps) {
    int64_t range = (int64_t)caps->storage_range_bytes;
    int64_t positions = hone_max64(g->c, g->k) * 4 * POSITIONS;
    int64_t x = 4 * hone_conv_x_image(g), y = 4 * hone_conv_y_image(g);
    int64_t tiles = hone_min64(range, PART_BYTES) / positions - MOST_BLOCK;
    int64_t images = hone_min64(tiles / image_tiles(g), range / hone_max64(x, y));
    if (images <= 0) return 0;
    if (images >= g->n) return g->n;
    int64_t align = hone_max64(caps->storage_offset_align, 4), step = 1;
    while (step * x % align || step * y % align) step++;
    return images / step * step;
}

// Sizes alone; `tiles` at least.
static bool fits(const struct hone_conv_push *g, int64_t tiles, const struct hone_caps *caps) {
    if (g->r != 3 || g->s != 3 || g->stride_h != 1 || g->stride_w != 1 || g->dilation_h != 1 ||
        g->dilation_w != 1 || g->groups != 1 || g->c % 4 || g->k % 4 || g->c < LEAST_CHANNELS ||
        g->k < LEAST_CHANNELS || g->n * image_tiles(g) < tiles)
        return false;
    int64_t images = images_a_part(g, caps);
    return images > 0 && hone_ceil_div(g->n, images) <= MOST_PARTS &&
           4 * (int64_t)POSITIONS * g->c * (g->k + MOST_BLOCK) <=
               (int64_t)caps->storage_range_bytes;
}

static bool fits_subgroup(const struct hone_caps *caps) {
    return caps->subgroup_size == 4 || caps->subgroup_size == 8 || caps->subgroup_size == 16;
}

bool hone_conv_fprop_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits(push, LEAST_TILES, caps);
}

bool hone_conv_dgrad_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps) {
    struct hone_conv_push g = as_fprop(push, true);
    return fits_subgroup(caps) && fits(&g, LEAST_TILES_DGRAD, caps);
}

// Of the parts' sums; the parts of the pictures come on top.
static int64_t wgrad_parts(const struct hone_conv_push *g, const struct hone_caps *caps) {
    int64_t images = images_a_part(g, caps);
    return images > 0 ? hone_ceil_div(g->n, images) : 0;
}

bool hone_conv_wgrad_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps) {
    return fits_subgroup(caps) && fits(push, LEAST_TILES_WGRAD, caps) &&
           push->c >= LEAST_CHANNELS_WGRAD && push->k >= LEAST_CHANNELS_WGRAD &&
           4 * wgrad_parts(push, caps) * POSITIONS * push->c * push->k <=
               (int64_t)caps->storage_range_bytes;
}

// The products of all positions: a 1x1 convolution of 16 groups, with the tiles as pixels.
static struct hone_conv_push products_of(const struct hone_conv_push *g) {
    return (struct hone_conv_push){.n = 1,
                                   .h = 1,
                                   .w = (int32_t)(g->n * image_tiles(g)),
                                   .c = POSITIONS * g->c,
                                   .k = POSITIONS * g->k,
                                   .p = 1,
                                   .q = (int32_t)(g->n * image_tiles(g)),
                                   .r = 1,
                                   .s = 1,
                                   .stride_h = 1,
                                   .stride_w = 1,
                                   .dilation_h = 1,
                                   .dilation_w = 1,
                                   .groups = POSITIONS};
}

// Products of the first part.
static struct hone_conv_push part_of(const struct hone_conv_push *push, enum hone_conv_form form,
                                     const struct hone_caps *caps) {
    struct hone_conv_push g = as_fprop(push, form == HONE_CONV_DGRAD);
    g.n = (int32_t)images_a_part(&g, caps);
    return products_of(&g);
}

// On a GPU patches and products go through memory once more, 32 (C + K) bytes a pixel, and 10 C K
// operations are saved: with some 30 operations to a byte (RX 6800, GTX 1660, most integrated
// GPUs) that pays where C K / (C + K) is above 96.
bool hone_conv_fits_winograd(const struct hone_conv_push *push, enum hone_conv_form form,
                             const struct hone_caps *caps) {
    struct hone_conv_push g = as_fprop(push, form == HONE_CONV_DGRAD);
    if (!fits(&g, LEAST_TILES, caps) || (int64_t)g.c * g.k < 96 * ((int64_t)g.c + g.k))
        return false;
    struct hone_conv_push products = part_of(push, form, caps);
    return hone_conv_fits_tiled(&products, HONE_CONV_FPROP, HONE_F32, caps);
}

bool hone_conv_winograd_name(const struct hone_conv_push *push, enum hone_conv_form form,
                             const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]) {
    struct hone_conv_push products = part_of(push, form, caps);
    return hone_conv_tiled_name(&products, HONE_CONV_FPROP, caps, k, name);
}

// Where filters (u), patches (v) and, on GPUs, products (m) lie.
struct scratch {
    struct hone_operand u, v, m;
};

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

enum filter_layout { FILTER_AS_STORED, FILTER_TURNED_CPU, FILTER_TURNED }; // TRANSPOSE

static hone_status add_filters(const struct hone_conv_job *job, bool dgrad,
                               enum filter_layout layout, uint32_t block, struct hone_operand u,
                               struct hone_launch *launch) {
    const struct hone_conv_push *g = &job->push;
    uint64_t pairs = (uint64_t)g->k * (uint64_t)g->c;
    struct hone_dispatch *d = hone_op_linear(launch, "conv_winograd_filter",
                                             pairs / (layout == FILTER_TURNED_CPU ? 16 : 4));
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, dgrad);
    hone_dispatch_spec(d, layout);
    hone_dispatch_spec(d, block);
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, job->b);
    hone_conv_bind(d, u);
    return HONE_OK;
}

static hone_status add_patches(const struct hone_conv_push *g, struct hone_operand x,
                               uint32_t block, struct hone_operand v, struct hone_launch *launch) {
    uint64_t threads = (uint64_t)(g->n * image_tiles(g) * (g->c / 4));
    struct hone_dispatch *d = hone_op_linear(launch, "conv_winograd_input", threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, block);
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, x);
    hone_conv_bind(d, v);
    return HONE_OK;
}

static hone_status add_cpu_products(const struct hone_conv_job *job, const struct hone_conv_push *g,
                                    struct blocks blocks, const struct scratch *scratch,
                                    struct hone_operand y, struct hone_launch *launch) {
    struct hone_dispatch *d = hone_launch_add(launch, "conv_winograd_cpu");
    if (!d) return HONE_INTERNAL;
    const uint32_t spec[] = {
        job->caps->subgroup_size, blocks.ma,     blocks.nl,      job->caps->fast_broadcast,
        (uint32_t)job->act,       job->has_bias, job->has_addend};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    int64_t tiles = hone_ceil_div(g->n * image_tiles(g), blocks.tiles);
    int64_t fold = hone_ceil_div(tiles, 65535);
    d->grid[0] = (uint32_t)hone_ceil_div(g->k, blocks.channels);
    d->grid[1] = (uint32_t)hone_ceil_div(tiles, fold);
    d->grid[2] = (uint32_t)fold;
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, scratch->v);
    hone_conv_bind(d, scratch->u);
    hone_conv_bind_result(d, job, scratch->u, y);
    return HONE_OK;
}

static hone_status add_products(const struct hone_conv_job *job, const struct hone_conv_push *g,
                                const struct scratch *scratch, struct hone_operand y,
                                struct hone_launch *launch) {
    struct hone_conv_job products = *job;
    products.push = products_of(g);
    products.act = HONE_ACT_NONE;
    products.has_bias = products.has_addend = false;
    products.parts = NULL;
    products.a = scratch->v;
    products.b = scratch->u;
    products.out = scratch->m;
    uint64_t before = launch->scratch_bytes[0]; // of slices
    HONE_TRY(hone_conv_fprop_tiled(&products, launch));
    if (launch->scratch_bytes[0] < before) launch->scratch_bytes[0] = before;

    uint64_t threads = (uint64_t)(g->n * image_tiles(g) * (g->k / 4));
    struct hone_dispatch *d = hone_op_linear(launch, "conv_winograd_output", threads);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, (uint32_t)job->act);
    hone_dispatch_spec(d, job->has_bias);
    hone_dispatch_spec(d, job->has_addend);
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, scratch->m);
    hone_conv_bind_result(d, job, scratch->m, y);
    return HONE_OK;
}

// All of it lies in scratch 1: the tiled body has scratch 0.
static struct hone_operand reserve(struct hone_launch *launch, int64_t elements) {
    enum { ALIGN = 256 };
    uint64_t bytes = 4 * (uint64_t)elements, offset = launch->scratch_bytes[1];
    launch->scratch_bytes[1] += (bytes + ALIGN - 1) / ALIGN * ALIGN;
    return (struct hone_operand){HONE_OPERAND_SCRATCH, 1, offset, bytes};
}

static hone_status winograd(const struct hone_conv_job *job, bool dgrad, bool cpu,
                            struct hone_launch *launch) {
    struct hone_conv_push g = as_fprop(&job->push, dgrad);
    struct blocks blocks = {0};
    if (cpu) blocks = choose_blocks(job->caps);
    int32_t n = g.n, images = (int32_t)images_a_part(&g, job->caps);
    if (images == 0)
        return hone_fail(HONE_UNSUPPORTED, "a picture's patches do not fit into a binding");
    int64_t tiles = images * image_tiles(&g);
    struct scratch scratch = {
        .u = reserve(launch, POSITIONS * padded(g.k, blocks.channels) * g.c),
        .v = reserve(launch, POSITIONS * padded(tiles, blocks.tiles) * g.c),
    };
    if (!cpu) scratch.m = reserve(launch, POSITIONS * tiles * g.k);
    // Filters are (K,3,3,C). The CPU body wants the channels of the result last, the tiled one the
    // summed ones.
    enum filter_layout layout = dgrad == cpu ? FILTER_AS_STORED
                                : cpu        ? FILTER_TURNED_CPU
                                             : FILTER_TURNED;
    HONE_TRY(add_filters(job, dgrad, layout, blocks.channels, scratch.u, launch));
    for (int32_t first = 0; first < n; first += images) {
        g.n = (int32_t)hone_min64(images, n - first);
        int64_t x = hone_conv_x_image(&g), y = hone_conv_y_image(&g);
        struct hone_operand to = hone_conv_window(job->out, first * y, g.n * y);
        HONE_TRY(add_patches(&g, hone_conv_window(job->a, first * x, g.n * x), blocks.tiles,
                             scratch.v, launch));
        HONE_TRY(cpu ? add_cpu_products(job, &g, blocks, &scratch, to, launch)
                     : add_products(job, &g, &scratch, to, launch));
    }
    return HONE_OK;
}

hone_status hone_conv_fprop_winograd_cpu(const struct hone_conv_job *job,
                                         struct hone_launch *launch) {
    return winograd(job, false, true, launch);
}

hone_status hone_conv_dgrad_winograd_cpu(const struct hone_conv_job *job,
                                         struct hone_launch *launch) {
    return winograd(job, true, true, launch);
}

hone_status hone_conv_fprop_winograd(const struct hone_conv_job *job, struct hone_launch *launch) {
    return winograd(job, false, false, launch);
}

hone_status hone_conv_dgrad_winograd(const struct hone_conv_job *job, struct hone_launch *launch) {
    return winograd(job, true, false, launch);
}

// ---- Weight gradient ------------------------------------------------------------------------

static hone_status add_gradients(const struct hone_conv_push *g, struct hone_operand dy,
                                 struct hone_operand m, struct hone_launch *launch) {
    struct hone_dispatch *d = hone_op_linear(launch, "conv_winograd_gradient",
                                             (uint64_t)(g->n * image_tiles(g) * (g->k / 4)));
    if (!d) return HONE_INTERNAL;
    hone_dispatch_push(d, g, sizeof *g);
    hone_conv_bind(d, dy);
    hone_conv_bind(d, m);
    return HONE_OK;
}

// dw = G' (sum over tiles of (A dy A') (B' x B)) G: the sum is the weight gradient of the products,
// a slice for each part of the pictures.
hone_status hone_conv_wgrad_winograd_cpu(const struct hone_conv_job *job,
                                         struct hone_launch *launch) {
    struct hone_conv_push g = job->push;
    int32_t n = g.n, images = (int32_t)images_a_part(&g, job->caps);
    if (images == 0)
        return hone_fail(HONE_UNSUPPORTED, "a picture's patches do not fit into a binding");
    int64_t tiles = images * image_tiles(&g), parts = hone_ceil_div(n, images);
    struct scratch scratch = {
        .u = reserve(launch, parts * POSITIONS * g.c * g.k),
        .v = reserve(launch, POSITIONS * tiles * g.c),
        .m = reserve(launch, POSITIONS * tiles * g.k),
    };
    struct hone_conv_job products = *job;
    products.a = scratch.m;
    products.b = scratch.v;
    products.wide = (job->caps->features & HONE_FEATURE_INT64) && g.c % 8 == 0 && g.k % 8 == 0;
    for (int32_t part = 0; part < parts; part++) {
        int32_t first = part * images;
        g.n = (int32_t)hone_min64(images, n - first);
        int64_t x = hone_conv_x_image(&g), y = hone_conv_y_image(&g);
        HONE_TRY(
            add_patches(&g, hone_conv_window(job->b, first * x, g.n * x), 0, scratch.v, launch));
        HONE_TRY(
            add_gradients(&g, hone_conv_window(job->a, first * y, g.n * y), scratch.m, launch));
        struct hone_conv_push push = products_of(&g);
        push.first_slice = part;
        push.slice_len = (int32_t)hone_ceil_div(push.q, HONE_CONV_WGRAD_CHUNK);
        HONE_TRY(hone_conv_wgrad_cpu_slices(&products, push, 1, scratch.u, launch));
    }
    struct hone_dispatch *d =
        hone_op_linear(launch, "conv_winograd_wgrad", (uint64_t)g.k * (uint64_t)(g.c / 4));
    if (!d) return HONE_INTERNAL;
    const int32_t push[] = {g.k, g.c / 4, (int32_t)parts};
    hone_dispatch_push(d, push, sizeof push);
    hone_conv_bind(d, scratch.u);
    hone_conv_bind(d, job->out);
    return HONE_OK;
}
