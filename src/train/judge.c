// judge.c: what the weights on the device say of a part of the data, through the graph that a
// session runs.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "check/trust.h"
#include "infer/graph.h"

static size_t picture_bytes(const struct hone_trainer *t) {
    return (size_t)t->model->preprocess.height * (size_t)t->model->preprocess.width * 3;
}

hone_status hone_trainer_judge_graph(const struct hone_trainer *t, int32_t at_once,
                                     struct hone_graph **out) {
    struct hone_train_binding binding;
    *out = NULL;
    HONE_TRY(hone_train_binding_init(&binding, t->model, &t->layout));
    if (t->params.average > 0) binding.state = "average";
    struct hone_model_emit_params emit = {.param = hone_train_bind,
                                          .folded_norms = t->layout.folded_norms,
                                          .folded = hone_train_bind_folded,
                                          .user = &binding};
    hone_status status =
        hone_infer_graph(t->model, hone_trainer_judge_batch(t, at_once), &emit, out);
    hone_train_binding_deinit(&binding);
    return status;
}

hone_status hone_trainer_compile_judge(struct hone_trainer *t) {
    struct hone_graph *graph;
    HONE_TRY(hone_trainer_judge_graph(t, t->plan.at_once, &graph));
    hone_status status = hone_trust_compile(t->store, graph, NULL, &t->judge);
    hone_graph_destroy(&graph);
    return status;
}

// A part in batches.
struct judge_work {
    struct hone_trainer *t;
    const struct hone_pictures *pictures;
    size_t batch;
    float *probabilities; // of all pictures
    double start;
};

static hone_status judge_fill(void *user, size_t index, void *to) {
    struct judge_work *w = user;
    hone_batch_fill(w->pictures, NULL, w->pictures->count, index, w->batch, to, w->t->labels);
    return HONE_OK;
}

static hone_status judge_take(void *user, size_t index, const void *result) {
    struct judge_work *w = user;
    size_t batch = w->batch, classes = (size_t)w->t->classes;
    size_t first = index * batch, left = w->pictures->count - first;
    size_t done = first + (left < batch ? left : batch);
    memcpy(w->probabilities + first * classes, result,
           (done - first) * classes * sizeof *w->probabilities);
    double seconds = hone_seconds() - w->start;
    hone_trainer_progress(
        w->t, &(struct hone_train_progress){.phase = HONE_TRAIN_EVAL,
                                            .done = (int64_t)done,
                                            .total = (int64_t)w->pictures->count,
                                            .loss = NAN,
                                            .pictures_per_second = (double)done / seconds});
    return HONE_OK;
}

hone_status hone_trainer_judge(struct hone_trainer *t, enum hone_part part,
                               struct hone_metrics *out) {
    const struct hone_pictures *pictures = &t->pictures[part];
    *out = (struct hone_metrics){0};
    if (!pictures->count) return HONE_OK;
    float *probabilities =
        hone_calloc(pictures->count * (size_t)t->classes, sizeof(float), "probabilities");
    if (!probabilities) return HONE_OUT_OF_MEMORY;
    size_t batch = (size_t)hone_trainer_judge_batch(t, t->plan.at_once);
    struct judge_work work = {.t = t,
                              .pictures = pictures,
                              .batch = batch,
                              .probabilities = probabilities,
                              .start = hone_seconds()};
    hone_status status = hone_program_stream(
        t->judge, &(struct hone_stream){.input = "images",
                                        .output = "probabilities",
                                        .input_bytes = batch * picture_bytes(t),
                                        .output_bytes = batch * (size_t)t->classes * sizeof(float),
                                        .count = hone_batch_count(pictures->count, batch),
                                        .fill = judge_fill,
                                        .take = judge_take,
                                        .user = &work});
    if (status == HONE_OK)
        status = hone_metrics_from_probabilities(probabilities, pictures->labels, pictures->count,
                                                 t->classes, out);
    hone_free(t->answers[part]);
    t->answers[part] = probabilities;
    t->spent.judge += hone_seconds() - work.start;
    return status;
}
