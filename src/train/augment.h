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
    struct hone_augment_attrs draw; // its batch is filled in where it is emitted
};
// Of resolved options.
void hone_train_augment_plan(const struct hone_train_params *params,
                             struct hone_train_augment *out);

// images u8 (N,H,W,3) RGB -> f32 (N,H,W,3), augmented and normalised, still RGB. `clock` is i32
// (2): seed, step; unused where augment->any is false.
hone_value hone_train_emit_augment(struct hone_graph *graph,
                                   const struct hone_train_augment *augment,
                                   const struct hone_preprocess *preprocess, hone_value images,
                                   hone_value clock);

#endif
