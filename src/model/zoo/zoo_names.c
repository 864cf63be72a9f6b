// zoo_names.c: what libraries call the tensors of a net: a family's own name, rewritten by the
// rules of a dialect (zoo.h says what a rule is).
#include "model/zoo/zoo.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NUMBERS = 5 };

static const struct rule {
    const char *dialect, *ours, *theirs;
} rules[] = {
#define HONE_ZOO_RULE(dialect, ours, theirs) {dialect, ours, theirs},
#include "model/zoo/families.def"
};

static const struct hone_zoo_dialect dialects[] = {
#define HONE_ZOO_DIALECT(family, dialect, prefix, key) {#family, dialect, prefix, key},
#include "model/zoo/families.def"
};
enum { DIALECTS = sizeof dialects / sizeof *dialects };

const struct hone_zoo_dialect *hone_zoo_dialect_named(const char *family, const char *name) {
    for (int i = 0; name && i < DIALECTS; i++)
        if (strcmp(dialects[i].family, family) == 0 && strcmp(dialects[i].name, name) == 0)
            return &dialects[i];
    return NULL;
}

const struct hone_zoo_dialect *hone_zoo_dialect_of(const char *family,
                                                   const struct hone_zoo_source *source) {
    char key[HONE_ZOO_NAME_LONG];
    int rank;
    int64_t dim[8];
    for (int i = 0; i < DIALECTS; i++) {
        if (strcmp(dialects[i].family, family) != 0) continue;
        snprintf(key, sizeof key, "%s%s", dialects[i].prefix, dialects[i].key);
        if (source->shape(source->user, key, &rank, dim)) return &dialects[i];
    }
    return NULL;
}

// Where `name` goes on behind `pattern`, with the numbers that stood at each '#'; NULL: it is
// another.
static const char *match(const char *pattern, const char *name, int numbers[NUMBERS]) {
    int count = 0;
    for (; *pattern; pattern++) {
        if (*pattern != '#') {
            if (*pattern != *name++) return NULL;
            continue;
        }
        if (!isdigit((unsigned char)*name) || count == NUMBERS) return NULL;
        char *end;
        numbers[count++] = (int)strtol(name, &end, 10);
        name = end;
    }
    return *name == '\0' || *name == '.' ? name : NULL;
}

// The value of "{1}", "{2-1}", "{1*2+1}"; *text moves behind it.
static int expression(const char **text, const int numbers[NUMBERS]) {
    const char *at = *text + 1;
    int value = numbers[(*at++ - '1') % NUMBERS];
    while (*at != '}') {
        char sign = *at++, *end;
        int by = (int)strtol(at, &end, 10);
        value = sign == '*' ? value * by : sign == '-' ? value - by : value + by;
        at = end;
    }
    *text = at + 1;
    return value;
}

const char *hone_zoo_translate(const struct hone_zoo_dialect *dialect, const char *name,
                               char out[HONE_ZOO_NAME_LONG]) {
    if (!dialect) return name;
    int numbers[NUMBERS] = {0};
    const char *theirs = "", *rest = name;
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        if (strcmp(rules[i].dialect, dialect->name) != 0) continue;
        const char *behind = match(rules[i].ours, name, numbers);
        if (!behind) continue;
        theirs = rules[i].theirs;
        rest = behind;
        break;
    }
    bool bare = *theirs == '/';
    size_t used = (size_t)snprintf(out, HONE_ZOO_NAME_LONG, "%s", bare ? "" : dialect->prefix);
    for (theirs += bare; *theirs && used < HONE_ZOO_NAME_LONG - 16;) {
        if (*theirs == '{')
            used += (size_t)snprintf(out + used, 16, "%d", expression(&theirs, numbers));
        else
            out[used++] = *theirs++;
    }
    snprintf(out + used, HONE_ZOO_NAME_LONG - used, "%s", rest);
    return out;
}

bool hone_zoo_has(const struct hone_zoo *zoo, const char *name, int *rank, int64_t dim[8]) {
    char theirs[HONE_ZOO_NAME_LONG];
    return zoo->source &&
           zoo->source->shape(zoo->source->user, hone_zoo_translate(zoo->dialect, name, theirs),
                              rank, dim);
}

bool hone_zoo_speaks(const struct hone_zoo *zoo, const char *dialect) {
    return zoo->dialect && strcmp(zoo->dialect->name, dialect) == 0;
}
