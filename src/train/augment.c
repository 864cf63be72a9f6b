// augment.c: see augment.h. Pure.
//
// A run with nothing but maps warps and normalises in one pass. Where colours, focus or noise
// change, pictures stay in [0, 1] until the last one.
#include "train/augment.h"

#include <stddef.h>

#include "infer/graph.h"

// A range by its option, and what each preset says of it.
struct range {
    size_t offset;
    float preset[4]; // by enum hone_augment
};
#define RANGE(field, surface, object)                                                              \
    {                                                                                              \
        offsetof(struct hone_train_params, field), {                                               \
            0, surface, object, 0                                                                  \
        }                                                                                          \
    }
static const struct range ranges[] = {
    RANGE(rotate, 10, 8),          RANGE(zoom, 0.1f, 0.15f),
    RANGE(shift, 0.05f, 0.08f),    RANGE(perspective, 0, 0.15f),
    RANGE(crop, 0, 0.15f),         RANGE(brightness, 0.1f, 0.12f),
    RANGE(contrast, 0.2f, 0.2f),   RANGE(gamma, 0.2f, 0.25f),
    RANGE(saturation, 0.1f, 0.3f), RANGE(hue, 0, 8),
    RANGE(blur, 0.6f, 0.8f),       RANGE(noise, 0.015f, 0.015f),
    RANGE(blocks, 0, 0.02f),       RANGE(erase, 0, 0.25f),
};

void hone_train_augment_resolve(struct hone_train_params *p) {
    static const int flips[] = {HONE_FLIPS_BOTH, HONE_FLIPS_BOTH, HONE_FLIPS_X, HONE_FLIPS_NONE};
    if (p->flips == HONE_FLIPS_AUTO) p->flips = flips[p->augment];
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        float *value = (float *)((char *)p + ranges[i].offset);
        if (*value < 0) *value = ranges[i].preset[p->augment];
    }
}

void hone_train_augment_plan(const struct hone_train_params *p, struct hone_train_augment *out) {
    static const float degree = 3.14159265f / 180;
    bool flip_x = p->flips == HONE_FLIPS_BOTH || p->flips == HONE_FLIPS_X;
    bool flip_y = p->flips == HONE_FLIPS_BOTH || p->flips == HONE_FLIPS_Y;
    *out = (struct hone_train_augment){.any = flip_x || flip_y,
                                       .draw = {.flip_x = flip_x,
                                                .flip_y = flip_y,
                                                .rotate = p->rotate * degree,
                                                .scale_lo = 1 - p->zoom,
                                                .scale_hi = 1 + p->zoom,
                                                .shift = p->shift,
                                                .salt = 1,
                                                .policy = p->augment_choice,
                                                .perspective = p->perspective,
                                                .crop = p->crop,
                                                .brightness = p->brightness,
                                                .contrast = p->contrast,
                                                .saturation = p->saturation,
                                                .gamma = p->gamma,
                                                .hue = p->hue * degree,
                                                .blur = p->blur,
                                                .noise = p->noise,
                                                .blocks = p->blocks,
                                                .erase = p->erase},
                                       .mix = p->mixup > 0 || p->cutmix > 0};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        out->any = out->any || *(const float *)((const char *)p + ranges[i].offset) > 0;
}

static bool changes_pixels(const struct hone_augment_attrs *a) {
    return a->brightness > 0 || a->contrast > 0 || a->saturation > 0 || a->gamma > 0 ||
           a->hue > 0 || a->blur > 0 || a->noise > 0 || a->blocks > 0 || a->erase > 0;
}

static hone_value emit_each(struct hone_graph *graph, const struct hone_train_augment *augment,
                            const struct hone_preprocess *preprocess, hone_value images,
                            hone_value clock) {
    static const struct hone_normalize_attrs unit = {{1 / 255.0f, 1 / 255.0f, 1 / 255.0f}, {0}};
    struct hone_normalize_attrs normalize;
    hone_infer_normalize_attrs(preprocess, &normalize);
    if (!augment->any)
        return HONE_EMIT(graph, &hone_op_image_normalize, "normalize", &normalize, images);
    struct hone_augment_attrs attrs = augment->draw;
    attrs.batch = hone_graph_desc(graph, images)->dim[0];
    hone_value plan = HONE_EMIT(graph, &hone_op_augment_draw, "augment_draw", &attrs, clock);
    if (!changes_pixels(&attrs))
        return HONE_EMIT(graph, &hone_op_image_warp, "augment", &normalize, images, plan);
    hone_value x = HONE_EMIT(graph, &hone_op_image_warp, "augment_warp", &unit, images, plan);
    for (int32_t axis = 1; axis <= 2 && attrs.blur > 0; axis++)
        x = HONE_EMIT(graph, &hone_op_image_blur, "augment_blur",
                      &(struct hone_blur_attrs){.axis = axis}, x, plan);
    if (attrs.blocks > 0)
        x = HONE_EMIT(graph, &hone_op_image_blocks, "augment_blocks", NULL, x, plan);
    for (int c = 0; c < 3; c++) normalize.scale[c] *= 255;
    return HONE_EMIT(graph, &hone_op_image_style, "augment", &normalize, x, plan);
}

hone_value hone_train_emit_augment(struct hone_graph *graph,
                                   const struct hone_train_augment *augment,
                                   const struct hone_preprocess *preprocess, hone_value images,
                                   hone_value *clock, hone_value *mix) {
    *clock = *mix = HONE_NO_VALUE;
    if (augment->any)
        *clock = hone_graph_input(graph, "clock", hone_desc_make(HONE_I32, 1, 2, 0, 0, 0));
    hone_value pixels = emit_each(graph, augment, preprocess, images, *clock);
    if (!augment->mix) return pixels;
    *mix = hone_graph_input(graph, "mix", hone_desc_make(HONE_F32, 1, HONE_MIX_NUMBERS, 0, 0, 0));
    return HONE_EMIT(graph, &hone_op_image_mix, "mix_pictures", NULL, pixels, *mix);
}
