// events.h: the figures of a run as TensorBoard reads them: records of TensorFlow's event files.
//
// A record is length (u64), masked CRC-32C of the length, the message, masked CRC-32C of it, all
// little-endian (tensorflow/core/lib/io/record_writer.h). A message is an Event of
// tensorflow/core/util/event.proto: 1 wall time (double), 2 step (varint), 3 version (the first
// one), 5 summary, of 1 value, each 1 tag, 2 simple value (float).
#ifndef HONE_TRAIN_EVENTS_H
#define HONE_TRAIN_EVENTS_H

#include <hone/train.h>

#include "base/text.h"

// CRC-32C (Castagnoli, RFC 3720), not masked.
uint32_t hone_crc32c(const void *data, size_t bytes);

// Appends the record that opens a file, and one with the figures of an epoch (those that are
// numbers).
void hone_events_begin(struct hone_text *out, double wall_seconds);
void hone_events_epoch(struct hone_text *out, double wall_seconds,
                       const struct hone_train_epoch *epoch);
// Appends bytes to the file; it is made where it is missing. Readers follow a file by its end, so
// that nothing is renamed here.
hone_status hone_events_write(const char *path, const struct hone_text *records);
// Cuts the file behind its first `most` records, or behind those before the first that is not
// whole; *count: how many are left. A file that does not begin as one of these is cut to nothing.
hone_status hone_events_cut(const char *path, size_t most, size_t *count);

#endif
