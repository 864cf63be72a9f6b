// params.c: the option table of a training run: the command's flags, the args file, defaults and
// ranges.
#include "train/internal.h"

#include <stdio.h>
#include <string.h>

#include "base/options.h"

#define TRAIN(field, kind, name, ...)                                                              \
    HONE_OPTION(struct hone_train_params, field, kind, name, __VA_ARGS__)

// A range of augmentation; below 0, it is the preset's.
#define RANGE(field, name, largest, unit, text)                                                    \
    TRAIN(field, F32, name, .initial = "-1", .least = -1, .most = largest, .metavar = unit,        \
          .help = text "; -1: as --augment")

static const hone_option train_rows[] = {
    TRAIN(backbone, STRING, "backbone", .metavar = "FILE",
          .help = "the pretrained network: ONNX, or weights (safetensors, .pth) of a net that hone "
                  "knows"),
    TRAIN(
        arch, STRING, "arch", .metavar = "NAME",
        .help =
            "the net of a weight file, such as resnet50; left out: as its metadata or config.json "
            "beside it says, else by the names of its tensors"),
    TRAIN(out, STRING, "out", .metavar = "DIR",
          .help = "folder of the run; left out: the next free runs/trainN"),
    TRAIN(resume, STRING, "resume", .metavar = "RUN",
          .help = "go on with the run in this folder, with its own options, as if it had never "
                  "stopped"),
    TRAIN(checkpoint_minutes, F32, "checkpoint-minutes", .initial = "10", .least = 0,
          .most = 100000, .metavar = "X",
          .help = "write last.safetensors every so often within an epoch, too; 0: at its end only"),
    TRAIN(device, STRING, "device", .metavar = "NAME",
          .help =
              "where to run: an index, a part of a device's name, a UUID, or ref; left out: the "
              "best GPU"),
    TRAIN(recipe, ENUM, "recipe", .initial = "auto", .words = "auto|fine-tune|head|full|scratch",
          .help = "fine-tune: the classifier first, to convergence, then all layers; head: the "
                  "classifier alone; full: all layers at once; scratch: from random weights; auto: "
                  "full for nets of under a million parameters, else fine-tune"),
    TRAIN(freeze, STRING, "freeze", .initial = "auto", .metavar = "auto|all|none|N",
          .help = "layers that keep their weights: none, all (as --recipe head), or the first N; "
                  "auto: on a CPU, where the classifier is solved for first, all in front of the "
                  "last resolution, else none"),
    TRAIN(norms, ENUM, "norms", .initial = "auto", .words = "auto|frozen|batch",
          .help = "statistics of batch norms; auto: frozen where a pretrained net sees batches of "
                  "fewer than 32, else of the batch"),
    TRAIN(features, ENUM, "features", .initial = "auto", .words = "auto|last|stages",
          .help = "what the classifier reads: the mean of the last map, or mean and maximum of the "
                  "last three resolutions; auto: stages where the classifier is solved for first"),
    TRAIN(feature_cache, ENUM, "feature-cache", .initial = "auto", .words = "auto|on|off",
          .help = "keep features of the frozen backbone in ~/.cache/hone for the next run with the "
                  "same net, size and device; auto: where they took more than 2 s"),
    TRAIN(head_views, I32, "head-views", .initial = "1", .least = 1, .most = 64, .metavar = "N",
          .help =
              "views of each training picture that the classifier alone learns from: as it is, "
              "and N - 1 that are drawn as --augment says; they are kept as --feature-cache says"),
    TRAIN(preprocess, STRING, "preprocess", .metavar = "imagenet|tf|none|MEAN,STD[:...]",
          .help =
              "how pixels become numbers; left out: as the file states, else imagenet; behind it "
              ":bgr, :bicubic, :letterbox, :crop or :crop=SHARE"),
    TRAIN(precision, ENUM, "precision", .initial = "auto", .words = "auto|f32|f16|bf16",
          .help =
              "how the step stores what flows through the net (sums, weights and optimiser stay "
              "f32); auto: 16 bits where the device has matrix units for them"),
    TRAIN(epochs, I32, "epochs", .initial = "auto", .least = 1, .most = 100000, .words = "auto",
          .metavar = "N|auto",
          .help =
              "passes over the training pictures (for the classifier alone the solver decides); "
              "auto: 10, or, fine-tuning on a CPU driver, what some minutes hold"),
    TRAIN(batch, I32, "batch", .initial = "16", .least = 1, .most = 4096, .words = "auto",
          .metavar = "N|auto",
          .help =
              "pictures a step; auto: the most, to 64, that fit in memory and leave ten steps an "
              "epoch"),
    TRAIN(accumulate, I32, "accumulate", .initial = "0", .least = 0, .most = 4096, .metavar = "N",
          .help = "parts in which a batch goes through the device, their gradients added up; 0: as "
                  "many as it takes to fit"),
    TRAIN(recompute, I32, "recompute", .initial = "0", .least = 0, .most = 1024, .metavar = "N",
          .help = "segments of the forward pass, all but the last made again in the backward pass "
                  "instead of kept; 1: none; 0: as many as it takes to fit"),
    TRAIN(memory, I32, "memory", .initial = "0", .least = 0, .most = 16777216, .metavar = "MIB",
          .help = "take no more than this of the device's memory; 0: nine tenths of what is free"),
    TRAIN(size, I32, "size", .initial = "0", .least = 0, .most = 4096, .metavar = "PIXELS",
          .help = "height and width that the network sees; 0: as the file states, else 224"),
    TRAIN(lr, F32, "lr", .initial = "auto", .least = 1e-9, .most = 100, .words = "auto|find",
          .metavar = "X|auto|find",
          .help =
              "highest learning rate of the backbone; auto: 0.001 from random weights and for a "
              "small net in full, else 0.0001, with sgd ten times that; find: by a range test of "
              "some steps, which lr_find.svg shows"),
    TRAIN(head_lr, F32, "head-lr", .initial = "0", .least = 0, .most = 1e6, .metavar = "X",
          .help = "learning rate of the classifier, as a multiple of --lr; 0: 1 where it has "
                  "converged before, else 10, or 3 where --lr auto came to 0.001"),
    TRAIN(first_lr, F32, "first-lr", .initial = "0.2", .least = 1e-6, .most = 1, .metavar = "X",
          .help =
              "learning rate of the first layer, as a multiple of --lr; rises to --lr at the last"),
    TRAIN(average, F32, "average", .initial = "1", .least = 0, .most = 1000, .metavar = "EPOCHS",
          .help = "judge and save an average of the weights over about so many epochs; 0: off"),
    TRAIN(budget, STRING, "budget", .metavar = "TIME",
          .help =
              "time for the whole run, as 90s, 10m or 1h30m: as many epochs as fit in are made, "
              "in place of --epochs"),
    TRAIN(patience, I32, "patience", .initial = "0", .least = 0, .most = 100000, .metavar = "N",
          .help = "end after N epochs without a better one on the validation part; 0: never"),
    TRAIN(optimizer, ENUM, "optimizer", .initial = "adamw", .words = "adamw|sgd",
          .help = "how weights are updated; sgd needs longer runs"),
    TRAIN(schedule, ENUM, "schedule", .initial = "cosine", .words = "cosine|linear|constant",
          .help = "how the learning rate falls after the warm-up"),
    TRAIN(warmup, F32, "warmup", .initial = "0.05", .least = 0, .most = 1, .metavar = "SHARE",
          .help = "share of the steps in which the learning rate rises"),
    TRAIN(weight_decay, F32, "weight-decay", .initial = "0.01", .least = 0, .most = 10,
          .metavar = "X", .help = "of filters and matrices; biases and norms have none"),
    TRAIN(momentum, F32, "momentum", .initial = "0.9", .least = 0, .most = 0.9999, .metavar = "X",
          .help = "of sgd"),
    TRAIN(label_smoothing, F32, "label-smoothing", .initial = "auto", .least = 0, .most = 0.9,
          .words = "auto", .metavar = "X|auto",
          .help =
              "share of the target that goes to all classes alike; auto: 0 where the classifier "
              "has converged before, else 0.05"),
    TRAIN(class_weights, ENUM, "class-weights", .initial = "auto",
          .words = "auto|none|sqrt|balanced|effective",
          .help =
              "weight of a class in the loss: 1 / sqrt of its pictures, 1 / pictures, 1 / their "
              "effective number; auto: balanced for the classifier alone, else sqrt"),
    TRAIN(sampling, ENUM, "sampling", .initial = "natural", .words = "natural|balanced",
          .help = "pictures of an epoch of steps: each once, or each class as often as any"),
    TRAIN(loss, ENUM, "loss", .initial = "cross-entropy", .words = "cross-entropy|focal",
          .help = "of the steps; focal: what the net is sure of counts little"),
    TRAIN(focal_gamma, F32, "focal-gamma", .initial = "2", .least = 0, .most = 10, .metavar = "X",
          .help = "how little: the loss is multiplied by (1 - probability)^X"),
    TRAIN(logit_adjust, F32, "logit-adjust", .initial = "0", .least = 0, .most = 3, .metavar = "X",
          .help =
              "take the classes' frequencies out of the answers, by X times their logarithms in "
              "the loss; 1: all of it (goes with --class-weights none)"),
    TRAIN(metric, ENUM, "metric", .initial = "macro-f1", .words = "macro-f1|accuracy|loss",
          .help = "by what the best epoch is chosen on the validation part"),
    TRAIN(l2, F32, "l2", .initial = "0.03", .least = 0, .most = 1000, .metavar = "X",
          .help = "classifier alone: ridge on its weights"),
    TRAIN(augment, ENUM, "augment", .initial = "flips", .words = "flips|surface|object|none",
          .help = "what happens to training pictures at random: mirrored only; as suits materials "
                  "seen from above; as suits things that stand upright; nothing"),
    TRAIN(augment_choice, ENUM, "augment-choice", .initial = "each", .words = "each|one|two",
          .help = "what happens to a picture: each kind that has a range; one of them or none "
                  "(TrivialAugment); two (RandAugment)"),
    TRAIN(flips, ENUM, "flips", .initial = "auto", .words = "both|x|y|none|auto",
          .help = "mirror pictures: left to right (x), top to bottom (y); auto: as --augment"),
    TRAIN(tta, ENUM, "tta", .initial = "flips", .words = "flips|none",
          .help = "the model answers from the mean over the mirrored copies of a picture that "
                  "--flips draws, which costs as many times the work; none: from the picture"),
    RANGE(rotate, "rotate", 180, "DEGREES", "turn, up to this much"),
    RANGE(zoom, "zoom", 0.9, "SHARE", "zoom in and out, up to this much"),
    RANGE(shift, "shift", 0.5, "SHARE", "move, up to this share of the size"),
    RANGE(perspective, "perspective", 0.9, "SHARE", "tilt, until the far edge is so much smaller"),
    RANGE(crop, "crop", 0.9, "SHARE", "cut off, up to this share of a side"),
    RANGE(brightness, "brightness", 1, "SHARE", "brighter and darker"),
    RANGE(contrast, "contrast", 1, "SHARE", "more and less contrast"),
    RANGE(gamma, "gamma", 10, "X", "bend the levels by exponents from 1 / (1 + X) to 1 + X"),
    RANGE(saturation, "saturation", 1, "SHARE", "stronger and weaker colours"),
    RANGE(hue, "hue", 180, "DEGREES", "turn the colours"),
    RANGE(blur, "blur", 1.5, "PIXELS", "blur, up to this deviation"),
    RANGE(noise, "noise", 1, "SHARE", "noise, up to this deviation"),
    RANGE(blocks, "blocks", 1, "SHARE",
          "lose fine waves in blocks, as a JPEG does; 0.02 shows, 0.1 is coarse"),
    RANGE(erase, "erase", 1, "SHARE", "erase a box with sides up to this share"),
    TRAIN(mixup, F32, "mixup", .initial = "0", .least = 0, .most = 10, .metavar = "ALPHA",
          .help = "blend pictures and labels of a batch in pairs, by shares drawn from "
                  "beta(ALPHA, ALPHA); 0: off, 0.2 is usual"),
    TRAIN(cutmix, F32, "cutmix", .initial = "0", .least = 0, .most = 10, .metavar = "ALPHA",
          .help = "take a box of each picture from another, and labels by its area, drawn from "
                  "beta(ALPHA, ALPHA); 0: off, 1 is usual"),
    TRAIN(seed, I64, "seed", .initial = "0", .least = 0, .most = 4294967295.0, .metavar = "N",
          .help = "of every random choice: the same seed gives the same weights"),
    TRAIN(tune, ENUM, "tune", .initial = "auto", .words = "auto|off|full",
          .help = "measure kernels at first use and keep the fastest: auto: for at most 20 s, on "
                  "GPUs; full: all of them"),
    TRAIN(tuning, STRING, "tuning", .metavar = "FILE|off",
          .help = "tuning records to go by, as the tuning.tune of an earlier run; left out: those "
                  "in ~/.cache/hone"),
    TRAIN(tensorboard, BOOL, "tensorboard",
          .help = "write an event file for TensorBoard, a record an epoch"),
    TRAIN(validate, BOOL, "validate", .help = "run with the Vulkan validation layers"),
};

const hone_option_table hone_train_options =
    HONE_OPTION_TABLE("Training", train_rows, struct hone_train_params);

hone_status hone_train_parse_freeze(const char *text, int32_t *layers) {
    static const struct {
        const char *word;
        int32_t layers;
    } words[] = {{"auto", HONE_FREEZE_AUTO}, {"none", 0}, {"all", HONE_FREEZE_ALL}};
    int64_t number;
    *layers = HONE_FREEZE_AUTO;
    if (!text) return HONE_OK;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        *layers = words[i].layers;
        if (hone_text_equal_nocase(text, words[i].word)) return HONE_OK;
    }
    if (hone_parse_i64(text, 0, 1000000, &number) != HONE_OK)
        return hone_fail(HONE_INVALID,
                         "--freeze: '%s' is not auto, all, none or a number of layers", text);
    *layers = (int32_t)number;
    return HONE_OK;
}

// "1h30m", "10m", "90s", "2.5h", or seconds alone.
hone_status hone_train_parse_budget(const char *text, double *seconds) {
    static const struct {
        char unit;
        double seconds;
    } units[] = {{'h', 3600}, {'m', 60}, {'s', 1}};
    const char *at = text;
    *seconds = 0;
    for (size_t k = 0; k < sizeof units / sizeof *units && *at; k++) {
        size_t digits = strspn(at, "0123456789.");
        bool last = !at[digits] && k + 1 == sizeof units / sizeof *units; // a number alone
        if (!digits || digits > 12 || (!last && at[digits] != units[k].unit)) continue;
        char number[16];
        double value;
        snprintf(number, sizeof number, "%.*s", (int)digits, at);
        if (hone_parse_f64(number, 0, 1e7, &value) != HONE_OK) break;
        *seconds += value * units[k].seconds;
        at += digits + (at[digits] ? 1 : 0);
    }
    if (*at || !(*seconds > 0))
        return hone_fail(HONE_INVALID, "--budget: '%s' is no time such as 90s, 10m or 1h30m", text);
    return HONE_OK;
}

hone_status hone_train_check_params(const struct hone_train_params *params) {
    int32_t layers;
    double seconds;
    if (params->budget) HONE_TRY(hone_train_parse_budget(params->budget, &seconds));
    if (!params->backbone)
        return hone_fail(HONE_INVALID, "no backbone is given: name a pretrained file with "
                                       "--backbone FILE");
    return hone_train_parse_freeze(params->freeze, &layers);
}
