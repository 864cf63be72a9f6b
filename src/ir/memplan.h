// memplan.h: where every value of a graph lies, decided before anything is recorded.
//
// A *storage* is a run of bytes that one or several values share: a view lies in its source, a
// packed tensor in its slab, an in-place result in its operand, the next content of a state in the
// state. Storages of states belong to the caller. All others get an offset in a chunk such that no
// two storages that are alive at the same time overlap. The plan is a pure function of the graph
// and is exact: nothing is allocated later.
//
// Placement is greedy by size, largest first, into the lowest gap (Pisarchyk, Lee: Efficient memory
// management for deep neural net inference, 2020).
#ifndef HONE_IR_MEMPLAN_H
#define HONE_IR_MEMPLAN_H

#include "ir/graph.h"

enum { HONE_PLAN_ALIGN = 256 }; // bytes; covers every minStorageBufferOffsetAlignment

enum hone_storage_kind {
    HONE_STORAGE_POOL,  // in a chunk, shared over time
    HONE_STORAGE_STATE, // the caller's buffer of a state
};

struct hone_storage {
    enum hone_storage_kind kind;
    hone_value state; // HONE_STORAGE_STATE: which
    uint64_t bytes;
    uint32_t first, last; // alive from node `first` to node `last`, both included
    bool exclusive;       // shares its bytes with nobody, and starts zeroed (slabs with gaps)
    uint32_t chunk;
    uint64_t offset;
};

struct hone_place {
    uint32_t storage;
    uint64_t offset; // bytes into the storage
};

// A copy that the program makes: of a pack's input that could not be placed in the slab (when the
// pack node comes), or of a state's next value into the state (node == UINT32_MAX: after the last
// node).
struct hone_plan_copy {
    uint32_t node;
    hone_value from, to;
    uint64_t from_offset, to_offset, bytes;
};

struct hone_plan {
    struct hone_storage *storages;
    size_t storage_count, storage_capacity;
    struct hone_place *places;  // per value of the graph
    struct hone_place *scratch; // per node, HONE_PLAN_SCRATCH each
    struct hone_plan_copy *copies;
    size_t copy_count, copy_capacity;
    uint64_t *chunk_bytes;
    size_t chunk_count, chunk_capacity;
    uint64_t pool_bytes; // sum of the chunks
};

enum { HONE_PLAN_SCRATCH = 3 };

struct hone_plan_params {
    uint64_t chunk_limit_bytes;    // no chunk is larger; 0: 1 GiB
    const uint64_t *scratch_bytes; // per node, HONE_PLAN_SCRATCH each; NULL: none
    bool no_sharing;               // every storage its own bytes, for tests and the checker
};

hone_status hone_plan_create(const struct hone_graph *graph, const struct hone_plan_params *params,
                             struct hone_plan *out);
void hone_plan_deinit(struct hone_plan *plan);

#endif
