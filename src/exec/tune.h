// tune.h: the tuner: measures the ways to run the nodes of a graph on this device and keeps the
// fastest as records.
//
// Candidates are the rows that fit a node, each in the ways that it can cut its work. A way whose
// program spills registers is passed over, where the driver says so, unless it is the row's own.
// Every candidate runs alone, on scratch buffers, by the device's clock.
#ifndef HONE_EXEC_TUNE_H
#define HONE_EXEC_TUNE_H

#include "exec/program.h"
#include "exec/tuning.h"

struct hone_tune_params {
    // No new program is timed after it: the node at hand keeps the fastest so far, and those that
    // are left get a record that leaves the choice to the order of the table, so that they are not
    // taken up again at each start. 0: no limit; nodes that were left so are measured, too.
    double budget_s;
    bool again; // also nodes that have a record
    unsigned passes_off;
    enum hone_dtype compute; // as hone_compile_params.compute
    const char *const *skip_rows;
    // Told before each node; true stops. May be NULL.
    bool (*progress)(void *user, size_t done, size_t total, const char *node);
    void *user;
};

struct hone_tune_result {
    size_t nodes;      // different ones that have a choice
    size_t known;      // of these, with a record before
    size_t measured;   // of these, measured now
    size_t changed;    // of those, where the table's own order was not the fastest
    size_t candidates; // programs that were timed
    double seconds;
};

// Adds to `records`, which may be the device's own, a record for each node that was measured. Nodes
// that cost most come first. Blocks. On the ref device there is nothing to do. HONE_CANCELLED
// leaves what was measured.
hone_status hone_tune_graph(struct hone_device *device, const struct hone_graph *graph,
                            const struct hone_tune_params *params, struct hone_tuning *records,
                            struct hone_tune_result *out);
// The same, and the records go into the device's own and into the file `path`.
hone_status hone_tune_and_keep(struct hone_device *device, const struct hone_graph *graph,
                               const struct hone_tune_params *params, const char *path,
                               struct hone_tune_result *out);

#endif
