"""Tests of the motion network's training: labels follow voices, unknowns do not count, a tiny run learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from engine import checkpoint, face_space  # noqa: E402
from engine.action_units import ACTION_UNITS  # noqa: E402
from engine.errors import MediaError  # noqa: E402
from engine.face_space import CODE_SIZE  # noqa: E402
from engine.features import MEL_BINS  # noqa: E402
from engine.media import HOP  # noqa: E402
from engine.model.audio_encoder import PHONE_DELAYS, PHONES  # noqa: E402
from engine.model.motion_network import LOOKAHEADS, MotionConfiguration, MotionNetwork  # noqa: E402
from engine.train.hearing import (  # noqa: E402
    Batch,
    HearingOptions,
    MotionLoss,
    Recording,
    Repertoire,
    delayed,
    hear,
    in_voices,
    phone_loss,
    read_pack,
    silence,
    train_motion,
    unfilmed,
)
from engine.train.voices import Voice  # noqa: E402

TINY = MotionConfiguration(mel_channels=8, channels=16, unit_channels=4, attention_window=5, dropout=0.0)
OPTIONS = HearingOptions(TINY, pretraining_steps=40, steps=40, batch=4, row_frames=20, versions=2, average_decay=0.0)


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
    return Recording(speaker, pcm, code, units, (np.repeat(loud, 4) * PHONES.index("AA")).astype(np.int8))


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
    assert [one.speaker for one in read_pack(tmp_path, ["ben"])] == ["ben"]
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
    heard = in_voices([spoken("anna", 0)], 3, 1.0, seed=0)
    assert len(heard) == 3
    assert heard[0].frames == 30
    assert {one.frames for one in heard[1:]} != {30}


def test_silence_keeps_the_mouth_closed() -> None:
    for seed in range(5):
        one = silence(10, np.random.default_rng(seed))
        assert not one.code.any()
        assert not one.action_units.any()
        assert np.isfinite(one.mel).all()


def test_a_row_joins_utterances_and_cuts_long_ones() -> None:
    voices = Repertoire(((1.0, in_voices([spoken("anna", 0)], 1, 1.0, 0)),), silence_share=0.0)
    for frames in (12, 30, 75):
        row = voices.row(frames, np.random.default_rng(0))
        assert row.frames == frames
        assert row.mel.shape == (4 * frames, MEL_BINS)
        assert row.phones.shape == (4 * frames,)


def test_delayed_labels_speak_of_earlier_frames() -> None:
    labels = torch.arange(4.0).reshape(1, 4, 1)
    rows = delayed(labels, (0, 2), float("nan"))[0, :, :, 0]
    assert rows[:, 0].tolist() == [0, 1, 2, 3]
    assert rows[2:, 1].tolist() == [0, 1]
    assert rows[:2, 1].isnan().all()


def test_unknown_labels_leave_no_trace_in_the_gradient() -> None:
    torch.manual_seed(0)
    network = MotionNetwork(TINY)
    nothing = Batch(
        torch.randn(2, 80, MEL_BINS),
        torch.full((2, 20, CODE_SIZE), float("nan")),
        torch.full((2, 20, len(ACTION_UNITS)), float("nan")),
        torch.zeros(2, 80, dtype=torch.long),
    )
    MotionLoss.of(face_space.basis(), OPTIONS)(network, nothing).backward()
    assert network.head.weight.grad is not None
    assert not network.head.weight.grad.any()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_the_loss_is_zero_for_the_truth_alone() -> None:
    loss = MotionLoss.of(face_space.basis(), replace(OPTIONS, phone_weight=0.0))
    code, units = torch.randn(1, 9, CODE_SIZE), torch.rand(1, 9, len(ACTION_UNITS))
    batch = Batch(torch.zeros(1, 36, MEL_BINS), code, units, torch.zeros(1, 36, dtype=torch.long))
    heads = range(LOOKAHEADS)
    truth = (
        delayed(units, heads, 0.0),
        delayed(code, heads, 0.0),
        torch.zeros(1, 9, len(PHONE_DELAYS), 4, len(PHONES)),
    )
    assert loss(lambda mel: truth, batch) == 0.0
    assert loss(lambda mel: (truth[0], truth[1] + 0.5, truth[2]), batch) > 0.1


def test_phones_that_are_unknown_do_not_count() -> None:
    scores = torch.zeros(1, 6, len(PHONE_DELAYS), 4, len(PHONES))
    scores[..., 7] = 20.0
    phones = torch.full((1, 24), 7)
    assert phone_loss(scores, phones) < 1e-3
    phones[:, ::2] = -1
    assert phone_loss(scores, phones) < 1e-3


def test_a_tiny_training_lowers_its_loss_and_leaves_one_file(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0), spoken("anna", 1), spoken("ben", 2)])
    speech = [unfilmed("carol", spoken("carol", 3).pcm, spoken("carol", 3).phones)]
    losses: list[dict[str, float]] = []
    path = train_motion(
        tmp_path / "pack", tmp_path / "out", OPTIONS, lambda step, mean: losses.append(mean), speech=speech
    )
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["motion.safetensors"]
    phones = [mean["phones"] for mean in losses if "phones" in mean]
    motion = [mean["motion"] for mean in losses if "motion" in mean]
    assert phones[-1] < 0.9 * phones[0]
    assert motion[-1] < 0.8 * motion[0]
    saved = checkpoint.load(path)
    assert saved.provenance["motion"]["speakers"] == ["anna", "ben"]
    network = MotionNetwork.from_checkpoint(saved)
    assert network.configuration == TINY


def test_an_interrupted_training_continues_where_it_was(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0), spoken("ben", 2)])
    whole = train_motion(tmp_path / "pack", tmp_path / "whole", OPTIONS)

    def interrupt(step: int, mean: dict[str, float]) -> None:
        if step == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_motion(tmp_path / "pack", tmp_path / "out", replace(OPTIONS, save_every=10), interrupt)
    resumed = train_motion(tmp_path / "pack", tmp_path / "out", OPTIONS)
    for name, tensor in checkpoint.load(whole).tensors.items():
        np.testing.assert_array_equal(checkpoint.load(resumed).tensors[name], tensor)
