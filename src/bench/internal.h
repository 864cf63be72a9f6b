// internal.h: what the files of bench/ tell each other.
//
//   bench.c   options to a result   shape.c  "h=56,c=64" to numbers   ops.c  operators as graphs of
//   one node      op.c  timing them     net.c    nets                    check.c  no silent plain
//   kernel
#ifndef HONE_BENCH_INTERNAL_H
#define HONE_BENCH_INTERNAL_H

#include <hone/bench.h>

#include "base/alloc.h"
#include "exec/program.h"
#include "ops/ops.h"

struct hone_bench_memory {
    struct hone_arena arena;
};

enum { HONE_BENCH_RUNS = 5, HONE_BENCH_RUNS_MOST = 64, HONE_BENCH_NAMES = 24 };

// One call of hone_bench().
struct hone_bencher {
    const struct hone_bench_params *params;
    struct hone_bench_result *result;
    void (*note)(void *user, const char *line);
    void *user;
    struct hone_device *device;
    unsigned passes_off, beside;
    double told;                                 // hone_seconds() of the last note of the tuner
    const char *skip_rows[HONE_BENCH_NAMES + 1]; // NULL-terminated
};
void hone_bench_note(const struct hone_bencher *b, const char *format, ...) HONE_PRINTF(2, 3);
// Copies text into the result. NULL: memory.
const char *hone_bench_text(const struct hone_bencher *b, const char *text);
hone_status hone_bench_add_line(struct hone_bencher *b, const struct hone_bench_line *line);
hone_status hone_bench_add_net(struct hone_bencher *b, const struct hone_bench_net *net);
double hone_bench_median(double *values, int count); // sorts
// Fills gflops, gbs and share from ms, flops and bytes.
void hone_bench_rate(const struct hone_bench_yardsticks *yardsticks, struct hone_bench_line *line);

// Measures the graph's nodes and keeps the records, where the params ask for it.
hone_status hone_bench_tune(struct hone_bencher *b, const struct hone_graph *graph);

// ---- shape.c ----

enum hone_bench_key {
    HONE_KEY_N,
    HONE_KEY_H,
    HONE_KEY_W,
    HONE_KEY_C,
    HONE_KEY_K,
    HONE_KEY_R,
    HONE_KEY_S,
    HONE_KEY_STRIDE,
    HONE_KEY_PAD,
    HONE_KEY_DILATION,
    HONE_KEY_GROUPS,
    HONE_KEY_BIAS,
    HONE_KEY_ACT,
    HONE_KEY_M,
    HONE_KEY_TA,
    HONE_KEY_TB,
    HONE_KEY_L,
    HONE_KEY_COUNT,
};
#define HONE_KEY(name) (1u << HONE_KEY_##name)

// Reads "h=56,c=64" (commas or spaces between) into values. Only keys of the mask are taken; the
// others of the mask get what they follow from (w = h, s = r, k = c, pad = (r - 1) / 2) or their
// default. HONE_INVALID names the keys that there are.
hone_status hone_bench_shape_parse(const char *text, uint32_t keys, int32_t values[HONE_KEY_COUNT]);
// "n=1 h=56 ..." with the defaults.
void hone_bench_shape_help(uint32_t keys, char *text, size_t bytes);

// ---- ops.c ----

// A graph that computes the operator once, from states that hold random numbers.
struct hone_bench_state {
    hone_value value;
    float least, most; // i32: whole numbers in between
};
enum { HONE_BENCH_STATES = 8 };
struct hone_bench_build {
    struct hone_graph *graph;
    enum hone_dtype dtype; // of data; parameters of norms, biases and losses are f32
    int32_t v[HONE_KEY_COUNT];
    struct hone_bench_state states[HONE_BENCH_STATES];
    int state_count;
};
struct hone_bench_op {
    const char *name;
    uint32_t keys;
    hone_value (*build)(struct hone_bench_build *b); // the result that the host would read
};
extern const struct hone_bench_op hone_bench_op_table[];
extern const int hone_bench_op_count;
// HONE_NOT_FOUND lists the operators. The caller destroys build->graph.
hone_status hone_bench_op_build(const char *name, const char *shape, enum hone_dtype dtype,
                                struct hone_bench_build *build);
// The dtype that params->dtype means.
enum hone_dtype hone_bench_dtype(const struct hone_bench_params *params);

// ---- op.c, net.c, check.c ----

hone_status hone_bench_run_op(struct hone_bencher *b);
hone_status hone_bench_run_net(struct hone_bencher *b);
// HONE_UNSUPPORTED when a node with faster rows runs on the plain one.
hone_status hone_bench_check_plain(struct hone_program *program);
// The times of all nodes over a few runs of a profiled program: medians, into ms[node count].
hone_status hone_bench_profile(struct hone_program *program, int runs, double *ms);
// Fills a line from a node; its texts belong to the result.
hone_status hone_bench_describe(struct hone_bencher *b, struct hone_program *program, int node,
                                double ms, struct hone_bench_line *line);

#endif
