// span.h: hands out aligned spans of a range of bytes and takes them back. Pure arithmetic: the
// heap uses it inside a slab, tests without a device.
#ifndef HONE_GPU_SPAN_H
#define HONE_GPU_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hone_gpu_span {
    uint64_t offset, bytes;
};

// Used spans, sorted by offset; the gaps between them are free.
struct hone_gpu_spans {
    struct hone_gpu_span *items;
    size_t count, capacity;
    uint64_t bytes; // of the whole range
};

enum hone_gpu_span_result { HONE_GPU_SPAN_OK, HONE_GPU_SPAN_FULL, HONE_GPU_SPAN_NO_MEMORY };

// The smallest gap that fits. `align` is a power of two.
enum hone_gpu_span_result hone_gpu_spans_take(struct hone_gpu_spans *spans, uint64_t bytes,
                                              uint64_t align, uint64_t *offset);
// False when no span starts at `offset`.
bool hone_gpu_spans_give(struct hone_gpu_spans *spans, uint64_t offset);
void hone_gpu_spans_deinit(struct hone_gpu_spans *spans);

#endif
