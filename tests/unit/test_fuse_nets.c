// test_fuse_nets.c: what fusion finds in whole nets, as trained and as folded for answers: how many
// nodes of an operator are there before and after.
#include "support/support.h"

#include "infer/graph.h"
#include "ir/passes.h"
#include "model/zoo/zoo.h"
#include "support/step.h"

static struct hone_graph *answer_graph(const char *net) {
    struct hone_model *model, *folded;
    struct hone_graph *graph;
    assert_ok(hone_zoo_model(net, 64, 1, &model));
    assert_ok(hone_model_fold_norms(model, &folded));
    assert_ok(hone_infer_graph(folded, 1, NULL, &graph));
    hone_model_destroy(&folded);
    hone_model_destroy(&model);
    return graph;
}

static int count(const struct hone_graph *graph, unsigned passes, const struct hone_op *op) {
    struct hone_graph *out;
    int found = 0;
    assert_ok(hone_graph_run_passes(graph, passes, &out));
    assert_ok(hone_graph_verify(out));
    for (size_t n = 0; n < out->node_count; n++) found += out->nodes[n].op == op;
    hone_graph_destroy(&out);
    return found;
}

struct expected {
    const char *net;
    const struct hone_op *op;
    const char *off; // the pass whose work it is
    int before, after;
};

static void check(const struct expected *e, struct hone_graph *(*make)(const char *net)) {
    struct hone_graph *graph = make(e->net);
    unsigned off = hone_pass_find(e->off);
    assert_int_not_equal(off, 0);
    int before = count(graph, HONE_PASS_ALL & ~off, e->op),
        after = count(graph, HONE_PASS_ALL, e->op);
    if (before != e->before || after != e->after)
        fail_msg("%s, %s: %d nodes %s become %d; expected %d and %d", e->net, e->off, before,
                 e->op->name, after, e->before, e->after);
    hone_graph_destroy(&graph);
}

// All residuals and activations of folded nets lie in convolutions.
static void test_answers(void **state) {
    (void)state;
    static const struct expected all[] = {
        {"resnet18", &hone_op_add, "conv_residual", 8, 0},
        {"resnet18", &hone_op_act, "conv_epilogue", 17, 0},
        {"resnet50", &hone_op_add, "conv_residual", 16, 0},
        {"mobilenet_v2", &hone_op_add, "conv_residual", 10, 0},
        {"mobilenet_v2", &hone_op_act, "conv_epilogue", 35, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(&all[i], answer_graph);
}

static void test_training(void **state) {
    (void)state;
    static const struct expected all[] = {
        {"resnet18", &hone_op_add, "norm_act", 8, 0},
        {"resnet18", &hone_op_add, "grad_sum", 8, 0},
        {"resnet18", &hone_op_act_bwd, "norm_bwd", 17, 0},
        {"resnet18", &hone_op_batch_norm_train, "conv_stats", 20, 0},
        {"mobilenet_v2", &hone_op_add, "grad_sum", 10, 0},
        {"mobilenet_v2", &hone_op_batch_norm_train, "conv_stats", 52, 0},
        {"mobilenet_v2", &hone_op_act_bwd, "norm_bwd", 35, 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) check(&all[i], step_graph);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_training),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
