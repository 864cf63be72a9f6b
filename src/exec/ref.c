// ref.c: the graph interpreter of the ref device: every value in double, every node by its op's
// definition.
#include "exec/internal.h"

#include "base/half.h"

#include <math.h>
#include <string.h>

void hone_elements_load(enum hone_dtype dtype, const void *data, int64_t count, double *out) {
    for (int64_t i = 0; i < count; i++) {
        switch (dtype) {
        case HONE_F32: out[i] = (double)((const float *)data)[i]; break;
        case HONE_I32: out[i] = (double)((const int32_t *)data)[i]; break;
        case HONE_U8: out[i] = (double)((const uint8_t *)data)[i]; break;
        case HONE_F16: out[i] = (double)hone_half_to_float(((const uint16_t *)data)[i]); break;
        case HONE_BF16: out[i] = (double)hone_bf16_to_float(((const uint16_t *)data)[i]); break;
        }
    }
}

void hone_elements_save(enum hone_dtype dtype, const double *values, int64_t count, void *out) {
    for (int64_t i = 0; i < count; i++) {
        switch (dtype) {
        case HONE_F32: ((float *)out)[i] = (float)values[i]; break;
        case HONE_I32: ((int32_t *)out)[i] = (int32_t)values[i]; break;
        case HONE_U8: ((uint8_t *)out)[i] = (uint8_t)values[i]; break;
        case HONE_F16: ((uint16_t *)out)[i] = hone_half_from_float((float)values[i]); break;
        case HONE_BF16: ((uint16_t *)out)[i] = hone_bf16_from_float((float)values[i]); break;
        }
    }
}

void hone_elements_round(enum hone_dtype dtype, double *values, int64_t count) {
    for (int64_t i = 0; i < count; i++) {
        float value = (float)values[i];
        if (dtype == HONE_F16) values[i] = (double)hone_half_to_float(hone_half_from_float(value));
        if (dtype == HONE_BF16) values[i] = (double)hone_bf16_to_float(hone_bf16_from_float(value));
    }
}

hone_status hone_program_ref_build(struct hone_program *program) {
    const struct hone_graph *graph = program->graph;
    program->values = hone_calloc(graph->value_count, sizeof *program->values, "values");
    if (!program->values) return HONE_OUT_OF_MEMORY;
    for (size_t v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind == HONE_VALUE_STATE) { // lies in the store, which never moves it
            program->values[v] = hone_store_find(program->store, graph->values[v].name)->values;
            continue;
        }
        program->values[v] = hone_calloc((size_t)hone_desc_elements(&graph->values[v].desc),
                                         sizeof(double), graph->values[v].name);
        if (!program->values[v]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

void hone_program_ref_deinit(struct hone_program *program) {
    for (size_t v = 0; program->values && v < program->graph->value_count; v++)
        if (program->graph->values[v].kind != HONE_VALUE_STATE) hone_free(program->values[v]);
    hone_free(program->values);
    program->values = NULL;
}

static hone_status ref_run_node(struct hone_program *program, const struct hone_node *node) {
    struct hone_node_descs descs;
    HONE_TRY(hone_node_descs_init(&descs, program->graph, node));
    const double **in = hone_calloc(node->input_count, sizeof *in, "operands");
    double *out[HONE_OP_MAX_OUTPUTS] = {0};
    if (!in) {
        hone_node_descs_deinit(&descs);
        return HONE_OUT_OF_MEMORY;
    }
    for (int i = 0; i < node->input_count; i++)
        if (node->inputs[i] != HONE_NO_VALUE) in[i] = program->values[node->inputs[i]];
    for (int i = 0; i < node->op->outputs; i++) {
        out[i] = program->values[node->outputs[i]];
        int64_t count = hone_desc_elements(&descs.out[i]);
        for (int64_t k = 0; k < count; k++) out[i][k] = NAN; // ref writes every element
    }
    node->op->ref(&(struct hone_ref_args){.attrs = node->attrs,
                                          .input_count = node->input_count,
                                          .in_desc = descs.in,
                                          .in = in,
                                          .out_desc = descs.out,
                                          .out = out});
    for (int i = 0; i < node->op->outputs; i++)
        hone_elements_round(descs.out[i].dtype, out[i], hone_desc_elements(&descs.out[i]));
    hone_free(in);
    hone_node_descs_deinit(&descs);
    return HONE_OK;
}

hone_status hone_program_ref_run(struct hone_program *program) {
    const struct hone_graph *graph = program->graph;
    for (size_t n = 0; n < graph->node_count; n++)
        HONE_TRY(ref_run_node(program, &graph->nodes[n]));
    for (size_t v = 0; v < graph->value_count; v++) {
        hone_value next = graph->values[v].next;
        if (next == HONE_NO_VALUE || next == v) continue;
        memcpy(program->values[v], program->values[next],
               (size_t)hone_desc_elements(&graph->values[v].desc) * sizeof(double));
    }
    return HONE_OK;
}
