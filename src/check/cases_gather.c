// cases_gather.c: tables of positions: elements that many read, few, or nobody; in fours and not.
#include "check/case.h"

// Places in a table: some early ones often, some never.
static void fill_index(double *const *in, double *out, int64_t count) {
    (void)in;
    for (int64_t i = 0; i < count; i++) out[i] = (double)((i * i + 3 * i) % 23);
}

// The places of the list `index` by the element that they take, which are fewer than 64.
static void sorted(const double *index, int64_t count, double *order, double *start,
                   int64_t elements) {
    int64_t at = 0;
    for (int64_t e = 0; e < elements; e++) {
        if (start) start[e] = (double)at;
        for (int64_t i = 0; i < count; i++) {
            if ((int64_t)index[i] != e) continue;
            if (order) order[at] = (double)i;
            at++;
        }
    }
    if (start) start[elements] = (double)at;
}

// Of input 1.
static void fill_order(double *const *in, double *out, int64_t count) {
    sorted(in[1], count, out, NULL, 64);
}

// Of the list that fill_index makes, whose length input `first` has.
#define FILL_START(name, length)                                                                   \
    static void name(double *const *in, double *out, int64_t count) {                              \
        double index[length];                                                                      \
        (void)in;                                                                                  \
        fill_index(in, index, length);                                                             \
        sorted(index, length, NULL, out, count - 1);                                               \
    }
FILL_START(start_of_140, 140)
FILL_START(start_of_77, 77)
static void order_of_140(double *const *in, double *out, int64_t count) {
    double index[140];
    fill_index(in, index, 140);
    sorted(index, count, out, NULL, 64);
}

static const struct hone_shape_attrs table = {.rank = 2, .dim = {13, 3}};

const struct hone_case hone_cases_gather[] = {
    {.op = &hone_op_gather,
     .name = "pairs of a window, fours",
     .input_count = 4,
     .in = {{.desc = OP_F32(13, 3), .grad = true},
            {.desc = OP_F32(5, 7, 4), .fill = fill_index},
            {.desc = OP_F32(140), .fill = fill_order},
            {.desc = OP_F32(40), .fill = start_of_140}},
     .tolerance = {.exact = true}},
    {.op = &hone_op_gather,
     .name = "odd",
     .input_count = 4,
     .in = {{.desc = OP_F32(29), .grad = true},
            {.desc = OP_F32(7, 11), .fill = fill_index},
            {.desc = OP_F32(77), .fill = fill_order},
            {.desc = OP_F32(30), .fill = start_of_77}},
     .tolerance = {.exact = true}},
    {.op = &hone_op_gather_bwd,
     .name = "a table",
     .attrs = &table,
     .input_count = 3,
     .in = {{.desc = OP_F32(5, 7, 4)},
            {.desc = OP_F32(140), .fill = order_of_140},
            {.desc = OP_F32(40), .fill = start_of_140}},
     .tolerance = {.reduction = 16}},
    {.op = NULL},
};
