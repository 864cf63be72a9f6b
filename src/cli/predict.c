// predict.c: hone predict MODEL IMAGE|DIR...: classes and probabilities, as lines, CSV or JSON.
#include "cli/cli.h"
#include "cli/pictures.h"

#include <hone/infer.h>

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PREDICT_BLOCK = 64 }; // pictures between two looks at Ctrl-C

struct predict_params {
    const char *device, *preprocess;
    int32_t size, batch, top;
    bool json, csv, validate;
};

static const hone_option predict_rows[] = {
    CLI_OPTION(struct predict_params, device, STRING, "device", .metavar = "NAME",
               .help = "index, part of a name or UUID as hone devices lists them, or ref"),
    CLI_OPTION(struct predict_params, preprocess, STRING, "preprocess",
               .metavar = "imagenet|tf|none|MEAN,STD[:...]",
               .help = "what is done to pixels, in place of what the model says"),
    CLI_OPTION(struct predict_params, size, I32, "size", .initial = "0", .least = 0, .most = 8192,
               .metavar = "PIXELS", .help = "picture size, where the model leaves it open"),
    CLI_OPTION(struct predict_params, batch, I32, "batch", .initial = "8", .least = 1, .most = 1024,
               .metavar = "N", .help = "pictures at a time"),
    CLI_OPTION(struct predict_params, top, I32, "top", .initial = "1", .least = 1, .most = 100,
               .metavar = "N", .help = "classes to print for a picture, most probable first"),
    CLI_OPTION(struct predict_params, json, BOOL, "json", .help = "one JSON array"),
    CLI_OPTION(struct predict_params, csv, BOOL, "csv",
               .help = "path,class,probability lines with a header"),
    CLI_OPTION(struct predict_params, validate, BOOL, "validate",
               .help = "run under the Khronos validation layers"),
};
static const hone_option_table predict_table =
    HONE_OPTION_TABLE("Options", predict_rows, struct predict_params);

// Indices of the `top` largest probabilities, largest first, the first class on ties.
static void rank_classes(const float *p, int32_t classes, int32_t top, int32_t *order) {
    for (int32_t k = 0; k < top; k++) {
        int32_t best = -1;
        for (int32_t c = 0; c < classes; c++) {
            bool taken = false;
            for (int32_t j = 0; j < k; j++) taken = taken || order[j] == c;
            if (!taken && (best < 0 || p[c] > p[best])) best = c;
        }
        order[k] = best;
    }
}

static void print_csv_field(const char *text) {
    putchar('"');
    for (; *text; text++) {
        if (*text == '"') putchar('"');
        putchar(*text);
    }
    putchar('"');
}

struct predict_output {
    hone_session *session;
    const struct predict_params *params;
    json_t *array; // with --json
};

// False when the path cannot stand in JSON.
static bool emit(struct predict_output *out, const char *path, const float *p) {
    int32_t classes = hone_session_class_count(out->session), order[100];
    int32_t top = out->params->top < classes ? out->params->top : classes;
    rank_classes(p, classes, top, order);
    json_t *list = json_array();
    if (!out->array && !out->params->csv) printf("%s", path);
    for (int32_t k = 0; k < top; k++) {
        const char *name = hone_session_class_name(out->session, order[k]);
        double probability = (double)p[order[k]];
        json_array_append_new(list, json_pack("{s:i, s:s, s:f}", "index", order[k], "class", name,
                                              "probability", probability));
        if (out->array) continue;
        if (out->params->csv) {
            print_csv_field(path);
            putchar(',');
            print_csv_field(name);
            printf(",%.6f\n", probability);
        } else {
            printf("\t%s %.4f", name, probability);
        }
    }
    int bad = 0;
    if (out->array)
        bad = json_array_append_new(out->array,
                                    json_pack("{s:s, s:O}", "path", path, "classes", list));
    else if (!out->params->csv)
        printf("\n");
    json_decref(list);
    return bad == 0;
}

// All pictures in blocks; broken ones are named and counted.
static hone_status classify_all(struct predict_output *out, const struct cli_pictures *pictures,
                                float *p, size_t *broken) {
    size_t classes = (size_t)hone_session_class_count(out->session);
    hone_status statuses[PREDICT_BLOCK];
    struct cli_progress progress = {0};
    for (size_t at = 0; at < pictures->count && !cli_interrupted(); at += PREDICT_BLOCK) {
        size_t left = pictures->count - at, count = left < PREDICT_BLOCK ? left : PREDICT_BLOCK;
        const char *const *paths = (const char *const *)pictures->paths + at;
        hone_status status = hone_session_classify_files(out->session, paths, count, p, statuses);
        if (status != HONE_OK) return status;
        for (size_t i = 0; i < count; i++) {
            if (statuses[i] != HONE_OK) {
                // Asked alone, the call says what is wrong with this file.
                hone_session_classify_file(out->session, paths[i], p + i * classes);
                fprintf(stderr, "hone: %s\n", hone_error_message());
                ++*broken;
            } else if (!emit(out, paths[i], p + i * classes)) {
                fprintf(stderr, "hone: %s: its name is not UTF-8, which JSON needs\n", paths[i]);
                ++*broken;
            }
        }
        if (!isatty(STDOUT_FILENO))
            cli_progress_update(&progress, "predict", (int64_t)(at + count),
                                (int64_t)pictures->count, "");
    }
    cli_progress_end(&progress);
    return HONE_OK;
}

static int run_session(const char *model, const struct cli_pictures *pictures,
                       const struct predict_params *params) {
    hone_session_params open = {
        .struct_bytes = sizeof open,
        .device = params->device,
        .preprocess = params->preprocess,
        .size = params->size,
        .batch = params->batch,
        .validate = params->validate,
    };
    struct predict_output out = {.params = params};
    hone_status status = hone_session_create(model, &open, &out.session);
    if (status != HONE_OK) return cli_fail(status);
    size_t broken = 0, classes = (size_t)hone_session_class_count(out.session);
    float *p = calloc(PREDICT_BLOCK * classes, sizeof *p);
    out.array = params->json ? json_array() : NULL;
    if (params->csv && !params->json) printf("path,class,probability\n");
    int code = p ? CLI_OK : CLI_FAILED;
    if (p) status = classify_all(&out, pictures, p, &broken);
    if (status != HONE_OK) code = cli_fail(status);
    if (out.array) {
        json_dumpf(out.array, stdout, JSON_INDENT(1) | JSON_REAL_PRECISION(7));
        printf("\n");
        json_decref(out.array);
    }
    free(p);
    hone_session_destroy(&out.session);
    if (broken)
        fprintf(stderr, "hone: %zu of %zu pictures could not be read or named\n", broken,
                pictures->count);
    if (code == CLI_OK && cli_interrupted()) return CLI_INTERRUPTED;
    return code == CLI_OK && broken ? CLI_FAILED : code;
}

static int run_predict(const struct cli_command *command, int argc, char **argv) {
    struct predict_params params;
    struct cli_table tables[] = {{&predict_table, &params}};
    const char **positional = calloc((size_t)argc + 1, sizeof *positional);
    if (!positional) return CLI_FAILED;
    struct cli_args args = {
        .tables = tables, .table_count = 1, .positional = positional, .positional_max = argc};
    int code = cli_parse(command, argc, argv, &args);
    if (code == CLI_OK && !args.help && args.positional_count < 2)
        code = cli_usage(command, "a model and at least one picture are needed");
    if (code == CLI_OK && !args.help) {
        struct cli_pictures pictures = {0};
        for (int i = 1; i < args.positional_count && code == CLI_OK; i++)
            code = cli_pictures_add(&pictures, positional[i]);
        cli_catch_interrupt();
        if (code == CLI_OK) code = run_session(positional[0], &pictures, &params);
        cli_pictures_deinit(&pictures);
    }
    free(positional);
    return code;
}

const struct cli_command cli_predict = {
    .name = "predict",
    .usage = "predict MODEL IMAGE|DIR... [--json|--csv]",
    .summary = "classes of pictures",
    .run = run_predict,
};
