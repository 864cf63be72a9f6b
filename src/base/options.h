// options.h: what the library itself needs of <hone/options.h>: shorthand for rows of a table.
#ifndef HONE_BASE_OPTIONS_H
#define HONE_BASE_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include <hone/options.h>

// HONE_OPTION(struct hone_train_params, epochs, I32, "epochs", .initial = "20", ...)
#define HONE_OPTION(params, field, kind, name, ...)                                                \
    { .key = (name), .type = HONE_OPTION_##kind, .offset = offsetof(params, field), __VA_ARGS__ }

#endif
