// onnx_reshape.c: Reshape and its kin. Whatever only splits axes or joins neighbours keeps the
// order that the value has in memory: (N,C,H,W) to (N,C,HW) stays (N,HW,C) there and moves nothing,
// the shuffle of channels (Zhang, Zhou, Lin, Sun 2017) moves channels only.
//
// The batch may stand anywhere, and a file may join it with other axes: windows of pictures
// (N nW,49,C), heads of pictures (N H,L,D), tokens in front of pictures (L N,E). A reshape is found
// by where the batch stands among the elements, then made in steps that later ones undo for free
// (onnx_value.c): the batch alone, the other axes, the join.
#include "formats/onnx_import.h"

#include <string.h>

// Neighbouring axes of the file's shape that become neighbouring axes of the new one: old[0..] of
// these sizes, axes of size 1 left out, hold as many elements as the new ones from `begin` to
// `end`.
struct reshape_run {
    int old[HONE_MAX_RANK], old_count;
    int begin, end;
};

struct reshape_runs {
    struct reshape_run run[2 * HONE_MAX_RANK];
    int count;
    bool pictures;
};

// The shortest runs that make the file's axes [from, from_end) the new ones [to, to_end), which
// hold as many elements.
static void reshape_part(const struct hone_onnx_import *im, const struct hone_onnx_tensor *x,
                         int from, int from_end, const int64_t *dim, int to, int to_end,
                         struct reshape_runs *runs) {
    int first = runs->count;
    for (; from < from_end; from++) {
        int64_t old = hone_onnx_dim(im, x, from), new = 1;
        if (old == 1) continue;
        struct reshape_run r = {.old = {from}, .old_count = 1, .begin = to};
        while (old != new) {
            if (new < old) {
                new *= dim[to++];
                continue;
            }
            int64_t size = hone_onnx_dim(im, x, ++from);
            old *= size;
            if (size == 1) continue;
            r.old[r.old_count++] = from;
        }
        r.end = to;
        runs->run[runs->count++] = r;
    }
    if (runs->count == first && to < to_end) runs->run[runs->count++].begin = to;
    if (runs->count > first) runs->run[runs->count - 1].end = to_end; // what is left is of size 1
}

// How far this order of runs is from how their axes lie in memory: pairs that change places. Of
// equals, pictures stay pictures, others stay as the file has them.
static int reshape_cost(const struct hone_onnx_tensor *x, const struct reshape_runs *runs,
                        const int *order) {
    int place[HONE_MAX_RANK], count = 0, cost = 0;
    bool image = runs->pictures, file = true;
    for (int r = 0; r < runs->count; r++) {
        const struct reshape_run *run = &runs->run[order[r]];
        for (int i = 0; i < run->old_count; i++) place[count++] = x->perm[run->old[i]];
        file &= order[r] == r;
        image &= order[r] == (r + 1) % runs->count; // the channels, first in the file, last
    }
    for (int a = 0; a < count; a++)
        for (int b = a + 1; b < count; b++) cost += 4 * (place[a] > place[b]);
    return cost + (image ? 0 : file ? 1 : 2);
}

// Puts runs into the best order; the one that begins with new axis `lead` goes first, where it is
// more than one axis.
static void reshape_sort(const struct hone_onnx_tensor *x, struct reshape_runs *runs, int lead) {
    int best_cost = INT32_MAX, best[2 * HONE_MAX_RANK] = {0}, ways = 1;
    for (int i = 2; i <= runs->count; i++) ways *= i;
    for (int way = 0; way < ways; way++) { // every order, by its digits
        int left[2 * HONE_MAX_RANK], order[2 * HONE_MAX_RANK], code = way;
        for (int i = 0; i < runs->count; i++) left[i] = i;
        for (int i = 0, count = runs->count; i < runs->count; i++) {
            int k = code % count;
            code /= count--;
            order[i] = left[k];
            memmove(left + k, left + k + 1, (size_t)(count - k) * sizeof *left);
        }
        int cost = reshape_cost(x, runs, order);
        for (int i = 1; i < runs->count; i++) {
            const struct reshape_run *run = &runs->run[order[i]];
            if (run->begin == lead && run->old_count > 1) cost = INT32_MAX;
        }
        if (cost >= best_cost) continue;
        best_cost = cost;
        memcpy(best, order, sizeof best);
    }
    struct reshape_runs was = *runs;
    for (int i = 0; i < runs->count; i++) runs->run[i] = was.run[best[i]];
}

// Sorts the runs; where the axes of one do not stand in memory as the file has them, x is put into
// an order in which they do.
static hone_status reshape_arrange(struct hone_onnx_import *im, struct hone_onnx_tensor *x,
                                   struct reshape_runs *runs, int lead) {
    const struct reshape_run *run = runs->run;
    reshape_sort(x, runs, lead);
    int8_t order[HONE_MAX_RANK] = {0};
    int rank = hone_onnx_rank(im, x), at = 1, last = 0;
    bool in_order = true;
    for (int i = 0; i < rank; i++)
        if (x->perm[i] != 0 && hone_onnx_dim(im, x, i) == 1) order[i] = (int8_t)at++;
    for (int r = 0; r < runs->count; r++)
        for (int i = 0; i < run[r].old_count; i++) {
            int place = x->perm[run[r].old[i]];
            in_order &= place > last;
            last = place;
            order[run[r].old[i]] = (int8_t)at++;
        }
    return in_order ? HONE_OK : hone_onnx_arrange(im, x, order);
}

// x with these sizes, but for the batch, which keeps axis 0 in memory. Where it has to be put into
// another order for that, `from` (may be NULL) is, too: others may read it so.
static hone_status reshape_others(struct hone_onnx_import *im, const char *name,
                                  struct hone_onnx_tensor *x, struct hone_onnx_tensor *from,
                                  int rank, const int64_t *dim, int batch, int lead) {
    int old_rank = hone_onnx_rank(im, x), at = 1, old_batch = hone_onnx_batch_axis(x);
    struct reshape_runs runs = {.pictures = rank == 4 && batch == 0};
    reshape_part(im, x, 0, old_batch, dim, 0, batch, &runs);
    reshape_part(im, x, old_batch + 1, old_rank, dim, batch + 1, rank, &runs);
    HONE_TRY(reshape_arrange(im, x, &runs, lead));
    if (from) *from = *x;
    struct hone_shape_attrs attrs = {.rank = rank};
    int8_t perm[HONE_MAX_RANK] = {0};
    for (int r = 0; r < runs.count; r++)
        for (int j = runs.run[r].begin; j < runs.run[r].end; j++) {
            attrs.dim[at] = (int32_t)dim[j];
            perm[j] = (int8_t)at++;
        }
    if (rank == 4 && batch == 0 && dim[2] == 1 && dim[3] == 1) { // pictures of one pixel
        attrs = (struct hone_shape_attrs){.rank = 4, .dim = {0, 1, 1, (int32_t)dim[1]}};
        memcpy(perm, hone_onnx_image, sizeof perm);
    }
    hone_value before = x->value;
    x->value = hone_onnx_emit_reshape(im, name, &attrs, x->value);
    memcpy(x->perm, perm, sizeof perm);
    // What an earlier reshape has undone: the value in front of both.
    if (im->graph->status == HONE_OK && x->value < before) hone_onnx_look_through(im, x);
    return hone_graph_status(im->graph);
}

// Axis 0 in memory, `times` pictures' rows each, as the batch and an axis behind it.
static hone_status reshape_part_batch(struct hone_onnx_import *im, const char *name,
                                      struct hone_onnx_tensor *x) {
    const struct hone_desc *desc = hone_graph_desc(im->graph, x->value);
    struct hone_shape_attrs attrs = {.rank = desc->rank + 1, .dim = {-1}};
    if (attrs.rank > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %d are not supported", attrs.rank);
    memcpy(attrs.dim + 1, desc->dim, (size_t)desc->rank * sizeof *attrs.dim);
    int batch = hone_onnx_batch_axis(x);
    for (int i = desc->rank; i > batch + 1; i--) x->perm[i] = (int8_t)(x->perm[i - 1] + 1);
    for (int i = 0; i < batch; i++) x->perm[i]++;
    x->perm[batch + 1] = 1;
    x->value = hone_onnx_emit_reshape(im, name, &attrs, x->value);
    return hone_graph_status(im->graph);
}

// The batch and the file's axis behind it as one axis.
static hone_status reshape_join_batch(struct hone_onnx_import *im, const char *name,
                                      struct hone_onnx_tensor *x) {
    int rank = hone_onnx_rank(im, x), batch = hone_onnx_batch_axis(x), gone = x->perm[batch + 1];
    int8_t order[HONE_MAX_RANK] = {0};
    for (int i = 0; i < rank; i++) order[i] = (int8_t)(x->perm[i] + (x->perm[i] < gone));
    order[batch] = 0;
    order[batch + 1] = 1;
    HONE_TRY(hone_onnx_arrange(im, x, order));
    const struct hone_desc *desc = hone_graph_desc(im->graph, x->value);
    struct hone_shape_attrs attrs = {.rank = rank - 1, .dim = {-1}};
    for (int j = 2; j < rank; j++) attrs.dim[j - 1] = desc->dim[j];
    for (int i = 0, at = 0; i < rank; i++)
        if (i != batch + 1) x->perm[at++] = (int8_t)(order[i] ? order[i] - 1 : 0);
    x->value = hone_onnx_emit_reshape(im, name, &attrs, x->value);
    return hone_graph_status(im->graph);
}

hone_status hone_onnx_reshape_to(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                 struct hone_onnx_tensor *x, int rank, const int64_t *dim,
                                 int batch) {
    const char *name = hone_onnx_node_name(node);
    HONE_TRY(hone_onnx_settle(im, x));
    int old_rank = hone_onnx_rank(im, x), old_batch = hone_onnx_batch_axis(x);
    int64_t times = hone_onnx_dim(im, x, old_batch), have = 1, want = 1;
    bool same = rank == old_rank && batch == old_batch;
    for (int i = 0; i < old_rank; i++) have *= hone_onnx_dim(im, x, i);
    for (int i = 0; i < rank; i++) {
        if (same && dim[i] != hone_onnx_dim(im, x, i)) same = false;
        if (dim[i] < 1 || dim[i] > INT32_MAX || (want *= dim[i]) > INT32_MAX)
            return hone_fail(HONE_INVALID, "a dimension of %lld", (long long)dim[i]);
    }
    if (same) return hone_onnx_alias(im, node, x);
    if (have != want)
        return hone_fail(HONE_INVALID, "%lld elements a picture cannot become %lld",
                         (long long)have, (long long)want);
    // The batch with what is joined to it stays as it is, or they part.
    bool kept = dim[batch] == times, joins = !kept && dim[batch] > 1;
    int64_t alone[HONE_MAX_RANK + 1];
    memcpy(alone, dim, (size_t)rank * sizeof *alone);
    if (joins) {
        memmove(alone + batch + 1, alone + batch, (size_t)(rank - batch) * sizeof *alone);
        alone[batch] = 1;
    }
    if (rank + joins < 1 || rank + joins > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %d are not supported", rank + joins);
    struct hone_onnx_tensor y = *x;
    bool parts = !kept && times > 1;
    if (parts) HONE_TRY(reshape_part_batch(im, name, &y));
    HONE_TRY(reshape_others(im, name, &y, parts ? NULL : x, rank + joins, alone, batch,
                            joins ? batch + 1 : -1));
    if (joins) HONE_TRY(reshape_join_batch(im, name, &y));
    return hone_onnx_define(im, node, y.value, y.perm);
}

hone_status hone_onnx_drop_axis(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                struct hone_onnx_tensor *x, int axis) {
    int64_t dim[HONE_MAX_RANK] = {0};
    int rank = hone_onnx_rank(im, x), batch = hone_onnx_batch_axis(x);
    for (int i = 0, at = 0; i < rank; i++)
        if (i != axis) dim[at++] = hone_onnx_dim(im, x, i);
    return hone_onnx_reshape_to(im, node, x, rank - 1, dim, batch - (axis < batch));
}

hone_status hone_onnx_flatten(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axis = hone_onnx_attr_int(node, "axis", 1);
    if (axis < 0) axis += hone_onnx_rank(im, x);
    if (axis < 1 || axis > hone_onnx_rank(im, x))
        return hone_fail(HONE_UNSUPPORTED, "axis %lld would mix the batch", (long long)axis);
    int64_t dim[2] = {1, 1};
    for (int i = 0; i < hone_onnx_rank(im, x); i++) dim[i >= axis] *= hone_onnx_dim(im, x, i);
    return hone_onnx_reshape_to(im, node, x, 2, dim, 0);
}

// ---- Reshape
// --------------------------------------------------------------------------------------------

// What a Reshape asks for, at one picture.
struct reshape_sizes {
    int rank, open; // open: the size of -1, or -1
    int64_t dim[HONE_MAX_RANK + 1];
    bool marked[HONE_MAX_RANK + 1], any_mark;
};

static hone_status reshape_read(struct hone_onnx_import *im, const HoneOnnx__Node *node,
                                const struct hone_onnx_tensor *x, const struct hone_onnx_const *c,
                                struct reshape_sizes *out) {
    bool zero_copies = !hone_onnx_attr_int(node, "allowzero", 0);
    int rank = hone_onnx_rank(im, x);
    int64_t have = 1, given = 1;
    *out = (struct reshape_sizes){.rank = (int)c->count, .open = -1};
    for (int i = 0; i < rank; i++) have *= hone_onnx_dim(im, x, i);
    for (int i = 0; i < out->rank; i++) {
        enum hone_onnx_mark mark = hone_onnx_const_mark(c, i);
        int64_t size = c->i[i];
        if (mark == HONE_MARK_MIXED)
            return hone_fail(HONE_UNSUPPORTED, "dimension %d depends on the batch size", i);
        if (size == 0 && zero_copies && (i >= rank || x->joined))
            return hone_fail(HONE_INVALID, "there is no dimension %d to copy", i);
        if (size == 0 && zero_copies) {
            size = hone_onnx_dim(im, x, i);
            out->marked[i] = x->perm[i] == 0;
        }
        out->marked[i] |= mark == HONE_MARK_BATCH;
        out->any_mark |= out->marked[i];
        out->dim[i] = size;
        if (size == -1) {
            if (out->open >= 0) return hone_fail(HONE_INVALID, "two dimensions of -1");
            out->open = i;
        } else if (size < 1 || size > INT32_MAX || (given *= size) > INT32_MAX) {
            return hone_fail(HONE_INVALID, "a dimension of %lld", (long long)size);
        }
    }
    // A file made for a fixed batch says it in numbers.
    if (im->file_batch > 1 && out->dim[0] % im->file_batch == 0 && !out->any_mark) {
        out->dim[0] /= im->file_batch;
        given /= im->file_batch;
    }
    if (out->open >= 0) {
        out->dim[out->open] = have / given;
        given *= have / given;
    }
    if (given == have) return HONE_OK;
    return hone_fail(HONE_INVALID, "%lld elements a picture cannot become %lld", (long long)have,
                     (long long)given);
}

// The axis of the new shape that holds the batch: it stands among the elements where it stood. Of
// those possible, in this order: what depends on the batch, the first axis, one of its own, that
// behind, joined. *behind: it is joined to the axis in front, as its faster part.
static hone_status reshape_find_batch(const struct hone_onnx_import *im,
                                      const struct hone_onnx_tensor *x,
                                      const struct reshape_sizes *s, int *axis, bool *behind) {
    int64_t front = 1, before = 1;
    int first = 0, last;
    for (int i = 0; x->perm[i] != 0; i++) front *= hone_onnx_dim(im, x, i);
    while (first < s->rank && before < front) before *= s->dim[first++];
    *behind = false;
    if (before != front)
        return hone_fail(HONE_UNSUPPORTED, "it would tear the pictures of a batch apart");
    for (last = first; last < s->rank && s->dim[last] == 1;) last++;
    *axis = first;
    for (int i = first; i <= last && i < s->rank; i++)
        if (s->marked[i]) {
            *axis = i;
            return HONE_OK;
        }
    if (first == 0) return HONE_OK;
    bool own = last > first, joins = first < s->rank - 1;
    bool open = !s->any_mark && s->open == first - 1;
    *behind = s->marked[first - 1] || open || !(own || joins);
    *axis = *behind ? first - 1 : first;
    return HONE_OK;
}

hone_status hone_onnx_reshape(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x, *shape;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    HONE_TRY(hone_onnx_input(im, node, 1, true, &shape));
    const struct hone_onnx_const *c = &shape->constant;
    if (shape->state != HONE_ONNX_CONST || !c->i)
        return hone_fail(HONE_UNSUPPORTED, "its shape '%s' must be constant integers", shape->name);
    if (c->count < 1 || c->count > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %lld are not supported",
                         (long long)c->count);
    struct reshape_sizes s;
    int batch;
    bool behind;
    HONE_TRY(hone_onnx_settle(im, x));
    HONE_TRY(reshape_read(im, node, x, c, &s));
    HONE_TRY(reshape_find_batch(im, x, &s, &batch, &behind));
    if (behind) {
        if (batch != 0 || s.rank == HONE_MAX_RANK)
            return hone_fail(HONE_UNSUPPORTED, "it would tear the pictures of a batch apart");
        memmove(s.dim + 2, s.dim + 1, (size_t)(s.rank++ - 1) * sizeof *s.dim);
        s.dim[batch = 1] = 1;
    }
    HONE_TRY(hone_onnx_reshape_to(im, node, x, s.rank, s.dim, batch));
    hone_onnx_name(im, node->output[0])->joined = behind;
    return HONE_OK;
}

// ---- Squeeze, Unsqueeze
// ---------------------------------------------------------------------------------

// Marks the axes that a list names, for squeeze (rank of x) and unsqueeze (rank of the result).
static hone_status shape_axes(const HoneOnnx__Node *node, int rank, const int64_t *axes, int count,
                              bool *named) {
    for (int k = 0; k < count; k++) {
        int64_t axis = axes[k] < 0 ? axes[k] + rank : axes[k];
        if (axis < 0 || axis >= rank || named[axis])
            return hone_fail(HONE_INVALID, "axis %lld of %s is wrong", (long long)axes[k],
                             hone_onnx_text(node->op_type));
        named[axis] = true;
    }
    return HONE_OK;
}

hone_status hone_onnx_squeeze(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axes[HONE_ONNX_NUMBERS_MOST], dim[HONE_MAX_RANK] = {0};
    int count, rank = hone_onnx_rank(im, x), left = 0, batch = 0;
    bool gone[HONE_MAX_RANK] = {false};
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    HONE_TRY(shape_axes(node, rank, axes, count, gone));
    for (int i = 0; i < rank; i++) {
        int64_t size = hone_onnx_dim(im, x, i);
        if (gone[i] && x->perm[i] == 0)
            return hone_fail(HONE_UNSUPPORTED, "the batch cannot be squeezed");
        if (gone[i] && size != 1)
            return hone_fail(HONE_INVALID, "axis %d of size %lld cannot go", i, (long long)size);
        if (gone[i] || (count == 0 && x->perm[i] != 0 && size == 1)) continue;
        if (x->perm[i] == 0) batch = left;
        dim[left++] = size;
    }
    return hone_onnx_reshape_to(im, node, x, left, dim, batch);
}

hone_status hone_onnx_unsqueeze(struct hone_onnx_import *im, const HoneOnnx__Node *node) {
    struct hone_onnx_tensor *x;
    HONE_TRY(hone_onnx_input_value(im, node, 0, &x));
    int64_t axes[HONE_ONNX_NUMBERS_MOST], dim[HONE_MAX_RANK] = {0};
    int count, batch = 0;
    HONE_TRY(hone_onnx_numbers(im, node, 1, "axes", axes, &count));
    int rank = hone_onnx_rank(im, x) + count;
    if (rank > HONE_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "tensors of rank %d are not supported", rank);
    bool is_new[HONE_MAX_RANK] = {false};
    HONE_TRY(shape_axes(node, rank, axes, count, is_new));
    for (int i = 0, from = 0; i < rank; i++) {
        if (!is_new[i] && x->perm[from] == 0) batch = i;
        dim[i] = is_new[i] ? 1 : hone_onnx_dim(im, x, from++);
    }
    return hone_onnx_reshape_to(im, node, x, rank, dim, batch);
}
