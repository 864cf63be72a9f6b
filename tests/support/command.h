// command.h: runs the built hone command as a user would, and keeps what it said. One call runs one
// process to its end, with a time limit, so that a command that hangs is a failure and not a stop;
// or several are started, and then finished one after the other.
#ifndef HONE_TESTS_COMMAND_H
#define HONE_TESTS_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "support/support.h"

// How to run it; NULL or all zero: as the test itself runs.
struct command_how {
    const char *program;    // below the build's folder; NULL: "hone"
    const char *env[4];     // "NAME=value", added to the environment; ends at NULL
    const char *interrupt;  // once this text stands in stdout, SIGINT is sent, once
    int kill_after_ms;      // SIGKILL so long after the start, unless it has ended; 0: never
    unsigned long max_file; // bytes a file may have before writes fail, as on a full disk; 0: any
    bool nobody;            // without the rights of root
};

struct command_result {
    int code; // exit code; 128 + number when a signal ended it
    char *out, *err;
};

// Arguments after "hone", ended by NULL. Fails the test when the process cannot be started or runs
// longer than five minutes (more in a build that counts or watches itself; HONE_TEST_PATIENCE=N: N
// times that). `result` is freed by the next run with it, and by command_deinit().
void command_run(const struct command_how *how, const char *const *args,
                 struct command_result *result);
#define command_hone(how, result, ...)                                                             \
    command_run(how, (const char *const[]){__VA_ARGS__, NULL}, result)
// The two halves of it.
struct command_running {
    pid_t pid;
    int out, err; // what it says
};
void command_start(const struct command_how *how, const char *const *args,
                   struct command_running *running);
void command_finish(const struct command_how *how, const struct command_running *running,
                    struct command_result *result);
void command_deinit(struct command_result *result);
// Of a test that worked in the temporary folder `dir`: leaves and removes it. 0, or 1 on failure.
int command_leave(struct command_result *result, const char *dir);

// Fails the test unless the command ended with this code and said one line on stderr that begins
// with "hone: " and contains `text`.
void command_expect_line(const struct command_result *result, int code, const char *text);
// Fails the test, and shows what the command said, unless the code is 0.
void command_expect_success(const struct command_result *result);
// Fails the test unless the text (out or err) contains `part`.
void command_expect_text(const char *text, const char *part);

#endif
