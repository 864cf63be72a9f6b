// onnx_fold_index.c: operators that move elements of constants, or make them by their places.
#include "formats/onnx_fold.h"

#include <math.h>
#include <string.h>

// Elements of `data` in front of an axis and behind it.
static void fold_around(const struct hone_onnx_const *data, int axis, int64_t *front,
                        int64_t *behind) {
    *front = *behind = 1;
    for (int d = 0; d < data->rank; d++)
        if (d != axis) *(d < axis ? front : behind) *= data->dim[d];
}

hone_status hone_onnx_fold_gather(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *data = a->in[0], *index = a->in[1];
    int axis;
    HONE_TRY(hone_onnx_fold_axis(a, 0, data->rank, &axis));
    int rank = data->rank - 1 + index->rank;
    if (!index->i || rank > HONE_ONNX_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "its places must be integers, of few dimensions");
    a->out->rank = rank;
    for (int d = 0; d < rank; d++)
        a->out->dim[d] = d < axis                 ? data->dim[d]
                         : d < axis + index->rank ? index->dim[d - axis]
                                                  : data->dim[d - index->rank + 1];
    struct hone_onnx_fold_copy copy;
    HONE_TRY(hone_onnx_fold_copy_init(a, data, &copy));
    if (!data->places) HONE_TRY(hone_onnx_fold_places(a, &copy));
    int64_t front, behind, size = data->dim[axis];
    fold_around(data, axis, &front, &behind);
    if (a->out->count == 0) front = 0; // nothing moves; places are checked all the same
    for (int64_t k = 0; k < index->count; k++) {
        int64_t at;
        HONE_TRY(hone_onnx_const_place(index, k, size, &at));
        for (int64_t z = 0; z < front; z++) {
            int64_t to = (z * index->count + k) * behind;
            for (int64_t e = 0; e < behind; e++)
                hone_onnx_fold_move(&copy, to + e, (z * size + at) * behind + e);
        }
    }
    return HONE_OK;
}

static int64_t clamp(int64_t value, int64_t least, int64_t most) {
    return value < least ? least : value > most ? most : value;
}

// First element, step and their number along an axis of `size`.
struct fold_cut {
    int64_t start, step, count;
};

static hone_status fold_cut_of(int64_t start, int64_t end, int64_t step, int64_t size,
                               struct fold_cut *out) {
    if (step == 0 || step < -INT32_MAX || step > INT32_MAX)
        return hone_fail(HONE_INVALID, "a step of %lld", (long long)step);
    if (start < 0) start = start < -size ? -1 : start + size;
    if (end < 0) end = end < -size ? -1 : end + size;
    start = step > 0 ? clamp(start, 0, size) : clamp(start, -1, size - 1);
    end = step > 0 ? clamp(end, 0, size) : clamp(end, -1, size - 1);
    int64_t count = step > 0 ? (end - start + step - 1) / step : (start - end - step - 1) / -step;
    *out = (struct fold_cut){start, step, count < 0 ? 0 : count};
    return HONE_OK;
}

hone_status hone_onnx_fold_slice(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    struct hone_onnx_fold_list starts, ends, axes, steps;
    HONE_TRY(hone_onnx_fold_list(a, 1, "starts", &starts));
    HONE_TRY(hone_onnx_fold_list(a, 2, "ends", &ends));
    HONE_TRY(hone_onnx_fold_list(a, 3, "axes", &axes));
    HONE_TRY(hone_onnx_fold_list(a, 4, "steps", &steps));
    const struct hone_onnx_const *data = a->in[0];
    if (starts.count != ends.count || (axes.count && axes.count != starts.count) ||
        (steps.count && steps.count != starts.count) || starts.count > data->rank)
        return hone_fail(HONE_INVALID, "its lists differ in length");
    struct fold_cut cut[HONE_ONNX_MAX_RANK];
    int64_t stride[HONE_ONNX_MAX_RANK], along[HONE_ONNX_MAX_RANK] = {0};
    for (int d = data->rank - 1, s = 1; d >= 0; s *= (int)data->dim[d], d--) {
        cut[d] = (struct fold_cut){0, 1, data->dim[d]};
        stride[d] = s;
    }
    for (int64_t k = 0; k < starts.count; k++) {
        int64_t axis = axes.count ? axes.data[k] : k;
        if (axis < 0) axis += data->rank;
        if (axis < 0 || axis >= data->rank) return hone_fail(HONE_INVALID, "a wrong axis");
        HONE_TRY(fold_cut_of(starts.data[k], ends.data[k], steps.count ? steps.data[k] : 1,
                             data->dim[axis], &cut[axis]));
    }
    a->out->rank = data->rank;
    for (int d = 0; d < data->rank; d++) a->out->dim[d] = cut[d].count;
    struct hone_onnx_fold_copy copy;
    HONE_TRY(hone_onnx_fold_copy_init(a, data, &copy));
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t from = 0;
        for (int d = 0; d < data->rank; d++)
            from += (cut[d].start + along[d] * cut[d].step) * stride[d];
        hone_onnx_fold_move(&copy, k, from);
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}

hone_status hone_onnx_fold_concat(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, a->input_count ? a->input_count : 1));
    const struct hone_onnx_const *first = a->in[0];
    int axis;
    bool real = first->f != NULL, marks = false;
    int64_t front, behind, at = 0;
    HONE_TRY(hone_onnx_fold_axis(a, 0, first->rank, &axis));
    *a->out = (struct hone_onnx_const){.rank = first->rank};
    memcpy(a->out->dim, first->dim, sizeof first->dim);
    for (int k = 0; k < a->input_count; k++) {
        const struct hone_onnx_const *x = a->in[k];
        bool fits = x->rank == first->rank && (x->f != NULL) == real;
        for (int d = 0; d < first->rank && fits; d++)
            fits = d == axis || x->dim[d] == first->dim[d];
        if (!fits) return hone_fail(HONE_INVALID, "its constants differ in type or shape");
        marks |= x->marks != NULL;
        if (k > 0) a->out->dim[axis] += x->dim[axis];
    }
    struct hone_onnx_fold_copy copy = {.src = first};
    HONE_TRY(hone_onnx_fold_alloc(a, real, marks, &copy.f, &copy.i, &copy.m));
    if (a->out->count == 0) return HONE_OK;
    fold_around(first, axis, &front, &behind);
    for (int64_t z = 0; z < front; z++)
        for (int k = 0; k < a->input_count; k++) {
            int64_t run = a->in[k]->dim[axis] * behind;
            copy.src = a->in[k];
            for (int64_t e = 0; e < run; e++) hone_onnx_fold_move(&copy, at++, z * run + e);
        }
    return HONE_OK;
}

hone_status hone_onnx_fold_range(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 3));
    double v[3];
    bool real = a->in[0]->f != NULL, marked = false;
    for (int k = 0; k < 3; k++) {
        if (a->in[k]->count != 1 || (a->in[k]->f != NULL) != real)
            return hone_fail(HONE_UNSUPPORTED, "a range of no single numbers");
        marked |= hone_onnx_const_marked(a->in[k]);
        v[k] = hone_onnx_const_number(a->in[k], 0);
    }
    double count = v[2] != 0 ? ceil((v[1] - v[0]) / v[2]) : -1;
    if (!(count <= INT32_MAX) || v[2] == 0) return hone_fail(HONE_INVALID, "a step of %g", v[2]);
    a->out->rank = 1;
    a->out->dim[0] = count > 0 ? (int64_t)count : 0;
    float *f;
    int64_t *i;
    uint8_t *m;
    HONE_TRY(hone_onnx_fold_alloc(a, real, marked, &f, &i, &m));
    for (int64_t k = 0; k < a->out->count; k++) {
        if (f)
            f[k] = (float)(v[0] + (double)k * v[2]);
        else
            i[k] = (int64_t)(v[0] + (double)k * v[2]);
        if (m) m[k] = HONE_MARK_MIXED; // as many as at one picture: who takes it must know
    }
    return HONE_OK;
}

// data with `updates` at places: index (..., q) names the first q axes.
hone_status hone_onnx_fold_scatter_nd(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 3));
    const struct hone_onnx_const *data = a->in[0], *index = a->in[1], *updates = a->in[2];
    int64_t depth = index->rank > 0 ? index->dim[index->rank - 1] : 0, run = 1;
    const char *reduction = "reduction";
    bool plain = !hone_onnx_attr(a->node, reduction) || hone_onnx_attr_is(a->node, reduction, "") ||
                 hone_onnx_attr_is(a->node, reduction, "none");
    if (!plain || !index->i || depth < 1 || depth > data->rank ||
        (data->f != NULL) != (updates->f != NULL) || hone_onnx_const_marked(index))
        return hone_fail(HONE_UNSUPPORTED, "only plain writes of constants at known places");
    for (int d = (int)depth; d < data->rank; d++) run *= data->dim[d];
    a->out->rank = data->rank;
    memcpy(a->out->dim, data->dim, sizeof data->dim);
    struct hone_onnx_fold_copy copy = {.src = data};
    HONE_TRY(hone_onnx_fold_alloc(a, data->f != NULL, data->marks || updates->marks, &copy.f,
                                  &copy.i, &copy.m));
    if (updates->count != index->count / depth * run)
        return hone_fail(HONE_INVALID, "%lld updates for %lld places", (long long)updates->count,
                         (long long)(index->count / depth));
    for (int64_t k = 0; k < a->out->count; k++) hone_onnx_fold_move(&copy, k, k);
    copy.src = updates;
    for (int64_t k = 0; k < index->count / depth; k++) {
        int64_t to = 0;
        for (int64_t d = 0; d < depth; d++) {
            int64_t at;
            HONE_TRY(hone_onnx_const_place(index, k * depth + d, data->dim[d], &at));
            to = to * data->dim[d] + at;
        }
        for (int64_t e = 0; e < run; e++) hone_onnx_fold_move(&copy, to * run + e, k * run + e);
    }
    return HONE_OK;
}

// To the batch a constant is not repeated: whoever takes it does that.
hone_status hone_onnx_fold_tile(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *data = a->in[0], *times = a->in[1];
    if (!times->i || times->count != data->rank)
        return hone_fail(HONE_INVALID, "%lld repeats of rank %d", (long long)times->count,
                         data->rank);
    a->out->rank = data->rank;
    for (int d = 0; d < data->rank; d++) {
        enum hone_onnx_mark mark = hone_onnx_const_mark(times, d);
        if (mark == HONE_MARK_MIXED || (mark == HONE_MARK_BATCH && (d > 0 || times->i[d] != 1)))
            return hone_fail(HONE_UNSUPPORTED, "its repeats depend on the batch size");
        if (times->i[d] < 0 || times->i[d] > INT32_MAX)
            return hone_fail(HONE_INVALID, "%lld repeats", (long long)times->i[d]);
        a->out->dim[d] = data->dim[d] * times->i[d];
    }
    struct hone_onnx_fold_copy copy;
    HONE_TRY(hone_onnx_fold_copy_init(a, data, &copy));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t from = 0;
        for (int d = 0; d < data->rank; d++) from = from * data->dim[d] + along[d] % data->dim[d];
        hone_onnx_fold_move(&copy, k, from);
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}

hone_status hone_onnx_fold_where(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 3));
    const struct hone_onnx_const *c = a->in[0], *x = a->in[1], *y = a->in[2];
    if (!c->i || (x->f != NULL) != (y->f != NULL))
        return hone_fail(HONE_INVALID, "its inputs differ in type");
    struct hone_onnx_const both = {.rank = 0};
    HONE_TRY(hone_onnx_fold_broadcast(x, y, &both));
    HONE_TRY(hone_onnx_fold_broadcast(c, &both, a->out));
    struct hone_onnx_fold_copy copy = {.src = x};
    HONE_TRY(
        hone_onnx_fold_alloc(a, x->f != NULL, x->marks || y->marks, &copy.f, &copy.i, &copy.m));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        copy.src = c->i[hone_onnx_fold_offset(c, a->out->rank, along)] ? x : y;
        hone_onnx_fold_move(&copy, k, hone_onnx_fold_offset(copy.src, a->out->rank, along));
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}

// Nor here.
hone_status hone_onnx_fold_expand(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 2));
    const struct hone_onnx_const *x = a->in[0], *shape = a->in[1];
    struct hone_onnx_const to = {.rank = (int)shape->count};
    if (!shape->i || shape->count > HONE_ONNX_MAX_RANK)
        return hone_fail(HONE_UNSUPPORTED, "its shape is no list of a few integers");
    for (int d = 0; d < to.rank; d++) {
        enum hone_onnx_mark mark = hone_onnx_const_mark(shape, d);
        if (mark == HONE_MARK_MIXED || (mark == HONE_MARK_BATCH && (d > 0 || shape->i[d] != 1)))
            return hone_fail(HONE_UNSUPPORTED, "its shape depends on the batch size");
        to.dim[d] = mark == HONE_MARK_BATCH ? 1 : shape->i[d];
    }
    HONE_TRY(hone_onnx_fold_broadcast(x, &to, a->out));
    struct hone_onnx_fold_copy copy;
    HONE_TRY(hone_onnx_fold_copy_init(a, x, &copy));
    int64_t along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t k = 0; k < a->out->count; k++) {
        hone_onnx_fold_move(&copy, k, hone_onnx_fold_offset(x, a->out->rank, along));
        hone_onnx_fold_next(a->out, along);
    }
    return HONE_OK;
}

hone_status hone_onnx_fold_transpose(const struct hone_onnx_fold_args *a) {
    HONE_TRY(hone_onnx_fold_need(a, 1));
    const struct hone_onnx_const *data = a->in[0];
    int rank = data->rank;
    int32_t perm[HONE_ONNX_MAX_RANK];
    HONE_TRY(hone_onnx_attr_sizes(a->node, "perm", (size_t)rank, 0, rank - 1, -1, perm));
    int64_t stride[HONE_ONNX_MAX_RANK], along[HONE_ONNX_MAX_RANK] = {0};
    for (int64_t d = rank - 1, s = 1; d >= 0; s *= data->dim[d], d--) stride[d] = s;
    a->out->rank = rank;
    bool seen[HONE_ONNX_MAX_RANK] = {false};
    for (int d = 0; d < rank; d++) {
        if (perm[d] < 0) perm[d] = rank - 1 - d;
        if (seen[perm[d]]) return hone_fail(HONE_INVALID, "perm names an axis twice");
        seen[perm[d]] = true;
        a->out->dim[d] = data->dim[perm[d]];
    }
    struct hone_onnx_fold_copy copy;
    HONE_TRY(hone_onnx_fold_copy_init(a, data, &copy));
    for (int64_t k = 0; k < a->out->count; k++) {
        int64_t from = 0;
        for (int d = 0; d < rank; d++) from += along[d] * stride[perm[d]];
        hone_onnx_fold_move(&copy, k, from);
        for (int d = rank - 1; d >= 0 && ++along[d] == a->out->dim[d]; d--) along[d] = 0;
    }
    return HONE_OK;
}
