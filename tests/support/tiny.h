// tiny.h: a network and a data set that train in seconds on the ref device.
#ifndef HONE_TESTS_TINY_H
#define HONE_TESTS_TINY_H

#include "model/model.h"
#include "support/support.h"

// Two layers of 3x3 convolution (stride 2), batch norm and relu, from (1,16,16,3) to 16 pooled
// features; parameters "c1.weight", "n1.gamma" and so on, drawn at random. The caller destroys it.
struct hone_model *test_tiny_model(uint64_t seed);

// Makes `count` pictures 16x16 of each of the classes "bar" and "spot" below `folder`, noisy, as
// PGM.
void test_tiny_pictures(const char *folder, int count);

#endif
