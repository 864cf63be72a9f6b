// statistics.h: the names under which drivers give the numbers of struct
// hone_gpu_pipeline_statistics, and what a listing of machine code tells. Pure: text in, numbers
// out. executable.c asks the driver.
#ifndef HONE_GPU_STATISTICS_H
#define HONE_GPU_STATISTICS_H

#include "gpu/gpu.h"

// All unknown.
void hone_gpu_statistics_init(struct hone_gpu_pipeline_statistics *out);

// One number as the driver names it. Names that are given apart but mean one number (spilled vector
// and scalar registers) add up. False for a name that hone has no use for.
bool hone_gpu_statistics_add(struct hone_gpu_pipeline_statistics *out, const char *name,
                             int64_t value);

// A pipeline may hold several executables: the larger of each number.
void hone_gpu_statistics_merge(struct hone_gpu_pipeline_statistics *into,
                               const struct hone_gpu_pipeline_statistics *from);

// Whether an internal representation of that name lists machine code.
bool hone_gpu_is_listing(const char *name);
// Lines of a listing that multiply matrices: AMD v_wmma, v_mfma; Intel dpas; NVIDIA HMMA, IMMA,
// HGMMA.
int64_t hone_gpu_matrix_instructions(const char *listing, size_t bytes);

#endif
