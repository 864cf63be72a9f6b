// norm_batch_rows.c: the kernels of batch norm. Sums over M rows are made in two passes: slices of
// rows in parallel, then their sum in order, so that a run repeats bit for bit. Whatever touches
// each element is a pass of its own.
//
// On a GPU a workgroup adds its rows up in shared memory; on a CPU driver, where barriers cost more
// than they save, each invocation keeps a slice of its own. Channels go four at a time where C
// allows.
#include "ops/norm_batch.h"
#include "ops/ops.h"

#include <string.h>

enum {
    NORM_LANES = 64,    // most channels (of V) side by side in a workgroup
    NORM_GROUP = 256,   // invocations of a workgroup that merges its rows
    NORM_SLICES = 256,  // most slices on a GPU: the second pass is one invocation a channel
    NORM_GROUPS = 512,  // workgroups that keep a large GPU busy
    NORM_LANE_ROWS = 8, // least rows an invocation sums
    NORM_CPU_INVOCATIONS = 2048,
    NORM_CPU_ROWS = 64,
};

// How a reduction over `rows` of `c` channels is cut.
struct norm_plan {
    uint32_t rows, c, lanes, row_lanes, merge, slice_rows, slices, groups, blocks;
};

static uint32_t ceil_div(uint32_t a, uint32_t b) {
    return (a + b - 1) / b;
}

static uint32_t clamp_u32(uint32_t value, uint32_t least, uint32_t most) {
    return value < least ? least : value > most ? most : value;
}

static struct norm_plan norm_plan_make(const struct hone_caps *caps, uint32_t rows, uint32_t c) {
    struct norm_plan plan = {.rows = rows, .c = c, .blocks = ceil_div(c, NORM_LANES)};
    plan.lanes = ceil_div(c, plan.blocks);
    plan.merge = !(caps->features & HONE_FEATURE_CPU);
    uint32_t want;
    if (plan.merge) {
        uint32_t most =
            caps->workgroup_invocations < NORM_GROUP ? caps->workgroup_invocations : NORM_GROUP;
        plan.row_lanes = 1;
        while (plan.row_lanes * 2 * plan.lanes <= most) plan.row_lanes *= 2;
        want = clamp_u32(NORM_GROUPS / plan.blocks, 1, NORM_SLICES);
        want = clamp_u32(want, 1, ceil_div(rows, NORM_LANE_ROWS * plan.row_lanes));
    } else {
        plan.row_lanes = clamp_u32(NORM_LANES / plan.lanes, 1, NORM_LANES);
        want = clamp_u32(NORM_CPU_INVOCATIONS / c, 1, ceil_div(rows, NORM_CPU_ROWS));
    }
    plan.slice_rows = ceil_div(rows, want);
    plan.slices = ceil_div(rows, plan.slice_rows);
    plan.groups = plan.merge ? plan.slices : ceil_div(plan.slices, plan.row_lanes);
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

// First pass into scratch 0. `sources` inputs from in[0] on, and for the sums of the backward pass
// the mean.
static hone_status add_reduce(struct hone_launch *launch, const struct norm_plan *plan,
                              uint32_t width, const char *kernel, int sources, int mean) {
    struct hone_dispatch *pass = hone_launch_add(launch, kernel);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, plan->lanes * plan->row_lanes);
    hone_dispatch_spec(pass, plan->lanes);
    hone_dispatch_spec(pass, plan->merge);
    pass->grid[0] = plan->groups;
    pass->grid[1] = plan->blocks;
    for (int i = 0; i < sources; i++) hone_dispatch_in(pass, i);
    if (mean >= 0) hone_dispatch_in(pass, mean);
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_push(pass, (const uint32_t[]){plan->rows, plan->c, plan->slice_rows}, 12);
    launch->scratch_bytes[0] = (uint64_t)plan->slices * 2 * plan->c * width * sizeof(float);
    return HONE_OK; // cut_rows() next
}

// Second pass of the backward sums: dgamma, dbeta to outputs `first` and `first` + 1.
static hone_status add_finish_sums(struct hone_launch *launch, const struct norm_plan *plan,
                                   const char *kernel, int spread, uint32_t frozen, float eps,
                                   int first) {
    struct hone_dispatch *pass = hone_op_linear(launch, kernel, plan->c);
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, frozen);
    hone_dispatch_scratch(pass, 0);
    hone_dispatch_in(pass, spread);
    hone_dispatch_out(pass, first);
    hone_dispatch_out(pass, first + 1);
    hone_dispatch_push(pass, (const uint32_t[]){plan->c, plan->slices}, 8);
    hone_dispatch_push(pass, &eps, sizeof eps);
    return HONE_OK;
}

static uint32_t rows_each(const struct hone_caps *caps) {
    return caps->features & HONE_FEATURE_CPU ? 16 : 4;
}

// A pass over all elements: the dispatch with its push block, whose last member is `number`;
// operands and further constants follow.
static struct hone_dispatch *add_pass(const struct hone_row_args *args, struct hone_launch *launch,
                                      const char *kernel, uint32_t width, float number) {
    const struct hone_desc *x = &args->node->in[0];
    uint32_t rows = (uint32_t)hone_op_norm_rows(x), c = (uint32_t)x->dim[x->rank - 1] / width;
    // Rows an invocation: enough to pay for the parameters, few enough to keep all cores busy.
    uint32_t groups = ceil_div(rows, rows_each(args->caps));
    struct hone_dispatch *pass = hone_op_linear(launch, kernel, (uint64_t)groups * c);
    if (!pass) return NULL;
    hone_dispatch_push(pass, (const uint32_t[]){rows, c, groups}, 12);
    hone_dispatch_push(pass, &number, sizeof number);
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
    uint64_t part_bytes = slices ? launch->scratch_bytes[0] / slices : 0;
    uint32_t unit = slices ? plan->slice_rows : 1;
    uint32_t window = window_rows(args, plan, row_bytes, unit, part_bytes);
    if (window >= plan->rows) return HONE_OK;
    launch->dispatch_count--;
    for (uint32_t first = 0; first < plan->rows; first += window) {
        uint32_t rows = plan->rows - first < window ? plan->rows - first : window;
        uint32_t parts = ceil_div(rows, plan->slice_rows),
                 groups = ceil_div(rows, rows_each(args->caps));
        struct hone_dispatch *d = hone_launch_add(launch, whole.kernel->name);
        if (!d) return HONE_INTERNAL;
        *d = whole;
        memcpy(d->push, &rows, sizeof rows);
        if (slices) {
            d->grid[0] = plan->merge ? parts : ceil_div(parts, plan->row_lanes);
        } else {
            memcpy(d->push + 8, &groups, sizeof groups);
            hone_dispatch_linear(d, (uint64_t)groups * plan->c, HONE_OP_GROUP);
        }
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

static float eps_of(const struct hone_row_args *args) {
    return ((const struct hone_batch_norm_attrs *)args->node->attrs)->eps;
}

// ---- batch_norm ----

static hone_status setup_batch_norm(const struct hone_row_args *args, struct hone_launch *launch,
                                    uint32_t width) {
    struct hone_dispatch *pass =
        add_pass(args, launch, width == 4 ? "norm_apply_vec4" : "norm_apply", width, eps_of(args));
    if (!pass) return HONE_INTERNAL;
    hone_dispatch_spec(pass, 1);
    hone_op_bind_all(pass, 5, 1);
    return HONE_OK;
}

// ---- batch_norm_bwd_x ----

static hone_status setup_bwd_x(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct hone_dispatch *pass = add_pass(
        args, launch, width == 4 ? "norm_scale_bwd_vec4" : "norm_scale_bwd", width, eps_of(args));
    if (!pass) return HONE_INTERNAL;
    hone_op_bind_all(pass, 3, 1);
    return HONE_OK;
}

// ---- batch_norm_bwd_p ----

static hone_status setup_bwd_p(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(add_reduce(launch, &plan, width, width == 4 ? "norm_sums_vec4" : "norm_sums", 2, 2));
    HONE_TRY(cut_rows(args, &plan, plan.slices, launch));
    return add_finish_sums(launch, &plan, width == 4 ? "norm_finish_sums_vec4" : "norm_finish_sums",
                           3, 1, eps_of(args), 0);
}

// ---- batch_norm_train ----

static hone_status setup_train(const struct hone_row_args *args, struct hone_launch *launch,
                               uint32_t width) {
    const struct hone_batch_norm_attrs *attrs = args->node->attrs;
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(
        add_reduce(launch, &plan, width, width == 4 ? "norm_stats_vec4" : "norm_stats", 1, -1));
    HONE_TRY(cut_rows(args, &plan, plan.slices, launch));
    struct hone_dispatch *finish =
        hone_op_linear(launch, width == 4 ? "norm_finish_stats_vec4" : "norm_finish_stats", plan.c);
    if (!finish) return HONE_INTERNAL;
    hone_dispatch_scratch(finish, 0);
    hone_dispatch_in(finish, 3);
    hone_dispatch_in(finish, 4);
    for (int i = 1; i < 5; i++) hone_dispatch_out(finish, i);
    hone_dispatch_push(finish, (const uint32_t[]){plan.c, plan.slices, plan.slice_rows, plan.rows},
                       16);
    hone_dispatch_push(finish, (const float[]){attrs->eps, attrs->momentum}, 8);
    struct hone_dispatch *apply =
        add_pass(args, launch, width == 4 ? "norm_apply_vec4" : "norm_apply", width, attrs->eps);
    if (!apply) return HONE_INTERNAL;
    hone_dispatch_spec(apply, 0);
    for (int i = 0; i < 3; i++) hone_dispatch_in(apply, i);
    hone_dispatch_out(apply, 3);
    hone_dispatch_out(apply, 4);
    hone_dispatch_out(apply, 0);
    return cut_rows(args, &plan, 0, launch);
}

// ---- batch_norm_train_bwd ----

static hone_status setup_train_bwd(const struct hone_row_args *args, struct hone_launch *launch,
                                   uint32_t width) {
    struct norm_plan plan = norm_plan_of(args, width);
    HONE_TRY(add_reduce(launch, &plan, width, width == 4 ? "norm_sums_vec4" : "norm_sums", 2, 3));
    HONE_TRY(cut_rows(args, &plan, plan.slices, launch));
    HONE_TRY(add_finish_sums(
        launch, &plan, width == 4 ? "norm_finish_sums_vec4" : "norm_finish_sums", 4, 0, 0.0f, 1));
    struct hone_dispatch *apply =
        add_pass(args, launch, width == 4 ? "norm_apply_bwd_vec4" : "norm_apply_bwd", width,
                 1.0f / (float)plan.rows);
    if (!apply) return HONE_INTERNAL;
    for (int i = 0; i < 5; i++) hone_dispatch_in(apply, i);
    hone_dispatch_out(apply, 1);
    hone_dispatch_out(apply, 2);
    hone_dispatch_out(apply, 0);
    return cut_rows(args, &plan, 0, launch);
}

#define NORM_ROWS(op) HONE_OP_DEFINE_WIDTH_ROWS(hone_op_norm_rows_, op, fits_vec4)
NORM_ROWS(batch_norm)
NORM_ROWS(bwd_x)
NORM_ROWS(bwd_p)
NORM_ROWS(train)
NORM_ROWS(train_bwd)
