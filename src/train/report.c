// report.c: fills the record of a run for report/, and writes report.html. A report that cannot be
// made is warned of: it does not cost the run.
#include "train/report.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include <hone/version.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "exec/device.h"
#include "report/report.h"

enum { FACTS_MOST = 24, OPTIONS_MOST = 128 };

struct facts {
    struct hone_report_fact rows[FACTS_MOST];
    size_t count;
};

struct options {
    struct hone_report_fact rows[OPTIONS_MOST];
    size_t count, first; // of the table at work
};

struct work {
    struct hone_trainer *t;
    struct hone_arena arena;
    struct hone_report report;
    struct hone_report_picture pictures[HONE_REPORT_PICTURES];
    struct facts net, machine, times;
    struct options options;
};

static hone_status add(struct work *w, struct facts *facts, const char *name, const char *format,
                       ...) HONE_PRINTF(4, 5);
static hone_status add(struct work *w, struct facts *facts, const char *name, const char *format,
                       ...) {
    char text[512];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (facts->count == FACTS_MOST) return hone_fail(HONE_INTERNAL, "too many facts in a report");
    struct hone_report_fact *row = &facts->rows[facts->count++];
    *row = (struct hone_report_fact){.name = name, .value = hone_arena_strdup(&w->arena, text)};
    return row->value ? HONE_OK : HONE_OUT_OF_MEMORY;
}

// ---- Facts ----------------------------------------------------------------------------------

static hone_status fill_net(struct work *w) {
    const struct hone_trainer *t = w->t;
    const struct hone_train_result *r = t->result;
    const struct hone_preprocess *p = &t->model->preprocess;
    struct facts *f = &w->net;
    struct hone_text how = {0};
    HONE_TRY(add(w, f, "backbone", "%s", t->params.backbone));
    HONE_TRY(add(w, f, "parameters", "%lld, %lld of them trained", (long long)r->parameters,
                 (long long)r->trained_parameters));
    HONE_TRY(add(w, f, "layers", "%d and a classifier", (int)t->layout.layers));
    HONE_TRY(add(w, f, "pictures as", "%d x %d", (int)p->width, (int)p->height));
    hone_status status = hone_preprocess_print(p, &how);
    if (status == HONE_OK) status = add(w, f, "preprocessing", "%s", how.data);
    hone_text_deinit(&how);
    HONE_TRY(status);
    HONE_TRY(add(w, f, "epochs", "%d", (int)r->epochs_done));
    return add(w, f, "seed", "%lld", (long long)t->params.seed);
}

static hone_status fill_machine(struct work *w) {
    static const char *const kinds[] = {"discrete GPU", "integrated GPU", "virtual GPU",
                                        "CPU driver", "other"};
    const struct hone_caps *caps = hone_device_caps(w->t->device);
    struct facts *f = &w->machine;
    struct utsname system;
    HONE_TRY(add(w, f, "device", "%s", caps->name));
    if (*caps->driver) {
        HONE_TRY(add(w, f, "driver", "%s", caps->driver));
        HONE_TRY(add(w, f, "kind", "%s", kinds[caps->kind]));
        HONE_TRY(add(w, f, "device memory", "%.1f GB", (double)caps->heap_bytes / 1e9));
        HONE_TRY(add(w, f, "subgroup", "%u", (unsigned)caps->subgroup_size));
    }
    HONE_TRY(add(w, f, "host", "%u cores, %.1f GB of memory", hone_core_count(),
                 (double)hone_memory_bytes() / 1e9));
    if (uname(&system) == 0)
        HONE_TRY(add(w, f, "system", "%s %s, %s", system.sysname, system.release, system.machine));
    return add(w, f, "hone", "%s", hone_version());
}

static hone_status fill_times(struct work *w) {
    const struct hone_trainer *t = w->t;
    const struct hone_train_seconds *s = &t->spent;
    const struct {
        const char *name;
        double seconds;
    } rows[] = {
        {"reading pictures", s->decode},
        {"compiling", s->compile},
        {"features", s->features},
        {"training", s->train},
        {"  data: gathering batches", s->fill},
        {"  wait: for the device", s->wait},
        {"judging", s->judge},
        {"the whole run", t->result->seconds},
    };
    struct facts *f = &w->times;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].seconds > 0) HONE_TRY(add(w, f, rows[i].name, "%.2f s", rows[i].seconds));
    if (t->step) {
        struct hone_program_pace pace = hone_program_pace(t->step);
        HONE_TRY(add(w, f, "steps", "%lld", (long long)t->steps_done));
        if (pace.settled)
            HONE_TRY(add(w, f, "device: a step", "%.1f ms, %zu submits, %zu dispatches",
                         pace.run_ms, pace.submits, pace.dispatches));
        HONE_TRY(add(w, f, "memory of a step",
                     "%.0f MB activations and gradients, %.0f MB weights "
                     "and optimiser",
                     (double)t->plan.pool / 1e6,
                     (double)(t->plan.weights + t->plan.optimizer) / 1e6));
    }
    return add(w, f, "rate", "%.1f pictures a second", t->result->pictures_per_second);
}

// ---- Options --------------------------------------------------------------------------------

static hone_status option_default(void *user, const hone_option *option, const char *text) {
    struct work *w = user;
    struct options *o = &w->options;
    if (o->count == OPTIONS_MOST) return HONE_OK; // the rest stands in args.json
    struct hone_report_fact *row = &o->rows[o->count++];
    *row = (struct hone_report_fact){.name = option->key};
    if (text) row->value = hone_arena_strdup(&w->arena, text);
    return text && !row->value ? HONE_OUT_OF_MEMORY : HONE_OK;
}

static hone_status option_value(void *user, const hone_option *option, const char *text) {
    struct work *w = user;
    struct options *o = &w->options;
    (void)option;
    if (o->first == o->count) return HONE_OK;
    struct hone_report_fact *row = &o->rows[o->first++];
    row->changed = !row->value != !text || (text && strcmp(row->value, text) != 0);
    row->value = text ? hone_arena_strdup(&w->arena, text) : NULL;
    return text && !row->value ? HONE_OUT_OF_MEMORY : HONE_OK;
}

static hone_status fill_options(struct work *w) {
    struct hone_train_params train;
    struct hone_data_params data;
    HONE_TRY(hone_options_init(&hone_train_options, &train));
    HONE_TRY(hone_options_init(&hone_data_options, &data));
    HONE_TRY(hone_options_each(&hone_train_options, &train, option_default, w));
    HONE_TRY(hone_options_each(&hone_train_options, &w->t->params, option_value, w));
    HONE_TRY(hone_options_each(&hone_data_options, &data, option_default, w));
    return hone_options_each(&hone_data_options, w->t->data_params, option_value, w);
}

// ---- Data and pictures ----------------------------------------------------------------------

static int compare_text(const void *a, const void *b) {
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static hone_status fill_part(struct work *w, enum hone_part part) {
    const struct hone_trainer *t = w->t;
    const struct hone_pictures *pictures = &t->pictures[part];
    struct hone_report_part *out = &w->report.parts[part];
    int64_t *counts = hone_arena_alloc(&w->arena, (size_t)t->classes, sizeof *counts);
    const char **groups =
        hone_arena_alloc(&w->arena, pictures->count ? pictures->count : 1, sizeof *groups);
    size_t named = 0;
    bool known = false;
    if (!counts || !groups) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < pictures->count; i++) {
        const struct hone_data_item *item = hone_dataset_item(t->data, part, pictures->items[i]);
        counts[pictures->labels[i]]++;
        // Where pictures are dealt by groups, one without is its own, by its name.
        bool own = item->group && strcmp(item->group, item->name) == 0;
        known = known || (item->group && !own);
        if (item->group) groups[named++] = item->group;
    }
    if (named) qsort(groups, named, sizeof *groups, compare_text);
    for (size_t i = 0; known && i < named; i++)
        out->groups += !i || strcmp(groups[i], groups[i - 1]) != 0;
    out->pictures = pictures->count;
    out->broken = pictures->broken;
    out->counts = counts;
    if (part == HONE_PART_VAL) out->metrics = t->result->val;
    if (part == HONE_PART_TEST) out->metrics = t->result->test;
    return HONE_OK;
}

// Picture `i` of the part into the list of the hardest, which is in rising order of its label's
// score.
static void keep_hardest(struct work *w, size_t i, const float *p) {
    const struct hone_trainer *t = w->t;
    const struct hone_pictures *pictures = &t->pictures[w->report.pictures_part];
    int32_t said = 0, label = pictures->labels[i];
    size_t *count = &w->report.picture_count, at = *count;
    for (int32_t c = 1; c < t->classes; c++)
        if (p[c] > p[said]) said = c;
    while (at > 0 && p[label] < w->pictures[at - 1].label_score) at--;
    if (at == HONE_REPORT_PICTURES) return;
    size_t last = *count < HONE_REPORT_PICTURES ? *count : HONE_REPORT_PICTURES - 1;
    memmove(&w->pictures[at + 1], &w->pictures[at], (last - at) * sizeof *w->pictures);
    *count = last + 1;
    size_t bytes = (size_t)pictures->width * (size_t)pictures->height * 3;
    w->pictures[at] = (struct hone_report_picture){
        .name = hone_dataset_item(t->data, w->report.pictures_part, pictures->items[i])->name,
        .label = label,
        .said = said,
        .label_score = p[label],
        .said_score = p[said],
        .image = {pictures->width, pictures->height, pictures->pixels + i * bytes}};
}

static void fill_pictures(struct work *w) {
    const struct hone_trainer *t = w->t;
    enum hone_part part = hone_report_judged(&w->report);
    const float *answers = part == HONE_PART_VAL    ? t->best_answers
                           : part == HONE_PART_TEST ? t->answers[part]
                                                    : NULL;
    if (!answers) return;
    w->report.pictures_part = part;
    for (size_t i = 0; i < t->pictures[part].count; i++)
        keep_hardest(w, i, answers + i * (size_t)t->classes);
}

static hone_status fill(struct work *w) {
    const struct hone_trainer *t = w->t;
    struct hone_report *r = &w->report;
    char created[64];
    time_t now = time(NULL);
    struct tm broken;
    strftime(created, sizeof created, "%Y-%m-%d %H:%M", localtime_r(&now, &broken));
    *r = (struct hone_report){
        .run = t->run.dir,
        .created = hone_arena_strdup(&w->arena, created),
        .class_names = t->class_names,
        .class_count = t->classes,
        .best_epoch = t->best_epoch,
        .cancelled = t->result->cancelled,
        .epochs = t->run.epochs,
        .epoch_count = t->run.epoch_count,
        .pictures = w->pictures,
        .alike = t->alike.alike,
        .equal = t->alike.equal,
        .compared = t->alike.compared,
        .alike_held = t->alike.held ? t->alike.held->name : NULL,
        .alike_seen = t->alike.seen ? t->alike.seen->name : NULL,
        .net = w->net.rows,
        .machine = w->machine.rows,
        .times = w->times.rows,
        .options = w->options.rows,
        .tried_rates = t->tried_rates,
        .tried_losses = t->tried_losses,
        .tried = t->tried,
        .found_rate = t->found_rate,
        .notes = t->notes.data,
    };
    if (!r->created) return HONE_OUT_OF_MEMORY;
    for (int part = 0; part < HONE_PART_COUNT; part++) HONE_TRY(fill_part(w, (enum hone_part)part));
    fill_pictures(w);
    HONE_TRY(fill_net(w));
    HONE_TRY(fill_machine(w));
    HONE_TRY(fill_times(w));
    HONE_TRY(fill_options(w));
    r->net_count = w->net.count;
    r->machine_count = w->machine.count;
    r->time_count = w->times.count;
    r->option_count = w->options.count;
    return HONE_OK;
}

void hone_trainer_write_report(struct hone_trainer *t) {
    char *html = NULL;
    struct work *w = hone_calloc(1, sizeof *w, "a report");
    hone_status status = w ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) {
        w->t = t;
        status = fill(w);
    }
    if (status == HONE_OK) status = hone_report_html(&w->report, &html);
    if (status == HONE_OK) status = hone_run_write(&t->run, "report.html", html);
    if (status != HONE_OK)
        hone_log(HONE_LOG_WARNING, "report.html was not written: %s", hone_error_message());
    hone_free(html);
    if (w) hone_arena_deinit(&w->arena);
    hone_free(w);
}
