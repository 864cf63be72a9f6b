// fuse.c: see fuse.h. The work is small (some hundred nodes, a few rules each), so that every
// change counts uses again and starts the node's rules over.
#include "ir/fuse.h"

#include <string.h>

const struct hone_node *hone_fusion_producer(const struct hone_fusion *fusion, hone_value value) {
    uint32_t node = value == HONE_NO_VALUE ? UINT32_MAX : fusion->graph->producer[value];
    return node == UINT32_MAX ? NULL : &fusion->graph->nodes[node];
}

const struct hone_desc *hone_fusion_desc(const struct hone_fusion *fusion, hone_value value) {
    return &fusion->graph->source->values[value].desc;
}

bool hone_fusion_is_shared(const struct hone_fusion *fusion, hone_value value) {
    uint32_t own = 0;
    const struct hone_node *both[] = {fusion->node, fusion->other};
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < both[k]->input_count; i++) own += both[k]->inputs[i] == value;
    return fusion->graph->kept[value] || fusion->graph->uses[value] > own;
}

void hone_fusion_set_input(struct hone_fusion *fusion, int i, hone_value value) {
    while (fusion->input_count <= i) fusion->inputs[fusion->input_count++] = HONE_NO_VALUE;
    fusion->inputs[i] = value;
}

// Does the result still give the value that stood between the two nodes, where anybody else needs
// it?
static bool fusion_gives(const struct hone_fusion *f, hone_value between) {
    if (f->rest.op || !hone_fusion_is_shared(f, between)) return true;
    for (int i = 0; i < f->op->outputs; i++)
        if (f->outputs[i] == between) return true;
    return false;
}

// Copies what became of a node into it.
static hone_status fuse_set(struct hone_rewrite *rw, struct hone_node *node,
                            const struct hone_op *op, const void *attrs, const hone_value *inputs,
                            int input_count, const hone_value *outputs) {
    hone_value *own = hone_arena_copy(&rw->arena, inputs, (size_t)input_count * sizeof *inputs);
    void *own_attrs = hone_arena_copy(&rw->arena, attrs, op->attrs_bytes);
    if (!own || !own_attrs) return HONE_OUT_OF_MEMORY;
    node->op = op;
    node->attrs = own_attrs;
    node->inputs = own;
    node->input_count = (uint16_t)input_count;
    memcpy(node->outputs, outputs, sizeof node->outputs);
    return HONE_OK;
}

// No cycle comes about: what the result reads, or the part that stays, is computed from neither.
static bool fuse_is_free(const struct hone_rewrite *rw, const hone_value *inputs, int count,
                         size_t n, size_t other) {
    for (int i = 0; i < count; i++)
        if (hone_rewrite_depends(rw, inputs[i], n) || hone_rewrite_depends(rw, inputs[i], other))
            return false;
    return true;
}

// Offers `rule` the candidate; on success the result takes the place of node n.
static hone_status fuse_pair(struct hone_rewrite *rw, size_t n, size_t other, int input,
                             const struct hone_absorb *rule, bool *changed) {
    struct hone_node *node = &rw->nodes[n];
    struct hone_fusion f = {.graph = rw,
                            .node = node,
                            .other = &rw->nodes[other],
                            .input = input,
                            .op = node->op,
                            .input_count = node->input_count};
    if (f.other->op->outputs != 1 || node->input_count > HONE_FUSION_INPUTS ||
        node->op->attrs_bytes > HONE_FUSION_ATTRS)
        return HONE_OK;
    if (node->op->attrs_bytes) memcpy(f.attrs, node->attrs, node->op->attrs_bytes);
    memcpy(f.inputs, node->inputs, node->input_count * sizeof *f.inputs);
    memcpy(f.outputs, node->outputs, sizeof f.outputs);
    hone_value between =
        rule->kind == HONE_ABSORB_CONSUMER ? node->outputs[0] : node->inputs[input];
    if (rule->kind == HONE_ABSORB_CONSUMER) f.outputs[0] = f.other->outputs[0];
    if (!rule->rule(&f) || !fusion_gives(&f, between)) return HONE_OK;
    const struct hone_fusion_rest *rest = &f.rest;
    bool free = rest->op ? fuse_is_free(rw, rest->inputs, rest->input_count, n, other)
                         : fuse_is_free(rw, f.inputs, f.input_count, n, other);
    for (int i = 0; i < f.input_count; i++) free = free && (rest->op || f.inputs[i] != between);
    if (!free) return HONE_OK;
    HONE_TRY(fuse_set(rw, node, f.op, f.attrs, f.inputs, f.input_count, f.outputs));
    if (rest->op)
        HONE_TRY(fuse_set(rw, &rw->nodes[other], rest->op, rest->attrs, rest->inputs,
                          rest->input_count, rest->outputs));
    else
        rw->live[other] = false;
    hone_rewrite_count(rw);
    *changed = true;
    return HONE_OK;
}

static hone_status fuse_consumer(struct hone_rewrite *rw, size_t n, const struct hone_absorb *rule,
                                 bool *changed) {
    hone_value value = rw->nodes[n].outputs[0];
    if (rw->kept[value] || rw->uses[value] != 1) return HONE_OK;
    size_t other = rw->reader[value];
    const struct hone_node *reader = &rw->nodes[other];
    for (int i = 0; i < reader->input_count; i++)
        if (reader->inputs[i] == value) return fuse_pair(rw, n, other, i, rule, changed);
    return HONE_OK;
}

static hone_status fuse_producers(struct hone_rewrite *rw, size_t n, const struct hone_absorb *rule,
                                  bool *changed) {
    for (int i = 0; i < rw->nodes[n].input_count && !*changed; i++) {
        hone_value value = rw->nodes[n].inputs[i];
        if (value == HONE_NO_VALUE || rw->producer[value] == UINT32_MAX) continue;
        HONE_TRY(fuse_pair(rw, n, rw->producer[value], i, rule, changed));
    }
    return HONE_OK;
}

// One rule of node n, if any applies.
static hone_status fuse_node(struct hone_rewrite *rw, size_t n, unsigned passes, bool *changed) {
    const struct hone_op *op = rw->nodes[n].op;
    for (int i = 0; i < op->absorb_count && !*changed; i++) {
        const struct hone_absorb *rule = &op->absorbs[i];
        if (!(passes & rule->pass)) continue;
        if (rule->kind == HONE_ABSORB_CONSUMER)
            HONE_TRY(fuse_consumer(rw, n, rule, changed));
        else
            HONE_TRY(fuse_producers(rw, n, rule, changed));
    }
    return HONE_OK;
}

hone_status hone_fuse(struct hone_rewrite *rewrite, unsigned passes) {
    for (bool any = true; any;) {
        any = false;
        for (size_t n = 0; n < rewrite->source->node_count; n++)
            for (bool changed = true; changed && rewrite->live[n];) {
                changed = false;
                HONE_TRY(fuse_node(rewrite, n, passes, &changed));
                any = any || changed;
            }
    }
    return HONE_OK;
}
