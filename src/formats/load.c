// load.c: model files by path: what users call. ONNX has its graph in it; a weight file gets one
// from the zoo.
#include <hone/model.h>

#include <string.h>

#include "base/file.h"
#include "formats/onnx.h"
#include "formats/safetensors_write.h"
#include "formats/zoo_load.h"

static hone_status load_onnx(const struct hone_file_map *map, const char *path,
                             const hone_model_load_params *params, struct hone_model **out) {
    char *folder = hone_path_folder(path);
    if (!folder) return HONE_OUT_OF_MEMORY;
    hone_status status = hone_onnx_import_map(map, folder, hone_path_base(path), params, out);
    hone_free(folder);
    return status;
}

static hone_status load_weights(const struct hone_file_map *map, const char *path,
                                const hone_model_load_params *params, struct hone_model **out) {
    struct hone_weights weights;
    hone_status status = hone_weights_open_bytes(map->data, map->bytes, &weights);
    weights.pages = status == HONE_OK ? map : NULL;
    struct hone_zoo_config config = {0};
    char *folder = hone_path_folder(path);
    if (status == HONE_OK) {
        status = folder ? hone_zoo_config_read(folder, &config) : HONE_OUT_OF_MEMORY;
        if (status == HONE_OK)
            status = hone_zoo_load_weights(&weights, &config, hone_path_base(path), params, out);
        hone_weights_close(&weights);
    }
    hone_zoo_config_deinit(&config);
    hone_free(folder);
    return hone_fail_context(status, "import %s", hone_path_base(path));
}

hone_status hone_model_load(const char *path, const hone_model_load_params *params,
                            hone_model **out) {
    struct hone_file_map map = {0};
    *out = NULL;
    HONE_TRY(hone_file_map_open(path, &map));
    bool weights = hone_weights_is(map.data, map.bytes);
    hone_status status = HONE_OK;
    if (!weights && params && params->arch)
        status = hone_fail(HONE_INVALID, "%s: an ONNX file has its own graph; leave --arch out",
                           hone_path_base(path));
    if (status == HONE_OK) status = (weights ? load_weights : load_onnx)(&map, path, params, out);
    hone_file_map_close(&map);
    return status;
}

hone_status hone_model_save(const hone_model *model, const char *path) {
    static const char ending[] = ".safetensors";
    size_t length = strlen(path), tail = sizeof ending - 1;
    if (length > tail && strcmp(path + length - tail, ending) == 0)
        return hone_safetensors_write(model, path);
    return hone_onnx_export(model, path);
}
