// program.c: the life of a compiled program: write inputs, run, read outputs.
#include "exec/internal.h"

#include <string.h>

static uint64_t desc_payload_bytes(const struct hone_desc *desc) {
    return (uint64_t)hone_desc_elements(desc) * hone_dtype_bytes(desc->dtype);
}

static hone_status check_size(const char *name, const struct hone_desc *desc, uint64_t bytes) {
    if (bytes == desc_payload_bytes(desc)) return HONE_OK;
    char text[HONE_DESC_TEXT];
    return hone_fail(HONE_INVALID, "'%s' is %s: %llu bytes, not %llu", name,
                     hone_desc_text(desc, text), (unsigned long long)desc_payload_bytes(desc),
                     (unsigned long long)bytes);
}

// The next run may not start to overwrite a staging slot that a run still reads.
static hone_status wait_for_slot(struct hone_program *program) {
    uint64_t *ticket = &program->gpu.ticket[program->gpu.slot];
    if (!*ticket) return HONE_OK;
    HONE_TRY(hone_gpu_wait(program->store->device->gpu, *ticket, UINT64_MAX));
    *ticket = 0;
    return HONE_OK;
}

hone_status hone_program_write(struct hone_program *program, const char *input, const void *data,
                               uint64_t bytes) {
    for (size_t i = 0; i < program->input_count; i++) {
        struct hone_program_input *in = &program->inputs[i];
        const struct hone_value_info *info = &program->graph->values[in->value];
        if (strcmp(info->name, input) != 0) continue;
        HONE_TRY(check_size(input, &info->desc, bytes));
        if (program->values) {
            hone_elements_load(info->desc.dtype, data, hone_desc_elements(&info->desc),
                               program->values[in->value]);
            return HONE_OK;
        }
        HONE_TRY(wait_for_slot(program));
        unsigned char *map = hone_gpu_buffer_map(program->gpu.upload[program->gpu.slot]);
        memcpy(map + in->offset, data, bytes);
        in->latest = program->gpu.slot;
        return HONE_OK;
    }
    return hone_fail(HONE_NOT_FOUND, "the program has no input '%s'", input);
}

hone_status hone_program_run(struct hone_program *program) {
    if (program->values) return hone_program_ref_run(program);
    struct hone_program_gpu *g = &program->gpu;
    HONE_TRY(wait_for_slot(program));
    HONE_TRY(hone_pace_prepare(program));
    // Inputs that were not written for this run keep what they were: bring them along.
    for (size_t i = 0; i < program->input_count; i++) {
        struct hone_program_input *in = &program->inputs[i];
        if (in->latest == g->slot) continue;
        unsigned char *to = hone_gpu_buffer_map(g->upload[g->slot]);
        const unsigned char *from = hone_gpu_buffer_map(g->upload[in->latest]);
        memcpy(to + in->offset, from + in->offset, in->bytes);
        in->latest = g->slot;
    }
    HONE_TRY(hone_pace_run(program));
    g->slot = (g->slot + 1) % HONE_PROGRAM_SLOTS;
    g->ran = true;
    return HONE_OK;
}

hone_status hone_program_wait(struct hone_program *program) {
    for (int i = 0; i < HONE_PROGRAM_SLOTS && !program->values; i++)
        if (program->gpu.ticket[i])
            HONE_TRY(
                hone_gpu_wait(program->store->device->gpu, program->gpu.ticket[i], UINT64_MAX));
    return HONE_OK;
}

hone_status hone_program_read(struct hone_program *program, const char *output, void *data,
                              uint64_t bytes) {
    hone_value value = hone_graph_find(program->graph, output);
    if (value == HONE_NO_VALUE || !program->graph->values[value].is_output)
        return hone_fail(HONE_NOT_FOUND, "the program has no output '%s'", output);
    const struct hone_desc *desc = &program->graph->values[value].desc;
    HONE_TRY(check_size(output, desc, bytes));
    if (program->values) {
        hone_elements_save(desc->dtype, program->values[value], hone_desc_elements(desc), data);
        return HONE_OK;
    }
    struct hone_gpu_range range;
    HONE_TRY(hone_program_locate(program, value, &range));
    return hone_gpu_read(program->store->device->gpu, range.buffer, range.offset, data, bytes);
}

struct hone_program_memory hone_program_memory(const struct hone_program *program) {
    return (struct hone_program_memory){
        .pool_bytes = program->plan.pool_bytes,
        .state_bytes = program->state_bytes,
        .input_bytes = program->values ? 0 : HONE_PROGRAM_SLOTS * program->upload_bytes,
    };
}

struct hone_program_commands hone_program_commands(const struct hone_program *program) {
    if (program->values) return (struct hone_program_commands){0};
    struct hone_gpu_recording_stats stats = hone_gpu_recording_stats(program->gpu.recording[0]);
    return (struct hone_program_commands){.dispatches = stats.dispatches,
                                          .copies = stats.copies + stats.fills,
                                          .barriers = stats.barriers};
}

const struct hone_graph *hone_program_graph(const struct hone_program *program) {
    return program->graph;
}

struct hone_program_pace hone_program_pace(const struct hone_program *program) {
    const struct hone_pace *pace = &program->pace;
    struct hone_cut_worst worst = hone_cuts_worst(&pace->cuts, pace->items);
    return (struct hone_program_pace){
        .submits = pace->cuts.submit_count,
        .dispatches = pace->cuts.piece_count,
        .settled = pace->settled,
        .run_ms = worst.total_ms,
        .submit_ms = worst.submit_ms,
        .dispatch_ms = worst.dispatch_ms,
    };
}

int hone_program_node_count(const struct hone_program *program) {
    return (int)program->graph->node_count;
}

hone_status hone_program_node(struct hone_program *program, int index,
                              struct hone_program_node *out) {
    *out = (struct hone_program_node){0};
    int count = hone_program_node_count(program);
    if (index < 0 || index >= count)
        return hone_fail(HONE_INVALID, "the program has %d nodes, no node %d", count, index);
    const struct hone_node *node = &program->graph->nodes[index];
    const struct hone_choice *choice = &program->choices[index];
    *out = (struct hone_program_node){
        .name = node->name,
        .op = node->op->name,
        .row = choice->row ? choice->row->name : "",
        .tile = choice->tile_name,
        .reason = program->reasons && program->reasons[index] ? program->reasons[index] : "",
        .flops = program->costs[index].flops,
        .bytes = program->costs[index].bytes,
        .dispatches = program->dispatches[index],
    };
    if (!program->profile || !program->gpu.ran) return HONE_OK;
    double *ms = hone_calloc((size_t)count, sizeof *ms, "timings");
    if (!ms) return HONE_OUT_OF_MEMORY;
    int last = (program->gpu.slot + HONE_PROGRAM_SLOTS - 1) % HONE_PROGRAM_SLOTS;
    int intervals = count;
    hone_status status = hone_gpu_recording_times(program->gpu.recording[last], ms, &intervals);
    if (status == HONE_OK && index < intervals) out->ms = ms[index];
    hone_free(ms);
    return status;
}
