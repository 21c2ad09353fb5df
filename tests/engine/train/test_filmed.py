"""Mouth crops out of a prepared corpus."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from engine import face_space
from engine.errors import MediaError
from engine.media import HOP
from engine.train import filmed


def write_clip(pack: Path, name: str, frames: int = 30, lost: int | None = None, pictures: bool = True) -> None:
    points = np.tile((face_space.template() * 40 + [80, 60, 0]).astype(np.float32), (frames, 1, 1))
    valid = np.ones(frames, bool)
    if lost is not None:
        valid[lost], points[lost] = False, np.nan
    (pack / "s1").mkdir(parents=True, exist_ok=True)
    units = np.full((frames, 7), np.nan, np.float32)
    units[:, 5] = np.arange(frames) % 5
    audio = np.random.default_rng(0).standard_normal(frames * HOP - 100).astype(np.float32) * 0.1
    np.savez(pack / f"s1/{name}.npz", points=points, valid=valid, action_units=units, audio=audio)
    if pictures:
        levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
        np.save(pack / f"s1/{name}.frames.npy", np.tile(levels, (1, 160, 160, 3)))


def test_crops_carry_the_labels_of_their_own_frames(tmp_path: Path):
    write_clip(tmp_path, "a", lost=3)
    (speaker,) = filmed.labelled_crops(tmp_path)
    assert speaker.crops.shape == (29, 108, 144, 3)
    shown = speaker.crops[:, 54, 72, 0]
    assert 3 not in shown
    assert (speaker.labels[:, 5] == shown % 5).all()


def test_a_frequent_speaker_is_thinned_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(filmed, "LARGEST_SHARE", 25)
    for name in "ab":
        write_clip(tmp_path, name)
    (speaker,) = filmed.labelled_crops(tmp_path)
    assert speaker.crops[:, 54, 72, 0].tolist() == [*range(0, 30, 3)] * 2


def test_filmed_clips_are_in_step_and_whole(tmp_path: Path):
    write_clip(tmp_path, "a")
    write_clip(tmp_path, "b", lost=0)
    write_clip(tmp_path, "c", pictures=False)
    ((clip,),) = filmed.filmed_clips(tmp_path)
    assert clip.grey.shape == (30, 54, 72)
    assert clip.features.shape == (120, 80)


def test_a_pack_without_pictures_or_usable_clips_is_refused(tmp_path: Path):
    write_clip(tmp_path, "a", pictures=False)
    with pytest.raises(MediaError, match="prepare --pictures"):
        filmed.labelled_crops(tmp_path)
    write_clip(tmp_path, "a", lost=5)
    with pytest.raises(MediaError, match="never gets lost"):
        filmed.filmed_clips(tmp_path)
