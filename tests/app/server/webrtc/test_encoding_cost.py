"""Tests of what a picture takes a viewer's encoder."""

from types import SimpleNamespace

import pytest

from liveface.app.server.webrtc import encoding_cost
from liveface.app.server.webrtc.encoding_cost import EncodingCost, measure_encoding
from liveface.app.session.pipeline import DEFAULT_AVATAR
from liveface.engine.face.avatar import Avatar
from liveface.engine.media import Picture


def test_the_cost_is_so_much_for_a_picture_and_for_each_pixel() -> None:
    assert EncodingCost(0.5, 0.25).predict(2) == 1.0


@pytest.mark.parametrize(
    ("small", "large", "picture", "pixel"),
    [
        (0.002 + 1e-8 * 256**2, 0.002 + 1e-8 * 512**2, 0.002, 1e-8),
        (1e-8 * 256**2 - 1e-4, 1e-8 * 512**2 - 1e-4, 0.0, 1e-8),
        (0.003, 0.001, 0.003, 0.0),
    ],
    ids=["both", "pixels only", "picture only"],
)
def test_the_cost_is_fitted_to_what_squares_of_two_sizes_take(
    monkeypatch: pytest.MonkeyPatch, small: float, large: float, picture: float, pixel: float
) -> None:
    now = 0.0

    class Encoder:
        def __init__(self, codec: str, bitrate: int) -> None:
            pass

        def encode(self, image: Picture, is_key: bool) -> bytes:
            nonlocal now
            now += (small if image.shape == (256, 256, 3) else large) * (5 if is_key else 1)
            return b"picture"

    monkeypatch.setattr(encoding_cost, "PictureEncoder", Encoder)
    monkeypatch.setattr(encoding_cost, "time", SimpleNamespace(process_time=lambda: now))
    cost = measure_encoding(Avatar.load(DEFAULT_AVATAR), "vp8")
    assert cost.picture == pytest.approx(picture, abs=1e-9)
    assert cost.pixel == pytest.approx(pixel, abs=1e-13)


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_picture_is_never_measured_to_cost_nothing(codec: str) -> None:
    cost = measure_encoding(Avatar.load(DEFAULT_AVATAR), codec)  # type: ignore[arg-type]
    assert cost.predict(512 * 512) > 0
