// conv_coop2.h: the bodies of the convolution contract whose matrices belong to a whole workgroup
// (VK_NV_cooperative_matrix2) and are read from memory as boxes of tensors, 16-bit in and fp32
// sums: which tiles, and their launches. conv_coop.h is the way in and hands over. Pure.
#ifndef HONE_OPS_CONV_COOP2_H
#define HONE_OPS_CONV_COOP2_H

#include "ops/conv_coop.h"

bool hone_conv_coop2_fits(enum hone_coop_body body, enum hone_conv_form form,
                          const struct hone_conv_job *job);
// Tile k = 1, 2, ... as hone_op_row.tile: "128x128x64-256", the tile of a workgroup and its
// invocations.
bool hone_conv_coop2_tile(enum hone_coop_body body, enum hone_conv_form form,
                          const struct hone_conv_job *job, int k, char name[HONE_TILE_NAME]);
hone_status hone_conv_coop2(enum hone_coop_body body, enum hone_conv_form form,
                            const struct hone_conv_job *job, struct hone_launch *launch);

#endif
