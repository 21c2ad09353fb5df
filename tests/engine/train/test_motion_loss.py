"""Tests of the loss of motion: zero for the truth, blind to the unknown, keen on present units."""

import pytest

torch = pytest.importorskip("torch")

from liveface.engine.face import face_space  # noqa: E402
from liveface.engine.face.action_units import ACTION_UNITS  # noqa: E402
from liveface.engine.face.face_space import CODE_SIZE  # noqa: E402
from liveface.engine.train.motion_loss import LossWeights, MotionLoss  # noqa: E402

LOSS = MotionLoss.of(face_space.basis(), LossWeights())


def truth() -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 9, len(ACTION_UNITS), generator=generator), torch.randn(2, 9, CODE_SIZE, generator=generator)


def test_the_truth_costs_nothing_and_anything_else_something() -> None:
    units, code = truth()
    assert LOSS(units, code, units, code) == 0.0
    assert LOSS(units + 0.5, code, units, code) > 0.01
    assert LOSS(units, code + 0.5, units, code) > 0.1


def test_unknown_labels_do_not_count() -> None:
    units, code = truth()
    unknown_units, unknown_code = units.clone(), code.clone()
    unknown_units[:, 3], unknown_code[:, 3] = float("nan"), float("nan")
    wrong_units, wrong_code = units.clone(), code.clone()
    wrong_units[:, 3], wrong_code[:, 3] = 9.0, 9.0
    assert LOSS(wrong_units, wrong_code, unknown_units, unknown_code) == 0.0


def test_missing_a_present_unit_costs_more_than_inventing_an_absent_one() -> None:
    absent, code = torch.zeros(1, 4, len(ACTION_UNITS)), torch.zeros(1, 4, CODE_SIZE)
    present = absent + 2.0
    assert LOSS(absent, code, present, code) > 2 * LOSS(present, code, absent, code)


def mouth(gap: float) -> torch.Tensor:
    """A still code with this gap, (1, 8, CODE_SIZE)."""
    weights = torch.from_numpy(face_space.basis().gap_weights())
    return (gap * weights / weights.square().sum()).expand(1, 8, CODE_SIZE)


def test_a_mouth_that_does_not_shut_and_one_that_shuts_too_often_cost_alike() -> None:
    nothing = {"units": 0.0, "code": 0.0, "change": 0.0, "gap": 0.0, "measures": 0.0, "spread": 0.0}
    loss = MotionLoss.of(face_space.basis(), LossWeights(**nothing, closures=1.0))
    units = torch.zeros(1, 8, len(ACTION_UNITS))
    shut, opened, between = mouth(0.0), mouth(0.08), mouth(0.04)
    assert loss(units, shut, units, shut) == loss(units, opened, units, opened) == 0.0
    assert loss(units, between, units, between) == 0.0  # neither: the film does not say
    unit = loss.deviation[0]
    assert float(loss(units, opened, units, shut) * unit) == pytest.approx(0.068, abs=1e-4)
    assert float(loss(units, shut, units, opened) * unit) == pytest.approx(0.03, abs=1e-4)


def test_an_open_mouth_in_p_b_m_costs_where_the_label_is_shut() -> None:
    nothing = {"units": 0.0, "code": 0.0, "change": 0.0, "gap": 0.0, "measures": 0.0, "spread": 0.0, "closures": 0.0}
    loss = MotionLoss.of(face_space.basis(), LossWeights(**nothing, labial=1.0))
    units, labial = torch.zeros(1, 8, len(ACTION_UNITS)), torch.zeros(1, 8, dtype=torch.bool)
    labial[:, 3] = True
    shut, opened = mouth(0.0), mouth(0.08)
    assert loss(units, opened, units, shut) == loss(units, shut, units, shut, labial) == 0.0
    assert loss(units, opened, units, opened, labial) == 0.0  # the film did not shut there
    assert loss(units, opened, units, torch.full_like(opened, float("nan")), labial) == 0.0
    assert float(loss(units, opened, units, shut, labial) * loss.deviation[0]) == pytest.approx(0.068, abs=1e-4)


def test_a_mouth_that_moves_too_little_costs_more_than_one_of_another_time() -> None:
    nothing = {"units": 0.0, "code": 0.0, "change": 0.0, "gap": 0.0, "measures": 0.0, "closures": 0.0}
    loss = MotionLoss.of(face_space.basis(), LossWeights(**nothing, spread=1.0))
    units, code = torch.zeros(1, 9, len(ACTION_UNITS)), truth()[1][:1]
    assert loss(units, code.flip(1), units, code) == pytest.approx(0.0, abs=1e-6)
    assert loss(units, 0.5 * code, units, code) > 0.1


def test_a_shaking_mouth_costs_more_than_a_shifted_one() -> None:
    units, code = torch.zeros(1, 8, len(ACTION_UNITS)), torch.zeros(1, 8, CODE_SIZE)
    shaking = code.clone()
    shaking[:, ::2, 0], shaking[:, 1::2, 0] = 0.3, -0.3
    assert LOSS(units, shaking, units, code) > 1.1 * LOSS(
        units, code + 0.3 * (torch.arange(CODE_SIZE) == 0), units, code
    )
