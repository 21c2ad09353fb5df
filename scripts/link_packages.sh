#!/bin/sh
# Makes build/types/liveface: links to the source folders, as they lie in the package once it is installed.
# For mypy and PyInstaller, which do not see how an editable install finds them.
set -eu
cd "$(dirname "$0")/.."
mkdir -p build/types/liveface
for name in app assets engine ui liveface/*.py liveface/py.typed; do
    ln -sfn "../../../$name" "build/types/liveface/$(basename "$name")"
done
