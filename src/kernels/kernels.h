// kernels.h: the SPIR-V modules that the build embeds, by name. The table is generated from
// shaders/kernels.cmake; a unit test compares each module with what the table says of it.
#ifndef HONE_KERNELS_KERNELS_H
#define HONE_KERNELS_KERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hone_kernel {
    const char *name;
    const uint32_t *code; // SPIR-V
    size_t code_bytes;
    uint8_t bindings;    // storage buffers: set 0, binding 0 to bindings - 1
    uint8_t specs;       // specialisation constants: ids 0 to specs - 1, 32 bits each
    uint16_t push_bytes; // size of the push-constant block, 0: none
    uint32_t needs;      // enum hone_feature bits
};

extern const struct hone_kernel hone_kernels[];
extern const size_t hone_kernel_count;

// NULL when there is none of that name.
const struct hone_kernel *hone_kernel_find(const char *name);

// Does the kernel read gl_NumWorkGroups? If not, any part of its grid is a dispatch of its own.
bool hone_kernel_counts_groups(const struct hone_kernel *kernel);

#endif
