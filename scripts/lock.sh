#!/bin/bash
# Makes the files in requirements/ anew: exact versions with hashes, for every system and Python, of what is installed by
# `make` (run, test, app) and in the container (serve). Versions stay unless `--upgrade` or `--upgrade-package NAME` is
# given. Needs uv. torch is no part of them, since its build depends on the machine: scripts/install_torch.py installs it.
set -euo pipefail
cd "$(dirname "$0")/.."

lock() { # NAME EXTRAS [OPTION ...]
    local file=requirements/$1.txt extras=()
    for extra in ${2//,/ }; do extras+=(--extra "$extra"); done
    UV_CUSTOM_COMPILE_COMMAND=scripts/lock.sh uv pip compile --quiet pyproject.toml requirements/build.in "${extras[@]}" \
        --universal --python-version 3.11 --generate-hashes --no-annotate --constraint requirements/torch.txt "${@:3}" \
        --output-file "$file"
    awk '/^[a-z]/ { left_out = /^(torch|triton|nvidia-|cuda-)/ } !left_out' "$file" >"$file.part"
    mv "$file.part" "$file"
}

lock test "all,train,test,app" "$@"
lock run "desktop,serve,heif,plots" --constraint requirements/test.txt
lock app "desktop,serve,heif,plots,app" --constraint requirements/test.txt
lock serve "serve" --constraint requirements/test.txt
