"""Tests of what the motion network learns from: packs are read, labels follow voices, rows are full."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")

from liveface.engine.errors import MediaError
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.face.face_space import CODE_SIZE
from liveface.engine.hearing.features import MEL_BINS
from liveface.engine.media import HOP
from liveface.engine.model.audio_encoder import PHONES
from liveface.engine.train.articulation import FEATURES, describe_labels
from liveface.engine.train.speech_dataset import (
    InVoices,
    Recording,
    SpeechDataset,
    hear,
    nothing_heard,
    read_pack,
    silence,
)
from liveface.engine.train.voices import Voice


def spoken(speaker: str, seed: int, frames: int = 30) -> Recording:
    """Noise whose loudness opens the mouth; its phone is silence or AA."""
    generator = np.random.default_rng(seed)
    loud = np.repeat(generator.integers(0, 2, frames // 5), 5).astype(np.float32)
    pcm = generator.standard_normal(frames * HOP).astype(np.float32) * (0.001 + 0.1 * np.repeat(loud, HOP))
    code = np.zeros((frames, CODE_SIZE), np.float32)
    code[:, 0] = loud
    units = np.zeros((frames, len(ACTION_UNITS)), np.float32)
    units[:, 5] = 3 * loud
    units[:, 1] = np.nan
    phones = (np.repeat(loud, 4) * PHONES.index("AA")).astype(np.int8)
    return Recording(speaker, pcm, code, units, phones, describe_labels(phones), nothing_heard(frames))


def write_pack(folder: Path, recordings: list[Recording]) -> None:
    for number, one in enumerate(recordings):
        (folder / one.speaker).mkdir(parents=True, exist_ok=True)
        arrays = {"audio": one.pcm, "code": one.code, "action_units": one.action_units, "phones": one.phones}
        np.savez(folder / one.speaker / f"{number}.npz", valid=np.arange(len(one.code)) != 3, **arrays)


def test_a_pack_is_read_and_frames_without_a_face_are_unknown(tmp_path: Path) -> None:
    write_pack(tmp_path, [spoken("anna", 0), spoken("ben", 1)])
    recordings = read_pack(tmp_path)
    assert [one.speaker for one in recordings] == ["anna", "ben"]
    assert np.isnan(recordings[0].code[3]).all()
    assert np.isfinite(recordings[0].code[4]).all()
    assert [one.speaker for one in read_pack(tmp_path, left_out=["anna"])] == ["ben"]
    with pytest.raises(MediaError, match="no prepared clip"):
        read_pack(tmp_path / "empty")


def test_labels_follow_the_speed_of_the_voice() -> None:
    recording = spoken("anna", 0, frames=40)
    recording.code[:, 0] = np.arange(40)
    heard = hear(recording, Voice(speed=2.0), np.random.default_rng(0))
    assert heard.frames == 20
    np.testing.assert_allclose(heard.code[:, 0], 2 * np.arange(20) + 0.5)
    assert heard.mel.shape == (80, MEL_BINS)
    assert heard.phones.tolist() == recording.phones[1::2].tolist()


def test_every_recording_is_heard_as_it_is_and_in_other_voices() -> None:
    heard = InVoices([spoken("anna", 0)], 3, 1.0, seed=0)
    assert len(heard) == 3
    assert heard[0].frames == 30
    assert {heard[index].frames for index in (1, 2)} != {30}
    assert heard[1] is heard[1]
    assert np.array_equal(heard[2].mel, InVoices([spoken("anna", 0)], 3, 1.0, seed=0)[2].mel)


def test_silence_keeps_the_mouth_closed() -> None:
    for seed in range(5):
        one = silence(10, np.random.default_rng(seed))
        assert not one.code.any()
        assert not one.action_units.any()
        assert np.isfinite(one.mel).all()


def test_a_row_joins_utterances_and_cuts_long_ones() -> None:
    voices = SpeechDataset(((1.0, InVoices([spoken("anna", 0)], 1, 1.0, 0)),), silence_share=0.0)
    for frames in (12, 30, 75):
        row = voices.row(frames, np.random.default_rng(0))
        assert row.frames == frames
        assert row.mel.shape == (4 * frames, MEL_BINS)
        assert row.phones.shape == (4 * frames,)
        assert row.articulation.shape == (4 * frames, len(FEATURES))


def test_a_band_of_frequencies_is_missing_in_some_rows() -> None:
    voices = SpeechDataset(((1.0, InVoices([spoken("anna", 0)], 1, 1.0, 0)),), silence_share=0.0)
    batch = voices.batch(40, 20, np.random.default_rng(0))
    still = (batch.mel.std(dim=1) == 0).sum(dim=1)
    assert 4 < int((still > 0).sum()) < 20
    assert int(still.max()) <= 7


def test_the_last_group_can_be_favoured() -> None:
    groups = tuple(
        (share, InVoices([spoken(name, 0)], 1, 1.0, 0)) for share, name in ((0.5, "a"), (0.3, "b"), (0.2, "c"))
    )
    favoured = SpeechDataset(groups, 0.05).mostly_last(0.84)
    assert [share for share, _ in favoured.groups] == pytest.approx([0.1, 0.06, 0.84])
    assert [group for _, group in favoured.groups] == [group for _, group in groups]
