// fold.c: batch norm with constant statistics, folded into the convolution in front of it:
// gamma (w x + b - mean) / sqrt(var + eps) + beta is a convolution with w' = w s and b' = (b -
// mean) s + beta, where s = gamma / sqrt(var + eps). For nets that only answer: inference, and
// prefixes that do not train.
#include "model/clone.h"

#include <math.h>
#include <string.h>

#include "ops/ops.h"

struct fold {
    const struct hone_model *from;
    struct hone_model *to;
    hone_value *map; // per value of from
    uint32_t *norm;  // per node: the batch_norm that it takes in, or UINT32_MAX
    uint32_t *reads; // per value
};

// The param of a node's input, or NULL.
static const struct hone_param *fold_param(const struct fold *f, const struct hone_node *node,
                                           int input) {
    if (input >= node->input_count || node->inputs[input] == HONE_NO_VALUE) return NULL;
    int index = hone_model_param_of(f->from, node->inputs[input]);
    return index < 0 ? NULL : &f->from->params[index];
}

// The same for one that fold_find() has seen.
static const struct hone_param *fold_known(const struct fold *f, const struct hone_node *node,
                                           int input) {
    return &f->from->params[hone_model_param_of(f->from, node->inputs[input])];
}

// Fills f->norm: finds convolutions whose only reader is a batch_norm of parameters.
static void fold_find(const struct fold *f) {
    const struct hone_graph *g = f->from->graph;
    for (size_t n = 0; n < g->node_count; n++) {
        f->norm[n] = UINT32_MAX;
        for (int i = 0; i < g->nodes[n].input_count; i++)
            if (g->nodes[n].inputs[i] != HONE_NO_VALUE) f->reads[g->nodes[n].inputs[i]]++;
    }
    f->reads[f->from->output]++;
    for (size_t n = 0; n < g->node_count; n++) {
        const struct hone_node *bn = &g->nodes[n];
        if (bn->op != &hone_op_batch_norm) continue;
        const struct hone_node *conv = hone_graph_producer(g, bn->inputs[0]);
        if (!conv || conv->op != &hone_op_conv2d || f->reads[bn->inputs[0]] != 1) continue;
        const struct hone_conv2d_attrs *attrs = conv->attrs;
        bool known =
            attrs->act.kind == HONE_ACT_NONE && fold_param(f, conv, 1) &&
            (conv->input_count < 3 || conv->inputs[2] == HONE_NO_VALUE || fold_param(f, conv, 2));
        for (int i = 1; i < 5; i++) known = known && fold_param(f, bn, i);
        if (known) f->norm[conv - g->nodes] = (uint32_t)n;
    }
}

// A parameter of the new model with these numbers, which are copied.
static hone_value fold_add(struct fold *f, const struct hone_param *like, const char *name,
                           enum hone_param_kind kind, struct hone_desc desc, const float *data) {
    int index;
    float *copy =
        hone_arena_copy(&f->to->arena, data, (size_t)hone_desc_elements(&desc) * sizeof *data);
    hone_status status =
        copy ? hone_model_add_param(f->to, name, kind, like ? like->layout : HONE_LAYOUT_SAME, desc,
                                    copy, &index)
             : HONE_OUT_OF_MEMORY;
    if (status != HONE_OK) {
        hone_graph_fail(f->to->graph, status);
        return HONE_NO_VALUE;
    }
    return f->to->params[index].value;
}

static hone_value fold_value(struct fold *f, hone_value value) {
    if (value == HONE_NO_VALUE || f->map[value] != HONE_NO_VALUE)
        return value == HONE_NO_VALUE ? value : f->map[value];
    int index = hone_model_param_of(f->from, value);
    if (index < 0) return HONE_NO_VALUE;
    const struct hone_param *param = &f->from->params[index];
    return f->map[value] = fold_add(f, param, param->name, param->kind,
                                    *hone_graph_desc(f->from->graph, value), param->data);
}

hone_status hone_model_find_folds(const struct hone_model *model, uint32_t *norms) {
    struct fold f = {.from = model, .norm = norms};
    f.reads = hone_calloc(model->graph->value_count, sizeof *f.reads, "folding");
    if (!f.reads) return HONE_OUT_OF_MEMORY;
    fold_find(&f);
    hone_free(f.reads);
    return HONE_OK;
}

void hone_model_fold_conv(const struct hone_model *model, const struct hone_node *conv,
                          const struct hone_node *norm, float *weights, float *bias) {
    const struct fold f = {.from = model};
    const struct hone_param *w = fold_known(&f, conv, 1), *b = fold_param(&f, conv, 2);
    const float *gamma = fold_known(&f, norm, 1)->data, *beta = fold_known(&f, norm, 2)->data;
    const float *mean = fold_known(&f, norm, 3)->data, *var = fold_known(&f, norm, 4)->data;
    double eps = (double)((const struct hone_batch_norm_attrs *)norm->attrs)->eps;
    const struct hone_desc *desc = hone_graph_desc(model->graph, w->value);
    size_t k_count = (size_t)desc->dim[0], each = (size_t)hone_desc_elements(desc) / k_count;
    for (size_t k = 0; k < k_count; k++) {
        double scale = (double)gamma[k] / sqrt((double)var[k] + eps);
        for (size_t i = 0; i < each; i++)
            weights[k * each + i] = (float)((double)w->data[k * each + i] * scale);
        double shift = (b ? (double)b->data[k] : 0) - (double)mean[k];
        bias[k] = (float)(shift * scale + (double)beta[k]);
    }
}

// The convolution with the norm inside; its output stands for the norm's.
static void fold_conv(struct fold *f, const struct hone_node *conv, const struct hone_node *bn) {
    const struct hone_param *w = fold_known(f, conv, 1), *b = fold_param(f, conv, 2);
    struct hone_desc desc = *hone_graph_desc(f->from->graph, w->value);
    float *weights =
        hone_arena_alloc(&f->to->arena, (size_t)hone_desc_elements(&desc), sizeof *weights);
    float *bias = hone_arena_alloc(&f->to->arena, (size_t)desc.dim[0], sizeof *bias);
    if (!weights || !bias) {
        hone_graph_fail(f->to->graph, HONE_OUT_OF_MEMORY);
        return;
    }
    hone_model_fold_conv(f->from, conv, bn, weights, bias);
    struct hone_desc channels = hone_desc_make(HONE_F32, 1, desc.dim[0], 0, 0, 0);
    hone_value inputs[3] = {
        fold_value(f, conv->inputs[0]),
        fold_add(f, w, w->name, HONE_PARAM_WEIGHT, desc, weights),
        fold_add(f, b, b ? b->name : fold_known(f, bn, 2)->name, HONE_PARAM_BIAS, channels, bias),
    };
    f->map[bn->outputs[0]] =
        hone_graph_emit(f->to->graph, conv->op, conv->name, conv->attrs, inputs, 3);
}

static void fold_node(struct fold *f, const struct hone_node *node) {
    hone_value few[HONE_NODE_FEW], *inputs = few, outputs[HONE_OP_MAX_OUTPUTS];
    if (node->input_count > HONE_NODE_FEW)
        inputs = hone_calloc(node->input_count, sizeof *inputs, "node inputs");
    if (!inputs) {
        hone_graph_fail(f->to->graph, HONE_OUT_OF_MEMORY);
        return;
    }
    for (int i = 0; i < node->input_count; i++) inputs[i] = fold_value(f, node->inputs[i]);
    hone_graph_node(f->to->graph, node->op, node->name, node->attrs, inputs, node->input_count,
                    outputs);
    for (int i = 0; i < node->op->outputs; i++) f->map[node->outputs[i]] = outputs[i];
    if (inputs != few) hone_free(inputs);
}

static hone_status fold_run(struct fold *f) {
    const struct hone_model *from = f->from;
    const struct hone_graph *g = from->graph;
    struct hone_model *to = f->to;
    HONE_TRY(hone_model_copy_facts(from, to));
    for (size_t v = 0; v < g->value_count; v++) f->map[v] = HONE_NO_VALUE;
    to->image = f->map[from->image] =
        hone_graph_input(to->graph, "image", *hone_graph_desc(g, from->image));
    fold_find(f);
    for (size_t n = 0; n < g->node_count && to->graph->status == HONE_OK; n++) {
        const struct hone_node *node = &g->nodes[n];
        const struct hone_node *conv =
            node->op == &hone_op_batch_norm ? hone_graph_producer(g, node->inputs[0]) : NULL;
        if (f->norm[n] != UINT32_MAX)
            fold_conv(f, node, &g->nodes[f->norm[n]]);
        else if (!conv || f->norm[conv - g->nodes] != n)
            fold_node(f, node);
    }
    HONE_TRY(hone_graph_status(to->graph));
    HONE_TRY(hone_model_finish(to, f->map[from->output]));
    return hone_model_set_flips(to, from->flips);
}

hone_status hone_model_fold_norms(const struct hone_model *model, struct hone_model **out) {
    *out = NULL;
    const struct hone_graph *g = model->graph;
    struct fold f = {.from = model};
    hone_status status = hone_model_create(&f.to);
    f.map = hone_calloc(g->value_count, sizeof *f.map, "folding");
    f.reads = hone_calloc(g->value_count, sizeof *f.reads, "folding");
    f.norm = hone_calloc(g->node_count, sizeof *f.norm, "folding");
    if (status == HONE_OK && (!f.map || !f.reads || !f.norm)) status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = fold_run(&f);
    hone_free(f.map);
    hone_free(f.reads);
    hone_free(f.norm);
    if (status != HONE_OK) hone_model_destroy(&f.to);
    *out = f.to;
    return status;
}
