// pass_cast.c: see pass_cast.h. One walk over the nodes in their order. Each value of the source
// has up to two forms in the target, its own and a cast of it, made when first asked for.
#include "ir/pass_cast.h"
#include "ir/passes.h"

#include <string.h>

enum { ATTRS_MOST = 256 };

struct caster {
    const struct hone_graph *source;
    struct hone_graph *target;
    enum hone_dtype compute;
    const struct hone_op *cast;
    hone_value *wide, *narrow; // per value: its forms, or HONE_NO_VALUE; other dtypes are `wide`
    bool *begun;               // per value: it was made in 16 bits
    bool *wanted;              // per value: some node reads it as data
};

static bool is_data(const struct hone_op *op, int input) {
    return input < 32 && (op->data_inputs >> input & 1);
}

static hone_value cast_to(struct caster *s, hone_value value, enum hone_dtype dtype) {
    const struct hone_cast_attrs attrs = {(int32_t)dtype};
    return hone_graph_emit(s->target, s->cast, NULL, &attrs, &value, 1);
}

static hone_value wide_form(struct caster *s, hone_value value) {
    if (value == HONE_NO_VALUE) return HONE_NO_VALUE;
    if (s->wide[value] == HONE_NO_VALUE) s->wide[value] = cast_to(s, s->narrow[value], HONE_F32);
    return s->wide[value];
}

static hone_value narrow_form(struct caster *s, hone_value value) {
    if (value == HONE_NO_VALUE) return HONE_NO_VALUE;
    if (s->narrow[value] == HONE_NO_VALUE)
        s->narrow[value] = cast_to(s, s->wide[value], s->compute);
    return s->narrow[value];
}

static void mark_wanted(struct caster *s) {
    for (size_t n = 0; n < s->source->node_count; n++) {
        const struct hone_node *node = &s->source->nodes[n];
        for (int i = 0; i < node->input_count; i++)
            if (node->inputs[i] != HONE_NO_VALUE && is_data(node->op, i))
                s->wanted[node->inputs[i]] = true;
    }
}

// The node computes, or goes on with what is 16-bit already, and its operator takes these shapes.
static hone_status runs_narrow(const struct caster *s, const struct hone_node *node, bool *out) {
    struct hone_node_descs descs;
    *out = false;
    bool begun = node->op->flags & HONE_OP_COMPUTE;
    if (!node->op->data_inputs) return HONE_OK;
    HONE_TRY(hone_node_descs_init(&descs, s->source, node));
    bool floats = true;
    for (int i = 0; i < node->input_count; i++) {
        if (node->inputs[i] == HONE_NO_VALUE || !is_data(node->op, i)) continue;
        floats = floats && descs.in[i].dtype == HONE_F32;
        begun = begun || s->begun[node->inputs[i]];
        descs.in[i].dtype = s->compute;
    }
    *out = floats && begun && node->op->infer(&descs.args) == HONE_OK;
    hone_node_descs_deinit(&descs);
    return HONE_OK;
}

static void note_outputs(struct caster *s, const struct hone_node *node,
                         const hone_value *outputs) {
    for (int i = 0; i < node->op->outputs && s->target->status == HONE_OK; i++) {
        hone_value v = node->outputs[i];
        bool narrow = hone_graph_desc(s->target, outputs[i])->dtype == s->compute &&
                      s->source->values[v].desc.dtype == HONE_F32;
        s->begun[v] = narrow;
        (narrow ? s->narrow : s->wide)[v] = outputs[i];
    }
}

static hone_status emit_node(struct caster *s, const struct hone_node *node) {
    bool narrow;
    _Alignas(8) unsigned char attrs[ATTRS_MOST];
    hone_value outputs[HONE_OP_MAX_OUTPUTS];
    HONE_TRY(runs_narrow(s, node, &narrow));
    if (node->op->attrs_bytes > sizeof attrs)
        return hone_fail(HONE_INTERNAL, "the attributes of %s are too long", node->op->name);
    if (node->op->attrs_bytes) memcpy(attrs, node->attrs, node->op->attrs_bytes);
    if (narrow && node->op->widen && !s->wanted[node->outputs[0]]) node->op->widen(attrs);
    hone_value *inputs = hone_calloc(node->input_count + 1u, sizeof *inputs, "node inputs");
    if (!inputs) return HONE_OUT_OF_MEMORY;
    for (int i = 0; i < node->input_count; i++)
        inputs[i] = narrow && is_data(node->op, i) ? narrow_form(s, node->inputs[i])
                                                   : wide_form(s, node->inputs[i]);
    hone_graph_node(s->target, node->op, node->name, attrs, inputs, node->input_count, outputs);
    hone_free(inputs);
    note_outputs(s, node, outputs);
    return hone_graph_status(s->target);
}

static hone_status cast_all(struct caster *s) {
    const struct hone_graph *g = s->source;
    hone_graph_copy_leaves(s->target, g, s->wide);
    for (size_t v = 0; v < g->value_count; v++) s->narrow[v] = HONE_NO_VALUE;
    mark_wanted(s);
    for (size_t n = 0; n < g->node_count; n++) HONE_TRY(emit_node(s, &g->nodes[n]));
    for (size_t v = 0; v < g->value_count; v++) {
        const struct hone_value_info *info = &g->values[v];
        if (info->is_output)
            hone_graph_mark_output(s->target, wide_form(s, (hone_value)v), info->name);
        if (info->next != HONE_NO_VALUE)
            hone_graph_set_next(s->target, s->wide[v], wide_form(s, info->next));
    }
    return hone_graph_status(s->target);
}

hone_status hone_graph_cast(const struct hone_graph *graph, enum hone_dtype compute,
                            const struct hone_op *cast, struct hone_graph **out) {
    *out = NULL;
    if (compute != HONE_F16 && compute != HONE_BF16)
        return hone_fail(HONE_INVALID, "graphs are cast to f16 or bf16, not to %s",
                         hone_dtype_name(compute));
    HONE_TRY(hone_graph_status(graph));
    struct caster s = {.source = graph, .compute = compute, .cast = cast};
    size_t values = graph->value_count + 1;
    hone_status status = hone_graph_create(&s.target);
    s.wide = hone_calloc(values, sizeof *s.wide, "casts");
    s.narrow = hone_calloc(values, sizeof *s.narrow, "casts");
    s.begun = hone_calloc(values, sizeof *s.begun, "casts");
    s.wanted = hone_calloc(values, sizeof *s.wanted, "casts");
    if (status == HONE_OK && (!s.wide || !s.narrow || !s.begun || !s.wanted))
        status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = cast_all(&s);
    hone_free(s.wide);
    hone_free(s.narrow);
    hone_free(s.begun);
    hone_free(s.wanted);
    if (status != HONE_OK) {
        hone_graph_destroy(&s.target);
        return status;
    }
    *out = s.target;
    return HONE_OK;
}
