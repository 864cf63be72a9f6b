// attention_pass.h: the passes that attention and its gradients are made of, whichever kernels run
// them: a pass makes the rows of one tensor, each out of all rows of two others.
#ifndef HONE_OPS_ATTENTION_PASS_H
#define HONE_OPS_ATTENTION_PASS_H

#include "ops/attention_shape.h"
#include "ops/row.h"

// What a pass makes: shaders/attention/attention.comp has the formula of each.
enum hone_attention_way {
    HONE_ATTENTION_Y,
    HONE_ATTENTION_DQ,
    HONE_ATTENTION_DK,
    HONE_ATTENTION_DV
};

// An operand of a kernel: a part of the inputs, or a tensor (B,N,H,DV).
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

// Numbers of a head in the rows that a pass makes.
static inline int64_t hone_attention_made(const struct hone_attention_shape *s,
                                          enum hone_attention_way way) {
    return way == HONE_ATTENTION_Y || way == HONE_ATTENTION_DV ? s->value_width : s->width;
}

// q, k or v (part 0, 1, 2) as an operand; a tensor (B,N,H,DV) as one.
struct hone_attention_side hone_attention_part_side(const struct hone_attention_shape *s, int part);
struct hone_attention_side hone_attention_plain_side(const struct hone_attention_shape *s,
                                                     enum hone_operand_kind kind, int index);
// Appends scratch 0 (B,H,N) = the products of the rows of dy and y, inputs 0 and 1.
hone_status hone_attention_add_delta(const struct hone_row_args *args, struct hone_launch *launch,
                                     const struct hone_attention_shape *s);

// Which body of a kernel: other rows are read plainly, through shared memory, or spread over a
// subgroup that is a vector of the CPU.
// Behind them, enum hone_coop_body: on cooperative matrices (attention_coop.h).
enum hone_attention_mode {
    HONE_ATTENTION_PLAIN,
    HONE_ATTENTION_SHARED,
    HONE_ATTENTION_CPU,
    HONE_ATTENTION_COOP
};
// Heads are fours of at most `most` numbers, on a device that has what the body needs; `first` is
// the input that q is.
bool hone_attention_fits(const struct hone_row_args *args, int first, enum hone_attention_mode mode,
                         int64_t most);
// Appends the kernel "attention_" `kernel` of that mode, with constants WG, D, TILE and DV; *group
// is set to the rows of a workgroup, and *tile, in which the most that the kernel takes comes.
struct hone_dispatch *hone_attention_add(const struct hone_row_args *args,
                                         struct hone_launch *launch,
                                         const struct hone_attention_shape *s,
                                         enum hone_attention_mode mode, const char *kernel,
                                         uint32_t *tile, uint32_t *group);
// The last constant of all kernels of a mode.
void hone_attention_spec_last(const struct hone_row_args *args, struct hone_dispatch *dispatch,
                              enum hone_attention_mode mode);
// Numbers that kernels take at a time.
uint32_t hone_attention_vector(const struct hone_attention_shape *s, enum hone_dtype dtype);

// Push constants, operands and grid of a kernel whose workgroups make `rows` rows each, with places
// in units of `width` elements.
void hone_attention_bind(struct hone_dispatch *dispatch, const struct hone_attention_shape *s,
                         const struct hone_attention_pass *pass, uint32_t rows, uint32_t width,
                         float scale);

#endif
