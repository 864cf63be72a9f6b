// conv_tiled.h: the choice of a tile for the bodies that work through shared memory: a table of
// tiles, which of them a device can run for a product, and the default one. Pure.
#ifndef HONE_OPS_CONV_TILED_H
#define HONE_OPS_CONV_TILED_H

#include "ops/conv_parts.h"

// What a tile works on: `copies` products (groups, classes of pixels, runs of images) of m rows by
// n columns, each the sum of `depth` steps.
struct hone_conv_product {
    int64_t m, n, depth, copies;
    bool strided; // dgrad with classes of pixels: its addresses take more registers
};

struct hone_conv_tile {
    const char *name;    // "128x64x16/8x8": rows x columns x steps / results of an invocation
    uint8_t tm, tn;      // results of an invocation
    uint16_t bm, bn, bk; // results of a workgroup, steps of the contraction in shared memory
    uint8_t worth;       // expected rate in percent of the best tile's where all of it is used
};

// The k-th tile (1, 2, ...) that the device can run and that is not mostly empty for this product;
// NULL past the last. There is at least one where hone_conv_tiled_runs().
const struct hone_conv_tile *hone_conv_tile_at(const struct hone_conv_product *product,
                                               const struct hone_caps *caps, int k);
// The default: the one of the most expected use. A contraction may be cut into slices of `shortest`
// steps or more to keep the device busy.
const struct hone_conv_tile *hone_conv_tile_default(const struct hone_conv_product *product,
                                                    const struct hone_caps *caps, int64_t shortest);
// Slices that give each core two workgroups, each of `shortest` steps or more; at least 1.
int64_t hone_conv_tile_slices(const struct hone_conv_product *product,
                              const struct hone_conv_tile *tile, const struct hone_caps *caps,
                              int64_t shortest);

#endif
