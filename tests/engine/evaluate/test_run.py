"""Evaluations of invented speakers by answers whose scores are known."""

import math
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.errors import MediaError
from liveface.engine.evaluate import run as corpus_run
from liveface.engine.evaluate.run import (
    HEARD,
    IN_THE_BASIS,
    LOUDNESS,
    REST_ALONE,
    STILL,
    TRUE_MOTION,
    TRUE_VIDEO,
    UNITS_ALONE,
    Instruments,
    Row,
    TestClip,
    in_parts,
    read_clip,
    score_drawing,
    score_hearing,
    score_silence,
    spread,
)
from liveface.engine.face import face_space
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import HOP, Motion, Picture, Samples
from tests.engine.evaluate.speakers import code_of, openings, pictures_of, points_of, sound_of, write_pack

BASIS = face_space.basis()


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[TestClip]:
    pack = write_pack(tmp_path_factory.mktemp("pack"), {"a": 2})
    return [read_clip(file) for file in sorted(pack.glob("a/*.npz"))]


def motions(code: np.ndarray, pcm: Samples) -> list[Motion]:
    units = np.zeros(7, np.float32)
    return [Motion(t, units, row, pcm[t * HOP : (t + 1) * HOP], True) for t, row in enumerate(code)]


def hear_late(pcm: Samples, lookahead: int) -> list[Motion]:
    """The true motion of the clip with this sound, two frames late without lookahead; still for any other sound."""
    for seed in (1, 2):
        gap = openings(seed)
        sound = sound_of(gap, seed)
        if len(pcm) == len(sound) and pcm @ sound > 0.99 * np.linalg.norm(pcm) * np.linalg.norm(sound):
            delay = max(0, 2 - lookahead)
            return motions(code_of(np.concatenate([np.zeros(delay, np.float32), gap[: len(gap) - delay]])), pcm)
    return motions(np.zeros((len(pcm) // HOP, len(BASIS.scale)), np.float32), pcm)


def by_system(rows: list[Row]) -> dict[tuple[str, int | None], Row]:
    return {(row.system, row.lookahead): row for row in rows}


def test_truth_trivial_answers_and_a_late_answer_score_as_constructed(clips: list[TestClip]) -> None:
    rows = by_system(score_hearing(clips, "seen", hear_late, BASIS, [0, 2]))
    truth, basis, still = (rows[name, None].scores for name in (TRUE_MOTION, IN_THE_BASIS, STILL))
    assert truth["gap_correlation"] == pytest.approx(1.0)
    assert truth["landmark_distance"] == pytest.approx(0.0)
    assert truth["closure_recall"] == truth["closure_recall_speaking"] == 1.0
    assert truth["au25_f1"] == 1.0
    assert basis["gap_correlation"] > 0.99
    assert basis["landmark_distance"] < 0.2
    assert still["gap_correlation"] == 0.0
    assert still["closure_recall"] == 1.0
    assert still["false_closures"] == still["false_closures_speaking"] == 1.0
    assert still["au25_f1"] == 0.0
    assert rows[LOUDNESS, None].scores["gap_correlation"] > 0.7
    exact, late = rows[HEARD, 2].scores, rows[HEARD, 0].scores
    assert exact["gap_correlation"] > 0.99
    assert late["gap_correlation"] < exact["gap_correlation"]
    assert (late["lag"], exact["lag"]) == (2.0, 0.0)
    assert late["opening_delay"] == pytest.approx(2.0, abs=0.1)
    assert exact["opening_20dB_quieter"] == pytest.approx(1.0)
    assert late["gap_correlation_best_lag"] == pytest.approx(exact["gap_correlation"], abs=0.01)
    assert exact["lip_speed_ratio"] == pytest.approx(1.0, abs=0.05)
    assert still["lip_speed_ratio"] == 0.0
    assert exact["gap_correlation_interval"] < 0.01


def test_every_person_is_scored_alone_and_all_count_alike(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 2, "b": 1})
    clips = [read_clip(file) for file in sorted(pack.glob("*/*.npz"))]
    rows = {row.group: row for row in score_hearing(clips, "seen", hear_late, BASIS, [2]) if row.stage == "persons"}
    assert [(group, row.clips) for group, row in rows.items()] == [
        ("seen, a", 2),
        ("seen, b", 1),
        ("seen, mean of 2 persons", 3),
    ]
    correlations = [row.scores["gap_correlation"] for row in rows.values()]
    assert correlations[0] > 0.99
    assert correlations[1] == 0.0  # hear_late knows two sounds, b's is the third
    assert correlations[2] == pytest.approx((correlations[0] + correlations[1]) / 2)


def test_closures_are_counted_where_bilabials_are_spoken(clips: list[TestClip]) -> None:
    (row, *_) = score_hearing(clips, "seen", hear_late, BASIS, [])
    assert row.scores["closures"] == 2  # one M in each clip, though each mouth closes five times


def test_a_network_that_is_still_in_silence_scores_zero_there() -> None:
    assert score_silence(hear_late, BASIS, 2) == dict.fromkeys(
        ("silence_motion", "silence_opening", "noise_motion", "noise_opening"), 0.0
    )


def test_a_network_that_moves_in_silence_is_caught() -> None:
    def restless(pcm: Samples, lookahead: int) -> list[Motion]:
        return motions(code_of(0.1 * (np.arange(len(pcm) // HOP) % 2)), pcm)

    scores = score_silence(restless, BASIS, 2)
    assert scores["silence_opening"] == pytest.approx(10.0, rel=1e-3)
    assert scores["noise_motion"] > 1.0


HEIGHTS = np.linspace(0, 0.14, 57)  # IOD
DARK = [int((picture[..., 0] < 60).sum()) for picture in pictures_of(code_of(HEIGHTS))]


def draw_exactly(motions: list[Motion], avatar: Avatar) -> Picture:
    return pictures_of(np.stack([motion.code for motion in motions]))


def track_of_pictures(pictures: Picture) -> np.ndarray:
    """The mesh, read off the height of the dark mouth by its number of pixels."""
    dark = [int((picture[..., 0] < 60).sum()) for picture in pictures]
    return points_of(code_of(np.interp(dark, DARK, HEIGHTS)))


def test_a_renderer_that_draws_the_truth_scores_like_the_true_video(clips: list[TestClip]) -> None:
    instruments = Instruments(track_of_pictures, units=None, embed=None)
    rows, sheets, curves = score_drawing(clips[:1], "seen", hear_late, draw_exactly, instruments, BASIS, [2])
    scores = {key: row.scores for key, row in by_system(rows).items()}
    video, still, drawn = scores[TRUE_VIDEO, None], scores[STILL, None], scores[TRUE_MOTION, None]
    assert video["psnr_mouth"] == math.inf
    assert video["ssim_mouth"] == pytest.approx(1.0)
    assert still["psnr_mouth"] < 30 < drawn["psnr_mouth"]
    assert drawn["ssim_mouth"] > 0.95 > still["ssim_mouth"]
    assert drawn["gap_correlation"] > 0.95
    assert still["flicker"] == 0.0
    assert drawn["flicker"] == pytest.approx(video["flicker"], rel=0.3)
    assert scores[HEARD, 2]["psnr_mouth"] > 30
    assert [len(sheet.rows) for sheet in sheets] == [5]
    assert sheets[0].rows[0][1].shape == (corpus_run.SHEET_MOMENTS, 192, 256, 3)
    assert len(curves[0].gaps) == 5


def test_the_classifier_and_the_sync_expert_see_every_film(clips: list[TestClip]) -> None:
    def units(crops: Picture) -> np.ndarray:
        assert crops.shape[1:] == (96, 128, 3)
        return np.zeros((len(crops), 7), np.float32)

    def embed(crops: Picture, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert features.shape == (4 * len(crops), 80)
        return features.reshape(len(crops), -1), features.reshape(len(crops), -1)

    instruments = Instruments(track_of_pictures, units, embed)
    rows, _, _ = score_drawing(clips[:1], "seen", hear_late, draw_exactly, instruments, BASIS, [])
    for row in rows:
        assert row.scores["au_seen25_f1"] == 0.0
        assert row.scores["lse_d"] == 0.0
        assert row.scores["lse_c"] > 1.0
        assert row.scores["sync_within_1"] == 1.0


def test_without_pictures_there_is_nothing_to_draw(tmp_path: Path) -> None:
    pack = write_pack(tmp_path / "pack", {"a": 1}, with_pictures=False)
    clip = read_clip(pack / "a" / "clip00.npz")
    with pytest.raises(MediaError, match="kept its pictures"):
        score_drawing([clip], "seen", hear_late, draw_exactly, Instruments(track_of_pictures, None, None), BASIS, [])


def test_a_file_that_is_no_clip_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", numbers=np.zeros(3))
    with pytest.raises(MediaError, match="no clip of a prepared corpus"):
        read_clip(tmp_path / "other.npz")


def test_a_limit_spreads_over_all() -> None:
    assert spread(list(range(11)), 3) == [0, 5, 10]
    assert spread([1, 2], 3) == [1, 2]
    assert spread([1, 2], None) == [1, 2]


def test_what_units_move_is_told_from_the_rest(clips: list[TestClip]) -> None:
    units = np.abs(np.random.default_rng(0).normal(size=(len(clips[0].shape), 7))).astype(np.float32)
    rest = np.random.default_rng(1).normal(size=(len(units), 16)).astype(np.float32)
    matrix = np.random.default_rng(2).normal(size=(7, 16)).astype(np.float32)
    pcm = np.zeros(HOP, np.float32)
    said = [Motion(k, units[k], units[k] @ matrix + rest[k], pcm, True) for k in range(len(units))]
    driven, left = in_parts(said, matrix)
    np.testing.assert_allclose(driven, units @ matrix, atol=1e-5)
    np.testing.assert_allclose(left, rest, atol=1e-4)
    rows = {row.system for row in score_hearing(clips, "seen", hear_late, BASIS, [2])}
    assert {UNITS_ALONE, REST_ALONE} <= rows
