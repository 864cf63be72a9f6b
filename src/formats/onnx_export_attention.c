// onnx_export_attention.c: attention in ONNX, spelled out, and products of batches.
// onnx_attention.c finds attention again.
#include "formats/onnx_export_ops.h"

#include <string.h>

static const int8_t put_plain[HONE_MAX_RANK] = {0, 1, 2, 3, 4, 5};

const char *hone_onnx_put_step(struct hone_onnx_writer *w, const char *op, const char *a,
                               const char *b) {
    const char *name = hone_onnx_make_name(w);
    hone_onnx_put_node(w, op, name, name, b ? 2 : 1, (const char *[]){a, b});
    return name;
}

static const char *put_transposed(struct hone_onnx_writer *w, const char *in, int64_t a, int64_t b,
                                  int64_t c) {
    const char *name = hone_onnx_make_name(w);
    HoneOnnx__Node *node = hone_onnx_put_node(w, "Transpose", name, name, 1, &in);
    hone_onnx_put_ints(w, node, "perm", 4, (const int64_t[]){0, a, b, c});
    return name;
}

// Part i of (B,N,3,H,D), as (B,N,H,D).
static const char *put_part(struct hone_onnx_writer *w, const char *in, const struct hone_desc *x,
                            int64_t i) {
    const char *name = hone_onnx_make_name(w);
    hone_onnx_put_node(w, "Slice", name, name, 4,
                       (const char *[]){in, hone_onnx_put_list(w, 1, (const int64_t[]){i}),
                                        hone_onnx_put_list(w, 1, (const int64_t[]){i + 1}),
                                        hone_onnx_put_list(w, 1, (const int64_t[]){2})});
    const int64_t dim[] = {0, x->dim[1], x->dim[3], x->dim[4]};
    return hone_onnx_put_step(w, "Reshape", name, hone_onnx_put_list(w, 4, dim));
}

// scores (B,H,N,M) + bias, term by term: a sum would be a constant, out of which no table is found
// again.
static const char *put_plus(struct hone_onnx_writer *w, const char *scores, int64_t heads,
                            hone_value bias) {
    const struct hone_node *sum = hone_graph_producer(w->model->graph, bias);
    if (sum && sum->op == &hone_op_add)
        return put_plus(w, put_plus(w, scores, heads, sum->inputs[0]), heads, sum->inputs[1]);
    const struct hone_desc *desc = hone_onnx_put_desc(w, bias);
    if (desc->rank < 4 || desc->dim[0] == 1)
        return hone_onnx_put_step(w, "Add", scores, hone_onnx_put_fixed(w, bias, 4, put_plain));
    // Of windows: as (B / P,P,H,N,M), and back.
    const int64_t cut[] = {-1, desc->dim[0], heads, desc->dim[2], desc->dim[3]};
    const int64_t joined[] = {-1, heads, desc->dim[2], desc->dim[3]};
    scores = hone_onnx_put_step(w, "Reshape", scores, hone_onnx_put_list(w, 5, cut));
    scores = hone_onnx_put_step(w, "Add", scores, hone_onnx_put_fixed(w, bias, 5, put_plain));
    return hone_onnx_put_step(w, "Reshape", scores, hone_onnx_put_list(w, 4, joined));
}

void hone_onnx_put_attention(struct hone_onnx_writer *w, const struct hone_node *node) {
    static const int8_t heads_first[HONE_MAX_RANK] = {0, 2, 1, 3};
    const char *in[3];
    bool packed = node->input_count < 3 || node->inputs[1] == HONE_NO_VALUE;
    for (int i = 0; i < 3; i++)
        in[i] = packed ? put_part(w, hone_onnx_put_in(w, node->inputs[0], put_plain),
                                  hone_onnx_put_desc(w, node->inputs[0]), i)
                       : hone_onnx_put_in(w, node->inputs[i], put_plain);
    const char *scores = hone_onnx_put_step(w, "MatMul", put_transposed(w, in[0], 2, 1, 3),
                                            put_transposed(w, in[1], 2, 3, 1));
    float scale = ((const struct hone_attention_attrs *)node->attrs)->scale;
    scores = hone_onnx_put_step(w, "Mul", scores, hone_onnx_put_scalar(w, scale));
    if (node->input_count > 3)
        scores =
            put_plus(w, scores, hone_onnx_put_desc(w, node->outputs[1])->dim[1], node->inputs[3]);
    const char *weights = hone_onnx_make_name(w);
    HoneOnnx__Node *softmax = hone_onnx_put_node(w, "Softmax", weights, weights, 1, &scores);
    hone_onnx_put_int(w, softmax, "axis", -1);
    const char *product[2] = {weights, put_transposed(w, in[2], 2, 1, 3)};
    hone_onnx_put_node(w, "MatMul", node->name, hone_onnx_put_out(w, node->outputs[0], heads_first),
                       2, product);
}

void hone_onnx_put_batch_matmul(struct hone_onnx_writer *w, const struct hone_node *node) {
    const struct hone_batch_matmul_attrs *a = node->attrs;
    int8_t turned[HONE_MAX_RANK];
    int rank = hone_onnx_put_desc(w, node->inputs[0])->rank;
    memcpy(turned, put_plain, sizeof turned);
    turned[rank - 2] = (int8_t)(rank - 1);
    turned[rank - 1] = (int8_t)(rank - 2);
    const char *in[2] = {hone_onnx_put_in(w, node->inputs[0], a->trans_a ? turned : put_plain),
                         hone_onnx_put_in(w, node->inputs[1], a->trans_b ? turned : put_plain)};
    hone_onnx_put_node(w, "MatMul", node->name, hone_onnx_put_out(w, node->outputs[0], put_plain),
                       2, in);
}
