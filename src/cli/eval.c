// eval.c: hone eval MODEL DATA|--list FILE: how good a model is on labelled pictures.
#include "cli/cli.h"

#include <hone/data.h>
#include <hone/eval.h>

#include <stdio.h>

struct eval_params {
    const char *list;
    bool json;
};

static const hone_option eval_rows[] = {
    CLI_OPTION(struct eval_params, list, STRING, "list", .metavar = "FILE",
               .help = "pictures to judge: lines of path<TAB>class"),
    CLI_OPTION(struct eval_params, json, BOOL, "json", .help = "one JSON object"),
};
static const hone_option_table eval_table =
    HONE_OPTION_TABLE("Command", eval_rows, struct eval_params);

static bool show_progress(void *user, int64_t done, int64_t total, double pictures_per_second) {
    (void)pictures_per_second; // the bar has a rate of its own
    cli_progress_update(user, "evaluate", done, total, "");
    return !cli_interrupted();
}

static hone_status show(const struct hone_evaluation *e, bool json) {
    const char *const *names = (const char *const *)e->class_names;
    char *text;
    hone_status status = json ? hone_metrics_json(&e->metrics, names, &text)
                              : hone_metrics_text(&e->metrics, names, &text);
    if (status != HONE_OK) return status;
    printf("%s%s", text, json ? "\n" : "");
    hone_text_free(&text);
    return HONE_OK;
}

static int run_eval(const struct cli_command *command, int argc, char **argv) {
    struct eval_params own = {0};
    struct hone_eval_params params = {0};
    struct hone_data_params data = {0};
    const char *positional[2] = {NULL, NULL};
    struct cli_table tables[] = {
        {&eval_table, &own}, {&hone_eval_options, &params}, {&hone_data_options, &data}};
    struct cli_args args = {
        .tables = tables, .table_count = 3, .positional = positional, .positional_max = 2};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (!positional[0]) return cli_usage(command, "no model is given");
    if (positional[1]) data.folder = positional[1];
    if (own.list) {
        data.test_list = own.list;
        if (!params.part) params.part = "test";
    }
    if (!data.folder && !data.test_list && !data.val_list && !data.train_list)
        return cli_usage(command, "no pictures: a data folder, or --list");

    cli_catch_interrupt();
    struct cli_progress progress = {0};
    params.progress = show_progress;
    params.user = &progress;
    struct hone_evaluation evaluation = {0};
    hone_status status = hone_eval(positional[0], &data, &params, &evaluation);
    cli_progress_end(&progress);
    if (status == HONE_OK) status = show(&evaluation, own.json);
    if (status == HONE_OK && evaluation.broken)
        fprintf(stderr, "hone: %zu pictures could not be read and are left out\n",
                evaluation.broken);
    hone_evaluation_deinit(&evaluation);
    return status == HONE_OK ? CLI_OK : cli_fail(status);
}

const struct cli_command cli_eval = {
    .name = "eval",
    .usage = "eval MODEL DATA|--list FILE [--json]",
    .summary = "accuracy, macro-F1 and confusion on labelled pictures",
    .run = run_eval,
};
