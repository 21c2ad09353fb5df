#!/bin/bash
# Installs the package from this source into fresh environments, without and with each extra, and prints how large they are
# and which packages weigh most. Versions are those of requirements/test.txt.
#     scripts/measure_install.sh [EXTRA ...]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python=$("$root/scripts/find_python.sh")
sed -n 's/^\([A-Za-z0-9._-]*==[^ ;]*\).*/\1/p' "$root/requirements/test.txt" | sort -u >"$work/versions.txt"
"$python" -m venv "$work/builder"
mkdir "$work/source" # of links, so that building leaves nothing in this source
for name in app assets engine liveface ui pyproject.toml README.md LICENSE NOTICE; do ln -s "$root/$name" "$work/source"; done
"$work/builder/bin/python" -m pip -qq --disable-pip-version-check wheel --no-deps --wheel-dir "$work" "$work/source"
wheel=$(echo "$work"/liveface-*.whl)
echo "wheel: $(($(stat --format=%s "$wheel") / 1000000)) MB"
for name in "" ${*:-desktop serve heif plots livekit pipecat}; do
    rm -rf "$work/fresh"
    "$python" -m venv --without-pip "$work/fresh"
    before=$(du --summarize --bytes "$work/fresh" | cut -f1)
    "$work/builder/bin/python" -m pip -qq --disable-pip-version-check --python "$work/fresh/bin/python" install \
        --no-compile --constraint "$work/versions.txt" "$wheel${name:+[$name]}"
    size=$((($(du --summarize --bytes "$work/fresh" | cut -f1) - before) / 1000000))
    packages=$(ls -d "$work"/fresh/lib/python3*/site-packages/*.dist-info | wc -l)
    echo "liveface${name:+[$name]}: $size MB, $packages packages"
    (cd "$work"/fresh/lib/python3*/site-packages && du --summarize --bytes -- */ | sort -rn | head -6 |
        awk '{ printf "    %4d MB  %s\n", $1 / 1000000, $2 }')
done
