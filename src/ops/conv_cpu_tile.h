// conv_cpu_tile.h: how the CPU body cuts a convolution into tiles. Pure: sizes in, a tile out, by a
// model of what a subgroup executes. A driver runs loads lane by lane, so that a load costs far
// more than a multiplication; tiles trade the two against lanes that idle at the edges.
#ifndef HONE_OPS_CONV_CPU_TILE_H
#define HONE_OPS_CONV_CPU_TILE_H

#include "ops/conv_launch.h"

enum { HONE_CONV_CPU_TILES = 48 }; // more than any convolution has

// conv_cpu_fprop and conv_cpu_dgrad: L ma pixels by L nl channels, `pack` channels a load.
// wide: kernels may load eight channels. direct: dgrad reads the filters as they lie, else turned
// by conv_flip.
struct hone_conv_cpu_tile {
    uint32_t ma, nl, pack;
    bool direct;
};
// k = 0: the tile of least cost, which always exists; k = 1, 2, ...: the next ones, for a tuner;
// false past the last whose cost is near the least.
bool hone_conv_cpu_tile_at(const struct hone_conv_push *push, bool dgrad, bool wide,
                           const struct hone_caps *caps, int k, struct hone_conv_cpu_tile *out);

// conv_cpu_wgrad: L ma rows by L nc columns, `pack` channels of x a load. swap: rows are filter
// elements and columns are output channels, else the other way round.
struct hone_conv_cpu_wgrad_tile {
    uint32_t ma, nc, pack;
    bool swap;
    int64_t rows, columns;
};
bool hone_conv_cpu_wgrad_tile_at(const struct hone_conv_push *push, bool wide,
                                 const struct hone_caps *caps, int k,
                                 struct hone_conv_cpu_wgrad_tile *out);

// hone_op_row.tile of rows of the CPU body: "16x64/8", rows x columns / channels a load, and in
// which way where there are two: "direct", "swap".
bool hone_conv_cpu_tile_name(const struct hone_conv_push *push, enum hone_conv_form form, bool wide,
                             const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]);

#endif
