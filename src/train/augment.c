// augment.c: see augment.h. Pure.
#include "train/augment.h"

#include "infer/graph.h"

void hone_train_augment_plan(const struct hone_train_params *p, struct hone_train_augment *out) {
    bool flip_x = p->flips == HONE_FLIPS_BOTH || p->flips == HONE_FLIPS_X;
    bool flip_y = p->flips == HONE_FLIPS_BOTH || p->flips == HONE_FLIPS_Y;
    *out = (struct hone_train_augment){.any = flip_x || flip_y || p->rotate > 0 || p->zoom > 0 ||
                                              p->shift > 0,
                                       .matrix = {.flip_x = flip_x,
                                                  .flip_y = flip_y,
                                                  .rotate = p->rotate * 3.14159265f / 180,
                                                  .scale_lo = 1 - p->zoom,
                                                  .scale_hi = 1 + p->zoom,
                                                  .shift = p->shift,
                                                  .salt = 1}};
}

hone_value hone_train_emit_augment(struct hone_graph *graph,
                                   const struct hone_train_augment *augment,
                                   const struct hone_preprocess *preprocess, hone_value images,
                                   hone_value clock) {
    struct hone_normalize_attrs normalize;
    hone_infer_normalize_attrs(preprocess, &normalize);
    if (!augment->any)
        return HONE_EMIT(graph, &hone_op_image_normalize, "normalize", &normalize, images);
    struct hone_augment_attrs attrs = augment->matrix;
    attrs.batch = hone_graph_desc(graph, images)->dim[0];
    hone_value matrix = HONE_EMIT(graph, &hone_op_augment_matrix, "augment_matrix", &attrs, clock);
    return HONE_EMIT(graph, &hone_op_image_warp, "augment", &normalize, images, matrix);
}
