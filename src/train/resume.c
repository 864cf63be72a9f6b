// resume.c: a run folder taken up again: options and data are those of its args.json. What may have
// moved since (folder, backbone, device) can be given anew; anything else that is given and differs
// is refused, since the run would be another one.
#include "train/internal.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/options.h"

enum { ARGS_MOST_BYTES = 1 << 20 };

static bool is_one_of(const char *key, const char *const *keys) {
    for (; *keys; keys++)
        if (strcmp(*keys, key) == 0) return true;
    return false;
}

static const char *const movable_keys[] = {"data",     "backbone",           "device",
                                           "validate", "checkpoint-minutes", NULL};

// One table of options: as the caller has them, and as they are by default.
struct taking {
    struct hone_trainer *t;
    json_t *args;
    const hone_option_table *table;
    void *kept;                  // the params that are filled
    const char **asked, **usual; // texts by row; NULL: not given
    const char **fill;           // which of the two hone_options_each() fills
    size_t row;
};

static hone_status note_text(void *user, const hone_option *option, const char *text) {
    struct taking *w = user;
    (void)option;
    const char *copy = text ? hone_arena_strdup(&w->t->kept_options, text) : NULL;
    w->fill[w->row++] = copy;
    return text && !copy ? HONE_OUT_OF_MEMORY : HONE_OK;
}

static hone_status list_texts(struct taking *w, const void *params, const char **texts) {
    w->fill = texts;
    w->row = 0;
    return hone_options_each(w->table, params, note_text, w);
}

// The value in args.json as hone_options_set() reads it, into the arena; NULL: none.
static hone_status saved_text(struct taking *w, const char *key, const char **out) {
    const json_t *value = json_object_get(w->args, key);
    struct hone_text text = {0};
    *out = NULL;
    if (!value || json_is_null(value)) return HONE_OK;
    if (json_is_string(value))
        hone_text_printf(&text, "%s", json_string_value(value));
    else if (json_is_integer(value))
        hone_text_printf(&text, "%lld", (long long)json_integer_value(value));
    else if (json_is_real(value))
        hone_text_append_f64(&text, json_real_value(value));
    else if (json_is_boolean(value))
        hone_text_printf(&text, "%s", json_is_true(value) ? "true" : "false");
    else
        return hone_fail(HONE_INVALID, "\"%s\" is no value of an option", key);
    hone_status status = text.status;
    if (status == HONE_OK) {
        *out = hone_arena_strdup(&w->t->kept_options, text.data);
        if (!*out) status = HONE_OUT_OF_MEMORY;
    }
    hone_text_deinit(&text);
    return status;
}

static bool same_text(const char *a, const char *b) {
    return a == b || (a && b && strcmp(a, b) == 0);
}

static hone_status take_option(struct taking *w, size_t i) {
    const char *key = w->table->rows[i].key, *asked = w->asked[i], *saved;
    if (strcmp(key, "resume") == 0) return HONE_OK;
    HONE_TRY(saved_text(w, key, &saved));
    if (saved) HONE_TRY(hone_options_set(w->table, w->kept, key, saved));
    if (same_text(asked, w->usual[i]) || same_text(asked, saved)) return HONE_OK;
    if (!is_one_of(key, movable_keys))
        return hone_fail(HONE_INVALID,
                         "--%s is %s, but the run began with %s: leave it out, or begin a new run",
                         key, asked ? asked : "not given", saved ? saved : "none");
    hone_trainer_note(w->t, "--%s is now %s; the run began with %s", key, asked,
                      saved ? saved : "none");
    return hone_options_set(w->table, w->kept, key, asked);
}

// Fills `kept` from args.json and what `asked` may change.
static hone_status take_table(struct hone_trainer *t, json_t *args, const hone_option_table *table,
                              const void *asked, void *kept) {
    struct taking w = {.t = t, .args = args, .table = table, .kept = kept};
    w.asked = hone_arena_alloc(&t->kept_options, 2 * table->count, sizeof *w.asked);
    if (!w.asked) return HONE_OUT_OF_MEMORY;
    w.usual = w.asked + table->count;
    HONE_TRY(hone_options_init(table, kept));
    HONE_TRY(list_texts(&w, kept, w.usual));
    HONE_TRY(list_texts(&w, asked, w.asked));
    for (size_t i = 0; i < table->count; i++) HONE_TRY(take_option(&w, i));
    return HONE_OK;
}

static hone_status read_args(const char *dir, json_t **out) {
    char *path = hone_path_join(dir, "args.json"), *text = NULL;
    json_error_t error;
    size_t bytes;
    *out = NULL;
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status =
        hone_file_exists(path)
            ? hone_file_read(path, ARGS_MOST_BYTES, &text, &bytes)
            : hone_fail(HONE_NOT_FOUND, "resume %s: no run of hone train is there (no args.json)",
                        dir);
    if (status == HONE_OK) {
        *out = json_loadb(text, bytes, 0, &error);
        if (!json_is_object(*out)) {
            json_decref(*out);
            *out = NULL;
            status = hone_fail(HONE_INVALID, "%s is damaged: %s", path, error.text);
        }
    }
    hone_free(text);
    hone_free(path);
    return status;
}

// The tuning records of the run choose its kernels, whatever was measured since.
static hone_status take_tuning(struct hone_trainer *t) {
    char *path = hone_path_join(t->params.resume, "tuning.tune");
    if (!path) return HONE_OUT_OF_MEMORY;
    t->params.tuning = hone_arena_strdup(&t->kept_options, hone_file_exists(path) ? path : "off");
    hone_free(path);
    return t->params.tuning ? HONE_OK : HONE_OUT_OF_MEMORY;
}

hone_status hone_trainer_take_up(struct hone_trainer *t) {
    const char *dir = t->params.resume;
    struct hone_train_params kept;
    json_t *args;
    HONE_TRY(read_args(dir, &args));
    hone_status status = take_table(t, args, &hone_train_options, &t->params, &kept);
    if (status == HONE_OK)
        status = take_table(t, args, &hone_data_options, t->data_params, &t->own_data);
    json_decref(args);
    HONE_TRY(hone_fail_context(status, "resume %s", dir));
    kept.resume = dir;
    t->params = kept;
    t->own_data.any_classes = t->data_params->any_classes;
    t->data_params = &t->own_data;
    char *last = hone_path_join(dir, "last.safetensors");
    if (!last) return HONE_OUT_OF_MEMORY;
    t->resumed = hone_file_exists(last);
    hone_free(last);
    return t->resumed ? take_tuning(t) : HONE_OK;
}

hone_status hone_trainer_reopen_run(struct hone_trainer *t) {
    const char *dir = t->params.resume;
    HONE_TRY(hone_fail_context(hone_run_reopen(dir, &t->run), "resume %s", dir));
    if (t->recipe == HONE_RECIPE_HEAD) t->resumed = false; // solved anew: it has no steps
    if (!t->resumed) {
        hone_trainer_note(t, "resume: %s has no step to go on from: it begins anew", dir);
        return hone_run_rewind(&t->run, -1);
    }
    if (t->run.epoch_count) t->start -= t->run.epochs[t->run.epoch_count - 1].seconds;
    return HONE_OK;
}
