// golden.h: reads golden files: named arrays that tools/golden made with PyTorch, in the
// safetensors format. A reader of its own, so that the oracle does not pass through the code that
// it checks.
#ifndef HONE_TESTS_GOLDEN_H
#define HONE_TESTS_GOLDEN_H

#include "ir/tensor.h"

struct golden;

// tests/golden/data/<name>. Every failure of these calls fails the running test.
struct golden *golden_open(const char *name);
// Any path; NULL when there is no such file.
struct golden *golden_open_path(const char *path);
void golden_close(struct golden **golden);

// A tensor as doubles, whatever its element type; NULL when there is none of that name. The memory
// is the golden's. `shape` may be NULL: rank (at most 4) and dimensions; its dtype is HONE_F32 for
// F32 and F64.
const double *golden_find(struct golden *golden, const char *name, struct hone_desc *shape);
// The same, but its absence fails the test. printf-like name.
const double *golden_get(struct golden *golden, struct hone_desc *shape, const char *format, ...);
// The i-th name in the order of the file, or NULL past the end.
const char *golden_name(struct golden *golden, int i);

// |a - b| / |b| in the Euclidean norm; |a| where b is zero.
double golden_distance(const double *a, const double *b, int64_t count);
// max |a - b| / max |b|
double golden_error(const double *a, const double *b, int64_t count);

#endif
