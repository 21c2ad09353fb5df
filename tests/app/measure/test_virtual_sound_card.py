"""Tests of the sound card that is not there, with the program's own microphone and speaker."""

import os
import subprocess
import sys

import numpy as np
import pytest

from liveface.app.measure.click_track import ClickTrack
from liveface.app.measure.virtual_sound_card import VirtualSoundCard, is_available
from liveface.app.session.clock import MonotonicClock
from tests.app.measure.test_click_track import VOICE

ECHO = """
import numpy as np
from liveface.app.session.clock import MonotonicClock
from liveface.app.audio.microphone import Microphone
from liveface.app.audio.speaker import Speaker
from liveface.app.session.stats import Stats
from liveface.engine.media import HOP, Frame
clock = MonotonicClock()
speaker, microphone = Speaker(None, clock), Microphone(None, clock, Stats())
speaker.open(2, 2)
microphone.open()
heard = np.zeros(0, np.float32)
for index in range(75):
    while len(heard) < HOP:
        heard = np.concatenate([heard, microphone.read(0.05)])
    speaker.send(Frame(index, np.zeros((2, 2, 3), np.uint8), heard[:HOP], True))
    heard = heard[HOP:]
microphone.close()
speaker.close()
"""


def test_what_is_spoken_into_its_microphone_and_played_again_is_heard_complete_and_at_its_time() -> None:
    if not is_available():
        pytest.skip("PulseAudio is not installed: apt-get install pulseaudio pulseaudio-utils libasound2-plugins")
    track = ClickTrack(VOICE, 12)
    with VirtualSoundCard(track.sound, MonotonicClock()) as card:
        subprocess.run([sys.executable, "-c", ECHO], env=os.environ | card.environment, check=True, timeout=60)
    played = card.played()
    places = track.found_in(played)
    assert len(places) >= 4
    delays = np.array([place - int(track.starts[click]) for click, place in places.items()]) / 16
    assert 40 < np.median(delays) < 300
