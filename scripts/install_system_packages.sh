#!/bin/bash
# Installs the Debian packages named on the command line that are missing, or asks for them in one line.
set -euo pipefail

if ! command -v dpkg-query >/dev/null; then
    echo "This is no Debian: please see that the libraries of these Debian packages are installed: $*" >&2
    exit 0
fi
missing=()
for package in "$@"; do
    dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null | grep -qx installed || missing+=("$package")
done
if [ ${#missing[@]} -eq 0 ] || [ "${SYSTEM_PACKAGES:-}" = skip ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "Please run: sudo apt-get install ${missing[*]}   (or go on without them: make SYSTEM_PACKAGES=skip ...)" >&2
    exit 1
fi
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2
apt-get install --quiet=2 --yes --no-install-recommends "${missing[@]}" >/dev/null
