"""Tests of how the chosen settings become a camera and a microphone for a call."""

import pytest

from liveface.app.desktop.preferences import Preferences
from liveface.app.outputs.video_call import VideoCall
from liveface.app.outputs.virtual_camera import CameraLook, VirtualCamera
from liveface.app.outputs.virtual_microphone_sink import VirtualMicrophoneSink
from liveface.app.session.clock import MonotonicClock


@pytest.mark.parametrize(
    ("chosen", "look"),
    [
        (Preferences(), CameraLook(fit="letterbox", background="blur")),
        (Preferences(camera_fit="crop"), CameraLook(fit="crop", background="blur")),
        (Preferences(camera_background="#20ff00"), CameraLook(fit="letterbox", background=(0x20, 0xFF, 0))),
    ],
)
def test_the_camera_looks_as_chosen(chosen: Preferences, look: CameraLook) -> None:
    camera = VideoCall(MonotonicClock()).openers["camera"](chosen)
    assert isinstance(camera, VirtualCamera)
    assert camera._look == look


def test_the_pictures_of_the_camera_wait_for_the_voice_while_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VirtualMicrophoneSink, "delay", lambda _: 0.08)
    call = VideoCall(MonotonicClock())
    camera = call.openers["camera"](Preferences())
    assert isinstance(camera, VirtualCamera)
    assert camera._hold() == 0
    call.openers["voice"](Preferences(voice="Headset"))
    assert camera._hold() == 0.08
