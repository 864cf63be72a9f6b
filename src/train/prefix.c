// prefix.c: layers that keep their weights give the same maps for the same picture, epoch after
// epoch. Where training draws nothing but mirrored copies, they are computed once for each copy of
// each training picture and kept in the host's memory; steps then begin at the cut (model/cut.c).
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/rng.h"
#include "base/thread.h"
#include "check/trust.h"
#include "infer/graph.h"
#include "train/augment.h"

enum { COPY_STREAM = 0x636f7079 };             // "copy"
static const double MEMORY_SHARE = 0.25;       // of the machine's, for maps
static const uint64_t MEMORY_LEAST = 1u << 28; // where the system does not say

// Which mirrored copies training draws from; false: it draws more than that.
static bool draws_copies(const struct hone_train_params *params, int32_t *flips) {
    struct hone_train_augment augment;
    hone_train_augment_plan(params, &augment);
    *flips = (augment.draw.flip_x ? HONE_MODEL_FLIP_X : 0) |
             (augment.draw.flip_y ? HONE_MODEL_FLIP_Y : 0);
    struct hone_train_params still = *params;
    still.flips = HONE_FLIPS_NONE;
    hone_train_augment_plan(&still, &augment);
    return !augment.any && !augment.mix;
}

static hone_status find_cut(struct hone_trainer *t) {
    const struct hone_graph *g = t->model->graph;
    bool *trains = hone_calloc(g->node_count, sizeof *trains, "a cut");
    if (!trains) return HONE_OUT_OF_MEMORY;
    for (size_t n = 0; n < g->node_count; n++)
        trains[n] = hone_train_layout_trains(&t->layout, t->model, &g->nodes[n]);
    hone_status status = hone_model_cut_find(t->model, trains, &t->prefix.cut);
    hone_free(trains);
    return status;
}

hone_status hone_trainer_plan_prefix(struct hone_trainer *t) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    int32_t flips;
    if (t->recipe == HONE_RECIPE_HEAD || t->freeze < 1) return HONE_OK;
    const char *why = NULL;
    if (t->params.feature_cache == HONE_FEATURE_CACHE_OFF)
        why = "as asked";
    else if (!draws_copies(&t->params, &flips))
        why = "pictures are drawn anew in each epoch, in more than mirrored copies";
    if (!why) {
        HONE_TRY(find_cut(t));
        if (!prefix->cut.count) why = "layers that train read the picture itself";
    }
    if (!why) {
        prefix->flips = flips;
        prefix->copies = hone_model_flip_count(flips);
        prefix->count = hone_dataset_count(t->data, HONE_PART_TRAIN);
        uint64_t memory = hone_memory_bytes();
        double most = memory ? MEMORY_SHARE * (double)memory : (double)MEMORY_LEAST;
        double bytes = (double)prefix->count * prefix->copies * (double)prefix->cut.width * 4;
        if (bytes > most)
            why = "their maps of all pictures would take more than a quarter of this machine's "
                  "memory";
        else
            hone_trainer_note(
                t,
                "frozen layers: computed once for each of the %d mirrored copies of a picture and "
                "kept in memory, %.0f MB (--feature-cache off computes them in each step)",
                (int)prefix->copies, bytes * 1e-6);
    }
    if (!why) return HONE_OK;
    hone_trainer_note(t, "frozen layers: computed in each step (%s)", why);
    hone_model_cut_deinit(&prefix->cut);
    return HONE_OK;
}

void hone_trainer_prefix_deinit(struct hone_trainer_prefix *prefix) {
    hone_model_cut_deinit(&prefix->cut);
    hone_free(prefix->rows);
    prefix->rows = NULL;
}

// ---- Computing the maps
// ------------------------------------------------------------------------------------------------

struct prefix_work {
    struct hone_trainer *t;
    int32_t batch;
    int32_t *labels; // not needed, but filled
    double start;
};

static hone_status prefix_graph(const struct hone_trainer *t, int32_t batch,
                                struct hone_graph **out) {
    const struct hone_preprocess *p = &t->model->preprocess;
    struct hone_train_binding binding;
    struct hone_graph *graph = NULL;
    HONE_TRY(hone_train_binding_init(&binding, t->model, &t->layout));
    const struct hone_model_emit_params emit = {.param = hone_train_bind,
                                                .folded_norms = t->layout.folded_norms,
                                                .folded = hone_train_bind_folded,
                                                .user = &binding};
    hone_status status = hone_graph_create(&graph);
    if (status == HONE_OK) {
        hone_value maps;
        hone_value images = hone_graph_input(
            graph, "images", hone_desc_make(HONE_U8, 4, batch, p->height, p->width, 3));
        hone_value pixels = hone_infer_emit_pixels(graph, images, p);
        if (t->prefix.flips) pixels = hone_model_emit_flips(graph, t->prefix.flips, pixels);
        status = hone_model_emit_before(t->model, &t->prefix.cut, graph, pixels, &emit, &maps);
        if (status == HONE_OK) hone_graph_mark_output(graph, maps, "maps");
        if (status == HONE_OK) status = hone_graph_status(graph);
    }
    hone_train_binding_deinit(&binding);
    if (status != HONE_OK) hone_graph_destroy(&graph);
    *out = graph;
    return status;
}

static hone_status prefix_fill(void *user, size_t index, void *to) {
    struct prefix_work *w = user;
    const struct hone_pictures *pictures = &w->t->pictures[HONE_PART_TRAIN];
    if (hone_trainer_cancelled(w->t))
        return hone_fail(HONE_CANCELLED, "stopped before the first epoch");
    hone_batch_fill(pictures, NULL, pictures->count, index, (size_t)w->batch, to, w->labels);
    return HONE_OK;
}

static hone_status prefix_take(void *user, size_t index, const void *result) {
    struct prefix_work *w = user;
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    size_t row = (size_t)prefix->copies * (size_t)prefix->cut.width;
    size_t first = index * (size_t)w->batch, left = prefix->count - first;
    size_t n = left < (size_t)w->batch ? left : (size_t)w->batch;
    memcpy(prefix->rows + first * row, result, n * row * sizeof(float));
    hone_trainer_progress(
        w->t, &(struct hone_train_progress){.phase = HONE_TRAIN_FEATURES,
                                            .done = (int64_t)(first + n),
                                            .total = (int64_t)prefix->count,
                                            .loss = NAN,
                                            .pictures_per_second =
                                                (double)(first + n) / (hone_seconds() - w->start)});
    return HONE_OK;
}

static hone_status prefix_run(struct prefix_work *w, struct hone_store *store) {
    struct hone_trainer *t = w->t;
    struct hone_trainer_prefix *prefix = &t->prefix;
    struct hone_graph *graph;
    struct hone_program *program = NULL;
    size_t batch = (size_t)w->batch;
    size_t picture = (size_t)t->model->preprocess.height * (size_t)t->model->preprocess.width * 3;
    size_t row = (size_t)prefix->copies * (size_t)prefix->cut.width * sizeof(float);
    HONE_TRY(prefix_graph(t, w->batch, &graph));
    hone_status status = hone_trust_compile(store, graph, NULL, &program);
    hone_graph_destroy(&graph);
    if (status == HONE_OK) status = hone_trainer_load_frozen(t, store);
    w->start = hone_seconds();
    if (status == HONE_OK)
        status = hone_program_stream(
            program, &(struct hone_stream){.input = "images",
                                           .output = "maps",
                                           .input_bytes = batch * picture,
                                           .output_bytes = batch * row,
                                           .count = hone_batch_count(prefix->count, batch),
                                           .fill = prefix_fill,
                                           .take = prefix_take,
                                           .user = w});
    hone_program_destroy(&program);
    return status;
}

hone_status hone_trainer_fill_prefix(struct hone_trainer *t) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    if (!prefix->cut.count || prefix->rows) return HONE_OK;
    int32_t batch = t->plan.at_once / prefix->copies;
    prefix->count = t->pictures[HONE_PART_TRAIN].count; // some may not have been readable
    struct prefix_work work = {.t = t, .batch = batch ? batch : 1};
    struct hone_store *store = NULL;
    size_t row = (size_t)prefix->copies * (size_t)prefix->cut.width;
    prefix->rows = hone_calloc(prefix->count * row, sizeof *prefix->rows, "maps");
    work.labels = hone_calloc((size_t)work.batch, sizeof *work.labels, "labels");
    hone_status status = prefix->rows && work.labels ? HONE_OK : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_store_create(t->device, &store);
    if (status == HONE_OK) status = prefix_run(&work, store);
    hone_store_destroy(&store);
    hone_free(work.labels);
    if (status != HONE_OK) {
        hone_free(prefix->rows);
        prefix->rows = NULL;
        return status;
    }
    prefix->seconds = hone_seconds() - work.start;
    t->spent.features += prefix->seconds;
    hone_trainer_note(t,
                      "frozen layers: %zu pictures in %.1f s; each epoch after the first saves at "
                      "least %.1f s of it",
                      prefix->count, prefix->seconds, prefix->seconds / prefix->copies);
    return HONE_OK;
}

void hone_trainer_prefix_batch(const struct hone_trainer *t, const uint32_t *order, size_t first,
                               size_t rows, int64_t draw, float *to) {
    const struct hone_trainer_prefix *prefix = &t->prefix;
    size_t width = (size_t)prefix->cut.width, copies = (size_t)prefix->copies;
    for (size_t i = 0; i < rows; i++) {
        size_t at = (first + i) % prefix->count; // past the end: from the start
        uint64_t counter = (uint64_t)draw * rows + i;
        size_t copy =
            hone_rng_below((uint64_t)t->params.seed, COPY_STREAM, counter, (uint32_t)copies);
        memcpy(to + i * width, prefix->rows + (order[at] * copies + copy) * width,
               width * sizeof *to);
    }
}
