// folded.c: the part of a net that is not trained keeps no batch norms: each becomes part of the
// convolution in front of it when the graphs of a run are emitted. Filters and bias are states of
// their own, which the host computes once; the model keeps the numbers that it came with.
#include "train/graph.h"

#include <stdio.h>

#include "base/alloc.h"
#include "exec/store.h"

// What convolution `conv` reads after folding: 0 the filters, 1 the bias.
static struct hone_desc folded_state(const struct hone_train_layout *layout,
                                     const struct hone_model *model, size_t conv, int which,
                                     char name[HONE_TRAIN_NAME]) {
    static const char *const kinds[] = {"weight", "bias"};
    const struct hone_node *nodes = model->graph->nodes;
    hone_value shift = nodes[layout->folded_norms[conv]].inputs[2];
    snprintf(name, HONE_TRAIN_NAME, "model.%s.folded.%s",
             model->params[hone_model_param_of(model, shift)].name, kinds[which]);
    return *hone_graph_desc(model->graph, which ? shift : nodes[conv].inputs[1]);
}

void hone_train_bind_folded(void *user, struct hone_graph *target, uint32_t conv,
                            hone_value out[2]) {
    const struct hone_train_binding *binding = user;
    for (int i = 0; i < 2; i++) {
        char name[HONE_TRAIN_NAME];
        struct hone_desc desc = folded_state(binding->layout, binding->model, conv, i, name);
        out[i] = hone_graph_state(target, name, desc);
    }
}

static hone_status write_conv(const struct hone_train_layout *layout,
                              const struct hone_model *model, size_t conv,
                              struct hone_store *store) {
    const struct hone_node *nodes = model->graph->nodes;
    char names[2][HONE_TRAIN_NAME];
    size_t count[2];
    for (int i = 0; i < 2; i++) {
        struct hone_desc desc = folded_state(layout, model, conv, i, names[i]);
        count[i] = (size_t)hone_desc_elements(&desc);
    }
    float *data = hone_calloc(count[0] + count[1], sizeof *data, "folded weights");
    if (!data) return HONE_OUT_OF_MEMORY;
    hone_model_fold_conv(model, &nodes[conv], &nodes[layout->folded_norms[conv]], data,
                         data + count[0]);
    hone_status status = HONE_OK;
    for (int i = 0; i < 2 && status == HONE_OK; i++)
        if (hone_store_has(store, names[i]))
            status = hone_store_write(store, names[i], i ? data + count[0] : data,
                                      count[i] * sizeof *data);
    hone_free(data);
    return status;
}

hone_status hone_train_write_folded(const struct hone_train_layout *layout,
                                    const struct hone_model *model, struct hone_store *store) {
    for (size_t n = 0; n < model->graph->node_count; n++)
        if (layout->folded_norms[n] != UINT32_MAX) HONE_TRY(write_conv(layout, model, n, store));
    return HONE_OK;
}
