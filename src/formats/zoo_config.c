// zoo_config.c: see zoo_config.h. Sources: timm/models/_hub.py (what push_to_hf_hub writes) and
// timm/data/transforms_factory.py; transformers/image_processing_utils.py and the image processors
// of ViT, ConvNeXt and BiT (which ResNet's and DINOv2's files name).
#include "formats/zoo_config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/file.h"
#include "base/text.h"
#include "model/zoo/zoo.h"

enum { CONFIG_BYTES_MOST = 4 << 20, CONFIG_SIZE_MOST = 16384, CONFIG_CLASSES_MOST = 1 << 20 };

// ConvNeXt's processor squashes pictures of this size and more, and crops smaller ones.
enum { CONVNEXT_WHOLE = 384 };

static hone_status config_open(const char *folder, const char *name, json_t **out) {
    *out = NULL;
    char *path = hone_path_join(folder, name), *text = NULL;
    size_t bytes;
    if (!path) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    if (hone_file_exists(path)) status = hone_file_read(path, CONFIG_BYTES_MOST, &text, &bytes);
    if (text) *out = json_loads(text, 0, NULL);
    hone_free(text);
    hone_free(path);
    if (*out && !json_is_object(*out)) {
        json_decref(*out);
        *out = NULL;
    }
    return status == HONE_OUT_OF_MEMORY ? status : HONE_OK;
}

static bool config_triple(const json_t *array, double out[3]) {
    for (size_t i = 0; i < 3; i++) {
        out[i] = json_number_value(json_array_get(array, i));
        if (!json_is_number(json_array_get(array, i)) || !(fabs(out[i]) < 1e6)) return false;
    }
    return json_array_size(array) == 3;
}

static void config_normalise(struct hone_zoo_config *c, const json_t *mean, const json_t *std,
                             double levels) {
    double m[3], s[3];
    if (!config_triple(mean, m) || !config_triple(std, s)) return;
    for (int i = 0; i < 3; i++)
        if (!(s[i] > 1e-6)) return;
    for (int i = 0; i < 3; i++) {
        c->preprocess.mean[i] = (float)(m[i] * levels);
        c->preprocess.std[i] = (float)(s[i] * levels);
    }
    c->preprocess_stated = true;
}

static int32_t config_size(const json_t *number) {
    json_int_t size = json_integer_value(number);
    return size > 0 && size <= CONFIG_SIZE_MOST ? (int32_t)size : 0;
}

static hone_status config_keep(struct hone_zoo_config *c, const char *text, const char **out) {
    *out = hone_arena_strdup(&c->arena, text);
    return *out ? HONE_OK : HONE_OUT_OF_MEMORY;
}

// ---- timm

static hone_status config_timm(struct hone_zoo_config *c, const json_t *root) {
    const char *name = json_string_value(json_object_get(root, "architecture"));
    const json_t *object = json_object_get(root, "pretrained_cfg");
    if (!json_is_object(object)) object = root;
    if (!name) name = json_string_value(json_object_get(object, "architecture"));
    if (!name) return HONE_OK;
    const struct hone_zoo_net *net = hone_zoo_named(name);
    HONE_TRY(config_keep(c, name, &c->said));
    if (net) {
        c->net = net->name;
        c->family = net->family;
    }
    config_normalise(c, json_object_get(object, "mean"), json_object_get(object, "std"), 255);
    const json_t *size = json_object_get(object, "input_size");
    c->preprocess.height = config_size(json_array_get(size, 1));
    c->preprocess.width = config_size(json_array_get(size, 2));
    double crop = json_number_value(json_object_get(object, "crop_pct"));
    const char *mode = json_string_value(json_object_get(object, "crop_mode"));
    c->preprocess.fit = mode && strcmp(mode, "squash") == 0   ? HONE_FIT_STRETCH
                        : mode && strcmp(mode, "border") == 0 ? HONE_FIT_LETTERBOX
                                                              : HONE_FIT_CROP;
    c->preprocess.crop = crop >= 0.05 && crop < 1 ? (float)crop : 0;
    const char *filter = json_string_value(json_object_get(object, "interpolation"));
    if (filter && strcmp(filter, "bicubic") == 0)
        c->preprocess.filter = HONE_FILTER_BICUBIC;
    else if (filter && strcmp(filter, "bilinear") != 0)
        HONE_TRY(config_keep(c, filter, &c->filter));
    return HONE_OK;
}

// ---- transformers

static hone_status config_transformers(struct hone_zoo_config *c, const json_t *root) {
    static const struct {
        const char *type, *family;
    } types[] = {{"resnet", "resnet"},
                 {"vit", "vit"},
                 {"deit", "vit"},
                 {"dinov2", "vit"},
                 {"convnext", "convnext"},
                 {"convnextv2", "convnext"},
                 {"mobilenet_v2", "mobilenet_v2"}};
    const char *type = json_string_value(json_object_get(root, "model_type"));
    if (!type) return HONE_OK;
    HONE_TRY(config_keep(c, type, &c->said));
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        if (strcmp(types[i].type, type) == 0) c->family = types[i].family;
    c->preprocess.height = c->preprocess.width = config_size(json_object_get(root, "image_size"));
    return HONE_OK;
}

// A size is a number, or an object with the one key or the other two.
static int32_t config_edge(const json_t *size, const char *key) {
    return config_size(json_is_object(size) ? json_object_get(size, key) : size);
}

static hone_status config_processor(struct hone_zoo_config *c, const json_t *root) {
    enum { PILLOW_BILINEAR = 2, PILLOW_BICUBIC = 3 };
    struct hone_preprocess *p = &c->preprocess;
    config_normalise(c, json_object_get(root, "image_mean"), json_object_get(root, "image_std"),
                     255);
    if (!c->preprocess_stated) return HONE_OK;
    const json_t *size = json_object_get(root, "size"), *crop = json_object_get(root, "crop_size");
    int32_t shortest = config_edge(size, "shortest_edge"), cut = config_edge(crop, "height");
    double share = json_number_value(json_object_get(root, "crop_pct"));
    bool cuts = cut && !json_is_false(json_object_get(root, "do_center_crop"));
    p->height = cuts ? cut : shortest ? shortest : config_edge(size, "height");
    p->width = cuts ? config_edge(crop, "width") : shortest ? shortest : config_edge(size, "width");
    if (cuts && shortest) share = (double)cut / shortest;
    if ((cuts && shortest) || (share > 0 && shortest < CONVNEXT_WHOLE)) {
        p->fit = HONE_FIT_CROP;
        p->crop = share >= 0.05 && share < 1 ? (float)share : 0;
    }
    json_int_t filter = json_integer_value(json_object_get(root, "resample"));
    if (filter == PILLOW_BICUBIC)
        p->filter = HONE_FILTER_BICUBIC;
    else if (json_is_integer(json_object_get(root, "resample")) && filter != PILLOW_BILINEAR)
        return config_keep(c, "neither bilinear nor bicubic", &c->filter);
    return HONE_OK;
}

// ---- Classes

// timm lists label_names, transformers maps "0", "1", ... in id2label.
static hone_status config_classes(struct hone_zoo_config *c, const json_t *root) {
    const json_t *list = json_object_get(root, "label_names");
    if (!list) list = json_object_get(json_object_get(root, "pretrained_cfg"), "label_names");
    const json_t *map = json_object_get(root, "id2label");
    size_t count = list ? json_array_size(list) : json_object_size(map);
    if (count == 0 || count > CONFIG_CLASSES_MOST) return HONE_OK;
    const char **names = hone_arena_alloc(&c->arena, count, sizeof *names);
    if (!names) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++) {
        char key[24];
        snprintf(key, sizeof key, "%zu", i);
        const char *name =
            json_string_value(list ? json_array_get(list, i) : json_object_get(map, key));
        if (!name || strcmp(name, "LABEL_0") == 0) return HONE_OK; // what nobody named
        HONE_TRY(config_keep(c, name, &names[i]));
    }
    c->classes = names;
    c->class_count = (int32_t)count;
    return HONE_OK;
}

hone_status hone_zoo_config_read(const char *folder, struct hone_zoo_config *out) {
    json_t *root, *processor;
    *out = (struct hone_zoo_config){0};
    HONE_TRY(config_open(folder, "config.json", &root));
    hone_status status = config_open(folder, "preprocessor_config.json", &processor);
    if (root && status == HONE_OK) status = config_timm(out, root);
    if (root && status == HONE_OK && !out->said) status = config_transformers(out, root);
    if (root && status == HONE_OK && out->said) status = config_classes(out, root);
    if (processor && status == HONE_OK && !out->preprocess_stated)
        status = config_processor(out, processor);
    json_decref(root);
    json_decref(processor);
    if (status != HONE_OK) hone_zoo_config_deinit(out);
    return status;
}

void hone_zoo_config_deinit(struct hone_zoo_config *config) {
    hone_arena_deinit(&config->arena);
    *config = (struct hone_zoo_config){0};
}
