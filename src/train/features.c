// features.c: the classifier alone, as a run or as the start of one: every picture goes through the
// frozen backbone once, its features stay in host memory (and, where they took long, on disk for
// the next run: cache.h), and head.c solves for the classifier.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include <xxhash.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "check/trust.h"
#include "image/preprocess.h"
#include "infer/graph.h"
#include "train/augment.h"
#include "train/cache.h"
#include "train/head.h"

enum { ROW_EVERY = 10, ITERATIONS = 500 }; // a row of results.csv every so many iterations
static const double TOLERANCE = 1e-5;

struct feature_work {
    struct hone_trainer *t;
    struct hone_store *store;
    // Of pictures as they are, and augmented, where the classifier learns from more views.
    struct hone_program *program, *augmented;
    // Of what the frozen layers have made of training pictures already (prefix.c), or NULL.
    struct hone_store *behind_store;
    struct hone_program *behind;
    int32_t batch; // pictures at a time
    int32_t feature_count;
    // (views, count of the part, F): of training pictures --head-views, of others one.
    float *features[HONE_PART_COUNT];
    // Features by way of maps have bits of their own, and their own file.
    struct hone_feature_cache cache, cache_behind;
    uint64_t *hashes[HONE_PART_COUNT]; // (views, count of the part): of the pictures
    uint64_t augment_hash;
    int32_t view;               // at work; 0: as they are
    uint32_t *absent;           // of the part at work: pictures that the cache does not have
    size_t absent_count, found; // found: in the cache, of all parts
    double saved;               // seconds that those took when they were computed
    enum hone_part part;        // at work
    size_t done, total;
    double start;
    bool rows;                   // results.csv gets rows
    struct hone_train_epoch row; // last row that was written
};

static bool is_head(const void *user, size_t param) {
    const struct hone_model *model = user;
    return (int)param == model->head.weight || (int)param == model->head.bias;
}

static hone_status open_caches(struct feature_work *w, const struct hone_model *folded) {
    const char *place = w->t->params.feature_cache == HONE_FEATURE_CACHE_OFF ? "" : NULL;
    const char *device = hone_device_key(w->t->device);
    const struct hone_feature_cache_source source = {.model = folded,
                                                     .leaves_out = is_head,
                                                     .user = folded,
                                                     .batch = w->batch,
                                                     .flips = folded->flips};
    uint64_t key;
    HONE_TRY(hone_feature_cache_key(w->program, device, &source, &key));
    HONE_TRY(hone_feature_cache_open(place, key, w->feature_count, &w->cache));
    if (!w->behind) return HONE_OK;
    HONE_TRY(hone_feature_cache_key(w->behind, device, &source, &key));
    return hone_feature_cache_open(place, key, w->feature_count, &w->cache_behind);
}

// Features of `images`, augmented where `augment` is given.
static hone_status compile_view(struct feature_work *w, const struct hone_model *folded,
                                const struct hone_train_augment *augment,
                                struct hone_program **out) {
    static const struct hone_model_emit_params plain = {0};
    const struct hone_preprocess *p = &folded->preprocess;
    hone_value features = HONE_NO_VALUE, clock, mix, pixels;
    struct hone_graph *graph;
    HONE_TRY(hone_graph_create(&graph));
    hone_value images = hone_graph_input(
        graph, "images", hone_desc_make(HONE_U8, 4, w->batch, p->height, p->width, 3));
    if (augment)
        pixels = hone_infer_emit_channels(
            graph, hone_train_emit_augment(graph, augment, p, images, &clock, &mix), p);
    else
        pixels = hone_infer_emit_pixels(graph, images, p);
    hone_status status = hone_model_emit_features(folded, graph, pixels, &plain, &features);
    if (status == HONE_OK) {
        hone_graph_mark_output(graph, features, "features");
        status = hone_graph_status(graph);
    }
    if (status == HONE_OK) status = hone_trust_compile(w->store, graph, NULL, out);
    hone_graph_destroy(&graph);
    return status;
}

// Views beyond the first are drawn as --augment says, but for mixing: labels stay whole.
static hone_status compile_augmented(struct feature_work *w, const struct hone_model *folded) {
    struct hone_train_params *p = &w->t->params;
    struct hone_train_augment augment;
    hone_train_augment_plan(p, &augment);
    augment.mix = false;
    if (!augment.any && p->head_views > 1) {
        hone_trainer_note(w->t, "views: 1, since without augmentation all would be the same");
        p->head_views = 1;
    }
    w->augment_hash = XXH64(&augment.draw, sizeof augment.draw, (uint64_t)p->seed);
    return p->head_views > 1 ? compile_view(w, folded, &augment, &w->augmented) : HONE_OK;
}

// The weights of what trains: the frozen part lies in w->store, folded.
static hone_status load_behind(const struct feature_work *w) {
    const struct hone_model *model = w->t->model;
    for (size_t i = 0; i < model->param_count; i++) {
        const struct hone_param *param = &model->params[i];
        if (!hone_store_has(w->behind_store, param->name)) continue;
        HONE_TRY(hone_store_write(w->behind_store, param->name, param->data,
                                  hone_desc_bytes(hone_graph_desc(model->graph, param->value))));
    }
    return HONE_OK;
}

// From the maps that are kept for the steps: what trains later, on all copies of a picture.
static hone_status compile_behind(struct feature_work *w) {
    const struct hone_trainer *t = w->t;
    const struct hone_model_emit_params emit = {.cut = &t->prefix.cut};
    int32_t rows = w->batch * hone_model_flip_count(t->model->flips);
    struct hone_graph *graph;
    hone_value features;
    HONE_TRY(hone_store_create(t->device, &w->behind_store));
    HONE_TRY(hone_graph_create(&graph));
    hone_value maps = hone_graph_input(
        graph, "maps", hone_desc_make(HONE_F32, 2, rows, (int32_t)t->prefix.cut.width, 0, 0));
    hone_status status = hone_model_emit_features(t->model, graph, maps, &emit, &features);
    if (status == HONE_OK) {
        hone_graph_mark_output(graph, features, "features");
        status = hone_graph_status(graph);
    }
    if (status == HONE_OK) status = hone_trust_compile(w->behind_store, graph, NULL, &w->behind);
    hone_graph_destroy(&graph);
    return status == HONE_OK ? load_behind(w) : status;
}

static hone_status features_compile(struct feature_work *w) {
    struct hone_trainer *t = w->t;
    struct hone_model *folded;
    hone_trainer_progress(t,
                          &(struct hone_train_progress){.phase = HONE_TRAIN_COMPILE, .loss = NAN});
    HONE_TRY(hone_store_create(t->device, &w->store));
    HONE_TRY(hone_model_fold_norms(t->model, &folded));
    hone_status status = compile_view(w, folded, NULL, &w->program);
    if (status == HONE_OK) status = compile_augmented(w, folded);
    if (status == HONE_OK) status = hone_infer_load(folded, w->store);
    if (status == HONE_OK && t->prefix.maps) status = compile_behind(w);
    if (status == HONE_OK) status = open_caches(w, folded);
    hone_model_destroy(&folded);
    return status;
}

static hone_status features_fill(void *user, size_t index, void *to) {
    struct feature_work *w = user;
    const struct hone_pictures *pictures = &w->t->pictures[w->part];
    if (hone_trainer_cancelled(w->t))
        return hone_fail(HONE_CANCELLED, "stopped before there was a classifier");
    hone_batch_fill(pictures, w->absent, w->absent_count, index, (size_t)w->batch, to,
                    w->t->labels);
    if (!w->view) return HONE_OK;
    // Draws depend on the place in the batch and on the step: a view is computed whole, in order.
    size_t batches = hone_batch_count(pictures->count, (size_t)w->batch);
    int32_t clock[2] = {(int32_t)(uint32_t)w->t->params.seed,
                        (int32_t)((size_t)w->view * batches + index)};
    return hone_program_write(w->augmented, "clock", clock, sizeof clock);
}

// Training pictures as far as the frozen layers have brought them.
static hone_status behind_fill(void *user, size_t index, void *to) {
    struct feature_work *w = user;
    const struct hone_trainer_prefix *prefix = &w->t->prefix;
    size_t width = (size_t)prefix->cut.width;
    size_t copies = (size_t)hone_model_flip_count(w->t->model->flips); // all that are kept, or one
    size_t first = index * (size_t)w->batch, left = w->absent_count - first;
    size_t n = left < (size_t)w->batch ? left : (size_t)w->batch;
    if (hone_trainer_cancelled(w->t))
        return hone_fail(HONE_CANCELLED, "stopped before there was a classifier");
    for (size_t i = 0; i < n; i++)
        memcpy((float *)to + i * copies * width, prefix->maps[w->absent[first + i]],
               copies * width * sizeof(float));
    return HONE_OK;
}

static hone_status features_take(void *user, size_t index, const void *result) {
    struct feature_work *w = user;
    size_t batch = (size_t)w->batch, f_count = (size_t)w->feature_count;
    size_t first = index * batch, left = w->absent_count - first;
    size_t n = left < batch ? left : batch;
    float *rows = w->features[w->part] + (size_t)w->view * w->t->pictures[w->part].count * f_count;
    for (size_t i = 0; i < n; i++)
        memcpy(rows + w->absent[first + i] * f_count, (const float *)result + i * f_count,
               f_count * sizeof(float));
    w->done += n;
    hone_trainer_progress(
        w->t, &(struct hone_train_progress){.phase = HONE_TRAIN_FEATURES,
                                            .done = (int64_t)w->done,
                                            .total = (int64_t)w->total,
                                            .loss = NAN,
                                            .pictures_per_second =
                                                (double)w->done / (hone_seconds() - w->start)});
    return HONE_OK;
}

// How often the pictures of a part are looked at.
static size_t views_of(const struct feature_work *w, int part) {
    return part == HONE_PART_TRAIN ? (size_t)w->t->params.head_views : 1;
}

static hone_status features_allocate(struct feature_work *w, enum hone_part part) {
    size_t count = w->t->pictures[part].count ? w->t->pictures[part].count : 1;
    size_t rows = count * views_of(w, part);
    hone_free(w->absent);
    w->absent = hone_calloc(count, sizeof *w->absent, "features");
    w->hashes[part] = hone_calloc(rows, sizeof *w->hashes[part], "features");
    w->features[part] = hone_calloc(rows * (size_t)w->feature_count, sizeof(float), "features");
    return w->absent && w->hashes[part] && w->features[part] ? HONE_OK : HONE_OUT_OF_MEMORY;
}

// The hash of picture `index` in the view at work; an augmented one is that of its place, too.
static uint64_t view_hash(const struct feature_work *w, const struct hone_pictures *pictures,
                          size_t index) {
    uint64_t hash = hone_feature_cache_hash(pictures, index);
    const uint64_t place[] = {hash, (uint64_t)w->view, index, pictures->count};
    return w->view ? XXH64(place, sizeof place, w->augment_hash) : hash;
}

// Features of a view of a part come from maps.
static bool from_maps(const struct feature_work *w, enum hone_part part, int32_t view) {
    return w->behind && part == HONE_PART_TRAIN && !view;
}

static const struct hone_feature_cache *cache_of(const struct feature_work *w, enum hone_part part,
                                                 int32_t view) {
    return from_maps(w, part, view) ? &w->cache_behind : &w->cache;
}

// What the cache has of a view of a part, and a list of the rest.
static void features_look_up(struct feature_work *w, enum hone_part part) {
    const struct hone_pictures *pictures = &w->t->pictures[part];
    size_t f_count = (size_t)w->feature_count, count = pictures->count;
    uint64_t *hashes = w->hashes[part] + (size_t)w->view * count;
    float *rows = w->features[part] + (size_t)w->view * count * f_count;
    w->absent_count = 0;
    for (size_t i = 0; i < count; i++) {
        double seconds;
        hashes[i] = view_hash(w, pictures, i);
        const float *row = hone_feature_cache_find(cache_of(w, part, w->view), hashes[i], &seconds);
        if (row) {
            memcpy(rows + i * f_count, row, f_count * sizeof *row);
            w->saved += seconds;
        } else {
            w->absent[w->absent_count++] = (uint32_t)i;
        }
    }
    if (w->view && w->absent_count) // whole or not at all
        for (w->absent_count = 0; w->absent_count < count; w->absent_count++)
            w->absent[w->absent_count] = (uint32_t)w->absent_count;
    w->found += count - w->absent_count;
    w->done += count - w->absent_count;
}

static hone_status features_compute(struct feature_work *w, enum hone_part part) {
    const struct hone_pictures *pictures = &w->t->pictures[part];
    size_t batch = (size_t)w->batch, f_count = (size_t)w->feature_count;
    struct hone_stream stream = {.input = "images",
                                 .output = "features",
                                 .input_bytes =
                                     batch * (size_t)pictures->height * (size_t)pictures->width * 3,
                                 .output_bytes = batch * f_count * sizeof(float),
                                 .fill = features_fill,
                                 .take = features_take,
                                 .user = w};
    w->part = part;
    features_look_up(w, part);
    struct hone_program *program = w->view ? w->augmented : w->program;
    if (from_maps(w, part, w->view)) {
        program = w->behind;
        stream.input = "maps";
        stream.input_bytes = batch * (size_t)hone_model_flip_count(w->t->model->flips) *
                             (size_t)w->t->prefix.cut.width * sizeof(float);
        stream.fill = behind_fill;
    }
    stream.count = hone_batch_count(w->absent_count, batch);
    return hone_program_stream(program, &stream);
}

// Figures of a part from its features; class_count 0 where it has no pictures.
static hone_status features_judge(struct feature_work *w, enum hone_part part, const float *weight,
                                  const float *bias, struct hone_metrics *out) {
    const struct hone_pictures *pictures = &w->t->pictures[part];
    int32_t classes = w->t->classes;
    *out = (struct hone_metrics){0};
    if (!pictures->count) return HONE_OK;
    float *probabilities =
        hone_calloc(pictures->count * (size_t)classes, sizeof *probabilities, "probabilities");
    if (!probabilities) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_head_apply(w->features[part], pictures->count, w->feature_count,
                                         classes, weight, bias, probabilities);
    if (status == HONE_OK)
        status = hone_metrics_from_probabilities(probabilities, pictures->labels, pictures->count,
                                                 classes, out);
    hone_free(w->t->answers[part]);
    w->t->answers[part] = probabilities;
    return status;
}

// Writes a row of results.csv for the classifier as it is.
static hone_status write_row(struct feature_work *w, int32_t iteration, const float *weight,
                             const float *bias, double loss) {
    struct hone_trainer *t = w->t;
    struct hone_metrics train, val;
    HONE_TRY(features_judge(w, HONE_PART_TRAIN, weight, bias, &train));
    hone_status status = features_judge(w, HONE_PART_VAL, weight, bias, &val);
    double now = hone_seconds();
    w->row = (struct hone_train_epoch){.epoch = iteration,
                                       .epochs = w->rows ? ITERATIONS : t->params.epochs,
                                       .train_loss = loss,
                                       .train_accuracy = train.accuracy,
                                       .val_loss = val.class_count ? val.loss : NAN,
                                       .val_accuracy = val.class_count ? val.accuracy : NAN,
                                       .val_macro_f1 = val.class_count ? val.macro_f1 : NAN,
                                       .lr = NAN,
                                       .pictures_per_second = (double)train.count * iteration /
                                                              (now - w->start + 1e-9),
                                       .seconds = now - t->start,
                                       .best = true};
    hone_metrics_deinit(&train);
    hone_metrics_deinit(&val);
    if (status == HONE_OK) status = hone_run_add_epoch(&t->run, &w->row);
    if (status == HONE_OK && t->hooks.epoch) t->hooks.epoch(t->hooks.user, &w->row);
    return status;
}

static hone_status features_observe(void *user, int32_t iteration, const float *weight,
                                    const float *bias, double loss) {
    struct feature_work *w = user;
    struct hone_trainer *t = w->t;
    double rate =
        (double)t->pictures[HONE_PART_TRAIN].count * iteration / (hone_seconds() - w->start + 1e-9);
    hone_trainer_progress(t, &(struct hone_train_progress){.phase = HONE_TRAIN_STEPS,
                                                           .done = iteration,
                                                           .total = ITERATIONS,
                                                           .epoch = iteration,
                                                           .epochs = ITERATIONS,
                                                           .loss = loss,
                                                           .pictures_per_second = rate});
    t->steps_done = iteration;
    w->row.train_loss = loss;
    if (w->rows && iteration % ROW_EVERY == 0)
        HONE_TRY(write_row(w, iteration, weight, bias, loss));
    if (hone_trainer_cancelled(t))
        return hone_fail(HONE_CANCELLED, "stopped at iteration %d of the classifier",
                         (int)iteration);
    return HONE_OK;
}

// Solves for the classifier of t->model. What a cancelled solver has reached counts, too:
// HONE_CANCELLED with *iterations above 0.
static hone_status features_solve(struct feature_work *w, int32_t *iterations) {
    struct hone_trainer *t = w->t;
    const struct hone_pictures *train = &t->pictures[HONE_PART_TRAIN];
    size_t views = views_of(w, HONE_PART_TRAIN);
    int32_t *labels = hone_calloc(train->count * views, sizeof *labels, "labels");
    if (!labels) return HONE_OUT_OF_MEMORY;
    for (size_t v = 0; v < views; v++)
        memcpy(labels + v * train->count, train->labels, train->count * sizeof *labels);
    struct hone_head_problem problem = {.features = w->features[HONE_PART_TRAIN],
                                        .labels = labels,
                                        .count = train->count * views,
                                        .feature_count = w->feature_count,
                                        .classes = t->classes,
                                        .class_weights = t->head_weights,
                                        .prior = t->prior,
                                        .l2 = t->params.l2,
                                        .iterations = ITERATIONS,
                                        .tolerance = TOLERANCE,
                                        .observer = features_observe,
                                        .user = w};
    w->start = hone_seconds();
    hone_status solved =
        hone_head_solve(t->device, &problem, t->model->params[t->model->head.weight].data,
                        t->model->params[t->model->head.bias].data, iterations);
    hone_free(labels);
    t->spent.train += hone_seconds() - w->start;
    if (solved == HONE_OK || solved == HONE_CANCELLED)
        hone_trainer_note(t, "the classifier %s after %d iterations",
                          *iterations < ITERATIONS && solved == HONE_OK ? "converged" : "stopped",
                          (int)*iterations);
    return solved;
}

// What the classifier reaches on the validation part, as the best so far.
static hone_status features_consider(struct feature_work *w, int32_t epoch) {
    struct hone_trainer *t = w->t;
    struct hone_metrics val;
    bool best;
    HONE_TRY(features_judge(w, HONE_PART_VAL, t->model->params[t->model->head.weight].data,
                            t->model->params[t->model->head.bias].data, &val));
    if (val.class_count)
        hone_trainer_note(t, "the classifier alone: validation accuracy %.3f, macro-F1 %.3f",
                          val.accuracy, val.macro_f1);
    return hone_trainer_consider(t, epoch, &val, &best);
}

// A run of the classifier alone: what it reaches is written down.
static hone_status features_finish(struct feature_work *w) {
    struct hone_trainer *t = w->t;
    const float *weight = t->model->params[t->model->head.weight].data;
    const float *bias = t->model->params[t->model->head.bias].data;
    int32_t iterations;
    hone_status solved = features_solve(w, &iterations);
    if (solved != HONE_OK && solved != HONE_CANCELLED) return solved;
    if (w->row.epoch != iterations || !iterations)
        HONE_TRY(write_row(w, iterations, weight, bias, w->row.train_loss));
    HONE_TRY(features_consider(w, iterations));
    HONE_TRY(hone_trainer_write_best(t, iterations));
    HONE_TRY(hone_trainer_write_last(t, iterations));
    t->run.kept = true;
    HONE_TRY(features_judge(w, HONE_PART_TEST, weight, bias, &t->result->test));
    t->result->epochs_done = iterations;
    t->result->pictures_per_second = w->row.pictures_per_second;
    return solved;
}

// Keeps what was computed for the next run. A cache that cannot be written costs no run.
static void features_keep(struct feature_work *w, int parts, double seconds) {
    bool on = w->t->params.feature_cache == HONE_FEATURE_CACHE_ON;
    size_t computed = w->total - w->found, kept = 0;
    const char *where = NULL;
    hone_status status = HONE_OK;
    if (!w->cache.path || !computed || (seconds < HONE_CACHE_SECONDS && !on)) return;
    for (int part = 0; part < parts; part++) {
        size_t count = w->t->pictures[part].count, views = views_of(w, part), some = 0;
        for (size_t view = 0; view < views && status == HONE_OK; view++) {
            size_t first = view * count;
            const struct hone_feature_cache *cache =
                cache_of(w, (enum hone_part)part, (int32_t)view);
            status = hone_feature_cache_add(cache, w->hashes[part] + first,
                                            w->features[part] + first * (size_t)w->feature_count,
                                            count, seconds / (double)computed, &some);
            kept += some;
            if (some) where = cache->path;
        }
    }
    if (status != HONE_OK)
        hone_log(HONE_LOG_WARNING, "features are not kept for the next run: %s",
                 hone_error_message());
    else if (kept)
        hone_trainer_note(w->t, "features: %zu kept in %s for the next run", kept, where);
}

// Features of the first `parts` parts.
static hone_status features_prepare(struct feature_work *w, int parts) {
    struct hone_trainer *t = w->t;
    t->labels = hone_calloc((size_t)t->plan.at_once, sizeof *t->labels, "labels");
    if (!t->labels) return HONE_OUT_OF_MEMORY;
    double start = hone_seconds();
    w->batch = hone_trainer_judge_batch(t, t->plan.at_once);
    HONE_TRY(features_compile(w));
    t->spent.compile += hone_seconds() - start;
    for (int part = 0; part < parts; part++)
        w->total += t->pictures[part].count * views_of(w, part);
    w->start = hone_seconds();
    for (int part = 0; part < parts; part++) {
        HONE_TRY(features_allocate(w, (enum hone_part)part));
        for (w->view = 0; (size_t)w->view < views_of(w, part); w->view++)
            HONE_TRY(features_compute(w, (enum hone_part)part));
    }
    double seconds = hone_seconds() - w->start;
    t->spent.features += seconds;
    if (w->found)
        hone_trainer_note(
            t,
            "features: %zu pictures in %.1f s, %zu of them from the cache, which saves "
            "%.1f s (--feature-cache off computes all)",
            w->total, seconds, w->found, w->saved);
    else
        hone_trainer_note(t, "features: %zu pictures in %.1f s, %.1f a second", w->total, seconds,
                          (double)w->total / seconds);
    features_keep(w, parts, seconds);
    return HONE_OK;
}

static void features_deinit(struct feature_work *w) {
    hone_program_destroy(&w->program);
    hone_program_destroy(&w->augmented);
    hone_program_destroy(&w->behind);
    hone_store_destroy(&w->behind_store);
    hone_store_destroy(&w->store);
    for (int part = 0; part < HONE_PART_COUNT; part++) {
        hone_free(w->features[part]);
        hone_free(w->hashes[part]);
    }
    hone_free(w->absent);
    hone_feature_cache_close(&w->cache);
    hone_feature_cache_close(&w->cache_behind);
}

hone_status hone_trainer_fit_head(struct hone_trainer *t) {
    struct feature_work work = {.t = t, .feature_count = t->model->head.features, .rows = true};
    hone_status status = features_prepare(&work, HONE_PART_COUNT);
    if (status == HONE_OK) status = features_finish(&work);
    features_deinit(&work);
    return status;
}

hone_status hone_trainer_probe(struct hone_trainer *t) {
    struct feature_work work = {.t = t, .feature_count = t->model->head.features};
    int32_t iterations;
    hone_status status = hone_trainer_fill_prefix(t);
    if (status == HONE_OK)
        status = features_prepare(&work, HONE_PART_TEST); // training and validation
    if (status == HONE_OK) status = features_solve(&work, &iterations);
    if (status == HONE_OK) status = features_consider(&work, 0);
    if (status == HONE_OK)
        status = write_row(&work, 0, t->model->params[t->model->head.weight].data,
                           t->model->params[t->model->head.bias].data, work.row.train_loss);
    if (status == HONE_OK) status = hone_trainer_write_best(t, 0);
    t->run.kept = t->run.kept || status == HONE_OK;
    features_deinit(&work);
    hone_free(t->labels);
    t->labels = NULL;
    t->steps_done = 0;
    return status;
}
