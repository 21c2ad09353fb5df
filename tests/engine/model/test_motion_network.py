"""Tests of the motion network: streaming equals offline, lookahead is exact, checkpoints round-trip."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from liveface.engine import checkpoint  # noqa: E402
from liveface.engine.errors import CheckpointError  # noqa: E402
from liveface.engine.face.action_units import ACTION_UNITS  # noqa: E402
from liveface.engine.face.face_space import CODE_SIZE  # noqa: E402
from liveface.engine.hearing.features import MEL_BINS  # noqa: E402
from liveface.engine.model.audio_encoder import PHONE_DELAYS, PHONES  # noqa: E402
from liveface.engine.model.motion_network import LOOKAHEADS, MotionConfiguration, MotionNetwork  # noqa: E402

SMALL = MotionConfiguration(mel_channels=16, channels=32, unit_channels=8, attention_window=9)


@pytest.fixture
def network() -> MotionNetwork:
    torch.manual_seed(0)
    network = MotionNetwork(SMALL).eval()
    torch.nn.init.normal_(network.fusion.attention.bias)
    return network


def features(frames: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(2, 4 * frames, MEL_BINS, generator=torch.Generator().manual_seed(seed)) * 4 - 7


def test_shapes_are_those_of_the_contract(network: MotionNetwork) -> None:
    action_units, code, phones = network(features(5))
    assert action_units.shape == (2, 5, LOOKAHEADS, len(ACTION_UNITS))
    assert code.shape == (2, 5, LOOKAHEADS, CODE_SIZE)
    assert phones.shape == (2, 5, len(PHONE_DELAYS), 4, len(PHONES))
    assert len(PHONES) == 40


def test_steps_equal_the_whole_recording(network: MotionNetwork) -> None:
    mel = features(40)
    with torch.no_grad():
        action_units, code, _ = network(mel)
        state = network.initial_state(2)
        for frame in range(40):
            stepped_units, stepped_code, state = network.step(mel[:, 4 * frame : 4 * frame + 4], state)
            torch.testing.assert_close(stepped_units, action_units[:, frame], atol=1e-5, rtol=1e-5)
            torch.testing.assert_close(stepped_code, code[:, frame], atol=1e-5, rtol=1e-5)


def test_a_step_never_hears_a_later_frame(network: MotionNetwork) -> None:
    mel = features(20)
    changed = mel.clone()
    changed[:, 4 * 12 :] += 3.0
    with torch.no_grad():
        before, after = network(mel), network(changed)
    for one, other in zip(before, after, strict=True):
        torch.testing.assert_close(one[:, :12], other[:, :12], atol=0, rtol=0)
        assert (one[:, 12] - other[:, 12]).abs().max() > 1e-3


def test_a_fresh_state_stands_for_silence_in_the_convolution_of_the_features(network: MotionNetwork) -> None:
    from liveface.engine.model.audio_encoder import SILENCE
    from liveface.engine.model.temporal import Memory

    encoder = network.audio_encoder
    silent = torch.full((1, 4, MEL_BINS), SILENCE)
    fresh = torch.zeros(1, 4, MEL_BINS)
    heard = Memory([fresh])
    encoder.convolution((silent - SILENCE) / encoder.deviation, heard)
    torch.testing.assert_close(heard.renewed[0], fresh)


def test_units_are_never_negative(network: MotionNetwork) -> None:
    assert network(features(10))[0].min() >= 0


def test_a_checkpoint_gives_the_same_network_back(network: MotionNetwork, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    checkpoint.save(path, network.tensors(), {"motion": SMALL.to_json()}, {})
    loaded = MotionNetwork.from_checkpoint(checkpoint.load(path))
    assert loaded.configuration == SMALL
    with torch.no_grad():
        torch.testing.assert_close(loaded(features(3))[1], network(features(3))[1], atol=0, rtol=0)


def test_weights_of_another_size_are_refused(network: MotionNetwork, tmp_path: Path) -> None:
    path = tmp_path / "motion.safetensors"
    checkpoint.save(path, network.tensors(), {"motion": MotionConfiguration().to_json()}, {})
    with pytest.raises(CheckpointError, match="do not fit"):
        MotionNetwork.from_checkpoint(checkpoint.load(path))


def test_an_unknown_setting_is_refused() -> None:
    with pytest.raises(CheckpointError, match="depth"):
        MotionConfiguration.from_json({**SMALL.to_json(), "depth": 3})


def test_units_drive_by_the_basis_and_the_rest_is_residual(network: MotionNetwork) -> None:
    network.unit_basis.copy_(torch.randn(len(ACTION_UNITS), CODE_SIZE, generator=torch.Generator().manual_seed(3)))
    network.learned_units[2] = 0.0
    with torch.no_grad():
        said = network.hear(features(6))
        torch.testing.assert_close(said.driven, said.action_units @ network.unit_basis)
        torch.testing.assert_close(said.code, said.driven + said.residual)
        torch.testing.assert_close(network(features(6))[1], said.code)
    assert not said.action_units[..., 2].any()
    assert said.driven.abs().max() > 0.1


def test_a_checkpoint_from_before_units_drove_moves_as_it_did(network: MotionNetwork, tmp_path: Path) -> None:
    former = network.tensors()
    del former["motion.unit_basis"]
    path = tmp_path / "motion.safetensors"
    checkpoint.save(path, former, {"motion": SMALL.to_json()}, {})
    loaded = MotionNetwork.from_checkpoint(checkpoint.load(path))
    with torch.no_grad():
        torch.testing.assert_close(loaded(features(3))[1], network(features(3))[1], atol=0, rtol=0)
    assert not loaded.unit_basis.any()
