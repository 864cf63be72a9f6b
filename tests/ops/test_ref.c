// test_ref.c: every operator on the reference, without a device: its definition is whole, its ref
// writes every element, wrong inputs are refused with a message, and its gradient graph agrees with
// central differences.
#include "support/op_case.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ops/row.h"
#include "support/graph_eval.h"
#include "support/support.h"

// ---- Definitions
// -------------------------------------------------------------------------------------------

static int case_count(const struct hone_op *op) {
    int count = 0;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) count += test->op == op;
    return count;
}

// The fields cover the attribute struct without a gap, so that equality and the text form miss
// nothing.
static void check_fields(const struct hone_op *op) {
    size_t end = 0;
    for (int i = 0; i < op->field_count; i++) {
        const struct hone_field *field = &op->fields[i];
        if (field->offset != end)
            fail_msg("%s: field %s begins at byte %d, not %zu", op->name, field->name,
                     field->offset, end);
        end += 4u * field->count;
    }
    if (end != op->attrs_bytes)
        fail_msg("%s: fields cover %zu of %d attribute bytes", op->name, end, op->attrs_bytes);
}

static void check_rows(const struct hone_op *op) {
    if (op->flags & (HONE_OP_VIEW | HONE_OP_PACK)) {
        assert_int_equal(op->row_count, 0);
        assert_non_null(op->alias);
        return;
    }
    if (op->row_count < 1) fail_msg("%s has no kernel rows", op->name);
    const struct hone_op_row *last = &op->rows[op->row_count - 1];
    if (last->needs || last->fits)
        fail_msg("%s: the last row, %s, does not run anywhere", op->name, last->name);
    for (int i = 0; i < op->row_count; i++) {
        assert_non_null(op->rows[i].setup);
        for (int k = 0; k < i; k++) assert_string_not_equal(op->rows[i].name, op->rows[k].name);
    }
}

static void test_definitions(void **state) {
    (void)state;
    for (int i = 0; i < hone_op_count; i++) {
        const struct hone_op *op = hone_ops[i];
        assert_ptr_equal(hone_op_find(op->name), op);
        if (!op->infer || !op->ref || !op->cost) fail_msg("%s is not whole", op->name);
        if (!op->grad == !(op->flags & HONE_OP_NO_GRAD))
            fail_msg("%s: either grad or HONE_OP_NO_GRAD", op->name);
        assert_in_range(op->outputs, 1, HONE_OP_MAX_OUTPUTS);
        assert_true(op->inputs_min <= op->inputs_max);
        if (case_count(op) == 0) fail_msg("%s has no test case", op->name);
        check_fields(op);
        check_rows(op);
    }
}

// ---- ref
// ---------------------------------------------------------------------------------------------------

static void test_ref_writes_everything(void **state) {
    (void)state;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        char label[128];
        struct hone_case_eval eval;
        op_eval_init(&eval, test);
        hone_case_ref(&eval);
        for (int k = 0; k < test->op->outputs; k++) {
            int64_t count = hone_desc_elements(&eval.out_desc[k]);
            for (int64_t e = 0; e < count; e++)
                if (!isfinite(eval.out[k][e]) && !test->tolerance.nan)
                    fail_msg("%s: output %d, element %lld is %g", hone_case_label(test, label), k,
                             (long long)e, eval.out[k][e]);
        }
        struct hone_cost cost = test->op->cost(&eval.args);
        assert_true(cost.flops >= 0 && cost.bytes >= 0);
        hone_case_deinit(&eval);
    }
}

// Aliases lie inside both operands, and an output that replaces an input has its desc.
static void test_aliases(void **state) {
    (void)state;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        if (!test->op->alias) continue;
        struct hone_case_eval eval;
        op_eval_init(&eval, test);
        struct hone_alias alias;
        for (int k = 0; test->op->alias(&eval.args, k, &alias); k++) {
            assert_in_range(alias.input, 0, test->input_count - 1);
            assert_in_range(alias.output, 0, test->op->outputs - 1);
            const struct hone_desc *in = &eval.in_desc[alias.input];
            const struct hone_desc *out = &eval.out_desc[alias.output];
            bool view = alias.kind == HONE_ALIAS_VIEW;
            bool inside = view || alias.kind == HONE_ALIAS_PACK;
            if (!inside) assert_int_equal(hone_desc_bytes(in), hone_desc_bytes(out));
            uint64_t inner = hone_desc_bytes(view ? out : in);
            uint64_t outer = hone_desc_bytes(view ? in : out);
            assert_true(alias.offset_bytes + inner <= outer);
        }
        hone_case_deinit(&eval);
    }
}

// Each input with another dtype, and each required input missing, is refused.
static void test_wrong_inputs(void **state) {
    (void)state;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        char label[128];
        struct hone_case_eval eval;
        op_eval_init(&eval, test);
        for (int k = 0; k < test->input_count; k++) {
            if (eval.in_desc[k].rank < 0 || test->op == &hone_op_reshape) continue;
            struct hone_desc right = eval.in_desc[k];
            eval.in_desc[k].dtype = right.dtype == HONE_U8 ? HONE_F32 : HONE_U8;
            if (test->op->infer(&eval.args) != HONE_INVALID)
                fail_msg("%s: input %d may be %s", hone_case_label(test, label), k,
                         hone_dtype_name(eval.in_desc[k].dtype));
            if (k < test->op->inputs_min) {
                eval.in_desc[k] = (struct hone_desc){.rank = -1};
                if (test->op->infer(&eval.args) != HONE_INVALID)
                    fail_msg("%s: input %d may be absent", hone_case_label(test, label), k);
            }
            eval.in_desc[k] = right;
        }
        hone_case_deinit(&eval);
    }
}

// ---- Gradients
// ---------------------------------------------------------------------------------------------

enum { SAMPLES = 24 }; // positions of an input that are compared, at most

// loss = sum over the outputs in `loss_outputs` of sum(output * weight), and d(loss)/d(input) as
// nodes.
struct grad_case {
    const struct hone_case *test;
    struct hone_case_eval forward;
    struct hone_graph *graph;
    hone_value in[HONE_CASE_INPUTS], out[HONE_OP_MAX_OUTPUTS], weight[HONE_OP_MAX_OUTPUTS];
    hone_value gradient[HONE_CASE_INPUTS];
    double *weights[HONE_OP_MAX_OUTPUTS];
};

static bool carries(const struct hone_case *test, int output) {
    uint32_t bits = test->loss_outputs ? test->loss_outputs : 1;
    return bits >> output & 1;
}

static void grad_case_build(struct grad_case *g) {
    const struct hone_case *test = g->test;
    const struct hone_shape_attrs scalar = {.rank = 0};
    assert_ok(hone_graph_create(&g->graph));
    for (int i = 0; i < test->input_count; i++) {
        char name[16];
        snprintf(name, sizeof name, "in%d", i);
        g->in[i] = test->in[i].desc.rank < 0 ? HONE_NO_VALUE
                                             : hone_graph_input(g->graph, name, test->in[i].desc);
    }
    hone_graph_node(g->graph, test->op, NULL, test->attrs, g->in, test->input_count, g->out);
    hone_value loss = HONE_NO_VALUE;
    for (int i = 0; i < test->op->outputs; i++) {
        if (!carries(test, i)) continue;
        char name[16];
        snprintf(name, sizeof name, "weight%d", i);
        g->weight[i] = hone_graph_input(g->graph, name, g->forward.out_desc[i]);
        hone_value product = HONE_EMIT(g->graph, &hone_op_mul, NULL, NULL, g->out[i], g->weight[i]);
        hone_value sum = HONE_EMIT(g->graph, &hone_op_reduce_to, NULL, &scalar, product);
        loss =
            loss == HONE_NO_VALUE ? sum : HONE_EMIT(g->graph, &hone_op_add, NULL, NULL, loss, sum);
    }
    hone_value wanted[HONE_CASE_INPUTS], gradient[HONE_CASE_INPUTS];
    int count = 0;
    for (int i = 0; i < test->input_count; i++)
        if (test->in[i].grad) wanted[count++] = g->in[i];
    hone_graph_gradients(g->graph, &hone_ops_for_gradients, loss, wanted, count, gradient);
    assert_ok(hone_graph_status(g->graph));
    assert_ok(hone_graph_verify(g->graph));
    for (int i = 0, k = 0; i < test->input_count; i++)
        g->gradient[i] = test->in[i].grad ? gradient[k++] : HONE_NO_VALUE;
}

static double loss_of(struct grad_case *g) {
    hone_case_ref(&g->forward);
    double loss = 0;
    for (int i = 0; i < g->test->op->outputs; i++) {
        if (!carries(g->test, i)) continue;
        int64_t count = hone_desc_elements(&g->forward.out_desc[i]);
        for (int64_t e = 0; e < count; e++) loss += g->forward.out[i][e] * g->weights[i][e];
    }
    return loss;
}

static void compare_input(struct grad_case *g, int input, const double *analytic) {
    char label[128];
    double *x = g->forward.in[input];
    int64_t count = hone_desc_elements(&g->test->in[input].desc);
    double tolerance = g->test->grad_tolerance > 0 ? g->test->grad_tolerance : 1e-6;
    double largest = 0;
    for (int64_t e = 0; e < count; e++) largest = fmax(largest, fabs(analytic[e]));
    int64_t samples = count < SAMPLES ? count : SAMPLES;
    for (int64_t s = 0; s < samples; s++) {
        int64_t e = samples == count ? s : s * 7919 % count; // spread by a prime
        double keep = x[e], h = 1e-4 * fmax(1, fabs(keep));
        x[e] = keep + h;
        double above = loss_of(g);
        x[e] = keep - h;
        double below = loss_of(g);
        x[e] = keep;
        double numeric = (above - below) / (2 * h);
        double bound = tolerance * fmax(largest, fabs(numeric)) + 1e-8;
        if (!(fabs(numeric - analytic[e]) <= bound))
            fail_msg("%s: d loss/d input %d at element %lld is %.9g; the gradient graph says %.9g",
                     hone_case_label(g->test, label), input, (long long)e, numeric, analytic[e]);
    }
}

static void check_gradients(const struct hone_case *test) {
    char label[128];
    struct grad_case g = {.test = test};
    op_eval_init(&g.forward, test);
    grad_case_build(&g);
    struct graph_eval eval;
    graph_eval_init(&eval, g.graph);
    for (int i = 0; i < test->input_count; i++)
        if (g.in[i] != HONE_NO_VALUE)
            memcpy(eval.values[g.in[i]], g.forward.in[i],
                   (size_t)hone_desc_elements(&test->in[i].desc) * sizeof(double));
    for (int i = 0; i < test->op->outputs; i++) {
        if (!carries(test, i)) continue;
        const struct hone_case_input weight = {.desc = g.forward.out_desc[i]};
        g.weights[i] = eval.values[g.weight[i]];
        assert_ok(hone_case_fill(&weight, 100 + (uint64_t)i, NULL, g.weights[i]));
    }
    graph_eval_run(&eval);
    for (int i = 0; i < test->input_count; i++) {
        if (!test->in[i].grad) continue;
        if (g.gradient[i] == HONE_NO_VALUE)
            fail_msg("%s: no gradient of input %d", hone_case_label(test, label), i);
        compare_input(&g, i, eval.values[g.gradient[i]]);
    }
    graph_eval_deinit(&eval);
    hone_graph_destroy(&g.graph);
    hone_case_deinit(&g.forward);
}

static bool differentiates(const struct hone_case *test) {
    bool any = false;
    for (int i = 0; i < test->input_count; i++) any = any || test->in[i].grad;
    return any && !test->large && !(test->op->flags & HONE_OP_NO_GRAD);
}

static void test_gradients(void **state) {
    (void)state;
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++)
        if (differentiates(test)) check_gradients(test);
}

// Every op with a gradient has a case that differentiates it.
static void test_gradients_are_covered(void **state) {
    (void)state;
    for (int i = 0; i < hone_op_count; i++) {
        if (hone_ops[i]->flags & HONE_OP_NO_GRAD) continue;
        bool covered = false;
        const struct hone_case *test;
        for (int k = 0; (test = hone_case_at(k)); k++)
            covered = covered || (test->op == hone_ops[i] && differentiates(test));
        if (!covered) fail_msg("no case differentiates %s", hone_ops[i]->name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definitions),
        cmocka_unit_test(test_ref_writes_everything),
        cmocka_unit_test(test_aliases),
        cmocka_unit_test(test_wrong_inputs),
        cmocka_unit_test(test_gradients_are_covered),
        cmocka_unit_test(test_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
