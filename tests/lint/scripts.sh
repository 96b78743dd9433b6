#!/bin/bash
# Shell scripts by shellcheck, Python by its own compiler.
cd "$(dirname "$0")/../.." || exit 1
status=0

list() {
	git ls-files -z --cached --others --exclude-standard 2>/dev/null ||
		find . -name .git -prune -o -path './build*' -prune -o -type f -print0
}

shell=() python=()
while IFS= read -r -d '' f; do
	[ -f "$f" ] || continue
	case $f in
	tests/data/*) continue ;;
	*.py) python+=("$f") ;;
	*.sh) shell+=("$f") ;;
	*)
		head=$(head -c 64 "$f" | tr -d '\0' | head -n 1)
		case $head in
		'#!'*python*) python+=("$f") ;;
		'#!'*sh | '#!'*sh' '*) shell+=("$f") ;;
		esac
		;;
	esac
done < <(list)

if ! command -v shellcheck >/dev/null; then
	echo "shellcheck is not installed"
	status=77
elif [ ${#shell[@]} -gt 0 ]; then
	shellcheck -S warning "${shell[@]}" || status=1
fi
if [ ${#python[@]} -gt 0 ]; then
	cache=$(mktemp -d) || exit 1
	PYTHONPYCACHEPREFIX=$cache python3 -m py_compile "${python[@]}" || status=1
	rm -rf "$cache"
fi
exit $status
