// rows.c: a case's reference is computed once for all rows of its operator; the pipelines of a
// short check are compiled on all cores before the first of them runs.
#include "check/rows.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "exec/choice.h"
#include "exec/launch.h"

struct checker {
    struct hone_check_pool *pool;
    const struct hone_caps *caps;
    enum hone_check_depth depth;
    struct hone_check_row *rows; // of one operator
    size_t count;
    int *turns; // per row: cases so far
    const struct hone_check_hooks *hooks;
};

const char *hone_check_row_name(const struct hone_check_row *row, char text[HONE_CHECK_NAME]) {
    if (row->only >= 0) return hone_check_case_name(row, row->only, text);
    snprintf(text, HONE_CHECK_NAME, "%s/%s%s%s", row->op->name, row->row->name,
             *row->tile ? ":" : "", row->tile);
    return text;
}

const char *hone_check_case_name(const struct hone_check_row *row, int index,
                                 char text[HONE_CHECK_NAME]) {
    snprintf(text, HONE_CHECK_NAME, "%s/%s%s%s (%s)", row->op->name, row->row->name,
             *row->tile ? ":" : "", row->tile, hone_case_at(index)->name);
    return text;
}

hone_status hone_check_list(const struct hone_caps *caps, struct hone_check_row **out,
                            size_t *count) {
    size_t capacity = 0;
    *out = NULL;
    *count = 0;
    for (int i = 0; i < hone_op_count; i++)
        for (int r = 0; r < hone_ops[i]->row_count; r++) {
            const struct hone_op_row *row = &hone_ops[i]->rows[r];
            if (row->test_only || (row->needs & ~caps->features)) continue;
            if (!hone_grow(out, &capacity, *count + 1, sizeof **out, "a list of kernels")) {
                hone_free(*out);
                *out = NULL;
                return HONE_OUT_OF_MEMORY;
            }
            (*out)[(*count)++] = (struct hone_check_row){.op = hone_ops[i], .row = row, .only = -1};
        }
    return HONE_OK;
}

// ---- Which cases ----

// Activation, transposition: attributes that choose code rather than sizes.
static bool chooses_code(const struct hone_field *field) {
    return strstr(field->name, "kind") || strstr(field->name, "trans");
}

// Elements of the attributes that are equal; those that choose code rather than sizes count most.
static int alike_attrs(const struct hone_op *op, const void *left, const void *right) {
    int score = 0;
    for (int f = 0; f < op->field_count; f++) {
        const struct hone_field *field = &op->fields[f];
        int weight = chooses_code(field) ? 16 : 2;
        for (int k = 0; k < field->count; k++) {
            size_t at = field->offset + 4u * (size_t)k;
            bool same = memcmp((const char *)left + at, (const char *)right + at, 4) == 0;
            score += same ? weight : 0;
        }
    }
    return score;
}

static int alike(const struct hone_op *op, const struct hone_infer_args *a,
                 const struct hone_infer_args *b) {
    int score = op->attrs_bytes && a->attrs && b->attrs ? alike_attrs(op, a->attrs, b->attrs) : 0;
    for (int i = 0; i < a->input_count && i < b->input_count; i++) {
        const struct hone_desc *x = &a->in[i], *y = &b->in[i];
        if ((x->rank < 0) != (y->rank < 0)) continue;
        score += 32;
        if (x->rank < 0) continue;
        score += x->dtype == y->dtype ? 32 : 0;
        score += x->rank == y->rank ? 4 : 0;
        for (int d = 0; d < x->rank && d < y->rank; d++) score += x->dim[d] % 4 == y->dim[d] % 4;
    }
    return score + (a->input_count == b->input_count ? 8 : 0);
}

int hone_check_nearest(const struct hone_caps *caps, const struct hone_op *op,
                       const struct hone_op_row *row, const struct hone_infer_args *node) {
    const struct hone_case *test;
    int best = -1, best_score = 0;
    double best_flops = 0;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        struct hone_case_eval eval;
        if (test->op != op || hone_case_shapes(&eval, test) != HONE_OK ||
            !hone_check_fits(caps, &eval, row))
            continue;
        double flops = op->cost(&eval.args).flops;
        int score = alike(op, &eval.args, node) - (test->large ? 1000 : 0);
        if (best >= 0 && (score < best_score || (score == best_score && flops >= best_flops)))
            continue;
        best = i;
        best_score = score;
        best_flops = flops;
    }
    return best;
}

// Both ask a kernel for the same code: types, which inputs there are, activation, transposition.
static bool same_code(const struct hone_op *op, const struct hone_infer_args *a,
                      const struct hone_infer_args *b) {
    if (a->input_count != b->input_count) return false;
    for (int i = 0; i < a->input_count; i++) {
        bool absent = a->in[i].rank < 0;
        if (absent != (b->in[i].rank < 0)) return false;
        if (!absent && a->in[i].dtype != b->in[i].dtype) return false;
    }
    for (int f = 0; f < op->field_count; f++) {
        size_t at = op->fields[f].offset;
        if (chooses_code(&op->fields[f]) &&
            memcmp((const char *)a->attrs + at, (const char *)b->attrs + at, 4) != 0)
            return false;
    }
    return true;
}

static double effort(const struct hone_case *test, const struct hone_case_eval *eval) {
    return test->op->cost(&eval->args).flops + (test->large ? 1e15 : 0);
}

// A short check takes the quickest of the cases that ask for the same code.
static bool is_quickest(const struct checker *c, const struct hone_check_row *row, int index,
                        const struct hone_case_eval *eval) {
    const struct hone_case *test;
    double own = effort(eval->test, eval);
    for (int i = 0; (test = hone_case_at(i)); i++) {
        struct hone_case_eval other;
        if (test->op != row->op || i == index || hone_case_shapes(&other, test) != HONE_OK ||
            !hone_check_fits(c->caps, &other, row->row))
            continue;
        double effort_other = effort(test, &other);
        bool first = effort_other < own || (effort_other == own && i < index);
        if (first && same_code(row->op, &eval->args, &other.args)) return false;
    }
    return true;
}

static bool row_takes(const struct checker *c, const struct hone_check_row *row, int index,
                      const struct hone_case_eval *eval) {
    if (row->only >= 0) return index == row->only;
    if (!hone_check_fits(c->caps, eval, row->row)) return false;
    return c->depth != HONE_CHECK_SHORT || is_quickest(c, row, index, eval);
}

// The number of the row's tile for this case; the row's own choice where it has none of the name.
static int tile_of(const struct checker *c, const struct hone_check_row *row,
                   const struct hone_case_eval *eval) {
    const struct hone_row_args args = {.node = &eval->args, .caps = c->caps};
    int tile = *row->tile ? hone_choice_tile(row->row, &args, row->tile) : HONE_TILE_DEFAULT;
    return tile > 0 ? tile : HONE_TILE_DEFAULT;
}

// ---- Compiling ahead ----

struct ahead {
    struct hone_gpu_pipeline_request *requests;
    struct hone_launch *launches;
    size_t request_count, request_capacity, launch_count;
};

static hone_status ahead_add(const struct checker *c, struct ahead *ahead,
                             const struct hone_check_row *row, const struct hone_case *test) {
    struct hone_case_eval eval;
    HONE_TRY(hone_case_shapes(&eval, test));
    const struct hone_row_args args = {
        .node = &eval.args, .caps = c->caps, .tile = tile_of(c, row, &eval)};
    struct hone_launch *launch = &ahead->launches[ahead->launch_count++];
    if (hone_launch_make(row->op, row->row, &args, launch) != HONE_OK) return HONE_OK;
    for (int i = 0; i < launch->dispatch_count; i++) {
        const struct hone_dispatch *d = &launch->dispatches[i];
        if (!hone_grow(&ahead->requests, &ahead->request_capacity, ahead->request_count + 1,
                       sizeof *ahead->requests, "a list of pipelines"))
            return HONE_OUT_OF_MEMORY;
        ahead->requests[ahead->request_count++] = (struct hone_gpu_pipeline_request){
            .kernel = d->kernel,
            .spec = d->spec,
            .spec_count = d->spec_count,
            .subgroup_size = d->subgroup,
        };
    }
    return HONE_OK;
}

static hone_status ahead_collect(const struct checker *c, struct ahead *ahead) {
    const struct hone_case *test;
    for (int i = 0; (test = hone_case_at(i)); i++) {
        struct hone_case_eval eval;
        if (test->op != c->rows->op) continue;
        HONE_TRY(hone_case_shapes(&eval, test));
        for (size_t r = 0; r < c->count; r++)
            if (row_takes(c, &c->rows[r], i, &eval))
                HONE_TRY(ahead_add(c, ahead, &c->rows[r], test));
    }
    return HONE_OK;
}

static size_t cases_of(const struct hone_op *op) {
    const struct hone_case *test;
    size_t count = 0;
    for (int i = 0; (test = hone_case_at(i)); i++) count += test->op == op;
    return count;
}

// Adds the launches of an operator's rows. What does not compile is met again, and named, when its
// row runs.
static hone_status compile_ahead(const struct checker *c) {
    struct ahead ahead = {.launches = hone_calloc(c->count * cases_of(c->rows->op),
                                                  sizeof *ahead.launches, "launches")};
    hone_status status = ahead.launches ? ahead_collect(c, &ahead) : HONE_OUT_OF_MEMORY;
    if (status == HONE_OK)
        status = hone_gpu_pipelines_compile(c->pool->gpu, ahead.requests, ahead.request_count);
    hone_free(ahead.requests);
    hone_free(ahead.launches);
    return status == HONE_DEVICE_LOST || status == HONE_OUT_OF_MEMORY ? status : HONE_OK;
}

// ---- Running ----

static hone_status run_way(const struct checker *c, const struct hone_case_eval *eval,
                           struct hone_check_row *row, int index,
                           const struct hone_check_way *way) {
    struct hone_check_verdict verdict;
    hone_status status = hone_check_run(c->pool, eval, row->row, way, &verdict);
    row->runs += verdict.ran;
    if (!verdict.good && !row->wrong++) memcpy(row->why, verdict.why, sizeof row->why);
    if (verdict.ran && c->hooks && c->hooks->ran)
        HONE_TRY(c->hooks->ran(c->hooks->user, row, index, verdict.good ? NULL : verdict.why));
    return status;
}

static uint64_t longest(const struct hone_case_eval *eval) {
    uint64_t most = 0;
    for (int i = 0; i < eval->test->input_count; i++)
        if (eval->in_desc[i].rank >= 0 && hone_desc_bytes(&eval->in_desc[i]) > most)
            most = hone_desc_bytes(&eval->in_desc[i]);
    for (int i = 0; i < eval->test->op->outputs; i++)
        if (hone_desc_bytes(&eval->out_desc[i]) > most) most = hone_desc_bytes(&eval->out_desc[i]);
    return most;
}

// Another tile for each case until each had its turn; in three parts; cut; with all updates in
// place; with each permitted overwriting.
static hone_status run_other_ways(const struct checker *c, const struct hone_case_eval *eval,
                                  struct hone_check_row *row, int index, int turn) {
    const struct hone_row_args args = {.node = &eval->args, .caps = c->caps};
    const struct hone_op *op = row->op;
    struct hone_alias updates[HONE_OP_MAX_OUTPUTS], alias;
    char name[HONE_TILE_NAME];
    int tiles = 0, update_count = 0;
    uint64_t half = longest(eval) / 2;
    while (row->row->tile && row->row->tile(&args, tiles + 1, name)) tiles++;
    if (turn < tiles)
        HONE_TRY(run_way(c, eval, row, index, &(struct hone_check_way){.tile = 1 + turn}));
    if (half >= 1024)
        HONE_TRY(run_way(c, eval, row, index, &(struct hone_check_way){.binding_bytes = half}));
    HONE_TRY(run_way(c, eval, row, index, &(struct hone_check_way){.parts = 3}));
    for (int k = 0; op->alias && op->alias(&eval->args, k, &alias); k++) {
        if (alias.kind == HONE_ALIAS_UPDATE) updates[update_count++] = alias;
        if (alias.kind == HONE_ALIAS_IN_PLACE)
            HONE_TRY(run_way(c, eval, row, index,
                             &(struct hone_check_way){.alias = &alias, .alias_count = 1}));
    }
    if (!update_count) return HONE_OK;
    return run_way(c, eval, row, index,
                   &(struct hone_check_way){.alias = updates, .alias_count = update_count});
}

static hone_status run_case(struct checker *c, int index, struct hone_case_eval *eval) {
    bool made = false;
    hone_status status = HONE_OK;
    for (size_t r = 0; r < c->count && status == HONE_OK; r++) {
        struct hone_check_row *row = &c->rows[r];
        if (!row_takes(c, row, index, eval)) continue;
        if (!made) {
            hone_case_deinit(eval);
            HONE_TRY(hone_case_init(eval, hone_case_at(index)));
            hone_case_ref(eval);
            made = true;
        }
        status =
            run_way(c, eval, row, index, &(struct hone_check_way){.tile = tile_of(c, row, eval)});
        if (status == HONE_OK && c->depth == HONE_CHECK_FULL)
            status = run_other_ways(c, eval, row, index, c->turns[r]);
        c->turns[r]++;
    }
    return status;
}

static hone_status run_op(struct checker *c) {
    const struct hone_case *test;
    hone_status status = HONE_OK;
    c->turns = hone_calloc(c->count, sizeof *c->turns, "a check of kernels");
    if (!c->turns) return HONE_OUT_OF_MEMORY;
    for (int i = 0; (test = hone_case_at(i)) && status == HONE_OK; i++) {
        struct hone_case_eval eval;
        if (test->op != c->rows->op) continue;
        status = hone_case_shapes(&eval, test);
        if (status == HONE_OK) status = run_case(c, i, &eval);
        hone_case_deinit(&eval);
    }
    hone_free(c->turns);
    return status;
}

hone_status hone_check_rows(struct hone_check_pool *pool, enum hone_check_depth depth,
                            struct hone_check_row *rows, size_t count,
                            const struct hone_check_hooks *hooks) {
    const struct hone_caps *caps = pool->caps ? pool->caps : hone_gpu_caps(pool->gpu);
    hone_status status = HONE_OK;
    for (size_t first = 0, next; first < count && status == HONE_OK; first = next) {
        for (next = first; next < count && rows[next].op == rows[first].op; next++) continue;
        if (hooks && hooks->progress && hooks->progress(hooks->user, first, count))
            return hone_fail(HONE_CANCELLED, "the check was stopped");
        struct checker op = {pool, caps, depth, rows + first, next - first, NULL, hooks};
        status = compile_ahead(&op);
        if (status == HONE_OK) status = run_op(&op);
    }
    return status;
}
