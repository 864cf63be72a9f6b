// kernels.c: look-up by name. The list is short and is searched when a program is compiled, never in a step.
#include "kernels/kernels.h"

#include <string.h>

const struct hone_kernel *hone_kernel_find(const char *name) {
    for (size_t i = 0; i < hone_kernel_count; i++)
        if (strcmp(hone_kernels[i].name, name) == 0) return &hone_kernels[i];
    return NULL;
}
