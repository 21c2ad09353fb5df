"""Mouth crops out of a prepared corpus."""

import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.errors import MediaError
from liveface.engine.face import face_space
from liveface.engine.face.landmarks import FaceMesh
from liveface.engine.media import HOP
from liveface.engine.train import picture_dataset as filmed


def write_clip(
    pack: Path, name: str, frames: int = 30, lost: int | None = None, pictures: bool = True, speaker: str = "s1"
) -> None:
    points = np.tile((face_space.template() * 40 + [80, 60, 0]).astype(np.float32), (frames, 1, 1))
    valid = np.ones(frames, bool)
    if lost is not None:
        valid[lost], points[lost] = False, np.nan
    (pack / speaker).mkdir(parents=True, exist_ok=True)
    units = np.full((frames, 7), np.nan, np.float32)
    units[:, 5] = np.arange(frames) % 5
    code = np.ones((frames, face_space.CODE_SIZE), np.float32)
    audio = np.random.default_rng(0).standard_normal(frames * HOP - 100).astype(np.float32) * 0.1
    np.savez(pack / f"{speaker}/{name}.npz", points=points, valid=valid, action_units=units, audio=audio, code=code)
    if pictures:
        levels = np.arange(frames, dtype=np.uint8)[:, None, None, None]
        np.save(pack / f"{speaker}/{name}.frames.npy", np.tile(levels, (1, 160, 160, 3)))


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


def test_speakers_that_are_left_out_are_nowhere(tmp_path: Path):
    write_clip(tmp_path, "a")
    write_clip(tmp_path, "b", speaker="s2", frames=40)
    assert [len(one.crops) for one in filmed.labelled_crops(tmp_path, ["s1"])] == [40]
    assert [len(one.grey) for (one,) in filmed.filmed_clips(tmp_path, ["s2"])] == [30]
    assert [len(load().frames) for load in filmed.films(tmp_path, ["s1"])] == [40]
    assert filmed.codes(tmp_path, ["s2"]).shape == (30, face_space.CODE_SIZE)
    with pytest.raises(MediaError, match="no pictures to learn from"):
        filmed.labelled_crops(tmp_path, ["s1", "s2"])


def test_films_of_rare_speakers_are_repeated_up_to_the_most_filmed_one(tmp_path: Path):
    for name in "abcd":
        write_clip(tmp_path, name)
    write_clip(tmp_path, "e", speaker="s2", frames=40)
    lengths = [len(load().points) for load in filmed.films(tmp_path)]
    assert sorted(lengths) == [30] * 4 + [40] * 4


def test_portraits_without_a_face_are_passed_over(tmp_path: Path):
    shown = Path(__file__).resolve().parents[3] / "assets/avatars"
    photo = next(path for path in sorted(shown.rglob("*")) if path.suffix in (".jpg", ".png"))
    shutil.copy(photo, tmp_path / photo.name)
    cv2.imwrite(str(tmp_path / "empty.png"), np.full((300, 300, 3), 128, np.uint8))
    (tmp_path / "notes.txt").write_text("mine")
    (portrait,) = filmed.portraits(tmp_path, FaceMesh.load(face_space.ASSET.parent))
    assert portrait.points.shape == (468, 3)
    assert face_space.inter_ocular(portrait.points) > 50
