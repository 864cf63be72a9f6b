// json.c: jansson values into memory of ours.
#include "eval/json.h"

#include <math.h>

#include "base/alloc.h"
#include "base/text.h"

static int append(const char *data, size_t bytes, void *user) {
    return hone_text_append(user, data, bytes) == HONE_OK ? 0 : -1;
}

hone_status hone_json_text(json_t *root, char **out) {
    struct hone_text text = {0};
    *out = NULL;
    if (!root) return hone_fail_memory(0, "a JSON document");
    int bad = json_dump_callback(root, append, &text,
                                 JSON_INDENT(2) | JSON_REAL_PRECISION(9) | JSON_ENCODE_ANY);
    json_decref(root);
    if (bad) {
        hone_text_deinit(&text);
        return hone_fail_memory(0, "a JSON document");
    }
    hone_text_append(&text, "\n", 1);
    *out = hone_text_take(&text);
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}

json_t *hone_json_number(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}
