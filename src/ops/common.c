// common.c: see common.h.
#include "ops/common.h"

#include <stdio.h>
#include <string.h>

bool hone_op_has(const struct hone_infer_args *args, int input) {
    return input < args->input_count && args->in[input].rank >= 0;
}

hone_status hone_op_expect(const struct hone_infer_args *args, int input, const char *what,
                           enum hone_dtype dtype, int rank) {
    if (!hone_op_has(args, input)) return hone_fail(HONE_INVALID, "input %s is missing", what);
    const struct hone_desc *in = &args->in[input];
    char text[HONE_DESC_TEXT];
    if (in->dtype != dtype)
        return hone_fail(HONE_INVALID, "%s is %s; elements of type %s are expected", what,
                         hone_desc_text(in, text), hone_dtype_name(dtype));
    if (rank >= 0 && in->rank != rank)
        return hone_fail(HONE_INVALID, "%s is %s; %d dimensions are expected", what,
                         hone_desc_text(in, text), rank);
    return HONE_OK;
}

hone_status hone_op_expect_f32(const struct hone_infer_args *args, int input, const char *what,
                               int rank) {
    return hone_op_expect(args, input, what, HONE_F32, rank);
}

hone_status hone_op_expect_float(const struct hone_infer_args *args, int input, const char *what,
                                 int rank) {
    if (!hone_op_has(args, input)) return hone_fail(HONE_INVALID, "input %s is missing", what);
    const struct hone_desc *in = &args->in[input];
    char text[HONE_DESC_TEXT];
    if (!hone_dtype_is_float(in->dtype))
        return hone_fail(HONE_INVALID, "%s is %s; f32, f16 or bf16 is expected", what,
                         hone_desc_text(in, text));
    return hone_op_expect(args, input, what, in->dtype, rank);
}

hone_status hone_op_expect_data(const struct hone_infer_args *args, int input, const char *what,
                                int rank) {
    HONE_TRY(hone_op_expect_float(args, input, what, rank));
    const struct hone_desc *in = &args->in[input];
    char text[HONE_DESC_TEXT];
    if (in->dtype == HONE_F32 || (in->rank > 0 && in->dim[in->rank - 1] % 4 == 0)) return HONE_OK;
    return hone_fail(HONE_INVALID,
                     "%s is %s; in 16 bits the last dimension must be a multiple of four: cast to "
                     "f32",
                     what, hone_desc_text(in, text));
}

hone_status hone_op_expect_one_dtype(const struct hone_infer_args *args, int input,
                                     const char *what, int other, const char *other_what) {
    char text[HONE_DESC_TEXT], other_text[HONE_DESC_TEXT];
    if (args->in[input].dtype == args->in[other].dtype) return HONE_OK;
    return hone_fail(HONE_INVALID, "%s is %s but %s is %s; their elements must be of one type",
                     what, hone_desc_text(&args->in[input], text), other_what,
                     hone_desc_text(&args->in[other], other_text));
}

bool hone_op_is_f32(const struct hone_infer_args *node, int outputs) {
    for (int i = 0; i < node->input_count; i++)
        if (hone_op_has(node, i) && hone_dtype_bytes(node->in[i].dtype) == 2) return false;
    for (int i = 0; i < outputs; i++)
        if (hone_dtype_bytes(node->out[i].dtype) == 2) return false;
    return true;
}

hone_status hone_op_expect_dim(const struct hone_infer_args *args, int input, const char *what,
                               int axis, int64_t want, const char *why) {
    const struct hone_desc *in = &args->in[input];
    char text[HONE_DESC_TEXT];
    if (axis < in->rank && in->dim[axis] == want) return HONE_OK;
    return hone_fail(HONE_INVALID, "%s is %s; dimension %d must be %lld, %s", what,
                     hone_desc_text(in, text), axis, (long long)want, why);
}

hone_status hone_op_expect_same(const struct hone_infer_args *args, int input, const char *what,
                                int other, const char *other_what) {
    if (!hone_op_has(args, input)) return hone_fail(HONE_INVALID, "input %s is missing", what);
    if (hone_desc_equal(&args->in[input], &args->in[other])) return HONE_OK;
    char text[HONE_DESC_TEXT], other_text[HONE_DESC_TEXT];
    return hone_fail(HONE_INVALID, "%s is %s but %s is %s; they must be alike", what,
                     hone_desc_text(&args->in[input], text), other_what,
                     hone_desc_text(&args->in[other], other_text));
}

hone_status hone_op_expect_words(const struct hone_infer_args *args, int input) {
    if (!hone_op_has(args, input)) return hone_fail(HONE_INVALID, "input %d is missing", input);
    char text[HONE_DESC_TEXT];
    enum hone_dtype dtype = args->in[input].dtype;
    if (hone_dtype_bytes(dtype) != 4 && dtype != HONE_F16 && dtype != HONE_BF16)
        return hone_fail(HONE_INVALID, "input %d is %s; f32, i32, f16 or bf16 is expected", input,
                         hone_desc_text(&args->in[input], text));
    return HONE_OK;
}

hone_status hone_op_fail_dims(const char *what, const struct hone_desc *a,
                              const struct hone_desc *b) {
    char text_a[HONE_DESC_TEXT], text_b[HONE_DESC_TEXT];
    return hone_fail(HONE_INVALID, "%s: %s and %s", what, hone_desc_text(a, text_a),
                     hone_desc_text(b, text_b));
}

hone_status hone_op_set(struct hone_desc *out, enum hone_dtype dtype, int rank,
                        const int64_t *dim) {
    if (rank < 0 || rank > HONE_MAX_RANK)
        return hone_fail(HONE_INVALID, "a result of %d dimensions; at most %d are possible", rank,
                         HONE_MAX_RANK);
    struct hone_desc made = {.dtype = dtype, .rank = rank};
    for (int i = 0; i < rank; i++) {
        if (dim[i] < 1 || dim[i] > INT32_MAX)
            return hone_fail(HONE_INVALID, "dimension %d of the result would be %lld", i,
                             (long long)dim[i]);
        made.dim[i] = (int32_t)dim[i];
    }
    if (!hone_desc_valid(&made)) {
        char text[HONE_DESC_TEXT];
        return hone_fail(HONE_INVALID, "a result of %s is too large: 2^31 elements or more",
                         hone_desc_text(&made, text));
    }
    *out = made;
    return HONE_OK;
}

void hone_op_dims(const struct hone_desc *desc, int32_t dim[HONE_OP_AXES]) {
    int missing = HONE_OP_AXES - desc->rank;
    for (int i = 0; i < HONE_OP_AXES; i++) dim[i] = i < missing ? 1 : desc->dim[i - missing];
}

void hone_op_strides(const struct hone_desc *desc, int32_t stride[HONE_OP_AXES]) {
    int32_t dim[HONE_OP_AXES];
    hone_op_dims(desc, dim);
    hone_op_dense(dim, stride);
    for (int i = 0; i < HONE_OP_AXES; i++)
        if (dim[i] == 1) stride[i] = 0;
}

void hone_op_dense(const int32_t dim[HONE_OP_AXES], int32_t stride[HONE_OP_AXES]) {
    int32_t step = 1;
    for (int i = HONE_OP_AXES - 1; i >= 0; i--) {
        stride[i] = step;
        step *= dim[i];
    }
}

int hone_op_axis(int axis, int rank) {
    return axis + HONE_OP_AXES - rank;
}

// Whether `operands` walk axes i and j, i outside, as one.
static bool joins(int32_t (*stride)[HONE_OP_AXES], int operands, int i, int j, int32_t size_j) {
    for (int k = 0; k < operands; k++)
        if (stride[k][i] != stride[k][j] * size_j) return false;
    return true;
}

int hone_op_collapse(int32_t size[HONE_OP_AXES], int32_t (*stride)[HONE_OP_AXES], int operands) {
    const int last = HONE_OP_AXES - 1;
    int to = last; // the axis being built; axes behind it are finished
    bool begun = false;
    for (int from = last; from >= 0; from--) {
        if (size[from] == 1) continue;
        if (begun && joins(stride, operands, from, to, size[to])) {
            size[to] *= size[from];
            continue;
        }
        if (begun) to--;
        begun = true;
        size[to] = size[from];
        for (int k = 0; k < operands; k++) stride[k][to] = stride[k][from];
    }
    for (int i = 0; i < (begun ? to : HONE_OP_AXES); i++) {
        size[i] = 1;
        for (int k = 0; k < operands; k++) stride[k][i] = 0;
    }
    return HONE_OP_AXES - to;
}

hone_status hone_op_expect_walk(const int32_t size[HONE_OP_AXES],
                                const int32_t (*stride)[HONE_OP_AXES], int operands) {
    int32_t joined[HONE_OP_AXES], steps[4][HONE_OP_AXES];
    memcpy(joined, size, sizeof joined);
    memcpy(steps, stride, (size_t)operands * sizeof *steps);
    if (hone_op_collapse(joined, steps, operands) <= HONE_OP_WALK) return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "it moves more than %d axes on their own; use two steps of fewer",
                     HONE_OP_WALK);
}

bool hone_op_next(int32_t at[HONE_OP_AXES], const int32_t size[HONE_OP_AXES]) {
    for (int i = HONE_OP_AXES - 1; i >= 0; i--) {
        if (++at[i] < size[i]) return true;
        at[i] = 0;
    }
    return false;
}

hone_status hone_op_broadcast(const struct hone_desc *a, const struct hone_desc *b,
                              struct hone_desc *out) {
    int32_t dim_a[HONE_OP_AXES], dim_b[HONE_OP_AXES];
    hone_op_dims(a, dim_a);
    hone_op_dims(b, dim_b);
    int rank = a->rank > b->rank ? a->rank : b->rank;
    int64_t dim[HONE_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++) {
        int32_t da = dim_a[hone_op_axis(i, rank)], db = dim_b[hone_op_axis(i, rank)];
        if (da != db && da != 1 && db != 1) return hone_op_fail_dims("shapes do not match", a, b);
        dim[i] = da == 1 ? db : da;
    }
    return hone_op_set(out, a->dtype, rank, dim);
}

void hone_op_shape_of(const struct hone_desc *desc, struct hone_shape_attrs *out) {
    *out = (struct hone_shape_attrs){.rank = desc->rank};
    for (int i = 0; i < desc->rank; i++) out->dim[i] = desc->dim[i];
}

double hone_op_bytes(const struct hone_infer_args *args, int outputs) {
    double bytes = 0;
    for (int i = 0; i < args->input_count; i++)
        if (hone_op_has(args, i)) bytes += (double)hone_desc_bytes(&args->in[i]);
    for (int i = 0; i < outputs; i++) bytes += (double)hone_desc_bytes(&args->out[i]);
    return bytes;
}

struct hone_cost hone_op_cost_elements(const struct hone_infer_args *args, int outputs,
                                       double flops) {
    return (struct hone_cost){.flops = flops * (double)hone_desc_elements(&args->out[0]),
                              .bytes = hone_op_bytes(args, outputs)};
}

struct hone_cost hone_op_cost_copy(const struct hone_infer_args *args) {
    return (struct hone_cost){.bytes = 2.0 * (double)hone_desc_bytes(&args->out[0])};
}

bool hone_op_alias_unary(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k > 0) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_IN_PLACE};
    return true;
}

bool hone_op_slices_elements(const struct hone_infer_args *args, uint32_t *inputs,
                             uint32_t *outputs) {
    const struct hone_desc *out = &args->out[0];
    *inputs = 0;
    *outputs = ~0u;
    for (int i = 0; i < args->input_count; i++) {
        if (!hone_op_has(args, i) || args->in[i].rank < out->rank) continue;
        if (args->in[i].dim[0] == out->dim[0]) *inputs |= 1u << i;
    }
    return out->rank > 0;
}

bool hone_op_slices_all(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    *inputs = *outputs = ~0u;
    return args->out[0].rank > 0;
}

bool hone_op_slices_first(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs) {
    *inputs = 1;
    *outputs = ~0u;
    return args->out[0].rank > 0;
}

bool hone_op_fuse_act(struct hone_fusion *fusion, struct hone_act_attrs *own) {
    if (fusion->other->op != &hone_op_act || own->kind != HONE_ACT_NONE) return false;
    *own = *(const struct hone_act_attrs *)fusion->other->attrs;
    return true;
}

bool hone_op_fuse_sum(struct hone_fusion *fusion, int input) {
    if (fusion->other->op != &hone_op_add ||
        (fusion->input_count > input && fusion->inputs[input] != HONE_NO_VALUE))
        return false;
    hone_value addend = fusion->other->inputs[1 - fusion->input];
    if (!hone_desc_equal(hone_fusion_desc(fusion, addend),
                         hone_fusion_desc(fusion, fusion->node->outputs[0])))
        return false;
    hone_fusion_set_input(fusion, input, addend);
    return true;
}

uint64_t hone_op_random_stream(int32_t salt, int32_t step) {
    return (uint32_t)salt | (uint64_t)(uint32_t)step << 32;
}

uint32_t hone_op_group(const struct hone_caps *caps) {
    return caps->features & HONE_FEATURE_CPU ? caps->subgroup_size : HONE_OP_GROUP;
}

struct hone_dispatch *hone_op_linear(struct hone_launch *launch, const char *kernel,
                                     uint64_t threads) {
    struct hone_dispatch *dispatch = hone_launch_add(launch, kernel);
    if (!dispatch) return NULL;
    hone_dispatch_spec(dispatch, HONE_OP_GROUP);
    hone_dispatch_linear(dispatch, threads, HONE_OP_GROUP);
    return dispatch;
}

// Mesa 22.3 ends the loops of an invocation after 65,535 rounds in all, without a word. Kernels
// that share rows walk a row three times at most.
enum { ROW_ROUNDS = 60000 / 3, ROW_LANES = 256, ROW_LANE_COLUMNS = 4 };

hone_status hone_op_row_lanes(struct hone_launch *launch, const char *kernel,
                              const struct hone_caps *caps, int64_t rows, int64_t columns,
                              struct hone_dispatch **out) {
    // On a CPU driver barriers cost more than lanes save: as few as the loops allow.
    bool cpu = caps->features & HONE_FEATURE_CPU;
    int64_t each = cpu ? ROW_ROUNDS : ROW_LANE_COLUMNS;
    uint32_t lanes = 1;
    while (lanes < ROW_LANES && lanes * 2 <= caps->workgroup_invocations &&
           (cpu ? lanes * each < columns : each * lanes * 2 <= columns))
        lanes *= 2;
    *out = NULL;
    if (cpu && lanes * each < columns)
        return hone_fail(HONE_UNSUPPORTED, "rows of %lld elements; this device takes at most %lld",
                         (long long)columns, (long long)(lanes * each));
    struct hone_dispatch *dispatch = hone_launch_add(launch, kernel);
    if (!dispatch) return HONE_INTERNAL;
    uint32_t group = lanes > HONE_OP_GROUP || rows == 1 ? lanes : HONE_OP_GROUP;
    hone_dispatch_spec(dispatch, group);
    hone_dispatch_spec(dispatch, lanes);
    hone_dispatch_linear(dispatch, (uint64_t)rows * lanes, group);
    *out = dispatch;
    return HONE_OK;
}

uint32_t hone_op_width_for(enum hone_dtype dtype, uint32_t width) {
    return dtype == HONE_F32 ? width : 4;
}

const char *hone_op_kernel_for(const char *base, enum hone_dtype dtype, uint32_t width,
                               char name[HONE_OP_KERNEL_NAME]) {
    bool narrow = dtype != HONE_F32;
    snprintf(name, HONE_OP_KERNEL_NAME, "%s%s%s", base, narrow ? "_" : "",
             narrow       ? hone_dtype_name(dtype)
             : width == 4 ? "_vec4"
                          : "");
    return name;
}

void hone_op_bind_all(struct hone_dispatch *dispatch, int inputs, int outputs) {
    for (int i = 0; i < inputs; i++) hone_dispatch_in(dispatch, i);
    for (int i = 0; i < outputs; i++) hone_dispatch_out(dispatch, i);
}

bool hone_op_multiple_of_4(const struct hone_desc *desc) {
    return hone_desc_elements(desc) % 4 == 0;
}

bool hone_op_fits_vec4(const struct hone_row_args *args) {
    return hone_op_multiple_of_4(&args->node->out[0]);
}
