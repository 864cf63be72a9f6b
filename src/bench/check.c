// check.c: a silent fall to the plain kernel is a bug: where an operator has faster rows for a
// device to choose from, the last resort is reported with the node and the reason.
#include "bench/internal.h"

#include <string.h>

// The operators whose plain row costs far more than it need: a number of rows stands before it.
static bool has_faster_rows(const char *op) {
    static const char *const names[] = {"conv2d", "conv2d_bwd_x", "conv2d_bwd_w", "matmul"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(names[i], op) == 0) return true;
    return false;
}

hone_status hone_bench_check_plain(struct hone_program *program) {
    for (int i = 0; i < hone_program_node_count(program); i++) {
        struct hone_program_node node;
        HONE_TRY(hone_program_node(program, i, &node));
        if (strcmp(node.row, "plain") == 0 && !node.tuned && has_faster_rows(node.op))
            return hone_fail(HONE_UNSUPPORTED,
                             "node '%s' (%s) runs on the plain kernel (%s); --allow-plain times it "
                             "all the same",
                             node.name, node.op, node.reason);
    }
    return HONE_OK;
}
