// precision.c: in which numbers the step computes, and what became of the scale of the loss.
#include "train/internal.h"

static bool has_matrices(const struct hone_caps *caps, enum hone_matrix_type type) {
    for (uint32_t i = 0; i < caps->matrix_count; i++)
        if (caps->matrices[i].type == type) return true;
    return false;
}

void hone_trainer_decide_precision(struct hone_trainer *t) {
    static const char *const names[] = {"auto", "f32", "f16", "bf16"};
    const struct hone_caps *caps = hone_device_caps(t->device);
    const char *why = "as asked";
    int *precision = &t->params.precision;
    if (t->recipe == HONE_RECIPE_HEAD) {
        *precision = HONE_PRECISION_F32; // no step of the net
        return;
    }
    if (*precision == HONE_PRECISION_AUTO) {
        *precision = HONE_PRECISION_F32;
        if (caps->kind == HONE_DEVICE_CPU) {
            why = "16 bits are no faster on a CPU driver";
        } else if (has_matrices(caps, HONE_MATRIX_BF16)) {
            *precision = HONE_PRECISION_BF16;
            why = "the device has matrix units for it, and it needs no scaled loss";
        } else if (has_matrices(caps, HONE_MATRIX_F16)) {
            *precision = HONE_PRECISION_F16;
            why = "the device has matrix units for it";
        } else {
            why = "the device has no matrix units for 16 bits";
        }
    }
    hone_trainer_note(t, "precision: %s (%s)", names[*precision], why);
}

enum hone_dtype hone_trainer_compute(const struct hone_trainer *t) {
    return t->params.precision == HONE_PRECISION_F16    ? HONE_F16
           : t->params.precision == HONE_PRECISION_BF16 ? HONE_BF16
                                                        : HONE_F32;
}

hone_status hone_trainer_take_scale(struct hone_trainer *t) {
    float scaler[8];
    if (!hone_store_has(t->store, "scaler")) return HONE_OK;
    HONE_TRY(hone_store_read(t->store, "scaler", scaler, sizeof scaler));
    t->left_out = scaler[4];
    return HONE_OK;
}

hone_status hone_trainer_check_scale(struct hone_trainer *t, size_t steps) {
    float scaler[8];
    if (!hone_store_has(t->store, "scaler")) return HONE_OK;
    HONE_TRY(hone_store_read(t->store, "scaler", scaler, sizeof scaler));
    float left_out = scaler[4] - t->left_out;
    t->left_out = scaler[4];
    if (!(left_out > 0)) return HONE_OK;
    if (left_out >= (float)steps)
        return hone_fail(HONE_INVALID,
                         "no step of the epoch had gradients that are finite numbers in f16: use "
                         "--precision f32 or bf16, or lower --lr");
    hone_trainer_note(t, "f16: %g steps were left out, the loss is scaled by %g", left_out,
                      scaler[0]);
    return HONE_OK;
}
