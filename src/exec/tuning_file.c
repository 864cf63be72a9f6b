// tuning_file.c: reading tuning records, and adding to them under a lock.
#include "exec/tuning_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"

enum { TUNING_FILE_MOST = 16 << 20 };

hone_status hone_tuning_path(const char *cache_dir, char **out) {
    const char *own = getenv("HONE_TUNING");
    *out = NULL;
    if (own && strcmp(own, "off") == 0) return HONE_OK;
    if (own && *own) {
        *out = hone_strdup(own);
        return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
    }
    return hone_cache_path(cache_dir, "tuning.tune", out);
}

static hone_status add_file(struct hone_tuning *tuning, const char *path) {
    char *text;
    size_t bytes;
    hone_status status = hone_file_read(path, TUNING_FILE_MOST, &text, &bytes);
    if (status == HONE_NOT_FOUND) return HONE_OK;
    if (status == HONE_OUT_OF_MEMORY) return status;
    if (status != HONE_OK) {
        hone_log(HONE_LOG_WARNING, "%s; kernels are chosen without it", hone_error_message());
        return HONE_OK;
    }
    status = hone_tuning_parse(tuning, text, path, NULL);
    hone_free(text);
    return status;
}

hone_status hone_tuning_load(const char *path, struct hone_tuning **out) {
    HONE_TRY(hone_tuning_create(out));
    hone_status status = hone_tuning_parse(*out, hone_tuning_shipped, "shipped records", NULL);
    if (status == HONE_OK && path) status = add_file(*out, path);
    if (status != HONE_OK) hone_tuning_destroy(out);
    return status;
}

static hone_status merge(const char *path, const struct hone_tuning *records) {
    struct hone_tuning *all;
    struct hone_text text = {0};
    HONE_TRY(hone_tuning_create(&all));
    hone_status status = add_file(all, path);
    for (size_t i = 0; i < hone_tuning_count(records) && status == HONE_OK; i++)
        status = hone_tuning_add(all, hone_tuning_get(records, i));
    if (status == HONE_OK)
        status = hone_text_printf(&text, "# hone tuning records: device|driver, operator, types, "
                                         "shapes, kernel, tile, microseconds\n");
    if (status == HONE_OK) status = hone_tuning_print(all, &text);
    if (status == HONE_OK) status = hone_file_write(path, text.data, text.length);
    hone_text_deinit(&text);
    hone_tuning_destroy(&all);
    return status;
}

hone_status hone_tuning_save(const char *path, const struct hone_tuning *records) {
    int lock;
    HONE_TRY(hone_file_lock(path, &lock));
    hone_status status = merge(path, records);
    hone_file_unlock(lock);
    return status;
}
