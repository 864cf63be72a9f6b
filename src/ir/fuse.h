// fuse.h: how an operator says what it can take in. Fusion belongs to the operators: the pass knows
// none by name, offers each node its neighbours and replaces both by what a rule makes of them,
// until no rule applies. So chains fuse: conv + bias + residual + activation in three steps.
//
// A rule is a pure function of the two nodes and of what it may ask about the graph below. It need
// not care about what the pass checks: that nobody else reads the value between the two (or that
// the result still gives it), that the host does not, and that no cycle comes about.
#ifndef HONE_IR_FUSE_H
#define HONE_IR_FUSE_H

#include "ir/passes.h"
#include "ir/rewrite.h"

enum hone_absorb_kind {
    HONE_ABSORB_CONSUMER, // the only reader of the node's output 0: an epilogue
    HONE_ABSORB_PRODUCER, // the node that gives one of the inputs: a prologue
};

enum { HONE_FUSION_ATTRS = 160, HONE_FUSION_INPUTS = 16 };

// A candidate, and what becomes of it. `other` has one output.
struct hone_fusion {
    const struct hone_rewrite *graph;
    const struct hone_node *node, *other;
    int input; // CONSUMER: which input of `other` reads the node; PRODUCER: which input of the node
    // What replaces both. It comes as a copy of `node`; for a CONSUMER with the output of `other`
    // in place of output 0. A rule changes what it must; with another op it may place the output of
    // a PRODUCER that others read too among the outputs.
    const struct hone_op *op;
    _Alignas(8) unsigned char attrs[HONE_FUSION_ATTRS];
    hone_value inputs[HONE_FUSION_INPUTS]; // HONE_NO_VALUE where absent
    int input_count;
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    // What becomes of a PRODUCER that takes over work of the node and stays: it still gives the
    // value between the two. op NULL: it goes.
    struct hone_fusion_rest {
        const struct hone_op *op;
        _Alignas(8) unsigned char attrs[HONE_FUSION_ATTRS];
        hone_value inputs[HONE_FUSION_INPUTS];
        int input_count;
        hone_value outputs[HONE_OP_MAX_OUTPUTS];
    } rest;
};

struct hone_absorb {
    enum hone_pass pass; // by whose name it is switched off
    enum hone_absorb_kind kind;
    // True: *fusion says what replaces both nodes.
    bool (*rule)(struct hone_fusion *fusion);
};

// ---- What rules may ask

// The node that gives `value`, or NULL for inputs, states and HONE_NO_VALUE.
const struct hone_node *hone_fusion_producer(const struct hone_fusion *fusion, hone_value value);
const struct hone_desc *hone_fusion_desc(const struct hone_fusion *fusion, hone_value value);
// Somebody besides the two nodes reads `value`, or the host does.
bool hone_fusion_is_shared(const struct hone_fusion *fusion, hone_value value);
// Input i of the result becomes `value`; inputs between are absent.
void hone_fusion_set_input(struct hone_fusion *fusion, int i, hone_value value);

// Applies the rules of the passes in the mask until none does.
hone_status hone_fuse(struct hone_rewrite *rewrite, unsigned passes);

#endif
