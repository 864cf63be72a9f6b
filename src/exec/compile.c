// compile.c: the recipe: passes, states, kernel choice, memory plan, recording. Read
// hone_program_compile() first.
#include "exec/internal.h"
#include "exec/matrix_check.h"

#include "ir/passes.h"
#include "ops/ops.h"

#include <string.h>

enum { RESULT_BYTES = 16 << 20 };

// The value whose bytes `value` is, through views.
static hone_value seen_through(const struct hone_graph *graph, hone_value value) {
    const struct hone_node *node;
    while ((node = hone_graph_producer(graph, value)) && (node->op->flags & HONE_OP_VIEW))
        value = node->inputs[0];
    return value;
}

// All states change at once, after the last node. What one takes over from another that changes too
// would depend on their order.
static hone_status check_next(const struct hone_graph *graph, hone_value state) {
    const struct hone_value_info *info = &graph->values[state], *from;
    if (info->next == HONE_NO_VALUE) return HONE_OK;
    hone_value source = seen_through(graph, info->next);
    from = &graph->values[source];
    if (from->kind != HONE_VALUE_STATE || source == state || from->next == HONE_NO_VALUE ||
        from->next == source)
        return HONE_OK;
    return hone_fail(HONE_UNSUPPORTED,
                     "state '%s' takes over state '%s', which changes in the same run: copy it "
                     "with an operator first",
                     info->name, from->name);
}

// States of the graph exist in the store, with its shapes.
static hone_status compile_states(struct hone_program *program) {
    const struct hone_graph *graph = program->graph;
    for (size_t v = 0; v < graph->value_count; v++) {
        const struct hone_value_info *info = &graph->values[v];
        if (info->kind != HONE_VALUE_STATE) continue;
        HONE_TRY(check_next(graph, (hone_value)v));
        HONE_TRY(hone_store_ensure(program->store, info->name, &info->desc));
        program->state_bytes += hone_desc_bytes(&info->desc);
    }
    return HONE_OK;
}

// Inputs follow each other in the upload buffer.
static hone_status compile_inputs(struct hone_program *program) {
    const struct hone_graph *graph = program->graph;
    program->inputs = hone_calloc(graph->value_count, sizeof *program->inputs, "inputs");
    if (!program->inputs) return HONE_OUT_OF_MEMORY;
    for (size_t v = 0; v < graph->value_count; v++) {
        if (graph->values[v].kind != HONE_VALUE_INPUT) continue;
        uint64_t bytes = hone_desc_bytes(&graph->values[v].desc);
        program->inputs[program->input_count++] = (struct hone_program_input){
            .value = (hone_value)v, .offset = program->upload_bytes, .bytes = bytes};
        program->upload_bytes += (bytes + HONE_PLAN_ALIGN - 1) / HONE_PLAN_ALIGN * HONE_PLAN_ALIGN;
    }
    return HONE_OK;
}

// Outputs that fit follow each other in the result buffer; longer ones are read where they lie.
static hone_status compile_outputs(struct hone_program *program) {
    const struct hone_graph *graph = program->graph;
    program->outputs = hone_calloc(graph->value_count, sizeof *program->outputs, "outputs");
    if (!program->outputs) return HONE_OUT_OF_MEMORY;
    for (size_t v = 0; v < graph->value_count; v++) {
        uint64_t bytes = hone_desc_bytes(&graph->values[v].desc);
        if (!graph->values[v].is_output || program->result_bytes + bytes > RESULT_BYTES) continue;
        program->outputs[program->output_count++] = (struct hone_program_output){
            .value = (hone_value)v, .offset = program->result_bytes, .bytes = bytes};
        program->result_bytes += (bytes + HONE_PLAN_ALIGN - 1) / HONE_PLAN_ALIGN * HONE_PLAN_ALIGN;
    }
    return HONE_OK;
}

static hone_status compile_plan(struct hone_program *program, const struct hone_launch *launches,
                                const struct hone_compile_params *params) {
    size_t nodes = program->graph->node_count;
    uint64_t *scratch = hone_calloc(nodes * HONE_PLAN_SCRATCH, sizeof *scratch, "a memory plan");
    if (!scratch) return HONE_OUT_OF_MEMORY;
    _Static_assert((int)HONE_PLAN_SCRATCH == (int)HONE_LAUNCH_SCRATCH, "one scratch count");
    for (size_t n = 0; n < nodes; n++)
        memcpy(&scratch[n * HONE_PLAN_SCRATCH], launches[n].scratch_bytes,
               sizeof launches[n].scratch_bytes);
    const struct hone_caps *caps = hone_device_caps(program->store->device);
    struct hone_plan_params plan = {.scratch_bytes = scratch,
                                    .no_sharing = params->no_sharing,
                                    .chunk_limit_bytes = 1ull << 30};
    if (caps->allocation_bytes && caps->allocation_bytes < plan.chunk_limit_bytes)
        plan.chunk_limit_bytes = caps->allocation_bytes / HONE_PLAN_ALIGN * HONE_PLAN_ALIGN;
    hone_status status = hone_plan_create(program->graph, &plan, &program->plan);
    hone_free(scratch);
    return status;
}

static hone_status compile_for_gpu(struct hone_program *program,
                                   const struct hone_compile_params *params) {
    struct hone_launch *launches =
        hone_calloc(program->graph->node_count, sizeof *launches, "kernel launches");
    if (!launches) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_program_select(program, params, launches);
    if (status == HONE_OK) status = compile_plan(program, launches, params);
    bool dry = program->store->dry;
    if (status == HONE_OK && !dry) status = hone_program_gpu_build(program);
    if (status == HONE_OK && !dry) status = hone_pace_begin(program, launches, params);
    hone_free(launches);
    return status;
}

static hone_status compile_for_ref(struct hone_program *program) {
    for (size_t n = 0; n < program->graph->node_count; n++) {
        struct hone_node_descs descs;
        const struct hone_node *node = &program->graph->nodes[n];
        HONE_TRY(hone_node_descs_init(&descs, program->graph, node));
        if (node->op->cost) program->costs[n] = node->op->cost(&descs.args);
        hone_node_descs_deinit(&descs);
    }
    return program->store->dry ? HONE_OK : hone_program_ref_build(program);
}

hone_status hone_compile_rewrite(const struct hone_graph *graph, enum hone_dtype compute,
                                 unsigned passes_off, struct hone_graph **out) {
    struct hone_graph *mixed;
    if (compute == HONE_F32 || passes_off & HONE_PASS_CAST)
        return hone_graph_run_passes(graph, HONE_PASS_ALL & ~passes_off, out);
    HONE_TRY(hone_graph_cast(graph, compute, &hone_op_cast, &mixed));
    hone_status status = hone_graph_run_passes(mixed, HONE_PASS_ALL & ~passes_off, out);
    hone_graph_destroy(&mixed);
    return status;
}

hone_status hone_program_compile(struct hone_store *store, const struct hone_graph *graph,
                                 const struct hone_compile_params *params,
                                 struct hone_program **out) {
    static const struct hone_compile_params defaults = {0};
    if (!params) params = &defaults;
    *out = NULL;
    struct hone_program *program = hone_calloc(1, sizeof *program, "a program");
    if (!program) return HONE_OUT_OF_MEMORY;
    program->store = store;
    hone_status status =
        hone_compile_rewrite(graph, params->compute, params->passes_off, &program->graph);
    if (status == HONE_OK) status = hone_device_sift_matrices(store->device, program->graph);
    program->caps = *hone_device_caps(store->device);
    if (params->binding_bytes && params->binding_bytes < program->caps.storage_range_bytes)
        program->caps.storage_range_bytes = params->binding_bytes;
    program->profile = params->profile && hone_device_caps(store->device)->timestamp_ns > 0;

    size_t nodes = program->graph ? program->graph->node_count : 0;
    if (status == HONE_OK) {
        program->choices = hone_calloc(nodes, sizeof *program->choices, "kernel choice");
        if (params->explain)
            program->reasons = hone_calloc(nodes, sizeof *program->reasons, "kernel choice");
        program->dispatches = hone_calloc(nodes, sizeof *program->dispatches, "kernel choice");
        program->costs = hone_calloc(nodes, sizeof *program->costs, "kernel choice");
        if (!program->choices || !program->dispatches || !program->costs ||
            (params->explain && !program->reasons))
            status = HONE_OUT_OF_MEMORY;
    }
    if (status == HONE_OK) status = compile_states(program);
    if (status == HONE_OK) status = compile_inputs(program);
    if (status == HONE_OK) status = compile_outputs(program);
    if (status == HONE_OK)
        status = store->device->gpu ? compile_for_gpu(program, params) : compile_for_ref(program);
    if (status != HONE_OK) {
        hone_program_destroy(&program);
        return status;
    }
    *out = program;
    return HONE_OK;
}

void hone_program_destroy(struct hone_program **program) {
    struct hone_program *p = *program;
    if (!p) return;
    hone_program_gpu_deinit(p);
    if (p->graph) hone_program_ref_deinit(p);
    hone_plan_deinit(&p->plan);
    hone_graph_destroy(&p->graph);
    hone_free(p->choices);
    hone_free(p->reasons);
    hone_arena_deinit(&p->texts);
    hone_free(p->dispatches);
    hone_free(p->costs);
    for (size_t i = 0; p->inputs && i < p->input_count; i++) hone_free(p->inputs[i].bounce);
    hone_free(p->inputs);
    hone_free(p->outputs);
    hone_free(p);
    *program = NULL;
}
