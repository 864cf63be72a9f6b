// select.c: which kernel row runs each node of this device, and the check that its launch is sound.
#include "exec/internal.h"

static hone_status dispatch_check(const struct hone_dispatch *d, const struct hone_caps *caps) {
    const struct hone_kernel *kernel = d->kernel;
    // A kernel that takes addresses finds them at the start of its push constants, eight bytes an
    // operand.
    bool addresses = (kernel->needs & HONE_FEATURE_BUFFER_ADDRESS) != 0;
    int bindings = addresses ? 0 : d->operand_count;
    int push = d->push_bytes + (addresses ? 8 * d->operand_count : 0);
    if (d->operand_count > HONE_DISPATCH_OPERANDS || bindings != kernel->bindings ||
        d->spec_count != kernel->specs || push != kernel->push_bytes || push > HONE_DISPATCH_PUSH)
        return hone_fail(
            HONE_INTERNAL,
            "kernel '%s' takes %d buffers, %d constants and %d push bytes; the row gave "
            "%d, %d and %d",
            kernel->name, kernel->bindings, kernel->specs, kernel->push_bytes, bindings,
            d->spec_count, push);
    for (int i = 0; i < 3; i++)
        if (d->grid[i] > caps->workgroup_count[i] || d->grid[i] > 65535)
            return hone_fail(HONE_INTERNAL, "kernel '%s': %u workgroups on axis %d", kernel->name,
                             d->grid[i], i);
    if (kernel->needs & ~caps->features)
        return hone_fail(HONE_INTERNAL, "kernel '%s' needs features that this device lacks",
                         kernel->name);
    return HONE_OK;
}

hone_status hone_launch_check(const struct hone_launch *launch, const struct hone_caps *caps) {
    for (int i = 0; i < launch->dispatch_count; i++)
        HONE_TRY(dispatch_check(&launch->dispatches[i], caps));
    return HONE_OK;
}

// Keeps the sentence that says why the node runs on this row.
static hone_status keep_reason(struct hone_program *program, size_t n,
                               const struct hone_row_args *args, const char *const *skips) {
    struct hone_text text = {0};
    hone_status status =
        hone_choice_explain(program->graph->nodes[n].op, args, skips, &program->choices[n], &text);
    if (status == HONE_OK) {
        program->reasons[n] = hone_arena_strdup(&program->texts, text.data);
        if (!program->reasons[n]) status = HONE_OUT_OF_MEMORY;
    }
    hone_text_deinit(&text);
    return status;
}

static hone_status select_node(struct hone_program *program, size_t n,
                               const struct hone_compile_params *params,
                               struct hone_launch *launch) {
    const struct hone_node *node = &program->graph->nodes[n];
    const struct hone_device *device = program->store->device;
    struct hone_choice *choice = &program->choices[n];
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, program->graph, node));
    if (node->op->cost) program->costs[n] = node->op->cost(&descs.args);
    hone_status status = HONE_OK;
    if (!(node->op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) && device->gpu) {
        struct hone_row_args args = {.node = &descs.args, .caps = &program->caps};
        const char *skips[HONE_SKIPS + 1];
        hone_device_skips(device, node->op, params->skip_rows, skips);
        hone_choose(node->op, &args, skips, params->tuning ? params->tuning : device->tuning,
                    device->key, choice);
        args.tile = choice->tile;
        if (!choice->row)
            status = hone_device_distrusts(device, node->op)
                         ? hone_fail(HONE_UNSUPPORTED, "every kernel for it computes wrongly with "
                                                       "this driver (hone doctor): update it, or "
                                                       "take another device")
                         : hone_fail(HONE_UNSUPPORTED, "no kernel of this device fits");
        if (status == HONE_OK) status = hone_launch_make(node->op, choice->row, &args, launch);
        if (status == HONE_OK && program->reasons) status = keep_reason(program, n, &args, skips);
        program->dispatches[n] = launch->dispatch_count;
    }
    hone_node_descs_deinit(&descs);
    return hone_fail_context(status, "node '%s' (%s)", node->name, node->op->name);
}

hone_status hone_program_select(struct hone_program *program,
                                const struct hone_compile_params *params,
                                struct hone_launch *launches) {
    for (size_t n = 0; n < program->graph->node_count; n++)
        HONE_TRY(select_node(program, n, params, &launches[n]));
    return HONE_OK;
}
