// main.c: the hone command: finds the command and lets it run.
#include "cli/cli.h"

#include <hone/version.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct cli_command *const commands[] = {
    &cli_train,  &cli_show,    &cli_eval,   &cli_predict, &cli_inspect,
    &cli_import, &cli_devices, &cli_doctor, &cli_bench,
};
enum { COMMAND_COUNT = sizeof commands / sizeof *commands };

static void print_help(FILE *to) {
    fprintf(to,
            "hone %s: fine-tune an image backbone on any GPU with Vulkan, and run the result\n\n",
            hone_version());
    for (int i = 0; i < COMMAND_COUNT; i++)
        fprintf(to, "  hone %-44s %s\n", commands[i]->usage, commands[i]->summary);
    fprintf(to, "\nhone COMMAND --help explains a command.\n");
}

static void print_log(void *user, hone_log_level level, const char *line) {
    (void)user;
    fprintf(stderr, level == HONE_LOG_WARNING ? "hone: warning: %s\n" : "hone: %s\n", line);
}

// HONE_LOG=info or debug shows more than warnings.
static hone_log_level log_level(void) {
    const char *text = getenv("HONE_LOG");
    if (text && strcmp(text, "debug") == 0) return HONE_LOG_DEBUG;
    return text && strcmp(text, "info") == 0 ? HONE_LOG_INFO : HONE_LOG_WARNING;
}

// The command that was perhaps meant, or NULL: as options are guessed.
static const char *nearest_command(const char *word) {
    hone_option rows[COMMAND_COUNT] = {0};
    for (int i = 0; i < COMMAND_COUNT; i++) rows[i].key = commands[i]->name;
    hone_option_table table = {.name = "Commands", .rows = rows, .count = COMMAND_COUNT};
    return hone_options_nearest(&table, word, NULL);
}

int main(int argc, char **argv) {
    hone_log_set(print_log, NULL, log_level());
    if (argc < 2) {
        print_help(stderr);
        return CLI_USAGE;
    }
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0) {
        print_help(stdout);
        return CLI_OK;
    }
    if (strcmp(word, "--version") == 0) {
        printf("hone %s\n", hone_version());
        return CLI_OK;
    }
    for (int i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(word, commands[i]->name) == 0)
            return commands[i]->run(commands[i], argc - 2, argv + 2);
    const char *near = nearest_command(word);
    if (near)
        fprintf(stderr, "hone: no command '%s'; did you mean %s?\n", word, near);
    else
        fprintf(stderr, "hone: no command '%s'; hone --help lists them\n", word);
    return CLI_USAGE;
}
