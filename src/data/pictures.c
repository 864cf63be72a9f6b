// pictures.c: see pictures.h. Each picture has its row of the result from the start, so that
// threads share nothing; rows of broken ones are closed up at the end.
#include "data/pictures.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "base/thread.h"
#include "image/decode.h"

struct hone_load {
    const hone_dataset *dataset;
    enum hone_part part;
    const struct hone_preprocess *preprocess;
    const struct hone_pictures_params *params;
    struct hone_pictures *out;
    size_t total;
    char **reasons; // (total): NULL for good pictures
    atomic_size_t done;
    pthread_t caller;
    double told; // when progress was last called
};

uint64_t hone_pictures_bytes(size_t count, int32_t height, int32_t width) {
    return (uint64_t)count * (uint64_t)height * (uint64_t)width * 3;
}

static size_t hone_pictures_row(const struct hone_pictures *pictures) {
    return (size_t)pictures->height * (size_t)pictures->width * 3;
}

// Only the caller's thread reports, which is one of the workers: no lock, and no surprise for the
// user.
static hone_status hone_load_tell(struct hone_load *load, bool last) {
    if (!load->params->progress || !pthread_equal(pthread_self(), load->caller)) return HONE_OK;
    double now = hone_seconds();
    if (!last && now - load->told < 0.1) return HONE_OK;
    load->told = now;
    if (load->params->progress(load->params->user, atomic_load(&load->done), load->total))
        return HONE_OK;
    return hone_fail(HONE_CANCELLED, "cancelled while reading pictures");
}

static hone_status hone_load_one(void *user, size_t index) {
    struct hone_load *load = user;
    const struct hone_data_item *item = hone_dataset_item(load->dataset, load->part, index);
    struct hone_image image;
    hone_status status = hone_image_load(item->path, 0, &image);
    if (status == HONE_OK) {
        uint8_t *row = load->out->pixels + index * hone_pictures_row(load->out);
        status = hone_image_fit(&image, load->preprocess, row);
        hone_image_destroy(&image);
    }
    if (status != HONE_OK) {
        // A lack of memory is no fault of the picture.
        if (load->params->strict || status == HONE_OUT_OF_MEMORY) return status;
        load->reasons[index] = hone_strdup(hone_error_message());
        if (!load->reasons[index]) return HONE_OUT_OF_MEMORY;
    }
    atomic_fetch_add(&load->done, 1);
    return hone_load_tell(load, false);
}

// Names the broken, and moves the good ones up.
static void hone_load_close_up(struct hone_load *load) {
    struct hone_pictures *out = load->out;
    size_t row = hone_pictures_row(out);
    for (size_t i = 0; i < load->total; i++) {
        if (load->reasons[i]) {
            hone_log(HONE_LOG_WARNING, "left out: %s", load->reasons[i]);
            out->broken++;
            continue;
        }
        if (out->count != i) memmove(out->pixels + out->count * row, out->pixels + i * row, row);
        out->labels[out->count] = hone_dataset_item(load->dataset, load->part, i)->label;
        out->items[out->count++] = i;
    }
    if (out->broken)
        hone_log(HONE_LOG_WARNING, "%zu of %zu pictures could not be read and are left out",
                 out->broken, load->total);
}

static hone_status hone_load_check(const struct hone_load *load) {
    const struct hone_pictures *out = load->out;
    if (!out->count)
        return hone_fail(HONE_INVALID, "none of %zu pictures could be read; the first: %s",
                         load->total, load->reasons[0]);
    if (!out->broken || load->part != HONE_PART_TRAIN) return HONE_OK;
    for (int32_t label = 0; label < hone_dataset_class_count(load->dataset); label++) {
        bool had = false, has = false;
        for (size_t i = 0; i < load->total; i++)
            had = had || hone_dataset_item(load->dataset, load->part, i)->label == label;
        for (size_t i = 0; i < out->count; i++) has = has || out->labels[i] == label;
        if (had && !has)
            return hone_fail(HONE_INVALID,
                             "class '%s': none of its pictures for training could be read",
                             hone_dataset_class_name(load->dataset, label));
    }
    return HONE_OK;
}

static hone_status hone_load_reserve(struct hone_load *load) {
    struct hone_pictures *out = load->out;
    uint64_t need = hone_pictures_bytes(load->total, out->height, out->width);
    uint64_t have = hone_memory_bytes();
    hone_log(HONE_LOG_INFO, "%s: %zu pictures at %dx%d take %.1f MB of memory",
             hone_part_name(load->part), load->total, (int)out->width, (int)out->height,
             (double)need / 1e6);
    if (have && need > have / 10 * 9)
        return hone_fail(HONE_OUT_OF_MEMORY,
                         "%zu pictures at %dx%d take %.1f GB of memory, and this machine has %.1f "
                         "GB; a smaller size or fewer pictures fit",
                         load->total, (int)out->width, (int)out->height, (double)need / 1e9,
                         (double)have / 1e9);
    // Not zeroed: the threads touch the pages first.
    out->pixels = hone_realloc(NULL, load->total, hone_pictures_row(out), "pictures");
    out->labels = hone_calloc(load->total, sizeof *out->labels, "labels");
    out->items = hone_calloc(load->total, sizeof *out->items, "pictures");
    load->reasons = hone_calloc(load->total, sizeof *load->reasons, "pictures");
    bool ok = out->pixels && out->labels && out->items && load->reasons;
    return ok ? HONE_OK : HONE_OUT_OF_MEMORY;
}

hone_status hone_pictures_load(const hone_dataset *dataset, enum hone_part part,
                               const struct hone_preprocess *preprocess,
                               const struct hone_pictures_params *params,
                               struct hone_pictures *out) {
    static const struct hone_pictures_params plain;
    *out = (struct hone_pictures){.height = preprocess->height, .width = preprocess->width};
    struct hone_load load = {
        .dataset = dataset,
        .part = part,
        .preprocess = preprocess,
        .params = params ? params : &plain,
        .out = out,
        .total = hone_dataset_count(dataset, part),
        .caller = pthread_self(),
    };
    if (!load.total) return HONE_OK;
    hone_status status = hone_load_reserve(&load);
    if (status == HONE_OK)
        status = hone_parallel_for(load.total, load.params->threads, hone_load_one, &load);
    if (status == HONE_OK) status = hone_load_tell(&load, true);
    if (status == HONE_OK) {
        hone_load_close_up(&load);
        status = hone_load_check(&load);
    }
    for (size_t i = 0; load.reasons && i < load.total; i++) hone_free(load.reasons[i]);
    hone_free(load.reasons);
    if (status != HONE_OK) hone_pictures_deinit(out);
    return status;
}

void hone_pictures_deinit(struct hone_pictures *pictures) {
    hone_free(pictures->pixels);
    hone_free(pictures->labels);
    hone_free(pictures->items);
    *pictures = (struct hone_pictures){0};
}
