// conv_coop.h: the bodies of the convolution contract that run on cooperative matrices, 16-bit in
// and fp32 sums: which devices, sizes and tiles, and their launches. Pure.
#ifndef HONE_OPS_CONV_COOP_H
#define HONE_OPS_CONV_COOP_H

#include "ops/conv_launch.h"

// HONE_COOP_EMULATED has plain loops where the others have matrix units, and is the same kernel
// otherwise: for tests on any device, with either type.
// HONE_COOP2_*: matrices of a whole workgroup (conv_coop2.c), with an emulation of their own.
enum hone_coop_body {
    HONE_COOP_F16,
    HONE_COOP_BF16,
    HONE_COOP_EMULATED,
    HONE_COOP2_F16,
    HONE_COOP2_BF16,
    HONE_COOP2_EMULATED
};

// What the rows need, besides a shape of their type in caps.matrices.
enum {
    HONE_COOP_NEEDS = HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_SUBGROUP_BASIC,
    HONE_COOP_F16_NEEDS = HONE_COOP_NEEDS | HONE_FEATURE_F16,
    HONE_COOP_BF16_NEEDS = HONE_COOP_NEEDS | HONE_FEATURE_BF16_MATRIX,
    HONE_COOP2_NEEDS = HONE_FEATURE_COOPERATIVE_MATRIX | HONE_FEATURE_COOPERATIVE_MATRIX2 |
                       HONE_FEATURE_STORAGE_16BIT,
    HONE_COOP2_F16_NEEDS = HONE_COOP2_NEEDS | HONE_FEATURE_F16,
    HONE_COOP2_BF16_NEEDS = HONE_COOP2_F16_NEEDS | HONE_FEATURE_BF16_MATRIX,
};

// Channels that go in eights; groups of eight would leave most of a matrix empty.
bool hone_conv_coop_channels(const struct hone_conv_push *push);
bool hone_conv_coop_fits(enum hone_coop_body body, enum hone_conv_form form,
                         const struct hone_conv_job *job);
// Tile k = 1, 2, ... as hone_op_row.tile: "128x128x32-64x32-16x16x16-32", the tile of a workgroup,
// of a subgroup, of a matrix, and the size of a subgroup.
bool hone_conv_coop_tile(enum hone_coop_body body, enum hone_conv_form form,
                         const struct hone_conv_job *job, int k, char name[HONE_TILE_NAME]);
hone_status hone_conv_coop(enum hone_coop_body body, enum hone_conv_form form,
                           const struct hone_conv_job *job, struct hone_launch *launch);

#endif
