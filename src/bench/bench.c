// bench.c: options to a result: opens the device, measures its yardsticks, and lets op.c or net.c
// do the work.
#include "bench/internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/options.h"
#include "base/thread.h"
#include "exec/tune.h"
#include "exec/tuning_file.h"
#include "exec/yardstick.h"
#include "ir/passes.h"
#include "ops/row.h"

// Every pass but the removal of dead nodes.
static const unsigned ALL_FUSION = HONE_PASS_ALL & ~(unsigned)HONE_PASS_DCE;

#define BENCH(field, kind, name, ...)                                                              \
    HONE_OPTION(struct hone_bench_params, field, kind, name, __VA_ARGS__)

static const hone_option bench_rows[] = {
    BENCH(op, STRING, "op", .metavar = "NAME",
          .help = "time an operator: conv2d, conv2d_bwd_x, conv2d_bwd_w, depthwise, matmul, ...; "
                  "--ops lists them with the keys of their shapes"),
    BENCH(shape, STRING, "shape", .metavar = "KEY=N,...",
          .help = "its shape, as n=8,h=56,c=64,k=64,r=3; what is left out has a default"),
    BENCH(dtype, ENUM, "dtype", .initial = "f32", .words = "f32|f16|bf16",
          .help = "element type of the operator's data; of a net: what convolutions and products "
                  "read and write, the rest stays in f32; sums are made in f32"),
    BENCH(rows, ENUM, "rows", .initial = "best", .words = "best|all|tiles",
          .help = "kernels of the operator to time: the one that a program would take, every one "
                  "that fits, or these in every way that they can cut the work"),
    BENCH(net, STRING, "net", .metavar = "NAME|FILE",
          .help = "time a net: resnet18, resnet34, resnet50, resnet101, mobilenet_v2, "
                  "efficientnet_b0, ... with random weights, or a file of a network"),
    BENCH(mode, ENUM, "mode", .initial = "train", .words = "train|infer",
          .help = "train: forward, loss, backward and update of every weight; infer: answers"),
    BENCH(batch, I32, "batch", .initial = "8", .least = 1, .most = 4096, .metavar = "N",
          .help = "pictures a step"),
    BENCH(size, I32, "size", .initial = "224", .least = 8, .most = 4096, .metavar = "PIXELS",
          .help = "height and width of the pictures"),
    BENCH(optimizer, ENUM, "optimizer", .initial = "adamw", .words = "adamw|sgd",
          .help = "how weights are updated"),
    BENCH(explain, BOOL, "explain",
          .help = "a line for each layer: kernel, tile, time, rates, share of the bound, and why "
                  "this kernel"),
    BENCH(scaling, BOOL, "scaling",
          .help = "steps at four batches, then at four sizes, taken in turn, and how far the time "
                  "of each is from a straight line"),
    BENCH(fusion, ENUM, "fusion", .initial = "on", .words = "on|off",
          .help = "off: run no pass over the graph but the removal of dead nodes"),
    BENCH(pass_off, STRING, "pass-off", .metavar = "NAME,...", .help = "passes not to run"),
    BENCH(beside, STRING, "beside", .metavar = "NAME,...",
          .help =
              "time a net beside itself without these passes, step by step in turn: conv_stats; "
              "all for all fusion"),
    BENCH(skip_row, STRING, "skip-row", .metavar = "OP/ROW,...",
          .help = "kernels not to use, as conv2d/cpu"),
    BENCH(allow_plain, BOOL, "allow-plain",
          .help = "let convolutions and matrix products run on the plain kernel, which is an error "
                  "otherwise"),
    BENCH(tune, BOOL, "tune",
          .help = "first measure every way to run each operator here, and keep the fastest in the "
                  "file of tuning records"),
    BENCH(tuning, STRING, "tuning", .metavar = "FILE|off",
          .help = "tuning records to go by; left out: tuning.tune in ~/.cache/hone"),
    BENCH(device, STRING, "device", .metavar = "NAME",
          .help =
              "where to run: an index, a part of a device's name, or a UUID; left out: the best "
              "GPU"),
    BENCH(validate, BOOL, "validate", .help = "run with the Vulkan validation layers"),
};

const hone_option_table hone_bench_options =
    HONE_OPTION_TABLE("Bench", bench_rows, struct hone_bench_params);

void hone_bench_note(const struct hone_bencher *b, const char *format, ...) {
    char line[512];
    va_list args;
    if (!b->note) return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    b->note(b->user, line);
}

const char *hone_bench_text(const struct hone_bencher *b, const char *text) {
    return hone_arena_strdup(&b->result->memory->arena, text);
}

hone_status hone_bench_add_line(struct hone_bencher *b, const struct hone_bench_line *line) {
    struct hone_bench_result *r = b->result;
    size_t bytes = (r->line_count + 1) * sizeof *r->lines;
    struct hone_bench_line *lines = hone_realloc(r->lines, 1, bytes, "bench lines");
    if (!lines) return HONE_OUT_OF_MEMORY;
    r->lines = lines;
    r->lines[r->line_count++] = *line;
    return HONE_OK;
}

hone_status hone_bench_add_net(struct hone_bencher *b, const struct hone_bench_net *net) {
    struct hone_bench_result *r = b->result;
    size_t bytes = (r->net_count + 1) * sizeof *r->nets;
    struct hone_bench_net *nets = hone_realloc(r->nets, 1, bytes, "bench lines");
    if (!nets) return HONE_OUT_OF_MEMORY;
    r->nets = nets;
    r->nets[r->net_count++] = *net;
    return HONE_OK;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double hone_bench_median(double *values, int count) {
    qsort(values, (size_t)count, sizeof *values, compare);
    return count % 2 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

void hone_bench_rate(const struct hone_bench_yardsticks *yardsticks, struct hone_bench_line *line) {
    if (line->ms <= 0) return;
    double compute = yardsticks->fma_gflops > 0 ? line->flops / yardsticks->fma_gflops * 1e-6 : 0;
    double move = yardsticks->copy_gbs > 0 ? line->bytes / yardsticks->copy_gbs * 1e-6 : 0;
    line->gflops = line->flops / line->ms * 1e-6;
    line->gbs = line->bytes / line->ms * 1e-6;
    line->share = (compute > move ? compute : move) / line->ms;
}

hone_status hone_bench_describe(struct hone_bencher *b, struct hone_program *program, int index,
                                double ms, struct hone_bench_line *line) {
    const struct hone_graph *graph = hone_program_graph(program);
    const struct hone_node *node = &graph->nodes[index];
    struct hone_program_node info;
    char shape[2 * HONE_DESC_TEXT + 2], text[HONE_DESC_TEXT];
    HONE_TRY(hone_program_node(program, index, &info));
    int at = snprintf(shape, sizeof shape, "%s",
                      hone_desc_text(hone_graph_desc(graph, node->outputs[0]), text));
    if (node->input_count > 1 && node->inputs[1] != HONE_NO_VALUE)
        snprintf(shape + at, sizeof shape - (size_t)at, " %s",
                 hone_desc_text(hone_graph_desc(graph, node->inputs[1]), text));
    *line = (struct hone_bench_line){
        .name = hone_bench_text(b, info.name),
        .op = hone_bench_text(b, info.op),
        .shape = hone_bench_text(b, shape),
        .row = hone_bench_text(b, info.row),
        .tile = hone_bench_text(b, info.tile),
        .reason = hone_bench_text(b, info.reason),
        .ms = ms,
        .flops = info.flops,
        .bytes = info.bytes,
        .dispatches = info.dispatches,
    };
    if (!line->name || !line->op || !line->shape || !line->row || !line->tile || !line->reason)
        return HONE_OUT_OF_MEMORY;
    hone_bench_rate(&b->result->yardsticks, line);
    return HONE_OK;
}

// Cuts "a,b,c" into the result's memory: at most HONE_BENCH_NAMES names.
static hone_status split_names(struct hone_bencher *b, const char *option, const char *text,
                               const char **names) {
    int count = 0;
    char *copy = hone_arena_strdup(&b->result->memory->arena, text ? text : "");
    if (!copy) return HONE_OUT_OF_MEMORY;
    while (*copy) {
        size_t length = strcspn(copy, ",");
        char *next = copy + length + (copy[length] != '\0');
        copy[length] = '\0';
        if (count == HONE_BENCH_NAMES)
            return hone_fail(HONE_INVALID, "%s: more than %d names", option, HONE_BENCH_NAMES);
        if (*copy) names[count++] = copy;
        copy = next;
    }
    names[count] = NULL;
    return HONE_OK;
}

static hone_status read_passes(struct hone_bencher *b, const char *option, const char *text,
                               unsigned *passes) {
    const char *names[HONE_BENCH_NAMES + 1];
    HONE_TRY(split_names(b, option, text, names));
    for (int i = 0; names[i]; i++) {
        unsigned pass = strcmp(names[i], "all") == 0 ? ALL_FUSION : hone_pass_find(names[i]);
        char known[256] = "";
        for (size_t k = 0; !pass && hone_pass_name(k); k++) {
            size_t used = strlen(known);
            snprintf(known + used, sizeof known - used, "%s%s", k ? ", " : "", hone_pass_name(k));
        }
        if (!pass)
            return hone_fail(HONE_NOT_FOUND, "%s: no pass is named '%s'; there are all, %s", option,
                             names[i], known);
        *passes |= pass;
    }
    return HONE_OK;
}

// A misspelt "op/row" would time what it should have left out.
static hone_status check_row(const char *name) {
    char op_name[64], rows[256] = "";
    size_t length = strcspn(name, "/");
    snprintf(op_name, sizeof op_name, "%.*s", (int)length, name);
    const struct hone_op *op = hone_op_find(op_name);
    if (!op) return hone_fail(HONE_NOT_FOUND, "--skip-row: no operator is named '%s'", op_name);
    for (int i = 0; i < op->row_count; i++) {
        if (name[length] && strcmp(op->rows[i].name, name + length + 1) == 0) return HONE_OK;
        size_t used = strlen(rows);
        snprintf(rows + used, sizeof rows - used, "%s%s/%s", i ? ", " : "", op_name,
                 op->rows[i].name);
    }
    return hone_fail(HONE_NOT_FOUND, "--skip-row: no kernel is named '%s'; there are %s", name,
                     rows);
}

enum hone_dtype hone_bench_dtype(const struct hone_bench_params *params) {
    static const enum hone_dtype types[] = {HONE_F32, HONE_F16, HONE_BF16};
    return types[params->dtype];
}

static hone_status open_device(struct hone_bencher *b) {
    const struct hone_bench_params *p = b->params;
    bool off = p->tuning && strcmp(p->tuning, "off") == 0;
    if (p->tune && off)
        return hone_fail(HONE_INVALID, "--tune has nowhere to keep its records with --tuning off");
    // A file that is to be filled need not be there yet.
    bool fresh = p->tune && p->tuning && !hone_file_exists(p->tuning);
    struct hone_device_params open = {.name = p->device,
                                      .validate = p->validate,
                                      .tuning = off || fresh ? "" : p->tuning,
                                      .capture = p->tune};
    return hone_device_open(&open, &b->device);
}

static bool tune_progress(void *user, size_t done, size_t total, const char *node) {
    struct hone_bencher *b = user;
    double now = hone_seconds();
    if (now - b->told > 1) {
        hone_bench_note(b, "tuning %zu of %zu: %s", done + 1, total, node);
        b->told = now;
    }
    return false;
}

hone_status hone_bench_tune(struct hone_bencher *b, const struct hone_graph *graph) {
    struct hone_tune_params params = {.again = true,
                                      .passes_off = b->passes_off,
                                      .compute =
                                          b->params->net ? hone_bench_dtype(b->params) : HONE_F32,
                                      .skip_rows = b->skip_rows,
                                      .progress = tune_progress,
                                      .user = b};
    struct hone_tune_result r;
    char *path = NULL;
    if (!b->params->tune) return HONE_OK;
    if (b->params->tuning)
        path = hone_strdup(b->params->tuning);
    else
        HONE_TRY(hone_tuning_path(NULL, &path));
    if (!path)
        return hone_fail(HONE_INVALID, "--tune has nowhere to keep its records: name a file with "
                                       "--tuning");
    hone_status status = hone_tune_and_keep(b->device, graph, &params, path, &r);
    if (status == HONE_OK)
        hone_bench_note(b,
                        "tuned %zu operators in %.1f s, %zu programs timed; %zu run otherwise than "
                        "by the table; records in %s",
                        r.measured, r.seconds, r.candidates, r.changed, path);
    hone_free(path);
    return status;
}

static hone_status run(struct hone_bencher *b) {
    const struct hone_bench_params *p = b->params;
    struct hone_bench_result *r = b->result;
    struct hone_yardsticks measured;
    if (!p->op == !p->net)
        return hone_fail(HONE_INVALID, "one of --op and --net says what to time");
    if (p->fusion) b->passes_off = ALL_FUSION;
    HONE_TRY(read_passes(b, "--pass-off", p->pass_off, &b->passes_off));
    HONE_TRY(read_passes(b, "--beside", p->beside, &b->beside));
    if (b->beside && (p->op || p->scaling || p->explain))
        return hone_fail(HONE_INVALID, "--beside is for --net, without --scaling and --explain");
    HONE_TRY(split_names(b, "--skip-row", p->skip_row, b->skip_rows));
    for (int i = 0; b->skip_rows[i]; i++) HONE_TRY(check_row(b->skip_rows[i]));
    if (p->op) { // what is misspelt is said before a device is opened
        struct hone_bench_build build;
        HONE_TRY(hone_bench_op_build(p->op, p->shape, hone_bench_dtype(p), &build));
        hone_graph_destroy(&build.graph);
    }
    HONE_TRY(open_device(b));
    const struct hone_caps *caps = hone_device_caps(b->device);
    snprintf(r->device, sizeof r->device, "%s", caps->name);
    snprintf(r->driver, sizeof r->driver, "%s", caps->driver);
    hone_bench_note(b, "yardsticks of %s", caps->name);
    HONE_TRY(hone_device_measure(b->device, &measured));
    r->yardsticks = (struct hone_bench_yardsticks){measured.copy_gbs, measured.fma_gflops,
                                                   measured.dispatch_us, measured.barrier_us};
    return p->op ? hone_bench_run_op(b) : hone_bench_run_net(b);
}

hone_status hone_bench(const struct hone_bench_params *params,
                       void (*note)(void *user, const char *line), void *user,
                       struct hone_bench_result *out) {
    struct hone_bench_params own = *params;
    struct hone_bencher b = {.params = &own, .result = out, .note = note, .user = user};
    *out = (struct hone_bench_result){0};
    HONE_TRY(hone_options_complete(&hone_bench_options, &own));
    out->memory = hone_calloc(1, sizeof *out->memory, "a bench result");
    if (!out->memory) return HONE_OUT_OF_MEMORY;
    hone_status status = run(&b);
    hone_device_close(&b.device);
    return status;
}

void hone_bench_result_deinit(struct hone_bench_result *result) {
    if (result->memory) hone_arena_deinit(&result->memory->arena);
    hone_free(result->memory);
    hone_free(result->lines);
    hone_free(result->nets);
    *result = (struct hone_bench_result){0};
}
