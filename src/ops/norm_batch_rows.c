// norm_batch_rows.c: the kernels of batch norm. Sums over M rows are made in two passes: slices of
// rows in parallel, then their sum in order, so that a run repeats bit for bit. Whatever touches
// each element is a pass of its own.
//
// On a GPU a workgroup adds its rows up in shared memory. On a CPU driver, where barriers cost more
// than they save and a workgroup of several subgroups loses its loops to coroutines, a workgroup is
// one subgroup, walks down a run of memory for long (a workgroup costs some 60 ns), and each
// invocation keeps a slice of its own. Channels go four at a time where C allows.
#include "ops/norm_batch.h"

#include "ops/conv_launch.h"
#include "ops/ops.h"

#include <string.h>

enum {
    NORM_LANES = 64,        // most channels (of V) side by side in a workgroup
    NORM_GROUP = 256,       // invocations of a workgroup on a GPU
    NORM_SLICES = 256,      // most slices on a GPU
    NORM_GROUPS = 512,      // workgroups that keep a large GPU busy
    NORM_LANE_ROWS = 8,     // least rows an invocation sums on a GPU
    NORM_EACH = 4,          // rows an invocation passes over on a GPU
    NORM_FINISH_SLICES = 4, // of the second pass an invocation adds on a GPU
    NORM_FINISH_LANES = 8,  // least channels (of V) of its workgroup: a cache line
    NORM_CPU_ROWS = 64, // least strips of rows an invocation sums or passes over on a CPU driver
    NORM_CPU_STRIPS = 6,
    NORM_CPU_GROUPS = 1024,
    NORM_AXIS = 65535, // most workgroups of an axis
    NORM_JOIN = 64,    // parts that a convolution left, from which they are joined in two passes
};

// How `rows` of `c` channels (in units of V) are cut into workgroups, for sums and for passes.
struct norm_plan {
    uint32_t rows, c, lanes, strips, row_lanes, merge, blocks;
    uint32_t slice_rows, slices, groups; // of a reduction
    uint32_t chunk;                      // rows of a workgroup that passes over all
};

static uint32_t ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

static uint32_t clamp_u32(uint32_t value, uint32_t least, uint32_t most) {
    uint32_t cut = value > most ? most : value;
    return cut < least ? least : cut;
}

static struct norm_plan norm_plan_make(const struct hone_caps *caps, uint32_t rows, uint32_t c) {
    bool cpu = caps->features & HONE_FEATURE_CPU;
    uint32_t widest = cpu ? caps->subgroup_size : NORM_LANES, most = caps->subgroup_size;
    if (!cpu) most = clamp_u32(caps->workgroup_invocations, NORM_LANES, NORM_GROUP);
    struct norm_plan plan = {.rows = rows, .c = c, .merge = !cpu};
    uint32_t strips = ceil_div(c, widest);
    plan.blocks = cpu ? ceil_div(strips, NORM_CPU_STRIPS) : strips;
    plan.strips = ceil_div(strips, plan.blocks);
    plan.lanes = ceil_div(c, plan.blocks * plan.strips);
    plan.row_lanes = 1;
    while (plan.row_lanes * 2 * plan.lanes <= most) plan.row_lanes *= 2;
    uint32_t want, each = cpu ? NORM_CPU_ROWS : NORM_EACH;
    if (plan.merge) {
        want = clamp_u32(NORM_GROUPS / plan.blocks, 1, NORM_SLICES);
        want = clamp_u32(want, 1, ceil_div(rows, NORM_LANE_ROWS * plan.row_lanes));
    } else {
        each = ceil_div(NORM_CPU_ROWS, plan.strips);
        want = clamp_u32(NORM_CPU_GROUPS / plan.blocks, 1, ceil_div(rows, each));
    }
    plan.slice_rows = ceil_div(rows, want);
    plan.slices = ceil_div(rows, plan.slice_rows);
    plan.groups = plan.merge ? plan.slices : ceil_div(plan.slices, plan.row_lanes);
    plan.chunk = plan.row_lanes * clamp_u32(each, ceil_div(rows, NORM_AXIS * plan.row_lanes), rows);
    return plan;
}

static bool fits_vec4(const struct hone_row_args *args) {
    const struct hone_desc *x = &args->node->in[0];
    return x->dim[x->rank - 1] % 4 == 0;
}

// Rows and channels of in[0], channels in units of `width`.
static struct norm_plan norm_plan_of(const struct hone_row_args *args, uint32_t width) {
    const struct hone_desc *x = &args->node->in[0];
    return norm_plan_make(args->caps, (uint32_t)hone_op_norm_rows(x),
                          (uint32_t)x->dim[x->rank - 1] / width);
}

static const struct hone_batch_norm_attrs *attrs_of(const struct hone_row_args *args) {
    return args->node->attrs;
}

// How the activation's derivative is had: not at all, from saved y, from z made again.
enum norm_mask { NORM_MASK_NONE, NORM_MASK_SAVED, NORM_MASK_AGAIN };

// ---- Parts of a launch

// Scratch 0 holds two numbers of each slice and channel; a convolution in front may need more.
static void need_scratch(struct hone_launch *launch, int64_t slices, int64_t channels) {
    uint64_t bytes = (uint64_t)(slices * 2 * channels) * sizeof(float);
    if (launch->scratch_bytes[0] < bytes) launch->scratch_bytes[0] = bytes;
}

// A first pass into scratch 0; operands and further constants follow, cut_rows() after them.
static struct hone_dispatch *add_reduce(const struct hone_row_args *args,
                                        struct hone_launch *launch, const struct norm_plan *plan,
                                        uint32_t width, const char *base) {
    char kernel[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for(base, args->node->in[0].dtype, width, kernel);
    struct hone_dispatch *pass = hone_launch_add(launch, kernel);
    if (!pass) return NULL;
    hone_dispatch_spec(pass, plan->lanes * plan->row_lanes);
    hone_dispatch_spec(pass, plan->lanes);
    hone_dispatch_spec(pass, plan->strips);
    hone_dispatch_spec(pass, plan->merge);
    pass->grid[0] = plan->groups;
    pass->grid[1] = plan->blocks;
    hone_dispatch_push(pass, (const uint32_t[]){plan->rows, plan->c, plan->slice_rows}, 12);
    need_scratch(launch, plan->slices, (int64_t)plan->c * width);
    return pass;
}

// A second pass: on a GPU several invocations share a channel (of V), each of which has a few
// slices to add: one alone would wait for its loads one after the other.
static struct hone_dispatch *add_finish(const struct hone_row_args *args,
                                        struct hone_launch *launch, const struct norm_plan *plan,
                                        const char *kernel) {
    struct hone_dispatch *pass = hone_launch_add(launch, kernel);
    if (!pass) return NULL;
    uint32_t group = hone_op_group(args->caps), merge = 1;
    if (plan->merge) {
        while (group * 2 <= args->caps->workgroup_invocations && group < NORM_GROUP) group *= 2;
        while (merge * NORM_FINISH_SLICES < plan->slices && merge * NORM_FINISH_LANES < group)
            merge *= 2;
    }
    hone_dispatch_spec(pass, group);
    hone_dispatch_spec(pass, merge);
    hone_dispatch_linear(pass, (uint64_t)plan->c * merge, group);
    return pass;
}

// The sums dgamma and dbeta, to outputs `first` and `first` + 1, from what add_reduce() left.
static hone_status add_finish_sums(const struct hone_row_args *args, struct hone_launch *launch,
                                   const struct norm_plan *plan, uint32_t width, int spread,
                                   uint32_t frozen, int first) {
    struct hone_dispatch *pass =
        add_finish(args, launch, plan, width == 4 ? "norm_finish_sums_vec4" : "norm_finish_sums");
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, frozen);
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_in(pass, spread);
    hone_dispatch_out(pass, first);
    hone_dispatch_out(pass, first + 1);
    hone_dispatch_push(pass, (const uint32_t[]){plan->c, plan->slices}, 8);
    hone_dispatch_push(pass, &attrs_of(args)->eps, sizeof(float));
    return HONE_OK;
}

// A pass over all elements: the dispatch with its push block, whose last member is `number`;
// operands and further constants follow.
static struct hone_dispatch *add_pass(const struct hone_row_args *args, struct hone_launch *launch,
                                      const struct norm_plan *plan, uint32_t width,
                                      const char *base, float number) {
    const struct hone_act_attrs *act = &attrs_of(args)->act;
    char kernel[HONE_OP_KERNEL_NAME];
    hone_op_kernel_for(base, args->node->in[0].dtype, width, kernel);
    struct hone_dispatch *pass = hone_launch_add(launch, kernel);
    if (!pass) return NULL;
    hone_dispatch_spec(pass, plan->lanes * plan->row_lanes);
    hone_dispatch_spec(pass, plan->lanes);
    hone_dispatch_spec(pass, plan->strips);
    pass->grid[0] = ceil_div(plan->rows, plan->chunk);
    pass->grid[1] = plan->blocks;
    hone_dispatch_push(pass, (const uint32_t[]){plan->rows, plan->c, plan->chunk}, 12);
    hone_dispatch_push(pass, (const float[]){act->a, act->b, number}, 12);
    return pass;
}

// Rows that one dispatch can bind, all where they fit; a multiple of `unit` at aligned offsets.
static uint32_t window_rows(const struct hone_row_args *args, const struct norm_plan *plan,
                            uint64_t row_bytes, uint32_t unit, uint64_t part_bytes) {
    uint64_t range = args->caps->storage_range_bytes, align = args->caps->storage_offset_align;
    if (plan->rows * row_bytes <= range) return plan->rows;
    uint64_t units = 1;
    while (align && (units * unit * row_bytes % align || units * part_bytes % align)) units++;
    uint64_t window = range / row_bytes / (units * unit) * (units * unit);
    return window ? (uint32_t)window : plan->rows; // whoever checks the launch says so
}

// Cuts the dispatch added last, a pass or (slices not 0) a reduction, along the rows of x where x
// is longer than a binding. Slices stay whole, so that the bits do too.
static hone_status cut_rows(const struct hone_row_args *args, const struct norm_plan *plan,
                            uint32_t slices, struct hone_launch *launch) {
    const struct hone_desc *x = &args->node->in[0];
    const struct hone_dispatch whole = launch->dispatches[launch->dispatch_count - 1];
    uint64_t row_bytes = hone_desc_bytes(x) / plan->rows;
    uint64_t part_bytes = slices ? 2 * sizeof(float) * (uint64_t)x->dim[x->rank - 1] : 0;
    uint32_t unit = slices ? plan->slice_rows : 1;
    uint32_t window = window_rows(args, plan, row_bytes, unit, part_bytes);
    if (window >= plan->rows) return HONE_OK;
    launch->dispatch_count--;
    for (uint32_t first = 0; first < plan->rows; first += window) {
        uint32_t rows = plan->rows - first < window ? plan->rows - first : window;
        uint32_t parts = ceil_div(rows, plan->slice_rows);
        struct hone_dispatch *d = hone_launch_add(launch, whole.kernel->name);
        if (!d) return HONE_INTERNAL;
        *d = whole;
        memcpy(d->push, &rows, sizeof rows);
        d->grid[0] = !slices       ? ceil_div(rows, plan->chunk)
                     : plan->merge ? parts
                                   : ceil_div(parts, plan->row_lanes);
        for (int i = 0; i < d->operand_count; i++) {
            struct hone_operand *o = &d->operands[i];
            const struct hone_desc *desc = o->kind == HONE_OPERAND_INPUT
                                               ? &args->node->in[o->index]
                                               : &args->node->out[o->index];
            if (o->kind == HONE_OPERAND_SCRATCH) {
                o->offset = first / plan->slice_rows * part_bytes;
                o->bytes = parts * part_bytes;
            } else if (hone_desc_equal(desc, x)) {
                o->offset = first * row_bytes;
                o->bytes = rows * row_bytes;
            }
        }
    }
    return HONE_OK;
}

// ---- batch_norm and the last pass of batch_norm_train

// y = act(...) with mean and spread from these operands.
enum spread { SPREAD_VAR, SPREAD_INVSTD, SPREAD_INVSTD_GIVEN };
static hone_status add_apply(const struct hone_row_args *args, struct hone_launch *launch,
                             const struct norm_plan *plan, uint32_t width, enum spread spread) {
    struct hone_dispatch *pass =
        add_pass(args, launch, plan, width, "norm_apply", attrs_of(args)->eps);
    if (!pass) return HONE_INTERNAL;
    bool residual = hone_op_has(args->node, 5);
    hone_dispatch_spec(pass, spread == SPREAD_VAR);
    hone_dispatch_spec(pass, residual);
    hone_dispatch_spec(pass, (uint32_t)attrs_of(args)->act.kind);
    for (int i = 0; i < 3; i++) hone_dispatch_in(pass, i);
    for (int i = 3; i < 5; i++) {
        if (spread != SPREAD_INVSTD)
            hone_dispatch_in(pass, i);
        else
            hone_dispatch_out(pass, i);
    }
    hone_dispatch_in(pass, residual ? 5 : 0);
    hone_dispatch_out(pass, 0);
    return cut_rows(args, plan, 0, launch);
}

static hone_status setup_batch_norm(const struct hone_row_args *args, struct hone_launch *launch,
                                    uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    return add_apply(args, launch, &plan, width, SPREAD_VAR);
}

static hone_status setup_apply(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    return add_apply(args, launch, &plan, width, SPREAD_INVSTD_GIVEN);
}

// ---- Statistics: of in[0], or of out[0] for a convolution

// Slices of slice_rows rows, in the operand, to the statistics.
static hone_status add_finish_stats(const struct hone_row_args *args, struct hone_launch *launch,
                                    const struct norm_plan *plan, uint32_t width, int scratch) {
    struct hone_dispatch *pass =
        add_finish(args, launch, plan, width == 4 ? "norm_finish_stats_vec4" : "norm_finish_stats");
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_scratch(pass, scratch);
    hone_dispatch_in(pass, 3);
    hone_dispatch_in(pass, 4);
    for (int i = 1; i < 5; i++) hone_dispatch_out(pass, i);
    hone_dispatch_push(pass,
                       (const uint32_t[]){plan->c, plan->slices, plan->slice_rows, plan->rows}, 16);
    hone_dispatch_push(pass, (const float[]){attrs_of(args)->eps, attrs_of(args)->momentum}, 8);
    return HONE_OK;
}

static hone_status add_stats(const struct hone_row_args *args, struct hone_launch *launch,
                             const struct norm_plan *plan, uint32_t width, bool of_output) {
    struct hone_dispatch *pass = add_reduce(args, launch, plan, width, "norm_stats");
    if (!pass) return HONE_INTERNAL;
    if (of_output)
        hone_dispatch_out(pass, 0);
    else
        hone_dispatch_in(pass, 0);
    hone_dispatch_scratch(pass, 0);
    HONE_TRY(cut_rows(args, plan, plan->slices, launch));
    return add_finish_stats(args, launch, plan, width, 0);
}

// Few slices out of many parts, which the last pass would walk in one invocation a channel.
static hone_status join_parts(struct norm_plan *plan, uint32_t width, struct hone_launch *launch) {
    uint32_t each = 1;
    while (each * each < plan->slices) each++;
    uint32_t slices = ceil_div(plan->slices, each);
    struct hone_dispatch *pass =
        hone_op_linear(launch, width == 4 ? "norm_join_stats_vec4" : "norm_join_stats",
                       slices * (uint64_t)plan->c);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_push(
        pass, (const uint32_t[]){plan->c, plan->slices, plan->slice_rows, plan->rows, each}, 20);
    hone_dispatch_scratch(pass, 1);
    hone_dispatch_scratch(pass, 0);
    plan->slices = slices;
    plan->slice_rows *= each;
    need_scratch(launch, slices, (int64_t)plan->c * width);
    return HONE_OK;
}

hone_status hone_op_norm_add_stats(const struct hone_row_args *args,
                                   const struct hone_conv_parts *parts,
                                   struct hone_launch *launch) {
    const struct hone_desc *y = &args->node->in[0];
    uint32_t width = hone_op_width_for(y->dtype, fits_vec4(args) ? 4 : 1);
    struct norm_plan plan = norm_plan_of(args, width);
    if (parts->count == 0) return add_stats(args, launch, &plan, width, true);
    plan.slices = (uint32_t)parts->count;
    plan.slice_rows = (uint32_t)parts->rows;
    if (parts->count <= NORM_JOIN) return add_finish_stats(args, launch, &plan, width, 1);
    HONE_TRY(join_parts(&plan, width, launch));
    return add_finish_stats(args, launch, &plan, width, 0);
}

static hone_status setup_train(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(add_stats(args, launch, &plan, width, false));
    return add_apply(args, launch, &plan, width, SPREAD_INVSTD);
}

// ---- Gradients with fixed statistics

static hone_status setup_bwd_x(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    struct hone_dispatch *pass =
        add_pass(args, launch, &plan, width, "norm_scale_bwd", attrs_of(args)->eps);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, (uint32_t)attrs_of(args)->act.kind);
    for (int i = 0; i < 3; i++) hone_dispatch_in(pass, i);
    hone_dispatch_in(pass, hone_op_has(args->node, 3) ? 3 : 0);
    hone_dispatch_out(pass, 0);
    return cut_rows(args, &plan, 0, launch);
}

// The sums of the gradient of in[0] and of its product with x, in[1]. -1: absent.
static hone_status add_sums(const struct hone_row_args *args, struct hone_launch *launch,
                            const struct norm_plan *plan, uint32_t width, int mean, int beta,
                            int saved, int dz) {
    const struct hone_act_attrs *act = &attrs_of(args)->act;
    struct hone_dispatch *pass = add_reduce(args, launch, plan, width, "norm_sums");
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, (uint32_t)act->kind);
    hone_dispatch_spec(pass, saved >= 0  ? NORM_MASK_SAVED
                             : beta >= 0 ? NORM_MASK_AGAIN
                                         : NORM_MASK_NONE);
    hone_dispatch_spec(pass, dz >= 0);
    hone_dispatch_in(pass, 0);
    hone_dispatch_in(pass, 1);
    hone_dispatch_in(pass, mean);
    hone_dispatch_in(pass, beta >= 0 ? 2 : mean);
    hone_dispatch_in(pass, beta >= 0 ? 4 : mean);
    hone_dispatch_in(pass, beta >= 0 ? beta : mean);
    hone_dispatch_in(pass, saved >= 0 ? saved : 1);
    hone_dispatch_scratch(pass, 0);
    if (dz >= 0)
        hone_dispatch_out(pass, dz);
    else
        hone_dispatch_scratch(pass, 0);
    hone_dispatch_push(pass, (const float[]){act->a, act->b}, 8);
    return cut_rows(args, plan, plan->slices, launch);
}

static hone_status setup_bwd_p(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(add_sums(args, launch, &plan, width, 2, -1, -1, -1));
    return add_finish_sums(args, launch, &plan, width, 3, 1, 0);
}

// ---- Gradients with statistics of the batch

// dx from the sums; dz is in[0] through `mask`, or output 3.
static hone_status add_apply_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                 const struct norm_plan *plan, uint32_t width, int beta, int saved,
                                 bool kept) {
    struct hone_dispatch *pass =
        add_pass(args, launch, plan, width, "norm_apply_bwd", 1.0f / (float)plan->rows);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, (uint32_t)attrs_of(args)->act.kind);
    hone_dispatch_spec(pass, saved >= 0  ? NORM_MASK_SAVED
                             : beta >= 0 ? NORM_MASK_AGAIN
                                         : NORM_MASK_NONE);
    if (kept)
        hone_dispatch_out(pass, 3);
    else
        hone_dispatch_in(pass, 0);
    for (int i = 1; i < 5; i++) hone_dispatch_in(pass, i);
    hone_dispatch_in(pass, beta >= 0 ? beta : 2);
    hone_dispatch_in(pass, saved >= 0 ? saved : 1);
    hone_dispatch_out(pass, 1);
    hone_dispatch_out(pass, 2);
    hone_dispatch_out(pass, 0);
    return cut_rows(args, plan, 0, launch);
}

static hone_status setup_train_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                   uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    bool act = attrs_of(args)->act.kind != HONE_ACT_NONE;
    int saved = act && hone_op_has(args->node, 6) ? 6 : -1;
    int beta = act && saved < 0 ? 5 : -1;
    HONE_TRY(add_sums(args, launch, &plan, width, 3, beta, saved, -1));
    HONE_TRY(add_finish_sums(args, launch, &plan, width, 4, 0, 1));
    return add_apply_bwd(args, launch, &plan, width, beta, saved, false);
}

static hone_status setup_residual_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                      uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(add_sums(args, launch, &plan, width, 3, -1, 5, 3));
    HONE_TRY(add_finish_sums(args, launch, &plan, width, 4, 0, 1));
    return add_apply_bwd(args, launch, &plan, width, -1, -1, true);
}

#define NORM_ROWS(op) HONE_OP_DEFINE_WIDTH_ROWS(, hone_op_norm_rows_, op, fits_vec4)
NORM_ROWS(batch_norm)
NORM_ROWS(apply)
NORM_ROWS(bwd_x)
NORM_ROWS(bwd_p)
NORM_ROWS(train)
NORM_ROWS(train_bwd)
NORM_ROWS(residual_bwd)
