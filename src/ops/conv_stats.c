// conv_stats.c: a convolution that makes the statistics of the batch norm behind it where it stores
// its result, so that no pass reads that again for them.
//
//   conv2d_stats(x, w, [b], mean, var) -> y = conv(x, w) + b, mean', var', batch_mean, batch_invstd
//
// The rows are those of conv2d. Bodies that can leave the mean of each run of pixels and the
// squared distances from it (struct hone_conv_parts), made in two passes over registers, so that no
// digit is lost where the mean is large; further dispatches join them in order. Behind the other
// bodies y is read once more, as batch_norm_train does.
#include "ops/conv2d.h"
#include "ops/conv_coop.h"
#include "ops/conv_launch.h"
#include "ops/norm_batch.h"

#include <math.h>
#include <string.h>

enum { MEAN = 3, VAR = 4 };

// The node as a convolution.
static struct hone_infer_args conv_of(const struct hone_infer_args *args) {
    const struct hone_conv2d_stats_attrs *attrs = args->attrs;
    struct hone_infer_args conv = *args;
    conv.attrs = &attrs->conv;
    conv.input_count = MEAN;
    return conv;
}

static hone_status stats_infer(const struct hone_infer_args *args) {
    const struct hone_conv2d_stats_attrs *attrs = args->attrs;
    struct hone_infer_args conv = conv_of(args);
    HONE_TRY(hone_op_conv2d.infer(&conv));
    if (attrs->conv.act.kind != HONE_ACT_NONE)
        return hone_fail(HONE_INVALID, "statistics are made before an activation, not behind it");
    const struct hone_desc *y = &args->out[0];
    for (int i = MEAN; i <= VAR; i++) {
        const char *what = i == MEAN ? "mean" : "var";
        HONE_TRY(hone_op_expect_f32(args, i, what, 1));
        HONE_TRY(hone_op_expect_dim(args, i, what, 0, y->dim[3], "the channels of y"));
    }
    if (hone_op_norm_rows(y) < 2)
        return hone_fail(HONE_INVALID, "one value per channel has no variance");
    for (int i = 1; i < 5; i++) args->out[i] = args->in[MEAN];
    return HONE_OK;
}

static void stats_ref(const struct hone_ref_args *args) {
    const struct hone_conv2d_stats_attrs *attrs = args->attrs;
    struct hone_ref_args conv = *args;
    conv.attrs = &attrs->conv;
    conv.input_count = MEAN;
    hone_op_conv2d_ref(&conv);
    const struct hone_batch_norm_attrs norm = {.eps = attrs->eps, .momentum = attrs->momentum};
    int64_t rows = hone_op_norm_rows(&args->out_desc[0]), channels = args->out_desc[0].dim[3];
    for (int64_t c = 0; c < channels; c++) {
        double statistics[4];
        hone_op_norm_statistics(&norm, args->out[0] + c, rows, channels, args->in[MEAN][c],
                                args->in[VAR][c], statistics);
        for (int i = 0; i < 4; i++) args->out[1 + i][c] = statistics[i];
    }
}

static struct hone_cost stats_cost(const struct hone_infer_args *args) {
    struct hone_infer_args conv = conv_of(args);
    struct hone_cost cost = hone_op_conv2d.cost(&conv);
    cost.flops += 4.0 * (double)hone_desc_elements(&args->out[0]);
    return cost;
}

static bool stats_alias(const struct hone_infer_args *args, int k, struct hone_alias *out) {
    (void)args;
    if (k >= 2) return false;
    *out = (struct hone_alias){.kind = HONE_ALIAS_UPDATE, .input = MEAN + k, .output = 1 + k};
    return true;
}

// ---- Rows -----------------------------------------------------------------------------------

static const struct hone_op_row *row_of_conv(const char *name) {
    for (int i = 0; i < hone_op_conv2d.row_count; i++)
        if (strcmp(hone_op_conv2d.rows[i].name, name) == 0) return &hone_op_conv2d.rows[i];
    return NULL;
}

static bool fits(const struct hone_row_args *args, const char *name) {
    const struct hone_op_row *row = row_of_conv(name);
    struct hone_infer_args conv = conv_of(args->node);
    struct hone_row_args own = *args;
    own.node = &conv;
    return row && (!row->fits || row->fits(&own));
}

static bool tile(const struct hone_row_args *args, const char *name, int k,
                 char text[HONE_TILE_NAME]) {
    const struct hone_op_row *row = row_of_conv(name);
    struct hone_infer_args conv = conv_of(args->node);
    struct hone_row_args own = *args;
    own.node = &conv;
    return row && row->tile && row->tile(&own, k, text);
}

static hone_status setup(const struct hone_row_args *args, const char *name,
                         struct hone_launch *launch) {
    const struct hone_op_row *row = row_of_conv(name);
    const struct hone_conv2d_stats_attrs *attrs = args->node->attrs;
    struct hone_infer_args conv = conv_of(args->node);
    struct hone_conv_parts parts = {0};
    struct hone_row_args own = *args;
    if (!row) return hone_fail(HONE_INTERNAL, "conv2d has no row %s", name);
    own.node = &conv;
    own.parts = &parts;
    HONE_TRY(row->setup(&own, launch));
    // The rest as of batch_norm_train, of y.
    const struct hone_batch_norm_attrs norm = {.eps = attrs->eps, .momentum = attrs->momentum};
    const struct hone_desc y = args->node->out[0];
    struct hone_infer_args stats = *args->node;
    stats.attrs = &norm;
    stats.in = &y;
    stats.input_count = 1;
    own.node = &stats;
    return hone_op_norm_add_stats(&own, &parts, launch);
}

#define SETUP(id, name)                                                                            \
    static hone_status id##_setup(const struct hone_row_args *args, struct hone_launch *launch) {  \
        return setup(args, name, launch);                                                          \
    }
#define ROW(id, name)                                                                              \
    static bool id##_fits(const struct hone_row_args *args) {                                      \
        return fits(args, name);                                                                   \
    }                                                                                              \
    static bool id##_tile(const struct hone_row_args *args, int k, char text[HONE_TILE_NAME]) {    \
        return tile(args, name, k, text);                                                          \
    }                                                                                              \
    SETUP(id, name)
ROW(depthwise_wide, "depthwise_wide")
ROW(depthwise, "depthwise")
ROW(coop2, "coop2")
ROW(coop2_bf16, "coop2_bf16")
ROW(coop, "coop")
ROW(coop_bf16, "coop_bf16")
ROW(winograd_cpu, "winograd_cpu")
ROW(wide, "wide")
ROW(cpu, "cpu")
ROW(grouped, "grouped")
ROW(stem, "stem")
ROW(winograd, "winograd")
ROW(tiled, "tiled")
SETUP(plain, "plain")
#define ENTRY(id, needs_)                                                                          \
    { .name = #id, .needs = needs_, .fits = id##_fits, .setup = id##_setup, .tile = id##_tile }

static const struct hone_op_row stats_rows[] = {
    ENTRY(depthwise_wide, HONE_CONV_DEPTHWISE_WIDE_NEEDS),
    ENTRY(depthwise, 0),
    ENTRY(coop2, HONE_COOP2_F16_NEEDS),
    ENTRY(coop2_bf16, HONE_COOP2_BF16_NEEDS),
    ENTRY(coop, HONE_COOP_F16_NEEDS),
    ENTRY(coop_bf16, HONE_COOP_BF16_NEEDS),
    ENTRY(winograd_cpu, HONE_CONV_CPU_NEEDS),
    ENTRY(wide, HONE_CONV_WIDE_NEEDS),
    ENTRY(cpu, HONE_CONV_CPU_NEEDS),
    ENTRY(grouped, 0),
    ENTRY(stem, 0),
    ENTRY(winograd, 0),
    ENTRY(tiled, 0),
    {.name = "plain", .setup = plain_setup},
};

#define FIELD(member, type, count) HONE_FIELD(hone_conv2d_stats_attrs, member, type, count)
static const struct hone_field stats_fields[] = {
    FIELD(conv.stride, HONE_FIELD_I32, 2),   FIELD(conv.pad, HONE_FIELD_I32, 4),
    FIELD(conv.dilation, HONE_FIELD_I32, 2), FIELD(conv.groups, HONE_FIELD_I32, 1),
    FIELD(conv.in_h, HONE_FIELD_I32, 1),     FIELD(conv.in_w, HONE_FIELD_I32, 1),
    FIELD(conv.filter_h, HONE_FIELD_I32, 1), FIELD(conv.filter_w, HONE_FIELD_I32, 1),
    FIELD(conv.act.kind, HONE_FIELD_I32, 1), FIELD(conv.act.a, HONE_FIELD_F32, 1),
    FIELD(conv.act.b, HONE_FIELD_F32, 1),    FIELD(eps, HONE_FIELD_F32, 1),
    FIELD(momentum, HONE_FIELD_F32, 1),
};

const struct hone_op hone_op_conv2d_stats = {
    .name = "conv2d_stats",
    .inputs_min = 2, // b may be absent; infer asks for the others
    .inputs_max = 5,
    .outputs = 5,
    .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_conv2d_stats_attrs),
    .fields = stats_fields,
    .field_count = sizeof stats_fields / sizeof *stats_fields,
    .infer = stats_infer,
    .data_inputs = 3,
    .ref = stats_ref,
    .cost = stats_cost,
    .alias = stats_alias,
    .rows = stats_rows,
    .row_count = sizeof stats_rows / sizeof *stats_rows,
};
