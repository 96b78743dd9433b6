/* Whether the values in the images can be meant: before the kernel or the broker is asked. */
#pragma once

struct image_netns;
struct report;

/* Check each link by itself and against the others: kind, name, index, MTU, and that no name and
 * no index comes twice. Whether a kind can be restored is for the plan to say. Returns 0, or
 * EXIT_IMAGE with file and record named. */
int image_check(const struct image_netns *image, struct report *report);
