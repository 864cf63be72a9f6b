// job.c: the graph of a step, from the pieces that the trainer and the session use, with pictures
// that are already on the device.
#include "bench/net.h"

#include <string.h>

#include "base/rng.h"
#include "infer/graph.h"
#include "model/zoo/zoo.h"
#include "train/schedule.h"

static const float BETA1 = 0.9f, BETA2 = 0.999f, EPSILON = 1e-8f, MOMENTUM = 0.9f;
static const double RATE = 1e-4;

static hone_status load_model(const struct hone_bench_params *p, int32_t size,
                              struct hone_model **out) {
    bool file = strchr(p->net, '.') || strchr(p->net, '/'); // no net is named so
    if (!file) return hone_zoo_model(p->net, size, 1, out);
    HONE_TRY(hone_model_load(p->net, &(hone_model_load_params){.size = size}, out));
    if ((*out)->head.kind != HONE_HEAD_NONE) return HONE_OK;
    return hone_model_replace_head(*out, 1000, NULL, 1);
}

// Inputs that hold the same in each step stay on the device.
static void make_resident(struct hone_graph *graph, const char *input) {
    graph->values[hone_graph_find(graph, input)].kind = HONE_VALUE_STATE;
}

static hone_status build_train(const struct hone_bench_params *p, struct hone_bench_job *job) {
    // A classifier that is a convolution is trained as the linear layer that it is.
    if (job->model->head.kind == HONE_HEAD_CONV)
        HONE_TRY(hone_model_replace_head(job->model, job->model->head.classes, NULL, 1));
    HONE_TRY(hone_train_layout_create(
        job->model, &(struct hone_train_layout_params){.head_lr = 1, .weight_decay = 0.01f},
        &job->layout));
    struct hone_train_graph_params build = {.model = job->model,
                                            .layout = &job->layout,
                                            .batch = job->batch,
                                            .optimizer = p->optimizer,
                                            .momentum = MOMENTUM,
                                            .beta1 = BETA1,
                                            .beta2 = BETA2,
                                            .epsilon = EPSILON};
    return hone_train_graph(&build, &job->graph);
}

static hone_status build_infer(struct hone_bench_job *job) {
    struct hone_model *folded;
    HONE_TRY(hone_model_fold_norms(job->model, &folded));
    hone_model_destroy(&job->model);
    job->model = folded;
    return hone_infer_graph(job->model, job->batch, NULL, &job->graph);
}

hone_status hone_bench_job_init(const struct hone_bench_params *params, int32_t batch, int32_t size,
                                struct hone_bench_job *job) {
    *job = (struct hone_bench_job){.batch = batch, .train = params->mode == HONE_BENCH_TRAIN};
    hone_status status = load_model(params, size, &job->model);
    if (status == HONE_OK) status = job->train ? build_train(params, job) : build_infer(job);
    if (status == HONE_OK) make_resident(job->graph, "images");
    if (status != HONE_OK) hone_bench_job_deinit(job);
    return status;
}

void hone_bench_job_deinit(struct hone_bench_job *job) {
    hone_graph_destroy(&job->graph);
    hone_train_layout_deinit(&job->layout);
    hone_model_destroy(&job->model);
}

static hone_status fill_pictures(const struct hone_bench_job *job, struct hone_store *store) {
    const struct hone_desc *desc =
        hone_graph_desc(job->graph, hone_graph_find(job->graph, "images"));
    size_t bytes = (size_t)hone_desc_elements(desc);
    uint8_t *pixels = hone_calloc(bytes, 1, "pictures");
    if (!pixels) return HONE_OUT_OF_MEMORY;
    for (size_t i = 0; i < bytes; i += 16) {
        uint32_t words[4];
        hone_rng_block(1, 1, i / 16, words);
        memcpy(pixels + i, words, bytes - i < 16 ? bytes - i : 16);
    }
    hone_status status = hone_store_write(store, "images", pixels, bytes);
    hone_free(pixels);
    return status;
}

// Weights that are trained, those that are not, and the optimiser's table.
static hone_status fill_weights(const struct hone_bench_job *job, struct hone_store *store) {
    size_t length = (size_t)job->layout.length, segments = length / HONE_PACK_ALIGN * 2;
    float *slab = hone_calloc(length + segments, sizeof *slab, "weights");
    if (!slab) return HONE_OUT_OF_MEMORY;
    hone_train_layout_gather(&job->layout, job->model, slab);
    hone_train_layout_segments(&job->layout, slab + length);
    hone_status status = hone_store_write(store, "params", slab, length * sizeof *slab);
    if (status == HONE_OK)
        status = hone_store_write(store, "segments", slab + length, segments * sizeof *slab);
    hone_free(slab);
    for (size_t i = 0; i < job->model->param_count && status == HONE_OK; i++) {
        char name[HONE_TRAIN_NAME];
        const struct hone_param *param = &job->model->params[i];
        const struct hone_desc *desc = hone_graph_desc(job->model->graph, param->value);
        if (job->layout.slot_of_param[i] >= 0) continue;
        hone_train_state_name(param, name);
        if (!hone_store_has(store, name)) continue;
        status = hone_store_write(store, name, param->data, hone_desc_bytes(desc));
    }
    return status == HONE_OK ? hone_train_write_folded(&job->layout, job->model, store) : status;
}

static hone_status fill_labels(const struct hone_bench_job *job, struct hone_store *store,
                               struct hone_program *program) {
    int32_t classes = job->model->head.classes;
    size_t count = (size_t)(job->batch > classes ? job->batch : classes);
    union {
        int32_t i;
        float f;
    } *values = hone_calloc(count, sizeof *values, "labels");
    if (!values) return HONE_OUT_OF_MEMORY;
    for (int32_t i = 0; i < job->batch; i++) values[i].i = i % (classes < 5 ? classes : 5);
    hone_status status =
        hone_program_write(program, "labels", values, (size_t)job->batch * sizeof *values);
    for (int32_t c = 0; c < classes; c++) values[c].f = 1;
    if (status == HONE_OK)
        status = hone_store_write(store, "class_weights", values, (size_t)classes * sizeof *values);
    hone_free(values);
    return status;
}

hone_status hone_bench_job_fill(struct hone_bench_job *job, struct hone_store *store,
                                struct hone_program *program) {
    HONE_TRY(fill_pictures(job, store));
    if (!job->train) return hone_infer_load(job->model, store);
    HONE_TRY(fill_weights(job, store));
    return fill_labels(job, store, program);
}

hone_status hone_bench_job_step(struct hone_bench_job *job, struct hone_program *program) {
    if (job->train) {
        float hyper[4];
        hone_train_hyper(RATE, BETA1, BETA2, 0, job->steps, hyper);
        HONE_TRY(hone_program_write(program, "hyper", hyper, sizeof hyper));
    }
    job->steps++;
    return hone_program_run(program);
}
