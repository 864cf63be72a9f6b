// attention_pass.h: the passes that attention and its gradients are made of, whichever kernels run
// them: a pass makes the rows of one tensor, each out of all rows of two others.
#ifndef HONE_OPS_ATTENTION_PASS_H
#define HONE_OPS_ATTENTION_PASS_H

#include "ops/row.h"

// Where q, k and v lie: which input, how far apart its tokens are, where in a token.
struct hone_attention_part {
    int input;
    int64_t stride, offset; // elements
};
struct hone_attention_shape {
    int64_t batch, queries, keys, heads, width;
    bool packed;
    struct hone_attention_part part[3];
};

// What a pass makes: shaders/attention/attention.comp has the formula of each.
enum hone_attention_way {
    HONE_ATTENTION_Y,
    HONE_ATTENTION_DQ,
    HONE_ATTENTION_DK,
    HONE_ATTENTION_DV
};

// An operand of a kernel: a part of the inputs, or a tensor (B,N,H,D).
struct hone_attention_side {
    struct hone_operand operand;
    int64_t stride, offset; // elements
};
struct hone_attention_pass {
    enum hone_attention_way way;
    struct hone_attention_side a, b, p, q, out;
    struct hone_operand lse, delta;
};

// Rows that a pass makes, in one head of one picture, and rows that it walks for each.
static inline int64_t hone_attention_rows(const struct hone_attention_shape *s,
                                          enum hone_attention_way way) {
    return way == HONE_ATTENTION_DK || way == HONE_ATTENTION_DV ? s->keys : s->queries;
}
static inline int64_t hone_attention_others(const struct hone_attention_shape *s,
                                            enum hone_attention_way way) {
    return way == HONE_ATTENTION_DK || way == HONE_ATTENTION_DV ? s->queries : s->keys;
}

// Push constants, operands and grid of a kernel whose workgroups make `rows` rows each, with places
// in units of `width` elements.
void hone_attention_bind(struct hone_dispatch *dispatch, const struct hone_attention_shape *s,
                         const struct hone_attention_pass *pass, uint32_t rows, uint32_t width,
                         float scale);

#endif
