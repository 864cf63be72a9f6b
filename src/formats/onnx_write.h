// onnx_write.h: building an ONNX graph from an ir graph: messages in an arena, names, and the order
// of axes of each tensor that was written. Inside formats/.
//
// As in the importer, each written tensor notes how its axes stand to those of the ir value (perm:
// ONNX axis i is ir axis perm[i]). Pictures are written (N,C,H,W); a permute writes nothing.
#ifndef HONE_FORMATS_ONNX_WRITE_H
#define HONE_FORMATS_ONNX_WRITE_H

#include "formats/onnx_file.h"
#include "model/model.h"
#include "ops/ops.h"

struct hone_onnx_written {
    const char *name; // NULL: not written yet
    int8_t perm[HONE_MAX_RANK];
    const char *turned; // the same in the order turned_perm, where it was written last
    int8_t turned_perm[HONE_MAX_RANK];
};

struct hone_onnx_writer {
    const struct hone_model *model;
    struct hone_arena arena;
    HoneOnnx__Node **nodes;
    size_t node_count, node_capacity;
    HoneOnnx__Tensor **tensors;
    size_t tensor_count, tensor_capacity;
    struct hone_onnx_written *values; // per value of the model's graph
    unsigned made;                    // names made up so far
    int opset;                        // that the nodes need, 13 at least
    hone_status status;               // sticky, with its message saved
    struct hone_error_record error;
};

hone_status hone_onnx_writer_init(struct hone_onnx_writer *writer, const struct hone_model *model);
void hone_onnx_writer_deinit(struct hone_onnx_writer *writer);
// Makes this thread's last failure the writer's. All calls below do nothing after a failure.
void hone_onnx_writer_fail(struct hone_onnx_writer *writer, hone_status status);

// A name that no parameter has.
const char *hone_onnx_make_name(struct hone_onnx_writer *writer);
// Name of a parameter's tensor in the file: its own, unless hone's outputs or input have it.
const char *hone_onnx_param_name(struct hone_onnx_writer *writer, const struct hone_param *param);

// Appends a node with one output, its name made unique. Inputs: count names, "" where absent. The
// result may take attributes; after a failure it is a spare that nobody reads, never NULL.
HoneOnnx__Node *hone_onnx_put_node(struct hone_onnx_writer *writer, const char *op_type,
                                   const char *name, const char *output, size_t count,
                                   const char *const *inputs);
void hone_onnx_put_int(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                       int64_t value);
void hone_onnx_put_float(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                         float value);
void hone_onnx_put_text(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                        const char *text);
void hone_onnx_put_ints(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                        size_t count, const int64_t *values);
void hone_onnx_put_sizes(struct hone_onnx_writer *writer, HoneOnnx__Node *node, const char *name,
                         size_t count, const int32_t *values);

// Adds an initializer; `data` is not copied. Returns `name`.
const char *hone_onnx_put_tensor(struct hone_onnx_writer *writer, const char *name, int type,
                                 int rank, const int64_t *dim, const void *data);
// One float, and a list of integers (copied), under made-up names.
const char *hone_onnx_put_scalar(struct hone_onnx_writer *writer, float value);
const char *hone_onnx_put_list(struct hone_onnx_writer *writer, size_t count,
                               const int64_t *values);
// A constant node that holds a tensor: for what must not look like a trainable weight.
const char *hone_onnx_put_constant(struct hone_onnx_writer *writer, const char *name, int rank,
                                   const int64_t *dim, const float *data);

// out = act(in), the last node named `name` (onnx_export_act.c).
void hone_onnx_put_act(struct hone_onnx_writer *writer, const char *name, const char *in,
                       const char *out, const struct hone_act_attrs *act);
// Writes a node of the ir graph (onnx_export_ops.c). HONE_UNSUPPORTED names an op without an ONNX
// form.
void hone_onnx_put_ir_node(struct hone_onnx_writer *writer, const struct hone_node *node);

#endif
