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

static hone_status find_input(struct hone_program *program, const char *name, uint64_t bytes,
                              struct hone_program_input **out) {
    for (size_t i = 0; i < program->input_count; i++) {
        const struct hone_value_info *info = &program->graph->values[program->inputs[i].value];
        *out = &program->inputs[i];
        if (strcmp(info->name, name) == 0) return check_size(name, &info->desc, bytes);
    }
    return hone_fail(HONE_NOT_FOUND, "the program has no input '%s'", name);
}

hone_status hone_program_map(struct hone_program *program, const char *input, uint64_t bytes,
                             void **out) {
    struct hone_program_input *in;
    *out = NULL;
    HONE_TRY(find_input(program, input, bytes, &in));
    if (program->values) {
        if (!in->bounce) in->bounce = hone_calloc(in->bytes, 1, input);
        if (!in->bounce) return HONE_OUT_OF_MEMORY;
        in->mapped = true;
        *out = in->bounce;
        return HONE_OK;
    }
    HONE_TRY(wait_for_slot(program));
    *out =
        (unsigned char *)hone_gpu_buffer_map(program->gpu.upload[program->gpu.slot]) + in->offset;
    in->latest = program->gpu.slot;
    in->held[in->latest] = ++in->version;
    return HONE_OK;
}

hone_status hone_program_write(struct hone_program *program, const char *input, const void *data,
                               uint64_t bytes) {
    void *to;
    HONE_TRY(hone_program_map(program, input, bytes, &to));
    memcpy(to, data, bytes);
    return HONE_OK;
}

static hone_status run_on_ref(struct hone_program *program) {
    for (size_t i = 0; i < program->input_count; i++) {
        struct hone_program_input *in = &program->inputs[i];
        const struct hone_desc *desc = &program->graph->values[in->value].desc;
        if (in->mapped)
            hone_elements_load(desc->dtype, in->bounce, hone_desc_elements(desc),
                               program->values[in->value]);
        in->mapped = false;
    }
    program->gpu.runs++;
    return hone_program_ref_run(program);
}

hone_status hone_program_run(struct hone_program *program) {
    if (program->values) return run_on_ref(program);
    struct hone_program_gpu *g = &program->gpu;
    HONE_TRY(wait_for_slot(program));
    HONE_TRY(hone_pace_prepare(program));
    // Inputs that were not written for this run keep what they were: bring them along, once a slot.
    for (size_t i = 0; i < program->input_count; i++) {
        struct hone_program_input *in = &program->inputs[i];
        if (in->held[g->slot] == in->version) continue;
        unsigned char *to = hone_gpu_buffer_map(g->upload[g->slot]);
        const unsigned char *from = hone_gpu_buffer_map(g->upload[in->latest]);
        memcpy(to + in->offset, from + in->offset, in->bytes);
        in->held[g->slot] = in->version;
    }
    HONE_TRY(hone_pace_run(program));
    g->slot = (g->slot + 1) % HONE_PROGRAM_SLOTS;
    g->runs++;
    return HONE_OK;
}

hone_status hone_program_wait(struct hone_program *program) {
    for (int i = 0; i < HONE_PROGRAM_SLOTS && !program->values; i++)
        if (program->gpu.ticket[i])
            HONE_TRY(
                hone_gpu_wait(program->store->device->gpu, program->gpu.ticket[i], UINT64_MAX));
    return HONE_OK;
}

static hone_status find_output(const struct hone_program *program, const char *name, uint64_t bytes,
                               hone_value *out) {
    *out = hone_graph_find(program->graph, name);
    if (*out == HONE_NO_VALUE || !program->graph->values[*out].is_output)
        return hone_fail(HONE_NOT_FOUND, "the program has no output '%s'", name);
    return check_size(name, &program->graph->values[*out].desc, bytes);
}

// What the last run of a slot left of an output; NULL where it is read in place.
static const void *result_of(struct hone_program *program, hone_value value, int slot) {
    for (size_t i = 0; i < program->output_count; i++)
        if (program->outputs[i].value == value)
            return (unsigned char *)hone_gpu_buffer_map(program->gpu.results[slot]) +
                   program->outputs[i].offset;
    return NULL;
}

static int last_slot(const struct hone_program *program) {
    return (program->gpu.slot + HONE_PROGRAM_SLOTS - 1) % HONE_PROGRAM_SLOTS;
}

static void read_ref(struct hone_program *program, hone_value value, void *data) {
    const struct hone_desc *desc = &program->graph->values[value].desc;
    hone_elements_save(desc->dtype, program->values[value], hone_desc_elements(desc), data);
}

hone_status hone_program_read(struct hone_program *program, const char *output, void *data,
                              uint64_t bytes) {
    hone_value value;
    HONE_TRY(find_output(program, output, bytes, &value));
    if (program->values) {
        read_ref(program, value, data);
        return HONE_OK;
    }
    struct hone_gpu *gpu = program->store->device->gpu;
    const void *result = result_of(program, value, last_slot(program));
    if (result && program->gpu.runs) {
        HONE_TRY(hone_gpu_wait(gpu, program->gpu.ticket[last_slot(program)], UINT64_MAX));
        memcpy(data, result, bytes);
        return HONE_OK;
    }
    struct hone_gpu_range range;
    HONE_TRY(hone_program_locate(program, value, &range));
    return hone_gpu_read(gpu, range.buffer, range.offset, data, bytes);
}

bool hone_program_keeps(const struct hone_program *program, const char *output) {
    hone_value value = hone_graph_find(program->graph, output);
    for (size_t i = 0; i < program->output_count && !program->values; i++)
        if (program->outputs[i].value == value) return true;
    return false;
}

hone_status hone_program_read_before(struct hone_program *program, const char *output, void *data,
                                     uint64_t bytes) {
    hone_value value;
    HONE_TRY(find_output(program, output, bytes, &value));
    const void *result = program->values ? NULL : result_of(program, value, program->gpu.slot);
    if (program->gpu.runs < 2 || !result)
        return hone_fail(HONE_UNSUPPORTED, "output '%s' of the run before the last is not kept",
                         output);
    HONE_TRY(hone_gpu_wait(program->store->device->gpu, program->gpu.ticket[program->gpu.slot],
                           UINT64_MAX));
    memcpy(data, result, bytes);
    return HONE_OK;
}

hone_status hone_program_read_done(struct hone_program *program, const char *output, void *data,
                                   uint64_t bytes, bool *any) {
    hone_value value;
    *any = false;
    HONE_TRY(find_output(program, output, bytes, &value));
    if (program->values) {
        *any = program->gpu.runs > 0;
        if (*any) read_ref(program, value, data);
        return HONE_OK;
    }
    struct hone_gpu *gpu = program->store->device->gpu;
    for (int age = 0; age < HONE_PROGRAM_SLOTS && program->gpu.runs > (uint64_t)age; age++) {
        int slot = age == 0 ? last_slot(program) : program->gpu.slot;
        const void *result = result_of(program, value, slot);
        uint64_t ticket = program->gpu.ticket[slot];
        if (!result || (ticket && !hone_gpu_done(gpu, ticket))) continue;
        memcpy(data, result, bytes);
        *any = true;
        break;
    }
    return HONE_OK;
}

struct hone_program_memory hone_program_memory(const struct hone_program *program) {
    return (struct hone_program_memory){
        .pool_bytes = program->plan.pool_bytes,
        .state_bytes = program->state_bytes,
        .input_bytes = program->values
                           ? 0
                           : HONE_PROGRAM_SLOTS * (program->upload_bytes + program->result_bytes),
    };
}

struct hone_program_commands hone_program_commands(const struct hone_program *program) {
    if (program->values) return (struct hone_program_commands){0};
    struct hone_gpu_recording_stats stats = hone_gpu_recording_stats(program->gpu.recording[0]);
    return (struct hone_program_commands){.dispatches = stats.dispatches,
                                          .copies = stats.copies + stats.fills,
                                          .barriers = stats.barriers};
}

int64_t hone_program_spills(const struct hone_program *program) {
    struct hone_gpu *gpu = program->store->device->gpu;
    int64_t sum = 0;
    for (size_t i = 0; gpu && program->pace.dispatches && i < program->pace.count; i++) {
        const struct hone_dispatch *d = &program->pace.dispatches[i];
        struct hone_gpu_pipeline *pipeline;
        struct hone_gpu_pipeline_statistics statistics;
        if (hone_gpu_pipeline_get(gpu, d->kernel, d->spec, d->spec_count, d->subgroup, &pipeline) ==
                HONE_OK &&
            hone_gpu_pipeline_statistics(gpu, pipeline, &statistics) == HONE_OK &&
            statistics.spills > 0)
            sum += statistics.spills;
    }
    return sum;
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
        .tuned = choice->tuned,
        .reason = program->reasons && program->reasons[index] ? program->reasons[index] : "",
        .flops = program->costs[index].flops,
        .bytes = program->costs[index].bytes,
        .dispatches = program->dispatches[index],
    };
    if (!program->profile || !program->gpu.runs) return HONE_OK;
    double *ms = hone_calloc((size_t)count, sizeof *ms, "timings");
    if (!ms) return HONE_OUT_OF_MEMORY;
    int last = (program->gpu.slot + HONE_PROGRAM_SLOTS - 1) % HONE_PROGRAM_SLOTS;
    int intervals = count;
    hone_status status = hone_gpu_recording_times(program->gpu.recording[last], ms, &intervals);
    if (status == HONE_OK && index < intervals) out->ms = ms[index];
    hone_free(ms);
    return status;
}
