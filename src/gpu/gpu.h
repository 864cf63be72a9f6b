// gpu.h: all that exec/ needs from Vulkan: a device, buffers, pipelines, reusable recordings,
// submits.
//
// It knows bytes, not tensors. Sizes and offsets are bytes. Unless a line says otherwise, one
// thread uses a gpu (and what was made from it) at a time, and calls do not block on the device.
// Once the device is lost, each call that could touch it returns HONE_DEVICE_LOST; close it and
// open another.
#ifndef HONE_GPU_GPU_H
#define HONE_GPU_GPU_H

#include "base/caps.h"
#include "base/error.h"
#include "kernels/kernels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hone_gpu;
struct hone_gpu_buffer;
struct hone_gpu_pipeline;
struct hone_gpu_recording;

// ---- Device ----

// What the driver keeps of each pipeline for hone_gpu_pipeline_statistics(). It costs compile time
// and memory, and some drivers pass over their caches, so it has to be asked for.
enum hone_gpu_capture {
    HONE_GPU_CAPTURE_NONE,
    HONE_GPU_CAPTURE_NUMBERS,  // registers, spills, instructions, ...
    HONE_GPU_CAPTURE_LISTINGS, // and the machine code, to count matrix instructions
};

struct hone_gpu_open_params {
    // NULL or "": the best (discrete, integrated, virtual, CPU; then the largest memory). Else an
    // index as `hone devices` lists them, a UUID, or a part of the name in any case.
    const char *device;
    bool validate;         // Khronos validation with synchronisation checks; also HONE_VALIDATE=1,
                           // and =gpu for the accesses of kernels, too, at some times the cost
    const char *cache_dir; // pipeline cache. NULL: $XDG_CACHE_HOME/hone or ~/.cache/hone. "": none
    enum hone_gpu_capture capture;
    uint64_t memory_bytes; // take no more than this of the device's own memory; 0: what there is
};

// HONE_NOT_FOUND when there is no Vulkan loader, driver or such device (the message says what to
// install or lists the devices), HONE_UNSUPPORTED when the device lacks what hone needs. Any
// thread; opening, closing and enumerating take one process-wide lock. `params` may be NULL.
hone_status hone_gpu_open(const struct hone_gpu_open_params *params, struct hone_gpu **out);

// Waits for the device, saves the pipeline cache and frees the pipelines. Buffers and recordings
// must have been destroyed before. NULL is fine.
void hone_gpu_close(struct hone_gpu **gpu);

// Lives as long as the gpu. Any thread.
const struct hone_caps *hone_gpu_caps(const struct hone_gpu *gpu);

// What `hone devices` shows besides the caps.
struct hone_gpu_details {
    char api_version[24]; // "1.3.230"
    char uuid[40];        // "6d657361-3232-..."
    bool usable;
    char reason[256]; // why not usable, else ""
    char notes[512];  // decisions of the plan, one sentence each, "; " between them
    bool best;        // the one that hone_gpu_open() takes by default
};

// Every Vulkan device of this machine in the driver's order. The caller hone_free()s both arrays.
// Zero devices, or no loader at all, is HONE_NOT_FOUND, with the packages to install in the
// message.
hone_status hone_gpu_enumerate(struct hone_caps **caps, struct hone_gpu_details **details,
                               size_t *count);

// Messages of the validation layer (warnings and errors) in this process since it started. Any
// thread.
size_t hone_gpu_validation_messages(void);
// True when this gpu runs under the validation layer.
bool hone_gpu_validating(const struct hone_gpu *gpu);
// True when each access of a kernel to a buffer is checked against the range that is bound
// (HONE_VALIDATE=gpu, and a layer that can).
bool hone_gpu_validating_kernels(const struct hone_gpu *gpu);

// ---- Buffers ----

enum hone_gpu_memory {
    HONE_GPU_DEVICE,   // fastest for kernels
    HONE_GPU_UPLOAD,   // the host writes, the device reads
    HONE_GPU_READBACK, // the device writes, the host reads
};

// 1 byte to 1 GiB; the contents are undefined. Every kind can be bound to a kernel, copied and
// filled. HONE_OUT_OF_MEMORY names the sizes. `name` is for messages and is copied.
hone_status hone_gpu_buffer_create(struct hone_gpu *gpu, uint64_t bytes,
                                   enum hone_gpu_memory memory, const char *name,
                                   struct hone_gpu_buffer **out);
// No submitted work may still use it. NULL is fine.
void hone_gpu_buffer_destroy(struct hone_gpu *gpu, struct hone_gpu_buffer **buffer);

uint64_t hone_gpu_buffer_bytes(const struct hone_gpu_buffer *buffer);
// The device's memory in the hands of hone: what buffers have now, what they had at most, and what
// is held for them. Host memory that the device reads does not count, where that is another.
struct hone_gpu_memory_use {
    uint64_t bytes, peak_bytes, held_bytes;
};
struct hone_gpu_memory_use hone_gpu_memory_use(const struct hone_gpu *gpu);
// Begins a new peak.
void hone_gpu_memory_mark(struct hone_gpu *gpu);
// Coherent host pointer for the buffer's life, NULL when the host can't see it. UPLOAD and READBACK
// always have one, DEVICE on unified memory. Whoever uses it orders it against the device by
// hone_gpu_wait().
void *hone_gpu_buffer_map(struct hone_gpu_buffer *buffer);
// Device address for kernels that take addresses in push constants; 0 without
// HONE_FEATURE_BUFFER_ADDRESS.
uint64_t hone_gpu_buffer_address(const struct hone_gpu_buffer *buffer);

// Blocking copies between host memory and [offset, offset + bytes) of the buffer. They wait for all
// submitted work, are seen by all later submits, and are staged only when the buffer isn't mapped.
hone_status hone_gpu_write(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer, uint64_t offset,
                           const void *data, uint64_t bytes);
hone_status hone_gpu_read(struct hone_gpu *gpu, struct hone_gpu_buffer *buffer, uint64_t offset,
                          void *data, uint64_t bytes);

// ---- Pipelines ----

// The kernel with these specialisation constants (ids 0 to spec_count - 1; must be all that the
// kernel has), compiled at the first call and owned by the gpu. A required_subgroup_size other than
// 0 asks for exactly that size with full subgroups: the workgroup's x size must be a multiple of
// it. HONE_UNSUPPORTED when the device lacks what the kernel or the size needs. May take long: it
// compiles.
hone_status hone_gpu_pipeline_get(struct hone_gpu *gpu, const struct hone_kernel *kernel,
                                  const uint32_t *spec, int spec_count,
                                  uint32_t required_subgroup_size, struct hone_gpu_pipeline **out);

// What the driver's compiler says of a pipeline, as far as it says it: HONE_GPU_UNKNOWN elsewhere.
// Drivers count differently: compare pipelines on one device and driver, not devices.
#define HONE_GPU_UNKNOWN INT64_C(-1)
struct hone_gpu_pipeline_statistics {
    int64_t registers;        // AMD: VGPRs, NVIDIA: GPRs a lane; Intel: most live GRFs a thread
    int64_t scalar_registers; // AMD: SGPRs
    int64_t spills;           // registers that went to memory or to another kind of register
    int64_t scratch_bytes;    // private memory of a lane, thread or subgroup, as the driver counts
    int64_t shared_bytes;     // of a workgroup
    int64_t instructions;
    int64_t memory_instructions; // AMD: VMEM and SMEM, Intel: SEND
    int64_t code_bytes;
    int64_t cycles;              // estimate of one subgroup's time; loops count by guessed trips
    int64_t inverse_throughput;  // AMD: estimate of the busy cycles of one subgroup
    int64_t subgroups_in_flight; // AMD: a SIMD, NVIDIA: an SM
    int64_t subgroup_size;       // that the compiler chose
    int64_t matrix_instructions; // with HONE_GPU_CAPTURE_LISTINGS, where the driver gives a listing
};

// HONE_UNSUPPORTED when the gpu was opened without `capture` or its driver lacks
// VK_KHR_pipeline_executable_properties. Doesn't touch the device.
hone_status hone_gpu_pipeline_statistics(struct hone_gpu *gpu,
                                         const struct hone_gpu_pipeline *pipeline,
                                         struct hone_gpu_pipeline_statistics *out);

// What hone_gpu_pipeline_get() takes.
struct hone_gpu_pipeline_request {
    const struct hone_kernel *kernel;
    const uint32_t *spec;
    int spec_count;
    uint32_t subgroup_size;
};
// Compiles those that are not there yet, each once, on all cores; then hone_gpu_pipeline_get()
// finds them. Where one fails, none of them is kept.
hone_status hone_gpu_pipelines_compile(struct hone_gpu *gpu,
                                       const struct hone_gpu_pipeline_request *requests,
                                       size_t count);

// Writes the pipeline cache now (hone_gpu_close() does it too) when something was compiled since.
// Failing to write is logged, not an error.
void hone_gpu_cache_save(struct hone_gpu *gpu);

struct hone_gpu_cache_stats {
    uint64_t loaded_bytes; // driver data taken from disk at open; 0: none or not valid
    size_t compiled;       // pipelines created since open
    size_t reused;         // hone_gpu_pipeline_get() calls answered from memory
};
struct hone_gpu_cache_stats hone_gpu_cache_stats(const struct hone_gpu *gpu);

// ---- Recordings ----

// A command buffer that is recorded once and submitted many times. While recording, it tracks which
// bytes each command reads and writes and puts a barrier only where a command depends on one before
// it. A run starts after everything submitted earlier and its writes are visible to the host after
// hone_gpu_wait(). After a failed record call only end (which returns that failure again) and
// destroy are allowed.
hone_status hone_gpu_recording_create(struct hone_gpu *gpu, struct hone_gpu_recording **out);
// Waits for its last run. NULL is fine.
void hone_gpu_recording_destroy(struct hone_gpu *gpu, struct hone_gpu_recording **rec);

struct hone_gpu_range {
    struct hone_gpu_buffer *buffer;
    uint64_t offset, bytes; // offset: a multiple of caps.storage_offset_align; bytes 0: to the end
    bool write;             // written, and perhaps read; false: only read
};

// The first kernel->bindings ranges are bound in order. Ranges beyond them are bytes that the
// kernel reaches through addresses in its push constants: they count for barriers only (any
// alignment). `push_bytes` must be the kernel's. A grid with a zero records nothing.
hone_status hone_gpu_record_dispatch(struct hone_gpu_recording *rec,
                                     struct hone_gpu_pipeline *pipeline,
                                     const struct hone_gpu_range *ranges, int count,
                                     const void *push, int push_bytes, const uint32_t grid[3]);
// The part of a grid that begins at workgroup `base` and has `grid` of them. To split a dispatch:
// this for its first part, then hone_gpu_record_more() for each further one; the parts run as one
// dispatch does, without barriers between them. A kernel sees gl_NumWorkGroups of its part.
hone_status hone_gpu_record_part(struct hone_gpu_recording *rec, struct hone_gpu_pipeline *pipeline,
                                 const struct hone_gpu_range *ranges, int count, const void *push,
                                 int push_bytes, const uint32_t base[3], const uint32_t grid[3]);
// Another part of the dispatch that was recorded just before, in the same submit.
hone_status hone_gpu_record_more(struct hone_gpu_recording *rec, const uint32_t base[3],
                                 const uint32_t grid[3]);
// What follows goes into another submit, for devices that reset when one takes too long. Does
// nothing where nothing was recorded since the last cut.
hone_status hone_gpu_record_cut(struct hone_gpu_recording *rec);
// Source and destination must not overlap.
hone_status hone_gpu_record_copy(struct hone_gpu_recording *rec, struct hone_gpu_buffer *src,
                                 uint64_t src_offset, struct hone_gpu_buffer *dst,
                                 uint64_t dst_offset, uint64_t bytes);
// Offset and bytes are multiples of 4.
hone_status hone_gpu_record_fill(struct hone_gpu_recording *rec, struct hone_gpu_buffer *buffer,
                                 uint64_t offset, uint64_t bytes, uint32_t word);
// The time when all commands before it are done. HONE_UNSUPPORTED when caps.timestamp_ns is 0.
hone_status hone_gpu_record_timestamp(struct hone_gpu_recording *rec, const char *label);
// A barrier at this point, whatever was recorded before.
hone_status hone_gpu_record_barrier(struct hone_gpu_recording *rec);
hone_status hone_gpu_recording_end(struct hone_gpu_recording *rec);

struct hone_gpu_recording_stats {
    uint32_t dispatches, copies, fills, barriers; // barriers: those between commands
    uint32_t submits;                             // cuts and one
};
struct hone_gpu_recording_stats hone_gpu_recording_stats(const struct hone_gpu_recording *rec);

// ---- Submits ----

// One queue submit for each part between cuts. The ticket is for wait and done. A recording may be
// submitted again while an earlier run is pending (it is recorded for simultaneous use); runs
// execute one after another.
hone_status hone_gpu_submit(struct hone_gpu *gpu, struct hone_gpu_recording *rec, uint64_t *ticket);
// The same, but waits for each submit before the next one: ms[i] is the time of the i-th, of
// hone_gpu_recording_stats().submits, with the host's share of some 0.1 ms.
hone_status hone_gpu_submit_timed(struct hone_gpu *gpu, struct hone_gpu_recording *rec, double *ms,
                                  uint64_t *ticket);
// Blocks until that submit and all before it are done. UINT64_MAX: for ever. When time runs out:
// HONE_CANCELLED, and nothing has changed. Any thread.
hone_status hone_gpu_wait(struct hone_gpu *gpu, uint64_t ticket, uint64_t timeout_ns);
// False while it runs, and when the device is lost. Any thread.
bool hone_gpu_done(struct hone_gpu *gpu, uint64_t ticket);

// Milliseconds between consecutive timestamps of the last submitted run; waits for it. In: *count
// is the room in `ms`; out: the number of intervals, which may be more than the room. An interval
// bears the label of the timestamp at its end.
hone_status hone_gpu_recording_times(struct hone_gpu_recording *rec, double *ms, int *count);
const char *hone_gpu_recording_label(const struct hone_gpu_recording *rec, int interval);

// ---- Test hooks ----

// After `count` more Vulkan calls that can fail, all fail with out of device memory; negative: off.
void hone_gpu_fail_after(long count);
// After `count` more such calls one fails in this way, or, where the device is LOST, all of them,
// on any device. Memory of the device and of the host, and the map, are that call's alone.
enum hone_gpu_fault {
    HONE_GPU_FAULT_MEMORY,
    HONE_GPU_FAULT_HOST_MEMORY,
    HONE_GPU_FAULT_LOST,
    HONE_GPU_FAULT_TIMEOUT,
    HONE_GPU_FAULT_MAP,
    HONE_GPU_FAULT_RESET, // the device is lost once: one that is opened after that works
};
void hone_gpu_fault_after(long count, enum hone_gpu_fault fault);
// Marks the device lost, as a reset would.
void hone_gpu_lose(struct hone_gpu *gpu);
// DEVICE buffers made from now on are not mapped, as on a discrete GPU.
void hone_gpu_hide_memory(struct hone_gpu *gpu);

#endif
