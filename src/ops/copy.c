// copy.c: see copy.h.
#include "ops/copy.h"
#include "ops/common.h"

#include <string.h>

// The copy with its axes joined; returns how many are left.
static int joined(const struct hone_op_copy *copy, struct hone_op_copy *out) {
    int32_t stride[2][4];
    *out = *copy;
    memcpy(stride[0], copy->from, sizeof stride[0]);
    memcpy(stride[1], copy->to, sizeof stride[1]);
    int rank = hone_op_collapse(out->size, stride, 2);
    memcpy(out->from, stride[0], sizeof stride[0]);
    memcpy(out->to, stride[1], sizeof stride[1]);
    return rank;
}

bool hone_op_copy_fits_vec4(const struct hone_op_copy *copy) {
    struct hone_op_copy c;
    joined(copy, &c);
    if (c.size[3] % 4 || c.from[3] != 1 || c.to[3] != 1) return false;
    if (c.from_offset % 4 || c.to_offset % 4) return false;
    for (int i = 0; i < 3; i++)
        if (c.from[i] % 4 || c.to[i] % 4) return false;
    return true;
}

void hone_op_copy_ref(const struct hone_op_copy *copy, const double *from, double *to) {
    int32_t at[4] = {0};
    do {
        int64_t i = copy->from_offset, o = copy->to_offset;
        for (int k = 0; k < 4; k++) {
            i += (int64_t)at[k] * copy->from[k];
            o += (int64_t)at[k] * copy->to[k];
        }
        to[o] = from[i];
    } while (hone_op_next4(at, copy->size));
}

// The push block of copy.comp, in elements or vectors.
struct copy_push {
    uint32_t count;
    int32_t size[3];
    int32_t from[4], to[4];
    int32_t from_offset, to_offset;
};

hone_status hone_op_copy_launch(const struct hone_op_copy *copy, int input, bool vec4,
                                struct hone_launch *launch) {
    struct hone_op_copy c;
    int rank = joined(copy, &c);
    int32_t width = vec4 ? 4 : 1;
    c.size[3] /= width;
    struct copy_push push = {
        .count =
            (uint32_t)c.size[0] * (uint32_t)c.size[1] * (uint32_t)c.size[2] * (uint32_t)c.size[3],
        .from_offset = c.from_offset / width,
        .to_offset = c.to_offset / width,
    };
    memcpy(push.size, &c.size[1], sizeof push.size);
    for (int i = 0; i < 4; i++) {
        push.from[i] = i < 3 ? c.from[i] / width : c.from[i];
        push.to[i] = i < 3 ? c.to[i] / width : c.to[i];
    }
    struct hone_dispatch *dispatch =
        hone_op_linear(launch, vec4 ? "copy_vec4" : "copy_u32", push.count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_spec(dispatch, (uint32_t)rank);
    hone_dispatch_push(dispatch, &push, sizeof push);
    hone_dispatch_in(dispatch, input);
    hone_dispatch_out(dispatch, 0);
    return HONE_OK;
}
