// choice.c: a record of a measurement goes before the order of the table; rows that do not exist or
// do not fit any more are as if they had no record.
#include "exec/choice.h"

#include <string.h>

enum { CHOICE_TILES = 4096 }; // more ways than any row has: a guard against a tile() without end

static bool is_skipped(const char *const *skips, const char *row) {
    for (const char *const *name = skips; name && *name; name++)
        if (strcmp(*name, row) == 0) return true;
    return false;
}

static bool row_fits(const struct hone_op_row *row, const struct hone_row_args *args,
                     const char *const *skips) {
    return !row->test_only && !is_skipped(skips, row->name) &&
           !(row->needs & ~args->caps->features) && (!row->fits || row->fits(args));
}

int hone_choice_tile(const struct hone_op_row *row, const struct hone_row_args *args,
                     const char *name) {
    char text[HONE_TILE_NAME];
    if (strcmp(name, "-") == 0) return HONE_TILE_DEFAULT;
    for (int k = 1; row->tile && k < CHOICE_TILES && row->tile(args, k, text); k++)
        if (strcmp(text, name) == 0) return k;
    return -1;
}

// True when the record names a row and tile that can run here.
static bool choose_recorded(const struct hone_op *op, const struct hone_row_args *args,
                            const char *const *skips, const struct hone_tuning_record *record,
                            struct hone_choice *out) {
    for (int i = 0; i < op->row_count; i++) {
        const struct hone_op_row *row = &op->rows[i];
        if (strcmp(row->name, record->row) != 0) continue;
        int tile = row_fits(row, args, skips) ? hone_choice_tile(row, args, record->tile) : -1;
        if (tile < 0) return false;
        *out = (struct hone_choice){.row = row, .tile = tile, .tuned = true, .us = record->us};
        if (tile) row->tile(args, tile, out->tile_name);
        return true;
    }
    return false;
}

void hone_choose(const struct hone_op *op, const struct hone_row_args *args,
                 const char *const *skips, const struct hone_tuning *tuning, const char *device,
                 struct hone_choice *out) {
    char dtypes[HONE_TUNING_DTYPES], shapes[HONE_TUNING_SHAPES];
    struct hone_row_args own = *args;
    own.tile = HONE_TILE_DEFAULT;
    *out = (struct hone_choice){0};
    if (tuning && hone_tuning_count(tuning) && hone_tuning_key(op, args->node, dtypes, shapes)) {
        const struct hone_tuning_record *record =
            hone_tuning_find(tuning, device, op->name, dtypes, shapes);
        if (record && choose_recorded(op, &own, skips, record, out)) return;
    }
    out->row = hone_row_select(op, &own, skips);
}

bool hone_choice_next(const struct hone_op *op, const struct hone_row_args *args,
                      const char *const *skips, struct hone_choice *choice) {
    struct hone_row_args own = *args;
    own.tile = HONE_TILE_DEFAULT;
    const struct hone_op_row *row = choice->row ? choice->row : op->rows;
    if (choice->row && row->tile && row->tile(&own, choice->tile + 1, choice->tile_name)) {
        choice->tile++;
        return true;
    }
    for (row += choice->row != NULL; row < op->rows + op->row_count; row++) {
        if (!row_fits(row, &own, skips)) continue;
        *choice = (struct hone_choice){.row = row};
        return true;
    }
    return false;
}

hone_status hone_choice_explain(const struct hone_op *op, const struct hone_row_args *args,
                                const char *const *skips, const struct hone_choice *choice,
                                struct hone_text *text) {
    if (!choice->row) return hone_text_printf(text, "no row fits");
    if (choice->tuned && choice->us == 0) return hone_text_printf(text, "asked for");
    if (choice->tuned)
        HONE_TRY(hone_text_printf(text, "measured: %.1f us in the tuning records", choice->us));
    else
        HONE_TRY(hone_text_printf(text, choice->row == op->rows ? "first row of the table"
                                                                : "first row that fits"));
    for (int i = 0; i < op->row_count && &op->rows[i] != choice->row; i++) {
        const struct hone_op_row *row = &op->rows[i];
        const char *why = row->test_only                       ? "for tests only"
                          : is_skipped(skips, row->name)       ? "switched off"
                          : row->needs & ~args->caps->features ? "needs what the device lacks"
                          : row->fits && !row->fits(args)      ? "does not fit these shapes"
                                                               : "measured slower";
        HONE_TRY(hone_text_printf(text, "; %s: %s", row->name, why));
    }
    return text->status;
}
