// run.h: one kernel row on one case: runs it on the device and judges what it wrote against the
// reference.
//
// All operands of the launch lie in one buffer with canary words before, between and behind them;
// outputs and scratch start as NaN. Afterwards inputs and canaries must be untouched and every
// element of every output within c eps sqrt(reduction) scale of the reference (case.h).
#ifndef HONE_CHECK_RUN_H
#define HONE_CHECK_RUN_H

#include "check/case.h"
#include "gpu/gpu.h"
#include "ops/row.h"

// The device and the memory for operands, which grows. Zero it but for `gpu` and `caps`.
struct hone_check_pool {
    struct hone_gpu *gpu;
    const struct hone_caps *caps;   // NULL: the gpu's
    struct hone_gpu_buffer *buffer; // the operands of the last run
    bool compile_only; // a driver without its hardware: pipelines are made, nothing runs
};
void hone_check_pool_deinit(struct hone_check_pool *pool);

// How the row is run; all zero: as a program would, on buffers of their own.
struct hone_check_way {
    int tile;                       // HONE_TILE_DEFAULT: the choice of the row
    uint64_t binding_bytes;         // what launches may bind at once; 0: what the device allows
    uint32_t parts;                 // in which each dispatch is recorded; 0: 1
    const struct hone_alias *alias; // outputs that share the place of an input
    int alias_count;
};

struct hone_check_verdict {
    bool ran; // false: the row can't be cut as `binding_bytes` asks
    bool good;
    char why[320]; // where it is not good: "conv2d (odd channels), row vec4: output 0: ..."
};

// `eval` holds the case with its reference. A wrong result, or a pipeline that the driver refuses,
// is a verdict; the status is that of the device: HONE_DEVICE_LOST, HONE_OUT_OF_MEMORY.
hone_status hone_check_run(struct hone_check_pool *pool, const struct hone_case_eval *eval,
                           const struct hone_op_row *row, const struct hone_check_way *way,
                           struct hone_check_verdict *out);

// The row may run on a device with these caps, and fits the case.
bool hone_check_fits(const struct hone_caps *caps, const struct hone_case_eval *eval,
                     const struct hone_op_row *row);

#endif
