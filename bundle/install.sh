#!/bin/sh
# Puts liveface into the desktop's menu of this user, with its icon; --remove takes it out. Lies beside the program.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
data=${XDG_DATA_HOME:-$HOME/.local/share}
entry=$data/applications/liveface.desktop
if [ "${1:-}" = --remove ]; then
    rm -f "$entry" "$data"/icons/hicolor/*/apps/liveface.png "$data/icons/hicolor/scalable/apps/liveface.svg"
    exit 0
fi
mkdir -p "$data/applications" "$data/icons/hicolor/scalable/apps"
icons=$here/_internal/liveface/assets/icons
cp "$icons/liveface.svg" "$data/icons/hicolor/scalable/apps/"
for size in 16 24 32 48 64 128 256 512; do
    mkdir -p "$data/icons/hicolor/${size}x$size/apps"
    cp "$icons/liveface-$size.png" "$data/icons/hicolor/${size}x$size/apps/liveface.png"
done
sed "s|^Exec=.*|Exec=\"$here/liveface\"|" "$here/liveface.desktop" >"$entry.part"
mv "$entry.part" "$entry"
