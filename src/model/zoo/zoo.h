// zoo.h: nets built in code: the graphs for weight files that come without one and, with weights
// drawn at random, what benches run. A family is two files here, which the build finds by itself:
// FAMILY.c builds its nets with the helpers below and names each tensor in one way; FAMILY.def
// lists the nets, and how the names of other libraries (dialects) follow from those (zoo_names.c).
#ifndef HONE_MODEL_ZOO_ZOO_H
#define HONE_MODEL_ZOO_ZOO_H

#include "model/model.h"
#include "ops/ops.h"

// The net `name` for pictures of size x size, 1,000 classes, batch norms in inference form. Weights
// are uniform, with deviation sqrt(2 / fan out) (He et al. 2015) for filters and sqrt(1/3 fan in)
// for the classifier; norms are the identity. The same seed gives the same weights; with seed 0
// what would be drawn is 0. HONE_NOT_FOUND lists the nets.
hone_status hone_zoo_model(const char *name, int32_t size, uint64_t seed, struct hone_model **out);

// Where the numbers of a net come from: tensors by PyTorch's names, in PyTorch's order.
struct hone_zoo_source {
    void *user;
    // True when there is a tensor `name`; then rank and dim (8 at most) are its shape.
    bool (*shape)(void *user, const char *name, int *rank, int64_t dim[8]);
    // Its numbers, row-major, into `out`; NULL where only shapes are asked for.
    hone_status (*read)(void *user, const char *name, float *out);
    bool shapes_only; // the parameters of the net have no numbers, data NULL: do the shapes fit?
};
// The net `name` for pictures of height x width with the numbers of `source`, and as many classes
// as its classifier has. HONE_NOT_FOUND: no such net; HONE_INVALID names the tensor that is missing
// or has another shape.
hone_status hone_zoo_load(const char *name, int32_t height, int32_t width,
                          const struct hone_zoo_source *source, struct hone_model **out);
// The net of this name, which may be another library's (regnetx_004 is regnet_x_400mf), or carry
// the mark of its training behind a dot (resnet50.a1_in1k); NULL: there is none.
const struct hone_zoo_net *hone_zoo_named(const char *name);

// What torchvision publishes about the net: learned numbers, and multiply-adds in 10^9 for one
// picture of the net's size. NULL past the end.
struct hone_zoo;
struct hone_zoo_net {
    const char *name;
    int64_t parameters;
    double gmacs;
    hone_value (*build)(struct hone_zoo *zoo, hone_value image, int variant);
    const char *family;
    int variant;            // what the family makes of it: the depth of a resnet
    int32_t size;           // of its pictures
    const char *preprocess; // NULL: imagenet
    const char *dialect;    // of its names where numbers are drawn; NULL: the family's own
};
const struct hone_zoo_net *hone_zoo_net(int index);

// ---- For the families ----

// A net that is being built. Failures stick to model->graph.
struct hone_zoo {
    struct hone_model *model;
    uint64_t seed;
    const struct hone_zoo_source *source;   // NULL: drawn
    float norm_eps;                         // of norms; 0: 1e-5
    bool same;                              // convolutions are padded as TensorFlow does
    const struct hone_zoo_dialect *dialect; // NULL: the family's own names
};

// Parameters of the module `module`: "MODULE.weight" and so on, as PyTorch's state_dict has them.
struct hone_zoo_conv {
    int32_t out;    // channels
    int32_t kernel; // square
    int32_t stride;
    int32_t groups;
    bool bias;
    bool valid; // not padded; else by (kernel - 1) / 2, or as zoo->same says
};
// stride and groups: 0 is 1.
hone_value hone_zoo_conv(struct hone_zoo *zoo, const char *module, hone_value x,
                         const struct hone_zoo_conv *conv);
hone_value hone_zoo_norm(struct hone_zoo *zoo, const char *module, hone_value x);
hone_value hone_zoo_act(struct hone_zoo *zoo, hone_value x, struct hone_act_attrs act);
// "MODULE.conv", without bias, and "MODULE.norm".
hone_value hone_zoo_conv_norm(struct hone_zoo *zoo, const char *module, hone_value x,
                              const struct hone_zoo_conv *conv);
// Squeeze and excitation (Hu, Shen, Sun 2018): each channel times gate(fc2(act(fc1(means)))).
hone_value hone_zoo_squeeze_excite(struct hone_zoo *zoo, const char *module, hone_value x,
                                   int32_t narrow, enum hone_act act, struct hone_act_attrs gate);
// An inverted residual (Sandler et al. 2018): widened by a 1x1 where `wide` is more than the input,
// depthwise, squeezed, narrowed without an activation; the input is added where shapes allow. Its
// modules are "block.FLAT.STAGE.INDEX.PART.E.expand" (depthwise, squeeze, project), E 1 where it is
// widened.
struct hone_zoo_inverted {
    int flat, stage, index; // of all blocks; the stage, and the place in it
    int32_t kernel, wide, out, stride;
    int32_t squeeze; // channels between; 0: none
    struct hone_act_attrs act, gate;
    enum hone_act gate_act; // between the two layers of the gate; 0: act's
};
hone_value hone_zoo_inverted(struct hone_zoo *zoo, hone_value x,
                             const struct hone_zoo_inverted *block);
// The multiple of 8 nearest to `channels`, not below nine tenths of it.
int32_t hone_zoo_divisible(double channels);
// Whether the source has a tensor that the family calls `name`, and its shape.
bool hone_zoo_has(const struct hone_zoo *zoo, const char *name, int *rank, int64_t dim[8]);
// Whether names are those of this dialect.
bool hone_zoo_speaks(const struct hone_zoo *zoo, const char *dialect);
// Classes of the module's weight in the source; `usual` where numbers are drawn.
int32_t hone_zoo_classes(const struct hone_zoo *zoo, const char *module, int32_t usual);
// A parameter under its whole name, drawn of this deviation about `middle` where there is no
// source.
hone_value hone_zoo_param(struct hone_zoo *zoo, const char *name, enum hone_param_kind kind,
                          struct hone_desc desc, float middle, double deviation);
// One number that is part of the net, never trained.
hone_value hone_zoo_constant(struct hone_zoo *zoo, const char *name, float value);
// x (...,F) -> (...,out), with bias: "MODULE.weight", "MODULE.bias", or tensors of names of their
// own.
hone_value hone_zoo_linear(struct hone_zoo *zoo, const char *module, hone_value x, int32_t out);
hone_value hone_zoo_linear_named(struct hone_zoo *zoo, const char *weight, const char *bias,
                                 hone_value x, int32_t out);
hone_value hone_zoo_layer_norm(struct hone_zoo *zoo, const char *module, hone_value x, float eps);
// A table of positions (extra + grid * grid, channels) for a grid of height x width (positions.c).
hone_status hone_zoo_positions(const float *in, int32_t extra, int32_t grid, int32_t channels,
                               int32_t height, int32_t width, float *out);
// Global average pool, flatten, linear with bias; the features where the source has no such module.
hone_value hone_zoo_classifier(struct hone_zoo *zoo, const char *module, hone_value x,
                               int32_t classes);
int32_t hone_zoo_channels(const struct hone_zoo *zoo, hone_value x);

// Writes "a.b" from parts: "%s.conv%d". Returns `name`.
enum { HONE_ZOO_NAME = 96 };
const char *hone_zoo_name(char name[HONE_ZOO_NAME], const char *format, ...) HONE_PRINTF(2, 3);

// ---- Names (zoo_names.c)
//
// A .def is a list of these; strings may hold a '#', which stands for a number:
//   HONE_ZOO_FAMILY(family)                         the builder hone_zoo_FAMILY
//   HONE_ZOO_NET(name, learned numbers, multiply-adds in 10^9 for one picture, family, variant,
//                size, preprocessing or NULL for imagenet, dialect or NULL)
//   HONE_ZOO_ALIAS(name, net)                       what another library calls a net
//   HONE_ZOO_DIALECT(family, dialect, prefix, key)  a file that holds the tensor PREFIX KEY speaks
//   it HONE_ZOO_RULE(dialect, ours, theirs)            ours, at the start of a name and whole parts
//   of
//                                                   it, is called theirs: {1} is the first number,
//                                                   {2-1}, {1*2+1} what is made of one. The first
//                                                   rule that fits holds. "/" in front of theirs:
//                                                   no prefix. Families may share a dialect.
struct hone_zoo_dialect {
    const char *family, *name, *prefix, *key;
};
// The dialect of a family by name, or by what the source holds; NULL: the family's own.
const struct hone_zoo_dialect *hone_zoo_dialect_named(const char *family, const char *name);
const struct hone_zoo_dialect *hone_zoo_dialect_of(const char *family,
                                                   const struct hone_zoo_source *source);
// What `name` is called in it.
enum { HONE_ZOO_NAME_LONG = 192 };
const char *hone_zoo_translate(const struct hone_zoo_dialect *dialect, const char *name,
                               char out[HONE_ZOO_NAME_LONG]);

#define HONE_ZOO_FAMILY(family)                                                                    \
    hone_value hone_zoo_##family(struct hone_zoo *zoo, hone_value image, int variant);
#include "model/zoo/families.def"

// Added to a variant of nets that were trained in TensorFlow: SAME padding, norms with 1e-3.
enum { HONE_ZOO_TF = 1 << 8 };
// The variant without HONE_ZOO_TF, after the zoo is told.
int hone_zoo_tensorflow(struct hone_zoo *zoo, int variant);
// Inner convolutions of a resnet: in 32 groups of 4 or 8 channels (ResNeXt), or of twice the width.
enum { HONE_RESNET_32X4D = 1000, HONE_RESNET_32X8D = 2000, HONE_RESNET_WIDE = 3000 };
// Sizes of a ConvNeXt; ANY: those of the file. Plus V2.
enum {
    HONE_CONVNEXT_ANY,
    HONE_CONVNEXT_ATTO,
    HONE_CONVNEXT_FEMTO,
    HONE_CONVNEXT_PICO,
    HONE_CONVNEXT_NANO,
    HONE_CONVNEXT_TINY,
    HONE_CONVNEXT_SMALL,
    HONE_CONVNEXT_BASE,
    HONE_CONVNEXT_V2 = 16,
};
// Sizes of a transformer; ANY: those of the file.
enum {
    HONE_VIT_ANY,
    HONE_VIT_TINY_16,
    HONE_VIT_SMALL_16,
    HONE_VIT_BASE_16,
    HONE_VIT_BASE_32,
    HONE_VIT_SMALL_14,
    HONE_VIT_BASE_14,
    HONE_VIT_TINY_DISTILLED,
    HONE_VIT_SMALL_DISTILLED,
    HONE_VIT_BASE_DISTILLED,
};

#endif
