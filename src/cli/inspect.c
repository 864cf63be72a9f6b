// inspect.c: hone inspect FILE: the net as a table, its totals, its input, and what hone found or
// assumed.
#include "cli/cli.h"

#include <hone/model.h>

#include <stdio.h>

struct inspect_params {
    int32_t size;
    const char *preprocess;
    const char *arch;
    bool summary;
};

static const hone_option inspect_rows[] = {
    CLI_OPTION(struct inspect_params, size, I32, "size", .initial = "0", .least = 0, .most = 8192,
               .metavar = "PIXELS",
               .help = "see the net at this picture size; 0: as the file says"),
    CLI_OPTION(struct inspect_params, preprocess, STRING, "preprocess",
               .metavar = "imagenet|tf|none|MEAN,STD[:...]",
               .help = "what is done to pixels, in place of what the file says"),
    CLI_OPTION(struct inspect_params, arch, STRING, "arch", .metavar = "NAME",
               .help = "the net of a weight file; left out: as its metadata or config.json "
                       "beside it says, else by the names of its tensors"),
    CLI_OPTION(struct inspect_params, summary, BOOL, "summary",
               .help = "leave the table of operators out"),
};
static const hone_option_table inspect_table =
    HONE_OPTION_TABLE("Options", inspect_rows, struct inspect_params);

static hone_status print_rows(const hone_model *model, const hone_model_info *info) {
    static const char line[] = "%-44.44s %-16s %-22s %12llu %14llu\n";
    printf("%-44s %-16s %-22s %12s %14s\n", "name", "operator", "output (N,H,W,C)", "parameters",
           "MACs");
    for (size_t i = 0; i < info->rows; i++) {
        hone_model_row row;
        hone_status status = hone_model_get_row(model, i, &row);
        if (status != HONE_OK) return status;
        printf(line, row.name, row.op, row.shape, (unsigned long long)row.parameters,
               (unsigned long long)row.macs);
    }
    printf(line, "total", "", "", (unsigned long long)info->parameters,
           (unsigned long long)info->macs);
    printf("\n");
    return HONE_OK;
}

static void print_summary(const hone_model *model, const hone_model_info *info) {
    static const char *const outputs[] = {
        [HONE_MODEL_LOGITS] = "logits",
        [HONE_MODEL_PROBABILITIES] = "probabilities",
        [HONE_MODEL_FEATURES] = "features, no classifier: training appends one",
    };
    if (info->opset)
        printf("%s: ONNX opset %d\n", info->source, info->opset);
    else
        printf("%s: weights without a graph\n", info->source);
    printf("  input        %d x %d, %d channels%s\n", info->height, info->width, info->channels,
           info->size_fixed ? "" : " (the file leaves the size open)");
    printf("  preprocess   %s%s\n", info->preprocess,
           info->preprocess_stated ? "" : " (assumed, the file does not say: see --preprocess)");
    printf("  output       %s", outputs[info->output]);
    if (info->classes)
        printf(", %d classes%s", info->classes, info->class_names_known ? "" : " without names");
    printf("\n  head         %s%s%s, reads %d features\n", info->head, *info->head_name ? " " : "",
           info->head_name, info->features);
    printf("  operators    %zu\n", info->rows);
    printf("  parameters   %llu in %zu tensors, %llu trainable\n",
           (unsigned long long)info->parameters, info->tensors,
           (unsigned long long)info->trainable);
    printf("  MACs         %.1f million for a picture\n",
           (double)info->macs * (double)info->copies * 1e-6);
    if (info->copies > 1)
        printf("  copies       answers from the mean over %d mirrored copies of it\n",
               (int)info->copies);
    for (size_t i = 0; i < info->warnings; i++)
        printf("  note         %s\n", hone_model_warning(model, i));
    for (int32_t i = 0; info->class_names_known && i < info->classes; i++)
        printf("  class %-6d %s\n", i, hone_model_class_name(model, i));
}

static int run_inspect(const struct cli_command *command, int argc, char **argv) {
    struct inspect_params params;
    const char *file = NULL;
    struct cli_table tables[] = {{&inspect_table, &params}};
    struct cli_args args = {
        .tables = tables, .table_count = 1, .positional = &file, .positional_max = 1};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (!file) return cli_usage(command, "no file is given");
    hone_model *model;
    hone_model_load_params load = {
        .size = params.size, .preprocess = params.preprocess, .arch = params.arch};
    hone_status status = hone_model_load(file, &load, &model);
    if (status != HONE_OK) return cli_fail(status);
    hone_model_info info;
    hone_model_get_info(model, &info);
    if (!params.summary) status = print_rows(model, &info);
    if (status == HONE_OK) print_summary(model, &info);
    hone_model_destroy(&model);
    return status == HONE_OK ? CLI_OK : cli_fail(status);
}

const struct cli_command cli_inspect = {
    .name = "inspect",
    .usage = "inspect FILE [--summary]",
    .summary = "what a model file holds",
    .run = run_inspect,
};
