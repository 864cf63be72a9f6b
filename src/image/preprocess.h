// preprocess.h: from a picture to what a net takes in, the same for training and for use: fitting
// to the net's size on the CPU (u8), then y = (x - mean) / std per channel, on the device or here.
//
// mean and std are in grey levels 0..255, whatever units the user wrote, so that there is one
// formula.
#ifndef HONE_IMAGE_PREPROCESS_H
#define HONE_IMAGE_PREPROCESS_H

#include "base/text.h"
#include "image/image.h"
#include "image/resize.h"

// How a picture of another shape becomes (height, width).
enum hone_fit {
    HONE_FIT_STRETCH,   // the default: nothing is lost at the edges, where defects may lie
    HONE_FIT_LETTERBOX, // aspect kept; the bars have the colour that normalises to (about) zero
    HONE_FIT_CROP,      // aspect kept; the shorter side fits, the middle is cut out
};
#define HONE_FIT_WORDS "stretch|letterbox|crop" // for option tables, in the order of the enum

struct hone_preprocess {
    int32_t height, width;
    int fit;       // enum hone_fit
    int filter;    // enum hone_filter
    float crop;    // stretch, crop: the share of each side that is kept, the middle; 0: all of it
    bool bgr;      // the net takes blue first; mean and std are in the net's order
    float mean[3]; // grey levels 0..255
    float std[3];  // the same; never 0
};

// Sets bgr, mean and std from text, and of the rest what the text names:
//   imagenet         (x/255 - (.485,.456,.406)) / (.229,.224,.225), what torchvision's nets take
//   tf               x/127.5 - 1: TensorFlow's and TF-slim's
//   none             x as it is, 0..255: nets that normalise inside
//   MEAN,STD         two numbers for all channels, or six: three means, three deviations. Where any
//   of
//                    them is above 1 they are grey levels 0..255, else fractions: 0.5,0.5 is tf.
// Behind it, in any order: ":bgr", blue comes first (Caffe: "103.94,116.78,123.68,1,1,1:bgr");
// ":bilinear" or ":bicubic"; ":stretch", ":letterbox" or ":crop", the last of them and stretch with
// the share that is kept (":crop=0.875": the shorter side at 256, the middle 224 of it).
hone_status hone_preprocess_parse(const char *text, struct hone_preprocess *out);
// Appends the text that parses back to the same mean, std and order.
hone_status hone_preprocess_print(const struct hone_preprocess *preprocess, struct hone_text *text);

// Leaves nothing of a picture out: what crops becomes a stretch. True where it changed something.
bool hone_preprocess_keep_all(struct hone_preprocess *preprocess);

// Any picture to (height, width, 3), u8, RGB. Into `pixels`, which the caller owns.
hone_status hone_image_fit(const struct hone_image *image, const struct hone_preprocess *preprocess,
                           uint8_t *pixels);

// y[c] = x[c] * scale[c] + shift[c]: the normalisation as a device does it.
void hone_preprocess_affine(const struct hone_preprocess *preprocess, float scale[3],
                            float shift[3]);
// pixels (count,3) u8 RGB -> out (count,3) f32 in the net's channel order.
void hone_preprocess_normalize(const struct hone_preprocess *preprocess, const uint8_t *pixels,
                               size_t count, float *out);

#endif
