// pool_rows.c: the kernels of pooling: one invocation an element of the result, channels four at a
// time where C allows; on a GPU some results that share windows, so that each load serves several,
// and channels in loads of 16 bytes; the mean of a whole picture in slices of rows where there are
// few results and many rows, on a GPU with several invocations a result.
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

// ---- Windows --------------------------------------------------------------------------------

// One kernel of pooling: `big` is the picture, `small` what pooling makes of it.
struct window {
    const char *kernel; // "pool_max_bwd"
    const struct hone_desc *big, *small;
    int inputs, outputs;
    bool backward;
};

// An invocation for each of `threads`, `width` channels each.
static hone_status add_window(const struct hone_row_args *args, struct hone_launch *launch,
                              const struct window *window, const char *kernel, int32_t width,
                              int64_t threads, uint32_t strip) {
    const struct hone_pool_attrs *attrs = args->node->attrs;
    const struct hone_desc *big = window->big, *small = window->small;
    struct hone_dispatch *pass = hone_op_linear(launch, kernel, (uint64_t)threads);
    if (!pass) return HONE_INTERNAL;
    for (int axis = 0; axis < 2; axis++) hone_dispatch_spec(pass, (uint32_t)attrs->kernel[axis]);
    for (int axis = 0; axis < 2; axis++) hone_dispatch_spec(pass, (uint32_t)attrs->stride[axis]);
    if (strip) hone_dispatch_spec(pass, strip);
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
    hone_op_bind_all(pass, window->inputs, window->outputs);
    return HONE_OK;
}

// An invocation for each element of out[0].
static hone_status setup_window(const struct hone_row_args *args, struct hone_launch *launch,
                                struct window window, int32_t width) {
    char name[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for(window.kernel, window.big->dtype, (uint32_t)width, name);
    int64_t threads = hone_desc_elements(&args->node->out[0]) / width;
    return add_window(args, launch, &window, name, width, threads, 0);
}

// For GPUs: a strip of results, a block of what shares windows.
enum {
    LOAD_BYTES = 16,    // of channels an invocation
    STRIP = 2,          // results
    STRIP_LOADS = 35,   // of a strip
    BLOCK = 4,          // elements
    BLOCK_WINDOWS = 25, // that a block may lie in
};

static int64_t windows_before(const struct hone_pool_attrs *attrs, int axis) {
    return (attrs->kernel[axis] - 1) / attrs->stride[axis];
}

static bool fits_shared(const struct hone_row_args *args, bool backward) {
    const struct hone_pool_attrs *attrs = args->node->attrs;
    const struct hone_desc *x = &args->node->in[0];
    if (x->dim[3] * (int64_t)hone_dtype_bytes(x->dtype) % LOAD_BYTES) return false;
    int64_t loads =
        (int64_t)attrs->kernel[0] * (((int64_t)STRIP - 1) * attrs->stride[1] + attrs->kernel[1]);
    int64_t windows = (windows_before(attrs, 0) + 1) * (windows_before(attrs, 1) + 1);
    return backward
               ? (int64_t)attrs->stride[0] * attrs->stride[1] <= BLOCK && windows <= BLOCK_WINDOWS
               : loads <= STRIP_LOADS;
}

// Blocks along one axis: those of which an element lies in the picture (pool/block.comp).
static int64_t block_count(const struct hone_pool_attrs *attrs, int axis, int64_t size) {
    int64_t pad = attrs->pad[axis], stride = attrs->stride[axis];
    return (size - 1 + pad) / stride - pad / stride + 1;
}

static hone_status setup_shared(const struct hone_row_args *args, struct hone_launch *launch,
                                struct window window) {
    const struct hone_pool_attrs *attrs = args->node->attrs;
    const int32_t *big = window.big->dim, *small = window.small->dim;
    char base[HONE_OP_KERNEL_NAME], name[HONE_OP_KERNEL_NAME];
    snprintf(base, sizeof base, "%s_%s", window.kernel, window.backward ? "block" : "strip");
    hone_op_kernel_for(base, window.big->dtype, 1, name);
    int32_t width = LOAD_BYTES / (int32_t)hone_dtype_bytes(window.big->dtype);
    int64_t results = window.backward
                          ? block_count(attrs, 0, big[1]) * block_count(attrs, 1, big[2])
                          : (int64_t)small[1] * ((small[2] + STRIP - 1) / STRIP);
    return add_window(args, launch, &window, name, width, big[0] * results * (big[3] / width),
                      window.backward ? 0 : STRIP);
}

// Rows: where windows are shared on GPUs, four channels, one. A CPU driver walks windows with
// bounds that vary faster: it would load what is masked off.
#define WINDOW_ROWS(op, kernel_, big_, small_, inputs_, outputs_, backward_)                       \
    static struct window op##_window(const struct hone_row_args *args) {                           \
        return (struct window){kernel_, &args->node->big_, &args->node->small_,                    \
                               inputs_, outputs_,          backward_};                             \
    }                                                                                              \
    static bool op##_fits_vec4(const struct hone_row_args *args) {                                 \
        bool cpu = args->caps->features & HONE_FEATURE_CPU;                                        \
        return fits_vec4(args) && (cpu || !fits_shared(args, backward_));                          \
    }                                                                                              \
    static bool op##_fits_shared(const struct hone_row_args *args) {                               \
        return fits_shared(args, backward_);                                                       \
    }                                                                                              \
    static hone_status op##_vec4(const struct hone_row_args *args, struct hone_launch *launch) {   \
        return setup_window(args, launch, op##_window(args), 4);                                   \
    }                                                                                              \
    static hone_status op##_shared(const struct hone_row_args *args, struct hone_launch *launch) { \
        return setup_shared(args, launch, op##_window(args));                                      \
    }                                                                                              \
    static hone_status op##_plain(const struct hone_row_args *args, struct hone_launch *launch) {  \
        int32_t width = (int32_t)hone_op_width_for(args->node->in[0].dtype, 1);                    \
        return setup_window(args, launch, op##_window(args), width);                               \
    }                                                                                              \
    const struct hone_op_row hone_op_pool_rows_##op[HONE_OP_POOL_ROWS] = {                         \
        {.name = "vec4", .fits = op##_fits_vec4, .setup = op##_vec4},                              \
        {.name = "shared", .fits = op##_fits_shared, .setup = op##_shared},                        \
        {.name = "plain", .setup = op##_plain},                                                    \
    };
WINDOW_ROWS(max, "pool_max", in[0], out[0], 1, 2, false)
WINDOW_ROWS(max_bwd, "pool_max_bwd", out[0], in[0], 2, 1, true)
WINDOW_ROWS(avg, "pool_avg", in[0], out[0], 1, 1, false)
WINDOW_ROWS(avg_bwd, "pool_avg_bwd", out[0], in[0], 1, 1, true)

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
    while (results * s.merge < POOL_BUSY && (uint64_t)s.merge * 2 * POOL_EACH <= rows &&
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

HONE_OP_DEFINE_WIDTH_ROWS(, hone_op_pool_rows_, global, fits_vec4)
