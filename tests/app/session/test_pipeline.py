"""What a session is made of: the streamer hears as the settings say, and units that are asked for move the mouth."""

import numpy as np
import pytest

from liveface.app.session.pipeline import load_streamer
from liveface.app.settings import Settings, parse_units
from liveface.engine.errors import ConfigurationError
from liveface.engine.face import action_units, face_space
from liveface.engine.face.action_units import ACTION_UNITS
from liveface.engine.media import HOP


def test_a_unit_that_is_asked_for_moves_the_mouth_by_its_measure_in_the_middle_of_speech() -> None:
    pcm = np.random.default_rng(0).normal(0.0, 0.1, 30 * HOP).astype(np.float32)
    measured = []
    for units in ((), ((18, 1.0),)):
        motions = load_streamer(Settings(units=units)).feed(pcm)
        displacement = face_space.basis().decode(np.stack([motion.code for motion in motions]))
        measured.append(action_units.intensities(action_units.lengths(displacement))[:, ACTION_UNITS.index(18)])
    np.testing.assert_allclose(measured[1] - measured[0], 1.0, atol=0.05)


def test_units_are_read_from_texts() -> None:
    assert parse_units([]) == ()
    assert parse_units(["18=1.5", "20=-2"]) == ((18, 1.5), (20, -2.0))
    for odd in ("18", "lips=1", "18=far"):
        with pytest.raises(ConfigurationError, match=f"The Action Unit is “{odd}”: write its number"):
            parse_units([odd])
    with pytest.raises(ConfigurationError, match="Found Action Unit 14: choose one that moves"):
        load_streamer(Settings(units=((14, 1.0),)))
