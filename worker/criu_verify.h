/* criu-action at post-setup-namespaces: is what the images hold what the target has. It is planned as
 * for a restore, and then what would come of that is looked for. */
#pragma once

struct image_netns;
struct link_list;
struct outside;
struct plan;
struct report;
struct target;

/* Before planning: let the links that a restore of @image makes be as good as not there, and what it
 * would need outside be there. */
void criu_verify_expect(const struct image_netns *image, struct link_list *links,
			struct outside *outside);

/* Returns 0, or EXIT_UNDONE with the link and what differs. */
int criu_verify(struct plan *plan, struct target *target, struct report *report);
