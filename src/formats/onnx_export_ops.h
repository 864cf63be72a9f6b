// onnx_export_ops.h: between onnx_export_ops.c, which says how operators are written, and the file
// that spells out the parts of transformers. Inside formats/.
#ifndef HONE_FORMATS_ONNX_EXPORT_OPS_H
#define HONE_FORMATS_ONNX_EXPORT_OPS_H

#include "formats/onnx_write.h"
#include "ops/ops.h"

const struct hone_desc *hone_onnx_put_desc(const struct hone_onnx_writer *w, hone_value value);
// Name of `value` with its axes in this order; a Transpose is written where it has another.
const char *hone_onnx_put_in(struct hone_onnx_writer *w, hone_value value, const int8_t *perm);
// Registers the node's result and gives it its name.
const char *hone_onnx_put_out(struct hone_onnx_writer *w, hone_value value, const int8_t *perm);
// A parameter in the layout of the file; written at its first use.
const char *hone_onnx_put_param(struct hone_onnx_writer *w, hone_value value);
// The same of what no picture has a part in, to be broadcast against a value of `rank` in this
// order: a parameter's numbers, or what is read out of a table.
const char *hone_onnx_put_fixed(struct hone_onnx_writer *w, hone_value value, int rank,
                                const int8_t *perm);
// A node of one or two inputs (b NULL: one), its result under a name of its own.
const char *hone_onnx_put_step(struct hone_onnx_writer *w, const char *op, const char *a,
                               const char *b);

// ---- onnx_export_attention.c
void hone_onnx_put_attention(struct hone_onnx_writer *w, const struct hone_node *node);
void hone_onnx_put_batch_matmul(struct hone_onnx_writer *w, const struct hone_node *node);

// ---- onnx_export_spatial.c
void hone_onnx_put_resize(struct hone_onnx_writer *w, const struct hone_node *node);

#endif
