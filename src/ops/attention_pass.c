// attention_pass.c: see attention_pass.h.
#include "ops/attention_pass.h"

#include <stdio.h>

enum { SHARED_BYTES = 16384, GROUP = 64 };

static void bind(struct hone_dispatch *d, struct hone_operand operand) {
    d->operands[d->operand_count++] = operand;
}

void hone_attention_bind(struct hone_dispatch *d, const struct hone_attention_shape *s,
                         const struct hone_attention_pass *pass, uint32_t rows, uint32_t width,
                         float scale) {
    uint32_t count = (uint32_t)hone_attention_rows(s, pass->way);
    const uint32_t sizes[] = {count, (uint32_t)hone_attention_others(s, pass->way),
                              (uint32_t)s->heads};
    hone_dispatch_push(d, sizes, sizeof sizes);
    const struct hone_attention_side *sides[] = {&pass->a, &pass->b, &pass->p, &pass->q,
                                                 &pass->out};
    for (int i = 0; i < 5; i++) {
        const uint32_t place[] = {(uint32_t)sides[i]->stride / width,
                                  (uint32_t)sides[i]->offset / width};
        hone_dispatch_push(d, place, sizeof place);
        if (i < 4) bind(d, sides[i]->operand);
    }
    hone_dispatch_push(d, &scale, sizeof scale);
    bind(d, pass->lse);
    bind(d, pass->delta);
    bind(d, pass->out.operand);
    d->grid[0] = (count + rows - 1) / rows;
    d->grid[1] = (uint32_t)s->heads;
    d->grid[2] = (uint32_t)s->batch;
}

struct hone_attention_side hone_attention_part_side(const struct hone_attention_shape *s,
                                                    int part) {
    return (struct hone_attention_side){
        {.kind = HONE_OPERAND_INPUT, .index = (uint8_t)s->part[part].input},
        s->part[part].stride,
        s->part[part].offset};
}

struct hone_attention_side hone_attention_plain_side(const struct hone_attention_shape *s,
                                                     enum hone_operand_kind kind, int index) {
    return (struct hone_attention_side){
        {.kind = kind, .index = (uint8_t)index}, s->heads * s->value_width, 0};
}

uint32_t hone_attention_vector(const struct hone_attention_shape *s, enum hone_dtype dtype) {
    return hone_op_width_for(dtype, s->width % 4 == 0 && s->value_width % 4 == 0 ? 4 : 1);
}

hone_status hone_attention_add_delta(const struct hone_row_args *args, struct hone_launch *launch,
                                     const struct hone_attention_shape *s) {
    char name[HONE_OP_KERNEL_NAME];
    enum hone_dtype dtype = args->node->in[0].dtype;
    uint32_t width = hone_attention_vector(s, dtype);
    uint32_t count = (uint32_t)(s->batch * s->heads * s->queries);
    hone_op_kernel_for("attention_delta", dtype, width, name);
    struct hone_dispatch *d = hone_op_linear(launch, name, count);
    if (!d) return HONE_INTERNAL;
    const uint32_t push[] = {count, (uint32_t)s->queries, (uint32_t)s->heads,
                             (uint32_t)s->value_width / width};
    hone_dispatch_push(d, push, sizeof push);
    hone_dispatch_in(d, 0);
    hone_dispatch_in(d, 1);
    hone_dispatch_scratch(d, 0);
    launch->scratch_bytes[0] = count * sizeof(float);
    return HONE_OK;
}

bool hone_attention_fits(const struct hone_row_args *args, int first, enum hone_attention_mode mode,
                         int64_t most) {
    struct hone_attention_shape s =
        hone_attention_shape_of(args->node->in, args->node->input_count, first);
    uint32_t lanes = args->caps->subgroup_size;
    bool fours = s.width % 4 == 0 && s.value_width % 4 == 0;
    if (!fours || s.width > most || s.value_width > most) return false;
    if (mode == HONE_ATTENTION_SHARED) return args->caps->workgroup_invocations >= GROUP;
    return (lanes == 4 || lanes == 8 || lanes == 16) && args->node->in[0].dtype == HONE_F32;
}

struct hone_dispatch *hone_attention_add(const struct hone_row_args *args,
                                         struct hone_launch *launch,
                                         const struct hone_attention_shape *s,
                                         enum hone_attention_mode mode, const char *kernel,
                                         uint32_t *tile, uint32_t *group) {
    enum hone_dtype dtype = args->node->in[0].dtype;
    char name[HONE_OP_KERNEL_NAME];
    uint32_t width = hone_attention_vector(s, dtype), lanes = args->caps->subgroup_size;
    uint32_t queries = (uint32_t)s->width / width, values = (uint32_t)s->value_width / width;
    uint32_t fit = SHARED_BYTES / (16 * (queries + values));
    struct hone_dispatch *d =
        hone_launch_add(launch, hone_op_kernel_for(kernel, dtype, width, name));
    if (!d) return NULL;
    if (mode == HONE_ATTENTION_CPU)
        *tile = lanes;
    else if (*tile > fit && mode == HONE_ATTENTION_SHARED)
        *tile = fit;
    *group = mode == HONE_ATTENTION_CPU      ? lanes
             : mode == HONE_ATTENTION_SHARED ? GROUP
                                             : hone_op_group(args->caps);
    hone_dispatch_spec(d, *group);
    hone_dispatch_spec(d, queries);
    hone_dispatch_spec(d, *tile);
    hone_dispatch_spec(d, values);
    return d;
}

void hone_attention_spec_last(const struct hone_row_args *args, struct hone_dispatch *dispatch,
                              enum hone_attention_mode mode) {
    if (mode != HONE_ATTENTION_CPU) return;
    hone_dispatch_spec(dispatch, args->caps->fast_broadcast);
    dispatch->subgroup = args->caps->subgroup_size;
}
