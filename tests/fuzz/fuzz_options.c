// fuzz_options: any bytes as the words of a command line, "key\0value\0...", against the option
// tables of hone train. What is accepted stays in range.
#include <stdlib.h>
#include <string.h>

#include <hone/hone.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void set_all(const hone_option_table *table, void *params, char *text, size_t bytes) {
    if (hone_options_init(table, params) != HONE_OK) abort();
    for (size_t at = 0; at < bytes;) {
        const char *key = text + at;
        at += strlen(key) + 1;
        const char *value = at < bytes ? text + at : "";
        at += strlen(value) + 1;
        unsigned distance;
        if (hone_options_set(table, params, key, value) != HONE_OK)
            hone_options_nearest(table, key, &distance);
    }
    if (hone_options_complete(table, params) != HONE_OK) abort(); // each value was in its range
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct hone_train_params train;
    struct hone_data_params folders;
    char *text = malloc(bytes + 2);
    if (!text) return 0;
    if (bytes) memcpy(text, data, bytes);
    text[bytes] = text[bytes + 1] = '\0';
    set_all(&hone_train_options, &train, text, bytes);
    set_all(&hone_data_options, &folders, text, bytes);
    if (train.epochs < -1 || train.batch < -1) abort(); // -1 says auto
    free(text);
    return 0;
}
