// attention_bias.c: the gradient of what is added to the scores of attention: biases of relative
// positions train (Shaw, Uszkoreit, Vaswani 2018; Liu et al. 2021).
//
//   attention_bwd_bias(dy, y, lse, q, k, v, bias) -> dbias
//   attention_bwd_bias(dy, y, lse, qkv, -, -, bias) -> dbias
//
//   dbias[b,h,i,j] = sum over the pictures z with z % P = b of p (dy_i v_j - dy_i y_i),
//                    p = exp(scale q_i k_j + bias[b,h,i,j] - lse_i)
//
// Shapes are those of attention.c. An invocation owns some keys of one query and walks pictures; to
// keep the device busy pictures are cut into slices, which a second kernel adds in their order.
#include "ops/arith.h"
#include "ops/attention_pass.h"
#include "ops/conv_launch.h"
#include "ops/conv_parts.h"

enum { FIRST = 3 }; // the input that q is
enum { THREADS_CPU = 1024, THREADS_GPU = 32768 };
// Keys of an invocation, at most: plainly, through shared memory; lanes of a subgroup.
static const uint32_t TILE[] = {4, 16, 16};

static struct hone_attention_shape shape_of(const struct hone_infer_args *args) {
    return hone_attention_shape_of(args->in, args->input_count, FIRST);
}

static hone_status attention_bwd_bias_infer(const struct hone_infer_args *args) {
    HONE_TRY(hone_attention_expect_gradient(args));
    struct hone_attention_shape s = shape_of(args);
    if (s.bias < 0) return hone_fail(HONE_INVALID, "no bias");
    args->out[0] = args->in[s.bias];
    return HONE_OK;
}

static void attention_bwd_bias_ref(const struct hone_ref_args *args) {
    struct hone_attention_shape s =
        hone_attention_shape_of(args->in_desc, args->input_count, FIRST);
    int64_t count = hone_desc_elements(&args->out_desc[0]);
    for (int64_t e = 0; e < count; e++) args->out[0][e] = 0;
    for (int64_t z = 0; z < s.batch; z++)
        for (int64_t h = 0; h < s.heads; h++)
            for (int64_t i = 0; i < s.queries; i++)
                for (int64_t j = 0; j < s.keys; j++) {
                    const struct hone_attention_pair at = {z, h, i, j};
                    double ds;
                    hone_attention_weight(args, &s, &at, &ds);
                    args->out[0][hone_attention_place(&s, &at)] += ds;
                }
}

static struct hone_cost attention_bwd_bias_cost(const struct hone_infer_args *args) {
    return hone_attention_cost(args, FIRST, 1, 1, 1);
}

// ---- Launches ----

// How pictures are cut: `length` of each place in a slice, `together` slices in a dispatch.
struct cut {
    int64_t slices, length, together;
};

// The inputs that q, k, v and dy are, and what a picture takes of one.
enum { DATA = 4 };
static int data_input(const struct hone_attention_shape *s, int i) {
    return i < 3 ? s->part[i].input : 0;
}
static int64_t picture_bytes(const struct hone_infer_args *node, int input) {
    return (int64_t)hone_desc_bytes(&node->in[input]) / node->in[input].dim[0];
}

// Enough slices to keep the device busy. What is longer than a binding is bound for some slices at
// a time, which begin where the device lets bindings begin.
static struct cut cut_of(const struct hone_row_args *args, const struct hone_attention_shape *s,
                         uint32_t tile) {
    const struct hone_caps *caps = args->caps;
    int64_t threads = caps->features & HONE_FEATURE_CPU ? THREADS_CPU : THREADS_GPU;
    int64_t all = s->batch / s->period, pairs = s->period * s->heads * s->queries * s->keys;
    int64_t slices = hone_min64(threads * tile / pairs + 1, all), round = 1, most = 1;
    for (int i = 0; i < DATA; i++) {
        int64_t bytes = picture_bytes(args->node, data_input(s, i)) * s->period;
        most = hone_max64(most, bytes);
        while (caps->storage_offset_align && round * bytes % caps->storage_offset_align) round++;
    }
    int64_t length = hone_ceil_div(all, slices), fit = (int64_t)caps->storage_range_bytes / most;
    if (fit < all) length = hone_max64(hone_min64(length, fit) / round, 1) * round;
    slices = hone_ceil_div(all, length);
    return (struct cut){slices, length, fit < all ? hone_max64(fit / length, 1) : slices};
}

static void bind_data(const struct hone_row_args *args, struct hone_dispatch *d,
                      const struct hone_attention_shape *s, const struct cut *cut, int64_t first) {
    for (int i = 0; i < DATA; i++) {
        int input = data_input(s, i);
        int64_t bytes = picture_bytes(args->node, input), begin = first * cut->length * s->period;
        int64_t end = hone_min64(begin + cut->together * cut->length * s->period, s->batch);
        hone_dispatch_in(d, input);
        d->operands[d->operand_count - 1].offset = (uint64_t)(begin * bytes);
        d->operands[d->operand_count - 1].bytes = (uint64_t)((end - begin) * bytes);
    }
}

// The sums of slices [first, first + cut->together), into `out`.
static hone_status add_slices(const struct hone_row_args *args, struct hone_launch *launch,
                              const struct hone_attention_shape *s, enum hone_attention_mode mode,
                              const struct cut *cut, int64_t first, struct hone_operand out) {
    static const char *const kernels[] = {"attention_bias_plain", "attention_bias_shared",
                                          "attention_bias_cpu"};
    uint32_t tile = TILE[mode], group, width = hone_attention_vector(s, args->node->in[0].dtype);
    struct hone_dispatch *d =
        hone_attention_add(args, launch, s, mode, kernels[mode], &tile, &group);
    if (!d) return HONE_INTERNAL;
    hone_attention_spec_last(args, d, mode);
    const uint32_t sizes[] = {(uint32_t)s->queries, (uint32_t)s->keys, (uint32_t)s->heads,
                              (uint32_t)s->batch};
    hone_dispatch_push(d, sizes, sizeof sizes);
    for (int i = 0; i < 3; i++) {
        const uint32_t place[] = {(uint32_t)s->part[i].stride / width,
                                  (uint32_t)s->part[i].offset / width};
        hone_dispatch_push(d, place, sizeof place);
    }
    hone_dispatch_push(d, &((const struct hone_attention_attrs *)args->node->attrs)->scale, 4);
    const uint32_t places[] = {(uint32_t)s->period, (uint32_t)cut->length, (uint32_t)first};
    hone_dispatch_push(d, places, sizeof places);
    bind_data(args, d, s, cut, first);
    hone_dispatch_in(d, 2);
    hone_dispatch_scratch(d, 0);
    hone_dispatch_in(d, s->bias);
    d->operands[d->operand_count++] = out;
    d->grid[0] = (uint32_t)hone_ceil_div(s->queries, group);
    d->grid[1] = (uint32_t)(s->heads * hone_ceil_div(s->keys, tile));
    d->grid[2] = (uint32_t)(s->period * hone_min64(cut->together, cut->slices - first));
    return HONE_OK;
}

static hone_status setup(const struct hone_row_args *args, struct hone_launch *launch,
                         enum hone_attention_mode mode) {
    struct hone_attention_shape s = shape_of(args->node);
    struct cut cut = cut_of(args, &s, TILE[mode]);
    uint64_t bytes = hone_desc_bytes(&args->node->out[0]);
    struct hone_operand out = {.kind = HONE_OPERAND_OUTPUT, .index = 0};
    HONE_TRY(hone_attention_add_delta(args, launch, &s));
    if (cut.slices > 1) {
        out = (struct hone_operand){.kind = HONE_OPERAND_SCRATCH, .index = 1};
        launch->scratch_bytes[1] = (uint64_t)cut.slices * bytes;
    }
    for (int64_t first = 0; first < cut.slices; first += cut.together)
        HONE_TRY(add_slices(args, launch, &s, mode, &cut, first, out));
    if (cut.slices == 1) return HONE_OK;
    int64_t count = (int64_t)(bytes / sizeof(float));
    uint32_t width = count % 4 == 0 ? 4 : 1;
    struct hone_dispatch *d =
        hone_op_reduce_slices(args->caps, launch, cut.slices, count / width, width);
    if (!d) return HONE_INTERNAL;
    hone_dispatch_scratch(d, 1);
    hone_dispatch_out(d, 0);
    return HONE_OK;
}

static hone_status setup_cpu(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, HONE_ATTENTION_CPU);
}
static hone_status setup_shared(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, HONE_ATTENTION_SHARED);
}
static hone_status setup_plain(const struct hone_row_args *args, struct hone_launch *launch) {
    return setup(args, launch, HONE_ATTENTION_PLAIN);
}
static bool fits_cpu(const struct hone_row_args *args) {
    return hone_attention_fits(args, FIRST, HONE_ATTENTION_CPU, HONE_ATTENTION_HEAD_MOST);
}
static bool fits_shared(const struct hone_row_args *args) {
    return hone_attention_fits(args, FIRST, HONE_ATTENTION_SHARED, HONE_ATTENTION_HEAD_MOST);
}
static const struct hone_op_row rows[] = {
    {.name = "cpu", .needs = HONE_CONV_CPU_NEEDS, .fits = fits_cpu, .setup = setup_cpu},
    {.name = "shared", .fits = fits_shared, .setup = setup_shared},
    {.name = "plain", .setup = setup_plain},
};

static const struct hone_field fields[] = {
    HONE_FIELD(hone_attention_attrs, scale, HONE_FIELD_F32, 1),
};

const struct hone_op hone_op_attention_bwd_bias = {
    .name = "attention_bwd_bias",
    .inputs_min = FIRST + 1,
    .inputs_max = FIRST + 4,
    .outputs = 1,
    .flags = HONE_OP_NO_GRAD | HONE_OP_COMPUTE,
    .attrs_bytes = sizeof(struct hone_attention_attrs),
    .fields = fields,
    .field_count = 1,
    .infer = attention_bwd_bias_infer,
    .data_inputs = 3 | 7 << 3,
    .ref = attention_bwd_bias_ref,
    .cost = attention_bwd_bias_cost,
    .rows = rows,
    .row_count = sizeof rows / sizeof *rows,
};
