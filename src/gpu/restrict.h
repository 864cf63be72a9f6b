// restrict.h: a smaller device out of a larger one: limits lowered and features taken away, as a
// pure function of a snapshot. What is taken away is not enabled on the device either, so that the
// validation layers name a kernel that uses it all the same. For tests of devices that are not at
// hand, and for users whose driver misbehaves.
#ifndef HONE_GPU_RESTRICT_H
#define HONE_GPU_RESTRICT_H

#include "base/error.h"
#include "gpu/snapshot.h"

// Of the environment's HONE_LIMITS: words between commas or spaces.
//   shared=BYTES range=BYTES allocation=BYTES push=BYTES invocations=N heap=BYTES
//       lower a limit; never raise it
//   no-f16 no-storage16 no-storage8 no-int64 no-address no-subgroups no-matrix no-timestamps
//   as-gpu: a CPU driver gets the kernels of GPUs
//   small: 16 KiB shared, 128 MiB a binding, 128 bytes pushed, 256 invocations, and none of the
//       features above but timestamps: the least that hone works with
// NULL and "" change nothing. HONE_INVALID names a word that is not understood, and those that are.
hone_status hone_gpu_restrict(struct hone_gpu_snapshot *snapshot, const char *limits);

#endif
