/* Addresses, routes and rules of the images, for people and for programs. */
#pragma once

#include <jansson.h>

struct netstate;

/* Lines on stdout. */
void show_state_print(const struct netstate *state);

/* Members of @to: addresses, routes, rules; lists in the order of the files. */
void show_state_json(const struct netstate *state, json_t *to);
