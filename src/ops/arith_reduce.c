// arith_reduce.c: the kernel rows of reduce_to.
//
// Each axis (after joining) that is summed gives a round x (A,R,B) -> y (A,B): nearly every sum in
// a net has one such axis: channel sums (1,NHW,C), means over a picture (N,HW,C), totals (1,R,1);
// none has more than three. A round cuts R into slices: slice s sums the elements s, s + S, s + 2S,
// ..., so that neighbours read neighbours; the slices are then summed in the same way until one is
// left. On a GPU the invocations of a workgroup share a slice and meet in shared memory: two passes
// do for any length. On a CPU driver, where barriers cost more than passes, nobody shares. The
// order is fixed by shapes and device: runs repeat bit for bit. Short slices also keep clear of a
// trap: lavapipe of Mesa 22.3 ends the loops of an invocation after 65,535 iterations in all.
#include "ops/arith.h"
#include "ops/common.h"

enum {
    REDUCE_LAST = 64,           // sums this short are not cut any more
    REDUCE_SLICE = 32,          // the least number of elements in a slice
    REDUCE_LONGEST = 1 << 17,   // the most; a loop iteration adds four
    REDUCE_THREADS_CPU = 1024,  // invocations that keep a CPU driver busy
    REDUCE_THREADS_GPU = 32768, // and a GPU
    REDUCE_ROUNDS = 2,
    REDUCE_GROUP = 256,  // invocations of a workgroup on a GPU
    REDUCE_LINE = 8,     // neighbours of a result in memory that they read side by side
    REDUCE_EACH = 8,     // elements that are worth an invocation
    REDUCE_WHOLE = 4096, // sums this short take one pass on a GPU
};

struct reduce_round {
    uint64_t outer, sum, inner; // A, R, B
};

// The rounds of a node, innermost summed axis first; one that copies where nothing is summed.
static int reduce_rounds(const struct hone_infer_args *node,
                         struct reduce_round rounds[REDUCE_ROUNDS]) {
    int32_t size[HONE_OP_AXES], stride[2][HONE_OP_AXES];
    hone_op_dims(&node->in[0], size);
    hone_op_strides(&node->in[0], stride[0]);
    hone_op_strides(&node->out[0], stride[1]);
    hone_op_collapse(size, stride, 2);
    int count = 0;
    for (int i = HONE_OP_AXES - 1; i >= 0; i--) {
        if (stride[1][i] != 0 || size[i] == 1) continue;
        struct reduce_round round = {1, (uint64_t)size[i], 1};
        for (int k = 0; k < i; k++) round.outer *= (uint64_t)size[k];
        for (int k = i + 1; k < HONE_OP_AXES; k++) round.inner *= (uint64_t)size[k];
        rounds[count++] = round;
        size[i] = 1;
    }
    if (count == 0)
        rounds[count++] = (struct reduce_round){1, 1, (uint64_t)hone_desc_elements(&node->out[0])};
    return count;
}

// What is read first is a multiple of four.
bool hone_op_reduce_takes_16(const struct hone_infer_args *node) {
    struct reduce_round rounds[REDUCE_ROUNDS];
    reduce_rounds(node, rounds);
    return rounds[0].inner % 4 == 0;
}

static bool fits_vec4(const struct hone_row_args *args) {
    struct reduce_round rounds[REDUCE_ROUNDS];
    int count = reduce_rounds(args->node, rounds);
    for (int i = 0; i < count; i++)
        if (rounds[i].inner % 4 == 0) return true;
    return false;
}

// How a pass cuts sums of `length` elements: into slices, which `merge` invocations share.
struct reduce_cut {
    uint64_t slices;
    uint32_t group, merge;
};

static uint64_t least_u64(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

static uint64_t most_u64(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t ceil_div(uint64_t a, uint64_t b) {
    return (a + b - 1) / b;
}

// `sums`: results of the pass without slices.
static struct reduce_cut cut_for_cpu(uint64_t length, uint64_t sums) {
    struct reduce_cut cut = {ceil_div(length, REDUCE_LONGEST), HONE_OP_GROUP, 1};
    if (length <= REDUCE_LAST || sums >= REDUCE_THREADS_CPU) return cut;
    uint64_t wanted = least_u64(ceil_div(REDUCE_THREADS_CPU, sums), ceil_div(length, REDUCE_SLICE));
    cut.slices = most_u64(wanted, cut.slices);
    return cut;
}

static struct reduce_cut cut_for_gpu(const struct hone_caps *caps, uint64_t length, uint64_t sums,
                                     uint64_t inner) {
    struct reduce_cut cut = {ceil_div(length, REDUCE_LONGEST), HONE_OP_GROUP, 1};
    uint32_t group = HONE_OP_GROUP;
    while (group * 2 <= caps->workgroup_invocations && group < REDUCE_GROUP) group *= 2;
    if (sums >= REDUCE_THREADS_GPU || length <= REDUCE_EACH) return cut;
    if (length > REDUCE_WHOLE) {
        uint64_t threads = sums * (group / REDUCE_LINE);
        cut.slices = least_u64(ceil_div(REDUCE_THREADS_GPU, threads), REDUCE_WHOLE);
        cut.slices = most_u64(cut.slices, ceil_div(length, REDUCE_LONGEST));
    }
    // Rows side by side where neighbouring results are neighbours in memory.
    uint32_t line = cut.slices * inner >= REDUCE_LINE ? REDUCE_LINE : 1;
    while (cut.merge * line < group && (uint64_t)cut.merge * REDUCE_EACH < length / cut.slices)
        cut.merge *= 2;
    cut.group = line > 1                          ? group
                : most_u64(cut.merge, 32) < group ? (uint32_t)most_u64(cut.merge, 32)
                                                  : group;
    return cut;
}

// Where the passes stand: each reads what the one before it wrote, x -> scratch 0 -> scratch 1 ->
// scratch 0 ... -> y.
struct reduce_chain {
    struct hone_launch *launch;
    const struct hone_caps *caps;
    enum hone_dtype dtype; // of x
    int pass;
};

// The dispatch of a pass, without operands. `inner` counts vectors of `width`.
static struct hone_dispatch *add_cut(struct hone_launch *launch, enum hone_dtype dtype,
                                     struct reduce_cut cut, uint64_t outer, uint64_t length,
                                     uint64_t inner, uint32_t width) {
    const char *kernel = dtype == HONE_F16    ? "reduce_f16"
                         : dtype == HONE_BF16 ? "reduce_bf16"
                         : width > 1          ? "reduce_vec4"
                                              : "reduce_f32";
    struct hone_dispatch *dispatch = hone_launch_add(launch, kernel);
    if (!dispatch) return NULL;
    uint64_t count = outer * cut.slices * inner;
    hone_dispatch_spec(dispatch, cut.group);
    hone_dispatch_spec(dispatch, cut.merge);
    hone_dispatch_linear(dispatch, count * cut.merge, cut.group);
    const uint32_t push[] = {(uint32_t)count, (uint32_t)length, (uint32_t)inner,
                             (uint32_t)cut.slices};
    hone_dispatch_push(dispatch, push, sizeof push);
    return dispatch;
}

static struct reduce_cut cut_of(const struct hone_caps *caps, uint64_t length, uint64_t sums,
                                uint64_t inner) {
    return caps->features & HONE_FEATURE_CPU ? cut_for_cpu(length, sums)
                                             : cut_for_gpu(caps, length, sums, inner);
}

struct hone_dispatch *hone_op_reduce_slices(const struct hone_caps *caps,
                                            struct hone_launch *launch, int64_t slices,
                                            int64_t columns, uint32_t width) {
    struct reduce_cut cut = cut_of(caps, (uint64_t)slices, (uint64_t)columns, (uint64_t)columns);
    cut.slices = 1;
    return add_cut(launch, HONE_F32, cut, 1, (uint64_t)slices, (uint64_t)columns, width);
}

static hone_status add_pass(struct reduce_chain *chain, const struct reduce_round *round,
                            struct reduce_cut cut, uint32_t width, bool last) {
    uint64_t inner = round->inner / width, count = round->outer * cut.slices * inner;
    struct hone_dispatch *dispatch = add_cut(chain->launch, chain->pass ? HONE_F32 : chain->dtype,
                                             cut, round->outer, round->sum, inner, width);
    if (!dispatch) return HONE_INTERNAL;
    int from = (chain->pass + 1) % 2, to = chain->pass % 2;
    if (chain->pass++ == 0)
        hone_dispatch_in(dispatch, 0);
    else
        hone_dispatch_scratch(dispatch, from);
    if (last) {
        hone_dispatch_out(dispatch, 0);
        return HONE_OK;
    }
    hone_dispatch_scratch(dispatch, to);
    uint64_t bytes = count * width * sizeof(float);
    uint64_t *room = &chain->launch->scratch_bytes[to];
    if (bytes > *room) *room = bytes;
    return HONE_OK;
}

// A pass shortens a sum at least 32 times (or to what fills the device), so that 16 dispatches do
// for any tensor.
static hone_status add_round(struct reduce_chain *chain, struct reduce_round round, bool vec4,
                             bool last_round) {
    bool narrow = chain->pass == 0 && chain->dtype != HONE_F32;
    uint32_t width = narrow || (vec4 && round.inner % 4 == 0) ? 4 : 1;
    for (;;) {
        uint64_t inner = round.inner / width, sums = round.outer * inner;
        struct reduce_cut cut = cut_of(chain->caps, round.sum, sums, inner);
        HONE_TRY(add_pass(chain, &round, cut, width, last_round && cut.slices == 1));
        if (cut.slices == 1) return HONE_OK;
        round.sum = cut.slices;
    }
}

static hone_status setup(const struct hone_row_args *args, struct hone_launch *launch, bool vec4) {
    struct reduce_round rounds[REDUCE_ROUNDS];
    int count = reduce_rounds(args->node, rounds);
    struct reduce_chain chain = {launch, args->caps, args->node->in[0].dtype, 0};
    for (int i = 0; i < count; i++) HONE_TRY(add_round(&chain, rounds[i], vec4, i == count - 1));
    return HONE_OK;
}

static hone_status setup_vec4(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, true);
}

static hone_status setup_plain(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, false);
}

const struct hone_op_row hone_op_reduce_rows[HONE_OP_REDUCE_ROWS] = {
    {.name = "vec4", .fits = fits_vec4, .setup = setup_vec4},
    {.name = "plain", .setup = setup_plain},
};
