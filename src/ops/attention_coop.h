// attention_coop.h: the body of attention and its gradients that runs on cooperative matrices,
// 16-bit in and fp32 sums: which devices, sizes and tiles, and its launches. Pure.
#ifndef HONE_OPS_ATTENTION_COOP_H
#define HONE_OPS_ATTENTION_COOP_H

#include "ops/attention_pass.h"
#include "ops/conv_coop.h" // the kinds of bodies and what they need

// Heads of 16, 32, ... numbers, as long as registers and shared memory hold them. `backward`: the
// node is a gradient.
bool hone_attention_coop_fits(enum hone_coop_body body, const struct hone_row_args *args,
                              const struct hone_attention_shape *s, bool backward);
// Tile k = 1, 2, ... as hone_op_row.tile: "64x32-16x16x16-32", the rows that a workgroup owns and
// walks at a time, its matrix, and the size of a subgroup.
bool hone_attention_coop_tile(enum hone_coop_body body, const struct hone_row_args *args,
                              const struct hone_attention_shape *s, bool backward, int k,
                              char name[HONE_TILE_NAME]);
// Appends a pass of that node, in args->tile.
hone_status hone_attention_coop(enum hone_coop_body body, const struct hone_row_args *args,
                                struct hone_launch *launch, const struct hone_attention_shape *s,
                                const struct hone_attention_pass *pass);

#endif
