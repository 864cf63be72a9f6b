// thread.h: a loop over all cores; what the machine has; a clock.
#ifndef HONE_BASE_THREAD_H
#define HONE_BASE_THREAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

// Work on one index. Runs on any thread; must not rely on the order.
typedef hone_status (*hone_parallel_fn)(void *user, size_t index);

// Calls fn for each index below `count` on up to `threads` threads (0: one a core), the caller's
// among them, and blocks until all are done. Indexes are handed out in rising order, one at a time;
// after a failure no new ones are. The failure of the lowest index is returned, which is the same
// on each run, whatever the threads do.
hone_status hone_parallel_for(size_t count, unsigned threads, hone_parallel_fn fn, void *user);

// Cores that this process may use (affinity respected), at least 1.
unsigned hone_core_count(void);

// Physical memory; 0 where the system does not say.
uint64_t hone_memory_bytes(void);
// Test hook: what it says from now on; 0: the truth.
void hone_memory_pretend(uint64_t bytes);

// Seconds since an arbitrary point; never goes back.
double hone_seconds(void);
// Seconds that the calling thread has spent on a core.
double hone_thread_seconds(void);

#endif
