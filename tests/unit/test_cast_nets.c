// test_cast_nets.c: how many casts mixed precision leaves in the training steps of whole nets: one
// for each weight that a convolution or a product reads, and few others.
#include "support/support.h"

#include "ir/pass_cast.h"
#include "model/zoo/zoo.h"
#include "ops/ops.h"
#include "support/step.h"

// Casts of parameters, which lie in a slab, and of anything else.
static void count_casts(const struct hone_graph *g, int *parameters, int *others) {
    *parameters = *others = 0;
    for (size_t n = 0; n < g->node_count; n++) {
        if (g->nodes[n].op != &hone_op_cast) continue;
        const struct hone_node *from = hone_graph_producer(g, g->nodes[n].inputs[0]);
        ++*(from && from->op == &hone_op_view ? parameters : others);
    }
}

static void test_casts(void **state) {
    (void)state;
    static const struct {
        const char *net;
        int parameters, others;
    } nets[] = {
        // Others: the pictures, and the loss's gradient on its way into the classifier.
        {"resnet18", 21, 2},
        {"mobilenet_v2", 53, 2},
        // 16 gradients of gates, sums in f32; 16 around four gates of six channels, which do not
        // go in fours.
        {"efficientnet_b0", 82, 34},
        // The classifier is a convolution: its sums to f32, and their gradient back.
        {"squeezenet1_1", 26, 3},
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        struct hone_graph *g = step_graph(nets[i].net), *out;
        int parameters, others;
        assert_ok(hone_graph_cast(g, HONE_BF16, &hone_op_cast, &out));
        count_casts(out, &parameters, &others);
        if (parameters != nets[i].parameters || others != nets[i].others)
            fail_msg("%s: %d casts of parameters and %d others; expected %d and %d", nets[i].net,
                     parameters, others, nets[i].parameters, nets[i].others);
        hone_graph_destroy(&out);
        hone_graph_destroy(&g);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_casts)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
