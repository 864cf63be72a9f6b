// fuzz_weights: any bytes as a weight file. What is accepted must give all its numbers.
#include <stdlib.h>

#include "formats/weights.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct hone_weights file;
    if (hone_weights_open_bytes(data, bytes, &file) != HONE_OK) return 0;
    for (size_t i = 0; i < file.count; i++) {
        const struct hone_weight *weight = &file.items[i];
        // Strides of 0 repeat elements: a small file may describe a large tensor.
        if (weight->count > 1 << 16) continue;
        float *values = malloc((size_t)weight->count * sizeof *values + 1);
        if (!values) abort();
        hone_weights_read(&file, weight, values);
        free(values);
    }
    hone_weights_close(&file);
    return 0;
}
