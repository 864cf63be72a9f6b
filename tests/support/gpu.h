// gpu.h: a device for tests. Programs that need one end with code 77 (skipped) where there is none.
#ifndef HONE_TESTS_GPU_H
#define HONE_TESTS_GPU_H

#include "gpu/gpu.h"
#include "support/support.h"

// Call first in main(): routes hone's warnings to stderr, and returns 0 when a device can be
// opened, else says why on stderr and returns 77, which main() returns.
int test_gpu_require(void);
// Also asks that submits run: a driver opened without its hardware only compiles.
int test_gpu_require_running(void);
// Opens the best device without a cache on disk; fails the test if that fails.
struct hone_gpu *test_gpu_open(void);
// Closes it and fails the test when the validation layer has said anything since the program
// started.
void test_gpu_close(struct hone_gpu **gpu);
// Not 0 for a driver opened without its hardware: it compiles kernels, and has no memory (RADV) or
// does nothing at a submit.
int test_gpu_compile_only(struct hone_gpu *gpu);

// The best device and the reference, for tests that compare them: setup and teardown of a group.
// The teardown also expects that the validation layer had nothing to say.
struct hone_device;
extern struct hone_device *test_gpu_device, *test_gpu_ref;
int test_gpu_open_pair(void **state);
int test_gpu_close_pair(void **state);

#endif
