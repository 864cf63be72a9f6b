// attention_shape.h: what the operators of attention say of their operands: shapes, checks, and the
// terms of their formulas in the reference.
#ifndef HONE_OPS_ATTENTION_SHAPE_H
#define HONE_OPS_ATTENTION_SHAPE_H

#include "ops/common.h"
#include "ops/ops.h"

enum { HONE_ATTENTION_HEAD_MOST = 256 };

// Where q, k and v lie: which input, how far apart its tokens are, where in a token.
struct hone_attention_part {
    int input;
    int64_t stride, offset; // elements
};
struct hone_attention_shape {
    int64_t batch, queries, keys, heads;
    int64_t width, value_width; // of a head: numbers of q and k, numbers of v
    bool packed;
    struct hone_attention_part part[3];
    int bias;       // which input is added to the scores, or -1
    int64_t period; // of the pictures that have numbers of their own in it
};

// Of a node whose inputs first.. are q, k, v, or all three in one, and the bias.
struct hone_attention_shape hone_attention_shape_of(const struct hone_desc *in, int count,
                                                    int first);
// HONE_INVALID where they are not as ops.h has them; expect_gradient: behind dy, y and lse.
hone_status hone_attention_expect(const struct hone_infer_args *args, int first);
hone_status hone_attention_expect_gradient(const struct hone_infer_args *args);
struct hone_desc hone_attention_y(const struct hone_attention_shape *s, enum hone_dtype dtype);
struct hone_desc hone_attention_lse(const struct hone_attention_shape *s);
// Of so many products of a pair of rows in q and k, and in v.
struct hone_cost hone_attention_cost(const struct hone_infer_args *args, int first, int outputs,
                                     double products, double value_products);

// A query and a key of a head of a picture.
struct hone_attention_pair {
    int64_t picture, head, query, key;
};
// The row of q, k or v (part 0, 1, 2).
const double *hone_attention_row(const struct hone_ref_args *args,
                                 const struct hone_attention_shape *s, int part,
                                 const struct hone_attention_pair *at);
// Elements before the head's row in a tensor (B,N,H,DV), and before the query in lse.
int64_t hone_attention_token(const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at);
int64_t hone_attention_line(const struct hone_attention_shape *s,
                            const struct hone_attention_pair *at);
// Elements before the pair in the bias.
int64_t hone_attention_place(const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at);
double hone_attention_dot(const double *a, const double *b, int64_t count);
double hone_attention_score(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                            const struct hone_attention_pair *at);
// Of a gradient: the weight p of the pair, returned, and in *ds the gradient of its score.
double hone_attention_weight(const struct hone_ref_args *args, const struct hone_attention_shape *s,
                             const struct hone_attention_pair *at, double *ds);

#endif
