// tuning.h: what was measured to be fastest: records of "on this device, this operator at these
// shapes is fastest on that row and tile", as lines of text. Pure: reading a file is the caller's
// business (exec/tuning_file.h), measuring is exec/tune.h's.
//
// A line has seven fields with a tab between them:
//   device|driver   op   dtypes   shapes   row   tile   microseconds
// driver may be * (any driver of that device), tile is - where the row chose itself. Lines that
// begin with # are comments. The same text gives the same rows on the same device, hence the same
// bits.
#ifndef HONE_EXEC_TUNING_H
#define HONE_EXEC_TUNING_H

#include "base/caps.h"
#include "base/text.h"
#include "ops/row.h"

struct hone_tuning_record {
    const char *device, *op, *dtypes, *shapes, *row, *tile;
    double us;
};

struct hone_tuning;

hone_status hone_tuning_create(struct hone_tuning **out);
// NULL is fine.
void hone_tuning_destroy(struct hone_tuning **tuning);

// Adds a copy, in place of a record for the same device, operator, dtypes and shapes.
hone_status hone_tuning_add(struct hone_tuning *tuning, const struct hone_tuning_record *record);
// Adds every good line of `text`; later lines win. Others are logged as warnings with `source` and
// the line's number, and counted in *ignored (may be NULL). Fails for want of memory only.
hone_status hone_tuning_parse(struct hone_tuning *tuning, const char *text, const char *source,
                              size_t *ignored);
// All records as lines, in the order in which their keys were first added.
hone_status hone_tuning_print(const struct hone_tuning *tuning, struct hone_text *text);

size_t hone_tuning_count(const struct hone_tuning *tuning);
const struct hone_tuning_record *hone_tuning_get(const struct hone_tuning *tuning, size_t index);
// Whether the record is for this device, by this driver or any.
bool hone_tuning_holds(const struct hone_tuning_record *record, const char *device);
// A number that names the records which hold for this device: 0 where there are none. Two runs
// with the same number choose the same rows.
uint64_t hone_tuning_hash(const struct hone_tuning *tuning, const char *device);

// The record for this very driver, else for any driver of the device, else NULL. `device` is
// hone_tuning_device()'s text.
const struct hone_tuning_record *hone_tuning_find(const struct hone_tuning *tuning,
                                                  const char *device, const char *op,
                                                  const char *dtypes, const char *shapes);

// The texts that make the key of a record.
enum { HONE_TUNING_DEVICE = 520, HONE_TUNING_DTYPES = 64, HONE_TUNING_SHAPES = 512 };
const char *hone_tuning_device(const struct hone_caps *caps, char text[HONE_TUNING_DEVICE]);
// "f32,f32" and "1x56x56x64,64x3x3x64 1,1 1,1,1,1 ...": the inputs' shapes, then the attributes in
// the order of op->fields. False where the node has too many inputs for a key: it is never tuned.
bool hone_tuning_key(const struct hone_op *op, const struct hone_infer_args *args,
                     char dtypes[HONE_TUNING_DTYPES], char shapes[HONE_TUNING_SHAPES]);

#endif
