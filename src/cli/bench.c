// bench.c: hone bench: the result of hone_bench() as a table, and as CSV.
#include "cli/cli.h"

#include <hone/bench.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct bench_view {
    const char *csv;
    bool ops;
};

static const hone_option view_rows[] = {
    CLI_OPTION(struct bench_view, csv, STRING, "csv", .metavar = "FILE",
               .help = "write every figure to this file as well; - is the standard output, without "
                       "the table"),
    CLI_OPTION(struct bench_view, ops, BOOL, "ops",
               .help = "list the operators and the keys of their shapes with the defaults"),
};
static const hone_option_table view_table =
    HONE_OPTION_TABLE("Output", view_rows, struct bench_view);

static void show_note(void *user, const char *line) {
    (void)user;
    fprintf(stderr, "hone: %s\n", line);
}

static void print_line(void *user, const char *text) {
    fprintf(user, "%s\n", text);
}

// ---- CSV ----

// One line for the device (its driver under "reason"), each yardstick, kernel, layer and net;
// fields that do not apply are empty.
static const char csv_heading[] = "kind,name,op,shape,mode,batch,size,row,tile,ms,device_ms,"
                                  "images_per_second,gflops,gbs,share,flops,bytes,dispatches,"
                                  "barriers,submit_us,peak_bytes,compile_s,deviation,reason";

// ", f16" behind the name of a net in mixed precision.
static const char *mixed(const struct hone_bench_params *params) {
    static const char *const names[] = {"", ", f16", ", bf16"};
    return names[params->dtype];
}

static void csv_text(FILE *to, const char *text) {
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"') fputc('"', to);
        fputc(*text, to);
    }
    fputc('"', to);
}

static void csv_yardstick(FILE *to, const char *name, double gflops, double gbs, double ms) {
    fprintf(to, "yardstick,%s,,,,,,,,", name);
    if (ms > 0) fprintf(to, "%.6f", ms);
    fprintf(to, ",,,");
    if (gflops > 0) fprintf(to, "%.3f", gflops);
    fprintf(to, ",");
    if (gbs > 0) fprintf(to, "%.3f", gbs);
    fprintf(to, ",,,,,,,,,,\n");
}

static void csv_line(FILE *to, const char *kind, const struct hone_bench_line *line) {
    fprintf(to, "%s,", kind);
    csv_text(to, line->name);
    fprintf(to, ",%s,", line->op);
    csv_text(to, line->shape);
    fprintf(to, ",,,,%s,%s,%.6f,,,%.3f,%.3f,%.4f,%.0f,%.0f,%d,,,,,,", line->row, line->tile,
            line->ms, line->gflops, line->gbs, line->share, line->flops, line->bytes,
            line->dispatches);
    csv_text(to, line->reason);
    fprintf(to, "\n");
}

static void csv_net(FILE *to, const struct hone_bench_params *params,
                    const struct hone_bench_net *net) {
    fprintf(to, "net,");
    csv_text(to, params->net);
    fprintf(to, ",,%s,%s,%d,%d,,,%.6f,", params->dtype ? mixed(params) + 2 : "",
            params->mode == HONE_BENCH_TRAIN ? "train" : "infer", net->batch, net->size,
            net->step_ms);
    if (net->device_ms > 0) fprintf(to, "%.6f", net->device_ms);
    unsigned long long bytes = net->activation_bytes + net->state_bytes + net->staging_bytes;
    fprintf(to, ",%.3f,%.3f,,,%.0f,,%u,%u,%.1f,%llu,%.3f,", net->images_per_second,
            net->flops / net->step_ms * 1e-6, net->flops, net->dispatches, net->barriers,
            net->submit_us, bytes, net->compile_s);
    if (params->scaling || params->beside) fprintf(to, "%.4f", net->deviation);
    fprintf(to, ",\n");
}

static void write_csv(FILE *to, const struct hone_bench_params *params,
                      const struct hone_bench_result *r) {
    const struct hone_bench_yardsticks *y = &r->yardsticks;
    fprintf(to, "%s\ndevice,", csv_heading);
    csv_text(to, r->device);
    fprintf(to, ",,,,,,,,,,,,,,,,,,,,,,");
    csv_text(to, r->driver);
    fprintf(to, "\n");
    csv_yardstick(to, "copy", 0, y->copy_gbs, 0);
    csv_yardstick(to, "fma", y->fma_gflops, 0, 0);
    csv_yardstick(to, "dispatch", 0, 0, y->dispatch_us * 1e-3);
    csv_yardstick(to, "barrier", 0, 0, y->barrier_us * 1e-3);
    for (size_t i = 0; i < r->line_count; i++)
        csv_line(to, params->op ? "op" : "layer", &r->lines[i]);
    for (size_t i = 0; i < r->net_count; i++) csv_net(to, params, &r->nets[i]);
}

// The file appears when all is well; a bench that failed leaves none.
static int save_csv(const char *path, const struct hone_bench_params *params,
                    const struct hone_bench_result *result) {
    bool out = strcmp(path, "-") == 0;
    FILE *file = out ? stdout : fopen(path, "w");
    if (file) write_csv(file, params, result);
    bool failed = !file || ferror(file) || fflush(file);
    if (file && !out && fclose(file)) failed = true;
    if (!failed) return CLI_OK;
    fprintf(stderr, "hone: cannot write %s: %s\n", path, strerror(errno));
    return CLI_FAILED;
}

// ---- Table ----

static void print_kernels(const struct hone_bench_result *r) {
    printf("\n%-12s %-18s %10s %10s %9s %7s  %s\n", "row", "tile", "ms", "GFLOP/s", "GB/s", "bound",
           "why");
    for (size_t i = 0; i < r->line_count; i++) {
        const struct hone_bench_line *l = &r->lines[i];
        printf("%-12s %-18s %10.4f %10.2f %9.2f %6.1f%%  %s\n", l->row, *l->tile ? l->tile : "-",
               l->ms, l->gflops, l->gbs, l->share * 100, l->reason);
    }
}

static void print_layers(const struct hone_bench_result *r) {
    printf("\n%-28s %-20s %-12s %-12s %9s %6s %9s %8s %8s %8s %6s  %s\n", "layer", "op", "row",
           "tile", "ms", "time", "GFLOP/s", "GB/s", "MFLOP", "MB", "bound", "why");
    double total = 0;
    for (size_t i = 0; i < r->line_count; i++) total += r->lines[i].ms;
    for (size_t i = 0; i < r->line_count; i++) {
        const struct hone_bench_line *l = &r->lines[i];
        printf("%-28.28s %-20s %-12s %-12s %9.3f %5.1f%% %9.2f %8.2f %8.1f %8.2f %5.0f%%  %s\n",
               l->name, l->op, l->row, *l->tile ? l->tile : "-", l->ms, 100 * l->ms / total,
               l->gflops, l->gbs, l->flops * 1e-6, l->bytes * 1e-6, l->share * 100, l->reason);
    }
}

// The same by operator and kernel, longest first.
static void print_sums(const struct hone_bench_result *r) {
    struct {
        const struct hone_bench_line *of;
        double ms, flops, bytes, bound;
        int count;
    } sums[96];
    int count = 0;
    double total = 0;
    for (size_t i = 0; i < r->line_count; i++) {
        const struct hone_bench_line *l = &r->lines[i];
        int k = 0;
        while (k < count &&
               (strcmp(sums[k].of->op, l->op) != 0 || strcmp(sums[k].of->row, l->row) != 0))
            k++;
        if (k == count && count == (int)(sizeof sums / sizeof *sums)) continue;
        if (k == count) {
            memset(&sums[count], 0, sizeof *sums);
            sums[count++].of = l;
        }
        sums[k].count++;
        sums[k].ms += l->ms;
        sums[k].flops += l->flops;
        sums[k].bytes += l->bytes;
        sums[k].bound += l->share * l->ms;
        total += l->ms;
    }
    printf("\n%-22s %-12s %6s %10s %6s %10s %8s %6s\n", "op", "row", "layers", "ms", "time",
           "GFLOP/s", "GB/s", "bound");
    for (int done = 0; done < count; done++) {
        int best = 0;
        for (int k = 1; k < count; k++)
            if (sums[k].ms > sums[best].ms) best = k;
        double ms = sums[best].ms;
        printf("%-22s %-12s %6d %10.3f %5.1f%% %10.2f %8.2f %5.0f%%\n", sums[best].of->op,
               sums[best].of->row, sums[best].count, ms, 100 * ms / total,
               ms > 0 ? sums[best].flops / ms * 1e-6 : 0, ms > 0 ? sums[best].bytes / ms * 1e-6 : 0,
               ms > 0 ? 100 * sums[best].bound / ms : 0);
        sums[best].ms = -1;
    }
}

static void print_net(const struct hone_bench_params *params, const struct hone_bench_net *n) {
    uint64_t peak = n->activation_bytes + n->state_bytes + n->staging_bytes;
    printf("\n%s, %s%s, batch %d, %d x %d\n", params->net,
           params->mode == HONE_BENCH_TRAIN ? "train" : "infer", mixed(params), n->batch, n->size,
           n->size);
    printf("  rate         %.2f images a second, %.2f ms a step, %.1f GFLOP/s\n",
           n->images_per_second, n->step_ms, n->flops / n->step_ms * 1e-6);
    if (n->device_ms > 0) printf("  layers       %.2f ms on the device\n", n->device_ms);
    printf("  memory       %.1f MB: %.1f activations and gradients, %.1f weights and optimiser, "
           "%.1f staging\n",
           (double)peak * 1e-6, (double)n->activation_bytes * 1e-6, (double)n->state_bytes * 1e-6,
           (double)n->staging_bytes * 1e-6);
    printf("  commands     %u dispatches, %u barriers, %.0f us of this thread a step\n",
           n->dispatches, n->barriers, n->submit_us);
    printf("  compile      %.2f s, %llu pipelines\n", n->compile_s,
           (unsigned long long)n->compiled);
}

static void print_scaling(const struct hone_bench_params *params,
                          const struct hone_bench_result *r) {
    printf("\n%s, %s%s\n%6s %6s %10s %14s %14s %10s\n", params->net,
           params->mode == HONE_BENCH_TRAIN ? "train" : "infer", mixed(params), "batch", "size",
           "ms a step", "ms an image", "ns a pixel", "off line");
    for (size_t i = 0; i < r->net_count; i++) {
        const struct hone_bench_net *n = &r->nets[i];
        printf("%6d %6d %10.2f %14.3f %14.3f %+9.1f%%\n", n->batch, n->size, n->step_ms,
               n->step_ms / n->batch, n->step_ms * 1e6 / ((double)n->batch * n->size * n->size),
               n->deviation * 100);
    }
}

static void print_result(const struct hone_bench_params *params,
                         const struct hone_bench_result *r) {
    const struct hone_bench_yardsticks *y = &r->yardsticks;
    printf("%s\n%s\n", r->device, r->driver);
    printf("copy %.2f GB/s, fma %.1f GFLOP/s, a dispatch %.2f us, a barrier %.2f us\n", y->copy_gbs,
           y->fma_gflops, y->dispatch_us, y->barrier_us);
    if (params->op) {
        printf("\n%s %s\n", params->op, r->line_count ? r->lines[0].shape : "");
        print_kernels(r);
    } else if (params->scaling) {
        print_scaling(params, r);
    } else {
        if (params->explain) {
            print_layers(r);
            print_sums(r);
        }
        for (size_t i = 0; i < r->net_count; i++) print_net(params, &r->nets[i]);
        if (params->beside && r->net_count == 2)
            printf("\nwithout %s, step by step beside it: %+.1f %% of the time\n", params->beside,
                   100 * r->nets[1].deviation);
    }
}

static int run_bench(const struct cli_command *command, int argc, char **argv) {
    struct hone_bench_params params;
    struct bench_view view;
    struct cli_table tables[] = {{&hone_bench_options, &params}, {&view_table, &view}};
    struct cli_args args = {.tables = tables, .table_count = 2};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (view.ops) {
        hone_bench_op_help(print_line, stdout);
        return CLI_OK;
    }
    if (!params.op == !params.net) return cli_usage(command, "give one of --op and --net");
    struct hone_bench_result result;
    hone_status status = hone_bench(&params, show_note, NULL, &result);
    code = status == HONE_OK ? CLI_OK : cli_fail(status);
    if (code == CLI_OK && !(view.csv && strcmp(view.csv, "-") == 0)) print_result(&params, &result);
    if (code == CLI_OK && view.csv) code = save_csv(view.csv, &params, &result);
    hone_bench_result_deinit(&result);
    return code;
}

const struct cli_command cli_bench = {
    .name = "bench",
    .usage = "bench --op NAME | --net NAME [options]",
    .summary = "how fast operators and nets run here",
    .run = run_bench,
};
