// graph.h: from pixels to probabilities as a graph: what a session runs and what the trainer judges
// its weights with, so that both see the same numbers.
#ifndef HONE_INFER_GRAPH_H
#define HONE_INFER_GRAPH_H

#include "model/model.h"
#include "ops/ops.h"

// What image_normalize and image_warp need: scale and shift in the picture's order of channels.
void hone_infer_normalize_attrs(const struct hone_preprocess *preprocess,
                                struct hone_normalize_attrs *out);

// images (N,H,W,3) u8, RGB, -> (N,H,W,3) f32 as the net takes it in, blue first where it wants
// that.
hone_value hone_infer_emit_pixels(struct hone_graph *graph, hone_value images,
                                  const struct hone_preprocess *preprocess);
// The same order of channels for pixels (N,H,W,3) f32 that are normalised already.
hone_value hone_infer_emit_channels(struct hone_graph *graph, hone_value pixels,
                                    const struct hone_preprocess *preprocess);

// A graph with input "images" u8 (batch,H,W,3) and output "probabilities" (batch,classes). `emit`
// (may be NULL) says where parameters come from.
hone_status hone_infer_graph(const struct hone_model *model, int32_t batch,
                             const struct hone_model_emit_params *emit, struct hone_graph **out);

// Writes into a device's store what hone_model_emit() takes from states of the parameters' names.
struct hone_store;
hone_status hone_infer_load(const struct hone_model *model, struct hone_store *store);

#endif
