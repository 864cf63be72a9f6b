// evaluate.c: a model file on labelled pictures, through a session as a factory program would use
// it.
#include <hone/eval.h>

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/options.h"
#include "base/thread.h"
#include "data/pictures.h"
#include "infer/session.h"

#define EVAL(field, kind, name, ...)                                                               \
    HONE_OPTION(struct hone_eval_params, field, kind, name, __VA_ARGS__)

static const hone_option eval_rows[] = {
    EVAL(device, STRING, "device", .metavar = "NAME",
         .help = "where to run: an index, a part of a device's name, a UUID, or ref; left out: the "
                 "best GPU"),
    EVAL(preprocess, STRING, "preprocess", .metavar = "imagenet|tf|none|MEAN,STD[:...]",
         .help = "how pixels become numbers; left out: as the file states, else imagenet"),
    EVAL(part, STRING, "part", .metavar = "train|val|test|all",
         .help = "which pictures; left out: test, where there are none val, else all"),
    EVAL(batch, I32, "batch", .initial = "16", .least = 1, .most = 1024, .metavar = "N",
         .help = "pictures a submit"),
    EVAL(size, I32, "size", .initial = "0", .least = 0, .most = 4096, .metavar = "PIXELS",
         .help = "height and width where the file leaves them open; 0: 224"),
    EVAL(validate, BOOL, "validate", .help = "run with the Vulkan validation layers"),
};
const hone_option_table hone_eval_options =
    HONE_OPTION_TABLE("Evaluation", eval_rows, struct hone_eval_params);

struct eval_work {
    struct hone_eval_params params;
    hone_dataset *data;
    hone_session *session;
    struct hone_pictures pictures;
    enum hone_part part;
    int32_t *class_of; // of the data's classes: the model's
    struct hone_evaluation *out;
};

static hone_status choose_part(struct eval_work *w) {
    if (!w->params.part) {
        w->part = hone_dataset_count(w->data, HONE_PART_TEST)  ? HONE_PART_TEST
                  : hone_dataset_count(w->data, HONE_PART_VAL) ? HONE_PART_VAL
                                                               : HONE_PART_ALL;
        return HONE_OK;
    }
    for (int part = 0; part <= HONE_PART_ALL; part++) {
        if (strcmp(hone_part_name((enum hone_part)part), w->params.part) != 0) continue;
        w->part = (enum hone_part)part;
        return HONE_OK;
    }
    return hone_fail(HONE_INVALID, "--part: '%s' is not one of train|val|test|all", w->params.part);
}

static hone_status match_classes(struct eval_work *w) {
    int32_t count = hone_dataset_class_count(w->data), own = hone_session_class_count(w->session);
    w->class_of = hone_calloc((size_t)count, sizeof *w->class_of, "classes");
    if (!w->class_of) return HONE_OUT_OF_MEMORY;
    for (int32_t c = 0; c < count; c++) {
        const char *name = hone_dataset_class_name(w->data, c);
        w->class_of[c] = -1;
        for (int32_t k = 0; k < own; k++)
            if (strcmp(hone_session_class_name(w->session, k), name) == 0) w->class_of[c] = k;
        if (w->class_of[c] < 0)
            return hone_fail(HONE_INVALID, "the data has class '%s', which the model does not know",
                             name);
    }
    return HONE_OK;
}

static hone_status copy_names(struct eval_work *w) {
    struct hone_evaluation *out = w->out;
    out->class_count = hone_session_class_count(w->session);
    out->class_names = hone_calloc((size_t)out->class_count, sizeof *out->class_names, "classes");
    if (!out->class_names) return HONE_OUT_OF_MEMORY;
    for (int32_t c = 0; c < out->class_count; c++) {
        out->class_names[c] = hone_strdup(hone_session_class_name(w->session, c));
        if (!out->class_names[c]) return HONE_OUT_OF_MEMORY;
    }
    out->count = w->pictures.count;
    out->broken = w->pictures.broken;
    out->paths = hone_calloc(out->count, sizeof *out->paths, "paths");
    out->labels = hone_calloc(out->count, sizeof *out->labels, "labels");
    out->probabilities = hone_calloc(out->count * (size_t)out->class_count,
                                     sizeof *out->probabilities, "probabilities");
    if (!out->paths || !out->labels || !out->probabilities) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < out->count; i++) {
        const struct hone_data_item *item =
            hone_dataset_item(w->data, w->part, w->pictures.items[i]);
        out->labels[i] = w->class_of[w->pictures.labels[i]];
        out->paths[i] = hone_strdup(item->path);
        if (!out->paths[i]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

static hone_status run_pictures(struct eval_work *w) {
    size_t batch = (size_t)w->params.batch, classes = (size_t)w->out->class_count;
    size_t bytes = (size_t)w->pictures.height * (size_t)w->pictures.width * 3;
    double start = hone_seconds();
    for (size_t first = 0; first < w->out->count; first += batch) {
        size_t n = w->out->count - first < batch ? w->out->count - first : batch;
        HONE_TRY(hone_session_run(w->session, w->pictures.pixels + first * bytes, n,
                                  w->out->probabilities + first * classes));
        w->out->seconds = hone_seconds() - start;
        w->out->pictures_per_second = (double)(first + n) / w->out->seconds;
        if (w->params.progress &&
            !w->params.progress(w->params.user, (int64_t)(first + n), (int64_t)w->out->count,
                                w->out->pictures_per_second))
            return hone_fail(HONE_CANCELLED, "stopped after %zu of %zu pictures", first + n,
                             w->out->count);
    }
    return HONE_OK;
}

static hone_status eval_run(struct eval_work *w, const char *model,
                            const struct hone_data_params *data) {
    struct hone_data_params own = *data;
    own.any_classes = true;
    HONE_TRY(hone_options_complete(&hone_eval_options, &w->params));
    HONE_TRY(hone_dataset_open(&own, &w->data));
    HONE_TRY(choose_part(w));
    if (!hone_dataset_count(w->data, w->part))
        return hone_fail(HONE_INVALID, "the data has no %s pictures", hone_part_name(w->part));
    HONE_TRY(hone_session_create(model,
                                 &(hone_session_params){.struct_bytes = sizeof(hone_session_params),
                                                        .device = w->params.device,
                                                        .preprocess = w->params.preprocess,
                                                        .size = w->params.size,
                                                        .batch = w->params.batch,
                                                        .validate = w->params.validate},
                                 &w->session));
    HONE_TRY(match_classes(w));
    HONE_TRY(hone_pictures_load(w->data, w->part, hone_session_preprocess(w->session),
                                &(struct hone_pictures_params){.strict = own.strict},
                                &w->pictures));
    HONE_TRY(copy_names(w));
    HONE_TRY(run_pictures(w));
    return hone_metrics_from_probabilities(w->out->probabilities, w->out->labels, w->out->count,
                                           w->out->class_count, &w->out->metrics);
}

hone_status hone_eval(const char *model, const struct hone_data_params *data,
                      const struct hone_eval_params *params, struct hone_evaluation *out) {
    struct eval_work work = {.out = out};
    *out = (struct hone_evaluation){0};
    if (params) work.params = *params;
    hone_status status = eval_run(&work, model, data);
    hone_session_destroy(&work.session);
    hone_pictures_deinit(&work.pictures);
    hone_dataset_close(&work.data);
    hone_free(work.class_of);
    if (status != HONE_OK) hone_evaluation_deinit(out);
    return status;
}

void hone_evaluation_deinit(struct hone_evaluation *evaluation) {
    for (int32_t c = 0; evaluation->class_names && c < evaluation->class_count; c++)
        hone_free(evaluation->class_names[c]);
    for (size_t i = 0; evaluation->paths && i < evaluation->count; i++)
        hone_free(evaluation->paths[i]);
    hone_free(evaluation->class_names);
    hone_free(evaluation->paths);
    hone_free(evaluation->labels);
    hone_free(evaluation->probabilities);
    hone_metrics_deinit(&evaluation->metrics);
    *evaluation = (struct hone_evaluation){0};
}
