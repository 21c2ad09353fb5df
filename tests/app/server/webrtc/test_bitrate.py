"""Tests of following bandwidth and loss, in virtual time."""

from itertools import pairwise

from liveface.app.server.webrtc.bitrate import BitrateControl


def controlled(*, loss: float, seconds: int, estimate: int = 10_000_000, start: int = 2_000_000) -> list[int]:
    control = BitrateControl(start, 250_000, 3_000_000)
    targets = []
    for second in range(seconds):
        control.note_sent(control.target)
        control.note_estimate(estimate, float(second))
        control.note_loss(loss, float(second))
        targets.append(control.target)
    return targets


def test_without_loss_the_rate_grows_to_the_most() -> None:
    targets = controlled(loss=0.0, seconds=30)
    assert targets[0] == 2_000_000
    assert 2_500_000 < targets[-1] <= 3_000_000


def test_heavy_loss_shrinks_the_rate_to_the_least_and_some_loss_does_not() -> None:
    assert controlled(loss=0.2, seconds=60)[-1] < 300_000
    assert controlled(loss=0.05, seconds=60)[-1] == 2_000_000


def test_the_receivers_estimate_is_followed_at_once_but_never_below_the_least() -> None:
    assert controlled(loss=0.0, seconds=1, estimate=800_000) == [800_000]
    assert controlled(loss=0.0, seconds=1, estimate=1_000) == [250_000]


def test_an_estimate_that_only_mirrors_what_little_is_sent_is_no_limit() -> None:
    control = BitrateControl(2_000_000, 250_000, 3_000_000)
    for second in range(20):
        control.note_sent(400_000)  # a face that hardly moves
        control.note_estimate(600_000, float(second))
    assert control.target == 2_000_000


def test_after_a_jam_the_rate_grows_again_step_by_step() -> None:
    control = BitrateControl(2_000_000, 250_000, 3_000_000)
    control.note_sent(2_000_000)
    control.note_estimate(600_000, 0.0)
    assert control.target == 600_000
    targets = []
    for second in range(1, 30):
        control.note_sent(550_000)
        control.note_estimate(650_000, float(second))
        targets.append(control.target)
    assert targets[2] == 600_000
    assert 1_500_000 < targets[-1] <= 2_000_000


def test_the_rate_recovers_after_a_bad_minute() -> None:
    control = BitrateControl(2_000_000, 250_000, 3_000_000)
    for second in range(30):
        control.note_loss(0.3, float(second))
    assert control.target < 400_000
    for second in range(30, 90):
        control.note_loss(0.0, float(second))
    assert control.target > 2_000_000


def test_each_change_is_worth_its_key_picture() -> None:
    targets = controlled(loss=0.0, seconds=60, start=300_000)
    changes = [(old, new) for old, new in pairwise(targets) if old != new]
    assert 5 <= len(changes) <= 15
    assert all(new > 1.2 * old for old, new in changes)


def test_a_report_after_a_long_silence_counts_for_a_second_only() -> None:
    control = BitrateControl(2_000_000, 250_000, 3_000_000)
    control.note_loss(0.0, 0.0)
    control.note_loss(0.5, 1000.0)
    assert control.target >= 1_400_000
