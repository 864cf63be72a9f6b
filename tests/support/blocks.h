// blocks.h: a small net of the blocks that fusion is for, as a graph of plain operators: a stem, a
// residual block with identity and one with a projection (ResNet), an inverted residual
// (MobileNet), and one with silu; forward only with fixed statistics, or a whole training step.
#ifndef HONE_TESTS_BLOCKS_H
#define HONE_TESTS_BLOCKS_H

#include "exec/program.h"

enum { BLOCKS_CHANNELS = 8, BLOCKS_SIZE = 9 };

// Inputs "image" (batch, 9, 9, 8); the host reads "features", and in training "loss". States are
// the weights "w0".. and those of the norms, which training moves (plain descent).
struct hone_graph *blocks_graph(int batch, bool train);
// The same net with biases "b0".. in place of its norms, as after folding.
struct hone_graph *blocks_folded_graph(int batch, bool train);
// A training step of the filters alone: norms keep their statistics and parameters.
struct hone_graph *blocks_frozen_graph(int batch);

// A training step of a net with a 3x3 convolution of 192 channels over 16 x 16 pixels, whose input
// has a gradient: the least that Winograd's rows take. Input "image" (batch, 16, 16, 8).
struct hone_graph *blocks_wide_graph(int batch);

// A training step of a net with a stem over three channels and a convolution in groups of four
// channels. Input "image" (batch, 16, 16, 3).
struct hone_graph *blocks_narrow_graph(int batch);

// What a program made of it computes: its states (in the order of the graph) and outputs as one
// list, after `steps` runs on `device` from states and an image that depend on nothing else. The
// caller frees it. passes_off as in hone_compile_params; *nodes, if wanted, is the number of nodes.
float *blocks_run(struct hone_device *device, const struct hone_graph *graph, unsigned passes_off,
                  int steps, size_t *count, int *nodes);

// The same, compiled as `params` says.
float *blocks_run_on(struct hone_device *device, const struct hone_graph *graph,
                     const struct hone_compile_params *params, int steps, size_t *count);

// How many nodes of it, compiled as `params` says, run on kernel rows of the name `row` (NULL:
// all).
int blocks_nodes_on(struct hone_device *device, const struct hone_graph *graph,
                    const struct hone_compile_params *params, const char *row);

// Number of nodes of an operator after the passes that are not off.
int blocks_count(const struct hone_graph *graph, unsigned passes_off, const struct hone_op *op);

#endif
