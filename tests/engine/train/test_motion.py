"""Tests of the motion network's training: labels follow voices, unknowns do not count, a tiny run learns."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from liveface.engine import checkpoint  # noqa: E402
from liveface.engine.errors import CheckpointError  # noqa: E402
from liveface.engine.face import face_space, unit_basis  # noqa: E402
from liveface.engine.face.action_units import ACTION_UNITS  # noqa: E402
from liveface.engine.face.face_space import CODE_SIZE  # noqa: E402
from liveface.engine.hearing.features import MEL_BINS  # noqa: E402
from liveface.engine.model.audio_encoder import PHONE_DELAYS, PHONES  # noqa: E402
from liveface.engine.model.motion_network import MotionConfiguration, MotionNetwork  # noqa: E402
from liveface.engine.train.articulation import FEATURES  # noqa: E402
from liveface.engine.train.motion import (  # noqa: E402
    HearingOptions,
    average_motion,
    delayed,
    encoder_head,
    encoder_loss,
    heads_loss,
    phone_loss,
    train_motion,
)
from liveface.engine.train.motion_loss import LossWeights, MotionLoss  # noqa: E402
from liveface.engine.train.speech_dataset import Batch, unfilmed  # noqa: E402
from liveface.engine.train.speech_encoder import COMPONENTS  # noqa: E402
from tests.engine.train.test_speech_dataset import spoken, write_pack  # noqa: E402

TINY = MotionConfiguration(mel_channels=8, channels=16, unit_channels=4, attention_window=5, dropout=0.0)
OPTIONS = HearingOptions(
    TINY,
    pretraining_steps=40,
    viseme_steps=5,
    steps=40,
    batch=4,
    row_frames=20,
    versions=2,
    average_decay=0.0,
)


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
        torch.full((2, 80, len(FEATURES)), float("nan")),
        torch.full((2, 20, COMPONENTS), float("nan")),
    )
    loss = MotionLoss.of(face_space.basis(), LossWeights())
    heads_loss(network, encoder_head(network), nothing, loss, OPTIONS).backward()
    assert network.head.weight.grad is not None
    assert not network.head.weight.grad.any()
    assert all(p.grad is None or p.grad.isfinite().all() for p in network.parameters())


def test_phones_that_are_unknown_do_not_count() -> None:
    scores = torch.zeros(1, 6, len(PHONE_DELAYS), 4, len(PHONES))
    scores[..., 7] = 20.0
    phones = torch.full((1, 24), 7)
    assert phone_loss(scores, phones) < 1e-3
    phones[:, ::2] = -1
    assert phone_loss(scores, phones) < 1e-3


def test_what_the_recogniser_hears_is_learned_with_its_delay() -> None:
    heard = torch.randn(1, 9, COMPONENTS)
    said = delayed(heard, PHONE_DELAYS, 0.0).flatten(2)
    assert encoder_loss(said, heard) == 0.0
    assert encoder_loss(said + 1.0, heard) == pytest.approx(1.0)
    assert encoder_loss(said, torch.full_like(heard, float("nan"))) == 0.0


def test_a_training_goes_on_from_a_checkpoint_and_names_everyone_it_has_known(tmp_path: Path) -> None:
    write_pack(tmp_path / "first", [spoken("anna", 0)])
    write_pack(tmp_path / "second", [spoken("ben", 1)])
    few = replace(OPTIONS, steps=2, learning_rate=0.0)
    begun = train_motion(tmp_path / "first", tmp_path / "a", few)
    path = train_motion(tmp_path / "second", tmp_path / "b", few, start=begun)
    assert checkpoint.load(path).provenance["motion"]["speakers"] == ["anna", "ben"]
    for name, tensor in checkpoint.load(begun).tensors.items():
        np.testing.assert_allclose(checkpoint.load(path).tensors[name], tensor, atol=1e-6)


def test_a_tiny_training_lowers_its_loss_and_leaves_one_file(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0), spoken("anna", 1), spoken("ben", 2)])
    speech = [unfilmed("carol", spoken("carol", 3).pcm, [(0.0, 0.6, "SIL"), (0.6, 1.2, "AA")])]
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
    units = network(torch.zeros(1, 40, MEL_BINS))[0]
    assert not units[..., 1].any()  # nobody labelled AU 14
    assert units[..., 5].any()


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


def test_a_training_of_other_options_is_not_continued(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0), spoken("ben", 2)])

    def interrupt(step: int, mean: dict[str, float]) -> None:
        if step == 20:
            raise KeyboardInterrupt

    options = replace(OPTIONS, save_every=10)
    with pytest.raises(KeyboardInterrupt):
        train_motion(tmp_path / "pack", tmp_path / "out", options, interrupt)
    with pytest.raises(CheckpointError, match=r"steps was 40, now 50\): give the same ones"):
        train_motion(tmp_path / "pack", tmp_path / "out", replace(options, steps=50))
    with pytest.raises(CheckpointError, match=r"recordings was 2, now 1; speakers was"):
        train_motion(tmp_path / "pack", tmp_path / "out", options, left_out={"ben"})
    with pytest.raises(CheckpointError, match="weights to begin with"):
        train_motion(tmp_path / "pack", tmp_path / "out", options, unit_matrix=2 * unit_basis.shipped())
    assert checkpoint.load(tmp_path / "out" / "motion.training.safetensors").configuration["training_step"] == 10


def test_units_take_over_from_a_network_that_had_no_basis(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = MotionNetwork(TINY)
    mel = torch.randn(2, 80, MEL_BINS)
    with torch.no_grad():
        before = network.hear(mel).code
        network.give_basis(torch.from_numpy(np.array(unit_basis.shipped())))
        said = network.hear(mel)
    torch.testing.assert_close(said.code, before)
    unlabelled = torch.full((2, 20, len(ACTION_UNITS)), float("nan"))
    batch = Batch(
        mel,
        said.driven[:, :, 0],
        unlabelled,
        torch.full((2, 80), -1),
        torch.full((2, 80, len(FEATURES)), float("nan")),
        torch.full((2, 20, COMPONENTS), float("nan")),
    )
    only_first = MotionLoss.of(face_space.basis(), LossWeights(spread=0.0, closures=0.0))
    network.eval()
    dropped = replace(OPTIONS, residual_dropout=1.0, residual_weight=0.0, encoder_weight=0.0, phone_weight=0.0)
    heads_loss(network, encoder_head(network), batch, only_first, dropped).backward()
    assert network.head.weight.grad is not None
    assert not network.head.weight.grad.any()  # a residual that is dropped learns nothing,
    assert network.audio_to_au.head.weight.grad is not None
    assert network.audio_to_au.head.weight.grad.any()  # and the units carry the motion


def test_the_basis_of_units_goes_with_the_weights(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0)])
    few = replace(OPTIONS, steps=2)
    path = train_motion(tmp_path / "pack", tmp_path / "out", few)
    stored = checkpoint.load(path).tensors["motion.unit_basis"]
    np.testing.assert_array_equal(stored, unit_basis.shipped())
    assert not checkpoint.load(path).tensors["motion.withheld"].any()
    twice = train_motion(tmp_path / "pack", tmp_path / "twice", few, unit_matrix=2 * unit_basis.shipped())
    np.testing.assert_array_equal(checkpoint.load(twice).tensors["motion.unit_basis"], 2 * unit_basis.shipped())
    with pytest.raises(CheckpointError, match="drive by different bases"):
        average_motion(path, twice, 0.5, tmp_path / "mean")


def test_the_mean_with_a_network_from_before_units_drove_lies_between_them(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0)])
    former = train_motion(tmp_path / "pack", tmp_path / "former", replace(OPTIONS, steps=2, drive=False))
    options = replace(OPTIONS, steps=6, handover_steps=4)
    after = train_motion(tmp_path / "pack", tmp_path / "after", options, start=former)
    mean = average_motion(former, after, 0.75, tmp_path / "mean")
    networks = [MotionNetwork.from_checkpoint(checkpoint.load(path)) for path in (former, after, mean)]
    assert [float(network.withheld) for network in networks] == [0.0, 0.0, 0.25]
    np.testing.assert_array_equal(networks[2].unit_basis.numpy(), unit_basis.shipped())
    with torch.no_grad():
        mel = torch.randn(1, 80, MEL_BINS)
        expected, said = networks[2].hear(mel), networks[2](mel)[1]
    torch.testing.assert_close(said, expected.driven + expected.residual)


def test_a_unit_of_a_mean_moves_the_mouth_as_many_times_as_far_as_is_asked(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0)])
    former = train_motion(tmp_path / "pack", tmp_path / "former", replace(OPTIONS, steps=2, drive=False))
    after = train_motion(
        tmp_path / "pack", tmp_path / "after", replace(OPTIONS, steps=6, handover_steps=4), start=former
    )
    plain, larger = (
        MotionNetwork.from_checkpoint(checkpoint.load(average_motion(former, after, 0.75, tmp_path / "mean", sizes)))
        for sizes in ((), ((25, 1.4),))
    )
    unit = ACTION_UNITS.index(25)
    with torch.no_grad():
        mel = torch.randn(1, 80, MEL_BINS)
        before, now = plain.hear(mel), larger.hear(mel)
    of_unit = before.action_units[..., unit : unit + 1] * plain.unit_basis[unit]
    moved = now.code - before.code
    torch.testing.assert_close(moved, 0.4 * of_unit, atol=1e-4, rtol=1e-4)
    assert float(moved.abs().max()) > 1e-3
    others = [place for place in range(len(ACTION_UNITS)) if place != unit]
    torch.testing.assert_close(now.action_units[..., others], before.action_units[..., others])


def test_a_training_may_end_early_in_its_schedule(tmp_path: Path) -> None:
    write_pack(tmp_path / "pack", [spoken("anna", 0)])
    steps: list[int] = []
    options = replace(OPTIONS, until=5)
    path = train_motion(tmp_path / "pack", tmp_path / "out", options, lambda step, mean: steps.append(step))
    assert steps[-1] == 5
    assert checkpoint.load(path).provenance["motion"]["options"]["until"] == 5


def test_the_mean_of_two_networks_lies_between_them_and_names_who_taught_both(tmp_path: Path) -> None:
    write_pack(tmp_path / "first", [spoken("anna", 0)])
    write_pack(tmp_path / "second", [spoken("ben", 1)])
    few = replace(OPTIONS, steps=2)
    first = train_motion(tmp_path / "first", tmp_path / "a", few)
    second = train_motion(tmp_path / "second", tmp_path / "b", replace(few, seed=1))
    mean = checkpoint.load(average_motion(first, second, 0.25, tmp_path / "mean"))
    one, other = checkpoint.load(first).tensors, checkpoint.load(second).tensors
    for name, tensor in mean.tensors.items():
        np.testing.assert_allclose(tensor, 0.75 * one[name] + 0.25 * other[name], atol=1e-6)
    assert mean.provenance["motion"]["speakers"] == ["anna", "ben"]
    larger = train_motion(tmp_path / "first", tmp_path / "c", replace(few, network=replace(TINY, channels=20)))
    with pytest.raises(CheckpointError, match="of different size"):
        average_motion(first, larger, 0.5, tmp_path / "mean")
