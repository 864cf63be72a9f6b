// conv_tiled.c: launches of the body for GPUs without matrix units: implicit GEMM through shared
// memory, for f32 and for 16-bit storage, with f32 sums. Tiles are chosen in conv_tiles.c. Where
// there are too few tiles to keep the device busy the contraction is cut into slices, which a
// second dispatch adds in their order.
#include "ops/conv_tiled.h"

#include <stdio.h>
#include <string.h>

enum { SHORTEST_CONV = 256, SHORTEST_WGRAD = 512 }; // steps of a slice

static int64_t classes_of(const struct hone_conv_push *g, enum hone_conv_form form) {
    return form == HONE_CONV_DGRAD ? (int64_t)g->stride_h * g->stride_w : 1;
}

// Rows, columns and depth of the product; of dgrad those of the largest class of pixels.
static struct hone_conv_product product_of(const struct hone_conv_push *g,
                                           enum hone_conv_form form) {
    int64_t cg = g->c / g->groups, kg = g->k / g->groups, taps = (int64_t)g->r * g->s;
    int64_t classes = classes_of(g, form);
    struct hone_conv_product p = {.copies = g->groups * classes, .strided = classes > 1};
    switch (form) {
    case HONE_CONV_FPROP:
        p.m = (int64_t)g->n * g->p * g->q;
        p.n = kg;
        p.depth = taps * cg;
        break;
    case HONE_CONV_DGRAD:
        p.m = g->n * hone_ceil_div(g->h, g->stride_h) * hone_ceil_div(g->w, g->stride_w);
        p.n = cg;
        p.depth = hone_ceil_div(g->r, g->stride_h) * hone_ceil_div(g->s, g->stride_w) * kg;
        // Taps that share a factor with the stride all meet in one class.
        if (g->dilation_h > 1 || g->dilation_w > 1) p.depth = taps * kg;
        break;
    case HONE_CONV_WGRAD:
        p.m = kg;
        p.n = taps * cg;
        p.depth = (int64_t)g->n * g->p * g->q;
        break;
    }
    return p;
}

static int64_t shortest_of(enum hone_conv_form form) {
    return form == HONE_CONV_WGRAD ? SHORTEST_WGRAD : SHORTEST_CONV;
}

bool hone_conv_fits_tiled(const struct hone_conv_push *g, enum hone_conv_form form,
                          enum hone_dtype out, const struct hone_caps *caps) {
    int32_t cg = g->c / g->groups, kg = g->k / g->groups;
    struct hone_conv_product product = product_of(g, form);
    // Groups of a few channels leave a tile nearly empty.
    if (g->groups > 1 && (cg < 4 || kg < 4)) return false;
    if (product.copies * 64 > 65535) return false; // z of the grid, with slices
    // A word of a 16-bit result is written by one invocation: no word may lie in two rows.
    int32_t columns = form == HONE_CONV_FPROP ? kg : cg;
    if (form != HONE_CONV_WGRAD && out != HONE_F32 && columns % 4) return false;
    return hone_conv_tile_default(&product, caps, shortest_of(form)) != NULL;
}

bool hone_conv_tiled_name(const struct hone_conv_push *g, enum hone_conv_form form,
                          const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]) {
    struct hone_conv_product product = product_of(g, form);
    const struct hone_conv_tile *tile = hone_conv_tile_at(&product, caps, k);
    if (tile) snprintf(name, HONE_TILE_NAME, "%s", tile->name);
    return tile != NULL;
}

static const struct hone_conv_tile *choose(const struct hone_conv_job *job,
                                           enum hone_conv_form form,
                                           const struct hone_conv_product *product) {
    const struct hone_conv_tile *tile = NULL;
    if (job->tile != HONE_TILE_DEFAULT) tile = hone_conv_tile_at(product, job->caps, job->tile);
    return tile ? tile : hone_conv_tile_default(product, job->caps, shortest_of(form));
}

// What conv_tiled_fprop, _dgrad and _wgrad have in common: grid and constants 0 to 9.
static void fill_common(struct hone_dispatch *d, const struct hone_conv_push *g,
                        enum hone_conv_form form, const struct hone_conv_tile *t, int64_t slices) {
    int64_t cg = g->c / g->groups, kg = g->k / g->groups, filter = cg * g->r * g->s;
    bool pointwise = hone_conv_is_pointwise(g);
    uint32_t vec_a = kg % 4 == 0, vec_b = cg % 4 == 0, vec_out = cg % 4 == 0; // dgrad
    int64_t steps = kg; // of the contraction that share a tap
    bool taps = !pointwise, strided = form == HONE_CONV_DGRAD && g->stride_h * g->stride_w > 1;
    if (form == HONE_CONV_FPROP) {
        vec_a = cg % 4 == 0;
        vec_b = filter % 4 == 0;
        vec_out = kg % 4 == 0;
        taps = !hone_conv_is_1x1(g);
        steps = cg;
    } else if (form == HONE_CONV_WGRAD) {
        vec_out = filter % 4 == 0;
        steps = 1;
    }
    uint32_t group = (uint32_t)(t->bm * t->bn / (t->tm * t->tn));
    uint32_t tap_mode = (!taps ? 0 : steps % t->bk ? 1 : 2) + (strided ? 4u : 0u);
    const uint32_t spec[] = {group, t->bm, t->bn, t->bk,   t->tm,
                             t->tn, vec_a, vec_b, vec_out, tap_mode};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    struct hone_conv_product p = product_of(g, form);
    int64_t tiles = hone_ceil_div(p.m, t->bm) * hone_ceil_div(p.n, t->bn);
    hone_dispatch_linear(d, (uint64_t)tiles * group, group);
    d->grid[2] = (uint32_t)(p.copies * slices);
}

// ---- fprop and dgrad ------------------------------------------------------------------------

static hone_status sum_slices(const struct hone_conv_job *job, int64_t count, int64_t channels,
                              int64_t slices, struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel("conv_split_sum", job->out_dtype, job->out_dtype, kernel);
    struct hone_dispatch *d = hone_op_linear(launch, kernel, (uint64_t)hone_ceil_div(count, 4));
    if (!d) return HONE_INTERNAL;
    hone_dispatch_spec(d, (uint32_t)job->act);
    hone_dispatch_spec(d, job->has_bias);
    hone_dispatch_spec(d, job->has_addend);
    const uint32_t push[] = {(uint32_t)count, (uint32_t)slices, (uint32_t)channels};
    hone_dispatch_push(d, push, sizeof push);
    hone_dispatch_push(d, &job->push.act_a, sizeof job->push.act_a);
    hone_dispatch_push(d, &job->push.act_b, sizeof job->push.act_b);
    hone_conv_bind(d, hone_conv_scratch);
    hone_conv_bind_result(d, job, hone_conv_scratch, job->out);
    return HONE_OK;
}

static hone_status tiled_dispatch(const struct hone_conv_job *job, struct hone_conv_push push,
                                  enum hone_conv_form form, const struct hone_conv_tile *tile,
                                  int64_t slices, const struct hone_operand operands[2],
                                  struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    bool stats = hone_conv_has_parts(job);
    hone_conv_kernel(form == HONE_CONV_DGRAD ? "conv_tiled_dgrad"
                     : stats                 ? "conv_tiled_fprop_stats"
                                             : "conv_tiled_fprop",
                     job->dtype, job->out_dtype, kernel);
    struct hone_dispatch *d =
        hone_launch_add(launch, job->batch ? "conv_tiled_fprop_batch" : kernel);
    if (!d) return HONE_INTERNAL;
    fill_common(d, &push, form, tile, slices);
    hone_dispatch_spec(d, (uint32_t)job->act);
    hone_dispatch_spec(d, job->has_bias);
    hone_dispatch_spec(d, slices > 1);
    hone_dispatch_spec(d, job->has_addend);
    hone_dispatch_push(d, &push, sizeof push);
    hone_conv_bind(d, operands[0]);
    hone_conv_bind(d, job->b);
    hone_conv_bind_result(d, job, job->b, operands[1]);
    if (slices > 1) d->operands[d->operand_count - 1] = hone_conv_scratch;
    if (stats) hone_conv_bind(d, hone_conv_part);
    return HONE_OK;
}

static hone_status tiled_conv(const struct hone_conv_job *job, enum hone_conv_form form,
                              struct hone_launch *launch) {
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    bool dgrad = form == HONE_CONV_DGRAD;
    const struct hone_conv_push *g = &job->push;
    int64_t a_image = dgrad ? hone_conv_y_image(g) : hone_conv_x_image(g);
    int64_t out_image = dgrad ? hone_conv_x_image(g) : hone_conv_y_image(g),
            count = g->n * out_image;
    struct hone_conv_product product = product_of(g, form);
    const struct hone_conv_tile *tile = choose(job, form, &product);
    int64_t slices = hone_conv_tile_slices(&product, tile, job->caps, SHORTEST_CONV);
    slices = hone_min64(slices, (int64_t)job->caps->storage_range_bytes / (4 * count));
    if (images < g->n || slices < 2) slices = 1;
    if (slices == 1) hone_conv_begin_parts(job, images, tile->bm, launch);
    for (int32_t n = 0; n < g->n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, g->n - n);
        int64_t length = hone_ceil_div(product.depth, slices);
        push.slice_len = (int32_t)(hone_ceil_div(length, tile->bk) * tile->bk);
        const struct hone_operand operands[2] = {
            hone_conv_window_of(job->dtype, job->a, n * a_image, push.n * a_image),
            hone_conv_window_of(job->out_dtype, job->out, n * out_image, push.n * out_image)};
        HONE_TRY(tiled_dispatch(job, push, form, tile, slices, operands, launch));
    }
    if (slices == 1) return HONE_OK;
    launch->scratch_bytes[0] = 4 * (uint64_t)(slices * count);
    return sum_slices(job, count, dgrad ? g->c : g->k, slices, launch);
}

hone_status hone_conv_fprop_tiled(const struct hone_conv_job *job, struct hone_launch *launch) {
    return tiled_conv(job, HONE_CONV_FPROP, launch);
}

hone_status hone_conv_dgrad_tiled(const struct hone_conv_job *job, struct hone_launch *launch) {
    return tiled_conv(job, HONE_CONV_DGRAD, launch);
}

// ---- wgrad ----------------------------------------------------------------------------------

static void wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push, int64_t slices,
                       const void *tile) {
    fill_common(d, push, HONE_CONV_WGRAD, tile, slices);
}

hone_status hone_conv_wgrad_tiled(const struct hone_conv_job *job, struct hone_launch *launch) {
    struct hone_conv_product product = product_of(&job->push, HONE_CONV_WGRAD);
    const struct hone_conv_tile *tile = choose(job, HONE_CONV_WGRAD, &product);
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_PIXEL};
    int64_t slices = hone_conv_tile_slices(&product, tile, job->caps, SHORTEST_WGRAD);
    // Mesa's CPU driver ends loops after 65,535 rounds; sums of f32 should not be much longer
    // either.
    HONE_TRY(hone_conv_cut(job, slices, SHORTEST_WGRAD, 1 << 17, &cuts));
    char kernel[HONE_CONV_KERNEL_NAME];
    hone_conv_kernel("conv_tiled_wgrad", job->dtype, HONE_F32, kernel);
    return hone_conv_wgrad(job, kernel, cuts, wgrad_fill, tile, launch);
}
