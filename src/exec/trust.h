// trust.h: what is known of the kernel rows on a device: those that are wrong are never chosen.
// check/ finds out and tells; here it is only remembered.
#ifndef HONE_EXEC_TRUST_H
#define HONE_EXEC_TRUST_H

#include "exec/device.h"
#include "ir/op.h"

enum hone_row_trust { HONE_ROW_UNKNOWN, HONE_ROW_GOOD, HONE_ROW_WRONG };

// `name` is "op/row", or "op/row:tile" for a way of the row that a tuning record chose.
enum hone_row_trust hone_device_trust(const struct hone_device *device, const char *name);
// A later word replaces an earlier one.
hone_status hone_device_set_trust(struct hone_device *device, const char *name,
                                  enum hone_row_trust trust);
// Where its certificate lies (check/certificate.h): the params' cache_dir, NULL: the user's.
const char *hone_device_cache_dir(const struct hone_device *device);

// Rows of `op` to pass over, for hone_choose(): those of `skip_rows` ("op/row" names,
// NULL-terminated, may be NULL) and those that are wrong on the device. Names live as long as both.
enum { HONE_SKIPS = 32 };
void hone_device_skips(const struct hone_device *device, const struct hone_op *op,
                       const char *const *skip_rows, const char *skips[HONE_SKIPS + 1]);
// True when a row of `op` is passed over because it is wrong.
bool hone_device_distrusts(const struct hone_device *device, const struct hone_op *op);

#endif
