// command.c: see command.h. A child with two pipes, read as they fill.
#include "support/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

enum { COMMAND_SECONDS = 300 * HONE_TEST_PATIENCE, COMMAND_NOBODY = 65534 };

struct stream {
    int fd;
    char *text;
    size_t length;
};

// What a driver leaked has no name once it is unloaded, so that lsan.supp cannot tell it from leaks
// of ours: the sanitizer looks for leaks only in commands that open no driver.
static void limit_leak_checks(const char *const *args) {
    const char *given = getenv("ASAN_OPTIONS");
    char options[512];
    for (size_t i = 0; args[i]; i++)
        if (strcmp(args[i], "ref") == 0 || strcmp(args[i], "inspect") == 0) return;
    snprintf(options, sizeof options, "%s%sdetect_leaks=0", given ? given : "", given ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
}

// In the child; ends it with code 126 where something is refused.
static void become_command(const struct command_how *how, const char *const *args) {
    char path[1024];
    const char *argv[64] = {path};
    size_t count = 1;
    snprintf(path, sizeof path, "%s/%s", HONE_BINARY_DIR,
             how && how->program ? how->program : "hone");
    while (args[count - 1] && count < 63) {
        argv[count] = args[count - 1];
        count++;
    }
    limit_leak_checks(args);
    // Opened before rights are dropped: the build may lie below a folder that only its owner
    // enters.
    int program = open(argv[0], O_RDONLY | O_CLOEXEC);
    if (program < 0) _exit(127);
    for (size_t i = 0; how && i < 4 && how->env[i]; i++) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(how->env[i], "="), how->env[i]);
        setenv(name, strchr(how->env[i], '=') + 1, 1);
    }
    // What a coverage build counts could not be written.
    if (how && (how->max_file || how->nobody)) setenv("GCOV_PREFIX", "/dev/null", 1);
    if (how && how->max_file) {
        struct rlimit limit = {how->max_file, how->max_file};
        signal(SIGXFSZ, SIG_IGN); // the write then fails with an error, as on a full disk
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(126);
    }
    if (how && how->nobody && (setgid(COMMAND_NOBODY) != 0 || setuid(COMMAND_NOBODY) != 0))
        _exit(126);
    fexecve(program, (char *const *)argv, environ);
    _exit(127);
}

static void read_some(struct stream *s) {
    s->text = realloc(s->text, s->length + 4097);
    if (!s->text) abort();
    ssize_t got = read(s->fd, s->text + s->length, 4096);
    if (got < 0 && errno == EINTR) return;
    if (got <= 0) {
        close(s->fd);
        s->fd = -1;
        got = 0;
    }
    s->length += (size_t)got;
    s->text[s->length] = 0;
}

static long now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (long)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

// What a command may take here; HONE_TEST_PATIENCE=N, on a machine that does much else: N times it.
static int command_seconds(void) {
    const char *text = getenv("HONE_TEST_PATIENCE");
    int times = text ? atoi(text) : 1;
    return COMMAND_SECONDS * (times < 1 ? 1 : times > 100 ? 100 : times);
}

static void follow(pid_t child, const char *interrupt, int kill_after_ms,
                   struct stream streams[2]) {
    int seconds = command_seconds();
    time_t end = time(NULL) + seconds;
    long kill_at = now_ms() + kill_after_ms;
    while (streams[0].fd >= 0 || streams[1].fd >= 0) {
        struct pollfd polls[2] = {{.fd = streams[0].fd, .events = POLLIN},
                                  {.fd = streams[1].fd, .events = POLLIN}};
        long left = kill_at - now_ms();
        poll(polls, 2, kill_after_ms && left < 1000 ? (left > 0 ? (int)left : 0) : 1000);
        if (kill_after_ms && now_ms() >= kill_at) {
            kill(child, SIGKILL);
            kill_after_ms = 0;
        }
        for (int i = 0; i < 2; i++)
            if (polls[i].fd >= 0 && polls[i].revents) read_some(&streams[i]);
        if (interrupt && streams[0].text && strstr(streams[0].text, interrupt)) {
            kill(child, SIGINT);
            interrupt = NULL;
        }
        if (time(NULL) > end) {
            kill(child, SIGKILL);
            waitpid(child, NULL, 0);
            fail_msg("hone ran for more than %d seconds; it said:\n%s%s", seconds,
                     streams[0].text ? streams[0].text : "",
                     streams[1].text ? streams[1].text : "");
        }
    }
}

void command_start(const struct command_how *how, const char *const *args,
                   struct command_running *running) {
    int out[2], err[2];
    assert_int_equal(pipe(out), 0);
    assert_int_equal(pipe(err), 0);
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        dup2(err[1], STDERR_FILENO);
        close(out[0]), close(out[1]), close(err[0]), close(err[1]);
        become_command(how, args);
    }
    close(out[1]);
    close(err[1]);
    // The next command must not hold these open.
    fcntl(out[0], F_SETFD, FD_CLOEXEC);
    fcntl(err[0], F_SETFD, FD_CLOEXEC);
    *running = (struct command_running){child, out[0], err[0]};
}

void command_finish(const struct command_how *how, const struct command_running *running,
                    struct command_result *result) {
    int status = 0;
    command_deinit(result);
    struct stream streams[2] = {{.fd = running->out}, {.fd = running->err}};
    follow(running->pid, how ? how->interrupt : NULL, how ? how->kill_after_ms : 0, streams);
    while (waitpid(running->pid, &status, 0) < 0 && errno == EINTR) continue;
    result->out = streams[0].text;
    result->err = streams[1].text;
    // The last thing that a command of a coverage build says: it could not write what it counted.
    char *counts = strstr(result->err, "profiling:");
    if (counts) *counts = 0;
    result->code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
    if (result->code == 126 || result->code == 127)
        fail_msg("%s/hone cannot be started", HONE_BINARY_DIR);
}

void command_run(const struct command_how *how, const char *const *args,
                 struct command_result *result) {
    struct command_running running;
    command_start(how, args, &running);
    command_finish(how, &running, result);
}

void command_deinit(struct command_result *result) {
    free(result->out);
    free(result->err);
    *result = (struct command_result){0};
}

int command_leave(struct command_result *result, const char *dir) {
    command_deinit(result);
    if (chdir("/") != 0) return 1;
    test_temp_remove(dir);
    return 0;
}

void command_expect_line(const struct command_result *result, int code, const char *text) {
    const char *end = strchr(result->err, '\n');
    if (result->code != code)
        fail_msg("exit code %d, not %d; stderr: %s", result->code, code, result->err);
    if (strncmp(result->err, "hone: ", 6) != 0 || !end || end[1])
        fail_msg("not one line: \"%s\"", result->err);
    command_expect_text(result->err, text);
}

void command_expect_success(const struct command_result *result) {
    if (result->code != 0) fail_msg("exit code %d: %s", result->code, result->err);
}

void command_expect_text(const char *text, const char *part) {
    if (!strstr(text, part)) fail_msg("\"%s\" does not contain \"%s\"", text, part);
}
