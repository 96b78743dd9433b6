/* What a network namespace that is dying still has, and its successor wants: ids and MAC addresses. */
#pragma once

#include <stdbool.h>

/* Wait a moment before the next try, of which *tries were made, 0 before the first. Returns false, and
 * does not wait, once that was done for 5 s: what is in the way then lives. Signals
 * are held meanwhile (interrupt.h). */
bool dying_wait(unsigned int *tries);
