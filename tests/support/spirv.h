// spirv.h: reads from a SPIR-V module what a pipeline has to agree with: bindings, push constants,
// specialisation ids, capabilities. It knows the few instructions that say so and skips all others.
#ifndef HONE_TESTS_SPIRV_H
#define HONE_TESTS_SPIRV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct test_spirv {
    uint32_t bindings;     // bit i: set 0 binding i holds a storage buffer
    uint32_t aliased;      // those of them that may share memory with another: decoration Aliased
    bool other_resources;  // another set, or a resource that isn't a storage buffer
    uint32_t specs;        // bit i: specialisation constant with id i
    uint32_t push_bytes;   // end of the push-constant block, 0: none
    uint64_t capabilities; // bit i: capability i, for i < 64
    bool buffer_addresses, cooperative_matrix; // capabilities 5347 and 6022
    bool cooperative_matrix2;                  // 5429 to 5434 and 5439, VK_NV_cooperative_matrix2
    bool storage_16bit;                        // 4433
};

// False when the words are not a whole SPIR-V module.
bool test_spirv_read(const uint32_t *words, size_t bytes, struct test_spirv *out);

#endif
