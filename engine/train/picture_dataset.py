"""What the networks that watch or draw mouths learn from: the pictures of a prepared corpus, and portraits.

It does not know the networks, and it trains nothing. Speakers `left_out`, and the clips that `engine.train.split` keeps
for choosing and for the report, are never learned from.
"""

from collections.abc import Callable, Collection, Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from liveface.engine.errors import MediaError
from liveface.engine.face import seam
from liveface.engine.face.landmarks import POINT_COUNT, FaceMesh
from liveface.engine.face.mouth_crops import mouth_crops
from liveface.engine.face.photo import read_photo
from liveface.engine.hearing.features import normalised_features
from liveface.engine.media import HOP, Picture
from liveface.engine.model.sync_expert import PICTURES, grey_pictures
from liveface.engine.train import au_classifier, split, sync
from liveface.engine.train.au_classifier import LabelledCrops
from liveface.engine.train.mouth_samples import Filmed, Portrait
from liveface.engine.train.sync import FilmedClip

PHOTO_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp"})
LARGEST_SHARE = 3000  # crops of one speaker for the classifier: neighbouring frames teach little new
MOST_CLIPS = 120  # of one speaker for the sync expert, which holds them all in memory


def labelled_crops(pack: Path, left_out: Collection[str] = ()) -> list[LabelledCrops]:
    """Mouth crops with Action Units, one entry for each speaker; at most `LARGEST_SHARE` evenly spread frames each.

    Raises `MediaError` if the pack holds no pictures.
    """
    found = []
    for files in _by_speaker(pack, left_out):
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


def filmed_clips(pack: Path, left_out: Collection[str] = ()) -> list[list[FilmedClip]]:
    """Grey mouth pictures with the features of their sound, by speaker; at most `MOST_CLIPS` of each.

    Clips with a frame without a face, or shorter than one training window, are left out. Raises `MediaError` if no
    clip is left.
    """
    found = []
    for files in _by_speaker(pack, left_out):
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


def films(pack: Path, left_out: Collection[str] = ()) -> list[Callable[[], Filmed]]:
    """Loaders of all clips, those of other speakers repeated until they are as many as of the most filmed one.

    Raises `MediaError` if the pack holds no pictures.
    """
    speakers = sorted(_by_speaker(pack, left_out), key=len)
    main = speakers[-1]
    others = [file for files in speakers[:-1] for file in files]
    repeated = others * max(1, len(main) // max(1, len(others)))
    return [partial(_film, file) for file in main + repeated]


def codes(pack: Path, left_out: Collection[str] = ()) -> NDArray[np.float32]:
    """The motions of all clips that kept their pictures, float32 (n, CODE_SIZE)."""
    return np.concatenate([np.load(file)["code"] for files in _by_speaker(pack, left_out) for file in files])


def portraits(folder: Path, mesh: FaceMesh) -> Iterator[Portrait]:
    """The photos of a folder, each with its best face; those without a face are passed over."""
    for file in sorted(file for file in folder.iterdir() if file.suffix.lower() in PHOTO_SUFFIXES):
        image = read_photo(file)
        faces = mesh.faces(image)
        if faces:
            points = mesh.still_points(image, faces[0].points)[:POINT_COUNT]
            yield Portrait(image, seam.snapped(image, points))


def _film(file: Path) -> Filmed:
    pictures = np.load(_pictures_of(file), mmap_mode="r", allow_pickle=False)
    with np.load(file, allow_pickle=False) as clip:
        return Filmed(pictures, clip["points"])


def _by_speaker(pack: Path, left_out: Collection[str]) -> Iterator[list[Path]]:
    """The clips that kept their pictures, speaker by speaker."""
    learned = split.read(pack).learned(left_out)
    kept = [file for speaker, clip in learned if (file := pack / speaker / f"{clip}.npz").is_file()]
    kept = [file for file in kept if _pictures_of(file).is_file()]
    if not kept:
        raise MediaError(f"{pack} holds no pictures to learn from: make it with `liveface train prepare --pictures`.")
    for speaker in sorted({file.parent for file in kept}):
        yield [file for file in kept if file.parent == speaker]


def _crops(file: Path, points: NDArray[np.float32], margin: float) -> Picture:
    return mouth_crops(np.load(_pictures_of(file), mmap_mode="r", allow_pickle=False), points, margin)[0]


def _pictures_of(file: Path) -> Path:
    return file.with_suffix(".frames.npy")
