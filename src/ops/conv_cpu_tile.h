// conv_cpu_tile.h: how the CPU body cuts a convolution into tiles. Pure: sizes in, a tile out, by a
// model of what a subgroup executes. A driver runs loads lane by lane, so that a load costs far
// more than a multiplication; tiles trade the two against lanes that idle at the edges.
#ifndef HONE_OPS_CONV_CPU_TILE_H
#define HONE_OPS_CONV_CPU_TILE_H

#include "ops/conv_launch.h"

// conv_cpu_fprop and conv_cpu_dgrad: L ma pixels by L nl channels, `pack` channels a load.
// wide: kernels may load eight channels. direct: dgrad reads the filters as they lie, else turned
// by conv_flip.
struct hone_conv_cpu_tile {
    uint32_t ma, nl, pack;
    bool direct;
};
struct hone_conv_cpu_tile hone_conv_cpu_tile_choose(const struct hone_conv_push *push, bool dgrad,
                                                    bool wide, const struct hone_caps *caps);

// conv_cpu_wgrad: L ma rows by L nc columns, `pack` channels of x a load. swap: rows are filter
// elements and columns are output channels, else the other way round.
struct hone_conv_cpu_wgrad_tile {
    uint32_t ma, nc, pack;
    bool swap;
    int64_t rows, columns;
};
struct hone_conv_cpu_wgrad_tile hone_conv_cpu_wgrad_tile_choose(const struct hone_conv_push *push,
                                                                bool wide,
                                                                const struct hone_caps *caps);

#endif
