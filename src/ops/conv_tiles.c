// conv_tiles.c: see conv_tiled.h. The figures are priors from published kernels and from counting
// registers and shared-memory traffic; the tuner replaces the choice where it has timed a device.
#include "ops/conv_tiled.h"

// By falling size. A workgroup has bm bn / (tm tn) invocations, a multiple of bk / 4, bm / 4, bn
// / 4.
static const struct hone_conv_tile tiles[] = {
    {"128x128x16/8x8", 8, 8, 128, 128, 16, 100}, // 256 invocations
    {"128x128x8/8x8", 8, 8, 128, 128, 8, 95},    // the same in 8.4 KiB
    {"128x64x16/8x8", 8, 8, 128, 64, 16, 92},    // 128
    {"64x128x16/8x8", 8, 8, 64, 128, 16, 92},    // 128
    {"64x64x16/8x4", 8, 4, 64, 64, 16, 78},      // 128
    {"64x64x16/4x4", 4, 4, 64, 64, 16, 70},      // 256
    {"64x64x16/8x8", 8, 8, 64, 64, 16, 80},      // 64
    {"128x32x16/8x4", 8, 4, 128, 32, 16, 72},    // 128
    {"32x128x16/4x8", 4, 8, 32, 128, 16, 72},    // 128
    {"64x32x16/4x4", 4, 4, 64, 32, 16, 60},      // 128
    {"32x64x16/4x4", 4, 4, 32, 64, 16, 60},      // 128
    {"128x16x16/8x4", 8, 4, 128, 16, 16, 55},    // 64
    {"16x128x16/4x8", 4, 8, 16, 128, 16, 55},    // 64
    {"32x32x16/4x4", 4, 4, 32, 32, 16, 50},      // 64
    {"16x64x16/4x4", 4, 4, 16, 64, 16, 45},      // 64
    {"32x32x8/4x4", 4, 4, 32, 32, 8, 40},        // 64
};
enum { TILES = sizeof tiles / sizeof *tiles };

// Results, their factors, and what is under way from memory.
static uint32_t registers_of(const struct hone_conv_tile *t, uint32_t invocations) {
    uint32_t a = (t->bm * t->bk / 4u + invocations - 1) / invocations;
    uint32_t b = (t->bn * t->bk / 4u + invocations - 1) / invocations;
    return (uint32_t)(t->tm * t->tn + t->tm + t->tn) + 4 * (a + b);
}

// Narrow subgroups come with few registers an invocation (Intel: 128 of a subgroup of 8 or 16);
// more than this spills there. A CPU driver spills to its cache.
static uint32_t register_budget(const struct hone_caps *caps) {
    return caps->subgroup_min <= 16 && !(caps->features & HONE_FEATURE_CPU) ? 60 : 255;
}

static bool runs(const struct hone_conv_tile *t, const struct hone_conv_product *p,
                 const struct hone_caps *caps) {
    uint32_t invocations = (uint32_t)(t->bm * t->bn / (t->tm * t->tn));
    uint32_t shared = 4u * t->bk * (t->bm + 4u + t->bn + 4u);
    return invocations <= caps->workgroup_invocations && invocations <= caps->workgroup_size[0] &&
           shared <= caps->shared_bytes &&
           registers_of(t, invocations) + (p->strided ? 8 : 0) <= register_budget(caps);
}

// Half of the tile or more lies outside the product while a smaller one would do.
static bool mostly_empty(const struct hone_conv_tile *t, const struct hone_conv_product *p) {
    return (t->bm > 16 && t->bm >= 2 * p->m + 16) || (t->bn > 32 && t->bn >= 2 * p->n + 32);
}

const struct hone_conv_tile *hone_conv_tile_at(const struct hone_conv_product *product,
                                               const struct hone_caps *caps, int k) {
    for (int i = 0; i < TILES; i++)
        if (runs(&tiles[i], product, caps) && !mostly_empty(&tiles[i], product) && --k == 0)
            return &tiles[i];
    return NULL;
}

static int64_t tile_count(const struct hone_conv_product *p, const struct hone_conv_tile *t) {
    return p->copies * hone_ceil_div(p->m, t->bm) * hone_ceil_div(p->n, t->bn);
}

int64_t hone_conv_tile_slices(const struct hone_conv_product *product,
                              const struct hone_conv_tile *tile, const struct hone_caps *caps,
                              int64_t shortest) {
    int64_t wanted =
        hone_ceil_div(2 * (int64_t)hone_max64(caps->cores, 1), tile_count(product, tile));
    return hone_max64(hone_min64(wanted, product->depth / shortest), 1);
}

// Expected use of the device: how good the tile is, how much of it is results, and how many of the
// cores have two workgroups. A slice costs a pass over the results.
static double use_of(const struct hone_conv_product *p, const struct hone_conv_tile *t,
                     const struct hone_caps *caps, int64_t shortest) {
    int64_t count = tile_count(p, t), slices = hone_conv_tile_slices(p, t, caps, shortest);
    double filled = (double)(p->copies * p->m * p->n) / ((double)count * t->bm * t->bn);
    double busy = (double)(count * slices) / (2.0 * hone_max64(caps->cores, 1));
    if (busy > 1) busy = 1;
    return t->worth * filled * busy * (slices > 1 ? 0.9 : 1);
}

const struct hone_conv_tile *hone_conv_tile_default(const struct hone_conv_product *product,
                                                    const struct hone_caps *caps,
                                                    int64_t shortest) {
    // Where all subgroups are of 64 lanes (GCN), two with as many registers as 8x8 needs fill a
    // SIMD.
    int results = caps->subgroup_min >= 64 ? 32 : 64;
    const struct hone_conv_tile *best = NULL, *t;
    double most = 0;
    if (caps->features &
        HONE_FEATURE_CPU) { // other rows are for these; here the quickest to compile
        for (int k = 1; (t = hone_conv_tile_at(product, caps, k)); k++) best = t;
        return best;
    }
    for (int k = 1; (t = hone_conv_tile_at(product, caps, k)); k++) {
        double use = use_of(product, t, caps, shortest);
        if (t->tm * t->tn > results || use <= most) continue;
        best = t;
        most = use;
    }
    return best;
}
