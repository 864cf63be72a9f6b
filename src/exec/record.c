// record.c: turns a plan and launches into buffers and two recordings, one for each staging slot of
// the inputs, cut into submits as pace.c asks. Barriers are the recording's own business (gpu/).
#include "exec/internal.h"

#include <string.h>

hone_status hone_program_locate(struct hone_program *program, hone_value value,
                                struct hone_gpu_range *range) {
    const struct hone_place *place = &program->plan.places[value];
    const struct hone_storage *storage = &program->plan.storages[place->storage];
    range->bytes = hone_desc_bytes(&program->graph->values[value].desc);
    range->write = false;
    if (storage->kind == HONE_STORAGE_STATE) {
        const struct hone_value_info *info = &program->graph->values[storage->state];
        range->buffer = hone_store_find(program->store, info->name)->buffer;
        range->offset = place->offset;
    } else {
        range->buffer = program->gpu.chunks[storage->chunk];
        range->offset = storage->offset + place->offset;
    }
    return HONE_OK;
}

// The bytes that one operand of a dispatch means.
static hone_status locate_operand(struct hone_program *program, size_t n,
                                  const struct hone_operand *operand,
                                  struct hone_gpu_range *range) {
    const struct hone_node *node = &program->graph->nodes[n];
    if (operand->kind == HONE_OPERAND_SCRATCH) {
        const struct hone_place *place =
            &program->plan.scratch[n * HONE_PLAN_SCRATCH + operand->index];
        if (place->storage >= program->plan.storage_count)
            return hone_fail(HONE_INTERNAL, "a row binds scratch %d, which it did not ask for",
                             operand->index);
        const struct hone_storage *storage = &program->plan.storages[place->storage];
        *range = (struct hone_gpu_range){.buffer = program->gpu.chunks[storage->chunk],
                                         .offset = storage->offset,
                                         .bytes = storage->bytes};
    } else {
        bool input = operand->kind == HONE_OPERAND_INPUT;
        hone_value value = input ? node->inputs[operand->index] : node->outputs[operand->index];
        if (value == HONE_NO_VALUE)
            return hone_fail(HONE_INTERNAL, "a row binds input %d, which is absent",
                             operand->index);
        HONE_TRY(hone_program_locate(program, value, range));
    }
    range->write = operand->kind != HONE_OPERAND_INPUT;
    range->offset += operand->offset;
    range->bytes = operand->bytes ? operand->bytes : range->bytes - operand->offset;
    return HONE_OK;
}

// One piece of a dispatch of node n, with all that it binds.
static hone_status record_piece(struct hone_program *program, struct hone_gpu_recording *rec,
                                size_t n, const struct hone_dispatch *d, const uint32_t base[3],
                                const uint32_t size[3]) {
    struct hone_gpu_range ranges[HONE_DISPATCH_OPERANDS];
    unsigned char push[HONE_DISPATCH_PUSH];
    int push_bytes = 0;
    bool addresses = (d->kernel->needs & HONE_FEATURE_BUFFER_ADDRESS) != 0;
    for (int i = 0; i < d->operand_count; i++) {
        HONE_TRY(locate_operand(program, n, &d->operands[i], &ranges[i]));
        if (!addresses) continue;
        uint64_t address = hone_gpu_buffer_address(ranges[i].buffer) + ranges[i].offset;
        memcpy(push + push_bytes, &address, sizeof address);
        push_bytes += (int)sizeof address;
    }
    memcpy(push + push_bytes, d->push, (size_t)d->push_bytes);
    push_bytes += d->push_bytes;
    struct hone_gpu_pipeline *pipeline;
    HONE_TRY(hone_gpu_pipeline_get(program->store->device->gpu, d->kernel, d->spec, d->spec_count,
                                   d->subgroup, &pipeline));
    return hone_gpu_record_part(rec, pipeline, ranges, d->operand_count, push, push_bytes, base,
                                size);
}

// The pieces of dispatch `item`, from *piece on.
static hone_status record_item(struct hone_program *program, struct hone_gpu_recording *rec,
                               size_t n, size_t item, size_t *piece) {
    const struct hone_pace *pace = &program->pace;
    const struct hone_dispatch *d = &pace->dispatches[item];
    bool counts = hone_kernel_counts_groups(d->kernel), bound = false;
    for (; *piece < pace->cuts.piece_count && pace->cuts.pieces[*piece].item == item; (*piece)++) {
        const struct hone_cut_piece *p = &pace->cuts.pieces[*piece];
        uint32_t base[3], size[3];
        hone_cut_grid(d->grid, counts, p->part, p->parts, base, size);
        if (p->submit) {
            HONE_TRY(hone_gpu_record_cut(rec));
            bound = false;
        }
        HONE_TRY(bound ? hone_gpu_record_more(rec, base, size)
                       : record_piece(program, rec, n, d, base, size));
        bound = true;
    }
    return HONE_OK;
}

static hone_status record_copies(struct hone_program *program, struct hone_gpu_recording *rec,
                                 uint32_t node) {
    for (size_t i = 0; i < program->plan.copy_count; i++) {
        const struct hone_plan_copy *copy = &program->plan.copies[i];
        if (copy->node != node) continue;
        struct hone_gpu_range from, to;
        HONE_TRY(hone_program_locate(program, copy->from, &from));
        HONE_TRY(hone_program_locate(program, copy->to, &to));
        HONE_TRY(hone_gpu_record_copy(rec, from.buffer, from.offset + copy->from_offset, to.buffer,
                                      to.offset + copy->to_offset, copy->bytes));
    }
    return HONE_OK;
}

hone_status hone_program_record(struct hone_program *program, int slot) {
    struct hone_gpu_recording **place = &program->gpu.recording[slot], *rec;
    hone_gpu_recording_destroy(program->store->device->gpu, place);
    HONE_TRY(hone_gpu_recording_create(program->store->device->gpu, place));
    rec = *place;
    size_t piece = 0;
    for (size_t i = 0; i < program->input_count; i++) {
        const struct hone_program_input *input = &program->inputs[i];
        struct hone_gpu_range to;
        HONE_TRY(hone_program_locate(program, input->value, &to));
        HONE_TRY(hone_gpu_record_copy(rec, program->gpu.upload[slot], input->offset, to.buffer,
                                      to.offset, to.bytes));
    }
    if (program->profile) HONE_TRY(hone_gpu_record_timestamp(rec, "start"));
    for (size_t n = 0; n < program->graph->node_count; n++) {
        const struct hone_node *node = &program->graph->nodes[n];
        HONE_TRY(record_copies(program, rec, (uint32_t)n));
        for (size_t i = program->pace.first[n]; i < program->pace.first[n + 1]; i++)
            HONE_TRY(hone_fail_context(record_item(program, rec, n, i, &piece), "node '%s' (%s)",
                                       node->name, node->op->name));
        if (program->profile) HONE_TRY(hone_gpu_record_timestamp(rec, node->name));
    }
    HONE_TRY(record_copies(program, rec, UINT32_MAX));
    for (size_t i = 0; i < program->output_count; i++) {
        const struct hone_program_output *output = &program->outputs[i];
        struct hone_gpu_range from;
        HONE_TRY(hone_program_locate(program, output->value, &from));
        HONE_TRY(hone_gpu_record_copy(rec, from.buffer, from.offset, program->gpu.results[slot],
                                      output->offset, output->bytes));
    }
    return hone_gpu_recording_end(rec);
}

// Zeroes what must start at zero: slabs whose gaps no kernel writes.
static hone_status clear_exclusive(struct hone_program *program) {
    struct hone_gpu *gpu = program->store->device->gpu;
    for (size_t i = 0; i < program->plan.storage_count; i++) {
        const struct hone_storage *s = &program->plan.storages[i];
        if (s->kind != HONE_STORAGE_POOL || !s->exclusive) continue;
        void *zeros = hone_calloc(s->bytes, 1, "zeros");
        if (!zeros) return HONE_OUT_OF_MEMORY;
        hone_status status =
            hone_gpu_write(gpu, program->gpu.chunks[s->chunk], s->offset, zeros, s->bytes);
        hone_free(zeros);
        HONE_TRY(status);
    }
    return HONE_OK;
}

hone_status hone_program_gpu_build(struct hone_program *program) {
    struct hone_gpu *gpu = program->store->device->gpu;
    struct hone_program_gpu *g = &program->gpu;
    g->chunks = hone_calloc(program->plan.chunk_count, sizeof *g->chunks, "buffers");
    if (!g->chunks) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < program->plan.chunk_count; i++)
        HONE_TRY(hone_gpu_buffer_create(gpu, program->plan.chunk_bytes[i], HONE_GPU_DEVICE,
                                        "activations", &g->chunks[i]));
    HONE_TRY(clear_exclusive(program));
    for (int slot = 0; slot < HONE_PROGRAM_SLOTS; slot++) {
        uint64_t bytes = program->upload_bytes ? program->upload_bytes : 4;
        HONE_TRY(hone_gpu_buffer_create(gpu, bytes, HONE_GPU_UPLOAD, "inputs", &g->upload[slot]));
        memset(hone_gpu_buffer_map(g->upload[slot]), 0, bytes);
        if (program->result_bytes)
            HONE_TRY(hone_gpu_buffer_create(gpu, program->result_bytes, HONE_GPU_READBACK,
                                            "results", &g->results[slot]));
    }
    return HONE_OK;
}

void hone_program_gpu_deinit(struct hone_program *program) {
    struct hone_gpu *gpu = program->store->device->gpu;
    if (!gpu) return;
    for (int slot = 0; slot < HONE_PROGRAM_SLOTS; slot++) {
        hone_gpu_recording_destroy(gpu, &program->gpu.recording[slot]);
        hone_gpu_buffer_destroy(gpu, &program->gpu.upload[slot]);
        hone_gpu_buffer_destroy(gpu, &program->gpu.results[slot]);
    }
    for (size_t i = 0; program->gpu.chunks && i < program->plan.chunk_count; i++)
        hone_gpu_buffer_destroy(gpu, &program->gpu.chunks[i]);
    hone_free(program->gpu.chunks);
    hone_pace_deinit(&program->pace);
}
