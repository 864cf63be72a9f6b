// device.h: what a program runs on: a GPU through gpu/, or "ref", which evaluates every operator's
// reference in double and needs no Vulkan.
#ifndef HONE_EXEC_DEVICE_H
#define HONE_EXEC_DEVICE_H

#include "base/caps.h"
#include "base/error.h"

#include <stddef.h>

struct hone_device;
struct hone_gpu;
struct hone_tuning;

struct hone_device_params {
    const char *name;      // NULL: the best GPU; an index, a part of a name, a UUID, or "ref"
    bool validate;         // Khronos validation layers
    const char *cache_dir; // see struct hone_gpu_open_params
    // File of tuning records (exec/tuning.h) that is read above the shipped ones. NULL: the user's,
    // see hone_tuning_path(). "": no records at all. A file that is named must be there.
    const char *tuning;
    uint64_t memory_bytes; // take no more of the device's memory; 0: what there is
    bool capture;          // let hone_program_spills() answer; costs compile time
};

// Blocks while the driver starts. Errors as hone_gpu_open(). `params` may be NULL.
hone_status hone_device_open(const struct hone_device_params *params, struct hone_device **out);
// Stores and programs of the device must be gone. NULL is fine.
void hone_device_close(struct hone_device **device);

const struct hone_caps *hone_device_caps(const struct hone_device *device);
// The records that choose kernel rows, NULL where there are none; and the key of this device in
// them.
struct hone_tuning *hone_device_tuning(struct hone_device *device);
const char *hone_device_key(const struct hone_device *device);
// Pipelines that were compiled since it was opened; those of the cache on disk count too.
size_t hone_device_compiled(const struct hone_device *device);
// What buffers had of the device's memory at most since it was opened or the last mark, and what is
// held for them now; 0 on the ref device.
struct hone_device_memory {
    uint64_t peak_bytes, held_bytes;
};
struct hone_device_memory hone_device_memory(const struct hone_device *device);
void hone_device_memory_mark(struct hone_device *device);
// NULL for the ref device.
struct hone_gpu *hone_device_gpu(struct hone_device *device);

#endif
