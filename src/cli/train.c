// train.c: hone train DATA --backbone FILE: runs hone_train() and shows what happens.
#include "cli/cli.h"

#include <hone/data.h>
#include <hone/train.h>

#include <math.h>
#include <stdio.h>

struct train_view {
    struct cli_progress progress;
    bool header; // of the table of epochs has been printed
};

static void show_progress(void *user, const struct hone_train_progress *p) {
    static const char *const labels[] = {
        [HONE_TRAIN_DECODE] = "decode",     [HONE_TRAIN_COMPILE] = "compile",
        [HONE_TRAIN_FEATURES] = "features", [HONE_TRAIN_STEPS] = "train",
        [HONE_TRAIN_EVAL] = "evaluate",
    };
    struct train_view *view = user;
    if (p->total <= 0) return;
    char extra[64] = "";
    if (!isnan(p->loss)) snprintf(extra, sizeof extra, "loss %.4f", p->loss);
    cli_progress_update(&view->progress, labels[p->phase], p->done, p->total, extra);
}

static void show_figure(const char *format, double value) {
    if (isnan(value))
        printf("%10s", "-");
    else
        printf(format, value);
}

static void show_epoch(void *user, const struct hone_train_epoch *e) {
    struct train_view *view = user;
    cli_progress_end(&view->progress);
    if (!view->header)
        printf("%9s%10s%10s%10s%10s%10s%10s%8s\n", "epoch", "loss", "val loss", "acc", "val acc",
               "macro-F1", "img/s", "time");
    view->header = true;
    printf("%4d/%-4d", e->epoch, e->epochs);
    show_figure("%10.4f", e->train_loss);
    show_figure("%10.4f", e->val_loss);
    show_figure("%10.4f", e->train_accuracy);
    show_figure("%10.4f", e->val_accuracy);
    show_figure("%10.4f", e->val_macro_f1);
    show_figure("%10.1f", e->pictures_per_second);
    printf("%5d:%02d%s\n", (int)e->seconds / 60, (int)e->seconds % 60, e->best ? "  best" : "");
    fflush(stdout);
}

static void show_note(void *user, const char *line) {
    struct train_view *view = user;
    cli_progress_end(&view->progress);
    printf("%s\n", line);
    fflush(stdout);
}

static bool ask_cancelled(void *user) {
    (void)user;
    return cli_interrupted();
}

static hone_status show_part(const char *title, const struct hone_metrics *metrics,
                             const struct hone_train_result *result) {
    if (!metrics->class_count) return HONE_OK;
    char *text;
    hone_status status =
        hone_metrics_text(metrics, (const char *const *)result->class_names, &text);
    if (status != HONE_OK) return status;
    printf("\n%s\n%s", title, text);
    hone_text_free(&text);
    return HONE_OK;
}

// One run, from the command line's options to an exit code.
static int train_once(const struct hone_train_params *params, const struct hone_data_params *data,
                      struct train_view *view, const struct hone_train_hooks *hooks) {
    struct hone_train_result result = {0};
    hone_status status = hone_train(params, data, hooks, &result);
    cli_progress_end(&view->progress);
    if (status == HONE_OK || (status == HONE_CANCELLED && result.run_dir)) {
        hone_status shown = show_part("Validation", &result.val, &result);
        if (shown == HONE_OK) shown = show_part("Test", &result.test, &result);
        if (status == HONE_OK) status = shown;
        printf("\n%s in %d:%02d; the model is %s/model.onnx, everything about the run in %s\n",
               result.cancelled ? "Stopped" : "Done", (int)result.seconds / 60,
               (int)result.seconds % 60, result.run_dir, result.run_dir);
        if (result.cancelled) printf("hone train --resume %s goes on from there\n", result.run_dir);
    }
    if (status == HONE_CANCELLED && !result.run_dir)
        fprintf(stderr, "hone: stopped before the first step; nothing was written\n");
    int code = status == HONE_OK          ? CLI_OK
               : status == HONE_CANCELLED ? CLI_INTERRUPTED
                                          : cli_fail(status);
    hone_train_result_deinit(&result);
    return code;
}

static int train_folds(const struct hone_train_params *params, const struct hone_data_params *data,
                       struct train_view *view, const struct hone_train_hooks *hooks) {
    struct hone_folds_result result = {0};
    hone_status status = hone_train_folds(params, data, hooks, &result);
    cli_progress_end(&view->progress);
    if (result.folds_done) {
        char *text;
        hone_status shown =
            hone_metrics_text(&result.pooled, (const char *const *)result.class_names, &text);
        if (shown == HONE_OK)
            printf("\n%d folds, each tested on its own part, pooled\n%s", (int)result.folds_done,
                   text);
        if (shown == HONE_OK) hone_text_free(&text);
        printf("\nmean and deviation over the folds: accuracy %.3f +- %.3f   macro-F1 %.3f +- %.3f"
               "   loss %.3f +- %.3f\n%s in %d:%02d; everything about the folds in %s\n",
               result.accuracy.mean, result.accuracy.deviation, result.macro_f1.mean,
               result.macro_f1.deviation, result.loss.mean, result.loss.deviation,
               result.cancelled ? "Stopped" : "Done", (int)result.seconds / 60,
               (int)result.seconds % 60, result.run_dir);
        if (result.cancelled) printf("hone train --resume %s goes on from there\n", result.run_dir);
        if (status == HONE_OK) status = shown;
    }
    int code = status == HONE_OK          ? CLI_OK
               : status == HONE_CANCELLED ? CLI_INTERRUPTED
                                          : cli_fail(status);
    hone_folds_result_deinit(&result);
    return code;
}

static int run_train(const struct cli_command *command, int argc, char **argv) {
    struct hone_train_params params = {0};
    struct hone_data_params data = {0};
    const char *folder = NULL;
    struct cli_table tables[] = {{&hone_train_options, &params}, {&hone_data_options, &data}};
    struct cli_args args = {
        .tables = tables, .table_count = 2, .positional = &folder, .positional_max = 1};
    int code = cli_parse(command, argc, argv, &args);
    if (code != CLI_OK || args.help) return code;
    if (folder) data.folder = folder;
    if (!data.folder && !data.train_list && !data.all_list && !params.resume)
        return cli_usage(command, "no data: a folder, or --train-list");
    if (!params.backbone && !params.resume) return cli_usage(command, "no --backbone");

    cli_catch_interrupt();
    struct train_view view = {0};
    struct hone_train_hooks hooks = {.user = &view,
                                     .progress = show_progress,
                                     .epoch = show_epoch,
                                     .note = show_note,
                                     .cancelled = ask_cancelled};
    bool folds = params.resume ? hone_train_has_folds(params.resume) : data.folds && !data.fold;
    return folds ? train_folds(&params, &data, &view, &hooks)
                 : train_once(&params, &data, &view, &hooks);
}

const struct cli_command cli_train = {
    .name = "train",
    .usage = "train DATA --backbone FILE [options], or train --resume RUN",
    .summary = "fine-tune a backbone on labelled pictures",
    .run = run_train,
};
