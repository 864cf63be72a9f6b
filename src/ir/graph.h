// graph.h: a graph of operators in SSA form. A value is an input (written before each run), a state
// (kept between runs: parameters, statistics, moments), or an output of a node. Nodes are in an
// order in which every value is defined before it is used.
//
// Building never needs a check per call: the first failure sticks, later calls give HONE_NO_VALUE,
// and hone_graph_status() reports it with the node's name. A graph owns everything that it hands
// out. Not thread-safe; two graphs are independent.
#ifndef HONE_IR_GRAPH_H
#define HONE_IR_GRAPH_H

#include "base/alloc.h"
#include "ir/op.h"

enum hone_value_kind { HONE_VALUE_INPUT, HONE_VALUE_STATE, HONE_VALUE_NODE };

struct hone_value_info {
    enum hone_value_kind kind;
    struct hone_desc desc;
    const char *name; // never NULL; unique among inputs and among states
    uint32_t node;    // HONE_VALUE_NODE: index of the defining node
    uint8_t output;   // and which of its outputs
    bool is_output;   // the host reads it after a run
    hone_value
        next; // HONE_VALUE_STATE: its content after a run, or HONE_NO_VALUE: it never changes
};

struct hone_node {
    const struct hone_op *op;
    const char *name; // for messages and profiles; never NULL
    const void *attrs;
    uint16_t input_count;
    const hone_value *inputs; // HONE_NO_VALUE where an optional input is absent
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
};

struct hone_graph {
    struct hone_arena arena;
    struct hone_value_info *values;
    size_t value_count, value_capacity;
    struct hone_node *nodes;
    size_t node_count, node_capacity;
    hone_status status; // sticky
    struct hone_error_record error;
};

hone_status hone_graph_create(struct hone_graph **out);
void hone_graph_destroy(struct hone_graph **graph);

// The first failure of any call below, restored as this thread's message; HONE_OK if none.
hone_status hone_graph_status(const struct hone_graph *graph);
// Makes `status` (with this thread's message) the graph's failure, unless it has one. For builders.
void hone_graph_fail(struct hone_graph *graph, hone_status status);

hone_value hone_graph_input(struct hone_graph *graph, const char *name, struct hone_desc desc);
hone_value hone_graph_state(struct hone_graph *graph, const char *name, struct hone_desc desc);

// Appends a node. `name` may be NULL (the op's name and the node's number are used). attrs points
// to op->attrs_bytes bytes (copied), NULL when there are none. Outputs are written to
// outputs[0..op->outputs).
void hone_graph_node(struct hone_graph *graph, const struct hone_op *op, const char *name,
                     const void *attrs, const hone_value *inputs, int input_count,
                     hone_value *outputs);
// The same for an op with one output, or where only the first matters.
hone_value hone_graph_emit(struct hone_graph *graph, const struct hone_op *op, const char *name,
                           const void *attrs, const hone_value *inputs, int input_count);
#define HONE_EMIT(graph, op, name, attrs, ...)                                                     \
    hone_graph_emit(graph, op, name, attrs, (const hone_value[]){__VA_ARGS__},                     \
                    (int)(sizeof((const hone_value[]){__VA_ARGS__}) / sizeof(hone_value)))

// The host reads `value` after each run, by this name. An input or a state keeps its own name, and
// a value has one name as an output: anything else fails.
void hone_graph_mark_output(struct hone_graph *graph, hone_value value, const char *name);
// After a run, `state` holds what `next` is. Same desc.
void hone_graph_set_next(struct hone_graph *graph, hone_value state, hone_value next);

const struct hone_value_info *hone_graph_value(const struct hone_graph *graph, hone_value value);
const struct hone_desc *hone_graph_desc(const struct hone_graph *graph, hone_value value);
// A value by its name (inputs, states and marked outputs), or HONE_NO_VALUE.
hone_value hone_graph_find(const struct hone_graph *graph, const char *name);
// The node that defines `value`, or NULL for inputs and states.
const struct hone_node *hone_graph_producer(const struct hone_graph *graph, hone_value value);

// Gathers the descs of a node's inputs (rank -1 where absent) and outputs, for infer, cost, alias,
// rows.
enum { HONE_NODE_FEW = 16 };
struct hone_node_descs {
    struct hone_infer_args args;
    struct hone_desc in_few[HONE_NODE_FEW], *in;
    struct hone_desc out[HONE_OP_MAX_OUTPUTS];
};
hone_status hone_node_descs_init(struct hone_node_descs *descs, const struct hone_graph *graph,
                                 const struct hone_node *node);
void hone_node_descs_deinit(struct hone_node_descs *descs);

// Checks every invariant of this header. A failure names the node.
hone_status hone_graph_verify(const struct hone_graph *graph);

#endif
