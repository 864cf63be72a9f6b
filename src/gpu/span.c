// span.c: best fit over a sorted array. Slabs hold tens of spans and are changed when programs are
// compiled.
#include "gpu/span.h"

#include "base/alloc.h"

#include <string.h>

enum hone_gpu_span_result hone_gpu_spans_take(struct hone_gpu_spans *spans, uint64_t bytes,
                                              uint64_t align, uint64_t *offset) {
    size_t best = SIZE_MAX;
    uint64_t best_gap = UINT64_MAX, best_offset = 0, gap_begin = 0;
    for (size_t i = 0; i <= spans->count; i++) {
        uint64_t gap_end = i < spans->count ? spans->items[i].offset : spans->bytes;
        uint64_t begin = (gap_begin + align - 1) & ~(align - 1);
        if (begin <= gap_end && gap_end - begin >= bytes && gap_end - gap_begin < best_gap) {
            best = i;
            best_gap = gap_end - gap_begin;
            best_offset = begin;
        }
        if (i < spans->count) gap_begin = spans->items[i].offset + spans->items[i].bytes;
    }
    if (best == SIZE_MAX) return HONE_GPU_SPAN_FULL;
    if (!hone_grow(&spans->items, &spans->capacity, spans->count + 1, sizeof *spans->items,
                   "a memory slab"))
        return HONE_GPU_SPAN_NO_MEMORY;
    memmove(spans->items + best + 1, spans->items + best,
            (spans->count - best) * sizeof *spans->items);
    spans->items[best] = (struct hone_gpu_span){best_offset, bytes};
    spans->count++;
    *offset = best_offset;
    return HONE_GPU_SPAN_OK;
}

bool hone_gpu_spans_give(struct hone_gpu_spans *spans, uint64_t offset) {
    for (size_t i = 0; i < spans->count; i++) {
        if (spans->items[i].offset != offset) continue;
        memmove(spans->items + i, spans->items + i + 1,
                (spans->count - i - 1) * sizeof *spans->items);
        spans->count--;
        return true;
    }
    return false;
}

void hone_gpu_spans_deinit(struct hone_gpu_spans *spans) {
    hone_free(spans->items);
    *spans = (struct hone_gpu_spans){0};
}
