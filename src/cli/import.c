// import.c: hone import FILE -o OUT: a net from any file that hone reads, written as ONNX with its
// preprocessing inside, or its weights as safetensors.
#include "cli/cli.h"

#include <hone/model.h>

#include <stdio.h>
#include <string.h>

struct import_params {
    const char *out, *preprocess, *arch;
    int32_t size;
};

static const hone_option import_rows[] = {
    CLI_OPTION(struct import_params, out, STRING, "out", .metavar = "FILE",
               .help = "what to write: model.onnx or model.safetensors (-o FILE)"),
    CLI_OPTION(struct import_params, size, I32, "size", .initial = "0", .least = 0, .most = 8192,
               .metavar = "PIXELS", .help = "picture size; 0: as the file says"),
    CLI_OPTION(struct import_params, preprocess, STRING, "preprocess",
               .metavar = "imagenet|tf|none|MEAN,STD[:...]",
               .help = "what is done to pixels, in place of what the file says"),
    CLI_OPTION(struct import_params, arch, STRING, "arch", .metavar = "NAME",
               .help = "the net of a weight file; left out: as its metadata or config.json "
                       "beside it says, else by the names of its tensors"),
};
static const hone_option_table import_table =
    HONE_OPTION_TABLE("Options", import_rows, struct import_params);

static bool ends_in(const char *path, const char *ending) {
    size_t length = strlen(path), tail = strlen(ending);
    return length > tail && strcmp(path + length - tail, ending) == 0;
}

static int run_import(const struct cli_command *command, int argc, char **argv) {
    struct import_params params;
    const char *file = NULL;
    struct cli_table tables[] = {{&import_table, &params}};
    struct cli_args args = {
        .tables = tables, .table_count = 1, .positional = &file, .positional_max = 1};
    for (int i = 0; i < argc; i++)
        if (strcmp(argv[i], "-o") == 0) argv[i] = "--out";
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (!file) return cli_usage(command, "no file is given");
    if (!params.out) return cli_usage(command, "no output is given");
    if (!ends_in(params.out, ".onnx") && !ends_in(params.out, ".safetensors"))
        return cli_usage(command, "the output must end in .onnx or .safetensors");
    hone_model *model;
    hone_model_load_params load = {
        .size = params.size, .preprocess = params.preprocess, .arch = params.arch};
    hone_status status = hone_model_load(file, &load, &model);
    if (status != HONE_OK) return cli_fail(status);
    hone_model_info info;
    hone_model_get_info(model, &info);
    for (size_t i = 0; i < info.warnings; i++)
        fprintf(stderr, "hone: %s\n", hone_model_warning(model, i));
    status = hone_model_save(model, params.out);
    if (status == HONE_OK)
        printf("%s: %llu parameters, pictures of %d x %d, %s\n", params.out,
               (unsigned long long)info.parameters, info.height, info.width, info.preprocess);
    hone_model_destroy(&model);
    return status == HONE_OK ? CLI_OK : cli_fail(status);
}

const struct cli_command cli_import = {
    .name = "import",
    .usage = "import FILE -o OUT.onnx|OUT.safetensors",
    .summary = "convert a model file",
    .run = run_import,
};
