"""What a run can be set to is refused early, and says how a face lives."""

import pytest

from liveface.app.server.settings import ServeSettings
from liveface.app.settings import Settings
from liveface.engine.errors import ConfigurationError


def test_a_face_lives_as_strongly_as_asked_or_not_at_all() -> None:
    for settings in (Settings(liveliness=0.5), ServeSettings(liveliness=0.5).faces()):
        life = settings.life()
        assert life is not None
        assert life.strength == 0.5
    assert Settings(still=True).life() is None
    assert ServeSettings(still=True).faces().life() is None


def test_each_performance_has_a_life_of_its_own() -> None:
    assert Settings().life() is not Settings().life()


@pytest.mark.parametrize("liveliness", [-0.1, 2.1])
def test_liveliness_out_of_range_is_refused(liveliness: float) -> None:
    with pytest.raises(ConfigurationError, match="liveliness"):
        Settings(liveliness=liveliness)
    with pytest.raises(ConfigurationError, match="liveliness"):
        ServeSettings(liveliness=liveliness)
