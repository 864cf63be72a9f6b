// op_case.h: the cases of check/case.h for tests: what can fail there fails the running test.
#ifndef HONE_TESTS_OP_CASE_H
#define HONE_TESTS_OP_CASE_H

#include "check/case.h"

void op_eval_init(struct hone_case_eval *eval, const struct hone_case *test);

#endif
