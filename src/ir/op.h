// op.h: the type of an operator definition. ir/ knows this type; ops/ holds the definitions.
//
// An operator is a pure function of tensors and of a small struct of attributes. `ref` defines what
// it computes, in double; `grad` says its derivative as further nodes; `rows` lists its kernels.
#ifndef HONE_IR_OP_H
#define HONE_IR_OP_H

#include "base/error.h"
#include "ir/tensor.h"

struct hone_graph;
struct hone_node;
struct hone_op_row; // ops/row.h
struct hone_absorb; // ir/fuse.h

typedef uint32_t hone_value; // index of a value in its graph
#define HONE_NO_VALUE UINT32_MAX

// One member of an attribute struct: gives the text form, equality and printing.
enum hone_field_type { HONE_FIELD_I32, HONE_FIELD_F32 };
struct hone_field {
    const char *name;
    uint16_t offset;
    uint8_t type;  // enum hone_field_type
    uint8_t count; // array length, 1 for a plain member
};
#define HONE_FIELD(struct_, member, type_, count_)                                                 \
    { #member, offsetof(struct struct_, member), type_, count_ }

enum { HONE_OP_MAX_OUTPUTS = 8, HONE_OP_VARIADIC = 255 };

// Shape inference. Inputs that are absent (optional) have rank -1. Fill out[0..outputs) or fail
// with a message that names the wrong dimension; the graph adds the node's name.
struct hone_infer_args {
    const void *attrs;
    int input_count;
    const struct hone_desc *in;
    struct hone_desc *out;
};

// Reference evaluation: elements of every dtype as doubles. Absent inputs are NULL. Outputs come
// uninitialised (NaN) and must be written whole.
struct hone_ref_args {
    const void *attrs;
    int input_count;
    const struct hone_desc *in_desc;
    const double *const *in;
    const struct hone_desc *out_desc;
    double *const *out;
};

// What a node costs, for the profiler and the tuner: floating-point operations and bytes that must
// move at least once.
struct hone_cost {
    double flops;
    double bytes;
};

// Aliasing: "value `inner` lies inside value `outer`, at `offset` bytes".
//   HONE_ALIAS_VIEW     the output is a window of an input; no kernel runs
//   HONE_ALIAS_PACK     input k lies inside the output; no kernel runs for inputs that the planner
//   placed HONE_ALIAS_IN_PLACE the output may overwrite the input when nobody reads the input
//   afterwards HONE_ALIAS_UPDATE   the same, but required: the output is the next content of a
//   state
enum hone_alias_kind { HONE_ALIAS_VIEW, HONE_ALIAS_PACK, HONE_ALIAS_IN_PLACE, HONE_ALIAS_UPDATE };
struct hone_alias {
    enum hone_alias_kind kind;
    int input, output;
    uint64_t offset_bytes;
    bool alone; // IN_PLACE: only where no other input lies in the same bytes
};

enum hone_op_flag {
    HONE_OP_NO_GRAD = 1 << 0, // gradients do not flow through it; asking for one is an error
    HONE_OP_VIEW = 1 << 1,    // every output is a view: no kernel rows
    HONE_OP_PACK = 1 << 2,    // HONE_ALIAS_PACK applies; the rows copy what could not be placed
    HONE_OP_COMPUTE = 1 << 3, // worth casting its data to 16 bits for (ir/pass_cast.h)
};

struct hone_op {
    const char *name;
    uint8_t inputs_min, inputs_max; // inputs_max may be HONE_OP_VARIADIC
    uint8_t outputs;
    uint32_t flags; // enum hone_op_flag
    uint16_t attrs_bytes;
    const struct hone_field *fields;
    int field_count;

    hone_status (*infer)(const struct hone_infer_args *args);

    // Emits nodes into `graph` that compute the gradients of the node's inputs. dout[i] is the
    // gradient of output i or HONE_NO_VALUE; din[i] comes as HONE_NO_VALUE and is set for each
    // input that has a gradient and for which want[i] is true. Failures stick to the graph.
    void (*grad)(struct hone_graph *graph, const struct hone_node *node, const hone_value *dout,
                 const bool *want, hone_value *din);

    void (*ref)(const struct hone_ref_args *args);
    struct hone_cost (*cost)(const struct hone_infer_args *args);

    // The k-th alias relation of the node, k = 0, 1, ...; false when there are no more. May be
    // NULL.
    bool (*alias)(const struct hone_infer_args *args, int k, struct hone_alias *out);

    // Can the node be computed a few steps of axis 0 of out[0] (pictures) at a time, as the same op
    // on shorter tensors? Then sets a bit for each input and output that is cut along its own axis
    // 0; the others are taken whole. Where tensors exceed what a device binds. May be NULL: no.
    bool (*slices)(const struct hone_infer_args *args, uint32_t *inputs, uint32_t *outputs);
    // Each such part begins at a multiple of so many steps. NULL: 1.
    int64_t (*slice_step)(const struct hone_infer_args *args);

    // Mixed precision (ir/pass_cast.h): bits of the inputs that may be f16 or bf16, all of one
    // type, while the others stay f32; infer says which outputs follow. 0: f32 only.
    uint32_t data_inputs;
    // Changes the attributes so that output 0 is f32 though the data is 16-bit. May be NULL.
    void (*widen)(void *attrs);

    // Fusion: the ways in which a node of this op takes in a neighbour (ir/fuse.h).
    const struct hone_absorb *absorbs;
    int absorb_count;

    const struct hone_op_row *rows; // first fit wins
    int row_count;
};

#endif
