// signals.c: Ctrl-C. The handler only counts; the trainer asks for it after each step.
#include "cli/cli.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t interrupts;

static void on_interrupt(int number) {
    (void)number;
    if (++interrupts > 1) _exit(CLI_INTERRUPTED);
    static const char text[] = "\nhone: stopping after this step, with everything saved "
                               "(Ctrl-C again stops at once)\n";
    if (write(STDERR_FILENO, text, sizeof text - 1) < 0) return;
}

void cli_catch_interrupt(void) {
    struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

bool cli_interrupted(void) {
    return interrupts > 0;
}
