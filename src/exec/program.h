// program.h: a graph compiled for a device: passes run, kernels chosen, memory planned, commands
// recorded. A run is one submit.
//
//   hone_program_compile(store, graph, NULL, &program);
//   for each step: hone_program_write(program, "images", ...); hone_program_run(program);
//   hone_program_read(program, "loss", ...);
//
// Writing does not wait for the run in flight (inputs are staged twice); reading waits. A program
// belongs to one thread at a time, together with its store.
#ifndef HONE_EXEC_PROGRAM_H
#define HONE_EXEC_PROGRAM_H

#include "exec/store.h"
#include "ir/graph.h"

struct hone_program;
struct hone_tuning; // exec/tuning.h

struct hone_compile_params {
    unsigned passes_off; // enum hone_pass bits not to run
    // How convolutions, products and what flows between them are stored: HONE_F16 or HONE_BF16 for
    // mixed precision (ir/pass_cast.h), HONE_F32, the default, as the graph says.
    enum hone_dtype compute;
    const char *const *skip_rows; // kernel rows "op/row" not to use; NULL-terminated, may be NULL
    bool profile;                 // timestamps around each node
    bool explain;                 // keep why each node runs on its row
    // Records that choose rows; NULL: the device's own.
    const struct hone_tuning *tuning;
    bool no_sharing; // every value keeps its own memory (checker and tests)
    // Longest submit and dispatch, in milliseconds; 0: 250 and 50, far below what operating systems
    // take for a hang.
    double submit_ms, dispatch_ms;
    uint64_t binding_bytes; // bind no more than this at once; 0: what the device allows
};

// Compiles `graph` (borrowed for this call only) against the states of `store`, which are created
// as needed. `params` may be NULL. Blocks: compiles pipelines. HONE_OUT_OF_MEMORY says what did not
// fit, HONE_UNSUPPORTED names the node that no kernel of this device can run.
hone_status hone_program_compile(struct hone_store *store, const struct hone_graph *graph,
                                 const struct hone_compile_params *params,
                                 struct hone_program **out);
// Waits for the run in flight. NULL is fine.
void hone_program_destroy(struct hone_program **program);

// Sets an input for the next run and those after it, by the name it has in the graph. `bytes` is
// the size of the desc's elements (u8 pictures: not rounded up). May wait for the run before the
// last.
hone_status hone_program_write(struct hone_program *program, const char *input, const void *data,
                               uint64_t bytes);
// The same without a copy: where to put the input's elements before the next run. Write all of
// them; memory may be slow to read.
hone_status hone_program_map(struct hone_program *program, const char *input, uint64_t bytes,
                             void **out);
// Starts a run; returns when it is submitted. The first one, or few where they are long, are timed
// (pace.c) and return when they are done.
hone_status hone_program_run(struct hone_program *program);
// Waits for all runs.
hone_status hone_program_wait(struct hone_program *program);
// Waits, then copies a marked output of the last run.
hone_status hone_program_read(struct hone_program *program, const char *output, void *data,
                              uint64_t bytes);

// The same of the newest run that is finished, without waiting; *any is false when there is none
// yet, and for outputs of many MiB.
hone_status hone_program_read_done(struct hone_program *program, const char *output, void *data,
                                   uint64_t bytes, bool *any);

// Runs the program `count` times: fill() puts batch `index` into `to`, take() gets its results, in
// order. Neither waits for the device where it could work meanwhile. Stops at the first failure.
struct hone_stream {
    const char *input, *output;
    uint64_t input_bytes, output_bytes;
    size_t count;
    hone_status (*fill)(void *user, size_t index, void *to);
    hone_status (*take)(void *user, size_t index, const void *result);
    void *user;
    void *result; // room for output_bytes; NULL: allocated in the call
};
hone_status hone_program_stream(struct hone_program *program, const struct hone_stream *stream);

// What the plan needs on the device, known after compile: exact.
struct hone_program_memory {
    uint64_t pool_bytes;  // activations, gradients, workspace
    uint64_t state_bytes; // states that this program uses
    uint64_t input_bytes; // staging of the inputs and outputs
};
struct hone_program_memory hone_program_memory(const struct hone_program *program);

// What one run records: zeros on the ref device.
struct hone_program_commands {
    uint32_t dispatches, copies, barriers;
};
struct hone_program_commands hone_program_commands(const struct hone_program *program);
// Registers that the program's kernels keep in memory, all dispatches together; 0 where the driver
// does not say or the device was opened without `capture`. To be asked before the second run.
int64_t hone_program_spills(const struct hone_program *program);
// The graph after the passes; lives as long as the program.
const struct hone_graph *hone_program_graph(const struct hone_program *program);
// How a run is submitted, and what is known of its times.
struct hone_program_pace {
    size_t submits, dispatches;
    bool settled; // the times are measured and the cuts final; before, they are estimates
    double run_ms, submit_ms, dispatch_ms; // a run, its longest submit, its longest dispatch
};
struct hone_program_pace hone_program_pace(const struct hone_program *program);

// One line per node in order: what ran, on which kernel row, and, with params.profile, how long in
// the last run (milliseconds; 0 without). For `hone bench` and messages. The pointers live as long
// as the program.
struct hone_program_node {
    const char *name, *op, *row;
    const char *tile;   // "" where the row chose itself
    bool tuned;         // a tuning record chose the row
    const char *reason; // with params.explain: why this row; else ""
    double flops, bytes, ms;
    int dispatches;
};
int hone_program_node_count(const struct hone_program *program);
hone_status hone_program_node(struct hone_program *program, int index,
                              struct hone_program_node *out);

#endif
