// kernels.c: look-up by name. The list is short and is searched when a program is compiled, never
// in a step.
#include "kernels/kernels.h"

#include <string.h>

const struct hone_kernel *hone_kernel_find(const char *name) {
    for (size_t i = 0; i < hone_kernel_count; i++)
        if (strcmp(hone_kernels[i].name, name) == 0) return &hone_kernels[i];
    return NULL;
}

// SPIR-V: a header of five words, then instructions: length << 16 | opcode, operands.
bool hone_kernel_counts_groups(const struct hone_kernel *kernel) {
    enum { HEADER = 5, OP_DECORATE = 71, DECORATION_BUILTIN = 11, NUM_WORKGROUPS = 24 };
    size_t words = kernel->code_bytes / 4;
    for (size_t at = HEADER; at < words && kernel->code[at] >> 16;) {
        const uint32_t *op = &kernel->code[at];
        if ((op[0] & 0xffff) == OP_DECORATE && op[0] >> 16 == 4 && op[2] == DECORATION_BUILTIN &&
            op[3] == NUM_WORKGROUPS)
            return true;
        at += op[0] >> 16;
    }
    return false;
}
