// support.h: what the tests share: cmocka in the order that it wants, paths, and short asserts for statuses.
#ifndef HONE_TESTS_SUPPORT_H
#define HONE_TESTS_SUPPORT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <hone/base.h>

#include "base/error.h"

// Fails the test with hone's message.
#define assert_ok(expression)                                                                      \
    do {                                                                                           \
        hone_status assert_status_ = (expression);                                                 \
        if (assert_status_ != HONE_OK)                                                             \
            fail_msg("%s: %s: %s", #expression, hone_status_name(assert_status_),                  \
                     hone_error_message());                                                        \
    } while (0)

// Expects this status and a message that contains `text`.
void test_expect_failure(hone_status got, hone_status want, const char *text);

// The folder of shared data (real weights and photographs): $HONE_SHARED, else ../shared beside the
// source tree. NULL, with a line on stderr saying so, when it is absent: the test then calls skip().
const char *test_shared_dir(void);

// A fresh, empty folder for this test, removed by test_temp_remove().
void test_temp_dir(char path[256]);
void test_temp_remove(const char *path);

#endif
