// onnx_import.h: the state of an import, shared by the files that translate operators. Inside
// formats/.
//
// ONNX pictures are (N,C,H,W), ir's are (N,H,W,C). Rather than transpose, each ONNX tensor
// remembers how its axes stand to those of the ir value behind it (perm), and an operator asks for
// the order that it needs. Axis 0 of a value is the batch, always; in the file it is, but between a
// Transpose and what takes the axes in front of it away (a stack of queries, keys and values).
#ifndef HONE_FORMATS_ONNX_IMPORT_H
#define HONE_FORMATS_ONNX_IMPORT_H

#include "formats/onnx_const.h"
#include "model/model.h"
#include "ops/ops.h"

enum hone_onnx_state { HONE_ONNX_UNSET, HONE_ONNX_CONST, HONE_ONNX_NODE };

// A named tensor of the file.
struct hone_onnx_tensor {
    const char *name;
    enum hone_onnx_state state;
    uint32_t uses;   // readers among the live nodes, and the graph's output
    uint32_t reader; // index of the last of them, UINT32_MAX: the output
    uint32_t writer; // index of the node that defines it, UINT32_MAX: none

    const HoneOnnx__Tensor *initializer; // read at the first use
    struct hone_onnx_const constant;
    int param; // the parameter made of it, or -1
    enum hone_param_kind param_kind;
    enum hone_param_layout param_layout;

    hone_value value;
    int8_t perm[HONE_MAX_RANK]; // ONNX axis i is the value's axis perm[i]
    bool joined;                // the file has axes 0 and 1, the batch, as one: rows of (L N,C)
    int32_t pad[4];             // zeros still to be put around it: top, left, bottom, right
};

struct hone_onnx_import {
    struct hone_onnx_file file;
    struct hone_onnx_store store;
    struct hone_model *model;
    struct hone_graph *graph;         // the model's
    struct hone_onnx_tensor *tensors; // hash table, open addressing
    size_t slots, tensor_count;
    uint8_t *live, *absorbed; // per node of the file
    int64_t file_batch;       // the batch that the file is fixed to, or 0
    const char *input, *output;
    size_t at;      // the node being translated
    bool quantized; // an activation is, in the file
};

typedef hone_status (*hone_onnx_translate_fn)(struct hone_onnx_import *im,
                                              const HoneOnnx__Node *node);
// NULL where hone has no such operator on activations (onnx_ops.c).
hone_onnx_translate_fn hone_onnx_translate_find(const char *op_type);

// ---- Tensors by name (onnx_names.c)
// -----------------------------------------------------------------------
hone_status hone_onnx_names_init(struct hone_onnx_import *im);
struct hone_onnx_tensor *hone_onnx_name(struct hone_onnx_import *im,
                                        const char *name); // NULL: none
// Marks what the output needs and counts readers.
hone_status hone_onnx_names_live(struct hone_onnx_import *im);

// ---- Inputs and outputs of the node being translated (onnx_value.c)
// ----------------------------------------- Input k; *out is NULL where it is absent, which is an
// error for the first `needed` ones.
hone_status hone_onnx_input(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                            bool needed, struct hone_onnx_tensor **out);
// The same for what must be known at import: *out is NULL where an optional one is absent.
hone_status hone_onnx_input_const(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                                  bool needed, const char *what,
                                  const struct hone_onnx_const **out);
// The same for an activation.
hone_status hone_onnx_input_value(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                                  struct hone_onnx_tensor **out);
// Reads an initializer, the first time.
hone_status hone_onnx_resolve(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor);
// Small integers from input k, or from attribute `name` before the opset that made it an input;
// count 0 where absent.
hone_status hone_onnx_numbers(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                              const char *name, int64_t out[HONE_ONNX_NUMBERS_MOST], int *count);
// One float in input k or in an attribute; the fallback where both are absent.
hone_status hone_onnx_scalar(struct hone_onnx_import *im, const HoneOnnx__Node *node, size_t k,
                             const char *name, float fallback, float *out);

// Output 0 becomes this value.
hone_status hone_onnx_define(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             hone_value value, const int8_t perm[HONE_MAX_RANK]);
hone_status hone_onnx_define_output(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                    size_t k, hone_value value, const int8_t perm[HONE_MAX_RANK]);
// Output 0 is input `from`, under another name.
hone_status hone_onnx_alias(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                            const struct hone_onnx_tensor *from);

// ---- Layouts (onnx_value.c)
// -----------------------------------------------------------------------------
extern const int8_t hone_onnx_plain[HONE_MAX_RANK]; // 0 1 2 3
extern const int8_t hone_onnx_image[HONE_MAX_RANK]; // 0 3 1 2: (N,C,H,W) of (N,H,W,C)
int hone_onnx_rank(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor);
// Size of ONNX axis i, waiting pads included.
int64_t hone_onnx_dim(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor,
                      int i);
// The ONNX axis that holds the batch.
int hone_onnx_batch_axis(const struct hone_onnx_tensor *tensor);
// The batch in front, the others as the file has them.
void hone_onnx_file_order(const struct hone_onnx_import *im, const struct hone_onnx_tensor *tensor,
                          int8_t perm[HONE_MAX_RANK]);
// A reshape or a permute of `value`; one behind another of its kind becomes one, or none.
hone_value hone_onnx_emit_reshape(struct hone_onnx_import *im, const char *name,
                                  const struct hone_shape_attrs *attrs, hone_value value);
hone_value hone_onnx_emit_permute(struct hone_onnx_import *im, const char *name,
                                  const struct hone_permute_attrs *attrs, hone_value value);
// Where the value is a permute of another, that one with the order of axes to match.
void hone_onnx_look_through(const struct hone_onnx_import *im, struct hone_onnx_tensor *tensor);
// Emits pads that wait.
hone_status hone_onnx_settle(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor);
// Brings the value into this order of axes; a reshape where only axes of size 1 move.
hone_status hone_onnx_arrange(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                              const int8_t perm[HONE_MAX_RANK]);
// The same, to any order that has the file's last axis last.
hone_status hone_onnx_arrange_last(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor);
bool hone_onnx_is(const struct hone_onnx_tensor *tensor, const int8_t perm[HONE_MAX_RANK],
                  int rank);

// ---- Parameters (onnx_value.c)
// --------------------------------------------------------------------------- The parameter made of
// constant `tensor`: shared where two nodes use it alike, but for batch norm, whose statistics move
// on their own. `data` (NULL: the constant's) has desc's elements.
hone_status hone_onnx_param(struct hone_onnx_import *im, struct hone_onnx_tensor *tensor,
                            enum hone_param_kind kind, enum hone_param_layout layout,
                            struct hone_desc desc, const float *data, hone_value *out);

// Name of a node for messages and the graph: its own, else its output's.
const char *hone_onnx_node_name(const HoneOnnx__Node *node);

// A constant of `count` numbers to be added to the channels of output 0 of `node`, which have
// `behind` axes behind them, and whose only reader adds it: that reader is absorbed. *bias is NULL
// where there is none (onnx_nn.c).
hone_status hone_onnx_absorb_bias(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  int32_t count, int behind, struct hone_onnx_tensor **bias,
                                  const HoneOnnx__Node **reader);

// Output 0 is x without ONNX axis `axis`, which has size 1 (onnx_reshape.c).
hone_status hone_onnx_drop_axis(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *x, int axis);
// Output 0 is x with these ONNX dimensions at one picture; axis `batch` holds the batch
// (onnx_reshape.c).
hone_status hone_onnx_reshape_to(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 struct hone_onnx_tensor *x, int rank, const int64_t *dim,
                                 int batch);

// Output 0 is act(from), with the order of axes of x (onnx_act.c).
hone_status hone_onnx_act_emit(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                               const struct hone_onnx_tensor *x, hone_value from,
                               struct hone_act_attrs attrs);
// Output 0 is min(max(x, lo), hi), or x where that bounds nothing (onnx_act.c).
hone_status hone_onnx_act_within(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 const struct hone_onnx_tensor *x, float lo, float hi);
// True where numbers alone stand between the picture and this value (onnx_picture.c).
bool hone_onnx_on_picture(const struct hone_onnx_import *im, hone_value value);
// True where the net, once it is translated, divides its pixels as only 0 to 255 have to be.
bool hone_onnx_takes_pixels(const struct hone_onnx_import *im);
// The elements of an initializer at these places, of desc's shape (onnx_gather.c).
hone_status hone_onnx_gather_param(struct hone_onnx_import *im, struct hone_onnx_tensor *source,
                                   struct hone_desc desc, const int32_t *places, hone_value *out);
// *end as one linear layer where it is the mean of two (onnx_head.c).
hone_status hone_onnx_join_heads(struct hone_onnx_import *im, hone_value *end);
// Output 0 is the product of two activations, batches of matrices, without pads (onnx_attention.c).
hone_status hone_onnx_matmul_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *a, struct hone_onnx_tensor *b);
// x + term, one number (onnx_act.c).
hone_value hone_onnx_emit_plus(struct hone_onnx_import *im, const char *name, hone_value x,
                               float term);
// Output 0 is x with borders of what lies inside: mirrored, or the edge repeated (onnx_spatial.c).
hone_status hone_onnx_pad_border(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 const struct hone_onnx_tensor *x,
                                 const struct hone_pad_attrs *attrs, bool mirror);
// A division of two activations that ends a layer norm becomes one (onnx_norm.c).
hone_status hone_onnx_layer_norm_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                    bool *done);

// ---- Translators, by file
// -----------------------------------------------------------------------------------
#define HONE_ONNX_TRANSLATE(name)                                                                  \
    hone_status hone_onnx_##name(struct hone_onnx_import *im, const HoneOnnx__Node *node);
// onnx_nn.c
HONE_ONNX_TRANSLATE(conv)
HONE_ONNX_TRANSLATE(gemm)
HONE_ONNX_TRANSLATE(matmul)
HONE_ONNX_TRANSLATE(batch_norm)
HONE_ONNX_TRANSLATE(softmax)
HONE_ONNX_TRANSLATE(dropout)
// onnx_pool.c
HONE_ONNX_TRANSLATE(max_pool)
HONE_ONNX_TRANSLATE(average_pool)
HONE_ONNX_TRANSLATE(global_average_pool)
HONE_ONNX_TRANSLATE(pad)
// onnx_act.c
HONE_ONNX_TRANSLATE(act)
HONE_ONNX_TRANSLATE(act_parts)
HONE_ONNX_TRANSLATE(abs)
HONE_ONNX_TRANSLATE(bound)
HONE_ONNX_TRANSLATE(reciprocal)
HONE_ONNX_TRANSLATE(clip)
HONE_ONNX_TRANSLATE(pow)
HONE_ONNX_TRANSLATE(prelu)
// onnx_norm.c
HONE_ONNX_TRANSLATE(layer_norm)
HONE_ONNX_TRANSLATE(reduce)
// onnx_norm_group.c
HONE_ONNX_TRANSLATE(group_norm)
HONE_ONNX_TRANSLATE(instance_norm)
// onnx_spatial.c
HONE_ONNX_TRANSLATE(depth_to_space)
HONE_ONNX_TRANSLATE(global_max_pool)
HONE_ONNX_TRANSLATE(reduce_max)
HONE_ONNX_TRANSLATE(resize)
HONE_ONNX_TRANSLATE(space_to_depth)
// onnx_arith.c
HONE_ONNX_TRANSLATE(add)
HONE_ONNX_TRANSLATE(sub)
HONE_ONNX_TRANSLATE(mul)
HONE_ONNX_TRANSLATE(div)
HONE_ONNX_TRANSLATE(neg)
HONE_ONNX_TRANSLATE(sum)
HONE_ONNX_TRANSLATE(where)
// onnx_attention.c
HONE_ONNX_TRANSLATE(matmul_values)
// onnx_einsum.c
HONE_ONNX_TRANSLATE(einsum)
// onnx_parts.c
HONE_ONNX_TRANSLATE(concat)
HONE_ONNX_TRANSLATE(slice)
HONE_ONNX_TRANSLATE(gather)
HONE_ONNX_TRANSLATE(split)
HONE_ONNX_TRANSLATE(tile)
// onnx_quantize.c
HONE_ONNX_TRANSLATE(quantize)
// onnx_shape.c
HONE_ONNX_TRANSLATE(identity)
HONE_ONNX_TRANSLATE(cast)
HONE_ONNX_TRANSLATE(expand)
HONE_ONNX_TRANSLATE(shape)
HONE_ONNX_TRANSLATE(transpose)
// onnx_reshape.c
HONE_ONNX_TRANSLATE(flatten)
HONE_ONNX_TRANSLATE(reshape)
HONE_ONNX_TRANSLATE(squeeze)
HONE_ONNX_TRANSLATE(unsqueeze)
#undef HONE_ONNX_TRANSLATE

// Kernel, stride, padding and output size along height and width, as Conv and the pools say them:
// pads are explicit afterwards, with what ceil_mode adds at the end in `extra` (onnx_pool.c).
struct hone_onnx_window {
    int32_t kernel[2], stride[2], dilation[2];
    int32_t pad[4];   // top, left, bottom, right
    int32_t extra[2]; // bottom, right
};
hone_status hone_onnx_window(const struct hone_onnx_import *im, const HoneOnnx__Node *node,
                             const struct hone_onnx_tensor *x, const int32_t kernel[2],
                             struct hone_onnx_window *out);

#endif
