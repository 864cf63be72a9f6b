// hazard.h: which commands of a recording need a barrier before them. Pure: buffers are opaque ids.
//
// It remembers the byte ranges touched since the last barrier. A command that reads what was
// written (RAW), or writes what was read (WAR) or written (WAW), needs a barrier; reads of reads do
// not. A barrier, when one is needed, is from everything touched since the last one to every later
// command, so it empties the memory: drivers flush whole caches whatever ranges a barrier names.
#ifndef HONE_GPU_HAZARD_H
#define HONE_GPU_HAZARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum hone_gpu_stage { HONE_GPU_STAGE_COMPUTE = 1 << 0, HONE_GPU_STAGE_TRANSFER = 1 << 1 };

struct hone_gpu_access {
    const void *buffer; // equal ids: the same memory; different ids: never overlapping
    uint64_t begin, end;
    bool write;
    enum hone_gpu_stage stage;
};

// The barrier to emit before the command.
struct hone_gpu_barrier {
    bool needed;
    uint32_t src_stages; // stages of all accesses since the last barrier
    bool src_writes[2];  // whether compute, transfer wrote since then; nothing else must be made
                         // available
    // Why: the first conflict, the earlier access and the new one.
    struct hone_gpu_access earlier, later;
};

struct hone_gpu_hazards {
    struct hone_gpu_access *items;
    size_t count, capacity;
};

// Judges one command with its accesses, then remembers them (after forgetting the others when a
// barrier is needed). Accesses of one command never conflict with each other. False when memory
// runs out.
bool hone_gpu_hazards_command(struct hone_gpu_hazards *hazards,
                              const struct hone_gpu_access *accesses, size_t count,
                              struct hone_gpu_barrier *barrier);
// A barrier was put for another reason.
void hone_gpu_hazards_clear(struct hone_gpu_hazards *hazards);
void hone_gpu_hazards_deinit(struct hone_gpu_hazards *hazards);

#endif
