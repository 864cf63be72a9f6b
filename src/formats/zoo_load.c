// zoo_load.c: weight files, which hold no graph: the net is named by the caller, by the file's
// metadata or by a configuration beside it, or found by the names and shapes of its tensors, and
// built by the zoo with the file's numbers.
#include "formats/zoo_load.h"

#include <stdio.h>
#include <string.h>

#include "formats/onnx_meta.h"
#include "model/zoo/zoo.h"

// The file as the zoo sees it, and how much of it a net has asked for.
struct weight_source {
    const struct hone_weights *file;
    size_t used;
};

static bool source_shape(void *user, const char *name, int *rank, int64_t dim[8]) {
    const struct weight_source *source = user;
    const struct hone_weight *weight = hone_weights_find(source->file, name);
    if (!weight) return false;
    *rank = weight->rank;
    for (int i = 0; i < weight->rank; i++) dim[i] = weight->dim[i];
    return true;
}

static hone_status source_read(void *user, const char *name, float *out) {
    struct weight_source *source = user;
    source->used++;
    if (!out) return HONE_OK;
    return hone_weights_read(source->file, hone_weights_find(source->file, name), out);
}

// All but what no net needs: counters of batch norms, tokens for masked training.
static size_t count_tensors(const struct hone_weights *file) {
    static const char *const tails[] = {"num_batches_tracked", "mask_token"};
    size_t count = file->count;
    for (size_t i = 0; i < file->count; i++) {
        const char *name = file->items[i].name;
        for (size_t k = 0; k < sizeof tails / sizeof *tails; k++)
            if (strlen(name) >= strlen(tails[k]) &&
                strcmp(name + strlen(name) - strlen(tails[k]), tails[k]) == 0)
                count--;
    }
    return count;
}

static hone_status build(const struct hone_weights *file, const char *arch, int32_t height,
                         int32_t width, bool numbers, size_t *used, struct hone_model **out) {
    struct weight_source source = {.file = file};
    struct hone_zoo_source zoo = {
        .user = &source, .shape = source_shape, .read = source_read, .shapes_only = !numbers};
    hone_status status = hone_zoo_load(arch, height, width, &zoo, out);
    *used = source.used;
    return status;
}

// The net, of this family or of any, whose tensors are those of the file, all of them. Failing
// that, says which comes nearest.
static hone_status guess(const struct hone_weights *file, const char *family, const char **arch) {
    const struct hone_zoo_net *net;
    size_t all = count_tensors(file), most = 0;
    const char *nearest = NULL;
    char reason[256] = "";
    for (int i = 0; (net = hone_zoo_net(i)); i++) {
        struct hone_model *model;
        size_t used;
        if (family && strcmp(family, net->family) != 0) continue;
        hone_status status = build(file, net->name, net->size, net->size, false, &used, &model);
        hone_model_destroy(&model);
        if (status == HONE_OUT_OF_MEMORY) return status;
        if (status == HONE_OK && used == all) {
            *arch = net->name;
            return HONE_OK;
        }
        if (used <= most && nearest) continue;
        most = used;
        nearest = net->name;
        snprintf(reason, sizeof reason, "%s",
                 status == HONE_OK ? "the file has more tensors" : hone_error_message());
    }
    return hone_fail(
        HONE_UNSUPPORTED,
        "weights without a graph, of none of the nets that hone builds (the nearest is "
        "%s: %s); export the net as ONNX, or name it with --arch",
        nearest, reason);
}

// What names the net in the metadata of a safetensors file, where it is one of the zoo's.
static const char *metadata_arch(const struct hone_weights *file) {
    static const char *const keys[] = {"hone.arch", "architecture", "arch"};
    for (size_t k = 0; k < sizeof keys / sizeof *keys; k++)
        for (size_t i = 0; i < file->note_count; i++)
            if (strcmp(file->notes[i].key, keys[k]) == 0 && hone_zoo_named(file->notes[i].text))
                return file->notes[i].text;
    return NULL;
}

// Which net it is, and how that is known.
static hone_status choose(const struct hone_weights *file, const struct hone_zoo_config *config,
                          const char *asked, const char **arch, const char **how) {
    *arch = asked;
    *how = "as asked";
    if (asked) return HONE_OK;
    *arch = metadata_arch(file);
    *how = "as its metadata says";
    if (*arch) return HONE_OK;
    *how = "as config.json beside it says";
    if (config->net) {
        *arch = config->net;
        return HONE_OK;
    }
    if (config->said && !config->family)
        return hone_fail(
            HONE_UNSUPPORTED,
            "config.json beside it says that the net is %s, which hone does not build; "
            "export the net as ONNX, or name another with --arch",
            config->said);
    if (!config->family) *how = "by the names of its tensors";
    return guess(file, config->family, arch);
}

// What the configuration says of pictures and classes; a caller's word and the file's own go above.
static hone_status take_config(struct hone_model *model, const struct hone_zoo_config *config) {
    if (config->preprocess_stated) {
        struct hone_preprocess stated = config->preprocess;
        stated.height = model->preprocess.height;
        stated.width = model->preprocess.width;
        model->preprocess = stated;
    }
    if (config->filter)
        HONE_TRY(hone_model_warn(model,
                                 "the configuration beside it wants pictures resized otherwise "
                                 "(%s); hone resizes them bilinearly",
                                 config->filter));
    if (!config->class_count || config->class_count != model->class_count) return HONE_OK;
    return hone_model_set_classes(model, config->classes, config->class_count);
}

static hone_status finish(const struct hone_weights *file, const struct hone_zoo_config *config,
                          const char *preprocess, struct hone_model *model) {
    HONE_TRY(take_config(model, config));
    for (size_t i = 0; i < file->note_count; i++)
        HONE_TRY(hone_onnx_meta_read_note(file->notes[i].key, file->notes[i].text, model));
    return preprocess ? hone_preprocess_parse(preprocess, &model->preprocess) : HONE_OK;
}

hone_status hone_zoo_load_weights(const struct hone_weights *file,
                                  const struct hone_zoo_config *config, const char *source,
                                  const hone_model_load_params *params, struct hone_model **out) {
    static const hone_model_load_params plain;
    static const struct hone_zoo_config silent;
    const char *arch, *how;
    if (!params) params = &plain;
    if (!config) config = &silent;
    *out = NULL;
    HONE_TRY(choose(file, config, params->arch, &arch, &how));
    const struct hone_zoo_net *net = hone_zoo_named(arch);
    int32_t usual = params->size ? params->size : net ? net->size : 224;
    int32_t height = params->height ? params->height : usual;
    int32_t width = params->width ? params->width : usual;
    if (!params->size && config->preprocess.height && config->preprocess.width) {
        height = params->height ? params->height : config->preprocess.height;
        width = params->width ? params->width : config->preprocess.width;
    }
    size_t used;
    struct hone_model *model;
    HONE_TRY(build(file, arch, height, width, true, &used, &model));
    hone_status status = finish(file, config, params->preprocess, model);
    model->source = hone_arena_strdup(&model->arena, source);
    if (status == HONE_OK && !model->source) status = HONE_OUT_OF_MEMORY;
    if (status == HONE_OK) status = hone_model_warn(model, "weights of %s, %s", arch, how);
    if (status == HONE_OK && used < count_tensors(file))
        status = hone_model_warn(model, "%zu tensors of the file are not part of %s",
                                 count_tensors(file) - used, arch);
    if (status != HONE_OK)
        hone_model_destroy(&model);
    else
        *out = model;
    return status;
}
