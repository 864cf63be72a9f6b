// matrix_check.c: see matrix_check.h. The product is y (M,N) = a (M,K) b (N,K) transposed with
// sizes that no tile divides, numbers in [-1, 1) from the counter generator, and y in f32: what is
// left as error is that of the sums.
#include "exec/matrix_check.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/rng.h"
#include "exec/internal.h"
#include "ops/ops.h"

#include <math.h>
#include <string.h>

enum { ROWS = 72, COLUMNS = 56, DEPTH = 136, COUNT_A = ROWS * DEPTH, COUNT_B = COLUMNS * DEPTH };
enum { ALIGN = 4096, OPERANDS = 4 }; // a, b, y, scratch: each starts at a multiple of ALIGN
// The sums reach 12. In fp32, rounded or cut off, in any order, they are off by some 2^-23 12; in
// fp16 by 2^-11 12.
#define BOUND (64 * 0x1p-23 * 12)

struct check {
    struct hone_desc in[2], out;
    struct hone_infer_args args;
    struct hone_matmul_attrs attrs;
    struct hone_launch launch;
    uint64_t offset[OPERANDS], bytes[OPERANDS], total;
    double *a, *b;
    unsigned char *data;
    struct hone_gpu_buffer *buffer;
    struct hone_gpu_recording *recording;
};

static hone_status check_init(struct check *c, enum hone_dtype dtype) {
    c->attrs = (struct hone_matmul_attrs){.trans_b = 1, .wide = 1};
    c->in[0] = hone_desc_make(dtype, 2, ROWS, DEPTH, 0, 0);
    c->in[1] = hone_desc_make(dtype, 2, COLUMNS, DEPTH, 0, 0);
    c->args = (struct hone_infer_args){&c->attrs, 2, c->in, &c->out};
    HONE_TRY(hone_op_matmul.infer(&c->args));
    c->a = hone_calloc(COUNT_A + COUNT_B, sizeof *c->a, "a check of matrices");
    if (!c->a) return HONE_OUT_OF_MEMORY;
    c->b = c->a + COUNT_A;
    for (uint64_t i = 0; i < COUNT_A + COUNT_B; i++)
        c->a[i] = 2 * (double)hone_rng_f32(0x3a7, 1, i) - 1;
    hone_elements_round(dtype, c->a, COUNT_A + COUNT_B);
    return HONE_OK;
}

static void check_deinit(struct check *c, struct hone_gpu *gpu) {
    hone_gpu_recording_destroy(gpu, &c->recording);
    hone_gpu_buffer_destroy(gpu, &c->buffer);
    hone_free(c->a);
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
    hone_elements_save(c->in[0].dtype, c->a, COUNT_A, c->data + c->offset[0]);
    hone_elements_save(c->in[0].dtype, c->b, COUNT_B, c->data + c->offset[1]);
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

static bool check_compare(const struct check *c) {
    const unsigned char *y = c->data + c->offset[2];
    for (int m = 0; m < ROWS; m++)
        for (int n = 0; n < COLUMNS; n++) {
            double want = 0;
            for (int k = 0; k < DEPTH; k++) want += c->a[m * DEPTH + k] * c->b[n * DEPTH + k];
            float got;
            memcpy(&got, y + sizeof got * (size_t)(m * COLUMNS + n), sizeof got);
            if (!(fabs((double)got - want) <= BOUND)) return false; // NaN is wrong
        }
    return true;
}

static hone_status check_run(struct check *c, struct hone_gpu *gpu, const struct hone_caps *caps,
                             const struct hone_op_row *row) {
    const struct hone_row_args args = {.node = &c->args, .caps = caps};
    uint64_t ticket;
    if (row->fits && !row->fits(&args)) return HONE_NOT_FOUND;
    HONE_TRY(hone_launch_make(&hone_op_matmul, row, &args, &c->launch));
    HONE_TRY(check_place(c, gpu));
    HONE_TRY(hone_gpu_write(gpu, c->buffer, 0, c->data, c->total));
    HONE_TRY(check_record(c, gpu));
    HONE_TRY(hone_gpu_submit(gpu, c->recording, &ticket));
    HONE_TRY(hone_gpu_wait(gpu, ticket, UINT64_MAX));
    return hone_gpu_read(gpu, c->buffer, 0, c->data, c->total);
}

hone_status hone_matrix_check(struct hone_gpu *gpu, const struct hone_caps *caps,
                              const struct hone_op_row *row, enum hone_dtype dtype, bool *good) {
    struct check c = {.total = 0};
    *good = false;
    hone_status status = check_init(&c, dtype);
    if (status == HONE_OK) status = check_run(&c, gpu, caps, row);
    if (status == HONE_OK) *good = check_compare(&c);
    check_deinit(&c, gpu);
    if (status != HONE_NOT_FOUND) return status;
    *good = true; // no tile of the row is made of this shape: nothing will use it
    return HONE_OK;
}

hone_status hone_matrices_sift(struct hone_gpu *gpu, const struct hone_op_row *const rows[2],
                               struct hone_caps *caps) {
    uint32_t kept = 0, types = 0;
    for (uint32_t i = 0; i < caps->matrix_count; i++) {
        struct hone_matrix_shape shape = caps->matrices[i];
        struct hone_caps one = *caps;
        one.matrices[0] = shape;
        one.matrix_count = 1;
        enum hone_dtype dtype = shape.type == HONE_MATRIX_F16 ? HONE_F16 : HONE_BF16;
        bool good = shape.workgroup; // no row uses those
        hone_status status = HONE_OK;
        if (!good) status = hone_matrix_check(gpu, &one, rows[shape.type], dtype, &good);
        if (status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY) return status;
        if (good) {
            types |= 1u << shape.type;
            caps->matrices[kept++] = shape;
        } else {
            hone_log(HONE_LOG_WARNING,
                     "cooperative matrices %ux%ux%u %s are off: this driver %s; other kernels do "
                     "their work",
                     shape.m, shape.n, shape.k, hone_dtype_name(dtype),
                     status == HONE_OK ? "computes them wrongly" : hone_error_message());
        }
    }
    caps->matrix_count = kept;
    if (!kept) caps->features &= ~(uint32_t)HONE_FEATURE_COOPERATIVE_MATRIX;
    if (!(types & 1u << HONE_MATRIX_BF16)) caps->features &= ~(uint32_t)HONE_FEATURE_BF16_MATRIX;
    return HONE_OK;
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
    const struct hone_op_row *rows[2] = {NULL, NULL};
    for (int i = 0; i < hone_op_matmul.row_count; i++) {
        const struct hone_op_row *row = &hone_op_matmul.rows[i];
        if (strcmp(row->name, "coop") == 0) rows[HONE_MATRIX_F16] = row;
        if (strcmp(row->name, "coop_bf16") == 0) rows[HONE_MATRIX_BF16] = row;
    }
    HONE_TRY(hone_matrices_sift(device->gpu, rows, &device->caps));
    device->matrices_checked = true;
    return HONE_OK;
}
