// onnx.h: ONNX files to models and back. What users call stands in <hone/model.h>.
#ifndef HONE_FORMATS_ONNX_H
#define HONE_FORMATS_ONNX_H

#include "base/file.h"
#include "model/model.h"

// Reads a model from memory. `folder` is where external data may lie; NULL: it is refused. `source`
// names the file in messages ("import net.onnx: ...") and in the model. params may be NULL.
hone_status hone_onnx_import(const uint8_t *data, size_t bytes, const char *folder,
                             const char *source, const hone_model_load_params *params,
                             struct hone_model **out);
// The same of a mapped file: pages leave memory as soon as their numbers are read.
hone_status hone_onnx_import_map(const struct hone_file_map *map, const char *folder,
                                 const char *source, const hone_model_load_params *params,
                                 struct hone_model **out);

// Writes `model` as hone_model_save() says.
hone_status hone_onnx_export(const struct hone_model *model, const char *path);
// The same into memory (hone_free).
hone_status hone_onnx_export_bytes(const struct hone_model *model, uint8_t **out,
                                   size_t *out_bytes);

#endif
