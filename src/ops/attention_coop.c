// attention_coop.c: see attention_coop.h. Tiles are sifted by what the device's matrices and the
// kernel's lanes can take, by registers and by shared memory; the first that keeps the device busy
// is the row's own choice, and the tuner may take another. A tile serves all passes of a node.
#include "ops/attention_coop.h"

#include <stdio.h>

#include "ops/conv_parts.h"

// Subgroups of a workgroup, each of which owns the rows of one matrix, and how many other rows it
// walks at a time. Priors, best first.
struct tile {
    uint16_t subgroups, others;
};
static const struct tile tiles[] = {{4, 32}, {2, 32}, {4, 64}, {8, 32},
                                    {4, 16}, {2, 16}, {1, 32}, {1, 16}};
enum { TILES = sizeof tiles / sizeof *tiles, EMULATED_FROM = 4 };

// A tile on a device.
struct choice {
    struct tile tile;
    struct hone_matrix_shape shape;
    uint32_t subgroup;
};

static uint32_t rows_of(const struct choice *c) {
    return (uint32_t)c->tile.subgroups * c->shape.m;
}

static uint32_t larger(uint32_t a, uint32_t b) {
    return a > b ? a : b;
}

// `stage` of coop.comp, and what lies beside it.
static uint32_t shared_bytes(const struct choice *c, uint32_t width, bool backward, bool emulated) {
    uint32_t m = c->shape.m, n = c->shape.n, others = c->tile.others, subgroups = c->tile.subgroups;
    uint32_t row = width / 8 + 1, turned = others / 8 + 1, sides = backward ? 2 : 1;
    uint32_t slot = larger(m * (others / 4 + 1), m * turned + m * n / 4);
    slot = larger(slot, m * (n / 4 + 1));
    uint32_t tiles_end = sides * others * row + width * turned + subgroups * slot;
    uint32_t own = sides * rows_of(c) * row;
    uint32_t stage = emulated ? tiles_end + own : larger(tiles_end, own);
    return 16 * stage + 8 * others + 4 * subgroups * c->subgroup;
}

// Numbers that a lane holds: sums, own rows, two of which fit where one sum does, and weights.
static uint32_t lane_numbers(const struct choice *c, uint32_t width, bool backward) {
    uint32_t sums = c->shape.m * width, own = sums / (backward ? 1 : 2);
    return (sums + own + 2u * c->shape.m * c->tile.others) / c->subgroup;
}

// What fits into registers without spills. 64 lanes: RADV, where a gradient of 80 spills (heads of
// 128); 32: NVK, where 160 take 216 registers; 16: Intel's, not compiled yet, so not offered.
// CPU drivers have memory for registers.
static uint32_t most_numbers(uint32_t subgroup) {
    return subgroup == 64 ? 72 : subgroup == 32 ? 160 : subgroup == 16 ? 0 : 1024;
}

static bool divides(uint32_t part, uint32_t whole) {
    return part && whole >= part && whole % part == 0;
}

static bool works(const struct choice *c, const struct hone_row_args *args, uint32_t width,
                  bool backward, bool emulated) {
    const struct hone_caps *caps = args->caps;
    const struct hone_matrix_shape *shape = &c->shape;
    uint32_t invocations = c->tile.subgroups * c->subgroup;
    return divides(shape->n, width) && divides(shape->k, width) &&
           divides(shape->n, c->tile.others) && divides(shape->k, c->tile.others) &&
           divides(shape->m, c->subgroup) &&
           divides(8 * (c->subgroup / shape->m), c->tile.others) &&
           invocations <= caps->workgroup_invocations && invocations <= caps->workgroup_size[0] &&
           lane_numbers(c, width, backward) <= most_numbers(c->subgroup) &&
           shared_bytes(c, width, backward, emulated) <= caps->shared_bytes;
}

static enum hone_matrix_type matrix_type(enum hone_dtype dtype) {
    return dtype == HONE_F16 ? HONE_MATRIX_F16 : HONE_MATRIX_BF16;
}

// The k-th way, k = 0, 1, ...: all tiles with one shape, then those with the next.
static bool choice_at(enum hone_coop_body body, const struct hone_row_args *args,
                      const struct hone_attention_shape *s, bool backward, int k,
                      struct choice *out) {
    const struct hone_caps *caps = args->caps;
    enum hone_matrix_type type = matrix_type(args->node->in[0].dtype);
    bool emulated = body == HONE_COOP_EMULATED;
    const struct hone_matrix_shape loops = {16, 16, 16, (uint8_t)type, 0, 0};
    const struct hone_matrix_shape *shapes = emulated ? &loops : caps->matrices;
    uint32_t count = emulated ? 1 : caps->matrix_count;
    for (uint32_t i = 0; i < count; i++) {
        if (shapes[i].workgroup || shapes[i].type != type) continue;
        for (int t = emulated ? EMULATED_FROM : 0; t < TILES; t++) {
            *out = (struct choice){tiles[t], shapes[i], emulated ? 32 : caps->matrix_subgroup};
            if (works(out, args, (uint32_t)s->width, backward, emulated) && k-- == 0) return true;
        }
    }
    return false;
}

bool hone_attention_coop_fits(enum hone_coop_body body, const struct hone_row_args *args,
                              const struct hone_attention_shape *s, bool backward) {
    enum hone_dtype dtype = args->node->in[0].dtype;
    // On lavapipe 26 the shared row is twice as fast, and a head of 64 takes ten seconds to
    // compile.
    if (body != HONE_COOP_EMULATED && (args->caps->features & HONE_FEATURE_CPU)) return false;
    bool type = body == HONE_COOP_F16    ? dtype == HONE_F16
                : body == HONE_COOP_BF16 ? dtype == HONE_BF16
                                         : dtype == HONE_F16 || dtype == HONE_BF16;
    struct choice c;
    return type && s->bias < 0 && s->value_width == s->width && s->width % 16 == 0 &&
           choice_at(body, args, s, backward, 0, &c);
}

bool hone_attention_coop_tile(enum hone_coop_body body, const struct hone_row_args *args,
                              const struct hone_attention_shape *s, bool backward, int k,
                              char name[HONE_TILE_NAME]) {
    struct choice c;
    if (!choice_at(body, args, s, backward, k - 1, &c)) return false;
    snprintf(name, HONE_TILE_NAME, "%ux%u-%ux%ux%u-%u", rows_of(&c), c.tile.others, c.shape.m,
             c.shape.n, c.shape.k, c.subgroup);
    return true;
}

// The first with enough workgroups; without one, that with the most.
static bool choose(enum hone_coop_body body, const struct hone_row_args *args,
                   const struct hone_attention_shape *s, bool backward, struct choice *out) {
    struct choice c;
    int64_t best = -1;
    if (args->tile != HONE_TILE_DEFAULT)
        return choice_at(body, args, s, backward, args->tile - 1, out);
    for (int k = 0; choice_at(body, args, s, backward, k, &c); k++) {
        int64_t count = hone_ceil_div(s->queries, rows_of(&c)) * s->heads * s->batch;
        int64_t score = hone_min64(count, hone_conv_busy(args->caps));
        if (score <= best) continue;
        best = score;
        *out = c;
    }
    return best >= 0;
}

hone_status hone_attention_coop(enum hone_coop_body body, const struct hone_row_args *args,
                                struct hone_launch *launch, const struct hone_attention_shape *s,
                                const struct hone_attention_pass *pass) {
    bool emulated = body == HONE_COOP_EMULATED;
    struct choice c;
    char name[HONE_CONV_KERNEL_NAME];
    if (!choose(body, args, s, pass->way != HONE_ATTENTION_Y, &c))
        return hone_fail(HONE_INTERNAL, "no tile %d of this row fits", args->tile);
    snprintf(name, sizeof name, "attention_coop%s%d_%s", emulated ? "_emulated" : "",
             (int)pass->way, hone_dtype_name(args->node->in[0].dtype));
    struct hone_dispatch *d = hone_launch_add(launch, name);
    if (!d) return HONE_INTERNAL;
    const uint32_t spec[] = {c.tile.subgroups * c.subgroup,
                             c.tile.others,
                             (uint32_t)s->width,
                             c.subgroup,
                             c.shape.m,
                             c.shape.n,
                             c.shape.k};
    hone_conv_spec_all(d, spec, sizeof spec / sizeof *spec);
    d->subgroup = emulated ? 0 : c.subgroup;
    hone_attention_bind(d, s, pass, rows_of(&c), 8,
                        ((const struct hone_attention_attrs *)args->node->attrs)->scale);
    return HONE_OK;
}
