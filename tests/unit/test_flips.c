// Answers from the mean over mirrored copies: the numbers, the way through a file, and Slices that
// run backwards, of which the file makes the copies.
#include "support/graph_eval.h"
#include "support/onnx.h"
#include "support/support.h"
#include "support/tiny.h"

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "formats/onnx_import.h"
#include "ops/ops.h"

enum { N = 2, SIDE = 16, CLASSES = 3 };
static const char *const names[CLASSES] = {"a", "b", "c"};

// A graph with values for its pictures and its parameters, run. Values of `eval` belong to it.
struct run {
    struct hone_graph *graph;
    struct graph_eval eval;
    hone_value images, output;
};

static void run_model(const struct hone_model *model, const double *pixels, bool one_copy,
                      struct run *run) {
    struct hone_model_emit_params emit = {.one_copy = one_copy};
    assert_ok(hone_graph_create(&run->graph));
    run->images =
        hone_graph_input(run->graph, "images", hone_desc_make(HONE_F32, 4, N, SIDE, SIDE, 3));
    assert_ok(hone_model_emit(model, run->graph, run->images, &emit, &run->output, NULL));
    graph_eval_init(&run->eval, run->graph);
    memcpy(run->eval.values[run->images], pixels, sizeof(double) * N * SIDE * SIDE * 3);
    for (size_t i = 0; i < model->param_count; i++) {
        hone_value value = hone_graph_find(run->graph, model->params[i].name);
        assert_int_not_equal(value, HONE_NO_VALUE);
        int64_t count = hone_desc_elements(hone_graph_desc(run->graph, value));
        for (int64_t k = 0; k < count; k++)
            run->eval.values[value][k] = (double)model->params[i].data[k];
    }
    graph_eval_run(&run->eval);
}

static void run_end(struct run *run) {
    graph_eval_deinit(&run->eval);
    hone_graph_destroy(&run->graph);
}

static void mirror(const double *from, int32_t mask, double *to) {
    for (int n = 0; n < N; n++)
        for (int h = 0; h < SIDE; h++)
            for (int w = 0; w < SIDE; w++) {
                int y = mask & HONE_MODEL_FLIP_Y ? SIDE - 1 - h : h;
                int x = mask & HONE_MODEL_FLIP_X ? SIDE - 1 - w : w;
                memcpy(&to[((n * SIDE + h) * SIDE + w) * 3], &from[((n * SIDE + y) * SIDE + x) * 3],
                       3 * sizeof *to);
            }
}

// A head is linear: its answer to the mean of features is the mean of its answers.
static void test_mean_of_answers(void **state) {
    (void)state;
    static double pixels[N * SIDE * SIDE * 3], turned[N * SIDE * SIDE * 3];
    for (int i = 0; i < N * SIDE * SIDE * 3; i++) pixels[i] = hone_rng_normal(7, 1, (uint64_t)i);
    struct hone_model *model = test_tiny_model(1);
    assert_ok(hone_model_replace_head(model, CLASSES, names, 1));
    for (int32_t flips = 0; flips < 4; flips++) {
        double want[N * CLASSES] = {0}, least = 1;
        int copies = 0;
        struct run run;
        for (int32_t mask = 0; mask < 4; mask++) {
            if (mask & ~flips) continue;
            mirror(pixels, mask, turned);
            run_model(model, turned, true, &run);
            for (int i = 0; i < N * CLASSES; i++) want[i] += run.eval.values[run.output][i];
            run_end(&run);
            copies++;
        }
        assert_int_equal(copies, hone_model_flip_count(flips));
        assert_ok(hone_model_set_flips(model, flips));
        run_model(model, pixels, false, &run);
        for (int i = 0; i < N * CLASSES; i++)
            assert_float_equal(run.eval.values[run.output][i], want[i] / copies, 1e-9);
        run_end(&run);
        // Training sees each picture once, and its answer is another.
        run_model(model, pixels, true, &run);
        for (int i = 0; i < N * CLASSES; i++)
            least = fmin(least, fabs(run.eval.values[run.output][i] - want[i] / copies));
        assert_true(flips ? least > 1e-9 : least < 1e-9);
        run_end(&run);
        assert_ok(hone_model_set_flips(model, 0));
    }
    hone_model_destroy(&model);
}

static void test_through_a_file(void **state) {
    (void)state;
    for (int32_t flips = 1; flips < 4; flips++) {
        struct hone_model *model = test_tiny_model(1), *folded, *expanded;
        assert_ok(hone_model_replace_head(model, CLASSES, names, 1));
        assert_ok(hone_model_set_flips(model, flips));
        test_model_round_trip(model); // the mask, and the graph of one copy
        // What other programs see: the copies are in the graph.
        assert_ok(hone_model_expand_flips(model, &expanded));
        assert_int_equal(expanded->flips, 0);
        int turns = 0;
        for (size_t n = 0; n < expanded->graph->node_count; n++)
            turns += expanded->graph->nodes[n].op == &hone_op_flip;
        assert_int_equal(turns, hone_model_flip_count(flips) - 1);
        hone_model_destroy(&expanded);
        assert_ok(hone_model_fold_norms(model, &folded));
        assert_int_equal(folded->flips, flips);
        hone_model_destroy(&folded);
        hone_model_destroy(&model);
    }
}

static void test_refused(void **state) {
    (void)state;
    struct hone_model *model = test_tiny_model(1); // ends in features
    assert_int_equal(hone_model_set_flips(model, HONE_MODEL_FLIP_X), HONE_UNSUPPORTED);
    assert_non_null(strstr(hone_error_message(), "linear"));
    assert_ok(hone_model_replace_head(model, CLASSES, names, 1));
    assert_int_equal(hone_model_set_flips(model, 4), HONE_INVALID);
    assert_int_equal(model->flips, 0);
    hone_model_destroy(&model);
}

// Which columns of a picture 8 wide a Slice along the last axis gives.
static void test_slices_backwards(void **state) {
    (void)state;
    static const struct {
        const char *start, *end, *step;
        int count, column[8];
    } rows[] = {
        {"-1", "-9223372036854775808", "-1", 8, {7, 6, 5, 4, 3, 2, 1, 0}},
        {"100", "-100", "-1", 8, {7, 6, 5, 4, 3, 2, 1, 0}},
        {"5", "1", "-1", 4, {5, 4, 3, 2}},
        {"6", "0", "-2", 3, {6, 4, 2}},
        {"-1", "-9", "-3", 3, {7, 4, 1}},
        {"2", "-9", "-8", 1, {2}},
        {"1", "8", "3", 3, {1, 4, 7}},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct test_onnx file;
        struct hone_model *model;
        test_onnx_init(&file, 13, 1, 8);
        test_onnx_list(&file, "s", rows[r].start);
        test_onnx_list(&file, "e", rows[r].end);
        test_onnx_list(&file, "a", "3");
        test_onnx_list(&file, "t", rows[r].step);
        test_onnx_node(&file, "Slice", "x s e a t", "cut");
        test_onnx_node(&file, "Flatten", "cut", "y");
        test_onnx_output(&file, "y");
        assert_ok(test_onnx_import(&file, NULL, &model));
        struct graph_eval eval;
        graph_eval_init(&eval, model->graph);
        for (int w = 0; w < 8; w++)
            for (int c = 0; c < 3; c++) eval.values[model->image][w * 3 + c] = 10 * c + w;
        graph_eval_run(&eval);
        assert_int_equal(hone_graph_desc(model->graph, model->output)->dim[1], 3 * rows[r].count);
        for (int c = 0; c < 3; c++)
            for (int i = 0; i < rows[r].count; i++)
                assert_float_equal(eval.values[model->output][c * rows[r].count + i],
                                   10 * c + rows[r].column[i], 0);
        graph_eval_deinit(&eval);
        hone_model_destroy(&model);
        test_onnx_free(&file);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_mean_of_answers),
        cmocka_unit_test(test_through_a_file),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_slices_backwards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
