// launch.c: from a node and its row to dispatches that bind no more than the device allows. Where a
// tensor is longer than a binding, a node whose operator works picture by picture is set up several
// times, each for as many pictures as fit. Rows that know better (convolutions, norms) cut their
// operands themselves. Pure.
#include "exec/internal.h"

// Bytes of the operand that one dispatch binds.
static uint64_t bound_bytes(const struct hone_infer_args *node, const struct hone_launch *launch,
                            const struct hone_operand *operand) {
    if (operand->bytes) return operand->bytes;
    uint64_t whole = operand->kind == HONE_OPERAND_SCRATCH ? launch->scratch_bytes[operand->index]
                     : operand->kind == HONE_OPERAND_INPUT
                         ? hone_desc_bytes(&node->in[operand->index])
                         : hone_desc_bytes(&node->out[operand->index]);
    return whole - operand->offset;
}

// The first operand that is longer than a binding, or NULL. Kernels that take addresses bind
// nothing.
static const struct hone_operand *find_long(const struct hone_infer_args *node,
                                            const struct hone_launch *launch,
                                            const struct hone_caps *caps) {
    for (int i = 0; i < launch->dispatch_count; i++) {
        const struct hone_dispatch *d = &launch->dispatches[i];
        if (d->kernel->needs & HONE_FEATURE_BUFFER_ADDRESS) continue;
        for (int k = 0; k < d->operand_count && k < HONE_DISPATCH_OPERANDS; k++)
            if (bound_bytes(node, launch, &d->operands[k]) > caps->storage_range_bytes)
                return &d->operands[k];
    }
    return NULL;
}

static hone_status fail_long(const struct hone_infer_args *node, const struct hone_operand *operand,
                             const struct hone_caps *caps) {
    char text[HONE_DESC_TEXT] = "of partial sums";
    const struct hone_desc *desc = operand->kind == HONE_OPERAND_INPUT ? &node->in[operand->index]
                                   : operand->kind == HONE_OPERAND_OUTPUT
                                       ? &node->out[operand->index]
                                       : NULL;
    if (desc) hone_desc_text(desc, text);
    // A slab of parameters has one dimension and does not depend on the pictures.
    return hone_fail(HONE_UNSUPPORTED,
                     "a tensor %s is larger than the %llu MiB that this device binds at once; %s",
                     text, (unsigned long long)(caps->storage_range_bytes >> 20),
                     desc && desc->rank == 1 ? "train fewer layers (--freeze)"
                                             : "use a smaller --batch or --size");
}

// A node cut along its pictures.
struct cut {
    const struct hone_op *op;
    const struct hone_row_args *whole;
    uint32_t inputs, outputs; // masks of hone_op.slices
    int32_t pictures, step;   // of the node; a multiple of `step` keeps offsets aligned
    uint64_t most_bytes;      // of a picture, in the longest operand
};

static const struct hone_desc *cut_desc(const struct cut *cut, int i, bool *sliced) {
    int inputs = cut->whole->node->input_count;
    *sliced = i < inputs ? cut->inputs >> i & 1 : cut->outputs >> (i - inputs) & 1;
    const struct hone_desc *desc =
        i < inputs ? &cut->whole->node->in[i] : &cut->whole->node->out[i - inputs];
    *sliced = *sliced && desc->rank > 0;
    return desc;
}

static uint64_t picture_bytes(const struct hone_desc *desc) {
    return (uint64_t)(hone_desc_elements(desc) / desc->dim[0]) * hone_dtype_bytes(desc->dtype);
}

// False where the operator does not work picture by picture.
static bool cut_init(struct cut *cut) {
    const struct hone_infer_args *node = cut->whole->node;
    if (!cut->op->slices || !cut->op->slices(node, &cut->inputs, &cut->outputs)) return false;
    cut->pictures = node->out[0].dim[0];
    uint64_t align = cut->whole->caps->storage_offset_align;
    int32_t least = cut->op->slice_step ? (int32_t)cut->op->slice_step(node) : 1;
    cut->step = least;
    for (int i = 0; i < node->input_count + cut->op->outputs; i++) {
        bool sliced;
        const struct hone_desc *desc = cut_desc(cut, i, &sliced);
        if (!sliced) continue;
        if (desc->dim[0] != cut->pictures) return false;
        uint64_t bytes = picture_bytes(desc);
        if (bytes > cut->most_bytes) cut->most_bytes = bytes;
        while (align && (uint64_t)cut->step * bytes % align) cut->step += least;
    }
    return true;
}

// Sets the node up for pictures [first, first + count) and moves its operands there.
static hone_status cut_add(const struct cut *cut, const struct hone_op_row *row, int32_t first,
                           int32_t count, struct hone_launch *launch) {
    const struct hone_infer_args *whole = cut->whole->node;
    struct hone_desc in[HONE_NODE_FEW], out[HONE_OP_MAX_OUTPUTS];
    if (whole->input_count > HONE_NODE_FEW) return HONE_INTERNAL;
    for (int i = 0; i < whole->input_count + cut->op->outputs; i++) {
        bool sliced;
        struct hone_desc *desc = i < whole->input_count ? &in[i] : &out[i - whole->input_count];
        *desc = *cut_desc(cut, i, &sliced);
        if (sliced) desc->dim[0] = count;
    }
    struct hone_infer_args part = *whole;
    part.in = in;
    part.out = out;
    struct hone_row_args args = *cut->whole;
    args.node = &part;
    if (row->fits && !row->fits(&args)) row = hone_row_select(cut->op, &args, NULL);
    if (!row) return hone_fail(HONE_UNSUPPORTED, "no kernel of this device fits");
    int begin = launch->dispatch_count;
    uint64_t scratch[HONE_LAUNCH_SCRATCH];
    for (int k = 0; k < HONE_LAUNCH_SCRATCH; k++) {
        scratch[k] = launch->scratch_bytes[k];
        launch->scratch_bytes[k] = 0;
    }
    HONE_TRY(row->setup(&args, launch));
    for (int i = begin; i < launch->dispatch_count; i++) {
        struct hone_dispatch *d = &launch->dispatches[i];
        for (int k = 0; k < d->operand_count && k < HONE_DISPATCH_OPERANDS; k++) {
            struct hone_operand *o = &d->operands[k];
            bool sliced = false;
            const struct hone_desc *desc = NULL;
            // What the part left open is all of it: scratch may be longer for another part.
            o->bytes = bound_bytes(&part, launch, o);
            if (o->kind != HONE_OPERAND_SCRATCH)
                desc = cut_desc(
                    cut, o->index + (o->kind == HONE_OPERAND_OUTPUT ? whole->input_count : 0),
                    &sliced);
            if (sliced) o->offset += (uint64_t)first * picture_bytes(desc);
        }
    }
    for (int k = 0; k < HONE_LAUNCH_SCRATCH; k++)
        if (scratch[k] > launch->scratch_bytes[k]) launch->scratch_bytes[k] = scratch[k];
    return HONE_OK;
}

hone_status hone_launch_make(const struct hone_op *op, const struct hone_op_row *row,
                             const struct hone_row_args *args, struct hone_launch *launch) {
    *launch = (struct hone_launch){0};
    HONE_TRY(row->setup(args, launch));
    const struct hone_operand *big = find_long(args->node, launch, args->caps);
    if (!big) return hone_launch_check(launch, args->caps);
    struct cut cut = {.op = op, .whole = args};
    uint64_t range = args->caps->storage_range_bytes;
    if (!cut_init(&cut) || cut.most_bytes == 0) return fail_long(args->node, big, args->caps);
    uint64_t fit = range / cut.most_bytes / (uint64_t)cut.step * (uint64_t)cut.step;
    if (fit == 0) return fail_long(args->node, big, args->caps);
    struct hone_operand which = *big;
    *launch = (struct hone_launch){0};
    for (int64_t first = 0; first < cut.pictures; first += (int64_t)fit) {
        int64_t left = cut.pictures - first;
        HONE_TRY(cut_add(&cut, row, (int32_t)first,
                         (int32_t)(left < (int64_t)fit ? left : (int64_t)fit), launch));
    }
    // Something that is not cut is too long.
    if (find_long(args->node, launch, args->caps)) return fail_long(args->node, &which, args->caps);
    return hone_launch_check(launch, args->caps);
}
