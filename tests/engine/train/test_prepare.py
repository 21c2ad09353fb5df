"""Packs: tracking, labels, what is left out, and resuming."""

import json
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from liveface.app.files import media_files
from liveface.engine.errors import ConfigurationError, MediaError, OutputError
from liveface.engine.face import face_space
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.landmarks import Face, FaceMesh, Region
from liveface.engine.media import HOP
from liveface.engine.model.audio_encoder import PHONES
from liveface.engine.train import corpus, prepare
from liveface.engine.train.corpus import Clip
from liveface.engine.train.prepare import Outcome, Provenance, Sources

MODELS = face_space.ASSET.parent
IOD = 40.0
PROVENANCE = Provenance("made up", "none")


class ScriptedMesh:
    """Finds the template face where the picture's first pixel says: (score, opening, shift)."""

    def __init__(self) -> None:
        self.detections = 0

    def regions(self, image: np.ndarray) -> list[Region]:
        self.detections += 1
        return [Region(120, 100, 200, 0)] if image[0, 0, 0] != 1 else []

    def search(self, image: np.ndarray) -> list[Face]:
        return [self.points_in(image, Region(0, 0, 1, 0))] if image[0, 1, 0] else []

    def points_in(self, image: np.ndarray, region: Region) -> Face:
        score, opening, shift = (float(value) for value in image[0, 0])
        code = np.zeros(face_space.CODE_SIZE, np.float32)
        code[0] = opening / 20 * np.sign(face_space.basis().gap_weights()[0])
        face = face_space.template() + face_space.basis().decode(code)
        return Face((face * IOD + [110 + shift, 90, 0]).astype(np.float32), score / 255)


def pictures_of(openings: list[int], scores: list[int] | None = None) -> np.ndarray:
    pictures = np.zeros((len(openings), 200, 220, 3), np.uint8)
    pictures[:, 0, 0, 0] = scores or [250] * len(openings)
    pictures[:, 0, 0, 1] = openings
    pictures[:, 0, 0, 2] = 5 + np.arange(len(openings)) % 3
    return pictures


OPENINGS = [0] * 8 + [20, 40, 60, 40, 20] + [0] * 7


def sources(pictures: np.ndarray, rate: float = 25.0, samples: int | None = None) -> Sources:
    sound = np.linspace(-0.5, 0.5, len(pictures) * HOP if samples is None else samples, dtype=np.float32)
    return Sources(lambda path: (pictures, rate), lambda path: sound, ScriptedMesh)


def clip(name: str = "bbaf2n", openface: Path | None = None) -> Clip:
    return Clip("s1", name, Path(f"s1/{name}.mpg"), Path(f"s1/{name}.mpg"), "bin blue", (), (), openface)


def test_a_clip_becomes_sound_points_and_labels_of_equal_length(tmp_path: Path):
    outcomes = prepare.prepare_pack(
        [clip()], sources(pictures_of(OPENINGS), samples=20 * HOP - 300), tmp_path, PROVENANCE
    )
    assert outcomes == [Outcome("s1/bbaf2n")]
    with np.load(tmp_path / "s1/bbaf2n.npz", allow_pickle=False) as arrays:
        content = dict(arrays)
    shapes = {name: (array.shape, array.dtype.name) for name, array in content.items() if name != "transcript"}
    assert shapes == {
        "audio": ((20 * HOP,), "float32"),
        "points": ((20, 468, 3), "float32"),
        "valid": ((20,), "bool"),
        "code": ((20, face_space.CODE_SIZE), "float32"),
        "action_units": ((20, len(ACTION_UNITS)), "float32"),
        "gap": ((20,), "float32"),
    }
    assert str(content["transcript"]) == "bin blue"
    assert content["gap"].argmax() == 10
    assert content["gap"].min() >= 0.0
    assert np.abs(content["gap"][:8]).max() < 1e-3
    assert np.abs(content["code"][:8]).max() < 0.01
    assert abs(content["code"][10, 0]) == pytest.approx(3.0, abs=0.05)
    assert np.isnan(content["action_units"][:, ACTION_UNITS.index(14)]).all()
    assert not content["audio"][-300:].any()
    description = json.loads((tmp_path / "pack.json").read_text())
    assert description == {
        "version": 1,
        "source": "made up",
        "licence": "none",
        "speakers": ["s1"],
        "clips": 1,
        "left_out": {},
    }
    with np.load(tmp_path / "basis.npz", allow_pickle=False) as basis:
        assert np.array_equal(basis["components"], face_space.basis().components)


def test_stored_pictures_show_the_points_where_the_clip_did(tmp_path: Path):
    pictures = pictures_of(OPENINGS)
    mesh = ScriptedMesh()
    points = mesh.points_in(pictures[0], Region(0, 0, 1, 0)).points
    x, y = points[1, :2].round().astype(int)
    pictures[:, y - 1 : y + 2, x - 1 : x + 2] = 200
    prepare.prepare_pack([clip()], sources(pictures), tmp_path, PROVENANCE)
    stored = np.load(tmp_path / "s1/bbaf2n.frames.npy", allow_pickle=False)
    moved = np.load(tmp_path / "s1/bbaf2n.npz")["points"][0, 1, :2].round().astype(int)
    assert stored.shape[0] == len(pictures)
    assert stored.shape[1] < pictures.shape[1]
    assert stored[0, moved[1], moved[0]].tolist() == [200, 200, 200]


def test_large_faces_are_stored_smaller():
    points = (face_space.template() * 300 + [600, 500, 0]).astype(np.float32)[None]
    stored, moved = prepare.around_face(np.zeros((1, 1200, 1300, 3), np.uint8), points)
    assert face_space.inter_ocular(moved)[0] == pytest.approx(96, rel=0.01)
    assert moved[0, :, :2].min() > 0
    assert (moved[0, :, :2].max(axis=0) < [stored.shape[2], stored.shape[1]]).all()


def test_a_few_lost_frames_are_marked_and_their_labels_filled_in(tmp_path: Path):
    scores = [250] * 20
    scores[10] = 30
    prepare.prepare_pack([clip()], sources(pictures_of(OPENINGS, scores)), tmp_path, PROVENANCE)
    with np.load(tmp_path / "s1/bbaf2n.npz") as content:
        assert np.flatnonzero(~content["valid"]).tolist() == [10]
        assert np.isnan(content["points"][10]).all()
        assert content["gap"][10] == pytest.approx((content["gap"][9] + content["gap"][11]) / 2)


def test_a_clip_that_loses_the_face_too_often_is_left_out_and_said_so(tmp_path: Path):
    scores = [250] * 17 + [30, 1, 1]
    told: list[Outcome] = []
    outcomes = prepare.prepare_pack(
        [clip()], sources(pictures_of(OPENINGS, scores)), tmp_path, PROVENANCE, progress=told.append
    )
    assert outcomes == told
    assert "no face in 3 of 20 frames" in outcomes[0].fault
    assert not (tmp_path / "s1").exists()
    assert json.loads((tmp_path / "pack.json").read_text())["left_out"] == {"s1/bbaf2n": outcomes[0].fault}


def test_an_unreadable_clip_does_not_stop_the_others(tmp_path: Path):
    pictures = pictures_of(OPENINGS)

    def read(path: Path) -> tuple[np.ndarray, float]:
        if path.stem == "broken":
            raise MediaError("broken.mpg is broken")
        return pictures, 25.0

    source = Sources(read, lambda path: np.zeros(20 * HOP, np.float32), ScriptedMesh)
    outcomes = prepare.prepare_pack([clip("broken"), clip()], source, tmp_path, PROVENANCE)
    assert outcomes == [Outcome("s1/bbaf2n"), Outcome("s1/broken", "broken.mpg is broken")]


def test_finished_clips_are_not_read_again_and_an_interrupted_pack_is_described(tmp_path: Path):
    read: list[str] = []
    pictures = pictures_of(OPENINGS)

    def video(path: Path) -> tuple[np.ndarray, float]:
        if path.stem == "c" and "c" not in read:
            read.append("c")
            raise KeyboardInterrupt
        read.append(path.stem)
        return pictures, 25.0

    source = Sources(video, lambda path: np.zeros(20 * HOP, np.float32), ScriptedMesh)
    clips = [clip(name) for name in "abcd"]
    with pytest.raises(KeyboardInterrupt):
        prepare.prepare_pack(clips, source, tmp_path, PROVENANCE)
    assert json.loads((tmp_path / "pack.json").read_text())["clips"] == 2
    outcomes = prepare.prepare_pack(clips, source, tmp_path, PROVENANCE)
    assert read == ["a", "b", "c", "c", "d"]
    assert [outcome.fault for outcome in outcomes] == [""] * 4
    assert not list(tmp_path.rglob("*.part"))


def test_openface_units_replace_the_estimates_where_it_has_them(tmp_path: Path):
    table = tmp_path / "bbaf2n.csv"
    rows = [f"{k + 1}, {k / 25:.3f}, {int(k != 3)}, 0.5, 4.0" for k in range(20)]
    table.write_text("\n".join(["frame, timestamp, success, AU14_r, AU25_r", *rows]))
    prepare.prepare_pack([clip(openface=table)], sources(pictures_of(OPENINGS)), tmp_path / "pack", PROVENANCE)
    units = np.load(tmp_path / "pack/s1/bbaf2n.npz")["action_units"]
    assert np.delete(units[:, ACTION_UNITS.index(25)], 3).tolist() == [4.0] * 19
    assert units[3, ACTION_UNITS.index(25)] < 0.5
    assert np.isnan(units[3, ACTION_UNITS.index(14)])
    assert np.isfinite(units[:, ACTION_UNITS.index(26)]).all()


class ScriptedAligner:
    def segments(self, pcm: np.ndarray, transcript: str) -> list[tuple[float, float, str]]:
        return [(0.1, 0.2, transcript.split()[0].upper()[0])]


def test_phones_are_labelled_where_an_aligner_is_given(tmp_path: Path):
    given = replace(sources(pictures_of(OPENINGS)), aligner=ScriptedAligner)
    prepare.prepare_pack([clip()], given, tmp_path, PROVENANCE)
    phones = np.load(tmp_path / "s1/bbaf2n.npz")["phones"]
    assert phones.shape == (80,)
    assert phones.dtype == np.int8
    assert [PHONES[label] for label in phones[10:20]] == ["B"] * 10
    assert set(phones[:10]) | set(phones[20:]) == {-1}


def test_phones_that_the_corpus_tells_are_preferred(tmp_path: Path):
    given = replace(sources(pictures_of(OPENINGS)), aligner=ScriptedAligner)
    told = replace(clip(), phones=(corpus.Segment(0, 1600, "sil"), corpus.Segment(1600, 3200, "sh")))
    prepare.prepare_pack([told], given, tmp_path, PROVENANCE)
    phones = np.load(tmp_path / "s1/bbaf2n.npz")["phones"]
    assert [PHONES[label] for label in phones[:20]] == ["SIL"] * 10 + ["SH"] * 10
    assert set(phones[20:]) == {-1}


def test_thirty_frames_a_second_become_twenty_five_in_step_with_the_sound(tmp_path: Path):
    openings = [0] * 60
    openings[30] = 60  # shown one second after the start
    prepare.prepare_pack([clip()], sources(pictures_of(openings), 30.0, 2 * 25 * HOP), tmp_path, PROVENANCE)
    with np.load(tmp_path / "s1/bbaf2n.npz") as content:
        assert len(content["gap"]) == 50
        assert content["gap"].argmax() == 25


@pytest.mark.parametrize(("count", "rate"), [(60, 30.0), (75, 25.0), (60, 30000 / 1001), (100, 50.0), (1, 30.0)])
def test_every_chosen_frame_lies_within_half_a_source_frame(count: int, rate: float):
    chosen = prepare.nearest_frames(count, rate)
    assert len(chosen) == round(count * 25 / rate)
    assert chosen.max() < count
    assert np.abs(chosen[:-1] / rate - np.arange(len(chosen) - 1) / 25).max(initial=0) <= 0.5 / rate + 1e-9


def test_the_face_is_followed_without_detecting_it_again():
    mesh = ScriptedMesh()
    points = prepare.track(pictures_of(OPENINGS), mesh)
    assert mesh.detections == 1
    assert np.isfinite(points).all()


def test_a_small_face_is_searched_for_once_a_second_and_then_followed():
    pictures = pictures_of([0] * 30, [1] * 20 + [250] * 10)
    assert np.isnan(prepare.track(pictures[:20], ScriptedMesh())).all()
    pictures[:, 0, 0, 0] = 1
    pictures[25:, 0, 1, 0] = 1

    class Small(ScriptedMesh):
        def points_in(self, image: np.ndarray, region: Region) -> Face:
            return Face(super().points_in(image, region).points, float(image[0, 1, 0]))

    points = prepare.track(pictures, Small())
    assert np.flatnonzero(np.isfinite(points[:, 0, 0])).tolist() == [25, 26, 27, 28, 29]


def test_a_foreign_folder_or_a_pack_of_another_version_is_refused(tmp_path: Path):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(ConfigurationError, match="holds other files"):
        prepare.prepare_pack([], sources(pictures_of(OPENINGS)), tmp_path, PROVENANCE)
    (tmp_path / "pack.json").write_text('{"version": 99}')
    with pytest.raises(ConfigurationError, match="version 99, expected 1"):
        prepare.prepare_pack([], sources(pictures_of(OPENINGS)), tmp_path, PROVENANCE)
    (tmp_path / "pack.json").write_text("{")
    with pytest.raises(ConfigurationError, match="damaged"):
        prepare.prepare_pack([], sources(pictures_of(OPENINGS)), tmp_path, PROVENANCE)


def test_a_place_that_cannot_be_written_is_one_clear_error(tmp_path: Path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare.prepare_pack([clip()], sources(pictures_of(OPENINGS)), tmp_path / "file" / "pack", PROVENANCE)


def test_original_grid_clips_prepared_by_two_workers_open_their_mouths_while_they_speak(
    tmp_path: Path, data_folder: Path
):
    clips = [one for one in corpus.find_clips(data_folder / "grid_original") if one.words][:2]
    source = Sources(media_files.read_video, media_files.read_audio, partial(FaceMesh.load, MODELS))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(prepare, "_CLIPS_PER_TASK", 1)
        outcomes = prepare.prepare_pack(clips, source, tmp_path, PROVENANCE, workers=2, with_pictures=False)
    assert [outcome.fault for outcome in outcomes] == ["", ""]
    for one in clips:
        with np.load(tmp_path / one.speaker / f"{one.name}.npz") as content:
            gap = content["gap"]
            assert content["valid"].all()
        spoken = slice(one.words[0].end // HOP, one.words[-1].start // HOP)
        assert gap[spoken].max() > 0.08
        assert gap[spoken].max() > 3 * gap[:8].max()
