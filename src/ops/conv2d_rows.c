// conv2d_rows.c: the kernel rows of the convolution and its two gradients: which bodies (conv_*.c)
// take a node, in what order, and which operand is what to them.
#include "ops/conv2d.h"
#include "ops/common.h"
#include "ops/conv_coop.h"
#include "ops/conv_cpu_tile.h"
#include "ops/conv_launch.h"

// Patches side by side, as a stem of ViT or ConvNeXt cuts a picture: the S pixels of a patch's row
// are one pixel of S C channels, in the same places of memory. 16 columns of 3 channels become one
// of 48, which vectors and matrix units take.
static void join_columns(struct hone_conv_push *g) {
    if (g->s != g->stride_w || g->pad_w != 0 || g->dilation_w != 1 || g->groups != 1 ||
        g->w != g->q * g->s)
        return;
    g->c *= g->s;
    g->w = g->q;
    g->s = g->stride_w = 1;
}

static struct hone_conv_push push_of(struct conv2d_geometry g) {
    const struct hone_conv2d_attrs *a = g.attrs;
    const int32_t *x = g.x->dim, *w = g.w->dim, *y = g.y->dim;
    struct hone_conv_push push = {
        .n = x[0],
        .h = x[1],
        .w = x[2],
        .c = x[3],
        .k = y[3],
        .p = y[1],
        .q = y[2],
        .r = w[1],
        .s = w[2],
        .stride_h = a->stride[0],
        .stride_w = a->stride[1],
        .pad_h = a->pad[0],
        .pad_w = a->pad[1],
        .dilation_h = a->dilation[0],
        .dilation_w = a->dilation[1],
        .groups = a->groups,
        .act_a = a->act.a,
        .act_b = a->act.b,
    };
    join_columns(&push);
    return push;
}

static struct hone_conv_job job_of(struct conv2d_geometry g, const struct hone_row_args *args) {
    return (struct hone_conv_job){
        .push = push_of(g),
        .act = HONE_ACT_NONE,
        .a = {.kind = HONE_OPERAND_INPUT, .index = 0},
        .b = {.kind = HONE_OPERAND_INPUT, .index = 1},
        .bias = {.kind = HONE_OPERAND_INPUT, .index = 2},
        .addend = {.kind = HONE_OPERAND_INPUT, .index = CONV2D_R},
        .out = {.kind = HONE_OPERAND_OUTPUT, .index = 0},
        .caps = args->caps,
        .dtype = args->node->in[0].dtype,
        .out_dtype = args->node->out[0].dtype,
        .tile = args->tile,
    };
}

static hone_status conv2d_run(const struct hone_row_args *args, hone_conv_setup *setup,
                              struct hone_launch *launch) {
    struct conv2d_geometry g = conv2d_geometry(args->node);
    struct hone_conv_job job = job_of(g, args);
    job.act = (enum hone_act)g.attrs->act.kind;
    job.has_bias = hone_op_has(args->node, 2);
    job.has_addend = hone_op_has(args->node, CONV2D_R);
    job.parts = args->parts;
    return setup(&job, launch);
}

static hone_status bwd_x_run(const struct hone_row_args *args, hone_conv_setup *setup,
                             struct hone_launch *launch) {
    struct hone_conv_job job = job_of(bwd_x_geometry(args->node), args);
    job.addend.index = BWD_X_R;
    job.has_addend = hone_op_has(args->node, BWD_X_R);
    return setup(&job, launch);
}

static hone_status bwd_w_run(const struct hone_row_args *args, hone_conv_setup *setup,
                             struct hone_launch *launch) {
    struct hone_conv_job job = job_of(bwd_w_geometry(args->node), args);
    return setup(&job, launch);
}

// fits and setup of one row
#define ROW_FITS(name, geometry_of, fits_)                                                         \
    static bool name(const struct hone_row_args *args) {                                           \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_op_is_f32(args->node, 1) && fits_(&push, args->caps);                          \
    }
// The same in 16 bits too, where channels go in fours.
#define ROW_FITS_16(name, geometry_of, fits_)                                                      \
    static bool name(const struct hone_row_args *args) {                                           \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return (hone_op_is_f32(args->node, 1) || push.c % 4 == 0) && fits_(&push, args->caps);     \
    }
#define TILED(op, geometry_of, form)                                                               \
    static bool op##_fits_tiled(const struct hone_row_args *args) {                                \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_fits_tiled(&push, form, args->node->out[0].dtype, args->caps);            \
    }                                                                                              \
    static bool op##_tile(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {    \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_tiled_name(&push, form, args->caps, k, name);                             \
    }
#define GROUPED(op, geometry_of, form)                                                             \
    static bool op##_fits_grouped(const struct hone_row_args *args) {                              \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_fits_grouped(&push, form, args->caps);                                    \
    }                                                                                              \
    static bool op##_grouped_tile(const struct hone_row_args *args, int k,                         \
                                  char name[HONE_TILE_NAME]) {                                     \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_grouped_name(&push, form, args->caps, k, name);                           \
    }
GROUPED(conv2d, conv2d_geometry, HONE_CONV_FPROP)
GROUPED(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
GROUPED(bwd_w, bwd_w_geometry, HONE_CONV_WGRAD)
TILED(conv2d, conv2d_geometry, HONE_CONV_FPROP)
TILED(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
TILED(bwd_w, bwd_w_geometry, HONE_CONV_WGRAD)
#define CPU_TILE(name, geometry_of, form, wide)                                                    \
    static bool name(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {         \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_cpu_tile_name(&push, form, wide, args->caps, k, text);                    \
    }
CPU_TILE(conv2d_tile_wide, conv2d_geometry, HONE_CONV_FPROP, true)
CPU_TILE(conv2d_tile_cpu, conv2d_geometry, HONE_CONV_FPROP, false)
CPU_TILE(bwd_x_tile_wide, bwd_x_geometry, HONE_CONV_DGRAD, true)
CPU_TILE(bwd_x_tile_cpu, bwd_x_geometry, HONE_CONV_DGRAD, false)
CPU_TILE(bwd_w_tile_wide, bwd_w_geometry, HONE_CONV_WGRAD, true)
CPU_TILE(bwd_w_tile_cpu, bwd_w_geometry, HONE_CONV_WGRAD, false)
#define WINOGRAD(op, geometry_of, form)                                                            \
    static bool op##_fits_winograd(const struct hone_row_args *args) {                             \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_op_is_f32(args->node, 1) && hone_conv_fits_winograd(&push, form, args->caps);  \
    }                                                                                              \
    static bool op##_winograd_tile(const struct hone_row_args *args, int k,                        \
                                   char name[HONE_TILE_NAME]) {                                    \
        struct hone_conv_push push = push_of(geometry_of(args->node));                             \
        return hone_conv_winograd_name(&push, form, args->caps, k, name);                          \
    }
WINOGRAD(conv2d, conv2d_geometry, HONE_CONV_FPROP)
WINOGRAD(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
static bool conv2d_fits_stem(const struct hone_row_args *args) {
    struct hone_conv_push push = push_of(conv2d_geometry(args->node));
    return hone_conv_fprop_fits_stem(&push, args->node->out[0].dtype, args->caps);
}
static bool conv2d_stem_tile(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]) {
    struct hone_conv_push push = push_of(conv2d_geometry(args->node));
    return hone_conv_stem_name(&push, args->caps, k, name);
}
static bool bwd_w_fits_stem(const struct hone_row_args *args) {
    struct hone_conv_push push = push_of(bwd_w_geometry(args->node));
    return hone_conv_wgrad_fits_stem(&push, args->caps);
}
#define ROW_SETUP(name, run, setup)                                                                \
    static hone_status name(const struct hone_row_args *args, struct hone_launch *launch) {        \
        return run(args, setup, launch);                                                           \
    }
ROW_FITS(conv2d_fits_wide, conv2d_geometry, hone_conv_fprop_fits_wide)
ROW_FITS(conv2d_fits_cpu, conv2d_geometry, hone_conv_fprop_fits_cpu)
ROW_FITS(bwd_x_fits_wide, bwd_x_geometry, hone_conv_dgrad_fits_wide)
ROW_FITS(bwd_x_fits_cpu, bwd_x_geometry, hone_conv_dgrad_fits_cpu)
ROW_FITS(bwd_w_fits_wide, bwd_w_geometry, hone_conv_wgrad_fits_wide)
ROW_FITS(bwd_w_fits_cpu, bwd_w_geometry, hone_conv_wgrad_fits_cpu)
ROW_FITS(conv2d_fits_winograd_cpu, conv2d_geometry, hone_conv_fprop_fits_winograd_cpu)
ROW_FITS(bwd_x_fits_winograd_cpu, bwd_x_geometry, hone_conv_dgrad_fits_winograd_cpu)
ROW_FITS(bwd_w_fits_winograd_cpu, bwd_w_geometry, hone_conv_wgrad_fits_winograd_cpu)
ROW_SETUP(conv2d_stem, conv2d_run, hone_conv_fprop_stem)
ROW_SETUP(bwd_w_stem, bwd_w_run, hone_conv_wgrad_stem)
ROW_SETUP(conv2d_grouped, conv2d_run, hone_conv_fprop_grouped)
ROW_SETUP(bwd_x_grouped, bwd_x_run, hone_conv_dgrad_grouped)
ROW_SETUP(bwd_w_grouped, bwd_w_run, hone_conv_wgrad_grouped)
ROW_SETUP(conv2d_winograd, conv2d_run, hone_conv_fprop_winograd)
ROW_SETUP(bwd_x_winograd, bwd_x_run, hone_conv_dgrad_winograd)
ROW_SETUP(conv2d_winograd_cpu, conv2d_run, hone_conv_fprop_winograd_cpu)
ROW_SETUP(bwd_x_winograd_cpu, bwd_x_run, hone_conv_dgrad_winograd_cpu)
ROW_SETUP(bwd_w_winograd_cpu, bwd_w_run, hone_conv_wgrad_winograd_cpu)
ROW_FITS(conv2d_fits_depthwise_wide, conv2d_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(conv2d_fits_depthwise, conv2d_geometry, hone_conv_fits_depthwise)
ROW_FITS(bwd_x_fits_depthwise_wide, bwd_x_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(bwd_x_fits_depthwise, bwd_x_geometry, hone_conv_fits_depthwise)
ROW_FITS(bwd_w_fits_depthwise_wide, bwd_w_geometry, hone_conv_fits_depthwise_wide)
ROW_FITS_16(bwd_w_fits_depthwise, bwd_w_geometry, hone_conv_fits_depthwise)
ROW_SETUP(conv2d_depthwise_wide, conv2d_run, hone_conv_fprop_depthwise_wide)
ROW_SETUP(conv2d_depthwise, conv2d_run, hone_conv_fprop_depthwise)
ROW_SETUP(bwd_x_depthwise_wide, bwd_x_run, hone_conv_dgrad_depthwise_wide)
ROW_SETUP(bwd_x_depthwise, bwd_x_run, hone_conv_dgrad_depthwise)
ROW_SETUP(bwd_w_depthwise_wide, bwd_w_run, hone_conv_wgrad_depthwise_wide)
ROW_SETUP(bwd_w_depthwise, bwd_w_run, hone_conv_wgrad_depthwise)
ROW_SETUP(conv2d_wide, conv2d_run, hone_conv_fprop_wide)
ROW_SETUP(conv2d_cpu, conv2d_run, hone_conv_fprop_cpu)
ROW_SETUP(conv2d_tiled, conv2d_run, hone_conv_fprop_tiled)
ROW_SETUP(conv2d_plain, conv2d_run, hone_conv_fprop_plain)
ROW_SETUP(bwd_x_wide, bwd_x_run, hone_conv_dgrad_wide)
ROW_SETUP(bwd_x_cpu, bwd_x_run, hone_conv_dgrad_cpu)
ROW_SETUP(bwd_x_tiled, bwd_x_run, hone_conv_dgrad_tiled)
ROW_SETUP(bwd_x_plain, bwd_x_run, hone_conv_dgrad_plain)
ROW_SETUP(bwd_w_wide, bwd_w_run, hone_conv_wgrad_wide)
ROW_SETUP(bwd_w_cpu, bwd_w_run, hone_conv_wgrad_cpu)
ROW_SETUP(bwd_w_tiled, bwd_w_run, hone_conv_wgrad_tiled)
ROW_SETUP(bwd_w_plain, bwd_w_run, hone_conv_wgrad_plain)

// A row on cooperative matrices; `run` is the way of the operator above.
#define ROW_COOP(name, run, geometry_of, form, body)                                               \
    static bool name##_fits(const struct hone_row_args *args) {                                    \
        struct hone_conv_job job = job_of(geometry_of(args->node), args);                          \
        return hone_conv_coop_fits(body, form, &job);                                              \
    }                                                                                              \
    static bool name##_tile(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {  \
        struct hone_conv_job job = job_of(geometry_of(args->node), args);                          \
        return hone_conv_coop_tile(body, form, &job, k, text);                                     \
    }                                                                                              \
    static hone_status name##_body(const struct hone_conv_job *job, struct hone_launch *launch) {  \
        return hone_conv_coop(body, form, job, launch);                                            \
    }                                                                                              \
    static hone_status name##_setup(const struct hone_row_args *args,                              \
                                    struct hone_launch *launch) {                                  \
        return run(args, name##_body, launch);                                                     \
    }
#define ROWS_COOP(op, geometry_of, form)                                                           \
    ROW_COOP(op##_f16, op##_run, geometry_of, form, HONE_COOP_F16)                                 \
    ROW_COOP(op##_bf16, op##_run, geometry_of, form, HONE_COOP_BF16)                               \
    ROW_COOP(op##_emulated, op##_run, geometry_of, form, HONE_COOP_EMULATED)                       \
    ROW_COOP(op##_2_f16, op##_run, geometry_of, form, HONE_COOP2_F16)                              \
    ROW_COOP(op##_2_bf16, op##_run, geometry_of, form, HONE_COOP2_BF16)                            \
    ROW_COOP(op##_2_emulated, op##_run, geometry_of, form, HONE_COOP2_EMULATED)
ROWS_COOP(conv2d, conv2d_geometry, HONE_CONV_FPROP)
ROWS_COOP(bwd_x, bwd_x_geometry, HONE_CONV_DGRAD)
ROWS_COOP(bwd_w, bwd_w_geometry, HONE_CONV_WGRAD)
#define COOP_FUNCTIONS(name) .fits = name##_fits, .setup = name##_setup, .tile = name##_tile
#define COOP_ROWS(op)                                                                              \
    {.name = "coop2", .needs = HONE_COOP2_F16_NEEDS, COOP_FUNCTIONS(op##_2_f16)},                  \
        {.name = "coop2_bf16", .needs = HONE_COOP2_BF16_NEEDS, COOP_FUNCTIONS(op##_2_bf16)},       \
        {.name = "coop2_emulated", .test_only = true, COOP_FUNCTIONS(op##_2_emulated)},            \
        {.name = "coop", .needs = HONE_COOP_F16_NEEDS, COOP_FUNCTIONS(op##_f16)},                  \
        {.name = "coop_bf16", .needs = HONE_COOP_BF16_NEEDS, COOP_FUNCTIONS(op##_bf16)}, {         \
        .name = "coop_emulated", .test_only = true, COOP_FUNCTIONS(op##_emulated)                  \
    }

const struct hone_op_row hone_op_conv2d_rows[HONE_OP_CONV2D_ROWS] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = conv2d_fits_depthwise_wide,
     .setup = conv2d_depthwise_wide},
    {.name = "depthwise", .fits = conv2d_fits_depthwise, .setup = conv2d_depthwise},
    COOP_ROWS(conv2d),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = conv2d_fits_winograd_cpu,
     .setup = conv2d_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = conv2d_fits_wide,
     .setup = conv2d_wide,
     .tile = conv2d_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = conv2d_fits_cpu,
     .setup = conv2d_cpu,
     .tile = conv2d_tile_cpu},
    {.name = "grouped",
     .fits = conv2d_fits_grouped,
     .setup = conv2d_grouped,
     .tile = conv2d_grouped_tile},
    {.name = "stem", .fits = conv2d_fits_stem, .setup = conv2d_stem, .tile = conv2d_stem_tile},
    {.name = "winograd",
     .fits = conv2d_fits_winograd,
     .setup = conv2d_winograd,
     .tile = conv2d_winograd_tile},
    {.name = "tiled", .fits = conv2d_fits_tiled, .setup = conv2d_tiled, .tile = conv2d_tile},
    {.name = "plain", .setup = conv2d_plain},
};
const struct hone_op_row hone_op_conv2d_bwd_x_rows[HONE_OP_CONV2D_BWD_X_ROWS] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = bwd_x_fits_depthwise_wide,
     .setup = bwd_x_depthwise_wide},
    {.name = "depthwise", .fits = bwd_x_fits_depthwise, .setup = bwd_x_depthwise},
    COOP_ROWS(bwd_x),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_x_fits_winograd_cpu,
     .setup = bwd_x_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = bwd_x_fits_wide,
     .setup = bwd_x_wide,
     .tile = bwd_x_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_x_fits_cpu,
     .setup = bwd_x_cpu,
     .tile = bwd_x_tile_cpu},
    {.name = "grouped",
     .fits = bwd_x_fits_grouped,
     .setup = bwd_x_grouped,
     .tile = bwd_x_grouped_tile},
    {.name = "winograd",
     .fits = bwd_x_fits_winograd,
     .setup = bwd_x_winograd,
     .tile = bwd_x_winograd_tile},
    {.name = "tiled", .fits = bwd_x_fits_tiled, .setup = bwd_x_tiled, .tile = bwd_x_tile},
    {.name = "plain", .setup = bwd_x_plain},
};
const struct hone_op_row hone_op_conv2d_bwd_w_rows[HONE_OP_CONV2D_BWD_W_ROWS] = {
    {.name = "depthwise_wide",
     .needs = HONE_CONV_DEPTHWISE_WIDE_NEEDS,
     .fits = bwd_w_fits_depthwise_wide,
     .setup = bwd_w_depthwise_wide},
    {.name = "depthwise", .fits = bwd_w_fits_depthwise, .setup = bwd_w_depthwise},
    COOP_ROWS(bwd_w),
    {.name = "winograd_cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_w_fits_winograd_cpu,
     .setup = bwd_w_winograd_cpu},
    {.name = "wide",
     .needs = HONE_CONV_WIDE_NEEDS,
     .fits = bwd_w_fits_wide,
     .setup = bwd_w_wide,
     .tile = bwd_w_tile_wide},
    {.name = "cpu",
     .needs = HONE_CONV_CPU_NEEDS,
     .fits = bwd_w_fits_cpu,
     .setup = bwd_w_cpu,
     .tile = bwd_w_tile_cpu},
    {.name = "grouped",
     .fits = bwd_w_fits_grouped,
     .setup = bwd_w_grouped,
     .tile = bwd_w_grouped_tile},
    {.name = "stem", .fits = bwd_w_fits_stem, .setup = bwd_w_stem},
    {.name = "tiled", .fits = bwd_w_fits_tiled, .setup = bwd_w_tiled, .tile = bwd_w_tile},
    {.name = "plain", .setup = bwd_w_plain},
};
