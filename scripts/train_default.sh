#!/bin/bash
# Trains the motion network that is shipped, from a corpus and transcribed speech, and measures it on strangers.
#
#     scripts/train_default.sh DATA OUT
#
# DATA holds clips.csv, words.csv and grid/ (film), speech/ and speech_tts/ (utterances.csv, phones.csv, sound). One core
# of an AMD EPYC needs about two hours: 14 minutes to prepare the film, 6 to listen to the speech, 30 for each training.
# Everything that was finished before is kept, and an interrupted training goes on where it was.
set -euo pipefail
data=$1 out=$2
export OMP_NUM_THREADS=1

liveface train prepare --corpus "$data" --out "$out/pack" --no-pictures --source GRID --licence "CC BY 4.0"
common=(--pack "$out/pack" --speech "$data/speech" --speech "$data/speech_tts" --encoded "$out/encoded")

# Cross-fit: what the default model does for strangers is measured on people that these two have never met.
for fold in A B; do
    liveface train motion "${common[@]}" --fold "$fold" --pretraining-steps 2000 --steps 4000 --out "$out/$fold"
    liveface train assemble assets/models/default.safetensors "$out/$fold/motion.safetensors" --out "$out/$fold/model"
    liveface evaluate --corpus "$out/pack" --fold "$fold" --hearing-only --models "$out/$fold/model" --out "$out/$fold/report"
done

liveface train motion "${common[@]}" --pretraining-steps 2000 --steps 5000 --out "$out/all"
liveface train assemble assets/models/default.safetensors "$out/all/motion.safetensors" --out "$out/all/model"
liveface evaluate --corpus "$out/pack" --hearing-only --models "$out/all/model" --phones "$data/speech_tts" --out "$out/all/report"
