// conv_coop.c: see conv_coop.h. Tiles come from a table, are sifted by what the device's matrices
// and the kernels' loops can take, and the largest that keeps the device busy is the row's own
// choice; the tuner may take another.
#include "ops/conv_coop.h"

#include <stdio.h>

#include "ops/conv_coop2.h"
#include "ops/conv_parts.h"

// A workgroup makes BM x BN of the result in steps of BK along the contraction, a subgroup WM x WN
// of it. Priors, largest first; where two make the same tile, subgroups with more each come second.
struct tile {
    uint16_t bm, bn, bk, wm, wn;
};
static const struct tile tiles[] = {
    {128, 128, 32, 64, 32}, {128, 128, 32, 64, 64}, {128, 64, 32, 64, 32}, {64, 128, 32, 32, 64},
    {64, 64, 32, 32, 32},   {64, 64, 32, 64, 32},   {64, 64, 32, 16, 16},  {64, 32, 32, 32, 32},
    {32, 64, 32, 32, 32},   {32, 32, 32, 32, 16},   {32, 32, 32, 32, 32},  {32, 32, 32, 16, 16},
};
enum { TILES = sizeof tiles / sizeof *tiles };

// Priors: the tuner measures.
enum { INVOCATIONS = 256, SHORTEST_SLICE = 512 };

// What fits into the registers of a lane without spills, by the statistics of RADV, NVK and ANV:
// elements of accumulators, and vectors on their way to shared memory. Subgroups of 16 are Intel's,
// whose threads have 128 registers of 16 lanes; CPU drivers have narrower ones and memory for
// registers.
static uint32_t most_accumulators(uint32_t subgroup) {
    return subgroup >= 32 ? 64 : subgroup == 16 ? 16 : 128;
}
static uint32_t most_vectors(uint32_t subgroup) {
    return subgroup == 16 ? 4 : 16;
}

// A tile on a device.
struct choice {
    struct tile tile;
    struct hone_matrix_shape shape;
    uint32_t subgroup, invocations;
};

static enum hone_matrix_type matrix_type(enum hone_dtype dtype) {
    return dtype == HONE_F16 ? HONE_MATRIX_F16 : HONE_MATRIX_BF16;
}

static bool divides(uint32_t part, uint32_t whole) {
    return part && whole >= part && whole % part == 0;
}

static uint32_t shared_bytes(const struct choice *c) {
    const struct tile *t = &c->tile;
    uint32_t inputs = (uint32_t)(t->bm + t->bn) * (t->bk / 8 + 1);
    uint32_t strips = c->invocations / c->subgroup * c->shape.m * (t->wn / 4 + 1);
    return 16 * (inputs > strips ? inputs : strips);
}

// What lib/coop.glsl, coop.comp and coop_wgrad.comp ask of tile, matrix and subgroup.
static bool tile_works(enum hone_conv_form form, const struct choice *c,
                       const struct hone_caps *caps) {
    const struct tile *t = &c->tile;
    if (!divides(c->shape.m, t->wm) || !divides(c->shape.n, t->wn) || !divides(c->shape.k, t->bk) ||
        c->invocations > caps->workgroup_invocations || c->invocations > caps->workgroup_size[0] ||
        shared_bytes(c) > caps->shared_bytes)
        return false;
    uint32_t vectors = (uint32_t)(t->bm + t->bn) * t->bk / 8 / c->invocations;
    if ((uint32_t)t->wm * t->wn > most_accumulators(c->subgroup) * c->subgroup ||
        vectors > most_vectors(c->subgroup))
        return false;
    if (form == HONE_CONV_WGRAD)
        return divides(c->invocations, t->bm * t->bk / 16) &&
               divides(c->invocations, t->bn * t->bk / 16);
    uint32_t lines = c->invocations / (t->bk / 8);
    return divides(t->bk / 8, c->invocations) && divides(lines, t->bm) && divides(lines, t->bn);
}

static bool choice_init(enum hone_conv_form form, const struct hone_caps *caps, struct tile tile,
                        struct hone_matrix_shape shape, uint32_t subgroup, struct choice *out) {
    uint32_t invocations = (uint32_t)tile.bm / tile.wm * (tile.bn / tile.wn) * subgroup;
    *out = (struct choice){tile, shape, subgroup, invocations};
    return tile_works(form, out, caps);
}

// The k-th way, k = 0, 1, ...: all tiles with one shape, then those with the next.
static bool choice_at(enum hone_coop_body body, enum hone_conv_form form,
                      const struct hone_conv_job *job, int k, struct choice *out) {
    const struct hone_caps *caps = job->caps;
    if (body == HONE_COOP_EMULATED) {
        const struct hone_matrix_shape shape = {16, 16, 16, (uint8_t)matrix_type(job->dtype), 0, 0};
        static const struct tile proof[] = {{64, 64, 32, 32, 32}, {32, 32, 32, 32, 16}};
        for (int t = 0; t < 2; t++)
            if (choice_init(form, caps, proof[t], shape, 32, out) && k-- == 0) return true;
        return false;
    }
    for (uint32_t i = 0; i < caps->matrix_count; i++) {
        const struct hone_matrix_shape *shape = &caps->matrices[i];
        if (shape->workgroup || shape->type != matrix_type(job->dtype)) continue;
        for (int t = 0; t < TILES; t++)
            if (choice_init(form, caps, tiles[t], *shape, caps->matrix_subgroup, out) && k-- == 0)
                return true;
    }
    return false;
}

bool hone_conv_coop_tile(enum hone_coop_body body, enum hone_conv_form form,
                         const struct hone_conv_job *job, int k, char name[HONE_TILE_NAME]) {
    struct choice c;
    if (body >= HONE_COOP2_F16) return hone_conv_coop2_tile(body, form, job, k, name);
    if (!choice_at(body, form, job, k - 1, &c)) return false;
    snprintf(name, HONE_TILE_NAME, "%ux%ux%u-%ux%u-%ux%ux%u-%u", c.tile.bm, c.tile.bn, c.tile.bk,
             c.tile.wm, c.tile.wn, c.shape.m, c.shape.n, c.shape.k, c.subgroup);
    return true;
}

bool hone_conv_coop_channels(const struct hone_conv_push *g) {
    int32_t cg = g->c / g->groups, kg = g->k / g->groups;
    return cg % 8 == 0 && kg % 8 == 0 && (g->groups == 1 || (cg >= 16 && kg >= 16));
}

bool hone_conv_coop_fits(enum hone_coop_body body, enum hone_conv_form form,
                         const struct hone_conv_job *job) {
    const struct hone_conv_push *g = &job->push;
    struct choice c;
    if (body >= HONE_COOP2_F16) return hone_conv_coop2_fits(body, form, job);
    bool type = body == HONE_COOP_F16    ? job->dtype == HONE_F16
                : body == HONE_COOP_BF16 ? job->dtype == HONE_BF16
                                         : job->dtype == HONE_F16 || job->dtype == HONE_BF16;
    return type && hone_conv_coop_channels(g) && choice_at(body, form, job, 0, &c);
}

// ---- Sizes of the product --------------------------------------------------------------------

struct product {
    int64_t m, n, copies; // rows, columns, and how many such products there are
};

static struct product product_of(enum hone_conv_form form, const struct hone_conv_push *g) {
    int64_t cg = g->c / g->groups, kg = g->k / g->groups;
    if (form == HONE_CONV_WGRAD) return (struct product){kg, cg * g->r * g->s, g->groups};
    if (form == HONE_CONV_FPROP)
        return (struct product){(int64_t)g->n * g->p * g->q, kg, g->groups};
    return (struct product){g->n * hone_ceil_div(g->h, g->stride_h) *
                                hone_ceil_div(g->w, g->stride_w),
                            cg, (int64_t)g->stride_h * g->stride_w * g->groups};
}

static int64_t tile_count(struct product p, const struct tile *t) {
    return hone_ceil_div(p.m, t->bm) * hone_ceil_div(p.n, t->bn) * p.copies;
}

// The first tile with enough workgroups and not too many invocations each; without one, the tile
// with the most workgroups. A weight gradient has its slices to be busy with: there the least
// padding wins.
static bool choose(enum hone_coop_body body, enum hone_conv_form form,
                   const struct hone_conv_job *job, int tile, struct choice *out) {
    if (tile != HONE_TILE_DEFAULT) return choice_at(body, form, job, tile - 1, out);
    struct product p = product_of(form, &job->push);
    struct choice c;
    int64_t best = -1;
    uint32_t most = UINT32_MAX;
    for (int k = 0; choice_at(body, form, job, k, &c); k++)
        if (c.invocations <= INVOCATIONS) most = INVOCATIONS;
    for (int k = 0; choice_at(body, form, job, k, &c); k++) {
        if (c.invocations > most) continue;
        int64_t count = tile_count(p, &c.tile);
        int64_t score = form == HONE_CONV_WGRAD ? INT32_MAX - count * c.tile.bm * c.tile.bn / 1024
                                                : hone_min64(count, hone_conv_busy(job->caps));
        if (score <= best) continue;
        best = score;
        *out = c;
    }
    return best >= 0;
}

// ---- Launches -------------------------------------------------------------------------------

static const char *kernel_name(enum hone_coop_body body, const char *form, enum hone_dtype dtype,
                               char name[HONE_CONV_KERNEL_NAME]) {
    snprintf(name, HONE_CONV_KERNEL_NAME, "conv_coop_%s%s_%s",
             body == HONE_COOP_EMULATED ? "emulated_" : "", form, hone_dtype_name(dtype));
    return name;
}

static void spec_tile(struct hone_dispatch *d, const struct choice *c) {
    const uint32_t spec[] = {c->invocations, c->tile.bm,  c->tile.bn, c->tile.bk, c->tile.wm,
                             c->tile.wn,     c->subgroup, c->shape.m, c->shape.n, c->shape.k};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
}

static hone_status coop_dispatch(const struct hone_conv_job *job, const char *kernel, bool dgrad,
                                 const struct choice *c, struct hone_conv_push push,
                                 uint32_t subgroup, struct hone_dispatch **out,
                                 struct hone_launch *launch) {
    bool pointwise = hone_conv_is_pointwise(&push);
    hone_conv_flatten(&push);
    struct hone_dispatch *d = *out = hone_launch_add(launch, kernel);
    if (!d) return HONE_INTERNAL;
    bool taps = dgrad ? !pointwise : !hone_conv_is_1x1(&push);
    bool mask = dgrad ? !pointwise : hone_conv_reaches_outside(&push);
    spec_tile(d, c);
    const uint32_t spec[] = {
        taps, mask, (uint32_t)job->act, job->has_bias, job->out_dtype == HONE_F32, job->has_addend};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    d->subgroup = subgroup;
    struct product p = product_of(dgrad ? HONE_CONV_DGRAD : HONE_CONV_FPROP, &push);
    int64_t rows = hone_ceil_div(p.m, c->tile.bm), fold = hone_ceil_div(rows, 65535);
    d->grid[0] = (uint32_t)(hone_ceil_div(p.n, c->tile.bn) * push.groups);
    d->grid[1] = (uint32_t)hone_ceil_div(rows, fold);
    d->grid[2] = (uint32_t)(fold * (p.copies / push.groups));
    hone_dispatch_push(d, &push, sizeof push);
    return HONE_OK;
}

static hone_status coop_conv(enum hone_coop_body body, bool dgrad, const struct choice *c,
                             const struct hone_conv_job *job, struct hone_operand w,
                             struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    kernel_name(body, dgrad ? "dgrad" : "fprop", job->dtype, kernel);
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? hone_conv_y_image(&job->push) : hone_conv_x_image(&job->push);
    int64_t out_image = dgrad ? hone_conv_x_image(&job->push) : hone_conv_y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, job->push.n - n);
        struct hone_dispatch *d;
        HONE_TRY(coop_dispatch(job, kernel, dgrad, c, push,
                               body == HONE_COOP_EMULATED ? 0 : c->subgroup, &d, launch));
        hone_conv_bind(d, hone_conv_window_of(job->dtype, job->a, n * a_image, push.n * a_image));
        hone_conv_bind(d, w);
        hone_conv_bind_result(
            d, job, w,
            hone_conv_window_of(job->out_dtype, job->out, n * out_image, push.n * out_image));
    }
    return HONE_OK;
}

struct wgrad_fill {
    struct choice choice;
    uint32_t subgroup;
};

static void coop_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                            int64_t slices, const void *tile) {
    const struct wgrad_fill *fill = tile;
    const struct tile *t = &fill->choice.tile;
    struct product p = product_of(HONE_CONV_WGRAD, push);
    spec_tile(d, &fill->choice);
    hone_dispatch_spec(d, hone_conv_reaches_outside(push));
    hone_dispatch_spec(d, hone_conv_is_pointwise(push));
    d->subgroup = fill->subgroup;
    d->grid[0] = (uint32_t)hone_ceil_div(p.m, t->bm);
    d->grid[1] = (uint32_t)hone_ceil_div(p.n, t->bn);
    d->grid[2] = (uint32_t)(slices * push->groups);
}

static hone_status coop_wgrad(enum hone_coop_body body, const struct choice *c,
                              const struct hone_conv_job *job, struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    kernel_name(body, "wgrad", job->dtype, kernel);
    struct wgrad_fill fill = {*c, body == HONE_COOP_EMULATED ? 0 : c->subgroup};
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_PIXEL};
    int64_t count = tile_count(product_of(HONE_CONV_WGRAD, &job->push), &c->tile);
    // 2^20 pixels a slice: 32,768 steps, where some drivers end a loop after 65,535.
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(hone_conv_busy(job->caps), count), SHORTEST_SLICE,
                           1 << 20, &cuts));
    return hone_conv_wgrad(job, kernel, cuts, coop_wgrad_fill, &fill, launch);
}

hone_status hone_conv_coop(enum hone_coop_body body, enum hone_conv_form form,
                           const struct hone_conv_job *job, struct hone_launch *launch) {
    struct choice c;
    if (body >= HONE_COOP2_F16) return hone_conv_coop2(body, form, job, launch);
    if (!choose(body, form, job, job->tile, &c))
        return hone_fail(HONE_INTERNAL, "no tile %d of this row fits", job->tile);
    if (form == HONE_CONV_WGRAD) return coop_wgrad(body, &c, job, launch);
    if (form == HONE_CONV_FPROP) return coop_conv(body, false, &c, job, job->b, launch);
    launch->scratch_bytes[0] =
        hone_dtype_bytes(job->dtype) * (uint64_t)hone_conv_weights(&job->push);
    HONE_TRY(hone_conv_flip(job, job->b, hone_conv_scratch, launch));
    return coop_conv(body, true, &c, job, hone_conv_scratch, launch);
}
