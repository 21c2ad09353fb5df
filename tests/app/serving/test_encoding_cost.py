"""Tests of what a picture takes a viewer's encoder."""

import pytest

from app.performer import DEFAULT_AVATAR
from app.serving.encoding_cost import EncodingCost, measure_encoding
from engine.avatar import Avatar


def test_the_cost_is_so_much_for_a_picture_and_for_each_pixel() -> None:
    assert EncodingCost(0.5, 0.25).predict(2) == 1.0


@pytest.mark.parametrize("codec", ["vp8", "h264"])
def test_a_larger_picture_is_measured_to_cost_more_and_never_nothing(codec: str) -> None:
    cost = measure_encoding(Avatar.load(DEFAULT_AVATAR), codec)  # type: ignore[arg-type]
    assert 0 < cost.predict(256 * 256) <= cost.predict(512 * 512) < 1
