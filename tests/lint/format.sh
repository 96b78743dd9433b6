#!/bin/sh
# Layout of the C sources, by .clang-format.
cd "$(dirname "$0")/../.." || exit 1
command -v clang-format >/dev/null || {
	echo "clang-format is not installed"
	exit 77
}
find . -name '.git' -prune -o -path './build*' -prune -o -name '*.[ch]' -print0 |
	xargs -0 -r clang-format --dry-run -Werror
