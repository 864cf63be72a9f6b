// certificate.c: see certificate.h.
#include "check/certificate.h"

#include <stdio.h>
#include <string.h>

#include <hone/version.h>
#include <jansson.h>
#include <xxhash.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/log.h"
#include "base/text.h"
#include "kernels/kernels.h"

enum { CERTIFICATE_MOST = 4 << 20, FORMAT = 1 };

void hone_certificate_deinit(struct hone_certificate *certificate) {
    for (size_t i = 0; i < certificate->count; i++) {
        hone_free(certificate->rows[i].name);
        hone_free(certificate->rows[i].why);
    }
    hone_free(certificate->rows);
    *certificate = (struct hone_certificate){0};
}

static struct hone_certificate_row *find(struct hone_certificate *certificate, const char *name) {
    for (size_t i = 0; i < certificate->count; i++)
        if (strcmp(certificate->rows[i].name, name) == 0) return &certificate->rows[i];
    return NULL;
}

hone_status hone_certificate_put(struct hone_certificate *certificate, const char *name, int runs,
                                 const char *why) {
    struct hone_certificate_row *row = find(certificate, name);
    char *copy = why ? hone_strdup(why) : NULL;
    if (why && !copy) return HONE_OUT_OF_MEMORY;
    if (!row) {
        char *own = hone_strdup(name);
        if (!own || !hone_grow(&certificate->rows, &certificate->capacity, certificate->count + 1,
                               sizeof *row, "a certificate")) {
            hone_free(own);
            hone_free(copy);
            return HONE_OUT_OF_MEMORY;
        }
        row = &certificate->rows[certificate->count++];
        *row = (struct hone_certificate_row){.name = own};
    }
    hone_free(row->why);
    row->why = copy;
    row->runs = runs;
    return HONE_OK;
}

const char *hone_build_id(char text[64]) {
    XXH64_hash_t hash = 0;
    for (size_t i = 0; i < hone_kernel_count; i++)
        hash = XXH64(hone_kernels[i].code, hone_kernels[i].code_bytes, hash);
    snprintf(text, 64, "%s-%.16s-%016llx", HONE_VERSION_STRING, hone_source_hash,
             (unsigned long long)hash);
    return text;
}

hone_status hone_certificate_path(const char *cache_dir, const struct hone_caps *caps, char **out) {
    char build[64], name[48];
    hone_build_id(build);
    XXH64_hash_t hash = XXH64(caps->name, strlen(caps->name), 0);
    hash = XXH64(caps->driver, strlen(caps->driver), hash);
    hash = XXH64(build, strlen(build), hash);
    snprintf(name, sizeof name, "check-%016llx.json", (unsigned long long)hash);
    return hone_cache_path(cache_dir, name, out);
}

// ---- Reading ----

static bool holds(const json_t *root, const char *key, const char *text) {
    const char *value = json_string_value(json_object_get(root, key));
    return value && strcmp(value, text) == 0;
}

static bool is_for(const json_t *root, const struct hone_caps *caps) {
    char build[64];
    return json_integer_value(json_object_get(root, "format")) == FORMAT &&
           holds(root, "build", hone_build_id(build)) && holds(root, "device", caps->name) &&
           holds(root, "driver", caps->driver);
}

static hone_status take_rows(const json_t *rows, struct hone_certificate *certificate) {
    const char *name;
    json_t *row;
    json_object_foreach((json_t *)rows, name, row) {
        const json_t *good = json_object_get(row, "good");
        const char *why = json_string_value(json_object_get(row, "why"));
        if (!json_is_boolean(good) || (json_is_false(good) && !why)) continue;
        int runs = (int)json_integer_value(json_object_get(row, "runs"));
        HONE_TRY(hone_certificate_put(certificate, name, runs, json_is_true(good) ? NULL : why));
    }
    return HONE_OK;
}

hone_status hone_certificate_load(const char *path, const struct hone_caps *caps,
                                  struct hone_certificate *certificate) {
    char *text;
    size_t bytes;
    hone_status status = hone_file_read(path, CERTIFICATE_MOST, &text, &bytes);
    if (status == HONE_NOT_FOUND) return HONE_OK;
    if (status == HONE_OUT_OF_MEMORY) return status;
    if (status != HONE_OK) {
        hone_log(HONE_LOG_WARNING, "%s; kernels are checked anew", hone_error_message());
        return HONE_OK;
    }
    json_error_t error;
    json_t *root = json_loadb(text, bytes, 0, &error);
    hone_free(text);
    if (!root || !json_is_object(json_object_get(root, "rows"))) {
        hone_log(HONE_LOG_WARNING, "%s is not a certificate of hone; kernels are checked anew",
                 path);
    } else if (is_for(root, caps)) {
        certificate->whole |= json_is_true(json_object_get(root, "whole"));
        status = take_rows(json_object_get(root, "rows"), certificate);
    }
    json_decref(root);
    return status == HONE_OUT_OF_MEMORY ? status : HONE_OK;
}

// ---- Writing ----

static int append(const char *data, size_t bytes, void *text) {
    return hone_text_append(text, data, bytes) == HONE_OK ? 0 : -1;
}

static json_t *rows_json(const struct hone_certificate *certificate) {
    json_t *rows = json_object();
    for (size_t i = 0; i < certificate->count; i++) {
        const struct hone_certificate_row *row = &certificate->rows[i];
        json_t *value = json_pack("{s:b, s:i}", "good", row->why == NULL, "runs", row->runs);
        // A driver's message need not be UTF-8.
        if (row->why)
            json_object_set_new(value, "why",
                                json_string(hone_text_is_utf8(row->why) ? row->why : "wrong"));
        json_object_set_new(rows, row->name, value);
    }
    return rows;
}

static hone_status print(const struct hone_certificate *certificate, const struct hone_caps *caps,
                         struct hone_text *text) {
    char build[64];
    json_t *root = json_pack("{s:i, s:s, s:s, s:s, s:b, s:o}", "format", FORMAT, "build",
                             hone_build_id(build), "device", caps->name, "driver", caps->driver,
                             "whole", (int)certificate->whole, "rows", rows_json(certificate));
    int failed =
        root ? json_dump_callback(root, append, text, JSON_INDENT(1) | JSON_SORT_KEYS) : -1;
    json_decref(root);
    if (text->status != HONE_OK) return text->status;
    return failed ? hone_fail_memory(0, "a certificate") : hone_text_printf(text, "\n");
}

static hone_status merge(const char *path, const struct hone_caps *caps,
                         const struct hone_certificate *certificate) {
    struct hone_certificate all = {0};
    struct hone_text text = {0};
    hone_status status = hone_certificate_load(path, caps, &all);
    for (size_t i = 0; i < certificate->count && status == HONE_OK; i++)
        status = hone_certificate_put(&all, certificate->rows[i].name, certificate->rows[i].runs,
                                      certificate->rows[i].why);
    all.whole |= certificate->whole;
    if (status == HONE_OK) status = print(&all, caps, &text);
    if (status == HONE_OK) status = hone_file_write(path, text.data, text.length);
    hone_text_deinit(&text);
    hone_certificate_deinit(&all);
    return status;
}

hone_status hone_certificate_save(const char *path, const struct hone_caps *caps,
                                  const struct hone_certificate *certificate) {
    int lock;
    HONE_TRY(hone_file_lock(path, &lock));
    hone_status status = merge(path, caps, certificate);
    hone_file_unlock(lock);
    return status;
}
