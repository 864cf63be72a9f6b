// yardstick.h: what a device can do at best, measured by kernels that do one thing: against these
// figures the time of a layer is judged.
#ifndef HONE_EXEC_YARDSTICK_H
#define HONE_EXEC_YARDSTICK_H

#include "exec/device.h"

struct hone_yardsticks {
    double copy_gbs;    // 10^9 bytes a second, read plus written, of a copy far beyond the caches
    double fma_gflops;  // 10^9 operations a second in f32, a multiply-add counting two
    double dispatch_us; // microseconds of a dispatch that does nothing, among others like it
    double barrier_us;  // what a barrier behind each of them adds
};

// The best of five runs. Blocks for about a second; allocates two buffers of up to 256 MiB while it
// runs. HONE_UNSUPPORTED on the ref device.
hone_status hone_device_measure(struct hone_device *device, struct hone_yardsticks *out);

#endif
