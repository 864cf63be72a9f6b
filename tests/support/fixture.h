// fixture.h: a test with a folder of its own and with hone's warnings kept: FIXTURE_TEST(test) gives each test an
// empty `test_dir` and empty `test_warnings`, and removes the folder afterwards.
#ifndef HONE_TESTS_FIXTURE_H
#define HONE_TESTS_FIXTURE_H

#include "support/support.h"

extern char test_dir[256];
extern char test_warnings[8192]; // lines, each ended by \n; hone_log_set() is not needed

int test_fixture_setup(void **state);
int test_fixture_teardown(void **state);

#define FIXTURE_TEST(name)                                                                         \
    cmocka_unit_test_setup_teardown(name, test_fixture_setup, test_fixture_teardown)

#endif
