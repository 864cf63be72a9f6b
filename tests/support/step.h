// step.h: the training step of a whole net, for tests that look at its graph.
#ifndef HONE_TESTS_STEP_H
#define HONE_TESTS_STEP_H

#include "ir/graph.h"

// Of the net of that name (model/zoo) with weights of seed 1, batch 2 of 64 x 64 pixels, all
// layers trained. The caller destroys it.
struct hone_graph *step_graph(const char *net);

#endif
