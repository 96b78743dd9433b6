/* Exit statuses, as in README.md. Those of sysexits(3) keep their meaning. */
#pragma once

enum {
	EXIT_USAGE_ = 64,     /* the command line is wrong */
	EXIT_OS_ = 71,        /* the system said no before anything was done */
	EXIT_PRIVILEGE_ = 77, /* the broker has not the privilege that it needs, or is refused */
	EXIT_CONFIG_ = 78,    /* what it is to allow makes no sense */
	EXIT_NOT_EXECUTABLE_ = 126, /* the command was found, but cannot be run */
	EXIT_NOT_FOUND_ = 127,      /* the command was not found */
};
