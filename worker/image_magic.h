/* What the files of a checkpoint begin with, as 32-bit words in the byte order of the host
 * (CRIU 4.2, criu/include/magic.h). */
#pragma once

enum image_magic {
	IMAGE_MAGIC_COMMON = 0x54564319, /* before the file's own, but for the inventory */
	IMAGE_MAGIC_NETDEV = 0x57373951,
	IMAGE_MAGIC_NETNS = 0x55933752,
	IMAGE_MAGIC_IDS = 0x54432030,
	IMAGE_MAGIC_INVENTORY = 0x58313116,
	/* iproute2's, alone: netlink messages follow as they are */
	IMAGE_MAGIC_IFADDR = 0x47361222,
	IMAGE_MAGIC_ROUTE = 0x45311224,
	IMAGE_MAGIC_RULE = 0x71706986,
};
