// row.h: a kernel row: one way to run an operator on a device. A row says what it needs, whether a
// node fits, and which dispatches compute it. Rows are pure: they see descs and caps, never a
// device.
#ifndef HONE_OPS_ROW_H
#define HONE_OPS_ROW_H

#include "base/caps.h"
#include "ir/op.h"
#include "kernels/kernels.h"

enum hone_operand_kind { HONE_OPERAND_INPUT, HONE_OPERAND_OUTPUT, HONE_OPERAND_SCRATCH };

// One buffer binding, in binding order. A range is bytes [offset, offset + bytes) of the operand;
// bytes 0 means the whole. Inputs are read only, unless the op updates them in place through an
// output.
struct hone_operand {
    enum hone_operand_kind kind;
    uint8_t index;
    uint64_t offset, bytes;
};

enum { HONE_DISPATCH_OPERANDS = 12, HONE_DISPATCH_SPECS = 24, HONE_DISPATCH_PUSH = 128 };

struct hone_dispatch {
    const struct hone_kernel *kernel;
    uint32_t grid[3]; // workgroups
    uint32_t spec[HONE_DISPATCH_SPECS];
    int spec_count;
    unsigned char push[HONE_DISPATCH_PUSH];
    int push_bytes;
    struct hone_operand operands[HONE_DISPATCH_OPERANDS];
    int operand_count;
    uint32_t subgroup; // full subgroups of exactly this size; 0: any
};

// What setup() fills: a short list of dispatches, run in order, each seeing the writes of those
// before it.
enum { HONE_LAUNCH_DISPATCHES = 24, HONE_LAUNCH_SCRATCH = 3 };
struct hone_launch {
    struct hone_dispatch dispatches[HONE_LAUNCH_DISPATCHES];
    int dispatch_count;
    uint64_t scratch_bytes[HONE_LAUNCH_SCRATCH]; // private buffers of this node, 0: unused
};

// `tile` picks among the ways in which a row can cut its work: an index that the row's tile()
// knows, or HONE_TILE_DEFAULT for the row's own choice. Rows without a choice ignore it.
enum { HONE_TILE_DEFAULT = 0, HONE_TILE_NAME = 48 };
struct hone_conv_parts; // ops/conv_launch.h
struct hone_row_args {
    const struct hone_infer_args *node; // attrs and descs
    const struct hone_caps *caps;
    int tile;
    struct hone_conv_parts *parts; // of rows of conv2d that conv2d_stats sets up; else NULL
};

struct hone_op_row {
    const char *name;                               // "cpu", "plain", "vec4": unique within the op
    uint32_t needs;                                 // enum hone_feature bits
    bool (*fits)(const struct hone_row_args *args); // NULL: always
    hone_status (*setup)(const struct hone_row_args *args, struct hone_launch *launch);
    // Tile k = 1, 2, ... of this row for this node: writes its name ("128x64x16", stable: tuning
    // records hold it) and returns true; false past the last. setup() takes each of them. NULL: one
    // way only.
    bool (*tile)(const struct hone_row_args *args, int k, char name[HONE_TILE_NAME]);
    bool test_only; // never chosen: it proves the code of another row where that can't run
};

// Helpers for setup(). hone_launch_add() appends a dispatch of the named kernel; binding and spec
// counts and the push size must be those of the kernel table (checked in exec). NULL with the error
// set when the kernel is unknown or the list is full.
struct hone_dispatch *hone_launch_add(struct hone_launch *launch, const char *kernel);
void hone_dispatch_spec(struct hone_dispatch *dispatch, uint32_t value);
void hone_dispatch_spec_f32(struct hone_dispatch *dispatch, float value);
void hone_dispatch_push(struct hone_dispatch *dispatch, const void *data, int bytes);
void hone_dispatch_in(struct hone_dispatch *dispatch, int input);
void hone_dispatch_out(struct hone_dispatch *dispatch, int output);
void hone_dispatch_scratch(struct hone_dispatch *dispatch, int index);
// Sets the grid for `threads` invocations in groups of `group`, folded into x and y so that no axis
// exceeds 65,535. Kernels compute their index as (gid.y * num_groups.x + gid.x) * group + lid.
void hone_dispatch_linear(struct hone_dispatch *dispatch, uint64_t threads, uint32_t group);

// The first row that fits and isn't for tests only, or NULL. `skip` names rows to pass over (may be
// NULL; NULL-terminated).
const struct hone_op_row *hone_row_select(const struct hone_op *op,
                                          const struct hone_row_args *args,
                                          const char *const *skip);

#endif
