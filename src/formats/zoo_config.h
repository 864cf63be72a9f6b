// zoo_config.h: what stands beside a weight file: config.json of timm or of Hugging Face's
// transformers, and preprocessor_config.json: which net it is, what pictures it wants, its classes.
#ifndef HONE_FORMATS_ZOO_CONFIG_H
#define HONE_FORMATS_ZOO_CONFIG_H

#include "base/alloc.h"
#include "base/error.h"
#include "image/preprocess.h"

struct hone_zoo_config {
    const char *said;   // timm's name of the net, or transformers' of the family; NULL: neither
    const char *net;    // what the zoo calls it; NULL: the family alone is known, or not even that
    const char *family; // of the zoo; NULL: one that hone does not build
    bool preprocess_stated;
    struct hone_preprocess preprocess; // height and width 0: not said
    const char *filter;                // a way of resizing that hone has not, or NULL
    const char **classes;
    int32_t class_count;
    struct hone_arena arena;
};

// Files that are absent, or no such configuration, say nothing. HONE_OUT_OF_MEMORY.
hone_status hone_zoo_config_read(const char *folder, struct hone_zoo_config *out);
void hone_zoo_config_deinit(struct hone_zoo_config *config);

#endif
