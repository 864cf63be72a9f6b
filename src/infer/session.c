// session.c: a model compiled for a device, and pictures through it. Pictures are fitted on the CPU
// by the code that prepared the training pictures; normalisation is part of the graph.
#include "infer/session.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "check/trust.h"
#include "exec/program.h"
#include "image/decode.h"
#include "infer/graph.h"

enum { BATCH_MAX = 1024 };

struct hone_session {
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_preprocess preprocess;
    int32_t batch, classes;
    char **names;
    uint8_t *pixels; // (batch,H,W,3)
    float *result;   // (batch,classes)
};

static size_t picture_bytes(const hone_session *session) {
    return (size_t)session->preprocess.height * (size_t)session->preprocess.width * 3;
}

static hone_status session_names(hone_session *session, const struct hone_model *model) {
    session->names = hone_calloc((size_t)session->classes, sizeof *session->names, "class names");
    if (!session->names) return HONE_OUT_OF_MEMORY;
    for (int32_t i = 0; i < session->classes; i++) {
        char name[32];
        snprintf(name, sizeof name, "class %d", (int)i);
        bool known = model->class_names && i < model->class_count;
        session->names[i] = hone_strdup(known ? model->class_names[i] : name);
        if (!session->names[i]) return HONE_OUT_OF_MEMORY;
    }
    return HONE_OK;
}

static hone_status session_compile(hone_session *session, const struct hone_model *model) {
    struct hone_graph *graph;
    HONE_TRY(hone_store_create(session->device, &session->store));
    HONE_TRY(hone_infer_graph(model, session->batch, NULL, &graph));
    const struct hone_desc *out = hone_graph_desc(graph, hone_graph_find(graph, "probabilities"));
    session->classes = out->dim[out->rank - 1];
    hone_status status = HONE_OK;
    if (hone_desc_elements(out) != (int64_t)session->batch * session->classes)
        status = hone_fail(HONE_UNSUPPORTED, "the output is not one score a class");
    if (status == HONE_OK)
        status = hone_trust_compile(session->store, graph, NULL, &session->program);
    hone_graph_destroy(&graph);
    HONE_TRY(status);
    return hone_infer_load(model, session->store);
}

// Reads the file and folds its batch norms: a session only answers.
static hone_status session_load(const char *path, const hone_session_params *params,
                                struct hone_model **out) {
    hone_model_load_params load = {.size = params->size, .preprocess = params->preprocess};
    struct hone_model *model;
    *out = NULL;
    HONE_TRY(hone_model_load(path, &load, &model));
    hone_status status = hone_model_fold_norms(model, out);
    hone_model_destroy(&model);
    return status;
}

static hone_status session_open(hone_session *session, const char *path,
                                const hone_session_params *params, struct hone_model **model) {
    HONE_TRY(session_load(path, params, model));
    if ((*model)->output_kind == HONE_MODEL_FEATURES)
        return hone_fail(HONE_INVALID,
                         "%s ends in features and names no class: train it first (hone train)",
                         path);
    HONE_TRY(hone_device_open(&(struct hone_device_params){.name = params->device,
                                                           .validate = params->validate != 0,
                                                           .cache_dir = params->cache_dir},
                              &session->device));
    session->preprocess = (*model)->preprocess;
    session->batch = params->batch ? params->batch : 1;
    HONE_TRY(hone_fail_context(session_compile(session, *model), "%s", path));
    HONE_TRY(session_names(session, *model));
    session->pixels = hone_calloc((size_t)session->batch, picture_bytes(session), "pictures");
    session->result = hone_calloc((size_t)session->batch * (size_t)session->classes,
                                  sizeof *session->result, "probabilities");
    return session->pixels && session->result ? HONE_OK : HONE_OUT_OF_MEMORY;
}

hone_status hone_session_create(const char *model, const hone_session_params *params,
                                hone_session **out) {
    hone_session_params own = {0};
    *out = NULL;
    // A caller built against an older header has a shorter struct.
    if (params && (params->struct_bytes == 0 || params->struct_bytes > sizeof own))
        return hone_fail(HONE_INVALID,
                         "hone_session_params.struct_bytes must be sizeof(hone_session_params)");
    if (params) memcpy(&own, params, params->struct_bytes);
    if (own.batch < 0 || own.batch > BATCH_MAX)
        return hone_fail(HONE_INVALID, "batch %d is out of range 1..%d", (int)own.batch, BATCH_MAX);
    hone_session *session = hone_calloc(1, sizeof *session, "a session");
    if (!session) return HONE_OUT_OF_MEMORY;
    struct hone_model *loaded = NULL;
    hone_status status = session_open(session, model, &own, &loaded);
    hone_model_destroy(&loaded); // its weights are on the device now
    if (status != HONE_OK)
        hone_session_destroy(&session);
    else
        *out = session;
    return status;
}

void hone_session_destroy(hone_session **session) {
    hone_session *s = *session;
    if (!s) return;
    hone_program_destroy(&s->program);
    hone_store_destroy(&s->store);
    hone_device_close(&s->device);
    for (int32_t i = 0; s->names && i < s->classes; i++) hone_free(s->names[i]);
    hone_free(s->names);
    hone_free(s->pixels);
    hone_free(s->result);
    hone_free(s);
    *session = NULL;
}

int32_t hone_session_class_count(const hone_session *session) {
    return session->classes;
}

const char *hone_session_class_name(const hone_session *session, int32_t index) {
    return index >= 0 && index < session->classes ? session->names[index] : NULL;
}

int32_t hone_session_width(const hone_session *session) {
    return session->preprocess.width;
}

int32_t hone_session_height(const hone_session *session) {
    return session->preprocess.height;
}

const char *hone_session_device(const hone_session *session) {
    return hone_device_caps(session->device)->name;
}

const struct hone_preprocess *hone_session_preprocess(const hone_session *session) {
    return &session->preprocess;
}

// Prepared pictures in batches.
struct session_run {
    hone_session *session;
    const uint8_t *pixels;
    size_t count;
    float *probabilities;
};

static size_t run_rows(const struct session_run *run, size_t index) {
    size_t batch = (size_t)run->session->batch, left = run->count - index * batch;
    return left < batch ? left : batch;
}

// A short batch is run whole; the rest of it is whatever was there.
static hone_status run_fill(void *user, size_t index, void *to) {
    const struct session_run *run = user;
    size_t batch = (size_t)run->session->batch, bytes = picture_bytes(run->session);
    memcpy(to, run->pixels + index * batch * bytes, run_rows(run, index) * bytes);
    return HONE_OK;
}

static hone_status run_take(void *user, size_t index, const void *result) {
    const struct session_run *run = user;
    size_t batch = (size_t)run->session->batch, classes = (size_t)run->session->classes;
    memcpy(run->probabilities + index * batch * classes, result,
           run_rows(run, index) * classes * sizeof *run->probabilities);
    return HONE_OK;
}

hone_status hone_session_run(hone_session *session, const uint8_t *pixels, size_t count,
                             float *probabilities) {
    size_t batch = (size_t)session->batch;
    struct session_run run = {session, pixels, count, probabilities};
    return hone_program_stream(
        session->program,
        &(struct hone_stream){.input = "images",
                              .output = "probabilities",
                              .input_bytes = batch * picture_bytes(session),
                              .output_bytes = batch * (size_t)session->classes * sizeof(float),
                              .count = (count + batch - 1) / batch,
                              .fill = run_fill,
                              .take = run_take,
                              .user = &run,
                              .result = session->result});
}

// Up to a batch of pictures, prepared on all cores.
struct session_batch {
    hone_session *session;
    const char *const *paths;
    const hone_picture *pictures;
    hone_status *statuses; // per picture
};

static hone_status fit_file(hone_session *session, const char *path, uint8_t *pixels) {
    struct hone_image image;
    HONE_TRY(hone_image_load(path, 0, &image));
    hone_status status = hone_image_fit(&image, &session->preprocess, pixels);
    hone_image_destroy(&image);
    return status;
}

static hone_status prepare_file(void *user, size_t index) {
    struct session_batch *batch = user;
    hone_status status = fit_file(batch->session, batch->paths[index],
                                  batch->session->pixels + index * picture_bytes(batch->session));
    if (!batch->statuses) return status;
    if (status != HONE_OK) hone_log(HONE_LOG_WARNING, "%s", hone_error_message());
    batch->statuses[index] = status;
    return status == HONE_OUT_OF_MEMORY ? status : HONE_OK;
}

static hone_status prepare_picture(void *user, size_t index) {
    struct session_batch *batch = user;
    const hone_picture *p = &batch->pictures[index];
    size_t stride = p->stride_bytes ? p->stride_bytes : (size_t)p->width * (size_t)p->channels;
    struct hone_image image;
    if (!p->pixels || p->width < 1 || p->height < 1 || (p->channels != 1 && p->channels != 3))
        return hone_fail(HONE_INVALID, "picture %zu: %d x %d with %d channels; 1 or 3 are taken",
                         index, (int)p->width, (int)p->height, (int)p->channels);
    HONE_TRY(hone_image_create(p->width, p->height, &image));
    for (int32_t y = 0; y < p->height; y++) {
        const uint8_t *row = p->pixels + (size_t)y * stride;
        uint8_t *to = image.pixels + (size_t)y * (size_t)p->width * 3;
        for (int32_t x = 0; x < p->width * 3; x++) to[x] = row[p->channels == 3 ? x : x / 3];
    }
    hone_status status =
        hone_image_fit(&image, &batch->session->preprocess,
                       batch->session->pixels + index * picture_bytes(batch->session));
    hone_image_destroy(&image);
    return status;
}

hone_status hone_session_classify_files(hone_session *session, const char *const *paths,
                                        size_t count, float *probabilities, hone_status *statuses) {
    size_t batch = (size_t)session->batch, classes = (size_t)session->classes;
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        struct session_batch work = {.session = session,
                                     .paths = paths + first,
                                     .statuses = statuses ? statuses + first : NULL};
        HONE_TRY(hone_parallel_for(n, 0, prepare_file, &work));
        HONE_TRY(hone_session_run(session, session->pixels, n, probabilities + first * classes));
        for (size_t i = 0; i < n && statuses; i++)
            if (statuses[first + i] != HONE_OK)
                memset(probabilities + (first + i) * classes, 0, classes * sizeof *probabilities);
    }
    return HONE_OK;
}

hone_status hone_session_classify_file(hone_session *session, const char *path,
                                       float *probabilities) {
    return hone_session_classify_files(session, &path, 1, probabilities, NULL);
}

hone_status hone_session_classify(hone_session *session, const hone_picture *pictures, size_t count,
                                  float *probabilities) {
    size_t batch = (size_t)session->batch;
    for (size_t first = 0; first < count; first += batch) {
        size_t n = count - first < batch ? count - first : batch;
        struct session_batch work = {.session = session, .pictures = pictures + first};
        HONE_TRY(hone_parallel_for(n, 0, prepare_picture, &work));
        HONE_TRY(hone_session_run(session, session->pixels, n,
                                  probabilities + first * (size_t)session->classes));
    }
    return HONE_OK;
}
