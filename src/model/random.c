// random.c: a net without what it has learned: training from scratch.
#include "model/model.h"

#include <math.h>

#include "base/rng.h"

// Filters and matrices: deviation sqrt(2 / fan out) (He et al. 2015), uniform.
static void draw_weight(const struct hone_desc *desc, float *data, uint64_t seed, uint64_t stream) {
    int64_t count = hone_desc_elements(desc),
            taps = desc->rank == 4 ? desc->dim[1] * desc->dim[2] : 1;
    float bound = sqrtf(6 / (float)(desc->dim[0] * taps));
    for (int64_t i = 0; i < count; i++)
        data[i] = bound * (2 * hone_rng_f32(seed, stream, (uint64_t)i) - 1);
}

void hone_model_randomize(struct hone_model *model, uint64_t seed) {
    for (size_t k = 0; k < model->param_count; k++) {
        struct hone_param *param = &model->params[k];
        const struct hone_desc *desc = hone_graph_desc(model->graph, param->value);
        int64_t count = hone_desc_elements(desc);
        float level = param->kind == HONE_PARAM_NORM_SCALE || param->kind == HONE_PARAM_NORM_VAR;
        bool learned = level > 0 || param->kind == HONE_PARAM_BIAS ||
                       param->kind == HONE_PARAM_NORM_SHIFT || param->kind == HONE_PARAM_NORM_MEAN;
        if (param->kind == HONE_PARAM_WEIGHT) draw_weight(desc, param->data, seed, 1000 + k);
        for (int64_t i = 0; learned && i < count; i++) param->data[i] = level;
    }
}
