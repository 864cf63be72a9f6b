// common.h: what the operator families share: checks of inputs with messages that name the input
// and the wrong dimension, four-axis index arithmetic, costs, aliases and the launches of kernels
// that work element by element. Nothing here knows an operator.
#ifndef HONE_OPS_COMMON_H
#define HONE_OPS_COMMON_H

#include "ir/fuse.h"
#include "ir/op.h"
#include "ops/ops.h"
#include "ops/row.h"

// ---- infer: every check returns HONE_INVALID with its message
// --------------------------------------------- False for an optional input that is absent.
bool hone_op_has(const struct hone_infer_args *args, int input);
// Input `input`, called `what` in messages, is present with this dtype and rank; rank -1: any.
hone_status hone_op_expect(const struct hone_infer_args *args, int input, const char *what,
                           enum hone_dtype dtype, int rank);
hone_status hone_op_expect_f32(const struct hone_infer_args *args, int input, const char *what,
                               int rank);
// The same for f32, f16 or bf16.
hone_status hone_op_expect_float(const struct hone_infer_args *args, int input, const char *what,
                                 int rank);
// The same for data of pictures: in 16 bits the last axis is a multiple of four, as kernels take
// it.
hone_status hone_op_expect_data(const struct hone_infer_args *args, int input, const char *what,
                                int rank);
// Inputs of one element type.
hone_status hone_op_expect_one_dtype(const struct hone_infer_args *args, int input,
                                     const char *what, int other, const char *other_what);
// All inputs and outputs of the node are f32 or no floating-point numbers: fits() of rows for f32.
bool hone_op_is_f32(const struct hone_infer_args *node, int outputs);
// dim[axis] of the input is `want`, because of `why` ("the channels of x").
hone_status hone_op_expect_dim(const struct hone_infer_args *args, int input, const char *what,
                               int axis, int64_t want, const char *why);
// Input `input` has the desc of input `other`.
hone_status hone_op_expect_same(const struct hone_infer_args *args, int input, const char *what,
                                int other, const char *other_what);
// Input `input` is present and its elements are words of 32 bits, or f16 or bf16.
hone_status hone_op_expect_words(const struct hone_infer_args *args, int input);
// "what: f32[2,3] and f32[4]"
hone_status hone_op_fail_dims(const char *what, const struct hone_desc *a,
                              const struct hone_desc *b);
// Sets *out; fails where a dimension is not positive or there are too many elements.
hone_status hone_op_set(struct hone_desc *out, enum hone_dtype dtype, int rank, const int64_t *dim);

// ---- Index arithmetic over HONE_OP_AXES axes, aligned at the last; missing ones in front have
// size 1
// -------------
enum { HONE_OP_AXES = HONE_MAX_RANK, HONE_OP_WALK = 4 };
void hone_op_dims(const struct hone_desc *desc, int32_t dim[HONE_OP_AXES]);
// Elements to step along each axis; 0 along axes of size 1, so that a broadcast operand repeats.
void hone_op_strides(const struct hone_desc *desc, int32_t stride[HONE_OP_AXES]);
// The same without the zeros: the true steps of a dense tensor.
void hone_op_dense(const int32_t dim[HONE_OP_AXES], int32_t stride[HONE_OP_AXES]);
// Axis `axis` of a tensor of `rank`, in this form.
int hone_op_axis(int axis, int rank);
// Joins axes that every operand walks without a gap and drops axes of size 1; the result is aligned
// at the last axis again. Returns the number of axes that are left, at least 1. stride[k] belongs
// to operand k. Kernels walk the last HONE_OP_WALK axes: infer refuses what needs more.
int hone_op_collapse(int32_t size[HONE_OP_AXES], int32_t (*stride)[HONE_OP_AXES], int operands);
// The axes that kernels walk.
#define HONE_OP_WALKED(axes) ((axes) + HONE_OP_AXES - HONE_OP_WALK)
// HONE_UNSUPPORTED where operands of these strides walk more than HONE_OP_WALK axes.
hone_status hone_op_expect_walk(const int32_t size[HONE_OP_AXES],
                                const int32_t (*stride)[HONE_OP_AXES], int operands);
// Steps `at` to the next element in row-major order; false after the last.
bool hone_op_next(int32_t at[HONE_OP_AXES], const int32_t size[HONE_OP_AXES]);
// The numpy broadcast of a and b, or HONE_INVALID.
hone_status hone_op_broadcast(const struct hone_desc *a, const struct hone_desc *b,
                              struct hone_desc *out);

// The shape of `desc` as attributes of reshape, reduce_to and broadcast_to.
void hone_op_shape_of(const struct hone_desc *desc, struct hone_shape_attrs *out);

// ---- Costs
// -------------------------------------------------------------------------------------------------
// Bytes of all inputs that are present and of all `outputs` outputs.
double hone_op_bytes(const struct hone_infer_args *args, int outputs);
// `flops` per element of out[0]; moves every operand once.
struct hone_cost hone_op_cost_elements(const struct hone_infer_args *args, int outputs,
                                       double flops);
// Moves in[0] to out[0].
struct hone_cost hone_op_cost_copy(const struct hone_infer_args *args);

// ---- Aliases
// -----------------------------------------------------------------------------------------------
// The one relation of a unary elementwise op: out[0] may overwrite in[0].
bool hone_op_alias_unary(const struct hone_infer_args *args, int k, struct hone_alias *out);

// ---- Slices
// ------------------------------------------------------------------------------------------------
// Element by element: every operand that has out[0]'s rank and pictures is cut, what is repeated
// over the pictures is not.
bool hone_op_slices_elements(const struct hone_infer_args *args, uint32_t *inputs,
                             uint32_t *outputs);
// Every operand has the pictures on axis 0.
bool hone_op_slices_all(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs);
// in[0] and the outputs have; the others are taken whole.
bool hone_op_slices_first(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs);

// ---- Random ops: the 64-bit stream of base/rng.h for a salt in a step
// ------------------------------------------
uint64_t hone_op_random_stream(int32_t salt, int32_t step);

// ---- Fusion
// --------------------------------------------------------------------------------------------
// The rule of an epilogue: `other` is an act and *own, in the result's attributes, is none yet.
bool hone_op_fuse_act(struct hone_fusion *fusion, struct hone_act_attrs *own);
// The rule of a residual: `other` is an add of the node's result and of another value of its shape
// and type, which becomes input `input`, so far absent. The node's outputs[0] has that shape.
bool hone_op_fuse_sum(struct hone_fusion *fusion, int input);

// ---- Launches
// ------------------------------------------------------------------------------------------------
enum { HONE_OP_GROUP = 64 }; // workgroup size of linear kernels, specialisation constant 0
// The same, but one subgroup on CPU drivers, where a larger workgroup is slow.
uint32_t hone_op_group(const struct hone_caps *caps);
// Appends a dispatch of `kernel` with a linear grid of `threads` invocations and HONE_OP_GROUP as
// its first constant. NULL with the error set as hone_launch_add(). Operands, constants and push
// follow.
struct hone_dispatch *hone_op_linear(struct hone_launch *launch, const char *kernel,
                                     uint64_t threads);
// The kernel of a width (1 or 4) for data of a type: "base", "base_vec4" or, in 16 bits, where the
// width is 4, "base_f16".
enum { HONE_OP_KERNEL_NAME = 48 };
const char *hone_op_kernel_for(const char *base, enum hone_dtype dtype, uint32_t width,
                               char name[HONE_OP_KERNEL_NAME]);
// `width`, or 4 in 16 bits.
uint32_t hone_op_width_for(enum hone_dtype dtype, uint32_t width);
// in[0..inputs) then out[0..outputs), whole.
void hone_op_bind_all(struct hone_dispatch *dispatch, int inputs, int outputs);
// The same for a kernel of shaders/lib/row_lanes.glsl over `rows` rows of `columns`: a power of two
// of invocations works on each row, all in one workgroup; constants 0 and 1 are set. A single row
// is a single workgroup. HONE_UNSUPPORTED where a row is too long for the loops of a CPU driver.
hone_status hone_op_row_lanes(struct hone_launch *launch, const char *kernel,
                              const struct hone_caps *caps, int64_t rows, int64_t columns,
                              struct hone_dispatch **out);
// The rows of an op whose setup_OP(args, launch, width) takes channels four at a time where
// `fits_vec4` says so: defines the table `table`OP of HONE_OP_WIDTH_ROWS rows; storage: static or
// nothing.
enum { HONE_OP_WIDTH_ROWS = 2 };
#define HONE_OP_DEFINE_WIDTH_ROWS(storage, table, op, fits_vec4)                                   \
    static hone_status op##_vec4(const struct hone_row_args *args, struct hone_launch *launch) {   \
        return setup_##op(args, launch, 4);                                                        \
    }                                                                                              \
    static hone_status op##_plain(const struct hone_row_args *args, struct hone_launch *launch) {  \
        return setup_##op(args, launch, hone_op_width_for(args->node->in[0].dtype, 1));            \
    }                                                                                              \
    storage const struct hone_op_row table##op[HONE_OP_WIDTH_ROWS] = {                             \
        {.name = "vec4", .fits = fits_vec4, .setup = op##_vec4},                                   \
        {.name = "plain", .setup = op##_plain},                                                    \
    };
bool hone_op_multiple_of_4(const struct hone_desc *desc);
// fits() of vec4 rows: out[0] has a multiple of four elements.
bool hone_op_fits_vec4(const struct hone_row_args *args);

#endif
