// matrix_check.c: see matrix_check.h. Sizes that no tile divides, numbers in [-1, 1) from the
// counter generator, and the operator's own reference in double. Products go to f32: what is left
// as error there is that of the sums.
#include "exec/matrix_check.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/rng.h"
#include "exec/internal.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

enum { ALIGN = 4096, OPERANDS = 4 }; // a, b, y, scratch: each starts at a multiple of ALIGN
// The sums reach 16. In fp32, rounded or cut off, in any order, they are off by some 2^-23 16; in
// fp16 by 2^-11 16.
#define BOUND (64 * 0x1p-23 * 16)

// What is computed: a product; convolutions whose filters reach over the edge, with and without a
// stride; and the gradients of the one with a stride.
static const struct hone_matmul_attrs product = {.trans_b = 1, .wide = 1};
#define CONV(stride_, ...)                                                                         \
    {                                                                                              \
        .stride = {stride_, stride_}, .pad = {1, 1, 1, 1}, .dilation = {1, 1}, .groups = 1,        \
        __VA_ARGS__                                                                                \
    }
static const struct hone_conv2d_attrs same = CONV(1, .in_h = 0);
static const struct hone_conv2d_attrs halved =
    CONV(2, .in_h = 12, .in_w = 9, .filter_h = 3, .filter_w = 3);
static const struct {
    enum hone_matrix_op op;
    const void *attrs;
    int32_t a[4], b[4];
} cases[] = {
    {HONE_MATRIX_MATMUL, &product, {72, 136}, {56, 136}},
    {HONE_MATRIX_CONV, &same, {2, 9, 7, 24}, {40, 3, 3, 24}},
    {HONE_MATRIX_CONV, &halved, {2, 12, 9, 24}, {40, 3, 3, 24}},
    {HONE_MATRIX_BWD_X, &halved, {2, 6, 5, 24}, {24, 3, 3, 40}},
    {HONE_MATRIX_BWD_W, &halved, {2, 6, 5, 40}, {2, 12, 9, 24}},
};
enum { CASES = sizeof cases / sizeof *cases };
static const struct hone_op *const ops[HONE_MATRIX_OPS] = {
    &hone_op_matmul, &hone_op_conv2d, &hone_op_conv2d_bwd_x, &hone_op_conv2d_bwd_w};

struct check {
    const struct hone_op *op;
    struct hone_desc in[2], out;
    struct hone_infer_args args;
    struct hone_launch launch;
    uint64_t offset[OPERANDS], bytes[OPERANDS], total;
    double *in_values[2], *want, *got;
    unsigned char *data;
    struct hone_gpu_buffer *buffer;
    struct hone_gpu_recording *recording;
};

static struct hone_desc desc_of(enum hone_dtype dtype, const int32_t dim[4]) {
    return hone_desc_make(dtype, dim[2] ? 4 : 2, dim[0], dim[1], dim[2], dim[3]);
}

static hone_status check_init(struct check *c, int k, enum hone_dtype dtype) {
    c->op = ops[cases[k].op];
    c->in[0] = desc_of(dtype, cases[k].a);
    c->in[1] = desc_of(dtype, cases[k].b);
    c->args = (struct hone_infer_args){cases[k].attrs, 2, c->in, &c->out};
    HONE_TRY(c->op->infer(&c->args));
    int64_t a = hone_desc_elements(&c->in[0]), b = hone_desc_elements(&c->in[1]),
            y = hone_desc_elements(&c->out);
    c->in_values[0] = hone_calloc((size_t)(a + b + 2 * y), sizeof(double), "a check of matrices");
    if (!c->in_values[0]) return HONE_OUT_OF_MEMORY;
    c->in_values[1] = c->in_values[0] + a;
    c->want = c->in_values[1] + b;
    c->got = c->want + y;
    for (int64_t i = 0; i < a + b; i++)
        c->in_values[0][i] = 2 * (double)hone_rng_f32(0x3a7, 1, (uint64_t)i) - 1;
    hone_elements_round(dtype, c->in_values[0], a + b);
    const double *in[2] = {c->in_values[0], c->in_values[1]};
    c->op->ref(&(struct hone_ref_args){c->args.attrs, 2, c->in, in, &c->out, &c->want});
    return HONE_OK;
}

static void check_deinit(struct check *c, struct hone_gpu *gpu) {
    hone_gpu_recording_destroy(gpu, &c->recording);
    hone_gpu_buffer_destroy(gpu, &c->buffer);
    hone_free(c->in_values[0]);
    hone_free(c->data);
}

// One buffer for all operands.
static hone_status check_place(struct check *c, struct hone_gpu *gpu) {
    if (c->launch.scratch_bytes[1])
        return hone_fail(HONE_INTERNAL, "a check of matrices has one scratch buffer");
    const uint64_t bytes[OPERANDS] = {hone_desc_bytes(&c->in[0]), hone_desc_bytes(&c->in[1]),
                                      hone_desc_bytes(&c->out), c->launch.scratch_bytes[0]};
    for (int i = 0; i < OPERANDS; i++) {
        c->offset[i] = c->total;
        c->bytes[i] = bytes[i];
        c->total += (bytes[i] + ALIGN - 1) / ALIGN * ALIGN;
    }
    c->data = hone_calloc(c->total, 1, "a check of matrices");
    if (!c->data) return HONE_OUT_OF_MEMORY;
    for (int i = 0; i < 2; i++)
        hone_elements_save(c->in[i].dtype, c->in_values[i], hone_desc_elements(&c->in[i]),
                           c->data + c->offset[i]);
    return hone_gpu_buffer_create(gpu, c->total, HONE_GPU_DEVICE, "a check of matrices",
                                  &c->buffer);
}

static hone_status check_record(struct check *c, struct hone_gpu *gpu) {
    HONE_TRY(hone_gpu_recording_create(gpu, &c->recording));
    for (int i = 0; i < c->launch.dispatch_count; i++) {
        const struct hone_dispatch *d = &c->launch.dispatches[i];
        struct hone_gpu_range ranges[HONE_DISPATCH_OPERANDS];
        for (int k = 0; k < d->operand_count; k++) {
            const struct hone_operand *o = &d->operands[k];
            int at = o->kind == HONE_OPERAND_INPUT    ? o->index
                     : o->kind == HONE_OPERAND_OUTPUT ? 2
                                                      : 3;
            ranges[k] = (struct hone_gpu_range){
                .buffer = c->buffer,
                .offset = c->offset[at] + o->offset,
                .bytes = o->bytes ? o->bytes : c->bytes[at] - o->offset,
                .write = o->kind != HONE_OPERAND_INPUT,
            };
        }
        struct hone_gpu_pipeline *pipeline;
        HONE_TRY(
            hone_gpu_pipeline_get(gpu, d->kernel, d->spec, d->spec_count, d->subgroup, &pipeline));
        HONE_TRY(hone_gpu_record_dispatch(c->recording, pipeline, ranges, d->operand_count, d->push,
                                          d->push_bytes, d->grid));
    }
    return hone_gpu_recording_end(c->recording);
}

// A result in 16 bits is rounded once more.
static bool check_compare(const struct check *c) {
    int64_t count = hone_desc_elements(&c->out);
    enum hone_dtype dtype = c->out.dtype;
    double eps = dtype == HONE_F16 ? 0x1p-11 : dtype == HONE_BF16 ? 0x1p-8 : 0;
    hone_elements_load(dtype, c->data + c->offset[2], count, c->got);
    for (int64_t i = 0; i < count; i++)
        if (!(fabs(c->got[i] - c->want[i]) <= BOUND + eps * fabs(c->want[i])))
            return false; // NaN is wrong
    return true;
}

static hone_status check_run(struct check *c, struct hone_gpu *gpu, const struct hone_caps *caps,
                             const struct hone_op_row *row, int tile) {
    const struct hone_row_args args = {.node = &c->args, .caps = caps, .tile = tile};
    char name[HONE_TILE_NAME];
    uint64_t ticket;
    if (row->fits && !row->fits(&args)) return HONE_NOT_FOUND;
    if (tile != HONE_TILE_DEFAULT && !row->tile(&args, tile, name)) return HONE_NOT_FOUND;
    HONE_TRY(hone_launch_make(c->op, row, &args, &c->launch));
    HONE_TRY(check_place(c, gpu));
    HONE_TRY(hone_gpu_write(gpu, c->buffer, 0, c->data, c->total));
    HONE_TRY(check_record(c, gpu));
    HONE_TRY(hone_gpu_submit(gpu, c->recording, &ticket));
    HONE_TRY(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    return hone_gpu_read(gpu, c->buffer, 0, c->data, c->total);
}

static hone_status check_case(struct hone_gpu *gpu, const struct hone_caps *caps,
                              const struct hone_op_row *row, enum hone_dtype dtype, int k, int tile,
                              bool *good) {
    struct check c = {.total = 0};
    hone_status status = check_init(&c, k, dtype);
    if (status == HONE_OK) status = check_run(&c, gpu, caps, row, tile);
    if (status == HONE_OK) *good = check_compare(&c);
    check_deinit(&c, gpu);
    return status;
}

// A workgroup's matrices are as large as its tile, each of which the driver stages in another way:
// there the product runs with all of them.
hone_status hone_matrix_check(struct hone_gpu *gpu, const struct hone_caps *caps,
                              enum hone_matrix_op op, const struct hone_op_row *row,
                              enum hone_dtype dtype, bool *good) {
    bool every_tile =
        op == HONE_MATRIX_MATMUL && row->tile && caps->matrix_count && caps->matrices[0].workgroup;
    *good = true;
    for (int k = 0; *good && k < CASES; k++) {
        hone_status status = HONE_OK;
        if (cases[k].op != op) continue;
        for (int tile = 0; *good && status == HONE_OK && (tile == 0 || every_tile); tile++)
            status = check_case(gpu, caps, row, dtype, k, tile, good);
        // No tile of the row is made of this shape, or no more: nothing will use it.
        if (status != HONE_OK && status != HONE_NOT_FOUND) {
            *good = false;
            return status;
        }
    }
    return HONE_OK;
}

// A shape on every operator that has a row for it.
static hone_status shape_check(struct hone_gpu *gpu, const struct hone_matrix_rows *rows,
                               const struct hone_caps *caps, bool *good) {
    struct hone_matrix_shape shape = caps->matrices[0];
    enum hone_dtype dtype = shape.type == HONE_MATRIX_F16 ? HONE_F16 : HONE_BF16;
    *good = true;
    for (int op = 0; *good && op < HONE_MATRIX_OPS; op++) {
        const struct hone_op_row *row = rows->of[shape.workgroup * 2 + shape.type][op];
        if (row) HONE_TRY(hone_matrix_check(gpu, caps, (enum hone_matrix_op)op, row, dtype, good));
    }
    return HONE_OK;
}

hone_status hone_matrices_sift(struct hone_gpu *gpu, const struct hone_matrix_rows *rows,
                               struct hone_caps *caps) {
    uint32_t kept = 0, types = 0;
    bool workgroup = false;
    for (uint32_t i = 0; i < caps->matrix_count; i++) {
        struct hone_matrix_shape shape = caps->matrices[i];
        struct hone_caps one = *caps;
        one.matrices[0] = shape;
        one.matrix_count = 1;
        bool good;
        hone_status status = shape_check(gpu, rows, &one, &good);
        if (status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY) return status;
        if (status == HONE_OK && good) {
            types |= 1u << shape.type;
            workgroup = workgroup || shape.workgroup;
            caps->matrices[kept++] = shape;
            continue;
        }
        hone_log(HONE_LOG_WARNING,
                 "cooperative matrices %ux%ux%u %s%s are off: this driver %s; other kernels do "
                 "their work",
                 shape.m, shape.n, shape.k, shape.type == HONE_MATRIX_F16 ? "f16" : "bf16",
                 shape.workgroup ? " of workgroups" : "",
                 status == HONE_OK ? "computes them wrongly" : hone_error_message());
    }
    caps->matrix_count = kept;
    if (!kept) caps->features &= ~(uint32_t)HONE_FEATURE_COOPERATIVE_MATRIX;
    if (!workgroup) caps->features &= ~(uint32_t)HONE_FEATURE_COOPERATIVE_MATRIX2;
    if (!(types & 1u << HONE_MATRIX_BF16)) caps->features &= ~(uint32_t)HONE_FEATURE_BF16_MATRIX;
    return HONE_OK;
}

static const struct hone_op_row *row_named(const struct hone_op *op, const char *name) {
    for (int i = 0; i < op->row_count; i++)
        if (strcmp(op->rows[i].name, name) == 0) return &op->rows[i];
    return NULL;
}

void hone_matrix_rows_of(struct hone_matrix_rows *rows) {
    static const char *const names[4] = {"coop", "coop_bf16", "coop2", "coop2_bf16"};
    for (int kind = 0; kind < 4; kind++)
        for (int op = 0; op < HONE_MATRIX_OPS; op++)
            // Of a subgroup's matrices a product shows all there is: the rest is plain loads.
            rows->of[kind][op] =
                kind >= 2 || op == HONE_MATRIX_MATMUL ? row_named(ops[op], names[kind]) : NULL;
}

hone_status hone_device_sift_matrices(struct hone_device *device, const struct hone_graph *graph) {
    bool narrow = false;
    for (size_t i = 0; i < graph->value_count; i++) {
        enum hone_dtype dtype = graph->values[i].desc.dtype;
        narrow = narrow || dtype == HONE_F16 || dtype == HONE_BF16;
    }
    // A driver without its hardware would fail: it computes nothing.
    if (!narrow || device->matrices_checked || !device->gpu || !device->caps.heap_bytes)
        return HONE_OK;
    struct hone_matrix_rows rows;
    hone_matrix_rows_of(&rows);
    HONE_TRY(hone_matrices_sift(device->gpu, &rows, &device->caps));
    device->matrices_checked = true;
    return HONE_OK;
}
