#!/bin/bash
# Tries what `make app` has built: its size, one second of video, the doctor, and the window on a screen without a monitor.
# Needs Xvfb. The environment and the working folder are those of somebody who has nothing of ours.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
application=$root/dist/liveface
most=620 # MB
size=$(($(du --summarize --bytes --apparent-size "$application" | cut -f1) / 1000000))
echo "size: $size MB"
[ "$size" -lt "$most" ] || { echo "It is larger than $most MB." >&2; exit 1; }

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
# The first second of the shipped sentence, 16 kHz of 16 bits, and in its header that it is no longer.
head -c 32044 "$application/_internal/liveface/assets/audio/speech.wav" >second.wav
printf '\x24\x7d\x00\x00' | dd of=second.wav bs=1 seek=4 conv=notrunc status=none
printf '\x00\x7d\x00\x00' | dd of=second.wav bs=1 seek=40 conv=notrunc status=none
liveface() {
    env -i HOME="$folder" PATH=/usr/bin:/bin LANG=C.UTF-8 "$application/liveface" "$@"
}
began=$(date +%s%N)
elapsed() { echo "$1: $((($(date +%s%N) - began) / 1000000)) ms"; began=$(date +%s%N); }
liveface --version
elapsed version
liveface render --audio second.wav --out second.mp4
elapsed 'one second rendered'
[ "$(stat --format=%s second.mp4)" -gt 20000 ] # bytes
liveface prepare "$application/_internal/liveface/assets/avatars/maya/photo.png" --out avatar
elapsed 'photo prepared'
liveface run --headless --audio second.wav --seconds 2
elapsed 'performed for two seconds'
liveface doctor --headless || true
elapsed doctor
HOME=$folder QT_QPA_PLATFORM=xcb xvfb-run --auto-servernum "$application/liveface" run --audio second.wav --seconds 2
elapsed 'window shown for two seconds'
echo 'All is well.'
