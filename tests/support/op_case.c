// op_case.c: see op_case.h.
#include "support/op_case.h"

#include "support/support.h"

void op_eval_init(struct hone_case_eval *eval, const struct hone_case *test) {
    if (hone_case_init(eval, test) != HONE_OK) fail_msg("%s", hone_error_message());
}
