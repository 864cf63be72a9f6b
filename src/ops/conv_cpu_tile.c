// conv_cpu_tile.c: the cost model behind conv_cpu_tile.h: hundredths of a nanosecond that a core
// spends, fitted to times of lavapipe 22.3.6 and 25.0.7 at eight lanes over six layers and eleven
// tiles (error 8 %). Only the ratios matter.
#include "ops/conv_cpu_tile.h"

#include <stdio.h>

#include "ops/conv_parts.h"

enum {
    COST_FMA = 40,          // a subgroup's multiply and add
    COST_SPREAD = 15,       // a value from one lane to all
    COST_START = 6000,      // a workgroup
    COST_FLIP = 2000000,    // the dispatch of conv_flip
    COST_FLIP_WEIGHT = 250, // of it for each weight, halved: it has two cores
    FEW_REGISTERS = 64, // accumulators a lane; with more, code and spills outgrow the first caches
    REGISTERS = 128,
};
// The model may be wrong about tiles of up to so many times the least cost.
static const double NEAR = 1.25;
enum { TRIES = 5 }; // the best and four more: each costs a tuner a compile and some runs

// What one lane's load of so many floats costs, and its store.
static double load_cost(uint32_t width) {
    return width == 8 ? 230 : width == 4 ? 180 : width == 2 ? 130 : 100;
}

static double store_cost(uint32_t width) {
    return width == 8 ? 940 : width == 4 ? 640 : width == 2 ? 420 : 310;
}

static double fma_cost(double accumulators) {
    return accumulators > FEW_REGISTERS ? 1.22 * COST_FMA : COST_FMA;
}

// Channels a load. Eight pay where a subgroup has eight lanes or fewer: with sixteen, vectors of
// 64-bit words exceed what x86-64 holds in a register, and the code falls apart.
static uint32_t widest(int64_t channels, bool wide, uint32_t lanes) {
    return channels % 8 == 0 && wide && lanes <= 8 ? 8 : channels % 4 == 0 ? 4 : 1;
}

struct conv_sizes {
    int64_t pixels, classes, groups, depth, taps, channels;
};

static struct conv_sizes conv_sizes(const struct hone_conv_push *g, bool dgrad) {
    if (!dgrad)
        return (struct conv_sizes){(int64_t)g->n * g->p * g->q,
                                   1,
                                   g->groups,
                                   g->c / g->groups,
                                   (int64_t)g->r * g->s,
                                   g->k / g->groups};
    int64_t classes = (int64_t)g->stride_h * g->stride_w;
    return (struct conv_sizes){g->n * hone_ceil_div(g->h, g->stride_h) *
                                   hone_ceil_div(g->w, g->stride_w),
                               classes,
                               g->groups,
                               g->k / g->groups,
                               hone_ceil_div(g->r, g->stride_h) * hone_ceil_div(g->s, g->stride_w),
                               g->c / g->groups};
}

static double conv_cost(const struct conv_sizes *s, struct hone_conv_cpu_tile t, int64_t lanes) {
    double accumulators = (double)(t.ma * lanes * t.nl);
    double rounds = (double)(s->taps * hone_ceil_div(s->depth, t.pack));
    double round = (double)((t.ma + t.nl) * lanes) * load_cost(t.pack) +
                   accumulators * t.pack * fma_cost(accumulators) +
                   (double)(t.ma * lanes * t.pack) * COST_SPREAD;
    uint32_t width = s->channels % t.nl ? 1 : t.nl;
    int64_t words = t.ma * lanes * lanes * (t.nl / width);
    double stores = (double)words * store_cost(width);
    int64_t workgroups = hone_ceil_div(s->pixels, lanes * t.ma) * s->classes * s->groups *
                         hone_ceil_div(s->channels, lanes * t.nl);
    // of two cores, the one that has more to do
    return (double)hone_ceil_div(workgroups, 2) * (rounds * round + stores + COST_START);
}

// By rising cost; of equal ones the first stays first.
struct ranking {
    int count;
    double cost[HONE_CONV_CPU_TILES];
    int order[HONE_CONV_CPU_TILES]; // places in the caller's list
};

static void rank(struct ranking *r, double cost) {
    int at = r->count++;
    for (; at > 0 && r->cost[at - 1] > cost; at--) {
        r->cost[at] = r->cost[at - 1];
        r->order[at] = r->order[at - 1];
    }
    r->cost[at] = cost;
    r->order[at] = r->count - 1;
}

// The place in the caller's list of the k-th best, -1 past the last that is worth a try.
static int ranked(const struct ranking *r, int k) {
    return k >= 0 && k < r->count && k < TRIES && r->cost[k] <= NEAR * r->cost[0] ? r->order[k]
                                                                                  : -1;
}

bool hone_conv_cpu_tile_at(const struct hone_conv_push *push, bool dgrad, bool wide,
                           const struct hone_caps *caps, int k, struct hone_conv_cpu_tile *out) {
    struct conv_sizes s = conv_sizes(push, dgrad);
    uint32_t lanes = caps->subgroup_size, pack = widest(s.depth, wide, lanes);
    bool can_direct = dgrad && pack == 8 && s.channels % 8 == 0;
    struct hone_conv_cpu_tile list[HONE_CONV_CPU_TILES];
    struct ranking ranking = {0};
    double flip = dgrad ? COST_FLIP + COST_FLIP_WEIGHT * (double)hone_conv_weights(push) : 0;
    for (uint32_t nl = 1; nl <= 8; nl *= 2)
        for (uint32_t ma = 1; ma <= 4; ma++) {
            uint32_t most = nl == 8 ? REGISTERS : FEW_REGISTERS;
            if (ma * nl > 1 && ma * nl * lanes > most) continue;
            if (nl == 8 && pack != 8) continue;
            struct hone_conv_cpu_tile t = {ma, nl, pack, can_direct && nl == 8};
            list[ranking.count] = t;
            rank(&ranking, conv_cost(&s, t, lanes) + (t.direct ? 0 : flip));
        }
    int place = ranked(&ranking, k);
    if (place >= 0) *out = list[place];
    return place >= 0;
}

// ---- Weight gradient ------------------------------------------------------------------------

static double wgrad_cost(const struct hone_conv_cpu_wgrad_tile *t, int64_t lanes) {
    double accumulators = (double)(t->ma * lanes * t->nc);
    uint32_t pixels = t->pack == 1 ? 4 : t->pack; // a round
    double loads =
        t->ma * load_cost(pixels) + pixels * (double)t->nc / t->pack * load_cost(t->pack);
    double round = loads * (double)lanes + accumulators * pixels * fma_cost(accumulators) +
                   (double)(t->ma * lanes * pixels) * COST_SPREAD;
    return round / pixels * (double)hone_ceil_div(t->rows, lanes * t->ma) *
           (double)hone_ceil_div(t->columns, lanes * t->nc);
}

bool hone_conv_cpu_wgrad_tile_at(const struct hone_conv_push *push, bool wide,
                                 const struct hone_caps *caps, int k,
                                 struct hone_conv_cpu_wgrad_tile *out) {
    int64_t c = push->c / push->groups, channels = push->k / push->groups;
    int64_t filter = (int64_t)push->r * push->s * c;
    uint32_t lanes = caps->subgroup_size;
    uint32_t widest_pack = c % 8 == 0 && channels % 8 == 0 && wide && lanes == 8 ? 8
                           : c % 4 == 0 && channels % 4 == 0                     ? 4
                                                                                 : 1;
    struct hone_conv_cpu_wgrad_tile list[HONE_CONV_CPU_TILES];
    struct ranking ranking = {0};
    for (uint32_t pack = widest_pack; pack; pack = pack == 8 ? 4 : 0)
        for (uint32_t ma = 1; ma <= 4; ma++)
            for (uint32_t nc = pack; nc <= 8; nc *= 2)
                for (int swap = 0; swap < (pack > 1 ? 2 : 1); swap++) {
                    if (ma * nc * lanes > REGISTERS) continue;
                    struct hone_conv_cpu_wgrad_tile t = {
                        ma, nc, pack, swap, swap ? filter : channels, swap ? channels : filter};
                    list[ranking.count] = t;
                    rank(&ranking, wgrad_cost(&t, lanes));
                }
    int place = ranked(&ranking, k);
    if (place >= 0) *out = list[place];
    return place >= 0;
}

bool hone_conv_cpu_tile_name(const struct hone_conv_push *push, enum hone_conv_form form, bool wide,
                             const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]) {
    uint32_t lanes = caps->subgroup_size;
    struct hone_conv_cpu_tile t;
    struct hone_conv_cpu_wgrad_tile w;
    if (form == HONE_CONV_WGRAD) {
        if (!hone_conv_cpu_wgrad_tile_at(push, wide, caps, k, &w)) return false;
        snprintf(name, HONE_TILE_NAME, "%ux%u/%u%s", lanes * w.ma, lanes * w.nc, w.pack,
                 w.swap ? " swap" : "");
        return true;
    }
    if (!hone_conv_cpu_tile_at(push, form == HONE_CONV_DGRAD, wide, caps, k, &t)) return false;
    snprintf(name, HONE_TILE_NAME, "%ux%u/%u%s", lanes * t.ma, lanes * t.nl, t.pack,
             t.direct ? " direct" : "");
    return true;
}
