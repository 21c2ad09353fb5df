#!/bin/bash
# Installs those Debian packages named on the command line that are missing, or asks for them in one line.
set -euo pipefail

if ! command -v apt-get >/dev/null; then
    echo "This is no Debian: please see that the libraries of these Debian packages are installed: $*" >&2
    exit 0
fi
install=(apt-get install --quiet=2 --yes --no-install-recommends "$@")
# A simulation names what would be installed, and fails where the package lists have never been fetched.
if [ "${SYSTEM_PACKAGES:-}" = skip ] || { plan=$("${install[@]}" --simulate 2>/dev/null) && ! grep -q '^Inst' <<<"$plan"; }; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Please run: sudo apt-get install $*   (or go on without them: make SYSTEM_PACKAGES=skip ...)" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
"${install[@]}" >/dev/null
