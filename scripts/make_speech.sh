#!/bin/bash
# Makes assets/audio/speech.wav: mono, 16 kHz, spoken by the synthesiser flite (Debian package flite) in its voice slt.
set -euo pipefail
cd "$(dirname "$0")/../assets/audio"

text="Hello! I was a single photo, a moment ago. Now I move my lips with every sound that you hear. \
Baby blue, warm milk, five o'clock: my mouth opens, closes and goes round, just in time. \
And when nobody speaks, I wait."

temporary=$(mktemp --suffix=.wav ./.speech.XXXXXX)
trap 'rm -f "$temporary"' EXIT
flite -voice slt -t "$text" -o "$temporary"
chmod 644 "$temporary"
mv "$temporary" speech.wav
