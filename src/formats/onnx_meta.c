// onnx_meta.c: what hone keeps in metadata_props, as JSON, so that a model file is all that a
// deployed program needs:
//   hone.version     "0.1.0", plain text
//   hone.classes     ["crack","good",...] in the order of the outputs
//   hone.preprocess
//   {"mean":[r,g,b],"std":[r,g,b],"order":"RGB","fit":"stretch","crop":1,"filter":"bilinear",
//   "height":224,"width":224}:
//                    input = (pixel - mean) / std, pixels 0..255; mean and std in the net's channel
//                    order; of the picture, resized to size / crop, the middle is kept
//   hone.thresholds  an object, as the evaluation wrote it
#include "formats/onnx_meta.h"

#include <math.h>
#include <string.h>

#include <hone/version.h>

#include <jansson.h>

#include "base/text.h"

enum { META_SIZE_MOST = 16384, META_CLASSES_MOST = 1 << 20 };

static const char *const meta_fits[] = {"stretch", "letterbox", "crop"};
static const char *const meta_filters[] = {"bilinear", "bicubic"};

static const char *meta_find(const HoneOnnx__Model *file, const char *key) {
    for (size_t i = 0; i < file->n_metadata_props; i++)
        if (strcmp(hone_onnx_text(file->metadata_props[i]->key), key) == 0)
            return hone_onnx_text(file->metadata_props[i]->value);
    return NULL;
}

static hone_status meta_parse(const HoneOnnx__Model *file, const char *key, json_t **out) {
    const char *text = meta_find(file, key);
    *out = NULL;
    if (!text) return HONE_OK;
    json_error_t error;
    *out = json_loads(text, 0, &error);
    if (!*out) return hone_fail(HONE_INVALID, "metadata '%s': %s", key, error.text);
    return HONE_OK;
}

// ---- Reading
// ----------------------------------------------------------------------------------------------

static hone_status meta_triple(const json_t *array, const char *key, bool divisor, float out[3]) {
    for (size_t c = 0; c < 3; c++) {
        const json_t *item = json_array_get(array, c);
        double value = json_number_value(item);
        if (!json_is_number(item) || !isfinite(value) || (divisor && !(fabs(value) > 1e-30)) ||
            fabs(value) > 1e30)
            return hone_fail(HONE_INVALID, "metadata 'hone.preprocess': '%s' must be three numbers",
                             key);
        out[c] = (float)value;
    }
    return HONE_OK;
}

static hone_status meta_preprocess(const json_t *object, struct hone_preprocess *out) {
    HONE_TRY(meta_triple(json_object_get(object, "mean"), "mean", false, out->mean));
    HONE_TRY(meta_triple(json_object_get(object, "std"), "std", true, out->std));
    const char *order = json_string_value(json_object_get(object, "order"));
    const char *fit = json_string_value(json_object_get(object, "fit"));
    out->bgr = order && strcmp(order, "BGR") == 0;
    out->fit = 0;
    for (int i = 0; fit && i < 3; i++)
        if (strcmp(fit, meta_fits[i]) == 0) out->fit = i;
    const char *filter = json_string_value(json_object_get(object, "filter"));
    double crop = json_number_value(json_object_get(object, "crop"));
    out->filter = filter && strcmp(filter, meta_filters[HONE_FILTER_BICUBIC]) == 0
                      ? HONE_FILTER_BICUBIC
                      : HONE_FILTER_BILINEAR;
    out->crop = crop >= 0.05 && crop < 1 ? (float)crop : 0;
    return HONE_OK;
}

hone_status hone_onnx_meta_size(const HoneOnnx__Model *file, int32_t *height, int32_t *width) {
    json_t *object;
    *height = *width = 0;
    HONE_TRY(meta_parse(file, "hone.preprocess", &object));
    json_int_t h = json_integer_value(json_object_get(object, "height"));
    json_int_t w = json_integer_value(json_object_get(object, "width"));
    if (h > 0 && h <= META_SIZE_MOST && w > 0 && w <= META_SIZE_MOST) {
        *height = (int32_t)h;
        *width = (int32_t)w;
    }
    json_decref(object);
    return HONE_OK;
}

static hone_status meta_classes(const json_t *array, struct hone_model *model) {
    size_t count = json_array_size(array);
    if (count == 0 || count > META_CLASSES_MOST)
        return hone_fail(HONE_INVALID, "metadata 'hone.classes' must be a list of names");
    const char **names = hone_calloc(count, sizeof *names, "class names");
    if (!names) return HONE_OUT_OF_MEMORY;
    hone_status status = HONE_OK;
    for (size_t i = 0; i < count && status == HONE_OK; i++)
        if (!(names[i] = json_string_value(json_array_get(array, i))))
            status = hone_fail(HONE_INVALID, "metadata 'hone.classes': entry %zu is no string", i);
    if (status == HONE_OK) status = hone_model_set_classes(model, names, (int32_t)count);
    hone_free(names);
    return status;
}

hone_status hone_onnx_meta_read(const HoneOnnx__Model *file, struct hone_model *model) {
    json_t *json;
    HONE_TRY(meta_parse(file, "hone.preprocess", &json));
    hone_status status = json ? meta_preprocess(json, &model->preprocess) : HONE_OK;
    model->preprocess_stated = json && status == HONE_OK;
    json_decref(json);
    HONE_TRY(status);
    HONE_TRY(meta_parse(file, "hone.classes", &json));
    status = json ? meta_classes(json, model) : HONE_OK;
    json_decref(json);
    HONE_TRY(status);
    HONE_TRY(meta_parse(file, "hone.thresholds", &json));
    if (json) {
        model->thresholds = hone_arena_strdup(&model->arena, meta_find(file, "hone.thresholds"));
        if (!model->thresholds) status = HONE_OUT_OF_MEMORY;
    }
    json_decref(json);
    return status;
}

// "x", "y" or "xy".
static hone_status meta_flips(const char *text, struct hone_model *model) {
    int32_t flips = 0;
    for (const char *c = text; *c; c++)
        flips |= *c == 'x' ? HONE_MODEL_FLIP_X : *c == 'y' ? HONE_MODEL_FLIP_Y : 4;
    return hone_fail_context(hone_model_set_flips(model, flips), "metadata 'hone.flips': '%s'",
                             text);
}

const char *hone_onnx_meta_flips(const struct hone_model *model) {
    static const char *const texts[] = {"", "x", "y", "xy"};
    return texts[model->flips];
}

hone_status hone_onnx_meta_read_note(const char *key, const char *text, struct hone_model *model) {
    if (strcmp(key, "hone.flips") == 0) return meta_flips(text, model);
    bool classes = strcmp(key, "hone.classes") == 0;
    if (!classes && strcmp(key, "hone.preprocess") != 0) return HONE_OK;
    json_error_t error;
    json_t *json = json_loads(text, 0, &error);
    if (!json) return hone_fail(HONE_INVALID, "metadata '%s': %s", key, error.text);
    hone_status status = HONE_OK;
    if (!classes)
        status = meta_preprocess(json, &model->preprocess);
    else if (json_array_size(json) == (size_t)model->class_count)
        status = meta_classes(json, model);
    json_decref(json);
    return status;
}

// ---- Writing
// ----------------------------------------------------------------------------------------------

// Text of a JSON value in the arena; takes `json`, which may be NULL after a failed allocation.
static const char *meta_dump(struct hone_arena *arena, json_t *json) {
    char *text = json ? json_dumps(json, JSON_COMPACT | JSON_REAL_PRECISION(9)) : NULL;
    const char *copy = text ? hone_arena_strdup(arena, text) : NULL;
    if (!text) hone_fail_memory(0, "metadata");
    json_malloc_t ignored_malloc;
    json_free_t release;
    json_get_alloc_funcs(&ignored_malloc, &release);
    if (text) release(text);
    json_decref(json);
    return copy;
}

const char *hone_onnx_meta_classes(struct hone_arena *arena, const struct hone_model *model) {
    json_t *array = json_array();
    for (int32_t i = 0; array && i < model->class_count; i++) {
        // A name that is no UTF-8 cannot stand in JSON; its place must not be lost.
        json_t *name = json_string(model->class_names[i]);
        if (!name) name = json_sprintf("class %d", (int)i);
        if (json_array_append_new(array, name) != 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return meta_dump(arena, array);
}

const char *hone_onnx_meta_preprocess(struct hone_arena *arena, const struct hone_model *model) {
    const struct hone_preprocess *p = &model->preprocess;
    const struct hone_desc *image = hone_graph_desc(model->graph, model->image);
    return meta_dump(
        arena, json_pack("{s:[f,f,f],s:[f,f,f],s:s,s:s,s:f,s:s,s:i,s:i}", "mean",
                         (double)p->mean[0], (double)p->mean[1], (double)p->mean[2], "std",
                         (double)p->std[0], (double)p->std[1], (double)p->std[2], "order",
                         p->bgr ? "BGR" : "RGB", "fit", meta_fits[p->fit], "crop",
                         p->crop > 0 ? (double)p->crop : 1.0, "filter", meta_filters[p->filter],
                         "height", (int)image->dim[1], "width", (int)image->dim[2]));
}
