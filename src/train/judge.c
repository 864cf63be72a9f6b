// judge.c: what the weights on the device say of a part of the data, through the graph that a
// session runs.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "infer/graph.h"

static size_t picture_bytes(const struct hone_trainer *t) {
    return (size_t)t->model->preprocess.height * (size_t)t->model->preprocess.width * 3;
}

hone_status hone_trainer_compile_judge(struct hone_trainer *t) {
    struct hone_train_binding binding;
    struct hone_graph *graph;
    HONE_TRY(hone_train_binding_init(&binding, t->model, &t->layout));
    struct hone_model_emit_params emit = {.param = hone_train_bind, .user = &binding};
    hone_status status = hone_infer_graph(t->model, t->params.batch, &emit, &graph);
    hone_train_binding_deinit(&binding);
    HONE_TRY(status);
    status = hone_program_compile(t->store, graph, NULL, &t->judge);
    hone_graph_destroy(&graph);
    return status;
}

static hone_status judge_all(struct hone_trainer *t, const struct hone_pictures *pictures,
                             float *probabilities) {
    size_t batch = (size_t)t->params.batch, classes = (size_t)t->classes;
    double start = hone_seconds();
    float *out = hone_calloc(batch * classes, sizeof *out, "probabilities");
    if (!out) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (size_t k = 0, done = 0; done < pictures->count && status == HONE_OK; k++) {
        size_t n = hone_batch_fill(pictures, NULL, pictures->count, k, batch, t->pixels, t->labels);
        status = hone_program_write(t->judge, "images", t->pixels, batch * picture_bytes(t));
        if (status == HONE_OK) status = hone_program_run(t->judge);
        if (status == HONE_OK)
            status =
                hone_program_read(t->judge, "probabilities", out, batch * classes * sizeof *out);
        memcpy(probabilities + done * classes, out, n * classes * sizeof *out);
        done += n;
        double seconds = hone_seconds() - start;
        hone_trainer_progress(
            t, &(struct hone_train_progress){.phase = HONE_TRAIN_EVAL,
                                             .done = (int64_t)done,
                                             .total = (int64_t)pictures->count,
                                             .loss = NAN,
                                             .pictures_per_second = (double)done / seconds});
    }
    hone_free(out);
    return status;
}

hone_status hone_trainer_judge(struct hone_trainer *t, enum hone_part part,
                               struct hone_metrics *out) {
    const struct hone_pictures *pictures = &t->pictures[part];
    *out = (struct hone_metrics){0};
    if (!pictures->count) return HONE_OK;
    float *probabilities =
        hone_calloc(pictures->count * (size_t)t->classes, sizeof(float), "probabilities");
    if (!probabilities) return HONE_OUT_OF_MEMORY;
    hone_status status = judge_all(t, pictures, probabilities);
    if (status == HONE_OK)
        status = hone_metrics_from_probabilities(probabilities, pictures->labels, pictures->count,
                                                 t->classes, out);
    hone_free(probabilities);
    return status;
}
