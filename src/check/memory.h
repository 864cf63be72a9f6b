// memory.h: does the device keep what is written to it: many buffers at once, and copies through
// staging.
#ifndef HONE_CHECK_MEMORY_H
#define HONE_CHECK_MEMORY_H

#include "gpu/gpu.h"

struct hone_check_memory {
    uint64_t tried_bytes, held_bytes; // wanted, and held at once with all of it right
    uint64_t staged_bytes;            // sent and read back through staging
    bool good;
    char why[200];
};

// Fills up to `bytes` of device memory in buffers of at most 256 MiB, then reads parts of each. A
// device that has less is no fault; one that hands the same memory out twice is. From then on the
// gpu's device memory is hidden from the host (hone_gpu_hide_memory). Blocks.
hone_status hone_check_memory(struct hone_gpu *gpu, uint64_t bytes, struct hone_check_memory *out);

// Half of what a device has for itself; of the memory that programs share an eighth, at most 1 GiB.
uint64_t hone_check_memory_share(const struct hone_caps *caps);

#endif
