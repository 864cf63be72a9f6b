// onnx_einsum.c: Einsum of two activations, as attention is written with it: "bhid,bhjd->bhij", a
// product of batches of matrices whose axes have names; and with a constant, as linear layers are:
// "abc,cde->abde". To bring axes into order moves nothing.
#include "formats/onnx_import.h"

#include <string.h>

// Axes of one term, a letter each.
struct einsum_term {
    char axis[HONE_MAX_RANK + 1];
    int rank;
};

static hone_status einsum_read(const char *text, size_t length, struct einsum_term out[3]) {
    int term = 0;
    memset(out, 0, 3 * sizeof *out);
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == ' ') continue;
        if (c == ',' && term == 0) {
            term = 1;
        } else if (c == '-' && i + 1 < length && text[i + 1] == '>' && term == 1) {
            term = 2;
            i++;
        } else if (!letter || out[term].rank == HONE_MAX_RANK || strchr(out[term].axis, c)) {
            return hone_fail(HONE_UNSUPPORTED,
                             "equation '%.*s' is not two lists of axes and one of "
                             "the result, each named once",
                             (int)length, text);
        } else {
            out[term].axis[out[term].rank++] = c;
        }
    }
    return term == 2 ? HONE_OK : hone_fail(HONE_UNSUPPORTED, "its equation names no result");
}

static int einsum_at(const struct einsum_term *term, char c) {
    const char *found = c ? strchr(term->axis, c) : NULL;
    return found ? (int)(found - term->axis) : -1;
}

// x as its file would have it with these axes, in this order: no copy.
static void einsum_order(struct hone_onnx_tensor *x, const struct einsum_term *from,
                         const struct einsum_term *to) {
    int8_t perm[HONE_MAX_RANK];
    memcpy(perm, x->perm, sizeof perm);
    for (int i = 0; i < to->rank; i++) perm[i] = x->perm[einsum_at(from, to->axis[i])];
    memcpy(x->perm, perm, sizeof perm);
}

// The axes that both operands and the result have, then one of each of rows, columns and depth.
static hone_status einsum_sort(const struct einsum_term t[3], struct einsum_term *a,
                               struct einsum_term *b, struct einsum_term *y) {
    char rows = 0, columns = 0, depth = 0;
    int extra = 0;
    struct einsum_term lead = {{0}, 0};
    for (int i = 0; i < t[0].rank; i++) {
        char c = t[0].axis[i];
        bool in_b = einsum_at(&t[1], c) >= 0, in_y = einsum_at(&t[2], c) >= 0;
        char *role = in_b ? &depth : &rows;
        if (in_b && in_y) {
            lead.axis[lead.rank++] = c;
            continue;
        }
        extra += *role != 0 || (!in_b && !in_y);
        *role = c;
    }
    for (int i = 0; i < t[1].rank; i++) {
        char c = t[1].axis[i];
        if (einsum_at(&t[0], c) >= 0) continue;
        extra += columns != 0 || einsum_at(&t[2], c) < 0;
        columns = c;
    }
    bool fits = !extra && rows && columns && depth && lead.rank > 0 && t[2].rank == lead.rank + 2 &&
                t[1].rank == lead.rank + 2;
    if (!fits)
        return hone_fail(HONE_UNSUPPORTED, "its equation is no product of batches of matrices");
    *a = *b = *y = lead;
    a->axis[a->rank++] = rows;
    a->axis[a->rank++] = depth;
    b->axis[b->rank++] = depth;
    b->axis[b->rank++] = columns;
    y->axis[y->rank++] = rows;
    y->axis[y->rank++] = columns;
    return HONE_OK;
}

// ---- A constant operand
// -----------------------------------------------------------------------------------

// x[kept depth] w[depth columns] -> y: each axis of w is one that the sum is over or a new one.
struct einsum_linear {
    struct einsum_term x, w; // in that order
    int kept, depth, columns;
};

static hone_status einsum_split(const struct einsum_term *x, const struct einsum_term *w,
                                const struct einsum_term *y, struct einsum_linear *out) {
    *out = (struct einsum_linear){.kept = 0};
    bool fits = true;
    for (int i = 0; i < x->rank; i++) {
        if (einsum_at(w, x->axis[i]) >= 0) continue;
        fits &= einsum_at(y, x->axis[i]) >= 0;
        out->x.axis[out->kept++] = x->axis[i];
    }
    for (int i = 0; i < x->rank; i++) {
        if (einsum_at(w, x->axis[i]) < 0) continue;
        fits &= einsum_at(y, x->axis[i]) < 0;
        out->x.axis[out->kept + out->depth] = x->axis[i];
        out->w.axis[out->depth++] = x->axis[i];
    }
    for (int i = 0; i < w->rank; i++) {
        if (einsum_at(x, w->axis[i]) >= 0) continue;
        fits &= einsum_at(y, w->axis[i]) >= 0;
        out->w.axis[out->depth + out->columns++] = w->axis[i];
    }
    out->x.rank = x->rank;
    out->w.rank = w->rank;
    if (fits && out->depth && out->columns && y->rank == out->kept + out->columns) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "with a constant, its equation must sum over all axes that both have, and "
                     "keep the others");
}

// The constant as a matrix (depth,columns), both joined.
static hone_status einsum_weight(struct hone_onnx_import *im, struct hone_onnx_tensor *w,
                                 const struct einsum_term *from, const struct einsum_linear *l,
                                 hone_value *out) {
    const struct hone_onnx_const *c = &w->constant;
    int64_t step[HONE_MAX_RANK], along[HONE_MAX_RANK] = {0};
    int32_t dim[HONE_MAX_RANK], rows = 1;
    if (!c->f || c->rank != from->rank || hone_onnx_const_marked(c) || c->count == 0)
        return hone_fail(HONE_INVALID, "'%s' has not the %d axes of its equation", w->name,
                         from->rank);
    for (int i = 0; i < c->rank; i++) {
        int at = einsum_at(from, l->w.axis[i]);
        step[i] = 1;
        for (int d = at + 1; d < c->rank; d++) step[i] *= c->dim[d];
        dim[i] = (int32_t)c->dim[at];
        if (i < l->depth) rows *= dim[i];
    }
    float *data = hone_onnx_store_alloc(&im->store, c->count, sizeof *data);
    if (!data) return hone_onnx_store_failure(&im->store);
    for (int64_t k = 0; k < c->count; k++) {
        int64_t at = 0;
        for (int i = 0; i < c->rank; i++) at += along[i] * step[i];
        data[k] = c->f[at];
        // NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): dim has all c->rank
        for (int i = c->rank - 1; i >= 0 && ++along[i] == dim[i]; i--) along[i] = 0;
    }
    struct hone_desc desc = hone_desc_make(HONE_F32, 2, rows, (int32_t)(c->count / rows), 0, 0);
    return hone_onnx_param(im, w, HONE_PARAM_WEIGHT, HONE_LAYOUT_SAME, desc, data, out);
}

// y (.., columns) = rows of x (.., depth) times the matrix, and the bias that is added to it.
static hone_status einsum_product(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                  const struct einsum_linear *l, const struct einsum_term *y_term,
                                  hone_value x, hone_value matrix, hone_value *y,
                                  const HoneOnnx__Node **last) {
    const struct hone_desc have = *hone_graph_desc(im->graph, x),
                           weight = *hone_graph_desc(im->graph, matrix);
    struct hone_shape_attrs rows = {.rank = l->kept + 1};
    hone_value inputs[3] = {HONE_NO_VALUE, matrix, HONE_NO_VALUE};
    struct hone_onnx_tensor *bias = NULL;
    int64_t depth = 1;
    for (int i = 1; i < l->kept; i++) rows.dim[i] = have.dim[i];
    for (int i = l->kept; i < have.rank; i++) depth *= have.dim[i];
    rows.dim[l->kept] = weight.dim[0];
    if (depth != weight.dim[0])
        return hone_fail(HONE_INVALID, "weights for %d inputs, but there are %lld",
                         (int)weight.dim[0], (long long)depth);
    *last = NULL;
    if (l->columns == 1) {
        int behind = y_term->rank - 1 - einsum_at(y_term, l->w.axis[l->depth]);
        HONE_TRY(hone_onnx_absorb_bias(im, node, weight.dim[1], behind, &bias, last));
    }
    if (bias)
        HONE_TRY(hone_onnx_param(im, bias, HONE_PARAM_BIAS, HONE_LAYOUT_SAME,
                                 hone_desc_make(HONE_F32, 1, weight.dim[1], 0, 0, 0), NULL,
                                 &inputs[2]));
    inputs[0] = hone_onnx_emit_reshape(im, hone_onnx_node_name(node), &rows, x);
    *y = hone_graph_emit(im->graph, &hone_op_matmul, hone_onnx_node_name(node),
                         &(struct hone_matmul_attrs){0}, inputs, bias ? 3 : 2);
    return hone_graph_status(im->graph);
}

static hone_status einsum_constant(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                   struct hone_onnx_tensor *in, const struct einsum_term *x_term,
                                   struct hone_onnx_tensor *w, const struct einsum_term *w_term,
                                   const struct einsum_term *y_term) {
    struct einsum_linear l;
    struct hone_onnx_tensor x = *in;
    const HoneOnnx__Node *last;
    int8_t order[HONE_MAX_RANK];
    hone_value matrix, y;
    HONE_TRY(einsum_split(x_term, w_term, y_term, &l));
    HONE_TRY(hone_onnx_settle(im, &x));
    if (hone_onnx_rank(im, &x) != x_term->rank)
        return hone_fail(HONE_INVALID, "'%s' has not the %d axes of its equation", x.name,
                         x_term->rank);
    einsum_order(&x, x_term, &l.x);
    if (hone_onnx_batch_axis(&x) >= l.kept || l.kept + l.columns > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "its sum is over the batch, or its axes are too many");
    hone_onnx_file_order(im, &x, order);
    HONE_TRY(hone_onnx_arrange(im, &x, order));
    HONE_TRY(einsum_weight(im, w, w_term, &l, &matrix));
    struct hone_shape_attrs back = {.rank = l.kept + l.columns};
    for (int i = 1; i < l.kept; i++) back.dim[i] = hone_graph_desc(im->graph, x.value)->dim[i];
    for (int i = 0; i < l.columns; i++) {
        back.dim[l.kept + i] = (int32_t)w->constant.dim[einsum_at(w_term, l.w.axis[l.depth + i])];
        order[l.kept + i] = (int8_t)(l.kept + i);
    }
    HONE_TRY(einsum_product(im, node, &l, y_term, x.value, matrix, &y, &last));
    if (!last) last = node;
    y = hone_onnx_emit_reshape(im, hone_onnx_node_name(node), &back, y);
    HONE_TRY(hone_onnx_define(im, last, y, order));
    struct einsum_term made = {{0}, l.kept + l.columns};
    memcpy(made.axis, l.x.axis, (size_t)l.kept);
    memcpy(made.axis + l.kept, l.w.axis + l.depth, (size_t)l.columns);
    einsum_order(hone_onnx_name(im, last->output[0]), &made, y_term);
    return HONE_OK;
}

hone_status hone_onnx_einsum(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    const HoneOnnx__Attribute *equation = hone_onnx_attr(node, "equation");
    struct hone_onnx_tensor *in[2], a, b;
    struct einsum_term term[3], order[3];
    if (node->n_input != 2 || !equation || !equation->has_s)
        return hone_fail(HONE_UNSUPPORTED, "only two operands and an equation are supported");
    HONE_TRY(einsum_read((const char *)equation->s.data, equation->s.len, term));
    for (size_t k = 0; k < 2; k++) HONE_TRY(hone_onnx_input(im, node, k, true, &in[k]));
    for (int k = 0; k < 2; k++)
        if (in[k]->state == HONE_ONNX_CONST && in[1 - k]->state == HONE_ONNX_NODE)
            return einsum_constant(im, node, in[1 - k], &term[1 - k], in[k], &term[k], &term[2]);
    HONE_TRY(einsum_sort(term, &order[0], &order[1], &order[2]));
    for (size_t k = 0; k < 2; k++) {
        HONE_TRY(hone_onnx_input_value(im, node, k, &in[k]));
        HONE_TRY(hone_onnx_settle(im, in[k]));
        if (hone_onnx_rank(im, in[k]) != term[k].rank)
            return hone_fail(HONE_INVALID, "'%s' has not the %d axes of its equation", in[k]->name,
                             term[k].rank);
    }
    a = *in[0];
    b = *in[1];
    einsum_order(&a, &term[0], &order[0]);
    einsum_order(&b, &term[1], &order[1]);
    HONE_TRY(hone_onnx_matmul_of(im, node, &a, &b));
    einsum_order(hone_onnx_name(im, node->output[0]), &order[2], &term[2]);
    return HONE_OK;
}
