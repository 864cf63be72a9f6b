// lbfgs.c: limited-memory BFGS. The curvature of the last HISTORY steps stands for the Hessian; a
// step that would make it indefinite is not remembered.
#include "train/lbfgs.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"

enum { HISTORY = 10, SEARCH_TRIES = 30 };

struct lbfgs {
    const struct hone_lbfgs_params *params;
    size_t n;
    double *x, *g, *direction;  // current point, its gradient, where to go
    double *next, *next_g;      // the point under trial
    double *s, *y;              // (HISTORY, n): steps and changes of the gradient, a ring
    double rho[HISTORY], value; // 1 / (s y); value at x
    int count, newest;          // entries of the ring
};

static double dot(const double *a, const double *b, size_t n) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

// direction = -H g by the two-loop recursion.
static void lbfgs_direction(struct lbfgs *l) {
    double alpha[HISTORY];
    size_t n = l->n;
    for (size_t i = 0; i < n; i++) l->direction[i] = -l->g[i];
    for (int k = 0; k < l->count; k++) {
        int slot = (l->newest - k + HISTORY) % HISTORY;
        const double *s = l->s + (size_t)slot * n, *y = l->y + (size_t)slot * n;
        alpha[slot] = l->rho[slot] * dot(s, l->direction, n);
        for (size_t i = 0; i < n; i++) l->direction[i] -= alpha[slot] * y[i];
    }
    if (l->count) {
        const double *y = l->y + (size_t)l->newest * n;
        double scale = 1 / (l->rho[l->newest] * dot(y, y, n));
        for (size_t i = 0; i < n; i++) l->direction[i] *= scale;
    }
    for (int k = l->count - 1; k >= 0; k--) {
        int slot = (l->newest - k + HISTORY) % HISTORY;
        const double *s = l->s + (size_t)slot * n, *y = l->y + (size_t)slot * n;
        double beta = l->rho[slot] * dot(y, l->direction, n);
        for (size_t i = 0; i < n; i++) l->direction[i] += (alpha[slot] - beta) * s[i];
    }
}

// Finds a step along the direction; *found false: none lowers the value.
static hone_status lbfgs_search(struct lbfgs *l, double *next_value, bool *found) {
    double slope = dot(l->g, l->direction, l->n), low = 0, high = INFINITY;
    double t = l->count ? 1 : 1 / fmax(1, sqrt(dot(l->g, l->g, l->n)));
    bool lowered = false;
    *found = false;
    for (int k = 0; k < SEARCH_TRIES && slope < 0; k++) {
        for (size_t i = 0; i < l->n; i++) l->next[i] = l->x[i] + t * l->direction[i];
        HONE_TRY(l->params->function(l->params->user, l->next, next_value, l->next_g));
        lowered = *next_value <= l->value + 1e-4 * t * slope;
        if (!lowered)
            high = t;
        else if (dot(l->next_g, l->direction, l->n) < 0.9 * slope)
            low = t;
        else
            break;
        t = high < INFINITY ? 0.5 * (low + high) : 2 * t;
    }
    *found = lowered;
    return HONE_OK;
}

// Takes the step to `next` and remembers what it tells of the curvature.
static void lbfgs_accept(struct lbfgs *l, double next_value) {
    int slot = (l->newest + 1) % HISTORY;
    double *s = l->s + (size_t)slot * l->n, *y = l->y + (size_t)slot * l->n;
    for (size_t i = 0; i < l->n; i++) {
        s[i] = l->next[i] - l->x[i];
        y[i] = l->next_g[i] - l->g[i];
    }
    double sy = dot(s, y, l->n);
    if (sy > 1e-12 * dot(y, y, l->n)) {
        l->rho[slot] = 1 / sy;
        l->newest = slot;
        if (l->count < HISTORY) l->count++;
    }
    memcpy(l->x, l->next, l->n * sizeof *l->x);
    memcpy(l->g, l->next_g, l->n * sizeof *l->g);
    l->value = next_value;
}

static hone_status lbfgs_run(struct lbfgs *l, int32_t *iterations) {
    const struct hone_lbfgs_params *p = l->params;
    HONE_TRY(p->function(p->user, l->x, &l->value, l->g));
    for (int32_t k = 0; k < p->iterations; k++) {
        bool found;
        double next_value, norm = sqrt(dot(l->g, l->g, l->n));
        if (norm <= p->tolerance * fmax(1, sqrt(dot(l->x, l->x, l->n)))) break;
        lbfgs_direction(l);
        HONE_TRY(lbfgs_search(l, &next_value, &found));
        if (!found && l->count == 0) break;
        if (!found) { // old curvature may mislead: once more along the gradient
            l->count = 0;
            continue;
        }
        lbfgs_accept(l, next_value);
        if (iterations) *iterations = k + 1;
        if (p->observer)
            HONE_TRY(p->observer(p->user, k + 1, l->x, l->value, sqrt(dot(l->g, l->g, l->n))));
    }
    return HONE_OK;
}

hone_status hone_lbfgs(const struct hone_lbfgs_params *params, size_t n, double *x,
                       int32_t *iterations) {
    if (iterations) *iterations = 0;
    double *memory = hone_calloc(n * (4 + 2 * (size_t)HISTORY), sizeof *memory, "the solver");
    if (!memory) return HONE_OUT_OF_MEMORY;
    struct lbfgs l = {.params = params,
                      .n = n,
                      .x = x,
                      .g = memory,
                      .direction = memory + n,
                      .next = memory + 2 * n,
                      .next_g = memory + 3 * n,
                      .s = memory + 4 * n,
                      .y = memory + (4 + (size_t)HISTORY) * n};
    hone_status status = lbfgs_run(&l, iterations);
    hone_free(memory);
    return status;
}
