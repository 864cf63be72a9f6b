// show.c: hone show: a contact sheet of what training will show the net.
#include "cli/cli.h"

#include <hone/data.h>
#include <hone/train.h>

#include <stdio.h>

static int run_show(const struct cli_command *command, int argc, char **argv) {
    struct hone_train_params train = {0};
    struct hone_data_params data = {0};
    struct hone_show_params show = {0};
    struct hone_show_result result;
    const char *folder = NULL;
    // "out" is of both: what is set is the sheet, and training's is not looked at.
    struct cli_table tables[] = {
        {&hone_show_options, &show}, {&hone_train_options, &train}, {&hone_data_options, &data}};
    struct cli_args args = {
        .tables = tables, .table_count = 3, .positional = &folder, .positional_max = 1};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (folder) data.folder = folder;
    if (!data.folder && !data.train_list && !data.all_list)
        return cli_usage(command, "no data: a folder, or --train-list");
    hone_status status = hone_show(&train, &data, &show, &result);
    if (status != HONE_OK) return cli_fail(status);
    printf("%s: %zu pictures of %d classes, %d x %d pixels, as training sees them in epoch %d with "
           "seed %lld\n",
           show.out, result.pictures, (int)result.classes, (int)result.width, (int)result.height,
           (int)show.epoch, (long long)train.seed);
    return CLI_OK;
}

const struct cli_command cli_show = {
    .name = "show",
    .usage = "show DATA [--backbone FILE] [options]",
    .summary = "draw what the net will see in training",
    .run = run_show,
};
