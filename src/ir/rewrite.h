// rewrite.h: a graph under change: its nodes as a list that passes may replace and drop, over the
// values of the graph that they came from. Values keep their numbers from the first pass to the
// last; hone_rewrite_emit() then writes a new graph. For ir/pass*.c and ir/fuse.c.
#ifndef HONE_IR_REWRITE_H
#define HONE_IR_REWRITE_H

#include "ir/graph.h"

struct hone_rewrite {
    const struct hone_graph *source;
    struct hone_arena arena; // attributes and inputs of nodes that passes made
    struct hone_node *nodes; // as many as the source has; the live ones are the graph
    bool *live;              // per node
    uint32_t *uses;          // per value: inputs of live nodes that read it
    uint32_t *reader;        // per value: the last node that reads it, or UINT32_MAX
    uint32_t *producer;      // per value: the live node that gives it, or UINT32_MAX
    bool *kept;              // per value: the host or a state takes it; some node must give it
};

hone_status hone_rewrite_init(struct hone_rewrite *rewrite, const struct hone_graph *source);
void hone_rewrite_deinit(struct hone_rewrite *rewrite);

// Drops the nodes that no output and no state's next value depends on.
void hone_rewrite_drop_dead(struct hone_rewrite *rewrite);
// Fills uses, reader and producer again after a change of nodes.
void hone_rewrite_count(struct hone_rewrite *rewrite);
// Whether the value is computed, in any number of steps, from an output of node `from`.
bool hone_rewrite_depends(const struct hone_rewrite *rewrite, hone_value value, size_t from);
// The live nodes as a new graph, each after what it reads. Order is kept where that allows.
hone_status hone_rewrite_emit(const struct hone_rewrite *rewrite, struct hone_graph **out);

#endif
