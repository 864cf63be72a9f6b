// onnx_einsum.c: Einsum of two activations, as attention is written with it: "bhid,bhjd->bhij". It
// is a product of batches of matrices whose axes have names; to bring them into order moves
// nothing.
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

hone_status hone_onnx_einsum(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    const HoneOnnx__Attribute *equation = hone_onnx_attr(node, "equation");
    struct hone_onnx_tensor *in[2], a, b;
    struct einsum_term term[3], order[3];
    if (node->n_input != 2 || !equation || !equation->has_s)
        return hone_fail(HONE_UNSUPPORTED, "only two operands and an equation are supported");
    HONE_TRY(einsum_read((const char *)equation->s.data, equation->s.len, term));
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
