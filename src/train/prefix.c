// prefix.c: layers that keep their weights give the same maps for the same picture, epoch after
// epoch. Where training draws nothing but mirrored copies, they are computed once for each copy of
// each training picture and kept: in the host's memory, or in a file of the cache where that is too
// small, and there for the next run, too (cache.h). Steps then begin at the cut (model/cut.c). The
// device is no place for them: a step reads the maps of one batch, a small part of what it moves.
#include "train/internal.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
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

// Where the maps of all training pictures are kept, or why not.
static hone_status choose_place(struct hone_trainer *t, const char **why) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    int64_t count = (int64_t)hone_dataset_count(t->data, HONE_PART_TRAIN);
    int64_t width = prefix->copies * prefix->cut.width;
    uint64_t memory = hone_memory_bytes();
    double most = memory ? MEMORY_SHARE * (double)memory : (double)MEMORY_LEAST;
    double bytes = (double)count * (double)width * sizeof(float);
    prefix->on_disk = bytes > most;
    *why = NULL;
    if (width > INT32_MAX)
        *why = "the maps of a picture are too long for it";
    else if (prefix->on_disk && !hone_feature_cache_has_room(NULL, count, width))
        *why = "their maps of all pictures would take more than a quarter of this machine's memory "
               "and have no room in the cache folder";
    if (*why && t->resumed) // it drew kept copies, which a run without them cannot
        return hone_fail(HONE_INVALID,
                         "the run keeps what frozen layers compute: that takes %.0f MB, more than "
                         "a quarter of this machine's memory: free as much on the disk of the "
                         "cache folder, or go on where the run began",
                         bytes * 1e-6);
    if (!*why)
        hone_trainer_note(
            t,
            "frozen layers: computed once for each of the %d mirrored copies of a picture and "
            "kept %s, %.0f MB (--feature-cache off computes them in each step)",
            (int)prefix->copies, prefix->on_disk ? "on disk" : "in memory", bytes * 1e-6);
    return HONE_OK;
}

hone_status hone_trainer_plan_prefix(struct hone_trainer *t) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    int32_t flips;
    if (t->recipe == HONE_RECIPE_HEAD || t->freeze < 1) return HONE_OK;
    const char *why = NULL;
    bool asked = t->params.feature_cache == HONE_FEATURE_CACHE_OFF;
    if (asked)
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
        HONE_TRY(choose_place(t, &why));
        // Wherever the run is taken up again, it draws as it does here.
        if (why) t->params.feature_cache = HONE_FEATURE_CACHE_OFF;
    }
    if (!why) return HONE_OK;
    hone_trainer_note(t, "frozen layers: computed in each step (%s)", why);
    hone_model_cut_deinit(&prefix->cut);
    return HONE_OK;
}

void hone_trainer_prefix_deinit(struct hone_trainer_prefix *prefix) {
    hone_model_cut_deinit(&prefix->cut);
    hone_free((void *)prefix->maps);
    hone_free(prefix->computed);
    hone_feature_cache_close(&prefix->cache);
    prefix->maps = NULL;
    prefix->computed = NULL;
}

// ---- Computing the maps
// ------------------------------------------------------------------------------------------------

struct prefix_work {
    struct hone_trainer *t;
    int32_t batch;
    int32_t *labels;         // not needed, but filled
    uint32_t *absent;        // pictures that the cache does not have
    uint64_t *absent_hashes; // of them
    size_t absent_count;
    double saved; // seconds that the others took when they were computed
    double start;
};

// Numbers of a picture's maps.
static size_t prefix_width(const struct hone_trainer_prefix *prefix) {
    return (size_t)prefix->copies * (size_t)prefix->cut.width;
}

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
    hone_batch_fill(pictures, w->absent, w->absent_count, index, (size_t)w->batch, to, w->labels);
    return HONE_OK;
}

// Maps of absent pictures `first` to first + n.
static hone_status prefix_keep(struct prefix_work *w, size_t first, size_t n, const float *maps) {
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    size_t width = prefix_width(prefix), kept;
    double each = (hone_seconds() - w->start) / (double)(first + n);
    if (!prefix->on_disk) {
        memcpy(prefix->computed + first * width, maps, n * width * sizeof(float));
        return HONE_OK;
    }
    return hone_feature_cache_add(&prefix->cache, w->absent_hashes + first, maps, n, each, &kept);
}

static hone_status prefix_take(void *user, size_t index, const void *result) {
    struct prefix_work *w = user;
    size_t first = index * (size_t)w->batch, left = w->absent_count - first;
    size_t n = left < (size_t)w->batch ? left : (size_t)w->batch;
    HONE_TRY(prefix_keep(w, first, n, result));
    hone_trainer_progress(
        w->t, &(struct hone_train_progress){.phase = HONE_TRAIN_FEATURES,
                                            .done = (int64_t)(first + n),
                                            .total = (int64_t)w->absent_count,
                                            .loss = NAN,
                                            .pictures_per_second =
                                                (double)(first + n) / (hone_seconds() - w->start)});
    return HONE_OK;
}

static bool trains(const void *user, size_t param) {
    const struct hone_train_layout *layout = user;
    return layout->slot_of_param[param] >= 0;
}

static hone_status prefix_open_cache(struct hone_trainer *t, struct hone_program *program,
                                     int32_t batch) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    const struct hone_feature_cache_source source = {.model = t->model,
                                                     .leaves_out = trains,
                                                     .user = &t->layout,
                                                     .batch = batch,
                                                     .flips = prefix->flips};
    uint64_t key;
    HONE_TRY(hone_feature_cache_key(program, hone_device_key(t->device), &source, &key));
    hone_feature_cache_close(&prefix->cache);
    return hone_feature_cache_open(NULL, key, (int32_t)prefix_width(prefix), &prefix->cache);
}

// Points to what the cache has of the pictures, and lists the rest.
static void prefix_look_up(struct prefix_work *w) {
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    for (size_t i = 0; i < prefix->count; i++) {
        double seconds = 0;
        uint64_t hash = hone_feature_cache_hash(&w->t->pictures[HONE_PART_TRAIN], i);
        prefix->maps[i] = hone_feature_cache_find(&prefix->cache, hash, &seconds);
        w->saved += seconds;
        if (prefix->maps[i]) continue;
        w->absent_hashes[w->absent_count] = hash;
        w->absent[w->absent_count++] = (uint32_t)i;
    }
}

static hone_status prefix_stream(struct prefix_work *w, struct hone_program *program) {
    struct hone_trainer *t = w->t;
    size_t batch = (size_t)w->batch;
    size_t picture = (size_t)t->model->preprocess.height * (size_t)t->model->preprocess.width * 3;
    return hone_program_stream(
        program,
        &(struct hone_stream){.input = "images",
                              .output = "maps",
                              .input_bytes = batch * picture,
                              .output_bytes = batch * prefix_width(&t->prefix) * sizeof(float),
                              .count = hone_batch_count(w->absent_count, batch),
                              .fill = prefix_fill,
                              .take = prefix_take,
                              .user = w});
}

// All maps are in the file now. It is opened again, and those that were found before lie elsewhere.
static hone_status prefix_find_on_disk(struct hone_trainer *t) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    uint64_t key = prefix->cache.key;
    hone_feature_cache_close(&prefix->cache);
    HONE_TRY(hone_feature_cache_open(NULL, key, (int32_t)prefix_width(prefix), &prefix->cache));
    for (size_t i = 0; i < prefix->count; i++) {
        uint64_t hash = hone_feature_cache_hash(&t->pictures[HONE_PART_TRAIN], i);
        prefix->maps[i] = hone_feature_cache_find(&prefix->cache, hash, NULL);
        if (!prefix->maps[i])
            return hone_fail(HONE_IO,
                             "maps of frozen layers found no room in %s: free some, or give "
                             "--feature-cache off",
                             prefix->cache.path);
    }
    return HONE_OK;
}

static hone_status prefix_find_computed(struct prefix_work *w) {
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    if (prefix->on_disk) return w->absent_count ? prefix_find_on_disk(w->t) : HONE_OK;
    for (size_t i = 0; i < w->absent_count; i++)
        prefix->maps[w->absent[i]] = prefix->computed + i * prefix_width(prefix);
    return HONE_OK;
}

static hone_status prefix_run(struct prefix_work *w, struct hone_store *store) {
    struct hone_trainer *t = w->t;
    struct hone_trainer_prefix *prefix = &t->prefix;
    struct hone_graph *graph;
    struct hone_program *program = NULL;
    HONE_TRY(prefix_graph(t, w->batch, &graph));
    hone_status status = hone_trust_compile(store, graph, NULL, &program);
    hone_graph_destroy(&graph);
    if (status == HONE_OK) status = hone_trainer_load_frozen(t, store);
    if (status == HONE_OK) status = prefix_open_cache(t, program, w->batch);
    if (status == HONE_OK) {
        prefix_look_up(w);
        if (!prefix->on_disk)
            prefix->computed = hone_calloc(w->absent_count * prefix_width(prefix) + 1,
                                           sizeof *prefix->computed, "maps");
        if (!prefix->on_disk && !prefix->computed) status = HONE_OUT_OF_MEMORY;
    }
    w->start = hone_seconds();
    if (status == HONE_OK) status = prefix_stream(w, program);
    hone_program_destroy(&program);
    return status == HONE_OK ? prefix_find_computed(w) : status;
}

// Keeps what memory has for the next run. A cache that cannot be written costs no run.
static void prefix_save(struct prefix_work *w, double seconds) {
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    bool on = w->t->params.feature_cache == HONE_FEATURE_CACHE_ON;
    size_t kept = 0, count = w->absent_count, width = prefix_width(prefix);
    hone_status status = HONE_OK;
    if (prefix->on_disk || !count || (seconds < HONE_CACHE_SECONDS && !on)) return;
    for (size_t i = 0, n = 0; i < count && status == HONE_OK; i += n) {
        size_t some; // a batch at a time, since it is copied
        n = count - i < (size_t)w->batch ? count - i : (size_t)w->batch;
        status =
            hone_feature_cache_add(&prefix->cache, w->absent_hashes + i,
                                   prefix->computed + i * width, n, seconds / (double)count, &some);
        kept += some;
    }
    if (status != HONE_OK)
        hone_log(HONE_LOG_WARNING, "maps of frozen layers are not kept for the next run: %s",
                 hone_error_message());
    else if (kept)
        hone_trainer_note(w->t, "frozen layers: maps of %zu pictures kept in %s for the next run",
                          kept, prefix->cache.path);
}

static void prefix_tell(const struct prefix_work *w, double seconds) {
    const struct hone_trainer_prefix *prefix = &w->t->prefix;
    size_t found = prefix->count - w->absent_count;
    double all = seconds + w->saved;
    if (found)
        hone_trainer_note(w->t,
                          "frozen layers: %zu pictures in %.1f s, %zu of them from the cache, "
                          "which saves %.1f s; each epoch after the first saves at least %.1f s",
                          prefix->count, seconds, found, w->saved, all / prefix->copies);
    else
        hone_trainer_note(w->t,
                          "frozen layers: %zu pictures in %.1f s; each epoch after the first "
                          "saves at least %.1f s of it",
                          prefix->count, seconds, all / prefix->copies);
}

static hone_status prefix_compute(struct prefix_work *w) {
    struct hone_trainer_prefix *prefix = &w->t->prefix;
    struct hone_store *store = NULL;
    size_t room = prefix->count + 1;
    prefix->maps = hone_calloc(room, sizeof *prefix->maps, "maps");
    w->labels = hone_calloc((size_t)w->batch, sizeof *w->labels, "labels");
    w->absent = hone_calloc(room, sizeof *w->absent, "maps");
    w->absent_hashes = hone_calloc(room, sizeof *w->absent_hashes, "maps");
    if (!prefix->maps || !w->labels || !w->absent || !w->absent_hashes) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_store_create(w->t->device, &store);
    if (status == HONE_OK) status = prefix_run(w, store);
    hone_store_destroy(&store);
    return status;
}

hone_status hone_trainer_fill_prefix(struct hone_trainer *t) {
    struct hone_trainer_prefix *prefix = &t->prefix;
    if (!prefix->cut.count || prefix->maps) return HONE_OK;
    int32_t batch = t->plan.at_once / prefix->copies;
    prefix->count = t->pictures[HONE_PART_TRAIN].count; // some may not have been readable
    struct prefix_work work = {.t = t, .batch = batch ? batch : 1};
    hone_status status = prefix_compute(&work);
    if (status == HONE_OK) {
        double seconds = hone_seconds() - work.start;
        t->spent.features += seconds;
        prefix_tell(&work, seconds);
        prefix_save(&work, seconds);
    } else {
        hone_free((void *)prefix->maps);
        hone_free(prefix->computed);
        prefix->maps = NULL;
        prefix->computed = NULL;
    }
    hone_free(work.labels);
    hone_free(work.absent);
    hone_free(work.absent_hashes);
    return status;
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
        memcpy(to + i * width, prefix->maps[order[at]] + copy * width, width * sizeof *to);
    }
}
