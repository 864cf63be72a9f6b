// dispatches.h: every distinct pipeline that kernel rows would ask of a device: kernel and
// constants, over all rows that fit but those for tests alone, for test cases and for whole nets;
// with all tiles of a row where a net trains on more than one picture. Nothing runs and no tensor
// is made.
#ifndef HONE_TESTS_DISPATCHES_H
#define HONE_TESTS_DISPATCHES_H

#include "ops/row.h"

struct test_dispatches {
    const struct hone_caps *caps;
    struct hone_dispatch *items; // only kernel, constants and subgroup matter
    size_t count, capacity;
};

// Failures of all calls fail the running test. `caps` must live.
void test_dispatches_init(struct test_dispatches *set, const struct hone_caps *caps);
void test_dispatches_deinit(struct test_dispatches *set);

// Every case of op_case.h.
void test_dispatches_add_cases(struct test_dispatches *set);
// The net of model/zoo at 224 x 224: a training step and inference with folded norms at this batch;
// also with the tensors of each node in 16 bits, where the operator takes them.
void test_dispatches_add_net(struct test_dispatches *set, const char *net, int32_t batch);

// By kernel name, then by constants, then by subgroup.
void test_dispatches_sort(struct test_dispatches *set);

#endif
