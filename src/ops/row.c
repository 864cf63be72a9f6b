// row.c: helpers for the setup functions of kernel rows.
#include "ops/row.h"

#include <string.h>

struct hone_dispatch *hone_launch_add(struct hone_launch *launch, const char *kernel) {
    const struct hone_kernel *found = hone_kernel_find(kernel);
    if (!found) {
        hone_fail(HONE_INTERNAL, "no kernel is named '%s'", kernel);
        return NULL;
    }
    if (launch->dispatch_count == HONE_LAUNCH_DISPATCHES) {
        hone_fail(HONE_INTERNAL, "kernel '%s': too many dispatches for one node", kernel);
        return NULL;
    }
    struct hone_dispatch *dispatch = &launch->dispatches[launch->dispatch_count++];
    *dispatch = (struct hone_dispatch){.kernel = found, .grid = {1, 1, 1}};
    return dispatch;
}

void hone_dispatch_spec(struct hone_dispatch *dispatch, uint32_t value) {
    if (dispatch->spec_count < HONE_DISPATCH_SPECS) dispatch->spec[dispatch->spec_count] = value;
    dispatch->spec_count++; // a count past the kernel's own is found when the launch is checked
}

void hone_dispatch_spec_f32(struct hone_dispatch *dispatch, float value) {
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    hone_dispatch_spec(dispatch, bits);
}

void hone_dispatch_push(struct hone_dispatch *dispatch, const void *data, int bytes) {
    if (dispatch->push_bytes + bytes <= HONE_DISPATCH_PUSH)
        memcpy(dispatch->push + dispatch->push_bytes, data, (size_t)bytes);
    dispatch->push_bytes += bytes;
}

static void dispatch_operand(struct hone_dispatch *dispatch, enum hone_operand_kind kind,
                             int index) {
    if (dispatch->operand_count < HONE_DISPATCH_OPERANDS)
        dispatch->operands[dispatch->operand_count] =
            (struct hone_operand){.kind = kind, .index = (uint8_t)index};
    dispatch->operand_count++;
}

void hone_dispatch_in(struct hone_dispatch *dispatch, int input) {
    dispatch_operand(dispatch, HONE_OPERAND_INPUT, input);
}

void hone_dispatch_out(struct hone_dispatch *dispatch, int output) {
    dispatch_operand(dispatch, HONE_OPERAND_OUTPUT, output);
}

void hone_dispatch_scratch(struct hone_dispatch *dispatch, int index) {
    dispatch_operand(dispatch, HONE_OPERAND_SCRATCH, index);
}

void hone_dispatch_linear(struct hone_dispatch *dispatch, uint64_t threads, uint32_t group) {
    uint64_t groups = (threads + group - 1) / group;
    if (groups == 0) groups = 1;
    // Balanced, so that the last row of the folded grid is nearly full.
    uint64_t rows = (groups + 65534) / 65535;
    dispatch->grid[0] = (uint32_t)((groups + rows - 1) / rows);
    dispatch->grid[1] = (uint32_t)rows;
    dispatch->grid[2] = 1;
}

const struct hone_op_row *hone_row_select(const struct hone_op *op,
                                          const struct hone_row_args *args,
                                          const char *const *skip) {
    for (int i = 0; i < op->row_count; i++) {
        const struct hone_op_row *row = &op->rows[i];
        bool skipped = false;
        for (const char *const *name = skip; name && *name; name++)
            skipped = skipped || strcmp(*name, row->name) == 0;
        if (skipped || row->test_only || (row->needs & ~args->caps->features)) continue;
        if (!row->fits || row->fits(args)) return row;
    }
    return NULL;
}
