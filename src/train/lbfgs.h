// lbfgs.h: minimises a smooth function whose value and gradient someone else computes:
// limited-memory BFGS (Liu, Nocedal 1989) with the bisection line search for the weak Wolfe
// conditions (Lewis, Overton 2013). All arithmetic is in double and in a fixed order: the same
// function gives the same path, bit for bit.
#ifndef HONE_TRAIN_LBFGS_H
#define HONE_TRAIN_LBFGS_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

// Value and gradient (n) at x (n).
typedef hone_status (*hone_lbfgs_function)(void *user, const double *x, double *value,
                                           double *gradient);
// Told after each iteration; HONE_CANCELLED, or any failure, ends the search with that status and
// the best point so far in x.
typedef hone_status (*hone_lbfgs_observer)(void *user, int32_t iteration, const double *x,
                                           double value, double gradient_norm);

struct hone_lbfgs_params {
    int32_t iterations; // at most
    double tolerance;   // ends when the gradient's norm falls to tolerance * max(1, norm of x)
    hone_lbfgs_function function;
    hone_lbfgs_observer observer; // may be NULL
    void *user;
};

// x (n) holds the start and receives the result. Also ends, with HONE_OK, where no step lowers the
// value any more (rounding). *iterations (may be NULL) receives how many there were.
hone_status hone_lbfgs(const struct hone_lbfgs_params *params, size_t n, double *x,
                       int32_t *iterations);

#endif
