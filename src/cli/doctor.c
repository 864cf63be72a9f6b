// doctor.c: hone doctor: what is right and wrong on this device, as a table; 0 when nothing is
// wrong.
#include "cli/cli.h"

#include <hone/doctor.h>

#include <stdio.h>
#include <string.h>

struct doctor_view {
    bool verbose;
};

static const hone_option view_rows[] = {
    CLI_OPTION(struct doctor_view, verbose, BOOL, "verbose",
               .help = "a line for each kernel, right or wrong (-v)"),
};
static const hone_option_table view_table =
    HONE_OPTION_TABLE("Output", view_rows, struct doctor_view);

static bool on_progress(void *user, const char *what, size_t done, size_t total) {
    cli_progress_update(user, what, (int64_t)done, (int64_t)total, "");
    return cli_interrupted();
}

// The kernels of an operator on a line: "conv2d   cpu 61  tiled 61  plain 84".
static void print_operator(const struct hone_doctor_result *r, size_t *at) {
    size_t length = strcspn(r->kernels[*at].name, "/");
    const char *name = r->kernels[*at].name;
    printf("  %-24.*s", (int)length, name);
    for (; *at < r->kernel_count && strncmp(r->kernels[*at].name, name, length + 1) == 0; ++*at) {
        const struct hone_doctor_kernel *k = &r->kernels[*at];
        printf(k->wrong  ? " %s WRONG %d/%d"
               : k->runs ? " %s %d"
                         : " %s -",
               k->name + length + 1, k->wrong ? k->wrong : k->runs, k->runs);
    }
    printf("\n");
}

static void print_kernels(const struct hone_doctor_result *r, bool verbose) {
    int runs = 0;
    for (size_t i = 0; i < r->kernel_count; i++) runs += r->kernels[i].runs;
    printf(
        "kernels      %zu right, %zu wrong, %zu that this device can't run; %d launches in %.1f s\n",
        r->kernel_count - r->kernels_wrong, r->kernels_wrong, r->kernels_absent, runs,
        r->kernel_seconds);
    for (size_t i = 0; verbose && i < r->kernel_count;) print_operator(r, &i);
    for (size_t i = 0; i < r->kernel_count; i++)
        if (r->kernels[i].wrong)
            printf("  WRONG %s: %d of %d launches; %s\n", r->kernels[i].name, r->kernels[i].wrong,
                   r->kernels[i].runs, r->kernels[i].why);
}

static void print_result(const struct hone_doctor_result *r, bool verbose) {
    printf("%s\n%s\nhone %s\n\n", r->device, r->driver, r->build);
    printf("subgroups    %u (%u to %u)\n", r->subgroup_size, r->subgroup_min, r->subgroup_max);
    printf("features     %s\n", r->features);
    if (*r->matrices) printf("matrices     %s\n", r->matrices);
    print_kernels(r, verbose);
    printf(
        "training     %d steps, loss %.4f to %.4f, reference %.4f; gradients off by %.1e, losses "
        "by %.1e\n",
        (int)r->steps, r->first_loss, r->last_loss, r->reference_loss, r->gradient_error,
        r->loss_error);
    if (*r->training_fault) printf("  WRONG %s\n", r->training_fault);
    printf("memory       %.0f MB held at once, %.0f MB through staging\n",
           (double)r->memory_bytes * 1e-6, (double)r->staging_bytes * 1e-6);
    if (*r->memory_fault) printf("  WRONG %s\n", r->memory_fault);
    printf("speed        copy %.2f GB/s, fma %.1f GFLOP/s, a dispatch %.2f us, a barrier %.2f us\n",
           r->copy_gbs, r->fma_gflops, r->dispatch_us, r->barrier_us);
    if (r->validation_messages)
        printf("  WRONG %llu validation messages\n", (unsigned long long)r->validation_messages);
    if (r->lost) printf("  WRONG the driver lost the device\n");
    if (*r->certificate) printf("certificate  %s\n", r->certificate);
    printf("\n%s\n",
           r->healthy ? "Nothing is wrong."
           : r->kernels_wrong && !r->lost && !*r->training_fault && !*r->memory_fault
               ? "Training and predictions will do without the kernels that are wrong; a newer "
                 "driver may mend them."
               : "Do not rely on this device: update its driver, or take another one (--device).");
}

static int run_doctor(const struct cli_command *command, int argc, char **argv) {
    struct hone_doctor_params params;
    struct doctor_view view;
    struct cli_table tables[] = {{&hone_doctor_options, &params}, {&view_table, &view}};
    struct cli_args args = {.tables = tables, .table_count = 2};
    struct cli_progress progress = {0};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    cli_catch_interrupt();
    struct hone_doctor_result result;
    hone_status status =
        hone_doctor(&params, &(struct hone_doctor_hooks){on_progress, &progress}, &result);
    cli_progress_end(&progress);
    if (status == HONE_OK) print_result(&result, view.verbose);
    code = status != HONE_OK ? cli_fail(status) : result.healthy ? CLI_OK : CLI_FAILED;
    hone_doctor_result_deinit(&result);
    return code;
}

const struct cli_command cli_doctor = {
    .name = "doctor",
    .usage = "doctor [-v] [options]",
    .summary = "is this device, with this driver, right",
    .run = run_doctor,
};
