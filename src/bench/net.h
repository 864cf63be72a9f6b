// net.h: a net as a graph that can be stepped: built, its states filled, its inputs written.
#ifndef HONE_BENCH_NET_H
#define HONE_BENCH_NET_H

#include "bench/internal.h"
#include "model/model.h"
#include "train/graph.h"

struct hone_bench_job {
    struct hone_model *model; // infer: with its norms folded
    struct hone_train_layout layout;
    struct hone_graph *graph;
    int32_t batch;
    bool train;
    int64_t steps; // done so far: the optimiser wants their number
};

// `name`: of the zoo, or an ONNX file. Pictures are a state of the graph: synthetic, and on the
// device before the first step.
hone_status hone_bench_job_init(const struct hone_bench_params *params, int32_t batch, int32_t size,
                                struct hone_bench_job *job);
void hone_bench_job_deinit(struct hone_bench_job *job);
// Writes weights, pictures and labels into the store and inputs of a program compiled from the
// graph.
hone_status hone_bench_job_fill(struct hone_bench_job *job, struct hone_store *store,
                                struct hone_program *program);
// Writes what changes each step and starts one.
hone_status hone_bench_job_step(struct hone_bench_job *job, struct hone_program *program);

#endif
