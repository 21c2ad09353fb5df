"""The pose-free face: poses leave no trace, codes and displacements agree."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from liveface.engine.errors import CheckpointError
from liveface.engine.face import face_space
from liveface.engine.face.face_space import CODE_SIZE, Similarity
from tests import faces

Array = face_space.Array

EYES_AND_BROWS = np.array([33, 133, 362, 263, 159, 145, 386, 374, 105, 334, 168, 6, 10])


def turned(yaw: float, pitch: float, roll: float) -> Array:
    """Rotation (3, 3), angles in radians."""
    a, b, c = (np.array([[np.cos(x), -np.sin(x)], [np.sin(x), np.cos(x)]]) for x in (yaw, pitch, roll))
    about_y, about_x, about_z = np.eye(3), np.eye(3), np.eye(3)
    about_y[np.ix_([0, 2], [0, 2])] = a
    about_x[1:, 1:] = b
    about_z[:2, :2] = c
    return (about_z @ about_x @ about_y).astype(np.float32)


def talk(frames: int, seed: int = 0) -> Array:
    """A clip (frames, 468, 3) in IOD of the average face that talks."""
    codes = np.random.default_rng(seed).normal(0, 1, (frames, CODE_SIZE)).astype(np.float32)
    return face_space.template() + face_space.basis().decode(codes)


@settings(max_examples=30)
@given(st.floats(-0.5, 0.5), st.floats(-0.4, 0.4), st.floats(-0.7, 0.7), st.floats(0.02, 300.0), st.floats(-2000, 2000))
def test_a_fitted_similarity_is_the_one_that_was_applied(
    yaw: float, pitch: float, roll: float, scale: float, place: float
) -> None:
    source = face_space.template().astype(np.float64)
    applied = Similarity(scale, turned(yaw, pitch, roll), np.array([place, -place / 2, 3.0], np.float32))
    target = applied.scale * source @ applied.rotation.T.astype(np.float64) + applied.offset
    fitted = face_space.fit_similarity(source, target)
    assert fitted.scale == pytest.approx(scale, rel=1e-4)
    np.testing.assert_allclose(fitted.rotation, applied.rotation, atol=1e-4)
    np.testing.assert_allclose(fitted.apply(source), target, atol=1e-3 * (1 + abs(place) / 100 + scale / 100))


def test_a_similarity_in_the_plane_is_fitted_too() -> None:
    source = face_space.template()[:, :2].astype(np.float64)
    rotation = turned(0, 0, 0.3)[:2, :2]
    fitted = face_space.fit_similarity(source, 50 * source @ rotation.T + [7, 9])
    np.testing.assert_allclose(fitted.rotation, rotation, atol=1e-5)
    assert fitted.scale == pytest.approx(50, rel=1e-5)


def test_a_fit_never_mirrors_a_face() -> None:
    source = face_space.template().astype(np.float64)
    fitted = face_space.fit_similarity(source, source * [-1, 1, 1])
    assert np.linalg.det(fitted.rotation) == pytest.approx(1.0, abs=1e-4)


def test_the_inverse_of_a_similarity_leads_back() -> None:
    there = Similarity(40.0, turned(0.2, -0.1, 0.4), np.array([300, 200, 5], np.float32))
    points = talk(1)[0]
    np.testing.assert_allclose(there.inverse().apply(there.apply(points)), points, atol=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_normalising_removes_where_and_how_the_head_was_held(seed: int) -> None:
    random = np.random.default_rng(seed)
    clip = talk(12, seed)
    held = np.stack(
        [
            Similarity(
                float(random.uniform(50, 60)),
                turned(*random.uniform(-0.25, 0.25, 3)),
                random.uniform(0, 400, 3).astype(np.float32),
            ).apply(frame)
            for frame in clip
        ]
    )
    still = face_space.normalise(clip * 55 + 200)
    np.testing.assert_allclose(face_space.normalise(held), still, atol=2e-3)
    assert np.ptp(still[:, face_space.INNER_LOWER, 1]) > 0.05, "speech must survive"


def test_a_normalised_face_has_its_eyes_one_unit_apart_around_the_origin() -> None:
    result = face_space.normalise(talk(6) * 80 + [500, 300, 0])
    mean = result.mean(axis=0)
    assert face_space.inter_ocular(mean) == pytest.approx(1.0, abs=1e-3)
    np.testing.assert_allclose(mean[[33, 133, 362, 263]].mean(axis=0), 0, atol=1e-3)


def test_frames_without_a_face_stay_empty_and_do_not_harm_the_others() -> None:
    clip = talk(6) * 80
    gappy = clip.copy()
    gappy[[1, 4]] = np.nan
    result = face_space.normalise(gappy)
    seen = [0, 2, 3, 5]
    assert np.isnan(result[[1, 4]]).all()
    np.testing.assert_allclose(result[seen], face_space.normalise(clip[seen]), atol=1e-4)
    assert np.isnan(face_space.normalise(np.full((3, 468, 3), np.nan, np.float32))).all()


def test_the_neutral_face_is_the_closed_one() -> None:
    clip = np.stack([faces.mesh(1.0, (0, 0), gap) for gap in (0.0, 0.3, 0.2, 0.25, 0.3)]).astype(np.float32)
    np.testing.assert_allclose(face_space.neutral(clip), clip[0], atol=1e-5)


def test_a_decoded_code_is_encoded_to_itself() -> None:
    basis, codes = face_space.basis(), np.random.default_rng(2).uniform(-5, 5, (100, CODE_SIZE)).astype(np.float32)
    np.testing.assert_allclose(basis.encode(basis.decode(codes)), codes, atol=2e-3)


def test_codes_of_any_leading_shape_are_decoded_alike() -> None:
    codes = np.random.default_rng(0).normal(size=(2, 3, CODE_SIZE)).astype(np.float32)
    decoded = face_space.basis().decode(codes)
    assert decoded.shape == (2, 3, 468, 3)
    np.testing.assert_allclose(decoded[1, 2], face_space.basis().decode(codes[1, 2]), atol=1e-6)
    assert face_space.basis().encode(decoded).shape == codes.shape


def test_the_zero_code_moves_nothing_and_no_code_moves_the_eyes() -> None:
    basis = face_space.basis()
    assert not basis.decode(np.zeros(CODE_SIZE, np.float32)).any()
    moved = basis.decode(np.full(CODE_SIZE, 3.0, np.float32))
    assert not moved[EYES_AND_BROWS].any()
    assert not moved[np.setdiff1d(np.arange(468), basis.indices)].any()


def test_the_gap_is_linear_in_the_code() -> None:
    basis = face_space.basis()
    codes = np.random.default_rng(1).normal(0, 2, (50, CODE_SIZE)).astype(np.float32)
    np.testing.assert_allclose(face_space.mouth_gap(basis.decode(codes)), codes @ basis.gap_weights(), atol=1e-5)


def test_mirroring_twice_is_the_same_and_swaps_the_corners_of_the_mouth() -> None:
    mirror = face_space.asset("mirror").astype(int)
    np.testing.assert_array_equal(mirror[mirror], np.arange(468))
    assert mirror[face_space.CORNER_RIGHT] == face_space.CORNER_LEFT
    reflected = face_space.template()[mirror] * [-1, 1, 1]
    np.testing.assert_allclose(reflected, face_space.template(), atol=0.02)


def test_eyes_are_immobile_and_the_mouth_is_free() -> None:
    mobility = face_space.mobility()
    assert not mobility[EYES_AND_BROWS].any()
    np.testing.assert_array_equal(mobility[face_space.LIPS], 1.0)
    assert mobility[face_space.CHIN] == 1.0


@pytest.mark.parametrize("roll", [0.0, 0.4, -0.6])
def test_the_crop_around_the_mouth_turns_and_grows_with_the_face(roll: float) -> None:
    upright = faces.mesh(60.0)
    rolled = (1.7 * upright @ turned(0, 0, roll).T + [40, 400, 0]).astype(np.float32)
    crop = face_space.mouth_crop_transform(rolled, 128, 96)
    plain = face_space.mouth_crop_transform(upright, 128, 96)
    lips = face_space.LIPS
    seen = rolled[lips, :2] @ crop[:, :2].T + crop[:, 2]
    np.testing.assert_allclose(seen, upright[lips, :2] @ plain[:, :2].T + plain[:, 2], atol=0.05)
    assert (seen > 0).all()
    assert (seen < [128, 96]).all()


def test_an_incomplete_installation_is_told(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(face_space, "ASSET", tmp_path / "face_space.npz")
    face_space.asset.cache_clear()
    with pytest.raises(CheckpointError, match=r"face_space\.npz is missing: reinstall"):
        face_space.template()
