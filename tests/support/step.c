// step.c: see step.h.
#include "support/step.h"

#include "model/zoo/zoo.h"
#include "support/support.h"
#include "train/graph.h"

struct hone_graph *step_graph(const char *net) {
    struct hone_model *model;
    struct hone_train_layout layout;
    struct hone_graph *graph;
    assert_ok(hone_zoo_model(net, 64, 1, &model));
    assert_ok(
        hone_train_layout_create(model, &(struct hone_train_layout_params){.head_lr = 1}, &layout));
    const struct hone_train_graph_params params = {.model = model, .layout = &layout, .batch = 2};
    assert_ok(hone_train_graph(&params, &graph));
    hone_train_layout_deinit(&layout);
    hone_model_destroy(&model);
    return graph;
}
