// conv_coop2.c: see conv_coop2.h. The driver splits a tile among the subgroups and stages it, so a
// tile is three sizes; what is left to choose is which pixels are a tile's rows: TN images by TH
// rows by TW columns, as little as possible outside the picture.
#include "ops/conv_coop2.h"

#include <stdio.h>

#include "ops/conv_parts.h"

// BM x BN of the result in steps of BK along the contraction. Priors, largest first.
struct tile {
    uint16_t bm, bn, bk;
};
static const struct tile tiles[] = {
    {128, 256, 64}, {256, 128, 64}, {128, 128, 64}, {128, 64, 64}, {64, 128, 64},
    {64, 64, 64},   {64, 64, 32},   {64, 32, 32},   {32, 64, 32},  {32, 32, 32},
};
enum { TILES = sizeof tiles / sizeof *tiles };
// The loops in the place of matrices: lib/coop2.glsl holds eight pairs of sums an invocation.
static const struct tile proof_tiles[] = {{64, 32, 16}, {32, 32, 16}};
enum { PROOF_TILES = sizeof proof_tiles / sizeof *proof_tiles };

enum { MOST_SUMS = 128, FEWEST_SUMS = 8 }; // elements of the result an invocation
enum { SHORTEST_SLICE = 512 };             // pixels
// Steps of a slice. Emulated, a step is a few hundred rounds of loops, of which some drivers end
// silently after 65,535.
enum { LONGEST_SLICE = 1 << 15, LONGEST_PROOF = 256 };

struct choice {
    struct tile tile;
    uint32_t invocations;
    int32_t pixels[3]; // TN TH TW
};

static bool divides(uint32_t part, uint32_t whole) {
    return part && whole >= part && whole % part == 0;
}

static struct hone_conv_push flat(const struct hone_conv_push *push) {
    struct hone_conv_push g = *push;
    hone_conv_flatten(&g);
    return g;
}

// ---- Tiles ----------------------------------------------------------------------------------

// Rows and columns of the picture in which the pixels of a tile lie: a class of dx for dgrad.
static void picture_of(enum hone_conv_form form, const struct hone_conv_push *g, int64_t *high,
                       int64_t *wide) {
    bool dgrad = form == HONE_CONV_DGRAD;
    *high = dgrad ? hone_ceil_div(g->h, g->stride_h) : g->p;
    *wide = dgrad ? hone_ceil_div(g->w, g->stride_w) : g->q;
}

static int64_t pixel_tiles(enum hone_conv_form form, const struct hone_conv_push *g,
                           const int32_t pixels[3]) {
    int64_t high, wide;
    picture_of(form, g, &high, &wide);
    return hone_ceil_div(g->n, pixels[0]) * hone_ceil_div(high, pixels[1]) *
           hone_ceil_div(wide, pixels[2]);
}

// Cuts `count` pixels, the longest columns first. A tensor layout asks that the distance of two
// pictures covers their rows: where a stride does not divide H, they do not.
static void choose_pixels(enum hone_conv_form form, const struct hone_conv_push *g, int32_t count,
                          int32_t pixels[3]) {
    int64_t best = INT64_MAX;
    bool one_image = g->h % g->stride_h != 0;
    pixels[0] = pixels[1] = pixels[2] = 1;
    for (int32_t w = count; w > 0; w--)
        for (int32_t h = count / w; h > 0 && count % w == 0; h--) {
            const int32_t cut[3] = {count / w / h, h, w};
            if (count / w % h != 0 || (one_image && cut[0] > 1)) continue;
            int64_t tiles_ = pixel_tiles(form, g, cut);
            if (tiles_ >= best) continue;
            best = tiles_;
            for (int i = 0; i < 3; i++) pixels[i] = cut[i];
        }
}

static bool choice_init(enum hone_conv_form form, const struct hone_conv_push *g,
                        const struct hone_caps *caps, struct tile tile,
                        struct hone_matrix_shape shape, struct choice *out) {
    uint32_t sums = (uint32_t)tile.bm * tile.bn;
    *out = (struct choice){.tile = tile, .invocations = shape.invocations};
    if (!divides(shape.m, tile.bm) || !divides(shape.n, tile.bn) || !divides(shape.k, tile.bk) ||
        sums > MOST_SUMS * out->invocations || sums < FEWEST_SUMS * out->invocations ||
        out->invocations > caps->workgroup_invocations ||
        out->invocations > caps->workgroup_size[0] ||
        (caps->matrix_longest &&
         (tile.bm > caps->matrix_longest || tile.bn > caps->matrix_longest)))
        return false;
    struct hone_conv_push whole = flat(g);
    choose_pixels(form, &whole, form == HONE_CONV_WGRAD ? tile.bk : tile.bm, out->pixels);
    return true;
}

// The k-th way, k = 0, 1, ...: all tiles with one shape, then those with the next.
static bool choice_at(enum hone_coop_body body, enum hone_conv_form form,
                      const struct hone_conv_job *job, int k, struct choice *out) {
    const struct hone_caps *caps = job->caps;
    if (body == HONE_COOP2_EMULATED) {
        const struct hone_matrix_shape shape = {16, 16, 16, 0, true, 128};
        for (int t = 0; t < PROOF_TILES; t++)
            if (choice_init(form, &job->push, caps, proof_tiles[t], shape, out) && k-- == 0)
                return true;
        return false;
    }
    for (uint32_t i = 0; i < caps->matrix_count; i++) {
        const struct hone_matrix_shape *shape = &caps->matrices[i];
        if (!shape->workgroup ||
            shape->type != (job->dtype == HONE_F16 ? HONE_MATRIX_F16 : HONE_MATRIX_BF16))
            continue;
        for (int t = 0; t < TILES; t++)
            if (choice_init(form, &job->push, caps, tiles[t], *shape, out) && k-- == 0) return true;
    }
    return false;
}

bool hone_conv_coop2_tile(enum hone_coop_body body, enum hone_conv_form form,
                          const struct hone_conv_job *job, int k, char name[HONE_TILE_NAME]) {
    struct choice c;
    if (!choice_at(body, form, job, k - 1, &c)) return false;
    snprintf(name, HONE_TILE_NAME, "%ux%ux%u-%u", c.tile.bm, c.tile.bn, c.tile.bk, c.invocations);
    return true;
}

bool hone_conv_coop2_fits(enum hone_coop_body body, enum hone_conv_form form,
                          const struct hone_conv_job *job) {
    const struct hone_conv_push *g = &job->push;
    struct choice c;
    bool type = body == HONE_COOP2_F16    ? job->dtype == HONE_F16
                : body == HONE_COOP2_BF16 ? job->dtype == HONE_BF16
                                          : job->dtype == HONE_F16 || job->dtype == HONE_BF16;
    return type && hone_conv_coop_channels(g) && choice_at(body, form, job, 0, &c);
}

// Workgroups; of a weight gradient, those of one slice.
static int64_t workgroups(enum hone_conv_form form, const struct hone_conv_push *push,
                          const struct choice *c) {
    struct hone_conv_push g = flat(push);
    int64_t cg = g.c / g.groups, kg = g.k / g.groups;
    if (form == HONE_CONV_WGRAD)
        return hone_ceil_div(kg, c->tile.bm) * hone_ceil_div(cg, c->tile.bn) * g.r * g.s * g.groups;
    int64_t classes = form == HONE_CONV_DGRAD ? g.stride_h * g.stride_w : 1;
    return hone_ceil_div(form == HONE_CONV_DGRAD ? cg : kg, c->tile.bn) *
           pixel_tiles(form, &g, c->pixels) * classes * g.groups;
}

// The first tile that keeps the device busy, else the one with the most workgroups. A weight
// gradient has its slices to be busy with: there the least padding wins.
static bool choose(enum hone_coop_body body, enum hone_conv_form form,
                   const struct hone_conv_job *job, struct choice *out) {
    if (job->tile != HONE_TILE_DEFAULT) return choice_at(body, form, job, job->tile - 1, out);
    struct choice c;
    int64_t best = -1;
    for (int k = 0; choice_at(body, form, job, k, &c); k++) {
        int64_t count = workgroups(form, &job->push, &c);
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
    snprintf(name, HONE_CONV_KERNEL_NAME, "conv_coop2_%s%s_%s",
             body == HONE_COOP2_EMULATED ? "emulated_" : "", form, hone_dtype_name(dtype));
    return name;
}

static void spec_tile(struct hone_dispatch *d, const struct choice *c, bool one_row) {
    const uint32_t spec[] = {c->invocations,
                             c->tile.bm,
                             c->tile.bn,
                             c->tile.bk,
                             (uint32_t)c->pixels[0],
                             (uint32_t)c->pixels[1],
                             (uint32_t)c->pixels[2],
                             one_row};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
}

static hone_status add_conv(enum hone_coop_body body, enum hone_conv_form form,
                            const struct choice *c, const struct hone_conv_job *job,
                            struct hone_conv_push push, struct hone_dispatch **out,
                            struct hone_launch *launch) {
    bool dgrad = form == HONE_CONV_DGRAD, pointwise = hone_conv_is_pointwise(&push);
    char kernel[HONE_CONV_KERNEL_NAME];
    kernel_name(body, dgrad ? "dgrad" : "fprop", job->dtype, kernel);
    hone_conv_flatten(&push);
    struct hone_dispatch *d = *out = hone_launch_add(launch, kernel);
    if (!d) return HONE_INTERNAL;
    spec_tile(d, c, pointwise);
    hone_dispatch_spec(d, (uint32_t)job->act);
    hone_dispatch_spec(d, job->has_bias);
    hone_dispatch_spec(d, job->out_dtype == HONE_F32);
    hone_dispatch_spec(d, job->has_addend);
    int64_t rows = pixel_tiles(form, &push, c->pixels), fold = hone_ceil_div(rows, 65535);
    int64_t columns = hone_ceil_div((dgrad ? push.c : push.k) / push.groups, c->tile.bn);
    d->grid[0] = (uint32_t)(columns * push.groups);
    d->grid[1] = (uint32_t)hone_ceil_div(rows, fold);
    d->grid[2] = (uint32_t)(fold * (dgrad ? push.stride_h * push.stride_w : 1));
    hone_dispatch_push(d, &push, sizeof push);
    return HONE_OK;
}

static hone_status run_conv(enum hone_coop_body body, enum hone_conv_form form,
                            const struct choice *c, const struct hone_conv_job *job,
                            struct hone_launch *launch) {
    bool dgrad = form == HONE_CONV_DGRAD;
    int32_t images;
    HONE_TRY(hone_conv_images_a_dispatch(job, &images));
    int64_t a_image = dgrad ? hone_conv_y_image(&job->push) : hone_conv_x_image(&job->push);
    int64_t out_image = dgrad ? hone_conv_x_image(&job->push) : hone_conv_y_image(&job->push);
    for (int32_t n = 0; n < job->push.n; n += images) {
        struct hone_conv_push push = job->push;
        push.n = (int32_t)hone_min64(images, job->push.n - n);
        struct hone_dispatch *d;
        HONE_TRY(add_conv(body, form, c, job, push, &d, launch));
        hone_conv_bind(d, hone_conv_window_of(job->dtype, job->a, n * a_image, push.n * a_image));
        hone_conv_bind(d, job->b);
        hone_conv_bind_result(
            d, job, job->b,
            hone_conv_window_of(job->out_dtype, job->out, n * out_image, push.n * out_image));
    }
    return HONE_OK;
}

static void fill_wgrad(struct hone_dispatch *d, const struct hone_conv_push *push, int64_t slices,
                       const void *tile) {
    const struct choice *c = tile;
    spec_tile(d, c, hone_conv_is_pointwise(push));
    d->grid[0] = (uint32_t)hone_ceil_div(push->k / push->groups, c->tile.bm);
    d->grid[1] = (uint32_t)(hone_ceil_div(push->c / push->groups, c->tile.bn) * push->r * push->s);
    d->grid[2] = (uint32_t)(slices * push->groups);
}

static hone_status run_wgrad(enum hone_coop_body body, const struct choice *c,
                             const struct hone_conv_job *job, struct hone_launch *launch) {
    char kernel[HONE_CONV_KERNEL_NAME];
    kernel_name(body, "wgrad", job->dtype, kernel);
    struct hone_conv_slicing cuts = {.unit = HONE_CONV_UNIT_BLOCK};
    for (int i = 0; i < 3; i++) cuts.block[i] = c->pixels[i];
    int64_t count = workgroups(HONE_CONV_WGRAD, &job->push, c);
    HONE_TRY(hone_conv_cut(job, hone_ceil_div(hone_conv_busy(job->caps), count),
                           SHORTEST_SLICE / c->tile.bk,
                           body == HONE_COOP2_EMULATED ? LONGEST_PROOF : LONGEST_SLICE, &cuts));
    return hone_conv_wgrad(job, kernel, cuts, fill_wgrad, c, launch);
}

hone_status hone_conv_coop2(enum hone_coop_body body, enum hone_conv_form form,
                            const struct hone_conv_job *job, struct hone_launch *launch) {
    struct choice c;
    if (!choose(body, form, job, &c))
        return hone_fail(HONE_INTERNAL, "no tile %d of this row fits", job->tile);
    return form == HONE_CONV_WGRAD ? run_wgrad(body, &c, job, launch)
                                   : run_conv(body, form, &c, job, launch);
}
