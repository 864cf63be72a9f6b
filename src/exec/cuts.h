// cuts.h: how a step is cut so that no submit and no dispatch takes too long: operating systems
// reset a GPU that seems to hang (Windows and recent amdgpu after about 2 s). Pure: times in,
// pieces out.
//
// A long dispatch becomes several, each a part of its grid; the pieces are then filled into as few
// submits as the limit allows, in order. Neither changes a bit of any result: the same workgroups
// run in the same order as far as they depend on each other.
#ifndef HONE_EXEC_CUTS_H
#define HONE_EXEC_CUTS_H

#include "base/caps.h"
#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// One dispatch.
struct hone_cut_item {
    double ms;         // estimated or measured, all of it
    uint32_t most;     // parts that its grid has
    double learned_ms; // of hone_cuts_learn()
};

struct hone_cut_limits {
    double submit_ms, dispatch_ms; // submit_ms 0: each piece is a submit of its own
};

struct hone_cut_piece {
    uint32_t item, part, parts;
    bool submit; // begins another submit
};

struct hone_cuts {
    struct hone_cut_piece *pieces;
    size_t piece_count, submit_count;
};

// Pieces aim at 4/5 of the limits: times vary. A dispatch with too few parts stays longer than its
// limit. The caller deinits.
hone_status hone_cuts_make(const struct hone_cut_item *items, size_t count,
                           struct hone_cut_limits limits, struct hone_cuts *out);
void hone_cuts_deinit(struct hone_cuts *cuts);

// Puts what was measured, ms[i] of the i-th submit, into the items: a submit's time goes to its
// pieces in the ratio in which they were expected.
void hone_cuts_learn(const struct hone_cuts *cuts, const double *submit_ms,
                     struct hone_cut_item *items, size_t count);

// The longest submit of a plan and its longest piece, by the items' times.
struct hone_cut_worst {
    double submit_ms, dispatch_ms, total_ms;
};
struct hone_cut_worst hone_cuts_worst(const struct hone_cuts *cuts,
                                      const struct hone_cut_item *items);

// Parts that a grid can be split into, and the k-th of `parts`. A kernel that counts groups
// (hone_kernel_counts_groups) may use the number along an axis only as the stride of the axis above
// it, so that its grid is split along its last axis that is not 1.
uint32_t hone_cut_most(const uint32_t grid[3], bool counts_groups);
void hone_cut_grid(const uint32_t grid[3], bool counts_groups, uint32_t part, uint32_t parts,
                   uint32_t base[3], uint32_t size[3]);

// Milliseconds that no kernel of such a device should exceed, for the first run.
double hone_cut_estimate_ms(enum hone_device_kind kind, double flops, double bytes);

#endif
