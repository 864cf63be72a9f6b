// ops.c: the registry made from ops.def, and what several families share.
#include "ops/ops.h"

#include <string.h>

const struct hone_op *const hone_ops[] = {
#define HONE_OP(name) &hone_op_##name,
#include "ops/ops.def"
#undef HONE_OP
};
const int hone_op_count = sizeof hone_ops / sizeof *hone_ops;

const struct hone_op *hone_op_find(const char *name) {
    for (int i = 0; i < hone_op_count; i++)
        if (strcmp(hone_ops[i]->name, name) == 0) return hone_ops[i];
    return NULL;
}

const struct hone_grad_ops hone_ops_for_gradients = {&hone_op_add, &hone_op_fill};
