// layout_box.c: boxes inside boxes.
//
//   concat(x...)   the inputs one after the other along an axis; repeated over the pictures
//   slice(x)       x[begin .. begin + size) on each axis; size 0 means up to the end
//   pad(x)         x with `before` and `after` more elements of `value` on each axis
//
// slice is the gradient of pad and of concat, pad the gradient of slice. concat and slice take
// every dtype of 32 bits, pad takes f32; all take f16 and bf16 where no word of two elements is
// torn.
#include "base/half.h"
#include "ops/common.h"
#include "ops/copy.h"
#include "ops/ops.h"

#include <string.h>

// ---- concat
// ------------------------------------------------------------------------------------------------

// Where input `input` goes.
static struct hone_op_copy concat_copy(const void *attrs_, const struct hone_desc *in, int input,
                                       const struct hone_desc *y) {
    const struct hone_concat_attrs *attrs = attrs_;
    struct hone_op_copy copy = {0};
    int32_t dim[HONE_OP_AXES];
    hone_op_dims(&in[input], copy.size);
    hone_op_strides(&in[input], copy.from); // 0 where it repeats
    hone_op_dims(y, dim);
    hone_op_dense(dim, copy.to);
    if (attrs->axis > 0) copy.size[hone_op_axis(0, y->rank)] = y->dim[0];
    for (int i = 0; i < input; i++)
        copy.to_offset += in[i].dim[attrs->axis] * copy.to[hone_op_axis(attrs->axis, y->rank)];
    return copy;
}

static hone_status concat_infer(const struct hone_infer_args *args) {
    const struct hone_concat_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_words(args, 0));
    const struct hone_desc *first = &args->in[0];
    if (attrs->axis < 0 || attrs->axis >= first->rank) {
        char text[HONE_DESC_TEXT];
        return hone_fail(HONE_INVALID, "axis %d: not an axis of %s", attrs->axis,
                         hone_desc_text(first, text));
    }
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int k = 0; k < first->rank; k++) dim[k] = first->dim[k];
    for (int i = 1; i < args->input_count; i++) {
        HONE_TRY(hone_op_expect_words(args, i));
        struct hone_desc like = args->in[i];
        if (like.rank == first->rank) like.dim[attrs->axis] = first->dim[attrs->axis];
        if (attrs->axis > 0 && dim[0] == 1) dim[0] = like.dim[0];
        if (attrs->axis > 0 && (like.dim[0] == 1 || like.dim[0] == dim[0]))
            like.dim[0] = first->dim[0]; // repeated
        if (!hone_desc_equal(&like, first))
            return hone_op_fail_dims("inputs may differ along the axis only", first, &args->in[i]);
        dim[attrs->axis] += args->in[i].dim[attrs->axis];
    }
    HONE_TRY(hone_op_set(&args->out[0], first->dtype, first->rank, dim));
    for (int i = 0; i < args->input_count; i++) {
        struct hone_op_copy copy = concat_copy(attrs, args->in, i, &args->out[0]);
        HONE_TRY(hone_op_copy_check(&copy, first->dtype));
    }
    return HONE_OK;
}

static void concat_grad(struct hone_graph *graph, const struct hone_node *node,
                        const hone_value *dout, const bool *want, hone_value *din) {
    const struct hone_concat_attrs *attrs = node->attrs;
    int32_t begin = 0;
    for (int i = 0; i < node->input_count; i++) {
        struct hone_slice_attrs part = {0};
        part.begin[attrs->axis] = begin;
        part.size[attrs->axis] = hone_graph_desc(graph, node->inputs[i])->dim[attrs->axis];
        begin += part.size[attrs->axis];
        if (!want[i]) continue;
        din[i] = HONE_EMIT(graph, &hone_op_slice, NULL, &part, dout[0]);
        struct hone_shape_attrs own;
        hone_op_shape_of(hone_graph_desc(graph, node->inputs[i]), &own);
        if (graph->status == HONE_OK && own.dim[0] != hone_graph_desc(graph, din[i])->dim[0])
            din[i] = HONE_EMIT(graph, &hone_op_reduce_to, NULL, &own, din[i]);
    }
}

static void concat_ref(const struct hone_ref_args *args) {
    for (int i = 0; i < args->input_count; i++) {
        struct hone_op_copy copy = concat_copy(args->attrs, args->in_desc, i, &args->out_desc[0]);
        hone_op_copy_ref(&copy, args->in[i], args->out[0]);
    }
}

// One dispatch an input, each by vectors where it can.
static hone_status concat_launch(const struct hone_row_args *args, struct hone_launch *launch,
                                 bool vectors) {
    const struct hone_infer_args *node = args->node;
    for (int i = 0; i < node->input_count; i++) {
        struct hone_op_copy copy = concat_copy(node->attrs, node->in, i, &node->out[0]);
        bool vec4 = vectors && hone_op_copy_fits_vec4(&copy, node->in[0].dtype);
        HONE_TRY(hone_op_copy_launch(&copy, node->in[0].dtype, i, vec4, launch));
    }
    return HONE_OK;
}

static bool concat_fits_vec4(const struct hone_row_args *args) {
    const struct hone_infer_args *node = args->node;
    for (int i = 0; i < node->input_count; i++) {
        struct hone_op_copy copy = concat_copy(node->attrs, node->in, i, &node->out[0]);
        if (hone_op_copy_fits_vec4(&copy, node->in[0].dtype)) return true;
    }
    return false;
}

static hone_status concat_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return concat_launch(args, launch, true);
}

static hone_status concat_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return concat_launch(args, launch, false);
}

// Picture by picture, where none is repeated and the axis is another.
static bool concat_slices(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    const struct hone_concat_attrs *attrs = args->attrs;
    for (int i = 0; i < args->input_count; i++)
        if (args->in[i].dim[0] != args->out[0].dim[0]) return false;
    return attrs->axis > 0 && hone_op_slices_all(args, inputs, outputs);
}

static const struct hone_field concat_fields[] = {
    HONE_FIELD(hone_concat_attrs, axis, HONE_FIELD_I32, 1),
};

static const struct hone_op_row concat_rows[] = {
    {.name = "vec4", .fits = concat_fits_vec4, .setup = concat_setup_vec4},
    {.name = "plain", .setup = concat_setup},
};

const struct hone_op hone_op_concat = {
    .name = "concat",
    .inputs_min = 1,
    .inputs_max = HONE_LAUNCH_DISPATCHES, // longer lists are concats of concats
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_concat_attrs),
    .fields = concat_fields,
    .field_count = 1,
    .infer = concat_infer,
    .data_inputs = UINT32_MAX,
    .grad = concat_grad,
    .ref = concat_ref,
    .cost = hone_op_cost_copy,
    .slices = concat_slices,
    .rows = concat_rows,
    .row_count = 2,
};

// ---- slice
// -------------------------------------------------------------------------------------------------

static struct hone_op_copy slice_copy(const void *attrs_, const struct hone_desc *x,
                                      const struct hone_desc *y) {
    const struct hone_slice_attrs *attrs = attrs_;
    struct hone_op_copy copy = {0};
    int32_t dim[HONE_OP_AXES];
    hone_op_dims(x, dim);
    hone_op_dense(dim, copy.from);
    hone_op_dims(y, copy.size);
    hone_op_dense(copy.size, copy.to);
    for (int i = 0; i < x->rank; i++)
        copy.from_offset += attrs->begin[i] * copy.from[hone_op_axis(i, x->rank)];
    return copy;
}

static hone_status slice_infer(const struct hone_infer_args *args) {
    const struct hone_slice_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_words(args, 0));
    const struct hone_desc *x = &args->in[0];
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        int64_t begin = attrs->begin[i], size = attrs->size[i];
        dim[i] = size == 0 ? x->dim[i] - begin : size;
        if (begin < 0 || size < 0 || dim[i] < 1 || begin + dim[i] > x->dim[i]) {
            char text[HONE_DESC_TEXT];
            return hone_fail(HONE_INVALID, "%lld elements from %lld on: not in dimension %d of %s",
                             (long long)dim[i], (long long)begin, i, hone_desc_text(x, text));
        }
    }
    HONE_TRY(hone_op_set(&args->out[0], x->dtype, x->rank, dim));
    struct hone_op_copy copy = slice_copy(attrs, x, &args->out[0]);
    return hone_op_copy_check(&copy, x->dtype);
}

static void slice_grad(struct hone_graph *graph, const struct hone_node *node,
                       const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    const struct hone_slice_attrs *attrs = node->attrs;
    const struct hone_desc x = *hone_graph_desc(graph, node->inputs[0]);
    const struct hone_desc y = *hone_graph_desc(graph, node->outputs[0]);
    struct hone_pad_attrs around = {0};
    for (int i = 0; i < x.rank; i++) {
        around.before[i] = attrs->begin[i];
        around.after[i] = x.dim[i] - attrs->begin[i] - y.dim[i];
    }
    din[0] = HONE_EMIT(graph, &hone_op_pad, NULL, &around, dout[0]);
}

static void slice_ref(const struct hone_ref_args *args) {
    struct hone_op_copy copy = slice_copy(args->attrs, &args->in_desc[0], &args->out_desc[0]);
    hone_op_copy_ref(&copy, args->in[0], args->out[0]);
}

static bool slice_fits_vec4(const struct hone_row_args *args) {
    const struct hone_infer_args *node = args->node;
    struct hone_op_copy copy = slice_copy(node->attrs, &node->in[0], &node->out[0]);
    return hone_op_copy_fits_vec4(&copy, node->in[0].dtype);
}

static hone_status slice_launch(const struct hone_row_args *args, struct hone_launch *launch,
                                bool vec4) {
    const struct hone_infer_args *node = args->node;
    struct hone_op_copy copy = slice_copy(node->attrs, &node->in[0], &node->out[0]);
    return hone_op_copy_launch(&copy, node->in[0].dtype, 0, vec4, launch);
}

static hone_status slice_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return slice_launch(args, launch, true);
}

static hone_status slice_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return slice_launch(args, launch, false);
}

static const struct hone_field slice_fields[] = {
    HONE_FIELD(hone_slice_attrs, begin, HONE_FIELD_I32, HONE_MAX_RANK),
    HONE_FIELD(hone_slice_attrs, size, HONE_FIELD_I32, HONE_MAX_RANK),
};

static const struct hone_op_row slice_rows[] = {
    {.name = "vec4", .fits = slice_fits_vec4, .setup = slice_setup_vec4},
    {.name = "plain", .setup = slice_setup},
};

const struct hone_op hone_op_slice = {
    .name = "slice",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_slice_attrs),
    .fields = slice_fields,
    .field_count = 2,
    .infer = slice_infer,
    .data_inputs = 1,
    .grad = slice_grad,
    .ref = slice_ref,
    .cost = hone_op_cost_copy,
    .rows = slice_rows,
    .row_count = 2,
};

// ---- pad
// ---------------------------------------------------------------------------------------------------

// The push block of shaders/layout/pad.comp: sizes of y and x and the corner of x in y, four axes;
// the last in words or vectors of them, the value as the bits of a word.
struct pad_push {
    uint32_t count;
    int32_t out[HONE_OP_WALK], in[HONE_OP_WALK], before[HONE_OP_WALK];
    uint32_t value;
};

// Joins each axis with the one in front that has no border behind it; returns how many are left.
static int pad_walk(const struct hone_pad_attrs *attrs, const struct hone_desc *x,
                    struct pad_push *push) {
    int to = HONE_OP_WALK, axes = 0;
    bool border = true; // the axis being built has one
    for (int i = x->rank - 1; i >= 0; i--) {
        int32_t before = attrs->before[i], out = x->dim[i] + before + attrs->after[i];
        if (border) {
            axes++;
            if (--to < 0) continue; // refused by infer
            push->out[to] = push->in[to] = 1;
        }
        if (to < 0) continue;
        push->before[to] = before * push->in[to];
        push->in[to] *= x->dim[i];
        push->out[to] *= out;
        border = out != x->dim[i];
    }
    for (int i = 0; i < to; i++) {
        push->out[i] = push->in[i] = 1;
        push->before[i] = 0;
    }
    return axes;
}

static hone_status pad_infer(const struct hone_infer_args *args) {
    const struct hone_pad_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_float(args, 0, "x", -1));
    const struct hone_desc *x = &args->in[0];
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        if (attrs->before[i] < 0 || attrs->after[i] < 0)
            return hone_fail(HONE_INVALID,
                             "padding %d, %d of dimension %d is negative; slice takes away",
                             attrs->before[i], attrs->after[i], i);
        dim[i] = (int64_t)x->dim[i] + attrs->before[i] + attrs->after[i];
    }
    HONE_TRY(hone_op_set(&args->out[0], x->dtype, x->rank, dim));
    struct pad_push push;
    int axes = pad_walk(attrs, x, &push), last = HONE_OP_WALK - 1;
    if (x->dtype != HONE_F32 && (push.in[last] | push.before[last] | push.out[last]) % 2)
        return hone_fail(HONE_INVALID,
                         "in 16 bits the last dimension and its borders must be even: "
                         "cast to f32");
    if (axes <= HONE_OP_WALK) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED, "borders of more than %d axes", HONE_OP_WALK);
}

static void pad_grad(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                     const bool *want, hone_value *din) {
    (void)want;
    const struct hone_pad_attrs *attrs = node->attrs;
    const struct hone_desc *x = hone_graph_desc(graph, node->inputs[0]);
    struct hone_slice_attrs inside = {0};
    for (int i = 0; i < x->rank; i++) {
        inside.begin[i] = attrs->before[i];
        inside.size[i] = x->dim[i];
    }
    din[0] = HONE_EMIT(graph, &hone_op_slice, NULL, &inside, dout[0]);
}

static void pad_ref(const struct hone_ref_args *args) {
    const struct hone_pad_attrs *attrs = args->attrs;
    const struct hone_desc *x = &args->in_desc[0], *y = &args->out_desc[0];
    struct hone_op_copy copy = {0};
    int32_t dim[HONE_OP_AXES];
    hone_op_dims(x, copy.size);
    hone_op_dense(copy.size, copy.from);
    hone_op_dims(y, dim);
    hone_op_dense(dim, copy.to);
    for (int i = 0; i < x->rank; i++)
        copy.to_offset += attrs->before[i] * copy.to[hone_op_axis(i, x->rank)];
    int64_t count = hone_desc_elements(y);
    for (int64_t i = 0; i < count; i++) args->out[0][i] = (double)attrs->value;
    hone_op_copy_ref(&copy, args->in[0], args->out[0]);
}

// The value as it is stored, as often as a word holds it.
static uint32_t pad_word(enum hone_dtype dtype, float value) {
    uint32_t word;
    memcpy(&word, &value, sizeof word);
    if (dtype == HONE_F32) return word;
    uint32_t half = dtype == HONE_F16 ? hone_half_from_float(value) : hone_bf16_from_float(value);
    return half | half << 16;
}

// The walk in words.
static void pad_words(const struct hone_infer_args *node, struct pad_push *push) {
    const struct hone_pad_attrs *attrs = node->attrs;
    int32_t each = 4 / (int32_t)hone_dtype_bytes(node->in[0].dtype);
    pad_walk(attrs, &node->in[0], push);
    push->out[3] /= each;
    push->in[3] /= each;
    push->before[3] /= each;
    push->value = pad_word(node->in[0].dtype, attrs->value);
}

static hone_status pad_launch(const struct hone_row_args *args, struct hone_launch *launch,
                              int32_t width) {
    struct pad_push push;
    pad_words(args->node, &push);
    push.out[3] /= width;
    push.in[3] /= width;
    push.before[3] /= width;
    push.count = (uint32_t)push.out[0] * (uint32_t)push.out[1] * (uint32_t)push.out[2] *
                 (uint32_t)push.out[3];
    struct hone_dispatch *dispatch =
        hone_op_linear(launch, width > 1 ? "pad_vec4" : "pad_u32", push.count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &push, sizeof push);
    hone_op_bind_all(dispatch, 1, 1);
    return HONE_OK;
}

// The innermost axis, after joining, is made of whole vectors, border and all.
static bool pad_fits_vec4(const struct hone_row_args *args) {
    struct pad_push push;
    pad_words(args->node, &push);
    return push.in[3] % 4 == 0 && push.before[3] % 4 == 0 && push.out[3] % 4 == 0;
}

static hone_status pad_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return pad_launch(args, launch, 4);
}

static hone_status pad_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return pad_launch(args, launch, 1);
}

static const struct hone_field pad_fields[] = {
    HONE_FIELD(hone_pad_attrs, before, HONE_FIELD_I32, HONE_MAX_RANK),
    HONE_FIELD(hone_pad_attrs, after, HONE_FIELD_I32, HONE_MAX_RANK),
    HONE_FIELD(hone_pad_attrs, value, HONE_FIELD_F32, 1),
};

static const struct hone_op_row pad_rows[] = {
    {.name = "vec4", .fits = pad_fits_vec4, .setup = pad_setup_vec4},
    {.name = "plain", .setup = pad_setup},
};

const struct hone_op hone_op_pad = {
    .name = "pad",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_pad_attrs),
    .fields = pad_fields,
    .field_count = 3,
    .infer = pad_infer,
    .data_inputs = 1,
    .grad = pad_grad,
    .ref = pad_ref,
    .cost = hone_op_cost_copy,
    .rows = pad_rows,
    .row_count = 2,
};
