// fuzz_list: any bytes as a list file. What is accepted must be whole: each picture has a name and
// a class.
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "data/dataset.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    char *text = malloc(bytes + 1);
    if (!text) return 0;
    if (bytes) memcpy(text, data, bytes);
    text[bytes] = '\0';
    struct hone_dataset *dataset = hone_calloc(1, sizeof *dataset, "a data set");
    hone_status status =
        hone_dataset_parse_list(dataset, text, bytes, "list.txt", "folder", HONE_PART_TRAIN);
    for (size_t i = 0; i < dataset->count; i++) {
        const struct hone_data_entry *entry = &dataset->entries[i];
        if (!*entry->item.name || !*entry->class_name || strchr(entry->class_name, '\t')) abort();
    }
    if (status == HONE_OK && dataset->count && !dataset->class_count) abort();
    hone_dataset_close(&dataset);
    free(text);
    return 0;
}
