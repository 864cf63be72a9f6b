// args.c: --key value, --key=value, --flag, --no-flag; everything else is positional. The rules
// about values live in the option tables of the library.
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

static void print_line(void *user, const char *text) {
    fprintf(user, "%s\n", text);
}

static void print_command_help(const struct cli_command *command, const struct cli_args *args) {
    printf("hone %s\n%s\n", command->usage, command->summary);
    for (int i = 0; i < args->table_count; i++) {
        printf("\n");
        hone_options_help(args->tables[i].table, 100, print_line, stdout);
    }
}

// The option of this key; the first one when several tables have it.
static const hone_option *find_option(const struct cli_args *args, const char *key) {
    for (int i = 0; i < args->table_count; i++) {
        const hone_option *option = hone_options_find(args->tables[i].table, key);
        if (option) return option;
    }
    return NULL;
}

static int unknown_option(const struct cli_command *command, const struct cli_args *args,
                          const char *key) {
    const char *best = NULL;
    unsigned best_distance = ~0u;
    for (int i = 0; i < args->table_count; i++) {
        unsigned distance = ~0u;
        const char *near = hone_options_nearest(args->tables[i].table, key, &distance);
        if (near && distance < best_distance) {
            best = near;
            best_distance = distance;
        }
    }
    fprintf(stderr, "hone: no option --%s", key);
    if (best) fprintf(stderr, "; did you mean --%s?", best);
    fprintf(stderr, " (hone %s --help)\n", command->name);
    return CLI_USAGE;
}

static int set_option(const struct cli_args *args, const char *key, const char *text) {
    for (int i = 0; i < args->table_count; i++) {
        const struct cli_table *t = &args->tables[i];
        if (!hone_options_find(t->table, key)) continue;
        if (hone_options_set(t->table, t->params, key, text) != HONE_OK) {
            fprintf(stderr, "hone: %s\n", hone_error_message());
            return CLI_USAGE;
        }
    }
    return CLI_OK;
}

// The "--..." argument at argv[*at]; takes the next one as its value where it needs one.
static int parse_option(const struct cli_command *command, int argc, char **argv, int *at,
                        struct cli_args *args) {
    char key[64];
    const char *text = argv[*at] + 2, *value = strchr(text, '=');
    size_t length = value ? (size_t)(value - text) : strlen(text);
    if (length >= sizeof key) length = sizeof key - 1;
    memcpy(key, text, length);
    key[length] = 0;
    const hone_option *option = find_option(args, key);
    bool negated = !option && strncmp(key, "no-", 3) == 0;
    const char *name = negated ? key + 3 : key;
    if (negated) option = find_option(args, name);
    if (!option || (negated && option->type != HONE_OPTION_BOOL))
        return unknown_option(command, args, key);
    if (value) return set_option(args, name, value + 1);
    if (option->type == HONE_OPTION_BOOL) return set_option(args, name, negated ? "false" : "true");
    if (*at + 1 == argc) {
        fprintf(stderr, "hone: --%s needs a value\n", key);
        return CLI_USAGE;
    }
    return set_option(args, name, argv[++*at]);
}

int cli_parse(const struct cli_command *command, int argc, char **argv, struct cli_args *args) {
    for (int i = 0; i < args->table_count; i++) {
        hone_status status = hone_options_init(args->tables[i].table, args->tables[i].params);
        if (status != HONE_OK) return cli_fail(status);
    }
    bool options = true;
    for (int i = 0; i < argc; i++) {
        int code = CLI_OK;
        if (options && strcmp(argv[i], "--") == 0) {
            options = false;
        } else if (options && (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)) {
            print_command_help(command, args);
            args->help = true;
            return CLI_OK;
        } else if (options && strcmp(argv[i], "-v") == 0 && find_option(args, "verbose")) {
            code = set_option(args, "verbose", "true");
        } else if (options && strncmp(argv[i], "--", 2) == 0) {
            code = parse_option(command, argc, argv, &i, args);
        } else if (args->positional_count < args->positional_max) {
            args->positional[args->positional_count++] = argv[i];
        } else {
            fprintf(stderr, "hone: '%s' is one argument too many; usage: hone %s\n", argv[i],
                    command->usage);
            code = CLI_USAGE;
        }
        if (code != CLI_OK) return code;
    }
    return CLI_OK;
}

int cli_usage(const struct cli_command *command, const char *lacks) {
    fprintf(stderr, "hone: %s; usage: hone %s\n", lacks, command->usage);
    return CLI_USAGE;
}

int cli_fail(hone_status status) {
    fprintf(stderr, "hone: %s\n", hone_error_message());
    return status == HONE_CANCELLED ? CLI_INTERRUPTED : CLI_FAILED;
}
