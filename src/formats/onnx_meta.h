// onnx_meta.h: metadata_props, both ways.
#ifndef HONE_FORMATS_ONNX_META_H
#define HONE_FORMATS_ONNX_META_H

#include "formats/onnx_file.h"
#include "model/model.h"

// Size that hone.preprocess names; 0: none. Needed before the graph is built.
hone_status hone_onnx_meta_size(const HoneOnnx__Model *file, int32_t *height, int32_t *width);
// Classes, preprocessing and thresholds into the model.
hone_status hone_onnx_meta_read(const HoneOnnx__Model *file, struct hone_model *model);

// The same of one note of a weight file; other notes are left alone, and classes of another number.
hone_status hone_onnx_meta_read_note(const char *key, const char *text, struct hone_model *model);

// JSON text in the arena; NULL: memory.
const char *hone_onnx_meta_classes(struct hone_arena *arena, const struct hone_model *model);
const char *hone_onnx_meta_preprocess(struct hone_arena *arena, const struct hone_model *model);
// "", "x", "y" or "xy": the note "hone.flips" of a weight file; an ONNX file has them in its graph.
const char *hone_onnx_meta_flips(const struct hone_model *model);

#endif
