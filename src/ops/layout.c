// layout.c: the same elements in another place.
//
//   reshape(x), view(slab)    a window with another shape: no kernel, the planner places it
//   pack(x...)                the reverse of view: the planner places the inputs inside the slab
//   permute(x)                y.dim[i] = x.dim[perm[i]]
//   flip(x)                   some axes in the other direction
//
// concat, slice and pad stand in layout_box.c; the copies are those of copy.h.
#include "ops/common.h"
#include "ops/copy.h"
#include "ops/ops.h"

#include <string.h>

static void copy_ref(const double *from, double *to, int64_t count) {
    memcpy(to, from, (size_t)count * sizeof *to);
}

// ---- reshape
// -----------------------------------------------------------------------------------------------

static hone_status reshape_infer(const struct hone_infer_args *args) {
    const struct hone_shape_attrs *attrs = args->attrs;
    const struct hone_desc *x = &args->in[0];
    if (attrs->rank < 0 || attrs->rank > HONE_MAX_RANK)
        return hone_fail(HONE_INVALID, "a shape of %d dimensions; at most %d are possible",
                         attrs->rank, HONE_MAX_RANK);
    int64_t dim[HONE_MAX_RANK] = {0}, known = 1;
    int64_t count = hone_desc_elements(x);
    int rest = -1;
    for (int i = 0; i < attrs->rank; i++) {
        dim[i] = i == 0 && attrs->dim[0] == 0 && x->rank > 0 ? x->dim[0] : attrs->dim[i];
        if (dim[i] == -1 && rest < 0) {
            rest = i;
        } else if (dim[i] < 1) {
            return hone_fail(HONE_INVALID, "dimension %d of the new shape is %lld", i,
                             (long long)dim[i]);
        } else if ((known *= dim[i]) > count) {
            char text[HONE_DESC_TEXT];
            return hone_fail(HONE_INVALID, "the new shape has more elements than %s",
                             hone_desc_text(x, text));
        }
    }
    if (rest >= 0) dim[rest] = count / known;
    HONE_TRY(hone_op_set(&args->out[0], x->dtype, attrs->rank, dim));
    if (hone_desc_elements(&args->out[0]) != count)
        return hone_op_fail_dims("a reshape keeps the number of elements", x, &args->out[0]);
    return HONE_OK;
}

static void reshape_grad(struct hone_graph *graph, const struct hone_node *node,
                         const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    struct hone_shape_attrs shape;
    hone_op_shape_of(hone_graph_desc(graph, node->inputs[0]), &shape);
    din[0] = HONE_EMIT(graph, &hone_op_reshape, NULL, &shape, dout[0]);
}

static void reshape_ref(const struct hone_ref_args *args) {
    copy_ref(args->in[0], args->out[0], hone_desc_elements(&args->out_desc[0]));
}

static struct hone_cost view_cost(const struct hone_infer_args *args) {
    (void)args;
    return (struct hone_cost){0};
}

static bool reshape_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k > 0) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_VIEW};
    return true;
}

static const struct hone_field shape_fields[] = {
    HONE_FIELD(hone_shape_attrs, rank, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_shape_attrs, dim, HONE_FIELD_I32, HONE_MAX_RANK),
};

const struct hone_op hone_op_reshape = {
    .name = "reshape",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_VIEW,
    .attrs_bytes = sizeof(struct hone_shape_attrs),
    .fields = shape_fields,
    .field_count = 2,
    .infer = reshape_infer,
    .data_inputs = 1,
    .grad = reshape_grad,
    .ref = reshape_ref,
    .cost = view_cost,
    .alias = reshape_alias,
};

// ---- view, pack: parameters in a slab
// ----------------------------------------------------------------------

int64_t hone_pack_stride(const struct hone_desc *desc) {
    int64_t count = hone_desc_elements(desc);
    return (count + HONE_PACK_ALIGN - 1) / HONE_PACK_ALIGN * HONE_PACK_ALIGN;
}

static hone_status view_infer(const struct hone_infer_args *args) {
    const struct hone_view_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_f32(args, 0, "slab", 1));
    if (attrs->offset < 0 || attrs->offset % HONE_PACK_ALIGN)
        return hone_fail(HONE_INVALID, "offset %d is not a multiple of %d", attrs->offset,
                         HONE_PACK_ALIGN);
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < attrs->rank && i < HONE_MAX_RANK; i++) dim[i] = attrs->dim[i];
    HONE_TRY(hone_op_set(&args->out[0], HONE_F32, attrs->rank, dim));
    if (attrs->offset + hone_desc_elements(&args->out[0]) > args->in[0].dim[0]) {
        char text[HONE_DESC_TEXT];
        return hone_fail(HONE_INVALID, "%s from element %d on ends behind the slab's %d elements",
                         hone_desc_text(&args->out[0], text), attrs->offset, args->in[0].dim[0]);
    }
    return HONE_OK;
}

// The gradient of the slab: the gradient of the window, and zeros around it.
static void view_grad(struct hone_graph *graph, const struct hone_node *node,
                      const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    const struct hone_view_attrs *attrs = node->attrs;
    int32_t count = (int32_t)hone_desc_elements(hone_graph_desc(graph, dout[0]));
    int32_t length = hone_graph_desc(graph, node->inputs[0])->dim[0];
    const struct hone_shape_attrs flat = {.rank = 1, .dim = {count}};
    const struct hone_pad_attrs around = {.before = {attrs->offset},
                                          .after = {length - attrs->offset - count}};
    hone_value row = HONE_EMIT(graph, &hone_op_reshape, NULL, &flat, dout[0]);
    din[0] = HONE_EMIT(graph, &hone_op_pad, NULL, &around, row);
}

static void view_ref(const struct hone_ref_args *args) {
    const struct hone_view_attrs *attrs = args->attrs;
    copy_ref(args->in[0] + attrs->offset, args->out[0], hone_desc_elements(&args->out_desc[0]));
}

static bool view_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    if (k > 0) return false;
    const struct hone_view_attrs *attrs = args->attrs;
    *out = (struct hone_alias){.kind = HONE_ALIAS_VIEW,
                               .offset_bytes = (uint64_t)attrs->offset * sizeof(float)};
    return true;
}

static const struct hone_field view_fields[] = {
    HONE_FIELD(hone_view_attrs, offset, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_view_attrs, rank, HONE_FIELD_I32, 1),
    HONE_FIELD(hone_view_attrs, dim, HONE_FIELD_I32, HONE_MAX_RANK),
};

const struct hone_op hone_op_view = {
    .name = "view",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .flags = HONE_OP_VIEW,
    .attrs_bytes = sizeof(struct hone_view_attrs),
    .fields = view_fields,
    .field_count = 3,
    .infer = view_infer,
    .grad = view_grad,
    .ref = view_ref,
    .cost = view_cost,
    .alias = view_alias,
};

static hone_status pack_infer(const struct hone_infer_args *args) {
    int64_t length = 0;
    for (int i = 0; i < args->input_count; i++) {
        char what[16] = "input";
        HONE_TRY(hone_op_expect_f32(args, i, what, -1));
        length += hone_pack_stride(&args->in[i]);
    }
    return hone_op_set(&args->out[0], HONE_F32, 1, &length);
}

static void pack_grad(struct hone_graph *graph, const struct hone_node *node,
                      const hone_value *dout, const bool *want, hone_value *din) {
    int64_t offset = 0;
    for (int i = 0; i < node->input_count; i++) {
        const struct hone_desc desc = *hone_graph_desc(graph, node->inputs[i]);
        struct hone_view_attrs window = {.offset = (int32_t)offset, .rank = desc.rank};
        memcpy(window.dim, desc.dim, (size_t)desc.rank * sizeof *window.dim);
        if (want[i]) din[i] = HONE_EMIT(graph, &hone_op_view, NULL, &window, dout[0]);
        offset += hone_pack_stride(&desc);
    }
}

static void pack_ref(const struct hone_ref_args *args) {
    double *to = args->out[0];
    for (int i = 0; i < args->input_count; i++) {
        int64_t count = hone_desc_elements(&args->in_desc[i]);
        int64_t stride = hone_pack_stride(&args->in_desc[i]);
        copy_ref(args->in[i], to, count);
        for (int64_t k = count; k < stride; k++) to[k] = 0;
        to += stride;
    }
}

static bool pack_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    if (k >= args->input_count) return false;
    uint64_t offset = 0;
    for (int i = 0; i < k; i++) offset += (uint64_t)hone_pack_stride(&args->in[i]);
    *out = (struct hone_alias){
        .kind = HONE_ALIAS_PACK, .input = k, .offset_bytes = offset * sizeof(float)};
    return true;
}

// No rows: the planner places every input inside the slab (through a copy of those that live
// elsewhere), and the gaps, which nobody writes, are zeroed once when the slab is made.
const struct hone_op hone_op_pack = {
    .name = "pack",
    .inputs_min = 1,
    .inputs_max = HONE_OP_VARIADIC,
    .outputs = 1,
    .flags = HONE_OP_PACK,
    .infer = pack_infer,
    .grad = pack_grad,
    .ref = pack_ref,
    .cost = view_cost,
    .alias = pack_alias,
};

// ---- permute
// -----------------------------------------------------------------------------------------------

static struct hone_op_copy permute_copy(const void *attrs_, const struct hone_desc *x,
                                        const struct hone_desc *y) {
    const struct hone_permute_attrs *attrs = attrs_;
    struct hone_op_copy copy = {0};
    int32_t dim[HONE_OP_AXES], stride[HONE_OP_AXES];
    hone_op_dims(x, dim);
    hone_op_dense(dim, stride);
    hone_op_dims(y, copy.size);
    hone_op_dense(copy.size, copy.to);
    for (int i = 0; i < y->rank; i++)
        copy.from[hone_op_axis(i, y->rank)] = stride[hone_op_axis(attrs->perm[i], x->rank)];
    return copy;
}

static hone_status permute_infer(const struct hone_infer_args *args) {
    const struct hone_permute_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_words(args, 0));
    const struct hone_desc *x = &args->in[0];
    unsigned seen = 0;
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < x->rank; i++) {
        int axis = attrs->perm[i];
        if (axis < 0 || axis >= x->rank || (seen & 1u << axis)) {
            char text[HONE_DESC_TEXT];
            return hone_fail(HONE_INVALID, "perm[%d] = %d: not a permutation of the axes of %s", i,
                             axis, hone_desc_text(x, text));
        }
        seen |= 1u << axis;
        dim[i] = x->dim[axis];
    }
    HONE_TRY(hone_op_set(&args->out[0], x->dtype, x->rank, dim));
    struct hone_op_copy copy = permute_copy(attrs, x, &args->out[0]);
    return hone_op_copy_check(&copy, x->dtype);
}

static void permute_grad(struct hone_graph *graph, const struct hone_node *node,
                         const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    const struct hone_permute_attrs *attrs = node->attrs;
    struct hone_permute_attrs inverse = {0};
    int rank = hone_graph_desc(graph, dout[0])->rank;
    for (int i = 0; i < rank; i++) inverse.perm[attrs->perm[i]] = i;
    din[0] = HONE_EMIT(graph, &hone_op_permute, NULL, &inverse, dout[0]);
}

static void permute_ref(const struct hone_ref_args *args) {
    struct hone_op_copy copy = permute_copy(args->attrs, &args->in_desc[0], &args->out_desc[0]);
    hone_op_copy_ref(&copy, args->in[0], args->out[0]);
}

static bool permute_fits_vec4(const struct hone_row_args *args) {
    const struct hone_infer_args *node = args->node;
    struct hone_op_copy copy = permute_copy(node->attrs, &node->in[0], &node->out[0]);
    return hone_op_copy_fits_vec4(&copy, node->in[0].dtype);
}

static hone_status permute_launch(const struct hone_row_args *args, struct hone_launch *launch,
                                  bool vec4) {
    const struct hone_infer_args *node = args->node;
    struct hone_op_copy copy = permute_copy(node->attrs, &node->in[0], &node->out[0]);
    return hone_op_copy_launch(&copy, node->in[0].dtype, 0, vec4, launch);
}

static hone_status permute_setup_vec4(const struct hone_row_args *args,
                                      struct hone_launch *launch) {
    return permute_launch(args, launch, true);
}

static hone_status permute_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return permute_launch(args, launch, false);
}

static const struct hone_field permute_fields[] = {
    HONE_FIELD(hone_permute_attrs, perm, HONE_FIELD_I32, HONE_MAX_RANK),
};

static const struct hone_op_row permute_rows[] = {
    {.name = "vec4", .fits = permute_fits_vec4, .setup = permute_setup_vec4},
    {.name = "plain", .setup = permute_setup},
};

const struct hone_op hone_op_permute = {
    .name = "permute",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_permute_attrs),
    .fields = permute_fields,
    .field_count = 1,
    .infer = permute_infer,
    .data_inputs = 1,
    .grad = permute_grad,
    .ref = permute_ref,
    .cost = hone_op_cost_copy,
    .rows = permute_rows,
    .row_count = 2,
};

// ---- flip
// --------------------------------------------------------------------------------------------------

// From the far end of each axis that turns, with steps backwards.
static struct hone_op_copy flip_copy(const void *attrs_, const struct hone_desc *x) {
    const struct hone_flip_attrs *attrs = attrs_;
    struct hone_op_copy copy = {0};
    hone_op_dims(x, copy.size);
    hone_op_dense(copy.size, copy.to);
    memcpy(copy.from, copy.to, sizeof copy.from);
    for (int i = 0; i < x->rank; i++) {
        int axis = hone_op_axis(i, x->rank);
        if (!(attrs->axes & 1 << i)) continue;
        copy.from_offset += (copy.size[axis] - 1) * copy.from[axis];
        copy.from[axis] = -copy.from[axis];
    }
    return copy;
}

static hone_status flip_infer(const struct hone_infer_args *args) {
    const struct hone_flip_attrs *attrs = args->attrs;
    HONE_TRY(hone_op_expect_words(args, 0));
    const struct hone_desc *x = &args->in[0];
    if (attrs->axes < 0 || attrs->axes >> x->rank) {
        char text[HONE_DESC_TEXT];
        return hone_fail(HONE_INVALID, "axes %#x: not all are axes of %s", (unsigned)attrs->axes,
                         hone_desc_text(x, text));
    }
    args->out[0] = *x;
    struct hone_op_copy copy = flip_copy(attrs, x);
    return hone_op_copy_check(&copy, x->dtype);
}

static void flip_grad(struct hone_graph *graph, const struct hone_node *node,
                      const hone_value *dout, const bool *want, hone_value *din) {
    (void)want;
    din[0] = HONE_EMIT(graph, &hone_op_flip, NULL, node->attrs, dout[0]);
}

static void flip_ref(const struct hone_ref_args *args) {
    struct hone_op_copy copy = flip_copy(args->attrs, &args->in_desc[0]);
    hone_op_copy_ref(&copy, args->in[0], args->out[0]);
}

static bool flip_fits_vec4(const struct hone_row_args *args) {
    struct hone_op_copy copy = flip_copy(args->node->attrs, &args->node->in[0]);
    return hone_op_copy_fits_vec4(&copy, args->node->in[0].dtype);
}

static hone_status flip_launch(const struct hone_row_args *args, struct hone_launch *launch,
                               bool vec4) {
    const struct hone_desc *x = &args->node->in[0];
    struct hone_op_copy copy = flip_copy(args->node->attrs, x);
    return hone_op_copy_launch(&copy, x->dtype, 0, vec4, launch);
}

static hone_status flip_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return flip_launch(args, launch, true);
}

static hone_status flip_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return flip_launch(args, launch, false);
}

static bool flip_slices(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    const struct hone_flip_attrs *attrs = args->attrs;
    return !(attrs->axes & 1) && hone_op_slices_all(args, inputs, outputs);
}

static const struct hone_field flip_fields[] = {
    HONE_FIELD(hone_flip_attrs, axes, HONE_FIELD_I32, 1),
};

static const struct hone_op_row flip_rows[] = {
    {.name = "vec4", .fits = flip_fits_vec4, .setup = flip_setup_vec4},
    {.name = "plain", .setup = flip_setup},
};

const struct hone_op hone_op_flip = {
    .name = "flip",
    .inputs_min = 1,
    .inputs_max = 1,
    .outputs = 1,
    .attrs_bytes = sizeof(struct hone_flip_attrs),
    .fields = flip_fields,
    .field_count = 1,
    .infer = flip_infer,
    .data_inputs = 1,
    .grad = flip_grad,
    .ref = flip_ref,
    .cost = hone_op_cost_copy,
    .slices = flip_slices,
    .rows = flip_rows,
    .row_count = 2,
};
