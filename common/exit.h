/* Exit statuses of both programs, as in README.md. Those of sysexits(3) keep their meaning. */
#pragma once

enum exit_status {
	EXIT_DONE = 0,
	EXIT_UNDONE = 1,     /* failed, and everything is as it was before */
	EXIT_LEFT = 2,       /* failed, and what is left is named */
	EXIT_USAGE_ = 64,    /* the command line is wrong */
	EXIT_IMAGE = 65,     /* an image is bad, or holds what cannot be restored */
	EXIT_NO_BROKER = 69, /* a broker is needed, and none answers */
	EXIT_OS_ = 71,       /* the system said no before anything was done */
	EXIT_REFUSED = 77,   /* by the broker; or the broker has not the privilege that it needs */
	EXIT_CONFIG_ = 78,   /* what the broker is to allow makes no sense */
	EXIT_NOT_EXECUTABLE = 126, /* the command was found, but cannot be run */
	EXIT_NOT_FOUND = 127,      /* the command was not found */
};
