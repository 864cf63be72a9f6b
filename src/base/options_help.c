// options_help.c: the help text of an option table: one aligned, wrapped entry a row.
#include "base/options.h"

#include <stdio.h>
#include <string.h>

enum { HONE_HELP_LEFT = 28, HONE_HELP_LONGEST = 160 };

struct hone_help {
    unsigned columns;
    void (*line)(void *user, const char *text);
    void *user;
};

// "  --epochs N"
static int hone_help_flag(const hone_option *option, char *out, size_t bytes) {
    const char *value = option->metavar;
    if (!value && option->type == HONE_OPTION_ENUM) value = option->words;
    if (!value && option->type != HONE_OPTION_BOOL) value = "VALUE";
    return snprintf(out, bytes, "  --%s%s%s", option->key, value ? " " : "", value ? value : "");
}

// " (default 20; 1..100000)", as much of it as there is.
static void hone_help_note(const hone_option *option, char *out, size_t bytes) {
    char range[64] = "", initial[96] = "";
    bool number = option->type <= HONE_OPTION_F64;
    if (number && (option->least != 0 || option->most != 0))
        snprintf(range, sizeof range, "%.12g..%.12g%s%s", option->least, option->most,
                 option->words ? "|" : "", option->words ? option->words : "");
    if (option->initial && option->type != HONE_OPTION_BOOL)
        snprintf(initial, sizeof initial, "default %s", option->initial);
    *out = '\0';
    if (*range || *initial)
        snprintf(out, bytes, " (%s%s%s)", initial, *range && *initial ? "; " : "", range);
}

// Wraps `text` at spaces into the right-hand column; `line` holds the left-hand part of the first
// line.
static void hone_help_wrap(const struct hone_help *help, char *line, const char *text) {
    size_t room = help->columns - HONE_HELP_LEFT;
    while (*text) {
        size_t take = strlen(text);
        if (take > room) {
            take = room;
            while (take && text[take] != ' ') take--;
            if (!take) take = room;
        }
        size_t used = strlen(line);
        if (used >= HONE_HELP_LEFT) {
            help->line(help->user, line);
            used = 0;
        }
        memset(line + used, ' ', HONE_HELP_LEFT - used);
        memcpy(line + HONE_HELP_LEFT, text, take);
        line[HONE_HELP_LEFT + take] = '\0';
        help->line(help->user, line);
        *line = '\0';
        text += take;
        while (*text == ' ') text++;
    }
}

void hone_options_help(const hone_option_table *table, unsigned columns,
                       void (*line)(void *user, const char *text), void *user) {
    if (columns < 60) columns = 60;
    if (columns > HONE_HELP_LONGEST) columns = HONE_HELP_LONGEST;
    struct hone_help help = {.columns = columns, .line = line, .user = user};
    if (table->name) line(user, table->name);
    for (size_t i = 0; i < table->count; i++) {
        const hone_option *option = &table->rows[i];
        char left[HONE_HELP_LONGEST + 1], note[192], text[1024];
        hone_help_flag(option, left, sizeof left);
        hone_help_note(option, note, sizeof note);
        snprintf(text, sizeof text, "%s%s", option->help, note);
        hone_help_wrap(&help, left, text);
    }
}
