// cuts.c: see cuts.h.
#include "exec/cuts.h"

#include "base/alloc.h"

#include <math.h>

static const double AIM = 0.8; // of a limit
enum { MOST_PARTS = 256 };     // of a dispatch

static uint32_t parts_of(const struct hone_cut_item *item, double limit_ms) {
    double want = ceil(item->ms / (AIM * limit_ms));
    uint32_t most = item->most < MOST_PARTS ? item->most : MOST_PARTS;
    if (!(want > 1)) return 1; // not a number, too
    return want < most ? (uint32_t)want : most;
}

hone_status hone_cuts_make(const struct hone_cut_item *items, size_t count,
                           struct hone_cut_limits limits, struct hone_cuts *out) {
    *out = (struct hone_cuts){0};
    size_t pieces = 0;
    for (size_t i = 0; i < count; i++) pieces += parts_of(&items[i], limits.dispatch_ms);
    out->pieces = hone_calloc(pieces, sizeof *out->pieces, "the parts of a step");
    if (!out->pieces) return HONE_OUT_OF_MEMORY;
    double filled = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t parts = parts_of(&items[i], limits.dispatch_ms);
        double ms = items[i].ms / parts;
        for (uint32_t part = 0; part < parts; part++) {
            bool full = limits.submit_ms == 0 || filled + ms > AIM * limits.submit_ms;
            bool submit = out->piece_count > 0 && full;
            filled = submit ? ms : filled + ms;
            out->submit_count += submit;
            out->pieces[out->piece_count++] = (struct hone_cut_piece){
                .item = (uint32_t)i, .part = part, .parts = parts, .submit = submit};
        }
    }
    out->submit_count++;
    return HONE_OK;
}

void hone_cuts_deinit(struct hone_cuts *cuts) {
    hone_free(cuts->pieces);
    *cuts = (struct hone_cuts){0};
}

// One past the last piece of the submit that begins at piece `from`; *ms is what it should take.
static size_t submit_end(const struct hone_cuts *cuts, const struct hone_cut_item *items,
                         size_t from, double *ms) {
    size_t to = from;
    *ms = 0;
    for (; to < cuts->piece_count && (to == from || !cuts->pieces[to].submit); to++)
        *ms += items[cuts->pieces[to].item].ms / cuts->pieces[to].parts;
    return to;
}

void hone_cuts_learn(const struct hone_cuts *cuts, const double *submit_ms,
                     struct hone_cut_item *items, size_t count) {
    for (size_t i = 0; i < count; i++) items[i].learned_ms = 0;
    for (size_t from = 0, to, submit = 0; from < cuts->piece_count; from = to, submit++) {
        double expected;
        to = submit_end(cuts, items, from, &expected);
        for (size_t k = from; k < to; k++) {
            const struct hone_cut_piece *piece = &cuts->pieces[k];
            struct hone_cut_item *item = &items[piece->item];
            double share =
                expected > 0 ? item->ms / piece->parts / expected : 1 / (double)(to - from);
            item->learned_ms += submit_ms[submit] * share;
        }
    }
    for (size_t i = 0; i < count; i++) items[i].ms = items[i].learned_ms;
}

struct hone_cut_worst hone_cuts_worst(const struct hone_cuts *cuts,
                                      const struct hone_cut_item *items) {
    struct hone_cut_worst worst = {0};
    for (size_t from = 0, to; from < cuts->piece_count; from = to) {
        double ms;
        to = submit_end(cuts, items, from, &ms);
        worst.total_ms += ms;
        worst.submit_ms = fmax(worst.submit_ms, ms);
        for (size_t k = from; k < to; k++)
            worst.dispatch_ms =
                fmax(worst.dispatch_ms, items[cuts->pieces[k].item].ms / cuts->pieces[k].parts);
    }
    return worst;
}

// The axis along which a grid is split.
static int split_axis(const uint32_t grid[3], bool counts_groups) {
    int axis = grid[2] > 1 ? 2 : grid[1] > 1 ? 1 : 0;
    for (int i = 0; i < 3 && !counts_groups; i++)
        if (grid[i] > grid[axis]) axis = i;
    return axis;
}

uint32_t hone_cut_most(const uint32_t grid[3], bool counts_groups) {
    uint32_t most = grid[split_axis(grid, counts_groups)];
    return most ? most : 1;
}

void hone_cut_grid(const uint32_t grid[3], bool counts_groups, uint32_t part, uint32_t parts,
                   uint32_t base[3], uint32_t size[3]) {
    int axis = split_axis(grid, counts_groups);
    uint32_t end = (uint32_t)((uint64_t)grid[axis] * (part + 1) / parts);
    for (int i = 0; i < 3; i++) {
        base[i] = 0;
        size[i] = grid[i];
    }
    base[axis] = (uint32_t)((uint64_t)grid[axis] * part / parts);
    size[axis] = end - base[axis];
}

double hone_cut_estimate_ms(enum hone_device_kind kind, double flops, double bytes) {
    // What the slowest kernels reach on the slowest device of a kind that is worth using.
    static const struct {
        enum hone_device_kind kind;
        double gflops, gbytes;
    } rates[] = {
        {HONE_DEVICE_CPU, 0.5, 0.5},
        {HONE_DEVICE_DISCRETE, 200, 40},
    };
    double gflops = 20, gbytes = 4; // integrated, and whatever else there is
    for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
        if (rates[i].kind != kind) continue;
        gflops = rates[i].gflops;
        gbytes = rates[i].gbytes;
    }
    return flops / (gflops * 1e6) + bytes / (gbytes * 1e6);
}
