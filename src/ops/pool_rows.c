// pool_rows.c: the kernels of pooling: one invocation an element of the result, channels four at a
// time where C allows; the mean of a whole picture in slices of rows where there are few results
// and many rows, on a GPU with several invocations a result.
#include <stdio.h>

#include "ops/ops.h"
#include "ops/pool.h"

// As in shaders/lib/pool.glsl; c in units of the row's width.
struct pool_push {
    int32_t n, h, w, c, p, q;
    int32_t pad_h, pad_w;
    int32_t count_pad;
};

static bool fits_vec4(const struct hone_row_args *args) {
    return args->node->in[0].dim[3] % 4 == 0;
}

// `big` is the picture, `small` what pooling makes of it; an invocation for each element of out[0].
static struct hone_dispatch *add_window(const struct hone_row_args *args,
                                        struct hone_launch *launch, int32_t width,
                                        const char *kernel, const struct hone_desc *big,
                                        const struct hone_desc *small) {
    const struct hone_pool_attrs *attrs = args->node->attrs;
    char name[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for(kernel, big->dtype, (uint32_t)width, name);
    struct hone_dispatch *pass =
        hone_op_linear(launch, name, (uint64_t)(hone_desc_elements(&args->node->out[0]) / width));
    if (!pass) return NULL;
    for (int axis = 0; axis < 2; axis++) hone_dispatch_spec(pass, (uint32_t)attrs->kernel[axis]);
    for (int axis = 0; axis < 2; axis++) hone_dispatch_spec(pass, (uint32_t)attrs->stride[axis]);
    struct pool_push push = {
        .n = big->dim[0],
        .h = big->dim[1],
        .w = big->dim[2],
        .c = big->dim[3] / width,
        .p = small->dim[1],
        .q = small->dim[2],
        .pad_h = attrs->pad[0],
        .pad_w = attrs->pad[1],
        .count_pad = attrs->count_pad,
    };
    hone_dispatch_push(pass, &push, sizeof push);
    return pass;
}

static hone_status setup_max(const struct hone_row_args *args, struct hone_launch *launch,
                             int32_t width) {
    struct hone_dispatch *pass =
        add_window(args, launch, width, "pool_max", &args->node->in[0], &args->node->out[0]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 2);
    return HONE_OK;
}

static hone_status setup_max_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                 int32_t width) {
    struct hone_dispatch *pass =
        add_window(args, launch, width, "pool_max_bwd", &args->node->out[0], &args->node->in[0]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 2, 1);
    return HONE_OK;
}

static hone_status setup_avg(const struct hone_row_args *args, struct hone_launch *launch,
                             int32_t width) {
    struct hone_dispatch *pass =
        add_window(args, launch, width, "pool_avg", &args->node->in[0], &args->node->out[0]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 1);
    return HONE_OK;
}

static hone_status setup_avg_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                 int32_t width) {
    struct hone_dispatch *pass =
        add_window(args, launch, width, "pool_avg_bwd", &args->node->out[0], &args->node->in[0]);
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 1, 1);
    return HONE_OK;
}

// ---- global_avg_pool ----

enum {
    POOL_BUSY = 16384, // invocations that keep a large GPU busy
    POOL_BUSY_CPU = 512,
    POOL_SLICE_ROWS = 64, // fewer rows are not worth a second pass
    POOL_LONGEST = 32768, // rows of a slice: lavapipe ends a loop after 65,535 rounds
    POOL_GROUP = 256,     // invocations of a workgroup on a GPU
    POOL_LINE = 8,        // results side by side in it: a cache line
    POOL_EACH = 4,        // rows that are worth an invocation
};

// How many invocations of a workgroup share a result.
struct share {
    uint32_t group, merge;
};

static struct share share_of(const struct hone_caps *caps, uint64_t results, uint64_t rows) {
    struct share s = {HONE_OP_GROUP, 1};
    if (caps->features & HONE_FEATURE_CPU) return s;
    while (s.group * 2 <= caps->workgroup_invocations && s.group < POOL_GROUP) s.group *= 2;
    while (results * s.merge < POOL_BUSY && s.merge * 2 * POOL_EACH <= rows &&
           s.merge * 2 * POOL_LINE <= s.group)
        s.merge *= 2;
    return s;
}

// From elements of type `from` to those of `to`; in 16 bits the width is 4.
static struct hone_dispatch *add_sum(const struct hone_caps *caps, struct hone_launch *launch,
                                     int32_t width, enum hone_dtype from, enum hone_dtype to,
                                     const uint32_t size[5], float factor) {
    char name[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for("pool_sum", from, (uint32_t)width, name);
    if (from != to)
        snprintf(name, sizeof name, "pool_sum_%s_%s", hone_dtype_name(from), hone_dtype_name(to));
    uint64_t results = (uint64_t)size[0] * size[2] * size[3];
    struct hone_dispatch *pass = hone_launch_add(launch, name);
    if (!pass) return NULL;
    struct share share = share_of(caps, results, size[4]);
    hone_dispatch_spec(pass, share.group);
    hone_dispatch_spec(pass, share.merge);
    hone_dispatch_linear(pass, results * share.merge, share.group);
    hone_dispatch_push(pass, size, 20);
    hone_dispatch_push(pass, &factor, sizeof factor);
    return pass;
}

static hone_status setup_global(const struct hone_row_args *args, struct hone_launch *launch,
                                int32_t width) {
    const int32_t *dim = args->node->in[0].dim;
    uint32_t n = (uint32_t)dim[0], rows = (uint32_t)dim[1] * (uint32_t)dim[2],
             c = (uint32_t)(dim[3] / width);
    uint64_t busy = args->caps->features & HONE_FEATURE_CPU ? POOL_BUSY_CPU : POOL_BUSY;
    uint64_t results = (uint64_t)n * c;
    uint64_t slices = busy / (results * share_of(args->caps, results, rows).merge),
             most = rows / POOL_SLICE_ROWS;
    uint64_t least = (rows + POOL_LONGEST - 1) / POOL_LONGEST;
    slices = slices > most ? most : slices;
    slices = slices < least ? least : slices;
    uint32_t slice_rows = slices > 1 ? (uint32_t)((rows + slices - 1) / slices) : rows;
    uint32_t count = (rows + slice_rows - 1) / slice_rows;
    float share = 1.0f / (float)rows;
    enum hone_dtype dtype = args->node->in[0].dtype;
    struct hone_dispatch *pass =
        add_sum(args->caps, launch, width, dtype, count > 1 ? HONE_F32 : dtype,
                (const uint32_t[]){n, rows, c, count, slice_rows}, count > 1 ? 1.0f : share);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_in(pass, 0);
    if (count == 1) {
        hone_dispatch_out(pass, 0);
        return HONE_OK;
    }
    launch->scratch_bytes[0] = (uint64_t)count * n * (uint32_t)dim[3] * sizeof(float);
    hone_dispatch_scratch(pass, 0);
    // The slices are the rows of one picture with N C channels.
    pass = add_sum(args->caps, launch, width, HONE_F32, dtype,
                   (const uint32_t[]){1, count, n * c, 1, count}, share);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_out(pass, 0);
    return HONE_OK;
}

#define POOL_ROWS(op) HONE_OP_DEFINE_WIDTH_ROWS(, hone_op_pool_rows_, op, fits_vec4)
POOL_ROWS(max)
POOL_ROWS(max_bwd)
POOL_ROWS(avg)
POOL_ROWS(avg_bwd)
POOL_ROWS(global)
