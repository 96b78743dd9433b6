/* The MAC address of a link that is attached. */
#pragma once

#include <stdint.h>

struct report;

/* Find the address that @how means for link @name:
 *   ""            a random one, locally administered
 *   02:...        this one, which must be of one host
 *   stable:ID     derived from ID and @name, locally administered: the same each time
 *   keep:FILE     that in FILE; where FILE is missing or empty, a random one, which is written
 *                 there (mode 0600). FILE must be a regular file, and no symbolic link
 * Returns 0, or EXIT_USAGE_, or EXIT_OS_ where a file does not do. */
int mac_find(const char *how, const char *name, uint8_t ret[6], struct report *report);

/* Six bytes in hexadecimal with colons, and nothing else. Returns 0 or -EINVAL. */
int mac_parse(const char *text, uint8_t ret[6]);

enum {
	MAC_TEXT_MAX = 18
};
void mac_text(const uint8_t mac[6], char ret[MAC_TEXT_MAX]);
