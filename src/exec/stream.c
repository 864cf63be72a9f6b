// stream.c: one program over many batches, where the host prepares the next batch and takes the
// results of the last one while the device works on a third.
#include "exec/internal.h"

#include "base/alloc.h"

static hone_status stream_start(struct hone_program *program, const struct hone_stream *s,
                                size_t index) {
    void *to;
    HONE_TRY(hone_program_map(program, s->input, s->input_bytes, &to));
    HONE_TRY(s->fill(s->user, index, to));
    return hone_program_run(program);
}

hone_status hone_program_stream(struct hone_program *program, const struct hone_stream *s) {
    void *own = s->result ? NULL : hone_calloc(s->output_bytes, 1, s->output);
    void *result = s->result ? s->result : own;
    if (!result) return HONE_OUT_OF_MEMORY;
    // Where a run overwrites what the one before it left, results are taken first.
    bool overlap = hone_program_keeps(program, s->output);
    hone_status status = HONE_OK;
    for (size_t k = 0; k < s->count && status == HONE_OK; k++) {
        status = stream_start(program, s, k);
        if (status != HONE_OK || (overlap && k == 0)) continue;
        status = overlap ? hone_program_read_before(program, s->output, result, s->output_bytes)
                         : hone_program_read(program, s->output, result, s->output_bytes);
        if (status == HONE_OK) status = s->take(s->user, overlap ? k - 1 : k, result);
    }
    if (status == HONE_OK && overlap && s->count) {
        status = hone_program_read(program, s->output, result, s->output_bytes);
        if (status == HONE_OK) status = s->take(s->user, s->count - 1, result);
    }
    hone_free(own);
    return status;
}
