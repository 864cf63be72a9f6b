// memory.c: each buffer is filled with a word of its own, then parts of all are read: memory that
// was handed out twice shows another's word.
#include "check/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"

enum { BLOCK = 256 << 20, BLOCKS = 512, PROBE = 4096, STAGED = (3 << 23) + 4 * 331 };

uint64_t hone_check_memory_share(const struct hone_caps *caps) {
    if (!caps->unified_memory) return caps->heap_bytes / 2;
    uint64_t eighth = caps->heap_bytes / 8;
    return eighth < 1ull << 30 ? eighth : 1ull << 30;
}

static uint32_t word_of(int block) {
    return 0x9e3779b9u * (uint32_t)(block + 1);
}

static hone_status fill(struct hone_gpu *gpu, struct hone_gpu_buffer **blocks, int count) {
    struct hone_gpu_recording *rec;
    uint64_t ticket;
    HONE_TRY(hone_gpu_recording_create(gpu, &rec));
    hone_status status = HONE_OK;
    for (int i = 0; i < count && status == HONE_OK; i++)
        status =
            hone_gpu_record_fill(rec, blocks[i], 0, hone_gpu_buffer_bytes(blocks[i]), word_of(i));
    hone_status end = hone_gpu_recording_end(rec);
    if (status == HONE_OK) status = end;
    if (status == HONE_OK) status = hone_gpu_submit(gpu, rec, &ticket);
    if (status == HONE_OK) status = hone_gpu_wait(gpu, ticket, UINT64_MAX);
    hone_gpu_recording_destroy(gpu, &rec);
    return status;
}

// Beginning, middle and end of a block.
static hone_status probe(struct hone_gpu *gpu, struct hone_gpu_buffer *block, int index,
                         struct hone_check_memory *out) {
    uint32_t words[PROBE / 4];
    uint64_t bytes = hone_gpu_buffer_bytes(block);
    const uint64_t places[3] = {0, bytes / 2 / PROBE * PROBE, bytes - PROBE};
    for (int k = 0; k < 3; k++) {
        HONE_TRY(hone_gpu_read(gpu, block, places[k], words, sizeof words));
        for (int i = 0; i < PROBE / 4; i++) {
            if (words[i] == word_of(index) || !out->good) continue;
            out->good = false;
            snprintf(out->why, sizeof out->why,
                     "block %d of %" PRIu64 " MiB holds 0x%08x at byte %" PRIu64 ", not 0x%08x",
                     index, bytes >> 20, words[i], places[k] + 4 * (uint64_t)i, word_of(index));
        }
    }
    return HONE_OK;
}

static hone_status check_blocks(struct hone_gpu *gpu, uint64_t bytes,
                                struct hone_check_memory *out) {
    struct hone_gpu_buffer **blocks = hone_calloc(BLOCKS, sizeof *blocks, "a check of memory");
    if (!blocks) return HONE_OUT_OF_MEMORY;
    const struct hone_caps *caps = hone_gpu_caps(gpu);
    uint64_t block =
        caps->allocation_bytes < BLOCK ? caps->allocation_bytes / PROBE * PROBE : BLOCK;
    hone_status status = HONE_OK;
    int count = 0;
    while (count < BLOCKS && out->held_bytes + block <= bytes && status == HONE_OK) {
        status = hone_gpu_buffer_create(gpu, block, HONE_GPU_DEVICE, "a check of memory",
                                        &blocks[count]);
        if (status == HONE_OK) {
            count++;
            out->held_bytes += block;
        }
    }
    if (status == HONE_OUT_OF_MEMORY && count) status = HONE_OK; // others use it, too
    if (status == HONE_OK && count) status = fill(gpu, blocks, count);
    for (int i = 0; i < count && status == HONE_OK; i++) status = probe(gpu, blocks[i], i, out);
    for (int i = 0; i < count; i++) hone_gpu_buffer_destroy(gpu, &blocks[i]);
    hone_free(blocks);
    return status;
}

// Longer than both staging slots, and no multiple of one.
static hone_status check_staging(struct hone_gpu *gpu, struct hone_check_memory *out) {
    struct hone_gpu_buffer *buffer = NULL;
    unsigned char *sent = hone_calloc(STAGED, 2, "a check of memory");
    if (!sent) return HONE_OUT_OF_MEMORY;
    unsigned char *got = sent + STAGED;
    for (uint64_t i = 0; i < STAGED / 4; i++) {
        uint32_t word = hone_rng_u32(0x57a6e, 1, i);
        memcpy(sent + 4 * i, &word, 4);
    }
    hone_gpu_hide_memory(gpu);
    hone_status status =
        hone_gpu_buffer_create(gpu, STAGED, HONE_GPU_DEVICE, "a check of staging", &buffer);
    if (status == HONE_OK) status = hone_gpu_write(gpu, buffer, 0, sent, STAGED);
    if (status == HONE_OK) status = hone_gpu_read(gpu, buffer, 0, got, STAGED);
    if (status == HONE_OK && memcmp(sent, got, STAGED) != 0 && out->good) {
        size_t at = 0;
        while (sent[at] == got[at]) at++;
        out->good = false;
        snprintf(out->why, sizeof out->why, "what was staged comes back changed at byte %zu", at);
    }
    out->staged_bytes = status == HONE_OK ? STAGED : 0;
    hone_gpu_buffer_destroy(gpu, &buffer);
    hone_free(sent);
    return status;
}

hone_status hone_check_memory(struct hone_gpu *gpu, uint64_t bytes, struct hone_check_memory *out) {
    *out = (struct hone_check_memory){.tried_bytes = bytes, .good = true};
    HONE_TRY(check_blocks(gpu, bytes, out));
    return check_staging(gpu, out);
}
