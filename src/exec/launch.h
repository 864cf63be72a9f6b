// launch.h: from a node and its row to dispatches that this device can run. Pure.
#ifndef HONE_EXEC_LAUNCH_H
#define HONE_EXEC_LAUNCH_H

#include "ops/row.h"

// launch.c: fills `launch` for a node whose row is chosen, cut so that no binding is longer than
// the device allows. HONE_UNSUPPORTED names the tensor that can't be cut.
hone_status hone_launch_make(const struct hone_op *op, const struct hone_op_row *row,
                             const struct hone_row_args *args, struct hone_launch *launch);
// select.c: the launch obeys the kernel table and the device's limits.
hone_status hone_launch_check(const struct hone_launch *launch, const struct hone_caps *caps);

#endif
