// conv_launch.h: the kernels that compute a convolution, its two gradients and matrix products, as
// launches. The op files (conv2d.c, matmul.c) say which operands mean what; here are tiles, slices
// and limits. Pure.
#ifndef HONE_OPS_CONV_LAUNCH_H
#define HONE_OPS_CONV_LAUNCH_H

#include "ops/ops.h"
#include "ops/row.h"

// The push constants of shaders/lib/conv.glsl. N H W C input, K P Q output, R S filter.
struct hone_conv_push {
    int32_t n, h, w, c;
    int32_t k, p, q, r;
    int32_t s, stride_h, stride_w, pad_h;
    int32_t pad_w, dilation_h, dilation_w, groups;
    float act_a, act_b;
    int32_t first_slice, slice_len; // weight gradient only
};

// What a body leaves in scratch 1 where it makes statistics of y on the way: part (count,2,K) f32,
// the mean of each run of `rows` pixels (the last may be shorter) and their squared distances from
// it. A body that does not leaves count 0.
struct hone_conv_parts {
    int64_t count, rows;
};

// fprop: a = x, b = w, out = y.   dgrad: a = dy, b = w, out = dx.   wgrad: a = dy, b = x, out = dw.
// bias, addend and act apply to fprop and dgrad: out = act(... + bias + addend). bias, f32, has the
// channels of out; addend is as out, which may overwrite it.
struct hone_conv_job {
    struct hone_conv_push push;
    enum hone_act act;
    bool has_bias, has_addend;
    struct hone_operand a, b, bias, addend, out;
    const struct hone_caps *caps;
    enum hone_dtype dtype;     // of a and b
    enum hone_dtype out_dtype; // theirs or f32
    bool batch;                // forward: groups lie one after the other, as products of a batch
    bool wide;                 // kernels may load eight channels at once: HONE_CONV_WIDE_NEEDS
    int tile;                  // struct hone_row_args
    struct hone_conv_parts *parts; // fprop: statistics are wanted; else NULL
};
enum hone_conv_form { HONE_CONV_FPROP, HONE_CONV_DGRAD, HONE_CONV_WGRAD };

// Scratch 0 belongs to these functions, scratch 1 to the caller.
typedef hone_status hone_conv_setup(const struct hone_conv_job *job, struct hone_launch *launch);
// Any device, any size.
hone_conv_setup hone_conv_fprop_plain, hone_conv_dgrad_plain, hone_conv_wgrad_plain;
// CPU drivers; hone_conv_*_fits_cpu says whether.
hone_conv_setup hone_conv_fprop_cpu, hone_conv_dgrad_cpu, hone_conv_wgrad_cpu;
bool hone_conv_fprop_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps);
bool hone_conv_dgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps);
bool hone_conv_wgrad_fits_cpu(const struct hone_conv_push *push, const struct hone_caps *caps);
// The same with loads of eight channels.
hone_conv_setup hone_conv_fprop_wide, hone_conv_dgrad_wide, hone_conv_wgrad_wide;
bool hone_conv_fprop_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps);
bool hone_conv_dgrad_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps);
bool hone_conv_wgrad_fits_wide(const struct hone_conv_push *push, const struct hone_caps *caps);
// Through shared memory, f32 and 16-bit, for devices whose subgroups run side by side.
hone_conv_setup hone_conv_fprop_tiled, hone_conv_dgrad_tiled, hone_conv_wgrad_tiled;
bool hone_conv_fits_tiled(const struct hone_conv_push *push, enum hone_conv_form form,
                          enum hone_dtype out, const struct hone_caps *caps);
// hone_op_row.tile of these rows.
bool hone_conv_tiled_name(const struct hone_conv_push *push, enum hone_conv_form form,
                          const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]);
// Few channels in: a patch of the picture in shared memory, f32 and 16-bit.
hone_conv_setup hone_conv_fprop_stem, hone_conv_wgrad_stem;
bool hone_conv_fprop_fits_stem(const struct hone_conv_push *push, enum hone_dtype out,
                               const struct hone_caps *caps);
bool hone_conv_wgrad_fits_stem(const struct hone_conv_push *push, const struct hone_caps *caps);
bool hone_conv_stem_name(const struct hone_conv_push *push, const struct hone_caps *caps, int k,
                         char name[HONE_TILE_NAME]);
// Groups of 4 to 32 channels, f32 and 16-bit.
hone_conv_setup hone_conv_fprop_grouped, hone_conv_dgrad_grouped, hone_conv_wgrad_grouped;
bool hone_conv_fits_grouped(const struct hone_conv_push *push, enum hone_conv_form form,
                            const struct hone_caps *caps);
bool hone_conv_grouped_name(const struct hone_conv_push *push, enum hone_conv_form form,
                            const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]);
// 3x3 of stride 1 by Winograd's F(2x2,3x3), on CPU drivers.
hone_conv_setup hone_conv_fprop_winograd_cpu, hone_conv_dgrad_winograd_cpu;
bool hone_conv_fprop_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps);
bool hone_conv_dgrad_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps);
hone_conv_setup hone_conv_wgrad_winograd_cpu;
bool hone_conv_wgrad_fits_winograd_cpu(const struct hone_conv_push *push,
                                       const struct hone_caps *caps);
// The same through the tiled body, on other devices without matrix units; tiles are that body's.
hone_conv_setup hone_conv_fprop_winograd, hone_conv_dgrad_winograd;
bool hone_conv_fits_winograd(const struct hone_conv_push *push, enum hone_conv_form form,
                             const struct hone_caps *caps);
bool hone_conv_winograd_name(const struct hone_conv_push *push, enum hone_conv_form form,
                             const struct hone_caps *caps, int k, char name[HONE_TILE_NAME]);
// Depthwise, any device; in 16 bits where C % 4 == 0.
hone_conv_setup hone_conv_fprop_depthwise, hone_conv_dgrad_depthwise, hone_conv_wgrad_depthwise;
bool hone_conv_fits_depthwise(const struct hone_conv_push *push, const struct hone_caps *caps);
// The same with loads of eight channels, for CPU drivers.
hone_conv_setup hone_conv_fprop_depthwise_wide, hone_conv_dgrad_depthwise_wide,
    hone_conv_wgrad_depthwise_wide;
bool hone_conv_fits_depthwise_wide(const struct hone_conv_push *push, const struct hone_caps *caps);

// t (C,R,S,K/G) = w (K,R,S,C/G) with the channel axes exchanged; for a matrix (K,C): its transpose.
// In job->dtype.
hone_status hone_conv_flip(const struct hone_conv_job *job, struct hone_operand w,
                           struct hone_operand t, struct hone_launch *launch);

// What rows of the CPU body need.
enum {
    HONE_CONV_CPU_NEEDS = HONE_FEATURE_CPU | HONE_FEATURE_SUBGROUP_BASIC |
                          HONE_FEATURE_SUBGROUP_BALLOT | HONE_FEATURE_SUBGROUP_SHUFFLE,
    HONE_CONV_WIDE_NEEDS = HONE_CONV_CPU_NEEDS | HONE_FEATURE_INT64,
    HONE_CONV_DEPTHWISE_WIDE_NEEDS = HONE_FEATURE_CPU | HONE_FEATURE_INT64,
};

#endif
