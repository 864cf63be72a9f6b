// trust.h: compiling only with kernels that this device and driver compute rightly.
//
// Before a program is used, every row that it would run on is looked up in the device's
// certificate; those that are not in it are checked on a few small cases (well under a second for
// most programs) and entered. A row that is wrong is not used: the next one that fits takes its
// place, with a warning in the log. HONE_CHECK=off in the environment switches all of that off.
#ifndef HONE_CHECK_TRUST_H
#define HONE_CHECK_TRUST_H

#include "exec/program.h"

// As hone_program_compile(). HONE_UNSUPPORTED also where no row for a node is right.
// HONE_DEVICE_LOST where the device was lost in a check: the row is entered as wrong, so that the
// next start passes it over.
hone_status hone_trust_compile(struct hone_store *store, const struct hone_graph *graph,
                               const struct hone_compile_params *params, struct hone_program **out);

#endif
