// arith_reduce.c: the kernel rows of reduce_to.
//
// After joining axes, nearly every sum in a net has the form x (A,R,B) -> y (A,B): channel sums
// (1,NHW,C), means over a picture (N,HW,C), totals (1,R,1). Those rows cut R into slices: slice s
// sums the elements s, s + S, s + 2S, ..., so that neighbours read neighbours and nobody needs
// shared memory, a barrier or an atomic; the slices are then summed in the same way until one is
// left. The order is fixed by shapes and device: runs repeat bit for bit. Other patterns take the
// plain row, one invocation for each sum.
#include "ops/arith.h"
#include "ops/common.h"

enum {
    REDUCE_LAST = 64,           // sums this short are not cut any more
    REDUCE_SLICE = 32,          // the least number of elements in a slice
    REDUCE_THREADS_CPU = 1024,  // invocations that keep a CPU driver busy
    REDUCE_THREADS_GPU = 32768, // and a GPU
};

// Axes of x, joined: sizes, steps in x and whether y keeps them (its stride is not 0).
struct reduce_walk {
    int rank;
    int32_t size[4], stride[2][4]; // of x, of y
};

static struct reduce_walk reduce_walk(const struct hone_infer_args *node) {
    struct reduce_walk walk;
    hone_op_dims4(&node->in[0], walk.size);
    hone_op_strides4(&node->in[0], walk.stride[0]);
    hone_op_strides4(&node->out[0], walk.stride[1]);
    walk.rank = hone_op_collapse(walk.size, walk.stride, 2);
    return walk;
}

struct reduce_form {
    uint64_t outer, sum, inner; // A, R, B
};

static bool reduce_form(const struct hone_infer_args *node, struct reduce_form *form) {
    struct reduce_walk walk = reduce_walk(node);
    *form = (struct reduce_form){1, 1, 1};
    bool summed = false;
    for (int i = 4 - walk.rank; i < 4; i++) {
        bool keep = walk.stride[1][i] != 0 || walk.size[i] == 1;
        if (!keep && summed) return false;
        summed = summed || !keep;
        *(!keep ? &form->sum : summed ? &form->inner : &form->outer) *= (uint64_t)walk.size[i];
    }
    return true;
}

static bool slices_fit(const struct hone_row_args *args) {
    struct reduce_form form;
    return reduce_form(args->node, &form);
}

static bool slices_fit_vec4(const struct hone_row_args *args) {
    struct reduce_form form;
    return reduce_form(args->node, &form) && form.inner % 4 == 0;
}

// Slices of the next pass over sums of `length`, with `sums` invocations at hand without cutting.
static uint64_t slice_count(uint64_t length, uint64_t sums, uint64_t threads) {
    if (length <= REDUCE_LAST || sums >= threads) return 1;
    uint64_t wanted = (threads + sums - 1) / sums;
    uint64_t most = (length + REDUCE_SLICE - 1) / REDUCE_SLICE;
    return wanted < most ? wanted : most;
}

// Passes x -> scratch 0 -> scratch 1 -> scratch 0 ... -> y; each shortens the sum at least 32
// times, so that five passes do for any tensor.
static hone_status slices_launch(const struct hone_row_args *args, struct hone_launch *launch,
                                 uint32_t width) {
    struct reduce_form form;
    reduce_form(args->node, &form);
    uint64_t inner = form.inner / width, length = form.sum;
    bool cpu = args->caps->features & HONE_FEATURE_CPU;
    uint64_t threads = cpu ? REDUCE_THREADS_CPU : REDUCE_THREADS_GPU;
    for (int pass = 0;; pass++) {
        uint64_t slices = slice_count(length, form.outer * inner, threads);
        uint64_t count = form.outer * slices * inner;
        struct hone_dispatch *dispatch =
            hone_op_linear(launch, width > 1 ? "reduce_vec4" : "reduce_f32", count);
        if (!dispatch) return HONE_INTERNAL;
        const uint32_t push[] = {(uint32_t)count, (uint32_t)length, (uint32_t)inner,
                                 (uint32_t)slices};
        hone_dispatch_push(dispatch, push, sizeof push);
        if (pass == 0)
            hone_dispatch_in(dispatch, 0);
        else
            hone_dispatch_scratch(dispatch, (pass - 1) % 2);
        if (slices == 1) {
            hone_dispatch_out(dispatch, 0);
            return HONE_OK;
        }
        hone_dispatch_scratch(dispatch, pass % 2);
        uint64_t bytes = count * width * sizeof(float);
        if (bytes > launch->scratch_bytes[pass % 2]) launch->scratch_bytes[pass % 2] = bytes;
        length = slices;
    }
}

static hone_status slices_setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return slices_launch(args, launch, 4);
}

static hone_status slices_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    return slices_launch(args, launch, 1);
}

// The push block of reduce_any.comp. At most two axes of each kind are left after joining.
struct reduce_any_push {
    uint32_t count;
    uint32_t keep_size;      // of the inner kept axis
    uint32_t keep_stride[2]; // outer, inner; in x
    uint32_t sum_size[2], sum_stride[2];
};

static hone_status any_setup(const struct hone_row_args *args, struct hone_launch *launch) {
    struct reduce_walk walk = reduce_walk(args->node);
    struct reduce_any_push push = {
        .count = (uint32_t)hone_desc_elements(&args->node->out[0]),
        .keep_size = 1,
        .sum_size = {1, 1},
    };
    int kept = 0, summed = 0;
    for (int i = 3; i >= 0; i--) {
        if (walk.size[i] == 1) continue;
        uint32_t stride = (uint32_t)walk.stride[0][i];
        if (walk.stride[1][i] != 0) {
            if (kept == 0) push.keep_size = (uint32_t)walk.size[i];
            push.keep_stride[1 - kept++] = stride;
        } else {
            push.sum_size[1 - summed] = (uint32_t)walk.size[i];
            push.sum_stride[1 - summed++] = stride;
        }
    }
    struct hone_dispatch *dispatch = hone_op_linear(launch, "reduce_any_f32", push.count);
    if (!dispatch) return HONE_INTERNAL;
    hone_dispatch_push(dispatch, &push, sizeof push);
    hone_op_bind_all(dispatch, 1, 1);
    return HONE_OK;
}

const struct hone_op_row hone_op_reduce_rows[HONE_OP_REDUCE_ROWS] = {
    {.name = "slices_vec4", .fits = slices_fit_vec4, .setup = slices_setup_vec4},
    {.name = "slices", .fits = slices_fit, .setup = slices_setup},
    {.name = "plain", .setup = any_setup},
};
