// fuzz_tuning: any bytes as a file of tuning records. What is accepted prints, and reads back as it
// was.
#include <stdlib.h>
#include <string.h>

#include "exec/tuning.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes) {
    struct hone_tuning *tuning, *again;
    struct hone_text first = {0}, second = {0};
    char *text = malloc(bytes + 1);
    if (!text) return 0;
    if (bytes) memcpy(text, data, bytes);
    text[bytes] = '\0';
    if (hone_tuning_create(&tuning) != HONE_OK || hone_tuning_create(&again) != HONE_OK) abort();
    if (hone_tuning_parse(tuning, text, "fuzz", NULL) != HONE_OK) abort();
    if (hone_tuning_print(tuning, &first) != HONE_OK) abort();
    if (first.data) {
        size_t ignored;
        if (hone_tuning_parse(again, first.data, "again", &ignored) != HONE_OK || ignored) abort();
        if (hone_tuning_print(again, &second) != HONE_OK) abort();
        if (strcmp(first.data, second.data) != 0) abort();
    }
    hone_text_deinit(&first);
    hone_text_deinit(&second);
    hone_tuning_destroy(&tuning);
    hone_tuning_destroy(&again);
    free(text);
    return 0;
}
