// decide.c: what the options of a run leave open, each choice told with its reason: the recipe,
// what the classifier reads, the mirrored copies that are answered from, which layers train and
// with what norms and rates, the epochs, the weights of the classes.
#include "train/internal.h"

#include <stdio.h>

#include "base/alloc.h"
#include "exec/device.h"
#include "train/schedule.h"

enum { NORMS_FROZEN_BELOW = 32 };         // pictures a batch
static const int64_t SMALL_NET = 1000000; // parameters
enum { EPOCHS_MOST = 10 };
// SGD steps by the gradient itself, which is small; AdamW by its sign, nearly.
static const float SGD_RATE = 10;

static int64_t parameters(const struct hone_model *model) {
    int64_t sum = 0;
    for (size_t i = 0; i < model->param_count; i++)
        sum += hone_desc_elements(hone_graph_desc(model->graph, model->params[i].value));
    return sum;
}

void hone_trainer_choose_recipe(struct hone_trainer *t) {
    static const char *const recipes[] = {
        [HONE_RECIPE_FINE_TUNE] = "the classifier first, then deeper layers from there",
        [HONE_RECIPE_HEAD] = "the classifier alone",
        [HONE_RECIPE_FULL] = "all layers at once, with a fresh classifier",
        [HONE_RECIPE_SCRATCH] = "all layers, from random weights"};
    const char *why = "as asked";
    t->recipe = t->freeze == HONE_FREEZE_ALL ? HONE_RECIPE_HEAD : t->params.recipe;
    if (t->freeze == HONE_FREEZE_ALL) t->freeze = 0;
    t->small = parameters(t->model) < SMALL_NET;
    if (t->recipe == HONE_RECIPE_AUTO) {
        t->recipe = t->small ? HONE_RECIPE_FULL : HONE_RECIPE_FINE_TUNE;
        why = t->small ? "a small net: its features say little, and its steps are cheap"
                       : "a random classifier would send noise through the net";
    }
    hone_trainer_note(t, "recipe: %s (%s)", recipes[t->recipe], why);
}

static void choose_rate(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    bool fresh = t->recipe == HONE_RECIPE_SCRATCH, full = t->recipe == HONE_RECIPE_FULL;
    bool high = fresh || (full && t->small), chosen = p->lr == HONE_LR_AUTO;
    bool sgd = p->optimizer == HONE_OPTIMIZER_SGD;
    if (chosen) p->lr = (high ? 1e-3f : 1e-4f) * (sgd ? SGD_RATE : 1);
    if (p->head_lr == 0)
        p->head_lr = t->recipe == HONE_RECIPE_FINE_TUNE ? 1 : chosen && high ? 3 : 10;
    if (chosen && t->recipe != HONE_RECIPE_HEAD)
        hone_trainer_note(t, "learning rate: %g, of the classifier %g (%s%s)", (double)p->lr,
                          (double)(p->lr * p->head_lr),
                          fresh  ? "from random weights"
                          : high ? "a small net takes large steps"
                                 : "pretrained weights move little",
                          sgd ? "; ten times that of AdamW" : "");
    if (t->recipe != HONE_RECIPE_HEAD)
        hone_trainer_note(t, "optimiser: %s",
                          sgd ? "SGD with momentum (as asked)"
                              : "AdamW (runs are short; SGD needs more steps)");
}

static void choose_smoothing(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    bool solved = t->recipe == HONE_RECIPE_FINE_TUNE;
    if (p->label_smoothing != HONE_SMOOTHING_AUTO) return;
    p->label_smoothing = solved ? 0 : 0.05f;
    if (t->recipe != HONE_RECIPE_HEAD)
        hone_trainer_note(t, "label smoothing: %g (%s)", (double)p->label_smoothing,
                          solved ? "it would undo what the classifier has learnt alone"
                                 : "keeps a fresh classifier from being too sure");
}

// What the classifier will read.
hone_status hone_trainer_gather_features(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    bool solved = t->recipe == HONE_RECIPE_FINE_TUNE || t->recipe == HONE_RECIPE_HEAD;
    bool asked = p->features == HONE_FEATURES_STAGES;
    int stages = 0;
    t->last_stage = hone_model_last_stage(t->model);
    if (asked || (p->features == HONE_FEATURES_AUTO && solved))
        HONE_TRY(hone_fail_context(hone_model_gather_stages(t->model, &stages), "%s", p->backbone));
    if (asked && !stages)
        return hone_fail(HONE_INVALID,
                         "--features stages: %s does not end in a pooled map: use --features last",
                         p->backbone);
    if (stages)
        hone_trainer_note(t, "features: mean and maximum of the last %d resolutions (%s)", stages,
                          asked ? "as asked" : "small defects show in maxima and earlier stages");
    p->features = stages ? HONE_FEATURES_STAGES : HONE_FEATURES_LAST;
    return HONE_OK;
}

// What the model will answer from.
hone_status hone_trainer_choose_copies(struct hone_trainer *t) {
    static const int32_t masks[] = {[HONE_FLIPS_BOTH] = HONE_MODEL_FLIP_X | HONE_MODEL_FLIP_Y,
                                    [HONE_FLIPS_X] = HONE_MODEL_FLIP_X,
                                    [HONE_FLIPS_Y] = HONE_MODEL_FLIP_Y,
                                    [HONE_FLIPS_NONE] = 0};
    int32_t flips = t->params.tta == HONE_TTA_FLIPS ? masks[t->params.flips] : 0;
    HONE_TRY(hone_model_set_flips(t->model, flips));
    if (flips)
        hone_trainer_note(t,
                          "answers: from the mean over the %d mirrored copies of a picture, in the "
                          "saved model, too (as many times the work; --tta none: from one)",
                          hone_model_flip_count(flips));
    return HONE_OK;
}

int32_t hone_trainer_judge_batch(const struct hone_trainer *t, int32_t at_once) {
    int32_t pictures = at_once / hone_model_flip_count(t->model->flips);
    return pictures ? pictures : 1;
}

// Which layers keep their weights. args.json says how many, since a run that is taken up again may
// find another kind of device.
static hone_status choose_depth(struct hone_trainer *t) {
    if (t->freeze != HONE_FREEZE_AUTO) return HONE_OK;
    bool cpu = hone_device_caps(t->device)->kind == HONE_DEVICE_CPU;
    char number[16];
    t->freeze = cpu && t->recipe == HONE_RECIPE_FINE_TUNE ? t->last_stage : 0;
    snprintf(number, sizeof number, "%d", (int)t->freeze);
    t->params.freeze = hone_arena_strdup(&t->kept_options, t->freeze ? number : "none");
    if (!t->params.freeze) return HONE_OUT_OF_MEMORY;
    if (t->freeze)
        hone_trainer_note(t,
                          "layers: the first %d keep their weights, those of the last resolution "
                          "train (on a CPU; --freeze none trains all)",
                          (int)t->freeze);
    return HONE_OK;
}

// What the options leave open, each with its reason.
hone_status hone_trainer_decide(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    const char *why = "as asked";
    HONE_TRY(choose_depth(t));
    if (p->norms == HONE_NORMS_AUTO) {
        bool pretrained = t->recipe == HONE_RECIPE_FINE_TUNE;
        bool frozen = pretrained && p->batch < NORMS_FROZEN_BELOW;
        p->norms = frozen ? HONE_NORMS_FROZEN : HONE_NORMS_BATCH;
        why = frozen       ? "the statistics of small batches are noise"
              : pretrained ? "batches are large enough for statistics of their own"
                           : "there are none that fit yet";
    }
    choose_rate(t);
    choose_smoothing(t);
    if (t->recipe != HONE_RECIPE_HEAD)
        hone_trainer_note(
            t, "batch norms: %s (%s)",
            p->norms == HONE_NORMS_FROZEN ? "statistics stay" : "statistics of each batch", why);
    return HONE_OK;
}

hone_status hone_trainer_plan_weights(struct hone_trainer *t) {
    const struct hone_train_params *p = &t->params;
    struct hone_train_layout_params layout = {
        .freeze = t->freeze,
        .freeze_norms = p->norms == HONE_NORMS_FROZEN,
        .first_lr = t->recipe == HONE_RECIPE_SCRATCH ? 1 : p->first_lr,
        .head_lr = p->head_lr,
        .weight_decay = p->weight_decay};
    HONE_TRY(hone_train_layout_create(t->model, &layout, &t->layout));
    t->result->parameters = t->layout.all;
    t->result->trained_parameters = t->recipe == HONE_RECIPE_HEAD
                                        ? (int64_t)t->classes * (t->model->head.features + 1)
                                        : t->layout.trained;
    hone_trainer_note(t, "%s: %d layers and a classifier, %lld parameters, %lld of them trained",
                      p->backbone, (int)t->layout.layers, (long long)t->layout.all,
                      (long long)t->result->trained_parameters);
    return HONE_OK;
}

// What is done about rare classes, and why.
static void tell_imbalance(struct hone_trainer *t, const int64_t *counts, int steps, int head) {
    static const char *const weights[] = {[HONE_CLASS_WEIGHTS_NONE] = "the same",
                                          [HONE_CLASS_WEIGHTS_SQRT] = "1 / sqrt(pictures)",
                                          [HONE_CLASS_WEIGHTS_BALANCED] = "1 / pictures",
                                          [HONE_CLASS_WEIGHTS_EFFECTIVE] =
                                              "1 / effective number of pictures"};
    const struct hone_train_params *p = &t->params;
    int64_t least = 0, most = 0;
    for (int32_t c = 0; c < t->classes; c++) {
        if (counts[c] > most) most = counts[c];
        if (counts[c] && (!least || counts[c] < least)) least = counts[c];
    }
    const char *why = p->class_weights == HONE_CLASS_WEIGHTS_AUTO ? "by the counts" : "as asked";
    double ratio = least ? (double)most / (double)least : 1;
    bool full = t->recipe == HONE_RECIPE_FULL || t->recipe == HONE_RECIPE_SCRATCH;
    if (t->recipe == HONE_RECIPE_HEAD || full || steps == head)
        hone_trainer_note(
            t, "classes: the largest is %.1f times the smallest; weight of each: %s (%s)", ratio,
            weights[full ? steps : head], why);
    else
        hone_trainer_note(t,
                          "classes: the largest is %.1f times the smallest; weight of each: %s for "
                          "the classifier alone, then %s (%s)",
                          ratio, weights[head], weights[steps], why);
    if (p->logit_adjust > 0)
        hone_trainer_note(t,
                          "classes: frequencies taken out of the answers, strength %g (as asked)",
                          (double)p->logit_adjust);
    if (t->recipe == HONE_RECIPE_HEAD) return;
    if (p->sampling == HONE_SAMPLING_BALANCED)
        hone_trainer_note(t, "sampling: each class as often as any (as asked)");
    if (p->loss == HONE_LOSS_FOCAL)
        hone_trainer_note(t, "loss: focal, gamma %g (as asked)", (double)p->focal_gamma);
    if (p->mixup > 0 || p->cutmix > 0)
        hone_trainer_note(t, "pictures: mixed in pairs, labels too (as asked: mixup %g, cutmix %g)",
                          (double)p->mixup, (double)p->cutmix);
}

// Operations for one picture: of each epoch, and once before the first. Forward, and about as many
// for each of the two gradients.
static void count_operations(const struct hone_trainer *t, double *each, double *once) {
    const struct hone_trainer_prefix *prefix = &t->prefix;
    *each = *once = 0;
    for (size_t n = 0; n < t->model->graph->node_count; n++) {
        hone_model_row row;
        if (hone_model_get_row(t->model, n, &row) != HONE_OK) continue;
        bool kept = prefix->cut.count && !prefix->cut.after[n];
        *each += kept ? 0 : 3 * 2 * (double)row.macs;
        *once += kept ? 2 * (double)row.macs * prefix->copies : 0;
    }
}

void hone_trainer_choose_epochs(struct hone_trainer *t) {
    struct hone_train_params *p = &t->params;
    double pictures = (double)t->pictures[HONE_PART_TRAIN].count, each, once;
    if (p->epochs != HONE_EPOCHS_AUTO) return;
    p->epochs = EPOCHS_MOST;
    if (t->recipe != HONE_RECIPE_FINE_TUNE || p->budget ||
        hone_device_caps(t->device)->kind != HONE_DEVICE_CPU)
        return;
    count_operations(t, &each, &once);
    p->epochs = hone_train_cpu_epochs(each * pictures, once * pictures, EPOCHS_MOST);
    if (p->epochs == EPOCHS_MOST) return;
    hone_trainer_note(t, "epochs: %d, since a CPU takes its time (--epochs N, --budget TIME)",
                      (int)p->epochs);
}

// Weights of the classes in the loss: of the steps, and of the classifier alone.
hone_status hone_trainer_weigh_classes(struct hone_trainer *t) {
    const struct hone_pictures *train = &t->pictures[HONE_PART_TRAIN];
    int64_t *counts = hone_calloc((size_t)t->classes, sizeof *counts, "counts");
    t->class_weights = hone_calloc((size_t)t->classes, sizeof *t->class_weights, "class weights");
    t->head_weights = hone_calloc((size_t)t->classes, sizeof *t->head_weights, "class weights");
    t->prior = hone_calloc((size_t)t->classes, sizeof *t->prior, "class weights");
    if (!counts || !t->class_weights || !t->head_weights || !t->prior) {
        hone_free(counts);
        return HONE_OUT_OF_MEMORY;
    }
    for (size_t i = 0; i < train->count; i++) counts[train->labels[i]]++;
    int kind = t->params.class_weights, of_head = kind;
    if (kind == HONE_CLASS_WEIGHTS_AUTO) {
        kind = HONE_CLASS_WEIGHTS_SQRT;
        of_head = HONE_CLASS_WEIGHTS_BALANCED;
    }
    hone_train_class_weights((enum hone_class_weights)kind, counts, t->classes, t->class_weights);
    hone_train_class_weights((enum hone_class_weights)of_head, counts, t->classes, t->head_weights);
    hone_train_prior(counts, t->classes, t->params.logit_adjust, t->prior);
    tell_imbalance(t, counts, kind, of_head);
    const float *shown = t->recipe == HONE_RECIPE_HEAD ? t->head_weights : t->class_weights;
    for (int32_t c = 0; c < t->classes; c++)
        hone_trainer_note(t, "class %s: %lld training pictures, weight %.3g", t->class_names[c],
                          (long long)counts[c], shown[c]);
    hone_free(counts);
    return HONE_OK;
}
