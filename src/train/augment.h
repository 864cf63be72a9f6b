// augment.h: from the options to what a net sees in training: the same pixels in a training step
// and on a contact sheet.
#ifndef HONE_TRAIN_AUGMENT_H
#define HONE_TRAIN_AUGMENT_H

#include <hone/train.h>

#include "image/preprocess.h"
#include "ir/graph.h"
#include "ops/ops.h"

// Puts the preset's values where the options leave them to it, so that a run's args.json says what
// happened. Of completed options.
void hone_train_augment_resolve(struct hone_train_params *params);

struct hone_train_augment {
    bool any;                       // else pictures are only normalised, and no clock is needed
    bool mix;                       // pictures are mixed in pairs: needs the input "mix"
    struct hone_augment_attrs draw; // its batch is filled in where it is emitted
};
// Of resolved options.
void hone_train_augment_plan(const struct hone_train_params *params,
                             struct hone_train_augment *out);

// images u8 (N,H,W,3) RGB -> f32 (N,H,W,3), augmented and normalised, still RGB. Adds the inputs
// that it needs: "clock" i32 (2): seed, step, where augment->any; "mix" f32 (HONE_MIX_NUMBERS)
// where augment->mix. *clock, *mix receive them, else HONE_NO_VALUE.
hone_value hone_train_emit_augment(struct hone_graph *graph,
                                   const struct hone_train_augment *augment,
                                   const struct hone_preprocess *preprocess, hone_value images,
                                   hone_value *clock, hone_value *mix);

// How the pictures of step `step` are mixed: what image_mix reads, and at [HONE_MIX_SHARE] the
// share that a picture keeps of its own label. The same seed and step give the same numbers.
enum { HONE_MIX_SHARE = 5 };
void hone_train_draw_mix(const struct hone_train_params *params, int64_t step, int32_t height,
                         int32_t width, float mix[HONE_MIX_NUMBERS]);

#endif
