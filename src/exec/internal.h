// internal.h: the structs that the files of exec/ share.
#ifndef HONE_EXEC_INTERNAL_H
#define HONE_EXEC_INTERNAL_H

#include "exec/choice.h"
#include "exec/cuts.h"
#include "exec/elements.h"
#include "exec/launch.h"
#include "exec/program.h"
#include "exec/trust.h"
#include "gpu/gpu.h"
#include "ir/memplan.h"
#include "ops/row.h"

// What is known of a kernel row.
struct hone_trusted {
    char *name;
    enum hone_row_trust trust;
};

struct hone_device {
    struct hone_gpu *gpu; // NULL: the ref device
    struct hone_caps caps;
    bool matrices_checked;        // caps.matrices holds those that have passed (matrix_check.h)
    char key[HONE_TUNING_DEVICE]; // in tuning records
    struct hone_tuning *tuning;   // NULL: none
    char *cache_dir;              // of the params
    struct hone_trusted *trusted;
    size_t trusted_count, trusted_capacity;
};

// One state: a device buffer, or doubles on the ref device.
struct hone_state {
    char *name;
    struct hone_desc desc;
    struct hone_gpu_buffer *buffer;
    double *values;
};

struct hone_store {
    struct hone_device *device;
    struct hone_state *states;
    size_t count, capacity;
    uint64_t bytes;
    bool dry; // states are counted only
};

// NULL when there is none. Valid until the next hone_store_ensure().
struct hone_state *hone_store_find(const struct hone_store *store, const char *name);

enum { HONE_PROGRAM_SLOTS = 2 }; // input staging: one is written while the other is in flight

// How a GPU runs the program.
struct hone_program_gpu {
    struct hone_gpu_buffer **chunks; // plan.chunk_count
    struct hone_gpu_buffer *upload[HONE_PROGRAM_SLOTS];
    struct hone_gpu_buffer *results[HONE_PROGRAM_SLOTS]; // the outputs that are copied there; NULL
    struct hone_gpu_recording *recording[HONE_PROGRAM_SLOTS];
    uint64_t ticket[HONE_PROGRAM_SLOTS]; // last submit that read the slot; 0: none
    int slot;                            // the one that the next run uses
    uint64_t runs;                       // so far
};

// How the program's runs are cut into submits.
struct hone_pace {
    struct hone_cut_limits limits;
    // Every dispatch of a run; those of node n are first[n] to first[n + 1] - 1. Gone once settled.
    struct hone_dispatch *dispatches;
    size_t *first;
    struct hone_cut_item *items; // per dispatch
    size_t count;
    struct hone_cuts cuts; // what is recorded
    int runs;              // measured so far
    bool settled;          // no more measuring
};

struct hone_program_input {
    hone_value value;
    uint64_t offset, bytes;            // in the upload buffer
    int latest;                        // slot with the newest content
    uint64_t version;                  // of that content
    uint64_t held[HONE_PROGRAM_SLOTS]; // version that each slot holds
    void *bounce;                      // ref device: what hone_program_map() gave out
    bool mapped;                       // and whether the next run shall take it
};

// An output that each run leaves in results[slot], so that reading it disturbs no other run.
struct hone_program_output {
    hone_value value;
    uint64_t offset, bytes;
};

struct hone_program {
    struct hone_store *store;
    struct hone_caps caps;    // of the device, perhaps with less to bind (tests)
    struct hone_graph *graph; // after the passes
    struct hone_plan plan;
    struct hone_choice *choices; // per node; no row for views, packs and on ref
    const char **reasons;        // per node, in `texts`; NULL unless asked for
    struct hone_arena texts;
    int *dispatches;         // per node
    struct hone_cost *costs; // per node
    struct hone_program_input *inputs;
    size_t input_count;
    struct hone_program_output *outputs;
    size_t output_count;
    uint64_t upload_bytes, result_bytes, state_bytes;
    bool profile;
    struct hone_program_gpu gpu;
    struct hone_pace pace;
    double **values; // ref device: per value of the graph
};

// compile.c: the graph in the types to compute in (hone_compile_params), after the passes; the
// caller owns it.
hone_status hone_compile_rewrite(const struct hone_graph *graph, enum hone_dtype compute,
                                 unsigned passes_off, struct hone_graph **out);

// select.c: chooses a row for each node and lets it fill a launch. launches[n] stays empty for
// views and packs.
hone_status hone_program_select(struct hone_program *program,
                                const struct hone_compile_params *params,
                                struct hone_launch *launches);
// record.c: buffers, then commands.
hone_status hone_program_gpu_build(struct hone_program *program);
// Records a run for an input slot as pace.cuts says, in place of what was recorded before.
hone_status hone_program_record(struct hone_program *program, int slot);
void hone_program_gpu_deinit(struct hone_program *program);
// The bytes of a value on the device: buffer and offset.
hone_status hone_program_locate(struct hone_program *program, hone_value value,
                                struct hone_gpu_range *range);

// pace.c: plans and records the first run; before a run, learns from the one before; runs.
hone_status hone_pace_begin(struct hone_program *program, const struct hone_launch *launches,
                            const struct hone_compile_params *params);
hone_status hone_pace_prepare(struct hone_program *program);
hone_status hone_pace_run(struct hone_program *program);
void hone_pace_deinit(struct hone_pace *pace);

// Do the results of two runs of this output lie side by side?
bool hone_program_keeps(const struct hone_program *program, const char *output);
// As hone_program_read(), of the run before the last; for outputs that are kept.
hone_status hone_program_read_before(struct hone_program *program, const char *output, void *data,
                                     uint64_t bytes);

// ref.c: the same life for the ref device.
hone_status hone_program_ref_build(struct hone_program *program);
void hone_program_ref_deinit(struct hone_program *program);
hone_status hone_program_ref_run(struct hone_program *program);

#endif
