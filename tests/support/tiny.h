// tiny.h: a network and a data set that train in seconds on the ref device.
#ifndef HONE_TESTS_TINY_H
#define HONE_TESTS_TINY_H

#include <hone/data.h>
#include <hone/train.h>

#include "model/model.h"
#include "support/support.h"

// Two layers of 3x3 convolution (stride 2), batch norm and relu, from (1,16,16,3) to 16 pooled
// features; parameters "c1.weight", "n1.gamma" and so on, drawn at random. The caller destroys it.
struct hone_model *test_tiny_model(uint64_t seed);

// Makes `count` pictures 16x16 of each of the classes "bar" and "spot" below `folder`, noisy, as
// PGM.
void test_tiny_pictures(const char *folder, int count);

// A folder of its own below the temporary one, entered, with that net as tiny.onnx and `count`
// pictures a class in pictures/; and the options of a run on them: all layers from the start, on
// the ref device, in batches of 8. The caller leaves and removes the folder.
void test_tiny_job(char dir[256], int count, struct hone_train_params *params,
                   struct hone_data_params *data);

#endif
