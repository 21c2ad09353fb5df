"""Tests that what voice agents import makes its parts of an avatar, with the real engine."""

import warnings

import pytest

from liveface import Avatar


def test_a_service_of_pipecat_is_made_of_an_avatar() -> None:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "'audioop' is deprecated", DeprecationWarning)
        pytest.importorskip("pipecat.frames.frames", reason="Pipecat is absent: install liveface[pipecat]")
        from liveface.pipecat import LivefaceVideoService
    assert LivefaceVideoService(Avatar.shipped("maya"), size=(256, 320), name="face").name == "face"


def test_a_generator_of_livekit_is_made_of_an_avatar() -> None:
    pytest.importorskip("livekit.agents", reason="LiveKit is absent: install liveface[livekit]")
    from liveface.livekit import LivefaceVideoGenerator

    face = LivefaceVideoGenerator(Avatar.shipped("maya"), size=(256, 320), rate=16_000)
    assert (face.width, face.height, face.rate) == (256, 320, 16_000)
