// conv_parts.h: what the bodies of the convolution share: sizes, windows of operands, runs of
// images that fit a binding, and the slices of a weight gradient. For conv_*.c only.
#ifndef HONE_OPS_CONV_PARTS_H
#define HONE_OPS_CONV_PARTS_H

#include "ops/common.h"
#include "ops/conv_launch.h"

static inline int64_t hone_ceil_div(int64_t a, int64_t b) {
    return (a + b - 1) / b;
}
static inline int64_t hone_min64(int64_t a, int64_t b) {
    return a < b ? a : b;
}
static inline int64_t hone_max64(int64_t a, int64_t b) {
    return a > b ? a : b;
}

// Elements of one image of x, of one of y, of the filters.
int64_t hone_conv_x_image(const struct hone_conv_push *g);
int64_t hone_conv_y_image(const struct hone_conv_push *g);
int64_t hone_conv_weights(const struct hone_conv_push *g);
// Some tap of some output pixel lies outside x.
bool hone_conv_reaches_outside(const struct hone_conv_push *g);
bool hone_conv_is_1x1(const struct hone_conv_push *g);
// Output pixel i is a function of input pixel i alone.
bool hone_conv_is_pointwise(const struct hone_conv_push *g);
// A pointwise convolution as one row of pixels: no ragged rows, cheaper indices. Others stay.
void hone_conv_flatten(struct hone_conv_push *g);

// The number of workgroups from which a device counts as busy.
int64_t hone_conv_busy(const struct hone_caps *caps);
// Images a dispatch: as many as fit into a binding, their offsets aligned.
hone_status hone_conv_images_a_dispatch(const struct hone_conv_job *job, int32_t *out);
// Elements [first, first + count) of an operand.
struct hone_operand hone_conv_window(struct hone_operand whole, int64_t first, int64_t count);
// The same where elements are of another type than f32.
struct hone_operand hone_conv_window_of(enum hone_dtype dtype, struct hone_operand whole,
                                        int64_t first, int64_t count);
// "conv_plain_fprop", "conv_plain_fprop_f16" or, where the result alone is f32,
// "conv_plain_fprop_f16_f32".
enum { HONE_CONV_KERNEL_NAME = 48 };
const char *hone_conv_kernel(const char *base, enum hone_dtype in, enum hone_dtype out,
                             char name[HONE_CONV_KERNEL_NAME]);
void hone_conv_bind(struct hone_dispatch *dispatch, struct hone_operand operand);
// Bias, addend and result of fprop or dgrad: `out` is a window of job->out; `any` stands where
// there is no bias or addend.
void hone_conv_bind_result(struct hone_dispatch *dispatch, const struct hone_conv_job *job,
                           struct hone_operand any, struct hone_operand out);
// Statistics are wanted of a convolution that runs as one dispatch of `images`: then takes note of
// parts of `rows` pixels each, of which the kernel binds hone_conv_part last.
void hone_conv_begin_parts(const struct hone_conv_job *job, int64_t images, int64_t rows,
                           struct hone_launch *launch);
bool hone_conv_has_parts(const struct hone_conv_job *job);
extern const struct hone_operand hone_conv_part;
void hone_conv_spec_all(struct hone_dispatch *dispatch, const uint32_t *values, int count);
extern const struct hone_operand hone_conv_scratch;

// ---- Weight gradients: the contraction is cut into slices, which a second kernel adds in order.

enum { HONE_CONV_WGRAD_CHUNK = 32 }; // output pixels of a row, in conv_cpu_wgrad

// In what the contraction of a weight gradient is cut.
enum hone_conv_unit {
    HONE_CONV_UNIT_PIXEL,
    HONE_CONV_UNIT_CHUNK,      // HONE_CONV_WGRAD_CHUNK pixels of a row
    HONE_CONV_UNIT_FLAT_CHUNK, // the same where all pixels are one row
    HONE_CONV_UNIT_ROW,        // of an image: no slice holds rows of two
    HONE_CONV_UNIT_BLOCK       // images, rows and columns as in `block`; pointwise: of one row
};

struct hone_conv_slicing {
    enum hone_conv_unit unit;
    int32_t block[3]; // of HONE_CONV_UNIT_BLOCK
    int32_t images;   // a dispatch
    int64_t length;   // units a slice
    int64_t total;    // slices of all dispatches
};

// About `wanted` slices of `shortest` units or more and `longest` or fewer; set out->unit and
// out->block before.
hone_status hone_conv_cut(const struct hone_conv_job *job, int64_t wanted, int64_t shortest,
                          int64_t longest, struct hone_conv_slicing *out);
// Adds one dispatch for each run of images and the sum of the slices. `fill` sets constants and
// grid. The kernel reads job->dtype and writes f32.
typedef void hone_conv_wgrad_fill(struct hone_dispatch *d, const struct hone_conv_push *push,
                                  int64_t slices, const void *tile);
hone_status hone_conv_wgrad(const struct hone_conv_job *job, const char *kernel,
                            struct hone_conv_slicing cuts, hone_conv_wgrad_fill *fill,
                            const void *tile, struct hone_launch *launch);

// One dispatch of the CPU body: so many slices of the product of the whole of job->a and job->b,
// for the caller to add. push says where they begin, push.first_slice, and how long each is, as
// hone_conv_cut() has it.
hone_status hone_conv_wgrad_cpu_slices(const struct hone_conv_job *job, struct hone_conv_push push,
                                       int64_t slices, struct hone_operand part,
                                       struct hone_launch *launch);

#endif
