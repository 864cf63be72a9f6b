// cli.h: what the commands share: options, progress, and the one place that prints errors. A
// command is a function of its arguments that returns an exit code.
#ifndef HONE_CLI_CLI_H
#define HONE_CLI_CLI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hone/base.h>
#include <hone/options.h>

enum { CLI_OK = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_INTERRUPTED = 130 };

struct cli_command {
    const char *name;
    const char *usage;                                                    // "inspect FILE [-v]"
    const char *summary;                                                  // one line
    int (*run)(const struct cli_command *command, int argc, char **argv); // argv[0]: first argument
};
extern const struct cli_command cli_bench, cli_devices, cli_doctor, cli_inspect, cli_import,
    cli_train, cli_eval, cli_predict, cli_show;

// A row of an option table: CLI_OPTION(struct predict_params, top, I32, "top", .initial = "1", ...)
#define CLI_OPTION(params, field, kind, name, ...)                                                 \
    { .key = name, .type = HONE_OPTION_##kind, .offset = offsetof(params, field), __VA_ARGS__ }

// args.c: the command line against option tables. A key that two tables share is set in both.
struct cli_table {
    const hone_option_table *table;
    void *params;
};
struct cli_args {
    const struct cli_table *tables;
    int table_count;
    const char **positional; // filled: arguments that are no options
    int positional_max, positional_count;
    bool help; // --help was asked for and has been printed
};
// Fills defaults, then reads argv. CLI_OK, or the exit code after one clear line on stderr.
int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args);
// Says what a command lacks: CLI_USAGE.
int cli_usage(const struct cli_command *command, const char *lacks);
// Prints "hone: message" for a status that is not HONE_OK and returns the exit code for it.
int cli_fail(hone_status status);

// progress.c: a bar with rate and time left on a terminal, a line now and then in a pipe. On
// stderr.
struct cli_progress {
    const char *label;
    double started, printed; // seconds
    int64_t printed_done;
    bool open; // a bar stands on the current line
};
// `label` must outlive the progress; another label, or a count that falls, begins a new bar.
void cli_progress_update(struct cli_progress *progress, const char *label, int64_t done,
                         int64_t total, const char *extra);
// Ends the bar's line, so that other output may follow.
void cli_progress_end(struct cli_progress *progress);

// signals.c: Ctrl-C asks to stop; a second one stops at once.
void cli_catch_interrupt(void);
bool cli_interrupted(void);

#endif
