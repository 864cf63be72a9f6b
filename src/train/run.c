// run.c: the folder of a run. What a failed run wrote is taken back as long as it holds no weights.
#include "train/run.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/file.h"
#include "eval/json.h"

enum { RUN_TRIES = 100000 };

// *made false: something of that name is there already.
static hone_status dir_make_new(const char *path, bool *made) {
    *made = mkdir(path, 0777) == 0;
    if (*made || errno == EEXIST) return HONE_OK;
    return hone_fail_errno(errno, "make folder", path);
}

static hone_status run_begin_named(const char *out, struct hone_run *run) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count;
    char *above = hone_path_folder(out);
    run->dir = hone_strdup(out);
    hone_status status = above && run->dir ? hone_dir_make(above) : HONE_OUT_OF_MEMORY;
    hone_free(above);
    HONE_TRY(status);
    HONE_TRY(dir_make_new(out, &run->made));
    if (run->made) return HONE_OK;
    status = hone_dir_list(out, &arena, &entries, &count);
    if (status == HONE_OK && count)
        status =
            hone_fail(HONE_INVALID,
                      "%s is not empty: choose another --out, so that no run is overwritten", out);
    hone_arena_deinit(&arena);
    return status;
}

static hone_status run_claim(struct hone_run *run) {
    HONE_TRY(hone_dir_claim(run->dir, &run->claim));
    run->claimed = true;
    return HONE_OK;
}

hone_status hone_run_begin(const char *out, struct hone_run *run) {
    if (out) {
        HONE_TRY(run_begin_named(out, run));
        return run_claim(run);
    }
    HONE_TRY(dir_make_new("runs", &run->made_above));
    for (int n = 1; n <= RUN_TRIES; n++) {
        char name[64];
        snprintf(name, sizeof name, "runs/train%d", n);
        HONE_TRY(dir_make_new(name, &run->made));
        if (!run->made) continue;
        run->dir = hone_strdup(name);
        return run->dir ? run_claim(run) : HONE_OUT_OF_MEMORY;
    }
    return hone_fail(HONE_INVALID, "runs/train1 to train%d all exist: name a folder with --out",
                     RUN_TRIES);
}

// What a process that was killed while it wrote has left.
static void remove_torn(const char *folder) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count = 0;
    if (hone_dir_list(folder, &arena, &entries, &count) != HONE_OK) count = 0;
    for (size_t i = 0; i < count; i++) {
        const char *name = entries[i].name;
        char *path = *name == '.' && strstr(name, ".tmp-") ? hone_path_join(folder, name) : NULL;
        if (path) remove(path);
        hone_free(path);
    }
    hone_arena_deinit(&arena);
}

hone_status hone_run_reopen(const char *dir, struct hone_run *run) {
    run->kept = true;
    run->dir = hone_strdup(dir);
    if (!run->dir) return HONE_OUT_OF_MEMORY;
    HONE_TRY(run_claim(run));
    remove_torn(dir);
    return hone_run_load_rows(run);
}

void hone_run_end(struct hone_run *run) {
    for (size_t i = run->file_count; i-- > 0;) { // folders come before what lies in them
        char *path = run->kept ? NULL : hone_path_join(run->dir, run->files[i]);
        if (path) remove(path);
        hone_free(path);
        hone_free(run->files[i]);
    }
    if (run->dir && run->made && !run->kept)
        remove(run->dir);                              // fails, as it should, where it is not empty
    if (run->made_above && !run->kept) remove("runs"); // the same
    if (run->claimed) hone_dir_release(run->claim);
    hone_free(run->dir);
    hone_text_deinit(&run->results);
    hone_free(run->epochs);
    hone_free(run->events);
    *run = (struct hone_run){0};
}

char *hone_run_path(struct hone_run *run, const char *name) {
    bool known = false;
    for (size_t i = 0; i < run->file_count; i++) known |= strcmp(run->files[i], name) == 0;
    if (!known && run->file_count < sizeof run->files / sizeof *run->files) {
        run->files[run->file_count] = hone_strdup(name);
        if (!run->files[run->file_count]) return NULL;
        run->file_count++;
    }
    return hone_path_join(run->dir, name);
}

hone_status hone_run_write(struct hone_run *run, const char *name, const char *text) {
    char *path = hone_run_path(run, name);
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_file_write(path, text, strlen(text));
    hone_free(path);
    return status;
}

// One option as a JSON member of the object `user`.
static hone_status args_member(void *user, const hone_option *option, const char *text) {
    json_t *value = NULL;
    double number = 0;
    int64_t whole = 0;
    bool word = !text || (option->words && (text[0] < '0' || text[0] > '9') && text[0] != '-');
    switch (word ? HONE_OPTION_STRING : option->type) {
    case HONE_OPTION_I32:
    case HONE_OPTION_I64:
        HONE_TRY(hone_parse_i64(text, INT64_MIN, INT64_MAX, &whole));
        value = json_integer((json_int_t)whole);
        break;
    case HONE_OPTION_F32:
    case HONE_OPTION_F64:
        HONE_TRY(hone_parse_f64(text, -HUGE_VAL, HUGE_VAL, &number));
        value = json_real(number);
        break;
    case HONE_OPTION_BOOL:
        value = json_boolean(strcmp(text, "true") == 0 || strcmp(text, "yes") == 0 ||
                             strcmp(text, "1") == 0);
        break;
    case HONE_OPTION_STRING:
    case HONE_OPTION_ENUM: value = text ? json_string(text) : json_null(); break;
    }
    if (!value || json_object_set_new(user, option->key, value) != 0)
        return hone_fail(HONE_INVALID, "--%s: cannot be written as JSON (not UTF-8?)", option->key);
    return HONE_OK;
}

hone_status hone_run_write_args(struct hone_run *run, const struct hone_run_options *options,
                                size_t count) {
    json_t *root = json_pack("{s:s}", "hone", hone_version());
    hone_status status = root ? HONE_OK : hone_fail_memory(0, "args.json");
    for (size_t i = 0; i < count && status == HONE_OK; i++)
        status = hone_options_each(options[i].table, options[i].params, args_member, root);
    if (status != HONE_OK) {
        json_decref(root);
        return status;
    }
    char *text;
    HONE_TRY(hone_json_text(root, &text));
    status = hone_run_write(run, "args.json", text);
    hone_free(text);
    return status;
}

hone_status hone_run_csv_field(struct hone_text *text, const char *field) {
    if (!strpbrk(field, ",\"\r\n")) return hone_text_append(text, field, strlen(field));
    hone_text_append(text, "\"", 1);
    for (const char *c = field; *c; c++)
        hone_text_append(text, *c == '"' ? "\"\"" : c, *c == '"' ? 2 : 1);
    return hone_text_append(text, "\"", 1);
}

hone_status hone_run_write_confusion(struct hone_run *run, const struct hone_run_part *parts,
                                     size_t count, const char *const *class_names) {
    struct hone_text text = {0};
    for (size_t i = 0; i < count; i++) {
        const struct hone_metrics *m = parts[i].metrics;
        if (!m->class_count) continue;
        if (!text.length) {
            hone_text_printf(&text, "part,truth");
            for (int32_t c = 0; c < m->class_count; c++) {
                hone_text_append(&text, ",", 1);
                hone_run_csv_field(&text, class_names[c]);
            }
            hone_text_append(&text, "\n", 1);
        }
        for (int32_t c = 0; c < m->class_count; c++) {
            hone_text_printf(&text, "%s,", parts[i].name);
            hone_run_csv_field(&text, class_names[c]);
            for (int32_t p = 0; p < m->class_count; p++)
                hone_text_printf(&text, ",%lld", (long long)m->confusion[c * m->class_count + p]);
            hone_text_append(&text, "\n", 1);
        }
    }
    hone_status status = text.status;
    if (status == HONE_OK && text.length) status = hone_run_write(run, "confusion.csv", text.data);
    hone_text_deinit(&text);
    return status;
}
