// head.c: ridge softmax regression. The rows are cut into chunks of at most CHUNK_MOST rows, each
// resident on the device with a program that gives its loss and gradient; the host sums these in
// double, adds the ridge and steps by L-BFGS.
#include "train/head.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "check/trust.h"
#include "exec/program.h"
#include "ops/ops.h"

enum { CHUNK_MOST = 8192 };

size_t hone_head_chunk_rows(const struct hone_caps *caps, int32_t feature_count) {
    uint64_t range =
        caps->storage_range_bytes < 1ull << 30 ? caps->storage_range_bytes : 1ull << 30;
    uint64_t fit = range / ((uint64_t)feature_count * sizeof(float));
    return fit < 1 ? 1 : fit < CHUNK_MOST ? (size_t)fit : CHUNK_MOST;
}

struct head_chunk {
    struct hone_program *program;
    double share; // of the sum of class weights
};

struct head_solver {
    const struct hone_head_problem *problem;
    struct hone_store *store;
    struct head_chunk *chunks;
    size_t chunk_count, chunk_rows;           // rows of every chunk but the last
    double *mean, *inverse;                   // (F): of the features
    float *weight, *bias, *d_weight, *d_bias; // what goes to the device and comes back
    float *out_weight, *out_bias;             // the caller's
    double loss;                              // of the last evaluation, without the ridge
};

static hone_status head_standardise(struct head_solver *s) {
    const struct hone_head_problem *p = s->problem;
    size_t f_count = (size_t)p->feature_count;
    for (size_t i = 0; i < p->count; i++)
        for (size_t f = 0; f < f_count; f++) s->mean[f] += p->features[i * f_count + f];
    for (size_t f = 0; f < f_count; f++) s->mean[f] /= (double)p->count;
    for (size_t i = 0; i < p->count; i++)
        for (size_t f = 0; f < f_count; f++) {
            double d = p->features[i * f_count + f] - s->mean[f];
            s->inverse[f] += d * d;
        }
    for (size_t f = 0; f < f_count; f++) {
        s->inverse[f] = 1 / (sqrt(s->inverse[f] / (double)p->count) + 1e-6);
        // A solver would stop at once and call that converged.
        if (!isfinite(s->mean[f]) || !(s->inverse[f] > 0))
            return hone_fail(HONE_INVALID,
                             "the backbone gives features that are not finite numbers: check "
                             "--preprocess and the file");
    }
    return HONE_OK;
}

static hone_status head_graph(const struct hone_head_problem *p, size_t chunk, int32_t rows,
                              struct hone_graph **out) {
    struct hone_graph *graph;
    char features[32], labels[32];
    HONE_TRY(hone_graph_create(&graph));
    snprintf(features, sizeof features, "features.%zu", chunk);
    snprintf(labels, sizeof labels, "labels.%zu", chunk);
    hone_value x = hone_graph_state(graph, features,
                                    hone_desc_make(HONE_F32, 2, rows, p->feature_count, 0, 0));
    hone_value y = hone_graph_state(graph, labels, hone_desc_make(HONE_I32, 1, rows, 0, 0, 0));
    hone_value class_weights =
        hone_graph_state(graph, "class_weights", hone_desc_make(HONE_F32, 1, p->classes, 0, 0, 0));
    hone_value w[2] = {
        hone_graph_input(graph, "weight",
                         hone_desc_make(HONE_F32, 2, p->classes, p->feature_count, 0, 0)),
        hone_graph_input(graph, "bias", hone_desc_make(HONE_F32, 1, p->classes, 0, 0, 0))};
    hone_value gradient[2];
    struct hone_matmul_attrs linear = {.trans_b = 1};
    hone_value logits = HONE_EMIT(graph, &hone_op_matmul, "head", &linear, x, w[0], w[1]);
    hone_value loss = HONE_EMIT(graph, &hone_op_cross_entropy, "loss",
                                &(struct hone_cross_entropy_attrs){0}, logits, y, class_weights);
    hone_graph_gradients(graph, &hone_ops_for_gradients, loss, w, 2, gradient);
    hone_graph_mark_output(graph, loss, "loss");
    hone_graph_mark_output(graph, gradient[0], "d_weight");
    hone_graph_mark_output(graph, gradient[1], "d_bias");
    hone_status status = hone_graph_status(graph);
    if (status != HONE_OK)
        hone_graph_destroy(&graph);
    else
        *out = graph;
    return status;
}

// Standardised rows first..first + rows of the problem into the states of a chunk.
static hone_status head_upload(struct head_solver *s, size_t chunk, size_t first, size_t rows) {
    const struct hone_head_problem *p = s->problem;
    size_t f_count = (size_t)p->feature_count;
    char name[32];
    float *x = hone_calloc(rows * f_count, sizeof *x, "features");
    if (!x) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < rows; i++)
        for (size_t f = 0; f < f_count; f++)
            x[i * f_count + f] =
                (float)((p->features[(first + i) * f_count + f] - s->mean[f]) * s->inverse[f]);
    snprintf(name, sizeof name, "features.%zu", chunk);
    hone_status status = hone_store_write(s->store, name, x, rows * f_count * sizeof *x);
    hone_free(x);
    HONE_TRY(status);
    snprintf(name, sizeof name, "labels.%zu", chunk);
    return hone_store_write(s->store, name, p->labels + first, rows * sizeof *p->labels);
}

static hone_status head_compile(struct head_solver *s) {
    const struct hone_head_problem *p = s->problem;
    double total = 0;
    for (size_t k = 0; k < s->chunk_count; k++) {
        size_t first = k * s->chunk_rows, left = p->count - first;
        size_t rows = left < s->chunk_rows ? left : s->chunk_rows;
        struct hone_graph *graph;
        HONE_TRY(head_graph(p, k, (int32_t)rows, &graph));
        hone_status status = hone_trust_compile(s->store, graph, NULL, &s->chunks[k].program);
        hone_graph_destroy(&graph);
        HONE_TRY(status);
        HONE_TRY(head_upload(s, k, first, rows));
        for (size_t i = 0; i < rows; i++)
            s->chunks[k].share += p->class_weights[p->labels[first + i]];
        total += s->chunks[k].share;
    }
    for (size_t k = 0; k < s->chunk_count; k++) s->chunks[k].share /= total;
    return hone_store_write(s->store, "class_weights", p->class_weights,
                            (size_t)p->classes * sizeof *p->class_weights);
}

// Loss and gradient at x = W, then b.
static hone_status head_evaluate(void *user, const double *x, double *value, double *gradient) {
    struct head_solver *s = user;
    const struct hone_head_problem *p = s->problem;
    size_t weights = (size_t)p->classes * (size_t)p->feature_count, biases = (size_t)p->classes;
    double ridge = 0;
    for (size_t i = 0; i < weights; i++) s->weight[i] = (float)x[i];
    for (size_t i = 0; i < biases; i++) s->bias[i] = (float)x[weights + i];
    for (size_t k = 0; k < s->chunk_count; k++) {
        struct hone_program *program = s->chunks[k].program;
        HONE_TRY(hone_program_write(program, "weight", s->weight, weights * sizeof(float)));
        HONE_TRY(hone_program_write(program, "bias", s->bias, biases * sizeof(float)));
        HONE_TRY(hone_program_run(program));
    }
    for (size_t i = 0; i < weights; i++) {
        gradient[i] = p->l2 * x[i];
        ridge += 0.5 * p->l2 * x[i] * x[i];
    }
    for (size_t i = 0; i < biases; i++) gradient[weights + i] = 0;
    s->loss = 0;
    for (size_t k = 0; k < s->chunk_count; k++) {
        struct hone_program *program = s->chunks[k].program;
        double share = s->chunks[k].share;
        float loss;
        HONE_TRY(hone_program_read(program, "loss", &loss, sizeof loss));
        HONE_TRY(hone_program_read(program, "d_weight", s->d_weight, weights * sizeof(float)));
        HONE_TRY(hone_program_read(program, "d_bias", s->d_bias, biases * sizeof(float)));
        s->loss += share * loss;
        for (size_t i = 0; i < weights; i++) gradient[i] += share * s->d_weight[i];
        for (size_t i = 0; i < biases; i++) gradient[weights + i] += share * s->d_bias[i];
    }
    *value = s->loss + ridge;
    return HONE_OK;
}

// W ((x - mean) inverse) + b = (W inverse) x + (b - W (mean inverse))
static void head_fold(struct head_solver *s, const double *x) {
    size_t f_count = (size_t)s->problem->feature_count, classes = (size_t)s->problem->classes;
    for (size_t c = 0; c < classes; c++) {
        double bias = x[classes * f_count + c];
        for (size_t f = 0; f < f_count; f++) {
            double w = x[c * f_count + f] * s->inverse[f];
            bias -= w * s->mean[f];
            s->out_weight[c * f_count + f] = (float)w;
        }
        if (s->problem->prior) bias -= s->problem->prior[c];
        s->out_bias[c] = (float)bias;
    }
}

static hone_status head_observe(void *user, int32_t iteration, const double *x, double value,
                                double gradient_norm) {
    struct head_solver *s = user;
    (void)value;
    (void)gradient_norm;
    if (!s->problem->observer) return HONE_OK;
    head_fold(s, x);
    return s->problem->observer(s->problem->user, iteration, s->out_weight, s->out_bias, s->loss);
}

static hone_status head_run(struct head_solver *s, struct hone_device *device,
                            int32_t *iterations) {
    const struct hone_head_problem *p = s->problem;
    size_t f_count = (size_t)p->feature_count, classes = (size_t)p->classes;
    size_t n = classes * f_count + classes;
    s->chunk_rows = hone_head_chunk_rows(hone_device_caps(device), p->feature_count);
    s->chunk_count = (p->count + s->chunk_rows - 1) / s->chunk_rows;
    s->chunks = hone_calloc(s->chunk_count, sizeof *s->chunks, "the solver");
    s->mean = hone_calloc(2 * f_count, sizeof *s->mean, "the solver");
    s->weight = hone_calloc(2 * n, sizeof *s->weight, "the solver");
    if (!s->chunks || !s->mean || !s->weight) return HONE_OUT_OF_MEMORY;
    s->inverse = s->mean + f_count;
    s->bias = s->weight + classes * f_count;
    s->d_weight = s->weight + n;
    s->d_bias = s->d_weight + classes * f_count;
    HONE_TRY(head_standardise(s));
    HONE_TRY(hone_store_create(device, &s->store));
    HONE_TRY(head_compile(s));
    double *x = hone_calloc(n, sizeof *x, "the solver");
    if (!x) return HONE_OUT_OF_MEMORY;
    struct hone_lbfgs_params solve = {.iterations = p->iterations,
                                      .tolerance = p->tolerance,
                                      .function = head_evaluate,
                                      .observer = head_observe,
                                      .user = s};
    hone_status status = hone_lbfgs(&solve, n, x, iterations);
    head_fold(s, x);
    hone_free(x);
    return status;
}

hone_status hone_head_solve(struct hone_device *device, const struct hone_head_problem *problem,
                            float *weight, float *bias, int32_t *iterations) {
    struct head_solver s = {.problem = problem, .out_weight = weight, .out_bias = bias};
    *iterations = 0;
    if (!problem->count) return hone_fail(HONE_INVALID, "there are no pictures to train on");
    hone_status status = head_run(&s, device, iterations);
    for (size_t k = 0; s.chunks && k < s.chunk_count; k++)
        hone_program_destroy(&s.chunks[k].program);
    hone_store_destroy(&s.store);
    hone_free(s.chunks);
    hone_free(s.mean);
    hone_free(s.weight);
    return status;
}

struct head_apply {
    const float *features, *weight, *bias;
    size_t feature_count, classes;
    float *probabilities;
};

static hone_status head_apply_row(void *user, size_t row) {
    const struct head_apply *a = user;
    const float *x = a->features + row * a->feature_count;
    float *p = a->probabilities + row * a->classes;
    double most = -INFINITY, sum = 0;
    for (size_t c = 0; c < a->classes; c++) {
        const float *w = a->weight + c * a->feature_count;
        double logit = a->bias[c];
        for (size_t f = 0; f < a->feature_count; f++) logit += (double)w[f] * x[f];
        p[c] = (float)logit;
        if (logit > most) most = logit;
    }
    for (size_t c = 0; c < a->classes; c++) sum += exp(p[c] - most);
    for (size_t c = 0; c < a->classes; c++) p[c] = (float)(exp(p[c] - most) / sum);
    return HONE_OK;
}

hone_status hone_head_apply(const float *features, size_t count, int32_t feature_count,
                            int32_t classes, const float *weight, const float *bias,
                            float *probabilities) {
    struct head_apply apply = {.features = features,
                               .weight = weight,
                               .bias = bias,
                               .feature_count = (size_t)feature_count,
                               .classes = (size_t)classes,
                               .probabilities = probabilities};
    return hone_parallel_for(count, 0, head_apply_row, &apply);
}
