"""What the networks that watch mouths learn from: the crops of a prepared corpus that kept its pictures.

It does not know the networks, and it trains nothing.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.errors import MediaError
from engine.features import normalised_features
from engine.media import HOP, Picture
from engine.model.sync_expert import PICTURES, grey_pictures
from engine.mouth_crops import mouth_crops
from engine.train import au_classifier, sync
from engine.train.au_classifier import LabelledCrops
from engine.train.sync import FilmedClip

LARGEST_SHARE = 3000  # crops of one speaker for the classifier: neighbouring frames teach little new
MOST_CLIPS = 120  # of one speaker for the sync expert, which holds them all in memory


def labelled_crops(pack: Path) -> list[LabelledCrops]:
    """Mouth crops with Action Units, one entry for each speaker; at most `LARGEST_SHARE` evenly spread frames each.

    Raises `MediaError` if the pack holds no pictures.
    """
    found = []
    for files in _by_speaker(pack):
        frames = [len(np.load(_pictures_of(file), mmap_mode="r")) for file in files]
        every = -(-sum(frames) // LARGEST_SHARE)
        crops, labels = [], []
        for file in files:
            with np.load(file, allow_pickle=False) as clip:
                points, units, chosen = clip["points"], clip["action_units"], clip["valid"].copy()
            chosen[np.arange(len(chosen)) % every > 0] = False
            crops.append(_crops(file, points, au_classifier.CROP_MARGIN)[chosen])
            labels.append(units[chosen])
        found.append(LabelledCrops(np.concatenate(crops), np.concatenate(labels)))
    return found


def filmed_clips(pack: Path) -> list[list[FilmedClip]]:
    """Grey mouth pictures with the features of their sound, by speaker; at most `MOST_CLIPS` of each.

    Clips with a frame without a face, or shorter than one training window, are left out. Raises `MediaError` if no
    clip is left.
    """
    found = []
    for files in _by_speaker(pack):
        clips = []
        for file in files[:: -(-len(files) // MOST_CLIPS)]:
            with np.load(file, allow_pickle=False) as clip:
                points, valid, pcm = clip["points"], clip["valid"], clip["audio"]
            if valid.all() and len(valid) >= sync.WINDOWS + PICTURES:
                sound = np.pad(pcm[: len(valid) * HOP], (0, max(0, len(valid) * HOP - len(pcm))))
                crops = _crops(file, points, sync.CROP_MARGIN)
                clips.append(FilmedClip(grey_pictures(crops), normalised_features(sound)))
        if clips:
            found.append(clips)
    if not found:
        raise MediaError(f"{pack} holds no clip of a second in which the face never gets lost: add clips.")
    return found


def _by_speaker(pack: Path) -> Iterator[list[Path]]:
    """The clips that kept their pictures, speaker by speaker."""
    speakers = sorted({file.parent for file in pack.glob("*/*.npz") if _pictures_of(file).is_file()})
    if not speakers:
        raise MediaError(f"{pack} holds no pictures: make it with `liveface train prepare --pictures`.")
    for speaker in speakers:
        yield sorted(file for file in speaker.glob("*.npz") if _pictures_of(file).is_file())


def _crops(file: Path, points: NDArray[np.float32], margin: float) -> Picture:
    return mouth_crops(np.load(_pictures_of(file), mmap_mode="r", allow_pickle=False), points, margin)[0]


def _pictures_of(file: Path) -> Path:
    return file.with_suffix(".frames.npy")
