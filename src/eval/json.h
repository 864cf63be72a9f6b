// json.h: jansson values into memory of ours.
#ifndef HONE_EVAL_JSON_H
#define HONE_EVAL_JSON_H

#include <jansson.h>

#include "base/error.h"

// The text of `root`, indented, with a newline at its end (hone_free). Takes the reference away; a
// NULL root is a failure of memory on the way to it.
hone_status hone_json_text(json_t *root, char **out);
// A number, or null for NaN and infinity, which JSON does not know. New reference.
json_t *hone_json_number(double value);

#endif
