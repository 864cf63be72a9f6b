// hazard.c: a list of ranges since the last barrier. Runs when a program is recorded, never in a
// step; lists stay short because most commands of a training step depend on the one before.
#include "gpu/hazard.h"

#include "base/alloc.h"

static bool overlap(const struct hone_gpu_access *a, const struct hone_gpu_access *b) {
    return a->buffer == b->buffer && a->begin < b->end && b->begin < a->end && a->begin < a->end &&
           b->begin < b->end; // an empty range touches nothing
}

static bool remember(struct hone_gpu_hazards *hazards, const struct hone_gpu_access *access) {
    if (access->begin >= access->end) return true;
    for (size_t i = 0; i < hazards->count; i++) {
        struct hone_gpu_access *old = &hazards->items[i];
        // Weights that many commands read would fill the list with copies.
        if (old->buffer == access->buffer && old->write == access->write &&
            old->stage == access->stage && old->begin <= access->begin && access->end <= old->end)
            return true;
    }
    if (!hone_grow(&hazards->items, &hazards->capacity, hazards->count + 1, sizeof *hazards->items,
                   "the hazard list"))
        return false;
    hazards->items[hazards->count++] = *access;
    return true;
}

static bool find_conflict(const struct hone_gpu_hazards *hazards,
                          const struct hone_gpu_access *access, struct hone_gpu_barrier *barrier) {
    for (size_t i = 0; i < hazards->count; i++) {
        if (!(hazards->items[i].write || access->write)) continue;
        if (!overlap(&hazards->items[i], access)) continue;
        barrier->needed = true;
        barrier->earlier = hazards->items[i];
        barrier->later = *access;
        return true;
    }
    return false;
}

bool hone_gpu_hazards_command(struct hone_gpu_hazards *hazards,
                              const struct hone_gpu_access *accesses, size_t count,
                              struct hone_gpu_barrier *barrier) {
    *barrier = (struct hone_gpu_barrier){0};
    for (size_t i = 0; i < count; i++)
        if (find_conflict(hazards, &accesses[i], barrier)) break;
    if (barrier->needed) {
        for (size_t i = 0; i < hazards->count; i++) {
            const struct hone_gpu_access *old = &hazards->items[i];
            barrier->src_stages |= (uint32_t)old->stage;
            if (old->write) barrier->src_writes[old->stage == HONE_GPU_STAGE_TRANSFER] = true;
        }
        hone_gpu_hazards_clear(hazards);
    }
    for (size_t i = 0; i < count; i++)
        if (!remember(hazards, &accesses[i])) return false;
    return true;
}

void hone_gpu_hazards_clear(struct hone_gpu_hazards *hazards) {
    hazards->count = 0;
}

void hone_gpu_hazards_deinit(struct hone_gpu_hazards *hazards) {
    hone_free(hazards->items);
    *hazards = (struct hone_gpu_hazards){0};
}
