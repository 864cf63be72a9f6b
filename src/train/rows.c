// rows.c: the rows of a run, an epoch each: in results.csv, in TensorBoard's file and in memory. A
// run that goes on from a checkpoint takes back those that the checkpoint does not know of, so that
// no epoch stands there twice.
#include "train/run.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/file.h"
#include "train/events.h"

static const char results_name[] = "results.csv";
static const char events_prefix[] = "events.out.tfevents.";

// ---- results.csv ------------------------------------------------------------------------------

// The columns behind "epoch"; a figure that does not exist is an empty field.
static const struct column {
    const char *name, *format;
    size_t offset; // of the double
} columns[] = {
#define COLUMN(name, field, format)                                                                \
    { name, format, offsetof(struct hone_train_epoch, field) }
    COLUMN("train_loss", train_loss, "%.6f"),         COLUMN("val_loss", val_loss, "%.6f"),
    COLUMN("train_accuracy", train_accuracy, "%.6f"), COLUMN("val_accuracy", val_accuracy, "%.6f"),
    COLUMN("macro_f1", val_macro_f1, "%.6f"),         COLUMN("lr", lr, "%.6g"),
    COLUMN("img_per_s", pictures_per_second, "%.1f"), COLUMN("seconds", seconds, "%.2f"),
};
enum { COLUMNS = sizeof columns / sizeof *columns };

static double *field_of(struct hone_train_epoch *epoch, const struct column *column) {
    return (double *)((char *)epoch + column->offset);
}

static hone_status print_header(struct hone_text *text) {
    hone_text_printf(text, "epoch");
    for (int i = 0; i < COLUMNS; i++) hone_text_printf(text, ",%s", columns[i].name);
    return hone_text_printf(text, "\n");
}

static hone_status print_row(struct hone_text *text, struct hone_train_epoch *epoch) {
    hone_text_printf(text, "%d", (int)epoch->epoch);
    for (int i = 0; i < COLUMNS; i++) {
        double value = *field_of(epoch, &columns[i]);
        hone_text_append(text, ",", 1);
        if (isfinite(value)) hone_text_printf(text, columns[i].format, value);
    }
    return hone_text_printf(text, "\n");
}

static hone_status keep_row(struct hone_run *run, const struct hone_train_epoch *epoch) {
    struct hone_train_epoch row = *epoch;
    if (!hone_grow(&run->epochs, &run->epoch_capacity, run->epoch_count + 1, sizeof *run->epochs,
                   "epochs"))
        return HONE_OUT_OF_MEMORY;
    run->epochs[run->epoch_count++] = row;
    if (!run->results.length) print_header(&run->results);
    return print_row(&run->results, &row);
}

// One line, without its newline, which is written over.
static hone_status parse_row(char *line, struct hone_train_epoch *out) {
    int64_t epoch;
    *out = (struct hone_train_epoch){0};
    char *field = line;
    for (int i = -1; i < COLUMNS; i++) {
        char *end = strchr(field, ',');
        if (!end != (i + 1 == COLUMNS)) return hone_fail(HONE_INVALID, "'%s' is no row", line);
        if (end) *end = 0;
        if (i < 0) {
            HONE_TRY(hone_parse_i64(field, 0, INT32_MAX, &epoch));
            out->epoch = (int32_t)epoch;
        } else {
            *field_of(out, &columns[i]) = NAN;
            if (*field)
                HONE_TRY(hone_parse_f64(field, -HUGE_VAL, HUGE_VAL, field_of(out, &columns[i])));
        }
        field = end ? end + 1 : field;
    }
    return HONE_OK;
}

static hone_status parse_rows(struct hone_run *run, char *text) {
    struct hone_text header = {0};
    HONE_TRY(print_header(&header));
    bool known = strncmp(text, header.data, header.length) == 0;
    char *line = text + header.length;
    hone_text_deinit(&header);
    if (!known) return hone_fail(HONE_INVALID, "its columns are not those that this hone writes");
    while (*line) {
        struct hone_train_epoch row;
        char *end = strchr(line, '\n');
        if (end) *end = 0;
        HONE_TRY(parse_row(line, &row));
        HONE_TRY(keep_row(run, &row));
        line = end ? end + 1 : line + strlen(line);
    }
    return HONE_OK;
}

// ---- TensorBoard ------------------------------------------------------------------------------

hone_status hone_run_begin_events(struct hone_run *run) {
    char name[64];
    struct hone_text records = {0};
    time_t now = time(NULL);
    snprintf(name, sizeof name, "%s%lld.hone", events_prefix, (long long)now);
    run->events = hone_run_path(run, name);
    if (!run->events) return HONE_OUT_OF_MEMORY;
    hone_events_begin(&records, (double)now);
    hone_status status = hone_events_write(run->events, &records);
    hone_text_deinit(&records);
    return status;
}

static hone_status add_event(const struct hone_run *run, const struct hone_train_epoch *e) {
    struct hone_text records = {0};
    hone_events_epoch(&records, (double)time(NULL), e);
    hone_status status = hone_events_write(run->events, &records);
    hone_text_deinit(&records);
    return status;
}

// The newest, where there are several: names hold the time.
static hone_status find_events(struct hone_run *run) {
    struct hone_arena arena = {0};
    struct hone_dir_entry *entries;
    size_t count;
    const char *name = NULL;
    hone_status status = hone_dir_list(run->dir, &arena, &entries, &count);
    for (size_t i = 0; status == HONE_OK && i < count; i++)
        if (hone_text_starts_with(entries[i].name, events_prefix)) name = entries[i].name;
    if (name) run->events = hone_run_path(run, name);
    if (name && !run->events) status = HONE_OUT_OF_MEMORY;
    hone_arena_deinit(&arena);
    return status;
}

// A record opens the file, and each row has one. Records that are lacking are written: a run may be
// killed between a row and its record.
static hone_status rewind_events(const struct hone_run *run) {
    size_t count;
    HONE_TRY(hone_events_cut(run->events, 1 + run->epoch_count, &count));
    if (!count) {
        struct hone_text records = {0};
        hone_events_begin(&records, (double)time(NULL));
        hone_status status = hone_events_write(run->events, &records);
        hone_text_deinit(&records);
        HONE_TRY(status);
        count = 1;
    }
    for (size_t i = count - 1; i < run->epoch_count; i++) HONE_TRY(add_event(run, &run->epochs[i]));
    return HONE_OK;
}

// ---- Both -------------------------------------------------------------------------------------

hone_status hone_run_add_epoch(struct hone_run *run, const struct hone_train_epoch *epoch) {
    HONE_TRY(keep_row(run, epoch));
    HONE_TRY(hone_run_write(run, results_name, run->results.data));
    return run->events ? add_event(run, epoch) : HONE_OK;
}

hone_status hone_run_load_rows(struct hone_run *run) {
    char *path = hone_run_path(run, results_name), *text = NULL;
    size_t bytes;
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (hone_file_exists(path)) {
        status = hone_file_read(path, 0, &text, &bytes);
        if (status == HONE_OK) status = hone_fail_context(parse_rows(run, text), "%s", path);
    }
    hone_free(text);
    hone_free(path);
    return status == HONE_OK ? find_events(run) : status;
}

hone_status hone_run_rewind(struct hone_run *run, int32_t epoch) {
    size_t keep = 0;
    while (keep < run->epoch_count && run->epochs[keep].epoch <= epoch) keep++;
    struct hone_train_epoch *rows = run->epochs;
    run->epochs = NULL;
    run->epoch_count = run->epoch_capacity = 0;
    hone_text_deinit(&run->results);
    run->results = (struct hone_text){0};
    hone_status status = HONE_OK;
    for (size_t i = 0; i < keep && status == HONE_OK; i++) status = keep_row(run, &rows[i]);
    hone_free(rows);
    if (status == HONE_OK && !run->results.length) status = print_header(&run->results);
    if (status == HONE_OK) status = hone_run_write(run, results_name, run->results.data);
    return status == HONE_OK && run->events ? rewind_events(run) : status;
}
