// arith_reduce.c: the kernel rows of reduce_to.
//
// Each axis (after joining) that is summed gives a round x (A,R,B) -> y (A,B): nearly every sum in
// a net has one such axis: channel sums (1,NHW,C), means over a picture (N,HW,C), totals (1,R,1);
// none has more than three. A round cuts R into slices: slice s sums the elements s, s + S, s + 2S,
// ..., so that neighbours read neighbours and nobody needs shared memory, a barrier or an atomic;
// the slices are then summed in the same way until one is left. The order is fixed by shapes and
// device: runs repeat bit for bit. Short slices also keep clear of a trap: lavapipe of Mesa 22.3
// ends the loops of an invocation after 65,535 iterations in all.
#include "ops/arith.h"
#include "ops/common.h"

enum {
    REDUCE_LAST = 64,           // sums this short are not cut any more
    REDUCE_SLICE = 32,          // the least number of elements in a slice
    REDUCE_LONGEST = 1 << 17,   // the most; a loop iteration adds four
    REDUCE_THREADS_CPU = 1024,  // invocations that keep a CPU driver busy
    REDUCE_THREADS_GPU = 32768, // and a GPU
    REDUCE_ROUNDS = 3,          // six axes, every other one summed
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

static bool fits_vec4(const struct hone_row_args *args) {
    struct reduce_round rounds[REDUCE_ROUNDS];
    int count = reduce_rounds(args->node, rounds);
    for (int i = 0; i < count; i++)
        if (rounds[i].inner % 4 == 0) return true;
    return false;
}

// Slices of the next pass over sums of `length`, with `sums` invocations at hand without cutting.
static uint64_t slice_count(uint64_t length, uint64_t sums, uint64_t threads) {
    uint64_t least = (length + REDUCE_LONGEST - 1) / REDUCE_LONGEST;
    if (length <= REDUCE_LAST || sums >= threads) return least;
    uint64_t wanted = (threads + sums - 1) / sums;
    uint64_t most = (length + REDUCE_SLICE - 1) / REDUCE_SLICE;
    wanted = wanted < most ? wanted : most;
    return wanted > least ? wanted : least;
}

// Where the passes stand: each reads what the one before it wrote, x -> scratch 0 -> scratch 1 ->
// scratch 0 ... -> y.
struct reduce_chain {
    struct hone_launch *launch;
    uint64_t threads;
    int pass;
};

static hone_status add_pass(struct reduce_chain *chain, const struct reduce_round *round,
                            uint64_t slices, uint32_t width, bool last) {
    uint64_t inner = round->inner / width, count = round->outer * slices * inner;
    struct hone_dispatch *dispatch =
        hone_op_linear(chain->launch, width > 1 ? "reduce_vec4" : "reduce_f32", count);
    if (!dispatch) return HONE_INTERNAL;
    const uint32_t push[] = {(uint32_t)count, (uint32_t)round->sum, (uint32_t)inner,
                             (uint32_t)slices};
    hone_dispatch_push(dispatch, push, sizeof push);
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
    uint32_t width = vec4 && round.inner % 4 == 0 ? 4 : 1;
    for (;;) {
        uint64_t slices = slice_count(round.sum, round.outer * round.inner / width, chain->threads);
        HONE_TRY(add_pass(chain, &round, slices, width, last_round && slices == 1));
        if (slices == 1) return HONE_OK;
        round.sum = slices;
    }
}

static hone_status setup(const struct hone_row_args *args, struct hone_launch *launch, bool vec4) {
    struct reduce_round rounds[REDUCE_ROUNDS];
    int count = reduce_rounds(args->node, rounds);
    bool cpu = args->caps->features & HONE_FEATURE_CPU;
    struct reduce_chain chain = {launch, cpu ? REDUCE_THREADS_CPU : REDUCE_THREADS_GPU, 0};
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
