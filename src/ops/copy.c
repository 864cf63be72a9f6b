// copy.c: see copy.h.
#include "ops/copy.h"

#include <string.h>

// The copy as kernels walk it: axes joined.
struct walk {
    int rank;
    int32_t size[HONE_OP_WALK], from[HONE_OP_WALK], to[HONE_OP_WALK];
};

static struct walk walk_of(const struct hone_op_copy *copy) {
    int32_t size[HONE_OP_AXES], stride[2][HONE_OP_AXES];
    struct walk walk;
    memcpy(size, copy->size, sizeof size);
    memcpy(stride[0], copy->from, sizeof stride[0]);
    memcpy(stride[1], copy->to, sizeof stride[1]);
    walk.rank = hone_op_collapse(size, stride, 2);
    memcpy(walk.size, HONE_OP_WALKED(size), sizeof walk.size);
    memcpy(walk.from, HONE_OP_WALKED(stride[0]), sizeof walk.from);
    memcpy(walk.to, HONE_OP_WALKED(stride[1]), sizeof walk.to);
    return walk;
}

bool hone_op_copy_words(const struct hone_op_copy *copy, enum hone_dtype dtype,
                        struct hone_op_copy *out) {
    const int last = HONE_OP_AXES - 1;
    *out = *copy;
    if (hone_dtype_bytes(dtype) == 4) return true;
    bool whole = copy->size[last] % 2 == 0 && copy->from[last] == 1 && copy->to[last] == 1 &&
                 copy->from_offset % 2 == 0 && copy->to_offset % 2 == 0;
    for (int i = 0; i < last && whole; i++)
        whole = copy->size[i] == 1 || (copy->from[i] % 2 == 0 && copy->to[i] % 2 == 0);
    for (int i = 0; i < last; i++) {
        out->from[i] /= 2;
        out->to[i] /= 2;
    }
    out->size[last] /= 2;
    out->from_offset /= 2;
    out->to_offset /= 2;
    return whole;
}

hone_status hone_op_copy_check(const struct hone_op_copy *copy, enum hone_dtype dtype) {
    struct hone_op_copy words;
    if (!hone_op_copy_words(copy, dtype, &words))
        return hone_fail(HONE_INVALID,
                         "in 16 bits the last dimension must stay the last and be even in all of "
                         "its parts: cast to f32");
    int32_t stride[2][HONE_OP_AXES];
    memcpy(stride[0], copy->from, sizeof stride[0]);
    memcpy(stride[1], copy->to, sizeof stride[1]);
    return hone_op_expect_walk(copy->size, (const int32_t(*)[HONE_OP_AXES])stride, 2);
}

bool hone_op_copy_fits_vec4(const struct hone_op_copy *copy, enum hone_dtype dtype) {
    struct hone_op_copy words;
    if (!hone_op_copy_words(copy, dtype, &words)) return false;
    struct walk c = walk_of(&words);
    if (c.size[3] % 4 || c.from[3] != 1 || c.to[3] != 1) return false;
    if (words.from_offset % 4 || words.to_offset % 4) return false;
    for (int i = 0; i < 3; i++)
        if (c.from[i] % 4 || c.to[i] % 4) return false;
    return true;
}

void hone_op_copy_ref(const struct hone_op_copy *copy, const double *from, double *to) {
    int32_t at[HONE_OP_AXES] = {0};
    do {
        int64_t i = copy->from_offset, o = copy->to_offset;
        for (int k = 0; k < HONE_OP_AXES; k++) {
            i += (int64_t)at[k] * copy->from[k];
            o += (int64_t)at[k] * copy->to[k];
        }
        to[o] = from[i];
    } while (hone_op_next(at, copy->size));
}

// The push block of copy.comp, in elements or vectors.
struct copy_push {
    uint32_t count;
    int32_t size[3];
    int32_t from[4], to[4];
    int32_t from_offset, to_offset;
};

hone_status hone_op_copy_launch(const struct hone_op_copy *copy, enum hone_dtype dtype, int input,
                                bool vec4, struct hone_launch *launch) {
    struct hone_op_copy words;
    hone_op_copy_words(copy, dtype, &words); // infer has refused torn ones
    struct hone_operand from = {.kind = HONE_OPERAND_INPUT, .index = (uint8_t)input},
                        to = {.kind = HONE_OPERAND_OUTPUT};
    return hone_op_copy_between(&words, from, to, vec4, launch);
}

hone_status hone_op_copy_between(const struct hone_op_copy *copy, struct hone_operand from,
                                 struct hone_operand to, bool vec4, struct hone_launch *launch) {
    struct walk c = walk_of(copy);
    int32_t width = vec4 ? 4 : 1;
    c.size[3] /= width;
    struct copy_push push = {
        .count =
            (uint32_t)c.size[0] * (uint32_t)c.size[1] * (uint32_t)c.size[2] * (uint32_t)c.size[3],
        .from_offset = copy->from_offset / width,
        .to_offset = copy->to_offset / width,
    };
    memcpy(push.size, &c.size[1], sizeof push.size);
    for (int i = 0; i < 4; i++) {
        push.from[i] = i < 3 ? c.from[i] / width : c.from[i];
        push.to[i] = i < 3 ? c.to[i] / width : c.to[i];
    }
    struct hone_dispatch *dispatch =
        hone_op_linear(launch, vec4 ? "copy_vec4" : "copy_u32", push.count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_spec(dispatch, (uint32_t)c.rank);
    hone_dispatch_push(dispatch, &push, sizeof push);
    dispatch->operands[0] = from;
    dispatch->operands[1] = to;
    dispatch->operand_count = 2;
    return HONE_OK;
}
