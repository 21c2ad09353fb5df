#!/bin/bash
# Prints the path of a Python 3.11, 3.12 or 3.13, or asks for one.
set -euo pipefail

for name in ${PYTHON:-python3.11 python3.12 python3.13 python3}; do
    if "$name" -c 'import sys; sys.exit(sys.version_info[:2] not in ((3, 11), (3, 12), (3, 13)))' 2>/dev/null; then
        command -v "$name"
        exit 0
    fi
done
echo "liveface needs Python 3.11, 3.12 or 3.13 and found none: install one (Debian: apt-get install python3)," \
    "or name it: make PYTHON=/path/to/python3.11 ..." >&2
exit 1
