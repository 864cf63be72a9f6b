// zoo.h: nets built in code, by torchvision's names for the nets and for their tensors, with
// weights drawn at random: what benches run, and the graphs for weight files that come without one.
// One file per family; the helpers below are all that a family needs.
#ifndef HONE_MODEL_ZOO_ZOO_H
#define HONE_MODEL_ZOO_ZOO_H

#include "model/model.h"
#include "ops/ops.h"

// The net `name` for pictures of size x size, 1,000 classes, batch norms in inference form. Weights
// are uniform, with deviation sqrt(2 / fan out) (He et al. 2015) for filters and sqrt(1/3 fan in)
// for the classifier; norms are the identity. The same seed gives the same weights. HONE_NOT_FOUND
// lists the nets.
hone_status hone_zoo_model(const char *name, int32_t size, uint64_t seed, struct hone_model **out);

// What torchvision publishes about the net: learned numbers, and multiply-adds in 10^9 for one
// picture of 224 x 224. NULL past the end.
struct hone_zoo;
struct hone_zoo_net {
    const char *name;
    int64_t parameters;
    double gmacs;
    hone_value (*build)(struct hone_zoo *zoo, hone_value image, int variant);
    int variant; // what the family makes of it: the depth of a resnet
};
const struct hone_zoo_net *hone_zoo_net(int index);

// ---- For the families ----

// A net that is being built. Failures stick to model->graph.
struct hone_zoo {
    struct hone_model *model;
    uint64_t seed;
};

// Parameters of the module `module`: "MODULE.weight" and so on, as PyTorch's state_dict has them.
struct hone_zoo_conv {
    int32_t out;    // channels
    int32_t kernel; // square
    int32_t stride;
    int32_t groups;
    bool bias;
};
// Padded by (kernel - 1) / 2. stride and groups: 0 is 1.
hone_value hone_zoo_conv(struct hone_zoo *zoo, const char *module, hone_value x,
                         const struct hone_zoo_conv *conv);
hone_value hone_zoo_norm(struct hone_zoo *zoo, const char *module, hone_value x);
hone_value hone_zoo_act(struct hone_zoo *zoo, hone_value x, struct hone_act_attrs act);
// Global average pool, flatten, linear with bias.
hone_value hone_zoo_classifier(struct hone_zoo *zoo, const char *module, hone_value x,
                               int32_t classes);
int32_t hone_zoo_channels(const struct hone_zoo *zoo, hone_value x);

// Writes "a.b" from parts: "%s.conv%d". Returns `name`.
enum { HONE_ZOO_NAME = 96 };
const char *hone_zoo_name(char name[HONE_ZOO_NAME], const char *format, ...) HONE_PRINTF(2, 3);

// The families. variant: resnet 18, 34, 50 or 101; 0 for the others.
hone_value hone_zoo_resnet(struct hone_zoo *zoo, hone_value image, int variant);
hone_value hone_zoo_mobilenet_v2(struct hone_zoo *zoo, hone_value image, int variant);
hone_value hone_zoo_efficientnet_b0(struct hone_zoo *zoo, hone_value image, int variant);

#endif
