// onnx_attention.c: products of two activations. Where one is softmax(q k + bias) v, as files spell
// attention, it is found by what has been emitted so far; what was emitted for its parts is dropped
// at the end, as nobody reads it. A bias is what no picture has a part in: a table of relative
// positions, a mask of windows that a picture was cut into, or their sum.
#include "formats/onnx_import.h"

#include <string.h>

static const struct hone_node *made_by(const struct hone_onnx_import *im, hone_value value,
                                       const struct hone_op *op) {
    if (value == HONE_NO_VALUE) return NULL;
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    return node && node->op == op ? node : NULL;
}

// The value that `value` is a multiple of; its factor, above 0, is multiplied into *alpha.
static hone_value unscale(const struct hone_onnx_import *im, hone_value value, float *alpha) {
    const struct hone_node *node;
    while ((node = made_by(im, value, &hone_op_scale))) {
        float factor = ((const struct hone_scale_attrs *)node->attrs)->alpha;
        if (!(factor > 0)) break;
        *alpha *= factor;
        value = node->inputs[0];
    }
    return value;
}

// `value` with its axes in this order; what was permuted before is looked through.
static hone_value in_order(struct hone_onnx_import *im, hone_value value, const int8_t order[4]) {
    const struct hone_node *node = made_by(im, value, &hone_op_permute);
    struct hone_permute_attrs attrs = {{0}};
    bool undone = node != NULL;
    for (int j = 0; node && j < 4; j++)
        undone = undone && ((const struct hone_permute_attrs *)node->attrs)->perm[order[j]] == j;
    if (undone) return node->inputs[0];
    for (int j = 0; j < 4; j++) attrs.perm[j] = order[j];
    return HONE_EMIT(im->graph, &hone_op_permute, NULL, &attrs, value);
}

// The heads of a value (B H,N,D) that was made of (B,H,N,D), or 1.
static int32_t heads_of(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *node = made_by(im, value, &hone_op_reshape);
    if (!node) return 1;
    const struct hone_desc *to = hone_graph_desc(im->graph, value);
    const struct hone_desc *from = hone_graph_desc(im->graph, node->inputs[0]);
    bool fits = from->rank == 4 && from->dim[0] * from->dim[1] == to->dim[0] &&
                from->dim[2] == to->dim[1] && from->dim[3] == to->dim[2];
    return fits ? from->dim[1] : 1;
}

// (B H,N,D) as (B,H,N,D).
static hone_value with_heads(struct hone_onnx_import *im, hone_value value, int32_t heads) {
    const struct hone_desc *desc = hone_graph_desc(im->graph, value);
    const struct hone_shape_attrs attrs = {
        .rank = 4, .dim = {heads > 1 ? -1 : 0, heads, desc->dim[1], desc->dim[2]}};
    return hone_onnx_emit_reshape(im, NULL, &attrs, value);
}

// The tensor (B,N,3,H,D) of which in[0..2] are the three, or HONE_NO_VALUE.
static hone_value packed_of(const struct hone_onnx_import *im, const hone_value in[3]) {
    hone_value whole = HONE_NO_VALUE;
    for (int i = 0; i < 3; i++) {
        const struct hone_node *view = made_by(im, in[i], &hone_op_reshape);
        const struct hone_node *slice = view ? made_by(im, view->inputs[0], &hone_op_slice) : NULL;
        if (!slice || (i > 0 && slice->inputs[0] != whole)) return HONE_NO_VALUE;
        whole = slice->inputs[0];
        const struct hone_desc *all = hone_graph_desc(im->graph, whole);
        const struct hone_desc *part = hone_graph_desc(im->graph, slice->outputs[0]);
        const struct hone_desc *q = hone_graph_desc(im->graph, in[i]);
        const struct hone_slice_attrs *a = slice->attrs;
        if (all->rank != 5 || all->dim[2] != 3 || part->dim[2] != 1 || a->begin[2] != i ||
            q->rank != 4 || q->dim[1] != all->dim[1] || q->dim[2] != all->dim[3] ||
            q->dim[3] != all->dim[4] || part->dim[1] != all->dim[1] ||
            part->dim[3] != all->dim[3] || part->dim[4] != all->dim[4])
            return HONE_NO_VALUE;
    }
    return whole;
}

// What attention is made of: q (B,H,N,D), k (B,H,M,D), or (B,H,D,M) where it was turned in memory,
// and v (B,N,H,D) or as q; with B H as one axis where heads > 0; what is added to the scores, or
// HONE_NO_VALUE.
struct parts {
    hone_value q, k, v, bias;
    bool turned;
    int32_t heads;
    struct hone_attention_attrs attrs;
};

// The same for every picture: made of parameters alone.
static bool is_fixed(const struct hone_onnx_import *im, hone_value value) {
    const struct hone_node *node = hone_graph_producer(im->graph, value);
    if (!node) return hone_model_param_of(im->model, value) >= 0;
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] == HONE_NO_VALUE || !is_fixed(im, node->inputs[i])) return false;
    return node->input_count > 0;
}

// A view that cuts the pictures of (B,H,N,M) into windows, (B / P,P,H,N,M), or joins them again.
static bool is_windows(const struct hone_onnx_import *im, const struct hone_node *node) {
    const struct hone_desc *from = hone_graph_desc(im->graph, node->inputs[0]),
                           *to = hone_graph_desc(im->graph, node->outputs[0]);
    bool same = node->op == &hone_op_reshape && from->rank > 3 && to->rank > 3;
    for (int i = 1; i <= 3 && same; i++) same = from->dim[from->rank - i] == to->dim[to->rank - i];
    return same;
}

// The product that `value` is a multiple of, plus what is the same for every picture: that is the
// terms. HONE_NO_VALUE where it is something else.
enum { TERMS = 4 };
static hone_value scores_find(const struct hone_onnx_import *im, hone_value value, float *scale,
                              hone_value terms[TERMS], int *count) {
    *count = 0;
    for (;;) {
        const struct hone_node *node = hone_graph_producer(im->graph, value);
        if (!node) return HONE_NO_VALUE;
        if (node->op == &hone_op_batch_matmul) return value;
        int fixed = node->op == &hone_op_add && is_fixed(im, node->inputs[0]) ? 0 : 1;
        if (node->op == &hone_op_scale) {
            *scale *= ((const struct hone_scale_attrs *)node->attrs)->alpha;
        } else if (node->op == &hone_op_add && is_fixed(im, node->inputs[fixed])) {
            if (*count == TERMS || *scale != 1) return HONE_NO_VALUE; // a multiple of the sum
            terms[(*count)++] = node->inputs[fixed];
        } else if (!is_windows(im, node)) {
            return HONE_NO_VALUE;
        }
        value = node->inputs[node->op == &hone_op_add ? 1 - fixed : 0];
    }
}

// Axis `axis` of (P,H,N,M) in a term, which may lack the first ones.
static int32_t term_dim(const struct hone_desc *term, int axis) {
    int i = axis - 4 + term->rank;
    return i < 0 ? 1 : term->dim[i];
}

// Their sum (H,N,M) or (P,H,N,M), HONE_NO_VALUE where there are none; false where it is not of the
// scores' last axes.
static bool terms_add(struct hone_onnx_import *im, const hone_value *terms, int count,
                      const struct hone_desc *scores, hone_value *out) {
    int rank = count ? 0 : 3;
    bool fits = count == 0 || scores->rank == 4;
    for (int axis = 0; axis < 4 && count && fits; axis++) {
        int32_t most = 1;
        for (int k = 0; k < count; k++) {
            const struct hone_desc *term = hone_graph_desc(im->graph, terms[k]);
            int32_t dim = term_dim(term, axis);
            if (term->rank > rank) rank = term->rank;
            fits = fits && term->rank <= 4 && (dim == 1 || most == 1 || dim == most);
            if (dim > most) most = dim;
        }
        fits = fits && (axis == 0 ? scores->dim[0] % most == 0 : scores->dim[axis] == most);
    }
    *out = count ? terms[count - 1] : HONE_NO_VALUE;
    if (!fits || rank < 3) return false;
    for (int k = count - 2; k >= 0; k--)
        *out = HONE_EMIT(im->graph, &hone_op_add, NULL, NULL, *out, terms[k]);
    return true;
}

// softmax(scale q k + bias) times v; false where it is something else.
static bool parts_find(struct hone_onnx_import *im, const struct hone_onnx_tensor *p,
                       const struct hone_onnx_tensor *v, struct parts *out) {
    const struct hone_node *softmax = made_by(im, p->value, &hone_op_softmax);
    int rank = hone_onnx_rank(im, p), count = 0;
    hone_value terms[TERMS];
    *out = (struct parts){.attrs = {1}};
    hone_value scores = softmax
                            ? scores_find(im, softmax->inputs[0], &out->attrs.scale, terms, &count)
                            : HONE_NO_VALUE;
    const struct hone_node *product = made_by(im, scores, &hone_op_batch_matmul);
    if (!product || rank != hone_onnx_rank(im, v) || (rank != 3 && rank != 4) ||
        !hone_onnx_is(p, hone_onnx_plain, rank))
        return false;
    const struct hone_batch_matmul_attrs *way = product->attrs;
    out->turned = !way->trans_b;
    out->q = unscale(im, product->inputs[0], &out->attrs.scale);
    out->k = unscale(im, product->inputs[1], &out->attrs.scale);
    const struct hone_desc *keys = hone_graph_desc(im->graph, out->k),
                           sum = *hone_graph_desc(im->graph, scores);
    return !way->trans_a && out->attrs.scale > 0 &&
           hone_onnx_dim(im, v, rank - 2) == keys->dim[rank - (out->turned ? 1 : 2)] &&
           terms_add(im, terms, count, &sum, &out->bias);
}

// The heads as an axis of their own, those that all three were joined of, or one.
static void parts_split(struct hone_onnx_import *im, struct parts *a) {
    int32_t heads = heads_of(im, a->q);
    if (heads != heads_of(im, a->k) || heads != heads_of(im, a->v)) heads = 1;
    a->q = with_heads(im, a->q, heads);
    a->k = with_heads(im, a->k, heads);
    a->v = with_heads(im, a->v, heads);
    a->heads = heads;
}

static hone_status attention_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *p, struct hone_onnx_tensor *v,
                                bool *done) {
    static const int8_t heads_behind[4] = {0, 2, 1, 3}, turned[4] = {0, 3, 1, 2};
    static const int8_t file_order[HONE_MAX_RANK] = {0, 2, 1, 3, 4, 5};
    struct parts a;
    hone_value in[4], out[2];
    *done = parts_find(im, p, v, &a);
    if (!*done) return HONE_OK;
    bool joined = hone_onnx_rank(im, v) == 3;
    HONE_TRY(hone_onnx_arrange(im, v, joined ? hone_onnx_plain : file_order));
    a.v = v->value;
    if (joined) parts_split(im, &a);
    in[0] = unscale(im, in_order(im, a.q, heads_behind), &a.attrs.scale);
    in[1] = unscale(im, in_order(im, a.k, a.turned ? turned : heads_behind), &a.attrs.scale);
    in[2] = joined ? in_order(im, a.v, heads_behind) : a.v;
    HONE_TRY(hone_graph_status(im->graph));
    const char *name = hone_onnx_node_name(node);
    hone_value whole = packed_of(im, in);
    if (whole != HONE_NO_VALUE) {
        in[0] = whole;
        in[1] = in[2] = HONE_NO_VALUE;
    }
    in[3] = a.bias;
    hone_graph_node(im->graph, &hone_op_attention, name, &a.attrs, in,
                    a.bias != HONE_NO_VALUE  ? 4
                    : in[1] != HONE_NO_VALUE ? 3
                                             : 1,
                    out);
    HONE_TRY(hone_graph_status(im->graph));
    if (!joined) return hone_onnx_define(im, node, out[0], file_order);
    const struct hone_desc *y = hone_graph_desc(im->graph, out[0]);
    const struct hone_shape_attrs rows = {.rank = 3,
                                          .dim = {a.heads > 1 ? -1 : 0, y->dim[1], y->dim[3]}};
    const struct hone_permute_attrs heads_first = {{0, 2, 1, 3}};
    if (a.heads > 1) out[0] = hone_onnx_emit_permute(im, name, &heads_first, out[0]);
    return hone_onnx_define(im, node, hone_onnx_emit_reshape(im, name, &rows, out[0]),
                            hone_onnx_plain);
}

hone_status hone_onnx_matmul_values(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *a, *b;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &a));
    HONE_TRY(hone_onnx_input_value(im, node, 1, &b));
    HONE_TRY(hone_onnx_settle(im, a));
    HONE_TRY(hone_onnx_settle(im, b));
    return hone_onnx_matmul_of(im, node, a, b);
}

hone_status hone_onnx_matmul_of(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *a, struct hone_onnx_tensor *b) {
    bool done;
    HONE_TRY(attention_of(im, node, a, b, &done));
    if (done) return HONE_OK;
    int rank = hone_onnx_rank(im, a);
    if (rank < 3 || rank != hone_onnx_rank(im, b))
        return hone_fail(HONE_UNSUPPORTED, "ranks %d and %d: only batches of matrices", rank,
                         hone_onnx_rank(im, b));
    int8_t order[HONE_MAX_RANK], turned[HONE_MAX_RANK];
    hone_onnx_file_order(im, a, order);
    if (order[rank - 2] == 0 || order[rank - 1] == 0)
        return hone_fail(HONE_UNSUPPORTED, "a matrix cannot be multiplied with the batch");
    HONE_TRY(hone_onnx_arrange(im, a, order));
    memcpy(turned, order, sizeof turned);
    turned[rank - 2] = (int8_t)(rank - 1);
    turned[rank - 1] = (int8_t)(rank - 2);
    // What the file turned stays as it lies in memory.
    bool trans_b = b->perm[rank - 2] > b->perm[rank - 1];
    HONE_TRY(hone_onnx_arrange(im, b, trans_b ? turned : order));
    const struct hone_batch_matmul_attrs attrs = {.trans_b = trans_b};
    hone_value y = HONE_EMIT(im->graph, &hone_op_batch_matmul, hone_onnx_node_name(node), &attrs,
                             a->value, b->value);
    return hone_onnx_define(im, node, y, order);
}
