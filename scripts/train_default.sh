#!/bin/bash
# Trains the motion network that is shipped, from a former one, a corpus and transcribed speech, and measures it.
#
#     scripts/train_default.sh FORMER DATA OUT
#
# FORMER is the default.safetensors to begin with (the shipped one began with that of commit 27763f0). DATA holds
# clips.csv, words.csv and grid/ (film), speech/ and speech_tts/ (utterances.csv, phones.csv, sound). On an AMD EPYC: 13
# minutes of two cores to prepare the film, 6 of one to listen to the speech, and for each of the three trainings 6 of
# one for its teachers and 5 for its steps. What is finished is kept, and an interrupted training goes on where it was.
set -euo pipefail
former=$1 data=$2 out=$3
models=$(dirname "$0")/../assets/models
export OMP_NUM_THREADS=1

liveface train prepare --corpus "$data" --out "$out/pack" --workers 2 --no-pictures --source GRID --licence "CC BY 4.0"

# The first learns of everyone and is shipped, with its basis of Action Units (assets/models/unit_basis.npz). What it
# does for strangers is measured on the others, of one fold each. The steps end in the middle of their schedule.
for fold in "" A B; do
    part=$out/fold$fold
    liveface train basis --pack "$out/pack" ${fold:+--fold $fold} --out "$part/model/unit_basis.npz"
    liveface train motion --pack "$out/pack" ${fold:+--fold $fold} --unit-basis "$part/model/unit_basis.npz" \
        --from "$former" --learning-rate 1.2e-3 --steps 3500 --until 2000 \
        --speech "$data/speech" --speech "$data/speech_tts" --encoded "$out/encoded" --out "$part/second"
    liveface train average "$former" "$part/second/motion.safetensors" --share 0.65 --unit 18=1.3 --unit 20=1.3 --out "$part"
    cp -n "$models"/* "$part/model"
    liveface train assemble "$former" "$part/motion.safetensors" --out "$part/model"
done

evaluate=(liveface evaluate --corpus "$out/pack" --hearing-only)
"${evaluate[@]}" --models "$out/fold/model" --clips 100 --phones "$data/speech_tts" --out "$out/report"
"${evaluate[@]}" --models "$out/foldA/model" --unseen s3,s4,s32 --out "$out/report_strangers_A"
"${evaluate[@]}" --models "$out/foldB/model" --unseen s5,s26,s31 --out "$out/report_strangers_B"
