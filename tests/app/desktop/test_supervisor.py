"""Tests of what is tried, and in which words failures are told; what it does is tested through the desktop."""

from pathlib import Path

import pytest

import liveface.app.desktop.supervisor
from liveface.app.audio.devices import SoundDevice
from liveface.app.desktop.live_session import Heard
from liveface.app.desktop.supervisor import _attempts, _distinct


def test_what_is_wanted_is_tried_before_what_comes_near_it() -> None:
    tried = [(one.microphone, one.speaker) for one in _attempts(Heard("Headset", None, "Loud"))]
    assert tried == [("Headset", "Loud"), ("Headset", None), ("", "Loud"), ("", None)]
    assert len(_attempts(Heard("", Path("talk.mp3"), None))) == 1


def test_devices_are_named_once_and_by_the_sound_server_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    def device(name: str, endpoint: str | None) -> SoundDevice:
        return SoundDevice(0, name, 1, 48_000, False, endpoint)

    served = [device("Headset", "alsa_input.usb"), device("Headset", "alsa_input.usb.2"), device("pulse", None)]
    monkeypatch.setattr(liveface.app.desktop.supervisor, "sound_devices", lambda kind: served)
    assert _distinct("input") == ["Headset"]
    monkeypatch.setattr(
        liveface.app.desktop.supervisor, "sound_devices", lambda kind: [device("hw:0", None), device("hw:1", None)]
    )
    assert _distinct("input") == ["hw:0", "hw:1"]
