// show.c: a contact sheet of what training will show the net. The graph is the front of the
// training step; what it gives is taken back through the normalisation to grey levels.
#include <hone/train.h>

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/options.h"
#include "data/batch.h"
#include "exec/program.h"
#include "image/encode.h"
#include "infer/graph.h"
#include "model/model.h"
#include "report/sheet.h"
#include "train/augment.h"
#include "train/schedule.h"

#define SHOW(field, kind, name, ...)                                                               \
    HONE_OPTION(struct hone_show_params, field, kind, name, __VA_ARGS__)

static const hone_option show_rows[] = {
    SHOW(out, STRING, "out", .initial = "sheet.png", .metavar = "FILE", .help = "the PNG"),
    SHOW(per_class, I32, "per-class", .initial = "8", .least = 1, .most = 64, .metavar = "N",
         .help = "pictures of each class"),
    SHOW(epoch, I32, "epoch", .initial = "1", .least = 1, .most = 100000, .metavar = "N",
         .help = "the epoch whose pictures are shown"),
};
const hone_option_table hone_show_options =
    HONE_OPTION_TABLE("Contact sheet", show_rows, struct hone_show_params);

enum { BATCH_UNKNOWN = 16 }; // what fits is known to a run only

struct show_work {
    struct hone_train_params train;
    struct hone_show_params show;
    struct hone_preprocess preprocess;
    hone_dataset *data;
    struct hone_device *device;
    struct hone_store *store;
    struct hone_program *program;
    struct hone_pictures pictures;
    bool clock, mix;
    uint32_t *order;
    int32_t *labels;
    float *values; // (batch,H,W,3): what the net sees
    struct hone_sheet_row *rows;
    struct hone_image *images; // (classes, per_class)
    size_t shown;
};

static hone_status show_inputs(struct show_work *w, const struct hone_data_params *data) {
    const struct hone_train_params *p = &w->train;
    HONE_TRY(hone_dataset_open(data, &w->data));
    if (!hone_dataset_count(w->data, HONE_PART_TRAIN))
        return hone_fail(HONE_INVALID, "there are no pictures to train on");
    if (hone_dataset_class_count(w->data) > HONE_SHEET_ROWS)
        return hone_fail(HONE_INVALID, "%d classes are too many for one sheet: %d at most",
                         (int)hone_dataset_class_count(w->data), (int)HONE_SHEET_ROWS);
    if (p->backbone) {
        hone_model_load_params load = {
            .size = p->size, .preprocess = p->preprocess, .arch = p->arch};
        struct hone_model *model;
        HONE_TRY(hone_model_load(p->backbone, &load, &model));
        w->preprocess = model->preprocess;
        hone_model_destroy(&model);
        if (!p->preprocess) hone_preprocess_keep_all(&w->preprocess); // as in training
    } else {
        int32_t size = p->size ? p->size : 224;
        w->preprocess = (struct hone_preprocess){.height = size, .width = size};
        HONE_TRY(hone_preprocess_parse(p->preprocess ? p->preprocess : "imagenet", &w->preprocess));
    }
    HONE_TRY(hone_device_open(
        &(struct hone_device_params){.name = p->device, .validate = p->validate}, &w->device));
    return hone_pictures_load(w->data, HONE_PART_TRAIN, &w->preprocess,
                              &(struct hone_pictures_params){.strict = data->strict}, &w->pictures);
}

static hone_status show_compile(struct show_work *w) {
    const struct hone_preprocess *p = &w->preprocess;
    struct hone_train_augment augment;
    struct hone_graph *graph;
    hone_train_augment_plan(&w->train, &augment);
    w->clock = augment.any;
    w->mix = augment.mix;
    HONE_TRY(hone_store_create(w->device, &w->store));
    HONE_TRY(hone_graph_create(&graph));
    hone_value clock, mix;
    hone_value images = hone_graph_input(
        graph, "images", hone_desc_make(HONE_U8, 4, w->train.batch, p->height, p->width, 3));
    hone_graph_mark_output(graph, hone_train_emit_augment(graph, &augment, p, images, &clock, &mix),
                           "pixels");
    hone_status status = hone_graph_status(graph);
    if (status == HONE_OK) status = hone_program_compile(w->store, graph, NULL, &w->program);
    hone_graph_destroy(&graph);
    return status;
}

static hone_status show_memory(struct show_work *w) {
    size_t classes = (size_t)hone_dataset_class_count(w->data), batch = (size_t)w->train.batch;
    size_t picture = (size_t)w->preprocess.height * (size_t)w->preprocess.width * 3;
    w->order = hone_calloc(w->pictures.count, sizeof *w->order, "an order");
    w->labels = hone_calloc(batch, sizeof *w->labels, "labels");
    w->values = hone_calloc(batch * picture, sizeof *w->values, "pictures");
    w->rows = hone_calloc(classes, sizeof *w->rows, "a sheet");
    w->images = hone_calloc(classes * (size_t)w->show.per_class, sizeof *w->images, "a sheet");
    if (!w->order || !w->labels || !w->values || !w->rows || !w->images) return HONE_OUT_OF_MEMORY;
    for (size_t c = 0; c < classes; c++)
        w->rows[c] = (struct hone_sheet_row){.title = hone_dataset_class_name(w->data, (int32_t)c),
                                             .images = w->images + c * (size_t)w->show.per_class};
    return HONE_OK;
}

// Row `row` of the batch onto the sheet, as grey levels.
static hone_status show_take(struct show_work *w, size_t row) {
    struct hone_sheet_row *to = &w->rows[w->labels[row]];
    struct hone_image *image =
        w->images + (size_t)w->labels[row] * (size_t)w->show.per_class + to->count;
    struct hone_normalize_attrs normal;
    HONE_TRY(hone_image_create(w->preprocess.width, w->preprocess.height, image));
    size_t count = (size_t)image->width * (size_t)image->height * 3;
    const float *values = w->values + row * count;
    hone_infer_normalize_attrs(&w->preprocess, &normal);
    for (size_t i = 0; i < count; i++) {
        float level = (values[i] - normal.shift[i % 3]) / normal.scale[i % 3];
        image->pixels[i] = level > 0 ? (uint8_t)lroundf(fminf(level, 255)) : 0;
    }
    to->count++;
    w->shown++;
    return HONE_OK;
}

// Batches of the epoch until each class has its pictures; those without any wanted one are passed
// over.
static hone_status show_epoch(struct show_work *w) {
    const struct hone_pictures *pictures = &w->pictures;
    size_t batch = (size_t)w->train.batch, steps = hone_batch_count(pictures->count, batch);
    size_t bytes = batch * (size_t)pictures->height * (size_t)pictures->width * 3;
    HONE_TRY(hone_train_order(&w->train, pictures, hone_dataset_class_count(w->data), w->show.epoch,
                              w->order));
    for (size_t k = 0; k < steps; k++) {
        void *pixels;
        bool wanted = false;
        HONE_TRY(hone_program_map(w->program, "images", bytes, &pixels));
        size_t filled =
            hone_batch_fill(pictures, w->order, pictures->count, k, batch, pixels, w->labels);
        for (size_t i = 0; i < filled; i++)
            wanted = wanted || w->rows[w->labels[i]].count < (size_t)w->show.per_class;
        if (!wanted) continue;
        int64_t step = (int64_t)(w->show.epoch - 1) * (int64_t)steps + (int64_t)k;
        int32_t clock[2] = {(int32_t)(uint32_t)w->train.seed, (int32_t)step};
        float mix[HONE_MIX_NUMBERS];
        hone_train_draw_mix(&w->train, step, pictures->height, pictures->width, mix);
        if (w->clock) HONE_TRY(hone_program_write(w->program, "clock", clock, sizeof clock));
        if (w->mix) HONE_TRY(hone_program_write(w->program, "mix", mix, sizeof mix));
        HONE_TRY(hone_program_run(w->program));
        HONE_TRY(hone_program_read(w->program, "pixels", w->values, bytes * sizeof *w->values));
        for (size_t i = 0; i < filled; i++)
            if (w->rows[w->labels[i]].count < (size_t)w->show.per_class) HONE_TRY(show_take(w, i));
    }
    return HONE_OK;
}

static hone_status show_write(struct show_work *w, struct hone_show_result *out) {
    struct hone_image sheet;
    struct hone_text file = {0};
    size_t classes = (size_t)hone_dataset_class_count(w->data);
    HONE_TRY(hone_sheet_draw(w->rows, classes, &sheet));
    hone_status status = hone_image_encode_png(&sheet, &file);
    if (status == HONE_OK) status = hone_file_write(w->show.out, file.data, file.length);
    *out = (struct hone_show_result){.classes = (int32_t)classes,
                                     .width = sheet.width,
                                     .height = sheet.height,
                                     .pictures = w->shown};
    hone_text_deinit(&file);
    hone_image_destroy(&sheet);
    return status;
}

static hone_status show_run(struct show_work *w, const struct hone_data_params *data,
                            struct hone_show_result *out) {
    HONE_TRY(hone_options_complete(&hone_train_options, &w->train));
    HONE_TRY(hone_options_complete(&hone_show_options, &w->show));
    if (w->train.batch == HONE_BATCH_AUTO) w->train.batch = BATCH_UNKNOWN;
    hone_train_augment_resolve(&w->train);
    HONE_TRY(show_inputs(w, data));
    HONE_TRY(show_compile(w));
    HONE_TRY(show_memory(w));
    HONE_TRY(show_epoch(w));
    return show_write(w, out);
}

hone_status hone_show(const struct hone_train_params *train, const struct hone_data_params *data,
                      const struct hone_show_params *show, struct hone_show_result *out) {
    struct show_work w = {.train = *train};
    *out = (struct hone_show_result){0};
    if (show) w.show = *show;
    hone_status status = show_run(&w, data, out);
    if (status != HONE_OK) *out = (struct hone_show_result){0};
    for (int32_t i = 0; w.images && i < hone_dataset_class_count(w.data) * w.show.per_class; i++)
        hone_image_destroy(&w.images[i]);
    hone_free(w.images);
    hone_free(w.rows);
    hone_free(w.values);
    hone_free(w.labels);
    hone_free(w.order);
    hone_program_destroy(&w.program);
    hone_store_destroy(&w.store);
    hone_device_close(&w.device);
    hone_pictures_deinit(&w.pictures);
    hone_dataset_close(&w.data);
    return status;
}
