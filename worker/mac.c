/*
 * MAC addresses: given, random, derived, or kept in a file.
 *
 * A derived one is taken from SHA-256 over "netcr stable MAC", ID and the link's name, each with
 * its NUL: the first six bytes, made unicast and locally administered. This is for ever: leases
 * and switches know containers by it.
 *
 * May: read and make the file that keep: names, before the confinement.
 */
#include "worker/mac.h"

#include <errno.h>
#include <fcntl.h>
#include <sha2.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/check.h"
#include "common/cleanup.h"
#include "worker/report.h"

static const char stable_seed[] = "netcr stable MAC";

void mac_text(const uint8_t mac[6], char ret[MAC_TEXT_MAX])
{
	(void)snprintf(ret, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
}

static int digit(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *at = c ? strchr(digits, c >= 'A' && c <= 'F' ? c - 'A' + 'a' : c) : NULL;

	return at ? (int)(at - digits) : -1;
}

int mac_parse(const char *text, uint8_t ret[6])
{
	uint8_t mac[6];

	for (size_t i = 0; i < sizeof(mac); i++, text += 3) {
		const int high = digit(text[0]), low = high < 0 ? -1 : digit(text[1]);

		if (low < 0 || text[2] != (i + 1 < sizeof(mac) ? ':' : '\0'))
			return -EINVAL;
		mac[i] = (uint8_t)(high << 4 | low);
	}
	memcpy(ret, mac, sizeof(mac));
	return 0;
}

/* Of one host, and by no manufacturer's list (IEEE 802, locally administered). */
static void make_local(uint8_t mac[6])
{
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 0x02);
}

static int draw(uint8_t ret[6], struct report *report)
{
	if (getrandom(ret, 6, 0) != 6)
		return report_fail(report, EXIT_OS_, "cannot draw a random address: %s",
				   strerror(errno));
	make_local(ret);
	return 0;
}

static int derive(const char *id, const char *name, uint8_t ret[6], struct report *report)
{
	uint8_t digest[SHA256_DIGEST_LENGTH];
	SHA2_CTX hash;

	if (!*id)
		return report_fail(report, EXIT_USAGE_, "%s: mac stable: the ID is missing", name);
	SHA256Init(&hash);
	SHA256Update(&hash, (const uint8_t *)stable_seed, sizeof(stable_seed));
	SHA256Update(&hash, (const uint8_t *)id, strlen(id) + 1);
	SHA256Update(&hash, (const uint8_t *)name, strlen(name) + 1);
	SHA256Final(digest, &hash);
	memcpy(ret, digest, 6);
	make_local(ret);
	return 0;
}

static int write_kept(int fd, const char *path, uint8_t ret[6], struct report *report)
{
	char text[MAC_TEXT_MAX + 1];
	int status = draw(ret, report);

	if (status)
		return status;
	mac_text(ret, text);
	text[MAC_TEXT_MAX - 1] = '\n';
	if (write(fd, text, MAC_TEXT_MAX) != MAC_TEXT_MAX || fsync(fd) < 0)
		return report_fail(report, EXIT_OS_, "cannot write the address to %s: %s", path,
				   strerror(errno));
	return 0;
}

static int keep(const char *path, const char *name, uint8_t ret[6], struct report *report)
{
	_cleanup_fd_ int fd = -1;
	char text[MAC_TEXT_MAX + 1];
	struct stat st;
	ssize_t n;

	/* O_NONBLOCK: a FIFO must not hold us up. */
	fd = open(path, O_RDWR | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
	if (fd < 0 || fstat(fd, &st) < 0)
		return report_fail(report, EXIT_OS_,
				   "cannot open %s, which is to keep the address of %s: %s", path,
				   name, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return report_fail(report, EXIT_OS_,
				   "%s, which is to keep the address of %s, is not a regular file",
				   path, name);
	n = read(fd, text, sizeof(text));
	if (n == 0)
		return write_kept(fd, path, ret, report);
	if (n != MAC_TEXT_MAX || text[MAC_TEXT_MAX - 1] != '\n')
		return report_fail(report, EXIT_USAGE_,
				   "%s does not hold one MAC address and a newline", path);
	text[MAC_TEXT_MAX - 1] = '\0';
	if (mac_parse(text, ret) < 0 || check_mac(ret) < 0)
		return report_fail(report, EXIT_USAGE_, "%s: not a MAC address of one host", path);
	return 0;
}

int mac_find(const char *how, const char *name, uint8_t ret[6], struct report *report)
{
	if (!*how)
		return draw(ret, report);
	if (strncmp(how, "stable:", 7) == 0)
		return derive(how + 7, name, ret, report);
	if (strncmp(how, "keep:", 5) == 0)
		return keep(how + 5, name, ret, report);
	if (mac_parse(how, ret) < 0 || check_mac(ret) < 0)
		return report_fail(report, EXIT_USAGE_,
				   "%s: mac %s: not a MAC address of one host, nor stable:ID or "
				   "keep:FILE",
				   name, how);
	return 0;
}
