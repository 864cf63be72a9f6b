// bench.h: how fast hone is on a device: an operator on each of its kernels, or a whole net, beside
// what the device can do at best.
//
//   struct hone_bench_params params;
//   hone_options_init(&hone_bench_options, &params);
//   params.net = "resnet18";
//   hone_bench(&params, NULL, NULL, &result);
#ifndef HONE_BENCH_H
#define HONE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/options.h>

#ifdef __cplusplus
extern "C" {
#endif

enum hone_bench_mode { HONE_BENCH_TRAIN, HONE_BENCH_INFER };
enum hone_bench_rows {
    HONE_BENCH_ROWS_BEST,  // the row that a program would take
    HONE_BENCH_ROWS_ALL,   // every row that fits
    HONE_BENCH_ROWS_TILES, // and every way in which a row can cut its work
};

// hone_options_init(&hone_bench_options, &params) fills the defaults. Strings are borrowed for the
// call. Exactly one of op and net is given.
struct hone_bench_params {
    const char *op; // "conv2d", "matmul", ...: hone_bench_op_help() lists them
    const char
        *shape;      // "h=56,c=64,k=64,r=3": keys of that operator; what is left out has a default
    int dtype;       // of the operator's data, of a net's convolutions: 0 f32, 1 f16, 2 bf16
    const char *net; // "resnet18", "mobilenet_v2", ... with random weights, or an ONNX file
    int mode;        // enum hone_bench_mode
    int32_t batch, size;
    int optimizer;        // enum hone_optimizer of <hone/train.h>
    int rows;             // enum hone_bench_rows
    bool explain;         // nets: a line for each layer
    bool scaling;         // nets: four batches and four sizes
    int fusion;           // 0: on, 1: off, all passes but the removal of dead nodes
    const char *pass_off; // names of passes not to run, commas between
    const char *beside;   // nets: the same net without these passes, in turn with it
    const char *skip_row; // "op/row", commas between: kernels not to use
    bool allow_plain;     // a convolution or matrix product on the plain kernel is no error
    bool tune;            // measure the ways to run each node first, and keep the fastest
    const char *tuning;   // file of tuning records; NULL: the user's; "off": none
    const char *device;   // NULL: the best GPU
    bool validate;
};
extern const hone_option_table hone_bench_options;

// One kernel of an operator, or one layer of a net. Texts belong to the result.
struct hone_bench_line {
    const char *name;       // of the layer; of the operator
    const char *op;         // "conv2d"
    const char *shape;      // of the first output and the filter: "f32[1,56,56,64] f32[64,3,3,64]"
    const char *row, *tile; // the kernel; tile is "" where the row chose itself
    const char *reason;     // why this row
    double ms;              // median, by the device's clock
    double flops, bytes;    // what must be computed and moved at least
    double gflops, gbs;     // 10^9 a second
    // Of the bound: max(flops / peak, bytes / bandwidth) / time. The peak is that of f32
    // multiply-adds and the bandwidth that of memory: matrix units, short cuts (Winograd) and
    // caches can pass it.
    double share;
    int dispatches;
};

// A net at one batch and size.
struct hone_bench_net {
    int32_t batch, size;
    double images_per_second, step_ms; // whole steps by the host's clock, median of five
    double device_ms;  // explain: sum of the layers' medians by the device's clock; else 0
    double flops;      // of a step
    double submit_us;  // the calling thread's time on a core, for one step
    double compile_s;  // passes, plan, pipelines, recording
    uint64_t compiled; // pipelines that were made for it; the others were cached
    uint64_t activation_bytes, state_bytes, staging_bytes; // exact; their sum is the peak
    uint32_t dispatches, barriers;
    // scaling: of the time, from the straight line through the points; beside, the second net: of
    // its time, from the first's (median over neighbouring steps); else 0
    double deviation;
};

// What the device can do, measured in the same run.
struct hone_bench_yardsticks {
    double copy_gbs, fma_gflops, dispatch_us, barrier_us;
};

struct hone_bench_result {
    char device[256], driver[256];
    struct hone_bench_yardsticks yardsticks;
    struct hone_bench_line *lines;
    size_t line_count;
    struct hone_bench_net *nets; // one; beside: with the passes, then without; scaling: four
                                 // batches, then four sizes
    size_t net_count;
    struct hone_bench_memory *memory; // owns the texts
};

// Blocks. `note` (may be NULL) is told what is being done. HONE_INVALID and HONE_NOT_FOUND list
// what there is; HONE_UNSUPPORTED also when a convolution or matrix product falls to the plain
// kernel and allow_plain is not set: the message names the node and why the other rows do not serve
// it. hone_bench_result_deinit() ends a result, of a failure too.
hone_status hone_bench(const struct hone_bench_params *params,
                       void (*note)(void *user, const char *line), void *user,
                       struct hone_bench_result *out);
void hone_bench_result_deinit(struct hone_bench_result *result);

// The operators with their keys and defaults, a line each: "conv2d  n=1 h=56 ...". Calls `line`.
void hone_bench_op_help(void (*line)(void *user, const char *text), void *user);

#ifdef __cplusplus
}
#endif
#endif
