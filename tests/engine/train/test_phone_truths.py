"""Tests of the phones' hard truths: lips shut and part, no faster than people's."""

import numpy as np

from liveface.engine.face import face_space
from liveface.engine.train import measures, phone_truths
from liveface.engine.train.articulation import BILABIAL, FEATURES, LABIODENTAL
from liveface.engine.train.measures import GAP, WIDTH
from liveface.engine.train.phone_truths import ON_THE_TEETH, SHUT, SPEED, Exaggeration

BASIS = face_space.basis()
SHAPES = measures.matrix(BASIS)
FRAMES = 30


def moved(gap: np.ndarray, width: np.ndarray | None = None) -> np.ndarray:
    wanted = np.zeros((len(gap), len(measures.MEASURES)), np.float32)
    wanted[:, GAP] = gap
    wanted[:, WIDTH] = 0.0 if width is None else width
    return (wanted @ np.linalg.pinv(SHAPES)).astype(np.float32)


def spoken(feature: int, start: int, stop: int) -> np.ndarray:
    articulation = np.zeros((4 * FRAMES, len(FEATURES)), np.float32)
    articulation[4 * start : 4 * stop, feature] = 1.0
    return articulation


def test_a_bilabial_shuts_an_open_mouth_and_lets_it_open_again() -> None:
    code = phone_truths.applied(moved(np.full(FRAMES, 0.1)), spoken(BILABIAL, 14, 16), BASIS)
    gap = (code @ SHAPES)[:, GAP]
    np.testing.assert_allclose(gap[14:16], SHUT, atol=1e-4)
    np.testing.assert_allclose(gap[[0, 10, 19, 29]], 0.1, atol=1e-4)
    assert np.abs(np.diff(gap)).max() < SPEED + 1e-4


def test_the_lip_touches_the_teeth_in_f_and_does_not_shut() -> None:
    gap = (phone_truths.applied(moved(np.full(FRAMES, 0.1)), spoken(LABIODENTAL, 14, 16), BASIS) @ SHAPES)[:, GAP]
    np.testing.assert_allclose(gap[14:16], ON_THE_TEETH, atol=1e-4)


def test_width_stands_out_more_where_something_is_spoken() -> None:
    width = 0.03 * np.sin(np.arange(FRAMES))
    code = phone_truths.applied(moved(np.full(FRAMES, 0.05), width), np.zeros((4 * FRAMES, len(FEATURES))), BASIS)
    assert (code @ SHAPES)[:, WIDTH].std() > 1.5 * width.std()
    silent = np.zeros((4 * FRAMES, len(FEATURES)), np.float32)
    silent[:, 0] = 1.0
    still = phone_truths.applied(moved(np.full(FRAMES, 0.05), width), silent, BASIS)
    np.testing.assert_allclose((still @ SHAPES)[:, WIDTH], width, atol=1e-4)


def test_how_much_width_stands_out_is_a_choice() -> None:
    width = 0.03 * np.sin(np.arange(FRAMES))
    code, told = moved(np.full(FRAMES, 0.05), width), np.zeros((4 * FRAMES, len(FEATURES)), np.float32)
    np.testing.assert_allclose(phone_truths.applied(code, told, BASIS, Exaggeration(1.0, 1.0)), code, atol=1e-4)


def test_what_nobody_knows_is_left_alone() -> None:
    code = moved(np.full(FRAMES, 0.05))
    unknown = np.full((4 * FRAMES, len(FEATURES)), np.nan, np.float32)
    np.testing.assert_allclose(phone_truths.applied(code, unknown, BASIS), code, atol=1e-5)
