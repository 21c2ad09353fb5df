"""The gate is shut in silence and steady noise, and open for voices."""

import numpy as np
import pytest

from liveface.engine.hearing.silence import Gate, SilenceGate
from liveface.engine.media import HOP, SAMPLE_RATE, Samples
from tests.speech import NOISES, noise, spoken

LEARNT = 20  # frames after which any steady noise is silence, if it was there from the start
RELEARNT = 90  # and if it set in later


def gates(pcm: Samples, lookahead: int = 2) -> list[Gate]:
    gate = SilenceGate(lookahead)
    frames = np.append(pcm, np.zeros(lookahead * HOP, np.float32))[: (pcm.size // HOP + lookahead) * HOP]
    return [gate.hear(frame) for frame in frames.reshape(-1, HOP)][lookahead:]


def openings(pcm: Samples, lookahead: int = 2) -> list[float]:
    return [moment.opening for moment in gates(pcm, lookahead)]


def at_level(pcm: Samples, dbfs: float) -> Samples:
    return np.asarray(pcm * 10 ** (dbfs / 20) / np.sqrt(np.square(pcm).mean()), np.float32)


@pytest.mark.parametrize("kind", NOISES)
@pytest.mark.parametrize("dbfs", [-50, -70])
def test_room_noise_is_silence_from_the_first_frame_on(kind: str, dbfs: float) -> None:
    assert max(openings(noise(kind, dbfs, seconds=20))) == 0


@pytest.mark.parametrize("kind", NOISES)
def test_loud_steady_noise_becomes_silence_and_stays_so(kind: str) -> None:
    assert max(openings(noise(kind, -30, seconds=20))[LEARNT:]) == 0
    late = np.concatenate((noise(kind, -60, seconds=4), noise(kind, -30, seconds=10)))
    assert max(openings(late)[100 + RELEARNT :]) == 0


@pytest.mark.parametrize("kind", NOISES)
def test_room_noise_after_digital_silence_is_silence(kind: str) -> None:
    silence = np.zeros(SAMPLE_RATE, np.float32)
    assert max(openings(np.concatenate((silence, noise(kind, -50, seconds=3), silence)))) == 0


@pytest.mark.parametrize("lookahead", [0, 2, 6])
@pytest.mark.parametrize("dbfs", [-12, -25, -40])
def test_it_stays_open_from_the_first_to_the_last_phone_of_a_sentence(lookahead: int, dbfs: float) -> None:
    pcm, start, end = spoken()
    found = np.array(openings(at_level(pcm, dbfs) + noise("pink", -65, pcm.size / SAMPLE_RATE), lookahead))
    assert found[start + (lookahead == 0) : end].min() == 1
    assert found[: start - 3].max(initial=0) == 0
    assert found[end + 14 :].max(initial=0) == 0


def test_quiet_speech_in_a_quiet_room_is_heard() -> None:
    pcm, start, end = spoken()
    found = np.array(openings(at_level(pcm, -45) + noise("pink", -65, pcm.size / SAMPLE_RATE)))
    assert found[start:end].mean() > 0.97


def test_with_lookahead_it_begins_to_open_before_the_sound() -> None:
    pcm, start, _ = spoken()
    late, early = (openings(at_level(pcm, -20), lookahead) for lookahead in (0, 2))
    first = late.index(1)
    assert late[first - 1] == 0
    assert early[first - 3 : first + 1] == [0, 0.7, 1, 1]
    assert abs(first - start) <= 1


def test_it_closes_over_some_frames_after_speech_and_then_fully() -> None:
    burst = np.zeros(60 * HOP, np.float32)
    pcm, start, _ = spoken()
    burst[5 * HOP : 25 * HOP] = at_level(pcm, -20)[start * HOP : (start + 20) * HOP]
    found = openings(burst)
    last = 59 - found[::-1].index(1)
    assert found[last + 1 : last + 6] == [0.8, 0.6, 0.4, 0.2, 0]
    assert max(found[last + 5 :]) == 0


def test_somebody_speaks_in_a_sentence_and_nobody_in_noise() -> None:
    pcm, start, end = spoken()
    assert all(moment.speaking for moment in gates(pcm)[start + 1 : end])
    assert not any(moment.speaking for moment in gates(noise("pink", -30, seconds=4))[LEARNT:])


def test_after_reset_it_is_as_new() -> None:
    pcm, _, _ = spoken()
    frames = pcm[: pcm.size // HOP * HOP].reshape(-1, HOP)
    used, new = SilenceGate(2), SilenceGate(2)
    for frame in frames:
        used.hear(frame * 10)
    used.reset()
    assert [used.hear(frame) for frame in frames] == [new.hear(frame) for frame in frames]
