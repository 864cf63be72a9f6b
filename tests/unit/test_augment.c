// test_augment: presets and what overrides them, the graph that they make, and the draws: their
// ranges, which kinds happen, and that seeds decide.
#include "support/support.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "ir/graph.h"
#include "train/augment.h"

static struct hone_train_params given(const char *preset) {
    struct hone_train_params params;
    assert_ok(hone_options_init(&hone_train_options, &params));
    assert_ok(hone_options_set(&hone_train_options, &params, "augment", preset));
    return params;
}

static void test_presets(void **state) {
    (void)state;
    struct hone_train_params p = given("flips");
    hone_train_augment_resolve(&p);
    assert_true(p.flips == HONE_FLIPS_BOTH && p.rotate == 0 && p.noise == 0);
    p = given("none");
    hone_train_augment_resolve(&p);
    struct hone_train_augment plan;
    hone_train_augment_plan(&p, &plan);
    assert_true(p.flips == HONE_FLIPS_NONE && !plan.any);
    // Nothing of "surface" may hide a defect.
    p = given("surface");
    hone_train_augment_resolve(&p);
    assert_true(p.flips == HONE_FLIPS_BOTH && p.rotate > 0 && p.brightness > 0 && p.blur > 0);
    assert_true(p.crop == 0 && p.erase == 0 && p.perspective == 0 && p.hue == 0);
    // What is given wins, 0 too.
    p = given("object");
    p.rotate = 3;
    p.erase = 0;
    p.flips = HONE_FLIPS_Y;
    hone_train_augment_resolve(&p);
    assert_true(p.rotate == 3 && p.erase == 0 && p.flips == HONE_FLIPS_Y && p.perspective > 0);
    hone_train_augment_plan(&p, &plan);
    assert_true(plan.any && !plan.draw.flip_x && plan.draw.flip_y);
    assert_true(fabs(plan.draw.rotate - 0.05236) < 1e-5);
}

// Names of the operators of the graph, in order.
static void expect_ops(const struct hone_train_params *params, const char *want) {
    struct hone_train_augment plan;
    struct hone_graph *graph;
    struct hone_preprocess preprocess = {.height = 16, .width = 24};
    char text[300] = "";
    assert_ok(hone_preprocess_parse("imagenet", &preprocess));
    hone_train_augment_plan(params, &plan);
    assert_ok(hone_graph_create(&graph));
    hone_value images = hone_graph_input(graph, "images", hone_desc_make(HONE_U8, 4, 5, 16, 24, 3));
    hone_value clock, mix;
    hone_value pixels = hone_train_emit_augment(graph, &plan, &preprocess, images, &clock, &mix);
    assert_ok(hone_graph_status(graph));
    assert_true((hone_graph_find(graph, "clock") != HONE_NO_VALUE) == plan.any);
    assert_true((hone_graph_find(graph, "mix") != HONE_NO_VALUE) == plan.mix);
    assert_true(hone_graph_desc(graph, pixels)->dim[0] == 5);
    for (size_t i = 0; i < graph->node_count; i++) {
        strcat(text, graph->nodes[i].op->name);
        strcat(text, " ");
    }
    assert_string_equal(text, want);
    hone_graph_destroy(&graph);
}

static void test_graphs(void **state) {
    (void)state;
    struct hone_train_params p = given("none");
    hone_train_augment_resolve(&p);
    expect_ops(&p, "image_normalize ");
    p.rotate = 5;
    expect_ops(&p, "augment_draw image_warp ");
    p.noise = 0.1f;
    expect_ops(&p, "augment_draw image_warp image_style ");
    p.blur = 1;
    p.blocks = 0.1f;
    expect_ops(&p, "augment_draw image_warp image_blur image_blur image_blocks image_style ");
    p = given("none");
    p.cutmix = 1;
    hone_train_augment_resolve(&p);
    expect_ops(&p, "image_normalize image_mix ");
}

// Shares of beta(a, a): mean 1/2, variance 1 / (4 (2 a + 1)).
static void test_mixup(void **state) {
    (void)state;
    static const float alphas[] = {0.2f, 1, 3};
    float mix[HONE_MIX_NUMBERS], again[HONE_MIX_NUMBERS];
    for (int k = 0; k < 3; k++) {
        struct hone_train_params p = {.mixup = alphas[k], .seed = 9};
        double sum = 0, squares = 0;
        for (int64_t step = 0; step < 4000; step++) {
            hone_train_draw_mix(&p, step, 20, 30, mix);
            assert_true(mix[0] >= 0 && mix[0] <= 1 && mix[HONE_MIX_SHARE] == mix[0]);
            assert_true(mix[3] <= mix[1] && mix[4] <= mix[2]); // no box
            sum += mix[0] / 4000.0;
            squares += (mix[0] - 0.5) * (mix[0] - 0.5) / 4000.0;
        }
        double variance = 1 / (4 * (2 * (double)alphas[k] + 1));
        assert_true(fabs(sum - 0.5) < 0.03 && fabs(squares / variance - 1) < 0.1);
        hone_train_draw_mix(&p, 3999, 20, 30, again);
        assert_memory_equal(mix, again, sizeof mix);
        p.seed = 10;
        hone_train_draw_mix(&p, 3999, 20, 30, again);
        assert_true(mix[0] != again[0]);
    }
}

static void test_cutmix(void **state) {
    (void)state;
    struct hone_train_params p = {.cutmix = 1, .seed = 9};
    float mix[HONE_MIX_NUMBERS];
    int boxes = 0, blends = 0;
    for (int64_t step = 0; step < 1000; step++) {
        hone_train_draw_mix(&p, step, 20, 30, mix);
        assert_true(mix[0] == 1 && mix[1] >= 0 && mix[2] >= 0 && mix[3] <= 20 && mix[4] <= 30);
        double area = (mix[3] - mix[1]) * (mix[4] - mix[2]);
        assert_true(mix[3] >= mix[1] && mix[4] >= mix[2] && mix[1] == floor(mix[1]));
        assert_true(fabs(mix[HONE_MIX_SHARE] - (1 - area / 600)) < 1e-6);
        boxes += area > 0;
    }
    assert_true(boxes > 900);
    p.mixup = 0.5f; // both: in turns
    for (int64_t step = 0; step < 1000; step++) {
        hone_train_draw_mix(&p, step, 20, 30, mix);
        blends += mix[0] < 1;
    }
    assert_in_range(blends, 420, 580);
}

enum { PICTURES = 2000 };

static double *draw(const struct hone_augment_attrs *attrs, double seed, double step) {
    double clock[2] = {seed, step};
    double *in[] = {clock}, *plan = hone_calloc(PICTURES * HONE_AUGMENT_PLAN, sizeof *plan, "plan");
    double *out[] = {plan};
    struct hone_desc in_desc = hone_desc_make(HONE_I32, 1, 2, 0, 0, 0);
    struct hone_desc out_desc = hone_desc_make(HONE_F32, 2, PICTURES, HONE_AUGMENT_PLAN, 0, 0);
    struct hone_ref_args args = {
        .attrs = attrs, .in_desc = &in_desc, .in = (void *)in, .out_desc = &out_desc, .out = out};
    hone_op_augment_draw.ref(&args);
    return plan;
}

// Which kinds a row of the plan shows.
static int kinds_of(const double *m) {
    double zoom = hypot(m[0], m[3]);
    bool turned = fabs(m[1]) > 1e-9, tilted = m[6] != 0 || m[7] != 0;
    return turned + (fabs(zoom - 1) > 1e-9) + tilted + (m[8] != 0) + (m[9] != 1) + (m[13] > 0) +
           (m[14] > 0) + (m[19] > m[17]);
}

static void test_draws(void **state) {
    (void)state;
    struct hone_augment_attrs attrs = {.batch = PICTURES,
                                       .flip_x = 1,
                                       .rotate = 0.3f,
                                       .scale_lo = 0.8f,
                                       .scale_hi = 1.25f,
                                       .perspective = 0.2f,
                                       .brightness = 0.1f,
                                       .contrast = 0.4f,
                                       .blur = 1,
                                       .noise = 0.05f,
                                       .erase = 0.5f};
    double *plan = draw(&attrs, 3, 7), *again = draw(&attrs, 3, 7), *later = draw(&attrs, 3, 8);
    assert_memory_equal(plan, again, PICTURES * HONE_AUGMENT_PLAN * sizeof *plan);
    assert_true(memcmp(plan, later, PICTURES * HONE_AUGMENT_PLAN * sizeof *plan) != 0);
    int mirrored = 0, erased = 0;
    double low = 1, high = -1, mean = 0;
    for (int n = 0; n < PICTURES; n++) {
        const double *m = plan + n * HONE_AUGMENT_PLAN;
        mirrored += m[0] < 0;
        erased += m[19] > m[17];
        low = fmin(low, m[8]);
        high = fmax(high, m[8]);
        mean += m[8] / PICTURES;
        assert_true(m[9] >= 0.6 - 1e-6 && m[9] <= 1.4 + 1e-6);
        assert_true(m[13] >= 0 && m[13] <= 1 && m[14] >= 0 && m[14] <= 0.0501);
        assert_true(m[17] >= 0 && m[19] <= 256 && m[19] - m[17] <= 128 && m[20] - m[18] <= 128);
    }
    // Four deviations of a half of 2,000 are 90; uniform draws fill their range.
    assert_true(abs(mirrored - PICTURES / 2) < 90 && abs(erased - PICTURES / 2) < 90);
    assert_true(low < -0.099 && low >= -0.1001 && high > 0.099 && high <= 0.1001);
    assert_true(fabs(mean) < 0.006);
    hone_free(plan);
    hone_free(again);
    hone_free(later);
    // One kind or none; at most two.
    attrs.policy = HONE_AUGMENT_TRIVIAL;
    plan = draw(&attrs, 3, 7);
    attrs.policy = HONE_AUGMENT_TWO;
    again = draw(&attrs, 3, 7);
    int none = 0, two = 0;
    for (int n = 0; n < PICTURES; n++) {
        int one = kinds_of(plan + n * HONE_AUGMENT_PLAN);
        int pair = kinds_of(again + n * HONE_AUGMENT_PLAN);
        assert_true(one <= 1 && pair >= 1 && pair <= 2);
        none += one == 0;
        two += pair == 2;
    }
    assert_true(abs(none - PICTURES / 9) < 60);    // eight kinds and nothing
    assert_true(abs(two - PICTURES * 7 / 8) < 60); // not twice the same
    hone_free(plan);
    hone_free(again);
}

static void test_refusals(void **state) {
    (void)state;
    static const struct hone_augment_attrs wrong[] = {
        {.batch = 2, .scale_lo = 1, .scale_hi = 1, .blur = 2},
        {.batch = 2, .scale_lo = 1, .scale_hi = 1, .policy = 3},
        {.batch = 2, .scale_lo = 1, .scale_hi = 1, .erase = -0.1f},
        {.batch = 2, .scale_lo = 1, .scale_hi = 0.5f},
    };
    static const char *const said[] = {"blur is 2", "policy 3", "erase is -0.1", "zoom 1 to 0.5"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        struct hone_graph *graph;
        assert_ok(hone_graph_create(&graph));
        hone_value clock =
            hone_graph_input(graph, "clock", hone_desc_make(HONE_I32, 1, 2, 0, 0, 0));
        HONE_EMIT(graph, &hone_op_augment_draw, NULL, &wrong[i], clock);
        test_expect_failure(hone_graph_status(graph), HONE_INVALID, said[i]);
        hone_graph_destroy(&graph);
    }
    struct hone_train_params p;
    assert_ok(hone_options_init(&hone_train_options, &p));
    test_expect_failure(hone_options_set(&hone_train_options, &p, "blur", "2"), HONE_INVALID,
                        "--blur: 2 is out of range -1..1.5");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_presets), cmocka_unit_test(test_graphs),
        cmocka_unit_test(test_mixup),   cmocka_unit_test(test_cutmix),
        cmocka_unit_test(test_draws),   cmocka_unit_test(test_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
