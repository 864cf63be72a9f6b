// load.c: model files by path: what users call. The only format with a graph in it is ONNX.
#include <hone/model.h>

#include "base/file.h"
#include "formats/onnx.h"

hone_status hone_onnx_load(const char *path, const hone_model_load_params *params,
                           struct hone_model **out) {
    *out = NULL;
    struct hone_file_map map = {0};
    HONE_TRY(hone_file_map_open(path, &map));
    char *folder = hone_path_folder(path);
    hone_status status =
        folder ? hone_onnx_import(map.data, map.bytes, folder, hone_path_base(path), params, out)
               : HONE_OUT_OF_MEMORY;
    hone_free(folder);
    hone_file_map_close(&map);
    return status;
}

hone_status hone_model_load(const char *path, const hone_model_load_params *params,
                            hone_model **out) {
    return hone_onnx_load(path, params, out);
}

hone_status hone_model_save(const hone_model *model, const char *path) {
    return hone_onnx_export(model, path);
}
