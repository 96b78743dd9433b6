/* Rules of the packet filter in the images, for people and for programs. */
#pragma once

#include <jansson.h>

struct ruleset;

/* A line on stdout for each image that has rules. */
void show_ruleset_print(const struct ruleset *ruleset);

/* Member "rulesets" of @to: by the names of the images, how many of what, and the text. */
void show_ruleset_json(const struct ruleset *ruleset, json_t *to);
